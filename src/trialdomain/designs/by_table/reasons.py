"""The reason of each answer of a decision table: a code for programs, and a sentence with the counts behind it."""

from collections.abc import Sequence

from trialdomain.designs.by_table.walk import Answer, Rules, Why, capacity, readings
from trialdomain.designs.situation import Situation
from trialdomain.designs.wording import closed_by, dlts_of
from trialdomain.protocol.designs import TableWord
from trialdomain.values.clinical.decision import OUTCOMES_PENDING, SLOTS_FULL, Action, Awaited, Because, Mtd, MtdStatus
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.plural import how_many, singular_or


def why(answer: Answer, there: Tally, situation: Situation, rules: Rules, name: str) -> Because:
    """Give the reason why the next participant is treated at a level.

    Args:
        answer: the rule behind the answer.
        there: the level to treat.
        situation: the situation of the trial.
        rules: the table.
        name: the name of the design in the literature.
    """
    treated = there if situation.last_level is None else situation.tally_of(situation.last_level)
    match answer.why:
        case Why.FILL:
            text = f"level {there.level} has {dlts_of(there)}: its cohort is filled up to {answer.slots}"
            return Because(code=f"{name}/cohort-incomplete", text=text)
        case Why.CLOSED:
            lowest = min(answer.closed)
            text = f"{_eliminated(situation, lowest, rules)}; level {there.level} is the highest that is not"
            return Because(code=f"{name}/level-closed", text=text)
        case _ if treated.pending:
            it = singular_or(treated.pending, "it", "them")
            text = (
                f"level {treated.level} has {dlts_of(treated)} and {treated.pending} pending: every outcome of {it} "
                f"gives the same answer, to {_code(answer)}"
            )
            return Because(code=f"{name}/{_code(answer)}", text=text)
        case _:
            said = "nothing" if answer.word is None else answer.word.value
            text = (
                f"level {treated.level} has {dlts_of(treated)}: the table says {said}{_edge(answer, there, situation)}"
            )
            return Because(code=f"{name}/{_code(answer)}", text=text)


def _code(answer: Answer) -> str:
    return {Action.ESCALATE: "escalate", Action.DE_ESCALATE: "de-escalate"}.get(answer.action, "stay")


def _edge(answer: Answer, there: Tally, situation: Situation) -> str:
    """Phrase why the answer stays at the level where the table says otherwise: there is no level to go to."""
    if there.level != situation.last_level:
        return ""
    if answer.word is TableWord.DE_ESCALATE:
        return ", and it is the lowest level"
    if answer.word is TableWord.ESCALATE:
        above = there.place + 1
        if above not in answer.closed:
            return ", and it is the highest level"
        return f", and level {situation.tallies[above - 1].level} is closed"
    return ""


def why_none(situation: Situation, rules: Rules, name: str) -> Because:
    """Give the reason why no level is tolerated: the elimination of level 1, or the extra safety rule."""
    first, closings = situation.tallies[0], situation.final_closings
    read = list(readings(first, situation, situation.tallies, rules))
    by_row = any(rules.word(n, dlts) is TableWord.ELIMINATE for n, dlts in read)
    ends = any(rules.ends(1, n, dlts) for n, dlts in read)
    if ends and not by_row and not any(closing.level == first.level for closing in closings):
        return Because(
            code=f"{name}/extra-safety",
            text=f"level {first.level} has {dlts_of(first)}: the extra safety rule ends the trial, none is tolerated",
        )
    text = f"{_eliminated(situation, 1, rules)}: no level is left open, none is tolerated"
    return Because(code=f"{name}/none-tolerated", text=text)


def why_ended(situation: Situation, mtd: Mtd, name: str) -> Because:
    """Give the reason of a stop at the number of participants of a level or of the trial, with the selection."""
    last = situation.tallies[(situation.last_place or 1) - 1]
    selected = {
        MtdStatus.ESTABLISHED: f"level {mtd.level} is selected as the MTD",
        MtdStatus.NONE_TOLERATED: "no level is tolerated",
    }.get(mtd.status, "the table names no MTD: people may name a candidate")
    text = f"level {last.level} has {dlts_of(last)}, and the number of participants is reached: {selected}"
    return Because(code=f"{name}/number-reached", text=text)


def why_wait_for_outcomes(awaited: Sequence[Awaited], name: str) -> Because:
    """Give the reason of a wait for pending outcomes on which the answer depends."""
    pending = how_many(len(awaited), "outcome is", "outcomes are")
    text = f"{pending} pending, and the answer hangs on {singular_or(len(awaited), 'it', 'them')}"
    return Because(code=f"{name}/{OUTCOMES_PENDING}", text=text)


def why_wait_for_slots(tally: Tally, situation: Situation, name: str) -> Because:
    """Give the reason of a wait for infusions: at the level or, where the trial has its number, elsewhere."""
    enrolled = tally.enrolled or sum(other.enrolled for other in situation.tallies)
    not_infused = how_many(enrolled, "participant is", "participants are")
    them = singular_or(enrolled, "the infusion", "them")
    text = f"every slot of level {tally.level} is taken; {not_infused} not infused yet: wait for {them}"
    return Because(code=f"{name}/{SLOTS_FULL}", text=text)


def _eliminated(situation: Situation, place: int, rules: Rules) -> str:
    tally = situation.tallies[place - 1]
    if any(closing.level == tally.level for closing in situation.final_closings):
        return closed_by(situation, place)
    by_now = {tally.evaluable, capacity(tally, situation, situation.tallies, rules)}
    if not any(rules.eliminates(place, n, tally.dlts) for n in by_now):
        return f"level {tally.level} has {dlts_of(tally)}, and was eliminated before, which more outcomes do not lift"
    return f"level {tally.level} has {dlts_of(tally)}: the table eliminates it"
