"""Converters and validators for the numbers in facts."""

from collections.abc import Callable
from decimal import (
    Clamped,
    Context,
    Decimal,
    Inexact,
    InvalidOperation,
    Overflow,
    Rounded,
    Subnormal,
    Underflow,
)
from typing import Any, TypeAlias

import attrs

from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short

_MOST_DIGITS = 15
_LARGEST_EXPONENT = 30
Validator: TypeAlias = Callable[[object, "attrs.Attribute[Any]", Decimal], None]


def is_ordinary(value: Decimal) -> bool:
    """Quickly accept a number of at most 15 digits with a small exponent; a rejected number may still be bounded."""
    try:
        _exact_context(value)
    except ArithmeticError:
        return False
    return value.is_finite()


def _is_ordinary(value: object) -> bool:
    return isinstance(value, Decimal) and is_ordinary(value)


def is_bounded(value: Decimal) -> bool:
    """Return whether a number is finite, with at most 15 digits and an exponent within bounds."""
    _, digits, exponent = value.as_tuple()
    return isinstance(exponent, int) and len(digits) <= _MOST_DIGITS and abs(exponent) <= _LARGEST_EXPONENT


_exact_context = Context(
    prec=_MOST_DIGITS,
    Emin=_MOST_DIGITS - 1 - _LARGEST_EXPONENT,  # no exponent is below the smallest accepted one
    Emax=_LARGEST_EXPONENT,
    traps=[Clamped, Inexact, InvalidOperation, Overflow, Rounded, Subnormal, Underflow],
).plus
"""A decimal context that raises if a number does not fit unchanged; fast, as most values of a log are numbers."""


def as_decimal(value: Decimal | int | str) -> Decimal:
    """Convert a whole number, or a text, to a ``Decimal``; a value of any other type is returned unchanged.

    A binary float is not converted: it does not hold the exact number that was written.

    >>> as_decimal("0.40")
    Decimal('0.40')
    """
    given: object = plain(value)  # the caller may have passed any type; the validator refuses what is not a number
    if not (is_a(given, int) or is_a(given, str)) or isinstance(given, bool):
        return given  # type: ignore[return-value]  # the validator checks the type
    try:
        return Decimal(given)
    except InvalidOperation:
        raise ValueError(f"{short(given)!r} is not a number") from None


def decimal_number(*, least: int | None = None, most: int | None = None) -> Validator:
    """Create a validator for a finite decimal of at most 15 significant digits with a bounded exponent.

    Args:
        least: the smallest accepted value; None for no limit.
        most: the largest accepted value; None for no limit.
    """
    unbounded = least is None and most is None

    def check(_: object, attribute: "attrs.Attribute[Any]", value: Decimal) -> None:
        given: object = value
        if not isinstance(given, Decimal):
            why = f"{attribute.name} must be a Decimal, got a value of type {type(given).__name__}"
            raise ValueError(why)  # noqa: TRY004 - as every other value that a field cannot have
        if unbounded and is_ordinary(value):
            return
        if not value.is_finite():
            raise ValueError(f"{attribute.name} must be a finite number, got {value}")
        if not is_bounded(value):
            raise ValueError(f"{attribute.name} must have at most {_MOST_DIGITS} digits and a reasonable exponent")
        if least is not None and value < least:
            raise ValueError(f"{attribute.name} must be at least {least}, got {value}")
        if most is not None and value > most:
            raise ValueError(f"{attribute.name} must be at most {most}, got {value}")

    return check


def whole_number(*, least: int, most: int | None = None) -> "Callable[[object, attrs.Attribute[Any], int], None]":
    """Create a validator for a whole number within bounds, both inclusive.

    Args:
        least: the smallest accepted value.
        most: the largest accepted value; None for no limit.
    """
    within = f"of at least {least}" if most is None else f"from {least} to {most}"

    def check(_: object, attribute: "attrs.Attribute[Any]", value: int) -> None:
        if type(value) is not int or value < least or (most is not None and value > most):
            raise ValueError(f"{attribute.name} must be a whole number {within}, got {short(value)}")

    return check


def optional_number(*, least: int | None = None) -> Callable[[object, "attrs.Attribute[Any]", Decimal | None], None]:
    """Create a validator for a decimal number or None."""
    check = decimal_number(least=least)

    def check_some(fact: object, attribute: "attrs.Attribute[Any]", value: Decimal | None) -> None:
        if value is not None and (least is not None or not _is_ordinary(value)):
            check(fact, attribute, value)

    return check_some
