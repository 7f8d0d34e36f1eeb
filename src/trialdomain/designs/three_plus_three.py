"""3+3, in the form in which 6 must be evaluable before a dose may be declared the MTD.

The MTD is the registry's (NCT06245746): the highest dose with DLT in no more than 1/6 of a dose group of at least
6 evaluable subjects. The walk is the published 3+3 (Storer 1989). With complete cohorts it decides as three published
packages do; what they leave open (unfinished cohorts, pending outcomes, late DLTs) is answered here as well.
"""

from collections.abc import Sequence

import attrs

from trialdomain.designs.forecast import forecast
from trialdomain.designs.reasons import (
    why_established,
    why_none_tolerated,
    why_treat,
    why_wait_for_all,
    why_wait_for_slots,
)
from trialdomain.designs.situation import Situation
from trialdomain.designs.walk import below_closing, next_step
from trialdomain.values.decision import Action, Decision
from trialdomain.values.tally import Tally


def decide(situation: Situation, *, target: int | None = None, forecasting: bool = True) -> Decision:
    """Answer what to do next, and what the MTD is.

    Pure: the same situation always has the same answer. Whatever happened is answered, also what the rule would not
    have done: late DLTs, revised outcomes, participants beyond the slots.

    Args:
        situation: the tallies of every level, who was treated last, who is pending, what is finally closed.
        target: the target recruitment, in infused participants, for the forecast's warning.
        forecasting: whether to look ahead, which takes far longer than to decide.
    """
    tallies = situation.tallies
    still_open = open_levels(situation)
    closed = tuple(tally.level for tally in tallies[len(still_open) :])
    decision = attrs.evolve(_decide(situation, still_open), closed_levels=closed)
    if not forecasting:
        return decision
    ahead = forecast(tallies, still_open=still_open, last_level=situation.last_level, target=target)
    return attrs.evolve(decision, forecast=ahead)


def open_levels(situation: Situation) -> Sequence[Tally]:
    """Give the levels that are not closed: all below the lowest one with 2 DLTs or a final closing."""
    final = min((closing.level for closing in situation.final_closings), default=None)
    return below_closing(situation.tallies)[: None if final is None else final - 1]


def slots_in_turn(situation: Situation) -> int:
    """Say how many may hold a slot at the level in turn: 3, or 6; 0 when no level is open."""
    step = next_step(open_levels(situation), situation.last_level)
    return 0 if step is None else step.slots


def _decide(situation: Situation, still_open: Sequence[Tally]) -> Decision:
    step = next_step(still_open, situation.last_level)
    if step is None:
        return attrs.evolve(Decision.none_tolerated(), because=why_none_tolerated(situation))
    if step.action is Action.STOP:
        established = Decision.established(step.tally.level, bounded_above=len(still_open) < len(situation.tallies))
        return attrs.evolve(established, because=why_established(step.tally, situation))
    if step.action is Action.WAIT:
        awaited = situation.awaited_at(still_open if step.waits_for_all else [step.tally])
        because = why_wait_for_all(awaited) if step.waits_for_all else why_wait_for_slots(step, awaited)
        return attrs.evolve(Decision.wait(level=step.tally.level), waiting_for=awaited, because=because)
    return Decision(action=step.action, level=step.tally.level, because=why_treat(step, situation, still_open))
