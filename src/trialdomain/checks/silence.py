"""The check of the protocol: the rules that it leaves open."""

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
