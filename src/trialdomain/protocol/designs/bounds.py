"""The decision table of an interval design, as the three bounds that publications print for each number."""

from collections.abc import Iterator, Sequence

import attrs

from trialdomain.protocol.designs.table import TableWord
from trialdomain.protocol.faults import refuse
from trialdomain.values.given.in_short import in_short


@attrs.frozen(kw_only=True)
class TableBounds:
    """The bounds of an interval design, one for each number of evaluable participants at a level from 1.

    A protocol stores them, and every decision and audit reads them; they are made once, from the parameters.
    """

    __repr__ = in_short

    made_for: str
    """The parameters that the bounds follow from; other parameters need other bounds."""
    escalate: tuple[int, ...]
    """The most DLTs with which the design escalates; -1 where no number of DLTs does."""
    de_escalate: tuple[int, ...]
    """The fewest DLTs with which it de-escalates; n + 1 where no number of DLTs does."""
    eliminate: tuple[int, ...]
    """The fewest DLTs with which it eliminates the level; n + 1 where no number of DLTs does."""
    stop: tuple[int, ...] = ()
    """The fewest DLTs at level 1 with which the extra safety rule ends the trial; empty without that rule."""

    def __attrs_post_init__(self) -> None:
        """Refuse bounds of different lengths, or in an order in which more DLTs give a bolder answer."""
        refuse(_faults(self))

    @property
    def most(self) -> int:
        """The largest number of evaluable participants at a level."""
        return len(self.escalate)

    def word(self, n: int, dlt: int) -> TableWord:
        """Return the decision for a number of evaluable participants, 1 to ``most``, and of DLTs among them."""
        if dlt >= self.eliminate[n - 1]:
            return TableWord.ELIMINATE
        if dlt >= self.de_escalate[n - 1]:
            return TableWord.DE_ESCALATE
        return TableWord.ESCALATE if dlt <= self.escalate[n - 1] else TableWord.STAY


def bounds_of(
    words: Sequence[Sequence[TableWord]], *, made_for: str, stop: Sequence[int | None] | None = None
) -> TableBounds:
    """Make the bounds from the decisions for 1, 2, ... evaluable participants, each for 0 to n DLTs.

    Args:
        words: the decisions.
        made_for: the parameters that they follow from.
        stop: the fewest DLTs at level 1 that end the trial, for each number; None without extra safety.
    """
    down = (TableWord.DE_ESCALATE, TableWord.ELIMINATE)
    return TableBounds(
        made_for=made_for,
        escalate=tuple(
            max((y for y, word in enumerate(of_n) if word is TableWord.ESCALATE), default=-1) for of_n in words
        ),
        de_escalate=tuple(_fewest(of_n, down) for of_n in words),
        eliminate=tuple(_fewest(of_n, down[1:]) for of_n in words),
        stop=() if stop is None else tuple(n + 1 if one is None else one for n, one in enumerate(stop, start=1)),
    )


def _fewest(words: Sequence[TableWord], wanted: Sequence[TableWord]) -> int:
    return next((dlts for dlts, word in enumerate(words) if word in wanted), len(words))


def _faults(bounds: TableBounds) -> Iterator[str]:
    every = (bounds.escalate, bounds.de_escalate, bounds.eliminate)
    lengths = {len(one) for one in (*every, *([bounds.stop] if bounds.stop else []))}
    if len(lengths) != 1 or not bounds.escalate:
        yield "design.table needs one bound of each kind for each number of evaluable participants from 1"
        return
    for n, (up, down, out) in enumerate(zip(*every, strict=True), start=1):
        if not -1 <= up < down <= out <= n + 1:
            yield f"design.table at {n} evaluable: the bounds to escalate, de-escalate and eliminate are not in order"
    for n, one in enumerate(bounds.stop, start=1):
        if not 0 <= one <= n + 1:
            yield f"design.table at {n} evaluable: the bound to stop is not from 0 to {n + 1}"
