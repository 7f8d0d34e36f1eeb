"""Answers to criteria, in words: findings and attestations, as a screening, a gate or a correction has them."""

from typing import Any

from trialdomain.errors import TrialError
from trialdomain.stories.tokens import Reader, Token, bare_or_quoted, quoted
from trialdomain.stories.values import TEXT, WHEN, YES, write_text
from trialdomain.values.clinical.screening import Attestation, Finding
from trialdomain.values.given.text import FreeText

_AFTER_A_NUMBER = (
    "limit",
    "seen",
    "on",
    "by",
    "deviation",
    "refused",
    "record",
    "because",
    "eligible",
    "finding",
    "attested",
    "without",
    "for",
)
"""The words that are no unit of the number before them."""


def read_finding(reader: Reader) -> Finding:
    """Read a finding: its name and its value."""
    return read_value_of_finding(reader, reader.take("the name of the finding"))


def read_value_of_finding(reader: Reader, name: Token) -> Finding:
    """Read yes, no, a number with its unit and upper limit, a text, or a date after ``of``; and when it was seen."""
    value: dict[str, Any] = {}
    if reader.has("yes") or reader.has("no"):
        value["yes"] = YES.read(reader, "the finding")
    elif reader.skip("of"):
        value["date"] = WHEN.read(reader, "the date of the finding")
    elif reader.next is not None and reader.next.quoted:
        value["words"] = TEXT.read(reader, "the finding")
    else:
        value |= _measured(reader)
    if reader.skip("seen"):
        value["on"] = WHEN.read(reader, "the day of the observation")
    try:
        return Finding(name=name.text, **value)
    except (TrialError, ValueError) as error:
        raise reader.fault(str(error), token=name) from None


def _measured(reader: Reader) -> dict[str, Any]:
    number = reader.take("the finding: yes, no, a number, a text in quotation marks, or 'of' with a date")
    value: dict[str, Any] = {"number": number.text}
    unit = reader.next
    if unit is not None and not unit.mark and not unit.is_word(*_AFTER_A_NUMBER):
        value["unit"] = reader.take("the unit").text
    if reader.skip("limit"):
        value["upper_limit"] = reader.take("the upper limit").text
    return value


def read_attestation(reader: Reader) -> Attestation:
    """Read an attestation: the id of the criterion, and yes or no."""
    return read_value_of_attestation(reader, reader.take("the id of the criterion"))


def read_value_of_attestation(reader: Reader, criterion: Token) -> Attestation:
    """Read whether the statement of a criterion is true, and a comment."""
    answer = YES.read(reader, "the answer")
    comment = FreeText.of(TEXT.read(reader, "the comment")) if reader.skip("comment") else None
    return Attestation(criterion=criterion.text, answer=answer, comment=comment)


def write_finding(one: Finding, *, to: str = "") -> str:
    """Write a finding; ``to`` stands between its name and its value."""
    if one.yes is not None:
        value = "yes" if one.yes else "no"
    elif one.date is not None:
        value = f"of {one.date}"
    elif one.words is not None:
        value = quoted(one.words)
    else:
        limit = "" if one.upper_limit is None else f" limit {one.upper_limit}"
        value = f"{one.number}{'' if one.unit is None else f' {_unit(one.unit)}'}{limit}"
    seen = "" if one.on is None else f" seen {one.on}"
    return f"finding {bare_or_quoted(one.name)} {to}{value}{seen}"


def _unit(unit: str) -> str:
    return quoted(unit) if unit.casefold() in _AFTER_A_NUMBER else bare_or_quoted(unit)


def write_attestation(one: Attestation, *, to: str = "") -> str:
    """Write an attestation; ``to`` stands between the criterion and the answer."""
    comment = "" if one.comment is None else f" comment {write_text(one.comment)}"
    return f"attested {bare_or_quoted(one.criterion)} {to}{'yes' if one.answer else 'no'}{comment}"
