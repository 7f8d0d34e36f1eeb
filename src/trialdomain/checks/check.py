"""What a finding is, and what a check of a log looks like: one of ours, or one of yours."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any, ClassVar

import attrs

from trialdomain.aggregates.infusions import against_amount
from trialdomain.aggregates.participant import PASSED_OVER, Participant
from trialdomain.errors import CommandRefused
from trialdomain.events.happened import happened
from trialdomain.events.participant import (
    CompletedFollowUp,
    Consented,
    CriteriaAnswered,
    Died,
    Enrolled,
    Infused,
    LevelReassigned,
    LostToFollowUp,
    ParticipantFact,
    Screened,
    Withdrew,
)
from trialdomain.events.recorded import Entry, Recorded
from trialdomain.history import History
from trialdomain.projections.casebook import Case, Casebook
from trialdomain.projections.decisions import DecisionAudit
from trialdomain.projections.dlt_counts import DltCounts, Member, Seat, seat_of
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.given.in_short import in_short
from trialdomain.values.word import Word


class Severity(Word):
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
    seconds_back: int = 60
    """Seconds between two entries, the later one earlier: less is two who recorded at once."""
    silent_days: int = 90
    """Days between two entries, beyond which the clock may have jumped."""
    changes: int = 10
    """Corrections and voids by one user ..."""
    changes_percent: int = 10
    """... that are also so many of a hundred of the entries that they recorded."""


@attrs.frozen(kw_only=True, slots=False)  # for its cached properties: help cannot show those that attrs makes
class Audited:
    """The trial that is looked at, as every check is given it."""

    __repr__ = in_short

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

    __repr__ = in_short

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

        Of one day, and of days that a partial date allows, what has to come first is taken to have come first. What
        comes after a death or a departure, or before a consent, is not among them: see the checks on those.
        """
        consents = sorted(self.case.of(Consented), key=_order)
        versions = self.audited.versions
        judged_by = versions.get(consents[0].fact.protocol_version) if consents else None
        participant, found = Participant(self.case.subject, judged_by or self.audited.protocol), []
        told = [entry for entry in self.case.entries if not isinstance(entry.fact, PASSED_OVER)]
        screened = max((entry.fact.on.first for entry in self.case.of(Screened)), default=date.min)
        for entry in sorted(told, key=lambda entry: _order(entry, not_before=screened)):
            if isinstance(entry.fact, Consented):
                participant.protocol = versions.get(entry.fact.protocol_version, participant.protocol)
            found += [(entry, breach) for breach in participant.against(entry.fact)]
            if isinstance(entry.fact, Infused):
                in_force = self.audited.book.in_force_on(entry.fact.started_at.first)
                found += [(entry, breach) for breach in against_amount(entry.fact, in_force)]
            participant.apply(entry)
        return found


_RANK = (Consented, Screened, Enrolled, LevelReassigned, CriteriaAnswered, Infused)
_ENDS = (Withdrew, LostToFollowUp, CompletedFollowUp, Died)


def _order(entry: Recorded[ParticipantFact], *, not_before: date = date.min) -> tuple[date, int, int]:
    """Order by day, and within a day by what has to come first; a partial date of an end is taken for its last day."""
    when, fact = happened(entry.fact), entry.fact
    rank = next((rank for rank, kind in enumerate(_RANK) if isinstance(fact, kind)), len(_RANK))
    if isinstance(fact, _ENDS):
        return (date.min if when is None else when.last, len(_RANK) + 1, entry.position)
    day = date.min if when is None else when.first_since(not_before) if isinstance(fact, Enrolled) else when.first
    return (day, rank, entry.position)


class Check:
    """Something to look for; a new one is made for each audit, so that it may remember what it has seen.

    Override one of the three methods, or several. Entries come stream by stream, the trial's own first; a participant
    comes after the entries of theirs. What a check finds, it makes with :meth:`found`.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity] = Severity.MAJOR
    requirement: ClassVar[str]
    """What asks for it; ``{protocol}`` stands for where the protocol is written (``TrialProtocol.source``)."""

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

    @classmethod
    def required_by(cls, source: str | None) -> str:
        """Return what asks for it, and name where the protocol is written; by default just the protocol."""
        return cls.requirement.replace("{protocol}", source or "the protocol")

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
            requirement=self.required_by(self.audited.protocol.source),
        )
