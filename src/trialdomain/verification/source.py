"""The interface through which a verification reads a log: raw rows, from the driver of its database.

Each store has one module that implements it. The module has its own queries. With the code that reads logs otherwise it
shares the schema, the limits on lengths, and the refusal of unsafe files. So a change that is hidden from that code is
found here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

import attrs

from trialdomain.verification.defect import Defect
from trialdomain.verification.entries_check import Row
from trialdomain.verification.heads_check import KeptHead

Columns: TypeAlias = tuple[Sequence[Any], Sequence[Any], Sequence[Any], Sequence[Any], Sequence[Any], Sequence[Any]]
"""The columns of some entries, unchecked: positions, states, leaves, streams, stored names and versions."""
CommandRow: TypeAlias = tuple[Any, Any, Any]
"""A row of the table of commands: the name in the states of entries, and the first and last position."""
PAGE = 1 << 9
"""The entries of a page of SQLite's. A portion has whole pages, so that both ways of reading have the same ones."""
MOST_NOTES = 20_000
"""The most notes of a trial that are compared."""


class SourceBroken(Exception):
    """The rest of a log cannot be read; the message says why."""


@attrs.frozen
class Page:
    """Some entries of a trial, one after another."""

    columns: Columns | None
    """The columns; None where the entries must be checked one by one."""
    rows: Callable[[], Iterable[Row]]
    """Reads the entries one by one, without values that are longer than any entry's."""


@attrs.frozen
class KeptNote:
    """A note that the log keeps, unchecked."""

    where: str
    """Its name in a defect."""
    size: object
    text: bytes
    head: bool
    """Whether it is stored as a signed head."""


class LogSource(Protocol):
    """A log as raw rows. Texts are bytes: they may not be UTF-8."""

    @property
    def readable(self) -> bool:
        """Whether entries can be read at all."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether entries can be read in the order of positions; else they are read one by one, in any order."""
        ...

    @property
    def elsewhere(self) -> Mapping[str, Any] | None:
        """What a helper needs to open the log in another process, as JSON; None where it cannot."""
        ...

    def schema(self) -> Iterable[Defect]:
        """Return a defect for each missing, changed or foreign object of the schema, and for a wrong encoding."""
        ...

    def structure_meanwhile(self) -> AbstractContextManager[Callable[[], Iterable[Defect]]]:
        """Check types, constraints and indexes while entries are read; the yielded function returns the defects."""
        ...

    def numbering(self) -> str | None:
        """Return what is wrong with the numbers of rows, each given out once, from 1; None where nothing is."""
        ...

    def out_of_order(self, trial: bytes) -> bool:
        """Say whether the row numbers of a trial are not in the order of its positions."""
        ...

    def misfiled(self, *, entries: bool) -> Iterable[Defect]:
        """Return defects for rows under a name that no trial has; ``entries`` includes the entries, and reads all."""
        ...

    def trials(self) -> list[bytes]:
        """Name every trial with an entry, a command or a note."""
        ...

    def number(self) -> int:
        """Return the number of entries."""
        ...

    def extent(self, trial: bytes) -> tuple[int, int] | None:
        """Return the first and the last position of a trial; None where one of its positions has another type."""
        ...

    def pages(self, trial: bytes, *, after: int = 0, upto: int | None = None) -> Iterator[Columns | None]:
        """Yield the entries of a trial by position, in pages; at a page with a long value, yield None and stop.

        Args:
            trial: the code of the trial.
            after: a position: only entries after it; 0 for every entry, also one with a position that no entry has.
            upto: a position: only entries up to it.
        """
        ...

    def guarded(self, trial: bytes, *, after: int) -> Iterator[Page]:
        """Yield the entries of a trial after the first ``after``, with any values, in bounded memory."""
        ...

    def uneven(self, trial: bytes) -> Iterator[tuple[bytes, Iterable[tuple[object, object]]]]:
        """Yield each stream whose versions have a gap or do not begin at 1, with its versions and positions."""
        ...

    def registration(self, trial: bytes) -> Iterable[tuple[Any, Any, Any, Any]] | None:
        """Return the entries that can register a trial: position, version, name, state; None without an index."""
        ...

    def newest(self, trial: bytes, *, after: int) -> Iterable[tuple[int, str, int]]:
        """Return position, stream and version of the entries after a position, up to the number of listed defects."""
        ...

    def notes(self, trial: bytes) -> Iterable[KeptNote]:
        """Return the notes that the log keeps of a trial, one at a time: first its checkpoints, the newest first."""
        ...

    def head(self, trial: bytes) -> KeptHead:
        """Return what the database has of signed heads."""
        ...

    def commands(self, trial: bytes) -> Iterator[list[CommandRow]] | None:
        """Yield the commands that recorded entries, in the order of positions; None where they cannot be read."""
        ...

    def command(self, trial: bytes, command: bytes) -> tuple[Any, Any] | None:
        """Return the first and last position in the row of one command; None where it has no row."""
        ...
