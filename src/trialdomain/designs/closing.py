"""Which levels outcomes leave open where two DLTs close a level, and what people have recorded as closed."""

from collections.abc import Collection, Sequence

from trialdomain.designs.situation import Situation
from trialdomain.protocol.designs import CLOSING_DLTS
from trialdomain.values.clinical.tally import Tally


def below_closing(tallies: Sequence[Tally], closed: Collection[int] = ()) -> Sequence[Tally]:
    """Give the levels below the lowest that is closed: by 2 DLTs, whatever its size, or because it is named.

    A closing takes all levels above with it.

    Args:
        tallies: every level, from level 1 upwards.
        closed: levels that are closed for another reason.
    """
    by_dlts = (tally.level for tally in tallies if tally.dlts >= CLOSING_DLTS)
    lowest = min((*by_dlts, *closed), default=None)
    return tallies[: None if lowest is None else lowest - 1]


def still_open(situation: Situation) -> Sequence[Tally]:
    """Give the levels that neither outcomes nor people have closed."""
    return below_closing(situation.tallies, [closing.level for closing in situation.final_closings])
