"""Limits of the memory that reading a log takes: another program that can write to the file may store huge values.

SQLite's length limit refuses a single value that is longer than any entry's. It does not refuse many long values. So
rows are read in pages, and the size of a page is counted in bytes over all columns.
When several pages are kept together, a budget limits the bytes of their long rows; a real trial has a hundredth of it.
Short rows are not counted; there are as many of them as the log has entries.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from sys import getsizeof
from typing import Any, TypeAlias

import attrs

from trialdomain.errors import LogCorrupt, LogUnusable
from trialdomain.storage.codec import LARGEST_STATE
from trialdomain.values.given.text import short

FoundRow: TypeAlias = tuple[Any, ...]
LONGEST_VALUE = LARGEST_STATE + (1 << 16)
"""Bytes: SQLite refuses a longer value, computed or stored, before it takes memory for it."""
LONGEST_SQL = 64 * 1024
"""Bytes of one SQL statement, or of the definition of a table, an index or a trigger. SQLite keeps every definition of
the schema in memory, parsed, while a file is open."""
SHORT_VALUE = 4 * 1024
"""Bytes: rows without a longer value are read many at once, and are not counted."""
MOST_LONG = 32 * 1024 * 1024
"""Bytes: the budget of all long rows of one read."""
_PAGE_BYTES = 16 * 1024 * 1024


class TooMuchToRead(LogCorrupt):
    """A log has more bytes in long values than this library reads into memory, and than any trial has."""

    code = "too-much-to-read"

    def __init__(self, *, what: str) -> None:
        super().__init__(
            f"{what} have more than {MOST_LONG >> 20} MB together, and no trial has so much: another program put them "
            f"there; verify the log"
        )
        self.what = what


class TooMuchToRecord(LogUnusable):
    """A command would make the long entries of a trial larger than this library reads."""

    code = "too-much-to-record"

    def __init__(self, *, trial: str) -> None:
        super().__init__(
            f"the entries of trial {trial} that have more than {SHORT_VALUE >> 10} kB each would have more than "
            f"{MOST_LONG >> 20} MB together, and could not be read again; nothing was recorded; keep long documents "
            f"elsewhere, and record their names"
        )
        self.trial = trial


def refuse_too_much(connection: sqlite3.Connection, trial: str, rows: Iterable[FoundRow]) -> None:
    """Refuse to record entries that reading would refuse.

    Args:
        connection: the one with the open transaction.
        trial: the trial of the entries.
        rows: the inserted rows; the state is the column before the last.

    Raises:
        TooMuchToRecord: the long entries of the trial exceed the budget.
    """
    if any(len(row[-2]) > SHORT_VALUE for row in rows):
        (long,) = connection.execute(_LONG, (trial, SHORT_VALUE)).fetchone()
        if long > MOST_LONG:
            raise TooMuchToRecord(trial=trial)


_LONG = "SELECT coalesce(sum(length(state)), 0) FROM entries WHERE trial = ? AND length(state) > ?"


@attrs.define
class Budget:
    """The bytes that are left for the long rows of one read."""

    what: str
    """The name of the rows, and of their trial, in an error."""
    counts_short: bool = False
    """Whether short values are counted as well: for tables with few rows, to which another program could add many."""
    _left: int = MOST_LONG

    @classmethod
    def of_entries(cls, whose: str) -> "Budget":
        """Make the budget for the long entries of a trial, or of a stream."""
        return cls(f"the entries of {short(whose, 70)} that have more than {SHORT_VALUE >> 10} kB each")

    def take(self, row: FoundRow) -> None:
        """Subtract the long values of a row.

        Raises:
            TooMuchToRead: nothing is left.
        """
        least = 0 if self.counts_short else SHORT_VALUE
        self._left -= sum(size for size in map(_size, row) if size > least)
        if self._left < 0:
            raise TooMuchToRead(what=self.what)


def _size(value: object) -> int:
    return len(value) if isinstance(value, bytes) else getsizeof(value)  # a character of a text may take four bytes


def page(connection: sqlite3.Connection, query: str, values: Sequence[object]) -> list[FoundRow]:
    """Read one page: rows until there are no more, or until they take more memory than a page may.

    The query has a LIMIT; the caller asks again for the rows after the last one.
    """
    found = _short(connection, query, values)
    return found if found is not None else list(_some(connection.execute(query, values)))


def whole(connection: sqlite3.Connection, query: str, values: Sequence[object], budget: Budget) -> list[FoundRow]:
    """Read all rows.

    Raises:
        TooMuchToRead: they exceed the budget.
    """
    found = None if budget.counts_short else _short(connection, query, values)
    return found if found is not None else list(counted(connection.execute(query, values), budget))


def _short(connection: sqlite3.Connection, query: str, values: Sequence[object]) -> list[FoundRow] | None:
    """Read rows without a long value; None where one is long.

    SQLite's own length limit finds a long value. A check of each row in Python would double the time.
    """
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, SHORT_VALUE)
        return connection.execute(query, values).fetchall()
    except sqlite3.DataError:
        return None
    finally:
        with suppress(sqlite3.ProgrammingError):  # a signal handler closed the connection
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)


def _some(rows: Iterator[FoundRow]) -> Iterator[FoundRow]:
    left = _PAGE_BYTES
    for row in rows:
        yield row
        left -= sum(map(getsizeof, row))
        if left < 0:
            return


def counted(rows: Iterable[FoundRow], budget: Budget) -> Iterator[FoundRow]:
    """Yield rows while their budget lasts.

    Raises:
        TooMuchToRead: they exceed the budget.
    """
    for row in rows:
        budget.take(row)
        yield row
