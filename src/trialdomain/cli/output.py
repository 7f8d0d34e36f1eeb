"""What people read: sentences and tables, as wide as the terminal or as ``COLUMNS`` says.

``rich``, which is an extra, draws how far work has come, and is asked for only here.
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
from trialdomain.values.progress import Progress, unheard

if TYPE_CHECKING:
    from rich.progress import TaskID  # an extra, which may not be there

_WIDTH_OF_A_FILE = 140
"""Columns of a table, where neither a terminal nor ``COLUMNS`` says how many there are; a sentence is one line then."""
_NARROWEST = 40
"""Columns that are taken for granted, whatever is said."""
_HANGING = 2
"""Blanks before what goes on from the line above."""
_SHOWN_AT_ONCE = 20
"""Lines of a table that do not wait for more to be written with them."""


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


def print_report(report: Report, *, as_json: bool, headed: bool = False) -> None:
    """Print a report: its blocks for people, or its JSON on one line for programs.

    Args:
        report: what is printed.
        as_json: whether the user asked for JSON.
        headed: whether people are shown the title before the blocks.
    """
    if as_json:
        print(json.dumps(report.json))
        return
    if headed:
        print_lines([report.title])
    _print_blocks(report.blocks)


def _print_blocks(blocks: Iterable[Block]) -> bool:
    """Print blocks, with a blank line between a section and the next; say whether the last line is a sentence."""
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
    """Draw a table on standard output, without the columns in which no row says anything."""
    rows = table.rows
    said = [at for at in range(len(table.columns)) if not at or not rows or any(row[at].strip() for row in rows)]
    columns = [table.columns[at] for at in said]
    print_rows(columns, (tuple(row[at] for at in said) for row in rows), title=table.title, turns=table.turns)


def print_rows(columns: Sequence[Column], rows: Iterable[tuple[str, ...]], *, title: str, turns: bool = False) -> None:
    """Draw a table on standard output whose rows are still to come, each when it does."""
    shown = (tuple(map(_on_one_line, row)) for row in rows)
    lines = draw(columns, shown, title=_on_one_line(title), width=_width(), turns=turns)
    for line in islice(lines, _SHOWN_AT_ONCE):
        print(line)
    sys.stdout.flush()
    for line in lines:
        print(line)


def print_lines(lines: Iterable[str]) -> None:
    """Print sentences, each beginning on a line of its own."""
    width = _said_width()
    for line in lines:
        text = _on_one_line(line)
        shown = wrapped(text, sys.maxsize if width is None else width, hanging=_HANGING)
        print("\n".join(shown))


def say_written(sentence: str, file: Path) -> None:
    """Say what was written into a file; nothing where it is what was printed."""
    from trialdomain.exchange.files import is_standard_output  # noqa: PLC0415 - whoever writes no file does without

    if not is_standard_output(file):
        print_lines([sentence])


def _on_one_line(text: str) -> str:
    r"""Show every character of a text, and let somebody's words begin no line of ours."""
    return visible(text).replace("\n", "\\n").replace("\t", " ")


def _width() -> int:
    return _said_width() or _WIDTH_OF_A_FILE


def _said_width() -> int | None:
    """Give the width that ``COLUMNS`` or a terminal says; None where nobody does."""
    said = shutil.get_terminal_size((0, 0)).columns
    return max(_NARROWEST, said) if said else None
