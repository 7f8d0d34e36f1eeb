"""The interface of escalation designs."""

from collections.abc import Collection, Sequence
from typing import Protocol

import attrs

from trialdomain.designs.situation import Situation
from trialdomain.protocol.designs import DesignSpec, TableRow
from trialdomain.values.clinical.decision import Decision, Forecast, Mtd
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally


@attrs.frozen(kw_only=True)
class DecisionTable:
    """The decisions of a design as a protocol prints them: one row for each count of DLTs in evaluable participants."""

    rows: tuple[TableRow, ...]
    findings: tuple[str, ...] = ()
    """What the authors of a protocol should know about this table, in sentences."""
    whole: tuple[int, ...]
    """The numbers of evaluable participants at which a cohort is complete, in increasing order."""


@attrs.frozen(kw_only=True)
class DesignWords:
    """A design in words: clauses without a full stop. The decisions of its table are not among them."""

    going: tuple[str, ...]
    """How the trial goes up and down, and what an MTD is."""
    ends: tuple[str, ...]
    """The conditions of which each ends the trial."""


class Design(Protocol):
    """An escalation design: pure functions of a situation. ``design_of`` makes the design of a protocol."""

    @property
    def spec(self) -> DesignSpec:
        """The parameters of the design."""
        ...

    @property
    def forecasts(self) -> bool:
        """Whether the design has forecasts. If it has, a missing forecast is one that would take too long."""
        ...

    def decide(self, situation: Situation) -> Decision:
        """Decide the next action, the number of slots, the closed levels, and the MTD.

        The reason of a wait says what it waits for: its code ends in ``slots-full`` or in ``outcomes-pending``.
        """
        ...

    def start_level(self) -> int:
        """Return the place of the level at which the first participant is treated, from 1."""
        ...

    def opening_slots(self) -> int:
        """Return the number of slots that a level has when it opens."""
        ...

    def slots_at(self, level: Label, situation: Situation) -> int:
        """Return the number of slots at a level where people go on against the recommendation of the design."""
        ...

    def select(self, tallies: Sequence[Tally], closed: Collection[Label]) -> Mtd:
        """Select the MTD from the tallies of every level and the closed levels."""
        ...

    def candidate(self, tally: Tally) -> bool:
        """Say whether people may name a level as a candidate where no MTD is established."""
        ...

    def tolerates(self, tally: Tally) -> bool:
        """Say whether a level that is not closed is tolerated: the rule goes on above it, or it is a candidate.

        It asks for the outcomes of this level alone, wherever it stands: 0 DLTs in 3 at the highest level of 3+3 are
        tolerated, and still no MTD (**choice**).
        """
        ...

    def table(self, max_n: int) -> DecisionTable | None:
        """Return the decisions at one level for up to ``max_n`` evaluable participants; None without a table."""
        ...

    def in_words(self) -> DesignWords:
        """Describe the design for people who read a protocol."""
        ...

    def forecast(self, situation: Situation, *, target: int | None = None) -> Forecast | None:
        """Compute how many evaluable participants each result still needs; None where there is no forecast.

        Args:
            situation: the situation of the trial.
            target: the target recruitment, in infused participants; None ignores it.
        """
        ...
