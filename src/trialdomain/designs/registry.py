"""The design of a protocol, and decisions by it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import assert_never

import attrs

from trialdomain.designs.by_table.design import ByTable
from trialdomain.designs.design import Design
from trialdomain.designs.notation import Treated, situation_of
from trialdomain.designs.rolling_six.design import RollingSixDesign
from trialdomain.designs.situation import Situation
from trialdomain.designs.three_plus_three.design import ThreePlusThreeDesign
from trialdomain.errors import InputInvalid
from trialdomain.protocol.designs import (
    DEFAULT_DESIGN,
    DESIGNS,
    DesignSpec,
    IntervalSpec,
    RollingSix,
    StateAnswer,
    TableDesign,
    ThreePlusThree,
    is_known,
)
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.values.clinical.decision import Decision, FinalClosing
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally


class DesignUnknown(InputInvalid):
    """The parameters belong to no design of this library."""

    code = "design-unknown"

    def __init__(self, *, kind: str) -> None:
        super().__init__(f"{kind} is not an escalation design of this library: use one of {', '.join(DESIGNS)}")
        self.kind = kind


@lru_cache(maxsize=64)
def design_of(spec: DesignSpec) -> Design:
    """Make the design of some parameters.

    Raises:
        DesignUnknown: the class of the parameters belongs to no design of this library.
    """
    if not is_known(spec):
        raise DesignUnknown(kind=type(spec).__name__)
    match spec:
        case ThreePlusThree():
            return ThreePlusThreeDesign(spec)
        case RollingSix():
            return RollingSixDesign(spec)
        case TableDesign() | IntervalSpec():
            return ByTable(spec)
        case _:
            assert_never(spec)


def state_answer(spec: DesignSpec, *, enrolled: int, dlt: int, pending: int) -> StateAnswer | None:
    """Look up one state of a level in the table of a rolling six; None for a design without such a table.

    Raises:
        StateImpossible: ``dlt`` plus ``pending`` exceeds ``enrolled``.
    """
    if not isinstance(spec, RollingSix):
        return None
    if dlt + pending > enrolled:
        raise StateImpossible(enrolled=enrolled, dlt=dlt, pending=pending)
    return RollingSixDesign(spec).state(enrolled, dlt, pending)


class StateImpossible(InputInvalid):
    """The counts are impossible for a level."""

    code = "state-impossible"

    def __init__(self, *, enrolled: int, dlt: int, pending: int) -> None:
        super().__init__(
            f"{enrolled} enrolled cannot have {dlt} with DLT and {pending} pending among them: correct the counts"
        )
        self.enrolled, self.dlt, self.pending = enrolled, dlt, pending


def situation_after(
    treated: tuple[Treated, ...], *, levels: int, design: DesignSpec, of_protocol: Sequence[DoseLevel] | None = None
) -> Situation:
    """Count a sequence of outcomes under a design; a level that it eliminated on the way stays closed.

    Raises:
        DesignUnknown: the class of the parameters belongs to no design of this library.
        TableExceeded: a level has more evaluable participants than the table of the design.
    """

    def counted(end: int) -> Situation:
        return situation_of(treated[:end], levels=levels, of_protocol=of_protocol)

    asked, whole = design_of(design), counted(len(treated))
    refuse_beyond_table(design, whole.tallies)
    closed = {label for end in range(len(treated)) for label in asked.decide(counted(end)).closed_levels}
    lowest = next((tally.level for tally in whole.tallies if tally.level in closed), None)
    if lowest is None or lowest in asked.decide(whole).closed_levels:
        return whole
    closing = FinalClosing(level=lowest, cause="eliminated before, which more outcomes do not lift")
    return attrs.evolve(whole, final_closings=(closing,))


class TableExceeded(InputInvalid):
    """A level has more participants than the decision table of the design."""

    code = "table-exceeded"

    def __init__(self, *, level: Label, known: int, most: int) -> None:
        super().__init__(
            f"level {level} has {known} participants who are or may become evaluable, and the decision table ends at "
            f"{most}: give a larger max_n in [design], or correct the counts"
        )
        self.level, self.known, self.most = level, known, most


def refuse_beyond_table(design: DesignSpec, tallies: Sequence[Tally]) -> None:
    """Refuse counts for which the decision table of a design has no row.

    A question about counts alone is refused. A log is answered, because what happened is recorded: by the last row.

    Raises:
        TableExceeded: a level has more evaluable participants than the table.
    """
    most = design.most_at_level
    if most is None:
        return
    for tally in tallies:
        if tally.occupied > most:
            raise TableExceeded(level=tally.level, known=tally.occupied, most=most)


def decide(
    situation: Situation,
    *,
    design: DesignSpec = DEFAULT_DESIGN,
    target: int | None = None,
    forecasting: bool = True,
) -> Decision:
    """Decide the next action and the MTD.

    This function is pure: the same situation always has the same decision. It also decides situations that the rule
    would not have reached: late DLTs, revised outcomes, participants beyond the slots.

    Args:
        situation: the tallies of every level, the level treated last, the pending outcomes, the final closings.
        design: the design and its parameters; by default 3+3.
        target: the target recruitment, in infused participants, for the forecast's warning.
        forecasting: whether to compute the forecast, which takes far longer than the decision.
    """
    asked = design_of(design)
    decision = asked.decide(situation)
    return attrs.evolve(decision, forecast=asked.forecast(situation, target=target)) if forecasting else decision
