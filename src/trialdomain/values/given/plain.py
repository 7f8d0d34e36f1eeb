"""Convert values from a caller to plain built-in types.

A subclass of ``str``, ``int``, ``Decimal``, ``date`` or ``datetime`` may override methods, so that it returns other
values than its own, or other values the second time. The same holds for a time zone or a mock. The functions here read
such an object once, and return an instance of the plain class.
"""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import TypeGuard, TypeVar

from trialdomain.errors import InputInvalid
from trialdomain.values.given.text import short
from trialdomain.values.word import Word

T = TypeVar("T")


class TimeUnusable(InputInvalid, ValueError):
    """A value is not a time, or its zone does not define the moment."""

    code = "time-unusable"

    def __init__(self, *, given: object, why: str) -> None:
        super().__init__(f"{short(given)!r} was given as a time, {why}: give a datetime with an offset")
        self.given, self.why = given, why


def is_a(given: object, kind: type[T]) -> TypeGuard[T]:
    """Return whether a value is of a class or a subclass, by ``type``: a mock can deceive ``isinstance``."""
    return issubclass(type(given), kind)


def plain(given: T) -> T:
    """Convert a text, a number, a day or a time to its plain type; return any other value, and a ``Word``, unchanged.

    Raises:
        TimeUnusable: the zone of a time gives no offset.

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
    """Convert to a plain ``datetime`` with the offset of its zone, which is read once; without a zone, a naive time.

    Raises:
        TimeUnusable: it is not a time, or its zone gives no offset.
    """
    if not is_a(given, datetime):
        raise TimeUnusable(given=given, why="which is not a datetime with an offset, so it is not a moment")
    time = datetime.timetz(given)
    naive = datetime.combine(datetime.date(given), time.replace(tzinfo=None))
    if time.tzinfo is None:
        return naive
    offset = _offset(naive, time.tzinfo)
    return naive if offset is None else naive.replace(tzinfo=UTC if not offset else timezone(offset), fold=0)


def plain_moment(given: object) -> datetime:
    """Convert a time with an offset to a plain ``datetime`` that can also be converted to UTC.

    Raises:
        TimeUnusable: it is not a time, has no offset, or lies outside the calendar in UTC.
    """
    time = plain_time(given)
    if time.tzinfo is None:
        raise TimeUnusable(given=given, why="which has no offset, so it is not a moment")
    try:
        time.astimezone(UTC)
    except OverflowError:
        raise TimeUnusable(given=given, why="which in UTC lies outside the years 1 to 9999") from None
    return time


def _offset(naive: datetime, zone: tzinfo) -> timedelta | None:
    """Return the offset of a zone, reading it once."""
    try:
        offset = naive.replace(tzinfo=zone).utcoffset()
        return offset and timedelta(days=offset.days, seconds=offset.seconds, microseconds=offset.microseconds)
    except Exception as error:  # noqa: BLE001 - what the zones of others raise is not known
        why = short(error, 80) or type(error).__name__
        raise TimeUnusable(given=naive, why=f"whose zone gives no offset ({why})") from None
