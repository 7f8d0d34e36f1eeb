"""Published variants of endpoint definitions, by name: each sets a few parameters and keeps the others."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import attrs

from trialdomain.protocol.endpoints.parts import Anchor, DeathAs, EventSource, IntentCounted, RecoveryAnchor
from trialdomain.protocol.endpoints.rules import EndpointRules, with_values
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.values.given.text import short


@attrs.frozen
class Preset:
    """One variant: the parameters that it sets, by name, and its source."""

    sets: Mapping[str, object]
    source: str


_CIBMTR = "CIBMTR forms manual"
_CTCAE = "CTCAE v5.0"
_CHOICE = "a choice of this library"
_REGISTRY = "NCT06245746"


def _anchors(field: str) -> Mapping[str, Preset]:
    sources = {RecoveryAnchor.FIRST_BELOW: _CIBMTR}
    return {one.value: Preset({f"{field}.anchor": one}, sources.get(one, _CHOICE)) for one in RecoveryAnchor}


PRESETS: Mapping[str, Mapping[str, Preset]] = {
    "anchor": {
        "chemotherapy": Preset({"anchor": Anchor.CHEMOTHERAPY}, _REGISTRY),
        "infusion": Preset({"anchor": Anchor.INFUSION}, _CHOICE),
    },
    "anc_recovery": {
        "0.5": Preset({"neutrophils.threshold": Decimal("0.5")}, f"{_CIBMTR}; Ciftciler 2020"),
        "1.0": Preset({"neutrophils.threshold": Decimal("1.0")}, "Heil 1997"),
    },
    "anc_anchor": _anchors("neutrophils"),
    "platelets": {
        "50": Preset({"platelets.threshold": Decimal(50)}, f"{_CTCAE} grade 3"),
        "25": Preset({"platelets.threshold": Decimal(25)}, f"{_CTCAE} grade 4"),
        "20": Preset({"platelets.threshold": Decimal(20)}, _CIBMTR),
    },
    "platelet_anchor": _anchors("platelets"),
    "hemoglobin_anchor": _anchors("hemoglobin"),
    "fn": {
        "ctcae": Preset(
            {
                "febrile_neutropenia.anc_below": Decimal("1.0"),
                "febrile_neutropenia.temperature_above": Decimal("38.3"),
                "febrile_neutropenia.sustained_from": Decimal("38.0"),
                "febrile_neutropenia.sustained_over_minutes": 60,
                "febrile_neutropenia.inclusive": False,
            },
            _CTCAE,
        ),
        "idsa": Preset(
            {
                "febrile_neutropenia.anc_below": Decimal("0.5"),
                "febrile_neutropenia.temperature_above": Decimal("38.3"),
                "febrile_neutropenia.sustained_from": Decimal("38.0"),
                "febrile_neutropenia.sustained_over_minutes": 60,
                "febrile_neutropenia.inclusive": True,
            },
            "IDSA guideline 2002",
        ),
    },
    "fn_source": {one.value: Preset({"febrile_neutropenia.source": one}, _CHOICE) for one in EventSource},
    "bleeding": {
        "any": Preset({"bleeding_min_grade": 1}, _CTCAE),
        "topps": Preset({"bleeding_min_grade": 2}, "TOPPS; PLADO"),
    },
    "death": {
        "competing": Preset({"death": DeathAs.COMPETING}, "Aalen and Johansen 1978"),
        "censor": Preset({"death": DeathAs.CENSOR}, "Kaplan and Meier 1958"),
    },
    "intent": {
        "any": Preset({"anti_infective_intent": IntentCounted.ANY}, _REGISTRY),
        "treatment": Preset({"anti_infective_intent": IntentCounted.TREATMENT}, _CHOICE),
    },
    "prevalent": {
        "exclude": Preset({"include_prevalent": False}, _CHOICE),
        "include": Preset({"include_prevalent": True}, _CHOICE),
    },
}
"""By the name of a decision, and the name of a variant."""


def endpoint_rules(base: EndpointRules | None = None, /, **chosen: object) -> EndpointRules:
    """Select published variants by name.

    Args:
        base: the rules to change; by default, the default rules.
        chosen: by name of a choice, the name of a variant; a numeric name may be passed as a number.

    Raises:
        ProtocolInvalid: there is no such choice or variant; the error lists the existing ones.

    >>> rules = endpoint_rules(anc_recovery="1.0", fn="idsa", platelets=25)
    >>> rules.neutrophils.threshold, rules.febrile_neutropenia.anc_below, rules.platelets.threshold
    (Decimal('1.0'), Decimal('0.5'), Decimal('25'))
    """
    rules = base or EndpointRules()
    faults = []
    for name, given in chosen.items():
        preset = preset_of(name, given)
        if isinstance(preset, str):
            faults.append(preset)
            continue
        rules = with_values(rules, preset.sets)
    if faults:
        raise ProtocolInvalid(faults)
    return rules


def preset_of(name: str, given: object) -> Preset | str:
    """Return a variant, or an error message if there is none."""
    variants = PRESETS.get(name)
    if variants is None:
        return f"there is no preset {name!r}: there are {', '.join(PRESETS)}"
    found = next((preset for variant, preset in variants.items() if _same(variant, str(given).strip())), None)
    return found or f"{name} has no variant {short(given)!r}: there are {', '.join(variants)}"


def _same(variant: str, given: str) -> bool:
    try:
        return variant == given or Decimal(variant) == Decimal(given)
    except InvalidOperation:
        return False
