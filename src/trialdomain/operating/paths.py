"""All paths of a design: their number, the ends that they reach, and each path by itself."""

from collections.abc import Iterator, Sequence

import attrs

from trialdomain.designs.notation import Outcome, Treated
from trialdomain.operating.compared import AskedTrial
from trialdomain.operating.ending import Ending, ending_of, endings_of
from trialdomain.operating.flow import Branch, Flow, Limits, flow
from trialdomain.operating.walk import State, Walk, ladder_of
from trialdomain.protocol.designs import DesignSpec
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.values.clinical.decision import Mtd
from trialdomain.values.given.in_short import in_short
from trialdomain.values.progress import Progress, ignore_progress


@attrs.frozen
class CohortOutcome:
    """The outcomes of one cohort."""

    place: int
    """The place of its level in the order of escalation, from 1."""
    size: int
    """The number of participants, all of them evaluable."""
    dlts: int
    """How many of them had a DLT."""

    @property
    def treated(self) -> tuple[Treated, ...]:
        """The participants one by one; those without a DLT come first."""
        without = self.size - self.dlts
        return (Treated(self.place, Outcome.NO_DLT),) * without + (Treated(self.place, Outcome.DLT),) * self.dlts


@attrs.frozen
class TrialPath:
    """One path of a trial from its first cohort to its end."""

    __repr__ = in_short

    cohorts: tuple[CohortOutcome, ...]
    ending: Ending

    @property
    def participants(self) -> int:
        """The number of participants of the path."""
        return sum(cohort.size for cohort in self.cohorts)

    @property
    def dlts(self) -> int:
        """The number of participants with a DLT."""
        return sum(cohort.dlts for cohort in self.cohorts)

    @property
    def outcomes(self) -> str:
        """The path in outcomes notation; within a cohort, those without a DLT come first.

        >>> TrialPath((CohortOutcome(1, 3, 0), CohortOutcome(2, 3, 1)), Ending("1", 1)).outcomes
        '1NNN 2NNT'
        """
        return " ".join(f"{c.place}{'N' * (c.size - c.dlts)}{'T' * c.dlts}" for c in self.cohorts)


@attrs.frozen(kw_only=True)
class EndingPaths:
    """The paths that reach one ending."""

    ending: Ending
    paths: int
    """The number of paths."""
    smallest: int
    """The fewest participants on such a path."""
    largest: int
    """The most participants on such a path."""


@attrs.frozen(kw_only=True)
class Paths:
    """All paths of a design with a number of dose levels.

    A path is a sequence of DLT counts, one for each cohort, in which every outcome is known before the next cohort. The
    order of the participants within a cohort does not matter.
    """

    __repr__ = in_short

    spec: DesignSpec
    ladder: Sequence[DoseLevel]
    """The dose levels, in the order of escalation."""
    number: int
    """The number of paths."""
    endings: tuple[EndingPaths, ...]
    """The endings that are reached: none tolerated, each level as the MTD from level 1, not established."""
    _walk: Walk = attrs.field(repr=False)

    @property
    def levels(self) -> int:
        """The number of dose levels."""
        return len(self.ladder)

    @property
    def states(self) -> int:
        """The number of different situations on all paths; the rule was asked once for each."""
        return self._walk.states

    def __iter__(self) -> Iterator[TrialPath]:
        """Yield each path, the one with the fewest DLTs first at every cohort."""
        return _paths(self._walk, self._walk.start, ())

    def asked(self, path: TrialPath) -> AskedTrial:
        """Return a path with the answer of the rule at its end; within a cohort, those without a DLT come first.

        Raises:
            ValueError: the design has no such path.
        """
        state = self._walk.start
        for cohort in path.cohorts:
            turn = self._walk.turn(state)
            if isinstance(turn, Mtd) or (turn.place, turn.size) != (cohort.place, cohort.size):
                raise ValueError(f"the design has no path {path.outcomes!r}: take one that these paths yield")
            state = self._walk.after(state, turn, evaluable=cohort.size, dlts=cohort.dlts)
        return AskedTrial(tuple(cohort.treated for cohort in path.cohorts), self._walk.decision(state))


def paths(design: DesignSpec, levels: int | Sequence[DoseLevel], *, progress: Progress = ignore_progress) -> Paths:
    """Count all paths of a design, and what they end with, by the pure rule.

    The last cohort is cut to fit a limit such as ``max_n``. Of rolling six, a cohort is all free slots of a level, up
    to 6 at once (**choice**): the path of a trial in which participants arrive faster than outcomes.

    Args:
        design: the parameters of the design, such as ``ThreePlusThree()``.
        levels: the number of dose levels, 1 to 20; or the levels of a protocol, for their labels.
        progress: called as the paths get longer.

    Raises:
        DesignEndless: the parameters set no limit on the participants, as an interval design without ``max_n``.
        DesignUnknown: the class of the parameters belongs to no design of this library.
        LevelsUnfit: the levels are none that a protocol can have, or do not fit the design.
        StatesTooMany: the paths have more than 300,000 different situations.

    >>> from trialdomain.protocol.designs import ThreePlusThree
    >>> [paths(ThreePlusThree(), levels).number for levels in (1, 2, 3)]
    [10, 46, 154]
    """
    ladder = ladder_of(levels)
    walk = Walk(design, ladder)
    found = flow(walk, EachCountOnce(), Limits(progress=progress))
    return Paths(spec=design, ladder=ladder, number=number_of(found), endings=tuple(_endings(found, ladder)), walk=walk)


@attrs.frozen
class EachCountOnce:
    """An outcome of weight 1 for each number of DLTs in a group: then weights are numbers of paths."""

    scale: int = 1

    def of(self, _: int, size: int) -> Sequence[Branch]:
        """Return the outcomes of a group of a size."""
        return [Branch(size, dlts, 1) for dlts in range(size + 1)]


def number_of(found: Flow) -> int:
    """Return the number of paths, of a flow with weight 1 for each outcome."""
    return sum(int(weight) for weight in found.ended.values())


def _endings(found: Flow, ladder: Sequence[DoseLevel]) -> Iterator[EndingPaths]:
    for ending in endings_of(ladder):
        sizes = [(n, int(weight)) for (mtd, n), weight in found.ended.items() if ending_of(mtd) == ending]
        if sizes:
            smallest, largest = min(sizes)[0], max(sizes)[0]
            number = sum(weight for _, weight in sizes)
            yield EndingPaths(ending=ending, paths=number, smallest=smallest, largest=largest)


def _paths(walk: Walk, state: State, before: tuple[CohortOutcome, ...]) -> Iterator[TrialPath]:
    turn = walk.turn(state)
    if isinstance(turn, Mtd):
        yield TrialPath(before, ending_of(turn))
        return
    for dlts in range(turn.size + 1):
        after = walk.after(state, turn, evaluable=turn.size, dlts=dlts)
        yield from _paths(walk, after, (*before, CohortOutcome(turn.place, turn.size, dlts)))
