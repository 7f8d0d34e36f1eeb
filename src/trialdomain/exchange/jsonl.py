"""A log as JSON lines: one entry a line in the order of positions, and a last line with size and root.

A line is ``{"position", "stream", "version", "name", "leaf", "state"}``. ``state`` is copied byte for byte as it is
stored and hashed, so the hash also covers user, time and reason. Outside ``state``, the reader trusts only the position
and the fields that the leaf hash covers. The last line of a trial is ``{"trial", "size", "root"}``, the root in base64.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from io import BufferedReader
from itertools import chain, groupby, islice
from pathlib import Path
from typing import BinaryIO, Protocol

from typing_extensions import override

from trialdomain.errors import InputInvalid, LogCorrupt, LogUnusable
from trialdomain.exchange.lines import (
    GZIP_HEADER,
    LONGEST_LINE,
    Last,
    Line,
    fitting,
    is_other_form,
    parse,
    read_root,
    write_entry,
    write_last,
)
from trialdomain.storage.leaves import with_leaves
from trialdomain.storage.mapper import entry_of
from trialdomain.storage.plain_files import open_plain
from trialdomain.storage.store import UNKNOWN_REQUEST, Command, LogReader, Sealed, Store, StoredEntry
from trialdomain.tree.checkpoint import as_base64
from trialdomain.tree.merkle import Frontier
from trialdomain.values.given.filename import unread
from trialdomain.values.given.plural import n_entries
from trialdomain.values.progress import Progress, ignore_progress

_BATCH = 1_000
_PROGRESS_EVERY = 1_000
_KEYS = (b'"position"', b'"stream"', b'"leaf"', b'"state"', b'"size"', b'"root"')
"""The keys of exported lines; a line with two of them is recognized as a damaged line of an export."""
_EXAMINED_LINES = 20
"""The number of lines that are examined for these keys."""
_BATCH_BYTES = 8 * 1024 * 1024
"""The most bytes of states in a batch: a line may have millions of bytes, and gzip can compress a thousand such lines
into a few bytes."""


class LineCorrupt(LogCorrupt):
    """A line of an exported log was damaged or altered."""

    code = "line-corrupt"

    def __init__(self, *, path: Path, line: int, why: str) -> None:
        super().__init__(self._sentence(path, line, why))
        self.path, self.line, self.why = path, line, why

    def _sentence(self, path: Path, line: int, why: str) -> str:
        return f"{path}, line {line}: {why}; export the log again"


class NotALog(LineCorrupt):
    """A file is not an exported log: it is empty, or its lines are not those of an export."""

    code = "not-a-log"

    @override
    def _sentence(self, path: Path, line: int, why: str) -> str:
        return (
            f"{path}, line {line}: this is not a log of this library ({why}): "
            f"name a SQLite file, or an exported JSONL file"
        )


class _Readable(Protocol):
    def readline(self, size: int = -1, /) -> bytes: ...


def write_jsonl(
    log: LogReader, trial: str, file: BinaryIO, *, until: int | None = None, progress: Progress = ignore_progress
) -> int:
    """Write one trial of a log, or its entries up to a position, and return the number of entries.

    Args:
        log: the log with the entries.
        trial: the code of the trial.
        file: the file to write to.
        until: the last position; by default, all entries.
        progress: called with the number of entries written so far.

    Raises:
        InputInvalid: the log does not have the trial.
        LeafDiffers: the log was altered. Exporting it would compute new leaves that match the altered entries.
        LogCorrupt: entries are missing.
    """
    size = log.head(trial) if until is None else until
    if not size:
        raise InputInvalid(f"the log has nothing of trial {trial[:70]!r} to export: name a trial that it has")
    frontier = Frontier()
    for entry, leaf in with_leaves(log, trial, until=size):
        frontier.add(leaf)
        file.write(write_entry(entry, leaf))
        if not frontier.size % _PROGRESS_EVERY:
            progress("exporting", frontier.size, size)
    file.write(write_last(Last(trial=trial, size=size, root=as_base64(frontier.root()))))
    return size


def is_packed(path: Path) -> bool:
    """Return whether a file is compressed.

    Raises:
        LogUnusable: the file cannot be read.
    """
    with _opening(path) as plain:
        return _begins_packed(plain)


def is_exported(path: Path) -> bool:
    """Return whether a file looks like an exported log: it is compressed, or begins with a JSON object.

    Raises:
        LogUnusable: the file cannot be read.
    """
    with _opening(path) as plain:
        return _begins_packed(plain) or plain.peek(1)[:1] == b"{"


def read_jsonl(path: Path, store: Store, *, remember: bool = False, progress: Progress = ignore_progress) -> None:
    """Read an exported file, plain or gzip, into an empty store, strictly.

    Args:
        path: the file.
        store: the empty log to write to.
        remember: whether to register the commands, so that none of them can be recorded a second time; their requests
            are unknown.
        progress: called with the number of bytes read so far; not called for a pipe, which has no size.

    Raises:
        LineCorrupt: a line is not the expected entry, a state is not canonical, a leaf or a root does not match, or
            the end is missing; the message names the line. A line that was only reformatted has its own message.
        LogUnusable: the file cannot be read.
    """
    with _opening(path) as plain, ExitStack() as stack:  # open only once: a pipe cannot be opened a second time
        file: _Readable = stack.enter_context(gzip.GzipFile(fileobj=plain)) if _begins_packed(plain) else plain
        total = path.stat().st_size

        def report_progress() -> None:
            if total:  # otherwise it is a pipe, which has no offset
                progress("reading", plain.tell(), total)

        _read(path, file, partial(_Section, store=store, remember=remember), report_progress)


@contextmanager
def _opening(path: Path) -> Iterator[BufferedReader]:
    try:
        with open_plain(path) as plain:
            yield plain
    except OSError as error:
        raise LogUnusable(unread(path, error)) from None


def _begins_packed(plain: BufferedReader) -> bool:
    return plain.peek(2)[:2] == GZIP_HEADER


def _read(path: Path, file: _Readable, begin: "Callable[[str], _Section]", report_progress: Callable[[], None]) -> None:
    section: _Section | None = None
    number = 0
    lines = _lines(path, file)
    for number, line in enumerate(lines, start=1):
        try:
            read = parse(line)
            if isinstance(read, Last):
                _end(section, read)
                section = None
            else:
                entry, leaf = _entry(read)
                section = section or begin(entry.trial)
                section.add(entry, leaf)
            if not number % _PROGRESS_EVERY:
                report_progress()
        except (LogCorrupt, ValueError) as error:
            kind = LineCorrupt if number > 1 or _is_exported(chain([line], lines)) else NotALog
            raise kind(path=path, line=number, why=str(error)[:400]) from None
    if section is not None:
        raise LineCorrupt(path=path, line=number, why="the file ends before the trial's size and root: it was cut off")
    if not number:
        raise NotALog(path=path, line=1, why="the file is empty")


def _is_exported(lines: Iterator[bytes]) -> bool:
    """Return whether any of the first lines has keys of an export: then the file is an export that was damaged."""
    return any(sum(key in line for key in _KEYS) > 1 for line in islice(lines, _EXAMINED_LINES))


class _Section:
    """The entries of one trial read so far, to be written into a store in batches."""

    def __init__(self, trial: str, *, store: Store, remember: bool) -> None:
        if store.head(trial):
            raise ValueError(f"trial {trial} begins a second time")
        self.trial, self._store, self._remember = trial, store, remember
        self._frontier = Frontier()
        self._versions: dict[str, int] = {}
        self._going_on: tuple[str | None, int] = None, 0
        """The command that may continue in the next batch, and the number of its entries recorded so far."""
        self._batch: list[StoredEntry] = []
        self._bytes = 0

    def add(self, entry: StoredEntry, leaf: bytes) -> None:
        """Add an entry; it must be the next of this trial and of its stream."""
        if entry.trial != self.trial:
            raise ValueError(f"an entry of trial {entry.trial} is among those of trial {self.trial}")
        stream, version = str(entry.originator_id), entry.originator_version
        for what, expected, found in (
            ("position", self._frontier.size + 1, entry.position),
            (f"version of stream {stream}", self._versions.get(stream, 0) + 1, version),
        ):
            if found != expected:
                raise ValueError(f"expected {what} {expected}, found {found}: entries are missing or out of order")
        self._versions[stream] = version
        self._frontier.add(leaf)
        self._batch.append(entry)
        self._bytes += len(entry.state)
        if len(self._batch) >= _BATCH or self._bytes >= _BATCH_BYTES:
            self._flush()

    def end(self, last: Last) -> None:
        """Compare size and root with the last line, and record the remaining entries."""
        if (last.trial, last.size) != (self.trial, self._frontier.size):
            raise ValueError(
                f"it ends trial {last.trial[:70]!r} with {n_entries(last.size)}, "
                f"after {self._frontier.size} of trial {self.trial}: entries are missing"
            )
        root = self._frontier.root()
        if read_root(last.root) != root:
            raise ValueError("the root does not fit the entries: the file was altered")
        if is_other_form(last.root, root):
            raise ValueError("the line was reformatted: its root is written in another form, with the same content")
        self._flush(last=True)

    def _flush(self, *, last: bool = False) -> None:
        if self._remember:
            self._store.append(self.trial, list(self._commands(last=last)))
        else:
            self._store.append(self.trial, [Sealed(None, self._batch)])
        self._batch, self._bytes = [], 0

    def _commands(self, *, last: bool) -> Iterator[Sealed]:
        """Yield the batch by commands. The last command may continue in the next batch, and is registered with it."""
        groups = [(name, list(some)) for name, some in groupby(self._batch, key=_command_of)]
        going_on, earlier = self._going_on
        if going_on is not None and (not groups or groups[0][0] != going_on):
            groups.insert(0, (going_on, []))
        self._going_on = None, 0
        for number, (name, some) in enumerate(groups, start=1):
            before = earlier if number == 1 and name == going_on else 0
            if number < len(groups) or last:
                yield Sealed(Command(id=name, request=UNKNOWN_REQUEST), some, before)
            else:
                self._going_on = name, before + len(some)
                yield Sealed(None, some)


def _command_of(entry: StoredEntry) -> str:
    return entry_of(entry).envelope.command


def _end(section: _Section | None, last: Last) -> None:
    if section is None:
        raise ValueError(f"it ends trial {last.trial[:70]!r}, but no entry of it comes before")
    section.end(last)


def _entry(read: Line) -> tuple[StoredEntry, bytes]:
    """Validate a single line: a known event name in a stream of its kind, a canonical state, and a matching leaf."""
    entry, leaf = fitting(read)
    entry_of(entry, strict=True)
    return entry, leaf


def _lines(path: Path, file: _Readable) -> Iterator[bytes]:
    number = 1
    while line := _next_line(path, number, file):
        yield line
        number += 1


def _next_line(path: Path, number: int, file: _Readable) -> bytes:
    try:
        line = file.readline(LONGEST_LINE + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise LineCorrupt(path=path, line=number, why=f"the compressed file ends or breaks here: {error}") from None
    if len(line) > LONGEST_LINE:
        raise LineCorrupt(path=path, line=number, why=f"it is longer than {LONGEST_LINE} bytes")
    return line
