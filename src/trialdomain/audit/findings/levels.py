"""Deviations of the trial: slots, levels that were closed or not in turn, windows, days between infusions."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import groupby, islice
from typing import Any

import attrs
from typing_extensions import override

from trialdomain.aggregates.cohort import Cohort, EnrollmentIsStopped
from trialdomain.aggregates.infusions import against_stagger
from trialdomain.audit.findings.check import Audited, AuditedCase, AuditFinding, Check, Severity
from trialdomain.designs.walk import COHORT, COMPLETE
from trialdomain.events.cohort import (
    CohortExpanded,
    CohortOpened,
    EnrollmentResumed,
    EnrollmentStopped,
    EscalationDecided,
    MemberInfused,
    Release,
    SlotFilled,
    SlotReleased,
)
from trialdomain.events.participant import AdverseEventReported, DltWindowAssessed, Enrolled, Infused, WindowResult
from trialdomain.events.recorded import Entry, EntryRef, Recorded
from trialdomain.events.trial import RecruitmentResumed, RecruitmentSuspended, TrialClosed
from trialdomain.projections.casebook import Case
from trialdomain.projections.deaths import is_related_death
from trialdomain.projections.dlt_counts import DltCounts, Member
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.cytopenia import last_day
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.evaluation import Evaluation, EvaluationReason
from trialdomain.values.ids import subject_of


class SlotsExceeded(Check):
    """Somebody took a slot that there was not, or was infused without one."""

    id = "slots"
    title = "more people than slots"
    requirement = "3 or 6 slots at a level, opened by a decision (3+3; NCT06245746)"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._recorded: dict[EntryRef, int] = {}
        """Where each decision was recorded."""
        self._causes: dict[int, EntryRef | None] = {}
        """By position: what slots were given for."""
        book = audited.book
        self._decisions = {book.places[entry.position]: entry.fact.decided for entry in book.decisions}
        """By where it was first recorded: what was decided, as it is known now."""

    @override
    def entry(self, entry: Entry) -> Iterable[AuditFinding]:
        if isinstance(entry.fact, EscalationDecided):
            self._recorded[entry.ref] = entry.position
        elif isinstance(entry.fact, CohortOpened | CohortExpanded):
            self._causes[entry.position] = entry.envelope.caused_by
        return ()

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
            case CohortOpened(slots=slots) | CohortExpanded(slots=slots):
                yield from self._given(cohort, entry, slots)
            case SlotFilled(subject=subject):
                for breach in cohort.against_filling():
                    if not isinstance(breach, EnrollmentIsStopped):
                        yield self.found(str(breach), evidence=[entry.position], subject=subject)
            case MemberInfused(subject=subject):
                member = cohort.members.get(subject)
                if member is None or not member.holds:
                    sentence = f"{subject} was infused at level {cohort.level}, and held no slot there"
                    yield self.found(sentence, evidence=[entry.position], subject=subject)
            case SlotReleased(subject=subject, why=why):
                if (but := _but_released(cohort, subject, why)) is not None:
                    sentence = f"{subject} gave back a slot of level {cohort.level} ({why.value}), and {but}"
                    yield self.found(sentence, evidence=[entry.position], subject=subject)
            case _:
                pass

    def _given(self, cohort: Cohort, entry: Recorded[Any], slots: int) -> Iterator[AuditFinding]:
        most = COHORT if isinstance(entry.fact, CohortOpened) else COMPLETE
        if not self._was_decided(cohort, entry):
            sentence = f"level {cohort.level} was given slots, and no decision gave them"
            yield self.found(sentence, evidence=[entry.position])
        if slots > most:
            sentence = f"level {cohort.level} was given {slots} slots, and the design gives {most}"
            yield self.found(sentence, evidence=[entry.position])

    def _was_decided(self, cohort: Cohort, entry: Recorded[Any]) -> bool:
        if cohort.level == 1 and isinstance(entry.fact, CohortOpened):
            return True  # by the registration
        cause = self._causes.get(self.audited.book.places[entry.position])
        decided = None if cause is None else self._decisions.get(self._recorded.get(cause, 0))
        return decided is not None and decided.level == cohort.level


def _but_released(cohort: Cohort, subject: str, why: Release) -> str | None:
    """Say what somebody was who could not give a slot back for this reason; None where they could."""
    member = cohort.members.get(subject)
    if member is None or not member.holds:
        return "held none"
    was = member.standing.evaluation
    # Of a dose that is no level's, a cohort is told nothing but that the slot is free: nobody there can be evaluated.
    not_evaluable = why is Release.NOT_EVALUABLE and was is Evaluation.NOT_EVALUABLE
    return None if was is Evaluation.NOT_INFUSED or not_evaluable else f"was {was.value} there"


class ClosedLevel(Check):
    """Somebody entered a level, or was infused there, after it had closed."""

    id = "closed-level"
    title = "treated at a level that was closed"
    severity = Severity.CRITICAL
    requirement = "2 DLTs close a level and all above it (3+3; NCT06245746)"

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        told = [(entry, level) for level, entries in self.audited.book.cohorts.items() for entry in entries]
        stops: dict[int, Recorded[Any]] = {}
        told.sort(key=lambda one: self.audited.book.places[one[0].position])
        for _, together in groupby(told, key=lambda one: one[0].envelope.command):
            moment = list(together)  # one command: what it lifts is lifted for all of it, what it closes closes after
            for entry, level in moment:
                if isinstance(entry.fact, EnrollmentResumed):
                    stops.pop(level, None)
            for entry, level in moment:
                closed = min((below for below in stops if below <= level), default=None)
                if closed is not None:
                    yield from self._against(level, stops[closed], entry)
            stops |= {level: entry for entry, level in moment if isinstance(entry.fact, EnrollmentStopped)}

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
    """Somebody was infused at a higher level than the one before, while an outcome below was not known."""

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
            protocol, by = case.audited.book.in_force_on(member.infused_on.first), member.infused_by or 0
            known = _known_on(member, case.case, protocol)
            evidence = member.evidence
            self._watched.append(_Watched(member.subject, member.level, member.infused_on.first, by, known, evidence))
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        if self.audited.protocol.design is None:
            return
        last = 0
        for one in sorted(self._watched, key=lambda one: (one.infused_on, one.infused_by)):
            if one.level > last > 0 or (last == 0 and one.level > 1):
                yield from self._pending_below(one)
            last = one.level

    def _pending_below(self, first: _Watched) -> Iterator[AuditFinding]:
        for below in self._watched:
            earlier = (below.infused_on, below.infused_by) < (first.infused_on, first.infused_by)
            pending = below.known_on is None or below.known_on > first.infused_on
            if below.level < first.level and earlier and pending:
                yield self.found(
                    f"{first.subject} was infused at level {first.level} on {first.infused_on}, up from below, and the "
                    f"outcome of {below.subject} at level {below.level} was not known",
                    evidence=[first.infused_by, below.infused_by, *below.evidence],
                    subject=first.subject,
                )


def _known_on(member: Member, case: Case, protocol: TrialProtocol) -> date | None:
    """Give the first day on which an outcome could be known; None while it is pending.

    What was reported later about an assessed window is for the audit of decisions.
    """
    rule, last, infusion = protocol.dlt, member.window_last, case.first_infusion
    if rule is None or last is None or infusion is None:
        return None
    facts = (entry.fact for entry in case.of(DltWindowAssessed))
    over = [fact.on.first for fact in facts if fact.result is WindowResult.NO_DLT and fact.on.first >= last]
    if not protocol.evaluable.requires_assessment:
        over.append(last + timedelta(days=1))
    if rule.cytopenia is not None:
        counted = last_day(infusion.fact, rule.cytopenia) + timedelta(days=1)
        over = [max(day, counted) for day in over]
    known = [*over, *([member.dlt.onset.first] if member.dlt else [])]
    if member.standing.evaluation is Evaluation.NOT_EVALUABLE:
        left = [case.left.on.first] if case.left else []
        dead = [case.death.fact.on.first] if case.death else []
        gone = [*left, *dead] if member.standing.reason is EvaluationReason.LEFT else []
        known += [min(gone, default=infusion.fact.started_at.first)]
    return min(known, default=None)


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
    title = "enrolled or infused while that was halted, or a death that halted nothing"
    severity = Severity.CRITICAL
    requirement = "a suspension holds until people decide; a related death suspends; a closed recruitment takes nobody"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._halts = list(_halts(audited.trial))
        self._suspended_for: set[str | None] = set()
        """Whose record has ever suspended infusion."""

    @override
    def entry(self, entry: Entry) -> Iterable[AuditFinding]:
        if isinstance(entry.fact, RecruitmentSuspended) and entry.fact.infusion:
            cause = entry.envelope.caused_by
            self._suspended_for.add(None if cause is None else subject_of(cause.stream))
        return ()

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        of = case.case
        yield from self._died(of)
        told = [(entry.position, entry.fact.on, "enrolled", False) for entry in of.of(Enrolled)]
        told += [(entry.position, entry.fact.started_at, "infused", True) for entry in of.infusions]
        for position, when, act, infusion in told:
            covering = (h for h in self._halts if (h.infusion or not infusion) and h.covers(when))
            for halt in islice(covering, 1):
                yield self.found(
                    f"{of.subject} was {act} on {when}, and {halt.what} since {halt.since}",
                    evidence=[position, *halt.evidence],
                    subject=of.subject,
                )

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        for halt in self._halts:
            if halt.until is not None and halt.until.precedes(halt.since):
                sentence = f"{halt.what} on {halt.since}, and resumed on {halt.until}, before that"
                yield self.found(sentence, evidence=halt.evidence)

    def _died(self, of: Case) -> Iterator[AuditFinding]:
        """Find a related death that suspended nothing: that is recorded in one transaction with it."""
        if any(entry.envelope.source is not None for entry in of.of(AdverseEventReported)):
            return  # another system's: what has happened elsewhere suspends nothing here
        stops = all(version.stopping.related_grade_5 for _, version in self.audited.book.versions)
        if stops and of.subject not in self._suspended_for and is_related_death(of, self.audited.protocol):
            death = of.death
            halts = (halt for halt in self._halts if halt.infusion)
            if not any(halt.until is None or (death is not None and halt.covers(death.fact.on)) for halt in halts):
                sentence = f"{of.subject} died of an event related to the infusion, and nothing suspended infusion"
                yield self.found(sentence, evidence=[] if death is None else [death.position], subject=of.subject)


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

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._infused: list[int] = []

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        if case.case.first_infusion is not None:
            self._infused.append(case.case.since(case.case.first_infusion))
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        infused, protocol = sorted(self._infused), self.audited.protocol
        for most, severity, what in (
            (protocol.max_infused, Severity.MAJOR, "allows"),
            (protocol.target_recruitment, Severity.MINOR, "has a target of"),
        ):
            if most is not None and len(infused) > most:
                sentence = f"{len(infused)} were infused, and the protocol {what} {most}"
                yield self.found(sentence, evidence=infused[most:], severity=severity)


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
