"""Hindsight: the design's answer about an earlier day, recomputed with entries that were recorded later.

Later entries that count as knowledge about that day:

- all entries of a participant that are dated up to that day: an event that began by then, a death, an assessment, a
  result. Of a follow-up dated later: its judgement of relatedness, because that is a judgement on the event itself, and
  an end of the event up to that day;
- corrections and voids of entries that were known then;
- an amendment that took effect before that day.

Later actions of people do not count: later decisions, and actions that followed from this decision. An enrollment, a
reassignment or an infusion that was recorded after the decision is assumed to follow from it, unless it is known to be
earlier than the decision's day or time. The same holds for an amendment that took effect on that day.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import attrs

from trialdomain.events.entries import VOIDS, Current, current
from trialdomain.events.happened import happened
from trialdomain.events.participant import AdverseEventFollowedUp, Enrolled, Infused, LevelReassigned
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import MtdDeclared, MtdNotEstablished, ProtocolAmended, TrialClosed, TrialRegistered
from trialdomain.projections.casebook import Casebook, case_of_current, casebook_of
from trialdomain.projections.dlt_counts import CountBasis, DltPart, dlt_part_of
from trialdomain.projections.escalation import Escalation, escalation_of
from trialdomain.protocol.conduct_rules import Stagger
from trialdomain.values.given.in_short import in_short
from trialdomain.values.ids import subject_of

Positions = frozenset[int]
NONE: Positions = frozenset()


@attrs.frozen
class Moment:
    """The moment of a decision."""

    position: int
    """The last log position that had been read for the decision."""
    on: date
    """The day for which windows were judged."""
    recorded_at: datetime
    """When it was first recorded, in the zone of the site."""


@attrs.frozen
class DesignAnswer:
    """The design's answer to a selection of the entries."""

    __repr__ = in_short

    state: Escalation | None
    """None if no design was in force."""
    recruitment_ended: bool
    conclusion: MtdDeclared | MtdNotEstablished | None
    """The declaration about the MTD that stood then."""


@attrs.frozen
class _Book:
    book: Casebook
    basis: CountBasis
    recruitment_ended: bool
    conclusion: MtdDeclared | MtdNotEstablished | None


@attrs.frozen
class _Later:
    """The effect of one later entry: it replaces or adds an entry, or removes entries."""

    entry: Recorded[Any]
    begun: Recorded[Any]
    """The entry that was first recorded, before corrections."""
    chain: tuple[int, ...] = ()
    """The versions that it replaces, its own last; empty for a void."""
    removes: frozenset[int] = frozenset()
    """For a void: the versions, as first recorded, of all entries that it withdraws."""


@attrs.frozen
class _Stream:
    """One stream: the entries known then, and the later entries about that day."""

    name: str
    then: Current[Any]
    since: Mapping[int, _Later]
    """By position."""

    def with_(self, chosen: Collection[int]) -> Current[Any]:
        """Return the entries known then, changed by the chosen later entries."""
        told = [later for position, later in self.since.items() if position in chosen]
        if not told:
            return self.then
        removed = frozenset[int]().union(*(later.removes for later in told))
        stands = {self.then.first_of(entry).version: entry for entry in self.then.entries}
        begun = {version: self.then.first_of(entry) for version, entry in stands.items() if version not in removed}
        stands = {version: stands[version] for version in begun}
        chains = {entry.version: self.then.chain_of(entry.version) for entry in stands.values()}
        for later in told:
            if later.chain:
                stands[later.begun.version], begun[later.begun.version] = later.entry, later.begun
                chains[later.entry.version] = later.chain
        order = sorted(stands, key=lambda version: begun[version].position)
        first = {stands[version].version: begun[version] for version in order}
        return Current([stands[version] for version in order], first, chains)


