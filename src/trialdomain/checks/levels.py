"""Checks of levels and days: early escalation, days between infusions, windows without an assessment."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

import attrs
from typing_extensions import override

from trialdomain.aggregates.infusions import against_stagger
from trialdomain.checks.check import Audited, AuditedCase, AuditFinding, Check, Severity
from trialdomain.designs.registry import decide
from trialdomain.designs.situation import Situation
from trialdomain.events.happened import happened
from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    ChemotherapyGiven,
    ChemotherapyStarted,
    CompletedFollowUp,
    Died,
    DltWindowAssessed,
    Infused,
    LabRecorded,
    LostToFollowUp,
    NewTherapyStarted,
    ParticipantFact,
    Relapsed,
    WindowResult,
    Withdrew,
)
from trialdomain.events.recorded import Recorded
from trialdomain.projections.casebook import Case
from trialdomain.projections.dlt_counts import DltCounts, Member
from trialdomain.projections.escalation import opened_slots
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.cytopenia import last_day
from trialdomain.values.clinical.decision import Action, Awaited
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationReason
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally


@attrs.frozen
class _Watched:
    subject: str
    level: Label
    infused_on: date
    infused_by: int
    known_on: date | None
    """The day from which the evaluation was known; None while it is pending."""
    dlt_on: date | None
    """The day from which a DLT was known; None without one."""
    evaluation: Evaluation
    evidence: tuple[int, ...]


class EscalatedEarly(Check):
    """A participant was infused at a higher level than the previous one, while an evaluation below was pending.

    The design is asked with what was known on the day of the infusion. It is no finding if the design went up to that
    level by then, as rolling six and a decision table may while an outcome is pending.
    """

    id = "sequence"
    title = "escalated before a window closed"
    severity = Severity.CRITICAL
    requirement = "escalation waits for pending outcomes, as the design of the protocol asks; AT-28 (21 CFR 11.10(f))"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._watched: list[_Watched] = []

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        member = case.member
        if member is not None and member.level is not None and member.infused_on is not None:
            protocol, by = case.audited.book.in_force_on(member.infused_on.first), member.infused_by or 0
            known = _known_on(member, case.case, protocol)
            told = member.dlt.known_on if member.dlt else None
            self._watched.append(
                _Watched(
                    *(member.subject, member.level, member.infused_on.first, by, known),
                    *(told, member.standing.evaluation, member.evidence),
                )
            )
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        if self.audited.protocol.design is None:
            return
        place, last = self.audited.protocol.in_order, 0
        for one in sorted(self._watched, key=lambda one: (one.infused_on, one.infused_by)):
            here, _ = place(one.level)
            if here > max(last, 1):
                yield from self._pending_below(one)
            last = here

    def _pending_below(self, first: _Watched) -> Iterator[AuditFinding]:
        place = self.audited.protocol.in_order
        earlier = [
            one for one in self._watched if (one.infused_on, one.infused_by) < (first.infused_on, first.infused_by)
        ]
        pending = [one for one in earlier if _is_pending(one, first.infused_on)]
        below = [one for one in pending if place(one.level) < place(first.level)]
        if not below or self._was_ordered(first, earlier):
            return
        for one in below:
            yield self.found(
                f"{first.subject} was infused at level {first.level} on {first.infused_on}, up from below, and the "
                f"outcome of {one.subject} at level {one.level} was not known",
                evidence=[first.infused_by, one.infused_by, *one.evidence],
                subject=first.subject,
            )

    def _was_ordered(self, first: _Watched, earlier: Iterable[_Watched]) -> bool:
        """Say whether the design, by what was known on that day, went up to the level of an infusion, or higher."""
        protocol = self.audited.book.in_force_on(first.infused_on)
        if protocol.design is None or not protocol.has_level(first.level):
            return False
        known = sorted(earlier, key=lambda one: (one.infused_on, one.infused_by))
        situation = _situation(
            [one for one in known if protocol.has_level(one.level)],
            protocol,
            slots=opened_slots(self.audited.book, labels=protocol.labels, before=first.infused_by),
            on=first.infused_on,
        )
        found = decide(situation, design=protocol.design, forecasting=False)
        up = found.level is not None and protocol.place(found.level) >= protocol.place(first.level)
        return up and found.action is Action.ESCALATE


def _is_pending(one: _Watched, on: date) -> bool:
    return one.known_on is None or one.known_on > on


def _situation(
    treated: Sequence[_Watched], protocol: TrialProtocol, *, slots: tuple[tuple[int, ...], ...], on: date
) -> Situation:
    """Count those who were treated, in the order of infusion, by what was known of them on a day."""
    counted = [one for one in treated if _is_pending(one, on) or one.evaluation is not Evaluation.NOT_EVALUABLE]

    def had(one: _Watched) -> bool | None:
        return None if _is_pending(one, on) else one.dlt_on is not None and one.dlt_on <= on

    return Situation(
        tallies=tuple(
            Tally(
                level=level.label,
                place=level.level,
                evaluable=sum(had(one) is not None for one in counted if one.level == level.label),
                dlts=sum(bool(had(one)) for one in counted if one.level == level.label),
                pending=sum(had(one) is None for one in counted if one.level == level.label),
                not_evaluable=sum(one.level == level.label for one in treated if one not in counted),
            )
            for level in protocol.levels
        ),
        last_level=treated[-1].level if treated else None,
        awaited=tuple(Awaited(level=one.level, subject=one.subject) for one in counted if had(one) is None),
        slots=slots,
        in_order=tuple((one.level, had(one)) for one in counted),
    )


def _known_on(member: Member, case: Case, protocol: TrialProtocol) -> date | None:
    """Return the first day on which the evaluation could be known; None while it is pending.

    Later reports about an assessed window are left to the audit of decisions.
    """
    rule, last, infusion = protocol.dlt, member.window_last, case.first_infusion
    if rule is None or last is None or infusion is None:
        return None
    facts = (entry.fact for entry in case.of(DltWindowAssessed))
    over = [fact.on.first for fact in facts if fact.result is WindowResult.NO_DLT and fact.on.first >= last]
    if not protocol.evaluable.requires_assessment:
        over.append(last + timedelta(days=1))
    if rule.cytopenia is not None or rule.criteria:
        counted = last if rule.cytopenia is None else last_day(infusion.fact, rule.cytopenia)
        looked = [lab.fact.collected_at.first for lab in case.of(LabRecorded) if lab.position in member.evidence]
        looked += [
            entry.fact.on.first for entry in case.of(AdverseEventFollowedUp) if entry.position in member.evidence
        ]
        until = counted + timedelta(days=1) if protocol.counts_cytopenias else last
        over = [max(day, until, *looked) for day in over]
    if member.standing.evaluation is Evaluation.PENDING and member.standing.reason in _NOT_SHOWN:
        over = []
    known = [*over, *([member.dlt.known_on] if member.dlt else [])]
    if member.standing.evaluation is Evaluation.NOT_EVALUABLE:
        said = [entry for kind in _SAYS_NOT_EVALUABLE.get(member.standing.reason, ()) for entry in case.of(kind)]
        days = [when.first for entry in said if entry.position in member.evidence and (when := happened(entry.fact))]
        known.append(min(days, default=infusion.fact.started_at.first))
    return min(known, default=None)


_NOT_SHOWN = {
    EvaluationReason.CYTOPENIA_NOT_SHOWN,
    EvaluationReason.CYTOPENIA_OPEN,
    EvaluationReason.DURATION_NOT_SHOWN,
    EvaluationReason.DURATION_OPEN,
}
_TREATED_AGAIN = (ChemotherapyGiven, ChemotherapyStarted, NewTherapyStarted, Relapsed)
_LEAVING = (Died, Withdrew, LostToFollowUp, CompletedFollowUp)
_SAYS_NOT_EVALUABLE: dict[EvaluationReason, tuple[type[ParticipantFact], ...]] = {
    EvaluationReason.LEFT: _LEAVING,
    EvaluationReason.ASSESSED_NOT_EVALUABLE: (DltWindowAssessed,),
    EvaluationReason.CYTOPENIA_NOT_SHOWN: (*_LEAVING, *_TREATED_AGAIN),
    EvaluationReason.DURATION_NOT_SHOWN: _LEAVING,
}
"""The kinds of entries from whose days on a participant is not evaluable; for other reasons, the infusion's day."""


