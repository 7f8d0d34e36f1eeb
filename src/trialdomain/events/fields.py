"""A fact as flat fields: each readable value under its path."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

import attrs

from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.scale import Scale
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.text import FreeText

Plain: TypeAlias = str | int | bool
"""A value as it is written: decimals, times and words as text."""


def plain_fields(fact: object) -> dict[str, Plain]:
    """Return every field of a fact that has a value, as it is written; unknown values are left out.

    >>> from trialdomain.values.clinical.dose import Dose
    >>> plain_fields(Dose(amount=Decimal("2.50"), unit="10*9"))
    {'amount': '2.50', 'unit': '10*9'}
    """
    return dict(_fields("", fact))


def _fields(path: str, value: object) -> Iterator[tuple[str, Plain]]:
    plain = _plain(value)
    if plain is not None:
        yield path, plain
    elif isinstance(value, Dose) and path:  # written with its unit
        yield path, str(value)
    elif isinstance(value, Scale) and path:  # written with its version, and its grades where they are its own
        yield path, value.text
    elif isinstance(value, tuple):
        for number, one in enumerate(value, start=1):
            yield from _fields(f"{path}[{number}]", one)
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from _fields(f"{path}[{name}]", one)
    elif value is not None:
        for field in attrs.fields(type(value)):  # type: ignore[arg-type]  # every fact, and every part, is an attrs class
            yield from _fields(f"{path}.{field.name}".removeprefix("."), getattr(value, field.name))


def _plain(value: object) -> Plain | None:
    """Return a single value as it is written; None for a value that has parts."""
    match value:
        case Enum():
            return str(value.value)
        case bool() | int() | str():
            return value
        case Decimal():
            return str(value)
        case ClinicalTime():
            return value.text
        case date():
            return value.isoformat()
        case FreeText():
            return value.plain if value.plain is not None else "(sealed)"
        case _:
            return None
