"""The tables of the views, generated from their comments.

Run this file to write ``docs/reference/views.md``; a test compares the page with it.
"""

from collections.abc import Iterator
from pathlib import Path

from trialdomain.storage.view_tables import Column, Kind, Table
from trialdomain.views.standard import ABOUT, STANDARD_VIEWS
from trialdomain.views.table_view import table_of

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "views.md"
_HEAD = """# Views: the tables, and what a row of each is

[How to query views](../how-to/query-views.md) makes them, and keeps them up to date. Every table has the column
`trial`, the code of the trial. Rows of one participant, cohort or dose level have the same `participant`, `cohort` and
`level` in every table. `evidence` names the positions of the log entries that a row rests on; `trialdomain history LOG
--entry N` shows one.

A table with `from_day` and `to_day` answers for a day: `WHERE '2026-04-01' BETWEEN from_day AND to_day`. Each thing has
one row for a day. The first day is that on which the last of the entries it depends on was recorded. For an earlier
day, ask what was known then: `trialdomain replay LOG --known-at DAY`.

| kind | in PostgreSQL | in SQLite |
|---|---|---|
"""
_KINDS = {
    Kind.TEXT: ("`text`, in the order of bytes", "text"),
    Kind.INTEGER: ("`bigint`", "integer"),
    Kind.NUMBER: ("`numeric`, exact", "text, such as `4.80`"),
    Kind.BOOLEAN: ("`boolean`", "1 or 0"),
    Kind.DATE: ("`date`", "text, such as `2026-03-02`"),
    Kind.TIME: ("`timestamptz`", "text with its offset, such as `2026-03-02T06:00:00+00:00`"),
    Kind.POSITIONS: ("`integer[]`", "text, a JSON array for `json_each`"),
}


def page() -> str:
    """Give the page."""
    kinds = (f"| {kind} | {there} | {here} |\n" for kind, (there, here) in _KINDS.items())
    return _HEAD + "".join(kinds) + "".join(_tables())


def _tables() -> Iterator[str]:
    for table in map(table_of, STANDARD_VIEWS):
        yield from _table(table)
    yield "\n## about\n\nOne row is how far one view has come in one trial.\n\n| column | what it says |\n|---|---|\n"
    for name, told in ABOUT:
        yield f"| `{name}` | {told} |\n"


def _table(table: Table) -> Iterator[str]:
    yield f"\n## {table.name}\n\n{table.comment}\n\n| column | kind | what it says |\n|---|---|---|\n"
    for column in table.columns:
        yield f"| `{column.name}` | {column.kind}{'' if column.required else ', may be empty'} | {_told(column)} |\n"


def _told(column: Column) -> str:
    words = ", ".join(f"`{word}`" for word in column.words)
    return f"{column.comment} One of {words}." if words else column.comment


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
