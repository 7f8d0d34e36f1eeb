"""The smallest sets of later entries that change an answer.

Participants are independent of each other. So the search looks for sets within each participant first, and combines
only the sets that change the evaluation of a participant. The search is bounded. Beyond the bound it returns a minimal
set (no entry can be left out), and marks that a smaller set may exist.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import combinations

import attrs

from trialdomain.projections.hindsight import NONE, DesignAnswer, Hindsight, Positions

_MOST_STEPS = 20_000
"""The maximum number of seats and answers that one search computes: some seconds."""
_MOST_SETS = 1_000
"""The maximum number of sets of one size that are returned."""
_MOST_ASKED = 1_000
"""The maximum number of answers computed in the search for further minimal sets."""
_ENTRIES_OF_A_STEP = 50
"""Reading a participant with this many entries takes about as long as computing one answer."""


@attrs.frozen
class Smallest:
    """The smallest sets, by the positions of their entries."""

    sets: tuple[Positions, ...]
    proven: bool
    """Whether the search was complete: no smaller set exists, and no further set of the same size."""


class _LimitReached(Exception):
    """The search reached its limit of steps."""


def smallest_change(past: Hindsight, changed: Callable[[DesignAnswer], bool]) -> Smallest:
    """Search the smallest sets of later entries that change an answer; all entries together must change it.

    Args:
        past: the moment.
        changed: returns whether an answer differs.
    """
    reduced = _reduced(past, changed, past.later)
    search = _Search(past, changed)
    try:
        for size in range(1, len(reduced) + 1):
            if found := search.of_size(size):
                return Smallest(found, proven=len(found) < _MOST_SETS)
    except _LimitReached:
        pass
    return Smallest((reduced,), proven=False)


def in_any_set(past: Hindsight, changed: Callable[[DesignAnswer], bool], known: Sequence[Positions]) -> Positions:
    """Return the entries of all minimal sets that change an answer, small or large.

    The search removes one entry of a known set after another, and looks for a minimal set in the remaining entries.
    It is bounded. It may miss a set that changes the answer only while other later entries are left out.
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
            if not rest or not changed(past.answer_with(rest)):
                continue
            found = _reduced(past, changed, rest)
            asked += len(rest)
            sets.append(found)
        coming.extend(away | {position} for position in sorted(found))
    return NONE.union(*sets)


def _reduced(past: Hindsight, changed: Callable[[DesignAnswer], bool], given: Positions) -> Positions:
    """Reduce a set to a minimal one (delta debugging): leave out halves, then smaller parts, then single entries."""
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
    past: Hindsight, left: Sequence[int], part: int, changed: Callable[[DesignAnswer], bool]
) -> list[int] | None:
    for start in reversed(range(0, len(left), part)):
        rest = [*left[:start], *left[start + part :]]
        if rest and changed(past.answer_with(frozenset(rest))):
            return rest
    return None


class _Search:
    def __init__(self, past: Hindsight, changed: Callable[[DesignAnswer], bool]) -> None:
        self._past, self._changed = past, changed
        self._streams = sorted(past.of_people)
        self._others: dict[tuple[str, int, Positions], list[Positions]] = {}
        self._stands: dict[tuple[str, Positions], set[Hashable]] = {}
        """The evaluations of each participant with the sets tried so far."""
        self._steps = 0

    def of_size(self, size: int) -> tuple[Positions, ...]:
        """Find the sets of one size that change the answer."""
        found: dict[Positions, None] = {}
        for from_trial in range(min(size, len(self._past.of_trial)) + 1):
            for of_trial in combinations(self._past.of_trial, from_trial):
                for chosen in self._spread(0, size - from_trial, frozenset(of_trial)):
                    self._step(1)
                    if self._changed(self._past.answer_with(chosen)):
                        found[chosen] = None
                    if len(found) >= _MOST_SETS:
                        return tuple(found)
        return tuple(found)

    def _spread(self, at: int, size: int, of_trial: Positions) -> Iterator[Positions]:
        """Combine sets of several participants, each of which changes the evaluation of one participant."""
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
        """Find the sets of one participant that give an evaluation which no smaller set gives."""
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
            raise _LimitReached
