"""Convert the cells of a row to dates, numbers and words; a remark lists what was left out."""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TypeVar
from zoneinfo import ZoneInfo

import attrs

from trialdomain.exchange.sdtm.rows import Malformed, NotRecorded, Row, RowRead
from trialdomain.exchange.sdtm.terms import Terms, key_of
from trialdomain.values.calendar import times_shown
from trialdomain.values.clinical.dose_unit import dose_unit, nearest
from trialdomain.values.clinical.ranges import ANSWERS
from trialdomain.values.clinical.scale import Scale
from trialdomain.values.clinical.unit import ucum
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short

T = TypeVar("T")

_OTHER_DATES = re.compile(r"[0-9T:Z+-]+/[0-9T:Z+-]+|[0-9-]*--[0-9T:-]*|[0-9-]+T(?:[0-9]{2}|-:[0-9:-]+)")
"""Dates that SDTM allows but ``ClinicalTime`` cannot represent: intervals, missing middle parts, an hour alone."""
_FRACTION = re.compile(r"(?P<second>.*T[0-9]{2}:[0-9]{2}:[0-9]{2})\.(?P<fraction>[0-9]+)(?P<offset>.*)")
"""A time with a fraction of its second (SDTMIG 4.4.1)."""
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?"
_WHOLE = re.compile(_NUMBER)
_RESULT = re.compile(rf"(?P<comparator>[<>]=?)?\s*(?P<number>{_NUMBER})")
_MOST_DIGITS = 15
"""The most digits of a number: the precision of a floating point number."""
_MOST_CHARACTERS = _MOST_DIGITS + 1
"""The most characters of a number: its digits and a point."""
_YEARS: Mapping[str, Fraction] = {
    "YEARS": Fraction(1),
    "MONTHS": Fraction(1, 12),
    "WEEKS": Fraction(7 * 4, 1461),
    "DAYS": Fraction(4, 1461),
    "HOURS": Fraction(4, 1461 * 24),
}
"""The length of each unit of age in years (CDISC codelist AGEU); a year has 365.25 days."""
_YES = {"Y": True, "N": False, "U": None, "NA": None, "": None}
"""Answers (CDISC codelist NY): an unknown answer never counts as "no"."""


@attrs.frozen(kw_only=True)
class Setting:
    """The settings for reading the rows of a study."""

    terms: Terms
    zone: ZoneInfo | None
    """The time zone of the site, for times without an offset."""
    now: datetime
    """The present time at the site, in its zone; later dates are refused."""
    strict: bool
    """Whether rows that break the standard are refused instead of left out."""
    event_id: str
    """The column that joins the lines of one adverse event."""
    grading: Scale
    """The scale of AETOXGR."""
    sites: tuple[str, ...] = ()
    """The codes of the protocol's sites."""
    site: str | None = None
    """The site of the subject, if the protocol has it."""


