"""The design of a decision table that the protocol prints."""

from collections.abc import Collection, Sequence
from fractions import Fraction

import attrs

from trialdomain.designs.by_table.reasons import why, why_ended, why_none, why_wait_for_outcomes, why_wait_for_slots
from trialdomain.designs.by_table.walk import (
    Rules,
    Why,
    answer_to,
    capacity,
    certainly_closed,
    completions,
    places_left,
)
from trialdomain.designs.design import DecisionTable
from trialdomain.designs.selection import isotonic, nearest
from trialdomain.designs.situation import Situation
from trialdomain.protocol.designs import TableDesign, TableWord
from trialdomain.values.clinical.decision import Action, Decision, Forecast, Mtd, MtdStatus
from trialdomain.values.clinical.tally import Tally


@attrs.frozen
class ByTable:
    """The design of a decision table."""

    spec: TableDesign
    _rules: Rules = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Index the rows by their counts."""
        words = {(row.n, row.dlt): row.decision for row in self.spec.rows}
        most = max(n for n, _ in words)
        rules = Rules(
            words=words,
            most=most,
            cohort_size=self.spec.cohort_size,
            start_level=self.spec.start_level,
            max_n=self.spec.max_n,
            n_earlystop=most if self.spec.n_earlystop is None else self.spec.n_earlystop,
        )
        object.__setattr__(self, "_rules", rules)

    @property
    def forecasts(self) -> bool:
        """Return False: this design has no forecasts."""
        return False

    def decide(self, situation: Situation) -> Decision:
        """Decide where every completion of the pending outcomes has the same answer; else wait."""
        name = self.spec.known_as
        ways = completions(situation, self._rules)
        answers = {one.essence: one for one in (answer_to(situation, way, self._rules) for way in ways)}
        answer = next(iter(answers.values()))
        unknown = any(tally.pending for tally in situation.tallies if tally.level not in answer.closed)
        if len(answers) > 1 or (answer.why is Why.ENDED and unknown):
            return self._wait(situation)
        if answer.why is Why.NONE:
            return attrs.evolve(
                Decision.none_tolerated(), closed_levels=answer.closed, because=why_none(situation, name)
            )
        if answer.why is Why.ENDED:
            mtd = self.select(situation.tallies, answer.closed)
            because = why_ended(situation, mtd, name)
            return Decision(action=Action.STOP, mtd=mtd, closed_levels=answer.closed, because=because)
        if answer.action is Action.WAIT:
            there = situation.tallies[(answer.level or 1) - 1]
            because = why_wait_for_slots(there, situation, name)
        else:
            because = why(answer, situation, name)
        return Decision(
            action=answer.action, level=answer.level, slots=answer.slots, closed_levels=answer.closed, because=because
        )

    def start_level(self) -> int:
        """Return the start level of the protocol."""
        return self.spec.start_level

    def opening_slots(self) -> int:
        """Return the slots of one cohort."""
        return self.spec.cohort_size

    def slots_at(self, level: int, situation: Situation) -> int:
        """Return the slots of the cohort that is not full, or of another one."""
        tally = situation.tallies[level - 1]
        slots = capacity(tally, situation, situation.tallies, self._rules)
        more = places_left(situation.tallies, self._rules, self.spec.cohort_size)
        return slots if slots > tally.occupied else tally.occupied + min(self.spec.cohort_size, more)

    def select(self, tallies: Sequence[Tally], closed: Collection[int]) -> Mtd:
        """Select the level whose estimated rate is nearest to the target; without a target establish none."""
        eliminated = [tally.level for tally in tallies if self._word(tally) is TableWord.ELIMINATE]
        lowest = min((*closed, *eliminated), default=len(tallies) + 1)
        if lowest == 1:
            return Mtd(status=MtdStatus.NONE_TOLERATED)
        if self.spec.target is None:
            return Mtd(status=MtdStatus.NOT_ESTABLISHED)
        level = nearest(isotonic(tallies[: lowest - 1]), Fraction(self.spec.target))
        return Mtd() if level is None else Mtd.established(level, bounded_above=lowest <= len(tallies))

    def candidate(self, tally: Tally) -> bool:
        """Say whether the level has evaluable participants, and the table would not de-escalate there."""
        return bool(tally.evaluable) and self._word(tally) in {TableWord.ESCALATE, TableWord.STAY}

    def tolerates(self, tally: Tally) -> bool:
        """Say whether the level is a candidate: a table that says stay or escalate does not go below the level."""
        return self.candidate(tally)

    def table(self, max_n: int) -> DecisionTable:
        """Return the rows of the protocol."""
        return DecisionTable(rows=tuple(row for row in self.spec.rows if row.n <= max_n))

    def forecast(self, situation: Situation, *, target: int | None = None) -> Forecast | None:  # noqa: ARG002 - the interface of all designs
        """Return None: a level may be treated any number of times."""
        return None

    def _word(self, tally: Tally) -> TableWord | None:
        return self._rules.word(tally.evaluable, tally.dlts)

    def _wait(self, situation: Situation) -> Decision:
        """Wait; the level in turn is the one treated last, or the highest open one below it."""
        lowest = certainly_closed(situation, self._rules)
        ladder = situation.tallies[: lowest - 1] or situation.tallies[:1]
        level = min(situation.last_level or self.spec.start_level, len(ladder))
        awaited = situation.awaited_at(ladder)
        return Decision(
            action=Action.WAIT,
            level=level,
            slots=capacity(situation.tallies[level - 1], situation, situation.tallies, self._rules),
            closed_levels=tuple(range(lowest, len(situation.tallies) + 1)),
            waiting_for=awaited,
            because=why_wait_for_outcomes(awaited, self.spec.known_as),
        )
