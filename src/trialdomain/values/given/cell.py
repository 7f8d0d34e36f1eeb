"""A text as a cell of a table that people open in a spreadsheet, where some texts would be formulas."""

import re
import unicodedata

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")
"""What a spreadsheet may take for the beginning of a formula (OWASP, CSV injection), also in full width."""


def cell(value: object) -> str:
    r"""Write a value so that a spreadsheet shows it, and runs nothing; what is not known is empty.

    A text that a spreadsheet could take for a formula gets an apostrophe before it, and characters that are not seen,
    or that turn the order of others, are written as their numbers. The exact bytes stand in the log and its export.

    >>> cell("=1+1"), cell("-2.5"), cell("a\u202eb"), cell(None)
    ("'=1+1", '-2.5', 'a\\u202eb', '')
    """
    if value is None:
        return ""
    text = visible(str(value))
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) and _NUMBER.fullmatch(text) is None else text


def visible(text: str) -> str:
    r"""Write a text so that a terminal, or a spreadsheet, shows every character of it and obeys none.

    >>> visible("a\u202eb"), visible("\x1b[2J")
    ('a\\u202eb', '\\u001b[2J')
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in "\n\t":
        return character
    hidden = unicodedata.category(character) in {"Cf", "Cc", "Cs", "Co", "Zl", "Zp"}
    return f"\\u{ord(character):04x}" if hidden else character
