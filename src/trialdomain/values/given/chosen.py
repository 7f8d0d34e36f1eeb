"""Error messages about values of a wrong type or word, and the conversion of texts to members of enumerations."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from trialdomain.errors import InputInvalid
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import FreeText, short
from trialdomain.values.word import Word

W = TypeVar("W", bound=Word)
_CALLED: Mapping[object, str] = {
    bool: "True or False",
    int: "a whole number",
    str: "a text",
    FreeText: "a text",
    Decimal: "a decimal number such as '0.5'",
    ClinicalTime: "a day or a time such as '2026-03-02'",
    date: "a day",
    datetime: "a time with its offset",
    tuple: "a list",
}


class WordUnknown(InputInvalid, ValueError):
    """A field takes one word of a list, and the caller passed something else."""

    code = "word-unknown"

    def __init__(self, *, field: str, words: Sequence[str], given: object) -> None:
        wanted = f"one of {', '.join(words)}"
        super().__init__(f"{field} must be {wanted}, got {_given(given)}{_nearest(words, given)}")
        self.field, self.words, self.given = field, words, given


def word_of(field: str, kind: type[W], given: object) -> W:
    """Convert a member of an enumeration, or its text, to the member.

    Args:
        field: the name of the field, for the error message.
        kind: the enumeration.
        given: the value that the caller passed.

    Raises:
        WordUnknown: it is neither a member nor the text of one.
    """
    if type(given) is kind:
        return given
    text = plain(given) if is_a(given, str) else None
    found = next((one for one in kind if one.value == text), None)
    if found is None:
        raise WordUnknown(field=field, words=_words(kind), given=given)
    return found


def wrong_kind(field: str, hint: object, given: object) -> str:
    """Return an error message with the expected type and the passed value; for enumerations with the nearest word.

    >>> wrong_kind("age", int | None, "42")
    "age must be a whole number or None, got the text '42'"
    """
    return f"{field} must be {must_be(hint)}, got {_given(given)}{_nearest(_words(hint), given)}"


def must_be(hint: object) -> str:
    """Return the name of a type in plain words."""
    return " or ".join(dict.fromkeys(_called(kind) for kind in _alternatives(hint)))


def _alternatives(hint: object) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)


def _called(kind: Any) -> str:  # noqa: ANN401 - any annotation of a field
    if kind is NoneType:
        return "None"
    plain_kind = get_origin(kind) or kind
    if isinstance(plain_kind, type) and issubclass(plain_kind, Enum):
        return f"one of {', '.join(_words(plain_kind))}"
    name = str(getattr(plain_kind, "__name__", plain_kind))
    return _CALLED.get(plain_kind) or f"{'an' if name[:1] in 'AEIOU' else 'a'} {name}"


def _given(value: object) -> str:
    if value is None or is_a(value, bool):
        return str(value)
    if is_a(value, str):
        return f"the text {short(value)!r}"
    if is_a(value, int) or is_a(value, float) or is_a(value, Decimal):
        return f"the number {short(value)}"
    return f"a value of type {type(value).__name__}"


def _words(hint: object) -> tuple[str, ...]:
    """Return the words of all enumerations in a type annotation."""
    kinds = [kind for kind in _alternatives(hint) if isinstance(kind, type) and issubclass(kind, Enum)]
    return tuple(str(one.value) for kind in kinds for one in kind)


def _nearest(words: Sequence[str], given: object) -> str:
    near = get_close_matches(short(given).lower(), words, 1) if is_a(given, str) else []
    return f"; the nearest is {near[0]}" if near else ""
