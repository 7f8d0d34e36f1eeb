"""What becomes of open logs when a process is copied by ``fork()``, and of connections that nobody may close.

SQLite forbids to carry a connection across a fork, even to close it there. The child has none of the locks that the
copy believes to hold, and closing may move an old write-ahead log into a file that others have written since. A log
that the child opens by itself would share the copy's belief. So the child first makes SQLite let go of every copy
without a trace: it points the copied descriptors to the null device, on which SQLite can lock and write nothing, and
closes them before it opens a log. Where something stays open all the same, because it is not ours or because a thread
was in the middle of using it, the child may not open that file again.
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
    """What is asked of an open log around a fork, and when its file is opened once more."""

    def pause(self, seconds: float) -> bool:
        """Let nobody in, until ``resume``; say whether nobody is, within some seconds."""
        ...

    def resume(self) -> None:
        """Go on, in the process that has the log."""
        ...

    @property
    def identities(self) -> set[Identity]:
        """Which files it may have open."""
        ...

    @property
    def file(self) -> Identity | None:
        """Which file it is."""
        ...

    def hand_over(self) -> list[sqlite3.Connection]:
        """Give the connections that the parent has, in the child, and forget them."""
        ...

    def leave_if_moved(self) -> None:
        """Leave them open where closing would touch what belongs to other programs by now."""
        ...

    def refuse_beside(self, file: Identity) -> None:
        """Refuse to open a file a second time that this log has open, and that is not where it was."""
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
_brief = Gate()
"""Whoever opens a file, looks at it, and closes it again."""
_quiet: "dict[int, list[Forked]]" = {}
"""By thread that forks: the logs that no thread was using."""
_abandoned: set[Identity] = set()
_inherited: dict[int, tuple[Identity, Identity]] = {}
"""By descriptor that was open when this process was forked: which file it was then, and which it is now."""
_known_in = os.getpid()
"""The process of which all that it has inherited is known."""
_to_close: list[sqlite3.Connection] = []
"""Copies that lead to the null device by now. To close them takes locks of SQLite's own, which a thread of the parent
may have held. So nobody closes them who does not open a log, which takes the same locks."""


def watch(log: Forked) -> None:
    """Remember an open log, for as long as it lives, in case the process is forked."""
    _open.add(log)


def brief(*, helps: int | None = None) -> Visit:
    """Give the visit in which to open a file, look at it and close it again: a fork waits for its end for a moment.

    It may be long all the same. Then the child cannot open the file.

    Args:
        helps: the thread that is in the middle of such a visit, and waits for this one.
    """
    return _brief.together(helps=helps)


def refuse_unsafe(path: Path) -> None:
    """Refuse a file that SQLite believes to have open in this process, and has not.

    Raises:
        LogAbandoned: it is one.
        LogMoved: a log that is open here lost what stood beside it; closing that log saves it.
    """
    if os.getpid() != _known_in:  # what was open when it was forked could not be written down
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
    """Never close some connections, not even when the process ends, and let nobody open their file here again."""
    if file is not None:
        _abandoned.add(file)
    while connections:
        keep(connections.pop())


def keep(connection: sqlite3.Connection) -> None:
    """Keep a connection from being closed when the last reference to it is gone, or the process ends."""
    import ctypes  # noqa: PLC0415 - a slow import, for what hardly ever happens

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


# What the interpreter does around a fork. An exception in one of these is printed, and the fork goes on: so each takes
# for granted only what was written down before, and what was not counts as in use.


def _before() -> None:
    if _open:
        import ctypes  # noqa: F401, PLC0415 - for the child, which may have no descriptor left to import it with

    thread, until = get_ident(), monotonic() + _PATIENCE_SECONDS
    quiet = _quiet[thread] = []
    _brief.pause(_PATIENCE_SECONDS)
    quiet.extend(log for log in tuple(_open) if log.pause(max(0.0, until - monotonic())))


def _in_parent() -> None:
    try:
        _resume()
    finally:
        _resume()


def _resume() -> None:
    _quiet.pop(get_ident(), None)
    _brief.resume()
    for log in tuple(_open):
        log.resume()


def _in_child() -> None:
    global _brief, _known_in  # noqa: PLW0603 - the threads that were in the old one are gone, and never leave it
    quiet = _quiet.pop(get_ident(), [])
    _quiet.clear()
    _brief = Gate()
    logs = tuple(_open)
    copies = {log: log.hand_over() for log in logs}
    for connections in copies.values():
        for connection in connections:
            keep(connection)
    _inherit()
    _abandoned.update(log.file for log in logs if log not in quiet and log.file is not None)  # even closing could hang
    _point_nowhere(set().union(*(log.identities for log in quiet)))
    for log in quiet:
        _to_close.extend(copies.get(log, ()))
    _open.clear()
    _known_in = os.getpid()


def _inherit() -> None:
    """Write down what is open here, and of what an earlier fork has left, what it was before that."""
    before = dict(_inherited)
    _inherited.clear()
    for descriptor, file in _descriptors().items():
        was, now = before.get(descriptor, (file, file))
        _inherited[descriptor] = was if now == file else file, file


def _point_nowhere(files: Collection[Identity]) -> None:
    """Point what is open of some files to the null device."""
    if not files:
        return
    nowhere = os.open(os.devnull, os.O_RDONLY)
    try:
        null = _descriptors()[nowhere]
        for descriptor, (file, _) in tuple(_inherited.items()):
            if file in files:
                os.dup2(nowhere, descriptor, inheritable=False)
                _inherited[descriptor] = file, null
    finally:
        os.close(nowhere)


def _descriptors() -> dict[int, Identity]:
    """Say which files are open in this process."""
    found = {}
    for entry in tuple(Path("/dev/fd").iterdir()):
        with suppress(OSError):  # of the listing itself, which is closed by now
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
