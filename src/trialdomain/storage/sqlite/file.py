"""The checks that tell a log from any other file, and the translation of SQLite's errors."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from stat import S_ISREG
from time import monotonic, sleep

from trialdomain.errors import LogUnusable, TrialError
from trialdomain.storage.errors import AppendRefused, StoreFailed
from trialdomain.storage.sqlite.forks import brief, refuse_unsafe
from trialdomain.storage.sqlite.place import refuse_two_names
from trialdomain.storage.sqlite.schema import APPLICATION_ID, OLDEST_VERSION, SCHEMA, SCHEMA_VERSION, STEPS
from trialdomain.values.given.filename import is_no_file, why_unusable

_OLDEST_SQLITE = (3, 37, 0)
"""The first version with STRICT tables."""
_FULL = 2
"""SQLite's number for ``synchronous = FULL``."""
_SMALLEST_PAGE = 512
_NEXT = {
    sqlite3.SQLITE_BUSY: "another program holds it: wait, and try again",
    sqlite3.SQLITE_LOCKED: "another program holds it: wait, and try again",
    sqlite3.SQLITE_NOMEM: "free some memory, and try again",
    sqlite3.SQLITE_READONLY: "allow writing to it and to its folder, or open it read-only",
    sqlite3.SQLITE_INTERRUPT: "try again",
    sqlite3.SQLITE_IOERR: "check the disk, and try again",
    sqlite3.SQLITE_FULL: "free space on the disk, and try again",
    sqlite3.SQLITE_CANTOPEN: "check that it and its folder may be read and written",
    sqlite3.SQLITE_PROTOCOL: "another program holds it: wait, and try again",
    sqlite3.SQLITE_TOOBIG: "it holds a value longer than that of any entry: verify the log",
}
"""By SQLite's error code, of errors that can pass: what to do next. After any other error the file is damaged."""


def file_uri(path: Path, **options: str) -> str:
    """Write the URI of a file for SQLite; the path may have any characters."""
    return f"{path.absolute().as_uri()}?{'&'.join(f'{name}={value}' for name, value in options.items())}"


def has_wal(path: Path) -> bool:
    """Say whether a write-ahead log is beside a file: a program has the file open, or was killed with it open."""
    try:
        return beside(path, "wal").stat().st_size > 0
    except (OSError, ValueError):
        return False


def is_database(path: Path) -> bool:
    """Tell a SQLite file from any other; only SQLite opens it.

    When a process closes any descriptor of a file, POSIX drops every lock that the process holds on that file. Another
    process would then believe that no program has the log open, and remove its write-ahead log. Entries that are
    appended after that would be lost.
    """
    try:
        if (_size(path) or 0) < _SMALLEST_PAGE:
            return False
        _header(path, immutable="1")
    except LogUnusable:
        return False
    except sqlite3.DatabaseError as error:
        return code_of(error) not in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN}
    return True


def refuse_unsafe_reading(path: Path) -> None:
    """Refuse a file that SQLite would read wrongly in this process, before it is opened for reading.

    Raises:
        LogAbandoned: SQLite still believes that it has the file open in this process.
        LogMoved: the log is open in this process, and is not where it was opened.
        LogHasTwoNames: it has hard links, and its write-ahead log may be beside another of them.
        LogUnusable: no file can have the name; or a file that SQLite keeps beside it is a folder, a pipe or a device.
    """
    _size(path)
    for what in ("wal", "shm", "journal"):
        there = beside(path, what)
        if is_no_file(there):
            raise LogUnusable(
                f"{there} is a folder, a pipe or a device, and SQLite would wait for it: move it elsewhere (but never "
                f"move a regular file of that name: it has entries of the log)"
            )
    refuse_unsafe(path)
    if not has_wal(path):
        refuse_two_names(path)


