"""Restore an exported log: the same entries, in the same positions, under the same Merkle roots."""

from pathlib import Path

import attrs

from trialdomain.commands.coercion import check_callable
from trialdomain.exchange.jsonl import read_jsonl
from trialdomain.intake.new_log import log_target, new_log
from trialdomain.signing.trees import TrialTree
from trialdomain.storage.open_store import open_store
from trialdomain.storage.sqlite.file import is_database
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.values.given.filename import named
from trialdomain.values.progress import Progress, ignore_progress


@attrs.frozen(kw_only=True)
class Restored:
    """One restored trial."""

    trial: str
    entries: int
    root: bytes
    """The Merkle root over the entries; it equals the root in the file."""


def restore(file: str | Path, log: str | Path, *, progress: Progress = ignore_progress) -> list[Restored]:
    """Restore an exported JSONL file, plain or gzip, or a backup, into a new log. It appears complete, or not at all.

    Of an export, every entry is decoded strictly, and the log is created only if every leaf and every root matches.
    Later, a command with a restored id never counts as a repeated request, since an export does not contain the
    request. A backup is a SQLite log, as :func:`trialdomain.backup` makes one: every leaf is checked, and a repeated
    command is recognized. Only a restore takes recording times from outside.

    Args:
        file: the export, of one trial or several, or the backup.
        log: the SQLite file to make; or ``postgresql://USER@HOST/DATABASE``, where the schema must be empty.
        progress: called with the number of bytes that were read, then with the number of entries that were copied into
            a database.

    Raises:
        LineCorrupt: the file was changed, or reformatted, after the export; the error names the line and which.
        LogUnusable: the file cannot be read, or the log exists, or cannot be made; or the database cannot be reached.
    """
    check_callable(progress=progress)
    exported = named(file, what="the export")
    with new_log(log_target(log), progress=progress) as path:
        if is_database(exported):
            copy_file(exported, path)
        else:
            store = open_store(path)
            try:
                read_jsonl(exported, store, remember=True, progress=progress)
            finally:
                store.close()
        return restored_in(path)


def copy_file(log: Path, path: Path) -> None:
    """Copy a SQLite log, as it is at this moment, into a new file; others may append meanwhile."""
    source = SQLiteStore(log, readonly=True)
    try:
        source.copy_to(path)
    finally:
        source.close()


def restored_in(path: Path) -> list[Restored]:
    """Read the trials of a new log, and check every leaf of it.

    Raises:
        LogCorrupt: an entry does not fit its leaf.
    """
    store = open_store(path, readonly=True)
    try:
        heads = [(trial, TrialTree(store, trial).head()) for trial in store.trials()]
    finally:
        store.close()
    return [Restored(trial=trial, entries=head.size, root=head.root) for trial, head in heads]
