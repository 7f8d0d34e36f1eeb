"""3+3, in the form in which 6 must be evaluable before a dose may be declared the MTD.

The MTD is the registry's (NCT06245746): the highest dose with DLT in no more than 1/6 of a dose group of at least
6 evaluable subjects. The walk is the published 3+3 (Storer 1989). With complete cohorts it decides like three published
packages. It also decides what they leave open: unfinished cohorts, pending outcomes, late DLTs. The parameters select
one of the published variants (``protocol.designs.ThreePlusThree``).
"""

from collections.abc import Collection, Iterator, Sequence

import attrs

from trialdomain.designs.closing import below_closing, still_open
from trialdomain.designs.design import DecisionTable, DesignWords
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
    closes,
    judge,
    next_step,
)
from trialdomain.designs.three_plus_three.words import in_words
from trialdomain.protocol.designs import TableRow, TableWord, ThreePlusThree
from trialdomain.values.clinical.decision import Action, Decision, Forecast, Mtd, MtdStatus
from trialdomain.values.clinical.level import Label
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
        ladder = self._ladder(situation)
        step = next_step(ladder, situation.last_place, self.spec)
        closed = tuple(tally.level for tally in situation.tallies[len(ladder) :])
        return attrs.evolve(
            _decision(situation, ladder, step),
            closed_levels=closed,
            slots=None if step is None or step.action is Action.STOP else step.slots,
        )

    def start_level(self) -> int:
        """Return the start level of the protocol."""
        return self.spec.start_level

    def opening_slots(self) -> int:
        """Return the slots of one cohort."""
        return COHORT

    def slots_at(self, level: Label, situation: Situation) -> int:
        """Return 6 where 3 are evaluable, as where the rule itself expands a level; else 3."""
        return COHORT if situation.tally_of(level).evaluable < COHORT else COMPLETE

    def select(self, tallies: Sequence[Tally], closed: Collection[Label]) -> Mtd:
        """Select the highest open level, once it has enough evaluable and no level below it needs an action."""
        ladder = below_closing(tallies, closed, closes=self._closes)
        step = next_step(ladder, None, self.spec)
        if step is None:
            return Mtd(status=MtdStatus.NONE_TOLERATED)
        if step.verdict is not Verdict.MTD or any(tally.pending for tally in ladder):
            return Mtd()
        return Mtd.established(step.tally.level, bounded_above=len(ladder) < len(tallies))

    def candidate(self, tally: Tally) -> bool:
        """Say whether the definition of the MTD allows a level: no more than 1/6 (or 2/6) of at least 6 evaluable.

        Where 3 evaluable are enough, they must be without a DLT.
        """
        tolerated = tally.dlts * COMPLETE <= self.spec.most_dlts_in_six * tally.evaluable
        enough = tally.evaluable >= (COMPLETE if tally.dlts else self.spec.evaluable_for_mtd)
        return enough and tolerated

    def tolerates(self, tally: Tally) -> bool:
        """Say whether the walk would go on above the level: 0 DLTs in 3 to 5 evaluable, or at most 1 in 6 or more."""
        tolerated = judge(tally.evaluable, tally.dlts, highest=False, spec=self.spec) is Verdict.TOLERATED
        return tolerated and not self._closes(tally)

    def table(self, max_n: int) -> DecisionTable:
        """Return the decisions of the published 3+3 at a level that is neither the highest nor below a closed one."""
        return DecisionTable(rows=tuple(self._rows(min(max_n, COMPLETE))), whole=(COHORT, COMPLETE))

    def in_words(self) -> DesignWords:
        """Describe the walk of the variant."""
        return in_words(self.spec)

    def forecast(self, situation: Situation, *, target: int | None = None) -> Forecast | None:
        """Search, with the rule itself, for the fewest and the most evaluable participants that are still needed."""
        ladder = self._ladder(situation)
        return forecast(situation.tallies, still_open=ladder, last=situation.last_place, target=target, spec=self.spec)

    def _ladder(self, situation: Situation) -> Sequence[Tally]:
        """Return the levels that are not closed."""

        def closed(tally: Tally) -> bool:
            opened = situation.slots[tally.place - 1] if situation.slots else ()
            return closes(tally, self.spec, opened=max(opened, default=COMPLETE))

        return still_open(situation, closes=closed)

    def _closes(self, tally: Tally) -> bool:
        return closes(tally, self.spec)

    def _rows(self, most: int) -> Iterator[TableRow]:
        for evaluable in range(1, most + 1):
            for dlts in range(evaluable + 1):
                yield TableRow(n=evaluable, dlt=dlts, decision=self._word(evaluable, dlts))

    def _word(self, evaluable: int, dlts: int) -> TableWord:
        if self._closes(Tally(level=1, evaluable=evaluable, dlts=dlts)):
            return TableWord.ELIMINATE
        tolerated = judge(evaluable, dlts, highest=False, spec=self.spec) is Verdict.TOLERATED
        return TableWord.ESCALATE if tolerated else TableWord.STAY


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
