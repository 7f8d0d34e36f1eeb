"""Checking the lines of one trial of an exported file: many at once where all is right, or one by one."""

from binascii import hexlify
from collections.abc import Sequence
from hashlib import sha256
from typing import TypeAlias

import attrs

from trialdomain.audit.entries_check import EntriesCheck, is_of
from trialdomain.tree.leaf import in_stream, leaf_of, of_topic

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


class LinesCheck:
    """What is known of the streams of a trial: the version of each one's last entry, and how each is written."""

    def __init__(self, check: EntriesCheck) -> None:
        self._check = check
        self._versions = _Versions()
        self._streams, self._topics = _Streams(check.trial), _Topics()

    def many(self, found: Sequence[FoundLine]) -> bool:
        """Take many lines, if everything in them is right; else take none."""
        positions, streams, versions, names, leaves, states = zip(*found, strict=True)
        of_streams, of_topics = self._streams, self._topics
        try:
            computed = [
                leaf_of(hexlify(sha256(state).digest()), of_streams[stream], of_topics[name], int(version))
                for stream, version, name, state in zip(streams, versions, names, states, strict=True)
            ]
        except KeyError:  # a stream of another trial
            return False
        right = hexlify(b"".join(computed)) == b"".join(leaves) and self._check.follows(list(map(int, positions)))
        if not right or not self._versions.follow(streams, list(map(int, versions))):
            return False
        self._check.take(computed)
        return True

    def one(self, entry: ReadEntry, *, following: int | None = None) -> None:
        """Take one line of which anything may be wrong; ``following`` is the position of the line after it."""
        stream, expected = entry.stream, self._versions[entry.stream] + 1
        row = (entry.position, stream, entry.version, entry.name, entry.state, entry.leaf)
        displaced = len(self._check.displaced)
        fits = self._check.one(row, following=following)
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


class _Streams(dict[bytes, bytes]):
    """What a leaf has between the state and the topic, written once for each stream of a trial."""

    def __init__(self, trial: str) -> None:
        super().__init__()
        self._trial = trial

    def __missing__(self, stream: bytes) -> bytes:
        if not is_of(self._trial, stream):
            raise KeyError(stream)
        self[stream] = written = in_stream(stream.decode())
        return written


class _Topics(dict[bytes, bytes]):
    """What a leaf has between the stream and the version, written once for each stored name."""

    def __missing__(self, topic: bytes) -> bytes:
        self[topic] = written = of_topic(topic.decode())
        return written
