"""The reason of each answer of 3+3: a code for programs, and a sentence with the counts behind it.

The sentence of an escalation names the level that is left, of a de-escalation the level that is closed, and of
treating on the level treated. Each code has one meaning, and only this module makes the sentences.
"""

from collections.abc import Sequence

from trialdomain.designs.situation import Situation
from trialdomain.designs.three_plus_three.walk import COHORT, COMPLETE, Step, Verdict
from trialdomain.designs.wording import closed_by, dlts_of
from trialdomain.protocol.designs import ThreePlusThree
from trialdomain.values.clinical.decision import OUTCOMES_PENDING, SLOTS_FULL, Action, Awaited, Because
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.plural import how_many, singular_or
from trialdomain.values.word import Word

_NAME = ThreePlusThree.known_as


class Code(Word):
    """The codes of the reasons of 3+3; each has one meaning."""

    COHORT_INCOMPLETE = f"{_NAME}/cohort-incomplete"
    """Treat on: fewer than 3 are evaluable."""
    ONE_DLT = f"{_NAME}/one-dlt"
    """Treat on: 1 DLT among 3 to 5 evaluable, so the level takes up to 6."""
    TWO_DLTS = f"{_NAME}/two-dlts"
    """Treat on: 2 DLTs among 4 or 5 evaluable, where a variant tolerates 2 in 6."""
    SIX_AT_HIGHEST = f"{_NAME}/six-at-highest"
    """Treat on: the highest level that is not closed needs 6 evaluable before it may be the MTD."""
    LEVEL_TOLERATED = f"{_NAME}/level-tolerated"
    """Escalate: the level treated last, and every level up to the next one to treat, is tolerated."""
    LEVEL_CLOSED = f"{_NAME}/level-closed"
    """De-escalate: the level treated last is closed."""
    LOWER_LEVEL_IN_TURN = f"{_NAME}/lower-level-in-turn"
    """De-escalate: the level is not closed, but a lower one is not tolerated yet, after a late or revised outcome."""
    SLOTS_FULL = f"{_NAME}/{SLOTS_FULL}"
    """Every slot of the level in turn is taken, and an outcome there is not known yet."""
    OUTCOMES_PENDING = f"{_NAME}/{OUTCOMES_PENDING}"
    """Escalation and an MTD wait for every outcome pending at an open level."""
    MTD_REACHED = f"{_NAME}/mtd-reached"
    """The highest level that is not closed has the evaluable participants of an MTD, and is tolerated: 6 with at most 1
    DLT, or the numbers of a variant."""
    NONE_TOLERATED = f"{_NAME}/none-tolerated"
    """No level is left open."""


def why_treat(step: Step, situation: Situation, still_open: Sequence[Tally]) -> Because:
    """Give the reason why the next participant is treated where the walk stops.

    Args:
        step: the step at which the walk stops.
        situation: the situation of the trial.
        still_open: the levels that are not closed, from level 1 upwards.
    """
    last = situation.last_place or 0  # both steps that read it come after a treatment
    match step.action:
        case Action.ESCALATE:
            return _why_escalate(step, still_open[last - 1 : step.tally.place - 1])
        case Action.DE_ESCALATE:
            return _why_de_escalate(step, situation, last=last, lowest_closed=len(still_open) + 1)
        case _:
            return Because(code=_code(step), text=_asks(step))


def _code(step: Step) -> Code:
    return Code.TWO_DLTS if step.verdict is Verdict.RESOLVE_DLT and step.tally.dlts > 1 else _CODES[step.verdict]


def why_wait_for_slots(step: Step, awaited: Sequence[Awaited]) -> Because:
    """Give the reason of a wait with all slots taken: participants not infused yet, or outcomes not known."""
    waiting = []
    if step.tally.enrolled:
        waiting.append(f"{how_many(step.tally.enrolled, 'participant is', 'participants are')} not infused yet")
    if awaited:
        waiting.append(f"{_outcomes_are(awaited)} not known yet")
    them = singular_or(step.tally.enrolled + len(awaited), "it" if awaited else "the infusion", "them")
    text = f"every slot of level {step.tally.level} is taken; {' and '.join(waiting)}: wait for {them}"
    return Because(code=Code.SLOTS_FULL, text=text)


