"""Units of measurement: UCUM codes, the common spellings of them, and exact conversion within a quantity.

Source: the Unified Code for Units of Measure; SDTM's and the laboratories' spellings as they occur in practice.
"""

from decimal import Decimal
from fractions import Fraction
from functools import cache

import attrs

from trialdomain.values.text import short

UCUM = "ucum"
"""Marks, in the metadata of a field, that it holds a unit: common spellings of it are accepted from callers."""


@attrs.frozen
class Unit:
    """A unit: what it measures, and how many base units of that it is (with an offset for temperatures)."""

    code: str
    quantity: str
    factor: Fraction
    offset: Fraction = Fraction(0)


def _units(quantity: str, **factors: str) -> list[Unit]:
    return [Unit(code, quantity, Fraction(factor)) for code, factor in factors.items()]


_TABLE = {
    unit.code: unit
    for unit in (
        *_units(
            "number concentration (10*9/L)", **{"10*9/L": "1", "10*3/uL": "1", "10*6/L": "1/1000", "/uL": "1/1000"}
        ),
        *_units("number concentration (10*9/L)", **{"10*12/L": "1000", "10*6/uL": "1000", "/mm3": "1/1000"}),
        *_units("mass concentration (g/L)", **{"g/L": "1", "g/dL": "10", "mg/dL": "1/100", "mg/L": "1/1000"}),
        *_units("mass concentration (g/L)", **{"ug/L": "1/1000000", "ng/mL": "1/1000000", "pg/mL": "1/1000000000"}),
        *_units("substance concentration (mmol/L)", **{"mmol/L": "1", "umol/L": "1/1000", "nmol/L": "1/1000000"}),
        *_units("charge concentration (meq/L)", **{"meq/L": "1"}),
        *_units("catalytic concentration (U/L)", **{"U/L": "1"}),
        *_units("arbitrary concentration ([iU]/L)", **{"[iU]/L": "1", "m[iU]/L": "1/1000", "u[iU]/mL": "1/1000"}),
        *_units("fraction (1)", **{"1": "1", "%": "1/100"}),
        *_units("mass (kg)", kg="1", g="1/1000", mg="1/1000000", ug="1/1000000000", pg="1/1000000000000000"),
        *_units("volume (L)", L="1", mL="1/1000", fL="1/1000000000000000"),
        *_units("length (m)", m="1", cm="1/100"),
        *_units("time (d)", d="1", h="1/24", min="1/1440", s="1/86400"),
        *_units("rate (/min)", **{"/min": "1"}),
        *_units("pressure (mm[Hg])", **{"mm[Hg]": "1"}),
        *_units("acidity ([pH])", **{"[pH]": "1"}),
        Unit("Cel", "temperature (Cel)", Fraction(1)),
        Unit("[degF]", "temperature (Cel)", Fraction(5, 9), Fraction(-160, 9)),
    )
}

_SPELLINGS = {
    "10^9/L": "10*9/L",
    "10E9/L": "10*9/L",
    "x10^9/L": "10*9/L",
    "G/L": "10*9/L",
    "GI/L": "10*9/L",
    "10^3/uL": "10*3/uL",
    "K/uL": "10*3/uL",
    "THOU/uL": "10*3/uL",
    "10^6/L": "10*6/L",
    "10^12/L": "10*12/L",
    "T/L": "10*12/L",
    "TI/L": "10*12/L",
    "10^6/uL": "10*6/uL",
    "MILL/uL": "10*6/uL",
    "cells/uL": "/uL",
    "1/uL": "/uL",
    "mEq/L": "meq/L",
    "IU/L": "[iU]/L",
    "mIU/L": "m[iU]/L",
    "uIU/mL": "u[iU]/mL",
    "\u00b5mol/L": "umol/L",
    "\u03bcmol/L": "umol/L",
    "FRACTION": "1",
    "NO UNITS": "1",
    "C": "Cel",
    "\u00b0C": "Cel",
    "F": "[degF]",
    "\u00b0F": "[degF]",
    "mmHg": "mm[Hg]",
    "beats/min": "/min",
    "breaths/min": "/min",
    "pH": "[pH]",
}


def ucum(spelling: str) -> str:
    """Give the UCUM code of a unit that is spelled in a common way.

    Raises:
        ValueError: the unit is not known.

    >>> ucum("10^9/L"), ucum("Cel")
    ('10*9/L', 'Cel')
    """
    code = _SPELLINGS.get(spelling.strip(), spelling.strip())
    if code not in _TABLE:
        raise ValueError(f"unit {spelling[:40]!r} is not known: write it in UCUM, such as 10*9/L, g/L, U/L or Cel")
    return code


def known_unit(_: object, attribute: "attrs.Attribute[str]", code: str) -> None:
    """Accept the UCUM code of a known unit."""
    if type(code) is not str or code not in _TABLE:
        raise ValueError(f"{attribute.name} {short(code)!r} is not the UCUM code of a known unit")


def is_known(code: str | None) -> bool:
    """Say whether this is the UCUM code of a known unit, or none."""
    return code is None or (type(code) is str and code in _TABLE)


def optional_unit(fact: object, attribute: "attrs.Attribute[str]", code: str | None) -> None:
    """Accept such a code, or none."""
    if not is_known(code):
        known_unit(fact, attribute, code)  # type: ignore[arg-type]  # none was accepted above


def alike(code: str, other: str) -> bool:
    """Say whether two known units measure the same quantity.

    >>> alike("Cel", "[degF]"), alike("Cel", "kg")
    (True, False)
    """
    return _TABLE[code].quantity == _TABLE[other].quantity


@cache
def scale(unit: str, *, to: str) -> Decimal | None:
    """Give the number by which a value is multiplied to convert it exactly; None where the units are not so related.

    >>> scale("g/dL", to="g/L"), scale("/uL", to="10*9/L"), scale("mmol/L", to="g/L")
    (Decimal('10'), Decimal('0.001'), None)
    """
    have, want = _TABLE[unit], _TABLE[to]
    if have.quantity != want.quantity or have.offset != want.offset:
        return None
    factor = have.factor / want.factor
    number = Decimal(factor.numerator) / Decimal(factor.denominator)
    return number if Fraction(number) == factor else None


def convert(value: Decimal, unit: str, *, to: str) -> Fraction:
    """Convert a value exactly.

    Raises:
        ValueError: the units measure different things.

    >>> convert(Decimal("80"), "g/L", to="g/dL")
    Fraction(8, 1)
    """
    have, want = _TABLE[ucum(unit)], _TABLE[ucum(to)]
    if have.quantity != want.quantity:
        raise ValueError(f"{have.code} measures {have.quantity}, and {want.code} measures {want.quantity}")
    return (Fraction(value) * have.factor + have.offset - want.offset) / want.factor
