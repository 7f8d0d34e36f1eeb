"""The interface of the readers: the names of the columns, and the rows one after another."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import attrs

from trialdomain.errors import InputInvalid


class StudyUnusable(InputInvalid):
    """A folder has no readable study: there is no dm, no subject, or a file is malformed."""

    code = "study-unusable"


class RowMalformed(InputInvalid):
    """A row of a study is invalid: it breaks the standard, or contradicts another row."""

    code = "row-malformed"

    def __init__(self, *, file: str, line: int, why: str) -> None:
        super().__init__(f"{file}, line {line}: {why}: nothing was imported; correct the file, and import again")
        self.file, self.line, self.why = file, line, why


@attrs.frozen
class Line:
    """One row of a file."""

    number: int
    """The first line of the row in a text file, or the number of the row in other files, from 1."""
    cells: Sequence[str]
    why: str = ""
    """The reason why it is malformed; empty for a valid row."""


def counted(number: int, cells: Sequence[str], columns: Sequence[str]) -> Line:
    """Return a line; it is malformed if the number of cells differs from the number of columns."""
    fits = len(cells) == len(columns)
    return Line(number, cells, "" if fits else f"it has {len(cells)} cells under {len(columns)} columns")


class Table(Protocol):
    """An open file. Its rows are read once, one after another, never all into memory."""

    columns: tuple[str, ...]

    def lines(self) -> Iterator[Line]:
        """Yield the rows.

        Raises:
            StudyUnusable: the file cannot be read any further.
        """
