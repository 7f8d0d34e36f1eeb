"""Rolling six: up to 6 participants enter a level one after another, before earlier outcomes are known.

The state of the level treated last decides (``states.py``). Two points are this library's choice, since the
publications leave them open. An escalation skips levels whose own state says escalate, since those above may be done
after the walk went back to a level below. An outcome pending below the level treated last delays the next escalation
and an MTD, but no treatment at that level.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile

import attrs

from trialdomain.designs.closing import below_closing, still_open
from trialdomain.designs.design import DecisionTable, DesignWords
from trialdomain.designs.rolling_six.reasons import (
    why_escalate,
    why_established,
    why_go_back,
    why_go_down,
    why_hold,
    why_none_tolerated,
    why_six,
    why_treat_on,
    why_wait,
)
from trialdomain.designs.rolling_six.states import State, answer_to, by_state, state_of
from trialdomain.designs.rolling_six.words import in_words
from trialdomain.designs.situation import Situation
from trialdomain.protocol.designs import ROLLING_SIX, RollingSix, StateAnswer, TableRow, TableWord
from trialdomain.values.clinical.decision import Action, Awaited, Because, Decision, Forecast, Mtd, MtdStatus
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally

_FEWEST = 3
"""The evaluable participants that a level needs before the next level is treated (Skolnik 2008)."""


@attrs.frozen
class RollingSixDesign:
    """The design of rolling six."""

    spec: RollingSix
    _differing: Mapping[State, StateAnswer] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Index the rows of the protocol by their state."""
        object.__setattr__(self, "_differing", by_state(self.spec.table))

    @property
    def forecasts(self) -> bool:
        """Return False: this design has no forecasts."""
        return False

    def decide(self, situation: Situation) -> Decision:
        """Find the level in turn, and look up its state."""
        ladder = still_open(situation)
        closed = tuple(tally.level for tally in situation.tallies[len(ladder) :])
        return attrs.evolve(self._decided(situation, ladder), closed_levels=closed)

    def start_level(self) -> int:
        """Return the start level of the protocol."""
        return self.spec.start_level

    def opening_slots(self) -> int:
        """Return all slots at once."""
        return ROLLING_SIX

    def slots_at(self, level: Label, situation: Situation) -> int:  # noqa: ARG002 - the interface of all designs
        """Return 6 for every level."""
        return ROLLING_SIX

    def select(self, tallies: Sequence[Tally], closed: Collection[Label]) -> Mtd:
        """Select the highest open level, once it has 6 evaluable with at most 1 DLT and no level below has too few."""
        ladder = below_closing(tallies, closed)
        if not ladder:
            return Mtd(status=MtdStatus.NONE_TOLERATED)
        if any(map(_has_too_few, ladder[:-1])) or not self.candidate(ladder[-1]) or any(t.pending for t in ladder):
            return Mtd()
        return Mtd.established(ladder[-1].level, bounded_above=len(ladder) < len(tallies))

    def candidate(self, tally: Tally) -> bool:
        """Say whether at least 6 are evaluable, and at most one sixth of them had a DLT."""
        return tally.evaluable >= ROLLING_SIX and tally.dlts * ROLLING_SIX <= tally.evaluable

    def tolerates(self, tally: Tally) -> bool:
        """Say whether the state of the level, with every outcome known, is to escalate."""
        return self._word(tally.evaluable, tally.dlts) is TableWord.ESCALATE

    def table(self, max_n: int) -> DecisionTable:
        """Return the decisions for a level at which every outcome is known."""
        counts = ((n, dlt) for n in range(1, min(max_n, ROLLING_SIX) + 1) for dlt in range(n + 1))
        rows = tuple(TableRow(n=n, dlt=dlt, decision=self._word(n, dlt)) for n, dlt in counts)
        return DecisionTable(rows=rows, whole=tuple(range(_FEWEST, ROLLING_SIX + 1)))

    def in_words(self) -> DesignWords:
        """Describe the rule, with the rows of the protocol."""
        return in_words(self.spec)

    def forecast(self, situation: Situation, *, target: int | None = None) -> Forecast | None:  # noqa: ARG002 - as above
        """Return None: participants enter at once, so the number still needed is not defined."""
        return None

    def state(self, enrolled: int, dlt: int, pending: int) -> StateAnswer:
        """Look up one state of a level; more than 6 enrolled count as 6."""
        return answer_to((min(enrolled, ROLLING_SIX), dlt, pending), self._differing)

    def _word(self, evaluable: int, dlts: int) -> TableWord:
        words = {StateAnswer.ESCALATE: TableWord.ESCALATE, StateAnswer.DE_ESCALATE: TableWord.ELIMINATE}
        return words.get(self.state(evaluable, dlts, 0), TableWord.STAY)

    def _decided(self, situation: Situation, ladder: Sequence[Tally]) -> Decision:
        if not ladder:
            return attrs.evolve(Decision.none_tolerated(), because=why_none_tolerated(situation))
        last = situation.last_place
        if last is None:
            first = ladder[min(self.spec.start_level, len(ladder)) - 1]
            return self._treat(situation, first, why_treat_on(first))
        few = next((tally for tally in ladder[: last - 1] if _has_too_few(tally)), None)
        if few is not None:
            return self._treat(situation, few, why_go_back(few))
        if last > len(ladder):
            return self._at_highest(situation, ladder, why_go_down(situation, len(ladder) + 1, ladder[-1]))
        return self._going_on(situation, ladder, ladder[last - 1 :])

    def _going_on(self, situation: Situation, ladder: Sequence[Tally], from_last: Sequence[Tally]) -> Decision:
        """Go up from the level treated last to the first level whose state does not say escalate, or to the highest."""
        passed = list(takewhile(self._is_left, from_last[:-1]))
        tally = from_last[len(passed)]
        if passed:
            pending_below = situation.awaited_at(ladder[: passed[-1].place - 1])
            if pending_below:
                return _wait(tally, pending_below, why_wait(pending_below, "the next escalation"))
        because = why_escalate(passed, tally) if passed else None
        if tally is ladder[-1]:
            return self._at_highest(situation, ladder, because)
        return self._treat(situation, tally, because or why_treat_on(tally))

    def _is_left(self, tally: Tally) -> bool:
        """Say whether a level is done: its state says escalate, and no participant there waits for the infusion."""
        return not tally.enrolled and answer_to(state_of(tally), self._differing) is StateAnswer.ESCALATE

    def _at_highest(self, situation: Situation, ladder: Sequence[Tally], because: Because | None) -> Decision:
        """Treat the highest open level up to 6; with 6 evaluable it is the MTD, once no outcome is pending."""
        highest = ladder[-1]
        if highest.evaluable < ROLLING_SIX:
            return self._treat(situation, highest, because or why_six(highest))
        awaited = situation.awaited_at(ladder)
        if awaited:
            return _wait(highest, awaited, why_wait(awaited, "an MTD"))
        established = Decision.established(highest.level, bounded_above=len(ladder) < len(situation.tallies))
        return attrs.evolve(established, because=why_established(highest, situation))

    def _treat(self, situation: Situation, tally: Tally, because: Because) -> Decision:
        """Treat at a level while it has a free slot and its state does not say hold."""
        held = answer_to(state_of(tally), self._differing) is StateAnswer.HOLD
        if held or tally.occupied >= ROLLING_SIX:
            awaited = situation.awaited_at([tally])
            return _wait(tally, awaited, why_hold(tally, awaited))
        last = situation.last_place or tally.place
        action = Action.ENROLL
        if tally.place != last:
            action = Action.ESCALATE if tally.place > last else Action.DE_ESCALATE
        return Decision(action=action, level=tally.level, slots=ROLLING_SIX, because=because)


def _wait(tally: Tally, awaited: tuple[Awaited, ...], because: Because) -> Decision:
    return attrs.evolve(Decision.wait(level=tally.level), slots=ROLLING_SIX, waiting_for=awaited, because=because)


def _has_too_few(tally: Tally) -> bool:
    """Say whether an open level was treated, and fewer than 3 are, or may still become, evaluable there."""
    return bool(tally.treated) and tally.occupied < _FEWEST
