"""Whether a log's tables are as they were made, and nothing else in the database writes them.

Somebody who can write the file can add a trigger that removes what was just inserted, or an earlier entry, and can make
a table anew in which an insert replaces other rows. SQLite counts neither for the one who inserts. So both are looked
for in the schema, once for each version of it, before anything is recorded.
"""

import sqlite3
from collections import Counter
from contextlib import closing
from functools import cache

import attrs

from trialdomain.errors import LogCorrupt
from trialdomain.storage.sqlite.schema import SCHEMA, WRITES

TABLES = tuple(WRITES)
_NAMED = f"({','.join('?' * len(TABLES))})"
_MADE = f"SELECT lower(name), sql FROM sqlite_master WHERE type = 'table' AND lower(name) IN {_NAMED}"  # noqa: S608 - question marks
_ROOTS = f"SELECT rootpage, name FROM sqlite_master WHERE rootpage > 0 AND lower(tbl_name) IN {_NAMED}"  # noqa: S608 - question marks


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
    made, found = _made(), _tables(connection)
    for table in TABLES:
        if found.get(table) != made.tables[table]:
            raise TablesChanged(path=path, why=f"the table {table} was made anew or altered")
    pages = _pages(connection)
    for table, writes in WRITES.items():
        for write in writes:
            try:
                written = _written(connection, write, pages)
            except sqlite3.OperationalError as error:
                why = f"writing the table {table} sets off what SQLite cannot run ({error})"
                raise TablesChanged(path=path, why=why) from None
            for other in written - made.written[write]:
                raise TablesChanged(path=path, why=f"a trigger writes {other} when the table {table} is written")


@attrs.frozen
class _Made:
    """What a new log has."""

    tables: dict[str, bytes]
    """By name, as SQL."""
    written: dict[str, "Counter[str]"]
    """By statement: the tables and indexes that it writes."""


def _written(connection: sqlite3.Connection, statement: str, pages: dict[int, str]) -> "Counter[str]":
    """Count the tables and indexes that a statement writes, for each part of its program that does.

    SQLite compiles into a statement all the triggers that it can set off, and those that they set off. It says which
    table or index each part opens for writing, or clears, by its first page. What a virtual table writes, it does not
    say.
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
    """Say of which table or index of the log a first page is."""
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
