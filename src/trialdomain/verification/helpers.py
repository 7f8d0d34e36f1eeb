"""Helpers of a verification: processes that check portions of a log, each on a core of its own.

A helper is a Python of its own, ``helping.py``, not a fork: a fork of a process with threads, or with an open log, is
not safe, and ``multiprocessing`` would run the main module of the caller again. It reads the log itself, so that no
entry goes through a socket. Each line that it gets is a portion, and each line that it answers is what is left of it.

Where a helper cannot be started, breaks, or gives no answer, its portions are checked here.
"""

import json
import os
import re
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import wait
from pathlib import Path
from time import monotonic
from typing import Any

from trialdomain.values.given.plain import is_a
from trialdomain.verification.portions import Clean, Portion, PortionsCheck, clean_of
from trialdomain.version import __version__

MOST = 3
"""The most helpers: the process that they help also waits for SQLite's own check of the file."""
FEWEST_ENTRIES = 100_000
"""The entries of a log for which starting a helper, 0.4 s of a core, pays."""
_AHEAD = 2
"""The portions that a helper has: one that it checks, and the next one."""
_PATIENCE_SECONDS = 10.0
"""How long a helper has for one portion, which takes about 0.02 s, and to end."""
_PIECE = 1 << 16
READY = f"ready: {__version__}"
"""The first answer of a helper of this version: it has opened the log."""
_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
"""A process that does not ignore SIGPIPE would end with a helper that has ended."""
_SPARE = 16
"""The descriptors that must be free beside those of the helpers, for the log itself."""
_PYTHON = re.compile(r"(python|pypy)[0-9.]*[dt]?")
_HELPING = "import sys; sys.path[:] = sys.argv[1:]; from trialdomain.verification.helping import main; main()"
"""What a helper runs: with the path of this process, and nothing from the current folder."""
_FLAGS = {"isolated": "-I", "ignore_environment": "-E", "no_user_site": "-s", "no_site": "-S"}
"""By name in ``sys.flags``: the options that leave out code, which a helper leaves out too."""


class HelperLost(Exception):
    """A helper gives no more answers."""


