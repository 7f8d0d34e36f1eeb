"""What was counted and decided, against what the log says."""

from collections.abc import Iterable

from typing_extensions import override

from trialdomain.audit.findings.check import AuditFinding, Check, Severity
from trialdomain.projections.dlt_counts import DltCounts
from trialdomain.projections.double_entry import double_entry_of


class DoubleEntry(Check):
    """A cohort says otherwise of a participant than the participant's own record."""

    id = "double-entry"
    title = "a cohort and a participant that differ"
    severity = Severity.CRITICAL
    requirement = "both sides are written in one transaction: a difference is the mark of other means"

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        evidence = {member.subject: member.evidence for member in (*counts.members, *counts.unassigned)}
        for one in double_entry_of(counts, self.audited.book):
            told = self.audited.book.cohorts.get(one.level, ())
            of_cohort = [entry.position for entry in told if getattr(entry.fact, "subject", None) == one.subject]
            yield self.found(
                f"{one.subject} at level {one.level}: the cohort was told {one.aspect.value} {one.cohort}, the "
                f"participant's record gives {one.casebook}",
                evidence=(*evidence.get(one.subject, ()), *of_cohort),
                subject=one.subject,
            )


class DecisionUnfounded(Check):
    """A decision about the dose does not follow from what was known, or records another basis than the log has."""

    id = "decision"
    title = "a decision that does not follow from its basis"
    severity = Severity.CRITICAL
    requirement = "decisions follow the design, or are more cautious (3+3; NCT06245746); AT-09 (ICH E6(R3) 4.2.2)"

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        for audit in self.audited.decisions:
            wrong = [str(breach) for breach in audit.breaches]
            wrong += [f"{one.field} of its basis is not what the log has" for one in audit.differences]
            if wrong:
                position = audit.entry.position
                yield self.found(f"the decision at position {position}: {'; '.join(wrong)}", evidence=[position])


class DecisionOvertaken(Check):
    """A decision about the dose rests on an answer that is another with what was recorded since."""

    id = "overtaken"
    title = "a decision whose answer is another today"
    requirement = "what was recorded late or corrected is weighed against decisions (ICH E6(R3) 4.2.2)"

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        for audit in self.audited.decisions:
            if audit.same_answer:
                continue
            position, allowed = audit.entry.position, not audit.breaches_today
            yield self.found(
                f"the decision at position {position} rests on an answer that is another with what was recorded since: "
                f"it {'is still allowed' if allowed else 'would not be taken today'}",
                evidence=[position, *(one.entry.position for one in audit.changing)],
                severity=Severity.MAJOR if allowed else Severity.CRITICAL,
            )
