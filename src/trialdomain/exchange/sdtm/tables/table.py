"""What every reader of a file gives: the names of its columns, and its rows one after another."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import attrs

from trialdomain.errors import InputInvalid


class StudyUnusable(InputInvalid):
    """A folder does not hold a study that can be read: there is no dm, no subject, or a file that is none."""

    code = "study-unusable"


class RowMalformed(InputInvalid):
    """A row of a study cannot be: it breaks the standard, or contradicts another row."""

    code = "row-malformed"

    def __init__(self, *, file: str, line: int, why: str) -> None:
        super().__init__(f"{file}, line {line}: {why}: nothing was imported; correct the file, and import again")
        self.file, self.line, self.why = file, line, why


@attrs.frozen
class Line:
    """One row as it stands in its file."""

    number: int
    """Where it stands: in text its first line, from 1; in other files the number of the row, from 1."""
    cells: Sequence[str]
    why: str = ""
    """Why it is no row; empty for one that is."""


def counted(number: int, cells: Sequence[str], columns: Sequence[str]) -> Line:
    """Return a line, which is no row where it has more cells than there are columns, or fewer."""
    fits = len(cells) == len(columns)
    return Line(number, cells, "" if fits else f"it has {len(cells)} cells under {len(columns)} columns")


class Table(Protocol):
    """An open file. Its rows are read once, and never all of them at a time."""

    columns: tuple[str, ...]

    def lines(self) -> Iterator[Line]:
        """Yield the rows.

        Raises:
            StudyUnusable: the file cannot be read any further.
        """
