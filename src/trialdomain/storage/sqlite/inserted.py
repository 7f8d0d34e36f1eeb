"""What one transaction inserts, and that all of it is in the tables before it is acknowledged."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import attrs
from eventsourcing.persistence import StoredEvent

from trialdomain.errors import LogCorrupt
from trialdomain.storage.errors import EntriesNotKept
from trialdomain.storage.sqlite.schema import INSERT_COMMAND, INSERT_ENTRY
from trialdomain.storage.store import Command
from trialdomain.tree.leaf import leaf_hash
from trialdomain.values.given.plural import how_many

InsertedRow: TypeAlias = tuple[str, int, str, int, str, bytes, bytes]
_INSERTED = (
    "SELECT trial, position, stream, version, name, state, leaf FROM entries"
    " WHERE trial = ? AND position >= ? ORDER BY position"
)
_COMMAND = "SELECT * FROM commands WHERE trial = ? AND command = ?"


def _row(event: StoredEvent, trial: str, position: int) -> InsertedRow:
    """Give the row of an event, with its leaf."""
    stream, version = str(event.originator_id), event.originator_version
    leaf = leaf_hash(stream=stream, version=version, topic=event.topic, state=event.state)
    return trial, position, stream, version, event.topic, event.state, leaf


def _command_row(trial: str, command: Command, positions: range) -> tuple[object, ...]:
    """Give the row of a command, with the positions of what it recorded."""
    first, last = (positions[0], positions[-1]) if positions else (None, None)
    return trial, command.id, command.request, first, last


def check_taken(cursor: sqlite3.Cursor, number: int) -> None:
    """Refuse to acknowledge what the table did not take: a trigger of somebody else can swallow it without an error.

    Raises:
        LogCorrupt: fewer rows were inserted.
    """
    if number and cursor.rowcount != number:
        raise LogCorrupt(
            f"the table took {cursor.rowcount} of {how_many(number, 'row')}: the log was tampered with; verify it"
        )


@attrs.define
class Inserted:
    """What one transaction has inserted."""

    _before: int
    """The rows that the connection had changed before."""
    rows: "dict[str, list[InsertedRow]]" = attrs.Factory(dict)
    """By trial, in the order of positions."""
    commands: list[tuple[object, ...]] = attrs.Factory(list)

    def entries(
        self, connection: sqlite3.Connection, trial: str, events: Iterable[StoredEvent], *, after: int
    ) -> tuple[list[InsertedRow], range]:
        """Insert entries after a position of their trial; give the rows, and the ids that the store gave them."""
        rows = [_row(event, trial, position) for position, event in enumerate(events, start=after + 1)]
        if not rows:
            return rows, range(0)
        self.rows.setdefault(trial, []).extend(rows)
        if len(rows) == 1:
            cursor = connection.execute(INSERT_ENTRY, rows[0])
            last = int(cursor.lastrowid or 0)
            check_taken(cursor, 1)
        else:
            check_taken(connection.executemany(INSERT_ENTRY, rows), len(rows))
            last = int(connection.execute("SELECT last_insert_rowid()").fetchone()[0])
        return rows, range(last - len(rows) + 1, last + 1)

    def remember(self, connection: sqlite3.Connection, trial: str, commands: Iterable[tuple[Command, range]]) -> None:
        """Remember commands with the positions of what they recorded."""
        rows = [_command_row(trial, *one) for one in commands]
        for row in rows:
            check_taken(connection.execute(INSERT_COMMAND, row), 1)
        self.commands += rows

    def check_kept(self, connection: sqlite3.Connection) -> None:
        """Refuse to acknowledge what is not in the tables; asked last, after everything that can set off a trigger.

        SQLite counts each row that a statement changes, those that a trigger changes included. Only where it counts
        another number than was inserted, the rows are read back: where heads are signed, or a trigger has changed
        something, whatever that is.

        Raises:
            EntriesNotKept: something that was inserted is not there, or not as it was.
        """
        inserted = len(self.commands) + sum(map(len, self.rows.values()))
        if connection.total_changes - self._before == inserted:
            return
        for trial, rows in self.rows.items():
            _check_kept(connection, trial, rows)
        for row in self.commands:
            if connection.execute(_COMMAND, row[:2]).fetchone() != row:
                raise EntriesNotKept(trial=str(row[0]), what=f"command {row[1]}")


def _check_kept(connection: sqlite3.Connection, trial: str, rows: Sequence[InsertedRow]) -> None:
    """Refuse to acknowledge what is not in the table, row for row: a trigger may have changed it since.

    Raises:
        EntriesNotKept: it is not, or more is there.
    """
    if not rows:
        return
    expected = iter(rows)
    for row in connection.execute(_INSERTED, (trial, rows[0][1])):
        if row != next(expected, None):
            raise EntriesNotKept(trial=trial, what=f"position {row[1]}")
    for missing in expected:
        raise EntriesNotKept(trial=trial, what=f"position {missing[1]}")
