"""The casebook: what is currently known of each participant, one case each, and of each cohort."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any, TypeVar

import attrs

from trialdomain.events.cohort import EscalationDecided, SlotReleased
from trialdomain.events.entries import Current, current
from trialdomain.events.happened import happened
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
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import ProtocolAmended, TrialRegistered
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.adverse_event import AdverseEvent
from trialdomain.rules.evaluability import LastSeen
from trialdomain.values.ids import level_of, subject_of

F = TypeVar("F")
_ENDS_OBSERVATION = {WithdrawalScope.FOLLOW_UP, WithdrawalScope.USE_OF_DATA}


@attrs.frozen(kw_only=True)
class Assignment:
    """A dose level that somebody was sent to."""

    level: int
    since: int
    """The position at which that was first recorded."""
    position: int
    """The position of the entry that says so now."""


@attrs.frozen
class Case:
    """One participant's current entries, in the order in which they were first recorded."""

    subject: str
    entries: Sequence[Recorded[ParticipantFact]]
    first_recorded: Mapping[int, int] = attrs.field(factory=dict)
    """By the version of a current entry: the position of what it corrects, or its own."""

    def since(self, entry: Recorded[Any]) -> int:
        """Give the position at which something was first recorded: a correction keeps the place of what it corrects."""
        return self.first_recorded.get(entry.version, entry.position)

    def of(self, kind: type[F]) -> list[Recorded[F]]:
        """Give the entries of one kind of fact."""
        found: list[Recorded[Any]] = [entry for entry in self.entries if isinstance(entry.fact, kind)]
        return found

    @property
    def first_infusion(self) -> Recorded[Infused] | None:
        """The administration that opens the observation window."""
        return min(self.of(Infused), key=lambda e: (e.fact.started_at.first, self.since(e)), default=None)

    @property
    def adverse_events(self) -> list[AdverseEvent]:
        """Every reported event with its follow-ups."""
        follow_ups = self.of(AdverseEventFollowedUp)
        return [AdverseEvent.of(report, follow_ups, self.death) for report in self.of(AdverseEventReported)]

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
        """The death, if it is known."""
        return next(iter(self.of(Died)), None)

    @property
    def left(self) -> LastSeen | None:
        """When observation ended before its planned end, for any reason but death."""
        seen = [
            LastSeen(entry.fact.last_contact or entry.fact.on, entry.position)
            for entry in self.of(Withdrew)
            if entry.fact.scope in _ENDS_OBSERVATION
        ]
        seen += [LastSeen(entry.fact.last_contact, entry.position) for entry in self.of(LostToFollowUp)]
        seen += [LastSeen(entry.fact.on, entry.position) for entry in self.of(CompletedFollowUp)]
        return min(seen, key=lambda one: (one.on.first, one.position), default=None)

    @property
    def refuses_treatment(self) -> bool:
        """Whether they withdrew, from treatment or altogether."""
        return bool(self.of(Withdrew))


@attrs.frozen(kw_only=True)
class Casebook:
    """A trial as it is known: its protocol, its participants, and what the cohorts know."""

    protocol: TrialProtocol
    """The version in force."""
    versions: Sequence[tuple[date, TrialProtocol]]
    """Every version, with the day from which it was in force."""
    cases: Sequence[Case]
    """In the order of their subjects' codes."""
    decisions: Sequence[Recorded[EscalationDecided]]
    """In the order in which they, or what they correct, were first recorded."""
    releases: Mapping[tuple[int, str], int]
    """By level and subject: the position of the last entry that released their slot."""
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


def read_casebook(entries: Iterable[Recorded[Any]], *, on: date) -> Casebook:
    """File every current entry that counts on a day; entries come stream by stream, each in the order of its versions.

    Raises:
        ValueError: no entry registers the trial.
    """
    versions: list[tuple[date, TrialProtocol]] = []
    cases: list[Case] = []
    cohorts: dict[int, list[Recorded[Any]]] = {}
    reopened: dict[int, int] = {}
    causes: set[tuple[str, int]] = set()
    places: dict[int, int] = {}
    for stream, recorded in _by_stream(entries):
        if (subject := subject_of(stream)) is not None:
            counted = [e for e in recorded.entries if (when := happened(e.fact)) is None or when.first <= on]
            cases.append(Case(subject, counted, recorded.first_recorded))
            causes |= {(stream, version) for e in counted for version in recorded.chain_of(e.version)}
            continue
        places |= {entry.position: recorded.first_recorded[entry.version] for entry in recorded.entries}
        if (level := level_of(stream)) is not None:
            cohorts[level] = recorded.entries
        else:
            versions = _versions(recorded.entries, on=on)
            reopened = {
                level: places[e.position] for e in _amendments(recorded.entries, on=on) for level in e.fact.reopens
            }
    if not versions:
        raise ValueError("the log has no entry that registers the trial")
    of_cohorts = [(level, entry) for level, found in cohorts.items() for entry in found]
    decisions = [e for _, e in of_cohorts if isinstance(e.fact, EscalationDecided) and e.fact.basis.on <= on]
    releases = {
        (level, entry.fact.subject): entry.position
        for level, entry in of_cohorts
        if isinstance(entry.fact, SlotReleased) and _stands(entry, causes)
    }
    return Casebook(
        protocol=versions[-1][1],
        versions=versions,
        cases=cases,
        decisions=sorted(decisions, key=lambda entry: places[entry.position]),
        releases=releases,
        reopened=reopened,
        places=places,
        cohorts=cohorts,
    )


def _versions(entries: Sequence[Recorded[Any]], *, on: date) -> list[tuple[date, TrialProtocol]]:
    """Give every version of the protocol with its first day; of two of one day, the one recorded last comes last."""
    registered = [(date.min, entry.fact.protocol) for entry in entries if isinstance(entry.fact, TrialRegistered)]
    amended = [(entry.fact.effective_on, entry.fact.protocol) for entry in _amendments(entries, on=on)]
    return sorted([*registered, *amended], key=lambda one: one[0])


def _amendments(entries: Sequence[Recorded[Any]], *, on: date) -> list[Recorded[ProtocolAmended]]:
    return [e for e in entries if isinstance(e.fact, ProtocolAmended) and e.fact.effective_on <= on]


def _stands(entry: Recorded[Any], causes: set[tuple[str, int]]) -> bool:
    """Say whether what caused an entry still counts; without a cause it stands by itself."""
    cause = entry.meta.caused_by
    return cause is None or subject_of(cause.stream) is None or (cause.stream, cause.version) in causes


def _by_stream(entries: Iterable[Recorded[Any]]) -> Iterator[tuple[str, Current[Any]]]:
    for stream, recorded in groupby(entries, key=lambda entry: entry.stream):
        yield stream, current(recorded)
