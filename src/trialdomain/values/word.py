"""The base of the library's enumerations: closed sets of words that are stored, compared and printed as text."""

from enum import StrEnum


class Word(StrEnum):
    """The base of all enumerations: a member equals its text and prints as it.

    A text of a caller's own class is converted to a plain ``str`` once (``values.given.plain``). A member of these
    classes is not converted: it stays a member.

    >>> class Colour(Word):
    ...     RED = "red"
    >>> print(Colour.RED), Colour.RED == "red"
    red
    (None, True)
    """
