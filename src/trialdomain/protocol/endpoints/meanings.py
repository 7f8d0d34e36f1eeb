"""Define the endpoints of each family in a sentence, with the numbers of a protocol."""

from trialdomain.protocol.dlt_rule import DltRule
from trialdomain.protocol.endpoints.families import (
    CountRecovery,
    EventDuration,
    EventGroup,
    EventIncidence,
    LowCount,
    TransfusionRate,
)
from trialdomain.protocol.endpoints.parts import (
    Anchor,
    DeathAs,
    EventSource,
    FebrileNeutropenia,
    IntentCounted,
    RecoveryAnchor,
)
from trialdomain.protocol.endpoints.rules import RAISED_BY, EndpointRules
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.analyte import Count
from trialdomain.values.given.plural import how_many
from trialdomain.values.given.text import either


def window(rules: EndpointRules) -> str:
    """Describe the observation window."""
    start = "the start of chemotherapy" if rules.anchor is Anchor.CHEMOTHERAPY else "the infusion"
    return f"from {start} to {how_many(rules.window_days, 'elapsed day')} after it"


def fever(rule: FebrileNeutropenia) -> str:
    """Describe a day of febrile neutropenia."""
    more, least = ("at least", "at least") if rule.inclusive else ("above", "more than")
    return (
        f"a neutrophil count below {rule.anc_below} 10*9/L with one temperature {more} {rule.temperature_above} Cel, "
        f"or with at least 2 timed readings of at least {rule.sustained_from} Cel over {least} "
        f"{how_many(rule.sustained_over_minutes, 'minute')}, at most {rule.sustained_gap_hours} h apart and "
        "none lower between; "
        f"the count is the nearest within {rule.pairing_hours} h, else the latest within {rule.pairing_before_hours} h "
        "before"
    )


def febrile_neutropenia(rules: EndpointRules) -> str:
    """Define the incidence of febrile neutropenia."""
    rule = rules.febrile_neutropenia
    derived = "a day of febrile neutropenia"
    event = f'a reported adverse event "Febrile neutropenia" of grade {rule.reported_min_grade} or more'
    what = {EventSource.EITHER: f"{event}, or {derived}", EventSource.DERIVED: derived, EventSource.REPORTED: event}
    onset = f"At least one onset {window(rules)} of {what[rule.source]}."
    return onset if rule.source is EventSource.REPORTED else f"{onset} Such a day has {fever(rule)}."


def fever_days(rules: EndpointRules) -> str:
    """Define the duration of febrile neutropenia."""
    rule = rules.febrile_neutropenia
    if rule.source is EventSource.REPORTED:
        return (
            f'The days on which any reported adverse event "Febrile neutropenia" of grade {rule.reported_min_grade} or '
            f"more, with an onset {window(rules)}, was under way; and the longest episode."
        )
    return (
        f"The days of all episodes with an onset {window(rules)}, and the longest: from the onset to the "
        f"last such day before {rule.afebrile_hours} h with every temperature below {rule.sustained_from} Cel, or to "
        f"the day before the first neutrophil count of at least {rule.anc_below} 10*9/L."
    )


_GROUPS = {
    EventGroup.INFECTION: 'of the CTCAE class "Infections and infestations"',
    EventGroup.BLEEDING: "that names a bleeding (46 CTCAE terms)",
}


def _events(one: EventIncidence | EventDuration) -> str:
    if one.group is not None:
        return _GROUPS[one.group]
    terms = " or ".join(f'"{term}"' for term in one.terms)
    return f"reported as {terms}"


def event_incidence(one: EventIncidence, rules: EndpointRules) -> str:
    """Define the incidence of events."""
    return (
        f"At least one adverse event {_events(one)}, of grade {rules.min_grade(one)} or more, with an onset "
        f"{window(rules)}."
    )


def event_duration(one: EventDuration, rules: EndpointRules) -> str:
    """Define the duration of events."""
    return (
        f"The days on which any adverse event {_events(one)}, of grade {rules.min_grade(one)} or more and with an "
        f"onset {window(rules)}, was under way."
    )


def transfusion(one: TransfusionRate, rules: EndpointRules) -> str:
    """Define the rate of transfusions."""
    products = " or ".join(product.value.replace("-", " ") for product in one.products)
    beside = "; also by product, and units" if len(one.products) > 1 else "; also units"
    return f"At least one transfusion of {products} {window(rules)}{beside}."


