"""All paths of a design as a report: their number, the endings, and the tree as text."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from trialdomain.operating.compared import Compared
from trialdomain.operating.paths import CohortOutcome, Paths, TrialPath
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.reports.json import Json
from trialdomain.reports.operating.comparison import comparison_json, comparison_lines
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import NO_BREAK, Table
from trialdomain.values.given.plural import how_many

SHOWN = 60
"""The lines of the tree that are shown unless all are asked for."""


def paths_report(found: Paths, *, every_line: bool = False, compared: Sequence[Compared] = ()) -> Report:
    """Report all paths of a design.

    Args:
        found: the paths.
        every_line: whether to show the whole tree; else its first 60 lines.
        compared: comparisons of paths with the answers of the engine.
    """
    title = (
        f"{how_many(found.number, 'path')} of the design {found.spec.known_as} with {how_many(found.levels, 'level')}"
    )
    return Report(
        title=title,
        blocks=lambda: _blocks(found, title, every_line=every_line, compared=compared),
        json=lambda: _json(found, compared),
    )


def tree_lines(found: Iterable[TrialPath], ladder: Sequence[DoseLevel]) -> Iterator[str]:
    """Yield the tree as text: a line for each cohort, indented under the one before it, and its end where it is one."""
    before: tuple[CohortOutcome, ...] = ()
    for path in found:
        shared = next(
            (at for at, (one, other) in enumerate(zip(before, path.cohorts, strict=False)) if one != other), 0
        )
        for depth, cohort in enumerate(path.cohorts[shared:], start=shared):
            end = f": {path.ending.words}, {path.participants} treated" if depth == len(path.cohorts) - 1 else ""
            yield f"{NO_BREAK * 2 * depth}level {ladder[cohort.place - 1].label}: {cohort.dlts}/{cohort.size}{end}"
        before = path.cohorts


def _blocks(found: Paths, title: str, *, every_line: bool, compared: Sequence[Compared]) -> Iterator[Block]:
    yield Table(
        title=title,
        columns=("ending", "paths", "smallest", "largest"),
        rows=tuple((one.ending.words, str(one.paths), str(one.smallest), str(one.largest)) for one in found.endings),
    )
    if compared:
        yield Lines(comparison_lines(compared))
    yield Lines(_tree(found, every_line=every_line))


def _tree(found: Paths, *, every_line: bool) -> Iterator[str]:
    """Yield the tree, each cohort as DLTs/participants; or its first lines, and how to see the rest."""
    yield "The tree: DLTs/participants of each cohort, and what its path ends with"
    lines = tree_lines(found, found.ladder)
    yield from lines if every_line else islice(lines, SHOWN)
    if next(lines, None) is not None:
        yield f"These are the first {SHOWN} lines: --all shows every line, --csv writes a row for each path"


def _json(found: Paths, compared: Sequence[Compared]) -> dict[str, Json]:
    endings: dict[str, Json] = {
        one.ending.name: {"paths": one.paths, "smallest": one.smallest, "largest": one.largest} for one in found.endings
    }
    return {
        "design": found.spec.known_as,
        "levels": found.levels,
        "paths": found.number,
        "endings": endings,
        **comparison_json(compared),
    }
