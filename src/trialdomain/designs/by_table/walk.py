"""The walk of a decision table: the level of the next cohort, once no pending outcome can change the answer.

A cohort is the slots that one decision gives. It is complete when each slot has an outcome; a participant who is not
evaluable is replaced. The table is read at the level treated last, and only at a complete cohort. A level is eliminated
as soon as every completion of its cohort eliminates it.
"""

from collections.abc import Iterator, Mapping, Sequence

import attrs

from trialdomain.designs.situation import Situation
from trialdomain.protocol.designs import TableWord
from trialdomain.values.clinical.decision import Action
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.word import Word


class Why(Word):
    """The rule behind an answer."""

    FILL = "cohort-incomplete"
    TABLE = "table"
    CLOSED = "level-closed"
    NOT_INFUSED = "not-infused"
    ENDED = "number-reached"
    NONE = "none-tolerated"


@attrs.frozen
class Answer:
    """The answer where every outcome is known."""

    action: Action
    place: int | None
    """The place of the level to treat, from 1."""
    slots: int | None
    closed: tuple[int, ...]
    """The places of the closed levels."""
    why: Why
    word: TableWord | None = None

    @property
    def essence(self) -> tuple[object, ...]:
        """The part of the answer that every completion must share, so that it holds before outcomes are known."""
        return self.action, self.place, self.closed


@attrs.frozen
class Rules:
    """A decision table with its parameters."""

    words: Mapping[tuple[int, int], TableWord]
    """The rows, by evaluable participants and DLTs."""
    most: int
    """The highest number of evaluable participants in the table."""
    cohort_size: int
    start_level: int
    max_n: int | None
    n_earlystop: int
    stop: tuple[int, ...] = ()
    """The fewest DLTs at level 1 that end the trial, for each number from 1; empty without that rule (BOIN)."""

    def word(self, n: int, dlt: int) -> TableWord | None:
        """Look up a row; None below the lowest number of evaluable participants in the table.

        A number without a row, such as that of a last cohort that is cut to fit, is read as the rows beside it with the
        same DLTs: the more cautious of the two counts (**choice**). A number above the highest of the table is read as
        the highest, with all DLTs.
        """
        dlt = min(dlt, n)
        if (n, dlt) in self.words:
            return self.words[n, dlt]
        below = max((known for known, _ in self.words if known <= n), default=None)
        if below is None:
            return None
        beside = [self.words[below, min(dlt, below)], *self._above(n, dlt)]
        return max(beside, key=list(TableWord).index)

    def _above(self, n: int, dlt: int) -> Iterator[TableWord]:
        """Yield the row of the next higher number with the same DLTs: what every completion gives, or a bolder one."""
        above = min((known for known, _ in self.words if known > n), default=None)
        if above is not None:
            yield self.words[above, dlt]

    def eliminates(self, place: int, n: int, dlt: int) -> bool:
        """Say whether the counts eliminate a level: by its row, or at level 1 by the extra safety rule.

        More DLTs than participants are as many DLTs as participants: the others are beyond the slots that are read.
        Below the lowest number of the table it is eliminated where every completion to that number eliminates it.
        """
        word = self.word(n, dlt)
        words = self._above(n, dlt) if word is None else iter((word,))
        return TableWord.ELIMINATE in words or self.ends(place, n, dlt)

    def ends(self, place: int, n: int, dlt: int) -> bool:
        """Say whether the counts of the lowest level end the trial by the extra safety rule."""
        return place == 1 and n > 0 and bool(self.stop) and min(dlt, n) >= self.stop[min(n, self.most) - 1]


def completions(situation: Situation, rules: Rules) -> Iterator[tuple[Tally, ...]]:
    """Yield tallies for the completions of outcomes that are pending at levels that are not eliminated.

    At the level treated last, the number of DLTs matters. At another level, it matters only whether it becomes the
    lowest eliminated one. So these completions are enough, and far fewer than all combinations.
    """
    certain = certainly_closed(situation, rules)
    without = [_known(tally, 0) for tally in situation.tallies]
    others = [t for t in situation.tallies if t.pending and t.place < certain and t.level != situation.last_level]
    ways = [without, *(_with(without, _known(other, other.pending)) for other in others)]
    here = next((t for t in situation.tallies if t.level == situation.last_level and t.place < certain), None)
    for way in ways:
        for dlts in range((here.pending if here else 0) + 1):
            yield tuple(way if here is None else _with(way, _known(here, dlts)))


def _with(tallies: Sequence[Tally], one: Tally) -> list[Tally]:
    """Replace the tally of one level."""
    return [one if tally.level == one.level else tally for tally in tallies]


def certainly_closed(situation: Situation, rules: Rules) -> int:
    """Return the place of the lowest level that is closed for all completions; one above the highest where none is."""
    return lowest_closed(situation, tuple(_known(tally, 0) for tally in situation.tallies), rules)


def answer_to(situation: Situation, tallies: Sequence[Tally], rules: Rules) -> Answer:
    """Compute the answer where every outcome is known."""
    lowest = lowest_closed(situation, tallies, rules)
    closed = tuple(range(lowest, len(tallies) + 1))
    ladder, last = tallies[: lowest - 1], situation.last_place
    if not ladder:
        return Answer(Action.STOP, None, None, closed, Why.NONE)
    step = _Step(situation, tallies, rules, closed)
    if last is None:
        return step.treat(ladder[min(rules.start_level, len(ladder)) - 1], Why.FILL)
    if last > len(ladder):
        return step.treat(ladder[-1], Why.CLOSED)
    here = ladder[last - 1]
    if here.occupied < step.capacity(here) or here.enrolled:
        return step.treat(here, Why.FILL)
    if rules.max_n is not None and sum(tally.evaluable for tally in tallies) >= rules.max_n:
        return step.ended()
    word = rules.word(here.evaluable, here.dlts)
    if word is TableWord.ESCALATE and here is not ladder[-1]:
        return step.treat(ladder[last], Why.TABLE, word)
    if word is TableWord.DE_ESCALATE and last > 1:
        return step.treat(ladder[last - 2], Why.TABLE, word)
    if here.evaluable >= rules.n_earlystop:
        return step.ended()
    return step.treat(here, Why.TABLE, word)


