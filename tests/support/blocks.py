"""Read the blocks of a report as a test needs them."""

from collections.abc import Iterator
from typing import Any

from trialdomain.reports.report import Lines, Report
from trialdomain.reports.table import Table


def lines_of(report: Report) -> list[str]:
    """Give the sentences of a report and of its sections, in the order of reading."""
    found: list[str] = []
    for block in report.blocks:
        if isinstance(block, Lines):
            found.extend(block.lines)
        elif isinstance(block, Report):
            found.extend(lines_of(block))
    return found


def tables_of(report: Report) -> Iterator[Table]:
    """Yield the tables of a report and of its sections, in the order of reading."""
    for block in report.blocks:
        if isinstance(block, Table):
            yield block
        elif isinstance(block, Report):
            yield from tables_of(block)


def json_of(report: Report) -> dict[str, Any]:
    """Give the JSON of a report that has one."""
    found = report.json
    assert found is not None
    return found
