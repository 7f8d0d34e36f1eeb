"""Print reports as wide as the terminal or ``COLUMNS``, and draw progress bars.

The optional package ``rich`` draws the progress bars; only this module imports it.
"""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from trialdomain.cli.drawing import draw
from trialdomain.cli.wrapping import wrapped
from trialdomain.reports.report import Block, Lines, Listing, Report
from trialdomain.reports.table import Column, Table
from trialdomain.values.given.cell import visible
from trialdomain.values.progress import Progress, ignore_progress

if TYPE_CHECKING:
    from rich.progress import TaskID  # an extra, which may not be installed

_WIDTH_OF_A_FILE = 140
"""The width of a table if neither a terminal nor ``COLUMNS`` gives a width; a sentence is then one line."""
_NARROWEST = 40
"""The minimum width, even if the terminal is narrower."""
_HANGING = 2
"""The indentation of continuation lines."""
_SHOWN_AT_ONCE = 20
"""The number of first lines of a table that are flushed at once."""


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Draw a progress bar on standard error if it is a terminal and ``rich`` is installed."""
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra, imported when used
        from rich.progress import Progress as Bar  # noqa: PLC0415 - as above
    except ImportError:
        yield ignore_progress
        return
    if not sys.stderr.isatty():
        yield ignore_progress
        return
    with Bar(console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield show


def print_report(report: Report, *, as_json: bool, headed: bool = False) -> None:
    """Print a report: the blocks for people, or the JSON on one line for programs.

    Args:
        report: the report.
        as_json: whether to print the JSON.
        headed: whether to print the title before the blocks.
    """
    if as_json:
        print(json.dumps(report.json))
        return
    if headed:
        print_lines([report.title])
    _print_blocks(report.blocks)


def _print_blocks(blocks: Iterable[Block]) -> bool:
    """Print blocks with a blank line between sections; return whether the last line is a sentence."""
    after_section, sentence = False, False
    for block in blocks:
        match block:
            case Lines():
                print_lines(block.lines)
                sentence = True
            case Table():
                print_table(block)
                sentence = False
            case Listing():
                print_rows(block.columns, block.rows, title=block.title)
                sentence = False
            case Report():
                if after_section and sentence:
                    print()
                sentence = _print_blocks(block.blocks)
            case _:
                assert_never(block)
        after_section = isinstance(block, Report)
    return sentence


def print_table(table: Table) -> None:
    """Print a table without its empty columns."""
    rows = table.rows
    filled = [at for at in range(len(table.columns)) if not at or not rows or any(row[at].strip() for row in rows)]
    columns = [table.columns[at] for at in filled]
    print_rows(columns, (tuple(row[at] for at in filled) for row in rows), title=table.title, turns=table.turns)


def print_rows(columns: Sequence[Column], rows: Iterable[tuple[str, ...]], *, title: str, turns: bool = False) -> None:
    """Print a table row by row, each row as soon as it is read."""
    printable = (tuple(map(_on_one_line, row)) for row in rows)
    lines = draw(columns, printable, title=_on_one_line(title), width=_width(), turns=turns)
    for line in islice(lines, _SHOWN_AT_ONCE):
        print(line)
    sys.stdout.flush()
    for line in lines:
        print(line)


def print_lines(lines: Iterable[str]) -> None:
    """Print sentences, each on a new line."""
    width = _given_width()
    for line in lines:
        text = _on_one_line(line)
        print("\n".join(wrapped(text, sys.maxsize if width is None else width, hanging=_HANGING)))


def say_written(sentence: str, file: Path) -> None:
    """Print a sentence about a written file, unless the file is standard output."""
    from trialdomain.exchange.files import is_standard_output  # noqa: PLC0415 - only commands that write a file need it

    if not is_standard_output(file):
        print_lines([sentence])


def _on_one_line(text: str) -> str:
    """Make every character visible and remove line breaks, so that recorded text cannot start a new line."""
    return visible(text).replace("\n", "\\n").replace("\t", " ")


def _width() -> int:
    return _given_width() or _WIDTH_OF_A_FILE


def _given_width() -> int | None:
    """Return the width of ``COLUMNS`` or the terminal; None if there is neither."""
    columns = shutil.get_terminal_size((0, 0)).columns
    return max(_NARROWEST, columns) if columns else None
