"""Rows as they stand in the tables, and what may stand there: whoever can write to the file may have put anything."""

import sqlite3
from typing import Any, TypeGuard

from trialdomain.errors import LogCorrupt
from trialdomain.storage.store import StoredEntry
from trialdomain.values.given.text import short
from trialdomain.values.ids import LONGEST_STREAM


def entry_in(row: tuple[Any, ...]) -> StoredEntry:
    """Make an entry of its row.

    Raises:
        LogCorrupt: a value is of a kind that its column does not have.
    """
    trial, position, stream, version, name, state = row
    if (
        list(map(type, row)) != _KINDS
        or not (0 < position <= _LARGEST_NUMBER and 0 <= version <= _LARGEST_NUMBER)
        or len(stream) > LONGEST_STREAM
        or len(name) > LONGEST_STREAM
    ):
        raise LogCorrupt(
            f"position {short(position)} of trial {short(trial, 70)} has values of kinds, of a length or of a size "
            f"that no entry has: verify the log"
        )
    return StoredEntry(
        trial=trial, position=position, originator_id=stream, originator_version=version, topic=name, state=state
    )


_KINDS = [str, int, str, int, str, bytes]
"""Of the columns of an entry: somebody may have put others past the types of the tables."""


def name_in(found: object) -> str:
    """Give the name of a trial or a stream as it stands in its table.

    Raises:
        LogCorrupt: it is no text, or a longer one than any name.
    """
    if not isinstance(found, str) or len(found) > LONGEST_STREAM:
        raise LogCorrupt(f"{short(found, 70)!r} stands where the name of a trial or a stream should: verify the log")
    return found


def head_of(connection: sqlite3.Connection, trial: str) -> int:
    """Give the last position of a trial; 0 when it has none."""
    return _number(connection, "SELECT coalesce(max(position), 0) FROM entries WHERE trial = ?", trial)


def version_of(connection: sqlite3.Connection, stream: str) -> int:
    """Give the last version of a stream; 0 when it has no entry."""
    return _number(connection, "SELECT coalesce(max(version), 0) FROM entries WHERE stream = ?", stream)


def _number(connection: sqlite3.Connection, query: str, value: str) -> int:
    return counted(connection.execute(query, (value,)).fetchone()[0])


def counted(found: object) -> int:
    """Give a position or a version as it stands in its table.

    Raises:
        LogCorrupt: it is no number that one can be.
    """
    if not is_number(found):
        raise LogCorrupt(f"{short(found, 70)!r} stands where a position or a version should: verify the log")
    return found


def is_number(found: object) -> TypeGuard[int]:
    """Say whether a value is a position, a version, or a size; whoever changed a table may have put anything there."""
    return isinstance(found, int) and 0 <= found <= _LARGEST_NUMBER


_LARGEST_NUMBER = 2**53 - 1
"""The largest that an exported line can have; beyond, one more may be no number of SQLite's."""
