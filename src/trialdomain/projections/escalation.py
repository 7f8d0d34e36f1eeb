"""The escalation state: what next, what the MTD is, and on what it rests."""

from collections.abc import Sequence
from datetime import date, timedelta

import attrs

from trialdomain.designs.situation import FinalClosing, Situation
from trialdomain.designs.three_plus_three import decide
from trialdomain.events.cohort import EscalationDecided
from trialdomain.events.recorded import Recorded
from trialdomain.projections.casebook import Casebook
from trialdomain.projections.dlt_counts import DltCounts, Member, dlt_counts
from trialdomain.values.decision import Awaited, Decision
from trialdomain.values.evaluation import Evaluation


@attrs.frozen(kw_only=True)
class Escalation:
    """The answer of the design to the trial as it is known."""

    decision: Decision
    counts: DltCounts
    situation: Situation
    decided: tuple[Recorded[EscalationDecided], ...]
    """What people have decided so far."""
    evidence: tuple[int, ...]
    """The positions of the entries that it rests on."""


def escalation(book: Casebook, *, on: date) -> Escalation | None:
    """Ask the protocol's design; None when the protocol has none."""
    if book.protocol.design is None:
        return None
    counts = dlt_counts(book, on=on)
    situation = Situation(
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
    )
    return Escalation(
        decision=decide(situation, target=book.protocol.target_recruitment),
        counts=counts,
        situation=situation,
        decided=tuple(book.decisions),
        evidence=tuple(sorted({position for member in counts.members for position in member.evidence})),
    )


def final_closings(book: Casebook) -> tuple[FinalClosing, ...]:
    """Give the closings that people have recorded: each stands until an amendment reopens its level."""
    return tuple(
        FinalClosing(level=level, cause=f"decided on {entry.fact.basis.on}")
        for entry in book.decisions
        for level in entry.fact.recommended.closed_levels
        if book.reopened.get(level, 0) < entry.position
    )


def _last_level(members: Sequence[Member]) -> int | None:
    """Find the level of whoever was infused last; of two on one day, of the one recorded last."""
    infused = [
        (m.infused_on.first, m.infused_by or 0, m.level) for m in members if m.infused_on and m.level is not None
    ]
    return max(infused)[2] if infused else None
