"""The interface of a store: reading a log, appending to it, and the types of both.

:func:`trialdomain.storage.open_store.open_store` opens a store. ``trialdomain.storage.errors`` has the errors of any
store.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

import attrs
from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent, Subscription
from typing_extensions import override

from trialdomain.storage.view_tables import ViewTables

T = TypeVar("T")
UNKNOWN_REQUEST = b""
"""The placeholder for the hash of a request in a log that was restored from an export, which has no hashes."""


Row: TypeAlias = tuple[int, int, str, bytes]
"""A stored entry of a stream: position, version, stored name and state."""


StoredRow: TypeAlias = tuple[str, int, str, int, str, bytes, bytes]
"""A row of the table of entries: trial, position, stream, version, stored name, state and leaf."""


@dataclass(frozen=True, eq=False)
class StoredEntry(StoredEvent):
    """A stored event with its position in its trial; equal to a plain ``StoredEvent`` with the same content."""

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
    """A notification with the entry's position in its trial."""

    trial: str
    position: int


def _content(event: StoredEvent) -> tuple[object, ...]:
    return event.originator_id, event.originator_version, event.topic, event.state


@attrs.frozen(kw_only=True)
class Command:
    """A command's id and request: appending the same two again returns the first result."""

    id: str
    request: bytes
    """The SHA-256 hash of the request."""


@attrs.frozen
class CommandRow:
    """A recorded command, with its first and last position; both are None where it recorded nothing."""

    command: Command
    first: int | None
    last: int | None


@attrs.frozen
class Sealed:
    """The encoded entries of one command."""

    command: Command | None
    """None for entries from another place, such as an export: the store records no command for them."""
    events: "Sequence[StoredEvent] | Callable[[], Sequence[StoredEvent]]"
    """The entries, each with the next version of its stream; or a function that returns them, called under the lock."""
    earlier: int = 0
    """The number of entries of the same command that the log already has, right before these."""
    is_new: bool = False
    """Whether the caller knows that the command was not recorded a moment ago: then nobody needs to look before the
    append, which looks under the lock."""


@attrs.frozen(kw_only=True)
class ReadSet:
    """The read set of a decision: when any of it has a new entry, the decision has to be made again."""

    versions: Mapping[str, int] = attrs.Factory(dict)
    """By stream: its version; 0 for a stream that did not exist."""
    position: int | None = None
    """The position up to which the decision read every stream of the trial, including those that did not exist yet."""
    passed_over: frozenset[str] = frozenset()
    """The stored names that such a read skipped: a new entry with one of them does not change the decision."""


NOTHING_READ = ReadSet()
"""The read set of entries without a decision."""


@attrs.frozen(kw_only=True)
class Appended:
    """The result of an append."""

    positions: range
    """The positions of the entries in their trial."""
    notifications: range = range(0)
    """Their notification ids, by which a subscription follows the log."""
    rows: "Sequence[StoredRow]" = attrs.field(default=(), eq=False)
    """The stored rows; empty where the command was recorded before."""
    repeated: bool = False
    """Whether the command was recorded before, so that this append recorded nothing."""

    @property
    def entries(self) -> "Sequence[StoredEntry]":
        """The stored entries; empty where the command was recorded before."""
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


@attrs.frozen(kw_only=True)
class StoreFacts:
    """What a store knows of a log besides its entries."""

    kind: str
    """The kind of store, such as ``SQLite``."""
    schema_version: int
    size: int
    """The bytes that the log takes on the disk, without what a database writes beside it."""
    cursors: Mapping[str, Mapping[str, int]]
    """By the name of an outbox, and by trial: the last position that was delivered."""


