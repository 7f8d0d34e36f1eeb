"""Opening a file that a caller names, which may be a log that a program has open.

When a process closes any descriptor of a file, POSIX drops every lock that the process holds on that file. That is true
of a SQLite file, and of the files that SQLite keeps beside it. Another process would then believe that no program has
the log open, and remove its write-ahead log. So this module opens every path that comes from outside, and refuses the
files of SQLite.
"""

import os
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from trialdomain.errors import InputInvalid, LogUnusable
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.storage.sqlite.file import is_database

_BESIDE = ("-wal", "-shm", "-journal")


class DatabaseNotRead(LogUnusable):
    """A caller named a SQLite file, or a file that SQLite keeps beside one, where another kind of file is expected."""

    code = "database-not-read"

    def __init__(self, *, path: Path, what: str) -> None:
        super().__init__(f"{path} is {what}, and was not opened: name a file of the expected kind")
        self.path, self.what = path, what


class NameTaken(InputInvalid):
    """The name of an output is that of a log, or of a file that SQLite keeps beside one."""

    code = "name-taken"

    def __init__(self, *, path: Path) -> None:
        super().__init__(f"{path} is a log, or a part of one, and nothing was written there: choose another name")
        self.path = path


def open_plain(path: Path) -> BufferedReader:
    """Open a file for reading, unless SQLite may have it open.

    Raises:
        DatabaseNotRead: it is a SQLite file, or a file that SQLite keeps beside one.
        OSError: it cannot be opened.
        ValueError: no file can have such a name.
    """
    refuse_database(path)
    return path.open("rb")


def refuse_database(path: Path) -> None:
    """Refuse a file that SQLite may have open, before this process opens it.

    Raises:
        DatabaseNotRead: it is a SQLite file, or a file that SQLite keeps beside one.
        ValueError: no file can have such a name.
    """
    if not path.is_file():
        return  # a folder, a pipe, or no file: SQLite has none of these open
    if is_database(path):
        raise DatabaseNotRead(path=path, what="a SQLite database, such as a log")
    if _is_beside(path):
        raise DatabaseNotRead(path=path, what="a file that SQLite keeps beside a database")


def refuse_beside(path: Path) -> None:
    """Refuse to make a file or a folder with a name that SQLite uses beside a log, such as ``-wal``.

    Raises:
        NameTaken: it is such a name, whether or not the file exists.
    """
    if _is_beside(path):
        raise NameTaken(path=path)


def refuse_log_as_output(descriptor: int, log: Path | PostgresAddress) -> None:
    """Refuse to write output into a log: standard output may be the log, as after ``>> trial.db``.

    A log in a database is no file, and output never goes into it.

    Raises:
        NameTaken: the descriptor is the log, or a file that SQLite keeps beside it.
    """
    if not isinstance(log, Path):
        return
    try:
        opened = os.fstat(descriptor)
    except OSError:
        return  # the descriptor is closed, and writing to it will fail
    real = os.path.realpath(log)
    for suffix in ("", *_BESIDE):
        path = Path(f"{real}{suffix}")
        with suppress(OSError):
            if os.path.samestat(path.stat(), opened):
                raise NameTaken(path=path)


def _is_beside(path: Path) -> bool:
    real = Path(os.path.realpath(path))  # unlike Path.resolve, it raises nothing for a circle of links
    return any(
        real.name.endswith(suffix) and is_database(real.with_name(real.name.removesuffix(suffix))) for suffix in _BESIDE
    )
