"""Comparing the schema of a file with the schema of a log."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from trialdomain.storage.sqlite.schema import schema_of
from trialdomain.verification.defect import Defect, What

_OBJECTS = """
SELECT CASE WHEN length(type) <= 300 THEN type ELSE substr(type, 1, 300) END,
    CASE WHEN length(name) <= 300 THEN name ELSE substr(name, 1, 300) END,
    CASE WHEN length(tbl_name) <= 300 THEN tbl_name ELSE substr(tbl_name, 1, 300) END,
    CASE WHEN length(sql) <= 4096 THEN sql ELSE substr(sql, 1, 4096) END FROM sqlite_master
"""
"""Cut to lengths that exceed those of any object in the schema of a log: enough to compare."""
_LONGEST = 4096
_COLUMNS = "SELECT name, hidden FROM pragma_table_xinfo(CAST(? AS TEXT))"
_PLAIN_TABLE = re.compile(r"\s*CREATE\s+TABLE\s", re.IGNORECASE)
_COMPARED_OTHERWISE = re.compile(r"COLLATE", re.IGNORECASE)


class FoundSchema:
    """The schema of a file, compared with the schema of a log of its version.

    Args:
        connection: a connection to the file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        with closing(sqlite3.connect(":memory:")) as ours:
            ours.executescript(schema_of(int(connection.execute("PRAGMA user_version").fetchone()[0])))
            self._expected = _objects(ours)
            self._columns = {name: _columns(ours, name) for kind, name in self._expected if kind == "table"}
        self._found = _objects(connection)
        self._connection = connection

    def defects(self) -> Iterator[Defect]:
        """Yield a defect for every table, index and trigger that is missing, changed or foreign.

        A missing trigger harms no entry by itself; but it shows that entries could be changed.
        """
        for kind, name in sorted(self._expected.keys() | self._found.keys()):
            if (kind, name) not in self._found:
                why = f"the {kind} {name} is missing from the database"
            elif (kind, name) not in self._expected:
                why = f"the {kind} {name} was added to the database, and no log has it"
            elif self._found[kind, name] != self._expected[kind, name]:
                why = f"the {kind} {name} of the database was changed"
            else:
                continue
            yield Defect(what=What.SCHEMA, why=why)

    def readable(self) -> frozenset[str]:
        """Name the tables and indexes that are safe to read; a view is not, because reading it can run forever.

        They are the unchanged ones, and changed tables that still store rows and have no computed column.
        """
        return frozenset(
            name
            for (kind, name), sql in self._expected.items()
            if (found := self._found.get((kind, name))) is not None
            and (found == sql or (kind == "table" and self._holds_rows(name, found)))
        )

    def unchanged(self) -> frozenset[str]:
        """Name the tables that SQLite may check: the unchanged ones; none where an index is foreign: SQLite runs it."""
        ours = frozenset(one for one, sql in self._found.items() if self._expected.get(one) == sql)
        if any(kind == "index" and (kind, name) not in ours for kind, name in self._found):
            return frozenset()
        return frozenset(name for kind, name in ours if kind == "table")

    def _holds_rows(self, name: str, sql: str) -> bool:
        plain = _PLAIN_TABLE.match(sql) is not None and _COMPARED_OTHERWISE.search(sql) is None
        return plain and _columns(self._connection, name) >= self._columns[name]


def _columns(connection: sqlite3.Connection, table: str) -> frozenset[str]:
    """Name the columns of a table, as SQLite reports them; empty, where one of them is computed."""
    found = connection.execute(_COLUMNS, [table.encode()]).fetchall()
    computed = any(hidden for _, hidden in found)
    return frozenset() if computed else frozenset(_text(name) for name, _ in found)


def _objects(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    objects: dict[tuple[str, str], str] = {}
    for row in connection.execute(_OBJECTS):
        kind, name, table, sql = map(_text, row)
        told = sql if _belongs(kind, name, table, sql) else f"{sql} (of {table})"
        objects[kind, name] = told if (kind, name) not in objects else f"{objects[kind, name][:_LONGEST]}; and another"
    return {one: sql for one, sql in objects.items() if not _is_index_of_key(*one, sql)}


def _belongs(kind: str, name: str, table: str, sql: str) -> bool:
    """Say whether an object belongs to the table that its SQL names."""
    return table == name if kind in {"table", "view"} else re.search(rf"\bON {re.escape(table)}\b", sql) is not None


def _is_index_of_key(kind: str, name: str, sql: str) -> bool:
    return kind == "index" and name.startswith("sqlite_autoindex_") and sql == str(None)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)  # whole, for a comparison
