"""A dose: an amount of the study drug with its unit."""

from decimal import Decimal

import attrs
from typing_extensions import override

from trialdomain.values.given.text import plain_text
from trialdomain.values.number import as_decimal, decimal_number


@attrs.frozen(kw_only=True)
class Dose:
    """An amount of the study drug with its unit, as given."""

    amount: Decimal = attrs.field(converter=as_decimal, validator=decimal_number(least=0))
    unit: str = attrs.field(validator=plain_text)

    @override
    def __str__(self) -> str:
        """Format the dose: ``10 mg``."""
        return f"{self.amount} {self.unit}"
