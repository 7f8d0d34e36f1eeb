"""Validate, compare and shorten texts; and free text as it is stored."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import attrs

_MOST_CHARACTERS = 10_000
_SHORT = 64
"""The most characters of a text whose validation is cached: a code or a name, but not free text."""
_HALVES = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def short(given: object, most: int = 40) -> str:
    r"""Format any value for an error message: its first characters, on one line, all of them printable.

    >>> short(["a", 1]), short("a\nb"), short("\ud800")
    ("['a', 1]", 'a b', '\\ud800')
    """
    try:
        text = str.__str__(str(given))[:most]  # of a subclass of str, its plain characters
    except Exception:  # noqa: BLE001 - str() fails for a number of 5,000 digits, or for an object that contains itself
        text = f"a {type(given).__name__}"[:most]
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in " ".join(text.split()))[:most]


def is_storable(text: str) -> bool:
    """Return whether a text is valid Unicode without lone surrogates, which decoding errors leave behind."""
    return text.isascii() or _HALVES.search(text) is None


def has_visible(text: object) -> bool:
    r"""Return whether a value is a text with at least one character that people can see.

    >>> has_visible("A title"), has_visible(" \u200b"), has_visible("\ufeff"), has_visible(3)
    (True, False, False, False)
    """
    return isinstance(text, str) and any(unicodedata.category(one) not in _UNSEEN for one in text)


_UNSEEN = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp", "Zs"}
"""The categories of characters without a shape of their own: controls, formats, halves, unassigned ones, and spaces."""


def folded(text: str) -> str:
    """Normalize words for comparison: fold case, and collapse white space around and between them.

    >>> folded(" Febrile  neutropenia")
    'febrile neutropenia'
    """
    return " ".join(text.split()).casefold()


def plain_text(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    """Accept text that is not blank and has no control character but newline and tab (an attrs validator).

    Raises:
        ValueError: the value is not such a text.
    """
    given: object = value
    if type(given) is not str:
        raise ValueError(f"{attribute.name} must be a text, got a value of type {type(given).__name__}")
    if not is_plain(value):
        if not value.strip() or len(value) > _MOST_CHARACTERS:
            raise ValueError(f"{attribute.name} must be a text of 1 to {_MOST_CHARACTERS} characters, and not blank")
        raise ValueError(f"{attribute.name} must have no control character but newline and tab")


def optional_text(fact: object, attribute: "attrs.Attribute[str]", value: str | None) -> None:
    """Accept such a text, or None."""
    if value is not None and (type(value) is not str or not is_plain(value)):
        plain_text(fact, attribute, value)


def is_plain(value: str) -> bool:
    """Return whether a text is not blank, not too long, and has no control character but newline and tab."""
    return _is_plain(value) if len(value) > _SHORT else _is_plain_code(value)


def _is_plain(value: str) -> bool:
    return bool(value.strip()) and len(value) <= _MOST_CHARACTERS and _CONTROL.search(value) is None


_is_plain_code = lru_cache(maxsize=4_096)(_is_plain)
"""The cached validation, because codes, units and names occur again and again."""


@attrs.frozen(kw_only=True)
class FreeText:
    """A text in a user's own words: plain, or sealed so that it can be made unreadable later.

    Sealing is not available yet; the stored format reserves the field from the first version on.
    """

    plain: str | None = attrs.field(default=None, validator=optional_text)
    sealed: str | None = attrs.field(default=None, validator=optional_text)

    def __attrs_post_init__(self) -> None:
        """Refuse a text that is both plain and sealed, or neither."""
        if (self.plain is None) == (self.sealed is None):
            raise ValueError("a free text is either plain or sealed")

    @classmethod
    def of(cls, text: "str | FreeText") -> "FreeText":
        """Convert a plain text; return a ``FreeText`` unchanged."""
        return text if isinstance(text, FreeText) else cls(plain=text)


def either(texts: Iterable[str]) -> str:
    """List alternatives.

    >>> either(["a"]), either(["a", "b"]), either(["a", "b", "c"])
    ('a', 'a or b', 'a, b or c')
    """
    *others, last = texts
    return f"{', '.join(others)} or {last}" if others else last
