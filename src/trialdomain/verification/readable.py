"""Whether an entry can be read back: a leaf that fits says that it was not changed, and not that it says anything.

Whoever can write to a database can append what no command records, with a leaf that fits: then every command that asks
the log refuses. What they would refuse is named here, entry by entry.
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
"""The newest entries of a trial, of which so many are read whole: that costs half as much again as to verify them."""
OF_REGISTRATION = (NAMES[TrialRegistered], NAMES[TrialEntryVoided])
"""What can register a trial, or take that back."""
_KNOWN = frozenset((*NAMES.values(), *UPCASTS))


def belongs(stream: str, name: str) -> bool:
    """Say whether a stream is one of a trial, and takes facts of a stored name."""
    return name in _KNOWN and name.partition(".")[0] == kind_of(stream)


def out_of_place(stream: str, name: str) -> tuple[What, str] | None:
    """Say what is wrong with a stream, or with a stored name in it; None where nothing is."""
    kind = kind_of(stream)
    if kind is None:
        return What.MISPLACED, "the entry stands in a stream that no trial has"
    if name not in _KNOWN:
        return What.UNREADABLE, f"this version of trialdomain knows no entry named {name[:80]!r}; a newer one may"
    if not belongs(stream, name):
        return What.MISPLACED, f"the stream takes no {name}"
    return None


def unreadable(name: str, state: bytes) -> str | None:
    """Say why a state is none of its stored name; None where it is one."""
    try:
        unpack(name, state)
    except StateMalformed as error:
        return error.why[:400]
    return None


def all_readable(names: Iterable[bytes], states: Iterable[bytes]) -> bool:
    """Say whether every one of some states is one of its stored name."""
    try:
        for name, state in zip(names, states, strict=True):
            unpack(name.decode(), state)
    except StateMalformed:
        return False
    return True


def registered(trial: str, rows: Iterable[Row]) -> bool:
    """Say whether a trial is registered, by the entries of its own stream that can do that, or take it back.

    Raises:
        LogCorrupt: one of them cannot be read.
    """

    def without_protocols() -> Iterator[Recorded[Any]]:
        for entry in entries_of(trial, rows):
            kept: Recorded[Any] = entry
            # A protocol may have megabytes, and is not needed here.
            yield kept if isinstance(entry.fact, TrialEntryVoided) else attrs.evolve(kept, fact=None)

    return bool(current(without_protocols()).entries)
