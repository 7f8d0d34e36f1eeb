"""The counts of the participants at one dose level."""

from collections.abc import Iterable

import attrs

from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.level import Label, as_label, level_label
from trialdomain.values.number import whole_number


def _at_most_evaluable(tally: "Tally", _: "attrs.Attribute[int]", dlts: int) -> None:
    if dlts > tally.evaluable:
        msg = f"level {tally.level} counts {dlts} with DLT among {tally.evaluable} evaluable: a DLT makes evaluable"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class Tally:
    """The counts of the participants at one dose level; each participant counts once.

    ``dlts`` counts participants with a DLT, so it never exceeds ``evaluable``.

    >>> Tally(level=2, evaluable=3, dlts=1, pending=1).treated
    4
    """

    level: Label = attrs.field(converter=as_label, validator=level_label)
    place: int = attrs.field(default=0, validator=whole_number(least=0), repr=False)
    """The place of the level in the order of escalation, from 1; by default the number that is its label."""
    dose: Dose | None = attrs.field(default=None, repr=False)
    """The dose of the level, if it is known."""
    enrolled: int = attrs.field(default=0, validator=whole_number(least=0))
    """Participants who hold a slot and are not infused yet."""
    evaluable: int = attrs.field(default=0, validator=whole_number(least=0))
    dlts: int = attrs.field(default=0, validator=[whole_number(least=0), _at_most_evaluable])
    pending: int = attrs.field(default=0, validator=whole_number(least=0))
    """Infused participants without a DLT whose observation window is not over or not assessed."""
    not_evaluable: int = attrs.field(default=0, validator=whole_number(least=0))
    """Infused participants who are not evaluable and released their slot for a replacement."""
    most_held: int = attrs.field(default=0, validator=whole_number(least=0))
    """The peak number of slots held at the same time; more than a cohort means that the level was expanded."""

    def __attrs_post_init__(self) -> None:
        """Take the place from the label where it is not given; refuse a tally without one."""
        if self.place == 0 and isinstance(self.level, int):
            object.__setattr__(self, "place", self.level)
        if self.place < 1:
            raise ValueError(f"level {self.level} has no place in the order of the levels: give it, from 1")

    @property
    def treated(self) -> int:
        """All participants infused at this level."""
        return self.evaluable + self.pending + self.not_evaluable

    @property
    def occupied(self) -> int:
        """The slots in use; participants who are not evaluable have given theirs back."""
        return self.enrolled + self.pending + self.evaluable


def most_held(gave_back: Iterable[bool]) -> int:
    """Return the peak number of slots in use, from a flag for each participant, in the order of taking slots.

    The flag is whether the participant gave the slot back. Such a participant counts when taking the slot, and is
    assumed to have given it back before the next participant took one.

    >>> most_held([False, False, False, True]), most_held([True, False, False, False])
    (4, 3)
    """
    most = kept = 0
    for gone in gave_back:
        if kept == most:
            most += 1
        if not gone:
            kept += 1
    return most
