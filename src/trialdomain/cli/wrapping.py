"""Wrap text to a width: break lines between words, and never inside a word.

A word that is longer than the width gets a line of its own and stays whole, so that users can copy it. Lines may also
break between two characters of double width (Chinese, Japanese, Korean).
"""

import unicodedata
from collections.abc import Iterator

from trialdomain.reports.table import NO_BREAK


def room(text: str) -> int:
    r"""Count the terminal columns of a text.

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
    """Count the minimum columns of a text: its indentation and its longest unbreakable part."""
    return room(_indent(text)) + max((room(word) for _, word in _words(text)), default=0)


def _indent(text: str) -> str:
    return text[: len(text) - len(text.lstrip(" "))]


def wrapped(text: str, width: int, *, hanging: int = 0) -> list[str]:
    """Wrap a text; all lines have its indentation, and lines after the first have ``hanging`` more columns.

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
    """Yield each unbreakable part of a text, with the blank before it, if any."""
    for number, word in enumerate(filter(None, text.split(" "))):
        blank = " " if number else ""
        if word.isascii():
            yield blank, word
        else:
            yield from _pieces(blank, word)


def _pieces(blank: str, word: str) -> Iterator[tuple[str, str]]:
    """Split a word between adjacent characters of double width."""
    piece = ""
    for character in word:
        if piece and _is_wide(character) and _is_wide(piece[-1]):
            yield blank, piece
            piece, blank = "", ""
        piece += character
    yield blank, piece
