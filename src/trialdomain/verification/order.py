"""Which of a few lines stand out of the order of their positions: the fewest that can, and not all that follow one."""

from collections.abc import Collection, Sequence
from typing import TypeAlias

WINDOW = 1_024
"""Lines that are looked at together."""
_LINE = 2 * WINDOW
"""What a line adds to a run, beside 1 where it stands where it would stand in order: more than all those together."""
_Run: TypeAlias = tuple[int, float, int]
"""How much it has of that, how low it ends, and in which line: the last two below 0, so that the largest is best."""
_NO_RUN: _Run = (0, 0, 1)


def in_order(positions: Sequence[float | None], *, after: int) -> Collection[int]:
    """Number the lines that stand in order, from 0: those of the longest run of increasing positions.

    Of two runs that are as long it is the one in which more lines stand where they would stand in order, then the one
    that ends lower, and then the one that ends first.

    >>> sorted(in_order([1, 2, 7, 3, 4], after=0)), sorted(in_order([8, 9, 1, 2, 3], after=0))
    ([0, 1, 3, 4], [2, 3, 4])

    Args:
        positions: of the lines; None for a line that has none.
        after: the position of the last line before them: one that is not larger stands out of order.
    """
    placed = [(number, position) for number, position in enumerate(positions) if position is not None]
    if all(one[1] < other[1] for one, other in zip([(0, after), *placed], placed, strict=False)):
        return range(len(positions))
    placed = [(number, position) for number, position in placed if position > after]
    due = sorted(position for _, position in placed)
    ranks = {position: rank for rank, position in enumerate(sorted(set(due)), start=1)}
    best = [_NO_RUN] * (len(ranks) + 1)  # of runs that end with some ranks, as in a Fenwick tree
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
