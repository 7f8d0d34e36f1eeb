"""The casebook: what is currently known of each participant, one case each."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, assert_never

import attrs

from trialdomain.events.cohort import EscalationDecided
from trialdomain.events.entries import current_entries
from trialdomain.events.happened import happened
from trialdomain.events.participant import (
    AdverseEventReported,
    ChemotherapyStarted,
    Consented,
    DltWindowAssessed,
    Enrolled,
    Infused,
    ParticipantFact,
    Screened,
)
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import TrialRegistered
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.adverse_event import AdverseEvent
from trialdomain.values.ids import subject_of


@attrs.define
class Case:
    """One participant's current entries, sorted by what they are about."""

    subject: str
    consents: list[Recorded[Consented]] = attrs.Factory(list)
    screenings: list[Recorded[Screened]] = attrs.Factory(list)
    enrollments: list[Recorded[Enrolled]] = attrs.Factory(list)
    chemotherapies: list[Recorded[ChemotherapyStarted]] = attrs.Factory(list)
    infusions: list[Recorded[Infused]] = attrs.Factory(list)
    adverse_events: list[AdverseEvent] = attrs.Factory(list)
    window_assessments: list[Recorded[DltWindowAssessed]] = attrs.Factory(list)

    def add(self, entry: Recorded[Any]) -> None:
        """File one more current entry."""
        fact: ParticipantFact = entry.fact
        match fact:
            case Consented():
                self.consents.append(entry)
            case Screened():
                self.screenings.append(entry)
            case Enrolled():
                self.enrollments.append(entry)
            case ChemotherapyStarted():
                self.chemotherapies.append(entry)
            case Infused():
                self.infusions.append(entry)
            case AdverseEventReported():
                self.adverse_events.append(AdverseEvent(entry))
            case DltWindowAssessed():
                self.window_assessments.append(entry)
            case _:
                assert_never(fact)

    @property
    def first_infusion(self) -> Recorded[Infused] | None:
        """The administration that opens the observation window."""
        return min(self.infusions, key=lambda entry: (entry.fact.started_at.first, entry.position), default=None)


@attrs.frozen(kw_only=True)
class Casebook:
    """A trial as it is known: its protocol, its participants, and what people decided."""

    protocol: TrialProtocol
    cases: Sequence[Case]
    """In the order of their subjects' codes."""
    decisions: Sequence[Recorded[EscalationDecided]]
    """In the order in which they were recorded."""


def read_casebook(entries: Iterable[Recorded[Any]], *, on: date) -> Casebook:
    """File every current entry that counts on a day; entries come stream by stream, each in the order of its versions.

    Raises:
        ValueError: no entry registers the trial.
    """
    protocol: TrialProtocol | None = None
    cases: list[Case] = []
    decisions: list[Recorded[EscalationDecided]] = []
    for stream, recorded in _by_stream(entries):
        subject = subject_of(stream)
        if subject is not None:
            case = Case(subject)
            for entry in recorded:
                if happened(entry.fact).first <= on:
                    case.add(entry)
            cases.append(case)
            continue
        for entry in recorded:
            if isinstance(entry.fact, TrialRegistered):
                protocol = entry.fact.protocol
            elif isinstance(entry.fact, EscalationDecided) and entry.fact.basis.on <= on:
                decisions.append(entry)
    if protocol is None:
        raise ValueError("the log has no entry that registers the trial")
    decisions.sort(key=lambda entry: entry.position)
    return Casebook(protocol=protocol, cases=cases, decisions=decisions)


def _by_stream(entries: Iterable[Recorded[Any]]) -> Iterable[tuple[str, list[Recorded[Any]]]]:
    stream: str | None = None
    recorded: list[Recorded[Any]] = []
    for entry in entries:
        if entry.stream != stream:
            if stream is not None:
                yield stream, current_entries(recorded)
            stream, recorded = entry.stream, []
        recorded.append(entry)
    if stream is not None:
        yield stream, current_entries(recorded)
