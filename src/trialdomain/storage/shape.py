"""Whether a log's tables are as they were made, and nothing else in the database writes them.

Somebody who can write the file can add a trigger that removes what was just inserted, or an earlier entry, and can make
a table anew in which an insert replaces other rows. SQLite counts neither for the one who inserts. So both are looked
for in the schema, once for each version of it, before anything is recorded.
"""

import sqlite3
from contextlib import closing
from functools import cache

from trialdomain.errors import LogCorrupt
from trialdomain.storage.schema import SCHEMA

TABLES = ("entries", "commands", "checkpoints", "heads")
_OF_THE_LOG = f"FROM sqlite_master WHERE type = 'table' AND name IN ({','.join('?' * len(TABLES))})"
_MADE = f"SELECT name, sql {_OF_THE_LOG}"
_ROOTS = f"SELECT rootpage, name {_OF_THE_LOG}"
_WRITES = {
    "entries": (
        "INSERT INTO entries (trial, position, stream, version, name, state, leaf) VALUES (1, 2, 3, 4, 5, 6, 7)",
    ),
    "commands": ("INSERT INTO commands VALUES (1, 2, 3, 4, 5)",),
    "checkpoints": ("INSERT OR IGNORE INTO checkpoints VALUES (1, 2, 3)",),
    "heads": (
        "INSERT INTO heads VALUES (1, 2, 3) ON CONFLICT (trial) DO UPDATE SET size = excluded.size",
        "INSERT OR REPLACE INTO heads VALUES (1, 2, 3)",
    ),
}
"""What this library does to its tables. Each is explained and never run, so that its values do not matter."""


class TablesChanged(LogCorrupt):
    """Something in the database would change or remove what is recorded."""

    code = "tables-changed"

    def __init__(self, *, path: str, why: str) -> None:
        super().__init__(
            f"{path} is not kept as it was written: {why}, which is not this library's doing; nothing was recorded; "
            f"verify the log"
        )
        self.path, self.why = path, why


def check_nothing_interferes(connection: sqlite3.Connection, path: str) -> None:
    """Refuse to write where rows would not stay as they are written.

    A trigger that writes other tables is left to do so.

    Args:
        connection: one that gives texts as bytes.
        path: what to call the log in an error.

    Raises:
        TablesChanged: a table is another one, or a trigger writes one of them.
    """
    expected = _made()
    found = _tables(connection)
    for table in TABLES:
        if found.get(table) != expected[table]:
            raise TablesChanged(path=path, why=f"the table {table} was made anew or altered")
    tables = {root: name.decode() for root, name in connection.execute(_ROOTS, TABLES)}
    for table, writes in _WRITES.items():
        for write in writes:
            written = _written(connection, write, tables)
            written.remove(table)
            for other in written:
                raise TablesChanged(path=path, why=f"a trigger writes the table {other} when {table} is written")


def _written(connection: sqlite3.Connection, statement: str, tables: dict[int, str]) -> list[str]:
    """Name the tables that a statement writes, once for each part of its program that does.

    SQLite compiles into a statement all the triggers that it can set off, and those that they set off. It says which
    table each part opens for writing, or clears, by the table's first page.
    """
    written = []
    for _, operation, first, second, *_ in connection.execute(f"EXPLAIN {statement}"):
        page = {b"OpenWrite": second, b"Clear": first}.get(operation)
        if page in tables:
            written.append(tables[page])
    return written


@cache
def _made() -> dict[str, bytes]:
    with closing(sqlite3.connect(":memory:")) as ours:
        ours.executescript(SCHEMA)
        ours.text_factory = bytes
        return _tables(ours)


def _tables(connection: sqlite3.Connection) -> dict[str, bytes]:
    return {name.decode(): sql for name, sql in connection.execute(_MADE, TABLES)}
