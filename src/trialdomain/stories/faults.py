"""The fault of a story that cannot be read: its line, its column, and the nearest word that would have been right."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from trialdomain.errors import InputInvalid
from trialdomain.values.given.text import either, short

_MOST_JOINED, _MOST_LISTED = 12, 24
"""The most words that are joined with "or", and the most that are listed at all."""
_NEAREST = 4
"""Of more words: how many are shown, the nearest first."""
_MOST_BEFORE, _MOST_SHOWN = 60, 90
"""Characters of a line that are shown: before the wrong word, and in all."""


class StoryMalformed(InputInvalid):
    """A line of a story cannot be read.

    Args:
        line: its number, from 1.
        column: the place of the first wrong word, from 1.
        why: what is wrong, and what would be right.
        file: the name of the file, if it has one.
        text: the line as it stands there, if it is known.
    """

    code = "story-malformed"

    def __init__(self, *, line: int, column: int, why: str, file: str = "", text: str = "") -> None:
        place = f"line {line}, column {column}"
        super().__init__(f"{file}, {place}: {why}" if file else f"{place}: {why}")
        self.line, self.column, self.why, self.file, self.text = line, column, why, file, text

    def within(self, story: str) -> "StoryMalformed":
        """Return this fault with its line, as it stands in the text of the story."""
        rows = story.removeprefix("\ufeff").splitlines()
        text = rows[self.line - 1] if 0 < self.line <= len(rows) else ""
        return StoryMalformed(line=self.line, column=self.column, why=self.why, file=self.file, text=text)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The fault, and below it the line with a mark under the first wrong word."""
        if not self.text.strip():
            return (str(self),)
        row, at = self.text.replace("\t", " "), self.column - 1
        start = max(0, at - _MOST_BEFORE)
        shown_row = f"{'...' if start else ''}{row[start : start + _MOST_SHOWN]}".rstrip()
        return str(self), f"  {shown_row}", f"  {' ' * (at - start + (3 if start else 0))}^"


NEAR = 0.6
"""How alike two words must be, from 0 to 1, for one to be a hint at the other."""
ALMOST_EQUAL = 0.88
"""The same where a wrong hint would turn the meaning round: "related" is no hint at "unrelated"."""


def instead(given: str, known: Iterable[str], *, cutoff: float = NEAR) -> str:
    """Phrase what would have been right: the nearest known word, or else all of them, or of many those most alike."""
    words = list(dict.fromkeys(known))
    near = get_close_matches(given.casefold(), {word.casefold(): word for word in words}, n=1, cutoff=cutoff)
    if near:
        return f"did you mean {next(word for word in words if word.casefold() == near[0])!r}?"
    if len(words) <= _MOST_JOINED:
        return f"write {either(map(repr, words))}"
    if len(words) <= _MOST_LISTED:
        return f"write one of {', '.join(map(repr, words))}"
    nearest = get_close_matches(given.casefold(), words, n=_NEAREST, cutoff=0)
    return f"of the {len(words)} that are known, the nearest are {', '.join(map(repr, nearest))}"


def nearest_of(given: Sequence[str], known: Iterable[str], *, cutoff: float = NEAR) -> str:
    """Phrase what would have been right, by the first of several readings that is near to a known word."""
    words = list(known)
    hints = [instead(one, words, cutoff=cutoff) for one in given]
    return next((one for one in hints if one.startswith("did you mean")), hints[-1])


def shown(text: str) -> str:
    """Quote what stands there, at most 40 characters."""
    return repr(short(text))
