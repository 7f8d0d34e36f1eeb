"""The designs that read a decision table at complete cohorts: a table of the protocol, and every interval design."""

from collections.abc import Collection, Iterator, Mapping, Sequence
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
from trialdomain.designs.by_table.words import in_words
from trialdomain.designs.design import DecisionTable, DesignWords
from trialdomain.designs.selection import isotonic, nearest
from trialdomain.designs.situation import Situation
from trialdomain.protocol.designs import DesignSpec, IntervalSpec, TableDesign, TableRow, TableWord
from trialdomain.values.clinical.decision import Action, Decision, Forecast, Mtd, MtdStatus
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally


@attrs.frozen
class ByTable:
    """The design of a decision table: of the rows in a protocol, or of the bounds of an interval design."""

    spec: TableDesign | IntervalSpec
    _rules: Rules = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Index the rows by their counts."""
        words = {(row.n, row.dlt): row.decision for row in _rows(self.spec)}
        most = max(n for n, _ in words)
        rules = Rules(
            words=words,
            most=most,
            cohort_size=self.spec.cohort_size,
            start_level=self.spec.start_level,
            max_n=self.spec.max_n,
            n_earlystop=most if self.spec.n_earlystop is None else self.spec.n_earlystop,
            stop=self.spec.bounds.stop if isinstance(self.spec, IntervalSpec) else (),
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
        unknown = any(tally.pending for tally in situation.tallies if tally.place not in answer.closed)
        if len(answers) > 1 or (answer.why is Why.ENDED and unknown):
            return self._wait(situation)
        closed = tuple(situation.tallies[place - 1].level for place in answer.closed)
        if answer.why is Why.NONE:
            because = why_none(situation, self._rules, name)
            return attrs.evolve(Decision.none_tolerated(), closed_levels=closed, because=because)
        if answer.why is Why.ENDED:
            mtd = self.select(situation.tallies, closed)
            because = why_ended(situation, mtd, name)
            return Decision(action=Action.STOP, mtd=mtd, closed_levels=closed, because=because)
        there = situation.tallies[(answer.place or 1) - 1]
        waits = answer.action is Action.WAIT
        because = (
            why_wait_for_slots(there, situation, name) if waits else why(answer, there, situation, self._rules, name)
        )
        return Decision(
            action=answer.action, level=there.level, slots=answer.slots, closed_levels=closed, because=because
        )

    def start_level(self) -> int:
        """Return the start level of the protocol."""
        return self.spec.start_level

    def opening_slots(self) -> int:
        """Return the slots of one cohort."""
        return self.spec.cohort_size

    def slots_at(self, level: Label, situation: Situation) -> int:
        """Return the slots of the cohort that is not full, or of another one."""
        tally = situation.tally_of(level)
        slots = capacity(tally, situation, situation.tallies, self._rules)
        more = places_left(situation.tallies, self._rules, self.spec.cohort_size)
        return slots if slots > tally.occupied else tally.occupied + min(self.spec.cohort_size, more)

    def select(self, tallies: Sequence[Tally], closed: Collection[Label]) -> Mtd:
        """Select the level whose estimated rate is nearest to the target; without a target establish none."""
        shut = [
            one.place
            for one in tallies
            if one.level in closed or self._rules.eliminates(one.place, one.evaluable, one.dlts)
        ]
        lowest = min(shut, default=len(tallies) + 1)
        if lowest == 1:
            return Mtd(status=MtdStatus.NONE_TOLERATED)
        if self.spec.target is None:
            return Mtd(status=MtdStatus.NOT_ESTABLISHED)
        estimates = isotonic(tallies[: lowest - 1])
        if not estimates:
            return Mtd(status=MtdStatus.NOT_ESTABLISHED) if any(tally.evaluable for tally in tallies) else Mtd()
        level = nearest(_below(estimates, self.spec), Fraction(self.spec.target))
        if level is None:
            return Mtd(status=MtdStatus.NONE_TOLERATED)
        return Mtd.established(level, bounded_above=lowest <= len(tallies))

    def candidate(self, tally: Tally) -> bool:
        """Say whether the level has evaluable participants, and the table would not de-escalate there."""
        return bool(tally.evaluable) and self._word(tally) in {TableWord.ESCALATE, TableWord.STAY}

    def tolerates(self, tally: Tally) -> bool:
        """Say whether the level is a candidate: a table that says stay or escalate does not go below the level."""
        return self.candidate(tally)

    def table(self, max_n: int) -> DecisionTable:
        """Return the rows of the protocol, or of an interval design for every number of evaluable participants."""
        rows = tuple(row for row in _rows(self.spec) if row.n <= max_n)
        size = self._rules.cohort_size
        whole = tuple(range(size, min(max_n, self._rules.most) + 1, size))
        return DecisionTable(rows=rows, findings=tuple(_findings(self.spec, self._rules)), whole=whole)

    def in_words(self) -> DesignWords:
        """Describe the design: how its table came about, when it is read, and when the trial ends."""
        return in_words(self.spec, self._rules)

    def forecast(self, situation: Situation, *, target: int | None = None) -> Forecast | None:  # noqa: ARG002 - the interface of all designs
        """Return None: a level may be treated any number of times."""
        return None

    def _word(self, tally: Tally) -> TableWord | None:
        return self._rules.word(tally.evaluable, tally.dlts)

    def _wait(self, situation: Situation) -> Decision:
        """Wait; the level in turn is the one treated last, or the highest open one below it.

        There is an open level: once level 1 is closed for all completions, none of them has another answer.
        """
        lowest = certainly_closed(situation, self._rules)
        ladder = situation.tallies[: lowest - 1]
        there = ladder[min(situation.last_place or self.spec.start_level, len(ladder)) - 1]
        awaited = situation.awaited_at(ladder)
        return Decision(
            action=Action.WAIT,
            level=there.level,
            slots=max(1, capacity(there, situation, situation.tallies, self._rules)),  # 0 where the trial is full
            closed_levels=situation.labels_from(lowest),
            waiting_for=awaited,
            because=why_wait_for_outcomes(awaited, self.spec.known_as),
        )


def _rows(spec: TableDesign | IntervalSpec) -> Sequence[TableRow]:
    if isinstance(spec, TableDesign):
        return spec.rows
    counts = ((n, dlt) for n in range(1, spec.bounds.most + 1) for dlt in range(n + 1))
    return [TableRow(n=n, dlt=dlt, decision=spec.bounds.word(n, dlt)) for n, dlt in counts]


def _below(estimates: Mapping[Label, Fraction], spec: TableDesign | IntervalSpec) -> dict[Label, Fraction]:
    """Leave out the levels whose estimate is too high for an MTD, where the design has such a limit (BOIN)."""
    limit = spec.mtd_below if isinstance(spec, IntervalSpec) else None
    return {level: estimate for level, estimate in estimates.items() if limit is None or estimate < limit}


def _findings(spec: DesignSpec, rules: Rules) -> Iterator[str]:
    """Yield a sentence where the table was altered, and where a trial ends with a single DLT in its first cohort."""
    if spec.altered is not None:
        yield spec.altered
    n = rules.cohort_size
    if rules.word(n, 1) is TableWord.ELIMINATE:
        yield (
            f"1 DLT in {n} evaluable eliminates a level: at level 1, a single DLT in the first cohort ends the trial "
            f"without an MTD; check cohort_size, elimination_min_n and elimination_cutoff"
        )
