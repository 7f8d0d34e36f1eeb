"""The number of repetitions of a repeating test: all of them under ``make soak``, a part in every other run.

``--rounds N`` is a percentage of the rounds of a race, the kills of a process, the examples of a property. A test names
its full number, ``times(200)``, and may name the smallest useful one, ``times(200, least=20)``. It is marked ``soak``;
tests of hypothesis need no mark.
"""

from collections.abc import Sequence
from typing import TypeVar
from zlib import crc32

T = TypeVar("T")
DEFAULT = 5
"""Per cent in ``make test``."""
_per_cent = DEFAULT
_asked = False
"""Whether the percentage decided something already."""


def use(per_cent: int) -> None:
    """Take the percentage that was asked for, before any test is imported.

    Raises:
        RuntimeError: something was repeated by the percentage of before already, and would stay at it unseen.
    """
    global _per_cent  # noqa: PLW0603 - decorators ask for it while tests are imported, where no fixture reaches
    if _asked and per_cent != _per_cent:
        raise RuntimeError("a number of rounds was asked for before --rounds was read: ask for it in a function")
    _per_cent = per_cent


def times(full: int, *, least: int = 1) -> int:
    """Give how often to repeat what is repeated that often in full; above 100 per cent it is more than that."""
    return max(least, full * _asked_percentage() // 100)


def _asked_percentage() -> int:
    global _asked  # noqa: PLW0603 - as above
    _asked = True
    return _per_cent


def in_full() -> bool:
    """Say whether everything is repeated in full, as ``make soak`` does."""
    return times(100) >= 100


def some(things: Sequence[T], *, of: str, least: int) -> list[T]:
    """Give those of some things that are tried, spread over all of them, and others for each name.

    Args:
        things: what is tried in full.
        of: for what they are tried.
        least: the fewest that are of use.
    """
    number = min(len(things), max(least, len(things) * _asked_percentage() // 100))
    first = crc32(of.encode())
    return [things[(first + index * len(things) // number) % len(things)] for index in range(number)]
