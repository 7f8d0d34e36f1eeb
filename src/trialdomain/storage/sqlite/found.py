"""What an append finds under the write lock: one question for all that it has to know."""

import sqlite3
from collections.abc import Sequence
from functools import cache

import attrs

from trialdomain.errors import LogCorrupt
from trialdomain.storage.errors import CommandRestored, CommandReused, StreamMoved
from trialdomain.storage.heads import BEGUN
from trialdomain.storage.sqlite.rows import counted, is_number, version_of
from trialdomain.storage.store import UNKNOWN_REQUEST, Appended, Command, ReadSet
from trialdomain.values.given.text import short

_FEW = 20
"""Streams of which the versions are asked for at once; a decision reads a handful."""
_SINCE = "SELECT stream, version FROM entries WHERE trial = ? AND position > ?"


@attrs.define
class Found:
    """What an append finds: it reads all of it with one question."""

    head: int
    """The last position of the trial."""
    begun: bool
    """Whether signed heads were begun there."""
    versions: list[int]
    """The last version of each stream that was asked for."""
    recorded: tuple[object, object, object] | None
    """Of the command, where it was recorded before: its request, and its first and last position."""

    def done(self, trial: str, command: Command) -> Appended | None:
        """Give the result of the command, where it was recorded before.

        Raises:
            CommandReused: its id was used for another request.
            LogCorrupt: what stands in its row is no command of this log.
        """
        if self.recorded is None:
            return None
        request, first, last = self.recorded
        positions = range(0)
        if is_number(first) and is_number(last) and 1 <= first <= last <= self.head:
            positions = range(first, last + 1)
        nothing = first is None and last is None
        if not isinstance(request, bytes) or not (positions or (nothing and request != UNKNOWN_REQUEST)):
            raise LogCorrupt(
                f"the row of command {command.id} in the commands of trial {trial} says what no command of this log "
                f"has recorded, positions {short(first)} to {short(last)}: verify the log"
            )
        if request == UNKNOWN_REQUEST:
            raise CommandRestored(command=command.id, first=positions[0], last=positions[-1])
        if request != command.request:
            raise CommandReused(command=command.id)
        return Appended(positions=positions, repeated=True)


def find(connection: sqlite3.Connection, trial: str, command: str, streams: Sequence[str] = ()) -> Found:
    """Read what an append of a command to a trial has to know, and the last versions of some streams.

    Raises:
        LogCorrupt: a position or a version is no number that one can be.
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
    """Write the question of :func:`find`; for one of the few numbers of streams that it is asked of."""
    versions = ", coalesce((SELECT max(version) FROM entries WHERE stream = ?), 0)" * streams
    return _FIND.format(versions=versions)


_FIND = (
    "SELECT coalesce((SELECT max(position) FROM entries WHERE trial = ?), 0),"
    " EXISTS (SELECT 1 FROM commands WHERE trial = ? AND command = ?){versions}, command, request, first, last"
    " FROM (SELECT 1) LEFT JOIN commands ON trial = ? AND command = ?"
)


def refuse_moved(connection: sqlite3.Connection, trial: str, read: ReadSet, found: Found) -> None:
    """Refuse an append whose decision rests on what is not so any more.

    Raises:
        StreamMoved: something that it read has been appended to.
    """
    for (stream, version), now in zip(read.versions.items(), found.versions, strict=True):
        if now != version:
            raise StreamMoved(stream=stream, read=version, found=now)
    if read.position is not None:
        query = f"{_SINCE} AND name NOT IN ({','.join('?' * len(read.passed_over))}) ORDER BY position LIMIT 1"
        moved = connection.execute(query, (trial, read.position, *read.passed_over)).fetchone()
        if moved is not None:
            raise StreamMoved(stream=str(moved[0]), read=moved[1] - 1, found=moved[1])
