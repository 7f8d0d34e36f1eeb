"""What makes a SQLite file a log, and what SQLite's errors mean to whoever uses one."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eventsourcing.persistence import IntegrityError, OperationalError

from trialdomain.errors import Conflict, LogUnusable
from trialdomain.storage.schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION

_HEADER = b"SQLite format 3\x00"


class AppendRefused(Conflict, IntegrityError):
    """The tables refused an entry: it is there already, or leaves a gap. Nothing was recorded."""


class StoreFailed(LogUnusable, OperationalError):
    """SQLite could not do it now: the disk is full, the file locked or read-only. Nothing was recorded."""


def check_file(path: Path, *, readonly: bool) -> None:
    """Refuse a file that is no log of ours, before anything could write to it."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        if readonly:
            raise LogUnusable(f"there is no log at {path}: check the name") from None
        return
    except OSError as error:
        raise LogUnusable(f"{path} cannot be read: {error.strerror}") from None
    if not header and not readonly:
        return
    if header[:16] != _HEADER or int.from_bytes(header[68:72]) != APPLICATION_ID:
        raise LogUnusable(f"{path} is not a log of trialdomain: it was left as it is; name a log, or a new file")
    version = int.from_bytes(header[60:64])
    if version > SCHEMA_VERSION:
        raise LogUnusable(
            f"{path} has schema version {version}, but this trialdomain knows {SCHEMA_VERSION}: use a newer one"
        )


def set_up(connection: sqlite3.Connection) -> None:
    """Make the tables of a new log, and check that commits will be on disk.

    The tables are made before the journal becomes a write-ahead log, so that the file's own header says whose it is
    from the first commit on.
    """
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        connection.execute("BEGIN EXCLUSIVE")
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:  # nobody else was faster
            for statement in _statements(SCHEMA):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    journal = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    if journal not in {"wal", "memory"} or synchronous != 2:  # noqa: PLR2004 - SQLite's number for FULL
        raise LogUnusable(
            f"SQLite keeps journal mode {journal} and synchronous {synchronous}: a log needs WAL and FULL"
        )


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines():
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def sentences(path: str) -> Iterator[None]:
    """Turn what SQLite raises into what ``eventsourcing`` and this library promise."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise AppendRefused(f"the entries were not appended: {error}") from error
    except sqlite3.OperationalError as error:
        raise StoreFailed(f"{path}: {error}: nothing was recorded; free the disk or the lock, and try again") from error
    except sqlite3.DatabaseError as error:
        raise LogUnusable(f"{path} is damaged: {error}: nothing was recorded; restore it from an export") from error
