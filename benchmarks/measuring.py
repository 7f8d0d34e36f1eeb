"""How both sides of a comparison are timed."""

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
        """How many times as fast as the peer this library is."""
        return self.peer / self.ours


def alternating(*sides: Callable[[], float]) -> list[float]:
    """Run each side in turn, and give the median of each."""
    rounds = [[side() for side in sides] for _ in range(ROUNDS)]
    return [median(times) for times in zip(*rounds, strict=True)]


def timed(work: Callable[[], object], units: int = 1) -> float:
    """Give the seconds of one unit of work."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / units