def anti_infective(rules: EndpointRules) -> str:
    """Define the rate of anti-infective agents."""
    intent = "" if rules.anti_infective_intent is IntentCounted.ANY else ", given as treatment"
    return (
        f"At least one systemic agent of ATC {', '.join(rules.anti_infective_classes)}{intent}, on any day "
        f"{window(rules)}; treatment alone beside it."
    )


_UNITS = {Count.HEMOGLOBIN: "g/L"}
_ONE = {Count.PLATELETS: "platelet count", Count.HEMOGLOBIN: "hemoglobin", Count.NEUTROPHILS: "neutrophil count"}


def low_count(one: LowCount, rules: EndpointRules) -> str:
    """Define the incidence of a severe count."""
    below = rules.recovery(one.count).threshold
    return f"At least one {_ONE[one.count]} below {below} {_unit(one.count)}{_molar(one.count, rules)} {window(rules)}."


def _unit(count: Count) -> str:
    return _UNITS.get(count, "10*9/L")


def _molar(count: Count, rules: EndpointRules) -> str:
    """Add the threshold of hemoglobin in mmol/L."""
    mmol = rules.hemoglobin_mmol
    return f" ({mmol} mmol/L)" if count is Count.HEMOGLOBIN and mmol is not None else ""


_AFTER = {
    RecoveryAnchor.FIRST_BELOW: "the first one below",
    RecoveryAnchor.NADIR: "the lowest one",
    RecoveryAnchor.LAST_BELOW: "the last one below",
}


def count_recovery(one: CountRecovery, rules: EndpointRules) -> str:
    """Define the time to the recovery of a count."""
    rule = rules.recovery(one.count)
    product = RAISED_BY.get(one.count)
    free = (
        f", each at least {how_many(rule.transfusion_free_days, 'day')} after the last transfusion of "
        f"{product.value.replace('-', ' ')} and with none from the first to the last of them"
        if rule.transfusion_free_days and product
        else ""
    )
    at_target = "" if rule.recovered_from is not None else _molar(one.count, rules)
    at_threshold = "" if rule.recovered_from is None else _molar(one.count, rules)
    below = f" {rule.threshold}{at_threshold}" if rule.anchor is not RecoveryAnchor.NADIR else ""
    after = f"{_AFTER[rule.anchor]}{below}"
    death = "a competing event" if rules.death is DeathAs.COMPETING else "a censoring"
    return (
        f"Days to the first of {how_many(rule.consecutive, 'consecutive value')} of {one.count.value} of at least "
        f"{rule.target} {_unit(one.count)}{at_target}{free}, after {after}, {window(rules)}. "
        f"Consecutive values are at most {how_many(rules.max_gap_days, 'day')} apart. Death is {death}."
    )


def adverse_events(rules: EndpointRules) -> str:
    """Define the incidence of adverse events."""
    days = " and ".join(map(str, rules.safety_days))
    return (
        "At least one adverse event, and at least one serious one, that began or became worse from the infusion to "
        f"{days} elapsed days after it, of those infused."
    )


def dlt(protocol: TrialProtocol) -> str:
    """Define the incidence of dose-limiting toxicity."""
    rule = protocol.dlt
    if rule is None:
        return "The protocol has no rule for it."
    related = either(one.value for one in rule.related)
    if rule.criteria:
        return (
            f"At least one adverse event that is {related} related to the infusion and counts by the first row that "
            f"fits its term and grade, or blood counts that count by a row, with an onset from the infusion to "
            f"{how_many(rule.window_days, 'elapsed day')} after it; of those evaluable. The rows: {_rows(rule)}."
        )
    grade = "any grade" if rule.min_grade == 1 else f"grade {rule.min_grade} or more"
    return (
        f"At least one adverse event of {grade} that is {related} related to the infusion, with an onset from the "
        f"infusion to {how_many(rule.window_days, 'elapsed day')} after it; of those evaluable."
    )


def _rows(rule: DltRule) -> str:
    """Describe the rows of a DLT rule, in the order in which they decide."""
    never = [f"{one.term} up to grade {one.up_to_grade} never counts" for one in rule.expected_with_chemotherapy]
    numbered = [f"({number}) {row.words}" for number, row in enumerate(rule.rows, start=1)]
    return "; ".join((*never, *numbered, "an event that no row fits is no DLT"))


def mtd(protocol: TrialProtocol) -> str:
    """Define the maximum tolerated dose."""
    if protocol.design is None:
        return "The protocol has no escalation design."
    return f"{protocol.design.mtd_means}."
