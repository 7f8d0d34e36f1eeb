"""Finding the lines out of order, by the longest increasing run of positions: the smallest possible number of lines."""

from collections.abc import Collection, Sequence
from typing import TypeAlias

WINDOW = 1_024
"""The number of lines that are compared together."""
_LINE = 2 * WINDOW
"""The score of a line in a run; a line at its sorted place scores 1 more. So length always counts before place."""
_Run: TypeAlias = tuple[int, float, int]
"""A run: its score, its last position and its last line; the last two are negative, so that the largest run is best."""
_NO_RUN: _Run = (0, 0, 1)


def in_order(positions: Sequence[float | None], *, after: int) -> Collection[int]:
    """Return the numbers, from 0, of the lines in order: the longest run of increasing positions.

    Of two runs of the same length, it takes the one with more lines at their sorted place; then the one with the lower
    last position; then the one that ends first.

    >>> sorted(in_order([1, 2, 7, 3, 4], after=0)), sorted(in_order([8, 9, 1, 2, 3], after=0))
    ([0, 1, 3, 4], [2, 3, 4])

    Args:
        positions: the positions of the lines; None for a line without one.
        after: the position of the last line before them; a position that is not larger is out of order.
    """
    placed = [(number, position) for number, position in enumerate(positions) if position is not None]
    if all(one[1] < other[1] for one, other in zip([(0, after), *placed], placed, strict=False)):
        return range(len(positions))
    placed = [(number, position) for number, position in placed if position > after]
    due = sorted(position for _, position in placed)
    ranks = {position: rank for rank, position in enumerate(sorted(set(due)), start=1)}
    best = [_NO_RUN] * (len(ranks) + 1)  # a Fenwick tree: the best run by the rank of its last position
    before: dict[int, int] = {}
    for (number, position), expected in zip(placed, due, strict=True):
        length, _, ends = _best_below(best, ranks[position])
        before[number] = -ends
        run = (length + _LINE + (position == expected), -position, -number)
        at = ranks[position]
        while at < len(best):
            best[at] = max(best[at], run)
            at += at & -at
    kept: set[int] = set()
    number = -_best_below(best, len(best))[2]
    while number >= 0:
        kept.add(number)
        number = before[number]
    return kept


def _best_below(best: Sequence[_Run], rank: int) -> _Run:
    found, at = _NO_RUN, rank - 1
    while at > 0:
        found = max(found, best[at])
        at -= at & -at
    return found