class StaggerKept(Check):
    """Two participants were infused at one level with fewer days between them than the protocol requires."""

    id = "stagger"
    title = "too few days between infusions"
    requirement = "the protocol's stagger"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._first: dict[Label, list[tuple[date, int, Recorded[Infused], str]]] = defaultdict(list)

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        first = case.case.first_infusion
        if first is not None:
            told = (first.fact.started_at.first, case.case.since(first), first, case.case.subject)
            self._first[first.fact.level].append(told)
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        for level in sorted(self._first, key=self.audited.protocol.in_order):
            days: list[date] = []
            before: int | None = None
            for day, _, entry, subject in sorted(self._first[level], key=lambda one: one[:2]):
                protocol = self.audited.book.in_force_on(day)
                for breach in against_stagger(entry.fact, days, protocol):
                    evidence = [entry.position, *([] if before is None else [before])]
                    yield self.found(
                        f"{subject} was infused on {day}, but {breach}", evidence=evidence, subject=subject
                    )
                days.append(day)
                before = entry.position


class WindowOpen(Check):
    """The window of a participant is over, but the required assessment is missing."""

    id = "window"
    title = "a window that is not assessed to its last day"
    requirement = "DLTs are assessed in the whole window ({protocol})"

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        member = case.member
        if member is None or member.window_last is None or member.window_last >= self.audited.on:
            return
        if member.standing.evaluation is Evaluation.PENDING and member.standing.reason in _WAITS_FOR_A_WORD:
            yield self.found(
                f"the window of {member.subject} ended on {member.window_last}: {member.why}",
                evidence=[*member.evidence, *([] if member.aside is None else [member.aside.position])],
                subject=member.subject,
            )


_WAITS_FOR_A_WORD = {
    EvaluationReason.CYTOPENIA_NOT_SHOWN,
    EvaluationReason.DURATION_NOT_SHOWN,
    EvaluationReason.ENDING_UNCERTAIN,
    EvaluationReason.NOT_ASSESSED,
    EvaluationReason.RELATEDNESS_NOT_ASSESSED,
    EvaluationReason.DEATH_NOT_EXPLAINED,
    EvaluationReason.DLT_NOT_EXPLAINED,
}
