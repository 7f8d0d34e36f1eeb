"""Earlier shapes of facts, and how each becomes the next one. Nothing stored is ever rewritten: reading converts.

An upcast takes the fact as plain JSON values and gives it in the shape of the next version. The stored bytes stay as
they are, and so do their hashes. Version 0 stands for the shapes of the prototype, before the first release.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

Shape: TypeAlias = dict[str, Any]


def _infused_v0(fact: Shape) -> Shape:
    """The amount and its unit stood apart; now they are one dose."""
    amount, unit = fact.get("amount"), fact.get("unit")
    dose = None if amount is None else {"amount": amount, "unit": unit}
    return _without(fact, "amount", "unit") | {"dose": dose}


def _adverse_event_reported_v0(fact: Shape) -> Shape:
    """Relatedness was one word, the investigator's about the infusion; now it is judged agent by agent."""
    judged = {"agent": "infusion", "assessor": "investigator", "relatedness": fact["related"]}
    return _without(fact, "related") | {"attributions": [judged]}


def _without(fact: Shape, *fields: str) -> Shape:
    return {name: value for name, value in fact.items() if name not in fields}


UPCASTS: dict[str, tuple[str, Callable[[Shape], Shape]]] = {
    "participant.infused.v0": ("participant.infused.v1", _infused_v0),
    "participant.adverse-event-reported.v0": ("participant.adverse-event-reported.v1", _adverse_event_reported_v0),
}
"""By stored name: the name of the next shape, and the way there."""
