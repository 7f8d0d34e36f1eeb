"""Checks that an entry can be decoded: a fitting leaf shows only that the entry was not changed.

Another program that can write to the database can append an entry that no command records, with a fitting leaf. Then
every command that reads the log refuses it. These checks name the entries that cause that.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from trialdomain.events.entries import current
from trialdomain.events.recorded import Recorded
from trialdomain.events.registry import NAMES
from trialdomain.events.trial import TrialEntryVoided, TrialRegistered
from trialdomain.storage.codec import StateMalformed, unpack
from trialdomain.storage.mapper import entries_of
from trialdomain.storage.store import Row
from trialdomain.storage.upcasts import UPCASTS
from trialdomain.values.ids import kind_of
from trialdomain.verification.defect import What

MOST_READ = 10_000
"""The number of the newest entries that are decoded; decoding an entry adds half to the time of verifying it."""
OF_REGISTRATION = (NAMES[TrialRegistered], NAMES[TrialEntryVoided])
"""The stored names of the facts that register a trial, or withdraw its registration."""
_KNOWN = frozenset((*NAMES.values(), *UPCASTS))


def belongs(stream: str, name: str) -> bool:
    """Say whether a trial can have a stream, and the stream takes facts of a stored name."""
    return name in _KNOWN and name.partition(".")[0] == kind_of(stream)


def out_of_place(stream: str, name: str) -> tuple[What, str] | None:
    """Return the fault of a stream, or of a stored name in it; None where it has none."""
    kind = kind_of(stream)
    if kind is None:
        return What.MISPLACED, "the entry is in a stream that no trial has"
    if name not in _KNOWN:
        return What.UNREADABLE, f"this version of trialdomain knows no entry named {name[:80]!r}; a newer one may"
    if not belongs(stream, name):
        return What.MISPLACED, f"the stream takes no {name}"
    return None


def unreadable(name: str, state: bytes) -> str | None:
    """Return why a state cannot be decoded as its stored name; None where it can."""
    try:
        unpack(name, state)
    except StateMalformed as error:
        return error.why[:400]
    return None


def all_readable(names: Iterable[bytes], states: Iterable[bytes]) -> bool:
    """Say whether all states can be decoded as their stored names."""
    try:
        for name, state in zip(names, states, strict=True):
            unpack(name.decode(), state)
    except StateMalformed:
        return False
    return True


def registered(trial: str, rows: Iterable[Row]) -> bool:
    """Say whether a trial is registered, from the entries that register it or withdraw that.

    Raises:
        LogCorrupt: one of the entries cannot be decoded.
    """

    def without_protocols() -> Iterator[Recorded[Any]]:
        for entry in entries_of(trial, rows):
            kept: Recorded[Any] = entry
            # Drop the protocol: it may have megabytes, and is not needed here.
            yield kept if isinstance(entry.fact, TrialEntryVoided) else attrs.evolve(kept, fact=None)

    return bool(current(without_protocols()).entries)
