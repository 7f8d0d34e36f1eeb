"""Recovery of blood counts: the day on which a count became severe, and the day on which it recovered.

Sources: CTCAE v5.0 for the thresholds; the CIBMTR forms manual for recovery (three consecutive values; of platelets,
each at least 7 days after the last transfusion). The meanings of "consecutive" and "observed" are choices.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

import attrs

from trialdomain.protocol.endpoints.parts import Recovery, RecoveryAnchor
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.rules.counts import Day, Lab
from trialdomain.rules.observation import Observation
from trialdomain.values.given.in_short import in_short
from trialdomain.values.word import Word


class Coverage(Word):
    """Whether a count was measured without a gap from the start to the end of the observation."""

    WHOLE = "whole"
    GAP = "gap"
    NOT_MEASURED = "no-measurement"


@attrs.frozen
class Given:
    """A transfusion of the product that raises the count: its day, and its position."""

    on: date
    position: int
    imputed: bool = False
    """Whether a partial date was completed with a day."""


@attrs.frozen
class Step:
    """One day on which the count was below the threshold, or counted towards recovery."""

    on: date
    entry: Lab
    derived: bool = False


@attrs.frozen(kw_only=True)
class Episode:
    """A severe episode: from the first severe value to the day before recovery."""

    first: Step
    last: date
    """The last day, inclusive. Without recovery: the end of observation, or the last day before an unconfirmed run."""
    run: tuple[Step, ...]
    """The consecutive values that show the recovery; empty without recovery."""
    held_back: tuple[int, ...] = ()
    """The positions of the transfusions because of which values before the run did not count."""
    undecided: tuple[int, ...] = ()
    """The positions of results that ended a run, since their bound leaves open whether they count."""
    unconfirmed: bool = False
    """Whether a run towards recovery was under way when the observation ended."""

    @property
    def days(self) -> int:
        """The number of days, both ends inclusive."""
        return (self.last - self.first.on).days + 1

    @property
    def ongoing(self) -> bool:
        """Whether it had not ended when the observation ended."""
        return not self.run


@attrs.frozen(kw_only=True)
class CountCourse:
    """The course of one count, with all values that its endpoints need."""

    __repr__ = in_short

    coverage: Coverage
    gap: tuple[date, date] | None
    """The first two consecutive measured days, or ends of the observation, that are further apart than allowed."""
    around_gap: tuple[int, ...]
    """The positions of the results at the ends of the gap."""
    last_measured: date | None
    """The last day of the observation with a result."""
    baseline: Step | None
    """The last value before the start, where it was severe."""
    first_below: Step | None
    """The first severe value in the window."""
    anchor: Step | None
    """The severe value after which recovery is searched; None for a participant whose count was never severe."""
    recovered: Episode | None
    """The episode from the anchor to recovery; None without recovery."""
    censored_on: date
    """The last day on which the count had certainly not recovered, where it did not recover."""
    unconfirmed: bool
    """Whether a run towards recovery was under way when the observation ended."""
    undecided: tuple[int, ...]
    """The positions of results before the recovery whose open bound ended a run."""
    fell_again: Step | None
    """The first value below the threshold after recovery."""
    episodes: tuple[Episode, ...]
    """The episodes in the window, each from its first severe value to recovery."""


class _Shown(NamedTuple):
    """The results of one day that show each fact; None where no result shows it."""

    on: date
    below: Lab | None
    """Shows that the count was severe."""
    not_below: Lab | None
    """Shows that the count was not severe."""
    enough: Lab | None
    """Shows that the day counts towards recovery."""
    too_low: Lab | None
    """Shows that the day does not count towards recovery."""
    day: Day

    @property
    def measured(self) -> Lab | None:
        """The result that shows the count below, or not below, the threshold."""
        return self.below or self.not_below

    @property
    def says_nothing(self) -> bool:
        """Whether only leukocytes were measured, and they were not low: that is no value of neutrophils.

        A value with an open bound is a value: it was measured, but does not show a recovery.
        """
        return self.day.derived is not None and self.too_low is None

    def step(self) -> Step | None:
        """Return the severe value as a step."""
        return None if self.below is None else Step(self.on, self.below, self.day.derived is not None)


def _shown(day: Day, rule: Recovery) -> _Shown:
    below, not_below = day.judged(rule.threshold)
    if rule.recovered_from is None:
        return _Shown(day.on, below, not_below, not_below, below, day)
    too_low, enough = day.judged(rule.recovered_from)
    return _Shown(day.on, below, not_below, enough, too_low, day)


@attrs.frozen
class _Read:
    """The days of the window and of the confirmation period, with the rule of recovery."""

    days: Sequence[_Shown]
    given: Sequence[Given]
    rule: Recovery
    max_gap: int
    frame: Observation

    def held_back_on(self, on: date) -> list[int]:
        """Return the transfusions that are too recent for a value of that day to count."""
        free = self.rule.transfusion_free_days
        return [one.position for one in self.given if free and 0 <= (on - one.on).days < free]

    def recovery(self, anchor: Step) -> Episode:
        """Find the first complete run towards recovery after the anchor; else return the episode without recovery."""
        run: list[Step] = []
        held: set[int] = set()
        undecided: set[int] = set()
        last = before = anchor.on  # the last day with a value, and the last such day before the run
        for day in self.days:
            on, entry = day.on, day.enough
            if on <= anchor.on or day.says_nothing:
                continue
            if run and entry is None and day.too_low is None:
                undecided.update(day.day.positions)
            near = self.held_back_on(on) if entry is not None and self.given else []
            if entry is None or near:
                held.update(near)
                run, last = [], on
                continue
            if run and ((on - run[-1].on).days > self.max_gap or self._given_within(run[0].on, on)):
                run = []
            before = before if run else last
            run.append(Step(on, entry))
            last = on
            if run[0].on > self.frame.end:
                break
            if len(run) == self.rule.consecutive:
                ended = run[0].on - timedelta(days=1)
                return Episode(
                    first=anchor,
                    last=ended,
                    run=tuple(run),
                    held_back=tuple(sorted(held)),
                    undecided=tuple(sorted(undecided)),
                )
        under_way = bool(run) and run[0].on <= self.frame.end
        known = max(before, self.frame.start) if under_way else self.frame.end
        return Episode(
            first=anchor,
            last=known,
            run=(),
            held_back=tuple(sorted(held)),
            undecided=tuple(sorted(undecided)),
            unconfirmed=under_way,
        )

    def _given_within(self, first: date, last: date) -> bool:
        free = self.rule.transfusion_free_days
        return bool(free) and any(first <= one.on <= last for one in self.given)


def course_of(
    days: Sequence[Day], given: Sequence[Given], *, rule: Recovery, frame: Observation, rules: EndpointRules
) -> CountCourse:
    """Compute the course of one count of one participant.

    Args:
        days: the measured days, from the baseline days before the start on.
        given: the transfusions of the product that raises the count.
        rule: the threshold, and the rule of recovery.
        frame: the days of the observation.
        rules: the endpoint rules: the allowed gap between consecutive values, and the days of the baseline.
    """
    shown = [_shown(day, rule) for day in days if day.on <= frame.confirmed_until]
    since = [day for day in shown if day.on >= frame.start]
    within = [day for day in since if day.on <= frame.end]
    below = [step for day in within if (step := day.step()) is not None]
    coverage, gap, around = _coverage([(day.on, lab.position) for day in within if (lab := day.measured)], frame, rules)
    measured = [day.on for day in within if day.measured]
    baseline = _baseline(shown[: len(shown) - len(since)], frame, rules)
    read = _Read(since, given, rule, rules.max_gap_days, frame)
    anchor = _anchor(below, within, rule) or baseline
    found = None if anchor is None else read.recovery(anchor)
    recovered = found if found is not None and found.run else None
    return CountCourse(
        coverage=coverage,
        gap=gap,
        around_gap=around,
        last_measured=measured[-1] if measured else None,
        baseline=baseline,
        first_below=below[0] if below else None,
        anchor=anchor,
        recovered=recovered,
        censored_on=frame.end if found is None else found.last,
        unconfirmed=found is not None and found.unconfirmed,
        undecided=() if found is None else found.undecided,
        fell_again=None if recovered is None else next((one for one in below if one.on > recovered.run[0].on), None),
        episodes=tuple(_episodes(below, read, found)),
    )


def _baseline(before: Sequence[_Shown], frame: Observation, rules: EndpointRules) -> Step | None:
    """Find the last value before the start, within the baseline days, if it was severe."""
    earliest = frame.start - timedelta(days=rules.baseline_days)
    measured = [day for day in before if day.on >= earliest and day.measured is not None]
    return measured[-1].step() if measured else None


def _coverage(
    days: Sequence[tuple[date, int]], frame: Observation, rules: EndpointRules
) -> tuple[Coverage, tuple[date, date] | None, tuple[int, ...]]:
    """Say whether the count was measured without a gap from the start to the end of the observation."""
    if not days:
        return Coverage.NOT_MEASURED, None, ()
    points = [(frame.start, None), *days, (frame.end, None)]
    for (one, before), (other, after) in pairwise(points):
        if (other - one).days > rules.max_gap_days:
            return Coverage.GAP, (one, other), tuple(position for position in (before, after) if position is not None)
    return Coverage.WHOLE, None, ()


def _anchor(below: Sequence[Step], within: Sequence[_Shown], rule: Recovery) -> Step | None:
    """Choose the severe value after which recovery is searched."""
    if not below:
        return None
    match rule.anchor:
        case RecoveryAnchor.FIRST_BELOW:
            return below[0]
        case RecoveryAnchor.LAST_BELOW:
            return below[-1]
        case RecoveryAnchor.NADIR:
            lowest = {day.on: day.day.order for day in within}
            return min(below, key=lambda one: (lowest[one.on], one.on))


def _episodes(below: Sequence[Step], read: _Read, found: Episode | None) -> Iterator[Episode]:
    """Yield each episode: after a recovery, the next severe value begins another one."""
    rest = list(below)
    while rest:
        episode = found if found is not None and found.first == rest[0] else read.recovery(rest[0])
        yield episode
        if not episode.run:
            return
        rest = [one for one in rest if one.on > episode.run[0].on]
