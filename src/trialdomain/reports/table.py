"""A table as data: what stands in it, and what of it matters most; how it is drawn, the command line decides."""

from collections.abc import Iterable

import attrs

NO_BREAK = "\N{NO-BREAK SPACE}"
"""A blank at which no line is broken."""


@attrs.frozen
class Column:
    """A column: its heading, and what becomes of it where there is little room."""

    title: str
    keep: int = attrs.field(default=0, kw_only=True)
    """Columns with the lowest number leave their place first, the last of them before the others; the first stays."""
    least: int = attrs.field(default=0, kw_only=True)
    """Characters that a text needs on a line to be read with ease; a column is never narrower than its longest word."""


def _as_columns(given: Iterable[Column | str]) -> tuple[Column, ...]:
    return tuple(Column(one) if isinstance(one, str) else one for one in given)


@attrs.frozen(kw_only=True)
class Table:
    """A heading, columns, and rows of text of the same length."""

    title: str
    columns: tuple[Column, ...] = attrs.field(converter=_as_columns)
    rows: tuple[tuple[str, ...], ...]
    turns: bool = False
    """Whether its rows may become its columns, where those are fewer: a table of numbers by dose level."""


def together(text: str) -> str:
    r"""Keep a short text on one line, such as a number with its percentage.

    >>> together("3 (50.0)").split(" ")
    ['3\xa0(50.0)']
    """
    return text.replace(" ", NO_BREAK)
