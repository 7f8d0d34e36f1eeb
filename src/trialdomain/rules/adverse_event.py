"""The state of one adverse event, joined from its report and its follow-ups.

An imported event may have several rows; they are joined into one event. The dates of grades, the definition of a
worsening, and the judgment that counts are this library's choices (docs/explanation/dlt-and-corrections.md).
"""

from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import attrs

from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, Died
from trialdomain.events.recorded import Recorded
from trialdomain.values.clinical.scale import Scale
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
"""The order in which judgments of assessors count: the latest one in it. "Not assessed" comes after "unlikely",
since such an event may still turn out to be related."""
_DAY = timedelta(days=1)


@attrs.frozen
class Graded:
    """The grade that an event had from a day on, and the position of its entry."""

    on: ClinicalTime
    """The date as recorded, but not before the onset, and not after the end."""
    grade: int
    position: int
    ended: ClinicalTime | None = None
    """The end of the event, where it bounds the possible days of this grade."""
    not_before: date = date.min
    """The first possible day by the onset."""

    @property
    def first(self) -> date:
        """The earliest possible day of reaching this grade."""
        return max(self.on.first, self.not_before)

    @property
    def last(self) -> date:
        """The latest possible day of reaching this grade."""
        return self.on.last if self.ended is None else min(self.on.last, self.ended.last)

    def precedes(self, moment: ClinicalTime) -> bool:
        """Say whether the event certainly reached this grade before a moment."""
        return self.on.precedes(moment) or (self.ended is not None and self.ended.precedes(moment))


@attrs.define
class _Episode:
    """One episode of an event, from its onset or return to its end, with its statements in the order of days."""

    began: ClinicalTime
    graded: list[tuple[ClinicalTime, int, int]] = attrs.Factory(list)
    """The date, the grade and the position of each statement with a grade."""
    ended: ClinicalTime | None = None
    """The end, by the last statement that names one."""
    ended_by: int | None = None
    """The position of that statement."""

    def add(self, on: ClinicalTime, grade: int | None, ended: ClinicalTime | None, position: int) -> None:
        """Add one statement."""
        if grade is not None:
            self.graded.append((on, grade, position))
        if ended is not None and not ended.precedes(self.began):
            self.ended, self.ended_by = ended, position

    def grades(self, onset: ClinicalTime) -> Iterator[Graded]:
        """Yield the grades of the episode, dated from the onset of the event to the end of the episode."""
        end = self.ended
        for on, grade, position in self.graded:
            dated = onset if on.precedes(onset) else on
            if end is not None and end.last < dated.first:
                dated = end
            bound = None if end is None or end.precedes(dated) else end
            yield Graded(dated, grade, position, bound, onset.first)


@attrs.frozen(kw_only=True)
class Lasted:
    """One period in which an event lasted; an event that came back has several."""

    began: ClinicalTime
    grades: Sequence[Graded]
    ended: ClinicalTime | None
    end_unknown: bool = False
    """Whether the participant has recovered, but no entry says when."""
    known_over: ClinicalTime | None
    """The date by which it was over: its end or, where that is unknown, the date of the follow-up that ended it."""
    ended_by: tuple[int, ...]
    """The positions of the follow-ups that name the end."""
    returned_by: tuple[int, ...] = ()
    """For an event that came back: the position of the entry that had ended it before."""


@attrs.frozen
class Dated:
    """A day as an entry dates it."""

    first: date
    """The earliest possible day."""
    last: date
    """The latest possible day."""
    position: int
    """The position of the entry."""


@attrs.frozen(kw_only=True)
class Spell:
    """A period in which an event had some grade or a higher one; an event may have several."""

    grades: tuple[Graded, ...]
    """Its statements, in their order; each is at the grade or above."""
    below: Dated | None
    """The first day below the grade; None where no entry says so, and for a fatal event."""
    still: Dated | None = None
    """Where no entry says so: the last day on which a follow-up says that it has not recovered."""

    def since(self, start: Graded) -> "Spell":
        """Return the part of the spell from one of its statements on."""
        return attrs.evolve(self, grades=self.grades[self.grades.index(start) :])

    @property
    def fatal(self) -> bool:
        """Whether the event ended in death."""
        return any(graded.grade == FATAL_GRADE for graded in self.grades)


@attrs.frozen
class Judged:
    """The relatedness that counts, and the positions of its judgments."""

    relatedness: Relatedness
    positions: tuple[int, ...]


