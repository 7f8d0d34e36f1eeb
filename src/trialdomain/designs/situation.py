"""The situation of a trial: the whole input of an escalation design."""

from collections import Counter
from collections.abc import Sequence

import attrs

from trialdomain.values.clinical.decision import Awaited, FinalClosing
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.in_short import in_short


def _one_tally_per_level(_: "Situation", __: "attrs.Attribute[tuple[Tally, ...]]", tallies: tuple[Tally, ...]) -> None:
    places, labels = [tally.place for tally in tallies], {tally.level for tally in tallies}
    if not tallies or len(labels) != len(tallies) or places != list(range(1, len(tallies) + 1)):
        msg = "tallies must name every dose level once, from level 1 upwards"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class Situation:
    """The situation of the trial at one moment, the input of an escalation design.

    Raises:
        ValueError: a level has no tally, the last level or the slots do not fit the levels, or the pending
            participants are not all named.
    """

    __repr__ = in_short

    tallies: tuple[Tally, ...] = attrs.field(validator=_one_tally_per_level)
    """One tally for every dose level of the protocol, from level 1 upwards."""
    last_level: Label | None = None
    """The level of the participant treated last; None before the first treatment."""
    awaited: tuple[Awaited, ...] = ()
    """All participants whose outcome is pending."""
    final_closings: tuple[FinalClosing, ...] = ()
    slots: tuple[tuple[int, ...], ...] = ()
    """By level, the totals of slots that people opened, in order: (3, 6) is a cohort of 3 and then another one.

    Empty where slots are not known, as in the outcomes notation.
    """
    in_order: tuple[tuple[Label, bool | None], ...] = ()
    """The level of each participant who is evaluable or pending, in the order of infusion, and whether they had a DLT;
    None while it is pending. Empty where the order is not known."""

    def __attrs_post_init__(self) -> None:
        """Refuse fields that contradict the tallies."""
        if self.slots and len(self.slots) != len(self.tallies):
            msg = f"slots name {len(self.slots)} levels, but there are {len(self.tallies)} dose levels"
            raise ValueError(msg)
        if self.last_level is not None and self.last_place is None:
            msg = f"level {self.last_level} was treated last, but there are {len(self.tallies)} dose levels"
            raise ValueError(msg)
        named = Counter(awaited.level for awaited in self.awaited)
        for tally in self.tallies:
            if named[tally.level] != tally.pending:
                msg = f"level {tally.level} has {tally.pending} pending, but {named[tally.level]} are named"
                raise ValueError(msg)

    @property
    def last_place(self) -> int | None:
        """The place of the level treated last, from 1; None before the first treatment."""
        return next((tally.place for tally in self.tallies if tally.level == self.last_level), None)

    def tally_of(self, level: Label) -> Tally:
        """Return the tally of a level.

        Raises:
            KeyError: there is no such level.
        """
        for tally in self.tallies:
            if tally.level == level:
                return tally
        raise KeyError(level)

    def labels_from(self, place: int) -> tuple[Label, ...]:
        """Return the labels of the levels from a place upwards."""
        return tuple(tally.level for tally in self.tallies[place - 1 :])

    def awaited_at(self, levels: Sequence[Tally]) -> tuple[Awaited, ...]:
        """Return the participants whose outcome is pending at some levels, in the order of the levels."""
        places = {tally.level: tally.place for tally in levels}
        return tuple(sorted((a for a in self.awaited if a.level in places), key=lambda a: places[a.level]))
