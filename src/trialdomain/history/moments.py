"""Moments that somebody asks about, taken from whatever they come in."""

from datetime import datetime
from typing import TypeAlias

from trialdomain.errors import InputInvalid
from trialdomain.values.calendar import check_year
from trialdomain.values.plain import TimeUnusable, is_a, plain, plain_moment, plain_time
from trialdomain.values.text import short

KnownAt: TypeAlias = int | datetime
"""A position, or a time with its offset."""


class MomentInvalid(InputInvalid):
    """A question was asked about a moment that the log cannot answer."""

    code = "moment-invalid"


def as_known_at(given: object) -> KnownAt:
    """Take a position, or a time with its offset, as a plain one.

    Raises:
        MomentInvalid: it is neither.
        YearInvalid: it lies in a year that no trial has.
    """
    return plain(given) if is_a(given, int) and not isinstance(given, bool) else as_moment(given)


def as_moment(given: object) -> datetime:
    """Take a time with its offset, as a plain one.

    Raises:
        MomentInvalid: it is none.
        YearInvalid: it lies in a year that no trial has.
    """
    if not is_a(given, datetime):
        raise MomentInvalid(f"{short(given)!r} is no moment: give a position, or a time with its offset")
    try:
        moment = plain_time(given)
        if moment.tzinfo is None:
            raise MomentInvalid(f"{short(given)} has no offset: say which zone, as in 2026-03-02T10:15+08:00")
        moment = plain_moment(moment)
    except TimeUnusable as error:
        raise MomentInvalid(f"{short(given)!r} is a time {error.why}: correct it") from None
    check_year(moment, moment.year)
    return moment
