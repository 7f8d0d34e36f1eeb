"""The check that a log's tables are as they were made, and that no foreign trigger writes them.

Another program that can write the file can add a trigger that removes the inserted row, or an earlier entry. It can
also make a table again, so that an insert replaces other rows. SQLite's count of changed rows shows neither. So this
check looks for both in the schema, once for each schema version, before anything is recorded.
"""

import sqlite3
from collections import Counter
from contextlib import closing
from functools import cache

import attrs

from trialdomain.storage.errors import TablesChanged
from trialdomain.storage.sqlite.schema import SCHEMA, WRITES

TABLES = tuple(WRITES)
_NAMED = f"({','.join('?' * len(TABLES))})"
_MADE = f"SELECT lower(name), sql FROM sqlite_master WHERE type = 'table' AND lower(name) IN {_NAMED}"  # noqa: S608 - question marks
_ROOTS = f"SELECT rootpage, name FROM sqlite_master WHERE rootpage > 0 AND lower(tbl_name) IN {_NAMED}"  # noqa: S608 - question marks


def check_nothing_interferes(connection: sqlite3.Connection, path: str) -> None:
    """Refuse to write to a log that would not keep the rows as they are written.

    A foreign trigger that writes other tables is allowed.

    Args:
        connection: a connection that returns texts as bytes.
        path: the name of the log in an error.

    Raises:
        TablesChanged: a table was made differently, or a foreign trigger writes one of them.
    """
    made, found = _made(), _tables(connection)
    for table in TABLES:
        if found.get(table) != made.tables[table]:
            raise TablesChanged(path=path, why=f"the table {table} was replaced or altered")
    pages = _pages(connection)
    for table, writes in WRITES.items():
        for write in writes:
            try:
                written = _written(connection, write, pages)
            except sqlite3.OperationalError as error:
                why = f"the table {table} has a trigger that SQLite cannot run ({error})"
                raise TablesChanged(path=path, why=why) from None
            for other in written - made.written[write]:
                raise TablesChanged(path=path, why=f"a trigger writes {other} when the table {table} is written")


@attrs.frozen
class _Made:
    """The schema of a new log, for comparison."""

    tables: dict[str, bytes]
    """By name: its definition in SQL."""
    written: dict[str, "Counter[str]"]
    """By statement: the tables and indexes that it writes."""


def _written(connection: sqlite3.Connection, statement: str, pages: dict[int, str]) -> "Counter[str]":
    """Count the tables and indexes that a statement writes, from its compiled program (EXPLAIN).

    SQLite compiles into a statement all triggers that it can fire, and the triggers that those fire. Each instruction
    that opens a table or index for writing, or clears it, names its root page. The program does not show what a virtual
    table writes.
    """
    written: Counter[str] = Counter()
    for _, operation, first, second, *_ in connection.execute(f"EXPLAIN {statement}", (None,) * statement.count("?")):
        if operation == b"VUpdate":
            written["a virtual table, which may write any other,"] += 1
        page = {b"OpenWrite": second, b"Clear": first}.get(operation)
        if page in pages:
            written[pages[page]] += 1
    return written


def _pages(connection: sqlite3.Connection) -> dict[int, str]:
    """Map each root page to its table or index of the log."""
    known = _made().tables.keys() | {name for written in _made().written.values() for name in written}
    found = ((page, name.decode(errors="replace")) for page, name in connection.execute(_ROOTS, TABLES))
    return {page: name for page, name in found if name in known}


@cache
def _made() -> _Made:
    with closing(sqlite3.connect(":memory:")) as ours:
        ours.executescript(SCHEMA)
        ours.text_factory = bytes
        pages = {page: name.decode() for page, name in ours.execute(_ROOTS, TABLES)}
        written = {write: _written(ours, write, pages) for writes in WRITES.values() for write in writes}
        return _Made(_tables(ours), written)


def _tables(connection: sqlite3.Connection) -> dict[str, bytes]:
    return {name.decode(): sql for name, sql in connection.execute(_MADE, TABLES)}
