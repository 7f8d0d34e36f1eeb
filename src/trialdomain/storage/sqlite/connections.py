"""The connections of one process to one SQLite log."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TypeVar
from warnings import warn

from trialdomain.errors import LogUnusable
from trialdomain.storage.bounds import LONGEST_VALUE
from trialdomain.storage.errors import LogOfAnotherProcess, StoreClosed, StoreFailed
from trialdomain.storage.sqlite.bounds import LONGEST_SQL
from trialdomain.storage.sqlite.file import (
    SQLITE_ERRORS,
    check_file,
    check_sqlite,
    check_tables,
    code_of,
    file_uri,
    has_wal,
    refuse_unsafe_reading,
    set_up,
    translated,
    translated_errors,
)
from trialdomain.storage.sqlite.forks import brief, leave_open, watch
from trialdomain.storage.sqlite.gate import Gate, Visit
from trialdomain.storage.sqlite.place import Identity, Place, refuse_two_names
from trialdomain.storage.sqlite.shape import check_nothing_interferes

T = TypeVar("T")
MEMORY = ":memory:"
_BUSY_SECONDS = 30.0
_ASK_AGAIN_MILLISECONDS = 500
"""How long SQLite waits for the write lock. Then the writer checks whether the log was closed, and asks again."""
_PRAGMAS = ("synchronous = FULL", "recursive_triggers = ON", "trusted_schema = OFF")


class Connections:
    """One writing connection, and one reading connection for each simultaneous reader.

    They stay usable after an exception at any line: the next command rolls back what an interrupted command left.

    Args:
        path: the file, or ``":memory:"``; in memory, one connection writes and reads.
        readonly: never write to the file.
    """

    def __init__(self, path: str, *, readonly: bool) -> None:
        self._path, self._readonly = path, readonly
        self._file = None if path == MEMORY else Path(path).absolute()  # the working folder may change later
        self._process = os.getpid()
        self._gate = Gate()
        self._open_connections: list[sqlite3.Connection] = []
        """Every connection that is not closed yet."""
        self._idle_readers: list[sqlite3.Connection] = []
        self._reader_options = {"mode": "rw"}
        """The URI parameters with which a reader opens the file."""
        self._immutable_stat: tuple[int, ...] | None = None
        """In a folder that cannot be written: inode, size and time of the file, which must be the same after a read."""
        self._transaction_of: Visit | None = None
        """The visit that owns the transaction on the writing connection; any other transaction was abandoned."""
        self._is_nested = self._has_savepoint = False
        """Whether the current work is nested in that transaction, and can be rolled back alone, to a savepoint."""
        self._may_wait = False
        """Whether the transaction will check its read set again, so that other writers may still record before it."""
        self._lock = object()
        """A token: a new object each time that the write lock is taken, and when nested work begins."""
        self._checked_schema: int | None = None
        """The schema version that was checked: its tables are as they were made, and no trigger writes them."""
        self._place: Place | None = None
        check_sqlite()
        visit = brief()
        with visit.stay, visit, translated_errors(path):
            self._open(self._file)

    @property
    def path(self) -> str:
        """The path that the caller opened."""
        return self._path

    @property
    def lock(self) -> object:
        """A token of the write lock: while it is the same object, no other work has recorded anything."""
        return self._lock

    @property
    def in_transaction(self) -> bool:
        """Whether this thread has an open transaction."""
        own = self._gate.own()
        return own is not None and self._has_transaction(own)

    def write(self, work: Callable[[sqlite3.Connection], T], *, within: bool = False, may_wait: bool = False) -> T:
        """Run work on the writing connection, alone, in one transaction.

        While it runs, a clock, a hook or a signal handler of the same thread may call this again (nested work).

        Args:
            work: what to run.
            within: where this thread has a transaction already, run in it, under a savepoint.
            may_wait: whether other writers may record before ``work`` calls :meth:`decided`.

        Raises:
            LogMoved: the file is not where it was opened.
            LogOfAnotherProcess: the log was opened before this process was forked.
            TablesChanged: something in the database would change or remove what is recorded.
            StoreFailed: SQLite failed, or this thread is in a transaction that has changed something.
        """
        self._refuse_forked()
        if self._readonly:
            raise LogUnusable(f"{self._path} was opened read-only: open it for writing")
        own = self._gate.own()
        if own is not None:
            return self._write_nested(own, work, within=within, may_wait=may_wait)
        visit = self._gate.alone()
        try:
            with visit.stay, visit:
                return self._in_transaction(visit, work, may_wait=may_wait)
        except SQLITE_ERRORS as error:  # the same as translated_errors, in half the time
            raise translated(error, self._path) from error

    def decided(self) -> None:
        """Keep the write lock from now on: what this transaction reads stays so until it ends.

        Raises:
            LogMoved: the file is not where it was opened, now or at the check before.
        """
        self._may_wait = False
        if self._writer.in_transaction:
            self._check_place()
            if self._is_nested:
                self._writer.execute("SAVEPOINT part")
                self._has_savepoint = True

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work on a reading connection, while other threads read and one writes.

        The thread that has the transaction reads on the writing connection, and sees what it has written.

        Raises:
            LogMoved: the file is not where it was opened.
            LogOfAnotherProcess: the log was opened before this process was forked.
        """
        self._refuse_forked()
        own = self._gate.own()
        if own is not None and self._has_transaction(own):
            return work(self._writer)
        if self._file is None:  # a second connection would be a second, empty database
            return self._read_memory(own, work)
        visit = self._gate.together()
        with visit.stay, visit, translated_errors(self._path):
            return self._read_file(self._file, work)

    def wait_for_writers(self) -> None:
        """Wait for the transaction that is open at this moment, in any process, by taking the write lock.

        A process that may not write the file cannot take the lock, and does not wait.
        """
        self._refuse_forked()
        own = self._gate.own()
        if (own is not None and self._has_transaction(own)) or self._immutable_stat is not None:
            return
        if self._file is None or not self._readonly:
            self.write(lambda _: None)
            return
        visit = self._gate.together()
        with visit.stay, visit, translated_errors(self._path):
            self._check_place()
            self._wait_for_writers(self._file)

    def close(self) -> None:
        """Wait for the current readers and writers of this process, and close the file.

        A second call does nothing, nor does a call in a process that was forked since.
        """
        if self._process == os.getpid():
            self._gate.close()
            self._close_all()

    def __del__(self) -> None:
        """Close what the caller forgot to close, and warn, as Python does of any file."""
        if getattr(self, "_open_connections", None) and self._process == os.getpid():
            try:
                self._close_all()
            finally:  # a warning may be an error
                warn(f"unclosed log {self._path}", ResourceWarning, stacklevel=2, source=self)

    def leave_if_moved(self) -> None:
        """Never close the connections where closing would change files that other programs use by now."""
        if self._open_connections and self._place is not None and not self._place.may_be_closed:
            self.leave_open()

    def _close_all(self) -> None:
        self.leave_if_moved()
        while self._open_connections:
            self._open_connections.pop().close()

    # fork() copies the process while no thread is inside the gate.

    def pause(self, seconds: float) -> bool:
        """Let no thread in until :meth:`resume`; say whether all threads left within some seconds."""
        return self._gate.pause(seconds)

    def resume(self) -> None:
        """Let threads in again after a fork, in the parent, which keeps the log."""
        self._gate.resume()

    @property
    def database(self) -> Path | None:
        """The path of the file of this log; None in memory."""
        return self._file

    @property
    def identities(self) -> set[Identity]:
        """The files that SQLite has open for this log."""
        return set() if self._place is None else self._place.identities

    def hand_over(self) -> list[sqlite3.Connection]:
        """In the child of a fork: return the connections of the parent, and forget them."""
        connections = self._open_connections.copy()
        self._open_connections.clear()
        return connections

    @property
    def file(self) -> Identity | None:
        """The file of this log; None in memory."""
        return None if self._place is None else self._place.file

    def leave_open(self) -> None:
        """Never close the connections; see :func:`trialdomain.storage.sqlite.forks.leave_open`."""
        leave_open(self._open_connections, self.file)

    def refuse_beside(self, file: Identity) -> None:
        """Refuse to open the file of this log a second time, where its write-ahead log or shared memory was removed.

        Raises:
            LogMoved: one was. A second connection would make a new write-ahead log; then closing could save nothing.
        """
        if self._open_connections and self._place is not None and self._place.file == file:
            self._check_place()

    # The steps of a transaction.

    def _refuse_forked(self) -> None:
        if self._process != os.getpid():
            raise LogOfAnotherProcess(path=self._path)

    def _has_transaction(self, visit: Visit) -> bool:
        """Say whether the transaction of a visit is open."""
        return self._transaction_of is visit and self._writer.in_transaction

    def _check_place(self) -> None:
        if self._place is not None and self._immutable_stat is None:
            if not self._open_connections:
                raise StoreClosed
            self._place.check()

    def _in_transaction(self, visit: Visit, work: Callable[[sqlite3.Connection], T], *, may_wait: bool) -> T:
        outer, self._transaction_of = self._transaction_of, None
        try:
            # An interrupted command may have left a transaction, or the length limit with which short rows are read.
            self._roll_back()
            self._writer.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
            self._take_lock(visit, may_wait=may_wait)
            done = work(self._writer)
            if not self._writer.in_transaction:
                raise StoreFailed(f"{self._path}: the write lock was lost: nothing was recorded; try again")
            if self._may_wait:
                self.decided()
            self._writer.execute("COMMIT")
            return done
        finally:
            self._transaction_of = outer if outer is visit else None  # the outer work goes on, and takes the lock again
            self._roll_back()

    def _take_lock(self, visit: Visit, *, may_wait: bool) -> None:
        # Set the owner before BEGIN: right after it, a signal handler may record something.
        self._transaction_of, self._is_nested, self._may_wait, self._lock = visit, False, may_wait, object()
        self._begin()
        if not may_wait:
            self._check_place()
        if self._file is not None:
            self._check_schema(self._file)

    def _begin(self) -> None:
        """Take the write lock; wait for other writers, and stop when this log is closed."""
        until = monotonic() + _BUSY_SECONDS
        while True:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if code_of(error) != sqlite3.SQLITE_BUSY or monotonic() > until:
                    raise
                if self._gate.is_closed:
                    raise StoreClosed from None
            else:
                return

    def _check_schema(self, file: Path) -> None:
        """Check the tables and the triggers on them, once for each schema version."""
        version = int(self._writer.execute("PRAGMA schema_version").fetchone()[0])
        if version == self._checked_schema:
            return
        connection = self._reader(file)  # it sees the same schema: the write lock keeps others from changing it
        try:
            connection.text_factory = bytes  # the operands in an EXPLAIN need not be Unicode
            check_nothing_interferes(connection, self._path)
        finally:
            self._drop(connection)
        self._checked_schema = version

    def _write_nested(self, own: Visit, work: Callable[[sqlite3.Connection], T], *, within: bool, may_wait: bool) -> T:
        """Run work for a thread that is writing already, or waits for its turn to write."""
        self._gate.enter(own)  # wait for the turn, where it has not come yet
        with translated_errors(self._path):
            if not self._has_transaction(own):
                return self._in_transaction(own, work, may_wait=may_wait)
            if within:
                return self._write_in_savepoint(work)
            return self._write_earlier(own, work, may_wait=may_wait)

    def _write_earlier(self, own: Visit, work: Callable[[sqlite3.Connection], T], *, may_wait: bool) -> T:
        """End the thread's transaction, which has changed nothing; run work in a new one; begin the first again."""
        if not self._may_wait:
            raise StoreFailed(
                f"{self._path}: this thread is recording another command, which may still fail: "
                f"nothing was recorded; record this one after that"
            )
        was_nested = self._is_nested
        self._writer.execute("COMMIT")
        try:
            return self._in_transaction(own, work, may_wait=may_wait)
        finally:
            with suppress(sqlite3.Error, LogUnusable):  # without the lock, the outer work refuses to go on
                self._take_lock(own, may_wait=True)  # the outer work checks its read set again
                self._is_nested = was_nested

    # A block "with visit.stay" never contains a "try" statement: where an exception is raised at the line of "try"
    # itself, as a debugger may do, CPython does not run the end of the block.

    def _read_file(self, file: Path, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._idle_reader(file)
        try:
            done = work(connection)
        except BaseException:
            self._drop(connection)  # an unfinished statement may still hold its old snapshot
            raise
        self._idle_readers.append(connection)
        if self._immutable_stat is not None and self._immutable_stat != _stat_of(file):
            raise StoreFailed(f"{self._path} was changed while it was read: close the log, and open it again")
        return done

    def _read_memory(self, own: Visit | None, work: Callable[[sqlite3.Connection], T]) -> T:
        if own is not None:
            self._gate.enter(own)
            self._roll_back()
            return work(self._writer)
        visit = self._gate.alone()
        with visit.stay, visit, translated_errors(self._path):
            self._roll_back()
            return work(self._writer)

    def _wait_for_writers(self, file: Path) -> None:
        try:
            connection = self._connect(file_uri(file, mode="rw"))
        except sqlite3.OperationalError as error:
            if code_of(error) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
                return
            raise
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if code_of(error) != sqlite3.SQLITE_READONLY:
                raise
        finally:
            self._drop(connection)

    def _write_in_savepoint(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work in the transaction of this thread; once it has decided, an error rolls back to its savepoint."""
        self._is_nested, self._has_savepoint, self._lock = True, False, object()
        try:
            done = work(self._writer)
        except BaseException:
            if self._has_savepoint and self._writer.in_transaction:  # else SQLite has rolled back the whole transaction
                self._writer.execute("ROLLBACK TO part")
                self._writer.execute("RELEASE part")
            raise
        finally:
            self._is_nested = False
        if self._has_savepoint and self._writer.in_transaction:
            self._writer.execute("RELEASE part")
        return done

    def _roll_back(self) -> None:
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except sqlite3.ProgrammingError:  # a signal handler closed the log, and with it the transaction
            return

    def _idle_reader(self, file: Path) -> sqlite3.Connection:
        if self._idle_readers or file.exists():  # else let SQLite say why it cannot be opened
            self._check_place()  # before connecting: a new connection makes a new write-ahead log where one is missing
        try:
            return self._idle_readers.pop()
        except IndexError:
            return self._reader(file)

    def _drop(self, connection: sqlite3.Connection) -> None:
        connection.close()
        with suppress(ValueError):
            self._open_connections.remove(connection)

    def _open(self, file: Path | None) -> None:
        try:
            if file is None:
                self._writer = self._first(None)
            else:
                self._open_file(file)
        except BaseException:
            self.close()
            raise
        watch(self)

    def _open_file(self, file: Path) -> None:
        refuse_unsafe_reading(file)
        check_file(file, readonly=self._readonly)
        if not self._readonly:
            refuse_two_names(file)
        place = Place(file)
        self._writer = self._first(file)
        place.settle()
        self._place = place

    def _first(self, file: Path | None) -> sqlite3.Connection:
        if file is not None and self._readonly:
            return self._first_reader(file)
        connection = self._connect(MEMORY if file is None else file_uri(file, mode="rwc"))
        set_up(connection, self._path, journal="memory" if file is None else "wal", patience=_BUSY_SECONDS)
        connection.execute(f"PRAGMA busy_timeout = {_ASK_AGAIN_MILLISECONDS}")
        return connection

    def _first_reader(self, file: Path) -> sqlite3.Connection:
        # Readers and writers share two files beside the log (-wal, -shm). Where they are missing, SQLite makes them.
        # Only a connection in mode "rw" removes them when it closes. Where they exist, mode "ro" leaves them alone.
        self._reader_options = {"mode": "ro" if has_wal(file) else "rw"}
        try:
            return self._checked_reader(file)
        except sqlite3.OperationalError as error:
            if code_of(error) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY} or has_wal(file):
                raise
        # The folder is read-only, so they cannot be made; then the log is complete in its one file.
        self._reader_options, self._immutable_stat = {"mode": "ro", "immutable": "1"}, _stat_of(file)
        return self._checked_reader(file)

    def _checked_reader(self, file: Path) -> sqlite3.Connection:
        connection = self._reader(file)
        try:
            check_tables(connection)
        except BaseException:
            self._drop(connection)
            raise
        return connection

    def _reader(self, file: Path) -> sqlite3.Connection:
        return self._connect(file_uri(file, **self._reader_options), "query_only = ON")

    def _connect(self, uri: str, *pragmas: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS
        )
        self._open_connections.append(connection)  # from here on, close() closes it
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
        connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, LONGEST_SQL)  # limits the schema as well
        try:
            for pragma in (*_PRAGMAS, *pragmas):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            self._drop(connection)
            raise
        return connection


def _stat_of(file: Path) -> tuple[int, ...]:
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
