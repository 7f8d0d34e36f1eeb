"""A log as JSON lines: one entry a line in the order of positions, and last its size and root.

A line is ``{"position", "stream", "version", "name", "leaf", "state"}``; ``state`` stands byte for byte as it is stored
and hashed, so that who, when and why are under the hash as well. Nothing outside ``state`` is believed but the position
and what the leaf binds. The last line of a trial is ``{"trial", "size", "root"}``.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from trialdomain.errors import LogCorrupt, LogUnusable
from trialdomain.storage.codec import decode
from trialdomain.storage.sqlite import SQLiteRecorder, StoredEntry
from trialdomain.storage.sqlite_file import AppendRefused
from trialdomain.tree.leaf import leaf_hash
from trialdomain.tree.merkle import root

_LONGEST_LINE = 8 * 1024 * 1024
_GZIP_HEADER = b"\x1f\x8b"
_BATCH = 1_000


class LineCorrupt(LogCorrupt):
    """A line of an exported log is not one that was exported."""

    def __init__(self, *, path: Path, line: int, why: str) -> None:
        super().__init__(f"{path}, line {line}: {why}")
        self.path, self.line, self.why = path, line, why


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    position: int
    stream: str
    version: int
    name: str
    leaf: str
    state: msgspec.Raw


class _Last(msgspec.Struct, forbid_unknown_fields=True):
    trial: str
    size: int
    root: str


class _Either(msgspec.Struct):
    position: int | None = None
    trial: str | None = None


_LINE = msgspec.json.Decoder(_Line)
_LAST = msgspec.json.Decoder(_Last)
_EITHER = msgspec.json.Decoder(_Either)


def write_jsonl(recorder: SQLiteRecorder, trial: str, file: BinaryIO) -> int:
    """Write one trial of a log; give the number of its entries."""
    size = recorder.head(trial)
    leaves: list[bytes] = []
    for entry in recorder.in_log_order(trial, until=size):
        leaf = _leaf(entry)
        leaves.append(leaf)
        head = {
            "position": entry.position,
            "stream": entry.originator_id,
            "version": entry.originator_version,
            "name": entry.topic,
            "leaf": leaf.hex(),
        }
        file.write(msgspec.json.encode(head)[:-1] + b',"state":' + entry.state + b"}\n")
    file.write(msgspec.json.encode(_Last(trial=trial, size=size, root=root(leaves).hex())) + b"\n")
    return size


def read_jsonl(path: Path, recorder: SQLiteRecorder) -> None:
    """Read an exported file, plain or gzip, into an empty recorder, strictly.

    Raises:
        LineCorrupt: a line that is not an entry in its place, a state that is not canonical, a leaf or a root that does
            not fit, or an end that is missing; it names the line.
        LogUnusable: the file cannot be read.
    """
    try:
        with _opened(path) as file:
            _read(path, file, recorder)
    except (OSError, EOFError, zlib.error) as error:
        raise LogUnusable(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _read(path: Path, file: BinaryIO, recorder: SQLiteRecorder) -> None:
    trial: str | None = None
    leaves: list[bytes] = []
    batch: list[StoredEntry] = []
    number = 0
    for number, line in enumerate(_lines(path, file), start=1):
        try:
            if _EITHER.decode(line).trial is not None:
                recorder.insert_events(batch)
                _check_last(_LAST.decode(line), trial, leaves)
                trial, leaves, batch = None, [], []
                continue
            event, leaf = _event(_LINE.decode(line), expected=len(leaves) + 1)
            trial = _same_trial(trial, event.trial)
            leaves.append(leaf)
            batch.append(event)
            if len(batch) >= _BATCH:
                recorder.insert_events(batch)
                batch = []
        except LineCorrupt:
            raise
        except AppendRefused:
            raise LineCorrupt(path=path, line=number, why="a stream's versions have a gap at or before it") from None
        except (msgspec.MsgspecError, LogCorrupt, ValueError, RecursionError) as error:
            raise LineCorrupt(path=path, line=number, why=str(error)[:400]) from None
    if trial is not None:
        raise LineCorrupt(path=path, line=number, why="the file ends before the trial's size and root: it was cut off")
    if not number:
        raise LineCorrupt(path=path, line=1, why="the file is empty")


def _event(line: _Line, *, expected: int) -> tuple[StoredEntry, bytes]:
    if line.position != expected:
        raise ValueError(f"expected position {expected}, found {line.position}: entries are missing or out of order")
    state = bytes(line.state)
    decode(line.name, state, strict=True)
    leaf = leaf_hash(stream=line.stream, version=line.version, topic=line.name, state=state)
    if leaf.hex() != line.leaf:
        raise ValueError(f"position {line.position} does not fit its leaf: it was altered")
    trial = line.stream.partition("/")[0]
    return StoredEntry(line.stream, line.version, line.name, state, trial, line.position), leaf


def _same_trial(trial: str | None, found: str) -> str:
    if trial not in {None, found}:
        raise ValueError(f"an entry of trial {found} stands among those of trial {trial}")
    return found


def _check_last(last: _Last, trial: str | None, leaves: list[bytes]) -> None:
    if (last.trial, last.size) != (trial, len(leaves)):
        raise ValueError(f"it ends trial {last.trial} with {last.size} entries, after {len(leaves)} of trial {trial}")
    if last.root != root(leaves).hex():
        raise ValueError("the root does not fit the entries: the file was altered")


def _leaf(entry: StoredEntry) -> bytes:
    return leaf_hash(
        stream=str(entry.originator_id), version=entry.originator_version, topic=entry.topic, state=entry.state
    )


def _lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        if len(line) > _LONGEST_LINE:
            raise LineCorrupt(path=path, line=number, why=f"it is longer than {_LONGEST_LINE} bytes")
        yield line


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP_HEADER
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]  # it reads bytes as well
