"""The open levels, where two DLTs close a level and recorded closings close further ones."""

from collections.abc import Collection, Sequence

from trialdomain.designs.situation import Situation
from trialdomain.protocol.designs import CLOSING_DLTS
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally


def below_closing(tallies: Sequence[Tally], closed: Collection[Label] = ()) -> Sequence[Tally]:
    """Return the levels below the lowest closed one: closed by 2 DLTs, whatever its size, or listed in ``closed``.

    A closing also closes all levels above it.

    Args:
        tallies: every level, from level 1 upwards.
        closed: levels that are closed for another reason.
    """
    shut = (tally.place for tally in tallies if tally.dlts >= CLOSING_DLTS or tally.level in closed)
    lowest = min(shut, default=None)
    return tallies[: None if lowest is None else lowest - 1]


def still_open(situation: Situation) -> Sequence[Tally]:
    """Return the levels that neither outcomes nor recorded closings have closed."""
    return below_closing(situation.tallies, [closing.level for closing in situation.final_closings])
