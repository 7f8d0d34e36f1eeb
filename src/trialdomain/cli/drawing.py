"""A table as lines of a width, decided in one place for every command.

Columns stand side by side, each as wide as its longest word at least. Where they do not all fit, a table of numbers by
dose level is turned, if it fits then; else the columns that matter least leave their place, and what they say of a row
stands under it. Widths follow from the headings and the first rows alone, so that rows are drawn as they come.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest

import attrs

from trialdomain.cli.wrapping import longest_word, room, wrapped
from trialdomain.reports.table import Column

_GAP = 2
_UNDER = 4
"""Blanks before what stands under a row."""
_LOOKED_AT = 100
"""Rows from which the widths follow."""
_Row = tuple[str, ...]


def draw(
    columns: Sequence[Column], rows: Iterable[_Row], *, title: str, width: int, turns: bool = False
) -> Iterator[str]:
    """Draw a table, a line at a time; the lines of a row come as soon as it does, after the first hundred."""
    coming = iter(rows)
    first = list(islice(coming, _LOOKED_AT))
    layout = _Layout.of(columns, first, width)
    if turns and layout.under and len(first) < _LOOKED_AT:
        turned = _turned(columns, first)
        other = _Layout.of(*turned, width)
        if not other.under:
            layout, first = other, turned[1]
    yield from wrapped(title, width)
    yield from layout.heading()
    for row in chain(first, coming):
        yield from layout.row(row)
    yield ""


def _turned(columns: Sequence[Column], rows: Sequence[_Row]) -> tuple[list[Column], list[_Row]]:
    """Make columns of rows; under the first heading, which named the rows, stand the other headings."""
    name = columns[0].title
    headings = [Column(""), *(Column(f"{name} {row[0]}" if row[0].isdecimal() else row[0]) for row in rows)]
    return headings, [(column.title, *(row[at] for row in rows)) for at, column in enumerate(columns) if at]


@attrs.frozen
class _Layout:
    """Which columns stand side by side and how wide, and which stand under each row."""

    columns: Sequence[Column]
    width: int
    beside: Sequence[int]
    widths: Sequence[int]
    """Of those beside each other."""
    numbers: frozenset[int]
    """Columns of whole numbers, which are set right."""

    @classmethod
    def of(cls, columns: Sequence[Column], rows: Sequence[_Row], width: int) -> "_Layout":
        """Choose by the headings and some rows."""
        cells = [[column.title, *(row[at] for row in rows)] for at, column in enumerate(columns)]
        wants = [max(map(room, one)) for one in cells]
        words = [max(map(longest_word, one)) for one in cells]
        needs = [max(word, min(column.least, want)) for word, column, want in zip(words, columns, wants, strict=True)]
        beside = list(range(len(columns)))
        while len(beside) > 1 and _taken(needs[at] for at in beside) > width:
            beside.remove(min(beside[1:], key=lambda at: (columns[at].keep, -at)))
        widths = _grown([needs[at] for at in beside], [wants[at] for at in beside], width)
        return cls(columns, width, beside, widths, frozenset(at for at in beside if _is_number(cells[at][1:])))

    @property
    def under(self) -> list[int]:
        """Columns that have no place beside the others."""
        return [at for at in range(len(self.columns)) if at not in self.beside]

    def heading(self) -> Iterator[str]:
        """Draw the headings over a rule, the last line of each next to it."""
        titles = [wrapped(self.columns[at].title, wide) for at, wide in zip(self.beside, self.widths, strict=True)]
        most = max(map(len, titles))
        yield from self._lines([[*[""] * (most - len(title)), *title] for title in titles])
        yield (" " * _GAP).join("-" * wide for wide in self.widths)

    def row(self, row: _Row) -> Iterator[str]:
        """Draw a row; under it stands what has no column, or a word that is longer than its column is wide.

        What follows such a word stands under the row as well, in the order of the columns: a value never comes before
        the name of what it is of.
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
        """Put cells of several lines beside each other."""
        for parts in zip_longest(*cells, fillvalue=""):
            placed = zip(self.beside, self.widths, parts, strict=True)
            yield (" " * _GAP).join(_set(part, wide, right=at in self.numbers) for at, wide, part in placed).rstrip()


def _set(text: str, wide: int, *, right: bool) -> str:
    blanks = " " * (wide - room(text))
    return blanks + text if right else text + blanks


def _taken(widths: Iterable[int]) -> int:
    found = list(widths)
    return sum(found) + _GAP * (len(found) - 1)


def _grown(needs: Sequence[int], wants: Sequence[int], width: int) -> list[int]:
    """Share the room that is left: whoever wants least gets all of it, the others as much as each other."""
    widths = list(needs)
    left = width - _taken(widths)
    waiting = sorted(range(len(wants)), key=lambda at: wants[at] - needs[at])
    for number, at in enumerate(waiting):
        more = max(0, min(wants[at] - needs[at], left // (len(waiting) - number)))
        widths[at] += more
        left -= more
    return widths


def _is_number(cells: Sequence[str]) -> bool:
    found = [cell for cell in cells if cell]
    return bool(found) and all(cell.isdecimal() for cell in found)
