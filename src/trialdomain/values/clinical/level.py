"""The label of a dose level: its permanent name, which stays when a protocol puts another level beside it.

Streams, tallies, decisions and closings name a level by its label. The order of the levels is the protocol's, so two
labels cannot be compared without it.
"""

import re
from collections.abc import Iterable
from typing import Any, TypeAlias

import attrs

from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short

Label: TypeAlias = int | str
"""A whole number, such as 1 or -1, or a short code, such as ``"1a"`` or ``"DL-1"``."""
LABEL = r"(?:0|-?[1-9][0-9]{0,3}|(?=[^/]{0,19}[A-Za-z])[A-Za-z0-9][A-Za-z0-9_.+-]{0,19})"
"""The pattern of a label as it stands in the name of a stream."""
_LABEL = re.compile(LABEL)
_MOST = 9999
NO_LABEL = (
    "is not the label of a level: use a whole number, or up to 20 letters, digits, dots, dashes, pluses and "
    "underscores, a letter among them"
)

WORDS_OF_ANSWERS = ("all", "none", "overall", "total", "unassigned")
"""Words that stand for no level in tables, files and JSON, where the label of a level may stand too."""


def is_word_of_answers(label: object) -> bool:
    """Return whether answers use a label for something else, such as all levels together; case makes no difference."""
    return is_a(label, str) and plain(label).casefold() in WORDS_OF_ANSWERS


def as_label(given: object) -> Any:  # noqa: ANN401 - a value that is no label is returned, for the validator to refuse
    """Return a text of digits as the number that it means, so that ``"1"`` and ``1`` are one level.

    Any other value is returned unchanged.

    >>> as_label("1"), as_label("-1"), as_label("1a")
    (1, -1, '1a')
    """
    value: object = plain(given)
    if is_a(value, str) and _LABEL.fullmatch(value) and value.lstrip("-").isdigit():
        return int(value)
    return value


def as_labels(given: object) -> Any:  # noqa: ANN401 - as as_label
    """Apply ``as_label`` to each value of a tuple or a list; any other value is returned unchanged."""
    value: object = plain(given)
    return tuple(as_label(one) for one in value) if isinstance(value, tuple | list) else value


def is_label(given: object) -> bool:
    """Return whether a value is the label of a level, as it is stored."""
    if is_a(given, int) and not is_a(given, bool):
        return abs(given) <= _MOST
    return is_a(given, str) and as_label(given) == given and _LABEL.fullmatch(given) is not None


def listed_levels(labels: Iterable[Label]) -> str:
    """Phrase the labels of some levels: ``levels 1, 1a, 2``."""
    named = list(map(str, labels))
    return f"level {named[0]}" if len(named) == 1 else f"levels {', '.join(named) or 'none'}"


def level_labels(owner: object, attribute: "attrs.Attribute[Any]", given: tuple[object, ...]) -> None:
    """Refuse a tuple with a value that is not a label.

    Raises:
        ValueError: one of the values is not a label.
    """
    for one in given:
        level_label(owner, attribute, one)


def level_label(_: object, attribute: "attrs.Attribute[Any]", given: object) -> None:
    """Refuse a value that is not a label.

    Raises:
        ValueError: it is neither a whole number from -9999 to 9999, nor a code of at most 20 characters with a letter.
    """
    if not is_label(given):
        raise ValueError(f"{attribute.name} {short(given)} {NO_LABEL}")
