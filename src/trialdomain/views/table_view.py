"""The definition of a view as a table: its columns, and the rows of a participant or of the trial."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
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
_TAKEN = {"about", "trial", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}
"""Names of ours, and of columns that PostgreSQL keeps for itself."""
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
        if (
            not is_a(name, str)
            or _NAME.fullmatch(name) is None
            or name in _TAKEN
            or name.startswith(("view_", "sqlite_"))
        ):
            raise InputInvalid(
                f"{short(name)!r} cannot name a view or its column: use up to 40 small letters, digits and "
                f"underscores, and none of {', '.join(sorted(_TAKEN))} or view_..."
            )
    if len(set(names[1:])) < len(columns) or not columns:
        raise InputInvalid(f"view {given.name} needs columns, each with a name of its own")
    for column in columns:
        if not all(is_a(word, str) and is_storable(word) and not {"'", "\0"} & {*word} for word in column.words):
            raise InputInvalid(f"view {given.name} has a word in {column.name} that is no text, or has a quote")
    for told in (given.comment, *(one.comment for one in columns)):
        if not is_a(told, str) or not is_storable(told) or "\0" in told:
            raise InputInvalid(f"view {given.name} has a comment {short(told)!r}, which is no text that can be stored")
    check_callable(of_participant=given.of_participant, of_trial=given.of_trial)
    return Table(name=given.name, comment=given.comment, columns=columns, revision=given.revision)


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


_QUICK = {Kind.TEXT, Kind.BOOLEAN, Kind.DATE}
"""The kinds whose values need no look but at their type."""


class BoundView:
    """A view with its table, which checks the rows that the view makes.

    Args:
        view: the view.

    Raises:
        InputInvalid: it is no view, or a name cannot be that of a table or a column.
    """

    def __init__(self, view: TableView) -> None:
        self.view, self.table = view, table_of(view)
        columns = self.table.columns
        self._order = tuple(one.name for one in columns)
        self._names = frozenset(self._order)
        self._texts = [at for at, one in enumerate(columns) if one.kind is Kind.TEXT]
        self._looked_at = [at for at, one in enumerate(columns) if one.words or one.kind not in _QUICK]
        self._fits = set[tuple[type, ...]]()
        """The types of the values of rows that fit."""

    def of_participant(self, participant: KnownParticipant) -> list[Cells]:
        """Return the rows of one participant, each in the order of the columns.

        Raises:
            InputInvalid: a value is not one of its column, or there is no such column.
        """
        return [self._cells(row) for row in self.view.of_participant(participant)]

    def of_trial(self, trial: KnownTrial) -> list[Cells]:
        """Return the rows of the trial and its cohorts; see :meth:`of_participant`."""
        return [self._cells(row) for row in self.view.of_trial(trial)]

    def _cells(self, row: Row) -> Cells:
        cells = tuple(map(row.get, self._order))
        types = tuple(map(type, cells))
        if types not in self._fits:
            self._check_types(cells)
            self._fits.add(types)
        written = "".join([cells[at] for at in self._texts if cells[at] is not None])  # type: ignore[misc]  # they are texts
        if not _is_storable(written):
            for at in self._texts:
                self._check(at, cells[at])
        for at in self._looked_at:
            self._check(at, cells[at])
        if not row.keys() <= self._names:
            extra = ", ".join(sorted(map(str, row.keys() - self._names)))
            raise InputInvalid(
                f"a row of view {self.table.name} has values for {extra}, and the view has no such columns"
            )
        return cells

    def _check_types(self, cells: Cells) -> None:
        """Refuse a row without a value that every row needs, or with one of another type."""
        for at, (column, value) in enumerate(zip(self.table.columns, cells, strict=True)):
            if value is None and column.required:
                raise InputInvalid(f"a row of view {self.table.name} has no {column.name}, which every row needs")
            self._check(at, value)

    def _check(self, at: int, value: object) -> None:
        if value is not None:
            _check(self.table, self.table.columns[at], value)


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
            fits = column.kind is Kind.TIME and value.utcoffset() is not None
        case int():
            fits = fits and type(value) is int and abs(value) < _WIDEST
        case Decimal():
            _, digits, exponent = value.as_tuple()
            fits = fits and isinstance(exponent, int) and len(digits) + abs(exponent) <= _MOST_DIGITS
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
