"""Checking the entries of a trial in portions, which several processes can do at once.

A portion is clean where none of its entries has a fault. Who finds a fault in a portion does not name it: the process
that verifies reads the portion again, entry by entry.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import attrs

from trialdomain.tree.merkle import Subtree, subtrees
from trialdomain.verification.commands_check import CommandsCheck
from trialdomain.verification.defect import Defects
from trialdomain.verification.entries_check import EntriesCheck, long_bytes
from trialdomain.verification.source import PAGE, LogSource
from trialdomain.verification.whole_pages import WholePages

_MOST_PAGES = 4
"""The pages of a portion: the last one keeps the other processes waiting for about 0.02 s."""
_OF_EACH = 8
"""A small trial has about as many portions for each process."""


@attrs.frozen
class Portion:
    """Some entries of a trial, one after another."""

    trial: bytes
    after: int
    """The position before the first."""
    upto: int
    """The last position."""
    read_from: int
    """The position from which on states are decoded."""
    sizes: tuple[int, ...]
    """The sizes in it of the trees whose roots are needed."""

    def written(self) -> dict[str, Any]:
        """Return it as JSON, for a helper."""
        return attrs.asdict(self) | {"trial": self.trial.decode()}


@attrs.frozen
class Clean:
    """What is left of a portion without a fault."""

    subtrees: list[Subtree]
    """The complete subtrees of its leaves; at each size that is needed, one of them ends."""
    long: int
    """The bytes of its long states."""

    def written(self) -> dict[str, Any]:
        """Return it as JSON, for the process that is helped."""
        return {"subtrees": [(node.hex(), height) for node, height in self.subtrees], "long": self.long}


def portion_of(written: Mapping[str, Any]) -> Portion:
    """Return the portion that was written as JSON."""
    return Portion(**{**written, "trial": written["trial"].encode(), "sizes": tuple(written["sizes"])})


def clean_of(written: Mapping[str, Any]) -> Clean:
    """Return what was written as JSON.

    Raises:
        TypeError, ValueError, LookupError: it is something else.
    """
    return Clean([(bytes.fromhex(node), int(height)) for node, height in written["subtrees"]], int(written["long"]))


def portions_of(trial: bytes, check: EntriesCheck, *, last: int, read_from: int, processes: int) -> list[Portion]:
    """Divide the entries of a trial, from the first one on, for a number of processes."""
    each = PAGE * max(1, min(_MOST_PAGES, last // (processes * _OF_EACH * PAGE)))
    bounds = [*range(0, last, each), last]
    return [
        Portion(trial, after, upto, read_from, tuple(check.sizes(after=after, upto=upto)))
        for after, upto in pairwise(bounds)
    ]


class PortionsCheck:
    """Checks portions of one trial, each after those that it has checked already.

    Args:
        source: reads the rows of the log.
        trial: the code of the trial.
        read_from: the position from which on states are decoded.
    """

    def __init__(self, source: LogSource, trial: bytes, read_from: int) -> None:
        self._source, self._pages = source, WholePages(trial.decode(), read_from)
        self._defects = Defects()
        found = source.commands(trial)
        self.commands = None if found is None else CommandsCheck(source, found, trial, self._defects)
        """The check of the commands; None where their table cannot be read."""

    def close(self) -> None:
        """Let go of the rows of the commands: SQLite keeps a file open while it is asked for more."""
        if self.commands is not None:
            self.commands.close()

    def clean(self, portion: Portion) -> Clean | None:
        """Check a portion; return None where it is not clean: then no further portion is."""
        try:
            return self._clean(portion)
        except Exception:  # noqa: BLE001 - who reads it again, alone, meets the error in its place
            return None

    def _clean(self, portion: Portion) -> Clean | None:
        done, long, found = portion.after, 0, list[Subtree]()
        for columns in self._source.pages(portion.trial, after=portion.after, upto=portion.upto):
            leaves = None if columns is None else self._pages.leaves(columns, after=done)
            if columns is None or leaves is None:
                return None
            positions, states, *_ = columns
            if self.commands is not None:
                self.commands.page(positions, states, ())
            long += long_bytes(states)
            for some in _cut(leaves, done, portion.sizes):
                found += subtrees(some, after=done)
                done += len(some)
        return Clean(found, long) if done == portion.upto and not self._defects.total else None


def _cut(leaves: Sequence[bytes], after: int, sizes: Sequence[int]) -> Iterator[Sequence[bytes]]:
    """Cut leaves at the sizes of trees; ``after`` is the number of leaves before them."""
    ends = [size - after for size in sizes if after < size < after + len(leaves)]
    for first, end in zip([0, *ends], [*ends, len(leaves)], strict=True):
        yield leaves[first:end]
