"""The checks of the protocol: the rules that it leaves open, and a decision table that is not its own."""

from collections.abc import Iterable

from typing_extensions import override

from trialdomain.checks.check import AuditFinding, Check, Severity
from trialdomain.events.trial import ProtocolAmended, TrialRegistered
from trialdomain.projections.dlt_counts import DltCounts
from trialdomain.protocol.silences import silences


class Silence(Check):
    """The protocol leaves a rule open."""

    id = "silence"
    title = "a rule that the protocol leaves open"
    severity = Severity.NOTE
    requirement = "a rule that people rely on is written down ({protocol})"

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        brings = [e.position for e in self.audited.trial if isinstance(e.fact, TrialRegistered | ProtocolAmended)]
        for sentence in silences(self.audited.protocol):
            yield self.found(sentence, evidence=brings[-1:])


class TableAltered(Check):
    """The stored decision table of an interval design is not the one that its parameters give."""

    id = "decision-table"
    title = "a decision table that differs from its parameters"
    severity = Severity.MAJOR
    requirement = "a decision table follows from the parameters that the protocol names ({protocol})"

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        for entry in self.audited.trial:
            if isinstance(entry.fact, TrialRegistered | ProtocolAmended):
                design = entry.fact.protocol.design
                if design is not None and design.altered is not None:
                    yield self.found(design.altered, evidence=[entry.position])
