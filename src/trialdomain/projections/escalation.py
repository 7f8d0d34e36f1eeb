"""The escalation state: the recommendation, the MTD, and the counts and evidence behind them."""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import cached_property
from itertools import islice

import attrs

from trialdomain.designs.design import Design
from trialdomain.designs.registry import decide, design_of
from trialdomain.designs.situation import Situation
from trialdomain.events.cohort import EscalationDecided
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import DoseRecommended
from trialdomain.limits.sentinel import Hold
from trialdomain.limits.stagger import held_until
from trialdomain.projections.casebook import Casebook, Halt
from trialdomain.projections.dlt_counts import DltCounts, Member, dlt_counts
from trialdomain.projections.sentinel import sentinel_hold
from trialdomain.protocol.designs import DesignSpec
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.decision import (
    SLOTS_FULL,
    Action,
    Awaited,
    Because,
    Decision,
    FinalClosing,
    Mtd,
    MtdStatus,
)
from trialdomain.values.clinical.level import Label
from trialdomain.values.given.in_short import in_short
from trialdomain.values.word import Word


class LimitCode(Word):
    """The reasons to wait although the design itself would continue."""

    UNASSIGNED_DLT = "unassigned-dlt"
    """A DLT at an amount that belongs to no level; no decision has named the participant yet."""
    STAGGERED = "staggered"
    """The time since the previous infusion is too short."""
    SENTINEL_OBSERVED = "sentinel-observed"
    """The sentinel of the level is still observed, or was not seen since the observation is over."""
    SENTINEL_UNDECIDED = "sentinel-undecided"
    """The sentinel of the level had a DLT or left; people have not decided since to treat at the level."""


@attrs.frozen(kw_only=True)
class Escalation:
    """The answer of the design to the current state of the trial."""

    __repr__ = in_short

    protocol: TrialProtocol
    """The protocol version in force."""
    decision: Decision
    unheld: Decision
    """The answer before any wait for days between infusions, or for a sentinel."""
    to_decide: Decision
    """The answer that people decide about: ``decision``; but ``unheld`` while a sentinel waits for people to decide. If
    all slots are taken then, and a participant there is not infused yet, it is to treat those who hold a slot."""
    counts: DltCounts
    situation: Situation
    spec: DesignSpec
    """The design of that version of the protocol."""
    decided: tuple[Recorded[EscalationDecided], ...]
    """The decisions recorded so far."""
    held: bool
    """Whether the last decision is to wait or to stop: no participant takes a slot until the next decision."""
    level_in_turn: Label | None
    """The level to treat next: that of the design, at most the level to which a decision limits it; None after a
    stop."""
    not_before: date | None
    """The first day on which the next participant of the level in turn may be infused; None without a limit."""
    recommended_doses: tuple[Recorded[DoseRecommended], ...] = ()
    """The dose that people recommended last for each purpose; the design does not read them."""
    halts: tuple[Halt, ...] = ()
    """What keeps people from enrolling, or from treating, whatever the design recommends: a suspension, a closing."""

    @property
    def design(self) -> Design:
        """The design that was asked."""
        return design_of(self.spec)

    @cached_property
    def evidence(self) -> tuple[int, ...]:
        """The positions of the log entries that the answer depends on, also of decisions that closed levels."""
        closings = {entry.position for entry in self.decided if entry.fact.recommended.closed_levels}
        members = (*self.counts.members, *self.counts.unassigned)
        return tuple(sorted(closings.union(*(member.evidence for member in members))))

    @property
    def unassigned(self) -> tuple[str, ...]:
        """The participants with a DLT at an amount that belongs to no level: a decision must name them."""
        return tuple(member.subject for member in self.counts.unassigned if member.dlt)


def escalation(book: Casebook, *, on: date) -> Escalation | None:
    """Ask the protocol's design about a casebook; None if the protocol has no design."""
    return escalation_of(dlt_counts(book, on=on), book, on=on)


