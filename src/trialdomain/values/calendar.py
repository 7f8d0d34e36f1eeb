"""Calendar arithmetic, and the accepted years, in one place."""

from calendar import monthrange
from datetime import UTC, date, datetime, tzinfo
from typing import Any

import attrs

from trialdomain.errors import InputInvalid
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short

FIRST_YEAR, LAST_YEAR = 1900, 2199
"""The years of every date and time of a trial. Every window from a day in these years can be computed."""


def months_before(day: date, months: int) -> date:
    """Subtract calendar months; a day that the resulting month does not have becomes its last day.

    >>> months_before(date(2026, 8, 31), 6)
    datetime.date(2026, 2, 28)
    """
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def site_day(moment: datetime, zone: tzinfo) -> date:
    """Return the site's calendar day of a recording time, limited to the years of a trial.

    In the first and last hours of these years, the site's own day may lie outside them; answers cannot be computed for
    such a day.

    >>> from datetime import UTC
    >>> from zoneinfo import ZoneInfo
    >>> site_day(datetime(2199, 12, 31, 23, tzinfo=UTC), ZoneInfo("Asia/Shanghai"))
    datetime.date(2199, 12, 31)
    """
    day = moment.astimezone(zone).date()
    return min(max(day, date(FIRST_YEAR, 1, 1)), date(LAST_YEAR, 12, 31))


def times_shown(local: datetime, zone: tzinfo) -> int:
    """Count how often the clocks of a zone show a local time: 0 if they skip it, 2 if they repeat it.

    >>> from zoneinfo import ZoneInfo
    >>> zone = ZoneInfo("Europe/Berlin")
    >>> times_shown(datetime(2026, 3, 29, 2, 30), zone), times_shown(datetime(2026, 10, 25, 2, 30), zone)
    (0, 2)
    """
    moments = {local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sum(moment.astimezone(zone).replace(tzinfo=None) == local for moment in moments)


class DayInvalid(InputInvalid):
    """A parameter takes a calendar day, and the caller passed something else."""

    code = "day-invalid"

    def __init__(self, *, given: object) -> None:
        super().__init__(f"{short(given)!r} is not a calendar day: pass a date, or a text such as '2026-03-02'")
        self.given = given


class YearInvalid(InputInvalid, ValueError):
    """A date or a time lies outside the accepted years."""

    code = "year-invalid"

    def __init__(self, *, given: object) -> None:
        super().__init__(f"{short(given)} lies outside the years {FIRST_YEAR} to {LAST_YEAR}: correct the year")
        self.given = given


def check_year(given: object, year: int) -> None:
    """Refuse a date or time outside the accepted years.

    Raises:
        YearInvalid: the year is outside.
    """
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise YearInvalid(given=given)


def day_of_a_trial(_: object, __: "attrs.Attribute[Any]", day: date) -> None:
    """Accept a day in the accepted years (an attrs validator)."""
    check_year(day, day.year)


def as_day(given: object) -> date:
    """Convert a date, or its text, to a calendar day.

    Raises:
        DayInvalid: it is a time, or not a day.
        YearInvalid: it lies outside the accepted years.
    """
    day: object = None if is_a(given, datetime) else plain(given)
    if not is_a(day, date):
        try:
            day = date.fromisoformat(day if is_a(day, str) else "")
        except ValueError:
            raise DayInvalid(given=given) from None
    check_year(day, day.year)
    return day
