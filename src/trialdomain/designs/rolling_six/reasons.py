"""The reason of each answer of rolling six: a code for programs, and a sentence with the counts behind it."""

from collections.abc import Sequence

from trialdomain.designs.situation import Situation
from trialdomain.designs.wording import closed_by, dlts_of
from trialdomain.protocol.designs import ROLLING_SIX, RollingSix
from trialdomain.values.clinical.decision import OUTCOMES_PENDING, SLOTS_FULL, Awaited, Because
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.plural import how_many, singular_or
from trialdomain.values.word import Word

_NAME = RollingSix.known_as


class Code(Word):
    """The codes of the reasons of rolling six."""

    TREAT_ON = f"{_NAME}/treat-on"
    """Treat on: the table says the same level."""
    LEVEL_TOLERATED = f"{_NAME}/level-tolerated"
    """Escalate: the table says so for the level treated last, and for every level up to the next one to treat."""
    LEVEL_CLOSED = f"{_NAME}/level-closed"
    """Treat at a lower level: the level treated last is closed."""
    TOO_FEW_BELOW = f"{_NAME}/too-few-below"
    """Go back: fewer than 3 are evaluable at a level below, after a participant there stopped counting."""
    SIX_AT_HIGHEST = f"{_NAME}/six-at-highest"
    """The highest level that is not closed needs 6 evaluable before it may be the MTD."""
    SLOTS_FULL = f"{_NAME}/{SLOTS_FULL}"
    OUTCOMES_PENDING = f"{_NAME}/{OUTCOMES_PENDING}"
    MTD_REACHED = f"{_NAME}/mtd-reached"
    NONE_TOLERATED = f"{_NAME}/none-tolerated"


def why_treat_on(tally: Tally) -> Because:
    """Give the reason to treat on at the level treated last."""
    return Because(code=Code.TREAT_ON, text=f"{_counts(tally)}: up to {ROLLING_SIX} are treated there")


def why_six(tally: Tally) -> Because:
    """Give the reason to treat on at the highest open level: it needs 6 evaluable participants."""
    text = f"level {tally.level} is the highest that is not closed, with {dlts_of(tally)}"
    needs = f"{ROLLING_SIX} must be evaluable before it may be the MTD"
    return Because(code=Code.SIX_AT_HIGHEST, text=f"{text}: {needs}")


def why_escalate(left: Sequence[Tally], to: Tally) -> Because:
    """Give the reason to escalate: the tolerated levels up to the next one to treat."""
    passed = [f"level {tally.level} is tolerated: {dlts_of(tally)}" for tally in left]
    comes = f"level {to.level} has {dlts_of(to)}" if to.treated else f"level {to.level} has nobody yet"
    return Because(code=Code.LEVEL_TOLERATED, text="; ".join([*passed, comes]))


def why_go_down(situation: Situation, closed: int, to: Tally) -> Because:
    """Give the reason to treat at a lower level: the closing of the level treated last."""
    text = f"{closed_by(situation, closed)}; level {to.level} is the highest that is not closed, with {dlts_of(to)}"
    return Because(code=Code.LEVEL_CLOSED, text=text)


def why_go_back(tally: Tally) -> Because:
    """Give the reason to go back: too few are evaluable at a level below."""
    return Because(code=Code.TOO_FEW_BELOW, text=f"{_counts(tally)}: it needs at least 3 evaluable")


def why_hold(tally: Tally, awaited: Sequence[Awaited]) -> Because:
    """Give the reason of a wait for an outcome, or an infusion, at the level."""
    waiting = how_many(len(awaited), "outcome is", "outcomes are") + " not known yet"
    if tally.enrolled:
        waiting = f"{how_many(tally.enrolled, 'participant is', 'participants are')} not infused yet, and {waiting}"
    one = singular_or(tally.enrolled + len(awaited), "it", "them")
    text = f"every slot of level {tally.level} is taken; {waiting}: wait for {one}"
    return Because(code=Code.SLOTS_FULL, text=text)


def why_wait(awaited: Sequence[Awaited], what: str) -> Because:
    """Give the reason of a step that waits for outcomes pending at open levels."""
    pending = how_many(len(awaited), "outcome is", "outcomes are")
    text = f"{pending} pending at open levels: {what} waits for {singular_or(len(awaited), 'it', 'them')}"
    return Because(code=Code.OUTCOMES_PENDING, text=text)


def why_established(tally: Tally, situation: Situation) -> Because:
    """Give the reason why a level is the MTD."""
    highest = tally.place == len(situation.tallies)
    above = "" if highest else closed_by(situation, tally.place + 1)
    why = "the highest dose level" if highest else f"the highest level not closed ({above})"
    return Because(code=Code.MTD_REACHED, text=f"level {tally.level} is {why}, with {dlts_of(tally)}: it is the MTD")


def why_none_tolerated(situation: Situation) -> Because:
    """Give the reason why no level is tolerated: the closing of level 1."""
    return Because(
        code=Code.NONE_TOLERATED, text=f"{closed_by(situation, 1)}: no level is left open, none is tolerated"
    )


def _counts(tally: Tally) -> str:
    unknown = tally.pending + tally.enrolled
    return f"level {tally.level} has {dlts_of(tally)}" + (f", and {unknown} not known yet" if unknown else "")
