"""What is remembered of commands, beside the entries as they come: which command recorded which positions.

Each entry names its command in its state, which is under its leaf; the table of commands is not.
"""

import re
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from operator import le
from typing import Any

from trialdomain.audit.defect import Defect, Defects, What, shown

_COMMANDS = """
SELECT CASE WHEN length(command) <= 200 THEN '"command":"' || command || '"' END, first, last FROM commands
WHERE trial = CAST(? AS TEXT) AND (first IS NOT NULL OR last IS NOT NULL) ORDER BY first
"""
_PATTERNS = re.compile(rb'(?:"command":"[A-Za-z0-9_./-]+"\n)+')
"""How an entry's state names its command: an id, whole; of an import, the name of the row. Here, a line each."""
_PAGE = 1 << 9
_BEYOND = 2**63


class CommandsCheck:
    """The commands of one trial.

    Args:
        connection: to the database.
        trial: its code.
        defects: takes what is wrong.
    """

    def __init__(self, connection: sqlite3.Connection, trial: bytes, defects: Defects) -> None:
        self._trial, self._defects = shown(trial), defects
        self._coming = self._read(connection, trial)
        self._last = 0
        """The last position of the commands that were passed."""
        self._next = next(self._coming, None)

    def page(self, positions: Sequence[Any], states: Sequence[Any], named: Collection[object]) -> None:
        """Take the next entries; of those that do not fit their leaves, it is known already."""
        if set(map(type, positions)) != {int}:
            return  # a position is none, and is named as such
        patterns = self._patterns(positions)
        try:
            if -1 not in map(bytes.rfind, states, patterns):  # from behind: what is meant stands near the end
                return
        except TypeError:  # a state is none, or large
            pass
        for position, state, pattern in zip(positions, states, patterns, strict=True):
            if isinstance(state, bytes) and pattern not in state and position not in named:
                why = f"the entry is not of the command that is remembered for its position: {_id(pattern)}"
                self._add(What.COMMAND, why, position)

    def end(self, size: int) -> None:
        """Say which commands are remembered for positions that the log does not have."""
        while self._next is not None:
            pattern, first, last = self._next
            if last > size:
                why = f"command {_id(pattern)} recorded positions {first} to {last}, and the log ends at {size}"
                self._add(What.TRUNCATED, f"{why}: the newest entries are gone", max(first, size + 1))
            self._pass()

    def _patterns(self, positions: Sequence[int]) -> list[bytes]:
        """Give for each position what its state must hold; nothing where no command is remembered for it."""
        patterns: list[bytes] = []
        number = len(positions)
        gapless = positions[-1] - positions[0] + 1 == number
        while (done := len(patterns)) < number:
            at = positions[done]
            while self._next is not None and self._next[2] < at:
                self._pass()
            if self._next is None or at < self._next[1]:
                if at > self._last:  # said once for all of them
                    self._last = self._next[1] - 1 if self._next else _BEYOND
                    self._add(What.COMMAND, "no command is remembered for the entries from here on", at)
                patterns.append(b"")
                continue
            pattern, _, last = self._next
            patterns += [pattern] * (min(last - at + 1, number - done) if gapless else 1)
        return patterns

    def _pass(self) -> None:
        """Go on to the next command; one that recorded what another did is named."""
        if self._next is not None:
            self._last = max(self._last, self._next[2])
        self._next = next(self._coming, None)
        if self._next is not None and self._next[1] <= self._last:
            why = f"command {_id(self._next[0])} is remembered for positions that another command recorded"
            self._add(What.COMMAND, why, self._next[1])

    def _read(self, connection: sqlite3.Connection, trial: bytes) -> Iterator[tuple[bytes, int, int]]:
        cursor = connection.execute(_COMMANDS, [trial])
        while page := cursor.fetchmany(_PAGE):
            if _plain(page):
                yield from page
                continue
            for row in page:
                if _plain([row]):
                    yield row
                else:
                    self._add(What.COMMAND, "a row of the commands has values that no command has", None)

    def _add(self, what: What, why: str, position: int | None) -> None:
        self._defects.add(Defect(what=what, why=why, trial=self._trial, position=position))


def _plain(rows: Sequence[Any]) -> bool:
    """Say whether rows are those that commands have; many are asked about at once, for a log has a million."""
    patterns, firsts, lasts = zip(*rows, strict=True)
    if {*map(type, firsts), *map(type, lasts)} != {int} or set(map(type, patterns)) != {bytes}:
        return False
    lines = b"\n".join((*patterns, b""))
    written = _PATTERNS.fullmatch(lines) is not None and lines.count(b"\n") == len(rows)
    return written and min(firsts) >= 1 and all(map(le, firsts, lasts))


def _id(pattern: bytes) -> str:
    return shown(pattern.removeprefix(b'"command":"').removesuffix(b'"'))
