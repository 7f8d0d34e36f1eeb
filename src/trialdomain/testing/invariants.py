"""Invariants of a whole trial, which hold under every protocol: nobody infused without eligibility, and others.

Each is a function of a history that raises :class:`InvariantBroken` with a sentence that names the entries. They judge
what the desk accepted, as it was known when it was recorded: what was recorded with a deviation, corrected, voided or
imported may break a rule of conduct, and is a finding of the audit instead (``trialdomain.findings``).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from typing_extensions import override

from trialdomain.events.cohort import (
    SlotFilled,
)
from trialdomain.events.membership import Membership, apply_to_members
from trialdomain.events.participant import (
    ChemotherapyGiven,
    ChemotherapyStarted,
    Consented,
    Died,
    Enrolled,
    Infused,
    LostToFollowUp,
    Screened,
    Withdrew,
)
from trialdomain.events.recorded import Entry
from trialdomain.history import History
from trialdomain.rules.eligibility import assess, unmet
from trialdomain.rules.known_facts import known_of
from trialdomain.testing.replay import Replay
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.screening import Gate
from trialdomain.values.ids import cohort_stream, level_of, subject_of

_NAMED = 3
"""The most things that a sentence names; the rest are counted."""


class InvariantBroken(AssertionError):
    """A trial breaks an invariant."""

    def __init__(self, invariant: str, why: str, positions: Sequence[int] = ()) -> None:
        super().__init__(invariant, why, tuple(positions))
        self.invariant, self.why, self.positions = invariant, why, tuple(positions)

    @override
    def __str__(self) -> str:
        """Say which invariant, and why, with the positions of the entries."""
        at = f" (position {', '.join(map(str, self.positions))})" if self.positions else ""
        return f"{self.invariant}: {self.why}{at}"


def nobody_infused_without_eligibility(history: History) -> None:
    """Assert that everybody was eligible when they were enrolled, and when they were infused.

    Before an enrollment: a consent, a screening, and every criterion of the screening met. Before an infusion: an
    enrollment, no withdrawal, loss or death by that day, and every criterion of the infusion day, and of chemotherapy
    once it began, met (ICH E6(R3) 2.7: the inclusion criteria of the protocol).

    Raises:
        InvariantBroken: somebody was not.
    """
    replay = Replay.of(history)
    for command in replay.commands():
        for entry in command.entries if command.intended else ():
            if isinstance(entry.fact, Enrolled | Infused):
                missing = list(_missing(replay, entry))
                if missing:
                    act = "enrolled" if isinstance(entry.fact, Enrolled) else "infused"
                    more = f", and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
                    why = f"{subject_of(entry.stream)} was {act} {', '.join(missing[:_NAMED])}{more}"
                    raise InvariantBroken("nobody infused without eligibility", why, [entry.position])


def _missing(replay: Replay, entry: Entry) -> Iterator[str]:
    """Yield what was missing when a participant was enrolled or infused."""
    protocol = replay.protocol(before=entry.position)
    facts = [one.fact for one in replay.current(entry.stream, before=entry.position)]
    if protocol is None:
        return
    kinds = {type(fact) for fact in facts}
    if Consented not in kinds:
        yield "without a consent"
    if isinstance(entry.fact, Enrolled):
        if Screened not in kinds:
            yield "without a screening"
        gates, on = [Gate.SCREENING], entry.fact.on.last
    elif isinstance(entry.fact, Infused):
        if Enrolled not in kinds:
            yield "without an enrollment"
        treated = kinds & {ChemotherapyStarted, ChemotherapyGiven}
        gates, on = [*([Gate.CHEMOTHERAPY] if treated else []), Gate.INFUSION], entry.fact.started_at.last
    else:
        return
    yield from (f"after {word}" for kind, word in _ENDS.items() for fact in facts if _ended(fact, kind, on))
    for gate in gates:
        known = known_of(facts, protocol, gate=gate, on=on)
        due = {criterion.id for criterion in protocol.criteria if criterion.gate is gate}
        for one in unmet(assess(known, protocol, gate=gate)):
            if one.criterion in due:
                yield f"with criterion {one.criterion} {one.status.value}"


_ENDS: Mapping[type, str] = {Withdrew: "a withdrawal", LostToFollowUp: "being lost", Died: "the death"}


def _ended(fact: Any, kind: type, on: date) -> bool:  # noqa: ANN401 - a fact of any kind
    return isinstance(fact, kind) and bool(fact.on.last < on)  # type: ignore[attr-defined]  # of these kinds, each has it


def no_slot_twice(history: History) -> None:
    """Assert that no participant holds two slots, and that no level has more people in its slots than slots.

    Raises:
        InvariantBroken: a slot was taken twice.
    """
    replay = Replay.of(history)
    for command in replay.commands():
        for entry in command.entries if command.intended else ():
            if isinstance(entry.fact, SlotFilled):
                _against_filling(replay, entry, entry.fact.subject, after=command.last)


def _against_filling(replay: Replay, entry: Entry, subject: str, *, after: int) -> None:
    """Refuse a slot that was taken twice, by what the cohorts had recorded after a position."""
    name, here = "no slot twice", level_of(entry.stream)
    for level in replay.levels:
        members, slots = _cohort(replay, level, after=after)
        member = members.get(subject, Membership())
        if level != here and member.holds:
            why = f"{subject} took a slot at level {here}, and holds one at level {level}"
            raise InvariantBroken(name, why, [entry.position])
        taken = sum(one.occupies for one in members.values())
        if level == here and taken > slots:
            why = f"{subject} took a slot at level {level}, where {taken} people then used {slots} slots"
            raise InvariantBroken(name, why, [entry.position])


def _cohort(replay: Replay, level: Label, *, after: int) -> tuple[dict[str, Membership], int]:
    """Return the members of a level, and its slots, as they were recorded after a position."""
    members: dict[str, Membership] = {}
    slots = 0
    for entry in replay.current(cohort_stream(replay.history.trial, level), before=after + 1):
        apply_to_members(members, entry.fact)
        slots = max(slots, getattr(entry.fact, "slots", 0))
    return members, slots
