"""Findings, and the base class of checks, both those of this library and user-defined ones."""

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
from trialdomain.projections.dlt_counts import DltCounts, DltPart, Member, dlt_part_of
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.given.in_short import in_short
from trialdomain.values.word import Word


class Severity(Word):
    """The severity of a finding, by the grading of GCP inspection findings (EMA), with a note in addition."""

    CRITICAL = "critical"
    """It may put participants at risk, or make the counts that protect them doubtful."""
    MAJOR = "major"
    MINOR = "minor"
    NOTE = "note"
    """Not a fault: information for the reader."""


@attrs.frozen(kw_only=True)
class AuditFinding:
    """One thing that an inspector would ask about."""

    check: str
    """The id of the check that found it."""
    severity: Severity
    sentence: str
    subject: str | None
    """The participant, if the finding is about one."""
    evidence: tuple[int, ...]
    """The positions of the entries that show it."""
    requirement: str
    """The requirement that is not met."""


@attrs.frozen(kw_only=True)
class Limits:
    """The thresholds from which checks report a finding (**choice**, each of them)."""

    late_days: int = 30
    """The most days from an event to its recording."""
    seconds_back: int = 60
    """The most seconds by which a later entry may have an earlier time: two users may record at the same time."""
    silent_days: int = 90
    """The most days between two entries; after a longer gap, the clock may have jumped."""
    changes: int = 10
    """The number of corrections and voids by one user that is a finding, if ``changes_percent`` is reached too."""
    changes_percent: int = 10
    """The percentage of corrections and voids among the user's entries that is worth a finding."""


@attrs.frozen(kw_only=True, slots=False)  # without slots: help() cannot show the cached properties that attrs makes
class Audited:
    """The audited trial, as passed to every check."""

    __repr__ = in_short

    history: History
    on: date
    """The day for which windows are judged."""
    now: datetime
    """The time of the audit."""
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
        """All protocol versions that were in force, by name."""
        return {protocol.version: protocol for _, protocol in self.book.versions}

    @cached_property
    def decisions(self) -> tuple[DecisionAudit, ...]:
        """The audits of all current decisions about the dose."""
        return tuple(one for one in self.history.decisions() if one.superseded_by is None)


@attrs.define(slots=False)  # for its cached properties
class AuditedCase:
    """One participant, as passed to every check."""

    __repr__ = in_short

    case: Case
    audited: Audited

    @cached_property
    def dlt_part(self) -> DltPart:
        """The participant's contribution to the DLT counts."""
        return dlt_part_of(self.case, self.audited.book, on=self.audited.on)

    @property
    def member(self) -> Member | None:
        """The participant's DLT evaluation; None if they neither took a slot nor were infused."""
        return self.dlt_part.member

    @cached_property
    def breaches(self) -> Sequence[tuple[Recorded[ParticipantFact], CommandRefused]]:
        """The broken rules of conduct, each with its entry, in the order of the days of the events.

        The order of recording does not matter. Events of one day, or with partial dates that overlap, are assumed to
        have happened in the required order. Events after a death or a departure, or before a consent, are left to
        separate checks.
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
    """Return a sort key: the day, then the required order within a day; a partial end date counts as its last day."""
    when, fact = happened(entry.fact), entry.fact
    rank = next((rank for rank, kind in enumerate(_RANK) if isinstance(fact, kind)), len(_RANK))
    if isinstance(fact, _ENDS):
        return (date.min if when is None else when.last, len(_RANK) + 1, entry.position)
    day = date.min if when is None else when.first_since(not_before) if isinstance(fact, Enrolled) else when.first
    return (day, rank, entry.position)


class Check:
    """A check over a log. Each audit creates a new instance, so a check may keep state.

    Override one or more of the three methods. Entries come stream by stream, the trial's own stream first; ``case`` is
    called after the entries of that participant. Create findings with :meth:`found`.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity] = Severity.MAJOR
    requirement: ClassVar[str]
    """The source of the requirement; ``{protocol}`` is replaced by ``TrialProtocol.source``."""

    def __init__(self, audited: Audited) -> None:
        self.audited = audited

    def entry(self, entry: Entry) -> Iterable[AuditFinding]:  # noqa: ARG002 - for subclasses to override
        """Check one entry, current or not."""
        return ()

    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:  # noqa: ARG002 - as above
        """Check the current state of one participant."""
        return ()

    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:  # noqa: ARG002 - as above
        """Check the trial, after all entries and participants."""
        return ()

    @classmethod
    def required_by(cls, source: str | None) -> str:
        """Return the requirement with the source of the protocol inserted; without a source, "the protocol"."""
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