@attrs.frozen
class AdverseEvent:
    """An adverse event: a current report, and its current follow-ups in the order of their dates, then of recording."""

    __repr__ = in_short

    report: Recorded[AdverseEventReported]
    follow_ups: tuple[Recorded[AdverseEventFollowedUp], ...] = ()
    death: Recorded[Died] | None = None
    """The death that the event caused."""

    @classmethod
    def of(
        cls,
        report: Recorded[AdverseEventReported],
        follow_ups: Sequence[Recorded[AdverseEventFollowedUp]],
        deaths: Iterable[Recorded[Died]] = (),
    ) -> "AdverseEvent":
        """Join a report with the follow-ups, and the first death, that name it.

        Follow-ups come in the order in which they, or the entries that they correct, were first recorded.
        """
        event = report.fact.event
        of_this = [entry for entry in follow_ups if entry.fact.event == event]
        caused = next((death for death in deaths if death.fact.event == event), None)
        return cls(report, tuple(_by_date(of_this)), caused)

    @property
    def event(self) -> str:
        """The id of the event."""
        return self.report.fact.event

    @property
    def term(self) -> str:
        """The term of the event."""
        return self.report.fact.term

    @property
    def scale(self) -> Scale:
        """The scale of every grade of the event. A death that the event caused is grade 5 on any scale (**choice**)."""
        return self.report.fact.scale

    @property
    def onset(self) -> ClinicalTime:
        """The onset of the event."""
        return self.report.fact.onset

    @property
    def key(self) -> Hashable:
        """The key that joins rows of one event: the id of the other system, the term, and the scale.

        Capitals and blanks of the term do not matter. Rows with the same id but another term are not joined, since in
        many files the id numbers the lines; rows with grades on different scales are not, since an event has one.
        """
        linked = self.report.fact.linked_to
        return (self.event,) if linked is None else (linked, folded(self.term), self.scale)

    def _episodes(self) -> list[_Episode]:
        """Split the event into episodes: a grade that is dated after the day of an end begins a new episode."""
        report = self.report
        episodes = [_Episode(self.onset)]
        statements: list[tuple[ClinicalTime, int | None, ClinicalTime | None, int]] = [
            (self.onset, report.fact.grade, report.fact.ended, report.position)
        ]
        statements += [(entry.fact.on, entry.fact.grade, entry.fact.ended, entry.position) for entry in self.follow_ups]
        if self.death is not None:
            statements.append((self.death.fact.on, FATAL_GRADE, None, self.death.position))
        for on, grade, ended, position in statements:
            before = episodes[-1].ended
            contradicts = ended is not None and ended.precedes(on)
            if grade is not None and not contradicts and before is not None and on.first > before.last:
                episodes.append(_Episode(on))
            episodes[-1].add(on, grade, ended, position)
        return episodes

    def grades(self) -> list[Graded]:
        """List the grades of the event, each from a day on."""
        return [graded for episode in self._episodes() for graded in episode.grades(self.onset)]

    def began_before(self, moment: ClinicalTime) -> bool:
        """Say whether the event certainly began before a moment."""
        return self.grades()[0].precedes(moment)

    def worse_since(self, start: ClinicalTime) -> Iterator[Graded]:
        """Yield the grades after a moment that are higher than the lowest grade since that moment.

        The lowest grade includes the grade in force at the moment, which is 0 before the onset and from the day after
        an end; an event that comes back begins at 0 again. A grade that may have come after the moment counts as later;
        so does one with a partial date.
        """
        episodes = [list(one.grades(self.onset)) for one in self._episodes()]
        certain = [graded.grade for grades in episodes for graded in grades if graded.precedes(start)]
        in_force = certain[-1] if certain else 0
        for grades in episodes:
            lowest = in_force if grades[0].precedes(start) else 0
            for graded in grades:
                if not graded.precedes(start):
                    if graded.grade > lowest:
                        yield graded
                    lowest = min(lowest, graded.grade)

    def spells(self, grade: int) -> Iterator[Spell]:
        """Yield the periods in which the event had a grade or a higher one.

        A statement of a lower grade ends a period on its date. The end of an event ends it on the day after, since a
        resolved event is at grade 0 from then.
        """
        episodes = self._episodes()
        for episode in episodes:
            run: list[Graded] = []
            for graded in episode.grades(self.onset):
                if graded.grade >= grade:
                    run.append(graded)
                elif run:
                    yield Spell(grades=tuple(run), below=Dated(graded.first, graded.last, graded.position))
                    run = []
            if run:
                yield self._unended(tuple(run), episode, last=episode is episodes[-1])

    def _unended(self, run: tuple[Graded, ...], episode: _Episode, *, last: bool) -> Spell:
        """Return a period to the end of its episode."""
        if any(graded.grade == FATAL_GRADE for graded in run):
            return Spell(grades=run, below=None)
        over = self._over(episode, run[-1], last=last)
        return Spell(grades=run, below=over, still=self._still(run[-1]) if last and over is None else None)

    def _still(self, graded: Graded) -> Dated | None:
        """Return the day of the last follow-up, since a grade, that says that the event has not recovered.

        A follow-up without a grade leaves the grade as it was.
        """
        later = (entry for entry in reversed(self.follow_ups) if entry.fact.outcome is Outcome.NOT_RECOVERED)
        said = next((entry for entry in later if entry.fact.on.first >= graded.first), None)
        return None if said is None else Dated(said.fact.on.first, said.fact.on.last, said.position)

    def _over(self, episode: _Episode, graded: Graded, *, last: bool) -> Dated | None:
        """Return the first day after an episode; None while no entry ends it.

        Args:
            episode: the episode.
            graded: its last statement of a grade.
            last: whether it is the last one. A recovery without the day of the end ends it by the day of that entry.
        """
        if episode.ended is not None and episode.ended_by is not None:
            return Dated(episode.ended.first + _DAY, episode.ended.last + _DAY, episode.ended_by)
        said = self.outcome_by if last and self.recovered else None
        if said is None:
            return None
        return Dated(min(graded.first, said.fact.on.last), said.fact.on.last, said.position)

    @property
    def highest_grade(self) -> int:
        """The highest grade of the event."""
        return max(graded.grade for graded in self.grades())

    @property
    def serious(self) -> bool | None:
        """Whether the event is serious, by the latest entry that says so; None where no entry does."""
        return self.serious_by(date.max)

    def serious_by(self, day: date) -> bool | None:
        """Say whether the event was serious, by the latest entry up to a day; None where no entry says so."""
        return self.seriousness_by(day)[0]

    def seriousness_by(self, day: date) -> tuple[bool | None, int]:
        """Return whether the event was serious, by the latest entry up to a day, and the position of that entry.

        Where no entry says so, the first is None, and the position is the report's.
        """
        for entry in reversed(self.follow_ups):
            if entry.fact.serious is not None and entry.fact.on.first <= day:
                return entry.fact.serious, entry.position
        return self.report.fact.serious, self.report.position

    @property
    def seriousness(self) -> tuple[Seriousness, ...]:
        """The criteria of seriousness, by the latest entry that names them."""
        said = (e.fact for e in reversed(self.follow_ups))
        later = (fact.seriousness for fact in said if fact.serious is not None or fact.seriousness)
        return next(later, self.report.fact.seriousness)

    @property
    def outcome(self) -> Outcome | None:
        """The outcome of the event, by the latest entry that names one."""
        return next((e.fact.outcome for e in reversed(self.follow_ups) if e.fact.outcome), self.report.fact.outcome)

    @property
    def recovered(self) -> bool:
        """Whether the participant has recovered, by the latest entry since the event began or came back."""
        if self.outcome not in {Outcome.RECOVERED, Outcome.RECOVERED_WITH_SEQUELAE}:
            return False
        episodes = self._episodes()
        said = self.outcome_by
        return len(episodes) == 1 or (said is not None and said.fact.on.first >= episodes[-1].began.first)

    @property
    def outcome_by(self) -> Recorded[AdverseEventFollowedUp] | None:
        """The follow-up that names the outcome; None where the report does."""
        return next((entry for entry in reversed(self.follow_ups) if entry.fact.outcome), None)

    @property
    def ended(self) -> ClinicalTime | None:
        """The end of the event, by the latest entry that names one."""
        return next((e.fact.ended for e in reversed(self.follow_ups) if e.fact.ended), self.report.fact.ended)

    @property
    def ended_by(self) -> tuple[int, ...]:
        """The position of the follow-up that names the end; empty where none does."""
        return next(((e.position,) for e in reversed(self.follow_ups) if e.fact.ended), ())

    def lasted(self) -> Iterator[Lasted]:
        """Yield the periods in which the event lasted: one, and another each time that it came back after an end.

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
        """Whether the event led to death: by its grade, its outcome, or the record of the death."""
        return self.highest_grade == FATAL_GRADE or self.outcome is Outcome.FATAL

    def fatal_by(self, day: date) -> bool:
        """Say whether the event had led to death by a day, by its grade or by its outcome."""
        later = (e.fact.outcome for e in reversed(self.follow_ups) if e.fact.on.first <= day and e.fact.outcome)
        graded = any(graded.grade == FATAL_GRADE and graded.on.first <= day for graded in self.grades())
        return graded or next(later, self.report.fact.outcome) is Outcome.FATAL

    def judged(self, agent: Agent, *, related: Container[Relatedness] = RELATED) -> Judged:
        """Return the judgment that counts: the latest of each assessor, and of these the more related one.

        "Not assessed" withdraws a judgment of unrelated or unlikely, and leaves the participant pending even if the
        other assessor judged so. It does not withdraw a judgment of related; otherwise it would revoke a DLT without a
        new judgment. An assessor without a judgment does not count against the other. Of two judgments by one assessor
        in one entry, the more related counts.

        Args:
            agent: the possible cause.
            related: the grades of relatedness that the protocol counts as related (``dlt.related``).
        """
        latest = self.latest(agent, related=related)
        counts = max((one for one, _ in latest.values()), key=CAUTION.index, default=Relatedness.NOT_ASSESSED)
        says = tuple(position for relatedness, position in latest.values() if relatedness is counts)
        return Judged(counts, says if counts is Relatedness.NOT_ASSESSED else says[:1])

    def latest(
        self, agent: Agent, *, related: Container[Relatedness] = RELATED
    ) -> dict[Assessor, tuple[Relatedness, int]]:
        """Return the current judgment of each assessor, with the position of its entry."""
        latest: dict[Assessor, tuple[Relatedness, int]] = {}
        for attribution, position in self._attributions():
            if attribution.agent is agent:
                before = latest.get(attribution.assessor)
                said = (attribution.relatedness, position)
                latest[attribution.assessor] = said if before is None else _latest_of(before, said, related)
        return latest

    @property
    def entries(self) -> list[Recorded[AdverseEventReported | AdverseEventFollowedUp | Died]]:
        """Every entry about the event: the report, the follow-ups, the death."""
        return [self.report, *self.follow_ups, *([] if self.death is None else [self.death])]

    def _attributions(self) -> list[tuple[Attribution, int]]:
        """List every judgment in the order of its date, then of its recording."""
        first = [(attribution, self.report.position) for attribution in self.report.fact.attributions]
        return first + [(one, entry.position) for entry in self.follow_ups for one in entry.fact.attributions]


def joined_events(rows: Iterable[AdverseEvent]) -> list[AdverseEvent]:
    """Join rows into events: the first row is the report, and the others are follow-ups from their onsets on.

    Of rows that begin on one day, the highest grade and the more related judgment count.
    """
    by_key: dict[Hashable, list[AdverseEvent]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
    return [of_one[0] if len(of_one) == 1 else _joined(of_one) for of_one in by_key.values()]


def worse_by_row(rows: Sequence[AdverseEvent], start: ClinicalTime) -> Mapping[str, Sequence[Graded]]:
    """Return, by the id of each row, its worsenings since a moment, judged together with the rows of the same event.

    Of rows that begin on one day, only the one with the highest grade dates the event; the others began with it.
    """
    by_position = {entry.position: row for row in rows for entry in row.entries}
    together: dict[tuple[Hashable, str], list[AdverseEvent]] = {}
    for row in rows:
        together.setdefault((row.key, row.onset.text), []).append(row)
    found: dict[str, list[Graded]] = {row.event: [] for row in rows}
    for event in joined_events(rows):
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
    """Put the row with the highest grade first, with the end of all rows; keep the more related judgments."""
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
    """Convert a further row of an event into a follow-up from its onset on.

    Args:
        line: the row.
        leads: whether its grade and its end stand for all rows of that day.
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