def check_sqlite() -> None:
    """Refuse a SQLite that does not know STRICT tables, before a file is made."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise LogUnusable(f"SQLite {sqlite3.sqlite_version} is too old for a log: use a Python with 3.37 or later")


def check_file(path: Path, *, readonly: bool) -> None:
    """Refuse a file that is not a log of this library, before anything could write to it."""
    size = _size(path)
    if not size and has_wal(path):  # SQLite would remove it, because it belongs to no database
        raise LogUnusable(
            f"there is no log at {path}, but its newest entries are in {beside(path, 'wal')}: the log was moved, "
            f"removed or emptied; put it back beside that file"
        )
    if size is None:
        if readonly:
            raise LogUnusable(f"there is no log at {path}: check the name")
        if not path.parent.is_dir():
            raise LogUnusable(f"{path} cannot be made: there is no folder {path.parent}; make it, or correct the path")
        return
    if not size and not readonly:
        return
    try:
        application, version = _look(path)
    except sqlite3.DatabaseError as error:
        if code_of(error) != sqlite3.SQLITE_NOTADB:
            raise
        application, version = 0, 0
    if application != APPLICATION_ID:
        raise _not_a_log(path)
    if not OLDEST_VERSION <= version <= SCHEMA_VERSION:
        next_step = (
            "export it with the trialdomain that wrote it, and restore the export here"
            if version < OLDEST_VERSION
            else "use the trialdomain that wrote it, or a newer one"
        )
        raise LogUnusable(
            f"{path} has schema version {version}, but this trialdomain knows {SCHEMA_VERSION}: {next_step}"
        )


def check_tables(connection: sqlite3.Connection) -> None:
    """Select every column of the tables, so that a file without them is refused when it is opened.

    Raises:
        LogUnusable: one of them is a view or a virtual table, or has a computed column. Reading those can run forever,
            or use up the memory.
    """
    kinds = connection.execute(
        "SELECT type FROM sqlite_master WHERE lower(name) IN ('entries', 'commands', 'checkpoints', 'heads', 'cursors')"
    )
    if any(kind != "table" for (kind,) in kinds):
        raise LogUnusable("a table of the log was replaced by a view: verify the log")
    for table in ("entries", "commands", "checkpoints", "heads"):
        if any(hidden for *_, hidden in connection.execute(f"PRAGMA table_xinfo({table})")):
            raise LogUnusable(f"the log's table {table} was altered: it has a computed column; verify the log")
    connection.execute("SELECT rowid, trial, position, stream, version, name, state, leaf FROM entries LIMIT 0")
    connection.execute("SELECT trial, command, request, first, last FROM commands LIMIT 0")
    connection.execute("SELECT trial, size, note FROM checkpoints LIMIT 0")
    connection.execute("SELECT trial, size, note FROM heads LIMIT 0")


def set_up(connection: sqlite3.Connection, path: str | Path, *, journal: str, patience: float) -> None:
    """Create the tables of a new log, and check that a commit is flushed to disk.

    The tables are created before the switch to a write-ahead log. So the file's own header has the application id from
    the first commit on.

    Args:
        connection: the writing connection.
        path: the name of the log in an error.
        journal: the journal mode that the log must have.
        patience: how many seconds to wait for other programs.
    """
    if _application(connection) != APPLICATION_ID:
        connection.execute("BEGIN EXCLUSIVE")
        if _application(connection) != APPLICATION_ID:  # no other program was faster
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise _not_a_log(path)
            for statement in _statements(SCHEMA):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    if _version(connection) < SCHEMA_VERSION:
        _bring_forward(connection, path)
    found = _write_ahead(connection, patience)
    synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    if (found, synchronous) != (journal, _FULL):
        raise LogUnusable(
            f"{path}: SQLite keeps journal mode {found} and synchronous {synchronous} here, but a log needs {journal} "
            f"and {_FULL} (FULL): put it on a local disk"
        )
    check_tables(connection)
    # SQLite also opens a file that it may not write, and raises only when a statement would write.
    connection.execute("INSERT INTO commands SELECT * FROM commands WHERE false")


def _bring_forward(connection: sqlite3.Connection, path: str | Path) -> None:
    """Bring a log of an older schema version to the version of this library, in one transaction.

    Raises:
        LogUnusable: the log already has a table of a newer version, which this library did not make.
    """
    connection.execute("BEGIN EXCLUSIVE")
    while (version := _version(connection)) < SCHEMA_VERSION:  # else another program was faster
        for statement in _statements(STEPS[version]):
            try:
                connection.execute(statement)
            except sqlite3.OperationalError as error:
                if "already exists" not in str(error):
                    raise
                connection.execute("ROLLBACK")
                raise LogUnusable(
                    f"{path} has schema version {version}, and cannot be brought to {SCHEMA_VERSION}: {error}, and "
                    f"this library did not make it; the log was left as it is; rename that table"
                ) from None
        connection.execute(f"PRAGMA user_version = {version + 1}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def translated_errors(path: str | Path) -> Iterator[None]:
    """Translate the errors of SQLite into those that ``eventsourcing`` and this library document."""
    try:
        yield
    except SQLITE_ERRORS as error:
        raise translated(error, path) from error


SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""The errors that Python's ``sqlite3`` raises; the second where a message quotes a schema that is not UTF-8."""


