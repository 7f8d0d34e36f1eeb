"""The escalation state: what next, what the MTD is, and on what it rests."""

from collections.abc import Sequence
from datetime import date, timedelta

import attrs

from trialdomain.designs.design import Design
from trialdomain.designs.registry import decide, design_of
from trialdomain.designs.situation import Situation
from trialdomain.events.cohort import CohortExpanded, CohortOpened, EscalationDecided
from trialdomain.events.recorded import Recorded
from trialdomain.limits.stagger import held_until
from trialdomain.projections.casebook import Casebook
from trialdomain.projections.dlt_counts import DltCounts, Member, dlt_counts
from trialdomain.protocol.designs import DesignSpec
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.decision import Action, Awaited, Because, Decision, FinalClosing, Mtd, MtdStatus
from trialdomain.values.clinical.evaluation import Evaluation
from trialdomain.values.given.in_short import in_short
from trialdomain.values.word import Word


class LimitCode(Word):
    """Why people wait, although the design would go on."""

    UNASSIGNED_DLT = "unassigned-dlt"
    """A DLT at an amount that belongs to no level, which no decision has named yet."""
    STAGGERED = "staggered"
    """The infusion before was too short a time ago."""


@attrs.frozen(kw_only=True)
class Escalation:
    """The answer of the design to the trial as it is known."""

    __repr__ = in_short

    protocol: TrialProtocol
    """The version that it was judged by."""
    decision: Decision
    counts: DltCounts
    situation: Situation
    spec: DesignSpec
    """The design of that version of the protocol."""
    decided: tuple[Recorded[EscalationDecided], ...]
    """What people have decided so far."""
    held: bool
    """Whether people decided to wait, or to stop: nobody takes a slot until they decide again."""
    level_in_turn: int | None
    """Where the walk stops, at most where people have capped it; None once the design stops."""
    not_before: date | None
    """The first day on which the next participant of the level in turn may be infused, where somebody was before."""
    evidence: tuple[int, ...]
    """The positions of the entries that it rests on."""

    @property
    def design(self) -> Design:
        """The design that was asked."""
        return design_of(self.spec)

    @property
    def unassigned(self) -> tuple[str, ...]:
        """Whoever had a DLT at an amount that belongs to no level: a decision names them."""
        return tuple(member.subject for member in self.counts.unassigned if member.dlt)


def escalation(book: Casebook, *, on: date) -> Escalation | None:
    """Ask the protocol's design; None when the protocol has none."""
    return escalation_of(dlt_counts(book, on=on), book, on=on)


def escalation_of(counts: DltCounts, book: Casebook, *, on: date, forecasting: bool = True) -> Escalation | None:
    """Ask the protocol's design about counts; None when the protocol has none."""
    spec = book.protocol.design
    if spec is None:
        return None
    situation = situation_of(counts, book)
    asked = decide(situation, design=spec, target=book.protocol.target_recruitment, forecasting=forecasting)
    decision = _unnamed(asked, counts, book)
    last = book.decisions[-1].fact if book.decisions else None
    cautious = last is not None and last.decided.bare != last.recommended.bare
    cap = last.decided.level if last is not None and cautious else None
    in_turn = decision.level if cap is None or decision.level is None else min(cap, decision.level)
    infused_on = [m.infused_on.first for m in counts.members if m.infused_on and m.level == in_turn]
    not_before = held_until(infused_on, book.protocol.stagger)
    return Escalation(
        protocol=book.protocol,
        spec=spec,
        decision=_staggered(decision, counts, not_before if in_turn == decision.level else None, on=on),
        held=bool(last and cautious and last.decided.action in {Action.WAIT, Action.STOP}),
        level_in_turn=in_turn,
        not_before=not_before,
        counts=counts,
        situation=situation,
        decided=tuple(book.decisions),
        evidence=tuple(sorted(_evidence(counts, book))),
    )


def situation_of(counts: DltCounts, book: Casebook) -> Situation:
    """Give what a design looks at, from counts and from what people recorded."""
    return Situation(
        tallies=counts.tallies,
        last_level=_last_level(counts.members),
        awaited=tuple(
            Awaited(
                level=member.level,
                subject=member.subject,
                until=member.window_last + timedelta(days=1) if member.window_last else None,
            )
            for member in counts.members
            if member.level is not None and member.standing.evaluation is Evaluation.PENDING
        ),
        final_closings=final_closings(book),
        slots=opened_slots(book),
    )


