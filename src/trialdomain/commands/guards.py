"""Guards of use cases: rules of the escalation design that an act must keep."""

from collections.abc import Iterator
from datetime import date

from trialdomain.aggregates.cohort import Cohort, NoFreeSlot
from trialdomain.aggregates.infusions import (
    against_amount,
    against_hold,
    against_number,
    against_sentinel_days,
    against_stagger,
)
from trialdomain.commands.snapshot import Snapshot
from trialdomain.errors import CommandRefused
from trialdomain.events.participant import Enrolled, Infused
from trialdomain.projections.dlt_counts import Member, members_of
from trialdomain.projections.escalation import Escalation, LimitCode, escalation_of
from trialdomain.projections.sentinel import sentinel_hold
from trialdomain.protocol.conduct_rules import Stagger
from trialdomain.rules.dose_kept import levels_of
from trialdomain.values.clinical.decision import OUTCOMES_PENDING, SLOTS_FULL, Action, Decision
from trialdomain.values.clinical.level import Label


class DesignAbsent(CommandRefused):
    """A decision was requested, but the protocol has no escalation design."""

    code = "design-absent"

    def __init__(self, *, trial: str) -> None:
        super().__init__(f"the protocol of {trial} has no escalation design: there is nothing to decide")
        self.trial = trial


class NobodyInTurn(CommandRefused):
    """A participant would be enrolled while no level is in turn, by the design or by a decision of people."""

    code = "nobody-in-turn"

    def __init__(self, *, decision: Decision, held: bool) -> None:
        because = "" if decision.because is None else f": {decision.because.text}"
        what = "people decided to wait, or to stop" if held else decision.action.value
        super().__init__(f"no participant can be enrolled now ({what}){because}")
        self.decision, self.held = decision, held


class LevelNotInTurn(CommandRefused):
    """A participant would be treated at a level that is closed, or not in turn."""

    code = "level-not-in-turn"

    def __init__(self, *, level: Label, in_turn: Label | None, closed: bool) -> None:
        turn = "no level is in turn" if in_turn is None else f"level {in_turn} is in turn"
        super().__init__(
            f"level {level} is {'closed' if closed else 'not in turn'}, and {turn}: reassign, or correct the level"
        )
        self.level, self.in_turn, self.closed = level, in_turn, closed


class SlotNotHeld(CommandRefused):
    """A participant would be infused at a level where they hold no slot."""

    code = "slot-not-held"

    def __init__(self, *, subject: str, level: Label) -> None:
        super().__init__(f"{subject} holds no slot at level {level}: reassign to the level in turn first")
        self.subject, self.level = subject, level


def escalation_state(snapshot: Snapshot, *, on: date) -> Escalation:
    """Compute the state of the escalation from the snapshot, by the protocol's design.

    Raises:
        DesignAbsent: the protocol has no design.
    """
    counted = snapshot.counted(on=on)
    state = escalation_of(counted.counts, counted.book, on=on)
    if state is None:
        raise DesignAbsent(trial=snapshot.id)
    return state


def against_enrollment_at(state: Escalation, level: Label) -> Iterator[CommandRefused]:
    """Yield each rule of the design that an enrollment at a level would break."""
    decision = state.decision
    if state.held or decision.level is None or _waits(state):
        yield NobodyInTurn(decision=decision, held=state.held)
    elif level != state.level_in_turn:
        yield _not_in_turn(state, level)


def against_slots(state: Escalation, cohort: Cohort) -> Iterator[CommandRefused]:
    """Yield a refusal when the level is full by the design, though people opened more slots than the design gives now.

    This happens when a DLT is revoked: the level was given 6 slots because of it, and 3 are in use.
    """
    decision = state.unheld
    full = decision.because is not None and decision.because.reason == SLOTS_FULL and decision.level == cohort.level
    if full and state.level_in_turn == cohort.level and decision.slots is not None:
        yield NoFreeSlot(level=cohort.level, slots=decision.slots)


