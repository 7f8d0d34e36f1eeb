"""Escape texts for tables that people open in a spreadsheet, where some texts would be formulas."""

import re
import unicodedata

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")
"""The first characters of a formula in spreadsheets (OWASP, CSV injection), and their full-width forms."""


def cell(value: object) -> str:
    r"""Format a value so that a spreadsheet shows it but does not execute it; None becomes an empty cell.

    A text that a spreadsheet could interpret as a formula gets an apostrophe before it. Invisible and bidirectional
    control characters are written as escape sequences. The log and its export have the exact bytes.

    >>> cell("=1+1"), cell("-2.5"), cell("a\u202eb"), cell(None)
    ("'=1+1", '-2.5', 'a\\u202eb', '')
    """
    if value is None:
        return ""
    text = visible(str(value))
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) and _NUMBER.fullmatch(text) is None else text


def visible(text: str) -> str:
    r"""Escape a text so that a terminal or a spreadsheet shows every character and interprets none as a control.

    >>> visible("a\u202eb"), visible("\x1b[2J")
    ('a\\u202eb', '\\u001b[2J')
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in "\n\t":
        return character
    hidden = unicodedata.category(character) in {"Cf", "Cc", "Cs", "Co", "Zl", "Zp"}
    return f"\\u{ord(character):04x}" if hidden else character
