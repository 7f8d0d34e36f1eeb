"""Texts on lines of a width: a line ends between two words, and no word is broken.

A word that is longer than a line has one of its own, and is whole: somebody may want to copy it. Between characters of
double width (Chinese, Japanese, Korean) a line may end as between words.
"""

import unicodedata
from collections.abc import Iterator

from trialdomain.reports.table import NO_BREAK


def room(text: str) -> int:
    r"""Count the columns of a terminal that a text takes.

    >>> room("DLT"), room("试验"), room("e\N{COMBINING ACUTE ACCENT}")
    (3, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if _is_wide(character) else 1


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in {"W", "F"}


def longest_word(text: str) -> int:
    """Count the columns that a text needs at least: its longest part that stays on one line, as far in as the first."""
    return room(_indent(text)) + max((room(word) for _, word in _words(text)), default=0)


def _indent(text: str) -> str:
    return text[: len(text) - len(text.lstrip(" "))]


def wrapped(text: str, width: int, *, hanging: int = 0) -> list[str]:
    """Break a text into lines, each as far in as the first, and those after it by so many columns more.

    >>> wrapped("  level 2 has 1 DLT in 6 evaluable", 20, hanging=2)
    ['  level 2 has 1 DLT', '    in 6 evaluable']
    """
    if room(text) <= width:
        return [text.rstrip(" ").replace(NO_BREAK, " ")]
    before = _indent(text)
    lines: list[str] = []
    line, empty = before, True
    for blank, word in _words(text):
        longer = f"{line}{'' if empty else blank}{word}"
        if empty or room(longer) <= width:
            line = longer
        else:
            lines.append(line)
            line = f"{before}{' ' * hanging}{word}"
        empty = False
    return [one.replace(NO_BREAK, " ") for one in [*lines, line]]


def _words(text: str) -> Iterator[tuple[str, str]]:
    """Yield each part that stays on one line, with the blank before it, if any."""
    for number, word in enumerate(filter(None, text.split(" "))):
        blank = " " if number else ""
        if word.isascii():
            yield blank, word
        else:
            yield from _pieces(blank, word)


def _pieces(blank: str, word: str) -> Iterator[tuple[str, str]]:
    """Take a word apart where two characters of double width meet."""
    piece = ""
    for character in word:
        if piece and _is_wide(character) and _is_wide(piece[-1]):
            yield blank, piece
            piece, blank = "", ""
        piece += character
    yield blank, piece
