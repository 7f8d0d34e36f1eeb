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


class FoundSchema:
    """What the schema of a file has, held against what a log's should.

    Args:
        connection: to the file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        with closing(sqlite3.connect(":memory:")) as ours:
            ours.executescript(SCHEMA)
            self._expected = _objects(ours)
        self._found = _objects(connection)

    def defects(self) -> Iterator[Defect]:
        """Yield every table, index and trigger that is missing, changed, or not ours.

        A trigger that is gone harms no entry by itself; it shows that somebody made room to change them.
        """
        for kind, name in sorted(self._expected.keys() | self._found.keys()):
            if (kind, name) not in self._found:
                why = f"the {kind} {name} is gone from the database"
            elif (kind, name) not in self._expected:
                why = f"the {kind} {name} was added to the database, and is none of a log"
            elif self._found[kind, name] != self._expected[kind, name]:
                why = f"the {kind} {name} of the database was changed"
            else:
                continue
            yield Defect(what=What.SCHEMA, why=why)

    def readable(self) -> frozenset[str]:
        """Name the tables and indexes that may be read: nothing else is, for a view can be made to run without end.

        They are what is ours, and tables that were changed, but still hold rows and compute nothing.
        """
        return frozenset(
            name
            for (kind, name), sql in self._expected.items()
            if (found := self._found.get((kind, name))) is not None
            and (found == sql or (kind == "table" and _holds_rows(found)))
        )


def _holds_rows(sql: str) -> bool:
    return _PLAIN_TABLE.match(sql) is not None and _COMPUTED.search(sql) is None


def _objects(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    objects = {(_text(kind), _text(name)): _text(sql) for kind, name, sql in connection.execute(_OBJECTS)}
    return {one: sql for one, sql in objects.items() if not _is_index_of_key(*one, sql)}


def _is_index_of_key(kind: str, name: str, sql: str) -> bool:
    return kind == "index" and name.startswith("sqlite_autoindex_") and sql == str(None)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)  # whole: it is compared
