"""One query, under the write lock, for all that an append has to know about its trial."""

import sqlite3
from collections.abc import Sequence
from functools import cache

import attrs

from trialdomain.storage.append_checks import first_result
from trialdomain.storage.errors import StreamMoved
from trialdomain.storage.heads import BEGUN
from trialdomain.storage.rows import counted
from trialdomain.storage.sqlite.rows import version_of
from trialdomain.storage.store import Appended, Command, ReadSet

_FEW = 20
"""The most streams whose versions the one query reads; a decision reads only a few."""
_SINCE = "SELECT stream, version FROM entries WHERE trial = ? AND position > ?"


@attrs.define
class Found:
    """The state of a trial that an append has to know, read by one query."""

    head: int
    """The last position of the trial."""
    begun: bool
    """Whether the trial's heads are signed."""
    versions: list[int]
    """The last version of each stream that the caller named."""
    recorded: tuple[object, object, object] | None
    """The row of the command, where it was recorded before: its request, and its first and last position."""

    def done(self, trial: str, command: Command) -> Appended | None:
        """Return the result of the command, where it was recorded before.

        Raises:
            CommandReused: its id was used for another request.
            LogCorrupt: no command of this log can have such a row.
        """
        if self.recorded is None:
            return None
        return first_result(trial, command, self.recorded, head=self.head)


def find(connection: sqlite3.Connection, trial: str, command: str, streams: Sequence[str] = ()) -> Found:
    """Read the state that an append of a command to a trial has to know, and the last versions of some streams.

    Raises:
        LogCorrupt: a position or a version is not a number that it can be.
    """
    some = streams[:_FEW]
    values = (trial, trial, BEGUN, *some, trial, command)
    head, begun, *versions, name, request, first, last = connection.execute(_asked_of(len(some)), values).fetchone()
    for other in streams[_FEW:]:
        versions.append(version_of(connection, other))
    return Found(
        counted(head), bool(begun), list(map(counted, versions)), None if name is None else (request, first, last)
    )


@cache
def _asked_of(streams: int) -> str:
    """Write the query of :func:`find` for a number of streams; there are few different numbers, so it is cached."""
    versions = ", coalesce((SELECT max(version) FROM entries WHERE stream = ?), 0)" * streams
    return _FIND.format(versions=versions)


_FIND = (
    "SELECT coalesce((SELECT max(position) FROM entries WHERE trial = ?), 0),"
    " EXISTS (SELECT 1 FROM commands WHERE trial = ? AND command = ?){versions}, command, request, first, last"
    " FROM (SELECT 1) LEFT JOIN commands ON trial = ? AND command = ?"
)


def refuse_moved(connection: sqlite3.Connection, trial: str, read: ReadSet, found: Found) -> None:
    """Refuse an append whose read set has moved (optimistic concurrency).

    Raises:
        StreamMoved: a stream of the read set has a new entry.
    """
    for (stream, version), now in zip(read.versions.items(), found.versions, strict=True):
        if now != version:
            raise StreamMoved(stream=stream, read=version, found=now)
    if read.position is not None:
        if read.position > found.head:  # such a decision read another copy of the log
            raise StreamMoved(stream=trial, read=read.position, found=found.head)
        query = f"{_SINCE} AND name NOT IN ({','.join('?' * len(read.passed_over))}) ORDER BY position LIMIT 1"
        moved = connection.execute(query, (trial, read.position, *read.passed_over)).fetchone()
        if moved is not None:
            raise StreamMoved(stream=str(moved[0]), read=moved[1] - 1, found=moved[1])
