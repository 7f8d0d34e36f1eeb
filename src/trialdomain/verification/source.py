"""Where a verification reads a log: raw rows, by the driver of its database alone.

There is one module for each store. It shares nothing with what reads logs otherwise but the schema, for whoever can
change a database may count on what that code does.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

import attrs

from trialdomain.verification.defect import Defect
from trialdomain.verification.entries_check import Row
from trialdomain.verification.heads_check import KeptHead

Columns: TypeAlias = tuple[Sequence[Any], Sequence[Any], Sequence[Any], Sequence[Any], Sequence[Any], Sequence[Any]]
"""Of some entries: positions, states, leaves, streams, stored names and versions, whatever stands there."""
CommandRow: TypeAlias = tuple[Any, Any, Any]
"""How the state of an entry names a command, and the first and last position that are remembered for it."""
MOST_NOTES = 20_000
"""Notes of a trial that are compared."""


class SourceBroken(Exception):
    """A log cannot be read on; the message says why."""


@attrs.frozen
class Page:
    """Some entries of a trial, one after another."""

    columns: Columns | None
    """None where they are to be looked at one by one."""
    rows: Callable[[], Iterable[Row]]
    """Gives them one by one; a value that is longer than any entry's is left out."""


@attrs.frozen
class KeptNote:
    """A note that is kept with a log, as it stands there."""

    where: str
    """What to call it."""
    size: object
    text: bytes
    head: bool
    """Whether it stands in the place of a signed head."""


class LogSource(Protocol):
    """A log as raw rows. Texts are bytes: they may be no Unicode."""

    @property
    def readable(self) -> bool:
        """Whether entries can be read at all."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether entries can be read in the order of their positions; else they come one by one, in no order."""
        ...

    def schema(self) -> Iterable[Defect]:
        """Give every table, index and trigger that is missing, changed, or not ours, and a wrong encoding."""
        ...

    def structure_meanwhile(self) -> AbstractContextManager[Callable[[], Iterable[Defect]]]:
        """Check types, constraints and indexes while entries are read; what is yielded gives the result."""
        ...

    def numbering(self) -> str | None:
        """Say so where rows do not have the numbers that the database gives out once."""
        ...

    def out_of_order(self, trial: bytes) -> bool:
        """Say whether the rows of a trial have numbers that are not in the order of its positions."""
        ...

    def misfiled(self, *, entries: bool) -> Iterable[Defect]:
        """Give what is filed under no name that a trial has; ``entries`` asks for those too, which reads them all."""
        ...

    def trials(self) -> list[bytes]:
        """Name every trial of which anything is there: an entry, a command, or a note."""
        ...

    def number(self) -> int:
        """Say how many entries there are."""
        ...

    def last(self, trial: bytes) -> object:
        """Give the last position of a trial."""
        ...

    def pages(self, trial: bytes) -> Iterator[Columns | None]:
        """Yield the entries of a trial by position, many at once; None, and no more, where a value is long."""
        ...

    def guarded(self, trial: bytes, *, after: int) -> Iterator[Page]:
        """Yield the entries of a trial after so many, whatever they are, in bounded memory."""
        ...

    def uneven(self, trial: bytes) -> Iterator[tuple[bytes, Iterable[tuple[object, object]]]]:
        """Yield each stream whose versions do not go from 1 on without a gap: version and position of its entries."""
        ...

    def registration(self, trial: bytes) -> Iterable[tuple[Any, Any, Any, Any]] | None:
        """Give position, version, name and state of what can register a trial; None where that cannot be asked."""
        ...

    def newest(self, trial: bytes, *, after: int) -> Iterable[tuple[int, str, int]]:
        """Give position, stream and version of the entries after one, up to as many as are named."""
        ...

    def notes(self, trial: bytes) -> Iterable[KeptNote]:
        """Give the notes that are kept with a trial, one at a time: first its checkpoints, the newest first."""
        ...

    def head(self, trial: bytes) -> KeptHead:
        """Say what there is of signed heads."""
        ...

    def commands(self, trial: bytes) -> Iterator[list[CommandRow]] | None:
        """Yield the commands that recorded something, in the order of positions; None where they cannot be read."""
        ...

    def command(self, trial: bytes, command: bytes) -> tuple[Any, Any] | None:
        """Give the first and last position that are remembered for one command."""
        ...