def against_recruitment(snapshot: Snapshot, *, on: date) -> Iterator[CommandRefused]:
    """Yield a refusal when recruitment is full, where the protocol limits how many participants are infused."""
    if snapshot.protocol.max_infused is None:
        return
    yield from against_number(len(_members(snapshot, on=on)), snapshot.protocol)


def _members(snapshot: Snapshot, *, on: date) -> list[Member]:
    counted = snapshot.counted(on=on)
    return members_of(counted.parts, counted.book)


def levels_in_use(snapshot: Snapshot) -> frozenset[Label]:
    """Return every level at which a participant was infused, by the named level or by the amount of the dose."""
    book = snapshot.casebook(on=date.max)
    infusions = (entry.fact for case in book.cases for entry in case.of(Infused))
    return frozenset(level for one in infusions for level in levels_of(one, book.in_force_on(one.started_at.first)))


def has_enrolled(snapshot: Snapshot) -> bool:
    """Return whether a participant was enrolled or infused, on any day."""
    return any(case.of(Enrolled) or case.of(Infused) for case in snapshot.casebook(on=date.max).cases)


def against_dose(snapshot: Snapshot, subject: str, fact: Infused, *, on: date) -> Iterator[CommandRefused]:
    """Yield each rule about the amount, the days between infusions, and the sentinel, that an infusion would break."""
    yield from against_amount(fact, snapshot.protocol)
    if snapshot.protocol.stagger != Stagger():
        infused = [(m.subject, m.level, m.infused_on.first) for m in _members(snapshot, on=on) if m.infused_on]
        if subject not in {who for who, _, _ in infused}:  # the days are between the first infusions of participants
            yield from against_stagger(fact, [on for _, at, on in infused if at == fact.level], snapshot.protocol)
    if any(known.stagger.sentinel for known in snapshot.trial.versions.values()):
        yield from _against_sentinel(snapshot, subject, fact, on=on)


def _against_sentinel(snapshot: Snapshot, subject: str, fact: Infused, *, on: date) -> Iterator[CommandRefused]:
    """Yield a refusal of an infusion that must wait for a sentinel, as known on the day of the infusion."""
    day = fact.started_at.first
    counted = snapshot.counted(on=day)
    book = counted.book
    hold = sentinel_hold(members_of(counted.parts, book), book, level=fact.level, on=day, before=subject)
    if hold is not None:
        yield from against_hold(hold)
        return
    others = [
        (m.infused_on.first, m.subject)
        for m in _members(snapshot, on=on)
        if m.infused_on and m.level == fact.level and m.subject != subject
    ]
    yield from against_sentinel_days(fact, subject, others, book.protocol)


def against_infusion_at(snapshot: Snapshot, state: Escalation, subject: str, fact: Infused) -> Iterator[CommandRefused]:
    """Yield each rule of the design, and of the cohort, that an infusion would break."""
    if fact.level != state.level_in_turn or fact.level in state.decision.closed_levels:
        yield _not_in_turn(state, fact.level)
    elif _waits(state):
        yield NobodyInTurn(decision=state.decision, held=False)
    member = snapshot.cohorts()[fact.level].members.get(subject)
    if member is None or not member.holds:
        yield SlotNotHeld(subject=subject, level=fact.level)


def _waits(state: Escalation) -> bool:
    """Say whether the level in turn waits for outcomes, or for a decision that names a DLT."""
    decision = state.decision
    waits = decision.action is Action.WAIT and state.level_in_turn == decision.level
    because = decision.because and decision.because.reason
    return waits and because in {OUTCOMES_PENDING, LimitCode.UNASSIGNED_DLT}


def _not_in_turn(state: Escalation, level: Label) -> LevelNotInTurn:
    return LevelNotInTurn(level=level, in_turn=state.level_in_turn, closed=level in state.decision.closed_levels)
