"""Checking the lines of one trial of an exported file: many at once where all are right, else one by one."""

from binascii import hexlify
from collections.abc import Sequence
from typing import TypeAlias

import attrs

from trialdomain.verification.defect import Defect, Defects, What, shortened
from trialdomain.verification.entries_check import EntriesCheck
from trialdomain.verification.leaf_columns import Leaves

FoundLine: TypeAlias = tuple[bytes, bytes, bytes, bytes, bytes, bytes]
"""Position, stream, version, stored name, leaf and state of a line, as its bytes."""


@attrs.frozen
class ReadEntry:
    """A line that was parsed as an entry; its values are not checked."""

    position: int
    stream: bytes
    version: int
    name: bytes
    state: bytes
    leaf: bytes
    line: int
    """The number of the line in the file."""
    other_leaf: bool = False
    """Whether the leaf is not in canonical form: in capitals, or between spaces."""


class LinesCheck:
    """Checks lines and the versions of their streams.

    Args:
        check: checks the entries of the trial.
        defects: collects the defects of the form of a line.
    """

    def __init__(self, check: EntriesCheck, defects: Defects) -> None:
        self._check, self._defects = check, defects
        self._versions = _Versions()
        self._leaves = Leaves(check.trial)

    def many(self, found: Sequence[FoundLine]) -> bool:
        """Take many lines, if all are right; else take none."""
        positions, streams, versions, names, leaves, states = zip(*found, strict=True)
        numbers = list(map(int, versions))
        try:
            computed = self._leaves.of(streams, numbers, names, states)
        except KeyError:  # a stream of another trial
            return False
        right = hexlify(b"".join(computed)) == b"".join(leaves) and self._check.follows(list(map(int, positions)))
        if not right or not self._versions.follow(streams, numbers):
            return False
        self._check.take(computed, states)
        return True

    def one(self, entry: ReadEntry, *, next_due: float | None = None) -> None:
        """Check one line.

        Args:
            entry: the line.
            next_due: for a line out of order, the position of the next line in order, or 0 where none comes; None for a
                line in order.
        """
        stream, expected = entry.stream, self._versions[entry.stream] + 1
        following = None if next_due is None else self._following(entry.position, next_due)
        row = (entry.position, stream, entry.version, entry.name, entry.state, entry.leaf)
        displaced = len(self._check.displaced)
        fits = self._check.one(row, following=following)
        if fits and entry.other_leaf:
            self._reformatted(entry)
        if (not fits and entry.version != expected) or len(self._check.displaced) > displaced:
            return  # its version is not trusted, or belongs to another place
        if entry.version == expected:
            self._versions[stream] = expected
        elif 0 < entry.version - expected <= self._check.missing + len(self._check.unfit) + displaced:
            self._check.versions_missing(stream, expected, entry.version, before=entry.position)
            self._versions[stream] = entry.version
        else:
            self._check.version_out_of_place(stream, entry.version, due=expected, position=entry.position)
            if entry.version > expected:  # it is where another one is due
                self._versions[stream] = expected

    def _following(self, position: int, next_due: float) -> int | None:
        """Return the position that follows a line out of order; it shows whether the line replaced another."""
        due = self._check.size + 1
        if next_due > due:
            return due + 1  # it replaced the line of the due position, which does not come here
        return None if 0 < position < due else due  # it was moved or copied to here, backward or forward

    def _reformatted(self, entry: ReadEntry) -> None:
        self._defects.add(
            Defect(
                what=What.REFORMATTED,
                why="the leaf was written in another form; its value is unchanged",
                trial=self._check.trial,
                position=entry.position,
                stream=shortened(entry.stream),
                version=entry.version,
                line=entry.line,
            )
        )


class _Versions(dict[bytes, int]):
    """By stream: the version of its last entry; 0 before the first."""

    def __missing__(self, stream: bytes) -> int:
        return 0

    def follow(self, streams: Sequence[bytes], versions: Sequence[int]) -> bool:
        """Take the versions of entries, if each is the next of its stream; else take none."""
        for number, (stream, version) in enumerate(zip(streams, versions, strict=True)):
            if version != self[stream] + 1:
                for taken in streams[:number]:
                    self[taken] -= 1
                return False
            self[stream] = version
        return True
