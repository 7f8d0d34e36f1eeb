"""What callers have at hand, made into what facts carry; what cannot be is refused with one sentence."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import cache
from itertools import islice
from math import isfinite
from typing import Any, TypeVar, get_args, get_type_hints

import attrs

from trialdomain.errors import InputInvalid
from trialdomain.storage.codec import FactUnstorable, made_of
from trialdomain.storage.request import in_order
from trialdomain.values.clinical.toxicity import Seriousness
from trialdomain.values.clinical.unit import UCUM, ucum
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.chosen import must_be
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import FreeText, short
from trialdomain.values.number import as_decimal
from trialdomain.values.reason import REASON, check_words

F = TypeVar("F")
_MOST_OF_A_REASON = 400
"""Characters of what a validation says."""
_MOST_VALUES = 1_000_000
"""In one command: whatever gives more gives them without end."""


class FactMalformed(InputInvalid):
    """What was said cannot be so: a negative count, an end before a start, an unknown unit."""

    code = "fact-malformed"

    def __init__(self, *, kind: str, why: str) -> None:
        super().__init__(f"{kind} cannot be recorded: {short(why, _MOST_OF_A_REASON)}")
        self.kind, self.why = kind, why


def make(kind: type[F], /, **given: object) -> F:
    """Make a fact from what a caller gave: dates and texts become clinical times, spellings become units.

    Raises:
        FactMalformed: the fact's own validation refuses it, or a value is of the wrong kind.
        ReasonMissing: a field that says why says nothing.
    """
    _check_reasons(kind, given)
    return _make(kind, given)


def _make(kind: type[F], given: Mapping[str, object]) -> F:
    try:
        values = _all_coerced(kind, given)
        _refuse_unwritable(values)
        return _made(kind, values)
    except ValueError as error:
        raise FactMalformed(kind=kind.__name__, why=str(error)) from None


def _made(kind: type[F], values: Mapping[str, object]) -> F:
    """Make a fact, or a part of one, of values of the right kinds.

    Raises:
        FactMalformed: one of them is refused, or cannot be read.
    """
    try:
        return made_of(kind, values)
    except FactUnstorable as error:
        raise FactMalformed(kind=kind.__name__, why=error.why) from None
    except Exception as error:  # what the classes of others raise when they are read is not known
        raise FactMalformed(kind=kind.__name__, why=unreadable(error)) from error


def _check_reasons(kind: type, given: Mapping[str, object]) -> None:
    """Refuse blank or filler words where people say why (ICH E6(R3) 4.2.2).

    Raises:
        ReasonMissing: there are such.
    """
    for name, value in given.items():
        if example := _metadata(kind, name).get(REASON):
            words = value.plain if isinstance(value, FreeText) else plain(value)
            if is_a(words, str):
                check_words(words, such_as=str(example))


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
        return _made(FreeText, {"plain": plain(text)})
    except FactMalformed as error:
        raise FactMalformed(kind=what, why=error.why) from None


def remake(fact: F, changes: Mapping[str, object]) -> F:
    """Make a fact like another but for some fields.

    Raises:
        FactMalformed: a field that the fact does not have, or a value that its validation refuses.
        ReasonMissing: a field that says why would say nothing.
    """
    kind = type(fact)
    names = [field.name for field in attrs.fields(kind)]  # type: ignore[arg-type]  # every fact is an attrs class
    for name in changes:
        if name not in names:
            raise FactMalformed(kind=kind.__name__, why=f"it has no field {short(name)!r}, but {', '.join(names)}")
    _check_reasons(kind, changes)  # what is not changed may have come from elsewhere, where nobody was asked
    return _make(kind, {name: getattr(fact, name) for name in names} | dict(changes))


def _all_coerced(kind: type, given: Mapping[str, object]) -> dict[str, object]:
    """Make each value what its field carries.

    Raises:
        ValueError: one of them cannot be; it names the field.
    """
    values = {}
    for name, value in given.items():
        try:
            values[name] = _coerced(kind, name, value)
        except ValueError as error:
            why = str(error)
            raise ValueError(why if why.startswith(name) else f"{name}: {why}") from None
    return values


def _coerced(kind: type, name: str, value: object) -> object:
    wanted, value = _types(kind).get(name, ()), plain(value)
    if ClinicalTime in wanted and (is_a(value, str) or is_a(value, date)):
        return ClinicalTime.of(value)
    if FreeText in wanted and is_a(value, str):
        return {"plain": value}
    if Decimal in wanted and is_a(value, float):
        raise ValueError(f"{name} {float(value)} is a binary float: write a decimal, such as '{float(value)}'")
    if Decimal in wanted and (is_a(value, int) or is_a(value, str)) and not isinstance(value, bool):
        return as_decimal(value)
    if is_a(value, str) and _metadata(kind, name).get(UCUM):
        return ucum(value)
    if is_a(value, str):
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
        FactMalformed: there is no end of it.
    """
    if isinstance(given, AbstractSet):
        return tuple(map(plain, in_order(given)))
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | bytearray | memoryview | Mapping | type):
        found = tuple(map(plain, islice(given, _MOST_VALUES + 1)))
        if len(found) > _MOST_VALUES:
            raise FactMalformed(kind="a list", why=f"it has more than {_MOST_VALUES} values, or no end: give fewer")
        return found
    return given


