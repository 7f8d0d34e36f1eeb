"""The errors of any store."""

from eventsourcing.persistence import IntegrityError, OperationalError

from trialdomain.errors import Conflict, LogCorrupt, LogUnusable


class StreamMoved(Conflict):
    """A stream that a decision read has a new entry since."""

    code = "stream-moved"

    def __init__(self, *, stream: str, read: int, found: int) -> None:
        super().__init__(
            f"stream {stream} was read at version {read}, but is at version {found} now: read it and decide again"
        )
        self.stream, self.read, self.found = stream, read, found


class CommandReused(Conflict):
    """A command id was used a second time, for another request."""

    code = "command-reused"

    def __init__(self, *, command: str, why: str = "with another request: give the new one an id of its own") -> None:
        super().__init__(f"command {command} was recorded before {why}")
        self.command, self.why = command, why


class CommandRestored(CommandReused):
    """A command id was used again after its log was restored: a restored log has no hash of the first request."""

    code = "command-restored"

    def __init__(self, *, command: str, first: int, last: int) -> None:
        why = f"the log was restored: look at positions {first} to {last}, and give a new request an id of its own"
        super().__init__(command=command, why=why)
        self.first, self.last = first, last


class EntriesNotKept(LogCorrupt):
    """A row that a transaction inserted is missing, or was changed, before the transaction has ended."""

    code = "entries-not-kept"

    def __init__(self, *, trial: str, what: str) -> None:
        super().__init__(
            f"{what} of trial {trial} is not kept as it was inserted: a trigger that this library did not make changes "
            f"or removes it; nothing was recorded; verify the log"
        )
        self.trial, self.what = trial, what


class AppendRefused(Conflict, IntegrityError):
    """The tables refused an entry: it exists already, or leaves a gap. Nothing was recorded."""

    code = "append-refused"


class StoreFailed(LogUnusable, OperationalError):
    """The store cannot read or write at the moment: the disk is full, the file locked or read-only."""

    code = "store-failed"


class StoreClosed(LogUnusable):
    """A closed log was used."""

    code = "store-closed"

    def __init__(self) -> None:
        super().__init__("the log is closed: open it again")


class LogMoved(LogUnusable):
    """The file of an open log, or a file that SQLite keeps beside it, is not at its path any more."""

    code = "log-moved"

    def __init__(self, *, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}; nothing was recorded; close the log, check the file, and open it again")
        self.path, self.why = path, why


class LogOfAnotherProcess(LogUnusable):
    """The child of a ``fork()`` uses a log that its parent opened."""

    code = "log-of-another-process"

    def __init__(self, *, path: str) -> None:
        super().__init__(
            f"{path} was opened by the parent of this process, before fork(), and a connection cannot be shared: "
            f"open the log again in this process"
        )
        self.path = path


class TablesChanged(LogCorrupt):
    """A changed table, or a foreign trigger, would change or remove recorded rows."""

    code = "tables-changed"

    def __init__(self, *, path: str, why: str) -> None:
        super().__init__(
            f"{path} does not keep rows as they are written: {why}, and not by this library; nothing was recorded; "
            f"verify the log"
        )
        self.path, self.why = path, why
