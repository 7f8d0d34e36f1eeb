"""Values that no parameter accepts, each created anew: wrong types, invalid texts, classes that imitate others."""

import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import NoReturn
from unittest.mock import MagicMock, Mock
from uuid import UUID

from attrs import evolve
from site_desk import INVESTIGATOR
from typing_extensions import override

from trialdomain import ClinicalTime, Dose, Meta, Recorded, User
from trialdomain.events.participant import Died


class OddError(Exception):
    """What the classes here raise: it is of nobody's business."""


def _refuses(*_: object, **__: object) -> NoReturn:
    raise OddError


def _odd(kind: type, *names: str) -> type:
    """Derive a class that refuses whatever is asked of it."""
    return type(f"Odd{kind.__name__.capitalize()}", (kind,), dict.fromkeys(names, _refuses))


_ASKED = ("__eq__", "__hash__", "__str__", "__repr__", "__bool__", "__lt__", "__gt__", "__le__", "__ge__", "__len__")
OddText = _odd(str, *_ASKED, "__getitem__", "strip", "encode", "partition", "casefold", "isprintable", "startswith")
OddNumber = _odd(int, *_ASKED, "__int__", "__index__", "conjugate", "__add__")
OddDay = _odd(date, *_ASKED, "isoformat", "toordinal", "__sub__")
OddTime = _odd(datetime, *_ASKED, "isoformat", "astimezone", "utcoffset", "replace", "date", "__sub__")
OddDecimal = _odd(Decimal, *_ASKED, "is_finite", "as_tuple")
OddPath = _odd(type(Path()), *_ASKED, "__fspath__", "with_name")
OddList = _odd(list, *_ASKED, "__iter__")
OddObject = _odd(object, *_ASKED, "__iter__", "__call__", "__getattr__", "__float__", "__contains__", "__fspath__")


class OddUser(User):
    """A user who is somebody else each time that it is asked."""

    @override
    def introduced(self) -> NoReturn:
        raise OddError


class OddZone(tzinfo):
    """A zone that does not say where it is."""

    @override
    def utcoffset(self, when: datetime | None) -> timedelta:
        raise OddError

    @override
    def dst(self, when: datetime | None) -> timedelta:
        raise OddError

    @override
    def tzname(self, when: datetime | None) -> str:
        raise OddError


def _nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


def _holds_itself() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


def _entry() -> Recorded[Died]:
    meta = Meta(recorded_at=datetime(2026, 3, 2, tzinfo=UTC), user="u1", command="c1", part=1, parts=1)
    fact = Died(on=ClinicalTime("2026-03-02"))
    return Recorded(trial="T1", position=1, stream="T1/participant/S001", version=1, meta=meta, fact=fact)


ODD: Mapping[str, Callable[[], object]] = {
    "None": lambda: None,
    "true": lambda: True,
    "false": lambda: False,
    "zero": lambda: 0,
    "negative": lambda: -1,
    "beyond 64 bits": lambda: 2**64,
    "5,000 digits": lambda: 10**5000,
    "float": lambda: 1.5,
    "nan": lambda: float("nan"),
    "infinite": lambda: float("inf"),
    "complex": lambda: 1j,
    "decimal nan": lambda: Decimal("NaN"),
    "huge decimal": lambda: Decimal("1E+999999"),
    "bytes": lambda: b"x",
    "bytearray": lambda: bytearray(b"x"),
    "memoryview": lambda: memoryview(b"x"),
    "empty": lambda: "",
    "blank": lambda: " \t",
    "long": lambda: "x" * 5_000,
    "longer": lambda: "x" * 1_000_000,
    "half a character": lambda: "\ud800",
    "half a character within": lambda: "S001\udfff",
    "nul": lambda: "a\0b",
    "lines": lambda: "a\nb\u2028c",
    "escape": lambda: "\x1b[31mred",
    "direction": lambda: "\u202egrade",
    "no day": lambda: "2026-02-30",
    "no year": lambda: "0000",
    "last day": lambda: "9999-12-31",
    "digits of elsewhere": lambda: "٢٠٢٦-٠٣-٠٢",
    "object": object,
    "class": lambda: int,
    "function": lambda: len,
    "stand-in": Mock,
    "magic stand-in": MagicMock,
    "stand-in of a time": lambda: Mock(spec=datetime),
    "stand-in of a text": lambda: Mock(spec=str),
    "stand-in of a user": lambda: Mock(spec=User),
    "set": lambda: {1, "a", None},
    "frozenset": lambda: frozenset({"a"}),
    "generator": lambda: (one for one in "ab"),
    "endless": itertools.count,
    "empty list": list,
    "list": lambda: ["a", 1, None],
    "nested": lambda: _nested(100_000),
    "holds itself": _holds_itself,
    "mapping": lambda: {"a": object(), 1: {}},
    "range": lambda: range(3),
    "ellipsis": lambda: ...,
    "error": ZeroDivisionError,
    "uuid": lambda: UUID(int=1),
    "naive time": lambda: datetime(2026, 3, 1),  # noqa: DTZ001 - it is what is tried
    "first time": lambda: datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
    "last time": lambda: datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))),
    "time of no zone": lambda: datetime(2026, 3, 1, tzinfo=OddZone()),
    "first day": lambda: date(1, 1, 1),
    "odd text": lambda: OddText("S001"),
    "odd long text": lambda: OddText("x" * 5_000),
    "odd number": lambda: OddNumber(1),
    "odd day": lambda: OddDay(2026, 3, 2),
    "odd time": lambda: OddTime(2026, 3, 2, 6, tzinfo=UTC),
    "odd decimal": lambda: OddDecimal("1"),
    "odd path": lambda: OddPath("odd"),
    "odd list": lambda: OddList([1]),
    "odd object": OddObject,
    "odd user": lambda: OddUser(id="u1", name="N", role=INVESTIGATOR.role, organization="O"),
    "user of nothing": lambda: User(id=None, name=1, role="sponsor", organization=[]),  # type: ignore[arg-type]  # what is tried
    "entry of another trial": _entry,
    "entry of nothing": lambda: evolve(_entry(), stream=None, version=None, trial=None),  # type: ignore[arg-type]  # what is tried
    "entry without a fact": lambda: evolve(_entry(), fact=object()),  # type: ignore[arg-type]  # what is tried
    "dose": lambda: Dose(amount=1, unit="mg"),
    "path to nowhere": lambda: Path("/nowhere/at/all"),
    "folder": lambda: "/",
}

ITERATED = {"odd list", "odd object"}
"""Those that raise where they are iterated: as with a generator, that is for whoever gave them."""
HOOKS = {"clock", "new_id", "permit", "progress"}
"""Arguments that are called: what they raise is for whoever gave them."""
PATHS = {"file", "folder", "log", "path", "place"}
"""Arguments whose sentence names the file as it is called."""
