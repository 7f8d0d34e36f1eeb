"""The fingerprint of a request: a hash of its content.

The same request has the same hash in any process, at any time. Neither the memory address of an object nor the order of
a set is content. An object without content of its own, such as an iterator, is refused; callers make it a tuple first.
"""

import json
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from typing import TypeAlias

import attrs

from trialdomain.errors import InputInvalid
from trialdomain.values.clinical_time import ClinicalTime

_Content: TypeAlias = "str | int | float | bool | list[_Content] | None"
_DEEPEST = 50
"""The deepest nesting of values; the requests of this library have less than a tenth of it."""


class RequestUnreadable(InputInvalid):
    """A caller passed a value that no fact can hold: an object of an unknown type, or an iterator."""

    code = "request-unreadable"

    def __init__(self, *, kind: str) -> None:
        super().__init__(
            f"the caller passed a value of type {kind}, which no fact can hold: pass texts, numbers, dates, the "
            f"library's own values, or a list of them"
        )
        self.kind = kind


def fingerprint(*request: object) -> bytes:
    """Hash a request, so that a store recognizes the same request when it is sent again.

    Raises:
        RequestUnreadable: a value has no content that is the same in every process.
    """
    text = json.dumps(_content(request, _DEEPEST), separators=(",", ":"))
    return sha256(text.encode("ascii")).digest()


def _of_field(value: object, deepest: int) -> _Content:
    """Return the content of a field; sort a tuple, because no fact gives its order a meaning."""
    if type(value) is tuple:
        return sorted((_content(one, deepest) for one in value), key=json.dumps)
    return _content(value, deepest)


def in_order(values: Iterable[object]) -> tuple[object, ...]:
    """Sort values by their content: the same order in every process.

    Raises:
        RequestUnreadable: a value has no content.
    """
    return tuple(sorted(values, key=lambda value: json.dumps(_content(value, _DEEPEST))))


def _content(value: object, deepest: int) -> _Content:
    """Return the type and the content of a value, as nested lists and texts."""
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return value  # type: ignore[return-value]  # one of these three
    if kind is int:
        return ["int", hex(value)]  # type: ignore[arg-type]  # an int of any size
    if not deepest:
        raise RequestUnreadable(kind=kind.__name__)
    if kind is tuple or kind is list:
        return [_content(one, deepest - 1) for one in value]  # type: ignore[attr-defined]  # a sequence
    if attrs.has(kind):
        return [kind.__name__, *(_of_field(getattr(value, name), deepest - 1) for name in _fields(kind))]
    return _of_other(value, deepest - 1)


def _of_other(value: object, deepest: int) -> _Content:
    match value:
        case Enum():
            return ["enum", type(value).__name__, str(value.value)]
        case bool() | int() | str():  # of a subclass that the caller defined
            return _content(value.conjugate() if isinstance(value, int) else str.__str__(value), deepest)
        case Decimal():
            return ["number", _plainest(value)]
        case ClinicalTime():
            return value.text
        case datetime() | date():
            return value.isoformat()
        case float():
            return ["float", repr(value)]
        case Mapping():
            return sorted(
                ([_content(key, deepest), _content(one, deepest)] for key, one in value.items()), key=json.dumps
            )
        case AbstractSet():
            return ["set", *sorted((_content(one, deepest) for one in value), key=json.dumps)]
        case tuple() | list():
            return [_content(one, deepest) for one in value]
        case _:
            raise RequestUnreadable(kind=type(value).__name__)


def _plainest(value: Decimal) -> str:
    """Write a number without trailing zeros, independent of the caller's decimal context."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return str(value)
    significant = "".join(map(str, digits)).lstrip("0")
    shorter = significant.rstrip("0")
    return f"{'-' * sign}{shorter}E{exponent + len(significant) - len(shorter)}" if shorter else "0"


@lru_cache(maxsize=256)
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(kind))
