"""Convert and validate arguments into facts. An argument that cannot be converted is refused with one sentence."""

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
from trialdomain.values.clinical.scale import Scale, scale_of
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
"""The longest reason of a failed validation, in characters, that a message keeps."""
_MOST_VALUES = 1_000_000
"""The most values in one command. An iterable with more is taken to be endless."""


class FactMalformed(InputInvalid):
    """A fact is impossible: a negative count, an end before a start, an unknown unit."""

    code = "fact-malformed"

    def __init__(self, *, kind: str, why: str) -> None:
        super().__init__(f"{kind} cannot be recorded: {short(why, _MOST_OF_A_REASON)}")
        self.kind, self.why = kind, why


def make(kind: type[F], /, **given: object) -> F:
    """Make a fact from a caller's arguments: dates and texts become clinical times, spellings become units.

    Raises:
        FactMalformed: the fact's own validation refuses it, or a value is of the wrong kind.
        ReasonMissing: a field for a reason holds no reason.
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
    """Make a fact, or a part of one, from values of the right types.

    Raises:
        FactMalformed: a value is refused, or cannot be read.
    """
    try:
        return made_of(kind, values)
    except FactUnstorable as error:
        raise FactMalformed(kind=kind.__name__, why=error.why) from None
    except Exception as error:  # a caller's own class may raise anything when it is read
        raise FactMalformed(kind=kind.__name__, why=unreadable(error)) from error


def _check_reasons(kind: type, given: Mapping[str, object]) -> None:
    """Refuse blank or filler words in fields for a reason (ICH E6(R3) 4.2.2).

    Raises:
        ReasonMissing: a reason is blank, or a filler word.
    """
    for name, value in given.items():
        if example := _metadata(kind, name).get(REASON):
            words = value.plain if isinstance(value, FreeText) else plain(value)
            if is_a(words, str):
                check_words(words, such_as=str(example))


def _refuse_unwritable(values: Mapping[str, object]) -> None:
    """Refuse values that JSON would write as another value: bytes as a text, and NaN or an infinity as null.

    Raises:
        ValueError: a value is such a one.
    """
    for name, value in values.items():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, bytes | bytearray | memoryview) or (isinstance(one, float) and not isfinite(one)):
                raise ValueError(f"{name} is {_type_of(one)}, which it cannot hold: pass a text or a finite number")


def free_text(what: str, text: str | None) -> FreeText | None:
    """Make a free text; None stays None.

    Raises:
        FactMalformed: the text is blank, or is no text.
    """
    if text is None:
        return None
    try:
        return _made(FreeText, {"plain": plain(text)})
    except FactMalformed as error:
        raise FactMalformed(kind=what, why=error.why) from None


def remake(fact: F, changes: Mapping[str, object]) -> F:
    """Copy a fact with some fields changed.

    Raises:
        FactMalformed: the fact has no such field, or its validation refuses a value.
        ReasonMissing: a field for a reason would hold no reason.
    """
    kind = type(fact)
    names = [field.name for field in attrs.fields(kind)]  # type: ignore[arg-type]  # every fact is an attrs class
    for name in changes:
        if name not in names:
            raise FactMalformed(kind=kind.__name__, why=f"it has no field {short(name)!r}, but {', '.join(names)}")
    _check_reasons(kind, changes)  # not the other fields: an imported fact may hold a reason that is refused here
    return _make(kind, {name: getattr(fact, name) for name in names} | dict(changes))


def _all_coerced(kind: type, given: Mapping[str, object]) -> dict[str, object]:
    """Convert each value to the type of its field.

    Raises:
        ValueError: a value cannot be converted; the message names the field.
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
    if Scale in wanted and is_a(value, str):
        return scale_of(value)
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
    return as_tuple(value) if tuple in wanted else value


def _word(wanted: tuple[Any, ...], value: str) -> object:
    """Return the enumeration member that a word names; return any other text unchanged."""
    kinds = (kind for kind in wanted if isinstance(kind, type) and issubclass(kind, Enum))
    return next((one for kind in kinds for one in kind if one.value == value), value)


