"""The audit of dose decisions: recompute what was known then, whether the decision follows, and today's answer."""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any, TypeAlias

import attrs

from trialdomain.errors import CommandRefused
from trialdomain.events.cohort import EscalationDecided
from trialdomain.events.entries import target_version
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import DoseRecommended, MtdDeclared, MtdNotEstablished, ProtocolAmended, TrialRegistered
from trialdomain.limits.caution import against_deciding
from trialdomain.limits.conclusion import against_conclusion
from trialdomain.limits.recommendation import against_recommending, highest_recommendable
from trialdomain.projections.dlt_counts import DLT_COUNTS, Member
from trialdomain.projections.escalation import Escalation, slots_given
from trialdomain.projections.hindsight import NONE, DesignAnswer, Hindsight, Moment, Positions
from trialdomain.projections.smallest_change import Smallest, in_any_set, smallest_change
from trialdomain.projections.view import left_out
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.decision import Action, Decision
from trialdomain.values.clinical.level import Label, listed_levels
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.plural import how_many
from trialdomain.values.ids import subject_of

DoseDecision: TypeAlias = EscalationDecided | MtdDeclared | MtdNotEstablished | DoseRecommended
"""The facts that are decisions about the dose."""
StreamsInMemory: TypeAlias = Sequence[tuple[str, Sequence[Recorded[Any]]]]
_NO_DESIGN = "no escalation design was in force: nothing could be decided by it"


@attrs.frozen(kw_only=True)
class BasisDifference:
    """One field of a decision's recorded basis that differs from the log."""

    field: str
    recorded: object
    recomputed: object


@attrs.frozen(kw_only=True)
class LaterEntry:
    """An entry recorded after a decision that changes the answer."""

    __repr__ = in_short

    entry: Recorded[Any]
    alone: bool
    """Whether it changes the answer as the only later entry."""
    needed: bool
    """Whether today's answer would differ without it."""
    in_a_set: bool
    """Whether it is in a minimal set that changes the answer (no entry of the set can be left out)."""
    target: Recorded[Any] | None = None
    """The entry that it corrects or voids."""


@attrs.frozen(kw_only=True)
class StandsOtherwise:
    """A participant whose evaluation for the day of a decision differs today from then."""

    subject: str
    then: Member | None
    today: Member | None


@attrs.frozen(kw_only=True)
class DecisionAudit:
    """The audit of one decision."""

    __repr__ = in_short

    entry: Recorded[DoseDecision]
    superseded_by: int | None
    """The position of the later entry that corrected or voided it."""
    then: Escalation | None
    """The state at the log position and for the day that the decision recorded; None without a design."""
    differences: tuple[BasisDifference, ...]
    """The fields of the recorded basis that differ from the log."""
    breaches: tuple[CommandRefused, ...]
    """The rules that the decision breaks by the state then; if there are none, it follows from that state."""
    today: Escalation | None
    """The state for the same day with everything that is known about it today."""
    same_answer: bool
    """Whether the design gives the same answer today: the next level and its slots, to wait or to stop, the levels
    closed, the MTD."""
    breaches_today: tuple[CommandRefused, ...]
    """The rules that the decision would break by the state of today; empty if the answer is the same."""
    members: tuple[StandsOtherwise, ...]
    """The participants whose evaluation differs today, whether or not that changes the answer."""
    changing: tuple[LaterEntry, ...]
    """Every later entry that changes the answer, by position; empty if the answer is the same."""
    smallest: Smallest
    """The smallest sets of later entries that change the answer."""
    sufficient: Smallest
    """The smallest sets of later entries that give today's answer."""

    @property
    def follows(self) -> bool:
        """Whether the decision follows from the state known then."""
        return not self.breaches

    @property
    def ok(self) -> bool:
        """Whether the basis matches the log, the decision follows from it, and it would be allowed today."""
        return self.follows and self.same_answer and not self.differences


