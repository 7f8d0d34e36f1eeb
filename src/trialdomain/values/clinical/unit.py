"""Units of measurement: UCUM codes, the common spellings of them, and exact conversion within a quantity.

Source: the Unified Code for Units of Measure; SDTM's and the laboratories' spellings as they occur in practice.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from unicodedata import normalize

import attrs

from trialdomain.values.given.text import short

UCUM = "ucum"
"""The metadata key of a field that holds a unit: callers may use common spellings."""


@attrs.frozen
class Unit:
    """A unit: the quantity that it measures, and its factor to the base unit (with an offset for temperatures)."""

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
    "thousand/uL": "10*3/uL",
    "10^6/mL": "10*9/L",
    "10*6/mL": "10*9/L",
    "10^6/L": "10*6/L",
    "10^12/L": "10*12/L",
    "T/L": "10*12/L",
    "TI/L": "10*12/L",
    "10^6/uL": "10*6/uL",
    "MILL/uL": "10*6/uL",
    "million/uL": "10*6/uL",
    "cells/uL": "/uL",
    "cell/uL": "/uL",
    "1/uL": "/uL",
    "#/uL": "/uL",
    "g%": "g/dL",
    "gm/dL": "g/dL",
    "gm/L": "g/L",
    "g/100mL": "g/dL",
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
    "degC": "Cel",
    "Celsius": "Cel",
    "F": "[degF]",
    "\u00b0F": "[degF]",
    "degF": "[degF]",
    "Fahrenheit": "[degF]",
    "mmHg": "mm[Hg]",
    "beats/min": "/min",
    "bpm": "/min",
    "breaths/min": "/min",
    "pH": "[pH]",
    "PH": "[pH]",
}
_LONGEST_SPELLING = 100
"""The most characters of a unit."""


_WORDS = (
    "beats",
    "bpm",
    "breaths",
    "cells",
    "celsius",
    "fahrenheit",
    "fraction",
    "million",
    "mill",
    "min",
    "no units",
    "thousand",
    "thou",
)
"""Units that do not begin with a prefix, in any case."""
_AT_STAKE = "mpgtezyMPGTEZY"
"""Letters that have a meaning in both cases at the start of a unit: milli and mega, gram and giga, ..."""
_SAME = (
    (re.compile("[\u00b5\u03bc]"), "u"),
    (re.compile("(?<=10)[\u00b2\u00b3\u00b9\u2070-\u2079]+"), lambda power: f"^{normalize('NFKC', power[0])}"),
    (re.compile(r"\bmc(?=L\b|g\b|mol\b)|\bMC(?=L\b)"), "u"),
    (re.compile(r"mm(?:\^?3|\u00b3)(?!\w)|\bcumm\b|\bMM3\b"), "uL"),
    (re.compile("^[xX\u00d7]\\s*(?=10)"), ""),
    (re.compile(r"^10\s*(?:\*\*|\^|[eE]\+?|\*)\s*(?=[0-9])"), "10*"),
    (re.compile(r"^10E?(?=(?:3|6|9|12)/)"), "10*"),
    (re.compile(r"(?<=[0-9])\s+(?=[A-Za-z])"), ""),
    (re.compile(r"\s*/\s*"), "/"),
    (re.compile(r"(?i)(?<=[0-9])cells?(?=/)"), ""),
)
"""Alternative spellings with one meaning: a microliter is a cubic millimeter, ..."""


def ucum(spelling: str) -> str:
    """Return the UCUM code of a unit in a common spelling.

    Case is ignored unless it decides a prefix: ``g/dl`` is ``g/dL``, but the first M of ``MMOL/L`` may be mega.

    Raises:
        ValueError: the unit is unknown.

    >>> ucum("10^9/L"), ucum("X10E3/mcL"), ucum("Cel")
    ('10*9/L', '10*3/uL', 'Cel')
    """
    code = _code(spelling.strip()) if len(spelling) <= _LONGEST_SPELLING else None
    if code is None:
        raise ValueError(f"unit {spelling[:40]!r} is not known: write it in UCUM, such as 10*9/L, g/L, U/L or Cel")
    return code


@lru_cache(maxsize=1_024)
def _code(spelling: str) -> str | None:
    if spelling in _TABLE:
        return spelling
    if spelling in _SPELLINGS:
        return _SPELLINGS[spelling]
    simple = spelling
    for pattern, instead in _SAME:
        simple = pattern.sub(instead, simple)
    codes = {code for known, code in _BY_FOLDED.get(simple.casefold(), ()) if _alike_but_for_case(simple, known)}
    return codes.pop() if len(codes) == 1 else None


def _alike_but_for_case(given: str, known: str) -> bool:
    """Return whether two spellings that differ only in case have the same meaning."""
    parts = zip(given.split("/"), known.split("/"), strict=True)
    return all(
        one == other
        or one.casefold() in _WORDS
        or (
            (one[:1] == other[:1] or one[:1] not in _AT_STAKE)
            and not any(a != b and a in _AT_STAKE for a, b in zip(one[1:-1], other[1:-1], strict=True))
        )
        for one, other in parts
    )


def _by_folded() -> Mapping[str, Sequence[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for known, code in [*((code, code) for code in _TABLE), *_SPELLINGS.items()]:
        found.setdefault(known.casefold(), []).append((known, code))
    return found


_BY_FOLDED = _by_folded()


def known_unit(_: object, attribute: "attrs.Attribute[str]", code: str) -> None:
    """Accept the UCUM code of a known unit."""
    if type(code) is not str or code not in _TABLE:
        raise ValueError(f"{attribute.name} {short(code)!r} is not the UCUM code of a known unit")


def is_known(code: str | None) -> bool:
    """Return whether this is the UCUM code of a known unit, or None."""
    return code is None or (type(code) is str and code in _TABLE)


def optional_unit(fact: object, attribute: "attrs.Attribute[str]", code: str | None) -> None:
    """Accept such a code, or None."""
    if not is_known(code):
        known_unit(fact, attribute, code)  # type: ignore[arg-type]  # None was accepted above


def alike(code: str, other: str) -> bool:
    """Return whether two known units measure the same quantity.

    >>> alike("Cel", "[degF]"), alike("Cel", "kg")
    (True, False)
    """
    return _TABLE[code].quantity == _TABLE[other].quantity


@cache
def scale(unit: str, *, to: str) -> Decimal | None:
    """Return the exact factor for converting a value between two units; None if there is no such factor.

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
        ValueError: the units measure different quantities.

    >>> convert(Decimal("80"), "g/L", to="g/dL")
    Fraction(8, 1)
    """
    have, want = _TABLE[ucum(unit)], _TABLE[ucum(to)]
    if have.quantity != want.quantity:
        raise ValueError(f"{have.code} measures {have.quantity}, and {want.code} measures {want.quantity}")
    return (Fraction(value) * have.factor + have.offset - want.offset) / want.factor
