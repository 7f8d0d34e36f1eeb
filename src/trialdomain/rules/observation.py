"""The observation: the first and the last day on which the endpoints of one participant are observed.

Source: NCT06245746, secondary outcomes: from the start of chemotherapy to 42 days after it. The facts that open and end
the observation are this library's choice (docs/endpoints/README.md). Days are elapsed calendar days at the site.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

import attrs

from trialdomain.events.participant import (
    ChemotherapyGiven,
    ChemotherapyStarted,
    Died,
    Infused,
    NewTherapyStarted,
    ParticipantFact,
    Relapsed,
)
from trialdomain.events.recorded import Recorded
from trialdomain.protocol.endpoints.parts import Anchor
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.rules.evaluability import LastSeen
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.word import Word


class EndedBy(Word):
    """Why the observation ended; of two reasons on one day, the first one in this order."""

    DEATH = "death"
    WINDOW = "window"
    RELAPSE = "relapse"
    NEW_THERAPY = "new-therapy"
    NEXT_CYCLE = "next-cycle"
    WITHDREW = "withdrew"
    LOST = "lost-to-follow-up"
    COMPLETED = "completed-follow-up"
    CUT_OFF = "cut-off"


_PRECEDENCE = list(EndedBy)


class Outside(Word):
    """Why a participant is outside the analysis set, or not in it yet."""

    NOTHING_BEGUN = "nothing-begun"
    """Neither chemotherapy nor the infusion has begun."""
    LEFT_BEFORE = "left-before"
    """The participant failed the screening, left or died before chemotherapy and the infusion."""
    NOT_INFUSED = "not-infused"
    NO_CHEMOTHERAPY = "no-chemotherapy"


@attrs.frozen
class Ending:
    """One reason why an observation ends: the last day, and the position of its entry."""

    on: date
    by: EndedBy
    position: int | None = None
    imputed: bool = False
    """Whether a partial date was completed with a day."""


@attrs.frozen
class Beginning:
    """A new treatment or a relapse, before which an observation ends."""

    when: ClinicalTime
    by: EndedBy
    position: int

    def before(self, start: date) -> Ending:
        """End an observation on the day before; a partial date is its earliest possible day since the start."""
        return Ending(self.when.first_since(start) - timedelta(days=1), self.by, self.position, self.when.day is None)


@attrs.frozen(kw_only=True)
class Observation:
    """The days on which the endpoints of one participant are judged, both ends inclusive."""

    start: date
    """Day 0."""
    window_last: date
    end: date
    """The last day; it lies before ``start`` where the observation ended before it began."""
    ended_by: EndedBy
    ended_position: int | None
    confirmed_until: date
    """The last day on which a value may confirm a recovery that began in the window."""
    opened_by: tuple[int, ...]
    """The positions of the start of chemotherapy, where that is the anchor, and of the infusion."""
    infusion_first: bool
    """Whether chemotherapy began only after the infusion."""
    imputed: bool
    """Whether a partial date was completed with a day."""

    def day(self, on: date) -> int:
        """Return the elapsed days from the start."""
        return (on - self.start).days

    def holds(self, on: date) -> bool:
        """Say whether a day was observed."""
        return self.start <= on <= self.end

    def onset(self, when: ClinicalTime) -> date:
        """Complete a partial onset: its earliest possible day, or the observation's start where that is possible."""
        return when.first_since(self.start)

    @property
    def whole(self) -> bool:
        """Whether the observation lasted to the end of the window."""
        return self.ended_by is EndedBy.WINDOW


@attrs.frozen
class _Start:
    on: ClinicalTime
    position: int


def starts_of(
    started: Sequence[Recorded[ChemotherapyStarted]], given: Sequence[Recorded[ChemotherapyGiven]]
) -> list[_Start]:
    """List the starts of chemotherapy in the order of their days.

    Every recorded start counts. A cycle without a recorded start began with its first administration.
    """
    return _in_order(
        [(entry.fact, entry.position) for entry in started], [(entry.fact, entry.position) for entry in given]
    )


def starts_among(facts: Sequence[ParticipantFact]) -> list[_Start]:
    """List the starts of chemotherapy among the facts of a participant, as :func:`starts_of` does.

    Args:
        facts: the facts in the order of their recording, which replaces positions.
    """
    numbered = list(enumerate(facts))
    return _in_order(
        [(fact, number) for number, fact in numbered if isinstance(fact, ChemotherapyStarted)],
        [(fact, number) for number, fact in numbered if isinstance(fact, ChemotherapyGiven)],
    )