def audit_decisions(
    read: Callable[[Collection[type[Any]]], Iterable[tuple[str, Iterable[Recorded[Any]]]]],
    versions: Iterable[TrialProtocol],
    *,
    zone: tzinfo,
    progress: Callable[[int, int], None] = lambda _, __: None,
) -> Iterator[DecisionAudit]:
    """Audit every decision in the order of the log, including corrected and voided ones.

    Only facts that can change a count are kept in memory. Without a decision, participants are not read at all.

    Args:
        read: returns the streams one after another, participants last, without the kinds of facts in its argument.
        versions: every version of the protocol that was ever recorded.
        zone: the time zone of the site.
        progress: called with the number of audited decisions, and the number of all decisions.
    """
    streams, decisions = read_decisions(read, versions)
    for done, found_one in enumerate(decisions):
        progress(done, len(decisions))
        yield _audit(found_one, decisions[:done], streams, zone)


@attrs.frozen
class RecordedDecision:
    """A decision in the log, also a corrected or voided one."""

    entry: Recorded[DoseDecision]
    first: Recorded[DoseDecision]
    """The entry that was first recorded, before corrections; or itself."""
    superseded_by: int | None
    """The position of the later entry that corrected or voided it."""

    @property
    def started(self) -> int:
        """The last position before the command that recorded it."""
        return self.first.position - self.first.meta.part

    def moment(self, zone: tzinfo) -> Moment:
        """Return the moment of the decision: what had been read, the day that was judged, and the time at the site."""
        basis = self.entry.fact.basis
        recorded_at = self.first.meta.recorded_at.astimezone(zone)
        return Moment(min(basis.position, self.started), basis.on, recorded_at)


def read_decisions(
    read: Callable[[Collection[type[Any]]], Iterable[tuple[str, Iterable[Recorded[Any]]]]],
    versions: Iterable[TrialProtocol],
) -> tuple[StreamsInMemory, Sequence[RecordedDecision]]:
    """Read the facts that can change a count, and every decision in the order of the log.

    Without a decision, participants are not read, and both answers are empty.

    Args:
        read: returns the streams one after another, participants last, without the kinds of facts in its argument.
        versions: every version of the protocol under which the facts are counted.
    """
    streams: list[tuple[str, list[Recorded[Any]]]] = []
    decisions: list[RecordedDecision] = []
    for stream, entries in read(left_out(DLT_COUNTS.reads(versions))):
        if subject_of(stream) is not None and not decisions:
            return (), ()
        found = list(entries)
        streams.append((stream, found))
        decisions += _decisions(found)
    return streams, sorted(decisions, key=lambda one: one.entry.position)


def _decisions(entries: Sequence[Recorded[Any]]) -> Iterator[RecordedDecision]:
    superseded = {target_version(entry): entry.position for entry in entries}
    first: dict[int, Recorded[Any]] = {}
    for entry in entries:
        corrects = entry.envelope.corrects
        first[entry.version] = entry if corrects is None else first.get(corrects, entry)
        if isinstance(entry.fact, DoseDecision):
            yield RecordedDecision(entry, first[entry.version], superseded.get(entry.version))


def _audit(
    found: RecordedDecision, before: Sequence[RecordedDecision], streams: StreamsInMemory, zone: tzinfo
) -> DecisionAudit:
    entry, moment = found.entry, found.moment(zone)
    if not was_registered(streams, moment.position):
        return _unregistered(found)
    past = Hindsight(streams, moment)
    then, today, answer = past.then(), past.today(), answer_to(entry.fact)
    known, now = answer(past.answer_with()), answer(past.answer_with(past.later))
    changing: tuple[LaterEntry, ...] = ()
    smallest = sufficient = Smallest((), proven=True)
    if known != now:
        smallest = smallest_change(past, lambda given: answer(given) != known)
        sufficient = smallest_change(past, lambda given: answer(given) == now)
        named = in_any_set(past, lambda given: answer(given) != known, smallest.sets)
        changing = tuple(_changing(past, answer, named.union(*sufficient.sets), streams))
    differences = [*_differences(entry, then.state), *_late(found, past, streams)]
    return DecisionAudit(
        entry=entry,
        superseded_by=found.superseded_by,
        then=then.state,
        differences=tuple(differences),
        breaches=(*_breaches(entry.fact, then), *_out_of_order(found, before)),
        today=today.state,
        same_answer=known == now,
        breaches_today=() if known == now else tuple(_breaches(entry.fact, today)),
        members=tuple(stand_otherwise(then.state, today.state)),
        changing=changing,
        smallest=smallest,
        sufficient=sufficient,
    )


