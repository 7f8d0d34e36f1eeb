"""Checks of the protocol: the rules that it leaves open."""

from collections.abc import Iterable, Iterator

from typing_extensions import override

from trialdomain.checks.check import AuditFinding, Check, Severity
from trialdomain.events.trial import ProtocolAmended, TrialRegistered
from trialdomain.projections.dlt_counts import DltCounts
from trialdomain.protocol.trial_protocol import DltRule, Stagger, TrialProtocol
from trialdomain.values.clinical.ctcae import known_term, nearest_terms
from trialdomain.values.given.text import short


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


def silences(protocol: TrialProtocol) -> Iterator[str]:
    """Yield the rules that a protocol leaves open."""
    if any(level.dose is None for level in protocol.levels):
        yield "the dose levels have no amounts: an infusion is believed to be of the level that was meant"
    if protocol.zone is None and not protocol.sites:
        yield "the site has no time zone: a time without an offset counts as it stands"
    if protocol.design is not None and protocol.stagger == Stagger():
        yield "no days lie between infusions at a level (stagger 0)"
    if protocol.stopping.related_grade_5 is False:
        yield "a death related to the infusion suspends nothing"
    rule = protocol.dlt
    if rule is None:
        return
    if any(row.of_any_event and row.at_once and row.min_grade == 1 for row in rule.rows):
        yield "no grade is too low for a DLT: any related grade counts, grade 1 included"
    if not rule.expected_with_chemotherapy and not any(row.never for row in rule.rows):
        yield "no toxicity is named that chemotherapy is expected to cause: each counts as a DLT when it is related"
    yield from _terms_that_may_be_misspelt(rule)
    if not protocol.counts_cytopenias:
        yield "a cytopenia counts as a DLT by no rule, however long it lasts"


def _terms_that_may_be_misspelt(rule: DltRule) -> Iterator[str]:
    """Yield the terms of the rows that are in no table here, and nearly are."""
    for number, row in enumerate(rule.criteria, start=1):
        for term in (*row.terms, *(() if row.together_with is None else row.together_with.terms)):
            near = () if known_term(term) is not None else nearest_terms(term)
            if near:
                yield (
                    f"row {number} of the DLT rule names {short(term, 80)!r}, which this library's part of CTCAE lacks "
                    f"(the nearest: {', '.join(near)}): only an event of this very term fits it"
                )