def escalation_of(counts: DltCounts, book: Casebook, *, on: date, forecasting: bool = True) -> Escalation | None:
    """Ask the protocol's design about DLT counts; None if the protocol has no design."""
    spec = book.protocol.design
    if spec is None:
        return None
    situation = situation_of(counts, book)
    asked = decide(situation, design=spec, target=book.protocol.target_recruitment, forecasting=forecasting)
    decision = _unnamed(asked, counts, book)
    last = book.decisions[-1].fact if book.decisions else None
    cautious = last is not None and last.decided.bare != last.recommended.bare
    cap = last.decided.level if last is not None and cautious else None
    in_turn = decision.level
    if cap is not None and decision.level is not None:
        in_turn = min(cap, decision.level, key=book.protocol.in_order)
    infused = list(islice(_infused_at([in_turn], counts), 2))  # a third would change nothing
    not_before = held_until([m.infused_on.first for m in infused if m.infused_on], book.protocol.stagger)
    hold = sentinel_hold(counts.members, book, level=in_turn, on=on)
    answered = decision
    if in_turn == decision.level:
        answered = _staggered(_watched(decision, counts, hold, not_before, on=on), infused, not_before, on=on)
    return Escalation(
        protocol=book.protocol,
        spec=spec,
        decision=answered,
        unheld=decision,
        to_decide=answered if hold is None or not hold.for_people else _to_treat(decision, counts, hold),
        held=bool(last and cautious and last.decided.action in {Action.WAIT, Action.STOP}),
        level_in_turn=in_turn,
        not_before=not_before if hold is None else max(hold.until, not_before or hold.until),
        counts=counts,
        situation=situation,
        decided=tuple(book.decisions),
        recommended_doses=tuple(book.recommended_doses),
        halts=tuple(book.halts),
    )


def situation_of(counts: DltCounts, book: Casebook) -> Situation:
    """Return the input of a design, from the counts and from the recorded decisions."""
    return Situation(
        tallies=counts.tallies,
        last_level=next((member.level for member in _infused_at(book.protocol.labels, counts)), None),
        awaited=counts.awaited,
        final_closings=final_closings(book),
        slots=opened_slots(book),
        in_order=counts.outcomes,
    )


def closed_levels(counts: DltCounts, book: Casebook) -> tuple[Label, ...]:
    """Return the closed levels: those that the design closes, and those that a decision closed."""
    if book.protocol.design is not None:
        return decide(situation_of(counts, book), design=book.protocol.design, forecasting=False).closed_levels
    final, labels = {closing.level for closing in final_closings(book)}, book.protocol.labels
    lowest = next((at for at, label in enumerate(labels) if label in final), len(labels))
    return labels[lowest:]


def opened_slots(
    book: Casebook, *, labels: Sequence[Label] | None = None, before: int | None = None
) -> tuple[tuple[int, ...], ...]:
    """Return, by level, the numbers of slots that were opened, in the order of opening.

    Args:
        book: the casebook.
        labels: the levels; by default those of the protocol in force.
        before: the position before which they were opened; None for all.
    """
    return tuple(
        tuple(
            opened.fact.slots
            for opened in (book.records[label].opened if label in book.records else ())
            if before is None or opened.position < before
        )
        for label in labels or book.protocol.labels
    )


def slots_given(chosen: Decision, state: Escalation) -> int | None:
    """Return the number of slots at a chosen level: as recommended, or as the design gives for that level."""
    if chosen.level is None or chosen.action in {Action.WAIT, Action.STOP}:
        return None
    same = chosen.bare == state.to_decide.bare
    return state.to_decide.slots if same else state.design.slots_at(chosen.level, state.situation)


def _infused_at(levels: Sequence[Label | None], counts: DltCounts) -> Iterator[Member]:
    """Iterate over those who were infused at some levels, the latest first; of one day, first who was recorded last."""
    return (member for member in reversed(counts.by_infusion) if member.infused_on and member.level in levels)


