"""Reading rows of a SQLite log in bounded memory; :mod:`trialdomain.storage.bounds` has the limits.

SQLite's length limit refuses a single value that is longer than any entry's. It does not refuse many long values. So
rows are read in pages, and the size of a page is counted in bytes over all columns.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from sys import getsizeof

from trialdomain.storage.bounds import (
    LONGEST_VALUE,
    MOST_LONG,
    SHORT_VALUE,
    Budget,
    FoundRow,
    TooMuchToRecord,
    counted,
)

LONGEST_SQL = 64 * 1024
"""Bytes of one SQL statement, or of the definition of a table, an index or a trigger. SQLite keeps every definition of
the schema in memory, parsed, while a file is open."""
_PAGE_BYTES = 16 * 1024 * 1024


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
