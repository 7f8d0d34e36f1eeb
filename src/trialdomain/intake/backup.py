"""Back up a log that is in use: a copy in a new SQLite file, as the log is at one moment."""

from pathlib import Path

from trialdomain.commands.coercion import check_callable
from trialdomain.errors import LogUnusable
from trialdomain.intake.new_log import new_log
from trialdomain.intake.restore import Restored, copy_file, restored_in
from trialdomain.storage.copying import copy_log
from trialdomain.storage.open_store import open_store, postgres_in
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.storage.sqlite.file import is_database
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.values.given.filename import as_path, named
from trialdomain.values.progress import Progress, ignore_progress


def backup(log: str | Path, file: str | Path, *, progress: Progress = ignore_progress) -> list[Restored]:
    """Copy a log, also one that is in use, into a new SQLite file; every leaf of the copy is checked.

    The copy of a SQLite log has everything that the log has: entries, commands, checkpoints, signed heads and the
    positions of outboxes. The copy of a log in PostgreSQL has its entries, commands and checkpoints; signed heads and
    outboxes begin anew. Programs may append meanwhile; what they record after the copy has begun is not in it.

    Args:
        log: a SQLite file; or ``postgresql://USER@HOST/DATABASE``.
        file: the file to make.
        progress: called with the number of entries that were copied from PostgreSQL.

    Raises:
        LogUnusable: the log is an export, or cannot be read; or the file exists, or cannot be made.
        LogCorrupt: an entry does not fit its leaf: verify the log.
    """
    check_callable(progress=progress)
    server = postgres_in(log)
    source = _source(log) if server is None else server
    with new_log(as_path("the backup", file)) as path:
        if isinstance(source, PostgresAddress):
            _copy(source, path, place=str(file), progress=progress)
        else:
            copy_file(source, path)
        return restored_in(path)


def _source(log: str | Path) -> Path:
    path = named(log, what="the log")
    if not path.exists():
        raise LogUnusable(f"there is no log at {path}: check the name")
    if not is_database(path):
        raise LogUnusable(f"{path} is no SQLite log, and needs no backup of this kind: copy the file")
    return path


def _copy(source: PostgresAddress, path: Path, *, place: str, progress: Progress) -> None:
    reader, target = open_store(source, readonly=True), SQLiteStore(path)
    try:
        copy_log(reader, target, place=place, progress=progress)
    finally:
        reader.close()
        target.close()
