"""How a trial can end: with an MTD, with no tolerated level, or without an answer."""

from collections.abc import Sequence

import attrs

from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.values.clinical.decision import Mtd, MtdStatus
from trialdomain.values.clinical.level import Label


@attrs.frozen
class Ending:
    """One ending of a trial."""

    name: str
    """The label of the level that is the MTD, as a text; or ``"none"``, or ``"not_established"``."""
    level: Label | None = None
    """The level that is the MTD; None without one."""

    @property
    def words(self) -> str:
        """The ending in words."""
        if self.level is not None:
            return f"MTD at level {self.level}"
        return "none tolerated" if self == NONE_TOLERATED else "not established"


NONE_TOLERATED = Ending("none")
"""Every level is closed, or the design accepts no level as the MTD."""
NOT_ESTABLISHED = Ending("not_established")
"""The trial ended without an answer: at a limit on the participants, or by a table without a target."""


def ending_of(mtd: Mtd | None) -> Ending:
    """Return the ending for the answer of a design that stops; None is a trial that a limit ended."""
    if mtd is None or mtd.status in {MtdStatus.NOT_ESTABLISHED, MtdStatus.OPEN}:
        return NOT_ESTABLISHED
    return NONE_TOLERATED if mtd.level is None else Ending(str(mtd.level), mtd.level)


def endings_of(ladder: Sequence[DoseLevel]) -> tuple[Ending, ...]:
    """Return every ending in the order of reports: none tolerated, the levels from the lowest, not established."""
    return (NONE_TOLERATED, *(Ending(str(level.label), level.label) for level in ladder), NOT_ESTABLISHED)
