"""Verifying an exported file, line by line, without stopping at the first line that is wrong.

Lines as this software writes them are taken by the thousand; a block in which anything is otherwise is read line by
line.
"""

import gzip
import re
import zlib
from binascii import hexlify, unhexlify
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from hashlib import sha256
from io import BufferedIOBase
from pathlib import Path
from typing import TypeAlias

import attrs

from trialdomain.audit.defect import MOST_SHOWN, Defect, Defects, What
from trialdomain.audit.entries_check import EntriesCheck, is_of
from trialdomain.errors import LogUnusable
from trialdomain.exchange.lines import GZIP_HEADER, LONGEST_LINE, Last, LineUnreadable, parse
from trialdomain.tree.leaf import BEFORE_STATE, in_stream, of_topic

_AS_WRITTEN = re.compile(
    rb'^\{"position":(0|[1-9][0-9]{0,17}),"stream":"([A-Za-z0-9_./-]{1,300})","version":(0|[1-9][0-9]{0,17}),"name":"([A-Za-z0-9_./-]{1,100})",'
    rb'"leaf":"([0-9a-f]{64})","state":(\{[^\n]*\})\}\n',
    re.MULTILINE,
)
"""A line as this software writes it, of a stream and a name that need no escape in JSON."""
_HASH = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 19

_Found: TypeAlias = tuple[bytes, bytes, bytes, bytes, bytes, bytes]


@attrs.frozen
class _Entry:
    """One line as an entry, whatever it says."""

    position: int
    stream: bytes
    version: int
    name: bytes
    state: bytes
    leaf: bytes


@attrs.frozen
class _End:
    """The last line of a trial."""

    trial: str
    size: int
    root: bytes


_Block: TypeAlias = list[_Found] | _Entry | _End
"""Many lines as they were written; or one, in another form or the last of its trial."""


