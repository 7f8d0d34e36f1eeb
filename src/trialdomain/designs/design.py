"""What every escalation design answers; what it decides by is its own."""

from collections.abc import Collection, Sequence
from typing import Protocol

import attrs

from trialdomain.designs.situation import Situation
from trialdomain.protocol.designs import DesignSpec, TableRow
from trialdomain.values.clinical.decision import Decision, Forecast, Mtd
from trialdomain.values.clinical.tally import Tally


@attrs.frozen(kw_only=True)
class DecisionTable:
    """The decisions of a design as a protocol prints them: one row for each count, by evaluable participants."""

    rows: tuple[TableRow, ...]


class Design(Protocol):
    """An escalation design: pure functions of what was observed. ``design_of`` gives the one of a protocol."""

    @property
    def spec(self) -> DesignSpec:
        """Its parameters."""
        ...

    @property
    def forecasts(self) -> bool:
        """Whether it has forecasts; where it has, one that is missing is one that would take too long."""
        ...

    def decide(self, situation: Situation) -> Decision:
        """Answer what to do next, with how many slots, which levels are closed, and what the MTD is.

        A wait says for what: the code of its reason ends in ``slots-full`` or in ``outcomes-pending``.
        """
        ...

    def start_level(self) -> int:
        """Say at which level the first participant is treated."""
        ...

    def opening_slots(self) -> int:
        """Say how many slots a level has when it opens."""
        ...

    def slots_at(self, level: int, situation: Situation) -> int:
        """Say how many may hold a slot at a level where people go on although the design would do otherwise."""
        ...

    def select(self, tallies: Sequence[Tally], closed: Collection[int]) -> Mtd:
        """Answer what the MTD is, from tallies of every level and the levels that are closed."""
        ...

    def candidate(self, tally: Tally) -> bool:
        """Say whether people may name a level as a candidate where no MTD is established."""
        ...

    def table(self, max_n: int) -> DecisionTable | None:
        """Give the decisions at one level for up to so many evaluable participants; None where no table says it."""
        ...

    def forecast(self, situation: Situation, *, target: int | None = None) -> Forecast | None:
        """Say how many evaluable participants each outcome still needs; None where that cannot be said.

        Args:
            situation: what the design looks at.
            target: the target recruitment, in infused participants; None leaves it out of account.
        """
        ...
