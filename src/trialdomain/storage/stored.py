"""What a store takes and gives: commands, entries, and the conflicts between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import attrs
from eventsourcing.persistence import Notification, StoredEvent
from typing_extensions import override

from trialdomain.errors import Conflict, LogCorrupt


class StreamMoved(Conflict):
    """A stream that a decision read has been appended to since."""

    code = "stream-moved"

    def __init__(self, *, stream: str, read: int, found: int) -> None:
        super().__init__(
            f"stream {stream} was read at version {read}, and is at {found} now: read it again, and decide again"
        )
        self.stream, self.read, self.found = stream, read, found


class CommandReused(Conflict):
    """A command id came a second time, with another request."""

    code = "command-reused"

    def __init__(self, *, command: str, why: str = "with another request: give the new one an id of its own") -> None:
        super().__init__(f"command {command} was recorded before {why}")
        self.command, self.why = command, why


class CommandRestored(CommandReused):
    """A command id came again after its log was restored: what was asked for the first time, nobody remembers."""

    code = "command-restored"

    def __init__(self, *, command: str, first: int, last: int) -> None:
        why = f"the log was restored: look at positions {first} to {last}, and give a new request an id of its own"
        super().__init__(command=command, why=why)
        self.first, self.last = first, last


class EntriesNotKept(LogCorrupt):
    """What was inserted is not in the tables, or not as it was inserted, before the transaction has ended."""

    code = "entries-not-kept"

    def __init__(self, *, trial: str, what: str) -> None:
        super().__init__(
            f"{what} of trial {trial} is not kept as it was inserted: a trigger that is not this library's changes or "
            f"removes it; nothing was recorded; verify the log"
        )
        self.trial, self.what = trial, what


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


@attrs.frozen(kw_only=True)
class WholeLog:
    """That a decision has read every stream of a trial, those that did not exist included."""

    position: int
    """Up to where."""
    passed_over: frozenset[str] = frozenset()
    """The stored names of the entries that it did not look at: one more of them changes nothing."""


@attrs.frozen(kw_only=True)
class Appended:
    """What an append came to."""

    positions: range
    """Of the entries, in their trial."""
    notifications: Sequence[int] = ()
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
