"""Intervals, medians and curves of the endpoints.

The exact interval needs SciPy (the extra ``stats``); without it there is none, and :data:`NO_SCIPY` says so. Curves are
the product-limit sums themselves. Methods: Clopper and Pearson 1934; Kaplan and Meier 1958; Aalen and Johansen 1978.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from statistics import mean as mean_of
from statistics import median as median_of

import attrs

from trialdomain.values.word import Word

NO_SCIPY = "exact intervals need SciPy, which is not installed: install trialdomain[stats]"
LEVEL = 0.95
"""Of every interval."""


@attrs.frozen
class Interval:
    """A confidence interval, as two fractions."""

    lower: float
    upper: float


@cache
def exact_interval(n: int, of: int) -> Interval | None:
    """Give the exact 95 % interval of n in N (Clopper and Pearson); None of nobody, or without SciPy.

    >>> interval = exact_interval(0, 3)
    >>> round(interval.upper, 4)  # 1 - 0.025 ** (1 / 3)
    0.7076
    """
    if not of:
        return None
    try:
        from scipy.special import betaincinv  # noqa: PLC0415 - an extra, and slow to import: only who asks waits for it
    except ImportError:
        return None
    tail = (1 - LEVEL) / 2
    lower = 0.0 if n == 0 else float(betaincinv(n, of - n + 1, tail))
    upper = 1.0 if n == of else float(betaincinv(n + 1, of - n, 1 - tail))
    return Interval(lower, upper)


def has_scipy() -> bool:
    """Say whether exact intervals can be had."""
    return exact_interval(1, 2) is not None


@attrs.frozen(kw_only=True)
class Spread:
    """The median and range of some numbers; all None of none."""

    number: int
    median: float | None
    least: int | None
    most: int | None
    mean: float | None

    @classmethod
    def of(cls, values: Iterable[int]) -> "Spread":
        """Describe numbers; the median of an even number of them is the mean of the two in the middle."""
        found = sorted(values)
        if not found:
            return cls(number=0, median=None, least=None, most=None, mean=None)
        return cls(
            number=len(found),
            median=float(median_of(found)),
            least=found[0],
            most=found[-1],
            mean=float(mean_of(found)),
        )


class Ending(Word):
    """How the observation of a time ended."""

    EVENT = "event"
    COMPETING = "competing"
    CENSORED = "censored"


@attrs.frozen
class Step:
    """One time at which a curve changes, or somebody is censored."""

    days: int
    at_risk: int
    events: int
    competing: int
    censored: int
    incidence: float
    """The estimated probability that the event has happened by this day."""


@attrs.frozen(kw_only=True)
class Curve:
    """A cumulative incidence."""

    steps: tuple[Step, ...]
    median: int | None
    """The first day by which the event has happened with a probability of at least one half; None: not reached."""

    def at(self, days: int) -> float:
        """Give the estimated probability that the event has happened by a day."""
        return next((step.incidence for step in reversed(self.steps) if step.days <= days), 0.0)


_HALF = 0.5
_ROUNDING = 1e-12
"""A sum of fractions may miss one half by as much."""


def cumulative_incidence(times: Sequence[tuple[int, Ending]]) -> Curve:
    """Estimate how probable an event is by each day (Aalen and Johansen).

    Without competing events this is one minus the Kaplan-Meier estimate. Of one day, events come before censorings.

    Args:
        times: for each person the days from the start, and how their observation ended.

    >>> endings = Ending.EVENT, Ending.COMPETING, Ending.EVENT, Ending.CENSORED
    >>> curve = cumulative_incidence(list(zip((1, 2, 3, 4), endings, strict=True)))
    >>> [round(step.incidence, 2) for step in curve.steps], curve.median
    ([0.25, 0.25, 0.5, 0.5], 3)
    """
    counted = Counter(times)
    at_risk, surviving, incidence = len(times), 1.0, 0.0
    steps = []
    for days in sorted({days for days, _ in times}):
        events, competing, censored = (counted[days, ending] for ending in Ending)
        incidence += surviving * events / at_risk
        surviving *= 1 - (events + competing) / at_risk
        steps.append(Step(days, at_risk, events, competing, censored, incidence))
        at_risk -= events + competing + censored
    median = next((step.days for step in steps if step.incidence >= _HALF - _ROUNDING), None)
    return Curve(steps=tuple(steps), median=median)
