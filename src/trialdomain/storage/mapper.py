"""Converts entries into the stored events of the ``eventsourcing`` library, and back."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NoReturn, TypeAlias

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from typing_extensions import override

from trialdomain.errors import LogCorrupt
from trialdomain.events.recorded import Entry, Envelope, Fact, Meta, Recorded
from trialdomain.events.registry import NAMES
from trialdomain.events.trial import ProtocolAmended, TrialRegistered
from trialdomain.storage.codec import FactUnstorable, StateMalformed, encode, on_the_wire, unpack
from trialdomain.storage.store import PlacedNotification, Row, StoredEntry
from trialdomain.storage.upcasts import UPCASTS
from trialdomain.values.given.text import short
from trialdomain.values.ids import kind_of, trial_of

__all__ = ["EntryMalformed", "EntryMapper", "StoredEvent", "decoded_once", "entries_of", "entry_of", "stored_of"]


class EntryMalformed(LogCorrupt):
    """An entry of a log cannot be decoded, or does not belong to its stream."""

    code = "entry-malformed"

    def __init__(self, *, trial: str, position: int, stream: str, version: int, why: str) -> None:
        super().__init__(
            f"position {short(position)} of trial {trial} (stream {stream}, version {short(version)}): {why}"
        )
        self.trial, self.position, self.stream, self.version, self.why = trial, position, stream, version, why


class StreamUnknown(LogCorrupt):
    """An entry is in a stream that no trial has."""

    code = "stream-unknown"

    def __init__(self, *, position: int, stream: str) -> None:
        super().__init__(
            f"position {short(position)} is in stream {stream[:70]!r}, which no trial has: a stream is a trial's own, "
            f"a cohort's, a participant's, or the record of accesses; verify the log"
        )
        self.position, self.stream = position, stream


class EntryMapper(Mapper[str]):
    """Maps entries with this library's codec, so that ``EventStore`` and subscriptions can be used on a log.

    It never compresses or encrypts: the stored bytes are the hashed bytes.
    """

    def __init__(self) -> None:
        super().__init__(JSONTranscoder())

    @override
    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        if not isinstance(domain_event, Recorded):
            raise TypeError(f"a log holds entries, not {type(domain_event).__name__}")
        return stored_of(domain_event.stream, domain_event.version, domain_event.fact, domain_event.meta)

    @override
    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        if not isinstance(stored_event, StoredEntry | PlacedNotification):
            raise TypeError(f"a {type(stored_event).__name__} has no position: read it from a store")
        return entry_of(stored_event)


def stored_of(stream: str, version: int, fact: Fact, meta: Meta, *, made_here: bool = False) -> StoredEvent:
    """Encode an entry that has no position yet, and decode it again to compare.

    Args:
        stream: its stream.
        version: its version in that stream.
        fact: its fact.
        meta: its envelope.
        made_here: typed code of this library made it, not a caller's values: skip the comparison.

    Raises:
        FactUnstorable: decoding it gives a different fact.
    """
    try:
        name, state = encode(fact, meta)
        if made_here:
            return StoredEvent(stream, version, name, state)
        same = unpack(name, state, strict=True) == (fact, on_the_wire(meta))
    except (StateMalformed, TypeError, ValueError) as error:
        raise FactUnstorable(kind=type(fact).__name__, why=str(error)) from None
    if not same:
        raise FactUnstorable(kind=type(fact).__name__, why="its stored form would be read as a different fact")
    return StoredEvent(stream, version, name, state)


def entry_of(stored: StoredEntry | PlacedNotification, *, strict: bool = False) -> Entry:
    """Decode an entry with its place in the log.

    Raises:
        EntryMalformed: it cannot be decoded, or does not belong to its stream.
        StreamUnknown: no trial has its stream.
    """
    row = (stored.position, stored.originator_version, stored.topic, stored.state)
    return next(entries_of(str(stored.originator_id), [row], strict=strict))


def entries_of(
    stream: str, rows: Iterable[Row], *, strict: bool = False, leave_out: Collection[type[Fact]] = ()
) -> Iterator[Entry]:
    """Decode the entries of one stream, and check that their kinds belong to it.

    Args:
        stream: its name.
        rows: its stored entries, in the order of their versions.
        strict: refuse bytes that are not canonical.
        leave_out: kinds of facts to skip without decoding. A correction has the kind of the fact that it corrects, so
            skipping one kind does not change the current facts of the others.

    Raises:
        EntryMalformed: an entry cannot be decoded, or does not belong to the stream.
        StreamUnknown: no trial has such a stream.
    """
    trial = trial_of(stream)
    readers = _READERS.get(kind_of(stream) or "", {})
    passed_over = readers.keys() & {NAMES[kind] for kind in leave_out}
    kept = None if strict else _KEPT.get()
    for position, version, name, state in rows:
        if name in passed_over:
            continue
        try:
            if type(position) is not int or type(version) is not int:
                _unplaced(name)
            read = readers.get(name) or _misplaced(stream, position, name, state)
            fact, envelope = (
                read(name, state, strict=strict) if kept is None else _read_once(kept, read, name, bytes(state))
            )
        except StateMalformed as error:
            why = str(error)
            raise EntryMalformed(trial=trial, position=position, stream=stream, version=version, why=why) from None
        # The same as calling the constructor, at a third of its cost: this is most of the time of a replay.
        entry: Entry = _new(Recorded)
        _set_trial(entry, trial)
        _set_position(entry, position)
        _set_stream(entry, stream)
        _set_version(entry, version)
        _set_envelope(entry, envelope)
        _set_fact(entry, fact)
        yield entry


_Decoded: TypeAlias = tuple[Fact, Envelope]
_Kept: TypeAlias = dict[tuple[str, bytes], _Decoded]
_KEPT: ContextVar[_Kept | None] = ContextVar("_KEPT", default=None)


@contextmanager
def decoded_once(kept: _Kept) -> Iterator[None]:
    """Decode each stored entry once while this context lasts: for a log in memory that is read again and again.

    Args:
        kept: what was decoded before, by stored name and state. It grows with the log, and belongs to one log.
    """
    token = _KEPT.set(kept)
    try:
        yield
    finally:
        _KEPT.reset(token)


def _read_once(
    kept: _Kept, read: Callable[..., tuple[Fact, Envelope]], name: str, state: bytes
) -> tuple[Fact, Envelope]:
    """Decode a state, unless it is kept: facts and envelopes are frozen, so that entries can share them."""
    found = kept.get((name, state))
    if found is None:
        found = kept[name, state] = read(name, state, strict=False)
    return found


def _unplaced(name: str) -> NoReturn:
    """Refuse an entry whose position or version is not a number: another program stored it despite STRICT."""
    raise StateMalformed(name=name, why="its position or its version is not a whole number; verify the log")


def _misplaced(stream: str, position: int, name: str, state: bytes) -> NoReturn:
    """Refuse an entry that does not belong to its stream; where it cannot be decoded either, say that instead."""
    if kind_of(stream) is None:
        raise StreamUnknown(position=position, stream=stream)
    unpack(name, state)
    raise StateMalformed(name=name, why=f"stream {stream} takes no {name}; verify the log")


_unpack_once = lru_cache(maxsize=32)(unpack)
_LARGEST_KEPT = 256 * 1024
"""Bytes of the largest state that the cache keeps: a protocol has a tenth of it; larger states come from elsewhere."""


def _unpack_protocol(name: str, state: Any, *, strict: bool) -> tuple[Fact, Envelope]:
    """Decode an entry with a protocol, with a cache: every decision reads it, and it is the largest fact."""
    keep = isinstance(state, bytes) and len(state) <= _LARGEST_KEPT
    return (_unpack_once if keep else unpack)(name, state, strict=strict)


_PROTOCOLS = {NAMES[kind]: _unpack_protocol for kind in (TrialRegistered, ProtocolAmended)}
_READERS = {
    kind: {name: _PROTOCOLS.get(name, unpack) for name in (*NAMES.values(), *UPCASTS) if name.startswith(f"{kind}.")}
    for kind in ("trial", "cohort", "participant", "access")
}
"""By the kind of a stream: the stored names that it takes, each with its decoder."""
_new = object.__new__
_SLOTS = vars(Recorded)
_set_trial = _SLOTS["trial"].__set__
_set_position = _SLOTS["position"].__set__
_set_stream = _SLOTS["stream"].__set__
_set_version = _SLOTS["version"].__set__
_set_envelope = _SLOTS["envelope"].__set__
_set_fact = _SLOTS["fact"].__set__
