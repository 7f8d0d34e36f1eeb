"""Reading a log in a SQLite file; every row is checked before it is handed to the caller."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from trialdomain.errors import LogCorrupt
from trialdomain.storage.bounds import Budget, FoundRow
from trialdomain.storage.heads import BEGUN, KeptHead
from trialdomain.storage.rows import command_in, counted, entry_in, is_number, name_in
from trialdomain.storage.sqlite.bounds import page, whole
from trialdomain.storage.sqlite.connections import Connections
from trialdomain.storage.sqlite.file import code_of, translated
from trialdomain.storage.sqlite.rows import head_of, version_of
from trialdomain.storage.sqlite.schema import WITH_CURSORS
from trialdomain.storage.sqlite.view_tables import SQLiteViewTables, views_file
from trialdomain.storage.store import CommandRow, PlacedNotification, Row, StoredEntry, StoreFacts
from trialdomain.storage.view_tables import ViewsUnusable

_PAGE = 2_000
_FEW = 20
_STREAM = "SELECT position, version, name, state FROM entries WHERE stream = ? AND +position <= ? ORDER BY version"
NOTES = "SELECT size, note FROM checkpoints WHERE trial = ? ORDER BY size, note"
"""The query for the checkpoints that the log keeps of a trial."""
_HEADS = (
    "WITH RECURSIVE named (trial) AS (SELECT min(trial) FROM entries UNION ALL"
    " SELECT (SELECT min(trial) FROM entries WHERE trial > named.trial) FROM named WHERE named.trial IS NOT NULL)"
    " SELECT trial, (SELECT max(position) FROM entries WHERE entries.trial = named.trial)"
    " FROM named WHERE trial IS NOT NULL"
)
_COMMANDS = (
    "SELECT command, request, first, last FROM commands WHERE trial = ? AND command != ?"
    " AND (first, command) > (?, ?) ORDER BY first, command LIMIT ?"
)
_WITHOUT_ENTRIES = (
    "SELECT command, request, first, last FROM commands WHERE trial = ? AND command != ? AND command > ?"
    " AND first IS NULL ORDER BY command LIMIT ?"
)
_COMMANDS_AT_ONCE = 20_000
"""The number of commands in a page: no index has their positions, so that each page is a search of all."""
_ALL_CURSORS = "SELECT follower, trial, position FROM cursors ORDER BY follower, trial LIMIT 10000"
_BEGUN = "SELECT 1 FROM commands WHERE trial = ? AND command = ?"


class SQLiteReader:
    """Reads a log in a SQLite file.

    A thread that has a transaction reads what it has written in it.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def trials(self) -> list[str]:
        """Name the trials in this log.

        Raises:
            LogCorrupt: a value in the column of trials is not a name.
        """
        query = "SELECT trial FROM entries WHERE trial > ? ORDER BY trial LIMIT 1"
        found: list[str] = []
        while row := self._first(query, (found or [""])[-1]):
            found.append(name_in(row[0]))
        return found

    def head(self, trial: str) -> int:
        """Return the last position of a trial; 0 when it has none."""
        return self._connections.read(lambda connection: head_of(connection, trial))

    def heads(self) -> dict[str, int]:
        """Return the last position of every trial.

        Raises:
            LogCorrupt: a value in the column of trials is not a name, or a position is not a number.
        """
        rows = self._connections.read(lambda connection: connection.execute(_HEADS).fetchall())
        return {name_in(trial): counted(position) for trial, position in rows}

    def version(self, stream: str) -> int:
        """Return the last version of a stream; 0 when it has no entry."""
        return self._connections.read(lambda connection: version_of(connection, stream))

    def in_log_order(self, trial: str, *, after: int = 0, until: int | None = None) -> Iterator[StoredEntry]:
        """Yield the entries of a trial by position, without those that are appended while it runs."""
        until = self.head(trial) if until is None else until
        while after < until:
            rows = self._page(
                "SELECT trial, position, stream, version, name, state FROM entries"
                " WHERE trial = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?",
                [trial, after, until, _PAGE],
            )
            yield from map(entry_in, rows)
            if not rows:
                return
            after = rows[-1][1]

    def latest_first(self, trial: str, *, until: int) -> Iterator[StoredEntry]:
        """Yield the entries of a trial from a position back to the first."""
        while rows := self._page(
            "SELECT trial, position, stream, version, name, state FROM entries"
            " WHERE trial = ? AND position <= ? ORDER BY position DESC LIMIT ?",
            [trial, until, _FEW],
        ):
            yield from map(entry_in, rows)
            until = rows[-1][1] - 1

    def stream(self, stream: str, *, until: int) -> list[Row]:
        """Read one stream up to a position of its trial.

        Raises:
            LogCorrupt: it has more bytes in long values than any trial.
        """
        return self._whole(_STREAM, [stream, until], Budget.of_entries(stream))

    def streams(self, trial: str, *, until: int, leave_out: Collection[str] = ()) -> Iterator[tuple[str, list[Row]]]:
        """Yield the trial's own stream, then every stream under it, each with its rows up to a position.

        The streams in ``leave_out`` are not read at all.

        Raises:
            LogCorrupt: they have more bytes in long values than any trial; or a stream has no name.
        """
        budget = Budget.of_entries(trial)
        beyond = f"{trial}0"  # in ASCII, "0" is the character after "/"
        stream: str | None = trial
        while stream is not None:
            if stream not in leave_out and (rows := self._whole(_STREAM, [stream, until], budget)):
                yield stream, rows
            after = f"{trial}/" if stream == trial else f"{stream}\x00"
            query = "SELECT min(stream) FROM entries WHERE stream >= ? AND stream < ?"
            found = self._first(query, after, beyond)
            stream = None if found is None or found[0] is None else name_in(found[0])

    def leaves(self, trial: str, *, until: int) -> Iterator[bytes]:
        """Yield the leaf hashes of a trial by position."""
        after = 0
        while rows := self._page(
            "SELECT position, leaf FROM entries WHERE trial = ? AND position > ? AND position <= ?"
            " ORDER BY position LIMIT ?",
            [trial, after, until, _PAGE],
        ):
            yield from (leaf for _, leaf in rows)
            after = rows[-1][0]

    def has_views(self) -> bool:
        """Say whether views of the log were ever made."""
        file = self._connections.database
        return file is not None and views_file(file).exists()

    def view_tables(self, *, make: bool) -> SQLiteViewTables:
        """Open the tables of the views of the log, in a file beside it.

        Raises:
            ViewsUnusable: the log is in memory; or the place of the file is taken, or it does not exist.
        """
        file = self._connections.database
        if file is None:
            raise ViewsUnusable("a log in memory, and an export, has no views: use a log in a file or in PostgreSQL")
        return SQLiteViewTables(file, make=make)

    def notes(self, trial: str) -> list[tuple[int, str]]:
        """Return the checkpoints that the log keeps of a trial, each with its size, the newest last.

        Raises:
            LogCorrupt: a row is not a size and a text, or they have more bytes than those of any trial.
        """
        rows = self._whole(NOTES, [trial], Budget(f"the checkpoints of {trial}", counts_short=True))
        for size, note in rows:
            if not (is_number(size) and isinstance(note, str)):
                raise LogCorrupt(f"a stored checkpoint of trial {trial} has no size, or no text: verify the log")
        return rows

    def commands(self, trial: str) -> Iterator[CommandRow]:
        """Yield the commands of a trial by position, then those that recorded nothing.

        The command that began the signing of heads is left out.

        Raises:
            LogCorrupt: a row has a value that no command has.
        """
        after: tuple[int, str] = (0, "")
        while rows := self._page(_COMMANDS, [trial, BEGUN, *after, _COMMANDS_AT_ONCE]):
            yield from (command_in(trial, row) for row in rows)
            after = rows[-1][2], rows[-1][0]
        last = ""
        while rows := self._page(_WITHOUT_ENTRIES, [trial, BEGUN, last, _COMMANDS_AT_ONCE]):
            yield from (command_in(trial, row) for row in rows)
            last = rows[-1][0]

    def facts(self) -> StoreFacts:
        """Return what the store knows of the log besides its entries."""

        def work(connection: sqlite3.Connection) -> StoreFacts:
            (pages,), (page_size,), (version,) = (
                connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size", "user_version")
            )
            rows = connection.execute(_ALL_CURSORS).fetchall() if version >= WITH_CURSORS else []
            cursors: dict[str, dict[str, int]] = {}
            for follower, trial, position in rows:
                cursors.setdefault(name_in(follower), {})[name_in(trial)] = counted(position)
            return StoreFacts(kind="SQLite", schema_version=version, size=pages * page_size, cursors=cursors)

        return self._connections.read(work)

    def copy_to(self, path: Path) -> None:
        """Copy the whole file, as it is at this moment, into a new one; others may append meanwhile."""

        def work(connection: sqlite3.Connection) -> None:
            with closing(sqlite3.connect(path)) as target:
                try:
                    connection.backup(target)
                except sqlite3.OperationalError as error:
                    if code_of(error) != sqlite3.SQLITE_FULL:
                        raise
                    raise translated(error, path) from error  # the log itself is only read

        self._connections.read(work)

    def is_empty(self) -> bool:
        """Say whether the log has no entry and no command."""
        return self._first("SELECT 1 FROM entries UNION ALL SELECT 1 FROM commands LIMIT 1") is None

    def prepare_reading(self) -> None:
        """Do nothing: SQLite reads by its indexes, however many rows there are."""

    def kept_head(self, trial: str) -> KeptHead | None:
        """Return the row of a trial's signed head, unchecked; None when there is none."""
        found = self._first("SELECT size, note FROM heads WHERE trial = ?", trial)
        return None if found is None else (found[0], found[1])

    def heads_begun(self, trial: str) -> bool:
        """Say whether the heads of a trial are signed: whether the command that began it is recorded."""
        return self._first(_BEGUN, trial, BEGUN) is not None

    def of_stream(
        self, stream: str, *, after: int | None, until: int | None, limit: int | None, descending: bool
    ) -> list[StoredEntry]:
        """Read some versions of one stream.

        Raises:
            LogCorrupt: they have more bytes in long values than any trial.
        """
        query = "SELECT trial, position, stream, version, name, state FROM entries WHERE stream = ?"
        values: list[object] = [stream]
        for condition, value in (("version > ?", after), ("version <= ?", until)):
            if value is not None:
                query += f" AND {condition}"
                values.append(value)
        query += f" ORDER BY version {'DESC' if descending else 'ASC'}"
        if limit is not None:
            query += " LIMIT ?"
            values.append(limit)
        return [entry_in(row) for row in self._whole(query, values, Budget.of_entries(stream))]

    def recorded_from(
        self, first: int, *, until: int | None, limit: int, names: Sequence[str]
    ) -> list[PlacedNotification]:
        """Read across all streams in the order of recording, by rowid (the notification id), which is not a position.

        Where entries are large, a page has fewer than the limit.
        """
        query = "SELECT stream, version, name, state, rowid, trial, position FROM entries WHERE rowid >= ?"
        values: list[object] = [first]
        if until is not None:
            query += " AND rowid <= ?"
            values.append(until)
        if names:
            query += f" AND name IN ({','.join('?' * len(names))})"
            values.extend(names)
        rows = self._page(f"{query} ORDER BY rowid LIMIT ?", [*values, limit])
        return [PlacedNotification(*row) for row in rows]

    def last_id(self) -> int | None:
        """Return the notification id of the last recorded entry; None when there is none."""
        row = self._first("SELECT max(rowid) FROM entries")
        highest: int | None = None if row is None else row[0]
        return highest

    def wait_for_writers(self) -> None:
        """Wait until the open transaction of any process has ended; a read-only file is not waited for."""
        self._connections.wait_for_writers()

    def close(self) -> None:
        """Wait for every reader and writer of this process, and close the file; a second call does nothing."""
        self._connections.close()

    def _first(self, query: str, *values: object) -> FoundRow | None:
        """Read the first row; None where the query has no row."""

        def work(connection: sqlite3.Connection) -> FoundRow | None:
            row: FoundRow | None = connection.execute(query, values).fetchone()
            return row

        return self._connections.read(work)

    def _page(self, query: str, values: Sequence[object]) -> list[FoundRow]:
        """Read one page of rows; see :func:`trialdomain.storage.sqlite.bounds.page`."""
        return self._connections.read(lambda connection: page(connection, query, values))

    def _whole(self, query: str, values: Sequence[object], budget: Budget) -> list[FoundRow]:
        """Read all rows, within a budget of memory."""
        return self._connections.read(lambda connection: whole(connection, query, values, budget))
