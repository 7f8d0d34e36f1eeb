"""The walk of a trial through the situations of a design, in which every outcome is known before the next group.

The rule is asked, and not copied: each step is an answer of ``Design.decide``. Equal situations are one state: the same
tallies, the same level treated last, the same closed levels. So a trial with thousands of paths has a few hundred
states, and the rule is asked once for each.

A group is the participants that are infused before the rule is asked again: all free slots of the answer, which is a
whole cohort, or the replacements of one. One at a time, a group is one participant.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import attrs

from trialdomain.designs.design import Design
from trialdomain.designs.registry import design_of
from trialdomain.designs.situation import Situation
from trialdomain.errors import InputInvalid
from trialdomain.protocol.designs import MOST_LEVELS, DesignSpec
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.values.clinical.decision import Action, Decision, FinalClosing, Mtd
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.text import short

MOST_STATES = 300_000
"""The most states of one question: a few minutes of work, and about 600 MB of memory."""
_USUAL = 6
"""The participants at a level of 3+3 and rolling six, at most."""
_CLOSED = "closed by an earlier answer, which more outcomes do not lift"


class DesignEndless(InputInvalid):
    """The parameters of the design set no end to a trial, so its paths cannot be enumerated."""

    code = "design-endless"

    def __init__(self, *, why: str) -> None:
        super().__init__(f"not every path of this design ends: {why}")
        self.why = why


class StatesTooMany(InputInvalid):
    """The design reaches more states than can be enumerated."""

    code = "states-too-many"

    def __init__(self, *, most: int) -> None:
        super().__init__(
            f"the trial can reach more than {most} different situations: give a lower max_n in [design], fewer levels, "
            f"or whole cohorts"
        )
        self.most = most


class LevelsUnfit(InputInvalid):
    """The number of dose levels is not one that a protocol can have, or does not fit the design."""

    code = "levels-unfit"

    def __init__(self, *, why: str) -> None:
        super().__init__(f"the dose levels do not fit: {why}")
        self.why = why


@attrs.frozen(cache_hash=True)
class AtLevel:
    """The outcomes at one level, as far as a rule can see a difference.

    How many participants were not evaluable there makes none: each gave their slot back, and the slot is still open.
    """

    evaluable: int = 0
    dlts: int = 0
    slots: int = 0
    """The slots of a cohort that is not complete, with all before them; 0 where every cohort is complete."""

    def after(self, *, evaluable: int, dlts: int, slots: int) -> "AtLevel":
        """Return the outcomes after a group, of which some are evaluable, and some of those had a DLT."""
        known = self.evaluable + evaluable
        return AtLevel(known, self.dlts + dlts, slots if slots > known else 0)


@attrs.frozen(cache_hash=True)
class State:
    """A situation in which every outcome is known."""

    __repr__ = in_short

    levels: tuple[AtLevel, ...]
    last: int = 0
    """The place of the level treated last, from 1; 0 before the first group."""
    closed: int = 0
    """The place of the lowest level that an earlier answer closed, from 1; 0 where none is closed."""

    @property
    def evaluable(self) -> int:
        """The number of evaluable participants at all levels."""
        return sum(level.evaluable for level in self.levels)


@attrs.frozen
class Group:
    """The participants to treat next: they are infused together, and the rule is asked when all outcomes are known."""

    place: int
    """The place of the level, from 1."""
    size: int
    slots: int
    """The slots that the level has with those of this answer."""
    whole: bool
    """Whether they begin a cohort; else they fill up one, in place of participants who were not evaluable."""
    closed: int
    """As ``State.closed``, with what this answer closes."""


Turn: TypeAlias = Group | Mtd
"""What follows a state: a group, or the end of the trial with its answer about the MTD."""


@attrs.define
class Walk:
    """The states of a trial under a design, and what follows each.

    Args:
        spec: the parameters of the design.
        ladder: the dose levels, in the order of escalation.
        one_at_a_time: whether each outcome is known before the next participant is infused.

    Raises:
        DesignEndless: the parameters set no limit on the participants.
        DesignUnknown: the class of the parameters belongs to no design of this library.
        LevelsUnfit: the design would begin above the highest level.
    """

    __repr__ = in_short

    spec: DesignSpec
    ladder: Sequence[DoseLevel]
    one_at_a_time: bool = False
    _design: Design = attrs.field(init=False)
    _turns: dict[State, Turn] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        """Refuse a design without an end, and levels that do not fit it."""
        self._design = design_of(self.spec)
        unfit = self.spec.unfit(len(self.ladder))
        if unfit is not None:
            raise LevelsUnfit(why=unfit)
        if self.spec.endless is not None:
            raise DesignEndless(why=self.spec.endless)

    @property
    def start(self) -> State:
        """The state before the first participant."""
        return State(tuple(AtLevel() for _ in self.ladder))

    @property
    def states(self) -> int:
        """The number of different states that were asked about."""
        return len(self._turns)

    @property
    def longest(self) -> int:
        """About how many evaluable participants the longest path has, for a progress bar."""
        return self.spec.most_at_level or _USUAL * len(self.ladder)

    def turn(self, state: State) -> Turn:
        """Ask the rule what follows a state; a state is asked about once.

        Raises:
            StatesTooMany: more states were asked about than can be enumerated.
        """
        found = self._turns.get(state)
        if found is None:
            if len(self._turns) >= MOST_STATES:
                raise StatesTooMany(most=MOST_STATES)
            found = self._turns[state] = self._asked(state)
        return found

    def after(self, state: State, group: Group, *, evaluable: int, dlts: int) -> State:
        """Return the state after a group, of which some are evaluable, and some of those had a DLT."""
        at = group.place - 1
        treated = state.levels[at].after(evaluable=evaluable, dlts=dlts, slots=group.slots)
        return State((*state.levels[:at], treated, *state.levels[at + 1 :]), group.place, group.closed)

    def situation(self, state: State) -> Situation:
        """Return the input of the rule in a state."""
        tallies = tuple(map(_tally, self.ladder, state.levels))
        closing = FinalClosing(level=self.ladder[state.closed - 1].label, cause=_CLOSED) if state.closed else None
        return Situation(
            tallies=tallies,
            last_level=self.ladder[state.last - 1].label if state.last else None,
            final_closings=() if closing is None else (closing,),
            slots=tuple((level.slots,) if level.slots else () for level in state.levels),
        )

    def decision(self, state: State) -> Decision:
        """Return the answer of the rule in a state."""
        return self._design.decide(self.situation(state))

    def _asked(self, state: State) -> Turn:
        decision = self.decision(state)
        if decision.action is Action.STOP:
            return decision.mtd
        places = {level.label: level.level for level in self.ladder}
        place = places.get(decision.level, 0) if decision.level is not None else 0
        slots = decision.slots or 0
        free = slots - state.levels[place - 1].evaluable
        if decision.action is Action.WAIT or not place or free < 1:
            raise AssertionError(f"a design treats no participant although every outcome is known: {decision}")
        closed = min((places[label] for label in decision.closed_levels), default=0)
        whole = decision.action is not Action.ENROLL or not state.last
        return Group(place, 1 if self.one_at_a_time else free, slots, whole, closed)


def ladder_of(levels: int | Sequence[DoseLevel]) -> Sequence[DoseLevel]:
    """Return dose levels: those of a protocol, or a number of levels whose labels are their places.

    Raises:
        LevelsUnfit: the number is not from 1 to 20.
    """
    if isinstance(levels, int):
        if isinstance(levels, bool) or not 1 <= levels <= MOST_LEVELS:
            raise LevelsUnfit(why=f"expected a number from 1 to {MOST_LEVELS}, got {short(levels)}")
        return tuple(DoseLevel(level=place) for place in range(1, levels + 1))
    found = tuple(levels)
    if not 1 <= len(found) <= MOST_LEVELS or [level.level for level in found] != list(range(1, len(found) + 1)):
        raise LevelsUnfit(why=f"expected 1 to {MOST_LEVELS} levels with the places 1, 2, ..., got {len(found)}")
    return found


@lru_cache(maxsize=4096)
def _tally(level: DoseLevel, at: AtLevel) -> Tally:
    return Tally(
        level=level.label,
        place=level.level,
        dose=level.dose,
        evaluable=at.evaluable,
        dlts=at.dlts,
        most_held=at.evaluable,
    )
