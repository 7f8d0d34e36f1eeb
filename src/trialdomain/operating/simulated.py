"""Trials under a design that are drawn at random from a seed, by the pure rule, to set beside the exact numbers."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import sqrt
from random import Random

import attrs

from trialdomain.designs.notation import Outcome, Treated
from trialdomain.operating.characteristics import Scenario
from trialdomain.operating.compared import AskedTrial
from trialdomain.operating.ending import Ending, ending_of, endings_of
from trialdomain.operating.flow import room_for
from trialdomain.operating.walk import Walk
from trialdomain.values.clinical.decision import Mtd
from trialdomain.values.given.in_short import in_short


@attrs.frozen
class DrawnTrial:
    """One trial that was drawn at random."""

    asked: AskedTrial
    ending: Ending


@attrs.frozen
class Estimate:
    """A mean over simulated trials."""

    value: float
    standard_error: float | None
    """The standard deviation over the trials, divided by the square root of their number; None for one trial."""


@attrs.frozen(kw_only=True)
class Simulated:
    """What simulated trials ended with: the numbers of ``Characteristics`` as estimates."""

    __repr__ = in_short

    trials: int
    seed: int
    p_select: Mapping[str, Estimate]
    """By the name of the ending."""
    infused: tuple[Estimate, ...]
    """Infused participants per trial at each level, from level 1."""
    dlts: tuple[Estimate, ...]
    """Participants with a DLT per trial at each level, from level 1."""
    expected_infused: Estimate
    """Infused participants per trial."""
    expected_dlt: Estimate
    """Participants with a DLT per trial."""
    sample: tuple[DrawnTrial, ...]
    """The first trials, complete."""


def simulated(
    asked: Scenario, *, trials: int, seed: int = 1, sample: int = 0, progress: Callable[[int], None] = lambda _: None
) -> Simulated:
    """Draw trials at random and count what they end with; the same seed gives the same trials.

    Args:
        asked: the design, the true rates and the conduct.
        trials: the number of trials, at least 1.
        seed: the seed of the random generator.
        sample: how many of the first trials to return complete.
        progress: called with the number of trials that were drawn since the last call.

    Raises:
        DesignEndless, DesignUnknown, LevelsUnfit, StatesTooMany: as for ``characteristics``.
    """
    walk, chance = asked.walk, Random(seed)  # noqa: S311 - a simulation, which has to be repeatable
    kept: list[DrawnTrial] = []
    counts = _Counts(trials)
    for number in range(trials):
        drawn = _drawn(asked, walk, chance)
        counts.add(drawn)
        if number < sample:
            kept.append(drawn)
        progress(1)
    names = [ending.name for ending in endings_of(asked.ladder)]
    places = [level.level for level in asked.ladder]
    return Simulated(
        trials=trials,
        seed=seed,
        p_select={name: counts.mean("ended", name) for name in names},
        infused=tuple(counts.mean("infused", place) for place in places),
        dlts=tuple(counts.mean("dlts", place) for place in places),
        expected_infused=counts.mean("infused", 0),
        expected_dlt=counts.mean("dlts", 0),
        sample=tuple(kept),
    )


@attrs.define
class _Counts:
    """Sums and sums of squares over trials, in whole numbers."""

    trials: int
    _sums: dict[tuple[str, int | str], tuple[int, int]] = attrs.field(factory=dict)

    def add(self, drawn: DrawnTrial) -> None:
        people = [one for group in drawn.asked.groups for one in group]
        self._add("ended", drawn.ending.name, 1)
        for what, counted in (("infused", people), ("dlts", [p for p in people if p.outcome is Outcome.DLT])):
            self._add(what, 0, len(counted))  # at all levels
            for place in {one.level for one in counted}:
                self._add(what, place, sum(one.level == place for one in counted))

    def mean(self, what: str, of: int | str) -> Estimate:
        total, squares = self._sums.get((what, of), (0, 0))
        value = Fraction(total, self.trials)
        if self.trials == 1:
            return Estimate(float(value), None)
        variance = (Fraction(squares) - self.trials * value**2) / (self.trials - 1)
        return Estimate(float(value), sqrt(variance / self.trials))

    def _add(self, what: str, of: int | str, number: int) -> None:
        total, squares = self._sums.get((what, of), (0, 0))
        self._sums[what, of] = total + number, squares + number**2


def _drawn(asked: Scenario, walk: Walk, chance: Random) -> DrawnTrial:
    state, infused = walk.start, 0
    groups: list[tuple[Treated, ...]] = []
    while True:
        turn = walk.turn(state)
        if isinstance(turn, Mtd):
            return DrawnTrial(AskedTrial(tuple(groups), walk.decision(state)), ending_of(turn))
        size = room_for(turn, None if asked.cap is None else asked.cap - infused)
        if not size:
            return DrawnTrial(AskedTrial(tuple(groups), walk.decision(state)), ending_of(None))
        group = tuple(Treated(turn.place, _outcome(asked, turn.place, chance)) for _ in range(size))
        dlts = sum(one.outcome is Outcome.DLT for one in group)
        evaluable = sum(one.outcome is not Outcome.NOT_EVALUABLE for one in group)
        state = walk.after(state, turn, evaluable=evaluable, dlts=dlts)
        groups.append(group)
        infused += size


def _outcome(asked: Scenario, place: int, chance: Random) -> Outcome:
    if _happens(asked.not_evaluable, chance):
        return Outcome.NOT_EVALUABLE
    return Outcome.DLT if _happens(asked.true[place - 1], chance) else Outcome.NO_DLT


def _happens(probability: Fraction, chance: Random) -> bool:
    """Draw whether something of an exact probability happens."""
    return chance.randrange(probability.denominator) < probability.numerator