class LogReader(Protocol):
    """Reads a log. Rows are returned as they are stored; nothing is decoded."""

    def trials(self) -> list[str]:
        """Name the trials in this log."""
        ...

    def head(self, trial: str) -> int:
        """Return the last position of a trial; 0 when it has none."""
        ...

    def heads(self) -> dict[str, int]:
        """Return the last position of every trial."""
        ...

    def version(self, stream: str) -> int:
        """Return the last version of a stream; 0 when it has no entry."""
        ...

    def stream(self, stream: str, *, until: int) -> list[Row]:
        """Read one stream up to a position of its trial."""
        ...

    def streams(self, trial: str, *, until: int, leave_out: Collection[str] = ()) -> Iterator[tuple[str, list[Row]]]:
        """Yield the trial's own stream, then every stream under it, each with its rows up to a position."""
        ...

    def in_log_order(self, trial: str, *, after: int = 0, until: int | None = None) -> Iterator[StoredEntry]:
        """Yield the entries of a trial by position, without those that are appended while it runs."""
        ...

    def latest_first(self, trial: str, *, until: int) -> Iterator[StoredEntry]:
        """Yield the entries of a trial from a position back to the first."""
        ...

    def leaves(self, trial: str, *, until: int) -> Iterator[bytes]:
        """Yield the leaf hashes of a trial by position."""
        ...

    def kept_head(self, trial: str) -> tuple[object, object] | None:
        """Return the stored size and note of a trial's signed head, unchecked; None when there is none."""
        ...

    def commands(self, trial: str) -> Iterator[CommandRow]:
        """Yield the commands of a trial by position, then those that recorded nothing.

        The command that began the signing of heads is left out.
        """
        ...

    def facts(self) -> StoreFacts:
        """Return what the store knows of the log besides its entries."""
        ...

    def has_views(self) -> bool:
        """Say whether views of the log were ever made."""
        ...

    def view_tables(self, *, make: bool) -> ViewTables:
        """Open the tables of the views of the log.

        Args:
            make: whether to make their place, if there is none.

        Raises:
            ViewsUnusable: a log in memory has no views; or their place is taken, or does not exist.
        """
        ...

    def notes(self, trial: str) -> list[tuple[int, str]]:
        """Return the checkpoints that the log keeps of a trial, each with its size, the newest last."""
        ...

    def wait_for_writers(self) -> None:
        """Wait until the open transaction of any process has ended."""
        ...

    def close(self) -> None:
        """Wait for every reader and writer of this process, and close the log; a second call does nothing."""
        ...


@runtime_checkable
class Store(LogReader, Protocol):
    """A log that can be written to. Several processes may use it; the store serializes their appends."""

    def append(
        self, trial: str, commands: Sequence[Sealed], *, read: ReadSet = NOTHING_READ, within: bool = False
    ) -> Appended:
        """Append the entries of commands, all or none, unless their read set has moved.

        A single command that was recorded before returns its first result again. Where the log was opened with a
        signer, the head of the trial's tree is signed in the same transaction. The commit is on disk before this
        returns.

        Args:
            trial: the trial of the entries.
            commands: the commands to append.
            read: the read set of the decision.
            within: whether this is the append for which :meth:`alone` was called.

        Raises:
            StreamMoved: a stream of the read set has a new entry.
            CommandReused: the id of the single command was used for another request.
            AppendRefused: an entry is not of this trial, or not the next one of its stream; or one of several commands
                was recorded before.
            EntriesNotKept: a foreign trigger changed or removed an inserted row.
            TooMuchToRecord: the long entries of the trial would be larger than this library reads.
        """
        ...

    @property
    def compares_times(self) -> bool:
        """Whether an append calls for its entries before it holds the lock, and again if their time is too early.

        Otherwise it calls for them under the lock.
        """
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether this thread has an open transaction, so that what it reads may yet be rolled back."""
        ...

    def alone(self, work: Callable[[], T]) -> T:
        """Run work under the write lock: what it reads stays so until its appends are recorded.

        Each append in it is all or nothing. Completed appends are on disk when this returns, or raises a TrialError.
        """
        ...

    def recorded_before(self, trial: str, command: Command) -> Appended | None:
        """Return the result of a command that was recorded before; None when it was not."""
        ...

    def keep_note(self, trial: str, size: int, note: str, *, within: bool = False) -> None:
        """Store a checkpoint beside the entries; a verifier has its own copy elsewhere.

        Args:
            trial: the trial of the checkpoint.
            size: the number of entries under it.
            note: its text.
            within: whether it belongs to the work for which :meth:`alone` was called.
        """
        ...

    def cursors(self, follower: str) -> dict[str, int]:
        """Return, by trial, the last position that a follower has dealt with, as the log keeps it."""
        ...

    def move_cursor(self, follower: str, trial: str, position: int, *, before: int) -> bool:
        """Move a follower's cursor of a trial; say whether it was at ``before``, or else leave it where it is."""
        ...

    def begin_signing(self, trial: str) -> str:
        """Sign the current head of a trial's tree, and every head from then on; return the note.

        Raises:
            HeadKeyMissing: the log was opened without a signer.
        """
        ...

    def follow(self, *, after: int | None = None, names: Sequence[str] = ()) -> "Subscription[ApplicationRecorder]":
        """Follow the log from a notification id on: what this and other processes record."""
        ...
