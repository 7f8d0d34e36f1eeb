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
from trialdomain.exchange.lines import GZIP_HEADER, LONGEST_LINE, Last, LineUnreadable, parse, read_hash
from trialdomain.storage.plain_files import open_plain

_AS_WRITTEN = re.compile(
    rb'^\{"position":(0|[1-9][0-9]{0,17}),"stream":"([A-Za-z0-9_./-]{1,300})","version":(0|[1-9][0-9]{0,17}),"name":"([A-Za-z0-9_./-]{1,100})",'
    rb'"leaf":"([0-9a-f]{64})","state":(\{[^\n]*\})\}\n',
    re.MULTILINE,
)
"""A line as this software writes it, of a stream and a name that need no escape in JSON."""
_BLOCK = 1 << 19
_MOST_MALFORMED = 10_000
"""Lines that are no exported entries, after which a file is not read on: a few bytes of gzip hold millions of them."""


@attrs.frozen
class End:
    """The last line of a trial."""

    trial: str
    size: int
    root: bytes
    """Nothing, where it is no hash."""
    line: int


@attrs.frozen
class _Lines:
    """Lines as they were written."""

    found: list[FoundLine]
    line: int
    """Of the first of them."""


_Block: TypeAlias = _Lines | ReadEntry | End
"""Many lines as they were written; or one, in another form or the last of its trial."""


