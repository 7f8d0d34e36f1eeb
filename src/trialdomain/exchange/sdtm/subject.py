"""Read the rows of one subject together: convert them into facts, or give the reason why not."""

from collections.abc import Callable, Mapping, Sequence

from trialdomain.events.participant import Consented, Enrolled, ImportedScreening, ParticipantFact, ScreenFailed
from trialdomain.exchange.sdtm.administrations import assume_enrollment, record_administrations
from trialdomain.exchange.sdtm.adverse_events import EventLine, events_of, read_line, record
from trialdomain.exchange.sdtm.arms import SCREEN_FAILED, arm_of
from trialdomain.exchange.sdtm.cells import Cells, Setting
from trialdomain.exchange.sdtm.columns import AE, DM, DS, EX, LB, VS, Domain
from trialdomain.exchange.sdtm.deaths import record_death
from trialdomain.exchange.sdtm.disposition import About, Person, about, disposed, list_early_ends, meaning_of
from trialdomain.exchange.sdtm.mapping import consent, laboratory, screening, vital_sign
from trialdomain.exchange.sdtm.rows import Malformed, NotRecorded, Row, RowRead, unescaped
from trialdomain.exchange.sdtm.terms import Disposition, key_of
from trialdomain.values.clinical.level import Label

_RANDOMIZED = "RANDOMIZED"
"""The word of the enrollment row that counts if there are several, because it gives the arm."""


def read_subject(
    rows: Sequence[Row], setting: Setting, *, levels: Mapping[str, Label], ended_early: frozenset[str]
) -> list[RowRead]:
    """Read the rows of one subject, in the order in which they are recorded.

    Args:
        rows: the rows, file by file; the first is the subject's row of dm.
        setting: the settings of the import.
        levels: the dose level of each arm.
        ended_early: the epochs that are followed by another epoch.
    """
    cells = [Cells(RowRead(row=row), setting) for row in rows]
    of: dict[Domain, list[Cells]] = {domain: [] for domain in (DM, DS, EX, AE, LB, VS)}
    for one in cells:
        of[one.row.domain].append(one)
    (own,) = of[DM]
    level = levels.get(arm_of(own.row))
    given = record_administrations(of[EX], level)
    enrolled = _enrollment(of[DS], level)
    if enrolled is None and given:
        assume_enrollment(given[0])
    entered = enrolled is not None or bool(given)
    _read_own(own, _screening_result(own, of[DS], enrolled=entered))
    person = _person(own, ended_early, enrolled=entered)
    for one in of[DS]:
        if one is not enrolled:
            _attach_fact(one, lambda cells: _disposition(cells, person, enrolled))
        if entered and any(isinstance(fact, ScreenFailed) for fact in one.read.facts):
            one.read.find("failed the screening, and was enrolled")
    list_early_ends(of[DS])
    events = _read_events(of[AE])
    for one in of[LB]:
        _attach_fact(one, laboratory)
    for one in of[VS]:
        _attach_fact(one, vital_sign)
    record_death([own, *of[DS], *of[AE]])
    administered = _each_once([*given, *of[EX]])
    reported = _each_once([*(line.cells for event in events for line in event), *of[AE]])
    return [one.read for one in (own, *of[DS], *administered, *reported, *of[LB], *of[VS])]


def _attach_fact(cells: Cells, make: Callable[[Cells], ParticipantFact | None]) -> None:
    """Attach the fact to a row; list the row as not recorded if there is none."""
    if cells.read.reason:
        return
    try:
        fact = make(cells)
    except NotRecorded as reason:
        cells.read.leave_out(reason)
    except (ValueError, ArithmeticError) as error:
        cells.read.leave_out(Malformed(str(error)))
    else:
        cells.read.facts = () if fact is None else (fact,)


