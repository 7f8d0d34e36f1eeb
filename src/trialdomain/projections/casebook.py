"""The casebook: the current entries of each participant (one case each) and of each cohort.

The entries of the trial and its cohorts stay in memory. Cases are read one after another, again for each iteration, so
memory holds one participant at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
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
from trialdomain.events.trial import (
    DoseRecommended,
    ProtocolAmended,
    RecruitmentResumed,
    RecruitmentSuspended,
    TrialClosed,
    TrialRegistered,
)
from trialdomain.projections.trial_record import CohortRecord, TrialRecord
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.adverse_event import AdverseEvent, Graded, joined_events, worse_by_row
from trialdomain.rules.evaluability import LastSeen
from trialdomain.rules.observation import EndedBy
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short
from trialdomain.values.ids import subject_of

F = TypeVar("F")
Halt: TypeAlias = Recorded[RecruitmentSuspended] | Recorded[TrialClosed]
"""A suspension that nobody has lifted, or the end of recruitment."""
Streams: TypeAlias = Iterable[tuple[str, Iterable[Recorded[Any]]]]
"""Streams one after another, each with its name and its entries."""
_DAY = timedelta(days=1)
_ENDS_OBSERVATION = {WithdrawalScope.FOLLOW_UP, WithdrawalScope.USE_OF_DATA}


class TrialUnregistered(LogCorrupt):
    """The log has entries of a trial, but no entry that registers it."""

    code = "trial-unregistered"


@attrs.frozen(kw_only=True)
class Assignment:
    """The dose level to which a participant is assigned."""

    level: Label
    since: int
    """The position at which the assignment was first recorded."""
    position: int
    """The position of the current entry of the assignment."""


@attrs.frozen(eq=False)
class Case:
    """One participant's current entries, in the order in which they were first recorded."""

    __repr__ = in_short

    subject: str
    entries: Sequence[Recorded[ParticipantFact]]
    last_day: date
    """The day of the latest entry (the last contact)."""
    stream: str
    _recorded: Current[ParticipantFact]
    _by_kind: Mapping[type, list[Recorded[Any]]]

    def stands(self, cause: EntryRef) -> bool:
        """Return whether an entry of this participant, or its correction, still counts."""
        if cause.stream != self.stream:
            return False
        return any(cause.version in self._recorded.chain_of(entry.version) for entry in self.entries)

    def since(self, entry: Recorded[Any]) -> int:
        """Return the position of the first recording: a correction keeps the place of the entry that it corrects."""
        return self._recorded.since(entry)

    def first_of(self, entry: Recorded[Any]) -> Recorded[Any]:
        """Return the entry that was first recorded: of a correction, the original entry; otherwise the entry itself."""
        return self._recorded.first_of(entry)

    def deviation_of(self, entry: Recorded[Any]) -> str | None:
        """Return the stated reason for breaking a rule of conduct, if there is one.

        A correction of other fields keeps the reason of the original entry.
        """
        return entry.envelope.deviation or self.first_of(entry).envelope.deviation

    def of(self, kind: type[F]) -> list[Recorded[F]]:
        """Return the entries of one kind of fact."""
        found: list[Recorded[Any]] = self._by_kind.get(kind, [])
        return found

    def ever(self, kind: type[F]) -> list[Recorded[F]]:
        """Return the current entries of one kind of fact, including entries dated after the day of the casebook."""
        found: list[Recorded[Any]] = [entry for entry in self._recorded.entries if isinstance(entry.fact, kind)]
        return found

    @property
    def infusions(self) -> list[Recorded[Infused]]:
        """All administrations, in the order of their days."""
        return sorted(self.of(Infused), key=lambda e: (e.fact.started_at.first, self.since(e)))

    @cached_property
    def first_infusion(self) -> Recorded[Infused] | None:
        """The administration that opens the observation window."""
        return next(iter(self.infusions), None)

    @cached_property
    def adverse_events(self) -> list[AdverseEvent]:
        """All reports with their follow-ups. Another system may record one event in several reports."""
        follow_ups = self.of(AdverseEventFollowedUp)
        return [AdverseEvent.of(report, follow_ups, self.deaths) for report in self.of(AdverseEventReported)]

    @cached_property
    def joined_events(self) -> list[AdverseEvent]:
        """All events, each joined from all its reports."""
        return joined_events(self.adverse_events)

    @cached_property
    def worse_since_infusion(self) -> Mapping[str, Sequence[Graded]]:
        """By the id of each report: the grades that began, or became worse, since the infusion; empty without one."""
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
        """The death, if it is recorded; the earliest one if other systems recorded several."""
        return next(iter(self.deaths), None)

    @property
    def deaths(self) -> list[Recorded[Died]]:
        """All records of the death, the earliest first: other systems may record several."""
        return sorted(self.of(Died), key=lambda entry: (entry.fact.on.last, self.since(entry)))

    @property
    def left(self) -> LastSeen | None:
        """The end of the observation for any reason but death. A complete date is preferred to a partial one."""
        return min((seen for _, seen in self.endings), key=lambda one: (one.last, one.position), default=None)

    @property
    def departures(self) -> list[LastSeen]:
        """Each entry by which the participant left early, with the last day on which they were seen."""
        return [seen for by, seen in self.endings if by is not EndedBy.COMPLETED]

    @property
    def endings(self) -> list[tuple[EndedBy, LastSeen]]:
        """Each entry that ends the observation for any reason but death, with the last day of observation."""
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

    def same_from_to(self, on: date, turns: Iterable[date] = ()) -> tuple[date, date]:
        """Return the first and the last day on which the case, and what is judged by time alone, is as on a day.

        Args:
            on: the day of this case.
            turns: the last days of everything that ends with time.
        """
        dated = (getter_of(type(entry.fact))(entry.fact) for entry in self._recorded.entries)
        days = [when.first for when in dated if when is not None]
        begun = [*(day for day in days if day <= on), *(last + _DAY for last in turns if last < on)]
        ending = [*(day - _DAY for day in days if day > on), *(last for last in turns if last >= on)]
        return max(begun, default=date.min), min(ending, default=date.max)

    @property
    def refuses_treatment(self) -> bool:
        """Whether the participant withdrew from treatment or from the trial."""
        return bool(self.of(Withdrew))


