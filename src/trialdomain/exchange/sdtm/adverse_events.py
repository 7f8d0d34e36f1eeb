"""The lines of ae: join the lines of one event, and convert them into a report and follow-ups.

Source: CDISC SDTMIG 6.2.1: a change of an event's grade may be a line of its own, joined to the others by an id
(AESPID, or the column that the sponsor uses). In many files that id numbers lines, so the term has to agree as well.

A toxicity grade (AETOXGR) is by a scale that the files do not name (SDTMIG: it stands in the metadata): it is taken as
the grading of the protocol. A severity in words (AESEV) is no grade of that scale: its scale is SDTM severity.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import attrs

from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, check_grade
from trialdomain.exchange.sdtm.cells import Cells, as_number
from trialdomain.exchange.sdtm.rows import Malformed, NotRecorded
from trialdomain.exchange.sdtm.terms import key_of
from trialdomain.rules.adverse_event import CAUTION
from trialdomain.values.clinical.ctcae import lacks
from trialdomain.values.clinical.scale import SDTM_SEVERITY, Scale
from trialdomain.values.clinical.toxicity import (
    FATAL_GRADE,
    Agent,
    Assessor,
    Attribution,
    Outcome,
    Relatedness,
    Seriousness,
)
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.text import folded

_SEVERE = 3
"""The highest grade of an AESEV word; the word does not contradict a higher AETOXGR."""
_CRITERIA = {
    "AESDTH": Seriousness.DEATH,
    "AESLIFE": Seriousness.LIFE_THREATENING,
    "AESHOSP": Seriousness.HOSPITALIZATION,
    "AESDISAB": Seriousness.DISABILITY,
    "AESCONG": Seriousness.CONGENITAL_ANOMALY,
    "AESCAN": Seriousness.OTHER,
    "AESOD": Seriousness.OTHER,
    "AESMIE": Seriousness.OTHER,
}
_NO_GRADE = {"", "NA", "N/A", "UNK", "UNKNOWN", "NOT APPLICABLE", "."}
"""The words in files for a missing grade."""


@attrs.define(kw_only=True)
class EventLine:
    """One line of ae, converted."""

    __repr__ = in_short

    cells: Cells
    term: str
    joined_by: str
    """The id that joins it to other lines; empty if there is none."""
    onset: ClinicalTime
    ended: ClinicalTime | None
    grade: int
    mapped: bool
    scale: Scale | None
    """None for a death without a grade of its own: it is on the scale of the lines before it."""
    related: Relatedness | None
    serious: bool | None
    criteria: tuple[Seriousness, ...]
    outcome: Outcome | None

    @property
    def day(self) -> tuple[object, object]:
        """The earliest and latest possible day of the onset; lines with the same pair count as one day."""
        return self.onset.first, self.onset.last


def read_line(cells: Cells) -> EventLine:
    """Convert one line.

    Raises:
        NotRecorded: no fact can represent it.
    """
    if not cells["AEDECOD"]:
        raise Malformed("AEDECOD must be a text, and not blank: it is the term of the event")
    terms = cells.setting.terms
    outcome = cells.word("AEOUT", terms.outcome)
    criteria = {criterion: None for column, criterion in _CRITERIA.items() if cells.flag(column)}
    onset, ended = cells.dated("AESTDTC"), cells.date("AEENDTC")
    if ended is not None and ended.precedes(onset):
        raise Malformed(f"AEENDTC {ended} lies before onset {onset} (AESTDTC)")
    fatal = Seriousness.DEATH in criteria or outcome is Outcome.FATAL
    grade, mapped, scale = _grade(cells, fatal=fatal)
    return EventLine(
        cells=cells,
        term=cells["AEDECOD"],
        joined_by=cells[cells.setting.event_id],
        onset=onset,
        ended=ended,
        grade=grade,
        mapped=mapped,
        scale=scale,
        related=cells.word("AEREL", terms.relatedness, what="relatedness"),
        serious=cells.flag("AESER"),
        criteria=tuple(criteria),
        outcome=outcome,
    )


def is_fatal(cells: Cells) -> bool:
    """Return whether a line reports a death, even if no fact can represent the line."""
    terms = cells.setting.terms
    if terms.outcome.get(key_of(cells["AEOUT"])) is Outcome.FATAL or key_of(cells["AESDTH"]) == "Y":
        return True
    graded = _toxicity(cells)
    return (terms.severity.get(key_of(cells["AESEV"])) if graded is None else graded) == FATAL_GRADE


def last_fatal(rows: Sequence[Cells]) -> list[Cells]:
    """Return the fatal lines; of several lines of one event, only the last: an earlier one ended when it began."""
    last: dict[tuple[str, str], Cells] = {}
    for cells in sorted(rows, key=lambda cells: (cells["AESTDTC"], int(cells.row.sequence))):
        if is_fatal(cells):
            last[_joined_by(cells)] = cells
    return list(last.values())


def _joined_by(cells: Cells) -> tuple[str, str]:
    """Return the key that joins the lines of an event: the id and the term; without an id, the number of the line."""
    named = cells[cells.setting.event_id]
    return (named, folded(cells["AEDECOD"])) if named else ("", cells.row.sequence)


def _toxicity(cells: Cells) -> int | None:
    """Parse the toxicity grade (AETOXGR), with or without the word "GRADE" before it; None if the scale lacks it."""
    number = as_number(key_of(cells["AETOXGR"]).removeprefix("GRADE").strip())
    return int(number) if number is not None and number in cells.setting.grading.grades else None


def _grade(cells: Cells, *, fatal: bool) -> tuple[int, bool, Scale | None]:
    """Return the grade, whether it was mapped, and its scale. A fatal event has grade 5; else AETOXGR precedes AESEV.

    Raises:
        NotRecorded: there is no grade.
    """
    graded, severity, grading = _graded(cells, fatal=fatal), None, cells.setting.grading
    if cells["AESEV"] or graded is None:
        severity = _severity(cells, needed=graded is None and not fatal)
    if graded is not None and severity is not None and severity != graded and not graded >= severity == _SEVERE:
        cells.read.find(f"AETOXGR is {graded}, and AESEV is {cells['AESEV'][:40]}")
    if fatal:
        if graded not in {None, FATAL_GRADE}:
            cells.read.find(f"AETOXGR is {graded}, and the event is fatal")
        mapped = graded != FATAL_GRADE or not _has(grading, cells["AEDECOD"], FATAL_GRADE)
        return FATAL_GRADE, mapped, None if graded is None else grading
    if graded is None:
        if severity is None:
            raise NotRecorded("it has no severity (AESEV), so it has no grade")
        return severity, True, SDTM_SEVERITY
    if not _has(grading, cells["AEDECOD"], graded):
        cells.read.find(f"{cells['AEDECOD'][:80]} has no grade {graded} in {grading}")
        return graded, True, grading
    return graded, False, grading


def _graded(cells: Cells, *, fatal: bool) -> int | None:
    """Return the toxicity grade; None if there is none but another field gives the grade.

    Raises:
        Malformed: it is not a grade, and no other field gives one.
    """
    graded = _toxicity(cells)
    if graded is None and key_of(cells["AETOXGR"]) not in _NO_GRADE:
        if not cells["AESEV"] and not fatal:
            grades = cells.setting.grading.grades
            raise Malformed(
                f"AETOXGR is {cells['AETOXGR'][:40]!r}, which is not a grade from {grades[0]} to {grades[-1]}"
            )
        cells.read.find(f"AETOXGR is {cells['AETOXGR'][:40]!r}, which is not a grade, and is left out")
    return graded


def _severity(cells: Cells, *, needed: bool) -> int | None:
    """Read the severity (AESEV); None if it is blank, or unknown while another field gives the grade."""
    if not cells["AESEV"]:
        return None
    try:
        return cells.word("AESEV", cells.setting.terms.severity)
    except NotRecorded:
        if needed:
            raise
        cells.remark("the severity is not a known word, so the grade is used (AESEV)")
        return None


def _has(scale: Scale, term: str, grade: int) -> bool:
    try:
        check_grade(term, grade, scale=scale)
    except ValueError:
        return False
    return True


def events_of(lines: Sequence[EventLine]) -> list[list[EventLine]]:
    """Group the lines of one subject by event; within an event, in the order of onset and number.

    A line that starts after the end of all lines before it begins a new event, and so does one on another scale: an
    event has one scale.
    """
    joined: dict[tuple[str, str], list[EventLine]] = {}
    for line in sorted(lines, key=lambda line: (line.onset.first, _moment(line), _number(line))):
        joined.setdefault(_joined_by(line.cells), []).append(line)
    events = [event for of_key in joined.values() for of_one in _by_scale(of_key) for event in _episodes(of_one)]
    return sorted(events, key=lambda event: min(map(_number, event)))


def _by_scale(lines: Sequence[EventLine]) -> Iterable[Sequence[EventLine]]:
    """Split the lines of one id and one term by their scales.

    A death without a grade of its own joins the lines before it. Where their scale has no grade of a death, the death
    is on SDTM severity.
    """
    found: dict[Scale, list[EventLine]] = {}
    last: Scale | None = next((line.scale for line in lines if line.scale is not None), None)
    for line in lines:
        last = line.scale or last
        scale = last if last is not None and line.grade in last.grades else SDTM_SEVERITY
        found.setdefault(scale, []).append(attrs.evolve(line, scale=scale))
    if len(found) > 1:
        scales = " and ".join(map(str, found))
        for line in (line for of_one in found.values() for line in of_one):
            line.cells.remark(
                f"lines of one event are graded by {scales}: those of each scale are an event of their own"
            )
    return found.values()


def _number(line: EventLine) -> int:
    return int(line.cells.row.sequence)


def _moment(line: EventLine) -> str:
    """Return a sort key for lines of one day: the time, if there is one."""
    return "" if line.onset.at is None else line.onset.at.isoformat()


def _episodes(lines: Sequence[EventLine]) -> list[list[EventLine]]:
    """Split the lines of one id and one term wherever a line starts after the end of all lines before it."""
    episodes: list[list[EventLine]] = []
    for line in lines:
        ended = _end(episodes[-1]) if episodes else None
        if not episodes or (ended is not None and ended.precedes(line.onset)):
            episodes.append([])
        episodes[-1].append(line)
    return episodes


def _end(event: Sequence[EventLine]) -> ClinicalTime | None:
    """Return the latest end of an event; None if a line of its last day has no end.

    An earlier line without an end continues in the next line.
    """
    last = [line for line in event if line.day == event[-1].day]
    if any(line.ended is None for line in last):
        return None
    latest: ClinicalTime | None = None
    for line in event:
        if line.ended is not None and (latest is None or latest.last < line.ended.last or latest.precedes(line.ended)):
            latest = line.ended
    return latest


def record(events: Sequence[Sequence[EventLine]]) -> None:
    """Attach facts to the lines of each event: a report to the first line, follow-ups to the others."""
    ids = Counter(event[0].joined_by for event in events)
    for event in events:
        named = event[0].joined_by
        _record(event, linked_to=named if named and ids[named] == 1 else None)


def _record(event: Sequence[EventLine], *, linked_to: str | None) -> None:
    first, of_days, ended = event[0], _of_days(event), _end(event)
    known: bool | None = None
    criteria: tuple[Seriousness, ...] = ()
    for line in event:
        of_day = of_days[line.day]
        highest, related = max(of_day, key=lambda one: one.grade), _more_related(of_day)
        if highest.grade != line.grade or related is not line.related:
            line.cells.remark("the lines of one day give it the highest grade and the more related judgement")
        so_far = known, criteria
        known = _still_serious(known=known, said=_serious(of_day))
        criteria = _criteria(criteria, of_day)
        news = (known, criteria) != so_far
        fact: AdverseEventReported | AdverseEventFollowedUp
        scale = first.scale or SDTM_SEVERITY
        if line is first:
            fact = AdverseEventReported(
                event=first.cells.row.sequence,
                term=line.term,
                scale=scale,
                unchecked=lacks(scale, line.term),
                grade=highest.grade,
                grade_mapped=highest.mapped,
                attributions=_attributions(related),
                serious=known,
                seriousness=criteria,
                onset=line.onset,
                ended=ended if line is event[-1] else None,
                outcome=line.outcome,
                linked_to=linked_to,
            )
        else:
            fact = AdverseEventFollowedUp(
                event=first.cells.row.sequence,
                on=line.onset,
                grade=highest.grade,
                attributions=_attributions(related),
                serious=known if news else None,
                seriousness=criteria if news else (),
                ended=ended if line is event[-1] else None,
                outcome=line.outcome,
            )
        line.cells.read.facts = (fact,)


def _of_days(event: Iterable[EventLine]) -> Mapping[tuple[object, object], Sequence[EventLine]]:
    of_days: dict[tuple[object, object], list[EventLine]] = {}
    for line in event:
        of_days.setdefault(line.day, []).append(line)
    return of_days


def _still_serious(*, known: bool | None, said: bool | None) -> bool | None:
    """Combine the known seriousness with that of a later line; a serious event stays serious (ICH E2A, II.B)."""
    if known or said is None:
        return known
    return said


def _attributions(related: Relatedness | None) -> tuple[Attribution, ...]:
    if related is None:
        return ()
    return (Attribution(agent=Agent.INFUSION, assessor=Assessor.INVESTIGATOR, relatedness=related),)


def _more_related(lines: Iterable[EventLine]) -> Relatedness | None:
    """Return the most related judgement, as for two assessors; lines without a judgement are skipped."""
    return max((line.related for line in lines if line.related is not None), key=CAUTION.index, default=None)


def _serious(lines: Iterable[EventLine]) -> bool | None:
    """Return whether any line is serious; None if no line states it."""
    said = [line.serious for line in lines if line.serious is not None]
    return any(said) if said else None


def _criteria(known: Sequence[Seriousness], lines: Iterable[EventLine]) -> tuple[Seriousness, ...]:
    """Add the criteria of the lines to the known criteria."""
    return tuple(dict.fromkeys((*known, *(criterion for line in lines for criterion in line.criteria))))