class Hindsight:
    """One moment of a trial, seen with today's knowledge.

    Args:
        streams: every stream of the trial, complete, with the facts that can change a count.
        moment: the moment to look at.
    """

    def __init__(self, streams: Iterable[tuple[str, Sequence[Recorded[Any]]]], moment: Moment) -> None:
        whole = list(streams)
        split = [_split(stream, entries, moment) for stream, entries in whole]
        self._moment = moment
        self._of_trial = [one for one in split if subject_of(one.name) is None]
        self._people = {one.name: one for one in split if subject_of(one.name) is not None}
        self._books: dict[Positions, _Book] = {}
        self._dlt_parts: dict[tuple[str, Positions, Positions], DltPart] = {}
        self._answers: dict[Hashable, DesignAnswer] = {}
        self._days_matter_from = _days_matter_from(whole, self._people.values())
        self.of_trial = tuple(position for one in self._of_trial for position in one.since)
        """The later entries of the trial and its cohorts that count."""
        self.of_people = {name: tuple(one.since) for name, one in self._people.items() if self._matters(one)}
        """By stream: the later entries of each participant whose evaluation they change."""

    def _matters(self, one: _Stream) -> bool:
        every = frozenset(one.since)
        return bool(every) and any(
            self.stands(one.name, every, of_trial) != self.stands(one.name, NONE, of_trial)
            for of_trial in (NONE, frozenset(self.of_trial))
        )

    @property
    def later(self) -> Positions:
        """Every later entry that may change the answer."""
        return frozenset(self.of_trial).union(*self.of_people.values())

    def entry(self, position: int) -> Recorded[Any]:
        """Return one of the later entries."""
        return next(
            one.since[position].entry for one in (*self._of_trial, *self._people.values()) if position in one.since
        )

    def size(self, stream: str) -> int:
        """Return the maximum number of entries of one participant."""
        one = self._people[stream]
        return len(one.then.entries) + len(one.since)

    def then(self) -> DesignAnswer:
        """Ask the design with the entries known then."""
        return self._ask([self._dlt_part(name, NONE, NONE, judging=False) for name in self._people], NONE)

    def today(self) -> DesignAnswer:
        """Ask the design with everything that is known today about that day."""
        of_trial = frozenset(self.of_trial)
        return self._ask(
            [self.dlt_part(name, frozenset(one.since), of_trial) for name, one in self._people.items()], of_trial
        )

    def answer_with(self, chosen: Positions = NONE) -> DesignAnswer:
        """Ask the design with the entries known then and the chosen later entries."""
        of_trial = chosen.intersection(self.of_trial)
        changed = {name: chosen.intersection(positions) for name, positions in self.of_people.items()}
        stands = ((name, self.stands(name, here, of_trial)) for name, here in changed.items() if here)
        key = (of_trial, frozenset(stands))
        if key not in self._answers:
            dlt_parts = [self.dlt_part(name, changed.get(name, NONE), of_trial) for name in self._people]
            self._answers[key] = self._ask(dlt_parts, of_trial)
        return self._answers[key]

    def stands(self, stream: str, chosen: Positions, of_trial: Positions = NONE) -> Hashable:
        """Return the values of a participant that the design compares.

        Evidence is left out, and so is a day that no rule compares.
        """
        dlt_part = self.dlt_part(stream, chosen, of_trial)
        member = dlt_part.member
        if member is None:
            return dlt_part.causes
        day = None if member.infused_on is None else member.infused_on.first
        compared = day is not None and (self._days_matter_from is None or day >= self._days_matter_from)
        infused = (day, member.infused_by) if compared else day is not None
        return (
            *(dlt_part.causes, member.level, member.standing.evaluation, member.dlt is not None),
            *(member.held_from, infused),
            *(() if member.contact is None else (member.contact, member.dlt and member.dlt.onset)),
        )

    def dlt_part(self, stream: str, chosen: Positions, of_trial: Positions = NONE) -> DltPart:
        """Compute the part of one participant with chosen later entries of theirs and of the trial."""
        key = (stream, chosen, of_trial)
        if key not in self._dlt_parts:
            self._dlt_parts[key] = self._dlt_part(stream, chosen, of_trial, judging=True)
        return self._dlt_parts[key]

    def _dlt_part(self, stream: str, chosen: Positions, of_trial: Positions, *, judging: bool) -> DltPart:
        known, on = self._people[stream].with_(chosen), self._moment.on
        judged = [_judgement(entry, on) for entry in known.entries if judging and _judges_relatedness_later(entry, on)]
        case = case_of_current(stream, known, on=on, also=judged)
        return dlt_part_of(case, self._book(of_trial).book, on=on)

    def _ask(self, dlt_parts: Sequence[DltPart], of_trial: Positions) -> DesignAnswer:
        read = self._book(of_trial)
        counts = read.basis.count(dlt_parts)
        state = escalation_of(counts, read.book, on=self._moment.on, forecasting=False)
        return DesignAnswer(state, read.recruitment_ended, read.conclusion)

    def _book(self, of_trial: Positions) -> _Book:
        if of_trial not in self._books:
            streams = [(one.name, one.with_(of_trial)) for one in self._of_trial]
            facts = [entry.fact for _, found in streams for entry in found.entries]
            ended = any(isinstance(fact, TrialClosed) for fact in facts)
            conclusion = next((fact for fact in facts if isinstance(fact, MtdDeclared | MtdNotEstablished)), None)
            book = casebook_of(streams, (), on=self._moment.on)
            self._books[of_trial] = _Book(book, CountBasis.of(book), ended, conclusion)
        return self._books[of_trial]