def _latest_of(
    before: tuple[Relatedness, int], said: tuple[Relatedness, int], related: Container[Relatedness]
) -> tuple[Relatedness, int]:
    """Choose between an earlier and a later judgment of one assessor, each with the position of its entry."""
    (old, earlier), (new, later) = before, said
    if earlier == later:
        return max(before, said, key=lambda one: CAUTION.index(one[0]))
    return before if new is Relatedness.NOT_ASSESSED and old in related else said


def _by_date(entries: Sequence[Recorded[AdverseEventFollowedUp]]) -> list[Recorded[AdverseEventFollowedUp]]:
    """Sort by day; within a day by the time, where every entry of the day has one with an offset."""
    by_day: dict[date, list[Recorded[AdverseEventFollowedUp]]] = {}
    for entry in entries:
        by_day.setdefault(entry.fact.on.first, []).append(entry)
    return [entry for day in sorted(by_day) for entry in _by_time(by_day[day])]


def _by_time(entries: list[Recorded[AdverseEventFollowedUp]]) -> list[Recorded[AdverseEventFollowedUp]]:
    timed = [(entry.fact.on.at, entry) for entry in entries]
    if all(at is not None and at.tzinfo is not None for at, _ in timed):
        return [entry for _, entry in sorted(timed, key=lambda one: one[0] or datetime.max.replace(tzinfo=UTC))]
    return entries
