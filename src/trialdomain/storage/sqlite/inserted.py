"""The rows that one transaction inserts, and the check that all of them are in the tables before it commits."""

import sqlite3
from collections.abc import Iterable, Sequence

import attrs
from eventsourcing.persistence import StoredEvent

from trialdomain.errors import LogCorrupt
from trialdomain.storage.errors import EntriesNotKept
from trialdomain.storage.sqlite.schema import INSERT_COMMAND, INSERT_ENTRY
from trialdomain.storage.store import Command, StoredRow
from trialdomain.tree.leaf import leaf_hash
from trialdomain.values.given.plural import how_many

_INSERTED = (
    "SELECT trial, position, stream, version, name, state, leaf FROM entries"
    " WHERE trial = ? AND position >= ? ORDER BY position"
)
_COMMAND = "SELECT * FROM commands WHERE trial = ? AND command = ?"


def _row(event: StoredEvent, trial: str, position: int) -> StoredRow:
    """Make the row of an event, with its leaf."""
    stream, version = str(event.originator_id), event.originator_version
    leaf = leaf_hash(stream=stream, version=version, topic=event.topic, state=event.state)
    return trial, position, stream, version, event.topic, event.state, leaf


def _command_row(trial: str, command: Command, positions: range) -> tuple[object, ...]:
    """Make the row of a command, with the positions of its entries."""
    first, last = (positions[0], positions[-1]) if positions else (None, None)
    return trial, command.id, command.request, first, last


def check_taken(cursor: sqlite3.Cursor, number: int) -> None:
    """Refuse to commit where the table took fewer rows: a foreign trigger can drop a row without an error.

    Raises:
        LogCorrupt: the table took fewer rows than were inserted.
    """
    if number and cursor.rowcount != number:
        raise LogCorrupt(
            f"the table took {cursor.rowcount} of {how_many(number, 'row')}: the log was tampered with; verify it"
        )


@attrs.define
class Inserted:
    """The rows that one transaction has inserted."""

    _before: int
    """The connection's total of changed rows before the transaction."""
    rows: "dict[str, list[StoredRow]]" = attrs.Factory(dict)
    """By trial: the inserted entries, in the order of positions."""
    commands: list[tuple[object, ...]] = attrs.Factory(list)

    def entries(
        self, connection: sqlite3.Connection, trial: str, events: Iterable[StoredEvent], *, after: int
    ) -> tuple[list[StoredRow], range]:
        """Insert entries after a position of their trial; return the rows, and their rowids."""
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
        """Insert the rows of commands, with the positions of their entries."""
        rows = [_command_row(trial, *one) for one in commands]
        for row in rows:
            check_taken(connection.execute(INSERT_COMMAND, row), 1)
        self.commands += rows

    def check_kept(self, connection: sqlite3.Connection) -> None:
        """Refuse to commit where an inserted row is missing or changed; called after the last statement of the work.

        SQLite counts every row that a statement changes, including the rows that a trigger changes. Only where that
        count differs from the number of inserted rows, the rows are read back. It differs where heads are signed, or
        where a trigger has changed anything.

        Raises:
            EntriesNotKept: an inserted row is missing, or is not as it was inserted.
        """
        inserted = len(self.commands) + sum(map(len, self.rows.values()))
        if connection.total_changes - self._before == inserted:
            return
        for trial, rows in self.rows.items():
            _check_kept(connection, trial, rows)
        for row in self.commands:
            if connection.execute(_COMMAND, row[:2]).fetchone() != row:
                raise EntriesNotKept(trial=str(row[0]), what=f"command {row[1]}")


def _check_kept(connection: sqlite3.Connection, trial: str, rows: Sequence[StoredRow]) -> None:
    """Read the rows of a trial back, and compare them: a trigger may have changed them.

    Raises:
        EntriesNotKept: a row is missing, was changed, or was added.
    """
    if not rows:
        return
    expected = iter(rows)
    for row in connection.execute(_INSERTED, (trial, rows[0][1])):
        if row != next(expected, None):
            raise EntriesNotKept(trial=trial, what=f"position {row[1]}")
    for missing in expected:
        raise EntriesNotKept(trial=trial, what=f"position {missing[1]}")
