"""Run an action between any two lines of the library's reading and writing code, as a signal handler may."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Any

import trialdomain

PACKAGE = Path(trialdomain.__file__).parent
WATCHED = {str(path) for path in (*PACKAGE.glob("storage/**/*.py"), PACKAGE / "commands" / "runner.py")}
SOON = 2.0
"""Seconds."""


class Line:
    """The line at which to act, counted from now on; and perhaps once more, some lines after it."""

    def __init__(self, number: int, act: Callable[[], object], again: int = 0) -> None:
        self._left, self._act, self._again = number, act, again

    @property
    def reached(self) -> bool:
        return self._left <= -self._again

    def one_more(self) -> None:
        self._left -= 1
        if self._left == 0 or (self._again and self._left == -self._again):
            self._act()


@contextmanager
def at_line(number: int, act: Callable[[], object], *, again: int = 0) -> Iterator[Line]:
    """Do something at the line with a number, of all that are executed in the files that are watched.

    Args:
        number: of the line, from 1.
        act: what to do.
        again: so many lines later, where it is not 0, do it once more.
    """
    line = Line(number, act, again)

    def in_frame(_: FrameType, event: str, __: object) -> Any:  # noqa: ANN401 - as sys.settrace has it
        if event == "line":
            line.one_more()
        return in_frame

    def trace(frame: FrameType, _: str, __: object) -> Any:  # noqa: ANN401 - as sys.settrace has it
        return in_frame if frame.f_code.co_filename in WATCHED else None

    sys.settrace(trace)
    try:
        yield line
    finally:
        sys.settrace(None)


def in_time(act: Callable[[], object]) -> bool:
    """Do something in another thread, and say whether it came to its end soon."""
    thread = Thread(target=act, daemon=True)
    thread.start()
    thread.join(SOON)
    return not thread.is_alive()
