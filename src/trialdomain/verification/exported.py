"""Verifying an exported file, line by line, without stopping at the first fault.

Canonical lines are checked by the thousand. A block with any other line is read line by line.
"""

import gzip
import re
import zlib
from binascii import unhexlify
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from io import BufferedIOBase
from pathlib import Path

from trialdomain.errors import LogUnusable
from trialdomain.exchange.lines import (
    GZIP_HEADER,
    LONGEST_LINE,
    Last,
    LineUnreadable,
    is_other_form,
    parse,
    read_hash,
    read_root,
)
from trialdomain.storage.plain_files import open_plain
from trialdomain.values.given.filename import next_after
from trialdomain.values.given.plural import n_entries
from trialdomain.verification.blocks import (
    FIRST,
    Block,
    End,
    Lines,
    begins_another,
    first_position,
    first_streams,
    next_due_of,
    positions_of,
)
from trialdomain.verification.defect import MOST_SHOWN, Defect, Defects, What, shortened
from trialdomain.verification.entries_check import EntriesCheck
from trialdomain.verification.lines_check import FoundLine, LinesCheck, ReadEntry
from trialdomain.verification.order import WINDOW

_AS_WRITTEN = re.compile(
    rb'^\{"position":(0|[1-9][0-9]{0,17}),"stream":"([A-Za-z0-9_./-]{1,300})","version":(0|[1-9][0-9]{0,17}),"name":"([A-Za-z0-9_./-]{1,100})",'
    rb'"leaf":"([0-9a-f]{64})","state":(\{[^\n]*\})\}\n',
    re.MULTILINE,
)
"""A canonical line: as this software writes it, with a stream and a name that need no escape in JSON."""
_BLOCK = 1 << 19
_HALF = 0.5
"""Added to the last position, to order the last line of a trial between it and the next position."""
_MOST_MALFORMED = 10_000
"""The most lines that are not entries, before reading stops: a few bytes of gzip can hold millions of them."""


