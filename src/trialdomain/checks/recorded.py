"""Checks of recorded data that are possible but improbable, or that no endpoint reads.

Source: consistent and accurate source data (ICH E6(R3) 4.2.2). Impossible data are refused before they are recorded.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TypeAlias

from typing_extensions import override

from trialdomain.checks.check import Audited, AuditedCase, AuditFinding, Check, Severity
from trialdomain.events.participant import Comparator, Infused, LabRecorded, VitalSign, VitalSignRecorded
from trialdomain.projections.dlt_counts import DltCounts
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.rules.counts import Lab, read_as, usable
from trialdomain.values.clinical.analyte import UNITS, Count, count_of, is_blood, is_known, is_known_specimen, nearest
from trialdomain.values.clinical.ctcae import CTCAE_5, lacks, nearest_terms, term_of
from trialdomain.values.clinical.ranges import BODY_SURFACE, VITAL_SIGNS, Range, usual_result
from trialdomain.values.clinical.scale import CTCAE_5_0, SDTM_SEVERITY, Scale
from trialdomain.values.given.plural import how_many, singular_or
from trialdomain.values.given.text import short

_Measured: TypeAlias = tuple[str, int]
"""A value with its unit, and the position of its entry."""
_SHOWN = 3
"""The most values in a sentence; the evidence has the entries of all values."""
_UPWARDS = (Comparator.ABOVE, Comparator.AT_LEAST)
_DOWNWARDS = (Comparator.BELOW, Comparator.AT_MOST)


class ImprobableValue(Check):
    """A result, a vital sign or a body size is outside the usual range: it may be a typing error, or another unit."""

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
                found[fact.analyte, usual].append((f"{fact.value} {fact.unit}", lab.position))
        for sign in case.case.of(VitalSignRecorded):
            usual = VITAL_SIGNS[sign.fact.sign.value].usual
            if not usual.holds(sign.fact.value, sign.fact.unit):
                found[sign.fact.sign.value, usual].append((f"{sign.fact.value} {sign.fact.unit}", sign.position))
        for infusion in case.case.of(Infused):
            for what, size, usual in _sizes(infusion.fact):
                if not usual.holds(size, usual.unit):
                    found[what, usual].append((f"{size} {usual.unit}", infusion.position))
        for (what, usual), measured in found.items():
            yield self.found(
                f"{case.case.subject}: {what} {_values(measured)}: usual is {usual}; check the value and its unit",
                evidence=[position for _, position in measured],
                subject=case.case.subject,
            )


def _is_outside(value: Decimal, unit: str | None, comparator: Comparator | None, usual: Range) -> bool:
    """Return whether a result is certainly outside a range; a result with a comparator is known on one side only."""
    if usual.holds(value, unit):
        return False
    too_low = not Range(usual.least, None, usual.unit).holds(value, unit)
    return comparator not in (_UPWARDS if too_low else _DOWNWARDS)


def _sizes(fact: Infused) -> Iterator[tuple[str, Decimal, Range]]:
    """Yield the body weight and the body surface of an infusion, each with its usual range."""
    if fact.body_weight_kg is not None:
        yield VitalSign.BODY_WEIGHT.value, fact.body_weight_kg, VITAL_SIGNS[VitalSign.BODY_WEIGHT.value].usual
    if fact.bsa_m2 is not None:
        yield "body surface", fact.bsa_m2, BODY_SURFACE.usual


def _values(measured: Sequence[_Measured]) -> str:
    shown = ", ".join(value for value, _ in measured[:_SHOWN])
    more = len(measured) - _SHOWN
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
            code = event.report.fact.ctcae_code
            if lacks(event.scale, event.term) and term_of(event.term, code=code) is None:
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


class ScaleWithoutTable(Check):
    """Adverse events are graded by a scale of which this library has no table, so no term's grade was checked.

    SDTM severity is no such scale: it has no grades of a term, so there is no table to have.
    """

    id = "scale-without-table"
    title = "events graded by a scale that this library has no table of"
    severity = Severity.NOTE
    requirement = "a grade is one that the scale gives to the term"

    @override
    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._found: defaultdict[Scale, list[int]] = defaultdict(list)

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        for event in case.case.adverse_events:
            if event.scale not in {CTCAE_5_0, SDTM_SEVERITY}:
                self._found[event.scale].append(event.report.position)
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        for scale, positions in self._found.items():
            events = f"{how_many(len(positions), 'adverse event')} {singular_or(len(positions), 'is', 'are')}"
            yield self.found(
                f"{events} graded by {scale}, which this library has no table of: {_checked(scale)}", evidence=positions
            )


def _checked(scale: Scale) -> str:
    if scale.highest is None:
        return "its grades are not known, so any from 1 to 5 was accepted"
    return f"a grade was checked against the {scale.grades_text} of the scale, not against its term"


class UnreadResult(Check):
    """Laboratory results have an unknown name or specimen, or an unusable unit, so no endpoint reads them."""

    id = "unread-result"
    title = "results that nothing reads: by their name, specimen or unit"
    severity = Severity.MINOR
    requirement = "what is recorded is what the endpoints are derived from (ICH E6(R3) 4.2.2)"

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        found: defaultdict[str, list[int]] = defaultdict(list)
        for entry in case.case.of(LabRecorded):
            for why in _unread(entry.fact):
                found[why].append(entry.position)
        for why, position in _of_no_unit(case.case.of(LabRecorded), case.audited.protocol.endpoints):
            found[why].append(position)
        for why, positions in found.items():
            results = how_many(len(positions), "result")
            yield self.found(f"{case.case.subject}: {results} {why}", evidence=positions, subject=case.case.subject)


def _of_no_unit(labs: Sequence[Lab], rules: EndpointRules) -> Iterator[tuple[str, int]]:
    """Yield the blood counts in a unit that cannot be converted into that of their thresholds, or in none."""
    for count in Count:
        of_it = [lab for lab in labs if read_as(lab.fact) is count and lab.fact.collected_at.day is not None]
        used = {lab.position for _, lab in usable(count, of_it, rules)}
        for lab in of_it:
            if lab.position not in used:
                unit = "without a unit" if lab.fact.unit is None else f"in {lab.fact.unit}"
                yield (
                    f"of {lab.fact.analyte} {unit}, which no endpoint reads: a usable unit is {UNITS[count]}",
                    lab.position,
                )


def _unread(lab: LabRecorded) -> Iterator[str]:
    """Yield why no endpoint reads a result, if that may be a typing error."""
    if is_blood(lab.specimen) and not is_known(lab.analyte):
        near = nearest(lab.analyte)
        hint = "no known name is near" if near is None else f"the nearest known name is {near!r}"
        yield f"under {short(lab.analyte, 80)!r}, which no endpoint reads: {hint}"
    if lab.specimen is not None and not is_known_specimen(lab.specimen) and count_of(lab.analyte) is not None:
        yield f"of {lab.analyte} in {short(lab.specimen, 80)!r}, a specimen that is not known, count for nothing"
