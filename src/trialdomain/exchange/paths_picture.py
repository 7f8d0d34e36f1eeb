"""The tree of all paths as a picture: SVG text, from left to right, with a row for each path."""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

import attrs

from trialdomain.errors import InputInvalid
from trialdomain.operating.ending import NONE_TOLERATED, NOT_ESTABLISHED, Ending
from trialdomain.operating.paths import CohortOutcome, Paths, TrialPath
from trialdomain.protocol.dose_level import DoseLevel

MOST_DRAWN = 500
"""The most paths of a picture: 4 levels of 3+3 have 442."""
_ROW, _COLUMN, _TOP, _LEFT = 18, 92, 84, 20
_BOX_WIDTH, _BOX_HEIGHT = 66, 14
_NARROWEST = 640
_FONT = 'font-family="Helvetica, Arial, sans-serif" font-size="11"'
_END = 230
"""The width of the text at the end of a row."""
_FILLS = ("#e4f0e6", "#fdf0cf", "#f6d5d0")
"""The color of a cohort without a DLT, with one, and with more."""
_ENDS = ("#1f5fa8", "#2b8a5b", "#7a4fa3", "#b0671b", "#16808a", "#8a6d00")
"""The colors of the levels as MTD, from level 1; they repeat."""
_OTHER_ENDS = {NONE_TOLERATED: "#b3261e", NOT_ESTABLISHED: "#6b6b6b"}


class PictureTooLarge(InputInvalid):
    """The design has too many paths for a picture that people can read."""

    code = "picture-too-large"

    def __init__(self, *, paths: int, most: int) -> None:
        super().__init__(f"{paths} paths are too many for a picture, which has at most {most}: write a CSV file")
        self.paths, self.most = paths, most


@attrs.frozen
class _Node:
    """A cohort in the tree, with the first and the last row of the paths through it."""

    cohort: CohortOutcome
    depth: int
    first: int
    last: int
    parent: "_Node | None"

    @property
    def x(self) -> float:
        return _LEFT + self.depth * _COLUMN

    @property
    def y(self) -> float:
        return _TOP + (self.first + self.last) / 2 * _ROW


def picture_of(found: Paths) -> str:
    """Draw the tree of all paths: a box for each cohort with its level and its DLTs, and the ending of each path.

    Raises:
        PictureTooLarge: there are more than 500 paths.
    """
    if found.number > MOST_DRAWN:
        raise PictureTooLarge(paths=found.number, most=MOST_DRAWN)
    every = list(found)
    deepest = max(len(path.cohorts) for path in every)
    width, height = max(_LEFT + deepest * _COLUMN + _END, _NARROWEST), _TOP + len(every) * _ROW + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" {_FONT}>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_heading(found),
        *(line for node in _nodes(every, 0, 0, None) for line in _drawn(node, found.ladder)),
        *(_end(path, row, found.ladder) for row, path in enumerate(every)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _nodes(every: Sequence[TrialPath], depth: int, first: int, parent: _Node | None) -> Iterator[_Node]:
    """Yield the cohorts at a depth and below it, of paths that agree before it; ``first`` is their first row."""
    at = 0
    while at < len(every):
        path = every[at]
        same = 1
        if depth < len(path.cohorts):
            cohort = path.cohorts[depth]
            same = sum(other.cohorts[depth : depth + 1] == (cohort,) for other in every[at:])
            node = _Node(cohort, depth, first + at, first + at + same - 1, parent)
            yield node
            yield from _nodes(every[at : at + same], depth + 1, first + at, node)
        at += same


def _heading(found: Paths) -> Iterator[str]:
    levels = "1 level" if found.levels == 1 else f"{found.levels} levels"
    title = escape(f"All {found.number} paths of the design {found.spec.known_as} with {levels}")
    yield f'<text x="{_LEFT}" y="26" font-size="16" font-weight="bold">{title}</text>'
    yield (
        f'<text x="{_LEFT}" y="46" fill="#444444">Each box is a cohort, "level: DLTs / participants"; '
        f"each row is a path, with its end and its participants.</text>"
    )
    x = _LEFT
    for fill, words in zip(_FILLS, ("no DLT", "1 DLT", "2 or more DLTs"), strict=True):
        yield f'<rect x="{x}" y="56" width="14" height="12" rx="3" fill="{fill}" stroke="#999999"/>'
        yield f'<text x="{x + 20}" y="66">{words}</text>'
        x += 90


def _drawn(node: _Node, ladder: Sequence[DoseLevel]) -> Iterator[str]:
    """Yield the line from the cohort before, and the box of a cohort."""
    if node.parent is not None:
        start, middle = node.parent.x + _BOX_WIDTH, node.x - (_COLUMN - _BOX_WIDTH) / 2
        yield (
            f'<path d="M{start:g} {node.parent.y:g} H{middle:g} V{node.y:g} H{node.x:g}" fill="none" stroke="#b5b5b5"/>'
        )
    fill = _FILLS[min(node.cohort.dlts, len(_FILLS) - 1)]
    yield (
        f'<rect x="{node.x:g}" y="{node.y - _BOX_HEIGHT / 2:g}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="3" '
        f'fill="{fill}" stroke="#999999"/>'
    )
    label = escape(f"{ladder[node.cohort.place - 1].label}: {node.cohort.dlts} / {node.cohort.size}")
    yield f'<text x="{node.x + _BOX_WIDTH / 2:g}" y="{node.y + 4:g}" text-anchor="middle">{label}</text>'


def _end(path: TrialPath, row: int, ladder: Sequence[DoseLevel]) -> str:
    x, y = _LEFT + (len(path.cohorts) - 1) * _COLUMN + _BOX_WIDTH + 10, _TOP + row * _ROW + 4
    words = escape(f"{path.ending.words}, {path.participants}")
    return f'<text x="{x}" y="{y}" fill="{_color(path.ending, ladder)}" font-weight="bold">{words}</text>'


def _color(ending: Ending, ladder: Sequence[DoseLevel]) -> str:
    if ending in _OTHER_ENDS:
        return _OTHER_ENDS[ending]
    places = {level.label: level.level for level in ladder}
    return _ENDS[(places.get(ending.level or 0, 1) - 1) % len(_ENDS)]
