"""The numbers of the endpoint definitions; the registry gives windows and units, and hardly a definition.

Each default names its source: CTCAE v5.0; the CIBMTR forms manual; Ciftciler 2020; IDSA 2002; or **choice**, a decision
of this library with no published default.
"""

from decimal import Decimal
from enum import Enum

import attrs

from trialdomain.protocol.faults import at_least, refuse, unless


class Anchor(Enum):
    """From when efficacy is counted."""

    CHEMOTHERAPY = "chemotherapy"
    INFUSION = "infusion"


class DeathAs(Enum):
    """What a death does to a time to recovery."""

    COMPETING = "competing"
    CENSOR = "censor"


class RecoveryAnchor(Enum):
    """After which value below the threshold recovery is looked for."""

    FIRST_BELOW = "first-below"
    NADIR = "nadir"
    LAST_BELOW = "last-below"


class EventSource(Enum):
    """Where febrile neutropenia is taken from."""

    EITHER = "either"
    DERIVED = "derived"
    REPORTED = "reported"


class IntentCounted(Enum):
    """Which anti-infective agents count."""

    ANY = "any"
    TREATMENT = "treatment"


def _below_zero(name: str, value: Decimal) -> str | None:
    return unless(value.is_finite() and value >= 0, f"{name} must be a number of at least 0, got {value}")


@attrs.frozen(kw_only=True)
class FebrileNeutropenia:
    """When a day is one of febrile neutropenia (CTCAE v5.0; pairing: **choice**)."""

    anc_below: Decimal = Decimal("1.0")
    """In 10*9/L."""
    temperature_above: Decimal = Decimal("38.3")
    """A single reading, in degrees Celsius."""
    sustained_from: Decimal = Decimal("38.0")
    sustained_over_minutes: int = 60
    sustained_gap_hours: int = 12
    pairing_hours: int = 24
    """The neutrophil count nearest to a temperature, on either side."""
    pairing_before_hours: int = 48
    """Else the latest before it."""
    afebrile_hours: int = 48
    """How long every temperature must be lower before an episode is over (**choice**)."""
    axillary_offset: Decimal = Decimal(0)
    source: EventSource = EventSource.EITHER

    def __attrs_post_init__(self) -> None:
        """Refuse what is no number of hours, cells or degrees."""
        hours = (
            "sustained_over_minutes",
            "sustained_gap_hours",
            "pairing_hours",
            "pairing_before_hours",
            "afebrile_hours",
        )
        numbers = ("anc_below", "temperature_above", "sustained_from")
        refuse(
            [
                *(at_least(name, getattr(self, name), 0) for name in (*hours, "afebrile_hours")),
                *(_below_zero(name, getattr(self, name)) for name in numbers),
            ]
        )


@attrs.frozen(kw_only=True)
class Recovery:
    """When a count has recovered: so many consecutive values at or above the threshold."""

    threshold: Decimal
    consecutive: int = 3
    anchor: RecoveryAnchor = RecoveryAnchor.FIRST_BELOW
    transfusion_free_days: int = 0
    """Elapsed days that each value must lie after the last transfusion of its product."""

    def __attrs_post_init__(self) -> None:
        """Refuse what is no count of values or days."""
        refuse(
            (
                _below_zero("threshold", self.threshold),
                at_least("consecutive", self.consecutive, 1),
                at_least("transfusion_free_days", self.transfusion_free_days, 0),
            )
        )


@attrs.frozen(kw_only=True)
class EndpointRules:
    """Every number of the 13 secondary outcomes, and the windows of the first primary one."""

    anchor: Anchor = Anchor.CHEMOTHERAPY
    window_days: int = 42
    """Elapsed days from the start of chemotherapy (registry)."""
    safety_days: tuple[int, ...] = (28, 365)
    """Elapsed days from the infusion (registry: 28 days and 1 year; 365 days is a **choice**)."""
    max_gap_days: int = 7
    """Between values that count as consecutive (**choice**)."""
    baseline_days: int = 7
    """How long before the start a value may be the baseline (**choice**)."""
    include_prevalent: bool = False
    death: DeathAs = DeathAs.COMPETING
    confirm_after_window: bool = True
    febrile_neutropenia: FebrileNeutropenia = FebrileNeutropenia()
    infection_min_grade: int = 1
    bleeding_min_grade: int = 1
    neutrophils: Recovery = Recovery(threshold=Decimal("0.5"))
    """In 10*9/L (CIBMTR; Ciftciler 2020)."""
    platelets: Recovery = Recovery(threshold=Decimal(50), transfusion_free_days=7)
    """In 10*9/L (CTCAE v5.0 grade 3; CIBMTR)."""
    hemoglobin: Recovery = Recovery(threshold=Decimal(80), transfusion_free_days=7)
    """In g/L (CTCAE v5.0 grade 3; the rest by analogy: **choice**)."""
    hemoglobin_mmol: Decimal = Decimal("4.9")
    """The same threshold in mmol/L, as CTCAE v5.0 gives it: it is not the converted one."""
    anti_infective_classes: tuple[str, ...] = ("J01", "J02", "J04", "J05", "P01")
    """ATC groups (**choice**)."""
    anti_infective_intent: IntentCounted = IntentCounted.ANY

    def __attrs_post_init__(self) -> None:
        """Refuse windows and grades that are none."""
        days = [at_least("safety_days", number, 1) for number in self.safety_days]
        grades = ("infection_min_grade", "bleeding_min_grade")
        refuse(
            [
                at_least("window_days", self.window_days, 1),
                *days,
                at_least("max_gap_days", self.max_gap_days, 1),
                at_least("baseline_days", self.baseline_days, 0),
                *(unless(getattr(self, name) in range(1, 6), f"{name} must be a grade from 1 to 5") for name in grades),
                _below_zero("hemoglobin_mmol", self.hemoglobin_mmol),
            ]
        )
