"""The schema that a log should have, against the one that a file has."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from trialdomain.audit.defect import Defect, What
from trialdomain.storage.schema import SCHEMA

_OBJECTS = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"


def schema_defects(connection: sqlite3.Connection) -> Iterator[Defect]:
    """Yield every table, index and trigger that is missing, changed, or not ours.

    A trigger that is gone harms no entry by itself; it shows that somebody made room to change them.
    """
    with closing(sqlite3.connect(":memory:")) as ours:
        ours.executescript(SCHEMA)
        expected = _objects(ours)
    found = _objects(connection)
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


def _objects(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    return {(_text(kind), _text(name)): _text(sql) for kind, name, sql in connection.execute(_OBJECTS)}


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