class Exported:
    """Reads the trials of an exported file, one after another.

    Args:
        path: the file, plain or gzip.
        defects: collects the defects.
        member: its name in a bundle, which checks the last line itself; None for a file that is not in a bundle.
    """

    def __init__(self, path: Path, defects: Defects, *, member: str | None = None) -> None:
        self._path, self._defects, self._member = path, defects, member
        self._line = self._malformed = 0
        self._broken = False
        """Whether the compressed data ended early; the lines before that are still checked."""
        self._ahead: deque[Block] = deque()
        """Blocks that were read ahead."""
        self.end: End | None = None
        """The last line of the last checked trial; None where it is missing."""

    def trials(self) -> Iterator[str]:
        """Yield each trial; the caller checks or skips its entries before it asks for the next trial.

        Raises:
            LogUnusable: the file cannot be read, or is not an export; for a bundle, that is a defect instead.
        """
        seen: set[str] = set()
        try:
            with ExitStack() as stack:
                self._blocks = self._read(self._opened(stack))
                while (block := self._next()) is not None:
                    if isinstance(block, End):
                        trial = block.trial
                        why = f"trial {trial[:70]} ends here, but has no entry before"
                        self._add(What.MALFORMED, why, trial, line=block.line)
                        continue
                    trial = self._trial_from(block)
                    self._ahead.appendleft(block)
                    if trial in seen:
                        self._add(What.MALFORMED, f"trial {trial} begins a second time", trial, line=block.line)
                        self._pass_over_entries(trial)
                        continue
                    seen.add(trial)
                    yield trial
        except OSError as error:
            self._unusable(f"cannot be read: {error.strerror or error}", next_after(error))
        if not seen:
            self._unusable("is not a log", "name a SQLite file, or an exported JSONL file")

    def _unusable(self, why: str, what_next: str) -> None:
        """Refuse a file without a log; in a bundle, add a defect instead."""
        if self._member is None:
            raise LogUnusable(f"{self._path} {why}: {what_next}")
        self._defects.add(Defect(what=What.BUNDLE, why=f"{self._member} {why}: it has no entry that could be checked"))

    def check_entries(self, check: EntriesCheck, defects: Defects) -> Iterator[int]:
        """Check the entries of the trial that was yielded last; yield the number of entries of each block.

        Args:
            check: checks the entries.
            defects: collects the defects of the form of their lines.
        """
        known = LinesCheck(check, defects)
        end: End | None = None
        while end is None and (block := self._next()) is not None:
            if check.size and begins_another(block, check.trial):
                self._ahead.appendleft(block)  # the last line of this trial is missing
                break
            match block:
                case End():
                    end = block
                case Lines() if known.many(block.found):
                    yield len(block.found)
                case _:
                    yield self._one_by_one(block, known, check)
        while check.size + 1 in check.displaced and (end is None or check.size < end.size):
            check.size += 1  # it is out of order, and not missing at the end
        check.end()
        self.end = end
        if self._member is None:
            self.judge_end(check)

    def _pass_over_entries(self, trial: str) -> None:
        """Skip the lines of a trial without checking them."""
        while (block := self._next()) is not None and not isinstance(block, End):
            if begins_another(block, trial):
                self._ahead.appendleft(block)
                return

    def _trial_from(self, block: Lines | ReadEntry) -> str:
        """Find the trial that begins here, by the majority of the first few lines: one of them may be altered."""
        blocks: list[Block] = [block]
        while len(found := first_streams(blocks)) < FIRST and (more := self._next()) is not None:
            blocks.append(more)
            if isinstance(more, End) or first_position(more) == 1:
                break
        self._ahead.extendleft(reversed(blocks[1:]))
        trials = [stream.partition(b"/")[0] for stream in found]
        return shortened(max(trials, key=trials.count))

    def _one_by_one(self, block: Lines | ReadEntry, known: LinesCheck, check: EntriesCheck) -> int:
        """Check the lines of a block one by one; return their number."""
        if isinstance(block, ReadEntry):
            next_due = None
            if block.position != check.size + 1:
                next_due = next_due_of([block.position, *self._coming(check.trial)], check.size)[0]
            known.one(block, next_due=next_due)
            return 1
        found, due = block.found, deque[float | None]()
        for number, (position, stream, version, name, leaf, state) in enumerate(found):
            rest = Lines(found[number:], block.line + number)
            if number and check.size and begins_another(rest, check.trial):
                self._ahead.appendleft(rest)
                return number
            if not due:
                positions = positions_of(rest, check.trial)
                coming = self._coming(check.trial) if len(positions) == len(rest.found) else []
                due.extend(next_due_of([*positions, *coming], check.size)[: len(positions)])
            entry = ReadEntry(int(position), stream, int(version), name, state, unhexlify(leaf), rest.line)
            known.one(entry, next_due=due.popleft())
        return len(found)

    def _coming(self, trial: str) -> list[float]:
        """Read ahead, and return the positions of the next lines; the last line of a trial counts as size plus 0.5."""
        found: list[float] = []
        at = size = 0
        while len(found) < WINDOW and size < _BLOCK:
            if at == len(self._ahead):
                more = next(self._blocks, None)
                if more is None:
                    break
                self._ahead.append(more)
            block = self._ahead[at]
            at += 1
            if isinstance(block, End):
                return [*found, block.size + _HALF]
            if begins_another(block, trial):
                break
            positions = positions_of(block, trial)
            found += positions
            size += len(block.state) if isinstance(block, ReadEntry) else _BLOCK
            if isinstance(block, Lines) and len(positions) < len(block.found):
                break
        return found

    def judge_end(self, check: EntriesCheck) -> None:
        """Compare the entries of the last checked trial with its last line."""
        end = self.end
        if end is None:
            why = "the line with the trial's size and root is missing: the file was cut off"
            last = self._ahead[0].line - 1 if self._ahead else self._line
            self._add(What.TRUNCATED, why, check.trial, line=last)
        elif end.trial != check.trial:
            why = f"the entries of trial {check.trial} end with the last line of trial {end.trial[:70]}"
            self._add(What.MALFORMED, why, check.trial, line=end.line)
        elif end.size != check.size:
            more = "the newest are gone" if end.size > check.size else "entries were added"
            why = (
                f"the last line says {n_entries(end.size)}, but there are {check.size}: {more}, or the line was changed"
            )
            what = What.TRUNCATED if end.size > check.size else What.REWRITTEN
            self._add(what, why, check.trial, line=end.line)
        elif check.first_gap is None and end.root not in {check.root(), check.computed_root}:
            why = (
                "the root of the last line is not that of the entries: the line was changed, or the entries were, with "
                "their leaves"
            )
            self._add(What.REWRITTEN, why, check.trial, line=end.line)

    def _next(self) -> Block | None:
        return self._ahead.popleft() if self._ahead else next(self._blocks, None)

    def _opened(self, stack: ExitStack) -> BufferedIOBase:
        plain = stack.enter_context(open_plain(self._path))
        if plain.peek(2)[:2] != GZIP_HEADER:
            return plain
        return stack.enter_context(gzip.open(plain))

    def _read(self, file: BufferedIOBase) -> Iterator[Block]:
        """Yield blocks of whole lines."""
        rest = b""
        while True:
            read = self._next_bytes(file)
            whole, newline, after = (rest + read).rpartition(b"\n")
            if newline:
                yield from self._lines(whole + newline)
            rest = after
            if self._malformed > _MOST_MALFORMED:
                why = f"more than {_MOST_MALFORMED} lines are not exported entries: the rest of the file was not read"
                self._add(What.DAMAGED, why)
                return
            if not read:
                break
            if len(rest) > LONGEST_LINE:
                rest = self._pass_over(file)
        if rest:
            yield from self._lines(rest)

    def _next_bytes(self, file: BufferedIOBase) -> bytes:
        """Read about one block of bytes: empty at the end; of damaged gzip data, the bytes before the damage."""
        pieces: list[bytes] = []
        size = 0
        try:
            while not self._broken and size < _BLOCK and (piece := file.read1(_BLOCK)):
                pieces.append(piece)
                size += len(piece)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            self._broken = True
            self._add(What.DAMAGED, f"the compressed file is cut off or damaged here: {error}")
        return b"".join(pieces)

    def _pass_over(self, file: BufferedIOBase) -> bytes:
        """Skip the rest of a line that is too long."""
        self._line += 1
        self._add(What.MALFORMED, f"the line is longer than {LONGEST_LINE} bytes")
        try:
            while read := file.readline(_BLOCK):
                if read.endswith(b"\n"):
                    break
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            self._add(What.DAMAGED, f"the compressed file is cut off or damaged here: {error}")
        return b""

    def _lines(self, text: bytes) -> Iterator[Block]:
        """Yield lines as one block, if all are canonical; else in smaller blocks."""
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

    def _together(self, found: list[FoundLine]) -> Lines:
        first = self._line + 1
        self._line += len(found)
        return Lines(found, first)

    def _otherwise(self, line: bytes) -> ReadEntry | End | None:
        """Parse a line that is not canonical, or is the last line of its trial."""
        try:
            one = parse(line)
            if isinstance(one, Last):
                return self._end(one)
            leaf = read_hash(one.leaf) or b""
            stream, name = one.stream.encode(), one.name.encode()
            if len(stream) > MOST_SHOWN or len(name) > MOST_SHOWN:
                raise LineUnreadable(f"its stream or its name has more than {MOST_SHOWN} bytes")  # noqa: TRY301 - joins the rest
        except (LineUnreadable, ValueError) as error:
            self._add(What.MALFORMED, f"the line is not an exported entry: {error}")
            return None
        other = bool(leaf) and leaf.hex() != one.leaf
        return ReadEntry(one.position, stream, one.version, name, bytes(one.state), leaf, self._line, other)

    def _end(self, last: Last) -> End:
        root = read_root(last.root) or b""
        if root and is_other_form(last.root, root):
            why = "the root of the last line was written in another form; its value is unchanged"
            self._add(What.REFORMATTED, why, shortened(last.trial))
        return End(last.trial, last.size, root, self._line)

    def _add(self, what: What, why: str, trial: str | None = None, *, line: int | None = None) -> None:
        self._malformed += what is What.MALFORMED
        line = self._line if line is None else line
        self._defects.add(Defect(what=what, why=why, trial=trial, line=line))


def _split(text: bytes) -> list[bytes]:
    """Split only at newlines: ``splitlines`` also splits at other characters."""
    *whole, rest = text.split(b"\n")
    return [*(line + b"\n" for line in whole), *([rest] if rest else [])]
