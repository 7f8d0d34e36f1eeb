"""The connections of one process to one SQLite log."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import get_ident
from typing import TypeVar
from warnings import warn

from trialdomain.errors import LogUnusable
from trialdomain.storage.codec import LARGEST_STATE
from trialdomain.storage.forks import abandon, leave_open, refuse_abandoned, watch
from trialdomain.storage.gate import Gate
from trialdomain.storage.place import Identity, Place
from trialdomain.storage.sqlite_file import (
    StoreFailed,
    check_file,
    check_sqlite,
    check_tables,
    code_of,
    file_uri,
    has_wal,
    sentences,
    set_up,
)

T = TypeVar("T")
MEMORY = ":memory:"
_BUSY_SECONDS = 30.0
_PRAGMAS = ("synchronous = FULL", "recursive_triggers = ON", "trusted_schema = OFF")
_LONGEST_VALUE = LARGEST_STATE + (1 << 16)
"""Bytes of a row: SQLite stops at a longer value before it takes the memory for it, computed or stored."""


class LogOfAnotherProcess(LogUnusable):
    """A log that was opened before ``fork()`` is used in the child."""

    code = "log-of-another-process"

    def __init__(self, *, path: str) -> None:
        super().__init__(
            f"{path} was opened in the process that this one was forked from, and cannot be shared with it: "
            f"open it again here"
        )
        self.path = path


class Connections:
    """One connection that writes, and as many that read as there are readers at once.

    An exception at any line leaves them usable: what an interrupted command left behind is rolled back by the next one.

    Args:
        path: the file, or ``":memory:"``, where one connection does both.
        readonly: never write to the file.
    """

    def __init__(self, path: str, *, readonly: bool) -> None:
        self._path, self._readonly = path, readonly
        self._file = None if path == MEMORY else Path(path).absolute()  # the working folder may change later
        self._process = os.getpid()
        self._gate = Gate()
        self._every: list[sqlite3.Connection] = []
        """Whatever is open, until it is closed."""
        self._idle: list[sqlite3.Connection] = []
        self._as = {"mode": "rw"}
        """How a reader opens the file."""
        self._unchanged: tuple[int, ...] | None = None
        """In a folder that cannot be written: what the file must still look like after each reading."""
        self._writer_thread: int | None = None
        """The thread that writes at this moment."""
        self._begun_at = 0
        """How many rows the connection had changed when that thread took the write lock."""
        self._place: Place | None = None
        check_sqlite()
        with sentences(path):
            if self._file is not None:
                check_file(self._file, readonly=readonly)
                refuse_abandoned(self._file)
            watch(self)
            try:
                self._writer = self._first(self._file)
                self._place = None if self._file is None else Place(self._file)
            except BaseException:
                self.close()
                raise

    def write(self, work: Callable[[sqlite3.Connection], T], *, within: bool = False) -> T:
        """Do some work on the connection that writes, alone, in one transaction, all or nothing.

        Args:
            work: what to do.
            within: where this thread writes already, make it a part of that, which may still come to nothing. Otherwise
                it is recorded by itself: a clock or a hook, called under the write lock, records something of its own.

        Raises:
            LogMoved: the file is not where it was opened.
            LogOfAnotherProcess: it was opened before this process was forked.
        """
        self._refuse_elsewhere()
        if self._readonly:
            raise LogUnusable(f"{self._path} was opened for reading alone: open it for writing")
        if self._writes_here():
            return self._within(work) if within else self._apart(work)
        with self._gate.alone(), sentences(self._path):
            try:
                return self._in_transaction(work)
            finally:
                self._roll_back()

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work on a connection that reads, while others read and one writes.

        The thread that writes reads on its own connection: what it has locked.

        Raises:
            LogMoved: the file is not where it was opened.
            LogOfAnotherProcess: it was opened before this process was forked.
        """
        self._refuse_elsewhere()
        if self._writes_here():
            return work(self._writer)
        if self._file is None:  # a second connection would be a second, empty database
            with self._gate.alone(), sentences(self._path):
                self._roll_back()
                return work(self._writer)
        with self._gate.together(), sentences(self._path):
            connection = self._idle_reader(self._file)
            try:
                done = work(connection)
            except BaseException:
                self._drop(connection)  # its statement may still hold on to what was so when it began
                raise
            self._idle.append(connection)
            if self._unchanged is not None and self._unchanged != _looks(self._file):
                raise StoreFailed(f"{self._path} was changed while it was read: open it again")
            return done

    def wait_for_writers(self) -> None:
        """Wait until whoever is recording something at this moment, in any process, has done so.

        Who may not write the file cannot wait for others, and does not.
        """
        self._refuse_elsewhere()
        if self._writes_here() or self._unchanged is not None:
            return
        if self._file is None or not self._readonly:
            self.write(lambda _: None)
            return
        with self._gate.together(), sentences(self._path):
            try:
                connection = self._connect(file_uri(self._file, mode="rw"))
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

    def close(self) -> None:
        """Wait for whoever reads or writes at this moment, and close the file; a second call does nothing.

        In a process that was forked since, it does nothing either.
        """
        if self._process == os.getpid():
            self._gate.close()
            self._let_go()

    def __del__(self) -> None:
        """Close what nobody has closed, and say so as Python does of any file."""
        if getattr(self, "_every", None) and self._process == os.getpid():
            warn(f"unclosed log {self._path}", ResourceWarning, stacklevel=2, source=self)
            self._let_go()

    def leave_if_moved(self) -> None:
        """Leave everything open for good, where closing would touch what belongs to other programs by now."""
        if self._every and self._place is not None and not self._place.may_be_closed:
            leave_open(self._every, self._place.file)

    def _let_go(self) -> None:
        self.leave_if_moved()
        while self._every:
            self._every.pop().close()

    # While this process is being copied, nobody is inside.

    def pause(self, seconds: float) -> bool:
        """Let nobody in, until :meth:`resume`; say whether nobody is, within some seconds."""
        return self._gate.pause(seconds)

    def resume(self) -> None:
        """Go on after a fork, in the process that has the log."""
        self._gate.resume()

    @property
    def identities(self) -> set[Identity]:
        """Which files are open here."""
        return set() if self._place is None else self._place.identities

    def abandon(self, *, quiet: bool) -> None:
        """Let go of what the parent process has open, in its child; see :func:`trialdomain.storage.forks.abandon`."""
        abandon(self._every, self.identities, None if self._place is None else self._place.file, quiet=quiet)

    # How it does that.

    def _refuse_elsewhere(self) -> None:
        if self._process != os.getpid():
            raise LogOfAnotherProcess(path=self._path)

    def _writes_here(self) -> bool:
        return self._writer_thread == get_ident() and self._writer.in_transaction

    def _check_place(self) -> None:
        if self._place is not None and self._unchanged is None:
            self._place.check()

    def _in_transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._roll_back()  # what an exception between two lines has left
        try:
            self._take_lock()
            done = work(self._writer)
            if not self._writer.in_transaction:
                raise StoreFailed(f"{self._path}: the write lock was lost: nothing was recorded; try again")
            self._writer.execute("COMMIT")
            return done
        finally:
            self._writer_thread = None
            self._roll_back()

    def _take_lock(self) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        self._check_place()
        self._writer_thread, self._begun_at = get_ident(), self._writer.total_changes

    def _apart(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work in a transaction of its own, in the middle of one of this thread that has changed nothing."""
        if self._writer.total_changes != self._begun_at:
            return self._within(work)
        self._writer.execute("COMMIT")
        try:
            return self._in_transaction(work)
        finally:
            self._take_lock()  # others may have come in between: whoever goes on compares all that was read

    def _within(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work within the transaction of this thread, all or nothing by itself."""
        self._writer.execute("SAVEPOINT within")
        try:
            done = work(self._writer)
        except BaseException:
            if self._writer.in_transaction:  # else SQLite has rolled all of it back
                self._writer.execute("ROLLBACK TO within")
                self._writer.execute("RELEASE within")
            raise
        self._writer.execute("RELEASE within")
        return done

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _idle_reader(self, file: Path) -> sqlite3.Connection:
        if self._idle or file.exists():  # else SQLite says why it cannot be opened
            self._check_place()  # first: a new connection would make a new write-ahead log where one is missing
        try:
            return self._idle.pop()
        except IndexError:
            return self._reader(file)

    def _drop(self, connection: sqlite3.Connection) -> None:
        connection.close()
        with suppress(ValueError):
            self._every.remove(connection)

    def _first(self, file: Path | None) -> sqlite3.Connection:
        if file is not None and self._readonly:
            return self._first_reader(file)
        connection = self._connect(MEMORY if file is None else file_uri(file, mode="rwc"))
        set_up(connection, self._path, journal="memory" if file is None else "wal", patience=_BUSY_SECONDS)
        return connection

    def _first_reader(self, file: Path) -> sqlite3.Connection:
        # Where nobody writes, SQLite makes the two files beside the log that readers and writers share, and only a
        # connection that might write removes them in the end. Where they stand already, they are left as they are.
        self._as = {"mode": "ro" if has_wal(file) else "rw"}
        try:
            return self._checked_reader(file)
        except sqlite3.OperationalError as error:
            if code_of(error) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY} or has_wal(file):
                raise
        # The folder forbids to make them; then the log is complete in its one file.
        self._as, self._unchanged = {"mode": "ro", "immutable": "1"}, _looks(file)
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
        return self._connect(file_uri(file, **self._as), "query_only = ON")

    def _connect(self, uri: str, *pragmas: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS
        )
        self._every.append(connection)  # from here on it is closed with the others
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        try:
            for pragma in (*_PRAGMAS, *pragmas):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            self._drop(connection)
            raise
        return connection


def _looks(file: Path) -> tuple[int, ...]:
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
