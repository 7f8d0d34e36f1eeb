"""Between entries and the stored events of the ``eventsourcing`` library."""

from typing import Any

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from typing_extensions import override

from trialdomain.events.recorded import Entry, Fact, Meta, Recorded
from trialdomain.storage.codec import decode, encode
from trialdomain.storage.sqlite import StoredEntry

__all__ = ["EntryMapper", "StoredEvent", "entry_of", "stored_of"]


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
        if not isinstance(stored_event, StoredEntry):
            raise TypeError(f"a {type(stored_event).__name__} has no position: read the stream it stands in")
        return entry_of(stored_event)


def stored_of(stream: str, version: int, fact: Fact, meta: Meta) -> StoredEvent:
    """Write an entry that has no position yet."""
    name, state = encode(fact, meta)
    return StoredEvent(stream, version, name, state)


def entry_of(stored: StoredEntry, *, strict: bool = False) -> Entry:
    """Read an entry with its place in the log.

    Raises:
        StateMalformed: it is not one of ours.
    """
    fact, meta = decode(stored.topic, stored.state, strict=strict)
    return Recorded(
        trial=stored.trial,
        position=stored.position,
        stream=str(stored.originator_id),
        version=stored.originator_version,
        meta=meta,
        fact=fact,
    )
