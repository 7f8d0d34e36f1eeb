"""One-line descriptions of facts, for lists of evidence."""

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

import attrs

from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    AntiInfectiveGiven,
    ChemotherapyStarted,
    DltWindowAssessed,
    Infused,
    LabRecorded,
    Transfused,
    VitalSignRecorded,
)
from trialdomain.reports.grades import grade_text
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.evaluation import Standing
from trialdomain.values.clinical.scale import CTCAE_5_0, beside
from trialdomain.values.clinical.toxicity import Attribution, Relatedness
from trialdomain.values.given.text import FreeText

_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_RELATED = {
    Relatedness.UNRELATED: "unrelated to",
    Relatedness.UNLIKELY: "unlikely to be related to",
    Relatedness.POSSIBLY: "possibly related to",
    Relatedness.LIKELY: "likely related to",
    Relatedness.DEFINITELY: "definitely related to",
    Relatedness.NOT_ASSESSED: "not assessed for",
}


def fact_words(fact: Any) -> str:  # noqa: ANN401 - any fact of any stream
    """Describe a fact in one line.

    >>> from decimal import Decimal
    >>> from trialdomain.values.clinical_time import ClinicalTime
    >>> when = ClinicalTime("2008-01-02")
    >>> fact_words(LabRecorded(analyte="PLT", value=Decimal(35), unit="10*9/L", collected_at=when))
    'PLT 35 10*9/L, collected 2008-01-02'
    """
    match fact:
        case LabRecorded():
            bound = "" if fact.comparator is None else f"{fact.comparator.value} "
            return f"{fact.analyte} {bound}{fact.value} {fact.unit or '(no unit)'}, collected {fact.collected_at}"
        case VitalSignRecorded():
            site = "" if fact.site is None else f", {fact.site.value}"
            return f"{fact.sign.value} {fact.value} {fact.unit}, measured {fact.measured_at}{site}"
        case Transfused():
            return f"transfusion: {fact.units} of {fact.product.value} on {fact.on}"
        case ChemotherapyStarted():
            return f"chemotherapy started on {fact.on}: {fact.regimen}, cycle {fact.cycle}"
        case Infused():
            dose = "" if fact.dose is None else f", {fact.dose}"
            sizes = [f"{size} {unit}" for size, unit in ((fact.body_weight_kg, "kg"), (fact.bsa_m2, "m2")) if size]
            body = f" for {' and '.join(sizes)}" if sizes else ""
            return f"infused at level {fact.level}{dose}{body}, started {fact.started_at}"
        case AdverseEventReported():
            end = "" if fact.ended is None else f", ended {fact.ended}"
            attributed = _attributed(fact.attributions)
            serious = ", serious" if fact.serious else ", seriousness unknown" if fact.serious is None else ""
            grade = graded(fact)
            return f"{fact.term} (event {fact.event}), {grade}, onset {fact.onset}{end}{serious}{attributed}"
        case AdverseEventFollowedUp():
            grade = "" if fact.grade is None else f", grade {fact.grade}"
            end = "" if fact.ended is None else f", ended {fact.ended}"
            return f"follow-up of event {fact.event} on {fact.on}{grade}{end}{_attributed(fact.attributions)}"
        case DltWindowAssessed():
            return f"window assessed on {fact.on} by {fact.by}: {fact.result.value}"
        case AntiInfectiveGiven():
            code = fact.atc_code or "no ATC code"
            end = "ongoing" if fact.ended_on is None else f"to {fact.ended_on}"
            return f"{fact.agent} ({code}, {fact.route}, {fact.intent.value}) from {fact.started_on} {end}"
        case _:
            return _by_field(fact)


def graded(fact: AdverseEventReported) -> str:
    """Write the grade of a report, with its scale unless that is CTCAE 5.0: ``grade 3 (ASTCT 2019)``."""
    return f"grade {grade_text(fact.grade, beside(fact.scale, CTCAE_5_0))}"


def _attributed(attributions: tuple[Attribution, ...]) -> str:
    return "".join(
        f", {_RELATED[attribution.relatedness]} {attribution.agent.value} ({attribution.assessor.value})"
        for attribution in attributions
    )


def _by_field(fact: Any) -> str:  # noqa: ANN401 - as above
    name = _WORD.sub(" ", type(fact).__name__).lower()
    return ", ".join((name, *_fields(fact)))


def _fields(fact: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    for field in attrs.fields(type(fact)):
        value = getattr(fact, field.name)
        label = field.name.replace("_", " ")
        match value:
            case None | () | False:
                continue
            case tuple():
                yield f"{len(value)} {label}"
            case Enum():
                yield f"{label} {value.value}"
            case FreeText():
                yield f"{label}: {value.plain}"
            case Dose():
                yield str(value)
            case Standing():
                yield f"{value.evaluation.value}, {value.reason.value}"
            case _ if attrs.has(type(value)):
                continue
            case _:
                yield f"{label} {value}"