class Exported:
    """The trials of an exported file, one after another.

    Args:
        path: the file, plain or gzip.
        defects: takes what is wrong.
    """

    def __init__(self, path: Path, defects: Defects) -> None:
        self._path, self._defects = path, defects
        self._line = 0
        self._again: _Block | None = None

    def trials(self) -> Iterator[str]:
        """Yield each trial; it is to be checked, or passed over, before the next one is asked for.

        Raises:
            LogUnusable: the file cannot be read, or is something else than an export.
        """
        seen: set[str] = set()
        try:
            with ExitStack() as stack:
                self._blocks = self._read(self._opened(stack))
                while (block := self._next()) is not None:
                    self._again, trial = block, _trial_of(block)
                    if isinstance(block, _End):
                        self._again = None
                        self._add(What.MALFORMED, f"trial {trial[:70]} ends here, and has no entry before it", trial)
                        continue
                    if trial in seen:
                        self._add(What.MALFORMED, f"trial {trial} begins a second time", trial)
                    seen.add(trial)
                    yield trial
        except OSError as error:
            raise LogUnusable(f"{self._path} cannot be read: {error.strerror or error}; check the disk") from None
        if not seen:
            raise LogUnusable(f"{self._path} is no log: name a SQLite file, or an exported JSONL file")

    def check_entries(self, check: EntriesCheck) -> Iterator[int]:
        """Read the entries of the trial that was yielded last; yield how many, block by block."""
        known = _Known(check)
        end: _End | None = None
        while end is None and (block := self._next()) is not None:
            if check.size and _begins_another(block, check.trial):
                self._again = block  # though this one has not ended
                break
            match block:
                case _End():
                    end = block
                case _Entry():
                    known.one(block, following=self._following())
                    yield 1
                case _ if known.many(block):
                    yield len(block)
                case _:
                    yield self._one_by_one(block, known, check)
        check.end()
        self._compare(check, end)

    def _following(self) -> int | None:
        """Look ahead at the position of the next entry; None at the end of a trial."""
        self._again = self._next()
        if self._again is None or isinstance(self._again, _End):
            return None
        return self._again.position if isinstance(self._again, _Entry) else int(self._again[0][0])

    def _one_by_one(self, block: list[_Found], known: "_Known", check: EntriesCheck) -> int:
        """Look at the lines of a block in which something is wrong; say how many there were."""
        for number, (position, stream, version, name, leaf, state) in enumerate(block):
            if number and check.size and _begins_another(block[number : number + 1], check.trial):
                self._again = block[number:]
                return number
            following = int(block[number + 1][0]) if number + 1 < len(block) else self._following()
            entry = _Entry(int(position), stream, int(version), name, state, unhexlify(leaf))
            known.one(entry, following=following)
        return len(block)

    def _compare(self, check: EntriesCheck, end: _End | None) -> None:
        """Compare the entries of a trial with its last line."""
        if end is None:
            why = "the line with the trial's size and root is missing: the file was cut off"
            self._add(What.TRUNCATED, why, check.trial)
        elif end.trial != check.trial:
            why = f"the entries of {check.trial} end with the last line of {end.trial[:70]}"
            self._add(What.MALFORMED, why, check.trial)
        elif end.size != check.size:
            more = "the newest are gone" if end.size > check.size else "entries were added"
            why = f"the last line says {end.size} entries, and there are {check.size}: {more}"
            self._add(What.TRUNCATED if end.size > check.size else What.REWRITTEN, why, check.trial)
        elif check.first_gap is None and end.root not in {check.root(), check.computed_root}:
            self._add(What.REWRITTEN, "the root of the last line is not that of the entries", check.trial)

    def _next(self) -> _Block | None:
        again, self._again = self._again, None
        return next(self._blocks, None) if again is None else again

    def _opened(self, stack: ExitStack) -> BufferedIOBase:
        plain = stack.enter_context(self._path.open("rb"))
        if plain.peek(2)[:2] != GZIP_HEADER:
            return plain
        return stack.enter_context(gzip.open(plain))

    def _read(self, file: BufferedIOBase) -> Iterator[_Block]:
        """Yield blocks of whole lines."""
        rest = b""
        while True:
            try:
                read = file.read(_BLOCK)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                self._add(What.DAMAGED, f"the compressed file ends or breaks here: {error}")
                read = b""
            whole, newline, after = (rest + read).rpartition(b"\n")
            if newline:
                yield from self._lines(whole + newline)
            rest = after
            if not read:
                break
            if len(rest) > LONGEST_LINE:
                rest = self._pass_over(file)
        if rest:
            yield from self._lines(rest)

    def _pass_over(self, file: BufferedIOBase) -> bytes:
        """Read on to the end of a line that is too long, and keep nothing of it."""
        self._line += 1
        self._add(What.MALFORMED, f"the line is longer than {LONGEST_LINE} bytes")
        try:
            while read := file.readline(_BLOCK):
                if read.endswith(b"\n"):
                    break
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            self._add(What.DAMAGED, f"the compressed file ends or breaks here: {error}")
        return b""

    def _lines(self, text: bytes) -> Iterator[_Block]:
        """Take lines together, if each is as it was written; else one by one."""
        found = _AS_WRITTEN.findall(text)
        if len(found) == text.count(b"\n") and text.endswith(b"\n"):
            self._line += len(found)
            yield found
            return
        together: list[_Found] = []
        for line in _split(text):
            if whole := _AS_WRITTEN.findall(line):
                together += whole
                continue
            if together:
                self._line += len(together)
                yield together
                together = []
            self._line += 1
            one = self._otherwise(line)
            if one is not None:
                yield one
        if together:
            self._line += len(together)
            yield together

    def _otherwise(self, line: bytes) -> _Entry | _End | None:
        """Read a line that was written in another form, or is the last one of its trial."""
        try:
            one = parse(line)
            if isinstance(one, Last):
                return _End(one.trial, one.size, _hash(one.root))
            leaf = _hash(one.leaf)
            stream, name = one.stream.encode(), one.name.encode()
            if len(stream) > MOST_SHOWN or len(name) > MOST_SHOWN:
                raise LineUnreadable(f"its stream or its name has more than {MOST_SHOWN} bytes")  # noqa: TRY301 - as others
        except (LineUnreadable, ValueError) as error:
            self._add(What.MALFORMED, f"the line is no exported entry: {error}")
            return None
        return _Entry(one.position, stream, one.version, name, bytes(one.state), leaf)

    def _add(self, what: What, why: str, trial: str | None = None) -> None:
        self._defects.add(Defect(what=what, why=why, trial=trial, line=self._line))