def why_wait_for_all(awaited: Sequence[Awaited]) -> Because:
    """Give the reason of a wait for every outcome pending at an open level: an escalation or an MTD needs them."""
    where = singular_or(len(awaited), "an open level", "open levels")
    them = singular_or(len(awaited), "it", "every one of them")
    return Because(
        code=Code.OUTCOMES_PENDING,
        text=f"{_outcomes_are(awaited)} pending at {where}: escalation and an MTD wait for {them}",
    )


def why_established(tally: Tally, situation: Situation) -> Because:
    """Give the reason why a level is the MTD."""
    why = (
        "the highest dose level"
        if tally.place == len(situation.tallies)
        else f"the highest level not closed ({closed_by(situation, tally.place + 1)})"
    )
    text = f"level {tally.level} is {why}, with {dlts_of(tally)}: it is the MTD"
    return Because(code=Code.MTD_REACHED, text=text)


def why_none_tolerated(situation: Situation) -> Because:
    """Give the reason why no level is tolerated: the closing of level 1."""
    text = f"{closed_by(situation, 1)}: no level is left open, none is tolerated"
    return Because(code=Code.NONE_TOLERATED, text=text)


_CODES = {
    Verdict.FILL_COHORT: Code.COHORT_INCOMPLETE,
    Verdict.RESOLVE_DLT: Code.ONE_DLT,
    Verdict.CONFIRM: Code.SIX_AT_HIGHEST,
}
_NEEDS = {
    Verdict.FILL_COHORT: f"it needs at least {COHORT} evaluable",
    Verdict.RESOLVE_DLT: f"it goes on up to {COMPLETE}",
    Verdict.CONFIRM: f"{COMPLETE} must be evaluable before it may be the MTD",
}


def _why_escalate(step: Step, left: Sequence[Tally]) -> Because:
    """Name every level from the one treated last up to the one below the next; each must be tolerated."""
    passed = [f"level {tally.level} is tolerated: {dlts_of(tally)}" for tally in left]
    return Because(code=Code.LEVEL_TOLERATED, text="; ".join([*passed, _comes_to(step)]))


def _comes_to(step: Step) -> str:
    level, tally = step.tally.level, step.tally
    if tally.treated:
        return _asks(step)
    return f"level {level} has {_nobody(tally)}"


def _why_de_escalate(step: Step, situation: Situation, *, last: int, lowest_closed: int) -> Because:
    """Name the closed level at or below the one treated last; or the lower level that a late outcome reopens."""
    if lowest_closed <= last:
        return Because(code=Code.LEVEL_CLOSED, text=f"{closed_by(situation, lowest_closed)}; {_asks(step)}")
    text = f"level {step.tally.level} is not yet tolerated: {dlts_of(step.tally)}; {_NEEDS[step.verdict]}"
    return Because(code=Code.LOWER_LEVEL_IN_TURN, text=text)


def _asks(step: Step) -> str:
    """Phrase the counts of the level in turn, and what it needs."""
    level, counts, needs = step.tally.level, dlts_of(step.tally), _NEEDS[step.verdict]
    if step.verdict is Verdict.CONFIRM:
        return f"level {level} is the highest that is not closed, with {counts}: {needs}"
    return f"level {level} has {counts if step.tally.treated else _nobody(step.tally)}: {needs}"


def _nobody(tally: Tally) -> str:
    return "nobody infused yet" if tally.enrolled else "nobody yet"


def _outcomes_are(awaited: Sequence[Awaited]) -> str:
    return how_many(len(awaited), "outcome is", "outcomes are")
