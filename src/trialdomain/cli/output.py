"""What people read: tables and lines. ``rich`` draws the tables, and is asked for only here."""

import sys
from collections.abc import Iterable

from trialdomain.errors import InputInvalid
from trialdomain.reports.table import Table

_WIDTH_OF_A_FILE = 140
"""Columns, where no terminal says how many it has."""


class TablesUnavailable(InputInvalid):
    """Tables are drawn by a library that is not installed."""


def print_table(table: Table) -> None:
    """Draw a table on standard output.

    Raises:
        TablesUnavailable: the extra ``cli`` is not installed.
    """
    try:
        from rich import box  # noqa: PLC0415 - an extra, imported when used
        from rich.console import Console  # noqa: PLC0415 - as above
        from rich.table import Table as Drawn  # noqa: PLC0415 - as above
    except ImportError:
        raise TablesUnavailable(
            "tables need the extra 'cli': pip install 'trialdomain[cli]', or ask for --json"
        ) from None
    drawn = Drawn(title=table.title, title_justify="left", box=box.SIMPLE_HEAD)
    for at, column in enumerate(table.columns):
        numbers = all(row[at].isdecimal() for row in table.rows)
        drawn.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*row)
    width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
    Console(highlight=False, markup=False, width=width).print(drawn)


def print_lines(lines: Iterable[str]) -> None:
    """Print sentences, one a line."""
    for line in lines:
        print(line)
