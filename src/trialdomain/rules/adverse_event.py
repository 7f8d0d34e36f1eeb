"""One adverse event as it is known: its report and what followed, read together."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import TypeVar

import attrs

from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, Died
from trialdomain.events.recorded import Recorded
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.toxicity import (
    FATAL_GRADE,
    RELATED,
    Agent,
    Assessor,
    Attribution,
    Outcome,
    Relatedness,
    Seriousness,
)

_ORDER = list(Relatedness)  # from least to most related; "not assessed" is outside the order
T = TypeVar("T")


@attrs.frozen
class Graded:
    """The grade that an event had from a day on, and the entry that says so."""

    on: ClinicalTime
    grade: int
    position: int


@attrs.frozen
class Judged:
    """The relatedness that counts, and the entries that say so."""

    relatedness: Relatedness
    positions: tuple[int, ...]


@attrs.frozen
class AdverseEvent:
    """A current report, with its current follow-ups in the order of their dates, then of their recording."""

    report: Recorded[AdverseEventReported]
    follow_ups: tuple[Recorded[AdverseEventFollowedUp], ...] = ()
    death: Recorded[Died] | None = None
    """The death that it stands behind."""

    @classmethod
    def of(
        cls,
        report: Recorded[AdverseEventReported],
        follow_ups: Sequence[Recorded[AdverseEventFollowedUp]],
        death: Recorded[Died] | None = None,
    ) -> "AdverseEvent":
        """Join a report with those follow-ups, and the death, that name it.

        Follow-ups come in the order in which they, or what they correct, were first recorded.
        """
        event = report.fact.event
        of_this = [entry for entry in follow_ups if entry.fact.event == event]
        caused = death if death is not None and death.fact.event == event else None
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

    def grades(self) -> list[Graded]:
        """List the grades that it had, each from a day on."""
        first = Graded(self.onset, self.report.fact.grade, self.report.position)
        later = [
            Graded(entry.fact.on, entry.fact.grade, entry.position)
            for entry in self.follow_ups
            if entry.fact.grade is not None
        ]
        dead = [] if self.death is None else [Graded(self.death.fact.on, FATAL_GRADE, self.death.position)]
        return [first, *later, *dead]

    def worse_since(self, start: ClinicalTime) -> Iterator[Graded]:
        """Yield the grades from a moment on that are higher than the one it had then; all, if it began later.

        What may have begun later counts as having begun later.
        """
        before = 0
        for graded in self.grades():
            if graded.on.precedes(start):
                before = graded.grade
            elif graded.grade > before:
                yield graded

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
    def ended(self) -> ClinicalTime | None:
        """When it ended, by the latest word on it."""
        return next((e.fact.ended for e in reversed(self.follow_ups) if e.fact.ended), self.report.fact.ended)

    @property
    def ended_by(self) -> tuple[int, ...]:
        """The position of the follow-up that ended it, where one did."""
        return next(((e.position,) for e in reversed(self.follow_ups) if e.fact.ended), ())

    @property
    def fatal(self) -> bool:
        """Whether it led to death: by its grade, its outcome, or the record of the death."""
        return self.highest_grade == FATAL_GRADE or self.outcome is Outcome.FATAL

    def fatal_by(self, day: date) -> bool:
        """Say whether it had led to death by a day, by its grade or by its outcome."""
        later = (e.fact.outcome for e in reversed(self.follow_ups) if e.fact.on.first <= day and e.fact.outcome)
        graded = any(graded.grade == FATAL_GRADE and graded.on.first <= day for graded in self.grades())
        return graded or next(later, self.report.fact.outcome) is Outcome.FATAL

    def judged(self, agent: Agent) -> Judged:
        """Give the judgement that counts: of each assessor the latest, of the assessors the more related.

        "Not assessed" takes back that an event was unrelated, or unlikely to be, and leaves its participant pending. It
        does not take back more than that, or it would revoke a DLT that nobody judged anew. Of two judgements in one
        entry by one assessor, the more related counts.
        """
        latest = self.latest(agent)
        assessed = [one for one in latest.values() if one[0] is not Relatedness.NOT_ASSESSED]
        if not assessed:
            return Judged(Relatedness.NOT_ASSESSED, tuple(position for _, position in latest.values()))
        relatedness, position = max(assessed, key=lambda one: _ORDER.index(one[0]))
        return Judged(relatedness, (position,))

    def latest(self, agent: Agent) -> dict[Assessor, tuple[Relatedness, int]]:
        """Give the judgement of each assessor that stands, with the position of its entry."""
        latest: dict[Assessor, tuple[Relatedness, int]] = {}
        for attribution, position in self._attributions():
            if attribution.agent is agent:
                before = latest.get(attribution.assessor)
                said = (attribution.relatedness, position)
                latest[attribution.assessor] = said if before is None else _latest_of(before, said)
        return latest

    @property
    def entries(self) -> list[Recorded[AdverseEventReported | AdverseEventFollowedUp | Died]]:
        """Every word on it: the report, the follow-ups, the death."""
        return [self.report, *self.follow_ups, *([] if self.death is None else [self.death])]

    def _attributions(self) -> list[tuple[Attribution, int]]:
        """List every judgement in the order of its date, then of its recording."""
        first = [(attribution, self.report.position) for attribution in self.report.fact.attributions]
        return first + [(one, entry.position) for entry in self.follow_ups for one in entry.fact.attributions]


def _latest_of(before: tuple[Relatedness, int], said: tuple[Relatedness, int]) -> tuple[Relatedness, int]:
    """Give what an assessor says now, who judged before: each with the position of its entry."""
    (old, earlier), (new, later) = before, said
    if Relatedness.NOT_ASSESSED not in (old, new):
        return before if earlier == later and _ORDER.index(old) > _ORDER.index(new) else said
    return before if new is Relatedness.NOT_ASSESSED and old in RELATED else said


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
