"""An example of every value class of the package: found in the library's answers, or constructed."""

import inspect
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import attrs
import msgspec
from eventsourcing.persistence import StoredEvent
from handed_out import NOW, parts_of

import trialdomain
from trialdomain import (
    Boin,
    DesignSpec,
    History,
    I3Plus3,
    Keyboard,
    Mtpi2,
    RollingSix,
    StateAnswer,
    StateRow,
    TableBounds,
    TableDesign,
    TableRow,
    TableWord,
    ThreePlusThree,
)
from trialdomain.exchange.sdtm.cells import Cells, Setting
from trialdomain.exchange.sdtm.columns import AE
from trialdomain.exchange.sdtm.rows import Row, RowRead
from trialdomain.exchange.sdtm.terms import Terms
from trialdomain.history.sources import ReadStreams
from trialdomain.intake.batch import Batch
from trialdomain.protocol.designs import IntervalSpec
from trialdomain.protocol.dlt_criteria import DltCompanion, DltCriterion
from trialdomain.storage.recorder import StoreRecorder
from trialdomain.storage.store import LogReader, Store
from trialdomain.testing import history_of
from trialdomain.testing.made_up_site import MadeUpSite
from trialdomain.values.clinical.scale import CTCAE_5_0

_STATE = StateRow(enrolled=4, dlt=0, pending=1, answer=StateAnswer.ESCALATE)
_ROWS = tuple(TableRow(n=1, dlt=dlt, decision=word) for dlt, word in ((0, TableWord.STAY), (1, TableWord.ELIMINATE)))
_BOIN = Boin(target=Decimal("0.3"), max_n=12)
_COMPANION = DltCompanion(terms=("Blood bilirubin increased",), min_grade=2)
_PLAIN: Mapping[object, object] = {
    Any: "anything",
    Exception: ValueError("no"),
    Fraction: Fraction(1, 3),
    Hashable: "anything",
    Cells: Cells(
        RowRead(row=Row(domain=AE, file="ae.csv", line=2, subject="S001", sequence="1", cells={})),
        Setting(terms=Terms(), zone=None, now=NOW, strict=False, event_id="AESPID", grading=CTCAE_5_0),
    ),
    Boin: _BOIN,
    DesignSpec: ThreePlusThree(),
    DltCompanion: _COMPANION,
    DltCriterion: DltCriterion(terms=("Nausea",), longer_than_days=3, together_with=_COMPANION),
    History: history_of("1NT")[0],
    I3Plus3: I3Plus3(target=Decimal("0.3")),
    IntervalSpec: _BOIN,
    Keyboard: Keyboard(target=Decimal("0.2")),
    Mtpi2: Mtpi2(target=Decimal("0.3")),
    RollingSix: RollingSix(table=(_STATE,)),
    StateRow: _STATE,
    StoredEvent: StoredEvent("T1", 1, "participant.infused.v1", b"{}"),
    TableBounds: _BOIN.bounds,
    TableDesign: TableDesign(rows=_ROWS, cohort_size=1),
    Path: Path("log.db"),
    ZoneInfo: ZoneInfo("Asia/Shanghai"),
    bool: True,
    bytes: bytes(32),
    date: NOW.date(),
    datetime: NOW,
    time: NOW.time(),
    float: 0.5,
    int: 1,
    msgspec.Raw: msgspec.Raw(b"{}"),
    object: "anything",
    range: range(3, 5),
    str: "S001",
    tzinfo: UTC,
}


class HoldsLogError(Exception):
    """A class has a field for an open log, or for what has one."""


def value_classes() -> list[type]:
    """Find every public class that attrs, dataclasses or msgspec made, in any module; errors stand apart."""
    found = set[type]()
    for module in walk_packages(trialdomain.__path__, "trialdomain."):
        found |= {one for _, one in inspect.getmembers(import_module(module.name), inspect.isclass)}
    ours = [kind for kind in found if kind.__module__.partition(".")[0] == "trialdomain" and kind.__name__[0] != "_"]
    return sorted(filter(_holds_values, ours), key=lambda kind: (kind.__module__, kind.__qualname__))


class Examples:
    """Instances by their class: those met in some values, and others that are put together from them."""

    def __init__(self, values: object) -> None:
        self._known = dict(_PLAIN)
        waiting, seen = [values], set[int]()
        while waiting:
            value = waiting.pop()
            if id(value) not in seen:
                seen.add(id(value))
                self._known.setdefault(type(value), value)
                waiting += [part for _, part in parts_of(value)]

    def of(self, wanted: object) -> object:
        """Give an example of a type.

        Raises:
            HoldsLogError: it has a field for an open log.
            LookupError: it is made of a type of which there is no example: add one to the table.
        """
        if wanted in self._known:
            return self._known[wanted]
        if wanted is None or wanted is type(None):
            return None
        if isinstance(wanted, TypeVar):
            return self.of(wanted.__bound__ or str)
        if get_origin(wanted) is not None:
            return self._generic(get_origin(wanted), get_args(wanted))
        if isinstance(wanted, type):
            return self._made(wanted)
        raise LookupError(f"there is no example of {wanted}: add one to the table in class_examples.py")

    def _generic(self, origin: object, inner: tuple[object, ...]) -> object:
        if origin is Literal:
            return inner[0]
        if origin in (Union, UnionType):
            return self.of(inner[0])
        if origin is tuple:
            return tuple(self.of(one) for one in inner if one is not Ellipsis)
        if origin in (list, Collection, Sequence, Iterable):
            return [self.of(inner[0])]
        if origin in (set, frozenset):
            return frozenset([self.of(inner[0])])
        if origin in (dict, Mapping):
            return {self.of(inner[0]): self.of(inner[1])}
        return str if origin in (type, Callable) else self.of(origin)

    def _made(self, kind: type) -> object:
        if kind in {Batch, LogReader, MadeUpSite, ReadStreams, Store} or issubclass(kind, StoreRecorder):
            raise HoldsLogError(kind.__name__)
        if issubclass(kind, Enum):
            return next(iter(kind))
        if not _holds_values(kind):
            raise LookupError(f"there is no example of {kind}: add one to the table in class_examples.py")
        taken = _parameters(kind)
        try:
            return kind(**{name: self.of(wanted) for name, wanted in taken.items()})
        except (TypeError, ValueError) as error:
            raise LookupError(f"no example of {kind} can be put together: hand one out in handed_out.py") from error


def _parameters(kind: type) -> dict[str, object]:
    hints = get_type_hints(kind, localns={"count": list})  # itertools.count has no members to a reader of types
    if attrs.has(kind):
        return {one.alias: hints[one.name] for one in attrs.fields(kind) if one.init}
    if is_dataclass(kind):
        return {one.name: hints[one.name] for one in fields(kind) if one.init}
    return {name: hints[name] for name in kind.__struct_fields__} if issubclass(kind, msgspec.Struct) else {}


def _holds_values(kind: type) -> bool:
    holds = attrs.has(kind) or is_dataclass(kind) or issubclass(kind, msgspec.Struct)
    return holds and not issubclass(kind, BaseException)
