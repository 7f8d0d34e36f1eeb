"""A log in a SQLite file: an application recorder of the ``eventsourcing`` library, written on ``sqlite3``.

Several processes may use one file. Appends are serialised by the write lock, so that the order of positions is the
order of commits. Whatever an append decided on is checked inside that lock. A commit is on disk before it is
acknowledged.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any, TypeAlias, TypeGuard, TypeVar
from uuid import UUID

import attrs
from eventsourcing.persistence import (
    ApplicationRecorder,
    ListenNotifySubscription,
    Notification,
    StoredEvent,
)
from typing_extensions import override

from trialdomain.errors import LogCorrupt, TrialError
from trialdomain.storage.bounds import Budget, FoundRow, page, refuse_too_much, whole
from trialdomain.storage.connections import MEMORY, Connections
from trialdomain.storage.heads import BEGUN, HeadSigner, SignedHeads
from trialdomain.storage.place import LogMoved
from trialdomain.storage.schema import INSERT_CHECKPOINT, INSERT_COMMAND, INSERT_ENTRY
from trialdomain.storage.sqlite_file import AppendRefused, StoreFailed
from trialdomain.storage.stored import (
    UNKNOWN_REQUEST,
    Appended,
    Command,
    CommandRestored,
    CommandReused,
    EntriesNotKept,
    PlacedNotification,
    Row,
    StoredEntry,
    StreamMoved,
    WholeLog,
)
from trialdomain.tree.leaf import leaf_hash
from trialdomain.values.ids import LONGEST_STREAM, trial_of
from trialdomain.values.plural import how_many, n_entries
from trialdomain.values.text import short

__all__ = [
    "MEMORY",
    "Appended",
    "Command",
    "CommandReused",
    "Row",
    "SQLiteRecorder",
    "StoredEntry",
    "StreamMoved",
    "WholeLog",
]

T = TypeVar("T")
_PAGE = 2_000
_FEW = 20
_POLL_SECONDS = 0.2


class SQLiteRecorder(ApplicationRecorder):
    """Records entries in one SQLite file, or in memory.

    Args:
        path: the file, made when it does not exist; ``":memory:"`` keeps everything in memory.
        readonly: open an existing log without ever writing to it.
        signer: signs the head of a trial's tree in the transaction of every append.

    Raises:
        LogUnusable: the file is something else, or was written by a newer version; it is not touched.
    """

    def __init__(self, path: str | Path, *, readonly: bool = False, signer: HeadSigner | None = None) -> None:
        self._connections = Connections(str(path), readonly=readonly)
        self._heads = SignedHeads(signer)
        self._listeners: set[Event] = set()
        self._recorded: dict[str, int] = {}
        """By trial: the last position that this process has recorded, as far as it is known."""

    # What eventsourcing asks of a recorder.

    @override
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append events of one trial or of several, all or none."""

        def work(connection: sqlite3.Connection) -> list[int]:
            inserted = self._insert(connection, stored_events, {})
            inserted.check_kept(connection)
            return inserted.notifications

        ids = self._connections.write(work)
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
        """Read one stream.

        Raises:
            LogCorrupt: it has more in long values than any trial.
        """
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
        return [_entry(row) for row in self._whole(query, values, Budget.of_entries(str(originator_id)))]

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
        """Read across all streams in the order of recording; ids are the store's own, not positions.

        Of large entries, fewer are given than the limit.
        """
        query = "SELECT stream, version, name, state, rowid, trial, position FROM entries WHERE rowid >= ?"
        values: list[object] = [(start or 0) + (not inclusive_of_start)]
        if stop is not None:
            query += " AND rowid <= ?"
            values.append(stop)
        if topics:
            query += f" AND name IN ({','.join('?' * len(topics))})"
            values.extend(topics)
        rows = self._page(f"{query} ORDER BY rowid LIMIT ?", [*values, limit])
        return [PlacedNotification(*row) for row in rows]

    @override
    def max_notification_id(self) -> int | None:
        """Give the id of the last entry recorded; None when there is none."""
        row = self._first("SELECT max(rowid) FROM entries")
        highest: int | None = None if row is None else row[0]
        return highest

    @override
    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "SQLiteSubscription":
        """Follow the log, also what other processes record."""
        return SQLiteSubscription(self, gt=gt, topics=topics)

    # What this library asks beyond it.

    def append(
        self,
        trial: str,
        events: Sequence[StoredEvent] | Callable[[], Sequence[StoredEvent]],
        *,
        read: Mapping[str, int],
        command: Command,
        whole: WholeLog | None = None,
        within: bool = False,
    ) -> Appended:
        """Append the entries of one command, all or none, if nothing that it read has moved.

        Args:
            trial: the trial whose streams these are.
            events: the entries, each with the next version of its stream; or what makes them, called under the write
                lock.
            read: by stream, the version at which the decision read it; 0 for a stream that did not exist.
            command: the command, which is recorded with them, also when it records nothing else.
            whole: where the decision read every stream, up to where, and without which kinds of entries.
            within: whether this is the append for which :meth:`alone` was called.

        Raises:
            StreamMoved: a stream is no longer at the version that was read.
            CommandReused: the command's id was used for another request.
            AppendRefused: an entry is not of this trial, or not the next one of its stream.
            EntriesNotKept: something in the database changed or removed what was inserted.
            TooMuchToRecord: the trial would have more in long entries than is ever read again.
        """

        def work(connection: sqlite3.Connection) -> Appended | TrialError:
            lock = self._connections.lock
            found = _find(connection, trial, command.id, tuple(read))
            try:
                done = found.done(trial, command)
                if done is not None:
                    return done
                sealed = events() if callable(events) else events
                self._connections.decided()
                if self._connections.lock is not lock:  # a clock, or a hook, recorded something itself
                    found = _find(connection, trial, command.id, tuple(read))
                _refuse_moved(connection, trial, read, found, whole)
                self._refuse_older(trial, found.head)
                for event in sealed:
                    _check_place(event, trial)
            except TrialError as error:
                return error
            if not connection.in_transaction:
                raise StoreFailed("the write lock was lost: nothing was recorded; try again")
            inserted = self._insert(connection, sealed, {trial: found.head}, begun=found.begun)
            rows = inserted.rows.get(trial, ())
            refuse_too_much(connection, trial, rows)
            positions = inserted.positions(trial)
            inserted.remember(connection, trial, [(command, positions)])
            inserted.check_kept(connection)
            return Appended(positions=positions, notifications=inserted.notifications, rows=rows)

        appended = self._connections.write(work, within=within, may_wait=True)
        self._notify()
        if isinstance(appended, TrialError):
            raise appended
        if appended.positions and not within:
            self._recorded[trial] = appended.positions[-1]
        return appended

    def alone(self, work: Callable[[], T]) -> T:
        """Do some work under the write lock: what it reads stays so until what it appends is recorded.

        Each append in it is all or nothing; what was appended is on disk when this returns, or raises an error of ours.
        """

        def until_error(_: sqlite3.Connection) -> T | TrialError:
            try:
                return work()
            except TrialError as error:
                return error

        done = self._connections.write(until_error, may_wait=True)
        if isinstance(done, TrialError):
            raise done
        return done

    def wait_for_writers(self) -> None:
        """Wait until whoever is about to append, in any process, has done so; a read-only file is not waited for."""
        self._connections.wait_for_writers()

    def append_commands(self, trial: str, commands: Sequence[tuple[Command, Sequence[StoredEvent]]]) -> int:
        """Append the entries of many commands in one transaction, all or none; give the last position.

        For whoever records a trial that nobody else records: nothing was read that could have moved.

        Raises:
            AppendRefused: an entry is not of this trial, or not the next one of its stream; or a command was recorded
                before.
        """
        for _, events in commands:
            for event in events:
                _check_place(event, trial)

        def work(connection: sqlite3.Connection) -> int:
            inserted = _Inserted(connection.total_changes)
            head = position = _head(connection, trial)
            remembered = []
            for command, events in commands:
                remembered.append((command, range(position + 1, position + 1 + len(events))))
                position += len(events)
            every = (event for _, events in commands for event in events)
            rows = [_row(event, trial, at) for at, event in enumerate(every, start=head + 1)]
            _check_taken(connection.executemany(INSERT_ENTRY, rows), len(rows))
            inserted.rows[trial] = rows
            if rows:
                self._heads.appended(connection, trial, [row[-1] for row in rows])
            inserted.remember(connection, trial, remembered)
            inserted.check_kept(connection)
            return position

        position = self._connections.write(work)
        self._notify()
        return position

    def recorded_before(self, trial: str, command: Command) -> Appended | None:
        """Give the result of a command that was recorded before; None when it was not."""
        return self._connections.read(lambda connection: _find(connection, trial, command.id).done(trial, command))

    def remember_commands(self, trial: str, commands: Iterable[tuple[str, int, int]]) -> None:
        """Remember commands whose entries came from elsewhere: each id with its first and last position.

        What was asked for is not known, so that none of them is ever taken for a repetition.
        """
        rows = ((trial, command, UNKNOWN_REQUEST, first, last) for command, first, last in commands)

        def work(connection: sqlite3.Connection) -> None:
            while some := list(islice(rows, _PAGE)):
                _check_taken(connection.executemany(INSERT_COMMAND, some), len(some))

        self._connections.write(work)

    def trials(self) -> list[str]:
        """Name the trials in this log.

        Raises:
            LogCorrupt: something else stands where the name of one should.
        """
        query = "SELECT trial FROM entries WHERE trial > ? ORDER BY trial LIMIT 1"
        found: list[str] = []
        while row := self._first(query, (found or [""])[-1]):
            found.append(_name(row[0]))
        return found

    def head(self, trial: str) -> int:
        """Give the last position of a trial; 0 when it has none."""
        return self._connections.read(lambda connection: _head(connection, trial))

    def version(self, stream: str) -> int:
        """Give the last version of a stream; 0 when it has no entry."""
        return self._connections.read(lambda connection: _version(connection, stream))

    def in_log_order(self, trial: str, *, after: int = 0, until: int | None = None) -> Iterator[StoredEntry]:
        """Yield the entries of a trial by position; what is appended meanwhile is left out."""
        until = self.head(trial) if until is None else until
        while after < until:
            rows = self._page(
                "SELECT trial, position, stream, version, name, state FROM entries"
                " WHERE trial = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?",
                [trial, after, until, _PAGE],
            )
            yield from map(_entry, rows)
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
            yield from map(_entry, rows)
            until = rows[-1][1] - 1

    def stream_rows(self, stream: str, *, until: int) -> list[Row]:
        """Read one stream up to a position of its trial.

        Raises:
            LogCorrupt: it has more in long values than any trial.
        """
        return self._whole(_STREAM, [stream, until], Budget.of_entries(stream))

    def streams(self, trial: str, *, until: int, leave_out: Collection[str] = ()) -> Iterator[tuple[str, list[Row]]]:
        """Yield the trial's own stream, then every stream under it, each with its rows up to a position.

        Those that are left out are not read at all.

        Raises:
            LogCorrupt: they have more in long values than any trial; or a stream has no name.
        """
        budget = Budget.of_entries(trial)
        beyond = f"{trial}0"  # 0 comes right after /
        stream: str | None = trial
        while stream is not None:
            if stream not in leave_out and (rows := self._whole(_STREAM, [stream, until], budget)):
                yield stream, rows
            after = f"{trial}/" if stream == trial else f"{stream}\x00"
            query = "SELECT min(stream) FROM entries WHERE stream >= ? AND stream < ?"
            found = self._first(query, after, beyond)
            stream = None if found is None or found[0] is None else _name(found[0])

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

    def add_checkpoint(self, trial: str, size: int, note: str) -> None:
        """Keep a signed head beside the entries; whoever verifies has another copy elsewhere."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(INSERT_CHECKPOINT, (trial, size, note))
            if (size, note) not in connection.execute(_CHECKPOINTS, (trial,)):
                raise EntriesNotKept(trial=trial, what=f"the checkpoint of {n_entries(size)}")

        self._connections.write(work)

    def checkpoints(self, trial: str) -> list[tuple[int, str]]:
        """Give the signed heads that are kept of a trial, each with its size, the newest last.

        Raises:
            LogCorrupt: something else stands there, or more than any trial has.
        """
        rows = self._whole(_CHECKPOINTS, [trial], Budget(f"the checkpoints of {trial}", counts_short=True))
        for size, note in rows:
            if not (_is_number(size) and isinstance(note, str)):
                raise LogCorrupt(f"a checkpoint that is kept of trial {trial} has no size, or no text: verify the log")
        return rows

    def begin_signing(self, trial: str) -> str:
        """Sign the head of a trial's tree as it is, and go on from there.

        Raises:
            HeadKeyMissing: the log was opened without a key.
        """
        return self._connections.write(lambda connection: self._heads.begin(connection, trial))

    def close(self) -> None:
        """Wait for whoever reads or writes at this moment, and close the file; a second call does nothing."""
        self._connections.close()

    # How it does that.

    def _refuse_older(self, trial: str, head: int) -> None:
        """Refuse a log that ends before what was recorded through this object: an older copy was written over it.

        Raises:
            LogMoved: it does.
        """
        recorded = self._recorded.get(trial, 0)
        if head < recorded:
            why = f"trial {trial} ends at {head}, and {recorded} was recorded here: an older copy was written over it"
            raise LogMoved(path=self._connections.path, why=why)

    def _insert(
        self,
        connection: sqlite3.Connection,
        events: Sequence[StoredEvent],
        heads: dict[str, int],
        *,
        begun: bool | None = None,
    ) -> "_Inserted":
        """Append events as they come.

        Args:
            connection: in the middle of the transaction.
            events: the events, of one trial or of several.
            heads: the last positions that are known, by trial.
            begun: whether signed heads of the one trial were begun, where that is known.
        """
        inserted = _Inserted(connection.total_changes)
        for event in events:
            trial = trial_of(str(event.originator_id))
            if trial not in heads:
                heads[trial] = _head(connection, trial)
            heads[trial] += 1
            row = _row(event, trial, heads[trial])
            cursor = connection.execute(INSERT_ENTRY, row)
            _check_taken(cursor, 1)
            inserted.notifications.append(int(cursor.lastrowid or 0))
            inserted.rows.setdefault(trial, []).append(row)
        for trial, rows in inserted.rows.items():
            self._heads.appended(connection, trial, [row[-1] for row in rows], begun=begun)
        return inserted

    def _first(self, query: str, *values: object) -> FoundRow | None:
        """Read the first row; None where there is none."""

        def work(connection: sqlite3.Connection) -> FoundRow | None:
            row: FoundRow | None = connection.execute(query, values).fetchone()
            return row

        return self._connections.read(work)

    def _page(self, query: str, values: Sequence[object]) -> list[FoundRow]:
        """Read rows until there are no more, or until they have taken so much memory that the rest can wait."""
        return self._connections.read(lambda connection: page(connection, query, values))

    def _whole(self, query: str, values: Sequence[object], budget: Budget) -> list[FoundRow]:
        """Read all rows, or refuse them where they take too much."""
        return self._connections.read(lambda connection: whole(connection, query, values, budget))

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
    """Make an entry of its row.

    Raises:
        LogCorrupt: a value is of a kind that its column does not have.
    """
    trial, position, stream, version, name, state = row
    if (
        list(map(type, row)) != _KINDS
        or not (0 < position <= _LARGEST_NUMBER and 0 <= version <= _LARGEST_NUMBER)
        or len(stream) > LONGEST_STREAM
        or len(name) > LONGEST_STREAM
    ):
        raise LogCorrupt(
            f"position {short(position)} of trial {short(trial, 70)} has values of kinds, of a length or of a size "
            f"that no entry has: verify the log"
        )
    return StoredEntry(
        trial=trial, position=position, originator_id=stream, originator_version=version, topic=name, state=state
    )


_KINDS = [str, int, str, int, str, bytes]
"""Of the columns of an entry: somebody may have put others past the types of the tables."""


def _name(found: object) -> str:
    """Give the name of a trial or a stream as it stands in its table.

    Raises:
        LogCorrupt: it is no text, or a longer one than any name.
    """
    if not isinstance(found, str) or len(found) > LONGEST_STREAM:
        raise LogCorrupt(f"{short(found, 70)!r} stands where the name of a trial or a stream should: verify the log")
    return found


def _head(connection: sqlite3.Connection, trial: str) -> int:
    return _number(connection, "SELECT coalesce(max(position), 0) FROM entries WHERE trial = ?", trial)


def _version(connection: sqlite3.Connection, stream: str) -> int:
    return _number(connection, "SELECT coalesce(max(version), 0) FROM entries WHERE stream = ?", stream)


def _number(connection: sqlite3.Connection, query: str, value: str) -> int:
    return _counted(connection.execute(query, (value,)).fetchone()[0])


def _counted(found: object) -> int:
    """Give a position or a version as it stands in its table.

    Raises:
        LogCorrupt: it is no number that one can be.
    """
    if not _is_number(found):
        raise LogCorrupt(f"{short(found, 70)!r} stands where a position or a version should: verify the log")
    return found


def _is_number(found: object) -> TypeGuard[int]:
    """Say whether a value is a position, a version, or a size; whoever changed a table may have put anything there."""
    return isinstance(found, int) and 0 <= found <= _LARGEST_NUMBER


_LARGEST_NUMBER = 2**53 - 1
"""The largest that an exported line can have; beyond, one more may be no number of SQLite's."""
_STREAM = "SELECT position, version, name, state FROM entries WHERE stream = ? AND +position <= ? ORDER BY version"
_SINCE = "SELECT stream, version FROM entries WHERE trial = ? AND position > ?"
_InsertedRow: TypeAlias = tuple[str, int, str, int, str, bytes, bytes]
_INSERTED = (
    "SELECT trial, position, stream, version, name, state, leaf FROM entries"
    " WHERE trial = ? AND position >= ? ORDER BY position"
)
_COMMAND = "SELECT * FROM commands WHERE trial = ? AND command = ?"