@attrs.frozen
class Cells:
    """The cells of one row, with methods that convert them and add remarks."""

    __repr__ = in_short

    read: RowRead
    setting: Setting

    @property
    def row(self) -> Row:
        """The row itself."""
        return self.read.row

    def __getitem__(self, column: str) -> str:
        """Return a cell as text."""
        return self.row[column]

    def remark(self, text: str) -> None:
        """Add a remark about something that was left out, converted or assumed."""
        self.read.remarks.append(text)

    def flag(self, column: str) -> bool | None:
        """Read a yes or a no; None if the cell is blank or unknown.

        Raises:
            Malformed: the cell has another word.
        """
        return self._meaning(column, _YES, word=None)

    def word(self, column: str, known: Mapping[str, T], *, what: str = "") -> T:
        """Return the meaning of a word that terms may explain.

        Args:
            column: the column of the word.
            known: the meanings, by word in capitals.
            what: the name of the concept for messages, if the standard leaves its words to the sponsor.

        Raises:
            NotRecorded: the word has no known meaning; ``Malformed`` if the standard has a codelist for it.
        """
        given = self[column]
        if what and key_of(given) not in known:
            raise NotRecorded(f"the {what} {given[:40]!r} ({column}) is not known", word=(column, given))
        return self._meaning(column, known, word=(column, given))

    def _meaning(self, column: str, known: Mapping[str, T], *, word: tuple[str, str] | None) -> T:
        given = self[column]
        if key_of(given) in known:
            return known[key_of(given)]
        words = ", ".join(one or "blank" for one in known)
        raise Malformed(f"{column} is {given[:40]!r}, but only {words} are known", word=word)

    def dated(self, column: str) -> ClinicalTime:
        """Read a required date.

        Raises:
            NotRecorded: it is missing, or ``ClinicalTime`` cannot represent it.
        """
        if not self[column]:
            raise NotRecorded(f"it has no date ({column})")
        return self._time(column, self[column])

    def date(self, column: str) -> ClinicalTime | None:
        """Read an optional date.

        Raises:
            NotRecorded: it is present, but ``ClinicalTime`` cannot represent it.
        """
        return self._time(column, self[column]) if self[column] else None

    def date_if_any(self, column: str) -> ClinicalTime | None:
        """Read an optional date; leave an invalid one out with a remark, because the row is useful without it."""
        try:
            return self.date(column)
        except NotRecorded as reason:
            if self.setting.strict and reason.malformed:
                raise self.row.malformed(str(reason)) from None
            self.remark(f"{column} is left out: {reason}")
            return None

    def _time(self, column: str, text: str) -> ClinicalTime:
        if _OTHER_DATES.fullmatch(text):
            raise NotRecorded(f"its date {text[:40]!r} ({column}) leaves out what lies between, or is an interval")
        try:
            when = ClinicalTime(self._whole_seconds(column, text))
            local = self._local(column, when)
        except ValueError as error:
            raise Malformed(f"{column}: {error}") from None
        if local.lies_ahead(self.setting.now):
            raise Malformed(
                f"{column}: {local} lies in the future: it is {self.setting.now:%Y-%m-%dT%H:%M} at the site"
            )
        return local

    def _whole_seconds(self, column: str, text: str) -> str:
        found = _FRACTION.fullmatch(text)
        if found is None:
            return text
        if found["fraction"].strip("0"):
            self.remark(f"the fraction of a second is left out ({column})")
        return found["second"] + found["offset"]

    def _local(self, column: str, when: ClinicalTime) -> ClinicalTime:
        """Convert a time to the site's zone; a time without an offset gets the offset of the zone.

        Raises:
            NotRecorded: the time does not exist in the zone (daylight saving time).
        """
        zone, at = self.setting.zone, when.at
        if zone is None or at is None:
            return when
        if at.tzinfo is None:
            shown = times_shown(at, zone)
            if not shown:
                raise NotRecorded(f"the time {when} ({column}) was skipped by the clocks of {zone.key}")
            if shown > 1:
                self.remark(f"the clocks of {zone.key} showed the time twice ({column}): the first is taken")
        return when.at_site(zone).in_zone(zone)

    def amount(self, column: str) -> Decimal:
        """Read an amount; round it to 15 digits if it has more, with a remark.

        Raises:
            Malformed: it is not a number.
        """
        found = as_amount(self[column])
        if found is not None and as_number(self[column]) is None:
            self.remark(f"the amount is rounded to {_MOST_DIGITS} digits ({column})")
        if found is None:
            raise Malformed(f"{column} is {self[column][:40]!r}, which is not a number")
        return found

    def result(self, column: str) -> tuple[str | None, Decimal]:
        """Read a result: a number, with or without a comparator before it.

        Raises:
            NotRecorded: it is not a number.
        """
        found = _RESULT.fullmatch(self[column])
        number = None if found is None else as_number(found["number"])
        if found is None or number is None:
            raise NotRecorded(f"the result {self[column][:40]!r} is not a number")
        return found["comparator"], number

    def limit(self, column: str) -> Decimal | None:
        """Read a reference limit; leave out one that is not a number, with a remark."""
        found = as_number(self[column])
        if found is None and self[column]:
            self.remark(f"the reference limit {self[column][:40]!r} ({column}) is not a number, and is left out")
        return found

    def unit(self, column: str) -> str | None:
        """Read a unit.

        Raises:
            NotRecorded: the unit is unknown.
        """
        if not self[column]:
            return None
        try:
            return ucum(self[column])
        except ValueError:
            raise NotRecorded(f"the unit {self[column][:40]!r} is not known") from None

    def dose_unit(self, column: str) -> str:
        """Read the unit of a dose; one that CDISC writes without braces, or in other letters, is read with a remark.

        Raises:
            NotRecorded: the unit is unknown.
            Malformed: it is blank.
        """
        if not self[column]:
            raise Malformed(f"the amount has no unit: {column} must be a text, and not blank")
        found = as_dose_unit(self[column])
        if found is None:
            raise NotRecorded(f"the unit {self[column][:40]!r} is not known")
        unit, meant = found
        if meant:
            self.remark(f"the unit {self[column][:40]!r} is read as {unit} ({column})")
        return unit

    def age(self) -> int | None:
        """Read the age in completed years; leave out an invalid age, with a remark."""
        if not self["AGE"]:
            return None
        number, unit = as_number(self["AGE"]), _YEARS.get(key_of(self["AGEU"]) or "YEARS")
        years = None if number is None or unit is None else floor(Fraction(number) * unit)
        if years is None or not ANSWERS["age"].holds(Decimal(years), None):
            if self.setting.strict:
                if number is None:
                    raise Malformed(f"AGE is {self['AGE'][:40]!r}, which is not a number")
                raise Malformed(f"AGEU is {self['AGEU'][:40]!r}: an age is taken in {', '.join(_YEARS)}")
            self.remark(f"the age {self['AGE'][:20]!r} {self['AGEU'][:20]!r} (AGE, AGEU) is none, and is left out")
            return None
        if years != number or unit != 1:
            self.remark("the age is converted to completed years (AGE, AGEU)")
        return years


