"""Units of doses: UCUM codes with annotations and powers of ten, divided by the body weight or surface, or by nothing.

Source: the Unified Code for Units of Measure. What is counted stands in braces, an annotation: ``{cells}``. UCUM gives
annotations no meaning. Here two annotations are two kinds of unit (**choice**), because an amount of cells is none of
particles. A number without an annotation, such as ``10*9``, is a kind of its own.
"""

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from unicodedata import normalize

import attrs
from typing_extensions import override

from trialdomain.values.given.text import short
from trialdomain.values.word import Word


class DosePer(Word):
    """The measure of the body that the amount of a dose is divided by."""

    KG = "kg"
    """Body weight."""
    M2 = "m2"
    """Body surface area."""


@attrs.frozen
class DoseUnit:
    """The unit of a dose."""

    code: str
    """The unit in its normal form, without the division."""
    kind: str
    """What it measures or counts; only units of one kind can be compared."""
    factor: Fraction
    """The factor to the base unit of the kind."""
    per: DosePer | None = None

    @override
    def __str__(self) -> str:
        """Format the unit with its division: ``10*8{cells}/kg``."""
        return self.code if self.per is None else f"{self.code}/{self.per}"


_PREFIXES: Mapping[str, int] = {
    "": 0,
    "T": 12,
    "G": 9,
    "M": 6,
    "k": 3,
    "h": 2,
    "da": 1,
    "d": -1,
    "c": -2,
    "m": -3,
    "u": -6,
    "n": -9,
    "p": -12,
    "f": -15,
}
"""The metric prefixes of UCUM that a dose may need, as powers of ten."""
_METRIC: Mapping[str, tuple[str, Fraction]] = {
    "g": ("mass", Fraction(1)),
    "mol": ("amount of substance", Fraction(1)),
    "L": ("volume", Fraction(1)),
    "Bq": ("activity", Fraction(1)),
    "Ci": ("activity", Fraction(37_000_000_000)),
    "U": ("catalytic activity", Fraction(1)),
    "[iU]": ("international units", Fraction(1)),
    "[arb'U]": ("arbitrary units", Fraction(1)),
}
"""The units that take a prefix, with their kind and their factor."""
_OTHER = ("[CFU]", "[PFU]", "[FFU]", "[CCID_50]", "[TCID_50]", "[EID_50]")
"""The units without a prefix; each is a kind of its own."""
_UNITS: Mapping[str, tuple[str, Fraction]] = {
    prefix + unit: (kind, factor * Fraction(10) ** power)
    for unit, (kind, factor) in _METRIC.items()
    for prefix, power in _PREFIXES.items()
} | {unit: (unit, Fraction(1)) for unit in _OTHER}
_SPELLINGS: Mapping[str, str] = {
    "mcg": "ug",
    **{f"{prefix}l": f"{prefix}L" for prefix in _PREFIXES},
    **{f"{prefix}{unit}": f"{prefix}[iU]" for unit in ("IU", "[IU]") for prefix in _PREFIXES},
}
"""Common spellings of a unit, and ``[IU]``, which UCUM has as well."""
_USUAL = ("mg", "g", "ug", "ng", "kg", "mL", "L", "uL", "mmol", "umol", "nmol", "mol", "MBq", "GBq", "kBq", "Bq", "mCi")
"""The units that are meant by their letters in any case: no dose is in megagrams or millibecquerels."""
_WORDS: Mapping[str, str] = {
    **{word: f"{{{word}}}" for word in ("cells", "particles", "vesicles", "exosomes", "beads", "vector_genomes")},
    **{word: f"{{{word}}}" for word in ("genome_copies", "viral_particles", "tablets", "capsules", "puffs", "vials")},
    **{word: f"{{{word}}}" for word in ("patches", "drops", "suppositories")},
    "patch": "{patches}",
    "suppository": "{suppositories}",
    "genome_copy": "{genome_copies}",
    "vg": "{vector_genomes}",
    "vp": "{viral_particles}",
    "cfu": "[CFU]",
    "pfu": "[PFU]",
    "ffu": "[FFU]",
    "tcid50": "[TCID_50]",
    "ccid50": "[CCID_50]",
    "eid50": "[EID_50]",
    "gm": "g",
    "grams": "g",
    "milligrams": "mg",
    "micrograms": "ug",
    "nanograms": "ng",
    "milliliters": "mL",
    "international_units": "[iU]",
}
"""By words in the plural, in small letters: what is meant by them."""

_LONGEST = 100
"""The most characters of a unit."""
_LARGEST_POWER = 30
_NOTE = re.compile(r"\{[!-.0-z|~]{1,40}\}")
"""An annotation: printable ASCII (UCUM, section 2), but no ``/``, since ``{cells/kg}`` would hide a division."""
_POWER = r"(?P<power>10\s*(?:\*\*?|\^)\s*(?P<exponent>[+-]?[0-9]{1,2}))"
_UNIT = re.compile(
    rf"{_POWER}?(?:\s*(?P<times>\.)?\s*(?P<unit>[^\s{{}}./]+))?(?:\s*(?P<of>\.)?\s*(?P<note>\{{[^{{}}]*\}}))?"
    r"(?:\s*/\s*(?P<per>[^{}/]*))?"
)
_IN_WORDS = re.compile(rf"{_POWER}?\s*\.?\s*(?P<words>[^/]+?)\s*(?:/\s*(?P<per>[^/]+))?")
_RAISED = re.compile("(?<=10)[\u00b2\u00b3\u00b9\u2070\u2074-\u2079]+")
_BODY: Mapping[str, DosePer] = {"kg": DosePer.KG, "m2": DosePer.M2, "m^2": DosePer.M2, "m**2": DosePer.M2}
_SUCH_AS = "write it in UCUM, such as mg, MBq, [iU], 10*8{cells} or mg/kg"


