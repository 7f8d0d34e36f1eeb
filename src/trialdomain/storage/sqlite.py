"""A log in a SQLite file: an application recorder of the ``eventsourcing`` library, written on ``sqlite3``.

Several processes may use one file. Appends are serialised by the write lock, so that the order of positions is the
order of commits. Whatever an append decided on is checked inside that lock. A commit is on disk before it is
acknowledged.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID

import attrs
from eventsourcing.persistence import (
    ApplicationRecorder,
    ListenNotifySubscription,
    Notification,
    StoredEvent,
)
from typing_extensions import override

from trialdomain.errors import Conflict
from trialdomain.storage.gate import Gate
from trialdomain.storage.sqlite_file import check_file, sentences, set_up
from trialdomain.tree.leaf import leaf_hash

MEMORY = ":memory:"
_BUSY_SECONDS = 30.0
_PAGE = 2_000
_POLL_SECONDS = 0.2


class StreamMoved(Conflict):
    """A stream that a decision read has been appended to since."""

    def __init__(self, *, stream: str, read: int, found: int) -> None:
        super().__init__(
            f"stream {stream} was read at version {read}, and is at {found} now: read it again, and decide again"
        )
        self.stream, self.read, self.found = stream, read, found


class CommandReused(Conflict):
    """A command id came a second time, with another request."""

    def __init__(self, *, command: str) -> None:
        super().__init__(
            f"command {command} was recorded before with another request: give the new one an id of its own"
        )
        self.command = command


@dataclass(frozen=True, eq=False)
class StoredEntry(StoredEvent):
    """A stored event that also knows its position in its trial; equal to a plain one with the same content."""

    trial: str
    position: int

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoredEvent) and _content(self) == _content(other)

    @override
    def __hash__(self) -> int:
        return hash(_content(self))


def _content(event: StoredEvent) -> tuple[object, ...]:
    return event.originator_id, event.originator_version, event.topic, event.state


@attrs.frozen(kw_only=True)
class Command:
    """A request as it is remembered: the same id and request get the first result again."""

    id: str
    request: bytes
    """The SHA-256 hash of the request."""


@attrs.frozen(kw_only=True)
class Appended:
    """What an append came to."""

    positions: range
    """Of the entries, in their trial."""
    notifications: Sequence[int] = ()
    repeated: bool = False
    """Whether the command had been recorded before, so that nothing was appended now."""


class SQLiteRecorder(ApplicationRecorder):
    """Records entries in one SQLite file, or in memory.

    Args:
        path: the file, made when it does not exist; ``":memory:"`` keeps everything in memory.
        readonly: open an existing log without ever writing to it.

    Raises:
        LogUnusable: the file is something else, or was written by a newer version; it is not touched.
    """

    def __init__(self, path: str | Path, *, readonly: bool = False) -> None:
        self._path, self._readonly = str(path), readonly
        self._gate = Gate()
        self._listeners: set[Event] = set()
        self._idle: list[sqlite3.Connection] = []
        if self._path != MEMORY:
            check_file(Path(self._path), readonly=readonly)
        with sentences(self._path):
            self._writer = self._connect()
            if not readonly:
                set_up(self._writer)

    # What eventsourcing asks of a recorder.

    @override
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append events of one trial or of several, all or none."""
        by_trial: dict[str, list[StoredEvent]] = {}
        for event in stored_events:
            by_trial.setdefault(str(event.originator_id).partition("/")[0], []).append(event)
        with self._writing() as connection:
            ids = [number for trial, events in by_trial.items() for number in _insert(connection, trial, events)[1]]
        self._notify()
        return ids

    @override
    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEntry]:
        """Read one stream."""
        query = "SELECT trial, position, stream, version, name, state FROM entries WHERE stream = ?"
        values: list[object] = [str(originator_id)]
        for condition, value in (("version > ?", gt), ("version <= ?", lte)):
            if value is not None:
                query += f" AND {condition}"
                values.append(value)
        query += f" ORDER BY version {'DESC' if desc else 'ASC'}"
        if limit is not None:
            query += " LIMIT ?"
            values.append(limit)
        return [_entry(row) for row in self._read(query, values)]

    @override
    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Read across all streams in the order of recording; ids are the store's own, not positions."""
        query = "SELECT rowid, stream, version, name, state FROM entries WHERE rowid >= ?"
        values: list[object] = [(start or 0) + (not inclusive_of_start)]
        if stop is not None:
            query += " AND rowid <= ?"
            values.append(stop)
        if topics:
            query += f" AND name IN ({','.join('?' * len(topics))})"
            values.extend(topics)
        rows = self._read(f"{query} ORDER BY rowid LIMIT ?", [*values, limit])
        return [
            Notification(id=row[0], originator_id=row[1], originator_version=row[2], topic=row[3], state=row[4])
            for row in rows
        ]

    @override
    def max_notification_id(self) -> int | None:
        """Give the id of the last entry recorded; None when there is none."""
        highest: int | None = self._read("SELECT max(rowid) FROM entries", [])[0][0]
        return highest

    @override
    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "SQLiteSubscription":
        """Follow the log, also what other processes record."""
        return SQLiteSubscription(self, gt=gt, topics=topics)

    # What this library asks beyond it.

    def append(
        self, trial: str, events: Sequence[StoredEvent], *, read: Mapping[str, int], command: Command
    ) -> Appended:
        """Append the entries of one command, all or none, if nothing that it read has moved.

        Args:
            trial: the trial whose streams these are.
            events: the entries, each with the next version of its stream.
            read: by stream, the version at which the decision read it; 0 for a stream that did not exist.
            command: the command, which is recorded with them, also when it records nothing else.

        Raises:
            StreamMoved: a stream is no longer at the version that was read.
            CommandReused: the command's id was used for another request.
        """
        with self._writing() as connection:
            done = _recorded_before(connection, trial, command)
            if done is not None:
                return done
            for stream, version in read.items():
                found = _version(connection, stream)
                if found != version:
                    raise StreamMoved(stream=stream, read=version, found=found)
            positions, ids = _insert(connection, trial, events)
            connection.execute(
                "INSERT INTO commands VALUES (?, ?, ?, ?, ?)",
                (trial, command.id, command.request, *((positions[0], positions[-1]) if positions else (None, None))),
            )
        self._notify()
        return Appended(positions=positions, notifications=ids)

    def recorded_before(self, trial: str, command: Command) -> Appended | None:
        """Give the result of a command that was recorded before; None when it was not."""
        with self._reading() as connection:
            return _recorded_before(connection, trial, command)

    def trials(self) -> list[str]:
        """Name the trials in this log."""
        found: list[str] = []
        while rows := self._read(
            "SELECT trial FROM entries WHERE trial > ? ORDER BY trial LIMIT 1", [(found or [""])[-1]]
        ):
            found.append(rows[0][0])
        return found

    def head(self, trial: str) -> int:
        """Give the last position of a trial; 0 when it has none."""
        return int(self._read("SELECT coalesce(max(position), 0) FROM entries WHERE trial = ?", [trial])[0][0])

    def in_log_order(self, trial: str, *, after: int = 0, until: int | None = None) -> Iterator[StoredEntry]:
        """Yield the entries of a trial by position; what is appended meanwhile is left out."""
        until = self.head(trial) if until is None else until
        while after < until:
            rows = self._read(
                "SELECT trial, position, stream, version, name, state FROM entries"
                " WHERE trial = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?",
                [trial, after, until, _PAGE],
            )
            yield from map(_entry, rows)
            if not rows:
                return
            after = rows[-1][1]

    def in_stream_order(self, trial: str, *, until: int) -> Iterator[StoredEntry]:
        """Yield the entries up to a position: the trial's own stream, then every stream under it, one by one."""
        for first, last in ((trial, trial), (f"{trial}/", f"{trial}/\x7f")):
            stream, version = first, 0
            while True:
                rows = self._read(
                    "SELECT trial, position, stream, version, name, state FROM entries"
                    " WHERE (stream, version) > (?, ?) AND stream <= ? AND +position <= ?"
                    " ORDER BY stream, version LIMIT ?",
                    [stream, version, last, until, _PAGE],
                )
                yield from map(_entry, rows)
                if len(rows) < _PAGE:
                    break
                stream, version = rows[-1][2], rows[-1][3]

    def leaves(self, trial: str, *, until: int) -> Iterator[bytes]:
        """Yield the leaf hashes of a trial by position."""
        after = 0
        while rows := self._read(
            "SELECT position, leaf FROM entries WHERE trial = ? AND position > ? AND position <= ?"
            " ORDER BY position LIMIT ?",
            [trial, after, until, _PAGE],
        ):
            yield from (leaf for _, leaf in rows)
            after = rows[-1][0]

    def close(self) -> None:
        """Wait for whoever reads or writes at this moment, and close the file; a second call does nothing."""
        if self._gate.close():
            for connection in (*self._idle, self._writer):
                connection.close()

    # How it does that.

    def _connect(self) -> sqlite3.Connection:
        if self._path == MEMORY:
            connection = sqlite3.connect(MEMORY, isolation_level=None, check_same_thread=False)
        else:
            mode = "ro" if self._readonly else "rwc"
            uri = f"{Path(self._path).absolute().as_uri()}?mode={mode}"
            connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS
            )
        for pragma in ("synchronous = FULL", "recursive_triggers = ON", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._gate.alone(), sentences(self._path):
            connection = self._writer
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if self._path == MEMORY:  # a second connection would be a second, empty database
            with self._gate.alone():
                yield self._writer
            return
        with self._gate.together(), sentences(self._path):
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect()
            try:
                yield connection
            finally:
                self._idle.append(connection)

    def _read(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with self._reading() as connection:
            return connection.execute(query, values).fetchall()

    def listen(self, event: Event) -> None:
        """Set an event whenever this process has appended something."""
        self._listeners.add(event)

    def unlisten(self, event: Event) -> None:
        """Leave an event alone from now on."""
        self._listeners.discard(event)

    def _notify(self) -> None:
        for listener in tuple(self._listeners):
            listener.set()


class SQLiteSubscription(ListenNotifySubscription[SQLiteRecorder]):
    """Follows a log: at once what this process appends, and within a fraction of a second what others do."""

    def __init__(self, recorder: SQLiteRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._recorder.listen(self._has_been_notified)

    @override
    def stop(self) -> None:
        super().stop()
        self._recorder.unlisten(self._has_been_notified)

    @override
    def _loop_on_pull(self) -> None:
        try:
            self._pull()
            while not self._has_been_stopped:
                self._has_been_notified.wait(_POLL_SECONDS)
                self._pull()
        except BaseException as error:  # noqa: BLE001 - whoever iterates is told, as in the class above
            self._thread_error = self._thread_error or error
            self.stop()


def _entry(row: tuple[Any, ...]) -> StoredEntry:
    trial, position, stream, version, name, state = row
    return StoredEntry(
        trial=trial, position=position, originator_id=stream, originator_version=version, topic=name, state=state
    )


def _version(connection: sqlite3.Connection, stream: str) -> int:
    row = connection.execute("SELECT coalesce(max(version), 0) FROM entries WHERE stream = ?", (stream,)).fetchone()
    return int(row[0])


def _insert(connection: sqlite3.Connection, trial: str, events: Sequence[StoredEvent]) -> tuple[range, list[int]]:
    row = connection.execute("SELECT coalesce(max(position), 0) FROM entries WHERE trial = ?", (trial,)).fetchone()
    first = int(row[0]) + 1
    ids: list[int] = []
    for position, event in enumerate(events, start=first):
        stream = str(event.originator_id)
        leaf = leaf_hash(stream=stream, version=event.originator_version, topic=event.topic, state=event.state)
        cursor = connection.execute(
            "INSERT INTO entries (trial, position, stream, version, name, state, leaf) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (trial, position, stream, event.originator_version, event.topic, event.state, leaf),
        )
        ids.append(int(cursor.lastrowid or 0))
    return range(first, first + len(events)), ids


def _recorded_before(connection: sqlite3.Connection, trial: str, command: Command) -> Appended | None:
    row = connection.execute(
        "SELECT request, first, last FROM commands WHERE trial = ? AND command = ?", (trial, command.id)
    ).fetchone()
    if row is None:
        return None
    request, first, last = row
    if request != command.request:
        raise CommandReused(command=command.id)
    return Appended(positions=range(0) if first is None else range(first, last + 1), repeated=True)