_CHECKPOINTS = "SELECT size, note FROM checkpoints WHERE trial = ? ORDER BY size, note"


def _row(event: StoredEvent, trial: str, position: int) -> _InsertedRow:
    """Give the row of an event, with its leaf."""
    stream, version = str(event.originator_id), event.originator_version
    leaf = leaf_hash(stream=stream, version=version, topic=event.topic, state=event.state)
    return trial, position, stream, version, event.topic, event.state, leaf


def _command_row(trial: str, command: Command, positions: range) -> tuple[object, ...]:
    """Give the row of a command, with the positions of what it recorded."""
    first, last = (positions[0], positions[-1]) if positions else (None, None)
    return trial, command.id, command.request, first, last


def _check_taken(cursor: sqlite3.Cursor, number: int) -> None:
    """Refuse to acknowledge what the table did not take: a trigger of somebody else can swallow it without an error.

    Raises:
        LogCorrupt: fewer rows were inserted.
    """
    if number and cursor.rowcount != number:
        raise LogCorrupt(
            f"the table took {cursor.rowcount} of {how_many(number, 'row')}: the log was tampered with; verify it"
        )


@attrs.define
class _Inserted:
    """What one transaction has inserted."""

    _before: int
    """The rows that the connection had changed before."""
    rows: "dict[str, list[_InsertedRow]]" = attrs.Factory(dict)
    """By trial, in the order of positions."""
    notifications: list[int] = attrs.Factory(list)
    commands: list[tuple[object, ...]] = attrs.Factory(list)

    def positions(self, trial: str) -> range:
        """Give the positions of a trial's rows."""
        rows = self.rows.get(trial, ())
        return range(rows[0][1], rows[-1][1] + 1) if rows else range(0)

    def remember(self, connection: sqlite3.Connection, trial: str, commands: Sequence[tuple[Command, range]]) -> None:
        """Remember commands with the positions of what they recorded."""
        rows = [_command_row(trial, *one) for one in commands]
        for row in rows:
            _check_taken(connection.execute(INSERT_COMMAND, row), 1)
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


