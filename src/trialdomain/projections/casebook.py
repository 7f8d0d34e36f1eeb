"""The casebook: what is currently known of each participant, one case each, and of each cohort.

What the trial and its cohorts say is kept; cases come one after another, each time they are asked for, so that memory
follows one participant.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from itertools import groupby, takewhile
from typing import Any, TypeAlias, TypeVar

import attrs
from typing_extensions import override

from trialdomain.errors import LogCorrupt
from trialdomain.events.cohort import EscalationDecided, SlotReleased
from trialdomain.events.entries import VOIDS, Current, current
from trialdomain.events.happened import getter_of
from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    CompletedFollowUp,
    Died,
    DltWindowAssessed,
    Enrolled,
    Infused,
    LevelReassigned,
    LostToFollowUp,
    ParticipantFact,
    WithdrawalScope,
    Withdrew,
)
from trialdomain.events.recorded import EntryRef, Recorded
from trialdomain.events.trial import ProtocolAmended, TrialRegistered
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.adverse_event import AdverseEvent, Graded, told_together, worse_by_row
from trialdomain.rules.evaluability import LastSeen
from trialdomain.rules.observation import EndedBy
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short
from trialdomain.values.ids import level_of, subject_of

F = TypeVar("F")
Streams: TypeAlias = Iterable[tuple[str, Iterable[Recorded[Any]]]]
"""One stream after another, each with its entries."""
_ENDS_OBSERVATION = {WithdrawalScope.FOLLOW_UP, WithdrawalScope.USE_OF_DATA}


class TrialUnregistered(LogCorrupt):
    """A log has entries of a trial, and none that registers it."""

    code = "trial-unregistered"


@attrs.frozen(kw_only=True)
class Assignment:
    """A dose level that somebody was sent to."""

    level: int
    since: int
    """The position at which that was first recorded."""
    position: int
    """The position of the entry that says so now."""


@attrs.frozen(eq=False)
class Case:
    """One participant's current entries, in the order in which they were first recorded."""

    __repr__ = in_short

    subject: str
    entries: Sequence[Recorded[ParticipantFact]]
    last_day: date
    """The last day of which anything is known."""
    stream: str
    _recorded: Current[ParticipantFact]
    _by_kind: Mapping[type, list[Recorded[Any]]]

    def stands(self, cause: EntryRef) -> bool:
        """Say whether an entry of this participant, or what corrects it, still counts."""
        if cause.stream != self.stream:
            return False
        return any(cause.version in self._recorded.chain_of(entry.version) for entry in self.entries)

    def since(self, entry: Recorded[Any]) -> int:
        """Give the position at which something was first recorded: a correction keeps the place of what it corrects."""
        return self._recorded.since(entry)

    def first_of(self, entry: Recorded[Any]) -> Recorded[Any]:
        """Give what was first recorded, where an entry corrects it; or the entry itself."""
        return self._recorded.first_of(entry)

    def deviation_of(self, entry: Recorded[Any]) -> str | None:
        """Give why a rule of conduct was broken, where it was: a correction of something else leaves that as it was."""
        return entry.envelope.deviation or self.first_of(entry).envelope.deviation

    def of(self, kind: type[F]) -> list[Recorded[F]]:
        """Give the entries of one kind of fact."""
        found: list[Recorded[Any]] = self._by_kind.get(kind, [])
        return found

    def ever(self, kind: type[F]) -> list[Recorded[F]]:
        """Give the current entries of one kind of fact, also those of a day that has not come yet."""
        found: list[Recorded[Any]] = [entry for entry in self._recorded.entries if isinstance(entry.fact, kind)]
        return found

    @property
    def infusions(self) -> list[Recorded[Infused]]:
        """Every administration, in the order of their days."""
        return sorted(self.of(Infused), key=lambda e: (e.fact.started_at.first, self.since(e)))

    @cached_property
    def first_infusion(self) -> Recorded[Infused] | None:
        """The administration that opens the observation window."""
        return next(iter(self.infusions), None)

    @cached_property
    def adverse_events(self) -> list[AdverseEvent]:
        """Every report with its follow-ups; another system may tell one event in several."""
        follow_ups = self.of(AdverseEventFollowedUp)
        return [AdverseEvent.of(report, follow_ups, self.deaths) for report in self.of(AdverseEventReported)]

    @cached_property
    def joined_events(self) -> list[AdverseEvent]:
        """Every event, with all that tells it."""
        return told_together(self.adverse_events)

    @cached_property
    def worse_since_infusion(self) -> Mapping[str, Sequence[Graded]]:
        """By the id of each report: what began, or became worse, since the infusion; nothing without one."""
        if self.first_infusion is None:
            return {event.event: () for event in self.adverse_events}
        return worse_by_row(self.adverse_events, self.first_infusion.fact.started_at)

    @property
    def window_assessments(self) -> list[Recorded[DltWindowAssessed]]:
        """The assessments of the observation window."""
        return self.of(DltWindowAssessed)

    @property
    def assignment(self) -> Assignment | None:
        """The dose level assigned last."""
        assigned = [(self.since(entry), entry.position, entry.fact.level) for entry in self.of(Enrolled)]
        assigned += [(self.since(entry), entry.position, entry.fact.to_level) for entry in self.of(LevelReassigned)]
        since, position, level = max(assigned, default=(0, 0, 0))
        return Assignment(level=level, since=since, position=position) if since else None

    @property
    def death(self) -> Recorded[Died] | None:
        """The death, if it is known; of two that other systems gave, the earlier."""
        return next(iter(self.deaths), None)

    @property
    def deaths(self) -> list[Recorded[Died]]:
        """Every record of the death, the earliest first: other systems may give several."""
        return sorted(self.of(Died), key=lambda entry: (entry.fact.on.last, self.since(entry)))

    @property
    def left(self) -> LastSeen | None:
        """When observation ended, for any reason but death: what is certain comes before what a partial date allows."""
        return min((seen for _, seen in self.endings), key=lambda one: (one.last, one.position), default=None)

    @property
    def departures(self) -> list[LastSeen]:
        """Each entry by which they left before the planned end, with the last day on which they were seen."""
        return [seen for by, seen in self.endings if by is not EndedBy.COMPLETED]

    @property
    def endings(self) -> list[tuple[EndedBy, LastSeen]]:
        """Each entry that ends the observation, for any reason but death, with the last day of it."""
        seen = [
            (EndedBy.WITHDREW, LastSeen(entry.fact.last_contact or entry.fact.on, entry.position, entry.fact.on))
            for entry in self.of(Withdrew)
            if entry.fact.scope in _ENDS_OBSERVATION
        ]
        seen += [
            (EndedBy.LOST, LastSeen(entry.fact.last_contact, entry.position, entry.fact.on))
            for entry in self.of(LostToFollowUp)
        ]
        seen += [(EndedBy.COMPLETED, LastSeen(entry.fact.on, entry.position)) for entry in self.of(CompletedFollowUp)]
        return seen

    @property
    def refuses_treatment(self) -> bool:
        """Whether they withdrew, from treatment or altogether."""
        return bool(self.of(Withdrew))


