"""The interface of a store of views: tables that are made from a log, and how far each has come.

Rows and the position up to which they were made are written in one transaction. So a reader never sees rows of a
position that is not tracked, and a writer that is killed leaves nothing half-done.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeAlias

import attrs

from trialdomain.errors import LogUnusable
from trialdomain.values.word import Word

Cells: TypeAlias = tuple[object, ...]
"""A row: the values in the order of the columns."""


class ViewsUnusable(LogUnusable):
    """The views of a log cannot be made or written: their place is taken, or was changed by another program."""

    code = "views-unusable"


class RebuildOvertaken(ViewsUnusable):
    """Another program began to rebuild a view while this one did: the newer rebuild goes on."""

    code = "rebuild-overtaken"

    def __init__(self, *, place: str, view: str) -> None:
        super().__init__(f"{place}: another program began to rebuild {view}: let it finish")
        self.place, self.view = place, view


class Kind(Word):
    """The kind of the values of a column."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    """A decimal number, exact."""
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    """A moment with its offset."""
    POSITIONS = "positions"
    """Positions of log entries, in ascending order."""


def plain_number(value: Decimal | int) -> str:
    """Write a decimal number without an exponent."""
    text = str(value)
    return format(value, "f") if "E" in text else text


@attrs.frozen
class Column:
    """A column of a view.

    Args:
        name: in snake_case.
        kind: the kind of its values.
        comment: what it says, with its unit, for a reader of the table.
        words: the only values of a text, where there are few.
        required: whether every row has a value.
    """

    name: str
    kind: Kind
    comment: str
    words: tuple[str, ...] = attrs.field(default=(), kw_only=True)
    required: bool = attrs.field(default=False, kw_only=True)

    @property
    def definition(self) -> str:
        """The column as a text, without its comment."""
        return " ".join([self.name, self.kind, *(["required"] if self.required else []), "|".join(self.words)]).strip()


@attrs.frozen(kw_only=True)
class Table:
    """The table of a view. The store adds a column that no reader sees: the unit by which rows are replaced."""

    name: str
    comment: str
    """What one row is."""
    columns: tuple[Column, ...]
    revision: int = 1
    """Raised where the same columns say something else."""

    @property
    def definition(self) -> str:
        """The columns and the revision as one text: a view whose definition has changed has to be rebuilt."""
        return "; ".join([f"revision {self.revision}", *(one.definition for one in self.columns)])


def table_name(view: str, generation: int) -> str:
    """Return the name of the table of a generation; the name of the view stands for the live one."""
    return f"view_{view}_{generation}"


def shown_columns(table: Table) -> str:
    """Write the columns that readers see, in SQL; a name may be a word of SQL."""
    return ", ".join(["trial", *(f'"{one.name}"' for one in table.columns)])


def table_columns(table: Table, types: Mapping[Kind, str]) -> str:
    """Write the columns of a generation in SQL: the trial, the unit by which rows are replaced, and those of the view.

    Args:
        table: the table, whose names were checked.
        types: by kind, the type of the store.
    """
    text = types[Kind.TEXT]
    return ", ".join(
        [f"trial {text} NOT NULL", f"view_unit {text} NOT NULL", *(_column(one, types) for one in table.columns)]
    )


def _column(one: Column, types: Mapping[Kind, str]) -> str:
    words = ", ".join(f"'{word}'" for word in one.words)
    checked = f' CHECK ("{one.name}" IN ({words}))' if words else ""
    return f'"{one.name}" {types[one.kind]}{" NOT NULL" if one.required else ""}{checked}'


@attrs.frozen
class Generation:
    """One generation of a view: readers see the live one."""

    view: str
    number: int
    live: bool
    definition: str
    idle_seconds: float = 0.0
    """Of one that is being built: how long ago its builder was last heard of."""


@attrs.frozen
class Tracked:
    """How far a generation of a view has come in a trial."""

    view: str
    generation: int
    trial: str
    position: int
    """The last position whose entry is in its rows."""
    leaf: bytes
    """The leaf hash of that entry, by which the log is recognized; empty at position 0."""
    failed_at: int | None = None
    """The position of the entry that the view could not take; None where all is well."""
    why: str | None = None


@attrs.frozen(kw_only=True)
class Replaced:
    """The new rows of a view for some units of a trial."""

    table: Table
    generation: int
    units: Sequence[str] | None
    """The units whose rows are replaced; None to replace all rows of the trial."""
    rows: Iterable[tuple[str, Cells]]
    """The new rows, each with its unit: a participant's code, or an empty text for the trial."""


@attrs.frozen(kw_only=True)
class Moved:
    """A step of some views in one trial: they were at one position, and their rows are of another one now."""

    trial: str
    before: int
    after: int
    leaf: bytes
    changes: Sequence[Replaced]
    failed_at: int | None = None
    """The position of the entry that they cannot take; they are set aside then."""
    why: str | None = None


class ViewTables(Protocol):
    """The tables of the views of one log."""

    @property
    def place(self) -> str:
        """The name of the place, for people."""
        ...

    def generations(self) -> list[Generation]:
        """Return every generation; empty where no view was made yet."""
        ...

    def tracked(self) -> list[Tracked]:
        """Return how far every generation has come, by trial."""
        ...

    def begin(self, table: Table) -> int:
        """Make the table of a new generation, which nobody reads yet, and return its number.

        A generation that an earlier call began and nobody has swapped in is dropped.
        """
        ...

    def add(self, table: Table, generation: int, trial: str, rows: Iterable[tuple[str, Cells]]) -> None:
        """Add rows to a generation that is being built; its position stays.

        Raises:
            RebuildOvertaken: another program has begun a newer generation.
        """
        ...

    def beat(self, generations: Mapping[str, int]) -> None:
        """Let others know that generations, by view, are still being built."""
        ...

    def move(self, moved: Moved) -> list[str]:
        """Replace rows and move positions, in one transaction; return the views that were moved.

        A view that is not at the position any more, because another worker has moved it, is left as it is.
        """
        ...

    def swap(self, table: Table, generation: int, *, anyway: bool = False) -> bool:
        """Show readers a new generation instead of the live one, in one transaction, and drop the old one.

        Args:
            table: the table.
            generation: the new generation.
            anyway: also where the live one has come further: its rows are of another log.

        Returns:
            False where it has to be tried again: readers keep the view busy, or the new generation is behind.

        Raises:
            RebuildOvertaken: another program has begun a newer generation.
        """
        ...

    def clear(self, views: Iterable[str], trial: str | None) -> int:
        """Take live views that were set aside up again; return how many pairs of a view and a trial there were."""
        ...

    def looked(self, at: datetime, heads: Mapping[str, int]) -> None:
        """Store when the log was looked at last, and where its trials ended."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
