"""Endpoints from treatments: blood transfusions and anti-infective agents."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from trialdomain.events.participant import AntiInfectiveGiven, Transfused
from trialdomain.events.recorded import Recorded
from trialdomain.projections.endpoints.observed import Found, Observed, imputed
from trialdomain.projections.endpoints.value import Detail, Flag, Status
from trialdomain.protocol.endpoints.parts import IntentCounted
from trialdomain.values.clinical.treatment import BloodProduct, Intent
from trialdomain.values.given.text import folded


def product_name(product: BloodProduct) -> str:
    """Return the name of the detail for whether a product was given."""
    return product.value.replace("-", "_")


def units_name(product: BloodProduct) -> str:
    """Return the name of the detail for the units that were given."""
    return f"{product_name(product).removesuffix('s')}_units"


def transfusions(of: Observed, products: Sequence[BloodProduct]) -> Found:
    """Derive whether any of some blood products was given, and how many units of each."""
    entries = of.case.of(Transfused)
    within = [entry for entry in entries if of.frame.holds(of.frame.onset(entry.fact.on))]
    given = {product: [entry for entry in within if entry.fact.product is product] for product in products}
    details: dict[str, Detail] = {product_name(product): bool(found) for product, found in given.items()}
    details |= {
        units_name(product): sum((entry.fact.units for entry in found), Decimal(0)) for product, found in given.items()
    }
    counted = [entry for found in given.values() for entry in found]
    examined = len(entries)
    if not counted:
        absent = of.absence(Status.OBSERVED, value=False, details=details, examined=examined)
        return absent, entries
    first = min(counted, key=lambda entry: (of.frame.onset(entry.fact.on), entry.position))
    value = of.value(
        Status.OBSERVED,
        value=True,
        on=of.frame.onset(first.fact.on),
        evidence=[first.position],
        flags=[imputed(*(entry.fact.on for entry in counted))],
        examined=examined,
        details=details,
    )
    return value, entries


Given: TypeAlias = Sequence[Recorded[AntiInfectiveGiven]]


@attrs.frozen(kw_only=True)
class _Agents:
    """The systemic agents that a participant received on any day of the observation."""

    counted: Given
    """The agents of the classes that count."""
    treatment: Given
    """Of the counted agents, those given as treatment."""
    headline: Given
    """Of the counted agents, those that the protocol's endpoint uses."""
    uncoded: Given
    """The agents without an ATC code, which might count."""


def _agents(of: Observed, entries: Given) -> _Agents:
    rules = of.rules
    local = {folded(route) for route in rules.local_routes}
    systemic = [
        entry
        for entry in entries
        if of.under_way(entry.fact.started_on, entry.fact.ended_on) and folded(entry.fact.route) not in local
    ]
    counted = [entry for entry in systemic if _is_of(entry.fact.atc_code, rules.anti_infective_classes)]
    uncoded = [entry for entry in systemic if entry.fact.atc_code is None]
    treatment = _as_treatment(counted)
    if rules.anti_infective_intent is IntentCounted.ANY:
        return _Agents(counted=counted, treatment=treatment, headline=counted, uncoded=uncoded)
    return _Agents(counted=counted, treatment=treatment, headline=treatment, uncoded=_as_treatment(uncoded))


def _as_treatment(given: Given) -> Given:
    return [entry for entry in given if entry.fact.intent is Intent.TREATMENT]


def anti_infectives(of: Observed) -> Found:
    """Derive whether a systemic agent of the classes that count was given on any day of the observation."""
    entries = of.case.of(AntiInfectiveGiven)
    agents = _agents(of, entries)
    common: dict[str, Any] = {
        "examined": len(entries),
        "details": {
            "any": bool(agents.counted),
            "treatment": bool(agents.treatment),
            "agents": tuple(sorted({entry.fact.agent for entry in agents.headline})),
        },
    }
    flags = [Flag.NOT_CLASSIFIED if agents.uncoded else None]
    if agents.headline:
        first = _first(of, agents.headline)
        flags.append(imputed(first.fact.started_on, first.fact.ended_on))
        on = max(of.frame.onset(first.fact.started_on), of.frame.start)
        evidence = [first.position]
        value = of.value(Status.OBSERVED, value=True, on=on, evidence=evidence, flags=flags, **common)
    elif agents.uncoded:
        evidence = [entry.position for entry in agents.uncoded]
        because = Flag.NOT_CLASSIFIED.value
        value = of.value(Status.NOT_OBSERVED, because=because, evidence=evidence, flags=flags, **common)
    else:
        value = of.absence(Status.OBSERVED, value=False, **common)
    return value, entries


def _first(of: Observed, given: Given) -> Recorded[AntiInfectiveGiven]:
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
