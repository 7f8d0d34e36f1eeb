"""A recorded trial under another protocol: the same facts, judged by other rules.

What people did stays as it was recorded: who was enrolled, infused and observed, and what was decided. The protocol of
each version is replaced, and so are the closings of levels that a decision took over from the design: they are those
that the other rules give from what was known at that decision.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any, TypeAlias

import attrs

from trialdomain.events.cohort import EscalationDecided
from trialdomain.events.entries import Change as FieldChanged
from trialdomain.events.entries import changes
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import ProtocolAmended, TrialRegistered
from trialdomain.projections.casebook import Streams
from trialdomain.projections.decisions import (
    DoseDecision,
    RecordedDecision,
    StandsOtherwise,
    StreamsInMemory,
    answer_to,
    read_decisions,
    stand_otherwise,
    was_registered,
)
from trialdomain.projections.dlt_counts import stands
from trialdomain.projections.escalation import Escalation
from trialdomain.projections.hindsight import Hindsight
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.level import Label
from trialdomain.values.given.in_short import in_short
from trialdomain.values.ids import subject_of

_ROOT = re.compile(r"[.\[]")
"""What ends the name of a parameter, in the path to a part of it."""
Change: TypeAlias = Callable[[TrialProtocol], TrialProtocol]
"""Returns the other protocol for a recorded version of the protocol."""


@attrs.frozen(kw_only=True)
class VersionOtherwise:
    """A recorded version of the protocol, and the one that takes its place."""

    __repr__ = in_short

    position: int
    """The position of the entry that recorded it."""
    recorded: TrialProtocol
    other: TrialProtocol

    @property
    def parameters(self) -> tuple[FieldChanged, ...]:
        """The parameters that differ, from the recorded version to the other one; derived ones are left out."""
        designs = [protocol.design for protocol in (self.recorded, self.other) if protocol.design is not None]
        derived = tuple(f"design.{name}" for design in designs for name in design.derived)
        found = (one for one in changes(self.recorded, self.other) if not one.field.startswith(derived))
        order = list(attrs.fields_dict(TrialProtocol))
        return tuple(sorted(found, key=lambda one: order.index(_ROOT.split(one.field)[0])))


def versions_otherwise(trial: Iterable[Recorded[Any]], change: Change) -> tuple[VersionOtherwise, ...]:
    """Return each recorded version of the protocol, in force or not, with the one that takes its place.

    Args:
        trial: the entries of the trial's stream.
        change: returns the other protocol for a recorded version; it is called once for each.
    """
    return tuple(
        VersionOtherwise(position=entry.position, recorded=entry.fact.protocol, other=change(entry.fact.protocol))
        for entry in trial
        if isinstance(entry.fact, TrialRegistered | ProtocolAmended)
    )


@attrs.frozen
class OtherProtocol:
    """The entries of a trial, with another protocol in place of each recorded version."""

    protocols: Mapping[int, TrialProtocol]
    """By the position of the entry that records a version: the protocol that takes its place."""
    closings: Mapping[int, tuple[Label, ...]]
    """By the position of a decision: the levels that the other rules close at it, where they close others."""

    def entry(self, entry: Recorded[Any]) -> Recorded[Any]:
        """Return an entry as it counts under the other protocol."""
        fact = entry.fact
        if isinstance(fact, TrialRegistered | ProtocolAmended):
            return attrs.evolve(entry, fact=attrs.evolve(fact, protocol=self.protocols[entry.position]))
        closed = self.closings.get(entry.position)
        if isinstance(fact, EscalationDecided) and closed is not None:
            recommended = attrs.evolve(fact.recommended, closed_levels=closed)
            return attrs.evolve(entry, fact=attrs.evolve(fact, recommended=recommended))
        return entry

    def entries(self, entries: Iterable[Recorded[Any]]) -> Iterator[Any]:
        """Yield each entry as it counts under the other protocol."""
        return map(self.entry, entries)

    def streams(self, streams: Streams) -> Streams:
        """Yield streams under the other protocol; no entry of a participant holds a rule."""
        for stream, entries in streams:
            yield stream, entries if subject_of(stream) is not None else self.entries(entries)


@attrs.frozen(kw_only=True)
class DecisionOtherwise:
    """A recorded decision about the dose, and what the other protocol recommends from what was known then."""

    __repr__ = in_short

    entry: Recorded[DoseDecision]
    superseded_by: int | None
    """The position of the later entry that corrected or voided it."""
    recorded: Escalation | None
    """The state then under the recorded protocol; None without a design, or before the registration."""
    other: Escalation | None
    """The state then under the other protocol; None without a design, or before the registration."""
    differs: bool
    """Whether the answer that such a decision rests on differs: the next level and its slots, to wait or to stop, the
    levels closed, the MTD."""
    participants: tuple[StandsOtherwise, ...]
    """The participants who are evaluated otherwise: ``then`` by the recorded protocol, ``today`` by the other one."""


def decisions_otherwise(
    read: Callable[[Collection[type[Any]]], Iterable[tuple[str, Iterable[Recorded[Any]]]]],
    versions: Sequence[VersionOtherwise],
    *,
    zone: tzinfo,
    progress: Callable[[int, int], object] = lambda _, __: None,
) -> tuple[Sequence[DecisionOtherwise], OtherProtocol]:
    """Ask another protocol at every recorded decision, from what was known then, in the order of the log.

    The trial is not conducted anew: each decision finds the participants who were really treated.

    Args:
        read: returns the streams one after another, participants last, without the kinds of facts in its argument.
        versions: every recorded version of the protocol, with the one that takes its place.
        zone: the time zone of the site.
        progress: called with the number of compared decisions, and the number of all decisions.

    Returns:
        The decisions, and the entries of the trial with the levels that the other protocol closes at them.
    """
    both = (protocol for version in versions for protocol in (version.recorded, version.other))
    streams, decisions = read_decisions(read, list(both))
    closings: dict[int, tuple[Label, ...]] = {}
    other = OtherProtocol({version.position: version.other for version in versions}, closings)
    compared: list[DecisionOtherwise] = []
    for done, found in enumerate(decisions):
        progress(done, len(decisions))
        one = _compared(found, streams, other, zone)
        compared.append(one)
        if one.recorded is not None and one.other is not None:
            closed = one.recorded.to_decide.closed_levels, one.other.to_decide.closed_levels
            if closed[0] != closed[1]:
                closings[found.entry.position] = closed[1]
    return compared, other


def _compared(
    found: RecordedDecision, streams: StreamsInMemory, other: OtherProtocol, zone: tzinfo
) -> DecisionOtherwise:
    moment, answer = found.moment(zone), answer_to(found.entry.fact)
    recorded = judged = None
    differs = False
    if was_registered(streams, moment.position):
        then = Hindsight(streams, moment).then()
        # The mapping of closings grows from decision to decision, so the entries are replaced anew for each.
        replaced = [(stream, list(entries)) for stream, entries in other.streams(streams)]
        otherwise = Hindsight(replaced, moment).then()
        recorded, judged, differs = then.state, otherwise.state, answer(then) != answer(otherwise)
    return DecisionOtherwise(
        entry=found.entry,
        superseded_by=found.superseded_by,
        recorded=recorded,
        other=judged,
        differs=differs,
        participants=tuple(_who_stands_otherwise(recorded, judged)),
    )


def _who_stands_otherwise(recorded: Escalation | None, other: Escalation | None) -> Iterator[StandsOtherwise]:
    """Yield the participants who count otherwise; nobody where one of the two protocols counts nobody."""
    if recorded is not None and other is not None:
        for one in stand_otherwise(recorded, other):
            if (one.then and stands(one.then)) != (one.today and stands(one.today)):
                yield one
