"""3+3, in the form in which 6 must be evaluable before a dose may be declared the MTD.

The MTD is the registry's (NCT06245746): the highest dose with DLT in no more than 1/6 of a dose group of at least
6 evaluable subjects. The walk is the published 3+3 (Storer 1989). With complete cohorts it decides like three published
packages. It also decides what they leave open: unfinished cohorts, pending outcomes, late DLTs.
"""

from collections.abc import Collection, Iterator, Sequence

import attrs

from trialdomain.designs.closing import below_closing, still_open
from trialdomain.designs.design import DecisionTable
from trialdomain.designs.situation import Situation
from trialdomain.designs.three_plus_three.forecast import forecast
from trialdomain.designs.three_plus_three.reasons import (
    why_established,
    why_none_tolerated,
    why_treat,
    why_wait_for_all,
    why_wait_for_slots,
)
from trialdomain.designs.three_plus_three.walk import (
    COHORT,
    COMPLETE,
    Step,
    Verdict,
    judge,
    next_step,
)
from trialdomain.protocol.designs import CLOSING_DLTS, TableRow, TableWord, ThreePlusThree
from trialdomain.values.clinical.decision import Action, Decision, Forecast, Mtd, MtdStatus
from trialdomain.values.clinical.tally import Tally


@attrs.frozen
class ThreePlusThreeDesign:
    """The design of 3+3."""

    spec: ThreePlusThree

    @property
    def forecasts(self) -> bool:
        """Return True: this design has forecasts."""
        return True

    def decide(self, situation: Situation) -> Decision:
        """Walk up the open levels to the first that needs an action."""
        ladder = still_open(situation)
        step = next_step(ladder, situation.last_level)
        closed = tuple(tally.level for tally in situation.tallies[len(ladder) :])
        return attrs.evolve(
            _decision(situation, ladder, step),
            closed_levels=closed,
            slots=None if step is None or step.action is Action.STOP else step.slots,
        )

    def start_level(self) -> int:
        """Return level 1."""
        return 1

    def opening_slots(self) -> int:
        """Return the slots of one cohort."""
        return COHORT

    def slots_at(self, level: int, situation: Situation) -> int:
        """Return 6 where 3 are evaluable, as where the rule itself expands a level; else 3."""
        return COHORT if situation.tallies[level - 1].evaluable < COHORT else COMPLETE

    def select(self, tallies: Sequence[Tally], closed: Collection[int]) -> Mtd:
        """Select the highest open level, once it has 6 evaluable and no level below it needs an action."""
        ladder = below_closing(tallies, closed)
        step = next_step(ladder, None)
        if step is None:
            return Mtd(status=MtdStatus.NONE_TOLERATED)
        if step.verdict is not Verdict.MTD or any(tally.pending for tally in ladder):
            return Mtd()
        return Mtd.established(step.tally.level, bounded_above=len(ladder) < len(tallies))

    def candidate(self, tally: Tally) -> bool:
        """Say whether the registry's words would allow a level: DLT in no more than 1/6 of at least 6 evaluable."""
        return tally.evaluable >= COMPLETE and tally.dlts * COMPLETE <= tally.evaluable

    def tolerates(self, tally: Tally) -> bool:
        """Say whether the walk would go on above the level: 0 DLTs in 3 to 5 evaluable, or at most 1 in 6 or more."""
        tolerated = judge(tally.evaluable, tally.dlts, highest=False) is Verdict.TOLERATED
        return tolerated and tally.dlts < CLOSING_DLTS

    def table(self, max_n: int) -> DecisionTable:
        """Return the decisions of the published 3+3 at a level that is neither the highest nor below a closed one."""
        return DecisionTable(rows=tuple(_rows(min(max_n, COMPLETE))))

    def forecast(self, situation: Situation, *, target: int | None = None) -> Forecast | None:
        """Search, with the rule itself, for the fewest and the most evaluable participants that are still needed."""
        ladder = still_open(situation)
        return forecast(situation.tallies, still_open=ladder, last_level=situation.last_level, target=target)


def _decision(situation: Situation, ladder: Sequence[Tally], step: Step | None) -> Decision:
    if step is None:
        return attrs.evolve(Decision.none_tolerated(), because=why_none_tolerated(situation))
    if step.action is Action.STOP:
        established = Decision.established(step.tally.level, bounded_above=len(ladder) < len(situation.tallies))
        return attrs.evolve(established, because=why_established(step.tally, situation))
    if step.action is Action.WAIT:
        awaited = situation.awaited_at(ladder if step.waits_for_all else [step.tally])
        because = why_wait_for_all(awaited) if step.waits_for_all else why_wait_for_slots(step, awaited)
        return attrs.evolve(Decision.wait(level=step.tally.level), waiting_for=awaited, because=because)
    return Decision(action=step.action, level=step.tally.level, because=why_treat(step, situation, ladder))


def _rows(most: int) -> Iterator[TableRow]:
    for evaluable in range(1, most + 1):
        for dlts in range(evaluable + 1):
            yield TableRow(n=evaluable, dlt=dlts, decision=_word(evaluable, dlts))


def _word(evaluable: int, dlts: int) -> TableWord:
    if dlts >= CLOSING_DLTS:
        return TableWord.ELIMINATE
    tolerated = judge(evaluable, dlts, highest=False) is Verdict.TOLERATED
    return TableWord.ESCALATE if tolerated else TableWord.STAY
