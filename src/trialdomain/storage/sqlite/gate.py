"""Who may be inside a store at the same time, and when it may close.

An exception may arrive between any two lines: a signal handler raises ``KeyboardInterrupt`` or a time limit. So no
counter says who is inside, and nothing that is written in Python itself, such as an ``Event``, is shared. Whoever comes
in holds a lock of the interpreter's own for as long as its block lasts: ``with visit.stay, visit:``. The interpreter
releases that lock without a line of Python, whatever was raised, and whoever keeps the exception. A visit whose lock is
free, or whose thread has ended, has left, whether or not it could say so.
"""

import sys
from _thread import LockType, allocate_lock
from collections import deque
from contextlib import suppress
from threading import Lock, get_ident
from time import monotonic, sleep
from types import TracebackType

from trialdomain.storage.errors import StoreClosed

_LOOK_AGAIN_SECONDS = 0.05
"""How long a thread waits before it looks whether a visit before it was abandoned."""
_LONGEST_PAUSE_SECONDS = 10.0
"""After this a pause is over, even if whoever asked for it was interrupted before they could say so."""


class Visit:
    """One stay inside a gate, from the start of a ``with`` block to its end: ``with visit.stay, visit:``."""

    __slots__ = ("_gate", "admitted", "alone", "helps", "ready", "stay", "thread")

    def __init__(self, gate: "Gate", *, alone: bool, helps: int | None = None) -> None:
        self._gate, self.alone, self.helps = gate, alone, helps
        self.thread = get_ident()
        self.stay = allocate_lock()
        """Held by the block for as long as it lasts."""
        self.admitted = False
        self.ready: LockType | None = None
        """Released when it may be this visit's turn; made only by a visit that waits."""

    @property
    def lasts(self) -> bool:
        """Whether the block has not come to its end, nor its thread."""
        # An exception in Thread.is_alive itself marks a running thread as ended; this is one call without lines.
        return self.stay.locked() and self.thread in sys._current_frames()  # noqa: SLF001 - documented

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
        self._inside: set[Visit] = set()
        self._turns: deque[Visit] = deque()
        """The visits that want to be alone, in the order in which they came; the first one is."""
        self._closed = False
        self._paused: dict[int, float] = {}
        """By thread that asked for a pause: until when."""
        self._closing = Lock()

    # Each step on the fields above is one operation of a built-in type, and may come twice. So whatever happens between
    # two of them, what is left is a visit that is still inside, and that stops counting when its block is gone.

    def together(self, *, helps: int | None = None) -> Visit:
        """Be inside with others, and with at most one who writes; perhaps for a thread that is inside and waits."""
        return Visit(self, alone=False, helps=helps)

    def alone(self) -> Visit:
        """Be the only one who writes."""
        return Visit(self, alone=True)

    @property
    def is_closed(self) -> bool:
        """Whether nobody may come in any more."""
        return self._closed

    def own(self) -> Visit | None:
        """Give the visit by which this thread writes, or waits to, already: a hook or a signal handler is asking."""
        if self._turns:
            thread = get_ident()
            for visit in tuple(self._turns):
                if visit.thread == thread and visit.stay.locked():
                    return visit
        return None

    def close(self) -> bool:
        """Close, once no other thread is inside; say whether it was open.

        A thread that was interrupted while it closed may close again.
        """
        was_open = self._closing.acquire(blocking=False)
        self._closed = True
        self._wait_for_others(None)
        return was_open

    def pause(self, seconds: float) -> bool:
        """Let nobody else in until :meth:`resume`; say whether everybody left within some seconds, this thread too."""
        self._paused[get_ident()] = monotonic() + _LONGEST_PAUSE_SECONDS
        return self._wait_for_others(seconds) and not self._present()

    def resume(self) -> None:
        """Let visits in again, as far as this thread is concerned."""
        self._paused.pop(get_ident(), None)

    def enter(self, visit: Visit) -> None:
        """Take a visit in; see :meth:`Visit.__enter__`. One that is in already stays so."""
        if visit.alone:
            self._wait_for_turn(visit)
        # Inside first, and then a look at what closing and pausing say: they say so first, and then look who is inside.
        self._inside.add(visit)
        while self._paused and self._is_kept_out(visit):
            self._inside.discard(visit)
            sleep(_LOOK_AGAIN_SECONDS / 10)
            self._inside.add(visit)
        visit.admitted = True
        if self._closed:
            raise StoreClosed

    def leave(self, visit: Visit) -> None:
        """Let a visit go; one that has left already stays so."""
        self._inside.discard(visit)
        if not visit.alone:
            return
        turns = self._turns
        if turns and turns[0] is visit:  # and stays so, for as long as its block lasts
            turns.popleft()
        else:
            with suppress(ValueError):  # it has left before
                turns.remove(visit)
        if turns:
            with suppress(IndexError, RuntimeError):  # another one told it already
                ready = turns[0].ready
                if ready is not None:
                    ready.release()

    def _is_kept_out(self, visit: Visit) -> bool:
        """Say whether a pause keeps a visit out; not where somebody is waited for who may wait for the visit."""
        now, thread = monotonic(), visit.thread
        if not any(until > now and asked_by != thread for asked_by, until in tuple(self._paused.items())):
            return False
        return not any(
            other.admitted and other is not visit and other.thread in {thread, visit.helps} for other in self._present()
        )

    def _wait_for_turn(self, visit: Visit) -> None:
        if not self._turns:
            self._turns.append(visit)
            if self._turns[0] is visit:
                return
        while not self._is_first(visit):
            if self._closed:
                raise StoreClosed
            if visit.ready is None:
                ready = allocate_lock()
                ready.acquire()
                visit.ready = ready  # and look once more: a visit that left meanwhile could not release it
            else:
                visit.ready.acquire(timeout=_LOOK_AGAIN_SECONDS)

    def _is_first(self, visit: Visit) -> bool:
        """Line a visit up, say whether it is its turn, and forget those before it that were abandoned."""
        if visit not in self._turns:
            self._turns.append(visit)
        while True:
            with suppress(IndexError, ValueError):  # another thread was faster
                first = self._turns[0]
                if first is visit:
                    return True
                if first.lasts:
                    return False
                self._turns.remove(first)

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
        """Give the visits that are inside, and forget those that were abandoned."""
        visits = self._inside.copy()
        present = [visit for visit in visits if visit.lasts]
        self._inside.difference_update(visit for visit in visits if visit not in present)
        return present
