"""Phrases that the reasons of every design share."""

from trialdomain.designs.situation import Situation
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.plural import how_many

REPLACED = "a participant who is not evaluable is replaced"
ENDS_WITH = "{number} or more are evaluable at the highest level that is not closed, and it is the MTD"
ENDS_WITHOUT = "the lowest level is closed: no level is tolerated"


def dlts_of(tally: Tally) -> str:
    """Phrase the number of DLTs among the evaluable participants."""
    return f"{how_many(tally.dlts, 'DLT')} in {tally.evaluable} evaluable"


def closed_by(situation: Situation, place: int) -> str:
    """Phrase the cause that closed the level at a place, which is the lowest closed level."""
    tally = situation.tallies[place - 1]
    for closing in situation.final_closings:
        if closing.level == tally.level:
            return f"level {tally.level} is closed for good: {closing.cause}"
    return f"level {tally.level} is closed by {how_many(tally.dlts, 'DLT')}"