def dose_unit(spelling: str) -> DoseUnit:
    """Read the unit of a dose: its UCUM code, or a common spelling of it.

    Raises:
        ValueError: it is no unit of a dose; the message names the nearest one where there is one.

    >>> str(dose_unit("10^8 {cells}/kg")), dose_unit("MBq").factor
    ('10*8{cells}/kg', Fraction(1000000, 1))
    """
    read = _read(spelling) if len(spelling) <= _LONGEST else None
    if read is not None:
        return read
    near = nearest(spelling)
    hint = _SUCH_AS if near is None else f"write {near}"
    if near is None and _divided_by_another(spelling):
        hint = "a dose is divided by kg or m2 only, such as mg/kg"
    raise ValueError(f"unit {short(spelling)!r} is no unit of a dose: {hint}")


@lru_cache(maxsize=1_024)
def nearest(spelling: str) -> str | None:
    """Return the code that is meant by words, or by letters of another case; None where no code is near.

    >>> nearest("10^6 cells/kg"), nearest("MG"), nearest("foo")
    ('10*6{cells}/kg', 'mg', None)
    """
    if len(spelling) > _LONGEST:
        return None
    text = _prepared(spelling)
    if text.startswith("{") and text.endswith("}") and "/" in text:
        text = text[1:-1]
    found = _IN_WORDS.fullmatch(text)
    if found is None:
        return None
    meant = _meant(found["words"])
    body = "" if found["per"] is None else f"/{found['per'].strip().casefold()}"
    read = None if meant is None else _read(f"{found['power'] or ''}{meant}{body}")
    return None if read is None else str(read)


def _meant(words: str) -> str | None:
    if words in _UNITS or words in _SPELLINGS or _NOTE.fullmatch(words):
        return words
    folded = "_".join(words.casefold().split())
    forms = (folded, f"{folded}s")
    return next((known[form] for form in forms for known in (_WORDS, _BY_FOLDED) if form in known), None)


def _divided_by_another(spelling: str) -> bool:
    head, sign, body = spelling.partition("/")
    return bool(sign and body.strip()) and len(spelling) <= _LONGEST and "/" not in body and _read(head) is not None


def _prepared(spelling: str) -> str:
    text = spelling.strip().replace("\u00b5", "u").replace("\u03bc", "u").replace("m\u00b2", "m2")
    return _RAISED.sub(lambda power: f"*{normalize('NFKC', power[0])}", re.sub(r"^[xX\u00d7]\s*(?=10)", "", text))


@lru_cache(maxsize=1_024)
def _read(spelling: str) -> DoseUnit | None:
    found = _UNIT.fullmatch(_prepared(spelling))
    if found is None or not _joined(found):
        return None
    unit = _SPELLINGS.get(found["unit"], found["unit"]) if found["unit"] else ""
    unit = "" if unit == "1" and not found["power"] else unit
    note = "" if found["note"] is None else f"{{{'_'.join(found['note'][1:-1].split())}}}"
    per = None if found["per"] is None else _BODY.get(found["per"])
    power = int(found["exponent"] or 0)
    known = (
        (not unit or unit in _UNITS)
        and (not note or _NOTE.fullmatch(note))
        and (found["per"] is None or per)
        and abs(power) <= _LARGEST_POWER
    )
    if not known:
        return None
    kind, factor = _UNITS[unit] if unit else ("number", Fraction(1))
    return DoseUnit(_code(power, unit, note), kind + note.casefold(), factor * Fraction(10) ** power, per)


def _joined(found: re.Match[str]) -> bool:
    """Return whether a unit has any part before its division, and a part on both sides of each point."""
    first = found["power"] or found["unit"]
    return (
        bool(first or found["note"]) and not (found["times"] and not found["power"]) and not (found["of"] and not first)
    )


def _code(power: int, unit: str, note: str) -> str:
    """Return the normal form: the power of ten, unless it is 1, then the unit, then the annotation."""
    parts = [part for part in (f"10*{power}" if power else "", unit) if part]
    return ".".join(parts) + note or "1"


def _by_folded() -> Iterator[tuple[str, str]]:
    """Yield units by their letters in small: the usual ones, and those that no other unit is spelled like."""
    letters: dict[str, set[str]] = {}
    for spelling, code in [*((code, code) for code in _UNITS), *_SPELLINGS.items()]:
        letters.setdefault(spelling.casefold(), set()).add(code)
    yield from ((folded, next(iter(codes))) for folded, codes in letters.items() if len(codes) == 1)
    yield from ((code.casefold(), code) for code in _USUAL)


_BY_FOLDED: Mapping[str, str] = dict(_by_folded())
