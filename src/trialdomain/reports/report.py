"""A report: one answer, ready for every renderer.

Each ``*_report(answer)`` of this room gives one. An answer knows no renderer, and a renderer knows no answer: between
them stand a title, blocks to read, and JSON.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import attrs

from trialdomain.reports.json import Json
from trialdomain.reports.table import Column, Table


def _as_lines(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(given)


@attrs.frozen
class Lines:
    """Sentences, each on a line of its own."""

    lines: tuple[str, ...] = attrs.field(converter=_as_lines)


@attrs.frozen(kw_only=True)
class Listing:
    """A table whose rows are still being read: a renderer shows the first ones while the log is read further."""

    title: str
    columns: tuple[Column, ...]
    rows: Iterable[tuple[str, ...]]
    """Can be iterated once."""


@attrs.frozen(kw_only=True)
class Report:
    """A title, blocks and JSON; the blocks and the JSON are made when a renderer asks for them."""

    title: str
    """What a page about the answer is headed with."""
    _blocks: Callable[[], "Iterable[Block]"]
    _json: Callable[[], dict[str, Json] | None]

    @property
    def blocks(self) -> "Iterator[Block]":
        """Yield the blocks for people, in the order of reading."""
        return iter(self._blocks())

    @property
    def json(self) -> dict[str, Json] | None:
        """Give the answer for programs; None where the trial has no such answer."""
        return self._json()

    def under(self, title: str, *remarks: str, **members: Json) -> "Report":
        """Head this report with what the user asked.

        Args:
            title: such as the trial and the moment; replaces the title of the answer alone.
            remarks: sentences before the blocks.
            members: what stands before the members of the JSON.
        """

        def blocks() -> Iterator[Block]:
            if remarks:
                yield Lines(remarks)
            yield from self.blocks

        return Report(title=title, blocks=blocks, json=lambda: {**members, **(self.json or {})})


Block: TypeAlias = Lines | Table | Listing | Report
"""What a renderer can show; a report within a report is a section of it."""
