"""Checks of recruitment: enrollments and infusions while it was suspended, after it closed, or beyond the plan."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import attrs
from typing_extensions import override

from trialdomain.checks.check import Audited, AuditedCase, AuditFinding, Check, Severity
from trialdomain.events.participant import AdverseEventReported, Enrolled
from trialdomain.events.recorded import Entry, Recorded
from trialdomain.events.trial import RecruitmentResumed, RecruitmentSuspended, TrialClosed
from trialdomain.projections.casebook import Case
from trialdomain.projections.deaths import is_related_death
from trialdomain.projections.dlt_counts import DltCounts
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.plural import how_many
from trialdomain.values.ids import subject_of


@attrs.frozen
class _Halt:
    since: ClinicalTime
    until: ClinicalTime | None
    infusion: bool
    """Whether the halt covers infusions too."""
    what: str
    evidence: tuple[int, ...]

    def covers(self, when: ClinicalTime) -> bool:
        """Return whether a day certainly lies within the halt; its first and last day do not count."""
        return self.since.precedes(when) and (self.until is None or when.precedes(self.until))


class WhileHalted(Check):
    """A participant was enrolled or infused during a suspension, or after recruitment had closed."""

    id = "suspension"
    title = "enrolled or infused while that was halted, or a death that halted nothing"
    severity = Severity.CRITICAL
    requirement = "a suspension holds until people decide; a related death suspends; a closed recruitment takes nobody"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._halts = list(_halts(audited.trial))
        self._suspended_for: set[str | None] = set()
        """The participants whose entries ever caused a suspension of infusions."""

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
        """Find a related death without a suspension; the suspension is written in the same transaction as the death."""
        if any(entry.envelope.source is not None for entry in of.of(AdverseEventReported)):
            return  # imported from another system: an imported death does not suspend anything here
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
    """More participants were infused than the protocol allows, or than its target."""

    id = "recruitment"
    title = "more people infused than planned"
    requirement = "target_recruitment and max_infused ({protocol})"

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
                sentence = (
                    f"{how_many(len(infused), 'participant was', 'participants were')} infused, and the protocol "
                    f"{what} {most}"
                )
                yield self.found(sentence, evidence=infused[most:], severity=severity)
