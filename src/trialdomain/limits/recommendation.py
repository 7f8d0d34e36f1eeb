"""The limit on recommended doses: people recommend a level, but never above what the rule tolerates.

It is this library's choice (**choice**) that a level is tolerated by its own outcomes, whether or not it could be the
MTD, that a pending outcome counts as if it were a DLT, and that a dose may be recommended while recruitment goes on.
"""

from collections.abc import Iterator, Sequence

import attrs

from trialdomain.designs.design import Design
from trialdomain.errors import CommandRefused
from trialdomain.events.trial import MtdDeclared, MtdNotEstablished, NotEstablished
from trialdomain.values.clinical.decision import Decision, MtdStatus
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.plural import how_many


class DoseNotTolerated(CommandRefused):
    """A dose level would be recommended that the rule does not tolerate, or above a declared MTD."""

    code = "dose-not-tolerated"

    def __init__(self, *, level: Label, why: str, highest: Label | None, lowest: bool) -> None:
        or_lower = "" if lowest else " or a lower one"
        instead = "" if highest is None else f"; recommend level {highest}{or_lower}"
        super().__init__(f"level {level} cannot be recommended: {why}{instead}")
        self.level, self.why, self.highest, self.lowest = level, why, highest, lowest


def highest_recommendable(
    decision: Decision, tallies: Sequence[Tally], *, design: Design, conclusion: MtdDeclared | MtdNotEstablished | None
) -> Label | None:
    """Return the highest level that may be recommended; every level below it may be, too. None if there is none.

    It is the MTD of the design; without one, the highest open level that the design tolerates, whatever the outcomes
    that are still pending there. A declared MTD limits it further.

    Args:
        decision: the answer of the design, with the MTD and the closed levels.
        tallies: the counts of every level.
        design: the design, which tells the tolerated levels.
        conclusion: the declaration about the MTD that stands, if there is one.
    """
    highest = _highest(decision, tallies, design, conclusion)
    return None if highest is None else highest.level


def _highest(
    decision: Decision, tallies: Sequence[Tally], design: Design, conclusion: MtdDeclared | MtdNotEstablished | None
) -> Tally | None:
    if isinstance(conclusion, MtdNotEstablished) and conclusion.why is NotEstablished.NONE_TOLERATED:
        return None
    by_place = sorted(tallies, key=lambda tally: tally.place)
    highest = next((tally for tally in by_place if tally.level == decision.mtd.level), None)
    if highest is None:
        tolerated = [t for t in by_place if t.level not in decision.closed_levels and _tolerated(t, design)]
        highest = tolerated[-1] if tolerated else None
    declared = None
    if isinstance(conclusion, MtdDeclared):
        declared = next((tally for tally in by_place if tally.level == conclusion.level), None)
    if highest is None or declared is None:
        return highest
    return min(highest, declared, key=lambda tally: tally.place)


def _tolerated(tally: Tally, design: Design) -> bool:
    """Say whether a level is tolerated by the known outcomes, and still so if each pending one is a DLT."""
    worst = attrs.evolve(tally, evaluable=tally.evaluable + tally.pending, dlts=tally.dlts + tally.pending, pending=0)
    return design.tolerates(tally) and design.tolerates(worst)


def against_recommending(
    level: Label,
    decision: Decision,
    tallies: Sequence[Tally],
    *,
    design: Design,
    conclusion: MtdDeclared | MtdNotEstablished | None,
) -> Iterator[CommandRefused]:
    """Yield a refusal of a level above what may be recommended; the arguments are those above, and the level."""
    highest = _highest(decision, tallies, design, conclusion)
    place = next((tally.place for tally in tallies if tally.level == level), len(tallies) + 1)
    if highest is None or place > highest.place:
        label = None if highest is None else highest.level
        why = _why_not(level, label, decision, tallies, conclusion)
        yield DoseNotTolerated(level=level, why=why, highest=label, lowest=highest is not None and highest.place == 1)


def _why_not(
    level: Label,
    highest: Label | None,
    decision: Decision,
    tallies: Sequence[Tally],
    conclusion: MtdDeclared | MtdNotEstablished | None,
) -> str:
    if isinstance(conclusion, MtdNotEstablished) and conclusion.why is NotEstablished.NONE_TOLERATED:
        return "it was declared that no level is tolerated; correct or void that declaration first"
    if level in decision.closed_levels:
        return "it is closed, and the rule tolerates no level" if highest is None else "it is closed"
    if isinstance(conclusion, MtdDeclared) and conclusion.level == highest:
        return f"the MTD was declared as level {highest}"
    if decision.mtd.status is MtdStatus.ESTABLISHED:
        return f"the MTD by the design is level {highest}"
    counted = next((_counts(tally) for tally in tallies if tally.level == level), "it is no level of the protocol")
    if highest is not None:
        return f"{counted}, and level {highest} is the highest level that the rule tolerates"
    return f"{counted}, and the rule tolerates no level; wait for more outcomes"


def _counts(tally: Tally) -> str:
    pending = f" and {tally.pending} pending" if tally.pending else ""
    return f"it has {how_many(tally.dlts, 'DLT')} in {tally.evaluable} evaluable{pending}"
