"""A dose: an amount of the study drug with its unit, and what it is divided by, if by anything."""

from decimal import Decimal
from fractions import Fraction

import attrs
from typing_extensions import override

from trialdomain.values.clinical.dose_unit import DosePer, DoseUnit, dose_unit
from trialdomain.values.given.chosen import word_of
from trialdomain.values.given.text import plain_text, short
from trialdomain.values.number import as_decimal, decimal_number


def _as_per(value: DosePer | str | None) -> DosePer | None:
    return None if value is None else word_of("per", DosePer, value)


@attrs.frozen(kw_only=True)
class Dose:
    """An amount of the study drug with its unit: in all, or per kg of body weight or m2 of body surface.

    The unit is kept in its normal form, without the division: ``10^8 {cells}/kg`` is ``10*8{cells}`` per kg.

    Raises:
        ValueError: the amount is no number of at least 0, the unit is no unit of a dose, or ``per`` differs from the
            division in the unit.

    >>> Dose(amount=1, unit="10^8 {cells}/kg") == Dose(amount=1, unit="10*8{cells}", per="kg")
    True
    """

    amount: Decimal = attrs.field(converter=as_decimal, validator=decimal_number(least=0))
    unit: str = attrs.field(validator=plain_text)
    """UCUM, such as ``mg``, ``MBq``, ``[iU]`` or ``10*8{cells}``; what is counted stands in braces."""
    per: DosePer | None = attrs.field(default=None, converter=_as_per)
    """What the amount is divided by; None for an amount in all."""

    def __attrs_post_init__(self) -> None:
        """Bring the unit into its normal form; refuse one that is none, or that contradicts ``per``."""
        read = dose_unit(self.unit)
        if read.per is not None and self.per not in {None, read.per}:
            raise ValueError(
                f"unit {short(self.unit)!r} is per {read.per}, but per is {self.per}: leave out one of them"
            )
        object.__setattr__(self, "unit", read.code)
        object.__setattr__(self, "per", self.per or read.per)

    @property
    def measure(self) -> DoseUnit:
        """The unit as it was read: its kind, and its factor."""
        return dose_unit(self.unit)

    def is_like(self, other: "Dose") -> bool:
        """Return whether the units are of one kind, whatever the amounts are divided by."""
        return self.measure.kind == other.measure.kind

    def amount_in(self, other: "Dose") -> Fraction | None:
        """Convert the amount to the unit of another dose, exactly; None if the units are of different kinds.

        >>> Dose(amount=1, unit="10*8{cells}").amount_in(Dose(amount=5, unit="10*6{cells}"))
        Fraction(100, 1)
        """
        have, want = self.measure, other.measure
        return Fraction(self.amount) * have.factor / want.factor if have.kind == want.kind else None

    @override
    def __str__(self) -> str:
        """Format the dose: ``10 mg``, ``1 10*8{cells}/kg``."""
        return f"{self.amount} {self.unit}" if self.per is None else f"{self.amount} {self.unit}/{self.per}"
