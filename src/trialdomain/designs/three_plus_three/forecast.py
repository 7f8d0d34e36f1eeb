"""The forecast of a 3+3: how many evaluable participants each result still needs, by a search with the rule itself.

In each step, one subject is treated where the walk stops, or one pending outcome becomes known, with or without a DLT.
The search ends when the design stops. Every step makes one more subject evaluable, so the search is finite.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from math import prod

import attrs

from trialdomain.designs.closing import below_closing
from trialdomain.designs.three_plus_three.walk import COHORT, COMPLETE, Verdict, closes, judge, next_step
from trialdomain.protocol.designs import CLOSING_DLTS, ThreePlusThree
from trialdomain.values.clinical.decision import Action, Forecast
from trialdomain.values.clinical.tally import Tally

NONE_TOLERATED = "none"
_MOST_PENDING = 24
_MOST_WAYS = 20_000
"""Bounds on the search: with more pending outcomes it would take hours instead of milliseconds."""


@attrs.frozen
class _Need:
    """The fewest evaluable participants still needed, and the fewest infusions still needed."""

    evaluable: int
    infusions: int

    def fewest(self, other: "_Need") -> "_Need":
        return _Need(min(self.evaluable, other.evaluable), min(self.infusions, other.infusions))


@attrs.frozen
class _Ahead:
    """The forecast from one state of the ladder."""

    least: Mapping[str, _Need]
    most: int


def forecast(
    tallies: Sequence[Tally],
    *,
    still_open: Sequence[Tally],
    last: int | None,
    spec: ThreePlusThree,
    target: int | None = None,
) -> Forecast | None:
    """Compute for each result how many evaluable participants it still needs, treated one at a time.

    Args:
        tallies: every dose level, from level 1 upwards.
        still_open: the levels that are not closed.
        last: the place of the level treated last.
        spec: the parameters of the variant.
        target: the target recruitment, in infused participants; None ignores it.

    Returns:
        None when too many outcomes are pending for a fast search; no trial that follows the rule has so many.
    """
    pending = [tally.pending for tally in still_open]
    if sum(pending) > _MOST_PENDING or prod(2 * count + 1 for count in pending) > _MOST_WAYS:
        return None
    ahead = _ahead(*_essence(still_open, last, spec), spec)
    outcomes = [NONE_TOLERATED, *(str(tally.level) for tally in tallies)]
    left = None if target is None else max(0, target - sum(tally.treated for tally in tallies))
    return Forecast(
        least={name: ahead.least[name].evaluable if name in ahead.least else None for name in outcomes},
        most=ahead.most,
        exceeds_target=None
        if left is None
        else tuple(name for name in outcomes if name in ahead.least and ahead.least[name].infusions > left),
    )


@lru_cache(maxsize=100_000)
def _ahead(still_open: tuple[Tally, ...], last: int | None, spec: ThreePlusThree) -> _Ahead:
    step = next_step(still_open, last, spec)
    if step is None:
        return _Ahead({NONE_TOLERATED: _Need(0, 0)}, most=0)
    if step.action is Action.STOP:
        return _Ahead({str(step.tally.level): _Need(0, 0)}, most=0)
    treated = None if step.action is Action.WAIT else step.tally
    least: dict[str, _Need] = {}
    most = 0
    for tally, infusions in _subjects(still_open, treated):
        for dlt in (0, 1):
            known = _with_outcome(tally, dlt=dlt, pending=not infusions)
            after = (*still_open[: tally.place - 1], known, *still_open[tally.place :])
            left = below_closing(after, closes=lambda one: closes(one, spec))
            ahead = _ahead(*_essence(left, tally.place if infusions else last, spec), spec)
            most = max(most, ahead.most + 1)
            for outcome, need in ahead.least.items():
                way = _Need(need.evaluable + 1, need.infusions + infusions)
                least[outcome] = way.fewest(least.get(outcome, way))
    return _Ahead(least, most)


def _subjects(still_open: tuple[Tally, ...], treated: Tally | None) -> Iterator[tuple[Tally, int]]:
    """Yield the level of each subject who may become evaluable next, and 1 if an infusion is needed for it, else 0."""
    if treated is not None:
        yield treated, 1
    for tally in still_open:
        if tally.pending:
            yield tally, 0


def _with_outcome(tally: Tally, *, dlt: int, pending: bool) -> Tally:
    return Tally(
        level=tally.level,
        place=tally.place,
        evaluable=tally.evaluable + 1,
        dlts=tally.dlts + dlt,
        pending=tally.pending - pending,
        most_held=tally.most_held,  # nobody leaves in the search: the slots in use are the peak from here on
    )


def _essence(
    still_open: Sequence[Tally], last: int | None, spec: ThreePlusThree
) -> tuple[tuple[Tally, ...], int | None]:
    """Normalize the state for the cache: keep only the values that the forecast depends on.

    The peak number of slots matters while fewer than 3 are evaluable; and where 2 DLTs in 6 are tolerated, it tells
    whether 2 DLTs close the level.
    """
    kept = COHORT if spec.most_dlts_in_six < CLOSING_DLTS else COMPLETE
    ladder = [
        Tally(
            level=tally.level,
            place=tally.place,
            evaluable=min(tally.evaluable, COMPLETE),
            dlts=tally.dlts,
            pending=tally.pending,
            most_held=max(tally.most_held, tally.evaluable + tally.pending) if tally.evaluable < kept else 0,
        )
        for tally in still_open
    ]
    for at, tally in enumerate(ladder):
        if tally.pending or judge(tally.evaluable, tally.dlts, highest=False, spec=spec) is not Verdict.TOLERATED:
            break
        if tally.evaluable == COMPLETE:  # it can no longer close, so no subject is treated here or below again
            done = ladder[: at + 1]
            ladder[: at + 1] = [Tally(level=one.level, place=one.place, evaluable=COMPLETE) for one in done]
    return tuple(ladder), last if any(tally.pending for tally in ladder) else None
