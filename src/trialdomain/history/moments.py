"""Moments that somebody asks about, taken from whatever they come in; a day means its end at the site."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TypeAlias

from trialdomain.errors import InputInvalid
from trialdomain.values.calendar import as_day, check_year
from trialdomain.values.given.plain import TimeUnusable, is_a, plain, plain_moment, plain_time
from trialdomain.values.given.text import short

KnownAt: TypeAlias = int | datetime | date | str
"""A position, a time with its offset, or a day: then its end at the site; of a time and a day also the text."""


class MomentInvalid(InputInvalid):
    """A question was asked about a moment that the log cannot answer."""

    code = "moment-invalid"


def as_known_at(given: object, zone: tzinfo) -> int | datetime:
    """Take a position, a time with its offset, or a day at the site, as a position or a plain time.

    Raises:
        MomentInvalid: it is none of them.
        YearInvalid: it lies in a year that no trial has.
    """
    return plain(given) if is_a(given, int) and not isinstance(given, bool) else as_moment(given, zone)


def as_moment(given: object, zone: tzinfo, *, begins: bool = False) -> datetime:
    """Take a time with its offset, or a day at the site, or the text of either, as a plain time.

    Args:
        given: the time, or the day.
        zone: the site's, in which a day begins and ends.
        begins: whether a day means its first moment; else it means its last.

    Raises:
        MomentInvalid: it is neither.
        YearInvalid: it lies in a year that no trial has.
    """
    if is_a(given, str):
        given = day_or_time(plain(given)) or given
    if is_a(given, date) and not is_a(given, datetime):
        return (_begin if begins else _end)(as_day(given), zone)
    if not is_a(given, datetime):
        raise MomentInvalid(
            f"{short(given)!r} is no moment: give a position, a day such as 2026-03-02, or a time with its offset such "
            f"as 2026-03-02T10:15+08:00"
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
    """Read the text of a day, or of a time; None of anything else."""
    try:
        if len(text) <= len("2026-03-02"):
            return date.fromisoformat(text)
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _begin(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _end(day: date, zone: tzinfo) -> datetime:
    """Give the last moment before the next day begins: where clocks are set, a day has no 24 hours."""
    return _begin(day + timedelta(days=1), zone) - timedelta(microseconds=1)