class Helper:
    """One helper.

    Args:
        log: what it needs to open the log.

    Raises:
        OSError: the system starts no process.
    """

    def __init__(self, log: Mapping[str, Any]) -> None:
        self._here, there = socket.socketpair()
        with there:
            path = [one for one in sys.path if is_a(one, str) and one]
            flags = [option for name, option in _FLAGS.items() if getattr(sys.flags, name)]
            try:
                self.process = subprocess.Popen(  # noqa: S603 - the running Python, and a module of ours
                    [sys.executable, *flags, "-P", "-c", _HELPING, *path],
                    stdin=there.fileno(),
                    stdout=there.fileno(),
                    stderr=subprocess.DEVNULL,
                )
            except BaseException:
                self._here.close()
                raise
        self._rest = b""
        self._ready = False
        self.pending: deque[Portion] = deque()
        """The portions that it has not answered."""
        with suppress(HelperLost):  # the first look at its answers says so
            self._write(log)

    def give(self, portion: Portion) -> None:
        """Give it one more portion.

        Raises:
            HelperLost: it does not read any more.
        """
        self._write(portion.written())
        self.pending.append(portion)

    @property
    def takes_more(self) -> bool:
        """Whether it should get one more portion."""
        return self._ready and len(self.pending) < _AHEAD

    def answers(self) -> Iterator[tuple[Portion, Clean | None]]:
        """Yield each portion that it has answered, and what is left of it; None where the portion is not clean.

        Raises:
            HelperLost: it gives no more answers.
        """
        while wait([self.fileno()], 0):
            try:
                read = self._here.recv(_PIECE)
            except OSError:
                raise HelperLost from None
            if not read:
                raise HelperLost
            *lines, self._rest = (self._rest + read).split(b"\n")
            for line in lines:
                answer = _parsed(line)
                if self._ready and self.pending:
                    yield self.pending.popleft(), _clean(answer)
                elif self._ready or answer != READY:
                    raise HelperLost
                self._ready = True

    def fileno(self) -> int:
        """Return the descriptor of its answers."""
        return self._here.fileno()

    def end(self) -> None:
        """Tell it to end, also where a fork of this process has the socket too."""
        with suppress(OSError):
            self._here.shutdown(socket.SHUT_RDWR)
        self._here.close()

    def wait(self, until: float) -> None:
        """Wait until it has ended: it closes the log first, or SQLite's files would stay beside the log."""
        try:
            self.process.wait(max(0.0, until - monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _write(self, given: Mapping[str, Any]) -> None:
        try:
            self._here.sendall(json.dumps(given).encode() + b"\n", _NO_SIGNAL)
        except OSError:
            raise HelperLost from None


@contextmanager
def helpers_for(log: Mapping[str, Any] | None, entries: int, processes: int | None) -> Iterator[Sequence[Helper]]:
    """Start the helpers of a verification, and end them with it.

    Args:
        log: what they need to open the log; None where they cannot.
        entries: the number of its entries.
        processes: the number of processes, this one included; None for as many as help.
    """
    if processes is None:
        processes = _cores() if entries >= FEWEST_ENTRIES else 1
    with ExitStack() as ending:
        started: list[Helper] = []
        ending.callback(_end, started)
        if log is not None and processes > 1 and _runs_python():
            # Whatever keeps a helper from starting, such as an odd path of this process, is no fault of the log.
            with suppress(Exception), _spare_descriptors():
                while len(started) < min(processes - 1, MOST):
                    started.append(Helper(log))
        yield started


def _end(helpers: Sequence[Helper]) -> None:
    for helper in helpers:
        helper.end()
    until = monotonic() + _PATIENCE_SECONDS
    for helper in helpers:
        helper.wait(until)


@contextmanager
def _spare_descriptors() -> Iterator[None]:
    """Keep some descriptors free while helpers are started: SQLite needs them for the log.

    Raises:
        OSError: there are not enough.
    """
    with ExitStack() as closing:
        for _ in range(_SPARE):
            closing.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        yield


def cleaned(
    portions: Sequence[Portion], own: PortionsCheck, helpers: Sequence[Helper]
) -> Iterator[tuple[Portion, Clean]]:
    """Check portions here and in the helpers; yield them in order, up to the first one that is not clean.

    A portion whose helper was lost counts as not clean: this process may have gone on beyond it.
    """
    left, found = deque(portions), dict[Portion, Clean | None]()
    for due in portions:
        while due not in found:
            try:
                found |= _step(left, own, helpers)
            except HelperLost:
                return
            if None in found.values():
                left.clear()  # only those before it still count
        clean = found.pop(due)
        if clean is None:
            return
        yield due, clean


def _step(left: deque[Portion], own: PortionsCheck, helpers: Sequence[Helper]) -> dict[Portion, Clean | None]:
    """Take the answers of the helpers, give them more, and check one portion here; where none is left, wait.

    Raises:
        HelperLost: no further answer comes.
    """
    answered: dict[Portion, Clean | None] = {}
    for helper in helpers:
        answered.update(helper.answers())
        while helper.takes_more and left:
            helper.give(left.popleft())
    if left:
        mine = left.popleft()
        return {**answered, mine: own.clean(mine)}
    asked = [helper.fileno() for helper in helpers if helper.pending]
    if not answered and not (asked and wait(asked, _PATIENCE_SECONDS)):
        raise HelperLost
    return answered


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _runs_python() -> bool:
    """Say whether ``sys.executable`` is a Python; in a program that has one inside, it is that program."""
    runs = _PYTHON.fullmatch(Path(sys.executable or "").name) is not None
    return runs and not getattr(sys, "frozen", False) and os.name == "posix"  # Windows waits for no pipe


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        raise HelperLost from None


def _clean(answer: object) -> Clean | None:
    if answer is None:
        return None
    if not isinstance(answer, dict):
        raise HelperLost
    try:
        return clean_of(answer)
    except (TypeError, ValueError, LookupError):
        raise HelperLost from None
