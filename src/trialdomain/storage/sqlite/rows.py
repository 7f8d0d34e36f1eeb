"""The last position of a trial and the last version of a stream, in a SQLite log."""

import sqlite3

from trialdomain.storage.rows import counted


def head_of(connection: sqlite3.Connection, trial: str) -> int:
    """Return the last position of a trial; 0 when it has none."""
    return _number(connection, "SELECT coalesce(max(position), 0) FROM entries WHERE trial = ?", trial)


def version_of(connection: sqlite3.Connection, stream: str) -> int:
    """Return the last version of a stream; 0 when it has no entry."""
    return _number(connection, "SELECT coalesce(max(version), 0) FROM entries WHERE stream = ?", stream)


def _number(connection: sqlite3.Connection, query: str, value: str) -> int:
    return counted(connection.execute(query, (value,)).fetchone()[0])
