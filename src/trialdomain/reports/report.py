"""The report type: one answer in a form that every renderer can show.

Each ``*_report(answer)`` function of this package returns a report. Answers and renderers do not depend on each other:
a report has a title, blocks for people, and JSON for programs.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import attrs

from trialdomain.reports.json import Json
from trialdomain.reports.table import Column, Table


def _as_lines(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(lines)


@attrs.frozen
class Lines:
    """Sentences, one per line."""

    lines: tuple[str, ...] = attrs.field(converter=_as_lines)


@attrs.frozen(kw_only=True)
class Listing:
    """A table with an iterator of rows: a renderer can show the first rows before the whole log is read."""

    title: str
    columns: tuple[Column, ...]
    rows: Iterable[tuple[str, ...]]
    """An iterator; it can be consumed only once."""


@attrs.frozen(kw_only=True)
class Report:
    """A title, blocks and JSON. The blocks and the JSON are computed when a renderer reads them."""

    title: str
    """The heading of the answer."""
    _blocks: Callable[[], "Iterable[Block]"]
    _json: Callable[[], dict[str, Json] | None]

    @property
    def blocks(self) -> "Iterator[Block]":
        """Yield the blocks for people, in reading order."""
        return iter(self._blocks())

    @property
    def json(self) -> dict[str, Json] | None:
        """Return the answer for programs, or None if the trial has no such answer."""
        return self._json()

    def under(self, title: str, *remarks: str, **members: Json) -> "Report":
        """Return this report with a heading that names the question of the user.

        Args:
            title: the new title, such as the trial and the moment; it replaces the title of the answer.
            remarks: sentences to show before the blocks.
            members: JSON members to put before those of the answer.
        """

        def blocks() -> Iterator[Block]:
            if remarks:
                yield Lines(remarks)
            yield from self.blocks

        return Report(title=title, blocks=blocks, json=lambda: {**members, **(self.json or {})})


Block: TypeAlias = Lines | Table | Listing | Report
"""The blocks that a renderer can show; a report inside a report is a section of it."""
