"""A log as JSON lines: one entry a line in the order of positions, and last its size and root.

A line is ``{"position", "stream", "version", "name", "leaf", "state"}``; ``state`` stands byte for byte as it is stored
and hashed, so that who, when and why are under the hash as well. Nothing outside ``state`` is believed but the position
and what the leaf binds. The last line of a trial is ``{"trial", "size", "root"}``.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from trialdomain.errors import InputInvalid, LogCorrupt, LogUnusable
from trialdomain.storage.codec import decode
from trialdomain.storage.sqlite import SQLiteRecorder, StoredEntry
from trialdomain.tree.leaf import leaf_hash
from trialdomain.tree.merkle import root
from trialdomain.values.ids import (
    access_stream,
    check_id,
    cohort_stream,
    level_of,
    participant_stream,
    subject_of,
    trial_stream,
)

_LONGEST_LINE = 8 * 1024 * 1024
_GZIP_HEADER = b"\x1f\x8b"
_BATCH = 1_000


class LineCorrupt(LogCorrupt):
    """A line of an exported log is not one that was exported."""

    def __init__(self, *, path: Path, line: int, why: str) -> None:
        super().__init__(f"{path}, line {line}: {why}; export the log again")
        self.path, self.line, self.why = path, line, why


class LeafDiffers(LogCorrupt):
    """An entry of a log does not fit the leaf that was recorded with it."""

    def __init__(self, *, entry: StoredEntry) -> None:
        super().__init__(
            f"position {entry.position} of trial {entry.trial} (stream {entry.originator_id}, "
            f"version {entry.originator_version}) does not fit its leaf: the log was altered; restore it from an export"
        )
        self.trial, self.position = entry.trial, entry.position


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


class _Readable(Protocol):
    def readline(self, size: int = -1, /) -> bytes: ...


_LINE = msgspec.json.Decoder(_Line)
_LAST = msgspec.json.Decoder(_Last)
_EITHER = msgspec.json.Decoder(_Either)


def write_jsonl(recorder: SQLiteRecorder, trial: str, file: BinaryIO) -> int:
    """Write one trial of a log; give the number of its entries.

    Raises:
        InputInvalid: the log does not have the trial.
        LeafDiffers: the log was altered; an export would give its entries new, fitting leaves.
        LogCorrupt: entries are missing.
    """
    size = recorder.head(trial)
    if not size:
        raise InputInvalid(f"the log has nothing of trial {trial[:70]!r} to export: name a trial that it has")
    leaves: list[bytes] = []
    recorded = recorder.leaves(trial, until=size)
    for entry in recorder.in_log_order(trial, until=size):
        leaf = leaf_hash(
            stream=str(entry.originator_id), version=entry.originator_version, topic=entry.topic, state=entry.state
        )
        if next(recorded, None) != leaf:
            raise LeafDiffers(entry=entry)
        leaves.append(leaf)
        file.write(_line(entry, leaf))
    if len(leaves) != size:
        raise LogCorrupt(f"trial {trial} has {len(leaves)} entries up to position {size}: restore it from an export")
    file.write(_last_line(_Last(trial=trial, size=size, root=root(leaves).hex())))
    return size


def read_jsonl(path: Path, recorder: SQLiteRecorder) -> None:
    """Read an exported file, plain or gzip, into an empty recorder, strictly.

    Raises:
        LineCorrupt: a line that is not an entry in its place, a state that is not canonical, a leaf or a root that does
            not fit, or an end that is missing; it names the line.
        LogUnusable: the file cannot be read.
    """
    try:
        with ExitStack() as stack:
            plain = stack.enter_context(path.open("rb"))
            packed = plain.peek(2)[:2] == _GZIP_HEADER  # a pipe cannot be opened a second time
            _read(path, stack.enter_context(gzip.GzipFile(fileobj=plain)) if packed else plain, recorder)
    except OSError as error:
        raise LogUnusable(f"{path} cannot be read: {error.strerror or error}; check the name and the disk") from None


def _read(path: Path, file: _Readable, recorder: SQLiteRecorder) -> None:
    section: _Section | None = None
    number = 0
    for number, line in enumerate(_lines(path, file), start=1):
        try:
            if _EITHER.decode(line).trial is not None:
                _end(section, line)
                section = None
            else:
                entry, leaf = _entry(line)
                section = section or _Section(entry.trial, recorder)
                section.add(entry, leaf)
        except (msgspec.MsgspecError, LogCorrupt, ValueError, RecursionError) as error:
            raise LineCorrupt(path=path, line=number, why=str(error)[:400]) from None
    if section is not None:
        raise LineCorrupt(path=path, line=number, why="the file ends before the trial's size and root: it was cut off")
    if not number:
        raise LineCorrupt(path=path, line=1, why="the file is empty")


class _Section:
    """The entries of one trial so far, on their way into a recorder."""

    def __init__(self, trial: str, recorder: SQLiteRecorder) -> None:
        if recorder.head(trial):
            raise ValueError(f"trial {trial} begins a second time")
        self.trial, self._recorder = trial, recorder
        self._leaves: list[bytes] = []
        self._versions: dict[str, int] = {}
        self._batch: list[StoredEntry] = []

    def add(self, entry: StoredEntry, leaf: bytes) -> None:
        """Take an entry that is the next of this trial, and of its stream."""
        if entry.trial != self.trial:
            raise ValueError(f"an entry of trial {entry.trial} stands among those of trial {self.trial}")
        stream, version = str(entry.originator_id), entry.originator_version
        for what, expected, found in (
            ("position", len(self._leaves) + 1, entry.position),
            (f"version of stream {stream}", self._versions.get(stream, 0) + 1, version),
        ):
            if found != expected:
                raise ValueError(f"expected {what} {expected}, found {found}: entries are missing or out of order")
        self._versions[stream] = version
        self._leaves.append(leaf)
        self._batch.append(entry)
        if len(self._batch) >= _BATCH:
            self._flush()

    def end(self, last: _Last) -> None:
        """Compare with what the last line says, and record the rest."""
        if (last.trial, last.size) != (self.trial, len(self._leaves)):
            raise ValueError(
                f"it ends trial {last.trial[:70]!r} with {last.size} entries, "
                f"after {len(self._leaves)} of trial {self.trial}: entries are missing"
            )
        if last.root != root(self._leaves).hex():
            raise ValueError("the root does not fit the entries: the file was altered")
        self._flush()

    def _flush(self) -> None:
        self._recorder.insert_events(self._batch)
        self._batch = []


def _end(section: _Section | None, line: bytes) -> None:
    last = _LAST.decode(line)
    if line != _last_line(last):
        _refuse_duplicates(line)
    if section is None:
        raise ValueError(f"it ends trial {last.trial[:70]!r}, of which no entry stands before it")
    section.end(last)


def _entry(line: bytes) -> tuple[StoredEntry, bytes]:
    """Read a line by itself: a known name in a stream of its kind, a canonical state, and the leaf of both."""
    read = _LINE.decode(line)
    state = bytes(read.state)
    kind = _kind(read.stream)
    decode(read.name, state, strict=True)
    if read.name.partition(".")[0] != kind:
        raise ValueError(f"stream {read.stream} takes no {read.name}")
    leaf = leaf_hash(stream=read.stream, version=read.version, topic=read.name, state=state)
    if leaf.hex() != read.leaf:
        raise ValueError(f"position {read.position} does not fit its leaf: it was altered")
    entry = StoredEntry(read.stream, read.version, read.name, state, read.stream.partition("/")[0], read.position)
    if line != _line(entry, leaf):
        _refuse_duplicates(line)
    return entry, leaf


def _kind(stream: str) -> str:
    """Say what a stream is about, as stored names begin with it; a stream has one spelling."""
    trial = check_id("trial", stream.partition("/")[0])
    if stream == trial_stream(trial):
        return "trial"
    if stream == access_stream(trial):
        return "access"
    subject = subject_of(stream)
    if subject is not None and stream == participant_stream(trial, check_id("subject", subject)):
        return "participant"
    level = level_of(stream)
    if level is not None and level > 0 and stream == cohort_stream(trial, level):
        return "cohort"
    raise ValueError(f"{stream[:70]!r} is no stream of a trial: neither its own, nor a cohort's or a participant's")


def _refuse_duplicates(line: bytes) -> None:
    """Refuse a key that stands twice; of lines in another form than ours, for in ours none does."""

    def once(pairs: list[tuple[str, object]]) -> None:
        names = [name for name, _ in pairs]
        if len(names) != len(set(names)):
            raise ValueError("a key stands twice in it")

    json.loads(line, object_pairs_hook=once)


def _line(entry: StoredEntry, leaf: bytes) -> bytes:
    head = {
        "position": entry.position,
        "stream": entry.originator_id,
        "version": entry.originator_version,
        "name": entry.topic,
        "leaf": leaf.hex(),
    }
    return msgspec.json.encode(head)[:-1] + b',"state":' + entry.state + b"}\n"


def _last_line(last: _Last) -> bytes:
    return msgspec.json.encode(last) + b"\n"


def _lines(path: Path, file: _Readable) -> Iterator[bytes]:
    number = 1
    while line := _next_line(path, number, file):
        yield line
        number += 1


def _next_line(path: Path, number: int, file: _Readable) -> bytes:
    try:
        line = file.readline(_LONGEST_LINE + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise LineCorrupt(path=path, line=number, why=f"the compressed file ends or breaks here: {error}") from None
    if len(line) > _LONGEST_LINE:
        raise LineCorrupt(path=path, line=number, why=f"it is longer than {_LONGEST_LINE} bytes")
    return line
