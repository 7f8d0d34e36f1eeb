"""The flow of weights through the states of a walk: numbers of paths, or probabilities.

The weight 1 enters at the first state and is divided among what can follow, until all of it has reached an end. With
weight 1 for each outcome the ends hold numbers of paths; with probabilities, the probabilities of the ends.
"""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol, TypeAlias

import attrs

from trialdomain.operating.walk import Group, State, Walk
from trialdomain.values.clinical.decision import Mtd
from trialdomain.values.given.in_short import in_short
from trialdomain.values.progress import Progress, ignore_progress

Weight: TypeAlias = Fraction | int


@attrs.frozen
class Branch:
    """One outcome of a group: how many are evaluable, how many of them had a DLT, and its weight."""

    evaluable: int
    dlts: int
    weight: int
    """The numerator of the weight; its denominator is ``Branches.scale`` to the power of the size of the group."""


class Branches(Protocol):
    """The outcomes of groups, with their weights as whole numbers over a common denominator."""

    @property
    def scale(self) -> int:
        """The denominator for one participant."""
        ...

    def of(self, place: int, size: int) -> Sequence[Branch]:
        """Return the outcomes of a group at the level with a place; those of weight 0 are left out."""
        ...


@attrs.define
class Flow:
    """Where the weight went."""

    __repr__ = in_short

    ended: dict[tuple[Mtd | None, int], Fraction] = attrs.field(factory=lambda: defaultdict(Fraction))
    """By the end and the number of infused participants; the end is None where a limit on them ended the trial.

    The number is 0 where infused participants are not counted.
    """
    groups: dict[tuple[int, int], Fraction] = attrs.field(factory=lambda: defaultdict(Fraction))
    """By the place of the level and the size of a group."""
    left: Fraction = Fraction(0)
    """The weight that had not ended when the flow was cut off."""


@attrs.frozen(kw_only=True)
class Limits:
    """What is counted, and what ends a trial beside its rule."""

    counting: bool = True
    """Whether infused participants are counted. If not, a participant who is not evaluable leads back to the same
    state, and the weight of all such returns is the sum of a geometric series."""
    cap: int | None = None
    """The most infused participants; no whole cohort is begun that would exceed it."""
    longest: int | None = None
    """Where the flow is cut off: at more than this number of infused participants."""
    least: Fraction = Fraction(0)
    """Where the flow is cut off: if no more than this weight is left."""
    progress: Progress = ignore_progress
    """Called with the number of participants on the paths so far, and about how many the longest path has."""


NO_LIMITS = Limits()
"""Every infused participant is counted, and only the rule ends a trial."""


def flow(walk: Walk, branches: Branches, limits: Limits = NO_LIMITS) -> Flow:
    """Let the weight 1 flow through a walk.

    Args:
        walk: the states, and what follows each.
        branches: the outcomes of a group with their weights.
        limits: what is counted, and what ends a trial beside its rule.

    Raises:
        StatesTooMany: the walk has more states than can be enumerated.
    """
    return _Course(walk, branches, limits).flow()


@attrs.define
class _Course:
    """The weights that have not ended yet, by rank and state.

    The rank is the number of infused participants; where they are not counted, of evaluable ones. It never decreases
    along a path, so the states of the lowest rank have received all their weight from lower ranks. Where infused
    participants are counted, the weights of a rank are whole numbers over one denominator, which saves most of the time
    of exact fractions.
    """

    walk: Walk
    branches: Branches
    limits: Limits
    _waiting: dict[int, dict[State, Weight]] = attrs.field(init=False, factory=dict)
    _after: dict[tuple[State, int], Sequence[tuple[State, int]]] = attrs.field(init=False, factory=dict)
    _found: Flow = attrs.field(init=False, factory=Flow)

    def flow(self) -> Flow:
        """Let the weight of one rank after another flow on."""
        longest = self.walk.longest
        self._add(0, self.walk.start, 1)
        while self._waiting:
            rank = min(self._waiting)
            if self._cut_off(rank):
                break
            self.limits.progress("walking", min(rank, longest), longest)
            self._through(rank)
            del self._waiting[rank]
        self._found.left = self._left()
        return self._found

    def _add(self, rank: int, state: State, weight: Weight) -> None:
        layer = self._waiting.setdefault(rank, {})
        layer[state] = layer.get(state, 0) + weight

    def _cut_off(self, rank: int) -> bool:
        longest, least = self.limits.longest, self.limits.least
        return (longest is not None and rank > longest) or (bool(least) and self._left() <= least)

    def _left(self) -> Fraction:
        sums = (self._exact(rank, sum(layer.values())) for rank, layer in self._waiting.items())
        return sum(sums, start=Fraction(0))

    def _exact(self, rank: int, weight: Weight) -> Fraction:
        return Fraction(weight) / self.branches.scale**rank if self.limits.counting else Fraction(weight)

    def _through(self, rank: int) -> None:
        """Let the weights of a rank end, or divide them among the states that can follow."""
        ended: dict[Mtd | None, Weight] = defaultdict(int)
        groups: dict[tuple[int, int], Weight] = defaultdict(int)
        layer, cap = self._waiting[rank], self.limits.cap
        while layer:
            state, weight = layer.popitem()
            turn = self.walk.turn(state)
            if isinstance(turn, Mtd):
                ended[turn] += weight
                continue
            size = room_for(turn, None if cap is None else cap - rank)
            if size:
                groups[turn.place, size] += self._onward(rank, state, turn, size, weight)
            else:
                ended[None] += weight
        for end, weight in ended.items():
            self._found.ended[end, rank if self.limits.counting else 0] += self._exact(rank, weight)
        for group, weight in groups.items():
            self._found.groups[group] += self._exact(rank, weight)

    def _onward(self, rank: int, state: State, group: Group, size: int, weight: Weight) -> Weight:
        """Divide the weight of a state among those that can follow; return it, with all returns to the same state."""
        after = self._after.get((state, size))
        if after is None:
            after = self._after[state, size] = [
                (self.walk.after(state, group, evaluable=one.evaluable, dlts=one.dlts), one.weight)
                for one in self.branches.of(group.place, size)
            ]
        if self.limits.counting:
            for one, share in after:
                self._add(rank + size, one, weight * share)
            return weight
        whole = self.branches.scale**size
        returns = sum(share for one, share in after if one == state)
        weight = Fraction(weight) * Fraction(whole, whole - returns)
        for one, share in after:
            if one != state:
                self._add(one.evaluable, one, weight * Fraction(share, whole))
        return weight


def room_for(group: Group, left: int | None) -> int:
    """Return how many of a group are infused where a number of infusions is left; None is no limit.

    A whole cohort is not begun if it does not fit. Replacements are infused while there is room (**choice**).
    """
    if left is None or group.size <= left:
        return group.size
    return 0 if group.whole else left
