"""Reasons for changes of records, with enough words for an inspector."""

import re
import unicodedata

from trialdomain.errors import InputInvalid
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short

_FILLER = frozenset(
    re.findall(
        r"\w+",
        """
        update updated updates updating correct corrected correction corrections change changed changes fix fixed fixing
        error errors mistake typo wrong edit edited modify modified modification revision revised none na nil null
        unknown other test reason void voided see above same ok yes no the a an was is it of to data entry value
        """,
    )
)
_MOST_CHARACTERS = 2_000
REASON = "reason"
"""The metadata key of a field that holds a reason. Its text is checked on input; the metadata value is an example."""
HANDED_OUT = "inspection of 2026-05-04 by the agency"
"""An example of a reason for an export."""


class ReasonMissing(InputInvalid):
    """A change, or another command that needs a reason, has no meaningful reason."""

    code = "reason-missing"

    def __init__(self, *, given: object, such_as: str | None = None) -> None:
        say = (
            "say what was wrong and how it is known, or why it is done, such as 'transcription: laboratory slip 88'"
            if such_as is None
            else f"say why it is done, such as '{such_as}'"
        )
        super().__init__(f"the reason {short(given)!r} says nothing: {say}")
        self.given, self.such_as = given, such_as


def check_reason(given: str, *, such_as: str | None = None) -> str:
    """Accept a meaningful reason; refuse blank text, invisible characters and filler words.

    Args:
        given: the reason.
        such_as: an example for the error message; by default, one of a correction.

    Raises:
        ReasonMissing: the reason has no meaning (21 CFR 11.10(e); ICH E6(R3) 4.2.2).

    >>> check_reason("transcription: laboratory slip 88")
    'transcription: laboratory slip 88'
    """
    given = check_words(given, such_as=such_as)
    if len(given) > _MOST_CHARACTERS:
        raise ReasonMissing(given=given, such_as=such_as)
    return given


def check_words(given: str, *, such_as: str | None = None) -> str:
    """Accept a meaningful text of any length; ``such_as`` is as for ``check_reason``.

    Raises:
        ReasonMissing: the text is blank, invisible or only filler words.
    """
    given = plain(given)
    if not is_a(given, str):
        raise ReasonMissing(given=given, such_as=such_as)
    shown = unicodedata.normalize("NFKC", given)
    visible = "".join(c for c in shown if unicodedata.category(c) not in {"Cf", "Cc", "Cs"})
    words = re.findall(r"\w+", visible.casefold())
    letters = sum(c.isalpha() for c in visible)
    storable = not any(unicodedata.category(c) == "Cs" for c in given)
    if not storable or letters < 3 or all(word in _FILLER for word in words):  # noqa: PLR2004 - a word
        raise ReasonMissing(given=given, such_as=such_as)
    return given
