"""Invented answers that meet every criterion, for simulations and tests; never for a real person."""

from datetime import date
from decimal import Decimal

import attrs

from trialdomain.protocol.criteria import Answer, Comparison, Criterion, CriterionKind, FactTest
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.dose_unit import DosePer
from trialdomain.values.clinical.screening import Attestation, Finding
from trialdomain.values.clinical_time import ClinicalTime

_FROM_THE_RECORD = {"age", "consent", "ecog", "cell_division_inhibitor"}
_LONG_AGO = ClinicalTime("2000-01-01")
_WEIGHT_KG, _SURFACE_M2 = Decimal(100), Decimal(1)
"""The size of an invented body: round numbers, so that the amounts stay short."""


@attrs.frozen(kw_only=True)
class Administered:
    """An invented infusion of exactly a dose: the amount in all, with the weight or surface if the dose is by it."""

    dose: Dose | None
    body_weight_kg: Decimal | None = None
    bsa_m2: Decimal | None = None


def administered(dose: Dose | None) -> Administered:
    """Create an infusion of exactly the dose of a level; without an amount if the level has none.

    >>> administered(Dose(amount=2, unit="mg/kg")).dose
    Dose(amount=Decimal('200'), unit='mg', per=None)
    """
    if dose is None or dose.per is None:
        return Administered(dose=dose)
    if dose.per is DosePer.KG:
        return Administered(dose=_in_all(dose, _WEIGHT_KG), body_weight_kg=_WEIGHT_KG)
    return Administered(dose=_in_all(dose, _SURFACE_M2), bsa_m2=_SURFACE_M2)


def _in_all(dose: Dose, size: Decimal) -> Dose:
    return Dose(amount=dose.amount * size, unit=dose.unit)


def eligible(protocol: TrialProtocol, *, on: date) -> tuple[tuple[Finding, ...], tuple[Attestation, ...]]:
    """Create findings and attestations, observed on a day, that meet the criteria of a protocol."""
    findings = {
        test.finding: _finding(test, criterion, on)
        for criterion in protocol.criteria
        for test in criterion.tests
        if test.finding not in _FROM_THE_RECORD
    }
    attestations = tuple(
        Attestation(criterion=criterion.id, answer=criterion.kind is CriterionKind.INCLUSION)
        for criterion in protocol.criteria
        if criterion.answer is not Answer.FACTS
    )
    return tuple(findings.values()), attestations


def _finding(test: FactTest, criterion: Criterion, on: date) -> Finding:
    """Create a finding that passes the test of an inclusion, or fails the test of an exclusion."""
    holds = criterion.kind is CriterionKind.INCLUSION
    day = ClinicalTime.of(on)
    match test.comparison:
        case Comparison.AT_LEAST | Comparison.AT_MOST:
            return Finding(name=test.finding, number=test.number, unit=test.unit, on=day)
        case Comparison.AT_MOST_TIMES_UPPER_LIMIT:
            return Finding(name=test.finding, number=Decimal(1), upper_limit=Decimal(1), on=day)
        case Comparison.IS:
            return Finding(name=test.finding, words=test.words[0] if holds else "none", on=day)
        case Comparison.IS_SO | Comparison.IS_NOT_SO:
            return Finding(name=test.finding, yes=holds is (test.comparison is Comparison.IS_SO), on=day)
        case Comparison.WITHIN_DAYS | Comparison.NOT_WITHIN_DAYS | Comparison.WITHIN_MONTHS:
            return Finding(name=test.finding, date=_LONG_AGO, on=day)
