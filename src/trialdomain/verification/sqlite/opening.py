"""Opening a SQLite file for verification: read-only, with plain ``sqlite3``, and with any schema."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trialdomain.storage.bounds import LONGEST_VALUE
from trialdomain.storage.sqlite.bounds import LONGEST_SQL
from trialdomain.storage.sqlite.file import file_uri, has_wal, refuse_unsafe_reading
from trialdomain.storage.sqlite.forks import brief


@contextmanager
def opened(path: Path, *, helps: int | None = None) -> Iterator[sqlite3.Connection]:
    """Open a SQLite file for reading, in one transaction, so that other programs may append meanwhile.

    Args:
        path: the file.
        helps: the thread that has the file open too, and waits for this one.

    Raises:
        LogUnusable: SQLite could not read all of it, because it is open here or has hard links.
        sqlite3.Error: it cannot be opened.
    """
    refuse_unsafe_reading(path)
    visit = brief(helps=helps)
    with visit.stay, visit, _connected(path) as connection:
        yield connection


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    ways = [{"mode": "ro"}] if has_wal(path) else [{"mode": "rw"}, {"mode": "ro", "immutable": "1"}]
    for number, way in enumerate(ways, start=1):
        connection = sqlite3.connect(file_uri(path, **way), uri=True, isolation_level=None, timeout=30)
        try:
            connection.text_factory = bytes  # a stored text may not be UTF-8
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
            connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, LONGEST_SQL)
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA writable_schema = ON")  # SQLite skips what it cannot parse
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error:
            connection.close()
            if number == len(ways):
                raise
            continue
        try:
            yield connection
        finally:
            connection.close()
        return