def _check_kept(connection: sqlite3.Connection, trial: str, rows: Sequence[_InsertedRow]) -> None:
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


@attrs.define
class _Found:
    """What an append finds: it reads all of it with one question."""

    head: int
    """The last position of the trial."""
    begun: bool
    """Whether signed heads were begun there."""
    versions: list[int]
    """The last version of each stream that was asked for."""
    recorded: tuple[object, object, object] | None
    """Of the command, where it was recorded before: its request, and its first and last position."""

    def done(self, trial: str, command: Command) -> Appended | None:
        """Give the result of the command, where it was recorded before.

        Raises:
            CommandReused: its id was used for another request.
            LogCorrupt: what stands in its row is no command of this log.
        """
        if self.recorded is None:
            return None
        request, first, last = self.recorded
        positions = range(0)
        if _is_number(first) and _is_number(last) and 1 <= first <= last <= self.head:
            positions = range(first, last + 1)
        nothing = first is None and last is None
        if not isinstance(request, bytes) or not (positions or (nothing and request != UNKNOWN_REQUEST)):
            raise LogCorrupt(
                f"the row of command {command.id} in the commands of trial {trial} says what no command of this log "
                f"has recorded, positions {short(first)} to {short(last)}: verify the log"
            )
        if request == UNKNOWN_REQUEST:
            raise CommandRestored(command=command.id, first=positions[0], last=positions[-1])
        if request != command.request:
            raise CommandReused(command=command.id)
        return Appended(positions=positions, repeated=True)


