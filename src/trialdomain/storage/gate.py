"""Who may be inside a store at the same time, and when it may close.

An exception may arrive between any two lines: a signal handler raises ``KeyboardInterrupt`` or a time limit. So no
counter says who is inside, and nothing that is written in Python itself, such as an ``Event``, is shared. Each visit is
an object that the caller's block holds, and the gate holds it weakly: a visit whose block is gone, or whose thread has
ended, has left, whether or not it could say so.
"""

import sys
from _thread import LockType, allocate_lock
from collections import deque
from contextlib import suppress
from threading import Lock, get_ident
from time import monotonic, sleep
from types import TracebackType
from weakref import ReferenceType, ref

from trialdomain.errors import LogUnusable

_CLOSED = "the log is closed: open it again"
_LOOK_AGAIN_SECONDS = 0.05
"""How long a thread waits before it looks whether a visit before it was abandoned."""


class StoreClosed(LogUnusable):
    """The log was closed."""

    code = "store-closed"


class Visit:
    """One stay inside a gate, from the start of a ``with`` block to its end."""

    __slots__ = ("__weakref__", "_gate", "alone", "ready", "thread")

    def __init__(self, gate: "Gate", *, alone: bool) -> None:
        self._gate, self.alone = gate, alone
        self.thread = get_ident()
        self.ready: LockType | None = None
        """Released when it may be this visit's turn; made only by a visit that waits."""

    def __enter__(self) -> None:
        """Come in; wait for the turn, where one has to be alone.

        Raises:
            StoreClosed: the store is closed, or is about to be.
        """
        try:
            self._gate.enter(self)
        except BaseException:
            self._gate.leave(self)
            raise

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """Leave, and let the next one in."""
        self._gate.leave(self)


class Gate:
    """Lets many read or one write, writers in the order in which they came; closes when nobody is inside."""

    def __init__(self) -> None:
        self._inside: dict[int, ReferenceType[Visit]] = {}
        self._turns: deque[ReferenceType[Visit]] = deque()
        """The visits that want to be alone, in the order in which they came; the first one is."""
        self._closed = self._paused = False
        self._closing = Lock()

    # Each step on the fields above is one operation of a built-in type, and may come twice. So whatever happens between
    # two of them, what is left is a visit that is still inside, and that stops counting when its block is gone.

    def together(self) -> Visit:
        """Be inside with others, and with at most one who writes."""
        return Visit(self, alone=False)

    def alone(self) -> Visit:
        """Be the only one who writes."""
        return Visit(self, alone=True)

    def close(self) -> bool:
        """Close, once no other thread is inside; say whether it was open.

        A thread that was interrupted while it closed may close again.
        """
        was_open = self._closing.acquire(blocking=False)
        self._closed = True
        self._wait_for_others(None)
        return was_open

    def pause(self, seconds: float) -> bool:
        """Let nobody in until :meth:`resume`; say whether everybody left within some seconds, this thread included."""
        self._paused = True
        return self._wait_for_others(seconds) and not any(self._present())

    def resume(self) -> None:
        """Let visits in again."""
        self._paused = False

    def enter(self, visit: Visit) -> None:
        """Take a visit in; see :meth:`Visit.__enter__`."""
        if visit.alone:
            self._wait_for_turn(visit)
        # Inside first, and then a look at what closing and pausing say: they say so first, and then look who is inside.
        self._inside[id(visit)] = ref(visit)
        while self._paused:
            self._inside.pop(id(visit), None)
            sleep(_LOOK_AGAIN_SECONDS / 10)
            self._inside[id(visit)] = ref(visit)
        if self._closed:
            raise StoreClosed(_CLOSED)

    def leave(self, visit: Visit) -> None:
        """Let a visit go; one that has left already stays so."""
        self._inside.pop(id(visit), None)
        if not visit.alone:
            return
        turns = self._turns
        with suppress(ValueError):  # it has left before
            turns.remove(ref(visit))
        if turns:
            with suppress(IndexError, RuntimeError):  # another one told it already
                first = turns[0]()
                if first is not None and first.ready is not None:
                    first.ready.release()

    def _wait_for_turn(self, visit: Visit) -> None:
        turns = self._turns
        if turns:
            for turn in tuple(turns):  # of this thread: it was interrupted while it left
                own = turn()
                if own is not None and own.thread == visit.thread:
                    self.leave(own)
        turns.append(ref(visit))
        while self._first_turn(visit) is not visit:
            if self._closed:
                raise StoreClosed(_CLOSED)
            if visit.ready is None:
                ready = allocate_lock()
                ready.acquire()
                visit.ready = ready  # and look once more: a visit that left meanwhile could not release it
            else:
                visit.ready.acquire(timeout=_LOOK_AGAIN_SECONDS)

    def _first_turn(self, asking: Visit) -> Visit | None:
        """Give the visit whose turn it is, and forget those before it that were abandoned."""
        while self._turns:
            try:
                turn = self._turns[0]
                visit = turn()
                if visit is asking or (visit is not None and _is_running(visit.thread)):
                    return visit
                self._turns.remove(turn)
            except (IndexError, ValueError):  # another thread was faster
                continue
        return None

    def _wait_for_others(self, seconds: float | None) -> bool:
        until = None if seconds is None else monotonic() + seconds
        pause = 0.0
        while any(visit.thread != get_ident() for visit in self._present()):
            if until is not None and monotonic() > until:
                return False
            sleep(pause)
            pause = min(pause + 0.001, _LOOK_AGAIN_SECONDS)
        return True

    def _present(self) -> list[Visit]:
        """Give the visits that are inside: those whose blocks and threads are there."""
        visits = [visit() for visit in tuple(self._inside.values())]
        return [visit for visit in visits if visit is not None and _is_running(visit.thread)]


def _is_running(thread: int) -> bool:
    """Say whether a thread has not ended; an exception in ``Thread.is_alive`` itself marks a running one as ended."""
    return thread in sys._current_frames()  # noqa: SLF001 - documented, and one call without lines of its own
