"""A list of rows as CSV, such as the rows that were not recorded: file and line, reason, and the row itself."""

import csv
import io
from pathlib import Path
from typing import Self

from trialdomain.exchange.sdtm.rows import Row


class Listing:
    """A writer of a list into a file; use it in a ``with`` statement."""

    def __init__(self, path: Path, *, why: str) -> None:
        self.path, self.rows = path, 0
        self._file = path.open("x", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(("file", "line", "record", why, "row"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, row: Row, reason: str) -> None:
        """Add a row to the list."""
        self.rows += 1
        self._writer.writerow((row.file, row.line, row.record, reason, _as_csv(row)))


def _as_csv(row: Row) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(row.cells.values())
    return text.getvalue()
