"""When a blood count became severe, and when it recovered.

Sources: CTCAE v5.0 for the thresholds; the CIBMTR forms manual for recovery (three consecutive values; of platelets,
each at least 7 days after the last transfusion). What counts as consecutive, and what as observed, is a choice.
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


class Seen(Word):
    """How a count was observed from the start to the end of observation, as far as it decides anything."""

    WHOLE = "whole"
    GAP = "gap"
    NOT_MEASURED = "no-measurement"


@attrs.frozen
class Given:
    """A transfusion of the product that raises the count: its day, and its entry."""

    on: date
    position: int
    imputed: bool = False
    """Whether the day of a partial date was completed for this."""


@attrs.frozen
class Step:
    """One day on which the count was below the threshold, or counted towards recovery."""

    on: date
    entry: Lab
    derived: bool = False


@attrs.frozen(kw_only=True)
class Episode:
    """From the first severe value to the day before recovery."""

    first: Step
    last: date
    """Inclusive; where it did not recover, the end of observation, or the last date before an unconfirmed run."""
    run: tuple[Step, ...]
    """The values that show the recovery; empty while it goes on."""
    held_back: tuple[int, ...] = ()
    """The positions of the transfusions without which values before the run would have counted."""
    undecided: tuple[int, ...] = ()
    """The positions of results whose bound leaves open whether they count, and that so ended a run."""
    unconfirmed: bool = False
    """Whether a run towards recovery was under way when the observation ended."""

    @property
    def days(self) -> int:
        """How long it lasted, both days inclusive."""
        return (self.last - self.first.on).days + 1

    @property
    def ongoing(self) -> bool:
        """Whether it had not ended when the observation did."""
        return not self.run


@attrs.frozen(kw_only=True)
class CountCourse:
    """The course of one count: everything that the endpoints about it ask."""

    __repr__ = in_short

    seen: Seen
    gap: tuple[date, date] | None
    """The first two days further apart than allowed: measured ones, or an end of the observation."""
    around_gap: tuple[int, ...]
    """The positions of the results at its ends."""
    last_measured: date | None
    """The last day of the observation with a result."""
    baseline: Step | None
    """The last value before the start, where it was severe already."""
    first_below: Step | None
    """In the window."""
    anchor: Step | None
    """After which recovery is looked for; None for somebody who was never below."""
    recovered: Episode | None
    """From the anchor to recovery."""
    censored_on: date
    """Until when it is known that there was no recovery, where there was none."""
    unconfirmed: bool
    """Whether a run towards recovery was under way when the observation ended."""
    undecided: tuple[int, ...]
    """The positions of results before the recovery whose bound leaves open whether they count, and that ended a run."""
    fell_again: Step | None
    """The first value below the threshold after recovery."""
    episodes: tuple[Episode, ...]
    """From each first value below to recovery, in the window."""


class _Shown(NamedTuple):
    """What one day shows: each the result that does, or None."""

    on: date
    below: Lab | None
    """That the count was severe."""
    not_below: Lab | None
    """That it was not."""
    enough: Lab | None
    """That it counts towards recovery."""
    too_low: Lab | None
    """That it does not."""
    day: Day

    @property
    def measured(self) -> Lab | None:
        """The result that tells on which side of the threshold the count was."""
        return self.below or self.not_below

    @property
    def says_nothing(self) -> bool:
        """Whether leukocytes alone were measured, and not low: that is no value of neutrophils.

        A value whose bound leaves it open is one: it was measured, and not shown to have recovered.
        """
        return self.day.derived is not None and self.too_low is None

    def step(self) -> Step | None:
        """Give the severe value."""
        return None if self.below is None else Step(self.on, self.below, self.day.derived is not None)


def _shown(day: Day, rule: Recovery) -> _Shown:
    below, not_below = day.judged(rule.threshold)
    if rule.recovered_from is None:
        return _Shown(day.on, below, not_below, not_below, below, day)
    too_low, enough = day.judged(rule.recovered_from)
    return _Shown(day.on, below, not_below, enough, too_low, day)


@attrs.frozen
class _Read:
    """The days of the window, and of what may confirm a recovery, and the rule that they are read by."""

    days: Sequence[_Shown]
    given: Sequence[Given]
    rule: Recovery
    max_gap: int
    frame: Observation

    def held_back_on(self, on: date) -> list[int]:
        """Name the transfusions that are too near for a value of that day to count."""
        free = self.rule.transfusion_free_days
        return [one.position for one in self.given if free and 0 <= (on - one.on).days < free]

    def recovery(self, anchor: Step) -> Episode:
        """Find the first run towards recovery that is complete, after a day; or say how far it had come."""
        run: list[Step] = []
        held: set[int] = set()
        undecided: set[int] = set()
        last = before = anchor.on  # the last day that shows anything, and the last one before the run
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
    """Follow one count of one participant.

    Args:
        days: what was measured, from the baseline days before the start on.
        given: the transfusions of the product that raises it.
        rule: its threshold, and when it has recovered.
        frame: the days of the observation.
        rules: the gap between consecutive values, and the days of the baseline.
    """
    shown = [_shown(day, rule) for day in days if day.on <= frame.confirmed_until]
    since = [day for day in shown if day.on >= frame.start]
    within = [day for day in since if day.on <= frame.end]
    below = [step for day in within if (step := day.step()) is not None]
    seen, gap, around = _seen([(day.on, lab.position) for day in within if (lab := day.measured)], frame, rules)
    measured = [day.on for day in within if day.measured]
    baseline = _baseline(shown[: len(shown) - len(since)], frame, rules)
    read = _Read(since, given, rule, rules.max_gap_days, frame)
    anchor = _anchor(below, within, rule) or baseline
    found = None if anchor is None else read.recovery(anchor)
    recovered = found if found is not None and found.run else None
    return CountCourse(
        seen=seen,
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
    """Find the last value before the start, within the days of a baseline, if it was severe."""
    earliest = frame.start - timedelta(days=rules.baseline_days)
    measured = [day for day in before if day.on >= earliest and day.measured is not None]
    return measured[-1].step() if measured else None


def _seen(
    days: Sequence[tuple[date, int]], frame: Observation, rules: EndpointRules
) -> tuple[Seen, tuple[date, date] | None, tuple[int, ...]]:
    """Say whether the count was followed without a gap from the start to the end of observation."""
    if not days:
        return Seen.NOT_MEASURED, None, ()
    points = [(frame.start, None), *days, (frame.end, None)]
    for (one, before), (other, after) in pairwise(points):
        if (other - one).days > rules.max_gap_days:
            return Seen.GAP, (one, other), tuple(position for position in (before, after) if position is not None)
    return Seen.WHOLE, None, ()


def _anchor(below: Sequence[Step], within: Sequence[_Shown], rule: Recovery) -> Step | None:
    """Choose the severe value after which recovery is looked for."""
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
    """Yield each episode: after a recovery the next value below begins another."""
    rest = list(below)
    while rest:
        episode = found if found is not None and found.first == rest[0] else read.recovery(rest[0])
        yield episode
        if not episode.run:
            return
        rest = [one for one in rest if one.on > episode.run[0].on]
