"""What becomes of open logs when a process is copied by ``fork()``, and of connections that nobody may close.

SQLite forbids to carry a connection across a fork, even to close it there. The child has none of the locks that the
copy believes to hold, and closing may move an old write-ahead log into a file that others have written since. A log
that the child opens by itself would share the copy's belief. So the child first makes SQLite let go of every copy
without a trace: it points the copied descriptors to the null device, on which SQLite can lock and write nothing, and
closes them.
"""

import atexit
import os
import sqlite3
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

from trialdomain.errors import LogUnusable
from trialdomain.storage.place import Identity, identity

_PATIENCE_SECONDS = 1.0
"""How long a fork waits for the threads that are using a log."""


class Forked(Protocol):
    """What is asked of an open log around a fork."""

    def pause(self, seconds: float) -> bool:
        """Let nobody in, until ``resume``; say whether nobody is, within some seconds."""
        ...

    def resume(self) -> None:
        """Go on, in the process that has the log."""
        ...

    def abandon(self, *, quiet: bool) -> None:
        """Let go of what the parent has open, in the child; ``quiet`` says that no thread was using it."""
        ...

    def leave_if_moved(self) -> None:
        """Leave connections open for good that must not be closed."""
        ...


class LogAbandoned(LogUnusable):
    """A log cannot be opened in this process any more, because SQLite cannot forget what it had open here."""

    code = "log-abandoned"

    def __init__(self, *, path: str) -> None:
        super().__init__(
            f"{path} cannot be opened in this process any more: it was in use when the process was forked, or its "
            f"write-ahead log was taken away while it was open here; start the program again"
        )
        self.path = path


_open: "WeakSet[Forked]" = WeakSet()
_quiet: list[tuple[Forked, bool]] = []
_abandoned: set[Identity] = set()
_never_closed: list[sqlite3.Connection] = []


def watch(log: Forked) -> None:
    """Remember an open log, for as long as it lives, in case the process is forked."""
    _open.add(log)


def refuse_abandoned(path: Path) -> None:
    """Refuse a file that SQLite believes to have open in this process.

    Raises:
        LogAbandoned: it is one.
    """
    if _abandoned and identity(str(path)) in _abandoned:
        raise LogAbandoned(path=str(path))


def leave_open(connections: list[sqlite3.Connection], file: Identity | None) -> None:
    """Never close some connections, not even when the process ends, and let nobody open their file here again."""
    import ctypes  # noqa: PLC0415 - a slow import, for what hardly ever happens

    if file is not None:
        _abandoned.add(file)
    while connections:
        connection = connections.pop()
        _never_closed.append(connection)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def abandon(
    connections: list[sqlite3.Connection], files: Collection[Identity], file: Identity | None, *, quiet: bool
) -> None:
    """Make SQLite forget connections that the parent process has, in its child.

    Args:
        connections: of one log.
        files: the files that they may have open.
        file: the log.
        quiet: whether no thread was using them when the process was forked: otherwise even closing could hang.
    """
    if not quiet:
        leave_open(connections, file)
        return
    nowhere = os.open(os.devnull, os.O_RDONLY)
    try:
        for descriptor in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
            with suppress(OSError):  # of the listing itself, which is closed by now
                status = os.fstat(descriptor)
                if (status.st_dev, status.st_ino) in files:
                    os.dup2(nowhere, descriptor, inheritable=False)
    finally:
        os.close(nowhere)
    while connections:
        connections.pop().close()


def _before() -> None:
    _quiet[:] = [(log, log.pause(_PATIENCE_SECONDS)) for log in tuple(_open)]


def _in_parent() -> None:
    while _quiet:
        _quiet.pop()[0].resume()


def _in_child() -> None:
    while _quiet:
        log, quiet = _quiet.pop()
        log.abandon(quiet=quiet)
    _open.clear()


def _at_exit() -> None:
    for log in tuple(_open):
        log.leave_if_moved()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
