"""Convert the moments of questions: a position, a time or a day; a day means its end at the site."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TypeAlias

from trialdomain.errors import InputInvalid
from trialdomain.values.calendar import as_day, check_year
from trialdomain.values.given.plain import TimeUnusable, is_a, plain, plain_moment, plain_time
from trialdomain.values.given.text import short

KnownAt: TypeAlias = int | datetime | date | str
"""A position, a time with its offset, or a day (its end at the site); a time or a day may also be a text."""


class MomentInvalid(InputInvalid):
    """The log cannot answer a question about this moment."""

    code = "moment-invalid"


def as_known_at(given: object, zone: tzinfo) -> int | datetime:
    """Convert a position, a time with its offset, or a day at the site into a position or a plain time.

    Raises:
        MomentInvalid: the argument is none of them.
        YearInvalid: the year is outside the years of trials.
    """
    return plain(given) if is_a(given, int) and not isinstance(given, bool) else as_moment(given, zone)


def as_moment(given: object, zone: tzinfo, *, begins: bool = False) -> datetime:
    """Convert a time with its offset, a day at the site, or the text of either into a plain time.

    Args:
        given: the time, or the day.
        zone: the time zone of the site, in which a day begins and ends.
        begins: whether a day means its first moment; by default it means its last moment.

    Raises:
        MomentInvalid: the argument is neither.
        YearInvalid: the year is outside the years of trials.
    """
    if is_a(given, str):
        given = day_or_time(plain(given)) or given
    if is_a(given, date) and not is_a(given, datetime):
        return (_begin if begins else _end)(as_day(given), zone)
    if not is_a(given, datetime):
        raise MomentInvalid(
            f"{short(given)!r} is not a moment: give a position, a day such as 2026-03-02, or a time with its offset "
            f"such as 2026-03-02T10:15+08:00"
        )
    try:
        moment = plain_time(given)
        if moment.tzinfo is None:
            raise MomentInvalid(f"{short(given)} has no offset: say which zone, as in 2026-03-02T10:15+08:00")
        moment = plain_moment(moment)
    except TimeUnusable as error:
        raise MomentInvalid(f"{short(given)!r} is a time {error.why}: correct it") from None
    check_year(moment, moment.year)
    return moment


def day_or_time(text: str) -> date | datetime | None:
    """Parse the text of a day or a time; return None for any other text."""
    try:
        if len(text) <= len("2026-03-02"):
            return date.fromisoformat(text)
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _begin(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _end(day: date, zone: tzinfo) -> datetime:
    """Return the last moment before the next day; a day with a clock change does not have 24 hours."""
    return _begin(day + timedelta(days=1), zone) - timedelta(microseconds=1)
