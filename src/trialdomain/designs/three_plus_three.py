"""3+3, in the form in which 6 must be evaluable before a dose may be declared the MTD.

The MTD is the registry's (NCT06245746): the highest dose with DLT in no more than 1/6 of a dose group of at least
6 evaluable subjects. The walk is the published 3+3 (Storer 1989). With complete cohorts it decides as three published
packages do; what they leave open (unfinished cohorts, pending outcomes, late DLTs) is answered here as well.
"""

from collections.abc import Sequence

import attrs

from trialdomain.designs.forecast import forecast
from trialdomain.designs.situation import Situation
from trialdomain.designs.walk import COHORT, COMPLETE, Step, Verdict, below_closing, next_step
from trialdomain.values.decision import Action, Awaited, Because, Code, Decision, Mtd, MtdStatus
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
        return _none_tolerated(situation)
    if step.action is Action.STOP:
        return _established(step.tally, situation)
    if step.action is Action.WAIT:
        return _wait(step, situation.awaited_at(still_open if step.waits_for_all else [step.tally]))
    return Decision(action=step.action, level=step.tally.level, because=_why_treat(step))


def _none_tolerated(situation: Situation) -> Decision:
    text = f"{_closing(situation, 1)}: no level is left open, none is tolerated"
    return Decision(
        action=Action.STOP,
        mtd=Mtd(status=MtdStatus.NONE_TOLERATED),
        because=Because(code=Code.NONE_TOLERATED, text=text),
    )


def _established(tally: Tally, situation: Situation) -> Decision:
    highest = tally.level == len(situation.tallies)
    why = (
        "the highest dose level"
        if highest
        else f"the highest level not closed ({_closing(situation, tally.level + 1)})"
    )
    return Decision(
        action=Action.STOP,
        mtd=Mtd.established(tally.level, bounded_above=not highest),
        because=Because(
            code=Code.MTD_REACHED, text=f"level {tally.level} is {why}, with {_words(tally)}: it is the MTD"
        ),
    )


def _wait(step: Step, awaited: tuple[Awaited, ...]) -> Decision:
    outcomes = "1 outcome is" if len(awaited) == 1 else f"{len(awaited)} outcomes are"
    enrolled = step.tally.enrolled
    infusions = f", {enrolled} not infused yet" if enrolled else ""
    because = (
        Because(
            code=Code.OUTCOMES_PENDING,
            text=f"{outcomes} pending at open levels: escalation and an MTD wait for every one of them",
        )
        if step.waits_for_all
        else Because(
            code=Code.SLOTS_FULL,
            text=f"every slot of level {step.tally.level} is taken{infusions}; {outcomes} not known yet: wait for them",
        )
    )
    return Decision(action=Action.WAIT, level=step.tally.level, waiting_for=awaited, because=because)


def _why_treat(step: Step) -> Because:
    level, counts = step.tally.level, _words(step.tally)
    match step.verdict:
        case Verdict.RESOLVE_DLT:
            return Because(code=Code.ONE_DLT, text=f"level {level} has {counts}: it goes on up to {COMPLETE}")
        case Verdict.CONFIRM:
            return Because(
                code=Code.SIX_AT_HIGHEST,
                text=f"level {level} is the highest that is not closed, with {counts}: "
                f"{COMPLETE} must be evaluable before it may be the MTD",
            )
        case _:
            return Because(
                code=Code.COHORT_INCOMPLETE, text=f"level {level} has {counts}: it needs at least {COHORT} evaluable"
            )


def _closing(situation: Situation, level: int) -> str:
    """Say what closed the lowest closed level, which is the given one."""
    for closing in situation.final_closings:
        if closing.level == level:
            return f"level {level} is closed for good: {closing.cause}"
    return f"level {level} is closed by {situation.tallies[level - 1].dlts} DLTs"


def _words(tally: Tally) -> str:
    return f"{tally.dlts} DLT{'' if tally.dlts == 1 else 's'} in {tally.evaluable} evaluable"
