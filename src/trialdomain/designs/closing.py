"""The open levels: DLTs close a level, and recorded closings close further ones."""

from collections.abc import Callable, Collection, Sequence

from trialdomain.designs.situation import Situation
from trialdomain.protocol.designs import CLOSING_DLTS
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally


def two_dlts(tally: Tally) -> bool:
    """Say whether a level has 2 DLTs, whatever its size (Storer 1989; Skolnik 2008)."""
    return tally.dlts >= CLOSING_DLTS


def below_closing(
    tallies: Sequence[Tally], closed: Collection[Label] = (), *, closes: Callable[[Tally], bool] = two_dlts
) -> Sequence[Tally]:
    """Return the levels below the lowest closed one: closed by its DLTs, or listed in ``closed``.

    A closing also closes all levels above it.

    Args:
        tallies: every level, from level 1 upwards.
        closed: levels that are closed for another reason.
        closes: whether the outcomes of a level close it.
    """
    lowest = min((tally.place for tally in tallies if closes(tally) or tally.level in closed), default=None)
    return tallies[: None if lowest is None else lowest - 1]


def still_open(situation: Situation, *, closes: Callable[[Tally], bool] = two_dlts) -> Sequence[Tally]:
    """Return the levels that neither outcomes nor recorded closings have closed."""
    return below_closing(situation.tallies, [closing.level for closing in situation.final_closings], closes=closes)
