"""The definition of a view as a table: its columns, and the rows of a participant or of the trial."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias

import attrs

from trialdomain.commands.coercion import check_callable
from trialdomain.errors import InputInvalid
from trialdomain.storage.view_tables import Cells, Column, Kind, Table
from trialdomain.values.given.plain import is_a
from trialdomain.values.given.text import is_storable, short
from trialdomain.views.known import KnownParticipant, KnownTrial

Row: TypeAlias = Mapping[str, object]
"""The values of a row by the names of the columns; a column that is left out has no value."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TAKEN = {"about", "trial"}
_MOST_DIGITS = 1_000


def _as_columns(columns: Iterable[Column]) -> tuple[Column, ...]:
    return tuple(columns)


def _no_rows(_: object) -> Iterable[Row]:
    return ()


@attrs.frozen(kw_only=True)
class TableView:
    """A view as a table: its columns, and the functions that make its rows.

    The rows of a participant depend on the entries of that participant, on the protocol, and on what the cohorts say of
    the participant; those of the trial on its own stream, on its cohorts and on the DLT counts. Rows must follow from
    what the function is given alone: then the table equals a replay, however its entries came.
    """

    name: str
    """The name of the table, in snake_case."""
    comment: str
    """What one row is."""
    columns: tuple[Column, ...] = attrs.field(converter=_as_columns)
    """The columns after ``trial``, which every table has."""
    revision: int = 1
    """Raise it where the same columns come to say something else: then the view has to be rebuilt."""
    of_participant: Callable[[KnownParticipant], Iterable[Row]] = _no_rows
    """Returns the rows of one participant."""
    of_trial: Callable[[KnownTrial], Iterable[Row]] = _no_rows
    """Returns the rows of the trial and its cohorts."""


def table_of(view: TableView) -> Table:
    """Return the table of a view.

    Raises:
        InputInvalid: it is no view, or a name cannot be that of a table or a column.
    """
    given: object = view
    if not is_a(given, TableView):
        raise InputInvalid(f"{short(given)!r} is no view: pass a TableView")
    columns = given.columns
    if not is_a(given.comment, str) or not all(is_a(one, Column) and is_a(one.kind, Kind) for one in columns):
        raise InputInvalid(f"view {short(given.name)} needs a comment, and columns of the class Column with a Kind")
    names: list[object] = [given.name, *(one.name for one in columns)]
    for name in names:
        if not is_a(name, str) or _NAME.fullmatch(name) is None or name in _TAKEN or name.startswith("view_"):
            raise InputInvalid(
                f"{short(name)!r} cannot name a view or its column: use up to 40 small letters, digits and "
                f"underscores, and none of {', '.join(sorted(_TAKEN))} or view_..."
            )
    if len(set(names[1:])) < len(columns) or not columns:
        raise InputInvalid(f"view {given.name} needs columns, each with a name of its own")
    for column in columns:
        if any("'" in word or not is_storable(word) for word in column.words):
            raise InputInvalid(f"view {given.name} has a word with a quote in {column.name}: choose other words")
    check_callable(of_participant=given.of_participant, of_trial=given.of_trial)
    return Table(name=given.name, comment=given.comment, columns=columns, revision=given.revision)


def cells_of(table: Table, row: Row) -> Cells:
    """Return the values of a row in the order of the columns.

    Raises:
        InputInvalid: it has a value for a column that the view does not have, or one that the column cannot hold.
    """
    cells = []
    for column, usual in _usual(table):
        value = row.get(column.name)
        if value is None:
            if column.required:
                raise InputInvalid(f"a row of view {table.name} has no {column.name}, which every row needs")
        elif type(value) not in usual or column.words or (type(value) is str and not _is_storable(value)):
            _check(table, column, value)
        cells.append(value)
    if len(row) > len(cells) or not row.keys() <= _names(table):
        extra = ", ".join(sorted(map(str, row.keys() - _names(table))))
        raise InputInvalid(f"a row of view {table.name} has values for {extra}, and the view has no such columns")
    return tuple(cells)


_TYPES: Mapping[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.INTEGER: (int,),
    Kind.NUMBER: (Decimal, int),
    Kind.BOOLEAN: (bool,),
    Kind.DATE: (date,),
    Kind.TIME: (datetime,),
    Kind.POSITIONS: (list, tuple),
}
_WIDEST = 2**63
_LARGEST_POSITION = 2**31


@lru_cache(maxsize=256)
def _usual(table: Table) -> tuple[tuple[Column, frozenset[type]], ...]:
    """Return each column with the types of which a value needs no further look."""
    quick = (Kind.TEXT, Kind.BOOLEAN, Kind.DATE)
    return tuple((one, frozenset(_TYPES[one.kind]) if one.kind in quick else frozenset()) for one in table.columns)


@lru_cache(maxsize=256)
def _names(table: Table) -> frozenset[str]:
    return frozenset(one.name for one in table.columns)


def _is_storable(text: str) -> bool:
    return text.isascii() and "\0" not in text


def _check(table: Table, column: Column, value: object) -> None:
    """Refuse a value that a column cannot hold.

    Raises:
        InputInvalid: it is of another type, or not one of the words of the column.
    """
    fits = isinstance(value, _TYPES[column.kind])
    match value:
        case bool():
            fits = column.kind is Kind.BOOLEAN
        case datetime():
            fits = column.kind is Kind.TIME and value.tzinfo is not None
        case int():
            fits = fits and abs(value) < _WIDEST
        case Decimal():
            fits = fits and value.is_finite() and abs(value.adjusted()) < _MOST_DIGITS
        case str():
            fits = fits and is_storable(value) and "\0" not in value
            if fits and column.words and str(value) not in column.words:
                raise InputInvalid(
                    f"a row of view {table.name} has {short(value)!r} in {column.name}, which takes "
                    f"{', '.join(column.words)}"
                )
        case list() | tuple():
            fits = fits and all(type(one) is int and 0 <= one < _LARGEST_POSITION for one in value)
        case _:
            pass
    if not fits:
        raise InputInvalid(
            f"a row of view {table.name} has {short(value)!r} in {column.name}, which takes values of kind "
            f"{column.kind}"
        )
