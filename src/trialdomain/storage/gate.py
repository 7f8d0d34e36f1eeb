"""Who may be inside a store at the same time, and when it may close."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from trialdomain.errors import LogUnusable


class StoreClosed(LogUnusable):
    """The log was closed."""

    code = "store-closed"


class Gate:
    """Lets many read or one write, and closes when nobody is inside."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._inside = 0
        self._writing = False
        self._closed = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Be inside with others, and with at most one who writes."""
        with self._changed:
            self._refuse_when_closed()
            self._inside += 1
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one who writes."""
        with self._changed:
            self._changed.wait_for(lambda: not self._writing)
            self._refuse_when_closed()
            self._writing = True
            self._inside += 1
        try:
            yield
        finally:
            self._leave(wrote=True)

    def close(self) -> bool:
        """Close, once nobody is inside; say whether it was open."""
        with self._changed:
            if self._closed:
                return False
            self._closed = True
            self._changed.wait_for(lambda: not self._inside)
            return True

    def _leave(self, *, wrote: bool = False) -> None:
        with self._changed:
            self._inside -= 1
            if wrote:
                self._writing = False
            self._changed.notify_all()

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise StoreClosed("the log is closed: open it again")