def translated(error: Exception, path: str | Path) -> TrialError:
    """Translate an error of SQLite into an error of this library, with what to do next."""
    if isinstance(error, sqlite3.IntegrityError):
        return AppendRefused(
            f"{path}: the entries were not appended: {error}; read the streams again, and decide again"
        )
    if not isinstance(error, sqlite3.Error):
        return LogUnusable(f"{path} is damaged: its schema is not UTF-8 text; restore it from an export")
    if "malformed database schema" in str(error) or "unsafe use of" in str(error):
        return LogUnusable(
            f"{path}: {error}: this was added to the schema, and no log has it; nothing was recorded; remove it"
        )
    what_next = _NEXT.get(code_of(error)) or _next_after_misuse(error)
    if what_next is None:
        return LogUnusable(f"{path} is damaged: {error}: nothing was recorded; restore it from an export")
    return StoreFailed(f"{path}: {error}: nothing was recorded; {what_next}")


def _next_after_misuse(error: sqlite3.Error) -> str | None:
    """Say what to do after an error in the use of a connection, which does not mean that the file is damaged."""
    if isinstance(error, sqlite3.ProgrammingError | sqlite3.InterfaceError):
        return "close the log, and open it again"
    misused = code_of(error) in {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISUSE}
    of_the_tables = str(error).startswith("no such ")
    return "close the log, and open it again" if misused and not of_the_tables else None


def code_of(error: BaseException | None) -> int:
    """Return SQLite's primary error code; -1 of an error that is not SQLite's own."""
    code = int(getattr(error, "sqlite_errorcode", -1))
    return code if code < 0 else code & 0xFF


def _size(path: Path) -> int | None:
    """Return the size of a file; None when there is no file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        raise LogUnusable(f"{str(path)!r} cannot be a log: {why_unusable(error)}") from None
    if not S_ISREG(status.st_mode):
        raise LogUnusable(f"{path} is a folder or a device, and cannot be a log: name a file")
    return status.st_size


def beside(path: Path, what: str) -> Path:
    """Name a file that SQLite keeps beside a database, such as its ``wal``; of a symbolic link, beside its target."""
    return Path(f"{os.path.realpath(path)}-{what}")  # unlike Path.resolve, realpath accepts a circle of links


def _look(path: Path) -> tuple[int, int]:
    """Read the application id and the schema version, without making a file beside the log."""
    try:
        return _header(path, immutable="1")
    except sqlite3.DatabaseError as error:
        if code_of(error) != sqlite3.SQLITE_CORRUPT:
            raise
    # The file alone looks incomplete while its first tables are written, and when a process was killed during a
    # checkpoint of its write-ahead log. With a journal beside it, read again with locks, and wait. Without a journal,
    # it is complete by now, or damaged.
    return _header(path) if has_wal(path) or beside(path, "journal").exists() else _header(path, immutable="1")


def _header(path: Path, **options: str) -> tuple[int, int]:
    visit = brief()
    with (
        visit.stay,
        visit,
        closing(sqlite3.connect(file_uri(path, mode="ro", **options), uri=True)) as connection,
    ):
        return _application(connection), _version(connection)


def _application(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


def _not_a_log(path: str | Path) -> LogUnusable:
    return LogUnusable(f"{path} is not a log of trialdomain: it was left as it is; name a log, or a new file")


def _write_ahead(connection: sqlite3.Connection, patience: float) -> str:
    """Switch to a write-ahead log; retry, because SQLite's busy timeout does not cover this switch."""
    until = monotonic() + patience
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if code_of(error) != sqlite3.SQLITE_BUSY or monotonic() > until:
                raise
        sleep(0.01)


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines():
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
