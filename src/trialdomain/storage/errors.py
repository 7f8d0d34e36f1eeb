"""What any store refuses, or cannot do."""

from eventsourcing.persistence import IntegrityError, OperationalError

from trialdomain.errors import Conflict, LogCorrupt, LogUnusable


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


class AppendRefused(Conflict, IntegrityError):
    """The tables refused an entry: it is there already, or leaves a gap. Nothing was recorded."""

    code = "append-refused"


class StoreFailed(LogUnusable, OperationalError):
    """The store could not do it now: the disk is full, the file locked or read-only. Nothing was recorded."""

    code = "store-failed"


class StoreClosed(LogUnusable):
    """The log was closed."""

    code = "store-closed"

    def __init__(self) -> None:
        super().__init__("the log is closed: open it again")


class LogMoved(LogUnusable):
    """The file of an open log, or what SQLite keeps beside it, is not at its path any more."""

    code = "log-moved"

    def __init__(self, *, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}; nothing was recorded; close the log, see what is there, and open it again")
        self.path, self.why = path, why
