"""Layout of tables as text lines of a given width, for every command.

Each column is at least as wide as its longest word. If the columns do not fit, a table of numbers by dose level is
transposed if that fits. Otherwise the least important columns are removed, and their cells are printed under each row.
The layout uses the headings and the first rows only, so that later rows can be printed as they are read.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest

import attrs

from trialdomain.cli.wrapping import longest_word, room, wrapped
from trialdomain.reports.table import Column

_GAP = 2
_UNDER = 4
"""The indentation of the line under a row."""
_FIRST_ROWS = 100
"""The number of first rows that determine the column widths."""
_Row = tuple[str, ...]


def draw(
    columns: Sequence[Column], rows: Iterable[_Row], *, title: str, width: int, turns: bool = False
) -> Iterator[str]:
    """Yield the lines of a table; after the first 100 rows, each row is printed as soon as it is read."""
    remaining = iter(rows)
    first = list(islice(remaining, _FIRST_ROWS))
    layout = _Layout.of(columns, first, width)
    if turns and layout.under and len(first) < _FIRST_ROWS:
        transposed = _transposed(columns, first)
        other = _Layout.of(*transposed, width)
        if not other.under:
            layout, first = other, transposed[1]
    yield from wrapped(title, width)
    yield from layout.heading()
    for row in chain(first, remaining):
        yield from layout.row(row)
    yield ""


def _transposed(columns: Sequence[Column], rows: Sequence[_Row]) -> tuple[list[Column], list[_Row]]:
    """Transpose a table: rows become columns, and the headings become the first cells of the rows."""
    name = columns[0].title
    headings = [Column(""), *(Column(f"{name} {row[0]}" if row[0].isdecimal() else row[0]) for row in rows)]
    return headings, [(column.title, *(row[at] for row in rows)) for at, column in enumerate(columns) if at]


@attrs.frozen
class _Layout:
    """The layout of a table: the columns side by side with their widths, and the columns under each row."""

    columns: Sequence[Column]
    width: int
    beside: Sequence[int]
    widths: Sequence[int]
    """The widths of the columns side by side."""
    numbers: frozenset[int]
    """The columns of whole numbers, which are aligned right."""

    @classmethod
    def of(cls, columns: Sequence[Column], rows: Sequence[_Row], width: int) -> "_Layout":
        """Compute the layout from the headings and the first rows."""
        cells = [[column.title, *(row[at] for row in rows)] for at, column in enumerate(columns)]
        wants = [max(map(room, one)) for one in cells]
        words = [max(map(longest_word, one)) for one in cells]
        needs = [max(word, min(column.least, want)) for word, column, want in zip(words, columns, wants, strict=True)]
        beside = list(range(len(columns)))
        while len(beside) > 1 and _total(needs[at] for at in beside) > width:
            beside.remove(min(beside[1:], key=lambda at: (columns[at].keep, -at)))
        widths = _distributed([needs[at] for at in beside], [wants[at] for at in beside], width)
        return cls(columns, width, beside, widths, frozenset(at for at in beside if _is_number(cells[at][1:])))

    @property
    def under(self) -> list[int]:
        """The columns that are printed under each row."""
        return [at for at in range(len(self.columns)) if at not in self.beside]

    def heading(self) -> Iterator[str]:
        """Yield the lines of the headings, aligned at the bottom, and a rule under them."""
        titles = [wrapped(self.columns[at].title, wide) for at, wide in zip(self.beside, self.widths, strict=True)]
        most = max(map(len, titles))
        yield from self._lines([[*[""] * (most - len(title)), *title] for title in titles])
        yield (" " * _GAP).join("-" * wide for wide in self.widths)

    def row(self, row: _Row) -> Iterator[str]:
        """Yield the lines of a row, with the cells that do not fit under it.

        If a word is longer than its column, that cell and all cells after it go under the row, in the order of the
        columns, so that a value never comes before the name of its field.
        """
        fits: dict[int, Sequence[str]] = {}
        for at, wide in zip(self.beside, self.widths, strict=True):
            if longest_word(row[at]) > wide:
                break
            fits[at] = wrapped(row[at], wide)
        if any(row[at] for at in fits):
            yield from self._lines([fits.get(at, [""]) for at in self.beside])
        left = [f"{self.columns[at].title}: {row[at].strip()}" for at in range(len(row)) if at not in fits and row[at]]
        if left:
            yield from wrapped(" " * _UNDER + "; ".join(left), self.width)

    def _lines(self, cells: Sequence[Sequence[str]]) -> Iterator[str]:
        """Yield the lines of cells side by side; each cell may have several lines."""
        for parts in zip_longest(*cells, fillvalue=""):
            placed = zip(self.beside, self.widths, parts, strict=True)
            yield (
                (" " * _GAP).join(_aligned(part, wide, right=at in self.numbers) for at, wide, part in placed).rstrip()
            )


def _aligned(text: str, wide: int, *, right: bool) -> str:
    blanks = " " * (wide - room(text))
    return blanks + text if right else text + blanks


def _total(widths: Iterable[int]) -> int:
    columns = list(widths)
    return sum(columns) + _GAP * (len(columns) - 1)


def _distributed(needs: Sequence[int], wants: Sequence[int], width: int) -> list[int]:
    """Distribute the remaining width: columns with small demands get all of it, the others equal shares."""
    widths = list(needs)
    left = width - _total(widths)
    waiting = sorted(range(len(wants)), key=lambda at: wants[at] - needs[at])
    for number, at in enumerate(waiting):
        more = max(0, min(wants[at] - needs[at], left // (len(waiting) - number)))
        widths[at] += more
        left -= more
    return widths


def _is_number(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(cell.isdecimal() for cell in filled)