def _in_order(
    started: Sequence[tuple[ChemotherapyStarted, int]], given: Sequence[tuple[ChemotherapyGiven, int]]
) -> list[_Start]:
    starts = [_Start(fact.on, position) for fact, position in started]
    named = {fact.cycle for fact, _ in started}
    first_of: dict[int, _Start] = {}
    for fact, position in given:
        if fact.cycle not in named:
            one = _Start(fact.started_on, position)
            first_of[fact.cycle] = min(first_of.get(fact.cycle, one), one, key=_day_of)
    return sorted([*starts, *first_of.values()], key=_day_of)


def cycle_of(starts: Sequence[_Start], infused: date) -> _Start | None:
    """Return the start of the infusion's cycle: the last one on or before its day, else the first after it.

    It is t0 of the endpoints, and the latest day for the performance status. None without chemotherapy.
    """
    before = [start for start in starts if start.on.first <= infused]
    return before[-1] if before else next(iter(starts), None)


def _day_of(start: _Start) -> tuple[date, int]:
    return start.on.first, start.position


def observe(
    *,
    infusion: Recorded[Infused] | None,
    starts: Sequence[_Start],
    endings: Iterable[Ending],
    beginnings: Iterable[Beginning] = (),
    left: bool,
    rules: EndpointRules,
    on: date,
) -> Observation | Outside:
    """Compute the observation of one participant, or the reason why they are outside the analysis set.

    Args:
        infusion: the first infusion.
        starts: the starts of chemotherapy, in the order of their days.
        endings: the facts that end observation with their day; see :func:`endings_of`.
        beginnings: the facts that end it on the day before, besides the next cycle; see :func:`beginnings_of`.
        left: whether the participant failed the screening, left or died.
        rules: the endpoint rules of the protocol.
        on: the data cut-off.
    """
    by_infusion = rules.anchor is Anchor.INFUSION
    if infusion is None:
        if starts and not by_infusion:
            return Outside.NOT_INFUSED
        return Outside.LEFT_BEFORE if left else Outside.NOTHING_BEGUN
    infused = infusion.fact.started_at.first
    anchor = cycle_of(starts, infused)
    if anchor is None and not by_infusion:
        return Outside.NO_CHEMOTHERAPY
    start = infused if by_infusion or anchor is None else anchor.on.first
    opened = {infusion.position, *(() if anchor is None else (anchor.position,))}
    window_last = start + timedelta(days=rules.window_days)
    following = following_cycles(starts, infused)
    stops = [attrs.evolve(one, on=min(one.on, on)) for one in endings]
    stops += [one.before(start) for one in (*beginnings, *following) if one.when.last >= start]
    stops.append(Ending(on, EndedBy.CUT_OFF))
    first = _earliest([*stops, Ending(window_last, EndedBy.WINDOW)])
    extra = rules.max_gap_days if rules.confirm_after_window else 0
    return Observation(
        start=start,
        window_last=window_last,
        end=first.on,
        ended_by=first.by,
        ended_position=first.position,
        confirmed_until=min(_earliest(stops).on, window_last + timedelta(days=extra)),
        opened_by=tuple(sorted(opened)),
        infusion_first=not by_infusion and anchor is not None and anchor.on.first > infused,
        imputed=first.imputed or (not by_infusion and anchor is not None and anchor.on.day is None),
    )


def following_cycles(starts: Sequence[_Start], infused: date) -> list[Beginning]:
    """List the cycles of chemotherapy after the one of the infusion, whichever of the two is the anchor.

    Args:
        starts: the starts of chemotherapy, in the order of their days.
        infused: the day of the infusion.
    """
    own = cycle_of(starts, infused)
    if own is None:
        return []
    return [Beginning(one.on, EndedBy.NEXT_CYCLE, one.position) for one in starts if one.on.first > own.on.first]


def endings_of(
    *,
    death: Recorded[Died] | None,
    left: Sequence[tuple[EndedBy, LastSeen]],
) -> Iterator[Ending]:
    """Yield the facts that end an observation with their day; a partial date counts as its latest possible day."""
    if death is not None:
        yield Ending(death.fact.on.last, EndedBy.DEATH, death.position, death.fact.on.day is None)
    for by, seen in left:
        yield Ending(seen.last, by, seen.position, seen.on.day is None)


def beginnings_of(
    *, relapses: Sequence[Recorded[Relapsed]], therapies: Sequence[Recorded[NewTherapyStarted]]
) -> Iterator[Beginning]:
    """Yield the facts before which an observation ends; the caller ignores those before its start.

    The day of such a fact is excluded, since an observation on it may come from the new treatment or the relapse.
    """
    for relapse in relapses:
        yield Beginning(relapse.fact.on, EndedBy.RELAPSE, relapse.position)
    for therapy in therapies:
        yield Beginning(therapy.fact.on, EndedBy.NEW_THERAPY, therapy.position)


def _earliest(endings: Sequence[Ending]) -> Ending:
    return min(endings, key=lambda one: (one.on, _PRECEDENCE.index(one.by), one.position or 0))
