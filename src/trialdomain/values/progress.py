"""How long work says how far it has come."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


def unheard(_: str, __: int, ___: int) -> None:
    """Listen to no progress."""
