"""What a trial answered at one moment, kept to compare with what a replay answers later."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Self

import attrs

from trialdomain.history import History
from trialdomain.projections.endpoints.value import Value
from trialdomain.values.clinical.decision import Decision
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.in_short import in_short


@attrs.frozen(kw_only=True)
class Answered:
    """The tallies, the decision and the endpoints of a trial, as it was known at a position, for a day."""

    __repr__ = in_short

    position: int
    on: date
    tallies: tuple[Tally, ...]
    decision: Decision | None
    """The decision without its forecast; None if the protocol has no design."""
    endpoints: Mapping[str, Value] | None
    """By endpoint and participant, such as ``"S1 of S001"``; None where they were not asked."""

    @classmethod
    def of(cls, history: History, *, on: date, endpoints: bool = True) -> Self:
        """Ask a history.

        Args:
            history: the trial, as it is known now.
            on: the day for which windows are judged.
            endpoints: whether to ask for the endpoints, which takes most of the time.
        """
        state = history.escalation(on=on)
        counts = history.dlt_counts(on=on) if state is None else state.counts
        return cls(
            position=history.position,
            on=on,
            tallies=counts.tallies,
            decision=None if state is None else attrs.evolve(state.decision, forecast=None),
            endpoints=_values(history, on) if endpoints else None,
        )

    def differences(self, later: "Answered") -> Iterator[str]:
        """Yield a sentence for each answer that differs from a later one."""
        for then, now in zip(self.tallies, later.tallies, strict=False):
            if then != now:
                yield f"level {then.level} was {_counted(then)}, and is {_counted(now)}"
        if len(self.tallies) != len(later.tallies):
            yield f"there were {len(self.tallies)} levels, and there are {len(later.tallies)}"
        if self.decision != later.decision:
            yield f"the answer was {words_of(self.decision)}, and is {words_of(later.decision)}"
        then_known, now_known = self.endpoints or {}, later.endpoints or {}
        for name in sorted({*then_known, *now_known}):
            if then_known.get(name) != now_known.get(name):
                yield f"endpoint {name} was {_valued(then_known.get(name))}, and is {_valued(now_known.get(name))}"


def _values(history: History, on: date) -> Mapping[str, Value]:
    found = history.endpoints(on=on)
    codes = [endpoint.id for endpoint in found.protocol.endpoints.derived]
    return {f"{value.endpoint} of {value.subject}": value for code in codes for value in found.values(code)}


def _counted(tally: Tally) -> str:
    return (
        f"{tally.dlts} DLT in {tally.evaluable} evaluable, {tally.pending} pending, {tally.not_evaluable} not "
        f"evaluable, {tally.enrolled} enrolled"
    )


def words_of(decision: Decision | None) -> str:
    """Write a decision in words: the action, the level, the closed levels and the reason."""
    if decision is None:
        return "no decision"
    level = "" if decision.level is None else f" at level {decision.level}"
    mtd = "" if decision.mtd.level is None else f" with the MTD at level {decision.mtd.level}"
    closed = f", closed {', '.join(map(str, decision.closed_levels))}" if decision.closed_levels else ""
    because = "" if decision.because is None else f" ({decision.because.text})"
    return f"{decision.action.value}{level}{mtd}{closed}{because}"


def _valued(value: Value | None) -> str:
    if value is None:
        return "absent"
    return f"{value.status.value} {'' if value.value is None else value.value}".rstrip()