@attrs.frozen(kw_only=True)
class Casebook:
    """The current knowledge of a trial: its protocol versions, its participants, and its cohorts."""

    __repr__ = in_short

    protocol: TrialProtocol
    """The version in force."""
    versions: Sequence[tuple[date, TrialProtocol]]
    """All versions, each with the first day on which it was in force."""
    cases: Iterable[Case]
    """In the order of the subjects' codes; every iteration reads them again."""
    decisions: Sequence[Recorded[EscalationDecided]]
    """In the order of the first recording: a correction takes the place of the entry that it corrects."""
    recommended_doses: Sequence[Recorded[DoseRecommended]]
    """The dose that was recommended last for each purpose, in the order of the first recording."""
    halts: Sequence[Halt]
    """What keeps people from enrolling, or from treating, on the day: a suspension, and the end of recruitment."""
    releases: Sequence[tuple[Label, Recorded[SlotReleased]]]
    """Each release of a slot, with its level. It counts only while the entry that caused it counts."""
    reopened: Mapping[Label, int]
    """By level: the position of the first recording of the last amendment that reopened it."""
    places: Mapping[int, int]
    """By the position of a current entry of the trial or a cohort: the position of its first recording.

    A correction takes the place of the entry that it corrects. So it neither overtakes nor undoes later decisions.
    """
    records: Mapping[Label, CohortRecord]
    """By level: the record of its cohort."""

    @property
    def cohorts(self) -> Mapping[Label, Sequence[Recorded[Any]]]:
        """By level: the current entries of its cohort."""
        return {level: record.entries for level, record in self.records.items()}

    def in_force_on(self, day: date) -> TrialProtocol:
        """Return the version in force on a day: an infusion is judged by the version of its day."""
        return [protocol for since, protocol in self.versions if since <= day][-1]


def read_casebook(read: Callable[[], Streams], *, on: date) -> Casebook:
    """Build the casebook of the current entries up to a day.

    Args:
        read: returns the streams one after another, participants last, each with its entries in the order of their
            versions; it is called again for each iteration over the cases.
        on: the calendar day at the site.

    Raises:
        TrialUnregistered: no entry registers the trial.
    """
    of_trial = ((stream, current(entries)) for stream, entries in takewhile(_is_of_trial, read()))
    return casebook_of(of_trial, _Cases(read, on), on=on)


def _is_of_trial(one: tuple[str, Iterable[Recorded[Any]]]) -> bool:
    return subject_of(one[0]) is None


def casebook_of(of_trial: Iterable[tuple[str, Current[Any]]], cases: Iterable[Case], *, on: date) -> Casebook:
    """Build the casebook from entries of the trial and its cohorts that are already known to be current.

    Raises:
        TrialUnregistered: no entry registers the trial.
    """
    return casebook_on(TrialRecord.of(of_trial), cases, on=on)


