"""Dates and times of clinical events with their known precision: a year, a month, a day, or a time with its offset.

The day is the one in the text, in the local time of the place where it was recorded: windows are calendar days at the
site. Partial dates are stored as given and never completed; ``first`` and ``last`` are the days that they allow.
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NoReturn, Self, TypeAlias

from typing_extensions import override

from trialdomain.values.calendar import YearInvalid, check_year, site_day
from trialdomain.values.given.plain import is_a, plain, plain_time

_GRAMMAR = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?P<time>T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)
_CLOCKS_DIFFER = timedelta(hours=1)


class ClinicalTime:
    """A clinical date or time (ISO 8601), from a year to a second; two values are equal if their texts are equal.

    Raises:
        ValueError: the text is not such a date or time.
        YearInvalid: it lies outside the accepted years, also after conversion to another zone.

    >>> ClinicalTime("2026-02").last
    datetime.date(2026, 2, 28)
    """

    __slots__ = ("at", "first", "last", "text")

    text: str
    first: date
    """The earliest day that the text allows."""
    last: date
    """The latest day that the text allows."""
    at: datetime | None
    """The time as a ``datetime``, if the text has one; without an offset if the site's zone was unknown."""

    def __init__(self, text: str) -> None:
        given = plain(text)
        if not is_a(given, str):
            raise ValueError(f"a value of type {type(text).__name__} is not a clinical time: give a text, or a date")
        first, last, at = _read(given)
        _set(self, "text", given)
        _set(self, "first", first)
        _set(self, "last", last)
        _set(self, "at", at)

    @classmethod
    def of(cls, when: "When") -> "ClinicalTime":
        """Convert a date, an aware ``datetime``, or a text with the known precision."""
        if is_a(when, ClinicalTime):
            return when
        if is_a(when, datetime):
            time = plain_time(when)
            if time.tzinfo is None or time.microsecond:
                raise ValueError(f"{time} must have an offset, and no fraction of a second")
            return cls(time.isoformat())
        given = plain(when)
        return cls(given.isoformat() if is_a(given, date) else given)  # type: ignore[arg-type]  # or is refused

    def in_zone(self, zone: tzinfo) -> "ClinicalTime":
        """Convert the same moment to a zone; a value without an offset is returned unchanged.

        >>> from zoneinfo import ZoneInfo
        >>> ClinicalTime("2026-03-02T23:00Z").in_zone(ZoneInfo("Asia/Shanghai")).text
        '2026-03-03T07:00+08:00'
        """
        if self.at is None or self.at.tzinfo is None:
            return self
        local = self.at.astimezone(zone)
        if local.utcoffset() == self.at.utcoffset():
            return self
        seconds = self.text.count(":") - (self.text[-3] == ":") > 1
        return ClinicalTime(local.isoformat(timespec="seconds" if seconds else "minutes"))

    def at_site(self, zone: tzinfo) -> "ClinicalTime":
        """Add the offset of the site's zone to a local time; other values are returned unchanged.

        >>> from zoneinfo import ZoneInfo
        >>> ClinicalTime("2026-03-02T07:00").at_site(ZoneInfo("Asia/Shanghai")).text
        '2026-03-02T07:00+08:00'
        """
        if self.at is None or self.at.tzinfo is not None:
            return self
        seconds = self.text.count(":") > 1
        return ClinicalTime(self.at.replace(tzinfo=zone).isoformat(timespec="seconds" if seconds else "minutes"))

    @property
    def day(self) -> date | None:
        """The day, if the text has one."""
        return self.first if self.first == self.last else None

    @property
    def date_text(self) -> str:
        """The known part of the date, without the time of day.

        >>> ClinicalTime("2026-03-02T10:15+08:00").date_text, ClinicalTime("2026-03").date_text
        ('2026-03-02', '2026-03')
        """
        return self.text.partition("T")[0]

    def first_since(self, day: date) -> date:
        """Complete a start date: the earliest day that the text allows, but not before ``day`` if the text covers it.

        >>> ClinicalTime("2026-03").first_since(date(2026, 3, 2)), ClinicalTime("2026-02").first_since(date(2026, 3, 2))
        (datetime.date(2026, 3, 2), datetime.date(2026, 2, 1))
        """
        return day if self.first < day <= self.last else self.first

    def after(self, other: "ClinicalTime") -> timedelta | None:
        """Return the time from another moment to this one; None if one has no time, or only one has an offset."""
        if self.at and other.at and (self.at.tzinfo is None) == (other.at.tzinfo is None):
            return self.at - other.at
        return None

    def precedes(self, other: "ClinicalTime") -> bool:
        """Return whether this is certainly before another: by the day, or by the times if both are comparable.

        >>> march = ClinicalTime("2026-03")
        >>> ClinicalTime("2026").precedes(march), ClinicalTime("2025").precedes(march)
        (False, True)
        """
        between = other.after(self)
        return self.last < other.first if between is None else between > timedelta(0)

    def lies_ahead(self, now: datetime) -> bool:
        """Return whether this is in the future: by its first day, or by a time an hour or more ahead of the clock.

        Args:
            now: the time at the site, in its zone; two clocks are assumed to differ by less than an hour.
        """
        if self.first > site_day(now, now.tzinfo or UTC):
            return True
        return self.at is not None and self.at.tzinfo is not None and self.at > now + _CLOCKS_DIFFER

    @override
    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a clinical time does not change: make a new one instead of setting {name}")

    @override
    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        """Pickle and copy only the text: the other attributes follow from it, and the object is immutable."""
        return type(self), (self.text,)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClinicalTime) and other.text == self.text

    @override
    def __hash__(self) -> int:
        return hash(self.text)

    @override
    def __repr__(self) -> str:
        return f"ClinicalTime({self.text!r})"

    @override
    def __str__(self) -> str:
        return self.text


_set = object.__setattr__


@lru_cache(maxsize=4_096)  # all results of one visit have the same time
def _read(text: str) -> tuple[date, date, datetime | None]:
    """Parse a text: the first and the last day that it allows, and the time, if it has one."""
    found = _GRAMMAR.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text[:40]!r} is not a clinical time: write 2026, 2026-03, 2026-03-02, or 2026-03-02T10:15+08:00"
        )
    try:
        first, last = _days(found)
        check_year(text, first.year)
        return first, last, datetime.fromisoformat(text) if found["time"] else None
    except YearInvalid:
        raise
    except ValueError as error:
        raise ValueError(f"{text!r} is not in the calendar: {error}") from None


When: TypeAlias = ClinicalTime | date | datetime | str


def _days(found: re.Match[str]) -> tuple[date, date]:
    year = int(found["year"])
    if found["month"] is None:
        return date(year, 1, 1), date(year, 12, 31)
    month = int(found["month"])
    if found["day"] is None:
        return date(year, month, 1), date(year, month, monthrange(year, month)[1])
    day = date(year, month, int(found["day"]))
    return day, day
