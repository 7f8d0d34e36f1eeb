"""CSV (RFC 4180) in UTF-8, with any line ends. After a malformed record, reading continues at its second line."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from io import TextIOWrapper
from typing import BinaryIO

from trialdomain.exchange.sdtm.tables.table import Line, RowMalformed, StudyUnusable, counted

_NO_TEXT = re.compile(r"[\ud800-\udfff]")
"""The replacement for bytes that are not UTF-8."""
_LONGEST_LINE = 1024 * 1024
_MOST_LINES = 1_000
"""The most lines of one record. A quoted cell has a few lines; an unclosed quote would take the rest of the file."""


class CsvTable:
    """A CSV file with a header."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name = name
        self._text = TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        self._lines = _Lines(self._text, name)
        header = next(self._records(), Line(1, ()))
        if header.why:
            raise StudyUnusable(f"{name}, line {header.number}: the names of the columns cannot be read: {header.why}")
        self.columns = tuple(header.cells)

    def lines(self) -> Iterator[Line]:
        """Yield the rows."""
        for line in self._records():
            yield line if line.why else counted(line.number, line.cells, self.columns)
        self._text.detach()

    def _records(self) -> Iterator[Line]:
        """Yield every record with its first line number; after a malformed record, continue with the next line."""
        reader = csv.reader(self._lines, strict=True)
        while True:
            self._lines.taken.clear()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                number, text = self._lines.give_back()
                yield Line(number, (text.rstrip("\r\n")[:1000],), f"it is not CSV: {error}")
                reader = csv.reader(self._lines, strict=True)
            else:
                if cells:
                    yield Line(self._lines.taken[0][0], cells)


class _Lines:
    """The lines of a file, with the possibility to read the lines of the current record again."""

    def __init__(self, text: TextIOWrapper, name: str) -> None:
        self._text, self._name = text, name
        self._number = 0
        self._again: deque[tuple[int, str]] = deque()
        self.taken: list[tuple[int, str]] = []
        """The lines of the current record, each with its number."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) == _MOST_LINES:
            raise csv.Error(f"it goes on for more than {_MOST_LINES} lines: a quote may not be closed")
        line = self._again.popleft() if self._again else self._next()
        self.taken.append(line)
        if len(line[1]) > _LONGEST_LINE:
            raise csv.Error(f"it is longer than {_LONGEST_LINE} characters")
        return line[1]

    def _next(self) -> tuple[int, str]:
        text = self._text.readline(_LONGEST_LINE + 1)
        if not text:
            raise StopIteration
        self._number += 1
        if _NO_TEXT.search(text):
            raise RowMalformed(file=self._name, line=self._number, why="it is not UTF-8 text")
        if len(text) > _LONGEST_LINE:
            while (rest := self._text.readline(_LONGEST_LINE)) and not rest.endswith(("\n", "\r")):
                pass
        return self._number, text

    def give_back(self) -> tuple[int, str]:
        """Return the first line of the current record; the following lines will be read again."""
        first, *others = self.taken
        self._again.extendleft(reversed(others))
        return first
