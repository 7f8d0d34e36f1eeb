"""The schema that a log should have, against the one that a file has."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from trialdomain.audit.defect import Defect, What
from trialdomain.storage.schema import SCHEMA

_OBJECTS = "SELECT type, name, sql FROM sqlite_master"
_PLAIN_TABLE = re.compile(r"\s*CREATE\s+TABLE\s", re.IGNORECASE)
_COMPUTED = re.compile(r"\bAS\s*\(|\bGENERATED\b|/\*|--", re.IGNORECASE)


def schema_defects(connection: sqlite3.Connection) -> Iterator[Defect]:
    """Yield every table, index and trigger that is missing, changed, or not ours.

    A trigger that is gone harms no entry by itself; it shows that somebody made room to change them.
    """
    expected, found = _expected(), _objects(connection)
    for kind, name in sorted(expected.keys() | found.keys()):
        if (kind, name) not in found:
            why = f"the {kind} {name} is gone from the database"
        elif (kind, name) not in expected:
            why = f"the {kind} {name} was added to the database, and is none of a log"
        elif found[kind, name] != expected[kind, name]:
            why = f"the {kind} {name} of the database was changed"
        else:
            continue
        yield Defect(what=What.SCHEMA, why=why)


def unchanged(connection: sqlite3.Connection) -> frozenset[str]:
    """Name the tables and indexes that are ours: nothing else is read, for a view can be made to run without end."""
    expected, found = _expected(), _objects(connection)
    return frozenset(name for kind, name in expected if found.get((kind, name)) == expected[kind, name])


def readable(connection: sqlite3.Connection) -> frozenset[str]:
    """Name what may be read: what is ours, and tables that were changed, but still hold rows and compute nothing."""
    found = _objects(connection)
    tables = {name for kind, name in _expected() if kind == "table"}
    plain = {name for (kind, name), sql in found.items() if kind == "table" and name in tables and _holds_rows(sql)}
    return unchanged(connection) | plain


def _holds_rows(sql: str) -> bool:
    return _PLAIN_TABLE.match(sql) is not None and _COMPUTED.search(sql) is None


def _expected() -> dict[tuple[str, str], str]:
    with closing(sqlite3.connect(":memory:")) as ours:
        ours.executescript(SCHEMA)
        return _objects(ours)


def _objects(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    objects = {(_text(kind), _text(name)): _text(sql) for kind, name, sql in connection.execute(_OBJECTS)}
    return {one: sql for one, sql in objects.items() if not _is_index_of_key(*one, sql)}


def _is_index_of_key(kind: str, name: str, sql: str) -> bool:
    return kind == "index" and name.startswith("sqlite_autoindex_") and sql == str(None)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
