"""Verifying an exported file, line by line, without stopping at the first line that is wrong.

Lines as this software writes them are taken by the thousand; a block in which anything is otherwise is read line by
line.
"""

import gzip
import re
import zlib
from binascii import unhexlify
from collections.abc import Iterator
from contextlib import ExitStack
from io import BufferedIOBase
from pathlib import Path
from typing import TypeAlias

import attrs

from trialdomain.audit.defect import MOST_SHOWN, Defect, Defects, What, shown
from trialdomain.audit.entries_check import EntriesCheck, is_of
from trialdomain.audit.lines_check import FoundLine, LinesCheck, ReadEntry
from trialdomain.errors import LogUnusable
from trialdomain.exchange.lines import GZIP_HEADER, LONGEST_LINE, Last, LineUnreadable, parse
from trialdomain.storage.plain_files import open_plain

_AS_WRITTEN = re.compile(
    rb'^\{"position":(0|[1-9][0-9]{0,17}),"stream":"([A-Za-z0-9_./-]{1,300})","version":(0|[1-9][0-9]{0,17}),"name":"([A-Za-z0-9_./-]{1,100})",'
    rb'"leaf":"([0-9a-f]{64})","state":(\{[^\n]*\})\}\n',
    re.MULTILINE,
)
"""A line as this software writes it, of a stream and a name that need no escape in JSON."""
_HASH = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 19
_MOST_MALFORMED = 10_000
"""Lines that are no exported entries, after which a file is not read on: a few bytes of gzip hold millions of them."""


@attrs.frozen
class _End:
    """The last line of a trial."""

    trial: str
    size: int
    root: bytes


_Block: TypeAlias = list[FoundLine] | ReadEntry | _End
"""Many lines as they were written; or one, in another form or the last of its trial."""


class Exported:
    """The trials of an exported file, one after another.

    Args:
        path: the file, plain or gzip.
        defects: takes what is wrong.
    """

    def __init__(self, path: Path, defects: Defects) -> None:
        self._path, self._defects = path, defects
        self._line = self._malformed = 0
        self._broken = False
        """Whether the compressed file broke off: what came before is judged all the same."""
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
                        self._pass_over_entries(trial)
                        continue
                    seen.add(trial)
                    yield trial
        except OSError as error:
            raise LogUnusable(f"{self._path} cannot be read: {error.strerror or error}; check the disk") from None
        if not seen:
            raise LogUnusable(f"{self._path} is no log: name a SQLite file, or an exported JSONL file")

    def check_entries(self, check: EntriesCheck) -> Iterator[int]:
        """Read the entries of the trial that was yielded last; yield how many, block by block."""
        known = LinesCheck(check)
        end: _End | None = None
        while end is None and (block := self._next()) is not None:
            if check.size and _begins_another(block, check.trial):
                self._again = block  # though this one has not ended
                break
            match block:
                case _End():
                    end = block
                case ReadEntry():
                    known.one(block, following=self._following())
                    yield 1
                case _ if known.many(block):
                    yield len(block)
                case _:
                    yield self._one_by_one(block, known, check)
        check.end()
        self._compare(check, end)

    def _pass_over_entries(self, trial: str) -> None:
        """Read on to the end of what stands under a trial's name, and judge none of it."""
        while (block := self._next()) is not None and not isinstance(block, _End):
            if _begins_another(block, trial):
                self._again = block
                return

    def _following(self) -> int | None:
        """Look ahead at the position of the next entry; None at the end of a trial."""
        self._again = self._next()
        if self._again is None or isinstance(self._again, _End):
            return None
        return self._again.position if isinstance(self._again, ReadEntry) else int(self._again[0][0])

    def _one_by_one(self, block: list[FoundLine], known: LinesCheck, check: EntriesCheck) -> int:
        """Look at the lines of a block in which something is wrong; say how many there were."""
        for number, (position, stream, version, name, leaf, state) in enumerate(block):
            if number and check.size and _begins_another(block[number : number + 1], check.trial):
                self._again = block[number:]
                return number
            following = int(block[number + 1][0]) if number + 1 < len(block) else self._following()
            entry = ReadEntry(int(position), stream, int(version), name, state, unhexlify(leaf))
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
        plain = stack.enter_context(open_plain(self._path))
        if plain.peek(2)[:2] != GZIP_HEADER:
            return plain
        return stack.enter_context(gzip.open(plain))

    def _read(self, file: BufferedIOBase) -> Iterator[_Block]:
        """Yield blocks of whole lines."""
        rest = b""
        while True:
            read = self._next_bytes(file)
            whole, newline, after = (rest + read).rpartition(b"\n")
            if newline:
                yield from self._lines(whole + newline)
            rest = after
            if self._malformed > _MOST_MALFORMED:
                why = f"more than {_MOST_MALFORMED} lines are no exported entries: from here on, the file is not read"
                self._add(What.DAMAGED, why)
                return
            if not read:
                break
            if len(rest) > LONGEST_LINE:
                rest = self._pass_over(file)
        if rest:
            yield from self._lines(rest)

    def _next_bytes(self, file: BufferedIOBase) -> bytes:
        """Read about a block: nothing at the end, and what comes before a broken byte all the same."""
        pieces: list[bytes] = []
        size = 0
        try:
            while not self._broken and size < _BLOCK and (piece := file.read1(_BLOCK)):
                pieces.append(piece)
                size += len(piece)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            self._broken = True
            self._add(What.DAMAGED, f"the compressed file ends or breaks here: {error}")
        return b"".join(pieces)

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
        together: list[FoundLine] = []
        for line in _split(text):
            if self._malformed > _MOST_MALFORMED:
                break
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

    def _otherwise(self, line: bytes) -> ReadEntry | _End | None:
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
        return ReadEntry(one.position, stream, one.version, name, bytes(one.state), leaf)

    def _add(self, what: What, why: str, trial: str | None = None) -> None:
        self._malformed += what is What.MALFORMED
        self._defects.add(Defect(what=what, why=why, trial=trial, line=self._line))


def _hash(text: str) -> bytes:
    """Read a hash as it is written here; nothing for any other text."""
    return bytes.fromhex(text) if _HASH.fullmatch(text) else b""


def _begins_another(block: _Block, trial: str) -> bool:
    """Say whether a block begins with the first entry of another trial."""
    if isinstance(block, _End):
        return False
    position, stream = (block.position, block.stream) if isinstance(block, ReadEntry) else block[0][:2]
    return int(position) == 1 and not is_of(trial, stream)


def _trial_of(block: _Block) -> str:
    if isinstance(block, _End):
        return block.trial
    stream = block.stream if isinstance(block, ReadEntry) else block[0][1]
    return shown(stream.partition(b"/")[0])


def _split(text: bytes) -> list[bytes]:
    """Split at newlines alone: ``splitlines`` splits at more."""
    *whole, rest = text.split(b"\n")
    return [*(line + b"\n" for line in whole), *([rest] if rest else [])]
