"""The connections of one process to one PostgreSQL log."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import get_ident
from time import monotonic, sleep
from typing import Any, TypeAlias, TypeVar
from warnings import warn

import attrs
import psycopg

from trialdomain.errors import LogUnusable, TrialError
from trialdomain.storage.errors import LogOfAnotherProcess, StoreClosed, StoreFailed
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.storage.postgres.failures import first_line, is_lost, translated
from trialdomain.storage.postgres.schema import LOCK_SPACE
from trialdomain.storage.postgres.server import Checked, connect

T = TypeVar("T")
Connection: TypeAlias = psycopg.Connection[Any]
_PATIENCE_SECONDS = 15.0
"""How long an operation that can be repeated is repeated while the server does not answer, as when it is restarted."""
_PAUSE_SECONDS = 0.2
_LOCK_SECONDS = 30
_MOST_IDLE = 8
"""The most connections that are kept open for the next use."""
_CLOCK_SECONDS = 60.0
"""How long a time of the server is used: in that time, two clocks differ by a few milliseconds."""
TOLD_SECONDS = 0.25
"""How old the recording time of an entry may be when the server has taken its lock. A reader of the present waits so
long."""


@attrs.define
class _Own:
    """The open transaction of a thread."""

    connection: Connection
    in_use: bool = False
    """Whether the thread is within a statement: then a signal handler must keep off the connection."""
    written: bool = False
    """Whether something was recorded in it."""


class Connections:
    """One connection for each thread that uses the log at this moment, and the transaction that a thread may have open.

    Connections stay open for the next use. An exception from a signal handler may arrive between any two lines. So
    nothing is counted, and a connection in whose use an exception arrived is closed.

    Args:
        address: the address of the log.
        readonly: never write to the log.
        make: whether to make the tables of a new log at once; else :meth:`alone` makes them, in its transaction.
    """

    def __init__(self, address: PostgresAddress, *, readonly: bool, make: bool = True) -> None:
        self.place, self.readonly = address.shown, readonly
        self._process = os.getpid()
        self._closed = False
        self._own: dict[int, _Own] = {}
        """By thread: its open transaction."""
        with connect(address.conninfo, self.place) as first:
            checked = Checked(first, self.place, readonly=readonly, make=make)
        self._unmade = None if make or checked.has_log else checked
        """The checked schema, where the log has yet to be made."""
        self.quoted = checked.quoted
        """The name of the log's schema, as the server writes it in SQL."""
        self._clock = float(checked.server_clock), monotonic()
        """A time of the server, and the monotonic time of this process when it had arrived."""
        self.conninfo = address.conninfo
        self._idle: list[Connection] = []
        self._busy: dict[int, Connection] = {}
        """By thread: the connection that it uses."""

    @property
    def in_transaction(self) -> bool:
        """Whether this thread has an open transaction."""
        return get_ident() in self._own

    def told_until(self) -> float:
        """Return the time on the server's clock, in seconds, until which a recording time that is told now is recent.

        The clock of this process may be set to anything. So the server's is followed: a time of it that has arrived,
        and the time since then, which together are never ahead of it.
        """
        if monotonic() - self._clock[1] > _CLOCK_SECONDS:
            self.heard(self.read(_server_clock))
        server, here = self._clock
        return server + (monotonic() - here) + TOLD_SECONDS

    def heard(self, server: float) -> None:
        """Remember a time of the server that has arrived just now."""
        self._clock = server, monotonic()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run a read; repeat it while the server is being restarted.

        The thread that has a transaction reads in it, and sees what it has written.

        Raises:
            StoreFailed: the server does not answer.
            LogOfAnotherProcess: the log was opened before this process was forked.
        """
        return self.repeatable(work)

    def repeatable(self, work: Callable[[Connection], T], *, trial: str | None = None) -> T:
        """Run work that may be done twice; repeat it where its connection was lost.

        Raises:
            StoreFailed: the server does not answer.
        """
        self._check_open()
        own = self._own.get(get_ident())
        if own is not None and not own.in_use:  # else this is a signal handler: it reads what is committed
            with self._used(own, trial), own.connection.transaction():  # an error ends the read, and not what is around
                return work(own.connection)
        until = monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return self._once(work, trial)
            except _ConnectionLost as lost:
                self._wait_or_give_up(until, lost)

    def once(self, work: Callable[[Connection], T], *, trial: str | None = None) -> T:
        """Run work that must not be done twice.

        Raises:
            StoreFailed: the server does not answer; where it did before, the work may or may not be done.
        """
        self._check_open()
        try:
            return self._once(work, trial)
        except _ConnectionLost as lost:
            raise StoreFailed(
                f"{self.place}: the connection was lost: {lost}; read the log to see whether the entries were recorded"
            ) from lost.__cause__

    def alone(self, work: Callable[[], T]) -> T:
        """Run work in a transaction that holds the log's lock alone; repeat it where the connection was lost.

        Raises:
            StoreFailed: the server does not answer; another program holds the lock; or this thread has a transaction
                that has recorded something.
        """
        self.check_writable()
        if get_ident() in self._own:
            with self.interrupted():
                return self.alone(work)
        until = monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return self._alone(work)
            except _ConnectionLost as lost:
                self._wait_or_give_up(until, lost)

    @contextmanager
    def interrupted(self) -> Iterator[None]:
        """End this thread's transaction, which has recorded nothing, for a block; then begin it again.

        Raises:
            StoreFailed: the transaction has recorded something; or a signal handler has interrupted a statement in it.
        """
        thread = get_ident()
        own = self._own[thread]
        if own.written or own.in_use:
            raise StoreFailed(
                f"{self.place}: this thread is recording another command, which may still fail: nothing was recorded; "
                f"record this one after that"
            )
        with self._used(own):
            own.connection.execute("COMMIT")
        del self._own[thread]
        try:
            yield
        finally:
            self._own[thread] = own
            with self._used(own):
                self._begin(own.connection)

    @contextmanager
    def part(self) -> Iterator[Connection]:
        """Run a block in this thread's transaction; an error rolls back to the beginning of the block."""
        own = self._own[get_ident()]
        with self._used(own), own.connection.transaction():
            yield own.connection
        own.written = True

    @contextmanager
    def _used(self, own: "_Own", trial: str | None = None) -> Iterator[None]:
        """Mark the transaction as in use for a block: a connection takes one statement at a time."""
        before, own.in_use = own.in_use, True
        try:
            yield
        except psycopg.Error as error:
            if is_lost(error, own.connection):
                raise _ConnectionLost(first_line(error)) from error
            raise translated(error, self.place, trial) from error
        finally:
            own.in_use = before

    def close(self) -> None:
        """Wait for the threads that use the log, and close it.

        A second call does nothing, nor does a call in a process that was forked since.
        """
        if self._process != os.getpid():
            return
        self._closed = True
        until = monotonic() + _LOCK_SECONDS
        while any(thread != get_ident() for thread in tuple(self._busy)) and monotonic() < until:
            sleep(_PAUSE_SECONDS / 10)
        self._close_idle()

    def __del__(self) -> None:
        """Close what the caller forgot to close, and warn, as Python does of any file."""
        if getattr(self, "_idle", None) and self._process == os.getpid():
            try:
                self._close_idle()
            finally:  # a warning may be an error
                warn(f"unclosed log {self.place}", ResourceWarning, stacklevel=2, source=self)

    def _close_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _once(self, work: Callable[[Connection], T], trial: str | None) -> T:
        with self._connection() as connection:
            try:
                return work(connection)
            except psycopg.Error as error:
                if is_lost(error, connection):
                    raise _ConnectionLost(first_line(error)) from error
                raise translated(error, self.place, trial) from error

    def _alone(self, work: Callable[[], T]) -> T:
        thread = get_ident()
        with self._connection() as connection:
            own = _Own(connection)
            try:
                self._own[thread] = own  # before BEGIN: right after it, a signal handler may use the log
                with self._used(own):
                    self._begin(connection)
                done = work()
                with self._used(own):
                    ended = connection.execute("COMMIT").statusmessage
            finally:
                self._own.pop(thread, None)
            if ended != "COMMIT":  # a statement has failed, and somebody has passed over the error
                raise _ConnectionLost("the server has rolled the transaction back")
            return done

    def _begin(self, connection: Connection) -> None:
        connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'".encode())
        if self._unmade is not None:
            self._unmade.make(connection)  # again in every transaction: the one before may have been rolled back
        connection.execute("SELECT pg_advisory_xact_lock(%s, %s::regclass::oid::int)", (LOCK_SPACE, self.entries))

    @property
    def unmade(self) -> bool:
        """Whether the log has yet to be made: nothing can be read then, but in the transaction that makes it."""
        return self._unmade is not None and not self.in_transaction

    @property
    def entries(self) -> str:
        """The qualified name of the table of entries."""
        return f"{self.quoted}.entries"

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Lend a connection to this thread.

        Raises:
            _ConnectionLost: the server cannot be reached.
        """
        thread, outer = get_ident(), self._busy.get(get_ident())
        connection, is_whole = self._taken(), False
        try:
            self._busy[thread] = connection
            yield connection
            is_whole = True
        except TrialError:
            is_whole = True
            raise
        finally:
            if outer is None:
                self._busy.pop(thread, None)
            else:  # a signal handler has used the log
                self._busy[thread] = outer
            if is_whole and _is_idle(connection) and not self._closed and len(self._idle) < _MOST_IDLE:
                self._idle.append(connection)
            else:
                connection.close()  # the server rolls back what was interrupted

    def _taken(self) -> Connection:
        """Take an idle connection, or make a new one."""
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                if not connection.closed:
                    return connection
        try:
            return connect(self.conninfo, self.place)
        except LogUnusable as error:
            why, _, _ = str(error).removeprefix(f"{self.place} cannot be opened: ").partition(";")
            raise _ConnectionLost(why) from None

    def _wait_or_give_up(self, until: float, lost: "_ConnectionLost") -> None:
        if monotonic() > until:
            raise StoreFailed(
                f"{self.place}: the server does not answer: {lost}; check it, and try again with the same command id: "
                f"a command that was recorded gives its first result again"
            ) from lost.__cause__
        self._close_idle()  # they were lost as well
        sleep(_PAUSE_SECONDS)

    def _check_open(self) -> None:
        if self._process != os.getpid():
            raise LogOfAnotherProcess(path=self.place)
        if self._closed:
            raise StoreClosed

    def check_writable(self) -> None:
        """Refuse to write to a log that was opened for reading, or that is closed."""
        self._check_open()
        if self.readonly:
            raise LogUnusable(f"{self.place} was opened read-only: open it for writing")


def _server_clock(connection: Connection) -> float:
    ((now,),) = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
    return float(now)


def _is_idle(connection: Connection) -> bool:
    """Say whether a connection is open, and in no transaction."""
    return not connection.closed and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


class _ConnectionLost(Exception):
    """The connection was lost during some work, so that nobody knows what the server has done."""