@attrs.frozen(kw_only=True)
class Casebook:
    """A trial as it is known: its protocol, its participants, and what the cohorts know."""

    __repr__ = in_short

    protocol: TrialProtocol
    """The version in force."""
    versions: Sequence[tuple[date, TrialProtocol]]
    """Every version, with the day from which it was in force."""
    cases: Iterable[Case]
    """In the order of their subjects' codes; each time that they are iterated, they are read again."""
    decisions: Sequence[Recorded[EscalationDecided]]
    """In the order in which they, or what they correct, were first recorded."""
    releases: Sequence[tuple[int, Recorded[SlotReleased]]]
    """Each release of a slot, with its level; it stands only while what caused it does."""
    reopened: Mapping[int, int]
    """By level: where the last amendment that reopened it was first recorded."""
    places: Mapping[int, int]
    """By the position of a current entry of the trial or a cohort: where it, or what it corrects, was first recorded.

    A correction takes the place of what it restates, so it neither jumps over what was decided since, nor undoes it.
    """
    cohorts: Mapping[int, Sequence[Recorded[Any]]]
    """By level: the current entries of its cohort."""

    def in_force_on(self, day: date) -> TrialProtocol:
        """Give the version in force on a day: infusions are judged by the one of their day."""
        return [protocol for since, protocol in self.versions if since <= day][-1]


def read_casebook(read: Callable[[], Streams], *, on: date) -> Casebook:
    """File every current entry that counts on a day.

    Args:
        read: gives one stream after another, with its entries in the order of their versions, those of participants
            last; it is called again for each reading of the cases.
        on: the calendar day at the site.

    Raises:
        TrialUnregistered: no entry registers the trial.
    """
    of_trial = ((stream, current(entries)) for stream, entries in takewhile(_is_of_trial, read()))
    return casebook_of(of_trial, _Cases(read, on), on=on)


def _is_of_trial(one: tuple[str, Iterable[Recorded[Any]]]) -> bool:
    return subject_of(one[0]) is None


def casebook_of(of_trial: Iterable[tuple[str, Current[Any]]], cases: Iterable[Case], *, on: date) -> Casebook:
    """File what the trial and its cohorts say, where it is known which of their entries are current.

    Raises:
        TrialUnregistered: no entry registers the trial.
    """
    versions: list[tuple[date, TrialProtocol]] = []
    cohorts: dict[int, Sequence[Recorded[Any]]] = {}
    reopened: dict[int, int] = {}
    places: dict[int, int] = {}
    for stream, recorded in of_trial:
        places |= {entry.position: recorded.since(entry) for entry in recorded.entries}
        if (level := level_of(stream)) is not None:
            cohorts[level] = recorded.entries
        elif "/" not in stream:
            versions = _versions(recorded.entries, on=on)
            reopened = {
                level: places[e.position] for e in _amendments(recorded.entries, on=on) for level in e.fact.reopens
            }
    if not versions:
        raise TrialUnregistered("the log has no entry that registers the trial: verify it")
    of_cohorts = [(level, entry) for level, found in cohorts.items() for entry in found]
    decisions = [e for _, e in of_cohorts if isinstance(e.fact, EscalationDecided) and e.fact.basis.on <= on]
    return Casebook(
        protocol=versions[-1][1],
        versions=versions,
        cases=cases,
        decisions=sorted(decisions, key=lambda entry: places[entry.position]),
        releases=[(level, entry) for level, entry in of_cohorts if isinstance(entry.fact, SlotReleased)],
        reopened=reopened,
        places=places,
        cohorts=cohorts,
    )


