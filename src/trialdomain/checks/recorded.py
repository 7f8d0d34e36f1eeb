"""Checks of recorded data that are possible but improbable, or that no endpoint reads.

Source: consistent and accurate source data (ICH E6(R3) 4.2.2). Impossible data are refused before they are recorded.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TypeAlias

from typing_extensions import override

from trialdomain.checks.check import AuditedCase, AuditFinding, Check, Severity
from trialdomain.events.participant import Comparator, LabRecorded, VitalSignRecorded
from trialdomain.events.recorded import Recorded
from trialdomain.values.clinical.analyte import count_of, is_blood, is_known, is_known_specimen, nearest
from trialdomain.values.clinical.ctcae import CTCAE_5, nearest_terms, term_of
from trialdomain.values.clinical.ranges import VITAL_SIGNS, Range, usual_result
from trialdomain.values.given.plural import how_many
from trialdomain.values.given.text import short

_Measured: TypeAlias = Recorded[LabRecorded] | Recorded[VitalSignRecorded]
_SHOWN = 3
"""The most values in a sentence; the evidence has the entries of all values."""
_UPWARDS = (Comparator.ABOVE, Comparator.AT_LEAST)
_DOWNWARDS = (Comparator.BELOW, Comparator.AT_MOST)


class ImprobableValue(Check):
    """A result or a vital sign is outside the usual range: it may be a typing error, or another unit."""

    id = "improbable-value"
    title = "a value that is possible and improbable"
    severity = Severity.MINOR
    requirement = "accurate source data (ICH E6(R3) 4.2.2)"

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        found: defaultdict[tuple[str, Range], list[_Measured]] = defaultdict(list)
        for lab in case.case.of(LabRecorded):
            fact = lab.fact
            usual = usual_result(fact.analyte, fact.unit) if is_blood(fact.specimen) else None
            if usual is not None and _is_outside(fact.value, fact.unit, fact.comparator, usual):
                found[fact.analyte, usual].append(lab)
        for sign in case.case.of(VitalSignRecorded):
            usual = VITAL_SIGNS[sign.fact.sign.value].usual
            if not usual.holds(sign.fact.value, sign.fact.unit):
                found[sign.fact.sign.value, usual].append(sign)
        for (what, usual), entries in found.items():
            yield self.found(
                f"{case.case.subject}: {what} {_values(entries)}: usual is {usual}; check the value and its unit",
                evidence=[entry.position for entry in entries],
                subject=case.case.subject,
            )


def _is_outside(value: Decimal, unit: str | None, comparator: Comparator | None, usual: Range) -> bool:
    """Return whether a result is certainly outside a range; a result with a comparator is known on one side only."""
    if usual.holds(value, unit):
        return False
    too_low = not Range(usual.least, None, usual.unit).holds(value, unit)
    return comparator not in (_UPWARDS if too_low else _DOWNWARDS)


def _values(entries: Sequence[_Measured]) -> str:
    shown = ", ".join(f"{entry.fact.value} {entry.fact.unit}" for entry in entries[:_SHOWN])
    more = len(entries) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


class UncheckedTerm(Check):
    """The library's CTCAE table lacks the term of an adverse event, so its grade could not be checked."""

    id = "unchecked-term"
    title = "a term that this library's part of CTCAE lacks"
    severity = Severity.MINOR
    requirement = "adverse events are graded by a term of CTCAE v5.0"

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        found: defaultdict[str, list[int]] = defaultdict(list)
        rule = case.audited.protocol.dlt
        by_class = rule is not None and any(row.category is not None for row in rule.criteria)
        rows = ", and no row of the DLT rule with a category fits it" if by_class else ""
        for event in case.case.adverse_events:
            if term_of(event.term, code=event.report.fact.ctcae_code) is None:
                found[event.term].append(event.report.position)
        for term, positions in found.items():
            near = nearest_terms(term)
            hint = f"the nearest: {', '.join(near)}" if near else "no term is near"
            yield self.found(
                f"{case.case.subject}: {short(term, 80)!r} is not in the part of CTCAE {CTCAE_5} that this library has "
                f"({hint}); CTCAE may have it: its grade is not checked, and it belongs to no group of an endpoint"
                f"{rows}",
                evidence=positions,
                subject=case.case.subject,
            )


class UnreadResult(Check):
    """Laboratory results have an unknown name or specimen, so no endpoint reads them."""

    id = "unread-result"
    title = "results under a name that nothing reads"
    severity = Severity.MINOR
    requirement = "what is recorded is what the endpoints are derived from (ICH E6(R3) 4.2.2)"

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        found: defaultdict[str, list[int]] = defaultdict(list)
        for entry in case.case.of(LabRecorded):
            for why in _unread(entry.fact):
                found[why].append(entry.position)
        for why, positions in found.items():
            results = how_many(len(positions), "result")
            yield self.found(f"{case.case.subject}: {results} {why}", evidence=positions, subject=case.case.subject)


def _unread(lab: LabRecorded) -> Iterator[str]:
    """Yield why no endpoint reads a result, if that may be a typing error."""
    if is_blood(lab.specimen) and not is_known(lab.analyte):
        near = nearest(lab.analyte)
        hint = "no known name is near" if near is None else f"the nearest known name is {near!r}"
        yield f"under {short(lab.analyte, 80)!r}, which no endpoint reads: {hint}"
    if lab.specimen is not None and not is_known_specimen(lab.specimen) and count_of(lab.analyte) is not None:
        yield f"of {lab.analyte} in {short(lab.specimen, 80)!r}, a specimen that is not known, count for nothing"
