"""Opening a file that a caller names, when it may be a log that somebody has open.

A process that opens and closes a SQLite file, or one of the files that SQLite keeps beside it, drops every lock that it
holds on it (POSIX). Another process then takes an open log for one that nobody uses, and removes its write-ahead log.
So every path that comes from outside is opened here, and nothing of SQLite's ever is.
"""

import os
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from trialdomain.errors import InputInvalid, LogUnusable
from trialdomain.storage.sqlite.file import is_database

_BESIDE = ("-wal", "-shm", "-journal")


class DatabaseNotRead(LogUnusable):
    """A SQLite file, or a file that SQLite keeps beside one, stands where another file is expected."""

    code = "database-not-read"

    def __init__(self, *, path: Path, what: str) -> None:
        super().__init__(f"{path} is {what}, and was not opened: name a file of the kind that is asked for")
        self.path, self.what = path, what


class NameTaken(InputInvalid):
    """Something else than entries would be written into a log, or where SQLite keeps a part of one."""

    code = "name-taken"

    def __init__(self, *, path: Path) -> None:
        super().__init__(f"{path} is a log, or a part of one, and nothing was written there: choose another name")
        self.path = path


def open_plain(path: Path) -> BufferedReader:
    """Open a file for reading that is none of SQLite's.

    Raises:
        DatabaseNotRead: it is one of SQLite's.
        OSError: it cannot be opened.
        ValueError: no file can have such a name.
    """
    refuse_database(path)
    return path.open("rb")


def refuse_database(path: Path) -> None:
    """Refuse a file that SQLite may have open, before anything opens it.

    Raises:
        DatabaseNotRead: it is one.
        ValueError: no file can have such a name.
    """
    if not path.is_file():
        return  # a folder or a pipe, or nothing at all: SQLite has none of them open
    if is_database(path):
        raise DatabaseNotRead(path=path, what="a SQLite database, such as a log")
    if _is_beside(path):
        raise DatabaseNotRead(path=path, what="a file that SQLite keeps beside a database")


def refuse_beside(path: Path) -> None:
    """Refuse to make what SQLite would take for a part of a log: a file, or a folder, where it keeps its own.

    Raises:
        NameTaken: it is the name of one, whether or not it is there.
    """
    if _is_beside(path):
        raise NameTaken(path=path)


def refuse_log_as_output(descriptor: int, log: Path) -> None:
    """Refuse to write into a log what is no entry: an open file may be one, as after ``>> trial.db``.

    Raises:
        NameTaken: what is open there is the log, or what SQLite keeps beside it.
    """
    try:
        opened = os.fstat(descriptor)
    except OSError:
        return  # nothing is open there, and whoever writes says so
    real = os.path.realpath(log)
    for suffix in ("", *_BESIDE):
        path = Path(f"{real}{suffix}")
        with suppress(OSError):
            if os.path.samestat(path.stat(), opened):
                raise NameTaken(path=path)


def _is_beside(path: Path) -> bool:
    real = path.resolve()
    return any(
        real.name.endswith(suffix) and is_database(real.with_name(real.name.removesuffix(suffix))) for suffix in _BESIDE
    )