def was_registered(streams: StreamsInMemory, position: int) -> bool:
    """Return whether the trial was registered at a position."""
    entries = (entry for stream, found in streams if "/" not in stream for entry in found)
    return any(isinstance(entry.fact, TrialRegistered) and entry.position <= position for entry in entries)


def _unregistered(found: RecordedDecision) -> DecisionAudit:
    """Audit a decision that was recorded before the trial was registered."""
    none = Smallest((), proven=True)
    return DecisionAudit(
        entry=found.entry,
        superseded_by=found.superseded_by,
        then=None,
        differences=(),
        breaches=(CommandRefused("the trial was not registered then: nothing could be decided about it"),),
        today=None,
        same_answer=True,
        breaches_today=(),
        members=(),
        changing=(),
        smallest=none,
        sufficient=none,
    )


def _late(found: RecordedDecision, past: Hindsight, streams: StreamsInMemory) -> Iterator[BasisDifference]:
    """Yield a difference if the log had more entries than the decision says it had read, and they change the answer."""
    basis, started = found.entry.fact.basis, found.started
    if basis.position > started:
        yield BasisDifference(field="position", recorded=basis.position, recomputed=started)
    elif basis.position < started:
        at_once = Hindsight(streams, Moment(started, basis.on, found.first.meta.recorded_at)).then().state
        read = past.then().state
        if read is not None and at_once is not None and _rule(read.to_decide) != _rule(at_once.to_decide):
            yield BasisDifference(field="position", recorded=basis.position, recomputed=started)


def _out_of_order(found: RecordedDecision, before: Sequence[RecordedDecision]) -> Iterator[CommandRefused]:
    """Yield a breach if a decision is dated before an earlier recorded decision that was current then."""
    if found.entry is not found.first or not isinstance(found.entry.fact, EscalationDecided):
        return
    stood = (one for one in before if one.superseded_by is None or one.superseded_by > found.entry.position)
    days = [one.entry.fact.basis.on for one in stood if isinstance(one.entry.fact, EscalationDecided)]
    on = found.entry.fact.basis.on
    if days and on < max(days):
        yield CommandRefused(f"it is dated {on}, and a decision of {max(days)} was taken before it")


def answer_to(fact: DoseDecision) -> Callable[[DesignAnswer], Hashable]:
    """Return a function that extracts from an answer the part that the decision rests on.

    This is the recommendation, the MTD, whether a conclusion may be drawn, or the highest level that may be
    recommended. Two names for the same treatment at the
    same level compare as equal: the name follows from the participant who was treated last.
    """

    def answer(answered: DesignAnswer) -> Hashable:
        if answered.state is None:
            return None
        decision = answered.state.to_decide
        match fact:
            case EscalationDecided():
                waits = decision.action if decision.action in {Action.WAIT, Action.STOP} else None
                slots = None if waits else decision.slots
                return waits, decision.level, slots, decision.mtd, decision.closed_levels
            case MtdDeclared():
                return decision.mtd
            case DoseRecommended():
                return _highest_recommendable(answered.state, answered)
            case _:
                return decision.mtd, tuple(map(str, _breaches(fact, answered)))

    return answer


