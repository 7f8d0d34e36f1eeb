"""The store that keeps a log in a SQLite file.

Several processes may use one file. The write lock serializes appends, so that the order of positions is the order of
commits. An append checks the read set of its decision under that lock. A commit is flushed to disk before the append
returns.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from eventsourcing.persistence import StoredEvent
from typing_extensions import override

from trialdomain.errors import TrialError
from trialdomain.storage.append_checks import Reached, check_command, check_places, events_of
from trialdomain.storage.errors import EntriesNotKept, StoreFailed
from trialdomain.storage.heads import BEGUN, BEGUN_REQUEST, HeadSigner, SignedHead, SignedHeads
from trialdomain.storage.plain_files import refuse_beside
from trialdomain.storage.recorder import LogSubscription, StoreRecorder
from trialdomain.storage.rows import counted, name_in
from trialdomain.storage.sqlite.bounds import refuse_too_much
from trialdomain.storage.sqlite.connections import MEMORY, Connections
from trialdomain.storage.sqlite.found import Found, find, refuse_moved
from trialdomain.storage.sqlite.inserted import Inserted
from trialdomain.storage.sqlite.reader import NOTES, SQLiteReader
from trialdomain.storage.sqlite.rows import head_of
from trialdomain.storage.sqlite.schema import INSERT_CHECKPOINT, INSERT_COMMAND, PUT_CURSOR, PUT_HEAD, REPLACE_HEAD
from trialdomain.storage.store import NOTHING_READ, Appended, Command, ReadSet, Sealed
from trialdomain.values.given.plural import n_entries
from trialdomain.values.ids import trial_of

__all__ = ["MEMORY", "SQLiteStore"]

T = TypeVar("T")
_PLAIN = Sealed(None, ())
"""The placeholder for the entries of :meth:`SQLiteStore.insert_events`, which have no command."""
_CURSORS = "SELECT trial, position FROM cursors WHERE follower = ?"
_NO_COMMAND = ""
"""The id that the query uses where there is no command; no command has it."""


class SQLiteStore(SQLiteReader, StoreRecorder):
    """Keeps a log in one SQLite file, or in memory.

    Args:
        path: the file, created when it does not exist; ``":memory:"`` keeps everything in memory.
        readonly: open an existing log, and never write to it.
        signer: signs the head of a trial's tree in the transaction of every append.

    Raises:
        LogUnusable: the file is not a log, or a newer version wrote it; it is left unchanged.
        NameTaken: SQLite uses the name beside another database.
    """

    def __init__(self, path: str | Path, *, readonly: bool = False, signer: HeadSigner | None = None) -> None:
        if str(path) != MEMORY:
            with suppress(OSError, ValueError):  # the connection refuses a name that no file can have, and says why
                refuse_beside(Path(path))
        super().__init__(Connections(str(path), readonly=readonly))
        self._heads = SignedHeads(signer)
        self._listeners: set[Event] = set()
        self._recorded = Reached(str(path))
        self._nested: list[tuple[str, int]] = []
        """The trials and positions that appends within the running :meth:`alone` reached."""

    def append(
        self, trial: str, commands: Sequence[Sealed], *, read: ReadSet = NOTHING_READ, within: bool = False
    ) -> Appended:
        """Append the entries of commands, all or none, unless their read set has moved.

        See :meth:`trialdomain.storage.store.Store.append`.
        """
        asked = commands[0].command if len(commands) == 1 else None

        def work(connection: sqlite3.Connection) -> Appended | TrialError:
            lock = self._connections.lock
            found = _found(connection, trial, asked, read)
            try:
                done = None if asked is None else found.done(trial, asked)
                if done is not None:
                    return done
                sealed = [(one, events_of(one)) for one in commands]
                self._connections.decided()
                if self._connections.lock is not lock:  # a clock or a hook recorded something meanwhile
                    found = _found(connection, trial, asked, read)
                refuse_moved(connection, trial, read, found)
                self._recorded.refuse_older(trial, found.head)
                before = found.head
                for one, events in sealed:
                    check_places(events, trial, from_one=one.command is not None)
                    check_command(one, before)
                    before += len(events)
            except TrialError as error:
                return error
            if not connection.in_transaction:
                raise StoreFailed("the write lock was lost: nothing was recorded; try again")
            inserted = Inserted(connection.total_changes)
            appended = self._insert(connection, inserted, trial, sealed, found)
            inserted.check_kept(connection)
            return appended

        appended = self._connections.write(work, within=within, may_wait=True)
        self._notify()
        if isinstance(appended, TrialError):
            raise appended
        if appended.positions:
            self._reached(trial, appended.positions[-1], within=within)
        return appended

    def _reached(self, trial: str, position: int, *, within: bool) -> None:
        """Remember how far this object has recorded; an append within another counts when the other one ends."""
        if within:
            self._nested.append((trial, position))
        else:
            self._recorded.note(trial, position)

    def _insert(
        self,
        connection: sqlite3.Connection,
        inserted: Inserted,
        trial: str,
        sealed: Sequence[tuple[Sealed, Sequence[StoredEvent]]],
        found: Found,
    ) -> Appended:
        """Insert sealed entries after the head of their trial, with the new signed head and the commands."""
        events = [event for _, some in sealed for event in some]
        rows, ids = inserted.entries(connection, trial, events, after=found.head)
        if rows:
            leaves = [row[-1] for row in rows]
            head = self._heads.after(self, trial, leaves, before=found.head, begun=found.begun)
            if head is not None:
                self._keep_head(connection, head)
            if any(one.command is not None for one, _ in sealed):
                refuse_too_much(connection, trial, rows)
        position = found.head
        remembered = []
        for one, some in sealed:
            if one.command is not None:
                remembered.append((one.command, range(position + 1 - one.earlier, position + 1 + len(some))))
            position += len(some)
        inserted.remember(connection, trial, remembered)
        return Appended(positions=range(found.head + 1, position + 1), notifications=ids, rows=rows)

    @override
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append events of one or several trials, all or none: the recorder interface of ``eventsourcing``."""

        def work(connection: sqlite3.Connection) -> list[int]:
            inserted = Inserted(connection.total_changes)
            ids: list[int] = []
            reached.clear()
            for trial, events in groupby(stored_events, key=lambda event: trial_of(str(event.originator_id))):
                found = _found(connection, trial, None, NOTHING_READ)
                self._recorded.refuse_older(trial, found.head)
                appended = self._insert(connection, inserted, trial, [(_PLAIN, list(events))], found)
                ids += appended.notifications
                reached[trial] = appended.positions[-1]
            inserted.check_kept(connection)
            return ids

        reached: dict[str, int] = {}
        ids = self._connections.write(work)
        for trial, position in reached.items():
            self._reached(trial, position, within=False)
        self._notify()
        return ids

    @property
    def compares_times(self) -> bool:
        """Whether an append calls for its entries before it holds the lock, and again if their time is too early."""
        return False

    @property
    def in_transaction(self) -> bool:
        """Whether this thread has an open transaction, so that what it reads may yet be rolled back."""
        return self._connections.in_transaction

    def alone(self, work: Callable[[], T]) -> T:
        """Run work under the write lock: what it reads stays so until its appends are recorded.

        Each append in it is all or nothing. Completed appends are on disk when this returns, or raises a TrialError.
        """
        nested: list[tuple[str, int]] = []

        def until_error(_: sqlite3.Connection) -> T | TrialError:
            nested.clear()
            self._nested = nested
            try:
                return work()
            except TrialError as error:
                return error

        done = self._connections.write(until_error, may_wait=True)
        for trial, position in nested:
            self._reached(trial, position, within=False)
        if isinstance(done, TrialError):
            raise done
        return done

    def recorded_before(self, trial: str, command: Command) -> Appended | None:
        """Return the result of a command that was recorded before; None when it was not."""
        return self._connections.read(lambda connection: find(connection, trial, command.id).done(trial, command))

    def keep_note(self, trial: str, size: int, note: str, *, within: bool = False) -> None:
        """Store a checkpoint beside the entries; a verifier has its own copy elsewhere."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(INSERT_CHECKPOINT, (trial, size, note))
            if (size, note) not in connection.execute(NOTES, (trial,)):
                raise EntriesNotKept(trial=trial, what=f"the checkpoint of {n_entries(size)}")

        self._connections.write(work, within=within)

    def cursors(self, follower: str) -> dict[str, int]:
        """Return, by trial, the last position that a follower has dealt with, as the log keeps it.

        Raises:
            LogCorrupt: a value is not the name of a trial, or not a position.
        """
        rows = self._connections.read(lambda connection: connection.execute(_CURSORS, (follower,)).fetchall())
        return {name_in(trial): counted(position) for trial, position in rows}

    def move_cursor(self, follower: str, trial: str, position: int, *, before: int) -> bool:
        """Move a follower's cursor of a trial; say whether it was at ``before``, or else leave it where it is."""

        def work(connection: sqlite3.Connection) -> bool:
            found = connection.execute(f"{_CURSORS} AND trial = ?", (follower, trial)).fetchone()
            if (0 if found is None else found[1]) != before:
                return False
            connection.execute(PUT_CURSOR, (follower, trial, position))
            return True

        return self._connections.write(work)

    def begin_signing(self, trial: str) -> str:
        """Sign the current head of a trial's tree, and every head from then on; return the note.

        Raises:
            HeadKeyMissing: the log was opened without a signer.
        """

        def work(connection: sqlite3.Connection) -> str:
            head = self._heads.begin(self, trial, size=head_of(connection, trial))
            self._keep_head(connection, head)
            return head.note

        return self._connections.write(work)

    def _keep_head(self, connection: sqlite3.Connection, head: SignedHead) -> None:
        """Store a signed head in the trial's row of the table of heads.

        Raises:
            EntriesNotKept: the row is not this head afterwards.
        """
        if head.begins and not self.heads_begun(head.trial):  # the triggers on commands keep it from being taken back
            connection.execute(INSERT_COMMAND, (head.trial, BEGUN, BEGUN_REQUEST, 1, 0))  # 1 to 0 is no position
            if not self.heads_begun(head.trial):
                raise EntriesNotKept(trial=head.trial, what=f"command {BEGUN}")
        if head.overrules:
            _overrule(connection, head)
        else:
            connection.execute(PUT_HEAD, (head.trial, head.size, head.note))
        if self.kept_head(head.trial) != (head.size, head.note):
            raise EntriesNotKept(trial=head.trial, what=f"the head of {n_entries(head.size)}")
        self._heads.kept(head)

    @override
    def follow(self, *, after: int | None = None, names: Sequence[str] = ()) -> LogSubscription:
        """Follow the log from a notification id on: what this and other processes record."""
        return LogSubscription(self, gt=after, topics=names)

    @override
    def listen(self, event: Event) -> None:
        self._listeners.add(event)

    @override
    def unlisten(self, event: Event) -> None:
        self._listeners.discard(event)

    def _notify(self) -> None:
        for listener in tuple(self._listeners):
            listener.set()


def _found(connection: sqlite3.Connection, trial: str, command: Command | None, read: ReadSet) -> Found:
    return find(connection, trial, _NO_COMMAND if command is None else command.id, tuple(read.versions))


def _overrule(connection: sqlite3.Connection, head: SignedHead) -> None:
    """Replace a row that claims to be a later head, but is not signed by a key that the signer trusts.

    The trigger that keeps a head from going back cannot check a signature. REPLACE fires no update trigger and, while
    recursive_triggers is off, no delete trigger.
    """
    connection.execute("PRAGMA recursive_triggers = OFF")
    try:
        connection.execute(REPLACE_HEAD, (head.trial, head.size, head.note))
    finally:
        connection.execute("PRAGMA recursive_triggers = ON")