@attrs.frozen
class _Cases(Iterable[Case]):
    """The cases of a log, read anew for each iteration."""

    _read: Callable[[], Streams]
    _on: date

    @override
    def __iter__(self) -> Iterator[Case]:
        for stream, entries in self._read():
            if subject_of(stream) is not None:
                yield case_of(stream, entries, on=self._on)


def case_of(stream: str, entries: Iterable[Recorded[Any]], *, on: date) -> Case:
    """File what counts of one participant on a day."""
    coming = iter(entries)
    filed = _filed(coming, on)
    if filed.changed:
        return case_of_current(stream, current([*filed.read, *coming]), on=on)
    return _case(stream, Current(filed.read), filed, on)


def case_of_current(stream: str, known: Current[Any], *, on: date, also: Sequence[Recorded[Any]] = ()) -> Case:
    """File what counts of one participant on a day, where it is known which entries are current.

    Args:
        stream: the participant's.
        known: the current entries.
        on: the day.
        also: entries that count besides, whatever their day.
    """
    filed = _filed(known.entries, on, whatever_it_changes=True)
    for entry in also:
        filed.by_kind.setdefault(type(entry.fact), []).append(entry)
        filed.late.discard(entry.version)
    return _case(stream, known, filed, on)


def _case(stream: str, known: Current[Any], filed: "_Filed", on: date) -> Case:
    counted = known.entries
    if filed.late:
        counted = [entry for entry in known.entries if entry.version not in filed.late]
    return Case(subject_of(stream) or "", counted, filed.last or on, stream, known, filed.by_kind)


@attrs.frozen
class _Filed:
    read: list[Recorded[Any]]
    by_kind: dict[type, list[Recorded[Any]]]
    """Those that count on the day."""
    late: set[int]
    """The versions of those that happened later."""
    last: date | None
    """The last day on which anything happened."""
    changed: bool
    """Whether an entry corrects or voids another: none after it was read."""


def _filed(entries: Iterable[Recorded[Any]], on: date, *, whatever_it_changes: bool = False) -> _Filed:
    """Sort entries by kind, as they come: most of a replay is this loop."""
    read: list[Recorded[Any]] = []
    by_kind: dict[type, list[Recorded[Any]]] = {}
    shelves: dict[type, tuple[Callable[[Any], ClinicalTime | None], Callable[[Recorded[Any]], None], bool]] = {}
    late: set[int] = set()
    last = date.min
    changed = False
    for entry in entries:
        read.append(entry)
        fact = entry.fact
        kind = type(fact)
        try:
            when_of, put, voids = shelves[kind]
        except KeyError:
            when_of, put, voids = getter_of(kind), by_kind.setdefault(kind, []).append, kind in VOIDS
            shelves[kind] = when_of, put, voids
        if (voids or entry.envelope.corrects is not None) and not whatever_it_changes:
            changed = True
            break
        when = when_of(fact)
        if when is not None:
            day = when.first
            if day > on:
                late.add(entry.version)
                continue
            if day > last:  # noqa: PLR1730 - faster than max(), and this is counted in microseconds
                last = day
        put(entry)
    return _Filed(read, by_kind, late, None if last == date.min else last, changed)


def _versions(entries: Sequence[Recorded[Any]], *, on: date) -> list[tuple[date, TrialProtocol]]:
    """Give every version of the protocol with its first day; of two of one day, the one recorded last comes last.

    None, where no entry registers the trial: an amendment alone says nothing of the days before it.
    """
    registered = [(date.min, entry.fact.protocol) for entry in entries if isinstance(entry.fact, TrialRegistered)]
    amended = [(entry.fact.effective_on, entry.fact.protocol) for entry in _amendments(entries, on=on)]
    return sorted([*registered, *amended], key=lambda one: one[0]) if registered else []


def _amendments(entries: Sequence[Recorded[Any]], *, on: date) -> list[Recorded[ProtocolAmended]]:
    return [e for e in entries if isinstance(e.fact, ProtocolAmended) and e.fact.effective_on <= on]


def by_stream(entries: Iterable[Recorded[Any]]) -> Streams:
    """Tell streams apart in entries that come stream by stream."""
    return groupby(entries, key=lambda entry: entry.stream)
