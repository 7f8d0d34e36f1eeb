"""Deviations of the trial: slots, levels that were closed or not in turn, windows, days between infusions."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import attrs
from typing_extensions import override

from trialdomain.aggregates.cohort import Cohort, EnrollmentIsStopped
from trialdomain.aggregates.infusions import against_stagger
from trialdomain.audit.findings.check import Audited, AuditedCase, AuditFinding, Check, Severity
from trialdomain.events.cohort import EnrollmentStopped, MemberInfused, SlotFilled
from trialdomain.events.participant import DltWindowAssessed, Enrolled, Infused, WindowResult
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import RecruitmentResumed, RecruitmentSuspended, TrialClosed
from trialdomain.projections.casebook import Case
from trialdomain.projections.dlt_counts import DltCounts, Member
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.evaluation import Evaluation, EvaluationReason


class SlotsExceeded(Check):
    """Somebody took a slot that there was not, or was infused without one."""

    id = "slots"
    title = "more people than slots"
    requirement = "3 or 6 slots at a level, opened by a decision (3+3; NCT06245746)"

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        if self.audited.protocol.design is None:
            return
        for level, entries in sorted(self.audited.book.cohorts.items()):
            cohort = Cohort(level)
            for entry in entries:
                yield from self._against(cohort, entry)
                cohort.apply(entry)

    def _against(self, cohort: Cohort, entry: Recorded[Any]) -> Iterator[AuditFinding]:
        match entry.fact:
            case SlotFilled(subject=subject):
                for breach in cohort.against_filling():
                    if not isinstance(breach, EnrollmentIsStopped):
                        yield self.found(str(breach), evidence=[entry.position], subject=subject)
            case MemberInfused(subject=subject):
                member = cohort.members.get(subject)
                if member is None or not member.holds:
                    sentence = f"{subject} was infused at level {cohort.level}, and held no slot there"
                    yield self.found(sentence, evidence=[entry.position], subject=subject)
            case _:
                pass


class ClosedLevel(Check):
    """Somebody entered a level, or was infused there, after it had closed."""

    id = "closed-level"
    title = "treated at a level that was closed"
    severity = Severity.CRITICAL
    requirement = "2 DLTs close a level and all above it (3+3; NCT06245746)"

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        for level, entries in sorted(self.audited.book.cohorts.items()):
            cohort, stop = Cohort(level), None
            for entry in entries:
                if isinstance(entry.fact, EnrollmentStopped):
                    stop = entry
                if stop is not None and cohort.stopped is not None:
                    yield from self._against(level, stop, entry)
                cohort.apply(entry)

    def _against(self, level: int, stop: Recorded[Any], entry: Recorded[Any]) -> Iterator[AuditFinding]:
        evidence, since = [stop.position, entry.position], stop.envelope.recorded_at
        match entry.fact:
            case SlotFilled(subject=subject):
                sentence = f"{subject} took a slot of level {level}, which had closed"
                yield self.found(sentence, evidence=evidence, subject=subject)
            case MemberInfused(subject=subject, on=on) if not self._before(on, since):
                sentence = f"{subject} was infused at level {level} on {on}, and it had closed"
                yield self.found(sentence, evidence=evidence, subject=subject)
            case _:
                pass

    def _before(self, on: ClinicalTime, moment: datetime) -> bool:
        local = moment.astimezone(self.audited.history.zone)
        if on.at is not None and on.at.tzinfo is not None:
            return on.at < moment
        return on.first < local.date()


@attrs.frozen
class _Watched:
    subject: str
    level: int
    infused_on: date
    infused_by: int
    known_on: date | None
    """The day on which the outcome was known; None while it is not."""
    evidence: tuple[int, ...]


class EscalatedEarly(Check):
    """Somebody was the first to be infused at a level while an outcome below it was not known."""

    id = "sequence"
    title = "escalated before a window closed"
    severity = Severity.CRITICAL
    requirement = "escalation waits for every outcome pending at an open level; AT-28 (21 CFR 11.10(f))"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._watched: list[_Watched] = []

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        member = case.member
        if member is not None and member.level is not None and member.infused_on is not None:
            known, by = _known_on(member, case.case), member.infused_by or 0
            evidence = member.evidence
            self._watched.append(_Watched(member.subject, member.level, member.infused_on.first, by, known, evidence))
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        if self.audited.protocol.design is None:
            return
        for level in sorted({one.level for one in self._watched}):
            first = min((w for w in self._watched if w.level == level), key=lambda w: (w.infused_on, w.infused_by))
            for below in self._watched:
                earlier = (below.infused_on, below.infused_by) < (first.infused_on, first.infused_by)
                pending = below.known_on is None or below.known_on > first.infused_on
                if below.level < level and earlier and pending:
                    yield self.found(
                        f"{first.subject} was the first to be infused at level {level}, on {first.infused_on}, and the "
                        f"outcome of {below.subject} at level {below.level} was not known",
                        evidence=[first.infused_by, below.infused_by, *below.evidence],
                        subject=first.subject,
                    )


def _known_on(member: Member, case: Case) -> date | None:
    """Give the day on which an outcome was known; None while it is pending."""
    last, infused_on = member.window_last, member.infused_on.first if member.infused_on else None
    match member.standing.reason:
        case EvaluationReason.DLT:
            return member.dlt.onset.first if member.dlt else None
        case EvaluationReason.WINDOW_ASSESSED:
            facts = (entry.fact for entry in case.of(DltWindowAssessed))
            days = (fact.on.first for fact in facts if fact.result is WindowResult.NO_DLT)
            return min((day for day in days if last is None or day >= last), default=None)
        case EvaluationReason.WINDOW_OVER:
            return None if last is None else last + timedelta(days=1)
        case EvaluationReason.LEFT:
            left = [case.left.on.first] if case.left else []
            return min([*left, *([case.death.fact.on.first] if case.death else [])], default=None)
        case _:
            return None if member.standing.evaluation is Evaluation.PENDING else infused_on


class StaggerKept(Check):
    """Two people were infused at one level in fewer days than the protocol asks for."""

    id = "stagger"
    title = "too few days between infusions"
    requirement = "the protocol's stagger"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._first: dict[int, list[tuple[date, int, Recorded[Infused], str]]] = defaultdict(list)

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        first = case.case.first_infusion
        if first is not None:
            told = (first.fact.started_at.first, case.case.since(first), first, case.case.subject)
            self._first[first.fact.level].append(told)
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        for _, infused in sorted(self._first.items()):
            days: list[date] = []
            before: int | None = None
            for day, _, entry, subject in sorted(infused, key=lambda one: one[:2]):
                protocol = self.audited.book.in_force_on(day)
                for breach in against_stagger(entry.fact, days, protocol):
                    evidence = [entry.position, *([] if before is None else [before])]
                    yield self.found(
                        f"{subject} was infused on {day}, but {breach}", evidence=evidence, subject=subject
                    )
                days.append(day)
                before = entry.position


@attrs.frozen
class _Halt:
    since: ClinicalTime
    until: ClinicalTime | None
    infusion: bool
    """Whether it halts infusions as well."""
    what: str
    evidence: tuple[int, ...]

    def covers(self, when: ClinicalTime) -> bool:
        """Say whether a day is known to lie within it: its own first and last day do not."""
        return self.since.precedes(when) and (self.until is None or when.precedes(self.until))


class WhileHalted(Check):
    """Somebody was enrolled or infused while that was suspended, or after recruitment had closed."""

    id = "suspension"
    title = "enrolled or infused while that was halted"
    severity = Severity.CRITICAL
    requirement = "a suspension holds until people decide; a closed recruitment takes nobody"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._halts = list(_halts(audited.trial))

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        of = case.case
        told = [(entry.position, entry.fact.on, "enrolled", False) for entry in of.of(Enrolled)]
        told += [(entry.position, entry.fact.started_at, "infused", True) for entry in of.infusions]
        for position, when, act, infusion in told:
            for halt in self._halts:
                if (halt.infusion or not infusion) and halt.covers(when):
                    yield self.found(
                        f"{of.subject} was {act} on {when}, and {halt.what} since {halt.since}",
                        evidence=[position, *halt.evidence],
                        subject=of.subject,
                    )


def _halts(entries: Iterable[Recorded[Any]]) -> Iterator[_Halt]:
    suspended: list[Recorded[Any]] = []
    for entry in entries:
        match entry.fact:
            case RecruitmentSuspended():
                suspended.append(entry)
            case RecruitmentResumed(on=on):
                yield from (_suspension(one, on) for one in suspended)
                suspended = []
            case TrialClosed(on=on):
                yield _Halt(on, None, infusion=False, what="recruitment was closed", evidence=(entry.position,))
            case _:
                pass
    yield from (_suspension(one, None) for one in suspended)


def _suspension(entry: Recorded[RecruitmentSuspended], until: ClinicalTime | None) -> _Halt:
    what = "infusion was suspended" if entry.fact.infusion else "recruitment was suspended"
    return _Halt(entry.fact.on, until, infusion=entry.fact.infusion, what=what, evidence=(entry.position,))


class RecruitmentExceeded(Check):
    """More people were infused than the protocol allows, or than its target."""

    id = "recruitment"
    title = "more people infused than planned"
    requirement = "target recruitment 9 (NCT06245746); the protocol's max_infused"

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        infused = [m.infused_by for m in (*counts.members, *counts.unassigned) if m.infused_by is not None]
        protocol = self.audited.protocol
        for most, severity, what in (
            (protocol.max_infused, Severity.MAJOR, "allows"),
            (protocol.target_recruitment, Severity.MINOR, "has a target of"),
        ):
            if most is not None and len(infused) > most:
                sentence = f"{len(infused)} were infused, and the protocol {what} {most}"
                yield self.found(sentence, evidence=sorted(infused)[most:], severity=severity)


class WindowOpen(Check):
    """The outcome of somebody whose window is over waits for somebody's word."""

    id = "window"
    title = "a window that nobody assessed"
    requirement = "DLT assessed from the infusion to day 14 (NCT06245746, primary outcome)"

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        member = case.member
        if member is None or member.window_last is None or member.window_last >= self.audited.on:
            return
        if member.standing.reason in _WAITS_FOR_A_WORD:
            yield self.found(
                f"the window of {member.subject} ended on {member.window_last}: {member.standing.reason.words}",
                evidence=member.evidence,
                subject=member.subject,
            )


_WAITS_FOR_A_WORD = {
    EvaluationReason.NOT_ASSESSED,
    EvaluationReason.RELATEDNESS_NOT_ASSESSED,
    EvaluationReason.DEATH_NOT_EXPLAINED,
    EvaluationReason.DLT_NOT_EXPLAINED,
}
