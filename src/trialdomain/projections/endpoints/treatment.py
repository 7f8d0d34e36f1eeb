"""What was given: blood transfusions and anti-infective agents (S6, S12)."""

from collections.abc import Sequence
from decimal import Decimal

from trialdomain.events.participant import AntiInfectiveGiven, BloodProduct, Intent, Transfused
from trialdomain.events.recorded import Recorded
from trialdomain.projections.endpoints.observed import Found, Observed, imputed
from trialdomain.projections.endpoints.value import Detail, Flag, Status
from trialdomain.protocol.endpoint_rules import IntentCounted
from trialdomain.protocol.outcomes import OutcomeId


def transfusions(of: Observed) -> Found:
    """Give S6: whether red cells or platelets were given, and how much of each."""
    entries = of.case.of(Transfused)
    within = [entry for entry in entries if of.frame.holds(of.frame.onset(entry.fact.on))]
    given = {
        product: [entry for entry in within if entry.fact.product is product]
        for product in (BloodProduct.RED_CELLS, BloodProduct.PLATELETS)
    }
    units = {product: sum((entry.fact.units for entry in found), Decimal(0)) for product, found in given.items()}
    details: dict[str, Detail] = {
        "red_cells": bool(given[BloodProduct.RED_CELLS]),
        "platelets": bool(given[BloodProduct.PLATELETS]),
        "red_cell_units": units[BloodProduct.RED_CELLS],
        "platelet_units": units[BloodProduct.PLATELETS],
    }
    counted = [entry for found in given.values() for entry in found]
    examined = len(entries)
    if not counted:
        absent = of.absence(OutcomeId.S6, Status.OBSERVED, value=False, details=details, examined=examined)
        return absent, entries
    first = min(counted, key=lambda entry: (of.frame.onset(entry.fact.on), entry.position))
    value = of.value(
        OutcomeId.S6,
        Status.OBSERVED,
        value=True,
        on=of.frame.onset(first.fact.on),
        evidence=[first.position],
        flags=[imputed(*(entry.fact.on for entry in counted))],
        examined=examined,
        details=details,
    )
    return value, entries


def anti_infectives(of: Observed) -> Found:
    """Give S12: whether a systemic agent of the classes that count was given on any day of the observation."""
    rules, entries = of.rules, of.case.of(AntiInfectiveGiven)
    systemic = [
        entry
        for entry in entries
        if of.under_way(entry.fact.started_on, entry.fact.ended_on)
        and entry.fact.route.strip().casefold() not in rules.local_routes
    ]
    counted = [entry for entry in systemic if _is_of(entry.fact.atc_code, rules.anti_infective_classes)]
    treatment = [entry for entry in counted if entry.fact.intent is Intent.TREATMENT]
    treated_alone = rules.anti_infective_intent is IntentCounted.TREATMENT
    headline = treatment if treated_alone else counted
    uncoded = [
        entry
        for entry in systemic
        if entry.fact.atc_code is None and (not treated_alone or entry.fact.intent is Intent.TREATMENT)
    ]
    details: dict[str, Detail] = {
        "any": bool(counted),
        "treatment": bool(treatment),
        "agents": tuple(sorted({entry.fact.agent for entry in headline})),
    }
    flags = [Flag.NOT_CLASSIFIED if uncoded else None]
    examined = len(entries)
    if not headline and uncoded:
        value = of.value(
            OutcomeId.S12,
            Status.NOT_OBSERVED,
            because=Flag.NOT_CLASSIFIED.value,
            evidence=[entry.position for entry in uncoded],
            flags=flags,
            examined=examined,
            details=details,
        )
    elif not headline:
        value = of.absence(OutcomeId.S12, Status.OBSERVED, value=False, details=details, examined=examined)
    else:
        first = _first(of, headline)
        value = of.value(
            OutcomeId.S12,
            Status.OBSERVED,
            value=True,
            on=max(of.frame.onset(first.fact.started_on), of.frame.start),
            evidence=[first.position],
            flags=[*flags, imputed(first.fact.started_on, first.fact.ended_on)],
            examined=examined,
            details=details,
        )
    return value, entries


def _first(of: Observed, given: Sequence[Recorded[AntiInfectiveGiven]]) -> Recorded[AntiInfectiveGiven]:
    return min(
        given,
        key=lambda entry: (
            max(of.frame.onset(entry.fact.started_on), of.frame.start),
            imputed(entry.fact.started_on, entry.fact.ended_on) is not None,
            entry.position,
        ),
    )


def _is_of(code: str | None, classes: Sequence[str]) -> bool:
    return code is not None and any(code.strip().upper().startswith(one) for one in classes)
