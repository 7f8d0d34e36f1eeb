"""How long work says how far it has come."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


def counted(progress: Progress, what: str, total: int) -> Callable[[int], None]:
    """Tell a progress how far something has come, by the numbers that are added to it."""
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress(what, done, total)

    return count


def unheard(_: str, __: int, ___: int) -> None:
    """Listen to no progress."""
