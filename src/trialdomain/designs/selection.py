"""The selection of the MTD: isotonic regression of the DLT rates, then the level nearest to the target.

Source: Liu and Yuan 2015 (BOIN), with the method of published software: posterior means under a Beta(0.05, 0.05)
prior, weighted by the inverse of the posterior variance, pooled until no level has a lower rate than one below it.
Exact fractions avoid ties that depend on rounding.
"""

from collections.abc import Sequence
from fractions import Fraction

import attrs

from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally

_PRIOR = Fraction(1, 20)


@attrs.frozen
class _Pool:
    """Neighboring levels with one estimate."""

    estimate: Fraction
    weight: Fraction
    levels: tuple[Label, ...]


def isotonic(tallies: Sequence[Tally]) -> dict[Label, Fraction]:
    """Estimate the DLT rate at each level with evaluable participants; the estimates never decrease with the level."""
    pools: list[_Pool] = []
    for tally in tallies:
        if tally.evaluable:
            pools.append(_pool_of(tally))
            while len(pools) > 1 and pools[-2].estimate > pools[-1].estimate:
                pools[-2:] = [_together(pools[-2], pools[-1])]
    return {level: pool.estimate for pool in pools for level in pool.levels}


def nearest(estimates: dict[Label, Fraction], target: Fraction) -> Label | None:
    """Choose the level whose estimate is nearest to the target; None where there is no estimate.

    The estimates are in the order of the levels.

    Among equally near levels: choose the highest where they are below the target, and the lowest where they are at or
    above it. Choose the lower one where they lie on both sides.
    """
    if not estimates:
        return None
    least = min(abs(estimate - target) for estimate in estimates.values())
    near = {level: estimate for level, estimate in estimates.items() if abs(estimate - target) == least}
    below = [level for level, estimate in near.items() if estimate < target]
    return below[-1] if below else next(iter(near))


def _pool_of(tally: Tally) -> _Pool:
    with_dlt, without = tally.dlts + _PRIOR, tally.evaluable - tally.dlts + _PRIOR
    total = with_dlt + without
    variance = with_dlt * without / (total**2 * (total + 1))
    return _Pool(with_dlt / total, 1 / variance, (tally.level,))


def _together(lower: _Pool, upper: _Pool) -> _Pool:
    weight = lower.weight + upper.weight
    estimate = (lower.estimate * lower.weight + upper.estimate * upper.weight) / weight
    return _Pool(estimate, weight, lower.levels + upper.levels)
