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
from trialdomain.storage.errors import StoreClosed, StoreFailed
from trialdomain.storage.sqlite.bounds import LONGEST_SQL, LONGEST_VALUE
from trialdomain.storage.sqlite.file import (
    SQLITE_ERRORS,
    check_file,
    check_sqlite,
    check_tables,
    code_of,
    file_uri,
    has_wal,
    in_a_sentence,
    refuse_unsafe_reading,
    sentences,
    set_up,
)
from trialdomain.storage.sqlite.forks import brief, leave_open, watch
from trialdomain.storage.sqlite.gate import Gate, Visit
from trialdomain.storage.sqlite.place import Identity, Place, refuse_two_names
from trialdomain.storage.sqlite.shape import check_nothing_interferes

T = TypeVar("T")
MEMORY = ":memory:"
_BUSY_SECONDS = 30.0
_ASK_AGAIN_MILLISECONDS = 500
"""How long SQLite waits for the write lock before it is looked whether the log was closed meanwhile."""
_PRAGMAS = ("synchronous = FULL", "recursive_triggers = ON", "trusted_schema = OFF")


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
        self._begun: Visit | None = None
        """The visit whose transaction is open on the connection that writes; that of any other was left behind."""
        self._is_part = self._has_savepoint = False
        """Whether what is done now is a part of that transaction, which may come to nothing by itself."""
        self._may_wait = False
        """Whether what that transaction rests on is looked at again, so that others may come in between until then."""
        self._lock = object()
        """Another one each time that the write lock is taken, and when something is recorded as a part."""
        self._checked_schema: int | None = None
        """The version of the schema of which is known that nothing in it interferes with what is recorded."""
        self._place: Place | None = None
        check_sqlite()
        visit = brief()
        with visit.stay, visit, sentences(path):
            self._open(self._file)

    @property
    def path(self) -> str:
        """What was opened."""
        return self._path

    @property
    def lock(self) -> object:
        """Say under which write lock work is done: as long as this is the same, nobody has recorded anything else."""
        return self._lock

    def write(self, work: Callable[[sqlite3.Connection], T], *, within: bool = False, may_wait: bool = False) -> T:
        """Do some work on the connection that writes, alone, in one transaction, all or nothing.

        A clock, a hook or a signal handler of this thread may want to record something of its own meanwhile.

        Args:
            work: what to do.
            within: where this thread writes already, make it a part of that, which may still come to nothing.
            may_wait: whether others may come in between until ``work`` calls :meth:`decided`.

        Raises:
            LogMoved: the file is not where it was opened.
            LogOfAnotherProcess: it was opened before this process was forked.
            TablesChanged: something in the database interferes with what is recorded.
            StoreFailed: SQLite could not do it, or this thread is in the middle of something else.
        """
        self._refuse_elsewhere()
        if self._readonly:
            raise LogUnusable(f"{self._path} was opened for reading alone: open it for writing")
        own = self._gate.own()
        if own is not None:
            return self._meanwhile(own, work, within=within, may_wait=may_wait)
        visit = self._gate.alone()
        try:
            with visit.stay, visit:
                return self._in_transaction(visit, work, may_wait=may_wait)
        except SQLITE_ERRORS as error:  # as with sentences, at half of what that takes
            raise in_a_sentence(error, self._path) from error

    def decided(self) -> None:
        """Say that what is read from now on has to stay so until the transaction has ended.

        Raises:
            LogMoved: the file is not where it was opened, or was not when it was asked for the last time.
        """
        self._may_wait = False
        if self._writer.in_transaction:
            self._check_place()
            if self._is_part:
                self._writer.execute("SAVEPOINT part")
                self._has_savepoint = True

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work on a connection that reads, while others read and one writes.

        The thread that writes reads on its own connection: what it has locked.

        Raises:
            LogMoved: the file is not where it was opened.
            LogOfAnotherProcess: it was opened before this process was forked.
        """
        self._refuse_elsewhere()
        own = self._gate.own()
        if own is not None and self._has_begun(own):
            return work(self._writer)
        if self._file is None:  # a second connection would be a second, empty database
            return self._read_memory(own, work)
        visit = self._gate.together()
        with visit.stay, visit, sentences(self._path):
            return self._read_file(self._file, work)

    def wait_for_writers(self) -> None:
        """Wait until whoever is recording something at this moment, in any process, has done so.

        Who may not write the file cannot wait for others, and does not.
        """
        self._refuse_elsewhere()
        own = self._gate.own()
        if (own is not None and self._has_begun(own)) or self._unchanged is not None:
            return
        if self._file is None or not self._readonly:
            self.write(lambda _: None)
            return
        visit = self._gate.together()
        with visit.stay, visit, sentences(self._path):
            self._check_place()
            self._wait_for_writers(self._file)

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
            try:
                self._let_go()
            finally:  # a warning may be an error
                warn(f"unclosed log {self._path}", ResourceWarning, stacklevel=2, source=self)

    def leave_if_moved(self) -> None:
        """Leave everything open for good, where closing would touch what belongs to other programs by now."""
        if self._every and self._place is not None and not self._place.may_be_closed:
            self.leave_open()

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

    def hand_over(self) -> list[sqlite3.Connection]:
        """Give the connections of the parent to whoever keeps them, in its child."""
        connections = self._every.copy()
        self._every.clear()
        return connections

    @property
    def file(self) -> Identity | None:
        """Which file is open here."""
        return None if self._place is None else self._place.file

    def leave_open(self) -> None:
        """Leave everything open for good; see :func:`trialdomain.storage.sqlite.forks.leave_open`."""
        leave_open(self._every, self.file)

    def refuse_beside(self, file: Identity) -> None:
        """Refuse to open the file of this log a second time, where it is not as it was opened.

        Raises:
            LogMoved: it is not. A second connection would make a new write-ahead log, and closing could save nothing.
        """
        if self._every and self._place is not None and self._place.file == file:
            self._check_place()

    # How it does that.

    def _refuse_elsewhere(self) -> None:
        if self._process != os.getpid():
            raise LogOfAnotherProcess(path=self._path)

    def _has_begun(self, visit: Visit) -> bool:
        """Say whether a transaction of that visit is open."""
        return self._begun is visit and self._writer.in_transaction

    def _check_place(self) -> None:
        if self._place is not None and self._unchanged is None:
            if not self._every:
                raise StoreClosed
            self._place.check()

    def _in_transaction(self, visit: Visit, work: Callable[[sqlite3.Connection], T], *, may_wait: bool) -> T:
        outer, self._begun = self._begun, None
        try:
            # An exception between two lines may have left a transaction, or the limit with which short rows are read.
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
            self._begun = outer if outer is visit else None  # whoever was interrupted goes on, and takes the lock
            self._roll_back()

    def _take_lock(self, visit: Visit, *, may_wait: bool) -> None:
        # Whose it is stands there first: a signal handler that records something may come right after BEGIN.
        self._begun, self._is_part, self._may_wait, self._lock = visit, False, may_wait, object()
        self._begin()
        if not may_wait:
            self._check_place()
        if self._file is not None:
            self._check_schema(self._file)

    def _begin(self) -> None:
        """Take the write lock; wait for others, but not longer than until this log is closed."""
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
        """Look at the tables, and what is set off by writing them, once for each version of the schema."""
        version = int(self._writer.execute("PRAGMA schema_version").fetchone()[0])
        if version == self._checked_schema:
            return
        connection = self._reader(file)  # which sees the same schema, for nobody else can change it now
        try:
            connection.text_factory = bytes  # a program's operands are no text
            check_nothing_interferes(connection, self._path)
        finally:
            self._drop(connection)
        self._checked_schema = version

    def _meanwhile(self, own: Visit, work: Callable[[sqlite3.Connection], T], *, within: bool, may_wait: bool) -> T:
        """Do some work for a thread that writes, or waits to, already."""
        self._gate.enter(own)  # where its turn has not come yet
        with sentences(self._path):
            if not self._has_begun(own):
                return self._in_transaction(own, work, may_wait=may_wait)
            if within:
                return self._as_part(work)
            return self._before(own, work, may_wait=may_wait)

    def _before(self, own: Visit, work: Callable[[sqlite3.Connection], T], *, may_wait: bool) -> T:
        """Do some work in a transaction before the one that this thread has begun, and that has changed nothing."""
        if not self._may_wait:
            raise StoreFailed(
                f"{self._path}: this thread is in the middle of recording something else, which may still fail: "
                f"nothing was recorded; record it after that"
            )
        is_part = self._is_part
        self._writer.execute("COMMIT")
        try:
            return self._in_transaction(own, work, may_wait=may_wait)
        finally:
            with suppress(sqlite3.Error, LogUnusable):  # whoever goes on finds that it has no lock
                self._take_lock(own, may_wait=True)  # for whoever goes on looks again at all that was read
                self._is_part = is_part

    # Within "with visit.stay" there is never a "try" of its own: CPython does not leave the block where an exception is
    # raised at the line of that word itself, as a debugger may do.

    def _read_file(self, file: Path, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._idle_reader(file)
        try:
            done = work(connection)
        except BaseException:
            self._drop(connection)  # its statement may still hold on to what was so when it began
            raise
        self._idle.append(connection)
        if self._unchanged is not None and self._unchanged != _looks(file):
            raise StoreFailed(f"{self._path} was changed while it was read: open it again")
        return done

    def _read_memory(self, own: Visit | None, work: Callable[[sqlite3.Connection], T]) -> T:
        if own is not None:
            self._gate.enter(own)
            self._roll_back()
            return work(self._writer)
        visit = self._gate.alone()
        with visit.stay, visit, sentences(self._path):
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

    def _as_part(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work within the transaction of this thread, all or nothing by itself, once it has decided."""
        self._is_part, self._has_savepoint, self._lock = True, False, object()
        try:
            done = work(self._writer)
        except BaseException:
            if self._has_savepoint and self._writer.in_transaction:  # else SQLite has rolled all of it back
                self._writer.execute("ROLLBACK TO part")
                self._writer.execute("RELEASE part")
            raise
        finally:
            self._is_part = False
        if self._has_savepoint and self._writer.in_transaction:
            self._writer.execute("RELEASE part")
        return done

    def _roll_back(self) -> None:
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except sqlite3.ProgrammingError:  # closed meanwhile, by a signal handler: there is nothing left of it
            return

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
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
        connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, LONGEST_SQL)  # of a schema as well
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