def _judges_relatedness_later(entry: Recorded[Any], on: date) -> bool:
    fact = entry.fact
    return isinstance(fact, AdverseEventFollowedUp) and _describes_event_on(fact, on) and fact.on.first > on


def _describes_event_on(fact: AdverseEventFollowedUp, on: date) -> bool:
    """Return whether a follow-up says something about the event on a day, even if it is dated later."""
    return bool(fact.attributions) or _ended_by(fact, on)


def _ended_by(fact: AdverseEventFollowedUp, on: date) -> bool:
    return fact.ended is not None and fact.ended.last <= on


def _judgement(entry: Recorded[AdverseEventFollowedUp], on: date) -> Recorded[AdverseEventFollowedUp]:
    """Keep only the judgement of a follow-up, and an end up to a day: its other fields hold from its own day on."""
    fact = entry.fact
    ended = fact.ended if _ended_by(fact, on) else None
    judged = AdverseEventFollowedUp(event=fact.event, on=fact.on, attributions=fact.attributions, ended=ended)
    return attrs.evolve(entry, fact=judged)


def _days_matter_from(streams: Iterable[tuple[str, Sequence[Recorded[Any]]]], people: Iterable[_Stream]) -> date | None:
    """Return the first day on which the last infusion may have been; None if every day is compared.

    A participant infused before that day was not the last one: another participant was certainly infused later.
    """
    facts = (entry.fact for stream, entries in streams if "/" not in stream for entry in entries)
    if any(isinstance(f, TrialRegistered | ProtocolAmended) and f.protocol.stagger != Stagger() for f in facts):
        return None
    return max((day for day in map(_infused_in_any_case, people) if day is not None), default=None)


def _infused_in_any_case(one: _Stream) -> date | None:
    """Return the earliest possible day of a participant's infusion; None if there may have been none at all."""
    then = [entry for entry in one.then.entries if isinstance(entry.fact, Infused)]
    removed = frozenset[int]().union(*(later.removes for later in one.since.values()))
    if not then or any(one.then.first_of(entry).version in removed for entry in then):
        return None
    since = [later.entry for later in one.since.values() if isinstance(later.entry.fact, Infused)]
    days: list[date] = [entry.fact.started_at.first for entry in (*then, *since)]
    return min(days)


def _split(stream: str, entries: Sequence[Recorded[Any]], moment: Moment) -> _Stream:
    """Separate the entries known then from the later ones; of a chain of corrections, only the last counts."""
    then = current([entry for entry in entries if entry.position <= moment.position])
    since: dict[int, _Later] = {}
    if all(entry.position <= moment.position for entry in entries):
        return _Stream(stream, then, since)
    known = {then.first_of(entry).version for entry in then.entries}
    today = current(list(entries))
    standing = {entry.version for entry in today.entries}
    for at, entry in enumerate(entries):
        if entry.position <= moment.position:
            continue
        if isinstance(entry.fact, VOIDS):
            before, after = (_firsts(current(list(entries[:end]))) for end in (at, at + 1))
            if removes := (before - after) & known:
                since[entry.position] = _Later(entry, entry, removes=removes)
        elif entry.version in standing:
            begun = today.first_of(entry)
            if begun.version in known or (begun.position > moment.position and _counts_as_known(entry, moment)):
                since[entry.position] = _Later(entry, begun, chain=today.chain_of(entry.version))
    return _Stream(stream, then, since)


def _firsts(found: Current[Any]) -> frozenset[int]:
    return frozenset(found.first_of(entry).version for entry in found.entries)


def _counts_as_known(entry: Recorded[Any], moment: Moment) -> bool:
    """Return whether an entry first recorded later is about that day and does not follow from the decision."""
    fact, on = entry.fact, moment.on
    if subject_of(entry.stream) is None:
        return isinstance(fact, ProtocolAmended) and fact.effective_on < on
    if isinstance(fact, AdverseEventFollowedUp) and _describes_event_on(fact, on):
        return True
    when = happened(fact)
    if when is None or when.first > on:
        return False
    if not isinstance(fact, Enrolled | LevelReassigned | Infused) or when.last < on:
        return True
    timed = when.at is not None and when.at.tzinfo is not None and moment.recorded_at.date() == on
    return timed and when.at is not None and when.at < moment.recorded_at
