"""How the participants of one dose level stand."""

from collections.abc import Iterable

import attrs

from trialdomain.values.number import whole_number


def _at_most_evaluable(tally: "Tally", _: "attrs.Attribute[int]", dlts: int) -> None:
    if dlts > tally.evaluable:
        msg = f"level {tally.level} counts {dlts} with DLT among {tally.evaluable} evaluable: a DLT makes evaluable"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class Tally:
    """The participants of one dose level, counted as people, each once.

    A DLT is a participant, so ``dlts`` never exceeds ``evaluable``.

    >>> Tally(level=2, evaluable=3, dlts=1, pending=1).treated
    4
    """

    level: int = attrs.field(validator=whole_number(least=1))
    enrolled: int = attrs.field(default=0, validator=whole_number(least=0))
    """Holding a slot, and not infused yet."""
    evaluable: int = attrs.field(default=0, validator=whole_number(least=0))
    dlts: int = attrs.field(default=0, validator=[whole_number(least=0), _at_most_evaluable])
    pending: int = attrs.field(default=0, validator=whole_number(least=0))
    """Infused, without a DLT, and the observation window not over or not assessed."""
    not_evaluable: int = attrs.field(default=0, validator=whole_number(least=0))
    """Infused, and released to be replaced."""
    most_held: int = attrs.field(default=0, validator=whole_number(least=0))
    """The most who ever held a slot here at the same time: more than a cohort means that it was expanded."""

    @property
    def treated(self) -> int:
        """Everybody infused at this level, whatever became of them."""
        return self.evaluable + self.pending + self.not_evaluable

    @property
    def occupied(self) -> int:
        """The slots in use: who is not evaluable has given theirs back."""
        return self.enrolled + self.pending + self.evaluable


def most_held(gave_back: Iterable[bool]) -> int:
    """Count the most slots in use at once, from who has given theirs back, in the order in which they took them.

    Somebody who gave their slot back held it all the same when taking it, and is taken to have given it back before the
    next one took theirs.

    >>> most_held([False, False, False, True]), most_held([True, False, False, False])
    (4, 3)
    """
    most = kept = 0
    for gone in gave_back:
        most = max(most, kept + 1)
        kept += not gone
    return most
