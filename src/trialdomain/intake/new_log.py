"""Create a log atomically, so that it is complete or does not exist.

A file is written in a folder beside the target, and then linked into place. A log in PostgreSQL is written into a
temporary file first, and then copied in one transaction.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trialdomain.errors import LogUnusable
from trialdomain.exchange import files
from trialdomain.storage.copying import LogNotEmpty, copy_log
from trialdomain.storage.errors import StoreFailed
from trialdomain.storage.open_store import open_target, postgres_in, refuse_other_address
from trialdomain.storage.own_folder import OwnFolder
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.storage.sqlite.store import MEMORY, SQLiteStore
from trialdomain.values.given.filename import as_path, named
from trialdomain.values.progress import Progress, ignore_progress


def refuse_existing(target: Path, *, beside: Sequence[Path] = ()) -> None:
    """Refuse a target that cannot be a new log.

    Raises:
        LogUnusable: the target is no file name, or the file, or one that belongs beside it, exists.
    """
    if not target.name or "\0" in str(target) or target.name == MEMORY:
        raise LogUnusable(f"{str(target)!r} cannot be a log: name a file")
    named(target)
    journals = [target.with_name(f"{target.name}-{what}") for what in ("wal", "shm", "journal")]
    refuse_present((target, *beside, *journals))  # SQLite would replay a leftover journal into the log


def refuse_present(paths: Iterable[Path]) -> None:
    """Refuse files that exist.

    Raises:
        LogUnusable: one of them exists.
    """
    for path in paths:
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


def put(made: Path, target: Path | PostgresAddress, *, progress: Progress = ignore_progress) -> None:
    """Put a complete log into its place: link the file, or copy it into the database.

    Raises:
        LogUnusable: the place is taken, or cannot be written.
    """
    if isinstance(target, PostgresAddress):
        copy_into(target, made, progress=progress)
    else:
        give_name(made, target)


def give_name(made: Path, target: Path) -> None:
    """Link a complete file into place; unlike a rename, this never replaces a file that another program made."""
    try:
        files.give_name(made, target)
    except OSError as error:
        raise LogUnusable(f"{target} cannot be made: {error.strerror}; check its folder, or name another") from None


def log_target(given: object) -> Path | PostgresAddress:
    """Convert the name of a new log: the address of a log in PostgreSQL, or a path.

    Raises:
        PathInvalid: it is neither.
        AddressUnknown: it is the address of another kind of server.
    """
    server = postgres_in(given)
    if server is not None:
        return server
    refuse_other_address(given)
    return as_path("the log", given)


def refuse_recorded(target: PostgresAddress) -> None:
    """Refuse a database that cannot be a new log, before the work begins.

    Raises:
        LogUnusable: the server cannot be reached; or the schema has a log with entries, or other tables.
    """
    store = open_target(target)
    try:
        if not store.is_empty():
            raise LogNotEmpty(place=str(target))
    finally:
        store.close()


def copy_into(target: PostgresAddress, made: Path, *, progress: Progress = ignore_progress) -> None:
    """Copy a log file into PostgreSQL, in one transaction.

    Raises:
        LogUnusable: the server cannot be reached; or something was recorded there meanwhile.
    """
    source, store = SQLiteStore(made, readonly=True), open_target(target)
    try:
        copy_log(source, store, place=str(target), progress=progress)
    finally:
        source.close()
        store.close()


@contextmanager
def new_log(target: Path | PostgresAddress, *, progress: Progress = ignore_progress) -> Iterator[Path]:
    """Yield a temporary path for a new log, and put the log into its place when the block ends.

    Args:
        target: the file to make; or the address of a database, with an empty schema or an empty log.
        progress: called with the number of entries that were copied into a database.

    Raises:
        LogUnusable: the target exists, or is no file name; or the database cannot be reached.
    """
    if isinstance(target, PostgresAddress):
        refuse_recorded(target)
        with OwnFolder() as folder:
            yield folder.path / "log"
            copy_into(target, folder.path / "log", progress=progress)
        return
    refuse_existing(target)
    with folder_beside(target) as beside:
        try:
            yield beside / "log"
        except StoreFailed as error:
            if type(error) is not StoreFailed:
                raise
            raise StoreFailed(str(error).replace(str(beside / "log"), str(target))) from error
        give_name(beside / "log", target)
