"""What callers have at hand, made into what facts carry; what cannot be is refused with one sentence."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from math import isfinite
from typing import Any, TypeVar, get_args, get_type_hints

import attrs

from trialdomain.errors import InputInvalid
from trialdomain.storage.codec import FactUnstorable, made_of
from trialdomain.storage.request import in_order
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.number import as_decimal
from trialdomain.values.text import FreeText
from trialdomain.values.toxicity import Seriousness
from trialdomain.values.unit import UCUM, ucum

F = TypeVar("F")


class FactMalformed(InputInvalid):
    """What was said cannot be so: a negative count, an end before a start, an unknown unit."""

    code = "fact-malformed"

    def __init__(self, *, kind: str, why: str) -> None:
        super().__init__(f"{kind} cannot be recorded: {why}")
        self.kind, self.why = kind, why


def make(kind: type[F], /, **given: object) -> F:
    """Make a fact from what a caller gave: dates and texts become clinical times, spellings become units.

    Raises:
        FactMalformed: the fact's own validation refuses it, or a value is of the wrong kind.
    """
    try:
        values = {name: _coerced(kind, name, value) for name, value in given.items()}
        _refuse_unwritable(values)
        return made_of(kind, values)
    except FactUnstorable as error:
        raise FactMalformed(kind=kind.__name__, why=error.why) from None
    except ValueError as error:
        raise FactMalformed(kind=kind.__name__, why=str(error)[:400]) from None


def _refuse_unwritable(values: Mapping[str, object]) -> None:
    """Refuse what JSON would write as something else: bytes as a text, and a number that is none as nothing.

    Raises:
        ValueError: there is one.
    """
    for name, value in values.items():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, bytes | bytearray | memoryview) or (isinstance(one, float) and not isfinite(one)):
                raise ValueError(f"{name} is {_a(one)}, which it cannot hold: give a text or a number")


def free_text(what: str, text: str | None) -> FreeText | None:
    """Make a free text, or none.

    Raises:
        FactMalformed: it is blank, or no text.
    """
    if text is None:
        return None
    try:
        return made_of(FreeText, {"plain": text})
    except FactUnstorable as error:
        raise FactMalformed(kind=what, why=error.why) from None


def remake(fact: F, changes: Mapping[str, object]) -> F:
    """Make a fact like another but for some fields.

    Raises:
        FactMalformed: a field that the fact does not have, or a value that its validation refuses.
    """
    kind = type(fact)
    names = [field.name for field in attrs.fields(kind)]  # type: ignore[arg-type]  # every fact is an attrs class
    for name in changes:
        if name not in names:
            raise FactMalformed(kind=kind.__name__, why=f"it has no field {name!r}, but {', '.join(names)}")
    return make(kind, **({name: getattr(fact, name) for name in names} | dict(changes)))


def _coerced(kind: type, name: str, value: object) -> object:
    wanted = _types(kind).get(name, ())
    if ClinicalTime in wanted and isinstance(value, str | date | datetime):
        return ClinicalTime.of(value)
    if FreeText in wanted and isinstance(value, str):
        return {"plain": value}
    if Decimal in wanted and isinstance(value, float):
        raise ValueError(f"{name} {value} is a binary float: write a decimal, such as '{value}'")
    if Decimal in wanted and isinstance(value, int | str) and not isinstance(value, bool):
        return as_decimal(value)
    if isinstance(value, str) and _metadata(kind, name).get(UCUM):
        return ucum(value)
    if isinstance(value, str):
        return _word(wanted, value)
    if name == "seriousness":
        return criteria(value)
    return members(value) if tuple in wanted else value


def _word(wanted: tuple[Any, ...], value: str) -> object:
    """Give the member of an enumeration that a word names; other texts stay what they are."""
    kinds = (kind for kind in wanted if isinstance(kind, type) and issubclass(kind, Enum))
    return next((one for kind in kinds for one in kind if one.value == value), value)


def members(given: object) -> object:
    """Make a tuple of what may be read only once, or comes in no order; leave alone what is no collection.

    An iterator would be empty when a decision is taken again, and a list may change meanwhile. A set has another order
    in every process.

    Raises:
        RequestUnreadable: a member of a set has no content to order it by.
    """
    if isinstance(given, AbstractSet):
        return in_order(given)
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | bytearray | memoryview | Mapping | type):
        return tuple(given)
    return given


def parts(what: str, given: object, kind: type[F]) -> tuple[F, ...]:
    """Take several values of one kind, from whatever they come in.

    Raises:
        FactMalformed: it is no collection, or a value is of another kind.
    """
    found = members(given)
    if not isinstance(found, tuple):
        raise FactMalformed(kind=what, why=f"a list of them was expected, and {_a(given)} was given")
    for number, one in enumerate(found, start=1):
        if not isinstance(one, kind):
            raise FactMalformed(kind=what, why=f"number {number} is {_a(one)}, and no {kind.__name__}")
    return found


def criteria(given: object) -> object:
    """Put the criteria of seriousness into their own order, each once: whatever they come in, they are a set."""
    found = members(given)
    if not isinstance(found, tuple):
        return found
    ranks = [word for one in Seriousness for word in (one, one.value)]
    unlike = [one for number, one in enumerate(found) if one not in found[:number]]
    return tuple(sorted(unlike, key=lambda one: ranks.index(one) if one in ranks else len(ranks)))


def restated(kind: type, changes: Mapping[str, object]) -> dict[str, object]:
    """Take the fields of a correction as they will be recorded, once; what cannot be is refused when it is made.

    Raises:
        FactMalformed: a value cannot be read.
    """
    try:
        return {name: _coerced(kind, name, value) for name, value in changes.items()}
    except ValueError as error:
        raise FactMalformed(kind=kind.__name__, why=str(error)[:400]) from None


def expect(what: str, given: object, kind: type[F]) -> F:
    """Take a value of one kind as it is.

    Raises:
        FactMalformed: it is of another.
    """
    if not isinstance(given, kind):
        raise FactMalformed(kind=what, why=f"a {kind.__name__} was expected, and {_a(given)} was given")
    return given


def _a(value: object) -> str:
    return f"a value of type {type(value).__name__}"


@cache
def _types(kind: type) -> dict[str, tuple[Any, ...]]:
    return {name: _alternatives(hint) for name, hint in get_type_hints(kind).items()}


def _alternatives(hint: object) -> tuple[Any, ...]:
    arguments = get_args(hint)
    if getattr(hint, "__origin__", None) is tuple:
        return (tuple,)
    return arguments or (hint,)


@cache
def _metadata(kind: type, name: str) -> Mapping[str, object]:
    return next((field.metadata for field in attrs.fields(kind) if field.name == name), {})