class Exported:
    """The trials of an exported file, one after another.

    Args:
        path: the file, plain or gzip.
        defects: takes what is wrong.
        member: what it is called in a bundle, which judges its last line by what else it has; None for a file by
            itself.
    """

    def __init__(self, path: Path, defects: Defects, *, member: str | None = None) -> None:
        self._path, self._defects, self._member = path, defects, member
        self._line = self._malformed = 0
        self._broken = False
        """Whether the compressed file broke off: what came before is judged all the same."""
        self._again: _Block | None = None
        self.end: End | None = None
        """The last line of the trial that was checked last; None where it is missing."""

    def trials(self) -> Iterator[str]:
        """Yield each trial; it is to be checked, or passed over, before the next one is asked for.

        Raises:
            LogUnusable: the file cannot be read, or is something else than an export; a bundle is told as a defect.
        """
        seen: set[str] = set()
        try:
            with ExitStack() as stack:
                self._blocks = self._read(self._opened(stack))
                while (block := self._next()) is not None:
                    self._again, trial = block, _trial_of(block)
                    if isinstance(block, End):
                        self._again = None
                        why = f"trial {trial[:70]} ends here, and has no entry before it"
                        self._add(What.MALFORMED, why, trial, line=block.line)
                        continue
                    if trial in seen:
                        self._add(What.MALFORMED, f"trial {trial} begins a second time", trial, line=block.line)
                        self._pass_over_entries(trial)
                        continue
                    seen.add(trial)
                    yield trial
        except OSError as error:
            self._unusable(f"cannot be read: {error.strerror or error}", "check the disk")
        if not seen:
            self._unusable("is no log", "name a SQLite file, or an exported JSONL file")

    def _unusable(self, why: str, what_next: str) -> None:
        """Refuse a file in which there is no log to read; in a bundle that is one thing that is wrong, of several."""
        if self._member is None:
            raise LogUnusable(f"{self._path} {why}: {what_next}")
        self._defects.add(Defect(what=What.BUNDLE, why=f"{self._member} {why}: it has no entry that could be checked"))

    def check_entries(self, check: EntriesCheck, defects: Defects) -> Iterator[int]:
        """Read the entries of the trial that was yielded last; yield how many, block by block.

        Args:
            check: takes the entries.
            defects: takes what is wrong with how they are written.
        """
        known = LinesCheck(check, defects)
        end: End | None = None
        while end is None and (block := self._next()) is not None:
            if check.size and _begins_another(block, check.trial):
                self._again = block  # though this one has not ended
                break
            match block:
                case End():
                    end = block
                case ReadEntry():
                    known.one(block, following=self._following())
                    yield 1
                case _ if known.many(block.found):
                    yield len(block.found)
                case _:
                    yield self._one_by_one(block, known, check)
        check.end()
        self.end = end
        if self._member is None:
            self._compare(check, end)

    def _pass_over_entries(self, trial: str) -> None:
        """Read on to the end of what stands under a trial's name, and judge none of it."""
        while (block := self._next()) is not None and not isinstance(block, End):
            if _begins_another(block, trial):
                self._again = block
                return

    def _following(self) -> int | None:
        """Look ahead at the position of the next entry; None at the end of a trial."""
        self._again = self._next()
        if self._again is None or isinstance(self._again, End):
            return None
        return self._again.position if isinstance(self._again, ReadEntry) else int(self._again.found[0][0])

    def _one_by_one(self, block: _Lines, known: LinesCheck, check: EntriesCheck) -> int:
        """Look at the lines of a block in which something is wrong; say how many there were."""
        found = block.found
        for number, (position, stream, version, name, leaf, state) in enumerate(found):
            rest = _Lines(found[number:], block.line + number)
            if number and check.size and _begins_another(rest, check.trial):
                self._again = rest
                return number
            following = int(found[number + 1][0]) if number + 1 < len(found) else self._following()
            entry = ReadEntry(int(position), stream, int(version), name, state, unhexlify(leaf), rest.line)
            known.one(entry, following=following)
        return len(found)

    def _compare(self, check: EntriesCheck, end: End | None) -> None:
        """Compare the entries of a trial with its last line, of which nothing else is known."""
        if end is None:
            why = "the line with the trial's size and root is missing: the file was cut off"
            last = self._line if self._again is None else self._again.line - 1
            self._add(What.TRUNCATED, why, check.trial, line=last)
        elif end.trial != check.trial:
            why = f"the entries of {check.trial} end with the last line of {end.trial[:70]}"
            self._add(What.MALFORMED, why, check.trial, line=end.line)
        elif end.size != check.size:
            more = "the newest are gone" if end.size > check.size else "entries were added"
            why = f"the last line says {end.size} entries, and there are {check.size}: {more}, or the line was changed"
            what = What.TRUNCATED if end.size > check.size else What.REWRITTEN
            self._add(what, why, check.trial, line=end.line)
        elif check.first_gap is None and end.root not in {check.root(), check.computed_root}:
            why = (
                "the root of the last line is not that of the entries: it was changed, or they were, with their leaves"
            )
            self._add(What.REWRITTEN, why, check.trial, line=end.line)

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
            yield self._together(found)
            return
        together: list[FoundLine] = []
        for line in _split(text):
            if self._malformed > _MOST_MALFORMED:
                break
            if whole := _AS_WRITTEN.findall(line):
                together += whole
                continue
            if together:
                yield self._together(together)
                together = []
            self._line += 1
            one = self._otherwise(line)
            if one is not None:
                yield one
        if together:
            yield self._together(together)

    def _together(self, found: list[FoundLine]) -> _Lines:
        first = self._line + 1
        self._line += len(found)
        return _Lines(found, first)

    def _otherwise(self, line: bytes) -> ReadEntry | End | None:
        """Read a line that was written in another form, or is the last one of its trial."""
        try:
            one = parse(line)
            if isinstance(one, Last):
                return self._end(one)
            leaf = read_hash(one.leaf) or b""
            stream, name = one.stream.encode(), one.name.encode()
            if len(stream) > MOST_SHOWN or len(name) > MOST_SHOWN:
                raise LineUnreadable(f"its stream or its name has more than {MOST_SHOWN} bytes")  # noqa: TRY301 - as others
        except (LineUnreadable, ValueError) as error:
            self._add(What.MALFORMED, f"the line is no exported entry: {error}")
            return None
        other = bool(leaf) and leaf.hex() != one.leaf
        return ReadEntry(one.position, stream, one.version, name, bytes(one.state), leaf, self._line, other)

    def _end(self, last: Last) -> End:
        root = read_hash(last.root) or b""
        if root and root.hex() != last.root:
            why = "the root of the last line was written in another form; what it says is unchanged"
            self._add(What.REFORMATTED, why, shown(last.trial))
        return End(last.trial, last.size, root, self._line)

    def _add(self, what: What, why: str, trial: str | None = None, *, line: int | None = None) -> None:
        self._malformed += what is What.MALFORMED
        line = self._line if line is None else line
        self._defects.add(Defect(what=what, why=why, trial=trial, line=line))


def _begins_another(block: _Block, trial: str) -> bool:
    """Say whether a block begins with the first entry of another trial."""
    if isinstance(block, End):
        return False
    position, stream = (block.position, block.stream) if isinstance(block, ReadEntry) else block.found[0][:2]
    return int(position) == 1 and not is_of(trial, stream)


def _trial_of(block: _Block) -> str:
    if isinstance(block, End):
        return block.trial
    stream = block.stream if isinstance(block, ReadEntry) else block.found[0][1]
    return shown(stream.partition(b"/")[0])


def _split(text: bytes) -> list[bytes]:
    """Split at newlines alone: ``splitlines`` splits at more."""
    *whole, rest = text.split(b"\n")
    return [*(line + b"\n" for line in whole), *([rest] if rest else [])]
