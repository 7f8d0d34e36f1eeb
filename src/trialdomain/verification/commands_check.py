"""Comparing the table of commands with the entries: which command recorded which positions.

Each entry names its command in its state, with its part number and the number of parts. The leaf hash covers the state.
No hash covers the table of commands.
"""

import re
from collections.abc import Collection, Generator, Iterable, Sequence
from itertools import chain, repeat
from operator import le
from typing import Any, Protocol, TypeAlias

from trialdomain.verification.defect import Defect, Defects, What, shortened

_BEFORE = b'"command":"'
_NAMED = re.compile(rb'"command":"[A-Za-z0-9_./-]+"')
"""The name of the command in an entry's state: its whole id; for an import, the name of the row."""
_PATTERNS = re.compile(rb'(?:"command":"[A-Za-z0-9_./-]+"\n)+')
"""Such names, one per line."""
_PART = re.compile(rb'"part":([0-9]{1,9}),"parts":([0-9]{1,9})[,}]')
"""The part number in an entry's state, as this library writes it; a text cannot match, because JSON escapes quotes."""
Found: TypeAlias = tuple[bytes, int, int]
"""A row of the table of commands: the name in the states of entries, and the first and last position."""
_MOST_PARTS = 1 << 8
_BEYOND = 2**63


class OneCommand(Protocol):
    """A source that finds the row of one command."""

    def command(self, trial: bytes, command: bytes) -> tuple[Any, Any] | None:
        """Return the first and last position in the row of a command; None where it has no row."""
        ...


