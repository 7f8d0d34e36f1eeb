"""What could be read of a protocol where some of it could not: the rest is checked all the same.

A file with a fault is read to its end. A part of it, such as a criterion, then has the fields that could be read, and
lacks the others. A check that asks for a field that is not there finds nothing; every other check is made. No part that
lacks a field stands in a protocol: a protocol with a fault is refused.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import attrs

T = TypeVar("T")
Check: TypeAlias = Callable[[], str | Iterable[str | None] | None]
"""A check of a part: it returns its fault, or its faults, or None."""


class InPart(tuple[T, ...]):
    """The values of a list that could be read, where others could not. Such a list counts as not empty."""

    __slots__ = ()

    def __bool__(self) -> bool:
        """Return True: something stands in the file, although it could not be read."""
        return True


def is_complete(values: tuple[object, ...]) -> bool:
    """Return whether every value of a list could be read."""
    return not isinstance(values, InPart)


def having(parts: Iterable[T], *names: str) -> list[T]:
    """Return the parts of which these fields could be read."""
    return [one for one in parts if all(hasattr(one, name) for name in names)]


def is_whole(value: object) -> bool:
    """Return whether everything of a value could be read."""
    if isinstance(value, tuple):
        return is_complete(value) and all(map(is_whole, value))
    return all(hasattr(value, name) and is_whole(getattr(value, name)) for name in _names(type(value)))


def is_sound(value: object) -> bool:
    """Return whether everything of a value could be read, and no check of it finds a fault."""
    if isinstance(value, tuple):
        return is_complete(value) and all(map(is_sound, value))
    if not is_whole(value) or any(faults_of(checks_of(value))):
        return False
    return all(is_sound(getattr(value, name)) for name in _names(type(value)))


def _names(kind: type[Any]) -> list[str]:
    """Return the names of the fields of a class; none for a class of plain values."""
    return [field.name for field in _fields(kind)]


def _fields(kind: type[Any]) -> "Sequence[attrs.Attribute[Any]]":
    return attrs.fields(kind) if attrs.has(kind) else ()


def checks_of(part: object) -> Iterable[Check]:
    """Return the checks of a part; none for a value that has no ``checks``."""
    checks: Callable[[], Iterable[Check]] | None = getattr(part, "checks", None)
    return () if checks is None else checks()


def faults_of(checks: Iterable[Check]) -> Iterator[str]:
    """Make each check, and yield its faults; a check ends where it asks for a field that could not be read."""
    for check in checks:
        try:
            found = check()
            for fault in [found] if isinstance(found, str) or found is None else found:
                if fault is not None:
                    yield fault
        except AttributeError as error:
            if not _is_unread(error):
                raise


def _is_unread(error: AttributeError) -> bool:
    return error.name in _names(type(error.obj))


def part_of(kind: type[T], given: Mapping[str, object], faults: list[str]) -> T:
    """Make a part from the fields that could be read. A value that its field refuses is a fault, and left out.

    Args:
        kind: the class of the part.
        given: the fields that could be read, and those that have their default.
        faults: the list to which the faults are added.
    """
    part = object.__new__(kind)
    if hasattr(kind, "__attrs_post_init__") and not hasattr(kind, "checks"):
        return part  # what such a class asks of its fields is known to itself alone
    for field in _fields(kind):
        if field.name not in given:
            continue
        try:
            convert: Any = field.converter
            value = given[field.name] if convert is None else convert(given[field.name])
            if field.validator is not None:
                field.validator(part, field, value)
        except (ValueError, TypeError, ArithmeticError) as error:
            faults.append(str(error))
        else:
            object.__setattr__(part, field.name, value)
    settle: Check | None = getattr(part, "settle", None)
    if settle is not None:
        faults += faults_of([settle])
    return part
