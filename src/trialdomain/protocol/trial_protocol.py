"""What a protocol fixes, with the source of each default.

Where the registry entry (NCT06245746) is silent, the default is a choice of this library and says so: **choice**.
"""

from decimal import Decimal
from enum import Enum

import attrs
from attrs.validators import ge, in_, optional

from trialdomain.values.dose import Dose
from trialdomain.values.ids import check_id
from trialdomain.values.number import decimal_number
from trialdomain.values.text import plain_text
from trialdomain.values.toxicity import Relatedness


class Design(Enum):
    """An escalation design, with its version: a decision stays comparable after the design is revised."""

    THREE_PLUS_THREE = "3+3 (6 evaluable for an MTD), version 1"


@attrs.frozen(kw_only=True)
class DoseLevel:
    """One dose level; the registry names levels without amounts, so a dose may be absent."""

    level: int = attrs.field(validator=ge(1))
    dose: Dose | None = None


@attrs.frozen(kw_only=True)
class DltRule:
    """What counts as a dose-limiting toxicity.

    The registry: an adverse event possibly, likely or definitely related to the infusion, within 14 days. It has no
    grade threshold, so the default has none: any related grade counts, grade 1 included.
    """

    min_grade: int = attrs.field(default=1, validator=[ge(1), in_(range(1, 6))])
    window_days: int = attrs.field(default=14, validator=ge(0))
    """Elapsed days from the day of the infusion, which is day 0; both ends belong to the window."""
    related: tuple[Relatedness, ...] = (Relatedness.POSSIBLY, Relatedness.LIKELY, Relatedness.DEFINITELY)
    worsening: bool = True
    """Whether an event that began before the infusion counts from the day on which it worsened (**choice**)."""


@attrs.frozen(kw_only=True)
class EvaluableRule:
    """Who counts for the decision (**choice**: the registry says "evaluable" and leaves it undefined)."""

    min_fraction: Decimal = attrs.field(default=Decimal("1.0"), validator=decimal_number(least=0))
    """The fraction of the infusion that must have been given."""
    requires_assessment: bool = True
    """Whether the window must have been assessed; without it, the calendar alone decides."""


def _levels_in_order(_: object, __: object, levels: tuple[DoseLevel, ...]) -> None:
    if [level.level for level in levels] != list(range(1, len(levels) + 1)) or not levels:
        raise ValueError("dose levels must be numbered from 1 upwards, without a gap")


def _trial_code(_: object, __: object, trial: str) -> None:
    check_id("trial", trial)


@attrs.frozen(kw_only=True)
class TrialProtocol:
    """The protocol in force: it travels inside the log, so that nothing else is needed to replay it."""

    trial: str = attrs.field(validator=_trial_code)
    title: str = attrs.field(validator=plain_text)
    version: str = attrs.field(validator=plain_text)
    levels: tuple[DoseLevel, ...] = attrs.field(validator=_levels_in_order)
    zone: str | None = None
    """The site's IANA time zone; None where it is not known, and dates then count as they stand."""
    design: Design | None = Design.THREE_PLUS_THREE
    target_recruitment: int | None = attrs.field(default=None, validator=optional(ge(1)))
    """In infused participants; it warns, and never refuses."""
    dlt: DltRule | None = DltRule()
    evaluable: EvaluableRule = EvaluableRule()
    dose_tolerance: Decimal = attrs.field(default=Decimal("0.10"), validator=decimal_number(least=0))
    """How far, as a fraction, an amount may be off a level's dose and still belong to it (**choice**)."""