def as_tuple(given: object) -> object:
    """Copy a collection into a tuple; return any other value unchanged.

    An iterator would be empty when a decision is taken again, and a list may change meanwhile. A set has another order
    in every process, so its members are sorted.

    Raises:
        RequestUnreadable: a member of a set has no content to sort it by.
        FactMalformed: the collection is endless.
    """
    if isinstance(given, AbstractSet):
        return tuple(map(plain, in_order(given)))
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | bytearray | memoryview | Mapping | type):
        found = tuple(map(plain, islice(given, _MOST_VALUES + 1)))
        if len(found) > _MOST_VALUES:
            raise FactMalformed(kind="a list", why=f"it has more than {_MOST_VALUES} values, or no end: pass fewer")
        return found
    return given


def checked_list(what: str, given: object, kind: type[F]) -> tuple[F, ...]:
    """Return the values of a collection as a tuple, and check that each has the given type.

    Raises:
        FactMalformed: the argument is no collection, or a value has another type.
    """
    found: list[F] = []
    for number, one in enumerate(_list_of(what, given), start=1):
        if not is_a(one, kind):
            raise FactMalformed(kind=what, why=f"number {number} is {_type_of(one)}, not a {kind.__name__}")
        found.append(one)
    return tuple(found)


def checked_facts(what: str, given: object, kind: type[F]) -> tuple[F, ...]:
    """Validate facts that a caller made: rebuild each one as the codec would read it back.

    Raises:
        FactMalformed: the argument is no collection, or one of the facts has another type or is impossible.
    """
    return tuple(checked(what, one, kind) for one in checked_list(what, given, kind))


def _list_of(what: str, given: object) -> tuple[object, ...]:
    found = as_tuple(given)
    if not isinstance(found, tuple):
        raise FactMalformed(kind=what, why=f"the caller passed {_type_of(given)}: pass a list of them")
    return found


def criteria(given: object) -> tuple[object, ...] | None:
    """Sort the criteria of seriousness into the order of the enumeration, each once, since they are a set.

    Raises:
        FactMalformed: the argument is no list, or one of its members is neither a criterion nor its word.
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


def converted_fields(kind: type, changes: Mapping[str, object]) -> dict[str, object]:
    """Convert the fields of a fact once, before the decision; the fact's own validation follows later.

    Raises:
        FactMalformed: a value cannot be read.
        ReasonMissing: a field for a reason would hold no reason.
    """
    _check_reasons(kind, changes)
    try:
        return _all_coerced(kind, changes)
    except ValueError as error:
        raise FactMalformed(kind=kind.__name__, why=str(error)) from None


def expect(what: str, given: object, kind: type[F]) -> F:
    """Check the type of a value, and return it.

    Raises:
        FactMalformed: the value has another type.
    """
    given = plain(given)
    if not is_a(given, kind):
        raise FactMalformed(kind=what, why=f"the caller passed {_type_of(given)}: pass {must_be(kind)}")
    return given


def checked(what: str, given: object, kind: type[F]) -> F:
    """Validate a fact, or another value, that a caller made: rebuild it as the codec would read it back.

    A caller can put any value into a field, so each field is checked again.

    Raises:
        FactMalformed: the value has another type, or is impossible.
    """
    one, fields = expect(what, given, kind), attrs.fields(kind)  # type: ignore[arg-type]  # every fact is an attrs class
    return make(kind, **{field.name: getattr(one, field.name) for field in fields})


def check_callable(**given: object) -> None:
    """Refuse arguments that are not callable.

    Raises:
        InputInvalid: one of them is not.
    """
    for what, one in given.items():
        if not callable(one):
            raise InputInvalid(f"{what} is {short(one)!r}, which cannot be called: pass a function")


def unreadable(error: Exception) -> str:
    """Describe a value that raised an error when it was read."""
    return f"reading one of its values raised {type(error).__name__}: pass values of the library's own classes"


def _type_of(value: object) -> str:
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