def _read_own(own: Cells, result: ImportedScreening | None) -> None:
    """Read the consent and the screening. A missing day becomes a remark; without any fact, the row is listed."""
    if unescaped(own.row.subject) != own.row.subject:
        own.remark("USUBJID has characters that an id cannot have, and is recorded with their numbers")
    if own.setting.sites and own.setting.site is None:
        own.remark(
            f"the protocol has no site {own['SITEID'][:40]!r} (SITEID): days are counted in the zone of the trial"
        )
    signed = consent(own)
    _attach_fact(own, lambda cells: screening(cells, result))
    if signed is not None:
        own.read.facts = (signed, *own.read.facts)
        if own.read.reason and not own.read.malformed:
            own.remark(f"no screening is recorded: {own.read.reason}")
            own.read.reason = ""


def _person(own: Cells, ended_early: frozenset[str], *, enrolled: bool) -> Person:
    return Person(
        ended_early=ended_early,
        last_contact=own.date_if_any("RFPENDTC"),
        consent=own.row.record if any(isinstance(fact, Consented) for fact in own.read.facts) else "",
        enrolled=enrolled,
    )


def _screening_result(own: Cells, rows: Sequence[Cells], *, enrolled: bool) -> ImportedScreening | None:
    """Return the result of the screening; None if the study does not state it."""
    if enrolled:
        return ImportedScreening.ENROLLED
    failed = any(_meaning(cells) is Disposition.SCREEN_FAILED or _left_screening(cells) for cells in rows)
    failed = failed or any(key_of(own[column]) in SCREEN_FAILED for column in ("ARM", "ARMCD", "ARMNRS"))
    return ImportedScreening.SCREEN_FAILURE if failed else None


def _left_screening(cells: Cells) -> bool:
    left = _meaning(cells) in {Disposition.WITHDREW, Disposition.LOST}
    return left and about(cells.row, ended_early=frozenset()) is About.SCREENING


def _meaning(cells: Cells) -> Disposition | None:
    return meaning_of(cells.row, cells.setting.terms)


def _each_once(rows: Sequence[Cells]) -> list[Cells]:
    """Return each row once, at its first place."""
    return list({(one.row.file, one.row.line): one for one in rows}.values())


def _enrollment(rows: Sequence[Cells], level: Label | None) -> Cells | None:
    """Attach the fact to the enrollment row and return it: of several rows, the randomization, or else the first."""
    entered = [cells for cells in rows if _meaning(cells) is Disposition.ENROLLED]
    entered.sort(key=lambda cells: key_of(cells["DSDECOD"]) != _RANDOMIZED)
    for cells in entered:
        _attach_fact(cells, lambda cells: Enrolled(on=cells.dated("DSSTDTC"), level=_required(level)))
        if cells.read.facts:
            return cells
    return None


def _required(level: Label | None) -> Label:
    if level is None:
        raise Malformed("the subject has no arm, so there is no dose level")
    return level


def _disposition(cells: Cells, person: Person, enrolled: Cells | None) -> ParticipantFact | None:
    """Return the fact of a row of ds that is not the enrollment; None if another row has the fact."""
    what = _meaning(cells)
    if what is None:
        given = cells["DSDECOD"]
        if cells["DSCAT"] and key_of(cells["DSCAT"]) != "DISPOSITION EVENT":
            raise NotRecorded(f"there is not a fact for {given[:40]!r} in {cells['DSCAT'][:40]!r}")
        raise NotRecorded(f"there is not a fact for the disposition {given[:40]!r}", word=("DSDECOD", given))
    if what is Disposition.DIED:
        cells.dated("DSSTDTC")  # only validate: the death is recorded after all rows are read
        return None
    if what is Disposition.ENROLLED and enrolled is not None:
        if cells["DSSTDTC"] != enrolled["DSSTDTC"]:
            raise NotRecorded(f"the enrollment is recorded with {enrolled.row.record}")
        cells.remark(f"the enrollment is recorded with {enrolled.row.record}")
        return None
    return disposed(cells, what, person)


def _read_events(rows: Sequence[Cells]) -> list[list[EventLine]]:
    """Read the lines of ae, and record their events."""
    lines = []
    for cells in rows:
        try:
            lines.append(read_line(cells))
        except NotRecorded as reason:
            cells.read.leave_out(reason)
    events = events_of(lines)
    record(events)
    return events
