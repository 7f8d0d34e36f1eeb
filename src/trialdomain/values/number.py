"""One validator for every number that a fact carries."""

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
    """Say at a glance that a number has at most 15 digits and no exponent to speak of; others may be fine as well."""
    try:
        _as_it_stands(value)
    except ArithmeticError:
        return False
    return value.is_finite()


def _is_ordinary(value: object) -> bool:
    return isinstance(value, Decimal) and is_ordinary(value)


def is_bounded(value: Decimal) -> bool:
    """Return whether a number is finite, with at most 15 digits and no exponent with which it could not be computed."""
    _, digits, exponent = value.as_tuple()
    return isinstance(exponent, int) and len(digits) <= _MOST_DIGITS and abs(exponent) <= _LARGEST_EXPONENT


_as_it_stands = Context(
    prec=_MOST_DIGITS,
    Emin=_MOST_DIGITS - 1 - _LARGEST_EXPONENT,  # so that no exponent is below the least that is accepted
    Emax=_LARGEST_EXPONENT,
    traps=[Clamped, Inexact, InvalidOperation, Overflow, Rounded, Subnormal, Underflow],
).plus
"""Raises where a number would have to be changed to fit: in one step, for most of reading a log are numbers."""


def as_decimal(value: Decimal | int | str) -> Decimal:
    """Take a number as it is written: a decimal, a whole number, or their text; anything else is left as it is.

    A binary float is not taken: what it holds is not what was written.

    >>> as_decimal("0.40")
    Decimal('0.40')
    """
    given: object = plain(value)  # whatever a caller gave; what is no number is left for the validator to refuse
    if not (is_a(given, int) or is_a(given, str)) or isinstance(given, bool):
        return given  # type: ignore[return-value]  # as said
    try:
        return Decimal(given)
    except InvalidOperation:
        raise ValueError(f"{short(given)!r} is no number") from None


def decimal_number(*, least: int | None = None, most: int | None = None) -> Validator:
    """Accept a finite decimal of at most 15 significant digits whose exponent is bounded.

    Args:
        least: the smallest value that is accepted; None accepts any.
        most: the largest value that is accepted; None accepts any.
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
            raise ValueError(f"{attribute.name} must have at most {_MOST_DIGITS} digits and no exponent beyond reason")
        if least is not None and value < least:
            raise ValueError(f"{attribute.name} must be at least {least}, got {value}")
        if most is not None and value > most:
            raise ValueError(f"{attribute.name} must be at most {most}, got {value}")

    return check


def whole_number(*, least: int, most: int | None = None) -> "Callable[[object, attrs.Attribute[Any], int], None]":
    """Accept a whole number within bounds, both inclusive.

    Args:
        least: the smallest value that is accepted.
        most: the largest value that is accepted; None accepts any.
    """
    within = f"of at least {least}" if most is None else f"from {least} to {most}"

    def check(_: object, attribute: "attrs.Attribute[Any]", value: int) -> None:
        if type(value) is not int or value < least or (most is not None and value > most):
            raise ValueError(f"{attribute.name} must be a whole number {within}, got {short(value)}")

    return check


def optional_number(*, least: int | None = None) -> Callable[[object, "attrs.Attribute[Any]", Decimal | None], None]:
    """Accept such a number, or none."""
    check = decimal_number(least=least)

    def check_some(fact: object, attribute: "attrs.Attribute[Any]", value: Decimal | None) -> None:
        if value is not None and (least is not None or not _is_ordinary(value)):
            check(fact, attribute, value)

    return check_some
