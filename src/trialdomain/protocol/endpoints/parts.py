"""Parts of endpoint definitions: when a day is one of febrile neutropenia, and when a count has recovered.

Each default names its source: CTCAE v5.0; the CIBMTR forms manual; IDSA 2002; or **choice**, a decision of this library
with no published default.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

import attrs

from trialdomain.protocol.faults import at_least, refuse, unless
from trialdomain.values.clinical.toxicity import GRADES
from trialdomain.values.number import is_bounded
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


def below_zero(name: str, value: object) -> str | None:
    """Name what is no number of at least 0."""
    if not isinstance(value, Decimal):
        return f"{name} must be a decimal number, got {value!r}"
    return unless(
        is_bounded(value) and value >= 0, f"{name} must be a number of at least 0 with at most 15 digits, got {value}"
    )


def grade_fault(name: str, grade: int) -> str | None:
    """Name what is no grade."""
    return unless(grade in GRADES, f"{name} must be a grade from 1 to 5")


_ATC = re.compile(r"[A-Z]([0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?)?")


def atc_faults(name: str, groups: object) -> Iterator[str]:
    """Name what is no ATC group of any level, as WHO writes them."""
    if not isinstance(groups, tuple):
        yield f"{name} must be a tuple of ATC groups"
        return
    for one in groups:
        if not isinstance(one, str) or _ATC.fullmatch(one) is None:
            yield f"{name}: {one!r} is no ATC group, such as J01 or J02AC"


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
                *(below_zero(name, getattr(self, name)) for name in numbers),
                unless(
                    is_bounded(self.axillary_offset),
                    "axillary_offset must be a number of degrees with at most 15 digits",
                ),
                grade_fault("reported_min_grade", self.reported_min_grade),
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
                below_zero("threshold", self.threshold),
                unless(
                    target is None
                    or not is_bounded(self.threshold)
                    or (is_bounded(target) and target >= self.threshold),
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
