"""Checking the lines of one trial of an exported file: many at once where all is right, or one by one."""

from binascii import hexlify
from collections.abc import Sequence
from typing import TypeAlias

import attrs

from trialdomain.verification.defect import Defect, Defects, What, shown
from trialdomain.verification.entries_check import EntriesCheck
from trialdomain.verification.leaf_columns import Leaves

FoundLine: TypeAlias = tuple[bytes, bytes, bytes, bytes, bytes, bytes]
"""Position, stream, version, stored name, leaf and state of a line, as they were written."""


@attrs.frozen
class ReadEntry:
    """One line as an entry, whatever it says."""

    position: int
    stream: bytes
    version: int
    name: bytes
    state: bytes
    leaf: bytes
    line: int
    """Its number in the file."""
    other_leaf: bool = False
    """Whether the leaf is written in another form than ours: in capitals, or between spaces."""


class LinesCheck:
    """What is known of the streams of a trial: the version of each one's last entry.

    Args:
        check: the entries of the trial.
        defects: takes what is wrong with how a line is written.
    """

    def __init__(self, check: EntriesCheck, defects: Defects) -> None:
        self._check, self._defects = check, defects
        self._versions = _Versions()
        self._leaves = Leaves(check.trial)

    def many(self, found: Sequence[FoundLine]) -> bool:
        """Take many lines, if everything in them is right; else take none."""
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
        """Take one line of which anything may be wrong.

        Args:
            entry: the line.
            next_due: where it stands out of the order of positions, that of the next line which does not, or 0 where
                none comes; None where it stands in order.
        """
        stream, expected = entry.stream, self._versions[entry.stream] + 1
        following = None if next_due is None else self._following(entry.position, next_due)
        row = (entry.position, stream, entry.version, entry.name, entry.state, entry.leaf)
        displaced = len(self._check.displaced)
        fits = self._check.one(row, following=following)
        if fits and entry.other_leaf:
            self._reformatted(entry)
        if (not fits and entry.version != expected) or len(self._check.displaced) > displaced:
            return  # its version is not to be believed, or of another place
        if entry.version == expected:
            self._versions[stream] = expected
        elif 0 < entry.version - expected <= self._check.missing + len(self._check.unfit) + displaced:
            self._check.versions_missing(stream, expected, entry.version, before=entry.position)
            self._versions[stream] = entry.version
        else:
            self._check.version_out_of_place(stream, entry.version, due=expected, position=entry.position)
            if entry.version > expected:  # it stands where another should
                self._versions[stream] = expected

    def _following(self, position: int, next_due: float) -> int | None:
        """Say which position follows a line out of order, as far as it tells whether the line takes another's place."""
        due = self._check.size + 1
        if next_due > due:
            return due + 1  # the one whose place it takes does not come here any more
        return None if 0 < position < due else due  # it was moved to here, or copied: back, or forward

    def _reformatted(self, entry: ReadEntry) -> None:
        self._defects.add(
            Defect(
                what=What.REFORMATTED,
                why="the leaf was written in another form; what it says is unchanged",
                trial=self._check.trial,
                position=entry.position,
                stream=shown(entry.stream),
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