def closed_levels(counts: DltCounts, book: Casebook) -> tuple[int, ...]:
    """Give the levels that take nobody: those that the design closes, and those that people have recorded as closed."""
    if book.protocol.design is not None:
        return decide(situation_of(counts, book), design=book.protocol.design, forecasting=False).closed_levels
    final = min((closing.level for closing in final_closings(book)), default=None)
    return () if final is None else tuple(range(final, len(book.protocol.levels) + 1))


def opened_slots(book: Casebook) -> tuple[tuple[int, ...], ...]:
    """Give by level the numbers of slots that were opened, one after another."""
    return tuple(
        tuple(
            e.fact.slots for e in book.cohorts.get(one.level, ()) if isinstance(e.fact, CohortOpened | CohortExpanded)
        )
        for one in book.protocol.levels
    )


def slots_given(chosen: Decision, state: Escalation) -> int | None:
    """Say how many may hold a slot at a level that was chosen: as recommended, or as the design has it there."""
    if chosen.level is None or chosen.action in {Action.WAIT, Action.STOP}:
        return None
    same = chosen.bare == state.decision.bare
    return state.decision.slots if same else state.design.slots_at(chosen.level, state.situation)


def _evidence(counts: DltCounts, book: Casebook) -> set[int]:
    """Gather what every member rests on, and the decisions that made closings final."""
    closings = {entry.position for entry in book.decisions if entry.fact.recommended.closed_levels}
    return closings | {position for member in (*counts.members, *counts.unassigned) for position in member.evidence}


def _unnamed(decision: Decision, counts: DltCounts, book: Casebook) -> Decision:
    """Hold escalation, and an MTD, until a decision names whoever had a DLT at an amount that belongs to no level."""
    named = {subject for entry in book.decisions for subject in entry.fact.basis.unassigned}
    unnamed = [member for member in counts.unassigned if member.dlt and member.subject not in named]
    going_on = decision.action is Action.ESCALATE or decision.mtd.status is MtdStatus.ESTABLISHED
    if not unnamed or not going_on:
        return decision
    level = decision.level or decision.mtd.level
    what = "escalation" if decision.action is Action.ESCALATE else "the MTD"
    because = _why_unnamed(what, [member.subject for member in unnamed])
    return attrs.evolve(decision, action=Action.WAIT, level=level, mtd=Mtd(), because=because)


def _why_unnamed(what: str, subjects: Sequence[str]) -> Because:
    dlts, them = ("a DLT at an amount that belongs", "it")
    if len(subjects) > 1:
        dlts, them = (f"{len(subjects)} DLTs at amounts that belong", "them")
    text = f"{dlts} to no level ({', '.join(subjects)}): {what} waits until a decision names {them}"
    return Because(code=LimitCode.UNASSIGNED_DLT, text=text)


def _staggered(decision: Decision, counts: DltCounts, until: date | None, *, on: date) -> Decision:
    """Wait where the one before was infused too short a time ago."""
    if decision.level is None or decision.action is Action.WAIT or until is None or on >= until:
        return decision
    before = [m for m in counts.members if m.level == decision.level and m.infused_on]
    last = max(before, key=lambda m: (m.infused_on.first if m.infused_on else on, m.infused_by or 0), default=None)
    if last is None:
        return decision
    because = Because(
        code=LimitCode.STAGGERED,
        text=f"the next infusion at level {decision.level} is not before {until}: wait until then",
    )
    awaited = Awaited(level=decision.level, subject=last.subject, until=until)
    return attrs.evolve(decision, action=Action.WAIT, waiting_for=(awaited,), because=because)


def final_closings(book: Casebook) -> tuple[FinalClosing, ...]:
    """Give the closings that people have recorded: each stands until an amendment reopens its level."""
    return tuple(
        FinalClosing(level=level, cause=f"decided on {entry.fact.basis.on}")
        for entry in book.decisions
        for level in entry.fact.recommended.closed_levels
        if book.reopened.get(level, 0) < book.places[entry.position]
    )


def _last_level(members: Sequence[Member]) -> int | None:
    """Find the level of whoever was infused last; of two on one day, of the one recorded last."""
    infused = [
        (m.infused_on.first, m.infused_by or 0, m.level) for m in members if m.infused_on and m.level is not None
    ]
    return max(infused)[2] if infused else None
