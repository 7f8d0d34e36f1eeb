"""Computing the leaves of many entries at once: the hot loop of a verification, written as one expression."""

from binascii import hexlify
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import TypeVar

from trialdomain.tree.leaf import BEFORE_STATE, after_topic, in_stream, of_topic
from trialdomain.verification.entries_check import is_of
from trialdomain.verification.readable import belongs

K = TypeVar("K")
_MOST_KEPT = 1 << 14
"""The most streams, names and versions in a cache, so that memory does not grow with the log."""


class Leaves:
    """Computes leaves, with caches of the bytes for each stream, stored name and version.

    Args:
        trial: the code of the trial; entries of another trial, or with a stream or a stored name that no entry of this
            trial can have, are refused.
    """

    def __init__(self, trial: str) -> None:
        def of_stream(stream: bytes) -> bytes:
            if not is_of(trial, stream):
                raise KeyError(stream)
            return in_stream(stream.decode())

        self._streams = _Written(of_stream)
        self._topics = _Written[bytes](lambda topic: of_topic(topic.decode()))
        self._versions = _Written(after_topic)
        self._places: set[tuple[bytes, bytes]] = set()

    def of(
        self, streams: Sequence[bytes], versions: Iterable[int], names: Sequence[bytes], states: Sequence[bytes]
    ) -> list[bytes]:
        """Compute the leaves of entries from their columns.

        Raises:
            LookupError: an entry is of another trial, or has a stream or a stored name that no entry of it can have.
            TypeError: a value has a type that no entry has.
            ValueError: a stream or a name is not UTF-8.
        """
        self._check_places({*zip(streams, names, strict=True)})
        of_streams, of_topics, of_versions = self._streams, self._topics, self._versions
        before, sha, in_hex, joined = BEFORE_STATE, sha256, hexlify, b"".join
        return [
            sha(
                joined((before, in_hex(sha(state).digest()), of_streams[stream], of_topics[name], of_versions[version]))
            ).digest()
            for stream, version, name, state in zip(streams, versions, names, states, strict=True)
        ]

    def _check_places(self, places: set[tuple[bytes, bytes]]) -> None:
        """Refuse a stream that no trial has, and a stored name that is unknown or that the stream does not take."""
        new = places - self._places
        for place in new:
            stream, name = place
            if not belongs(stream.decode(), name.decode()):
                raise KeyError(place)
        if len(self._places) + len(new) > _MOST_KEPT:
            self._places.clear()
        self._places |= new


class _Written(dict[K, bytes]):
    """A cache of the bytes for the parts of leaves."""

    def __init__(self, write: Callable[[K], bytes]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, key: K) -> bytes:
        if len(self) >= _MOST_KEPT:
            self.clear()
        self[key] = written = self._write(key)
        return written
