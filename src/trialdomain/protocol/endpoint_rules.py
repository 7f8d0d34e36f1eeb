"""The numbers of the endpoint definitions; the registry gives windows and units, and hardly a definition.

Each default names its source: CTCAE v5.0; the CIBMTR forms manual; Ciftciler 2020; IDSA 2002; or **choice**, a decision
of this library with no published default.
"""

from decimal import Decimal

import attrs

from trialdomain.protocol.faults import at_least, refuse, unless
from trialdomain.values.in_short import in_short
from trialdomain.values.number import is_bounded
from trialdomain.values.toxicity import GRADES
from trialdomain.values.word import Word


class Anchor(Word):
    """From when efficacy is counted."""

    CHEMOTHERAPY = "chemotherapy"
    INFUSION = "infusion"


class DeathAs(Word):
    """What a death does to a time to recovery."""

    COMPETING = "competing"
    CENSOR = "censor"


class RecoveryAnchor(Word):
    """After which value below the threshold recovery is looked for."""

    FIRST_BELOW = "first-below"
    NADIR = "nadir"
    LAST_BELOW = "last-below"


class EventSource(Word):
    """Where febrile neutropenia is taken from."""

    EITHER = "either"
    DERIVED = "derived"
    REPORTED = "reported"


class IntentCounted(Word):
    """Which anti-infective agents count."""

    ANY = "any"
    TREATMENT = "treatment"


def _below_zero(name: str, value: object) -> str | None:
    if not isinstance(value, Decimal):
        return f"{name} must be a decimal number, got {value!r}"
    return unless(
        is_bounded(value) and value >= 0, f"{name} must be a number of at least 0 with at most 15 digits, got {value}"
    )


def _grade(name: str, grade: int) -> str | None:
    return unless(grade in GRADES, f"{name} must be a grade from 1 to 5")


@attrs.frozen(kw_only=True)
class FebrileNeutropenia:
    """When a day is one of febrile neutropenia (CTCAE v5.0; pairing: **choice**; IDSA 2002 is a preset)."""

    anc_below: Decimal = Decimal("1.0")
    """In 10*9/L."""
    temperature_above: Decimal = Decimal("38.3")
    """A single reading, in degrees Celsius."""
    sustained_from: Decimal = Decimal("38.0")
    """At least two timed readings as high as this, with none below between them."""
    sustained_over_minutes: int = 60
    """Between the first and the last of them."""
    inclusive: bool = False
    """Whether the temperature of a single reading, and the minutes, are themselves enough (IDSA 2002: they are)."""
    sustained_gap_hours: int = 12
    """The longest time between two of them."""
    pairing_hours: int = 24
    """The neutrophil count nearest to a temperature, on either side."""
    pairing_before_hours: int = 48
    """Else the latest before it."""
    afebrile_hours: int = 48
    """How long every temperature must be lower before an episode is over (**choice**)."""
    axillary_offset: Decimal = Decimal(0)
    """Added to what was measured under the arm, in degrees Celsius."""
    source: EventSource = EventSource.EITHER
    reported_min_grade: int = 3
    """Of a reported adverse event "Febrile neutropenia" (CTCAE v5.0: it begins at 3)."""

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
                *(at_least(name, getattr(self, name), 0) for name in hours),
                *(_below_zero(name, getattr(self, name)) for name in numbers),
                unless(
                    is_bounded(self.axillary_offset),
                    "axillary_offset must be a number of degrees with at most 15 digits",
                ),
                _grade("reported_min_grade", self.reported_min_grade),
            ]
        )


@attrs.frozen(kw_only=True)
class Recovery:
    """When a count is severe, and when it has recovered: so many consecutive values at or above a threshold."""

    threshold: Decimal
    """Below it a count is severe."""
    recovered_from: Decimal | None = None
    """At or above it a value counts towards recovery; None: the threshold itself."""
    consecutive: int = 3
    """Values on different days that were measured one after another."""
    anchor: RecoveryAnchor = RecoveryAnchor.FIRST_BELOW
    transfusion_free_days: int = 0
    """Elapsed days that each value must lie after the last transfusion of its product."""

    def __attrs_post_init__(self) -> None:
        """Refuse what is no count of values or days."""
        target = self.recovered_from
        refuse(
            (
                _below_zero("threshold", self.threshold),
                unless(
                    target is None or (is_bounded(target) and target >= self.threshold),
                    f"recovered_from must be a number of at least the threshold {self.threshold} "
                    f"with at most 15 digits, got {target}",
                ),
                at_least("consecutive", self.consecutive, 1),
                at_least("transfusion_free_days", self.transfusion_free_days, 0),
            )
        )

    @property
    def target(self) -> Decimal:
        """At or above it a value counts towards recovery."""
        return self.threshold if self.recovered_from is None else self.recovered_from


@attrs.frozen(kw_only=True)
class EndpointRules:
    """Every number of the 13 secondary outcomes, and the windows of the first primary one."""

    __repr__ = in_short

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
    hemoglobin_mmol: Decimal | None = Decimal("4.9")
    """The same threshold in mmol/L, as CTCAE v5.0 gives it, and not converted; None: such results are not used."""
    anti_infective_classes: tuple[str, ...] = ("J01", "J02", "J04", "J05", "P01")
    """ATC groups (**choice**)."""
    local_routes: tuple[str, ...] = (
        *("topical", "cutaneous", "ophthalmic", "otic", "auricular (otic)", "nasal", "inhalation"),
        *("respiratory (inhalation)", "vaginal", "dental", "oropharyngeal", "mouthwash"),
    )
    """By every other route an agent is systemic (**choice**)."""
    anti_infective_intent: IntentCounted = IntentCounted.ANY

    def __attrs_post_init__(self) -> None:
        """Refuse windows and grades that are none."""
        days = [at_least("safety_days", number, 1) for number in self.safety_days]
        rising = bool(self.safety_days) and list(self.safety_days) == sorted(set(self.safety_days))
        days.append(unless(rising, "safety_days must name some days, each larger than the one before"))
        grades = ("infection_min_grade", "bleeding_min_grade")
        refuse(
            [
                at_least("window_days", self.window_days, 1),
                *days,
                at_least("max_gap_days", self.max_gap_days, 1),
                at_least("baseline_days", self.baseline_days, 0),
                *(_grade(name, getattr(self, name)) for name in grades),
                _mmol_fault(self.hemoglobin, self.hemoglobin_mmol),
            ]
        )


_GRAMS_PER_MMOL = Decimal("16.114")
"""Of hemoglobin's monomer."""
_MMOL_TOLERANCE = Decimal("0.03")
"""CTCAE's own pair, 80 g/L and 4.9 mmol/L, is 1.3 % apart."""


def _mmol_fault(hemoglobin: Recovery, mmol: Decimal | None) -> str | None:
    """Name a threshold in mmol/L that means another one than that in g/L: results would be judged by two measures."""
    if mmol is None:
        return None
    fault = _below_zero("hemoglobin_mmol", mmol)
    if fault is not None:
        return fault
    if not is_bounded(hemoglobin.threshold):
        return None
    grams = mmol * _GRAMS_PER_MMOL
    return unless(
        abs(grams - hemoglobin.threshold) <= _MMOL_TOLERANCE * hemoglobin.threshold,
        f"hemoglobin_mmol {mmol} is not the threshold of {hemoglobin.threshold} g/L: give the one in mmol/L, or none",
    )
