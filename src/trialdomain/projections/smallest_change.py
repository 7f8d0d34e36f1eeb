"""The smallest sets of later entries that make an answer another one.

Participants stand for themselves, so sets are looked for in each of them first, and only those that make somebody
stand otherwise are combined. The search is bounded; beyond the bound, a set is given of which no entry can be left out,
and it is said that a smaller one may exist.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import combinations

import attrs

from trialdomain.projections.hindsight import NONE, Hindsight, Positions, Seen

_MOST_STEPS = 20_000
"""Seats and answers that one search looks at: some seconds."""
_MOST_SETS = 1_000
"""Sets of one size that are named."""
_MOST_ASKED = 1_000
"""Answers that are asked for in the search for what else changes one."""
_ENTRIES_OF_A_STEP = 50
"""A participant of so many entries takes about as long to read as an answer to ask for."""


@attrs.frozen
class Smallest:
    """The smallest sets, by the positions of their entries."""

    sets: tuple[Positions, ...]
    proven: bool
    """Whether there is none that is smaller, and none of the same size that is not named."""


class _TooMuch(Exception):
    """The search has taken as many steps as it may."""


def smallest_change(past: Hindsight, changed: Callable[[Seen], bool]) -> Smallest:
    """Look for the smallest sets of later entries that change an answer, where all of them together do.

    Args:
        past: the moment.
        changed: says of an answer whether it is another one.
    """
    reduced = _reduced(past, changed, past.later)
    search = _Search(past, changed)
    try:
        for size in range(1, len(reduced) + 1):
            if found := search.of_size(size):
                return Smallest(found, proven=len(found) < _MOST_SETS)
    except _TooMuch:
        pass
    return Smallest((reduced,), proven=False)


def in_any_set(past: Hindsight, changed: Callable[[Seen], bool], known: Sequence[Positions]) -> Positions:
    """Name the entries of every set that changes an answer and of which none can be left out, small or large.

    One after another, an entry of each known set is taken away, and another set is looked for in what is left. The
    search is bounded; it may miss a set that changes the answer only while others of today are left out.
    """
    sets = list(known)
    coming = deque(frozenset({position}) for one in known for position in sorted(one))
    taken: set[Positions] = set()
    asked = 0
    while coming and asked < _MOST_ASKED and len(taken) < _MOST_STEPS:
        away = coming.popleft()
        if away in taken:
            continue
        taken.add(away)
        found = next((one for one in sets if not one & away), None)
        if found is None:
            rest = past.later - away
            asked += 1
            if not rest or not changed(past.seen(rest)):
                continue
            found = _reduced(past, changed, rest)
            asked += len(rest)
            sets.append(found)
        coming.extend(away | {position} for position in sorted(found))
    return NONE.union(*sets)


def _reduced(past: Hindsight, changed: Callable[[Seen], bool], given: Positions) -> Positions:
    """Leave out what can be left out: halves first, then ever smaller parts, then single entries."""
    left = sorted(given)
    part = len(left) // 2 or 1
    while True:
        shorter = _without_a_part(past, left, part, changed)
        if shorter is not None:
            left = shorter
            part = min(part, len(left) // 2 or 1)
        elif part == 1:
            return frozenset(left)
        else:
            part //= 2


def _without_a_part(
    past: Hindsight, left: Sequence[int], part: int, changed: Callable[[Seen], bool]
) -> list[int] | None:
    for start in reversed(range(0, len(left), part)):
        rest = [*left[:start], *left[start + part :]]
        if rest and changed(past.seen(frozenset(rest))):
            return rest
    return None


class _Search:
    def __init__(self, past: Hindsight, changed: Callable[[Seen], bool]) -> None:
        self._past, self._changed = past, changed
        self._streams = sorted(past.of_people)
        self._others: dict[tuple[str, int, Positions], list[Positions]] = {}
        self._stands: dict[tuple[str, Positions], set[Hashable]] = {}
        """How a participant can stand with the sets looked at so far."""
        self._steps = 0

    def of_size(self, size: int) -> tuple[Positions, ...]:
        """Find the sets of one size that change the answer."""
        found: dict[Positions, None] = {}
        for from_trial in range(min(size, len(self._past.of_trial)) + 1):
            for of_trial in combinations(self._past.of_trial, from_trial):
                for chosen in self._spread(0, size - from_trial, frozenset(of_trial)):
                    self._step(1)
                    if self._changed(self._past.seen(chosen)):
                        found[chosen] = None
                    if len(found) >= _MOST_SETS:
                        return tuple(found)
        return tuple(found)

    def _spread(self, at: int, size: int, of_trial: Positions) -> Iterator[Positions]:
        """Combine sets of participants, each of which makes one of them stand otherwise."""
        if not size:
            yield of_trial
            return
        for number in range(at, len(self._streams)):
            stream = self._streams[number]
            for here in range(1, min(size, len(self._past.of_people[stream])) + 1):
                for chosen in self._making_another(stream, here, of_trial):
                    for rest in self._spread(number + 1, size - here, of_trial):
                        yield chosen | rest

    def _making_another(self, stream: str, size: int, of_trial: Positions) -> list[Positions]:
        """Find the sets of one participant with which they stand as with no smaller set."""
        key = (stream, size, of_trial)
        if key not in self._others:
            known = self._stands.setdefault((stream, of_trial), {self._past.stands(stream, NONE, of_trial)})
            found = []
            for chosen in map(frozenset, combinations(self._past.of_people[stream], size)):
                self._step(1 + self._past.size(stream) // _ENTRIES_OF_A_STEP)
                stands = self._past.stands(stream, chosen, of_trial)
                if stands not in known:
                    found.append((chosen, stands))
            known |= {stands for _, stands in found}
            self._others[key] = [chosen for chosen, _ in found]
        return self._others[key]

    def _step(self, cost: int) -> None:
        self._steps += cost
        if self._steps > _MOST_STEPS:
            raise _TooMuch
