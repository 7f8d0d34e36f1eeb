"""What a caller gives, as a plain value of its kind.

A class derived from ``str``, ``int``, ``Decimal``, ``date`` or ``datetime`` may answer otherwise than its value, or
otherwise the second time; so may a zone, and a stand-in that only says that it is one. What is made here is asked once,
and is of the plain class ever after.
"""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import TypeGuard, TypeVar

from trialdomain.errors import InputInvalid
from trialdomain.values.given.text import short
from trialdomain.values.word import Word

T = TypeVar("T")


class TimeUnusable(InputInvalid, ValueError):
    """Something is no time, or its zone does not say which moment it is."""

    code = "time-unusable"

    def __init__(self, *, given: object, why: str) -> None:
        super().__init__(f"{short(given)!r} was given as a time, {why}: give a datetime with an offset")
        self.given, self.why = given, why


def is_a(given: object, kind: type[T]) -> TypeGuard[T]:
    """Return whether a value is of a class or a subclass, by ``type``: a mock can deceive ``isinstance``."""
    return issubclass(type(given), kind)


def plain(given: T) -> T:
    """Return a text, a number, a day or a time as a plain one; anything else, also a word of the library, as it is.

    Raises:
        TimeUnusable: a time whose zone gives no offset.

    >>> class Loud(str):
    ...     def __str__(self):
    ...         return "!"
    >>> plain(Loud("a")), type(plain(Loud("a")))
    ('a', <class 'str'>)
    """
    kind = type(given)
    if kind is str or kind is int or kind is bool:
        return given
    return _plain(given)  # type: ignore[return-value]  # of the same kind


def _plain(given: object) -> object:
    if is_a(given, Word):
        return given
    if is_a(given, str):
        return str.__str__(given)
    if is_a(given, int):
        return int.__pos__(given)
    if is_a(given, Decimal):
        return Decimal(given)
    if is_a(given, datetime):
        return plain_time(given)
    if is_a(given, date):
        return date.fromordinal(date.toordinal(given))
    return given


def plain_time(given: object) -> datetime:
    """Return a time with the offset that its zone says when it is asked once; without one, a naive time.

    Raises:
        TimeUnusable: it is no time, or its zone gives no offset.
    """
    if not is_a(given, datetime):
        raise TimeUnusable(given=given, why="which is no datetime, has no offset and so is no moment")
    time = datetime.timetz(given)
    naive = datetime.combine(datetime.date(given), time.replace(tzinfo=None))
    if time.tzinfo is None:
        return naive
    offset = _offset(naive, time.tzinfo)
    return naive if offset is None else naive.replace(tzinfo=UTC if not offset else timezone(offset), fold=0)


def plain_moment(given: object) -> datetime:
    """Return the moment that a time with an offset names, as a plain time with that offset; also in UTC it has a year.

    Raises:
        TimeUnusable: it is no time, has no offset, or lies beyond the calendar in UTC.
    """
    time = plain_time(given)
    if time.tzinfo is None:
        raise TimeUnusable(given=given, why="which has no offset and so is no moment")
    try:
        time.astimezone(UTC)
    except OverflowError:
        raise TimeUnusable(given=given, why="which in UTC lies outside the years 1 to 9999") from None
    return time


def _offset(naive: datetime, zone: tzinfo) -> timedelta | None:
    """Ask a zone once."""
    try:
        offset = naive.replace(tzinfo=zone).utcoffset()
        return offset and timedelta(days=offset.days, seconds=offset.seconds, microseconds=offset.microseconds)
    except Exception as error:  # noqa: BLE001 - what the zones of others raise is not known
        why = short(error, 80) or type(error).__name__
        raise TimeUnusable(given=naive, why=f"whose zone gives no offset ({why})") from None
