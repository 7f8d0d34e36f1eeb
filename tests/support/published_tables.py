"""Decision tables of published interval designs, computed by their formulas with SciPy, as a reference for tests."""

from collections.abc import Callable, Iterator
from fractions import Fraction
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


def _rows(target: float, sizes: range, word: Callable[[int, int], TableWord]) -> Iterator[TableRow]:
    for n in sizes:
        for dlt in range(n + 1):
            above = 1 - betainc(dlt + 1, n - dlt + 1, target)
            eliminated = n >= _FEWEST_TO_ELIMINATE and above > _CUTOFF
            yield TableRow(n=n, dlt=dlt, decision=TableWord.ELIMINATE if eliminated else word(n, dlt))
