"""All paths of a design as CSV: one row for each path, as ``paths --csv`` writes it."""

import csv
from collections.abc import Callable, Iterator
from typing import TextIO

from trialdomain.operating.paths import Paths

_HEADER = ("path", "outcomes", "cohorts", "participants", "dlts", "ending", "level")


def write_paths(found: Paths, text: TextIO, *, progress: Callable[[int], None] = lambda _: None) -> None:
    """Write the header and a row for each path.

    ``outcomes`` is the path in outcomes notation. ``ending`` is ``mtd``, ``none`` or ``not_established``. ``level`` is
    the MTD, and empty without one.

    Args:
        found: the paths.
        text: the open file.
        progress: called with 1 after each path.
    """
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for row in _rows(found):
        writer.writerow(row)
        progress(1)


def _rows(found: Paths) -> Iterator[tuple[object, ...]]:
    for number, path in enumerate(found, start=1):
        level = path.ending.level
        ending = path.ending.name if level is None else "mtd"
        yield number, path.outcomes, len(path.cohorts), path.participants, path.dlts, ending, level
