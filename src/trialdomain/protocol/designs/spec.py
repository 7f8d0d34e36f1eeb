"""The base of the parameters of every escalation design, and the faults that several designs share."""

from decimal import Decimal
from typing import ClassVar

from trialdomain.protocol.faults import at_least, unless
from trialdomain.values.number import is_bounded

MOST_LEVELS = 20
"""The most dose levels of a protocol; no published trial comes near it."""
CLOSING_DLTS = 2
"""The number of DLTs that closes a level, independent of its size (Storer 1989; Skolnik 2008)."""


class DesignSpec:
    """The parameters of an escalation design: the base of one class for each design.

    In a stored protocol and in a protocol file, ``name`` selects the class.
    """

    __slots__ = ()

    known_as: ClassVar[str]
    """The name of the design in the literature, which is the prefix of its reason codes (``3+3/one-dlt``)."""
    revision: ClassVar[int]
    """The revision of the rules; it increases when the answer to the same outcomes changes."""

    @property
    def identity(self) -> str:
        """The design and its revision, as recorded in the basis of a decision (``3+3/1``)."""
        return f"{self.known_as}/{self.revision}"

    @property
    def mtd_means(self) -> str:
        """The design's definition of the MTD, as a sentence without its full stop."""
        raise NotImplementedError

    @property
    def choices(self) -> tuple[str, ...]:
        """Further choices that determine the MTD."""
        return ()

    @property
    def derived(self) -> frozenset[str]:
        """The names of the fields that follow from the other parameters; a protocol file leaves them out."""
        return frozenset()

    @property
    def altered(self) -> str | None:
        """Where a stored table differs from the one that the parameters give; None where it does not."""
        return None

    @property
    def most_at_level(self) -> int | None:
        """The most evaluable participants at a level for which the design has an answer; None for no limit."""
        return None

    @property
    def endless(self) -> str | None:
        """Why a simulated trial might not end, and which parameter would end it; None where it ends."""
        return None

    def unfit(self, levels: int) -> str | None:  # noqa: ARG002 - for subclasses to override
        """Return why the parameters do not fit a protocol with a number of levels; None if they fit."""
        return None


def start_fault(start_level: int, levels: int) -> str | None:
    """Return a fault for a trial that would begin above its highest level."""
    return unless(start_level <= levels, f"design.start_level is {start_level}, and there are {levels} levels")


def optional_number_fault(name: str, value: int | None) -> str | None:
    """Return a fault for a number of participants that is given and is not at least 1."""
    return None if value is None else at_least(name, value, 1)


def rate_fault(name: str, value: object, *, above: Decimal = Decimal(0), below: Decimal = Decimal(1)) -> str | None:
    """Return a fault for a number that is not a decimal between two others; both limits are outside."""
    fits = isinstance(value, Decimal) and is_bounded(value) and above < value < below
    return unless(
        fits, f"{name} must be between {above} and {below} with at most 15 digits, got {str(value)[:_SHOWN_DIGITS]}"
    )


_SHOWN_DIGITS = 20
