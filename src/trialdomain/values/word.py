"""The words of the library: closed sets that are stored, compared and printed as words."""

from enum import StrEnum


class Word(StrEnum):
    """The base of every enumeration here: a member is its word, so it prints as one and equals the text.

    A text of a caller's own class is read once and made plain (``values.plain``); a member of these classes has nothing
    to read, and stays a member.

    >>> class Colour(Word):
    ...     RED = "red"
    >>> print(Colour.RED), Colour.RED == "red"
    red
    (None, True)
    """
