"""The rules of conduct of a protocol: who is evaluable, days between infusions, the sentinel, suspensions, roles.

If the registry entry (NCT06245746) is silent, the default is a choice of this library, marked as **choice**.
"""

from decimal import Decimal

import attrs

from trialdomain.protocol.faults import at_least, refuse, unless
from trialdomain.protocol.in_part import Check, faults_of, having
from trialdomain.values.given.text import has_visible
from trialdomain.values.number import is_bounded
from trialdomain.values.role import Role
from trialdomain.values.word import Word


@attrs.frozen(kw_only=True)
class EvaluableRule:
    """The participants who count for a decision (**choice**: the registry says "evaluable" without a definition)."""

    min_fraction: Decimal = Decimal("1.0")
    """The fraction of the infusion that must have been given."""
    requires_assessment: bool = True
    """Whether the window must be assessed; if not, the end of the window is enough."""

    def __attrs_post_init__(self) -> None:
        """Refuse an invalid fraction."""
        refuse(faults_of(self.checks()))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the rule."""
        return (lambda: _fraction_fault(self.min_fraction),)


def _fraction_fault(share: Decimal) -> str | None:
    return unless(is_bounded(share) and 0 <= share <= 1, f"evaluable.min_fraction must be from 0 to 1, got {share}")


class SentinelRequirement(Word):
    """A requirement on the sentinel of a level before the next participant is infused there."""

    OBSERVED = "observed"
    """The sentinel was seen on the last day of the observation or later, and did not leave or die before it."""
    NO_DLT = "no-dlt"
    """The sentinel had no DLT."""


@attrs.frozen(kw_only=True)
class Sentinel:
    """The observation of the first participant infused at a level, before any other is infused there.

    If the sentinel has a DLT, or leaves or dies before the observation is over, the next infusion at the level waits
    until people decide to treat at the level.
    """

    observation_days: int
    """Elapsed days from the sentinel's infusion: with 7, another participant is infused on day 7 at the earliest."""
    requires: tuple[SentinelRequirement, ...] = (SentinelRequirement.OBSERVED, SentinelRequirement.NO_DLT)

    def __attrs_post_init__(self) -> None:
        """Refuse an observation of no day, or without a requirement."""
        refuse(faults_of(self.checks()))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the sentinel."""
        return (
            lambda: at_least("stagger.sentinel.observation_days", self.observation_days, 1),
            lambda: unless(
                bool(self.requires),
                "stagger.sentinel.requires names nothing: for days alone, set stagger.first_to_second_days",
            ),
        )


@attrs.frozen(kw_only=True)
class Stagger:
    """The minimum days between infusions at one level (0: the registry is silent), and the sentinel of a level."""

    first_to_second_days: int = 0
    between_days: int = 0
    sentinel: Sentinel | None = None
    """The observation of the first participant of a level; None for none (the registry is silent)."""

    def __attrs_post_init__(self) -> None:
        """Refuse invalid numbers of days."""
        refuse(faults_of(self.checks()))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the days."""
        return (
            lambda: at_least("stagger.first_to_second_days", self.first_to_second_days, 0),
            lambda: at_least("stagger.between_days", self.between_days, 0),
        )


@attrs.frozen(kw_only=True)
class Stopping:
    """The events that suspend the trial until people decide."""

    related_grade_5: bool = True
    """Whether a death related to the infusion, at any time, suspends recruitment and infusions."""


@attrs.frozen(kw_only=True)
class Grant:
    """The use cases that a role may use."""

    role: Role
    use_cases: tuple[str, ...]

    def __attrs_post_init__(self) -> None:
        """Refuse a blank use case."""
        refuse(faults_of(self.checks()))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the grant."""
        whose = f"role {self.role.value}" if having([self], "role") else "a role"
        return (lambda: unless(all(map(has_visible, self.use_cases)), f"{whose} names a blank use case"),)


DEFAULT_EVALUABLE = EvaluableRule()
DEFAULT_STOPPING = Stopping()
NO_STAGGER = Stagger()
