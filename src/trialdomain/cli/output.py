"""What people read: tables and lines. ``rich`` draws the tables, and is asked for only here."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from trialdomain.errors import InputInvalid
from trialdomain.reports.table import Table
from trialdomain.values.cell import visible
from trialdomain.values.progress import Progress, unheard

if TYPE_CHECKING:
    from rich.progress import TaskID  # an extra, which may not be there

_WIDTH_OF_A_FILE = 140
"""Columns, where no terminal says how many it has."""


class TablesUnavailable(InputInvalid):
    """Tables are drawn by a library that is not installed."""

    code = "tables-unavailable"


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Draw how far long work has come on standard error, where a person looks at it; else say nothing."""
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra, imported when used
        from rich.progress import Progress as Bar  # noqa: PLC0415 - as above
    except ImportError:
        yield unheard
        return
    if not sys.stderr.isatty():
        yield unheard
        return
    with Bar(console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield show


def require_tables() -> None:
    """Ask for what draws tables before any work is done that they would show.

    Raises:
        TablesUnavailable: the extra ``cli`` is not installed.
    """
    if find_spec("rich") is None:
        raise TablesUnavailable("tables need the extra 'cli': pip install 'trialdomain[cli]', or ask for --json")


def print_table(table: Table) -> None:
    """Draw a table on standard output.

    Raises:
        TablesUnavailable: the extra ``cli`` is not installed.
    """
    require_tables()
    from rich import box  # noqa: PLC0415 - an extra, imported when used
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.table import Table as Drawn  # noqa: PLC0415 - as above

    drawn = Drawn(title=table.title, title_justify="left", box=box.SIMPLE_HEAD)
    for at, column in enumerate(table.columns):
        numbers = all(row[at].isdecimal() for row in table.rows)
        drawn.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*map(visible, row))
    width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
    try:
        Console(highlight=False, markup=False, width=width).print(drawn)
    except SystemExit:  # what it does when nobody reads on
        raise BrokenPipeError from None


def print_lines(lines: Iterable[str]) -> None:
    """Print sentences, one a line."""
    for line in lines:
        print(visible(line).replace("\n", "\\n"))  # somebody's words begin no line of ours
