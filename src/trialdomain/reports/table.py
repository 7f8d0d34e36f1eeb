"""Tables as data: cells, and the priority of each column. The command line decides how to draw them."""

from collections.abc import Iterable

import attrs

NO_BREAK = "\N{NO-BREAK SPACE}"
"""A space at which the renderer does not break a line."""


@attrs.frozen
class Column:
    """A column: its heading, and how to lay it out in a narrow terminal."""

    title: str
    keep: int = attrs.field(default=0, kw_only=True)
    """The priority of the column. If the table is too wide, columns with the lowest number are removed first.

    Of equal columns, the rightmost is removed first. The first column of the table always stays.
    """
    least: int = attrs.field(default=0, kw_only=True)
    """The minimum width in characters for readable text; a column is never narrower than its longest word."""


def _as_columns(columns: Iterable[Column | str]) -> tuple[Column, ...]:
    return tuple(Column(column) if isinstance(column, str) else column for column in columns)


@attrs.frozen(kw_only=True)
class Table:
    """A title, columns, and rows of text with one cell per column."""

    title: str
    columns: tuple[Column, ...] = attrs.field(converter=_as_columns)
    rows: tuple[tuple[str, ...], ...]
    turns: bool = False
    """Whether the renderer may transpose the table to make it narrower: for a table of numbers by dose level."""


def together(text: str) -> str:
    r"""Make a short text unbreakable, such as a number with its percentage.

    >>> together("3 (50.0)").split(" ")
    ['3\xa0(50.0)']
    """
    return text.replace(" ", NO_BREAK)
