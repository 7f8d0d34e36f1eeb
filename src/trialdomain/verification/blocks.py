"""Blocks of an exported file: many canonical lines, or one line in another form, or the last line of a trial."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import attrs

from trialdomain.verification.entries_check import is_of
from trialdomain.verification.lines_check import FoundLine, ReadEntry
from trialdomain.verification.order import in_order

FIRST = 5
"""The number of entries whose streams decide which trial begins."""


@attrs.frozen
class End:
    """The last line of a trial."""

    trial: str
    size: int
    root: bytes
    """The root of the tree; empty, where the line has no hash."""
    line: int


@attrs.frozen
class Lines:
    """Canonical lines: exactly as this library writes them."""

    found: list[FoundLine]
    line: int
    """The number of the first line in the file."""


Block: TypeAlias = Lines | ReadEntry | End
"""Many canonical lines; or one line, in another form or the last of its trial."""


def begins_another(block: Block, trial: str) -> bool:
    """Say whether a block begins with the first entry of another trial."""
    if isinstance(block, End):
        return False
    position, stream = (block.position, block.stream) if isinstance(block, ReadEntry) else block.found[0][:2]
    return int(position) == 1 and not is_of(trial, stream)


def first_streams(blocks: Iterable[Block]) -> list[bytes]:
    """Return the streams of the first few entries, up to the first entry of another trial."""
    found: list[bytes] = []
    for block in blocks:
        if isinstance(block, ReadEntry):
            places = [(block.position, block.stream)]
        else:
            places = [] if isinstance(block, End) else [(int(one[0]), one[1]) for one in block.found[:FIRST]]
        for position, stream in places:
            if found and position == 1:
                return found
            found.append(stream)
    return found[:FIRST]


def positions_of(block: Lines | ReadEntry, trial: str) -> list[int]:
    """Return the positions of lines, up to a line with which another trial begins."""
    if isinstance(block, ReadEntry):
        return [block.position]
    found = [int(line[0]) for line in block.found]
    ones = (at for at, position in enumerate(found) if at and position == 1)
    return found[: next((at for at in ones if not is_of(trial, block.found[at][1])), None)]


def next_due_of(positions: Sequence[float], after: int) -> list[float | None]:
    """Return for each line out of order the position of the next line in order; None for each line in order."""
    kept = in_order(positions, after=after)
    found: list[float | None] = []
    coming = 0.0
    for number in range(len(positions) - 1, -1, -1):
        if number in kept:
            coming = positions[number]
            found.append(None)
        else:
            found.append(coming)
    return found[::-1]


def first_position(block: Lines | ReadEntry) -> int:
    """Return the position of the first line."""
    return block.position if isinstance(block, ReadEntry) else int(block.found[0][0])
