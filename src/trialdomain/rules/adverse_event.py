"""One adverse event as it is known: its report and what followed, read together.

Rows of another system that tell one event in several lines are read as one event too. How grades are dated, what a
worsening is and which judgement counts are this library's choices (docs/explanation/dlt-and-corrections.md).
"""

from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import attrs

from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, Died
from trialdomain.events.recorded import Recorded
from trialdomain.values.clinical.toxicity import (
    FATAL_GRADE,
    RELATED,
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

CAUTION = (
    Relatedness.UNRELATED,
    Relatedness.UNLIKELY,
    Relatedness.NOT_ASSESSED,
    Relatedness.POSSIBLY,
    Relatedness.LIKELY,
    Relatedness.DEFINITELY,
)
"""Of the assessors the later in this order counts: what nobody has judged may still turn out to be related."""
_DAY = timedelta(days=1)


@attrs.frozen
class Graded:
    """The grade that an event had from a day on, and the entry that says so."""

    on: ClinicalTime
    """As it was written down; the onset where that is later, and the end where that is earlier."""
    grade: int
    position: int
    ended: ClinicalTime | None = None
    """When the event ended, where that bounds the days on which it can have come to this grade."""
    not_before: date = date.min
    """The first day that the onset allows."""

    @property
    def first(self) -> date:
        """The earliest day on which it can have come to this grade."""
        return max(self.on.first, self.not_before)

    @property
    def last(self) -> date:
        """The latest one."""
        return self.on.last if self.ended is None else min(self.on.last, self.ended.last)

    def precedes(self, moment: ClinicalTime) -> bool:
        """Say whether it is known to have come to this grade before a moment."""
        return self.on.precedes(moment) or (self.ended is not None and self.ended.precedes(moment))


@attrs.define
class _Episode:
    """An event from its onset, or from its return, to its end: what tells of it, in the order of the days."""

    began: ClinicalTime
    words: list[tuple[ClinicalTime, int, int]] = attrs.Factory(list)
    """Of each word that has a grade: its date, the grade, the position."""
    ended: ClinicalTime | None = None
    """By the last of its words that names an end."""
    ended_by: int | None = None
    """The position of that word."""

    def hear(self, on: ClinicalTime, grade: int | None, ended: ClinicalTime | None, position: int) -> None:
        """Take one more word."""
        if grade is not None:
            self.words.append((on, grade, position))
        if ended is not None and not ended.precedes(self.began):
            self.ended, self.ended_by = ended, position

    def grades(self, onset: ClinicalTime) -> Iterator[Graded]:
        """Yield its grades: none before the onset of the event, and none after the end."""
        end = self.ended
        for on, grade, position in self.words:
            dated = onset if on.precedes(onset) else on
            if end is not None and end.last < dated.first:
                dated = end
            bound = None if end is None or end.precedes(dated) else end
            yield Graded(dated, grade, position, bound, onset.first)


@attrs.frozen(kw_only=True)
class Lasted:
    """From when to when an event lasted: once, or again each time that it came back."""

    began: ClinicalTime
    grades: Sequence[Graded]
    ended: ClinicalTime | None
    end_unknown: bool = False
    """Whether its participant has recovered, and nobody recorded when."""
    known_over: ClinicalTime | None
    """By when it was over: its end; or, where that is unknown, the date of the follow-up that says so."""
    ended_by: tuple[int, ...]
    """The positions of the follow-ups that say so."""
    returned_by: tuple[int, ...] = ()
    """Of one that came back: the position of the entry that had ended it before."""


@attrs.frozen
class Judged:
    """The relatedness that counts, and the entries that say so."""

    relatedness: Relatedness
    positions: tuple[int, ...]


@attrs.frozen
class AdverseEvent:
    """A current report, with its current follow-ups in the order of their dates, then of their recording."""

    __repr__ = in_short

    report: Recorded[AdverseEventReported]
    follow_ups: tuple[Recorded[AdverseEventFollowedUp], ...] = ()
    death: Recorded[Died] | None = None
    """The death that it stands behind."""

    @classmethod
    def of(
        cls,
        report: Recorded[AdverseEventReported],
        follow_ups: Sequence[Recorded[AdverseEventFollowedUp]],
        deaths: Iterable[Recorded[Died]] = (),
    ) -> "AdverseEvent":
        """Join a report with those follow-ups, and the first death, that name it.

        Follow-ups come in the order in which they, or what they correct, were first recorded.
        """
        event = report.fact.event
        of_this = [entry for entry in follow_ups if entry.fact.event == event]
        caused = next((death for death in deaths if death.fact.event == event), None)
        return cls(report, tuple(_by_date(of_this)), caused)

    @property
    def event(self) -> str:
        """Its id."""
        return self.report.fact.event

    @property
    def term(self) -> str:
        """Its CTCAE term."""
        return self.report.fact.term

    @property
    def onset(self) -> ClinicalTime:
        """When it began."""
        return self.report.fact.onset

    @property
    def key(self) -> Hashable:
        """By what rows are told to be of one event: the id that another system gave them, and the term.

        Of the term neither capitals nor blanks matter.
        Where the id alone agrees they stay apart: in many files it numbers lines.
        """
        linked = self.report.fact.linked_to
        return (self.event,) if linked is None else (linked, folded(self.term))

    def _episodes(self) -> list[_Episode]:
        """Tell apart what ended and came back: a grade that is dated after the day of an end is of a new episode."""
        report = self.report
        episodes = [_Episode(self.onset)]
        words: list[tuple[ClinicalTime, int | None, ClinicalTime | None, int]] = [
            (self.onset, report.fact.grade, report.fact.ended, report.position)
        ]
        words += [(entry.fact.on, entry.fact.grade, entry.fact.ended, entry.position) for entry in self.follow_ups]
        if self.death is not None:
            words.append((self.death.fact.on, FATAL_GRADE, None, self.death.position))
        for on, grade, ended, position in words:
            before = episodes[-1].ended
            contradicts = ended is not None and ended.precedes(on)
            if grade is not None and not contradicts and before is not None and on.first > before.last:
                episodes.append(_Episode(on))
            episodes[-1].hear(on, grade, ended, position)
        return episodes

    def grades(self) -> list[Graded]:
        """List the grades that it had, each from a day on."""
        return [graded for episode in self._episodes() for graded in episode.grades(self.onset)]

    def began_before(self, moment: ClinicalTime) -> bool:
        """Say whether it is known to have begun before a moment."""
        return self.grades()[0].precedes(moment)

    def worse_since(self, start: ClinicalTime) -> Iterator[Graded]:
        """Yield the grades from a moment on that are higher than the lowest since then.

        The grade in force at that moment is one of those it is compared with: 0 before the onset, and from the day
        after an end. What may have come later counts as having come later, and so does what began on a day that is
        known only in part.
        """
        episodes = [(list(one.grades(self.onset)), one.ended) for one in self._episodes()]
        lowest = _in_force(episodes, start)
        for grades, ended in episodes:
            for place, graded in enumerate(grades):
                if not graded.precedes(start):
                    if graded.grade > lowest or place == 0:
                        yield graded
                    lowest = min(lowest, graded.grade if place else 0)
            if ended is not None and ended.last + _DAY > start.first:
                lowest = 0

    @property
    def highest_grade(self) -> int:
        """The worst that it has been."""
        return max(graded.grade for graded in self.grades())

    @property
    def serious(self) -> bool | None:
        """Whether it is serious, by the latest word on it; None where nobody said."""
        return self.serious_by(date.max)

    def serious_by(self, day: date) -> bool | None:
        """Say whether it was serious, by the latest word up to a day; None where nobody said."""
        return self.seriousness_by(day)[0]

    def seriousness_by(self, day: date) -> tuple[bool | None, int]:
        """Say whether it was serious, by the latest word up to a day, and the position of the entry that says so.

        Where nobody said, it is None, and the position is the report's.
        """
        for entry in reversed(self.follow_ups):
            if entry.fact.serious is not None and entry.fact.on.first <= day:
                return entry.fact.serious, entry.position
        return self.report.fact.serious, self.report.position

    @property
    def seriousness(self) -> tuple[Seriousness, ...]:
        """The criteria, by the latest word on them."""
        said = (e.fact for e in reversed(self.follow_ups))
        later = (fact.seriousness for fact in said if fact.serious is not None or fact.seriousness)
        return next(later, self.report.fact.seriousness)

    @property
    def outcome(self) -> Outcome | None:
        """What became of it, by the latest word on it."""
        return next((e.fact.outcome for e in reversed(self.follow_ups) if e.fact.outcome), self.report.fact.outcome)

    @property
    def recovered(self) -> bool:
        """Whether its participant has recovered from it, by the latest word on it since it began or came back."""
        if self.outcome not in {Outcome.RECOVERED, Outcome.RECOVERED_WITH_SEQUELAE}:
            return False
        episodes = self._episodes()
        said = self.outcome_by
        return len(episodes) == 1 or (said is not None and said.fact.on.first >= episodes[-1].began.first)

    @property
    def outcome_by(self) -> Recorded[AdverseEventFollowedUp] | None:
        """The follow-up that says what became of it; None where the report does."""
        return next((entry for entry in reversed(self.follow_ups) if entry.fact.outcome), None)

    @property
    def ended(self) -> ClinicalTime | None:
        """When it ended, by the latest word on it."""
        return next((e.fact.ended for e in reversed(self.follow_ups) if e.fact.ended), self.report.fact.ended)

    @property
    def ended_by(self) -> tuple[int, ...]:
        """The position of the follow-up that ended it, where one did."""
        return next(((e.position,) for e in reversed(self.follow_ups) if e.fact.ended), ())

    def lasted(self) -> Iterator[Lasted]:
        """Yield from when to when it lasted: once, or again each time that it came back after an end.

        A death after the end is no return: one of the two dates is wrong.
        """
        episodes = self._episodes()
        told = [(one, tuple(one.grades(self.onset))) for one in episodes]
        if len(told) > 1 and self.death is not None and all(g.position == self.death.position for g in told[-1][1]):
            (_, died), (last, grades) = told.pop(), told.pop()
            told.append((last, (*grades, *died)))
        returned: tuple[int, ...] = ()
        for one, grades in told[:-1]:
            by = () if one.ended_by is None else (one.ended_by,)
            yield Lasted(
                began=one.began,
                grades=grades,
                ended=one.ended,
                known_over=one.ended,
                ended_by=by,
                returned_by=returned,
            )
            returned = by
        last, grades = told[-1]
        ended, ended_by = self.ended, self.ended_by
        if len(told) > 1:
            ended, ended_by = last.ended, () if last.ended_by is None else (last.ended_by,)
        unknown = ended is None and self.recovered
        said = self.outcome_by if unknown else None
        yield Lasted(
            began=last.began,
            grades=grades,
            ended=ended,
            end_unknown=unknown,
            known_over=ended if said is None else said.fact.on,
            ended_by=ended_by if said is None else (said.position,),
            returned_by=returned,
        )

    @property
    def fatal(self) -> bool:
        """Whether it led to death: by its grade, its outcome, or the record of the death."""
        return self.highest_grade == FATAL_GRADE or self.outcome is Outcome.FATAL

    def fatal_by(self, day: date) -> bool:
        """Say whether it had led to death by a day, by its grade or by its outcome."""
        later = (e.fact.outcome for e in reversed(self.follow_ups) if e.fact.on.first <= day and e.fact.outcome)
        graded = any(graded.grade == FATAL_GRADE and graded.on.first <= day for graded in self.grades())
        return graded or next(later, self.report.fact.outcome) is Outcome.FATAL

    def judged(self, agent: Agent, *, related: Container[Relatedness] = RELATED) -> Judged:
        """Give the judgement that counts: of each assessor the latest, of the assessors the more related.

        "Not assessed" takes back that an event was unrelated, or unlikely to be, and leaves its participant pending
        whatever the other assessor says of that kind. It does not take back more than that, or it would revoke a DLT
        that nobody judged anew. An assessor who said nothing says nothing against the other. Of two judgements in one
        entry by one assessor, the more related counts.

        Args:
            agent: what may have caused it.
            related: what the protocol takes for related (``dlt.related``).
        """
        latest = self.latest(agent, related=related)
        counts = max((one for one, _ in latest.values()), key=CAUTION.index, default=Relatedness.NOT_ASSESSED)
        says = tuple(position for relatedness, position in latest.values() if relatedness is counts)
        return Judged(counts, says if counts is Relatedness.NOT_ASSESSED else says[:1])

    def latest(
        self, agent: Agent, *, related: Container[Relatedness] = RELATED
    ) -> dict[Assessor, tuple[Relatedness, int]]:
        """Give the judgement of each assessor that stands, with the position of its entry."""
        latest: dict[Assessor, tuple[Relatedness, int]] = {}
        for attribution, position in self._attributions():
            if attribution.agent is agent:
                before = latest.get(attribution.assessor)
                said = (attribution.relatedness, position)
                latest[attribution.assessor] = said if before is None else _latest_of(before, said, related)
        return latest

    @property
    def entries(self) -> list[Recorded[AdverseEventReported | AdverseEventFollowedUp | Died]]:
        """Every word on it: the report, the follow-ups, the death."""
        return [self.report, *self.follow_ups, *([] if self.death is None else [self.death])]

    def _attributions(self) -> list[tuple[Attribution, int]]:
        """List every judgement in the order of its date, then of its recording."""
        first = [(attribution, self.report.position) for attribution in self.report.fact.attributions]
        return first + [(one, entry.position) for entry in self.follow_ups for one in entry.fact.attributions]


def told_together(rows: Iterable[AdverseEvent]) -> list[AdverseEvent]:
    """Join the rows that tell one event: the first line is its report, the others follow it up from their onsets on.

    Of lines that begin on one day the highest grade and the more related judgement count.
    """
    by_key: dict[Hashable, list[AdverseEvent]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
    return [of_one[0] if len(of_one) == 1 else _joined(of_one) for of_one in by_key.values()]


def worse_by_row(rows: Sequence[AdverseEvent], start: ClinicalTime) -> Mapping[str, Sequence[Graded]]:
    """Give by the id of each row what is worse in it since a moment, judged with the rows of the same event.

    Of rows that begin on one day only the one with the highest grade dates the event; the others began with it.
    """
    by_position = {entry.position: row for row in rows for entry in row.entries}
    together: dict[tuple[Hashable, str], list[AdverseEvent]] = {}
    for row in rows:
        together.setdefault((row.key, row.onset.text), []).append(row)
    found: dict[str, list[Graded]] = {row.event: [] for row in rows}
    for event in told_together(rows):
        for graded in event.worse_since(start):
            row = by_position[graded.position]
            found[row.event].append(graded)
            if graded.position == row.report.position:
                for other in together[row.key, row.onset.text]:
                    report = other.report
                    if other is not row:
                        found[other.event].append(
                            attrs.evolve(graded, grade=report.fact.grade, position=report.position)
                        )
    return found


def _joined(rows: Sequence[AdverseEvent]) -> AdverseEvent:
    by_day: dict[str, list[Recorded[AdverseEventReported]]] = {}
    for row in sorted(rows, key=lambda row: row.onset.first):
        by_day.setdefault(row.onset.text, []).append(row.report)
    (report, *lines), *later = (_of_one_day(reports) for reports in by_day.values())
    told = [_as_follow_up(line, leads=False) for line in lines]
    for leading, *others in later:
        told += [_as_follow_up(leading, leads=True), *(_as_follow_up(line, leads=False) for line in others)]
    follow_ups = [entry for row in rows for entry in row.follow_ups]
    death = next((row.death for row in rows if row.death is not None), None)
    return AdverseEvent(report, tuple(_by_date([*told, *follow_ups])), death)


def _of_one_day(reports: Sequence[Recorded[AdverseEventReported]]) -> list[Recorded[AdverseEventReported]]:
    """Put the line with the highest grade first, with the end of all; of each assessor the more related is left."""
    ordered = sorted(reports, key=lambda report: -report.fact.grade)
    ends = [report.fact.ended for report in ordered]
    known = [ended for ended in ends if ended is not None]
    end = max(known, key=lambda ended: ended.last) if len(known) == len(ends) else None
    said = [(one, report.position) for report in ordered for one in report.fact.attributions]
    kept: dict[tuple[Agent, Assessor], tuple[Attribution, int]] = {}
    for one, position in sorted(said, key=lambda pair: CAUTION.index(pair[0].relatedness)):
        kept[one.agent, one.assessor] = (one, position)
    found = []
    for report in ordered:
        attributions = tuple(one for one, position in kept.values() if position == report.position)
        ended = end if report is ordered[0] else None
        fact = attrs.evolve(report.fact, attributions=attributions, ended=ended)
        found.append(attrs.evolve(report, fact=fact))
    return found


def _as_follow_up(line: Recorded[AdverseEventReported], *, leads: bool) -> Recorded[AdverseEventFollowedUp]:
    """Read a further line of an event as what it says of it from its onset on.

    Args:
        line: it.
        leads: whether its grade and its end are those of the lines of that day.
    """
    fact = line.fact
    said = AdverseEventFollowedUp(
        event=fact.event,
        on=fact.onset,
        grade=fact.grade if leads else None,
        attributions=fact.attributions,
        ended=fact.ended if leads else None,
        outcome=fact.outcome,
        aware_on=fact.aware_on,
    )
    return Recorded(
        trial=line.trial,
        position=line.position,
        stream=line.stream,
        version=line.version,
        meta=line.envelope,
        fact=said,
    )


def _in_force(episodes: Iterable[tuple[Sequence[Graded], ClinicalTime | None]], start: ClinicalTime) -> int:
    """Give the grade that an event is known to have had at a moment; 0 where none is known."""
    grade = 0
    for grades, ended in episodes:
        for graded in grades:
            if graded.precedes(start):
                grade = graded.grade
        if ended is not None and ended.last + _DAY <= start.first:
            grade = 0
    return grade


def _latest_of(
    before: tuple[Relatedness, int], said: tuple[Relatedness, int], related: Container[Relatedness]
) -> tuple[Relatedness, int]:
    """Give what an assessor says now, who judged before: each with the position of its entry."""
    (old, earlier), (new, later) = before, said
    if earlier == later:
        return max(before, said, key=lambda one: CAUTION.index(one[0]))
    return before if new is Relatedness.NOT_ASSESSED and old in related else said


def _by_date(entries: Sequence[Recorded[AdverseEventFollowedUp]]) -> list[Recorded[AdverseEventFollowedUp]]:
    """Order by day; within a day by the time, where every entry of the day has one with an offset."""
    by_day: dict[date, list[Recorded[AdverseEventFollowedUp]]] = {}
    for entry in entries:
        by_day.setdefault(entry.fact.on.first, []).append(entry)
    return [entry for day in sorted(by_day) for entry in _by_time(by_day[day])]


def _by_time(entries: list[Recorded[AdverseEventFollowedUp]]) -> list[Recorded[AdverseEventFollowedUp]]:
    timed = [(entry.fact.on.at, entry) for entry in entries]
    if all(at is not None and at.tzinfo is not None for at, _ in timed):
        return [entry for _, entry in sorted(timed, key=lambda one: one[0] or datetime.max.replace(tzinfo=UTC))]
    return entries