def lowest_closed(situation: Situation, tallies: Sequence[Tally], rules: Rules) -> int:
    """Return the place of the lowest eliminated or finally closed level; one above the highest where none is."""
    final = {closing.level for closing in situation.final_closings}
    shut = (t.place for t in tallies if t.level in final or _eliminated(t, situation, tallies, rules))
    return min(shut, default=len(tallies) + 1)


def _eliminated(tally: Tally, situation: Situation, tallies: Sequence[Tally], rules: Rules) -> bool:
    """Say whether the table eliminates a level, even if no open outcome there is a DLT."""
    return any(rules.eliminates(tally.place, n, dlts) for n, dlts in readings(tally, situation, tallies, rules))


def readings(tally: Tally, situation: Situation, tallies: Sequence[Tally], rules: Rules) -> Iterator[tuple[int, int]]:
    """Yield the counts of a level, evaluable and DLTs, of which each eliminates it if its row says so.

    The cohort counts with its unfilled slots, at every level: participants who leave, or are treated at another
    level, give no outcome. It counts as it is now, and as it was after each earlier infusion at the level, by what is
    known of those participants now: a participant beyond the slots, or a place that is taken elsewhere, never lifts an
    elimination. Where the order of infusion is not known, all DLTs of the level count in the slots that people opened
    (**choice**).
    """
    yield capacity(tally, situation, tallies, rules), tally.dlts
    if not tally.dlts:
        return  # fewer participants without a DLT are not eliminated either
    if situation.in_order:
        yield from _earlier(tally, situation, rules)
        return
    opened = _opened(tally, situation)
    if opened and tally.occupied > opened[-1]:
        yield opened[-1], tally.dlts


def _earlier(tally: Tally, situation: Situation, rules: Rules) -> Iterator[tuple[int, int]]:
    """Yield the counts after each infusion at a level; DLTs of a completion come first, the more cautious case."""
    assumed = tally.dlts - sum(bool(had) for level, had in situation.in_order if level == tally.level)
    count = dlts = pending = 0
    for before, (level, had) in enumerate(situation.in_order):
        if level == tally.level:
            count, dlts, pending = count + 1, dlts + bool(had), pending + (had is None)
            slots = _slots(count, _opened(tally, situation), rules)
            cut = slots if rules.max_n is None else count + max(0, rules.max_n - before - 1)
            yield min(slots, cut), dlts + min(pending, assumed)


def capacity(tally: Tally, situation: Situation, tallies: Sequence[Tally], rules: Rules) -> int:
    """Return the number of slots of a level: as people opened them, or whole cohorts for the occupied slots."""
    slots = _slots(tally.occupied, _opened(tally, situation), rules)
    return min(slots, tally.occupied + places_left(tallies, rules, slots))


def _opened(tally: Tally, situation: Situation) -> tuple[int, ...]:
    """Return the totals of slots that people opened at a level; empty where none are known."""
    return situation.slots[tally.place - 1] if situation.slots else ()


def _slots(occupied: int, opened: Sequence[int], rules: Rules) -> int:
    """Return the slots that people opened, or more: whole cohorts for the occupied slots."""
    return max((max(1, -(-occupied // rules.cohort_size)) * rules.cohort_size, *opened))


def places_left(tallies: Sequence[Tally], rules: Rules, at_most: int) -> int:
    """Return how many more participants the trial accepts."""
    if rules.max_n is None:
        return at_most
    return max(0, rules.max_n - sum(tally.occupied for tally in tallies))


@attrs.frozen
class _Step:
    situation: Situation
    tallies: Sequence[Tally]
    rules: Rules
    closed: tuple[int, ...]

    def capacity(self, tally: Tally) -> int:
        return capacity(tally, self.situation, self.tallies, self.rules)

    def ended(self) -> Answer:
        return Answer(Action.STOP, None, None, self.closed, Why.ENDED)

    def treat(self, tally: Tally, why: Why, word: TableWord | None = None) -> Answer:
        """Fill the cohort of a level, or open another one."""
        slots = self.capacity(tally)
        full = tally.occupied >= slots
        if full and tally.enrolled:
            return Answer(Action.WAIT, tally.place, slots, self.closed, Why.NOT_INFUSED)
        if full:
            more = places_left(self.tallies, self.rules, self.rules.cohort_size)
            if not more and any(other.enrolled for other in self.tallies):  # they may still leave without an infusion
                return Answer(Action.WAIT, tally.place, slots, self.closed, Why.NOT_INFUSED)
            if not more or tally.evaluable >= self.rules.most:
                return self.ended()
            slots = tally.occupied + min(self.rules.cohort_size, more)
        return Answer(self._towards(tally, full=full), tally.place, slots, self.closed, why, word)

    def _towards(self, tally: Tally, *, full: bool) -> Action:
        last = self.situation.last_place or tally.place
        if tally.place > last:
            return Action.ESCALATE
        if tally.place < last:
            return Action.DE_ESCALATE
        return Action.EXPAND if full else Action.ENROLL


def _known(tally: Tally, dlts: int) -> Tally:
    return attrs.evolve(tally, evaluable=tally.evaluable + tally.pending, dlts=tally.dlts + dlts, pending=0)