def as_number(text: str) -> Decimal | None:
    """Parse a number, with or without an exponent; None if it is not a number, or has more than 15 digits.

    >>> as_number("1e+08"), as_number("1.5E3"), as_number("much")
    (Decimal('100000000'), Decimal('1500'), None)
    """
    if len(text) > 2 * _MOST_CHARACTERS or _WHOLE.fullmatch(text) is None:
        return None
    number = format(Decimal(text), "f")
    number = number.rstrip(".") if "e" in text.lower() else number
    return Decimal(number) if len(number.lstrip("-")) <= _MOST_CHARACTERS else None


def as_dose_unit(text: str) -> tuple[str, bool] | None:
    """Read the unit of a dose, and say whether only its meaning was clear; None if it is no unit.

    >>> as_dose_unit("mg"), as_dose_unit("CELLS"), as_dose_unit("much")
    (('mg', False), ('{cells}', True), None)
    """
    try:
        return str(dose_unit(text)), False
    except ValueError:
        near = nearest(text)
        return None if near is None else (near, True)


def as_amount(text: str) -> Decimal | None:
    """Parse a number as `as_number` does, but round one with more digits (such as a computed dose) to 15 digits.

    >>> as_amount("351.49999999999994"), as_amount("0.3333333333333333"), as_amount("much")
    (Decimal('351.5'), Decimal('0.33333333333333'), None)
    """
    found = as_number(text)
    if found is not None or len(text) > 2 * _MOST_CHARACTERS or _WHOLE.fullmatch(text) is None:
        return found
    exact = Decimal(text)
    places = _MOST_DIGITS - max(exact.adjusted() + 1, 1)
    if places < 0:
        return None
    rounded = exact.quantize(Decimal(1).scaleb(-places))
    text = format(rounded, "f")
    return as_number(text.rstrip("0").rstrip(".") if "." in text else text) if rounded else None
