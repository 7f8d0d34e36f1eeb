"""Limits of the memory that reading a log takes: another program that can write to the database may store huge values.

A single value that is longer than any entry's is refused. So are many long values together: rows are read in pages, and
where several pages are kept together, a budget limits the bytes of their long rows; a real trial has a hundredth of it.
Short rows are not counted; there are as many of them as the log has entries.
"""

from collections.abc import Iterable, Iterator
from sys import getsizeof
from typing import Any, TypeAlias

import attrs

from trialdomain.errors import LogCorrupt, LogUnusable
from trialdomain.storage.codec import LARGEST_STATE
from trialdomain.values.given.text import short

FoundRow: TypeAlias = tuple[Any, ...]
LONGEST_VALUE = LARGEST_STATE + (1 << 16)
"""Bytes: a longer value is refused before it takes memory."""
SHORT_VALUE = 4 * 1024
"""Bytes: rows without a longer value are read many at once, and are not counted."""
MOST_LONG = 32 * 1024 * 1024
"""Bytes: the budget of all long rows of one read."""


class TooMuchToRead(LogCorrupt):
    """A log has more bytes in long values than this library reads into memory, and than any trial has."""

    code = "too-much-to-read"

    def __init__(self, *, what: str) -> None:
        super().__init__(
            f"{what} have more than {MOST_LONG >> 20} MB together, and no trial has so much: another program put them "
            f"there; verify the log"
        )
        self.what = what


class TooMuchToRecord(LogUnusable):
    """A command would make the long entries of a trial larger than this library reads."""

    code = "too-much-to-record"

    def __init__(self, *, trial: str) -> None:
        super().__init__(
            f"the entries of trial {trial} that have more than {SHORT_VALUE >> 10} kB each would have more than "
            f"{MOST_LONG >> 20} MB together, and could not be read again; nothing was recorded; keep long documents "
            f"elsewhere, and record their names"
        )
        self.trial = trial


@attrs.define
class Budget:
    """The bytes that are left for the long rows of one read."""

    what: str
    """The name of the rows, and of their trial, in an error."""
    counts_short: bool = False
    """Whether short values are counted as well: for tables with few rows, to which another program could add many."""
    _left: int = MOST_LONG

    @classmethod
    def of_entries(cls, whose: str) -> "Budget":
        """Make the budget for the long entries of a trial, or of a stream."""
        return cls(f"the entries of {short(whose, 70)} that have more than {SHORT_VALUE >> 10} kB each")

    def take(self, row: FoundRow) -> None:
        """Subtract the long values of a row.

        Raises:
            TooMuchToRead: nothing is left.
        """
        least = 0 if self.counts_short else SHORT_VALUE
        self._left -= sum(size for size in map(_size, row) if size > least)
        if self._left < 0:
            raise TooMuchToRead(what=self.what)


def _size(value: object) -> int:
    return len(value) if isinstance(value, bytes) else getsizeof(value)  # a character of a text may take four bytes


def counted(rows: Iterable[FoundRow], budget: Budget) -> Iterator[FoundRow]:
    """Yield rows while their budget lasts.

    Raises:
        TooMuchToRead: they exceed the budget.
    """
    for row in rows:
        budget.take(row)
        yield row
