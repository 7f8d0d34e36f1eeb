"""Checks that the file of an open log, and the files that SQLite keeps beside it, are still at their paths.

SQLite goes on in a file that was removed, renamed or replaced; commits to it are lost. SQLite also goes on when the
process has lost its locks: POSIX drops them when any part of the process opens and closes the file by other means. Then
another program believes that it is the last one, and removes the write-ahead log that is still in use. Where the shared
memory is removed, the next program makes its own, and the two programs write over each other's entries.
"""

import os
from pathlib import Path
from stat import S_ISREG
from time import monotonic, sleep
from typing import TypeAlias

from trialdomain.errors import LogUnusable
from trialdomain.storage.errors import LogMoved

Identity: TypeAlias = tuple[int, int]
"""The device and the inode of a file: the same after a rename, and another one after a replacement."""
_NEW_LOG_SECONDS = 1.0
"""How long a new log may have two names: the temporary one that it was written under, and its own."""


class LogHasTwoNames(LogUnusable):
    """The file of a log has a second name (a hard link), under which it would be another log."""

    code = "log-has-two-names"

    def __init__(self, *, path: str, names: int) -> None:
        super().__init__(
            f"{path} is one of {names} names of the same file (hard links), and entries that were recorded under "
            f"another name are missing under this one: remove the other names, or open a copy"
        )
        self.path, self.names = path, names


class Place:
    """Remembers the identity of the opened files, and compares it: three system calls.

    Make it before the log is opened, and call :meth:`settle` right after.

    Args:
        file: the log, which may not exist yet.
    """

    def __init__(self, file: Path) -> None:
        real = os.path.realpath(file)  # SQLite puts its files beside the target of a link
        self._paths = self._path, self._wal, self._shm = str(file), f"{real}-wal", f"{real}-shm"
        self._opened = identity(self._path)
        self._opened_wal: Identity | None = None
        self._opened_shm: Identity | None = None

    def settle(self) -> None:
        """Remember the files as they are, now that SQLite has opened them.

        Raises:
            LogMoved: the file was removed, renamed or replaced while it was opened.
        """
        found, self._opened_wal, self._opened_shm = map(identity, self._paths)
        if found is None or self._opened not in {None, found}:
            raise LogMoved(path=self._path, why="the file was removed, renamed or replaced while it was opened")
        self._opened = found

    def check(self) -> None:
        """Refuse a log whose files are not those that were opened.

        Raises:
            LogMoved: one of them was removed, renamed or replaced.
        """
        file, wal, shm = map(identity, self._paths)
        if (file, wal, shm) == (self._opened, self._opened_wal, self._opened_shm):
            return
        if file != self._opened:
            raise LogMoved(path=self._path, why="the file that was opened was removed, renamed or replaced")
        if wal != self._opened_wal:
            if self._opened_wal is not None:
                raise LogMoved(
                    path=self._path,
                    why="its write-ahead log was removed or replaced: by a user, or by another program after this "
                    "process lost its locks (because it copied or hashed the file while the log was open)",
                )
            self._opened_wal = wal
        if shm != self._opened_shm:
            if self._opened_shm is not None:
                raise LogMoved(path=self._path, why="the shared memory beside it (-shm) was removed or replaced")
            self._opened_shm = shm

    @property
    def may_be_closed(self) -> bool:
        """Whether SQLite may close the log as usual: move its write-ahead log into the file, and remove it.

        SQLite itself does not change a file that was removed, renamed or replaced. Where only one of the two files
        beside it is gone, it was removed by hand, and no other program has used the log: closing saves the entries in
        the write-ahead log. Where both are gone, or one was replaced, other programs use the file by now.
        """
        if identity(self._path) != self._opened or self._opened_wal is None:
            return True
        wal, shm = identity(self._wal), identity(self._shm)
        if wal == self._opened_wal:
            return shm in {self._opened_shm, None}
        return wal is None and shm == self._opened_shm

    @property
    def file(self) -> Identity | None:
        """The file that was opened."""
        return self._opened

    @property
    def identities(self) -> set[Identity]:
        """The files that SQLite may have open for this log."""
        opened = {self._opened, self._opened_wal, self._opened_shm}
        return {one for one in (*opened, *map(identity, self._paths)) if one is not None}


def refuse_two_names(path: Path) -> None:
    """Refuse a file with hard links: SQLite would keep a separate write-ahead log beside each name.

    A new log has a second name for a moment, because it gets its own name as a link.

    Args:
        path: the file, which need not exist.

    Raises:
        LogHasTwoNames: it has more than one name.
    """
    until = monotonic() + _NEW_LOG_SECONDS
    while (names := _names(path)) > 1:
        if monotonic() > until:
            raise LogHasTwoNames(path=str(path), names=names)
        sleep(0.01)


def _names(path: Path) -> int:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return 0
    return status.st_nlink if S_ISREG(status.st_mode) else 0


def identity(path: str) -> Identity | None:
    """Return the identity of the file at a path; None where none is found."""
    try:
        status = os.stat(path)  # noqa: PTH116 - called three times per append, in half the time of Path.stat
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
