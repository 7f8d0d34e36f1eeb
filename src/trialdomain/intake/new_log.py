"""A new log that is there whole, or not at all."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trialdomain.errors import LogUnusable
from trialdomain.exchange import files
from trialdomain.storage.own_folder import OwnFolder
from trialdomain.storage.sqlite.connections import MEMORY
from trialdomain.values.given.filename import named


def refuse_existing(target: Path, *, beside: Sequence[Path] = ()) -> None:
    """Refuse a name that no new log can have.

    Raises:
        LogUnusable: it is no name of a file, or a file has it, or one that stands beside the log.
    """
    if not target.name or "\0" in str(target) or target.name == MEMORY:
        raise LogUnusable(f"{str(target)!r} cannot be a log: name a file")
    named(target)
    journals = [target.with_name(f"{target.name}-{what}") for what in ("wal", "shm", "journal")]
    for path in (target, *beside, *journals):  # SQLite would take a journal that is left over for the log's own
        if os.path.lexists(path):
            raise LogUnusable(f"{path} exists already: it was left as it is; move it elsewhere, or choose another name")


@contextmanager
def folder_beside(target: Path) -> Iterator[Path]:
    """Make a folder beside a file that does not exist yet, and remove it in the end."""
    try:
        beside = OwnFolder(beside=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise LogUnusable(f"{target} cannot be made: {error.strerror}; check its folder, or name another") from None
    with beside:
        yield beside.path


def give_name(made: Path, target: Path) -> None:
    """Give a file that is whole its name; unlike a renaming, never over a file that somebody made meanwhile."""
    try:
        files.give_name(made, target)
    except OSError as error:
        raise LogUnusable(f"{target} cannot be made: {error.strerror}; check its folder, or name another") from None


@contextmanager
def new_log(target: Path) -> Iterator[Path]:
    """Give the name under which to write a log, and the right one when that is done.

    Raises:
        LogUnusable: the name is taken, or none that a file can have.
    """
    refuse_existing(target)
    with folder_beside(target) as beside:
        yield beside / "log"
        give_name(beside / "log", target)
