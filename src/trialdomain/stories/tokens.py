"""The words of one line of a story, each with its column."""

import re
from collections.abc import Sequence

import attrs

from trialdomain.stories.faults import StoryMalformed, shown

_TOKEN = re.compile(r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<mark>[,:](?=\s|$)|[,])|(?P<word>[^\s,"]+)')
_OTHER_QUOTES = re.compile("[\u201c\u201d\u201e\u201f\u00ab\u00bb]|^['`\u2018\u2019\u201a\u201b]")
"""Quotation marks as a word processor or another language has them; an apostrophe may stand within a word."""
_ESCAPED = {"n": "\n", "t": "\t"}


@attrs.frozen
class Token:
    """A word, a quoted text, a comma or a colon."""

    text: str
    column: int
    """Its place in the line, from 1."""
    quoted: bool = False
    mark: bool = False
    """Whether it is a comma or a colon between words."""

    def is_word(self, *words: str) -> bool:
        """Return whether it is one of some words, whatever the case of its letters."""
        return not self.quoted and not self.mark and self.text.casefold() in words


def tokens_of(text: str, *, line: int) -> list[Token]:
    """Split a line into its tokens; a ``#`` at the start or after a space begins a comment.

    Raises:
        StoryMalformed: a quotation mark is not closed, or is another one than ".
    """
    found: list[Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        if text[at] == "#":
            break
        match = _TOKEN.match(text, at)
        if match is None:
            raise StoryMalformed(line=line, column=at + 1, why='a text begins with ", and no " ends it')
        word = match["word"] or ""
        mark = _OTHER_QUOTES.search(word)
        if mark is not None:
            why = f'{mark[0]} is no quotation mark of a story: write a straight double one (") before and after a text'
            raise StoryMalformed(line=line, column=at + 1 + mark.start(), why=why)
        found += _of(match, column=at + 1)
        at = match.end()
    return found


def _of(match: re.Match[str], *, column: int) -> list[Token]:
    """Make the tokens of a match; a colon at the end of a word is a mark of its own."""
    if match["quoted"] is not None:
        text = re.sub(r"\\(.)", lambda one: _ESCAPED.get(one[1], one[1]), match["quoted"], flags=re.DOTALL)
        return [Token(text, column, quoted=True)]
    if match["mark"] is not None:
        return [Token(match["mark"], column, mark=True)]
    word = match["word"]
    if len(word) > 1 and word.endswith(":"):
        return [Token(word[:-1], column), Token(":", column + len(word) - 1, mark=True)]
    return [Token(word, column)]


def quoted(text: str) -> str:
    """Write a text between quotation marks."""
    inner = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{inner}"'


def bare_or_quoted(text: str) -> str:
    """Write a text as a word, if it is one; otherwise between quotation marks."""
    return text if re.fullmatch(r"[\w.+*/%^<>=()\[\]{}-]+", text) and not text.endswith(":") else quoted(text)


def is_range(text: str) -> bool:
    """Return whether a text may mean several subjects, such as ``S001-S003``: a story names each of them."""
    found = re.fullmatch(r"(?P<code>[A-Za-z]+)(?P<first>\d+)[-\u2013](?P=code)(?P<last>\d+)", text, re.ASCII)
    return found is not None and int(found["first"]) < int(found["last"])


@attrs.define
class Reader:
    """Reads the tokens of a line one after another."""

    tokens: Sequence[Token]
    line: int
    end: int
    """The column after the last character of the line."""
    at: int = 0

    @property
    def next(self) -> Token | None:
        """The token that comes next, or None."""
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    @property
    def column(self) -> int:
        """The column of the token that comes next; at the end, that after the line."""
        return self.end if self.next is None else self.next.column

    def take(self, what: str) -> Token:
        """Take the next token that is no comma and no colon.

        Raises:
            StoryMalformed: the line ends, or a comma or a colon comes.
        """
        token = self.next
        if token is None or token.mark:
            found = "the line ends" if token is None else f"{shown(token.text)} comes"
            raise self.fault(f"{what} is missing: {found}")
        self.at += 1
        return token

    def skip_mark(self, *marks: str) -> bool:
        """Skip a comma or a colon, if one of these comes."""
        if self.next is not None and self.next.mark and self.next.text in marks:
            self.at += 1
            return True
        return False

    def has(self, *words: str) -> bool:
        """Return whether these words come next, in this order, whatever the case of their letters."""
        coming = self.tokens[self.at : self.at + len(words)]
        return len(coming) == len(words) and all(
            token.is_word(word.casefold()) for token, word in zip(coming, words, strict=True)
        )

    def skip(self, *words: str) -> bool:
        """Skip these words, if they come next."""
        if not self.has(*words):
            return False
        self.at += len(words)
        return True

    def fault(self, why: str, *, token: Token | None = None) -> StoryMalformed:
        """Make the fault of this line, at a token or at the one that comes next."""
        return StoryMalformed(line=self.line, column=self.column if token is None else token.column, why=why)
