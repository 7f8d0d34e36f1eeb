"""Progress callbacks for long-running work."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""A callback with the name of the work, the amount done, and the total amount."""


def counted(progress: Progress, what: str, total: int) -> Callable[[int], None]:
    """Return a callback that takes increments, and reports their sum to a progress callback."""
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress(what, done, total)

    return count


def ignore_progress(_: str, __: int, ___: int) -> None:
    """Ignore progress (the default callback)."""
