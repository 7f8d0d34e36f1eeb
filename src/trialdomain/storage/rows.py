"""Checked reading of rows: another program that can write to the database may have put any value into a column."""

from typing import Any, TypeGuard

from trialdomain.errors import LogCorrupt
from trialdomain.storage.store import Command, CommandRow, StoredEntry
from trialdomain.values.given.text import short
from trialdomain.values.ids import LONGEST_STREAM


def entry_in(row: tuple[Any, ...]) -> StoredEntry:
    """Convert a row into an entry.

    Raises:
        LogCorrupt: a value has a type, a length or a size that its column cannot have.
    """
    trial, position, stream, version, name, state = row
    if (
        list(map(type, row)) != _KINDS
        or not (0 < position <= _LARGEST_NUMBER and 0 <= version <= _LARGEST_NUMBER)
        or len(stream) > LONGEST_STREAM
        or len(name) > LONGEST_STREAM
    ):
        raise LogCorrupt(
            f"position {short(position)} of trial {short(trial, 70)} has a value of a type, a length or a size that no "
            f"entry has: verify the log"
        )
    return StoredEntry(
        trial=trial, position=position, originator_id=stream, originator_version=version, topic=name, state=state
    )


_KINDS = [str, int, str, int, str, bytes]
"""The types of the columns of an entry: another program may have stored others, despite STRICT."""


def name_in(found: object) -> str:
    """Check a value from a column of names of trials or streams.

    Raises:
        LogCorrupt: it is not a text, or longer than any name.
    """
    if not isinstance(found, str) or len(found) > LONGEST_STREAM:
        raise LogCorrupt(f"{short(found, 70)!r} is stored as the name of a trial or a stream: verify the log")
    return found


def counted(found: object) -> int:
    """Check a value from a column of positions or versions.

    Raises:
        LogCorrupt: it is not a whole number from 0 to the largest one.
    """
    if not is_number(found):
        raise LogCorrupt(f"{short(found, 70)!r} is stored as a position or a version: verify the log")
    return found


def is_number(found: object) -> TypeGuard[int]:
    """Say whether a value can be a position, a version or a size: another program may have stored anything."""
    return isinstance(found, int) and 0 <= found <= _LARGEST_NUMBER


_LARGEST_NUMBER = 2**53 - 1
"""The largest number in an exported line (RFC 7493); far below the largest of SQLite, so that adding 1 is safe."""


def command_in(trial: str, row: tuple[Any, ...]) -> CommandRow:
    """Convert a row into a command.

    Raises:
        LogCorrupt: a value has a type or a size that its column cannot have.
    """
    name, request, first, last = row
    places = (first, last)
    if not (isinstance(name, str) and isinstance(request, bytes)) or not (
        places == (None, None) or all(map(is_number, places))
    ):
        raise LogCorrupt(
            f"the row of command {short(name, 70)} of trial {trial} has a value that no command has: verify the log"
        )
    return CommandRow(Command(id=name, request=request), first, last)
