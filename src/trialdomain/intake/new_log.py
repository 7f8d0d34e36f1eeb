"""Create a log file atomically: write it in a folder beside the target, then link it into place."""

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
    """Refuse a target that cannot be a new log.

    Raises:
        LogUnusable: the target is no file name, or the file, or one that belongs beside it, exists.
    """
    if not target.name or "\0" in str(target) or target.name == MEMORY:
        raise LogUnusable(f"{str(target)!r} cannot be a log: name a file")
    named(target)
    journals = [target.with_name(f"{target.name}-{what}") for what in ("wal", "shm", "journal")]
    for path in (target, *beside, *journals):  # SQLite would replay a leftover journal into the log
        if os.path.lexists(path):
            raise LogUnusable(f"{path} exists already: it was left as it is; move it elsewhere, or choose another name")


@contextmanager
def folder_beside(target: Path) -> Iterator[Path]:
    """Make a temporary folder beside the target, and remove it at the end."""
    try:
        beside = OwnFolder(beside=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise LogUnusable(f"{target} cannot be made: {error.strerror}; check its folder, or name another") from None
    with beside:
        yield beside.path


def give_name(made: Path, target: Path) -> None:
    """Link a complete file into place; unlike a rename, this never replaces a file that another program made."""
    try:
        files.give_name(made, target)
    except OSError as error:
        raise LogUnusable(f"{target} cannot be made: {error.strerror}; check its folder, or name another") from None


@contextmanager
def new_log(target: Path) -> Iterator[Path]:
    """Yield a temporary path for a new log, and link the log into place when the block ends.

    Raises:
        LogUnusable: the target exists, or is no file name.
    """
    refuse_existing(target)
    with folder_beside(target) as beside:
        yield beside / "log"
        give_name(beside / "log", target)
