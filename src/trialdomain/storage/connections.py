"""The connections of one process to one SQLite log."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trialdomain.errors import LogUnusable
from trialdomain.storage.gate import Gate
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

MEMORY = ":memory:"
_BUSY_SECONDS = 30.0
_PRAGMAS = ("synchronous = FULL", "recursive_triggers = ON", "trusted_schema = OFF")


class Connections:
    """One connection that writes, and as many that read as there are readers at once.

    Args:
        path: the file, or ``":memory:"``, where one connection does both.
        readonly: never write to the file.
    """

    def __init__(self, path: str, *, readonly: bool) -> None:
        self._path, self._readonly = path, readonly
        self._file = None if path == MEMORY else Path(path).absolute()  # the working folder may change later
        self._gate = Gate()
        self._idle: list[sqlite3.Connection] = []
        self._as = {"mode": "rw"}
        """How a reader opens the file."""
        self._unchanged: tuple[int, ...] | None = None
        """In a folder that cannot be written: what the file must still look like after each reading."""
        check_sqlite()
        with sentences(path):
            if self._file is not None:
                check_file(self._file, readonly=readonly)
            self._writer = self._first(self._file)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write alone, in one transaction, all or nothing."""
        if self._readonly:
            raise LogUnusable(f"{self._path} was opened for reading alone: open it for writing")
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
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read, while others read and one writes."""
        if self._file is None:  # a second connection would be a second, empty database
            with self._gate.alone(), sentences(self._path):
                yield self._writer
            return
        with self._gate.together(), sentences(self._path):
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._reader(self._file)
            try:
                yield connection
            finally:
                self._idle.append(connection)
            if self._unchanged is not None and self._unchanged != _looks(self._file):
                raise StoreFailed(f"{self._path} was changed while it was read: open it again")

    def close(self) -> None:
        """Wait for whoever reads or writes at this moment, and close the file; a second call does nothing."""
        if self._gate.close():
            for connection in (*self._idle, self._writer):
                connection.close()

    def _first(self, file: Path | None) -> sqlite3.Connection:
        if file is not None and self._readonly:
            return self._first_reader(file)
        connection = _connect(MEMORY if file is None else file_uri(file, mode="rwc"))
        try:
            journal = "memory" if file is None else "wal"
            set_up(connection, self._path, journal=journal, patience=_BUSY_SECONDS)
        except BaseException:
            connection.close()
            raise
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
            connection.close()
            raise
        return connection

    def _reader(self, file: Path) -> sqlite3.Connection:
        return _connect(file_uri(file, **self._as), "query_only = ON")


def _connect(uri: str, *pragmas: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS)
    try:
        for pragma in (*_PRAGMAS, *pragmas):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _looks(file: Path) -> tuple[int, ...]:
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