def parts(what: str, given: object, kind: type[F]) -> tuple[F, ...]:
    """Take several values of one kind, from whatever they come in.

    Raises:
        FactMalformed: it is no collection, or a value is of another kind.
    """
    found: list[F] = []
    for number, one in enumerate(_list_of(what, given), start=1):
        if not is_a(one, kind):
            raise FactMalformed(kind=what, why=f"number {number} is {_a(one)}, and no {kind.__name__}")
        found.append(one)
    return tuple(found)


def facts(what: str, given: object, kind: type[F]) -> tuple[F, ...]:
    """Take several facts that a caller has made, as they would be read back.

    Raises:
        FactMalformed: it is no collection, or one of them is of another kind, or cannot be so.
    """
    return tuple(again(what, one, kind) for one in parts(what, given, kind))


def _list_of(what: str, given: object) -> tuple[object, ...]:
    found = members(given)
    if not isinstance(found, tuple):
        raise FactMalformed(kind=what, why=f"a list of them was expected, and {_a(given)} was given")
    return found


def criteria(given: object) -> tuple[object, ...] | None:
    """Put the criteria of seriousness into their own order, each once: whatever they come in, they are a set.

    Raises:
        FactMalformed: they are no list, or one of them is neither a criterion nor its word.
    """
    if given is None:
        return None
    ranks = {word: rank for rank, one in enumerate(Seriousness) for word in (one, one.value)}
    found = _list_of("criteria of seriousness", given)
    for number, one in enumerate(found, start=1):
        if not (is_a(one, Seriousness) or is_a(one, str)) or one not in ranks:
            known = ", ".join(criterion.value for criterion in Seriousness)
            why = f"number {number}, {short(one)!r}, is none of {known}"
            raise FactMalformed(kind="criteria of seriousness", why=why)
    return tuple(sorted(dict.fromkeys(found), key=lambda one: ranks[one]))  # type: ignore[index]  # as was just seen


def restated(kind: type, changes: Mapping[str, object]) -> dict[str, object]:
    """Take the fields of a correction as they will be recorded, once; what cannot be is refused when it is made.

    Raises:
        FactMalformed: a value cannot be read.
        ReasonMissing: a field that says why would say nothing.
    """
    _check_reasons(kind, changes)
    try:
        return _all_coerced(kind, changes)
    except ValueError as error:
        raise FactMalformed(kind=kind.__name__, why=str(error)) from None


def expect(what: str, given: object, kind: type[F]) -> F:
    """Take a value of one kind as it is.

    Raises:
        FactMalformed: it is of another.
    """
    given = plain(given)
    if not is_a(given, kind):
        raise FactMalformed(kind=what, why=f"{must_be(kind)} was expected, and {_a(given)} was given")
    return given


def again(what: str, given: object, kind: type[F]) -> F:
    """Take a fact, or another value, that a caller has made, as it would be read back: a field may hold anything.

    Raises:
        FactMalformed: it is of another kind, or cannot be so.
    """
    one, fields = expect(what, given, kind), attrs.fields(kind)  # type: ignore[arg-type]  # every fact is an attrs class
    return make(kind, **{field.name: getattr(one, field.name) for field in fields})


def check_callable(**given: object) -> None:
    """Refuse what cannot be called.

    Raises:
        InputInvalid: one of them cannot be.
    """
    for what, one in given.items():
        if not callable(one):
            raise InputInvalid(f"{what} is {short(one)!r}, and cannot be called: give a function")


def unreadable(error: Exception) -> str:
    """Say that a value raised an error of its own."""
    return f"a value in it cannot be read ({type(error).__name__}): give values of the library's own classes"


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
