"""A decision table as CSV: ``n,dlt,decision``, one row for each count, as ``design table --csv`` writes it."""

import csv
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any

from trialdomain.errors import InputInvalid
from trialdomain.protocol.designs import TableRow, TableWord

_HEADER = ["n", "dlt", "decision"]
_LONGEST_COUNT = 4
"""The most digits of a count: far more participants than any table has."""


class TableUnreadable(InputInvalid):
    """A file is not a decision table."""

    code = "table-unreadable"

    def __init__(self, *, line: int, why: str) -> None:
        super().__init__(f"line {line} of the decision table: {why}")
        self.line, self.why = line, why


def rows_to_csv(rows: Iterable[TableRow]) -> str:
    """Encode rows as CSV with the header."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows((row.n, row.dlt, row.decision.value) for row in rows)
    return text.getvalue()


def rows_from_csv(text: str) -> list[Mapping[str, object]]:
    """Decode rows into the form of a protocol file; the caller validates their values.

    Raises:
        TableUnreadable: the header differs, or a row is not two whole numbers and a decision word.
    """
    lines = csv.reader(StringIO(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"), newline=None))
    try:
        return _rows(lines)
    except csv.Error as error:
        raise TableUnreadable(line=lines.line_num, why=f"{error}") from None


def _rows(lines: Any) -> list[Mapping[str, object]]:
    header = [cell.strip().lower() for cell in next(lines, [])]
    if header != _HEADER:
        raise TableUnreadable(line=1, why=f"expected the header {','.join(_HEADER)}, got {','.join(header)[:80]!r}")
    rows: list[Mapping[str, object]] = []
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        found = [cell.strip() for cell in cells]
        whole = len(found) == len(_HEADER) and all(map(_is_count, found[:2]))
        if not whole or found[2] not in set(TableWord):
            words = ", ".join(TableWord)
            why = f"expected two whole numbers and one of {words}, got {','.join(found)[:80]!r}"
            raise TableUnreadable(line=lines.line_num, why=why)
        rows.append({"n": int(found[0]), "dlt": int(found[1]), "decision": found[2]})
    return rows


def _is_count(cell: str) -> bool:
    return cell.isascii() and cell.isdigit() and len(cell) <= _LONGEST_COUNT
