"""Between entries and the stored events of the ``eventsourcing`` library."""

from typing import Any

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from typing_extensions import override

from trialdomain.errors import LogCorrupt
from trialdomain.events.recorded import Entry, Fact, Meta, Recorded
from trialdomain.storage.codec import FactUnstorable, StateMalformed, decode, encode
from trialdomain.storage.stored import PlacedNotification, StoredEntry

__all__ = ["EntryMalformed", "EntryMapper", "StoredEvent", "entry_of", "stored_of"]


class EntryMalformed(LogCorrupt):
    """An entry of a log is not one of ours."""

    def __init__(self, stored: StoredEntry | PlacedNotification, *, why: StateMalformed) -> None:
        super().__init__(
            f"position {stored.position} of trial {stored.trial} (stream {stored.originator_id}, "
            f"version {stored.originator_version}): {why}"
        )
        self.trial, self.position = stored.trial, stored.position


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


def stored_of(stream: str, version: int, fact: Fact, meta: Meta) -> StoredEvent:
    """Write an entry that has no position yet.

    Raises:
        FactUnstorable: it would not be read back as what it is.
    """
    try:
        name, state = encode(fact, meta)
        same = decode(name, state, strict=True) == (fact, meta)
    except (StateMalformed, TypeError, ValueError) as error:
        raise FactUnstorable(kind=type(fact).__name__, why=str(error)) from None
    if not same:
        raise FactUnstorable(kind=type(fact).__name__, why="it would not be read back as what it is")
    return StoredEvent(stream, version, name, state)


def entry_of(stored: StoredEntry | PlacedNotification, *, strict: bool = False) -> Entry:
    """Read an entry with its place in the log.

    Raises:
        EntryMalformed: it is not one of ours.
    """
    try:
        fact, meta = decode(stored.topic, stored.state, strict=strict)
    except StateMalformed as error:
        raise EntryMalformed(stored, why=error) from None
    return Recorded(
        trial=stored.trial,
        position=stored.position,
        stream=str(stored.originator_id),
        version=stored.originator_version,
        meta=meta,
        fact=fact,
    )