def _find(connection: sqlite3.Connection, trial: str, command: str, streams: Sequence[str] = ()) -> _Found:
    """Read what an append of a command to a trial has to know, and the last versions of some streams.

    Raises:
        LogCorrupt: a position or a version is no number that one can be.
    """
    some = streams[:_FEW]
    values = (trial, trial, BEGUN, *some, trial, command)
    head, begun, *versions, name, request, first, last = connection.execute(_asked_of(len(some)), values).fetchone()
    for other in streams[_FEW:]:
        versions.append(_version(connection, other))
    return _Found(
        _counted(head), bool(begun), list(map(_counted, versions)), None if name is None else (request, first, last)
    )


@cache
def _asked_of(streams: int) -> str:
    """Write the question of :func:`_find`; for one of the few numbers of streams that it is asked of."""
    versions = ", coalesce((SELECT max(version) FROM entries WHERE stream = ?), 0)" * streams
    return _FIND.format(versions=versions)


_FIND = (
    "SELECT coalesce((SELECT max(position) FROM entries WHERE trial = ?), 0),"
    " EXISTS (SELECT 1 FROM commands WHERE trial = ? AND command = ?){versions}, command, request, first, last"
    " FROM (SELECT 1) LEFT JOIN commands ON trial = ? AND command = ?"
)


def _refuse_moved(
    connection: sqlite3.Connection, trial: str, read: Mapping[str, int], found: _Found, whole: WholeLog | None
) -> None:
    """Refuse an append whose decision rests on what is not so any more.

    Raises:
        StreamMoved: something that it read has been appended to.
    """
    for (stream, version), now in zip(read.items(), found.versions, strict=True):
        if now != version:
            raise StreamMoved(stream=stream, read=version, found=now)
    if whole is not None:
        query = f"{_SINCE} AND name NOT IN ({','.join('?' * len(whole.passed_over))}) ORDER BY position LIMIT 1"
        moved = connection.execute(query, (trial, whole.position, *whole.passed_over)).fetchone()
        if moved is not None:
            raise StreamMoved(stream=str(moved[0]), read=moved[1] - 1, found=moved[1])


def _check_place(event: StoredEvent, trial: str) -> None:
    stream, version = str(event.originator_id), event.originator_version
    if trial_of(stream) != trial:
        raise AppendRefused(f"stream {stream} is not of trial {trial}: append to each trial by itself")
    if version < 1:
        raise AppendRefused(f"stream {stream} cannot have a version {version}: count its entries from 1")
