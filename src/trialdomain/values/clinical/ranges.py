"""The possible and the usual ranges of measured values, in one table.

An impossible value is refused everywhere, in any unit, also as a bound ("< -1"). An improbable value is recorded, and
becomes a finding of the audit. Sources: no concentration, count or pressure is below zero; no fraction of a total is
above 100 %; temperatures from 20 to 50 degrees Celsius, ages to 150 years and ECOG grades 0 to 5 (Oken 1982). The other
limits are a **choice**: the possible ranges include every published case, and the usual ranges include what is seen on
a hematology ward. The limits of the body surface area follow from those of weight and height (Mosteller 1987).
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction

import attrs
from typing_extensions import override

from trialdomain.errors import InputInvalid
from trialdomain.values.clinical.analyte import Count, count_of, finding_name, is_fraction, is_signed
from trialdomain.values.clinical.unit import alike, convert


class ValueImpossible(InputInvalid, ValueError):
    """A value is outside its possible range; the message has the value and the range."""

    code = "value-impossible"


@attrs.frozen
class Range:
    """A range with inclusive limits in a unit; without an upper limit if ``most`` is None."""

    least: Decimal
    most: Decimal | None
    unit: str | None

    @classmethod
    def of(cls, least: str, most: str | None, unit: str | None) -> "Range":
        """Create a range from two numbers as texts."""
        return cls(Decimal(least), None if most is None else Decimal(most), unit)

    def holds(self, value: Decimal, unit: str | None) -> bool:
        """Return whether a value lies inside, after exact unit conversion; no unit means the unit of the range."""
        exact = self._exact(value, unit)
        return exact >= self.least and (self.most is None or exact <= self.most)

    def leaves(self, value: Decimal, unit: str | None, comparator: str | None) -> bool:
        """Return whether a result with a comparator allows any value inside the range: nothing is below ``least``."""
        exact = self._exact(value, unit)
        return not ((comparator == "<" and exact == self.least) or (comparator == ">" and exact == self.most))

    def _exact(self, value: Decimal, unit: str | None) -> Decimal | Fraction:
        return value if unit is None or self.unit in {None, unit} else convert(value, unit, to=self.unit or unit)

    def measures(self, unit: str | None) -> bool:
        """Return whether a value in a unit can be compared with this range."""
        return unit is not None and self.unit is not None and alike(unit, self.unit)

    @override
    def __str__(self) -> str:
        """Format the range for a message."""
        bounds = f"at least {self.least}" if self.most is None else f"from {self.least} to {self.most}"
        return bounds if self.unit is None else f"{bounds} {self.unit}"


@attrs.frozen(kw_only=True)
class Limits:
    """The possible and the usual range of a measurement."""

    possible: Range
    usual: Range


def _limits(unit: str, possible: tuple[str, str], usual: tuple[str, str]) -> Limits:
    return Limits(possible=Range.of(*possible, unit), usual=Range.of(*usual, unit))


VITAL_SIGNS: Mapping[str, Limits] = {
    "temperature": _limits("Cel", ("20", "50"), ("32", "43")),
    "oxygen-saturation": _limits("%", ("0", "100"), ("50", "100")),
    "heart-rate": _limits("/min", ("0", "600"), ("20", "250")),
    "respiratory-rate": _limits("/min", ("0", "200"), ("4", "70")),
    "systolic-pressure": _limits("mm[Hg]", ("0", "500"), ("40", "280")),
    "diastolic-pressure": _limits("mm[Hg]", ("0", "500"), ("10", "180")),
    "body-weight": _limits("kg", ("0.1", "700"), ("25", "300")),
    "body-height": _limits("cm", ("20", "280"), ("100", "230")),
}
"""By the name of the vital sign: its limits, in the unit to which all its units are converted."""

BODY_SURFACE = _limits("m2", ("0.02", "7.5"), ("0.8", "4.5"))
"""The limits of the body surface area: what the limits of weight and height give, as the root of kg times cm / 3600."""

_USUAL: Mapping[Count | str, tuple[Range, ...]] = {
    Count.NEUTROPHILS: (Range.of("0", "100", "10*9/L"),),
    Count.PLATELETS: (Range.of("0", "2000", "10*9/L"),),
    Count.HEMOGLOBIN: (Range.of("20", "230", "g/L"), Range.of("1.2", "14.3", "mmol/L")),
    Count.LEUKOCYTES: (Range.of("0", "800", "10*9/L"),),
    "alt": (Range.of("0", "20000", "U/L"),),
    "ast": (Range.of("0", "20000", "U/L"),),
    "bilirubin": (Range.of("0", "1000", "umol/L"), Range.of("0", "600", "mg/L")),
    "creatinine": (Range.of("5", "3000", "umol/L"), Range.of("0.5", "340", "mg/L")),
}
"""The usual results in blood by test, one range for each kind of unit."""

ANSWERS: Mapping[str, Range] = {
    "age": Range.of("0", "150", None),
    "ecog": Range.of("0", "5", None),
    "spo2": Range.of("0", "100", "%"),
    "lvef": Range.of("0", "100", "%"),
}
"""By the name of a finding in the criteria: the possible values of a recorded answer."""
_WHOLE = frozenset({"age", "ecog"})

_NOT_BELOW_ZERO = Range.of("0", None, None)
_ACIDITY = Range.of("0", "14", "[pH]")
_WHOLES = Range.of("0", "100", "%")
BOUNDED_ABOVE = frozenset({"%", "1", "[pH]"})
"""The units in which a result also has an upper limit."""


def possible_result(analyte: str, unit: str | None) -> Range | None:
    """Return the possible range of a laboratory test; None if no value is known to be impossible."""
    if unit == "[pH]":
        return _ACIDITY
    if is_signed(analyte) or (unit is None and count_of(analyte) is None):
        return None
    if is_fraction(analyte) and _WHOLES.measures(unit):
        return _WHOLES
    return Range(_NOT_BELOW_ZERO.least, None, unit)


def check_result(
    analyte: str,
    unit: str | None,
    value: Decimal,
    *,
    comparator: str | None = None,
    limits: tuple[Decimal | None, ...] = (),
) -> None:
    """Refuse an impossible laboratory result, or an impossible limit of its reference range.

    Args:
        analyte: the name of the test.
        unit: the UCUM code, or None.
        value: the result, or its bound.
        comparator: the comparator of the result: "< 0" allows no possible value, "<= 0" allows zero.
        limits: the limits of the reference range.

    Raises:
        ValueImpossible: the value is outside the possible range.
    """
    possible = possible_result(analyte, unit)
    if possible is None:
        return
    if not possible.holds(value, unit) or not possible.leaves(value, unit, comparator):
        said = " ".join(filter(None, (comparator, str(value), unit)))
        raise ValueImpossible(f"value {said} cannot be: {analyte} is {possible}")
    for limit in limits:
        if limit is not None and not possible.holds(limit, unit):
            raise ValueImpossible(f"the reference limit {limit} cannot be: {analyte} is {possible}")


def check_vital_sign(sign: str, value: Decimal, unit: str) -> None:
    """Refuse an impossible vital sign, in any unit.

    Raises:
        ValueError: the unit measures another quantity.
        ValueImpossible: the value is outside the possible range.
    """
    possible = VITAL_SIGNS[sign].possible
    if not possible.measures(unit):
        raise ValueError(f"unit {unit} measures no {sign}: expected one like {possible.unit}")
    if not possible.holds(value, unit):
        raise ValueImpossible(f"value {value} {unit} cannot be: {sign} is {possible}")


def check_body_surface(value: Decimal) -> None:
    """Refuse an impossible body surface area, in m2.

    Raises:
        ValueImpossible: the value is outside the possible range.
    """
    possible = BODY_SURFACE.possible
    if not possible.holds(value, possible.unit):
        raise ValueImpossible(f"value {value} {possible.unit} cannot be: body surface is {possible}")


def check_answer(name: str, number: Decimal, unit: str | None) -> None:
    """Refuse an impossible number in the answer to a criterion.

    Raises:
        ValueImpossible: it is outside the possible range, or not a whole number where one is required.
    """
    word = finding_name(name)
    possible = ANSWERS.get(word)
    if possible is None or (unit is not None and not possible.measures(unit)):
        return
    if not possible.holds(number, unit):
        raise ValueImpossible(f"{name} {number} {unit or ''}".rstrip() + f" cannot be: it is {possible}")
    if word in _WHOLE and number != number.to_integral_value():
        raise ValueImpossible(f"{name} {number} cannot be: it is a whole number")


def usual_result(analyte: str, unit: str | None) -> Range | None:
    """Return the usual range of a test in blood; None if the tables do not have it."""
    known = _USUAL.get(count_of(analyte) or finding_name(analyte), ())
    return next((one for one in known if one.measures(unit)), None)


def usual_results() -> Iterator[tuple[str, tuple[Range, ...]]]:
    """Yield the laboratory tests with their usual ranges, for the documentation."""
    for what, usual in _USUAL.items():
        yield what.value if isinstance(what, Count) else what, usual
