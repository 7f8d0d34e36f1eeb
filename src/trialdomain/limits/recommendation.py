"""The limit on recommended doses: people recommend a level, but never above what the rule tolerates.

Source: protocols.md of the design documents, "a recommended dose is a fact apart from the MTD". It is this library's
choice (**choice**) that a level is tolerated by its own outcomes, whether or not it could be the MTD, that a pending
outcome counts as if it were a DLT, and that a dose may be recommended while recruitment goes on.
"""

from collections.abc import Iterator, Sequence

import attrs

from trialdomain.designs.design import Design
from trialdomain.errors import CommandRefused
from trialdomain.events.trial import MtdDeclared, MtdNotEstablished, NotEstablished
from trialdomain.values.clinical.decision import Decision, MtdStatus
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.plural import how_many


class DoseNotTolerated(CommandRefused):
    """A dose level would be recommended that the rule does not tolerate, or above a declared MTD."""

    code = "dose-not-tolerated"

    def __init__(self, *, level: int, why: str, highest: int) -> None:
        instead = {0: "", 1: "; recommend level 1"}.get(highest, f"; recommend level {highest} or a lower one")
        super().__init__(f"level {level} cannot be recommended: {why}{instead}")
        self.level, self.why, self.highest = level, why, highest


def highest_recommendable(
    decision: Decision, tallies: Sequence[Tally], *, design: Design, conclusion: MtdDeclared | MtdNotEstablished | None
) -> int:
    """Return the highest level that may be recommended; every level below it may be, too. 0 if there is none.

    It is the MTD of the design; without one, the highest open level that the design tolerates, whatever the outcomes
    that are still pending there. A declared MTD limits it further.

    Args:
        decision: the answer of the design, with the MTD and the closed levels.
        tallies: the counts of every level.
        design: the design, which tells the tolerated levels.
        conclusion: the declaration about the MTD that stands, if there is one.
    """
    highest = decision.mtd.level
    if highest is None:
        tolerated = (t.level for t in tallies if t.level not in decision.closed_levels and _tolerated(t, design))
        highest = max(tolerated, default=0)
    return min(highest, _most_by(conclusion, highest))


def _most_by(conclusion: MtdDeclared | MtdNotEstablished | None, otherwise: int) -> int:
    match conclusion:
        case MtdDeclared(level=level):
            return level
        case MtdNotEstablished(why=NotEstablished.NONE_TOLERATED):
            return 0
        case _:
            return otherwise


def _tolerated(tally: Tally, design: Design) -> bool:
    """Say whether a level is tolerated by the known outcomes, and still so if each pending one is a DLT."""
    worst = attrs.evolve(tally, evaluable=tally.evaluable + tally.pending, dlts=tally.dlts + tally.pending, pending=0)
    return design.tolerates(tally) and design.tolerates(worst)


def against_recommending(
    level: int,
    decision: Decision,
    tallies: Sequence[Tally],
    *,
    design: Design,
    conclusion: MtdDeclared | MtdNotEstablished | None,
) -> Iterator[CommandRefused]:
    """Yield a refusal of a level above what may be recommended; the arguments are those above, and the level."""
    highest = highest_recommendable(decision, tallies, design=design, conclusion=conclusion)
    if level > highest:
        why = _why_not(level, highest, decision, tallies, conclusion)
        yield DoseNotTolerated(level=level, why=why, highest=highest)


def _why_not(
    level: int,
    highest: int,
    decision: Decision,
    tallies: Sequence[Tally],
    conclusion: MtdDeclared | MtdNotEstablished | None,
) -> str:
    if isinstance(conclusion, MtdNotEstablished) and conclusion.why is NotEstablished.NONE_TOLERATED:
        return "it was declared that no level is tolerated; correct or void that declaration first"
    if level in decision.closed_levels:
        return "it is closed" if highest else "it is closed, and the rule tolerates no level"
    if isinstance(conclusion, MtdDeclared) and conclusion.level == highest:
        return f"the MTD was declared as level {highest}"
    if decision.mtd.status is MtdStatus.ESTABLISHED:
        return f"the MTD by the design is level {highest}"
    counted = next((_counts(tally) for tally in tallies if tally.level == level), "it is no level of the protocol")
    if highest:
        return f"{counted}, and level {highest} is the highest level that the rule tolerates"
    return f"{counted}, and the rule tolerates no level; wait for more outcomes"


def _counts(tally: Tally) -> str:
    pending = f" and {tally.pending} pending" if tally.pending else ""
    return f"it has {how_many(tally.dlts, 'DLT')} in {tally.evaluable} evaluable{pending}"