def _unnamed(decision: Decision, counts: DltCounts, book: Casebook) -> Decision:
    """Hold escalation and the MTD until a decision names the participants with a DLT at an amount of no level."""
    named = {subject for entry in book.decisions for subject in entry.fact.basis.unassigned}
    unnamed = [member for member in counts.unassigned if member.dlt and member.subject not in named]
    going_on = decision.action is Action.ESCALATE or decision.mtd.status is MtdStatus.ESTABLISHED
    if not unnamed or not going_on:
        return decision
    level = decision.mtd.level if decision.level is None else decision.level
    what = "escalation" if decision.action is Action.ESCALATE else "the MTD"
    because = _why_unnamed(what, [member.subject for member in unnamed])
    return attrs.evolve(decision, action=Action.WAIT, level=level, mtd=Mtd(), because=because)


def _why_unnamed(what: str, subjects: Sequence[str]) -> Because:
    dlts, them = ("a DLT at an amount that belongs", "it")
    if len(subjects) > 1:
        dlts, them = (f"{len(subjects)} DLTs at amounts that belong", "them")
    text = f"{dlts} to no level ({', '.join(subjects)}): {what} waits until a decision names {them}"
    return Because(code=LimitCode.UNASSIGNED_DLT, text=text)


def _staggered(decision: Decision, infused: Sequence[Member], until: date | None, *, on: date) -> Decision:
    """Replace the recommendation by waiting if the time since the previous infusion is too short."""
    if decision.level is None or decision.action is Action.WAIT or until is None or on >= until:
        return decision
    because = Because(
        code=LimitCode.STAGGERED,
        text=f"the next infusion at level {decision.level} is not before {until}: wait until then",
    )
    awaited = Awaited(level=decision.level, subject=infused[0].subject, until=until)
    return attrs.evolve(decision, action=Action.WAIT, waiting_for=(awaited,), because=because)


def _watched(decision: Decision, counts: DltCounts, hold: Hold | None, until: date | None, *, on: date) -> Decision:
    """Replace the recommendation by waiting for the sentinel, unless the days between infusions last even longer."""
    if hold is None or decision.level is None:
        return decision
    if decision.action is Action.WAIT and not _holders_wait(decision, counts):
        return decision
    if not hold.for_people and until is not None and on < until and hold.until < until:
        return decision
    code = LimitCode.SENTINEL_UNDECIDED if hold.for_people else LimitCode.SENTINEL_OBSERVED
    awaited = Awaited(level=hold.level, subject=hold.sentinel, until=None if hold.for_people else hold.until)
    return attrs.evolve(decision, action=Action.WAIT, waiting_for=(awaited,), because=Because(code=code, text=hold.why))


def _holders_wait(decision: Decision, counts: DltCounts) -> bool:
    """Say whether all slots are taken, and a participant who holds one is not infused yet."""
    full = decision.because is not None and decision.because.reason == SLOTS_FULL
    return full and any(tally.level == decision.level and tally.enrolled for tally in counts.tallies)


def _to_treat(decision: Decision, counts: DltCounts, hold: Hold) -> Decision:
    """Return the answer without waiting for a sentinel; if only slot holders are left to treat, to treat them."""
    if decision.action is not Action.WAIT or not _holders_wait(decision, counts):
        return decision
    text = f"{hold.why}; those who hold a slot at level {hold.level} are treated then"
    because = Because(code=LimitCode.SENTINEL_UNDECIDED, text=text)
    return attrs.evolve(decision, action=Action.ENROLL, waiting_for=(), because=because)


def final_closings(book: Casebook) -> tuple[FinalClosing, ...]:
    """Return the closings that decisions recorded: each holds until an amendment reopens its level."""
    return tuple(
        FinalClosing(level=level, cause=f"decided on {entry.fact.basis.on}")
        for entry in book.decisions
        for level in entry.fact.recommended.closed_levels
        if book.reopened.get(level, 0) < book.places[entry.position]
    )
