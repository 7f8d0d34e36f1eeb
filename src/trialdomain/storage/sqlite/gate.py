"""A readers-writer lock that survives an exception at any line, and decides when a store may close.

An exception may arrive between any two lines: a signal handler raises ``KeyboardInterrupt`` or a time limit. So the
gate has no counter of the threads inside, and shares nothing that is written in Python itself, such as an ``Event``.
Each visit has a lock that is implemented in C, and holds it while its block lasts: ``with visit.stay, visit:``. The
interpreter releases that lock without running a line of Python, whatever was raised, even when the exception is kept.
A visit counts as left when its lock is free, or when its thread has ended, even if it could not remove itself.
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
"""How long a thread waits before it checks whether a visit before it was abandoned."""
_LONGEST_PAUSE_SECONDS = 10.0
"""After this a pause is over, even if the thread that asked for it was interrupted before it could resume."""


class Visit:
    """One stay inside a gate, from the start of a ``with`` block to its end: ``with visit.stay, visit:``."""

    __slots__ = ("_gate", "admitted", "alone", "helps", "ready", "stay", "thread")

    def __init__(self, gate: "Gate", *, alone: bool, helps: int | None = None) -> None:
        self._gate, self.alone, self.helps = gate, alone, helps
        self.thread = get_ident()
        self.stay = allocate_lock()
        """A lock that the block holds while it lasts."""
        self.admitted = False
        self.ready: LockType | None = None
        """A lock that is released when it may be this visit's turn; only a visit that waits makes one."""

    @property
    def lasts(self) -> bool:
        """Whether the block and its thread still run."""
        # An exception inside Thread.is_alive marks a running thread as ended; this is one call, without Python lines.
        return self.stay.locked() and self.thread in sys._current_frames()  # noqa: SLF001 - documented

    def __enter__(self) -> None:
        """Enter; a visit that has to be alone waits for its turn.

        Raises:
            StoreClosed: the store is closed, or is closing.
        """
        try:
            self._gate.enter(self)
        except BaseException:
            self._gate.leave(self)
            raise

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """Leave, and let the next visit in."""
        self._gate.leave(self)


class Gate:
    """Lets many visits read while one writes, writers in the order of arrival; closes when no visit is inside."""

    def __init__(self) -> None:
        self._inside: set[Visit] = set()
        self._turns: deque[Visit] = deque()
        """The queue of the visits that want to be alone; the first one is."""
        self._closed = False
        self._paused: dict[int, float] = {}
        """By the thread that asked for a pause: its end."""
        self._closing = Lock()

    # Each change of the fields above is one operation of a built-in type, and may be repeated. An exception between two
    # of them can only leave a visit in the set. Such a visit stops counting when its block has ended.

    def together(self, *, helps: int | None = None) -> Visit:
        """Make a visit beside other readers and at most one writer; ``helps`` is a thread inside that waits for it."""
        return Visit(self, alone=False, helps=helps)

    def alone(self) -> Visit:
        """Make the visit of the only writer."""
        return Visit(self, alone=True)

    @property
    def is_closed(self) -> bool:
        """Whether the gate lets no visit in any more."""
        return self._closed

    def own(self) -> Visit | None:
        """Return the visit by which this thread already writes, or waits to: a hook or a signal handler is asking."""
        if self._turns:
            thread = get_ident()
            for visit in tuple(self._turns):
                if visit.thread == thread and visit.stay.locked():
                    return visit
        return None

    def close(self) -> bool:
        """Close when no other thread is inside; say whether the gate was open.

        A thread that was interrupted while it closed may call this again.
        """
        was_open = self._closing.acquire(blocking=False)
        self._closed = True
        self._wait_for_others(None)
        return was_open

    def pause(self, seconds: float) -> bool:
        """Let no other thread in until :meth:`resume`; say whether all visits, this thread's too, left in time."""
        self._paused[get_ident()] = monotonic() + _LONGEST_PAUSE_SECONDS
        return self._wait_for_others(seconds) and not self._present()

    def resume(self) -> None:
        """End the pause of this thread."""
        self._paused.pop(get_ident(), None)

    def enter(self, visit: Visit) -> None:
        """Let a visit in; see :meth:`Visit.__enter__`. A second call for the same visit does nothing."""
        if visit.alone:
            self._wait_for_turn(visit)
        # Add the visit, then check for a close or a pause. Those set their mark, then look inside. So one of the two
        # always sees the other.
        self._inside.add(visit)
        while self._paused and self._is_kept_out(visit):
            self._inside.discard(visit)
            sleep(_LOOK_AGAIN_SECONDS / 10)
            self._inside.add(visit)
        visit.admitted = True
        if self._closed:
            raise StoreClosed

    def leave(self, visit: Visit) -> None:
        """Remove a visit; a second call for the same visit does nothing."""
        self._inside.discard(visit)
        if not visit.alone:
            return
        turns = self._turns
        if turns and turns[0] is visit:  # it stays the first while its block lasts
            turns.popleft()
        else:
            with suppress(ValueError):  # it was removed before
                turns.remove(visit)
        if turns:
            with suppress(IndexError, RuntimeError):  # another thread has released it already
                ready = turns[0].ready
                if ready is not None:
                    ready.release()

    def _is_kept_out(self, visit: Visit) -> bool:
        """Say whether a pause keeps a visit out; it does not where a visit inside may itself wait for this one."""
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
                visit.ready = ready  # then check once more: a visit that left before this line could not release it
            else:
                visit.ready.acquire(timeout=_LOOK_AGAIN_SECONDS)

    def _is_first(self, visit: Visit) -> bool:
        """Put a visit into the queue, remove abandoned visits before it, and say whether it is the first."""
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
        """Return the visits that are inside, and remove those that were abandoned."""
        visits = self._inside.copy()
        present = [visit for visit in visits if visit.lasts]
        self._inside.difference_update(visit for visit in visits if visit not in present)
        return present
