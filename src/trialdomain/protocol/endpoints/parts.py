"""Parts of endpoint definitions: the rules of febrile neutropenia and of the recovery of a blood count.

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
    """The event from which the days of efficacy endpoints are counted."""

    CHEMOTHERAPY = "chemotherapy"
    INFUSION = "infusion"


class DeathAs(Word):
    """The effect of a death on a time to recovery."""

    COMPETING = "competing"
    CENSOR = "censor"


class RecoveryAnchor(Word):
    """The value below the threshold after which the recovery is searched."""

    FIRST_BELOW = "first-below"
    NADIR = "nadir"
    LAST_BELOW = "last-below"


class EventSource(Word):
    """The source of febrile neutropenia."""

    EITHER = "either"
    DERIVED = "derived"
    REPORTED = "reported"


class IntentCounted(Word):
    """The intents of anti-infective agents that count."""

    ANY = "any"
    TREATMENT = "treatment"


def below_zero(name: str, value: object) -> str | None:
    """Return a fault for a value that is not a number of at least 0."""
    if not isinstance(value, Decimal):
        return f"{name} must be a decimal number, got {value!r}"
    return unless(
        is_bounded(value) and value >= 0, f"{name} must be a number of at least 0 with at most 15 digits, got {value}"
    )


def grade_fault(name: str, grade: int) -> str | None:
    """Return a fault for a value that is not a grade."""
    return unless(grade in GRADES, f"{name} must be a grade from 1 to 5")


_ATC = re.compile(r"[A-Z]([0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?)?")


def atc_faults(name: str, groups: object) -> Iterator[str]:
    """Yield a fault for each value that is not an ATC group of any level, in WHO notation."""
    if not isinstance(groups, tuple):
        yield f"{name} must be a tuple of ATC groups"
        return
    for one in groups:
        if not isinstance(one, str) or _ATC.fullmatch(one) is None:
            yield f"{name}: {one!r} is not an ATC group, such as J01 or J02AC"


@attrs.frozen(kw_only=True)
class FebrileNeutropenia:
    """The rule for a day of febrile neutropenia (CTCAE v5.0; pairing: **choice**; IDSA 2002 is a preset)."""

    anc_below: Decimal = Decimal("1.0")
    """In 10*9/L."""
    temperature_above: Decimal = Decimal("38.3")
    """A single reading above it is a fever, in degrees Celsius."""
    sustained_from: Decimal = Decimal("38.0")
    """At least two timed readings of at least this temperature, without a lower one between them, are a fever."""
    sustained_over_minutes: int = 60
    """The minimum time between the first and the last of these readings."""
    inclusive: bool = False
    """Whether exactly this temperature of a single reading, and exactly these minutes, are enough (as in IDSA 2002)."""
    sustained_gap_hours: int = 12
    """The longest time between two of these readings."""
    pairing_hours: int = 24
    """A temperature is paired with the nearest neutrophil count within these hours, before or after it."""
    pairing_before_hours: int = 48
    """Without such a count, it is paired with the latest count within these hours before it."""
    afebrile_hours: int = 48
    """The hours with only lower temperatures after which an episode is over (**choice**)."""
    axillary_offset: Decimal = Decimal(0)
    """The degrees Celsius added to a temperature that was measured under the arm."""
    source: EventSource = EventSource.EITHER
    reported_min_grade: int = 3
    """The minimum grade of a reported adverse event "Febrile neutropenia" (in CTCAE v5.0 it begins at 3)."""

    def __attrs_post_init__(self) -> None:
        """Refuse invalid numbers of hours, cells or degrees."""
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
    """The rule for a severe count and its recovery: a number of consecutive values at or above a threshold."""

    threshold: Decimal
    """A count below it is severe."""
    recovered_from: Decimal | None = None
    """A value at or above it counts towards recovery; None for the threshold itself."""
    consecutive: int = 3
    """The number of consecutive values, measured on different days."""
    anchor: RecoveryAnchor = RecoveryAnchor.FIRST_BELOW
    transfusion_free_days: int = 0
    """The minimum elapsed days from the last transfusion of the count's product to each value."""

    def __attrs_post_init__(self) -> None:
        """Refuse invalid counts of values or days."""
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
        """The value at or above which a count is recovering."""
        return self.threshold if self.recovered_from is None else self.recovered_from
