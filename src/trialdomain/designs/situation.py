"""Everything that an escalation design looks at, and nothing else."""

from collections import Counter
from collections.abc import Sequence

import attrs

from trialdomain.values.clinical.decision import Awaited, FinalClosing
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.in_short import in_short


def _one_tally_per_level(_: "Situation", __: "attrs.Attribute[tuple[Tally, ...]]", tallies: tuple[Tally, ...]) -> None:
    if [tally.level for tally in tallies] != list(range(1, len(tallies) + 1)) or not tallies:
        msg = "tallies must name every dose level once, from level 1 upwards"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class Situation:
    """The trial at one moment, as an escalation design sees it.

    Raises:
        ValueError: a level without its tally, a last level or slots beyond them, or somebody pending who is not named.
    """

    __repr__ = in_short

    tallies: tuple[Tally, ...] = attrs.field(validator=_one_tally_per_level)
    """One for every dose level of the protocol, from level 1 upwards."""
    last_level: int | None = None
    """The level of the participant treated last; None before the first."""
    awaited: tuple[Awaited, ...] = ()
    """Everybody whose outcome is pending."""
    final_closings: tuple[FinalClosing, ...] = ()
    slots: tuple[tuple[int, ...], ...] = ()
    """By level, the numbers of slots that people opened, one after another: (3, 6) is a cohort of 3 and then another.

    Empty where nothing is known of slots, as in the outcomes notation.
    """

    def __attrs_post_init__(self) -> None:
        """Refuse what contradicts the tallies."""
        if self.slots and len(self.slots) != len(self.tallies):
            msg = f"slots name {len(self.slots)} levels, but there are {len(self.tallies)} dose levels"
            raise ValueError(msg)
        if self.last_level is not None and not 1 <= self.last_level <= len(self.tallies):
            msg = f"level {self.last_level} was treated last, but there are {len(self.tallies)} dose levels"
            raise ValueError(msg)
        named = Counter(awaited.level for awaited in self.awaited)
        for tally in self.tallies:
            if named[tally.level] != tally.pending:
                msg = f"level {tally.level} has {tally.pending} pending, but {named[tally.level]} are named"
                raise ValueError(msg)

    def awaited_at(self, levels: Sequence[Tally]) -> tuple[Awaited, ...]:
        """Name those whose outcome is pending at some levels, in the order of the levels."""
        wanted = {tally.level for tally in levels}
        return tuple(sorted((a for a in self.awaited if a.level in wanted), key=lambda a: a.level))
