"""Which design a protocol names."""

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
    RollingSix,
    StateAnswer,
    TableDesign,
    ThreePlusThree,
    is_known,
)
from trialdomain.values.clinical.decision import Decision, FinalClosing


class DesignUnknown(InputInvalid):
    """The parameters are not those of a design of this library."""

    code = "design-unknown"

    def __init__(self, *, kind: str) -> None:
        super().__init__(f"{kind} is no escalation design of this library: use one of {', '.join(DESIGNS)}")
        self.kind = kind


@lru_cache(maxsize=64)
def design_of(spec: DesignSpec) -> Design:
    """Give the design of some parameters.

    Raises:
        DesignUnknown: a class of parameters that this library does not have.
    """
    if not is_known(spec):
        raise DesignUnknown(kind=type(spec).__name__)
    match spec:
        case ThreePlusThree():
            return ThreePlusThreeDesign(spec)
        case RollingSix():
            return RollingSixDesign(spec)
        case TableDesign():
            return ByTable(spec)
        case _:
            assert_never(spec)


def state_answer(spec: DesignSpec, *, enrolled: int, dlt: int, pending: int) -> StateAnswer | None:
    """Look up one state of a level in the table of a rolling six; None for a design without such a table.

    Raises:
        StateImpossible: those with DLT and pending are more than those enrolled.
    """
    if not isinstance(spec, RollingSix):
        return None
    if dlt + pending > enrolled:
        raise StateImpossible(enrolled=enrolled, dlt=dlt, pending=pending)
    return RollingSixDesign(spec).state(enrolled, dlt, pending)


class StateImpossible(InputInvalid):
    """Counts are no state of a level."""

    code = "state-impossible"

    def __init__(self, *, enrolled: int, dlt: int, pending: int) -> None:
        super().__init__(
            f"{enrolled} enrolled cannot have {dlt} with DLT and {pending} pending among them: correct the counts"
        )
        self.enrolled, self.dlt, self.pending = enrolled, dlt, pending


def situation_after(treated: tuple[Treated, ...], *, levels: int, design: DesignSpec) -> Situation:
    """Count a sequence of outcomes under a design: what it eliminated on the way stays so, whatever came later.

    Raises:
        DesignUnknown: a class of parameters that this library does not have.
    """
    asked, whole = design_of(design), situation_of(treated, levels=levels)
    seen = (situation_of(treated[:end], levels=levels) for end in range(1, len(treated) + 1))
    lowest = min((level for one in seen for level in asked.decide(one).closed_levels), default=None)
    if lowest is None or lowest in asked.decide(whole).closed_levels:
        return whole
    closing = FinalClosing(level=lowest, cause="eliminated before, which more outcomes do not lift")
    return attrs.evolve(whole, final_closings=(closing,))


def decide(
    situation: Situation,
    *,
    design: DesignSpec = DEFAULT_DESIGN,
    target: int | None = None,
    forecasting: bool = True,
) -> Decision:
    """Answer what to do next, and what the MTD is.

    Pure: the same situation always has the same answer. Whatever happened is answered, also what the rule would not
    have done: late DLTs, revised outcomes, participants beyond the slots.

    Args:
        situation: the tallies of every level, who was treated last, who is pending, what is finally closed.
        design: the design and its parameters; by default 3+3.
        target: the target recruitment, in infused participants, for the forecast's warning.
        forecasting: whether to look ahead, which takes far longer than to decide.
    """
    asked = design_of(design)
    decision = asked.decide(situation)
    return attrs.evolve(decision, forecast=asked.forecast(situation, target=target)) if forecasting else decision
