"""The check of recommended doses: levels that were closed since, or that lie above the declared MTD."""

from collections.abc import Iterable, Iterator
from typing import Any

from typing_extensions import override

from trialdomain.checks.check import AuditFinding, Check, Severity
from trialdomain.events.cohort import EnrollmentStopped
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import DoseRecommended, MtdDeclared
from trialdomain.projections.dlt_counts import DltCounts
from trialdomain.projections.escalation import closed_levels


class RecommendedOvertaken(Check):
    """A recommended dose level is closed, or a lower level was declared the MTD; nobody recommended another one."""

    id = "recommended-dose"
    title = "a recommended dose that is closed, or above the MTD"
    severity = Severity.CRITICAL
    requirement = "a dose is never recommended above what the rule tolerates, also by what becomes known later"

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        closed = closed_levels(counts, self.audited.book) if counts.tallies else ()
        order = self.audited.protocol.in_order
        mtds = [entry for entry in self.audited.trial if isinstance(entry.fact, MtdDeclared)]
        for entry in self.audited.book.recommended_doses:
            said = f"level {entry.fact.level} was recommended for {entry.fact.purpose} on {entry.fact.basis.on}, and"
            if entry.fact.level in closed:
                yield self.found(f"{said} is closed", evidence=[entry.position, *self._closings(entry)])
            for mtd in mtds:
                if order(mtd.fact.level) < order(entry.fact.level):
                    sentence = f"{said} the MTD was declared as level {mtd.fact.level}"
                    yield self.found(sentence, evidence=[entry.position, mtd.position])

    def _closings(self, recommended: Recorded[DoseRecommended]) -> Iterator[int]:
        """Yield the positions at which the cohort of the level recorded that it was closed."""
        of_cohort: Iterable[Recorded[Any]] = self.audited.book.cohorts.get(recommended.fact.level, ())
        return (entry.position for entry in of_cohort if isinstance(entry.fact, EnrollmentStopped))
