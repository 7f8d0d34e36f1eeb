"""Between entries and the stored events of the ``eventsourcing`` library."""

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import Any, NoReturn

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

__all__ = ["EntryMalformed", "EntryMapper", "StoredEvent", "entries_of", "entry_of", "stored_of"]


class EntryMalformed(LogCorrupt):
    """An entry of a log is not one of ours."""

    code = "entry-malformed"

    def __init__(self, *, trial: str, position: int, stream: str, version: int, why: str) -> None:
        super().__init__(
            f"position {short(position)} of trial {trial} (stream {stream}, version {short(version)}): {why}"
        )
        self.trial, self.position, self.stream, self.version, self.why = trial, position, stream, version, why


class StreamUnknown(LogCorrupt):
    """An entry stands in a stream that no trial has."""

    code = "stream-unknown"

    def __init__(self, *, position: int, stream: str) -> None:
        super().__init__(
            f"position {short(position)} stands in {stream[:70]!r}, which is no stream of a trial: neither its own, "
            f"nor a cohort's or a participant's; verify the log"
        )
        self.position, self.stream = position, stream


class EntryMapper(Mapper[str]):
    """Maps entries with this library's codec, so that ``EventStore`` and subscriptions can be used on a log.

    It never compresses or encrypts: the bytes that are stored are the bytes that are hashed.
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
            raise TypeError(f"a {type(stored_event).__name__} has no position: read the stream it stands in")
        return entry_of(stored_event)


def stored_of(stream: str, version: int, fact: Fact, meta: Meta, *, made_here: bool = False) -> StoredEvent:
    """Write an entry that has no position yet.

    Args:
        stream: the stream that it goes to.
        version: its version there.
        fact: what it says.
        meta: its envelope.
        made_here: it was made by typed code of this library, not from what a caller gave: it is not read back.

    Raises:
        FactUnstorable: it would not be read back as what it is.
    """
    try:
        name, state = encode(fact, meta)
        if made_here:
            return StoredEvent(stream, version, name, state)
        same = unpack(name, state, strict=True) == (fact, on_the_wire(meta))
    except (StateMalformed, TypeError, ValueError) as error:
        raise FactUnstorable(kind=type(fact).__name__, why=str(error)) from None
    if not same:
        raise FactUnstorable(kind=type(fact).__name__, why="it would not be read back as what it is")
    return StoredEvent(stream, version, name, state)


def entry_of(stored: StoredEntry | PlacedNotification, *, strict: bool = False) -> Entry:
    """Read an entry with its place in the log.

    Raises:
        EntryMalformed: it is not one of ours.
        StreamUnknown: no trial has its stream.
    """
    row = (stored.position, stored.originator_version, stored.topic, stored.state)
    return next(entries_of(str(stored.originator_id), [row], strict=strict))


def entries_of(
    stream: str, rows: Iterable[Row], *, strict: bool = False, leave_out: Collection[type[Fact]] = ()
) -> Iterator[Entry]:
    """Read the entries of one stream, one after another; each is of a kind that belongs there.

    Args:
        stream: its name.
        rows: its entries as they are stored, in the order of their versions.
        strict: refuse bytes that this library would have written otherwise.
        leave_out: kinds of facts that are passed over unread. A correction is of the kind of what it corrects, so what
            is current of the other kinds stays what it is.

    Raises:
        EntryMalformed: one of them is not one of ours.
        StreamUnknown: no trial has such a stream.
    """
    trial = trial_of(stream)
    readers = _READERS.get(kind_of(stream) or "", {})
    passed_over = readers.keys() & {NAMES[kind] for kind in leave_out}
    for position, version, name, state in rows:
        if name in passed_over:
            continue
        try:
            if type(position) is not int or type(version) is not int:
                _unplaced(name)
            read = readers.get(name) or _misplaced(stream, position, name, state)
            fact, envelope = read(name, state, strict=strict)
        except StateMalformed as error:
            why = str(error)
            raise EntryMalformed(trial=trial, position=position, stream=stream, version=version, why=why) from None
        # As its constructor would, at a third of the cost: most of a replay is this.
        entry: Entry = _new(Recorded)
        _set_trial(entry, trial)
        _set_position(entry, position)
        _set_stream(entry, stream)
        _set_version(entry, version)
        _set_envelope(entry, envelope)
        _set_fact(entry, fact)
        yield entry


def _unplaced(name: str) -> NoReturn:
    """Refuse an entry with another value than a number for its place, put there past the types of the tables."""
    raise StateMalformed(name=name, why="its position or its version is no whole number; verify the log")


def _misplaced(stream: str, position: int, name: str, state: bytes) -> NoReturn:
    """Refuse an entry that does not belong to its stream; what cannot be read at all is told as such."""
    if kind_of(stream) is None:
        raise StreamUnknown(position=position, stream=stream)
    unpack(name, state)
    raise StateMalformed(name=name, why=f"stream {stream} takes no {name}; verify the log")


_unpack_once = lru_cache(maxsize=32)(unpack)
_LARGEST_KEPT = 256 * 1024
"""Bytes of a state that is kept once it was read: ours have a tenth of it, and what others wrote is not kept."""


def _unpack_protocol(name: str, state: Any, *, strict: bool) -> tuple[Fact, Envelope]:
    """Read an entry with a protocol: it is read at the start of every decision, and is the largest fact of all."""
    keep = isinstance(state, bytes) and len(state) <= _LARGEST_KEPT
    return (_unpack_once if keep else unpack)(name, state, strict=strict)


_PROTOCOLS = {NAMES[kind]: _unpack_protocol for kind in (TrialRegistered, ProtocolAmended)}
_READERS = {
    kind: {name: _PROTOCOLS.get(name, unpack) for name in (*NAMES.values(), *UPCASTS) if name.startswith(f"{kind}.")}
    for kind in ("trial", "cohort", "participant", "access")
}
"""By what a stream is about: the stored names that it takes, and what reads each."""
_new = object.__new__
_SLOTS = vars(Recorded)
_set_trial = _SLOTS["trial"].__set__
_set_position = _SLOTS["position"].__set__
_set_stream = _SLOTS["stream"].__set__
_set_version = _SLOTS["version"].__set__
_set_envelope = _SLOTS["envelope"].__set__
_set_fact = _SLOTS["fact"].__set__
