"""What a finding is, and what a check of a log looks like: one of ours, or one of yours."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import Enum
from functools import cached_property
from typing import Any, ClassVar

import attrs

from trialdomain.aggregates.infusions import against_amount
from trialdomain.aggregates.participant import PASSED_OVER, Participant
from trialdomain.errors import CommandRefused
from trialdomain.events.happened import happened
from trialdomain.events.participant import (
    Consented,
    CriteriaAnswered,
    Died,
    Enrolled,
    Infused,
    LevelReassigned,
    ParticipantFact,
    Screened,
)
from trialdomain.events.recorded import Entry, Recorded
from trialdomain.history import History
from trialdomain.projections.casebook import Case, Casebook
from trialdomain.projections.decisions import DecisionAudit
from trialdomain.projections.dlt_counts import DltCounts, Member, Seat, seat_of
from trialdomain.protocol.trial_protocol import TrialProtocol


class Severity(Enum):
    """How grave a finding is, in the words of inspectors (EMA, grading of GCP inspection findings); and a note."""

    CRITICAL = "critical"
    """It may put people at risk, or the counts that protect them in doubt."""
    MAJOR = "major"
    MINOR = "minor"
    NOTE = "note"
    """Nothing is wrong; somebody should know."""


@attrs.frozen(kw_only=True)
class AuditFinding:
    """One thing that an inspector would ask about."""

    check: str
    """The id of the check that found it."""
    severity: Severity
    sentence: str
    subject: str | None
    """The participant, where it is about one."""
    evidence: tuple[int, ...]
    """The positions of the entries behind it."""
    requirement: str
    """What asks for it to be otherwise."""


@attrs.frozen(kw_only=True)
class Limits:
    """From where on something is worth a finding (**choice**, each of them)."""

    late_days: int = 30
    """Days between what happened and its recording."""
    silent_days: int = 90
    """Days between two entries, beyond which the clock may have jumped."""
    changes: int = 10
    """Corrections and voids by one user ..."""
    changes_percent: int = 10
    """... that are also so many of a hundred of the entries that they recorded."""


@attrs.frozen(kw_only=True)
class Audited:
    """The trial that is looked at, as every check is given it."""

    history: History
    on: date
    """The day for which windows are judged."""
    now: datetime
    """When the audit is made."""
    book: Casebook
    trial: Sequence[Recorded[Any]]
    """The current entries of the trial's own stream."""
    limits: Limits

    @property
    def protocol(self) -> TrialProtocol:
        """The version in force."""
        return self.book.protocol

    @cached_property
    def versions(self) -> dict[str, TrialProtocol]:
        """Every version of the protocol that was in force, by its name."""
        return {protocol.version: protocol for _, protocol in self.book.versions}

    @cached_property
    def decisions(self) -> tuple[DecisionAudit, ...]:
        """Every decision about the dose that stands, looked at again."""
        return tuple(one for one in self.history.decisions() if one.superseded_by is None)


@attrs.define(slots=False)  # for its cached properties
class AuditedCase:
    """One participant, as every check is given them."""

    case: Case
    audited: Audited

    @cached_property
    def seat(self) -> Seat:
        """What the counts need of them."""
        return seat_of(self.case, self.audited.book, on=self.audited.on)

    @property
    def member(self) -> Member | None:
        """Where they stand; None for somebody who neither took a slot nor was infused."""
        return self.seat.member

    @cached_property
    def breaches(self) -> Sequence[tuple[Recorded[ParticipantFact], CommandRefused]]:
        """Each rule of conduct that what happened breaks, in the order of the days, whatever was recorded when.

        Of one day, what has to come first is taken to have come first.
        """
        consents = self.case.of(Consented)
        version = consents[-1].fact.protocol_version if consents else None
        protocol = self.audited.versions.get(version or "", self.audited.protocol)
        participant, found = Participant(self.case.subject, protocol), []
        told = [entry for entry in self.case.entries if not isinstance(entry.fact, PASSED_OVER)]
        for entry in sorted(told, key=_order):
            found += [(entry, breach) for breach in participant.against(entry.fact)]
            if isinstance(entry.fact, Infused):
                in_force = self.audited.book.in_force_on(entry.fact.started_at.first)
                found += [(entry, breach) for breach in against_amount(entry.fact, in_force)]
            participant.apply(entry)
        if participant.died_on is not None:
            observed = (entry for entry in self.case.entries if isinstance(entry.fact, PASSED_OVER))
            found += [(entry, breach) for entry in observed for breach in participant.against(entry.fact)]
        return found


_RANK = (Consented, Screened, Enrolled, LevelReassigned, CriteriaAnswered, Infused)


def _order(entry: Recorded[ParticipantFact]) -> tuple[date, int, int]:
    when, last = happened(entry.fact), len(_RANK) + 1
    rank = next((rank for rank, kind in enumerate(_RANK) if isinstance(entry.fact, kind)), len(_RANK))
    return (date.min if when is None else when.first, last if isinstance(entry.fact, Died) else rank, entry.position)


class Check:
    """Something to look for; a new one is made for each audit, so that it may remember what it has seen.

    Override one of the three methods, or several. Entries come stream by stream, the trial's own first; a participant
    comes after the entries of theirs. What a check finds, it makes with :meth:`found`.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity] = Severity.MAJOR
    requirement: ClassVar[str]

    def __init__(self, audited: Audited) -> None:
        self.audited = audited

    def entry(self, entry: Entry) -> Iterable[AuditFinding]:  # noqa: ARG002 - for others to override
        """Look at one entry, current or not."""
        return ()

    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:  # noqa: ARG002 - as above
        """Look at one participant, as currently known."""
        return ()

    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:  # noqa: ARG002 - as above
        """Look at the trial, once everything was seen."""
        return ()

    def found(
        self,
        sentence: str,
        *,
        evidence: Iterable[int] = (),
        subject: str | None = None,
        severity: Severity | None = None,
    ) -> AuditFinding:
        """Make a finding of this check."""
        return AuditFinding(
            check=self.id,
            severity=severity or self.severity,
            sentence=sentence,
            subject=subject,
            evidence=tuple(sorted(set(evidence))),
            requirement=self.requirement,
        )
