"""Where an open log lies: the file that was opened is still the one at its path, and so is its write-ahead log.

SQLite goes on in a file that was removed, renamed or replaced, and what it commits there nobody finds again. It also
goes on when the process has lost its locks: POSIX drops them when any part of the process opens and closes the file by
other means. Then another program takes itself for the last one, and removes the write-ahead log that is still in use.
"""

import os
from pathlib import Path
from typing import TypeAlias

from trialdomain.errors import LogUnusable

Identity: TypeAlias = tuple[int, int]
"""The device and the number of a file: what stays when its name changes, and changes when its name stays."""


class LogMoved(LogUnusable):
    """The file of an open log, or its write-ahead log, is not at its path any more."""

    code = "log-moved"

    def __init__(self, *, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}; nothing was recorded; close the log, see what is there, and open it again")
        self.path, self.why = path, why


class Place:
    """Remembers which files were opened, and compares; two system calls.

    Args:
        file: the log; it has been opened.
    """

    def __init__(self, file: Path) -> None:
        real = os.path.realpath(file)  # SQLite puts what it needs beside where a link leads
        self._path, self._wal, self._shm = str(file), f"{real}-wal", f"{real}-shm"
        self._opened, self._opened_wal, self._opened_shm = map(identity, (self._path, self._wal, self._shm))

    def check(self) -> None:
        """Refuse a log that is not where it was opened.

        Raises:
            LogMoved: it is not.
        """
        if identity(self._path) != self._opened:
            raise LogMoved(path=self._path, why="the file that was opened was removed, renamed or replaced")
        wal = identity(self._wal)
        if wal != self._opened_wal:
            if self._opened_wal is not None:
                raise LogMoved(
                    path=self._path,
                    why="its write-ahead log was removed or replaced, by somebody, or by another program after this "
                    "process lost its locks (it copied or hashed the file while it had it open)",
                )
            self._opened_wal = wal

    @property
    def may_be_closed(self) -> bool:
        """Whether SQLite may close the log as usual: move its write-ahead log into the file, and remove it.

        SQLite itself leaves a file alone that was removed, renamed or replaced. Where the write-ahead log alone is
        gone, and no other program has been here, closing saves what stands in it. Where there is another one, or other
        shared memory, the file belongs to other programs by now.
        """
        if identity(self._path) != self._opened or self._opened_wal is None:
            return True
        wal = identity(self._wal)
        return wal == self._opened_wal or (wal is None and identity(self._shm) == self._opened_shm)

    @property
    def file(self) -> Identity | None:
        """Which file was opened."""
        return self._opened

    @property
    def identities(self) -> set[Identity]:
        """Which files SQLite may have open for this log."""
        opened = {self._opened, self._opened_wal, self._opened_shm}
        return {one for one in (*opened, *map(identity, (self._path, self._wal, self._shm))) if one is not None}


def identity(path: str) -> Identity | None:
    """Say which file stands at a path; None where none is seen."""
    try:
        status = os.stat(path)  # noqa: PTH116 - twice an append, and half the time of a Path's
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
