"""When a blood count became severe, and when it recovered.

Sources: CTCAE v5.0 for the thresholds; the CIBMTR forms manual for recovery (three consecutive values; of platelets,
each at least 7 days after the last transfusion). What counts as consecutive, and what as observed, is a choice.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from enum import Enum
from itertools import pairwise

import attrs

from trialdomain.protocol.endpoint_rules import EndpointRules, Recovery, RecoveryAnchor
from trialdomain.rules.counts import Day, Lab
from trialdomain.rules.observation import Observation


class Seen(Enum):
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
    """The course of one count: everything that the outcomes about it ask."""

    seen: Seen
    gap: tuple[date, date] | None
    """The first two days further apart than allowed: measured ones, or an end of the observation."""
    around_gap: tuple[int, ...]
    """The positions of the results at its ends."""
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
    fell_again: Step | None
    """The first value below the threshold after recovery."""
    episodes: tuple[Episode, ...]
    """From each first value below to recovery, in the window."""


@attrs.frozen
class _Read:
    """The days that decide something, and the rule that they are read by."""

    days: Sequence[Day]
    """Up to the last one that may confirm a recovery."""
    given: Sequence[Given]
    rule: Recovery
    max_gap: int
    frame: Observation

    def below(self) -> Iterator[Step]:
        """Yield the severe days of the window."""
        for day in self.days:
            if self.frame.holds(day.on) and (entry := day.below(self.rule.threshold)) is not None:
                yield Step(day.on, entry, day.derived is not None)

    def held_back_on(self, on: date) -> list[int]:
        """Name the transfusions that are too near for a value of that day to count."""
        free = self.rule.transfusion_free_days
        return [one.position for one in self.given if free and 0 <= (on - one.on).days < free]

    def recovery(self, anchor: Step) -> Episode:
        """Find the first run towards recovery that is complete, after a day; or say how far it had come."""
        run: list[Step] = []
        held: set[int] = set()
        last = before = anchor.on  # the last day that shows anything, and the last one before the run
        for day in self.days:
            if day.on <= anchor.on:
                continue
            entry = day.reaches(self.rule.target)
            if entry is None and day.below(self.rule.target) is None:
                continue
            near = self.held_back_on(day.on) if entry is not None else []
            if entry is None or near:
                held.update(near)
                run, last = [], day.on
                continue
            if run and (self._too_far(run[-1].on, day.on) or self._given_within(run[0].on, day.on)):
                run = []
            before = before if run else last
            run.append(Step(day.on, entry))
            last = day.on
            if run[0].on > self.frame.end:
                break
            if len(run) == self.rule.consecutive:
                ended = run[0].on - timedelta(days=1)
                return Episode(first=anchor, last=ended, run=tuple(run), held_back=tuple(sorted(held)))
        under_way = bool(run) and run[0].on <= self.frame.end
        known = max(before, self.frame.start) if under_way else self.frame.end
        return Episode(first=anchor, last=known, run=(), held_back=tuple(sorted(held)), unconfirmed=under_way)

    def _too_far(self, one: date, other: date) -> bool:
        return (other - one).days > self.max_gap

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
    decided = [day for day in days if _decides(day, rule) and day.on <= frame.confirmed_until]
    read = _Read([day for day in decided if day.on >= frame.start], given, rule, rules.max_gap_days, frame)
    below = list(read.below())
    baseline = _baseline(decided, rule, frame, rules)
    measured = [day for day in read.days if day.on <= frame.end and _measured(day, rule)]
    seen, gap, around = _seen(measured, frame, rules)
    anchor = _anchor(below, read, baseline)
    found = None if anchor is None else read.recovery(anchor)
    recovered = found if found is not None and found.run else None
    return CountCourse(
        seen=seen,
        gap=gap,
        around_gap=around,
        baseline=baseline,
        first_below=below[0] if below else None,
        anchor=anchor,
        recovered=recovered,
        censored_on=frame.end if found is None else found.last,
        unconfirmed=found is not None and found.unconfirmed,
        fell_again=None if recovered is None else next((one for one in below if one.on > recovered.run[0].on), None),
        episodes=tuple(_episodes(below, read)),
    )


def _decides(day: Day, rule: Recovery) -> bool:
    """Say whether a day shows anything: a bound may leave it open, and so do leukocytes that are not below."""
    limits = {rule.threshold, rule.target}
    return any(day.below(limit) is not None or day.reaches(limit) is not None for limit in limits)


def _measured(day: Day, rule: Recovery) -> bool:
    """Say whether a day shows on which side of the threshold the count was."""
    return day.below(rule.threshold) is not None or day.reaches(rule.threshold) is not None


def _baseline(days: Sequence[Day], rule: Recovery, frame: Observation, rules: EndpointRules) -> Step | None:
    """Find the last value before the start, within the days of a baseline, if it was severe."""
    earliest = frame.start - timedelta(days=rules.baseline_days)
    before = [day for day in days if earliest <= day.on < frame.start and _measured(day, rule)]
    entry = before[-1].below(rule.threshold) if before else None
    return None if entry is None else Step(before[-1].on, entry, before[-1].derived is not None)


def _seen(
    days: Sequence[Day], frame: Observation, rules: EndpointRules
) -> tuple[Seen, tuple[date, date] | None, tuple[int, ...]]:
    """Say whether the count was followed without a gap from the start to the end of observation."""
    if not days:
        return Seen.NOT_MEASURED, None, ()
    points = [(frame.start, None), *((day.on, day.entry.position) for day in days), (frame.end, None)]
    for (one, before), (other, after) in pairwise(points):
        if (other - one).days > rules.max_gap_days:
            return Seen.GAP, (one, other), tuple(position for position in (before, after) if position is not None)
    return Seen.WHOLE, None, ()


def _anchor(below: Sequence[Step], read: _Read, baseline: Step | None) -> Step | None:
    """Choose the severe value after which recovery is looked for; of somebody severe before the start, that one."""
    if not below:
        return baseline
    match read.rule.anchor:
        case RecoveryAnchor.FIRST_BELOW:
            return below[0]
        case RecoveryAnchor.LAST_BELOW:
            return below[-1]
        case RecoveryAnchor.NADIR:
            lowest = {day.on: day.order for day in read.days}
            return min(below, key=lambda one: (lowest[one.on], one.on))


def _episodes(below: Sequence[Step], read: _Read) -> Iterator[Episode]:
    """Yield each episode: after a recovery the next value below begins another."""
    rest = list(below)
    while rest:
        episode = read.recovery(rest[0])
        yield episode
        if not episode.run:
            return
        rest = [one for one in rest if one.on > episode.run[0].on]