class CommandsCheck:
    """Compares the commands of one trial with its entries.

    Args:
        source: finds the row of one command.
        pages: the rows of all commands, in the order of positions.
        trial: the code of the trial.
        defects: collects the defects.
    """

    def __init__(self, source: "OneCommand", pages: Iterable[list[Any]], trial: bytes, defects: Defects) -> None:
        self._source, self._code, self._trial, self._defects = source, trial, shortened(trial), defects
        self._coming = self._read(pages)
        self._after = _After()
        self._last = 0
        """The last position of the commands so far."""
        self._next = next(self._coming, None)

    def page(self, positions: Sequence[Any], states: Sequence[Any], named: Collection[object]) -> None:
        """Compare the next entries; skip those in ``named``, which do not fit their leaves and are defects already."""
        if set(map(type, positions)) != {int}:
            return  # a position is not a number, and is a defect already
        patterns, commands = self._patterns(positions)
        try:
            if -1 not in map(bytes.rfind, states, patterns):  # rfind: the name is near the end of a state
                return
        except TypeError:  # a state is not bytes, or was too large to read
            pass
        each = chain.from_iterable(repeat(command, many) for command, many in commands)
        for position, state, pattern, command in zip(positions, states, patterns, each, strict=True):
            if isinstance(state, bytes) and command is not None and pattern not in state and position not in named:
                self._one(position, state, command)

    def go_on(self, size: int, defects: Defects) -> None:
        """Go on after the first entries, which were compared already; from here on, ``defects`` collects defects."""
        self._defects = defects
        while self._next is not None and self._next[2] <= size:
            self._pass()

    def close(self) -> None:
        """Ask for no more rows."""
        self._coming.close()

    def end(self, size: int) -> None:
        """Name the commands whose rows have positions after the end of the log."""
        while self._next is not None:
            pattern, first, last = self._next
            if last > size:
                why = f"command {_id(pattern)} recorded positions {first} to {last}, but the log ends at {size}"
                gone = "the newest entries are gone, or this row of the commands was added"
                self._add(What.TRUNCATED, f"{why}: {gone}", max(first, size + 1))
            self._pass()

    def _one(self, position: int, state: bytes, remembered: Found) -> None:
        """Compare one entry with the row of commands that has its position."""
        command = remembered if remembered[0] in state else self._own(position, state)
        if command is None:
            why = f"the table of commands names another command for the entry's position: {_id(remembered[0])}"
            self._add(What.COMMAND, why, position)
            return
        pattern, first, last = command
        found = _PART.search(state, state.rindex(pattern))
        part, parts = (int(found[1]), int(found[2])) if found else (0, 0)
        whole = parts == last - first + 1  # else the row of the command may be what was changed
        if not 1 <= part <= min(parts, position) or (whole and part != position - first + 1):
            says = f"says that it is part {part} of {parts}" if found else "does not say which part it is"
            why = f"the entry {says} of its command {_id(pattern)}, which recorded positions {first} to {last}"
            self._add(What.COMMAND, why, position)

    def _own(self, position: int, state: bytes) -> Found | None:
        """Find the row of the command that an entry names, if that row has the entry's position too.

        Then a row of another command overlaps it. That row is the defect, and the entry is right.
        """
        patterns = _NAMED.findall(state)
        if not patterns:
            return None
        pattern: bytes = patterns[-1]
        command = pattern.removeprefix(_BEFORE).removesuffix(b'"')
        row = self._source.command(self._code, command)
        if row is None or not _plain([(pattern, *row)]) or not row[0] <= position <= row[1]:
            return None
        return pattern, row[0], row[1]

    def _patterns(self, positions: Sequence[int]) -> tuple[list[bytes], list[tuple[Found | None, int]]]:
        """Return for each position the bytes that its state must have; and the commands, each with a number of entries.

        The bytes are empty, and the command is None, where no row has the position.
        """
        patterns: list[bytes] = []
        commands: list[tuple[Found | None, int]] = []
        number = len(positions)
        gapless = positions[-1] - positions[0] + 1 == number
        while (done := len(patterns)) < number:
            at = positions[done]
            while self._next is not None and self._next[2] < at:
                self._pass()
            if self._next is None or at < self._next[1]:
                if at > self._last:  # one defect for all of them
                    self._last = self._next[1] - 1 if self._next else _BEYOND
                    self._add(What.COMMAND, "the table of commands has no command for the entries from here on", at)
                patterns.append(b"")
                commands.append((None, 1))
                continue
            pattern, first, last = self._next
            many = min(last - at + 1, number - done) if gapless else 1
            patterns += [pattern + after for after in self._after.of(at - first, many, last - first + 1)]
            commands.append((self._next, many))
        return patterns, commands

    def _pass(self) -> None:
        """Go on to the next command; name one whose positions overlap those of another."""
        if self._next is not None:
            self._last = max(self._last, self._next[2])
        self._next = next(self._coming, None)
        if self._next is not None and self._next[1] <= self._last:
            why = f"the row of command {_id(self._next[0])} has positions that another command recorded"
            self._add(What.COMMAND, why, self._next[1])

    def _read(self, pages: Iterable[list[Any]]) -> Generator[Found, None, None]:
        for page in pages:
            if _plain(page):
                yield from page
                continue
            for row in page:
                if _plain([row]):
                    yield row
                else:
                    self._add(What.COMMAND, "a row of the commands has values that no command can have", None)

    def _add(self, what: What, why: str, position: int | None) -> None:
        self._defects.add(Defect(what=what, why=why, trial=self._trial, position=position))


class _After(dict[int, list[bytes]]):
    """A cache: by the number of a command's entries, the bytes after its id in the state of each."""

    def of(self, start: int, many: int, parts: int) -> list[bytes]:
        """Return these bytes for ``many`` entries of a command, beginning with ``start``, counted from 0."""
        if parts == many <= _MOST_PARTS:
            return self[parts]
        return [_after(part, parts) for part in range(start + 1, start + many + 1)]

    def __missing__(self, parts: int) -> list[bytes]:
        self[parts] = written = [_after(part, parts) for part in range(1, parts + 1)]
        return written


def _after(part: int, parts: int) -> bytes:
    return b',"part":%d,"parts":%d' % (part, parts)


def _plain(rows: Sequence[Any]) -> bool:
    """Say whether commands can have such rows; it checks many at once, because a log has a million."""
    patterns, firsts, lasts = zip(*rows, strict=True)
    if {*map(type, firsts), *map(type, lasts)} != {int} or set(map(type, patterns)) != {bytes}:
        return False
    lines = b"\n".join((*patterns, b""))
    written = _PATTERNS.fullmatch(lines) is not None and lines.count(b"\n") == len(rows)
    return written and min(firsts) >= 1 and all(map(le, firsts, lasts))


def _id(pattern: bytes) -> str:
    return shortened(pattern.removeprefix(_BEFORE).removesuffix(b'"'))
