"""Reading entries with their leaves, each checked: the first step of an export, a proof and a signature."""

from collections.abc import Iterator

from trialdomain.errors import LogCorrupt
from trialdomain.storage.store import LogReader, StoredEntry
from trialdomain.tree.leaf import leaf_hash
from trialdomain.values.given.plural import n_entries


class LeafDiffers(LogCorrupt):
    """An entry of a log does not fit the leaf that was recorded with it."""

    code = "leaf-differs"

    def __init__(self, *, trial: str, position: int, stream: str, version: int) -> None:
        super().__init__(
            f"position {position} of trial {trial} (stream {stream}, version {version}) does not fit its leaf: "
            f"the log was altered; restore it from an export"
        )
        self.trial, self.position, self.stream, self.version = trial, position, stream, version


def with_leaves(log: LogReader, trial: str, *, until: int) -> Iterator[tuple[StoredEntry, bytes]]:
    """Yield the entries of a trial by position, each with its leaf.

    Raises:
        LeafDiffers: an entry was altered, or its leaf.
        LogCorrupt: entries are missing.
    """
    recorded = log.leaves(trial, until=until)
    number = 0
    for entry in log.in_log_order(trial, until=until):
        number += 1
        stream, version = str(entry.originator_id), entry.originator_version
        leaf = leaf_hash(stream=stream, version=version, topic=entry.topic, state=entry.state)
        if next(recorded, None) != leaf:
            raise LeafDiffers(trial=trial, position=entry.position, stream=stream, version=version)
        yield entry, leaf
    if number != until:
        raise LogCorrupt(f"trial {trial} has {n_entries(number)} up to position {until}: restore it from an export")
