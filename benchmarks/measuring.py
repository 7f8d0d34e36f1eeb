"""Timing of comparisons between this library and its peers."""

import time
from collections.abc import Callable
from statistics import median

import attrs

ROUNDS = 5


@attrs.frozen(kw_only=True)
class Measured:
    """One comparison: the median seconds of each side, for one unit of work."""

    what: str
    ours: float
    peer: float
    against: str
    expected: float

    @property
    def ratio(self) -> float:
        """The speed of this library relative to the peer; above 1 this library is faster."""
        return self.peer / self.ours


def alternating(*sides: Callable[[], float]) -> list[float]:
    """Run the sides alternately for several rounds, and return the median time of each."""
    rounds = [[side() for side in sides] for _ in range(ROUNDS)]
    return [median(times) for times in zip(*rounds, strict=True)]


def timed(work: Callable[[], object], units: int = 1) -> float:
    """Run the work, and return the seconds per unit of work."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / units
