"""What each outcome means, in a sentence, with the numbers of a protocol."""

import attrs

from trialdomain.protocol.endpoint_rules import (
    Anchor,
    DeathAs,
    EndpointRules,
    EventSource,
    FebrileNeutropenia,
    IntentCounted,
    Recovery,
    RecoveryAnchor,
)
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.plural import how_many


def window(rules: EndpointRules) -> str:
    """Say from when to when."""
    start = "the start of chemotherapy" if rules.anchor is Anchor.CHEMOTHERAPY else "the infusion"
    return f"from {start} to {how_many(rules.window_days, 'elapsed day')} after it"


def fever(rule: FebrileNeutropenia) -> str:
    """Say what a day of febrile neutropenia is."""
    more, least = ("at least", "at least") if rule.inclusive else ("above", "more than")
    return (
        f"a neutrophil count below {rule.anc_below} 10*9/L with one temperature {more} {rule.temperature_above} Cel, "
        f"or with at least 2 timed readings of at least {rule.sustained_from} Cel over {least} "
        f"{how_many(rule.sustained_over_minutes, 'minute')}, at most {rule.sustained_gap_hours} h apart and "
        "none lower between; "
        f"the count is the nearest within {rule.pairing_hours} h, else the latest within {rule.pairing_before_hours} h "
        "before"
    )


def febrile_neutropenia(protocol: TrialProtocol) -> str:
    """S1."""
    rule = protocol.endpoints.febrile_neutropenia
    derived = "a day of febrile neutropenia"
    event = f'a reported adverse event "Febrile neutropenia" of grade {rule.reported_min_grade} or more'
    what = {EventSource.EITHER: f"{event}, or {derived}", EventSource.DERIVED: derived, EventSource.REPORTED: event}
    onset = f"At least one onset {window(protocol.endpoints)} of {what[rule.source]}."
    return onset if rule.source is EventSource.REPORTED else f"{onset} Such a day has {fever(rule)}."


def fever_days(protocol: TrialProtocol) -> str:
    """S2."""
    rule = protocol.endpoints.febrile_neutropenia
    return (
        f"The days of all episodes with an onset {window(protocol.endpoints)}, and the longest: from the onset to the "
        f"last such day before {rule.afebrile_hours} h with every temperature below {rule.sustained_from} Cel, or to "
        f"the day before the first neutrophil count of at least {rule.anc_below} 10*9/L."
    )


@attrs.frozen
class GroupIncidence:
    """S4 and S5."""

    what: str
    field: str

    def __call__(self, protocol: TrialProtocol) -> str:
        """Say it, with the numbers of a protocol."""
        grade = getattr(protocol.endpoints, self.field)
        return (
            f"At least one adverse event {self.what}, of grade {grade} or more, with an onset "
            f"{window(protocol.endpoints)}."
        )


@attrs.frozen
class GroupDays:
    """S3 and S13."""

    what: str
    field: str

    def __call__(self, protocol: TrialProtocol) -> str:
        """Say it, with the numbers of a protocol."""
        grade = getattr(protocol.endpoints, self.field)
        return (
            f"The days on which any adverse event {self.what}, of grade {grade} or more and with an onset "
            f"{window(protocol.endpoints)}, was under way."
        )


def transfusion(protocol: TrialProtocol) -> str:
    """S6."""
    return (
        f"At least one transfusion of red cells or platelets {window(protocol.endpoints)}; also by product, and units."
    )


def anti_infective(protocol: TrialProtocol) -> str:
    """S12."""
    rules = protocol.endpoints
    intent = "" if rules.anti_infective_intent is IntentCounted.ANY else ", given as treatment"
    return (
        f"At least one systemic agent of ATC {', '.join(rules.anti_infective_classes)}{intent}, on any day "
        f"{window(rules)}; treatment alone beside it."
    )


@attrs.frozen
class Severe:
    """S8 and S10."""

    what: str
    field: str
    unit: str

    def __call__(self, protocol: TrialProtocol) -> str:
        """Say it, with the numbers of a protocol."""
        rule: Recovery = getattr(protocol.endpoints, self.field)
        in_mmol = molar(protocol.endpoints, self.field)
        return f"At least one {self.what} below {rule.threshold} {self.unit}{in_mmol} {window(protocol.endpoints)}."


def molar(rules: EndpointRules, field: str) -> str:
    """Say the threshold of hemoglobin in mmol/L."""
    return f" ({rules.hemoglobin_mmol} mmol/L)" if field == "hemoglobin" and rules.hemoglobin_mmol is not None else ""


_AFTER = {
    RecoveryAnchor.FIRST_BELOW: "the first one below",
    RecoveryAnchor.NADIR: "the lowest one",
    RecoveryAnchor.LAST_BELOW: "the last one below",
}


@attrs.frozen
class Recovers:
    """S7, S9 and S11."""

    what: str
    field: str
    unit: str
    product: str | None = None

    def __call__(self, protocol: TrialProtocol) -> str:
        """Say it, with the numbers of a protocol."""
        rules = protocol.endpoints
        rule: Recovery = getattr(rules, self.field)
        free = (
            f", each at least {how_many(rule.transfusion_free_days, 'day')} after the last transfusion of "
            f"{self.product} and with none from the first to the last of them"
            if rule.transfusion_free_days
            else ""
        )
        in_mmol = molar(rules, self.field)
        after = (
            f"{_AFTER[rule.anchor]} {rule.threshold}" if rule.anchor is not RecoveryAnchor.NADIR else "the lowest one"
        )
        death = "a competing event" if rules.death is DeathAs.COMPETING else "a censoring"
        return (
            f"Days to the first of {how_many(rule.consecutive, 'consecutive value')} of {self.what} of at least "
            f"{rule.target} {self.unit}{in_mmol}{free}, after {after}, {window(rules)}. Consecutive values are at most "
            f"{how_many(rules.max_gap_days, 'day')} apart. Death is {death}."
        )


def adverse_events(protocol: TrialProtocol) -> str:
    """P1."""
    days = " and ".join(map(str, protocol.endpoints.safety_days))
    return (
        "At least one adverse event, and at least one serious one, that began or became worse from the infusion to "
        f"{days} elapsed days after it, of those infused."
    )


def dlt(protocol: TrialProtocol) -> str:
    """P2."""
    rule = protocol.dlt
    if rule is None:
        return "The protocol has no rule for it."
    related = ", ".join(one.value for one in rule.related)
    grade = "any grade" if rule.min_grade == 1 else f"grade {rule.min_grade} or more"
    return (
        f"At least one adverse event of {grade} that is {related} related to the infusion, with an onset from the "
        f"infusion to {how_many(rule.window_days, 'elapsed day')} after it; of those evaluable."
    )


def mtd(protocol: TrialProtocol) -> str:
    """P3."""
    if protocol.design is None:
        return "The protocol has no escalation design."
    return f"{protocol.design.mtd_means}."
