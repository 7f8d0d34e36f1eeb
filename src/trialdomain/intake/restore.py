"""Bringing an exported log back: the same entries, in the same places, under the same roots."""

from pathlib import Path

import attrs

from trialdomain.commands.coercion import check_callable
from trialdomain.exchange.jsonl import read_jsonl
from trialdomain.intake.new_log import new_log
from trialdomain.signing.trees import TrialTree
from trialdomain.storage.open_store import open_store
from trialdomain.values.given.filename import as_path, named
from trialdomain.values.progress import Progress, unheard


@attrs.frozen(kw_only=True)
class Restored:
    """One trial that was brought back."""

    trial: str
    entries: int
    root: bytes
    """Of the tree over them: that of the file."""


def restore(file: str | Path, log: str | Path, *, progress: Progress = unheard) -> list[Restored]:
    """Restore an exported JSONL file, plain or gzip, into a new log; it is there whole, or not at all.

    The only way by which recording times come from outside: every entry is decoded strictly, and nothing is there
    unless every leaf and every root fits. A command that comes again is never taken for a repetition, for an export
    does not say what was asked.

    Args:
        file: the export, of one trial or several.
        log: the SQLite file to make.
        progress: told how many bytes of the file were read.

    Raises:
        LineCorrupt: the file was changed, or reformatted, since it was exported; it names the line and which of both.
        LogUnusable: the file cannot be read, or the log exists, or cannot be made.
    """
    check_callable(progress=progress)
    exported = named(file, what="the export")
    with new_log(as_path("the log", log)) as path:
        store = open_store(path)
        try:
            read_jsonl(exported, store, remember=True, progress=progress)
            restored = []
            for trial in store.trials():
                head = TrialTree(store, trial).head()
                restored.append(Restored(trial=trial, entries=head.size, root=head.root))
        finally:
            store.close()
    return restored
