"""Decision tables of published interval designs, computed by their formulas with SciPy, as a reference for tests."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from math import log

from scipy.special import betainc

from trialdomain import TableRow, TableWord

_CUTOFF = 0.95
_FEWEST_TO_ELIMINATE = 3


def boin(target: float, sizes: range) -> tuple[TableRow, ...]:
    """Give the table of BOIN (Liu and Yuan 2015) with its default bounds, 0.6 and 1.4 of the target."""
    low, high = 0.6 * target, 1.4 * target
    up = log((1 - low) / (1 - target)) / log(target * (1 - low) / (low * (1 - target)))
    down = log((1 - target) / (1 - high)) / log(high * (1 - target) / (target * (1 - high)))

    def word(n: int, dlt: int) -> TableWord:
        if dlt / n <= up:
            return TableWord.ESCALATE
        return TableWord.DE_ESCALATE if dlt / n >= down else TableWord.STAY

    return tuple(_rows(target, sizes, word))


def i3_plus_3(target: float, sizes: range) -> tuple[TableRow, ...]:
    """Give the table of i3+3 (Liu, Wang and Ji 2020) with intervals of 0.05 on both sides of the target."""
    low, high = (Fraction(str(target)) + by for by in (Fraction(-1, 20), Fraction(1, 20)))

    def word(n: int, dlt: int) -> TableWord:
        if Fraction(dlt, n) < low:
            return TableWord.ESCALATE
        if Fraction(dlt, n) <= high or Fraction(dlt - 1, n) < low:
            return TableWord.STAY
        return TableWord.DE_ESCALATE

    return tuple(_rows(target, sizes, word))


def strongest_key(low: float, high: float, n: int, dlt: int) -> tuple[int, float]:
    """Give where the strongest of all keys is (-1 below the target key, 0, 1 above), and its lead over the next one.

    The keys and the compensation of the two end keys are those of the R package Keyboard, as Yan et al. 2017 and Guo et
    al. 2017 (mTPI-2) describe them.
    """
    width = high - low
    below = [low - width * at for at in range(int(low / width + 1e-9), 0, -1)]
    above = [high + width * at for at in range(1, int((1 - high) / width + 1e-9) + 1)]
    edges = [0.0] if not below or below[0] > 1e-9 else []
    edges += [*below, low, high, *above]
    edges += [1.0] if edges[-1] < 1 - 1e-9 else []
    target = edges.index(low)
    density = [
        float(betainc(dlt + 1, n - dlt + 1, min(end, 1)) - betainc(dlt + 1, n - dlt + 1, max(start, 0))) / (end - start)
        for start, end in pairwise(edges)
    ]
    best, second = sorted(range(len(density)), key=density.__getitem__)[:-3:-1]
    return (best > target) - (best < target), density[best] - density[second]


def _rows(target: float, sizes: range, word: Callable[[int, int], TableWord]) -> Iterator[TableRow]:
    for n in sizes:
        for dlt in range(n + 1):
            above = 1 - betainc(dlt + 1, n - dlt + 1, target)
            eliminated = n >= _FEWEST_TO_ELIMINATE and above > _CUTOFF
            yield TableRow(n=n, dlt=dlt, decision=TableWord.ELIMINATE if eliminated else word(n, dlt))
