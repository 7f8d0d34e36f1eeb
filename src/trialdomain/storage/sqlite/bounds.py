"""How much of a log is in memory at once: whoever can write to its file chooses how long its values are.

SQLite stops at one value that is longer than any entry's, and many of them are left. So rows are read by the page, and
a page is counted in bytes, whatever stands in which column.
What is kept of several pages may have only so much in long rows together: those of a trial have a hundredth of that.
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
"""Bytes: SQLite stops at a longer value before it takes the memory for it, computed or stored."""
LONGEST_SQL = 64 * 1024
"""Bytes of one statement of ours, or of a table, an index, a trigger in a schema. SQLite keeps each of a schema's in
memory, taken apart, as long as a file is open."""
SHORT_VALUE = 4 * 1024
"""Bytes: rows without a longer value are read many at once, and not counted."""
MOST_LONG = 32 * 1024 * 1024
"""Bytes that the long rows of one reading may have together."""
_PAGE_BYTES = 16 * 1024 * 1024


class TooMuchToRead(LogCorrupt):
    """A log has more in long values than is read into memory, and than any trial has."""

    code = "too-much-to-read"

    def __init__(self, *, what: str) -> None:
        super().__init__(
            f"{what} have more than {MOST_LONG >> 20} MB together, and no trial has so much: somebody put them there; "
            f"verify the log"
        )
        self.what = what


class TooMuchToRecord(LogUnusable):
    """What is to be recorded would make a trial longer than what is read of one."""

    code = "too-much-to-record"

    def __init__(self, *, trial: str) -> None:
        super().__init__(
            f"the entries of trial {trial} that have more than {SHORT_VALUE >> 10} kB each would have more than "
            f"{MOST_LONG >> 20} MB together, and could not be read again; nothing was recorded; keep long documents "
            f"elsewhere, and record their names"
        )
        self.trial = trial


def refuse_too_much(connection: sqlite3.Connection, trial: str, rows: Iterable[FoundRow]) -> None:
    """Refuse to record what would never be read again.

    Args:
        connection: in the middle of the transaction.
        trial: whose entries they are.
        rows: what was inserted, with the state before the last column.

    Raises:
        TooMuchToRecord: the long entries of the trial are more than is kept of them.
    """
    if any(len(row[-2]) > SHORT_VALUE for row in rows):
        (long,) = connection.execute(_LONG, (trial, SHORT_VALUE)).fetchone()
        if long > MOST_LONG:
            raise TooMuchToRecord(trial=trial)


_LONG = "SELECT coalesce(sum(length(state)), 0) FROM entries WHERE trial = ? AND length(state) > ?"


@attrs.define
class Budget:
    """What the long rows of one reading may still have."""

    what: str
    """What is read, and of which trial."""
    counts_short: bool = False
    """Whether short values are counted as well: where a log has few, and anybody could add many."""
    _left: int = MOST_LONG

    @classmethod
    def of_entries(cls, whose: str) -> "Budget":
        """Allow what the long entries of a trial, or of a stream, may have."""
        return cls(f"the entries of {short(whose, 70)} that have more than {SHORT_VALUE >> 10} kB each")

    def take(self, row: FoundRow) -> None:
        """Count the long values of a row.

        Raises:
            TooMuchToRead: they are more than is read.
        """
        least = 0 if self.counts_short else SHORT_VALUE
        self._left -= sum(size for size in map(_size, row) if size > least)
        if self._left < 0:
            raise TooMuchToRead(what=self.what)


def _size(value: object) -> int:
    return len(value) if isinstance(value, bytes) else getsizeof(value)  # of a text, a character may take four


def page(connection: sqlite3.Connection, query: str, values: Sequence[object]) -> list[FoundRow]:
    """Read rows until there are no more, or until they have taken so much memory that the rest can wait.

    The query has a LIMIT, and whoever asks goes on after the last row.
    """
    found = _short(connection, query, values)
    return found if found is not None else list(_some(connection.execute(query, values)))


def whole(connection: sqlite3.Connection, query: str, values: Sequence[object], budget: Budget) -> list[FoundRow]:
    """Read all rows.

    Raises:
        TooMuchToRead: they are more than is kept of a log at once.
    """
    found = None if budget.counts_short else _short(connection, query, values)
    return found if found is not None else list(counted(connection.execute(query, values), budget))


def _short(connection: sqlite3.Connection, query: str, values: Sequence[object]) -> list[FoundRow] | None:
    """Read rows, of which no value is long; None where one is. To look at each would take as long as to read it."""
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, SHORT_VALUE)
        return connection.execute(query, values).fetchall()
    except sqlite3.DataError:
        return None
    finally:
        with suppress(sqlite3.ProgrammingError):  # closed meanwhile, by a signal handler
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)


def _some(rows: Iterator[FoundRow]) -> Iterator[FoundRow]:
    left = _PAGE_BYTES
    for row in rows:
        yield row
        left -= sum(map(getsizeof, row))
        if left < 0:
            return


def counted(rows: Iterable[FoundRow], budget: Budget) -> Iterator[FoundRow]:
    """Yield rows, as long as they are no more than is kept of a log at once.

    Raises:
        TooMuchToRead: they are more.
    """
    for row in rows:
        budget.take(row)
        yield row
