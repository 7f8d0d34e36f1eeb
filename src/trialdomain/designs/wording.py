"""Phrases that the reasons of every design share."""

from trialdomain.designs.situation import Situation
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.plural import how_many


def dlts_of(tally: Tally) -> str:
    """Say how many had a DLT, of how many."""
    return f"{how_many(tally.dlts, 'DLT')} in {tally.evaluable} evaluable"


def closed_by(situation: Situation, level: int) -> str:
    """Say what closed the lowest closed level, which is the given one."""
    for closing in situation.final_closings:
        if closing.level == level:
            return f"level {level} is closed for good: {closing.cause}"
    return f"level {level} is closed by {how_many(situation.tallies[level - 1].dlts, 'DLT')}"
