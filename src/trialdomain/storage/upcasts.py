"""Upcasts: functions that convert a fact from an earlier shape into the next one, when it is read.

An upcast takes the fact as plain JSON values, and returns it in the shape of the next version. The stored bytes and
their hashes never change. Version 0 is the shape of the prototype, before the first release.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

Shape: TypeAlias = dict[str, Any]


def _infused_v0(fact: Shape) -> Shape:
    """Join the amount and its unit, which were two fields, into one dose."""
    amount, unit = fact.get("amount"), fact.get("unit")
    dose = None if amount is None else {"amount": amount, "unit": unit}
    return _without(fact, "amount", "unit") | {"dose": dose}


def _adverse_event_reported_v0(fact: Shape) -> Shape:
    """Convert relatedness, one word of the investigator about the infusion, into one attribution per agent.

    The version of CTCAE becomes a scale; every version has the grades 1 to 5.
    """
    judged = {"agent": "infusion", "assessor": "investigator", "relatedness": fact["related"]}
    scale = {"name": "CTCAE", "version": fact.get("ctcae_version", "5.0"), "lowest": 1, "highest": 5}
    return _without(fact, "related", "ctcae_version") | {"attributions": [judged], "scale": scale}


def _without(fact: Shape, *fields: str) -> Shape:
    return {name: value for name, value in fact.items() if name not in fields}


UPCASTS: dict[str, tuple[str, Callable[[Shape], Shape]]] = {
    "participant.infused.v0": ("participant.infused.v1", _infused_v0),
    "participant.adverse-event-reported.v0": ("participant.adverse-event-reported.v1", _adverse_event_reported_v0),
}
"""By stored name: the name of the next shape, and the function that converts to it."""