def casebook_on(record: TrialRecord, cases: Iterable[Case], *, on: date) -> Casebook:
    """Build the casebook of a day from the record of the trial and its cohorts.

    Raises:
        TrialUnregistered: no entry registers the trial.
    """
    places = record.places
    versions = _versions(record.own, on=on)
    if not versions:
        raise TrialUnregistered("the log has no entry that registers the trial: verify it")
    return Casebook(
        protocol=versions[-1][1],
        versions=versions,
        cases=cases,
        decisions=[entry for entry in record.decisions if entry.fact.basis.on <= on],
        recommended_doses=_recommended_doses(record.own, on=on),
        halts=_halts(sorted(record.own, key=lambda entry: places[entry.position]), on=on),
        releases=record.releases,
        reopened={level: places[e.position] for e in _amendments(record.own, on=on) for level in e.fact.reopens},
        places=places,
        records=record.cohorts,
    )


@attrs.frozen
class _Cases(Iterable[Case]):
    """The cases of a log; every iteration reads them again."""

    _read: Callable[[], Streams]
    _on: date

    @override
    def __iter__(self) -> Iterator[Case]:
        for stream, entries in self._read():
            if subject_of(stream) is not None:
                yield case_of(stream, entries, on=self._on)


def case_of(stream: str, entries: Iterable[Recorded[Any]], *, on: date) -> Case:
    """Build the case of one participant from the entries up to a day."""
    coming = iter(entries)
    filed = _filed(coming, on)
    if filed.changed:
        return case_of_current(stream, current([*filed.read, *coming]), on=on)
    return _case(stream, Current(filed.read), filed, on)


def case_of_current(stream: str, known: Current[Any], *, on: date, also: Sequence[Recorded[Any]] = ()) -> Case:
    """Build the case of one participant from entries that are already known to be current.

    Args:
        stream: the name of the participant's stream.
        known: the current entries.
        on: the day.
        also: further entries that count, even if they are dated later.
    """
    filed = _filed(known.entries, on, accept_corrections=True)
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
    """The entries that count on the day."""
    late: set[int]
    """The versions of the entries dated later."""
    last: date | None
    """The day of the latest entry."""
    changed: bool
    """Whether an entry corrects or voids another one; reading stopped at that entry."""


def _filed(entries: Iterable[Recorded[Any]], on: date, *, accept_corrections: bool = False) -> _Filed:
    """Group entries by kind in one pass. A replay spends most of its time in this loop."""
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
        if (voids or entry.envelope.corrects is not None) and not accept_corrections:
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
    """Return all versions of the protocol, each with its first day; two versions of one day in the order of recording.

    Empty if no entry registers the trial: an amendment alone does not define the days before it.
    """
    registered = [(date.min, entry.fact.protocol) for entry in entries if isinstance(entry.fact, TrialRegistered)]
    amended = [(entry.fact.effective_on, entry.fact.protocol) for entry in _amendments(entries, on=on)]
    return sorted([*registered, *amended], key=lambda one: one[0]) if registered else []


def _recommended_doses(entries: Sequence[Recorded[Any]], *, on: date) -> Sequence[Recorded[DoseRecommended]]:
    """Return the last recommended dose of each purpose up to a day."""
    last: dict[str, Recorded[DoseRecommended]] = {}
    for entry in entries:
        if isinstance(entry.fact, DoseRecommended) and entry.fact.basis.on <= on:
            last.pop(entry.fact.purpose_key, None)  # so that it takes its own place in the order
            last[entry.fact.purpose_key] = entry
    return tuple(last.values())


def _halts(entries: Iterable[Recorded[Any]], *, on: date) -> Sequence[Halt]:
    """Return the suspension that holds on a day, and the closing of recruitment, where there are any."""
    suspended: Halt | None = None
    closed: Halt | None = None
    for entry in entries:
        match entry.fact:
            case RecruitmentSuspended(on=since) if since.first <= on:
                suspended = entry
            case RecruitmentResumed(on=since) if since.first <= on:
                suspended = None
            case TrialClosed(on=since) if since.first <= on:
                closed = entry
            case _:
                pass
    return tuple(one for one in (suspended, closed) if one is not None)


def _amendments(entries: Sequence[Recorded[Any]], *, on: date) -> list[Recorded[ProtocolAmended]]:
    return [e for e in entries if isinstance(e.fact, ProtocolAmended) and e.fact.effective_on <= on]


def by_stream(entries: Iterable[Recorded[Any]]) -> Streams:
    """Group entries by stream; the entries of one stream must be adjacent."""
    return groupby(entries, key=lambda entry: entry.stream)
