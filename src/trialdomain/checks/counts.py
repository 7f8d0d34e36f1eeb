"""Checks of counts and decisions against the log."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from typing_extensions import override

from trialdomain.aggregates.cohort import Cohort
from trialdomain.checks.check import Audited, AuditFinding, Check, Severity
from trialdomain.events.cohort import CohortOpened, EnrollmentResumed, EnrollmentStopped, MemberInfused
from trialdomain.events.participant import Infused
from trialdomain.events.recorded import Entry, Recorded
from trialdomain.projections.casebook import Casebook
from trialdomain.projections.dlt_counts import DltCounts, dlt_counts
from trialdomain.projections.escalation import closed_levels
from trialdomain.projections.reconciliation import reconciliation_of
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.ids import subject_of


class Reconciliation(Check):
    """A cohort's facts about a participant differ from the participant's own entries."""

    id = "reconciliation"
    title = "a cohort and a participant that differ"
    severity = Severity.CRITICAL
    requirement = "both sides are written in one transaction: a difference is the mark of other means"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._infused: defaultdict[str | None, set[ClinicalTime]] = defaultdict(set)
        """By participant: the start times of their infusions, including corrected ones."""

    @override
    def entry(self, entry: Entry) -> Iterable[AuditFinding]:
        if isinstance(entry.fact, Infused):
            self._infused[subject_of(entry.stream)].add(entry.fact.started_at)
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        book, on = self.audited.book, self.audited.history.last_day()
        if self.audited.on < on:  # cohorts record everything that happened, so compare with the latest day
            book = self.audited.history.casebook(on=on)
            counts = dlt_counts(book, on=on)
        evidence = {member.subject: member.evidence for member in (*counts.members, *counts.unassigned)}
        for one in reconciliation_of(counts, book):
            told = book.cohorts.get(one.level, ())
            of_cohort = [entry.position for entry in told if getattr(entry.fact, "subject", None) == one.subject]
            yield self.found(
                f"{one.subject} at level {one.level}: the cohort was told {one.aspect.value} {one.cohort}, the "
                f"participant's record gives {one.casebook}",
                evidence=(*evidence.get(one.subject, ()), *of_cohort),
                subject=one.subject,
            )
        yield from self._infusions(book)
        if book.protocol.design is not None and counts.tallies:
            yield from self._closings(counts, book)

    def _infusions(self, book: Casebook) -> Iterator[AuditFinding]:
        """Compare infusion dates. A cohort records an infusion once; later corrections do not change that fact."""
        for level, entries in _in_order(book):
            for entry in entries:
                told = entry.fact
                if isinstance(told, MemberInfused) and told.on not in self._infused[told.subject]:
                    sentence = f"the cohort of level {level} was told that {told.subject} was infused on {told.on}"
                    yield self.found(
                        f"{sentence}, and the participant's record never had such an infusion",
                        evidence=[entry.position],
                        subject=told.subject,
                    )

    def _closings(self, counts: DltCounts, book: Casebook) -> Iterator[AuditFinding]:
        closings = closed_levels(counts, book)
        for level, entries in _in_order(book):
            cohort = Cohort(level)
            for entry in entries:
                cohort.apply(entry)
            closed = level in closings
            if closed != (cohort.stopped is not None) and (cohort.slots or cohort.members):
                says = "open" if cohort.stopped is None else "closed"
                dlts = ", ".join(f"level {tally.level}: {tally.dlts}/{tally.evaluable}" for tally in counts.tallies)
                yield self.found(
                    f"level {level} is {says} by its cohort, and not by the participants' records ({dlts})",
                    evidence=[entry.position for entry in entries if isinstance(entry.fact, _OPENS_AND_CLOSES)],
                )


_OPENS_AND_CLOSES = (CohortOpened, EnrollmentStopped, EnrollmentResumed)


class DecisionUnfounded(Check):
    """A decision about the dose does not follow from the state known then, or records a basis unlike the log's."""

    id = "decision"
    title = "a decision that does not follow from its basis"
    severity = Severity.CRITICAL
    requirement = "decisions follow the design, or are more cautious; AT-09 (ICH E6(R3) 4.2.2)"

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        for audit in self.audited.decisions:
            wrong = [str(breach) for breach in audit.breaches]
            wrong += [f"{one.field} of its basis is not what the log has" for one in audit.differences]
            if wrong:
                position = audit.entry.position
                yield self.found(f"the decision at position {position}: {'; '.join(wrong)}", evidence=[position])


class DecisionOvertaken(Check):
    """A decision about the dose rests on an answer that later entries have changed."""

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


def _in_order(book: Casebook) -> list[tuple[Label, Sequence[Recorded[Any]]]]:
    """Return the cohorts in the order of the levels."""
    return sorted(book.cohorts.items(), key=lambda one: book.protocol.in_order(one[0]))
