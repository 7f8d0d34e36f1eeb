"""Attacks by an insider with the database but without a key: bypassed triggers, and recomputed leaves."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from trialdomain.tree.leaf import leaf_hash


@contextmanager
def tampered(path: Path) -> Iterator[sqlite3.Connection]:
    """Change a database, and leave no trace that its own tables would show."""
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        yield connection
        connection.execute("UPDATE sqlite_sequence SET seq = (SELECT max(rowid) FROM entries)")
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()


def loosened(connection: sqlite3.Connection) -> None:
    """Let the tables take values of every kind, as they stand: past the types of their columns, and NULL as well."""
    connection.execute("PRAGMA writable_schema = ON")
    query = "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table'"
    for old, new in ((" STRICT", ""), ("), WITHOUT", ") WITHOUT"), (" NOT NULL", "")):
        connection.execute(query, (old, new))
    for kind in ("TEXT", "BLOB", "INTEGER"):
        for end in (",", " CHECK", "\n"):
            connection.execute(query, (f" {kind}{end}", f" ANYTHING_BLOB{end}"))
    connection.execute("PRAGMA writable_schema = RESET")


def refit(connection: sqlite3.Connection) -> None:
    """Give every entry the leaf that fits what stands there now, as whoever knows the rules would."""
    rows = connection.execute("SELECT rowid, stream, version, name, state FROM entries").fetchall()
    for number, stream, version, name, state in rows:
        leaf = leaf_hash(stream=stream, version=version, topic=name, state=state)
        connection.execute("UPDATE entries SET leaf = ? WHERE rowid = ?", (leaf, number))


def state_of(fact: object, *, command: str, part: int = 1, parts: int = 1) -> bytes:
    """Write a state as an entry of ours has it."""
    meta = {
        "command": command,
        "part": part,
        "parts": parts,
        "recorded_at": "2026-05-01T08:00:00Z",
        "user": "investigator",
    }
    return json.dumps({"fact": fact, "meta": meta}, separators=(",", ":"), sort_keys=True).encode()


def appended(connection: sqlite3.Connection, stream: str, name: str, state: bytes, *, command: str = "forged") -> int:
    """Append an entry that no command recorded, with a leaf that fits, and the row of a command; give its position."""
    trial = stream.partition("/")[0]
    [(position,)] = connection.execute("SELECT 1 + ifnull(max(position), 0) FROM entries WHERE trial = ?", [trial])
    [(version,)] = connection.execute("SELECT 1 + ifnull(max(version), 0) FROM entries WHERE stream = ?", [stream])
    leaf = leaf_hash(stream=stream, version=version, topic=name, state=state)
    row = (trial, position, stream, version, name, state, leaf)
    connection.execute("INSERT INTO entries VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.execute("INSERT INTO commands VALUES (?, ?, zeroblob(32), ?, ?)", (trial, command, position, position))
    return int(position)


def rows(path: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask a database directly."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query, values).fetchall()