def _breaches(fact: DoseDecision, answered: DesignAnswer) -> Iterator[CommandRefused]:
    """Yield the rules that a decision breaks in a state."""
    state = answered.state
    if state is None:
        yield CommandRefused(_NO_DESIGN)
    elif isinstance(fact, EscalationDecided):
        decided, order = fact.decided.level, state.protocol.labels
        if decided is not None and decided not in order:
            yield CommandRefused(f"level {decided} was decided, and the protocol has {listed_levels(order)}")
            return
        if fact.decided.slots is not None and fact.decided.slots != (given := slots_given(fact.decided, state)):
            told = "none" if given is None else str(given)
            yield CommandRefused(f"it gives {how_many(fact.decided.slots, 'slot')}, and the design gives {told}")
        explained, last = fact.rationale is not None, state.situation.last_level
        yield from against_deciding(fact.decided, state.to_decide, order=order, last_level=last, explained=explained)
    elif isinstance(fact, DoseRecommended):
        design, conclusion = state.design, answered.conclusion
        yield from against_recommending(
            fact.level, state.decision, state.counts.tallies, design=design, conclusion=conclusion
        )
    else:
        judged = attrs.evolve(fact, basis=attrs.evolve(fact.basis, tallies=state.counts.tallies))
        mtd, ended = state.decision.mtd, answered.recruitment_ended
        yield from against_conclusion(judged, mtd, design=state.design, recruitment_ended=ended)


def _highest_recommendable(state: Escalation, answered: DesignAnswer) -> Label | None:
    return highest_recommendable(
        state.decision, state.counts.tallies, design=state.design, conclusion=answered.conclusion
    )


def _differences(entry: Recorded[DoseDecision], state: Escalation | None) -> Iterator[BasisDifference]:
    """Yield the fields of a decision's recorded basis that differ from the log."""
    fact, basis = entry.fact, entry.fact.basis
    if state is None:
        return
    recomputed: Mapping[str, object] = {
        "design": state.spec.identity,
        "protocol_version": state.protocol.version,
        "tallies": state.counts.tallies,
        "last_level": state.situation.last_level,
        "final_closings": state.situation.final_closings,
        "slots": state.situation.slots,
        "unassigned": state.unassigned,
    }
    for field, value in recomputed.items():
        recorded = getattr(basis, field)
        if recorded != value:
            yield BasisDifference(field=field, recorded=recorded, recomputed=value)
    if isinstance(fact, EscalationDecided) and _rule(fact.recommended) != _rule(state.to_decide):
        yield BasisDifference(field="recommended", recorded=fact.recommended, recomputed=state.to_decide)


def _rule(decision: Decision) -> Hashable:
    return decision.bare, decision.slots, decision.closed_levels


def _target(entry: Recorded[Any], streams: StreamsInMemory) -> Recorded[Any] | None:
    """Return the entry that an entry corrects or voids."""
    version = target_version(entry)
    of_stream = next((entries for stream, entries in streams if stream == entry.stream), ())
    return next((one for one in of_stream if one.version == version), None)


def _changing(
    past: Hindsight, answer: Callable[[DesignAnswer], Hashable], in_a_set: Positions, streams: StreamsInMemory
) -> Iterator[LaterEntry]:
    then, today, later = answer(past.answer_with(NONE)), answer(past.answer_with(past.later)), past.later
    for position in sorted(later):
        alone = answer(past.answer_with(frozenset({position}))) != then
        needed = answer(past.answer_with(later - {position})) != today
        if alone or needed or position in in_a_set:
            entry = past.entry(position)
            yield LaterEntry(
                entry=entry, alone=alone, needed=needed, in_a_set=position in in_a_set, target=_target(entry, streams)
            )


def stand_otherwise(then: Escalation | None, today: Escalation | None) -> Iterator[StandsOtherwise]:
    """Yield each participant whose level, evaluation or DLT differs between two states."""
    before, after = ({m.subject: m for m in _of(state)} for state in (then, today))
    for subject in sorted({*before, *after}):
        old, new = before.get(subject), after.get(subject)
        if _stands(old) != _stands(new):
            yield StandsOtherwise(subject=subject, then=old, today=new)


def _of(state: Escalation | None) -> Iterable[Member]:
    return () if state is None else (*state.counts.members, *state.counts.unassigned)


def _stands(member: Member | None) -> Hashable:
    return member and (member.level, member.standing, member.dlt is not None)


def versions_recorded(trial: Iterable[Recorded[Any]]) -> list[TrialProtocol]:
    """Return all protocol versions in the trial's stream, in force or not."""
    return [entry.fact.protocol for entry in trial if isinstance(entry.fact, TrialRegistered | ProtocolAmended)]
