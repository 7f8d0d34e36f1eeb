"""What a use case asks the escalation design before it acts."""

from datetime import date

from trialdomain.application.view import View
from trialdomain.errors import CommandRefused
from trialdomain.projections.escalation import Escalation, escalation
from trialdomain.values.decision import Action, Code, Decision


class DesignAbsent(CommandRefused):
    """A decision is asked of a protocol that has no escalation design."""

    def __init__(self, *, trial: str) -> None:
        super().__init__(f"the protocol of {trial} has no escalation design: there is nothing to decide")
        self.trial = trial


class LevelNotInTurn(CommandRefused):
    """Somebody would be enrolled while the design sends nobody to any level."""

    def __init__(self, *, decision: Decision) -> None:
        because = "" if decision.because is None else f": {decision.because.text}"
        super().__init__(f"nobody is to be enrolled now ({decision.action.value}){because}")
        self.decision = decision


def escalation_state(view: View, *, on: date) -> Escalation:
    """Ask the design, on what the view has read.

    Raises:
        DesignAbsent: the protocol has no design.
    """
    view.cohorts()  # into the read set: what changes a count changes a cohort's stream
    state = escalation(view.casebook(on=on), on=on)
    if state is None:
        raise DesignAbsent(trial=view.id)
    return state


def level_in_turn(view: View, *, on: date) -> int:
    """Say at which level somebody enrolled on a day belongs.

    Raises:
        LevelNotInTurn: the design sends nobody to any level.
    """
    decision = escalation_state(view, on=on).decision
    because = decision.because and decision.because.code
    if decision.level is None or (decision.action is Action.WAIT and because is Code.OUTCOMES_PENDING):
        raise LevelNotInTurn(decision=decision)
    return decision.level
