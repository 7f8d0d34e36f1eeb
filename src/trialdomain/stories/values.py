"""The kinds of values that a story has: how each is read from words, and written as words."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

from trialdomain.stories.faults import ALMOST_EQUAL, NEAR, instead, nearest_of, shown
from trialdomain.stories.tokens import Reader, bare_or_quoted, quoted
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.level import Label, as_label, is_label
from trialdomain.values.clinical.toxicity import Agent, Assessor, Attribution, Relatedness, Seriousness
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.text import FreeText
from trialdomain.values.word import Word

_LONGEST_WORD = 4
"""The most words of one term of a list, such as "not evaluable"."""


@attrs.frozen
class ValueKind:
    """A kind of value: how it is read, how it is written, and its form in the documentation."""

    read: Callable[[Reader, str], Any]
    """Takes the reader and the name of the value for a fault."""
    write: Callable[[Any], str]
    form: str


def _text(reader: Reader, what: str) -> str:
    return reader.take(what).text


def _number(reader: Reader, what: str) -> Decimal:
    token = reader.take(what)
    try:
        return Decimal(token.text)
    except InvalidOperation:
        raise reader.fault(f"{what} must be a number, got {shown(token.text)}", token=token) from None


def _whole(reader: Reader, what: str) -> int:
    token = reader.take(what)
    if not re.fullmatch(r"-?\d{1,9}", token.text, re.ASCII):
        raise reader.fault(f"{what} must be a whole number, got {shown(token.text)}", token=token)
    return int(token.text)


def read_level(reader: Reader, what: str) -> Label:
    """Read the label of a level: a whole number, or another word."""
    token = reader.take(what)
    label: Any = as_label(
        int(token.text) if re.fullmatch(r"-?\d{1,4}", token.text) and not token.quoted else token.text
    )
    if not is_label(label):
        raise reader.fault(f"{what} must be the label of a level, got {shown(token.text)}", token=token)
    found: Label = label
    return found


def write_level(label: Label) -> str:
    """Write the label of a level: a number as it is; a text that looks like one between quotation marks."""
    if isinstance(label, str) and re.fullmatch(r"-?\d+", label):
        return quoted(label)
    return bare_or_quoted(str(label))


def _when(reader: Reader, what: str) -> ClinicalTime:
    token = reader.take(what)
    try:
        return ClinicalTime(token.text)
    except ValueError:
        form = "a date such as 2026-03-02, or a time such as 2026-03-02T10:15"
        raise reader.fault(f"{what} must be {form}, got {shown(token.text)}", token=token) from None


def _day(reader: Reader, what: str) -> date:
    token = reader.take(what)
    try:
        return date.fromisoformat(token.text)
    except ValueError:
        raise reader.fault(f"{what} must be a date such as 2026-03-02, got {shown(token.text)}", token=token) from None


def _yes(reader: Reader, what: str) -> bool:
    token = reader.take(what)
    if not token.is_word("yes", "no"):
        raise reader.fault(f"{what} must be yes or no, got {shown(token.text)}", token=token)
    return token.is_word("yes")


_NO_UNIT = (
    "at",
    "on",
    "by",
    "comparator",
    "deviation",
    "lower",
    "of",
    "record",
    "refused",
    "site",
    "specimen",
    "upper",
)
"""The words that come after a result, and are no unit."""


def _unit(reader: Reader, what: str) -> str | None:
    """Read a unit; ``none`` is a result without a unit."""
    token = reader.next
    if token is None or token.mark or token.is_word(*_NO_UNIT):
        found = "the line ends" if token is None else f"{shown(token.text)} comes"
        raise reader.fault(f"{what} is missing: {found}; write it after the value, such as 10*9/L, or none without one")
    text = reader.take(what).text
    return None if text == "none" else text


def _several(reader: Reader, read: Callable[[], Any]) -> tuple[Any, ...]:
    """Read values that are joined by ``and``."""
    found = [read()]
    while reader.skip("and"):
        found.append(read())
    return tuple(found)


def _texts(reader: Reader, what: str) -> tuple[str, ...]:
    return _several(reader, lambda: reader.take(what).text)


def _dose(reader: Reader, what: str) -> Dose:
    amount, token = _number(reader, what), reader.next
    unit = reader.take("the unit of the dose").text
    try:
        return Dose(amount=amount, unit=unit)
    except ValueError as error:
        raise reader.fault(str(error), token=token) from None


def read_word(reader: Reader, words: Mapping[str, Any], what: str, *, guesses: bool = True) -> Any:  # noqa: ANN401 - a member of any list
    """Read a term of a list, which may have several words: "no DLT" is "no-dlt".

    Args:
        reader: the reader.
        words: the terms, each with what it means.
        what: the name of the value, for a fault.
        guesses: whether a fault may name the nearest term alone. Not where that may mean the opposite, such as
            "unrelated" for "related": then it names all of them, unless a letter or two are wrong.

    Raises:
        StoryMalformed: it is no term of the list.
    """
    coming = [token for token in reader.tokens[reader.at : reader.at + _LONGEST_WORD] if not token.mark]
    for count in range(len(coming), 0, -1):
        term = "-".join(token.text.casefold() for token in coming[:count])
        if term in words:
            reader.at += count
            return words[term]
    if reader.next is None or reader.next.mark:
        raise reader.fault(f"{what} is missing: {instead('', words)}")
    token = reader.take(what)
    tries = ["-".join(one.text for one in coming[:count]) for count in range(len(coming), 0, -1)]
    hint = nearest_of(tries, words, cutoff=NEAR if guesses else ALMOST_EQUAL)
    raise reader.fault(f"{what} cannot be {shown(token.text)}: {hint}", token=token)


def word(kind: type[Word], *, guesses: bool = True) -> ValueKind:
    """Make the kind of the terms of a list; for ``guesses`` see ``read_word``."""
    terms = {one.value.casefold(): one for one in kind}
    return ValueKind(
        lambda reader, what: read_word(reader, terms, what, guesses=guesses),
        lambda value: str(value.value),
        " \\| ".join(terms),
    )


def words(kind: type[Word]) -> ValueKind:
    """Make the kind of several terms of a list, joined by ``and``."""
    one = word(kind)

    def read(reader: Reader, what: str) -> tuple[Any, ...]:
        return _several(reader, lambda: one.read(reader, what))

    return ValueKind(read, lambda value: " and ".join(str(term.value) for term in value), f"{one.form} (and ...)")


_AGENTS = {agent.value: agent for agent in Agent}
_RELATEDNESS = {one.value: one for one in Relatedness}
_ASSESSORS = {f"({one.value})": one for one in Assessor}


def reads_attribution(reader: Reader) -> bool:
    """Return whether a judgement of relatedness comes next: ``infusion likely``."""
    return any(reader.has(agent) for agent in _AGENTS)


def read_attribution(reader: Reader) -> Attribution:
    """Read a judgement of relatedness: the agent, how related, and in parentheses the assessor, if the sponsor."""
    return read_judgement(reader, read_agent(reader))


def read_agent(reader: Reader) -> Agent:
    """Read the agent of a judgement."""
    agent: Agent = read_word(reader, _AGENTS, "the agent")
    return agent


def read_judgement(reader: Reader, agent: Agent) -> Attribution:
    """Read how related an event is to an agent, and who says so."""
    relatedness = read_word(reader, _RELATEDNESS, "the relatedness", guesses=False)
    return Attribution(agent=agent, assessor=read_assessor(reader), relatedness=relatedness)


def read_assessor(reader: Reader) -> Assessor:
    """Read the assessor in parentheses; the investigator, if there is none."""
    token = reader.next
    if token is None or token.text.casefold() not in _ASSESSORS:
        return Assessor.INVESTIGATOR
    reader.at += 1
    return _ASSESSORS[token.text.casefold()]


def write_attribution(one: Attribution) -> str:
    """Write a judgement of relatedness."""
    return f"{one.agent.value} {write_judgement(one)}"


def write_judgement(one: Attribution) -> str:
    """Write how related an event is, and who says so."""
    return f"{one.relatedness.value}{write_assessor(one.assessor)}"


def write_assessor(assessor: Assessor) -> str:
    """Write the assessor after a space and in parentheses; nothing for the investigator."""
    return "" if assessor is Assessor.INVESTIGATOR else f" ({assessor.value})"


@attrs.frozen
class Serious:
    """Whether an event is serious, and by which criteria; None if that is not known."""

    known: bool | None
    criteria: tuple[Seriousness, ...] = ()


def serious_of(fact: Any) -> Serious:  # noqa: ANN401 - a report of an adverse event, or a follow-up
    """Return whether an event is serious, as a report or a follow-up of it says."""
    return Serious(fact.serious, fact.seriousness)


_CRITERIA = words(Seriousness)
_SAID = {"(no)": False, "(unknown)": None}
"""After the criteria: that the source says that the event is not serious, or nothing."""


def _serious(reader: Reader, what: str) -> Serious:
    if reader.skip("nothing"):
        return Serious(known=False)
    if reader.skip("unknown"):
        return Serious(known=None)
    if reader.skip("yes"):
        return Serious(known=True)
    criteria, token = _CRITERIA.read(reader, what), reader.next
    if token is None or token.text.casefold() not in _SAID:
        return Serious(known=True, criteria=criteria)
    reader.at += 1
    return Serious(known=_SAID[token.text.casefold()], criteria=criteria)


def _write_serious(one: Serious) -> str:
    if one.criteria:
        said = next((f" {words}" for words, known in _SAID.items() if known is one.known), "")
        return f"{_CRITERIA.write(one.criteria)}{said}"
    return {None: "unknown", True: "yes", False: "nothing"}[one.known]


def write_text(value: object) -> str:
    """Write a text, also one that is stored as free text."""
    return quoted(str(value.plain) if isinstance(value, FreeText) else str(value))


def write_number(value: Decimal | int) -> str:
    """Write a number as it is stored."""
    return str(value)


TEXT = ValueKind(_text, write_text, '"text"')
SCALE = ValueKind(_text, lambda value: quoted(value.text), '"text"')
NAME = ValueKind(_text, bare_or_quoted, "NAME")
NUMBER = ValueKind(_number, write_number, "NUMBER")
WHOLE = ValueKind(_whole, str, "N")
LEVEL = ValueKind(read_level, write_level, "LEVEL")
LEVELS = ValueKind(
    lambda reader, what: _several(reader, lambda: read_level(reader, what)),
    lambda value: " and ".join(map(write_level, value)),
    "LEVEL (and LEVEL ...)",
)
WHEN = ValueKind(_when, str, "DATE")
DAY = ValueKind(_day, str, "DATE")
YES = ValueKind(_yes, lambda value: "yes" if value else "no", "yes \\| no")
UNIT = ValueKind(_unit, lambda value: "none" if value is None else bare_or_quoted(str(value)), "UNIT")
TEXTS = ValueKind(_texts, lambda value: " and ".join(map(quoted, value)), '"text" (and "text" ...)')
DOSE = ValueKind(_dose, lambda value: f"{value.amount} {bare_or_quoted(value.unit)}", "NUMBER UNIT")
SERIOUS = ValueKind(_serious, _write_serious, f"{_CRITERIA.form} \\| nothing")
