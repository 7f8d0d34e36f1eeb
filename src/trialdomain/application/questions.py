"""What a use case asks the escalation design before it acts."""

from collections.abc import Iterator
from datetime import date

from trialdomain.aggregates.trial import RecruitmentIsFull
from trialdomain.application.view import View
from trialdomain.errors import CommandRefused
from trialdomain.events.participant import Infused
from trialdomain.projections.dlt_counts import dlt_counts
from trialdomain.projections.escalation import Escalation, escalation
from trialdomain.values.decision import Action, Code, Decision


class DesignAbsent(CommandRefused):
    """A decision is asked of a protocol that has no escalation design."""

    def __init__(self, *, trial: str) -> None:
        super().__init__(f"the protocol of {trial} has no escalation design: there is nothing to decide")
        self.trial = trial


class NobodyInTurn(CommandRefused):
    """Somebody would be enrolled while the design, or the people, send nobody to any level."""

    def __init__(self, *, decision: Decision, held: bool) -> None:
        because = "" if decision.because is None else f": {decision.because.text}"
        what = "people decided to wait" if held else decision.action.value
        super().__init__(f"nobody is to be enrolled now ({what}){because}")
        self.decision, self.held = decision, held


class LevelNotInTurn(CommandRefused):
    """Somebody would be treated at a level that is closed, or not the one in turn."""

    def __init__(self, *, level: int, in_turn: int | None, closed: bool) -> None:
        turn = "no level is in turn" if in_turn is None else f"level {in_turn} is in turn"
        super().__init__(
            f"level {level} is {'closed' if closed else 'not in turn'}, and {turn}: reassign, or correct the level"
        )
        self.level, self.in_turn, self.closed = level, in_turn, closed


class StaggerNotKept(CommandRefused):
    """Somebody would be infused sooner after the one before than the protocol allows."""

    def __init__(self, *, level: int, until: date) -> None:
        super().__init__(f"the next infusion at level {level} is not before {until}: wait until then")
        self.level, self.until = level, until


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


def against_enrollment_at(state: Escalation, level: int) -> Iterator[CommandRefused]:
    """Yield each rule of the design that an enrollment at a level would break."""
    decision = state.decision
    because = decision.because and decision.because.code
    pending = decision.action is Action.WAIT and because is Code.OUTCOMES_PENDING
    if state.held or decision.level is None or (pending and state.level_in_turn == decision.level):
        yield NobodyInTurn(decision=decision, held=state.held)
    elif level != state.level_in_turn:
        yield _not_in_turn(state, level)


def against_recruitment(view: View, *, on: date) -> Iterator[CommandRefused]:
    """Yield that recruitment is full, where the protocol limits how many are infused."""
    most = view.protocol.max_infused
    if most is None:
        return
    counts = dlt_counts(view.casebook(on=on), on=on)
    taken = sum(tally.treated + tally.enrolled for tally in counts.tallies) + len(counts.unassigned)
    if taken >= most:
        yield RecruitmentIsFull(infused=taken, most=most)


def against_infusion_at(state: Escalation, fact: Infused) -> Iterator[CommandRefused]:
    """Yield each rule of the design that an infusion would break."""
    if fact.level != state.level_in_turn or fact.level in state.decision.closed_levels:
        yield _not_in_turn(state, fact.level)
    until = state.not_before
    if until is not None and fact.level == state.level_in_turn and fact.started_at.last < until:
        yield StaggerNotKept(level=fact.level, until=until)


def _not_in_turn(state: Escalation, level: int) -> LevelNotInTurn:
    return LevelNotInTurn(level=level, in_turn=state.level_in_turn, closed=level in state.decision.closed_levels)
