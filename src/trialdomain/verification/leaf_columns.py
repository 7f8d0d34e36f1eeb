"""The leaves that the entries of one trial should have, for many at once: most of a verification is one line here."""

from binascii import hexlify
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import TypeVar

from trialdomain.tree.leaf import BEFORE_STATE, after_topic, in_stream, of_topic
from trialdomain.verification.entries_check import is_of
from trialdomain.verification.readable import belongs

K = TypeVar("K")
_MOST_KEPT = 1 << 14
"""Streams and versions that are kept as they are written, so that memory does not follow the log."""


class Leaves:
    """What the leaves of a trial are hashed of, each stream, stored name and version written once.

    Args:
        trial: its code; entries of another have no leaf here, nor have those in a stream, or of a stored name, that no
            entry of this one has.
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
        """Hash entries, given by their columns.

        Raises:
            LookupError: an entry is of another trial, or of a stream or a stored name that no entry of this one has.
            TypeError: a value is of a kind that no entry has.
            ValueError: a stream or name is no Unicode.
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
        """Refuse a stream that no trial has, and a stored name that nobody knows or that the stream does not take."""
        new = places - self._places
        for place in new:
            stream, name = place
            if not belongs(stream.decode(), name.decode()):
                raise KeyError(place)
        if len(self._places) + len(new) > _MOST_KEPT:
            self._places.clear()
        self._places |= new


class _Written(dict[K, bytes]):
    """What stands in leaves, each written once."""

    def __init__(self, write: Callable[[K], bytes]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, key: K) -> bytes:
        if len(self) >= _MOST_KEPT:
            self.clear()
        self[key] = written = self._write(key)
        return written