class _Known:
    """What is known of the streams of a trial: the version of each one's last entry, and how each is written."""

    def __init__(self, check: EntriesCheck) -> None:
        self._check = check
        self._versions = _Versions()
        self._streams, self._topics = _Streams(check.trial), _Topics()

    def many(self, found: Sequence[_Found]) -> bool:
        """Take many lines, if everything in them is right; else take none."""
        positions, streams, versions, names, leaves, states = zip(*found, strict=True)
        of_streams, of_topics = self._streams, self._topics
        try:
            computed = [
                sha256(
                    b"%b%b%b%b%b}"
                    % (BEFORE_STATE, hexlify(sha256(state).digest()), of_streams[stream], of_topics[name], version)
                ).digest()
                for stream, version, name, state in zip(streams, versions, names, states, strict=True)
            ]
        except KeyError:  # a stream of another trial
            return False
        right = hexlify(b"".join(computed)) == b"".join(leaves) and self._check.follows(list(map(int, positions)))
        if not right or not self._versions.follow(streams, list(map(int, versions))):
            return False
        self._check.take(computed)
        return True

    def one(self, entry: _Entry, *, following: int | None = None) -> None:
        """Take one line of which anything may be wrong; ``following`` is the position of the line after it."""
        stream, expected = entry.stream, self._versions[entry.stream] + 1
        row = (entry.position, stream, entry.version, entry.name, entry.state, entry.leaf)
        displaced = len(self._check.displaced)
        fits = self._check.one(row, following=following)
        if (not fits and entry.version != expected) or len(self._check.displaced) > displaced:
            return  # its version is not to be believed, or of another place
        if entry.version == expected:
            self._versions[stream] = expected
        elif 0 < entry.version - expected <= self._check.missing + len(self._check.unfit) + displaced:
            self._check.versions_missing(stream, expected, entry.version, before=entry.position)
            self._versions[stream] = entry.version
        else:
            self._check.version_out_of_place(stream, entry.version, due=expected, position=entry.position)
            if entry.version > expected:  # it stands where another should
                self._versions[stream] = expected


class _Versions(dict[bytes, int]):
    """By stream: the version of its last entry; 0 before the first."""

    def __missing__(self, stream: bytes) -> int:
        return 0

    def follow(self, streams: Sequence[bytes], versions: Sequence[int]) -> bool:
        """Take the versions of entries, if each is the next of its stream; else take none."""
        for number, (stream, version) in enumerate(zip(streams, versions, strict=True)):
            if version != self[stream] + 1:
                for taken in streams[:number]:
                    self[taken] -= 1
                return False
            self[stream] = version
        return True


class _Streams(dict[bytes, bytes]):
    """What a leaf has between the state and the topic, written once for each stream of a trial."""

    def __init__(self, trial: str) -> None:
        super().__init__()
        self._trial = trial

    def __missing__(self, stream: bytes) -> bytes:
        if not is_of(self._trial, stream):
            raise KeyError(stream)
        self[stream] = written = in_stream(stream.decode())
        return written


class _Topics(dict[bytes, bytes]):
    """What a leaf has between the stream and the version, written once for each stored name."""

    def __missing__(self, topic: bytes) -> bytes:
        self[topic] = written = of_topic(topic.decode())
        return written


def _hash(text: str) -> bytes:
    """Read a hash as it is written here; nothing for any other text."""
    return bytes.fromhex(text) if _HASH.fullmatch(text) else b""


def _begins_another(block: _Block, trial: str) -> bool:
    """Say whether a block begins with the first entry of another trial."""
    if isinstance(block, _End):
        return False
    position, stream = (block.position, block.stream) if isinstance(block, _Entry) else block[0][:2]
    return int(position) == 1 and not is_of(trial, stream)


def _trial_of(block: _Block) -> str:
    if isinstance(block, _End):
        return block.trial
    stream = block.stream if isinstance(block, _Entry) else block[0][1]
    return stream.partition(b"/")[0].decode(errors="replace")


def _split(text: bytes) -> list[bytes]:
    """Split at newlines alone: ``splitlines`` splits at more."""
    *whole, rest = text.split(b"\n")
    return [*(line + b"\n" for line in whole), *([rest] if rest else [])]
