"""Handling of open logs around ``fork()``, and of connections that must never be closed.

SQLite forbids to use a connection in the child of a fork, even to close it. The child has none of the locks that the
copied connection believes to hold. Closing it may move an old write-ahead log into a file that other programs have
written since. A connection that the child opens itself would share the wrong state. So the child first disarms the
copies: it points their descriptors to the null device, on which SQLite can lock and write nothing. It closes them
before it opens a log. A file may stay open all the same, because other code opened it or because a thread was using it
during the fork. The child cannot open that file again.
"""

import atexit
import os
import sqlite3
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from threading import get_ident
from time import monotonic
from typing import Protocol
from weakref import WeakSet

from trialdomain.errors import LogUnusable
from trialdomain.storage.sqlite.gate import Gate, Visit
from trialdomain.storage.sqlite.place import Identity, identity

_PATIENCE_SECONDS = 1.0
"""How long a fork waits for the threads that are using a log."""


class Forked(Protocol):
    """The interface of an open log: what a fork, and a second opening of the file, need of it."""

    def pause(self, seconds: float) -> bool:
        """Let no thread in until ``resume``; say whether all threads left within some seconds."""
        ...

    def resume(self) -> None:
        """Let threads in again after a fork, in the parent, which keeps the log."""
        ...

    @property
    def identities(self) -> set[Identity]:
        """The files that SQLite may have open for this log."""
        ...

    @property
    def file(self) -> Identity | None:
        """The file of this log; None in memory."""
        ...

    def hand_over(self) -> list[sqlite3.Connection]:
        """In the child of a fork: return the connections of the parent, and forget them."""
        ...

    def leave_if_moved(self) -> None:
        """Never close the connections where closing would change files that other programs use by now."""
        ...

    def refuse_beside(self, file: Identity) -> None:
        """Refuse to open a file a second time that this log has open, and that was moved."""
        ...


class LogAbandoned(LogUnusable):
    """A log cannot be opened in this process any more: SQLite still believes that it has the file open."""

    code = "log-abandoned"

    def __init__(self, *, path: str) -> None:
        super().__init__(
            f"{path} cannot be opened in this process any more: it was in use when the process was forked, or its "
            f"write-ahead log was taken away while it was open here; start the program again"
        )
        self.path = path


_open: "WeakSet[Forked]" = WeakSet()
_brief = Gate()
"""The visits that open a file, read its header, and close it again."""
_paused_logs: "dict[int, list[Forked]]" = {}
"""By the thread that forks: the logs that no thread was using."""
_abandoned: set[Identity] = set()
_inherited: dict[int, tuple[Identity, Identity]] = {}
"""By each descriptor that was open when this process was forked: its file then, and its file now."""
_inherited_in = os.getpid()
"""The process for which ``_inherited`` is complete."""
_to_close: list[sqlite3.Connection] = []
"""Copied connections that were pointed to the null device. Closing them takes locks inside SQLite that a thread of the
parent may have held. Opening a log takes the same locks: so they are closed only when the child opens a log."""


def watch(log: Forked) -> None:
    """Register an open log, while it lives, so that a fork pauses it."""
    _open.add(log)


def brief(*, helps: int | None = None) -> Visit:
    """Return a visit in which to open a file, read its header and close it: a fork waits for its end for a moment.

    When the visit takes longer, the child of the fork cannot open the file.

    Args:
        helps: the thread that is inside such a visit, and waits for this one.
    """
    return _brief.together(helps=helps)


def refuse_unsafe(path: Path) -> None:
    """Refuse a file that SQLite wrongly believes to have open in this process.

    Raises:
        LogAbandoned: it is such a file.
        LogMoved: the log is open here, and its write-ahead log or shared memory was removed; close it to save it.
    """
    if os.getpid() != _inherited_in:  # the descriptors that were open at the fork could not be listed
        raise LogAbandoned(path=str(path))
    while _to_close:
        _to_close.pop().close()
    file = identity(str(path))
    if file is None:
        return
    if file in _abandoned or any(file == was and _is(descriptor, now) for descriptor, (was, now) in _inherited.items()):
        raise LogAbandoned(path=str(path))
    for log in tuple(_open):
        log.refuse_beside(file)


def leave_open(connections: list[sqlite3.Connection], file: Identity | None) -> None:
    """Never close some connections, not even when the process ends; never open their file in this process again."""
    if file is not None:
        _abandoned.add(file)
    while connections:
        keep(connections.pop())


def keep(connection: sqlite3.Connection) -> None:
    """Leak a reference to a connection, so that the garbage collector and the interpreter's exit never close it."""
    import ctypes  # noqa: PLC0415 - a slow import, for a rare case

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


# The hooks around a fork. The interpreter prints an exception in one of them, and goes on with the fork. So each hook
# relies only on what the hook before it recorded; a log without a record counts as in use.


def _before() -> None:
    if _open:
        import ctypes  # noqa: F401, PLC0415 - before the fork: the child may have no free descriptor to import it

    thread, until = get_ident(), monotonic() + _PATIENCE_SECONDS
    paused = _paused_logs[thread] = []
    _brief.pause(_PATIENCE_SECONDS)
    paused.extend(log for log in tuple(_open) if log.pause(max(0.0, until - monotonic())))


def _in_parent() -> None:
    try:
        _resume()
    finally:
        _resume()


def _resume() -> None:
    _paused_logs.pop(get_ident(), None)
    _brief.resume()
    for log in tuple(_open):
        log.resume()


def _in_child() -> None:
    global _brief, _inherited_in  # noqa: PLW0603 - the threads inside the old gate are gone, and never leave it
    paused = _paused_logs.pop(get_ident(), [])
    _paused_logs.clear()
    _brief = Gate()
    logs = tuple(_open)
    copies = {log: log.hand_over() for log in logs}
    for connections in copies.values():
        for connection in connections:
            keep(connection)
    _inherit()
    _abandoned.update(log.file for log in logs if log not in paused and log.file is not None)  # even closing could hang
    _point_to_null_device(set().union(*(log.identities for log in paused)))
    for log in paused:
        _to_close.extend(copies.get(log, ()))
    _open.clear()
    _inherited_in = os.getpid()


def _inherit() -> None:
    """List the descriptors that are open here; for those of an earlier fork, keep the file that they were at first."""
    before = dict(_inherited)
    _inherited.clear()
    for descriptor, file in _descriptors().items():
        was, now = before.get(descriptor, (file, file))
        _inherited[descriptor] = was if now == file else file, file


def _point_to_null_device(files: Collection[Identity]) -> None:
    """Point the open descriptors of some files to the null device."""
    if not files:
        return
    null_device = os.open(os.devnull, os.O_RDONLY)
    try:
        null = _descriptors()[null_device]
        for descriptor, (file, _) in tuple(_inherited.items()):
            if file in files:
                os.dup2(null_device, descriptor, inheritable=False)
                _inherited[descriptor] = file, null
    finally:
        os.close(null_device)


def _descriptors() -> dict[int, Identity]:
    """Return the files that are open in this process, by descriptor."""
    found = {}
    for entry in tuple(Path("/dev/fd").iterdir()):
        with suppress(OSError):  # the descriptor of the listing itself is closed by now
            status = os.fstat(int(entry.name))
            found[int(entry.name)] = status.st_dev, status.st_ino
    return found


def _is(descriptor: int, file: Identity) -> bool:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == file


def _at_exit() -> None:
    for log in tuple(_open):
        log.leave_if_moved()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
