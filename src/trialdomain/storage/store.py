"""The interface of a store: how a log is read, how it is written, and what goes in and out.

A store is opened by :func:`trialdomain.storage.open_store.open_store`. What any store refuses stands in
``trialdomain.storage.errors``.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

import attrs
from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent, Subscription
from typing_extensions import override

T = TypeVar("T")
UNKNOWN_REQUEST = b""
"""In the place of a request's hash, where a log was restored from an export, which has none."""


Row: TypeAlias = tuple[int, int, str, bytes]
"""An entry of a stream as it stands in its table: position, version, stored name and state."""


@dataclass(frozen=True, eq=False)
class StoredEntry(StoredEvent):
    """A stored event that also knows its position in its trial; equal to a plain one with the same content."""

    trial: str
    position: int

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoredEvent) and _content(self) == _content(other)

    @override
    def __hash__(self) -> int:
        return hash(_content(self))


@dataclass(frozen=True)
class PlacedNotification(Notification):
    """A notification that also knows the entry's position in its trial."""

    trial: str
    position: int


def _content(event: StoredEvent) -> tuple[object, ...]:
    return event.originator_id, event.originator_version, event.topic, event.state


@attrs.frozen(kw_only=True)
class Command:
    """A request as it is remembered: the same id and request get the first result again."""

    id: str
    request: bytes
    """The SHA-256 hash of the request."""


@attrs.frozen
class Sealed:
    """The entries of one command, in the form in which they are stored."""

    command: Command | None
    """None of entries that come from elsewhere, such as an export: nothing is remembered of what was asked."""
    events: "Sequence[StoredEvent] | Callable[[], Sequence[StoredEvent]]"
    """Each with the next version of its stream; or what gives them, called under the write lock."""
    earlier: int = 0
    """Entries of the same command that stand right before these in the log already."""


@attrs.frozen(kw_only=True)
class ReadSet:
    """What a decision has read: if any of it has moved, the decision has to be taken again."""

    versions: Mapping[str, int] = attrs.Factory(dict)
    """By stream, its version; 0 for a stream that did not exist."""
    position: int | None = None
    """Where every stream of the trial was read: up to where; those that did not exist are included."""
    passed_over: frozenset[str] = frozenset()
    """Of such a reading, the stored names that it did not look at: one more of these entries changes nothing."""


NOTHING_READ = ReadSet()
"""Of entries that no decision brought about."""


@attrs.frozen(kw_only=True)
class Appended:
    """What an append came to."""

    positions: range
    """Of the entries, in their trial."""
    notifications: range = range(0)
    """The store's own ids of them, by which a log is followed."""
    rows: "Sequence[tuple[str, int, str, int, str, bytes, bytes]]" = attrs.field(default=(), eq=False)
    """As they stand in the log, where they were appended now."""
    repeated: bool = False
    """Whether the command had been recorded before, so that nothing was appended now."""

    @property
    def entries(self) -> "Sequence[StoredEntry]":
        """The entries, where they were appended now."""
        return [
            StoredEntry(
                trial=trial,
                position=position,
                originator_id=stream,
                originator_version=version,
                topic=name,
                state=state,
            )
            for trial, position, stream, version, name, state, _ in self.rows
        ]


class LogReader(Protocol):
    """Reads a log. Rows come as they were stored; nothing is decoded."""

    def trials(self) -> list[str]:
        """Name the trials in this log."""
        ...

    def head(self, trial: str) -> int:
        """Give the last position of a trial; 0 when it has none."""
        ...

    def version(self, stream: str) -> int:
        """Give the last version of a stream; 0 when it has no entry."""
        ...

    def stream(self, stream: str, *, until: int) -> list[Row]:
        """Read one stream up to a position of its trial."""
        ...

    def streams(self, trial: str, *, until: int, leave_out: Collection[str] = ()) -> Iterator[tuple[str, list[Row]]]:
        """Yield the trial's own stream, then every stream under it, each with its rows up to a position."""
        ...

    def in_log_order(self, trial: str, *, after: int = 0, until: int | None = None) -> Iterator[StoredEntry]:
        """Yield the entries of a trial by position; what is appended meanwhile is left out."""
        ...

    def latest_first(self, trial: str, *, until: int) -> Iterator[StoredEntry]:
        """Yield the entries of a trial from a position back to the first."""
        ...

    def leaves(self, trial: str, *, until: int) -> Iterator[bytes]:
        """Yield the leaf hashes of a trial by position."""
        ...

    def notes(self, trial: str) -> list[tuple[int, str]]:
        """Give the signed heads that are kept of a trial, each with its size, the newest last."""
        ...

    def wait_for_writers(self) -> None:
        """Wait until every process that is about to append has done so."""
        ...

    def close(self) -> None:
        """Wait for every reader and writer of this process, and close the log; a second call does nothing."""
        ...


@runtime_checkable
class Store(LogReader, Protocol):
    """A log that can be written to. Several processes may use it; appends are serialised."""

    def append(
        self, trial: str, commands: Sequence[Sealed], *, read: ReadSet = NOTHING_READ, within: bool = False
    ) -> Appended:
        """Append the entries of commands, all or none, if nothing that was read has moved.

        One command that was recorded before gives its first result again. The head of the trial's tree is signed in the
        same transaction, where the log was opened with a signer. A commit is on disk before this returns.

        Args:
            trial: the trial whose streams these are.
            commands: what to append.
            read: what the decision rests on.
            within: whether this is the append for which :meth:`alone` was called.

        Raises:
            StreamMoved: something that was read has moved.
            CommandReused: the one command's id was used for another request.
            AppendRefused: an entry is not of this trial, or not the next one of its stream; or one of several commands
                was recorded before.
            EntriesNotKept: something in the database changed or removed what was inserted.
            TooMuchToRecord: the trial would have more in long entries than is ever read again.
        """
        ...

    def alone(self, work: Callable[[], T]) -> T:
        """Do some work under the write lock: what it reads stays so until what it appends is recorded.

        Each append in it is all or nothing; what was appended is on disk when this returns, or raises an error of ours.
        """
        ...

    def recorded_before(self, trial: str, command: Command) -> Appended | None:
        """Give the result of a command that was recorded before; None when it was not."""
        ...

    def keep_note(self, trial: str, size: int, note: str) -> None:
        """Keep a signed head beside the entries; who verifies has another copy elsewhere."""
        ...

    def begin_signing(self, trial: str) -> str:
        """Sign the head of a trial's tree as it is, and go on from there; give the note.

        Raises:
            HeadKeyMissing: the log was opened without a signer.
        """
        ...

    def follow(self, *, after: int | None = None, names: Sequence[str] = ()) -> "Subscription[ApplicationRecorder]":
        """Follow the log from an id of the store on: what this process records, and what others do."""
        ...
