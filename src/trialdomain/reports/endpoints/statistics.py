"""Confidence intervals, medians and cumulative incidence of the endpoints.

The exact interval needs SciPy (the extra ``stats``). Without SciPy there is no interval, and the report shows
:data:`NO_SCIPY`. Curves are computed here as product-limit sums.

Methods: Clopper and Pearson 1934; Kaplan and Meier 1958; Aalen and Johansen 1978.
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
"""The confidence level of every interval."""


@attrs.frozen
class Interval:
    """A confidence interval with two fractions as its bounds."""

    lower: float
    upper: float


@cache
def exact_interval(n: int, of: int) -> Interval | None:
    """Compute the exact 95 % interval of n in N (Clopper and Pearson); None if N is 0 or SciPy is not installed.

    >>> interval = exact_interval(0, 3)
    >>> round(interval.upper, 4)  # 1 - 0.025 ** (1 / 3)
    0.7076
    """
    if not of:
        return None
    try:
        from scipy.special import betaincinv  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        return None
    tail = (1 - LEVEL) / 2
    lower = 0.0 if n == 0 else float(betaincinv(n, of - n + 1, tail))
    upper = 1.0 if n == of else float(betaincinv(n + 1, of - n, 1 - tail))
    return Interval(lower, upper)


def has_scipy() -> bool:
    """Return whether SciPy is installed, so that exact intervals can be computed."""
    return exact_interval(1, 2) is not None


@attrs.frozen(kw_only=True)
class Spread:
    """The median, range and mean of some numbers; all None if there are no numbers."""

    number: int
    median: float | None
    least: int | None
    most: int | None
    mean: float | None

    @classmethod
    def of(cls, values: Iterable[int]) -> "Spread":
        """Summarize numbers. The median of an even count is the mean of the two middle numbers."""
        ordered = sorted(values)
        if not ordered:
            return cls(number=0, median=None, least=None, most=None, mean=None)
        return cls(
            number=len(ordered),
            median=float(median_of(ordered)),
            least=ordered[0],
            most=ordered[-1],
            mean=float(mean_of(ordered)),
        )


class Ending(Word):
    """How the observation of a time to event ended."""

    EVENT = "event"
    COMPETING = "competing"
    CENSORED = "censored"


@attrs.frozen
class Step:
    """One time at which the curve changes or a participant is censored."""

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
    """The first day with an estimated probability of at least one half; None if it is never reached."""

    def at(self, days: int) -> float:
        """Return the estimated probability that the event has happened by a day."""
        return next((step.incidence for step in reversed(self.steps) if step.days <= days), 0.0)


_HALF = 0.5
_ROUNDING = 1e-12
"""The tolerance for rounding errors when a sum of floats is compared with one half."""


def cumulative_incidence(times: Sequence[tuple[int, Ending]]) -> Curve:
    """Estimate the cumulative incidence of an event by day (Aalen and Johansen).

    Without competing events the estimate is one minus Kaplan-Meier. Events precede censorings of the same day.

    Args:
        times: for each participant the days from the start, and how the observation ended.

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
