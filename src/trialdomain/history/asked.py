"""What somebody asks of a history, taken once, as plain values; what no question can have is refused."""

from collections.abc import Iterable
from datetime import tzinfo
from typing import Any, TypeVar

import attrs

from trialdomain.events.recorded import Draft
from trialdomain.events.registry import NAMES
from trialdomain.history.explaining import QuestionInvalid
from trialdomain.history.moments import as_moment
from trialdomain.projections.trail import Asked
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.storage.codec import FactUnstorable, made_of
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short

T = TypeVar("T")


def asked_text(what: str, given: object) -> str | None:
    """Take a text, or none.

    Raises:
        QuestionInvalid: it is something else.
    """
    text = plain(given)
    if text is not None and not is_a(text, str):
        raise QuestionInvalid(f"{what} is {short(given)!r}, a value of type {type(given).__name__}: give a text")
    return text


def asked_number(what: str, given: object) -> int | None:
    """Take a whole number, or none.

    Raises:
        QuestionInvalid: it is something else.
    """
    number = plain(given)
    if number is not None and (not is_a(number, int) or isinstance(number, bool)):
        raise QuestionInvalid(f"{what} is {short(given)!r}, a value of type {type(given).__name__}: give a number")
    return number


def asked_part(given: object, zone: tzinfo) -> Asked:
    """Take the part of an audit trail that is asked for; all of it by default. A day is one at the site, as a whole.

    Raises:
        QuestionInvalid: it is no part, or of values that none has.
        MomentInvalid: one of its times has no offset.
    """
    if given is None:
        return Asked()
    one = asked_kind("the part of a trail", given, Asked)
    return Asked(
        position=asked_number("the position", one.position),
        field=asked_text("the field", one.field),
        by=asked_text("the user", one.by),
        since=None if one.since is None else as_moment(one.since, zone, begins=True),
        until=None if one.until is None else as_moment(one.until, zone),
        why=asked_text("the words", one.why),
        after=asked_number("the position", one.after),
        changed=one.changed is True,
    )


def asked_kind(what: str, given: object, kind: type[T]) -> T:
    """Take a value of one kind as it is.

    Raises:
        QuestionInvalid: it is of another.
    """
    if not is_a(given, kind):
        raise QuestionInvalid(
            f"{what} is {short(given)!r}, a value of type {type(given).__name__}: give one of {kind.__name__}"
        )
    return given


def asked_rules(given: object) -> EndpointRules:
    """Take other definitions of the endpoints as a protocol would have them: a field may hold anything.

    Raises:
        QuestionInvalid: they are none, or cannot be so.
    """
    rules = asked_kind("the rules of the endpoints", given, EndpointRules)
    try:
        return made_of(EndpointRules, {name: getattr(rules, name) for name in attrs.fields_dict(EndpointRules)})
    except FactUnstorable as error:
        why = short(error.why, 200)
    except Exception as error:  # noqa: BLE001 - what the classes of others raise when they are read is not known
        why = f"a value in them cannot be read ({type(error).__name__})"
    raise QuestionInvalid(f"the rules of the endpoints cannot be so: {why}")


def asked_progress(given: object) -> None:
    """Refuse what cannot be told a progress.

    Raises:
        QuestionInvalid: it cannot be called.
    """
    if not callable(given):
        raise QuestionInvalid(f"progress is {short(given)!r}, and cannot be called: give a function")


def asked_drafts(given: object) -> list[Draft[Any]]:
    """Take drafts of entries, once.

    Raises:
        QuestionInvalid: it is no list of them.
    """
    try:
        found = iter(given)  # type: ignore[call-overload]  # or it is refused
    except TypeError:
        raise QuestionInvalid(f"{short(given)!r} is no list of drafts: give some") from None
    drafts: list[Draft[Any]] = []
    for one in found:
        draft = asked_kind("a draft", one, Draft)
        asked_kind("a stream", draft.stream, str)
        if type(draft.fact) not in NAMES:
            raise QuestionInvalid(f"{short(draft.fact)!r}, a value of type {type(draft.fact).__name__}, is no fact")
        drafts.append(draft)
    return drafts


def asked_texts(given: object) -> list[str]:
    """Take several texts, such as the codes of endpoints.

    Raises:
        QuestionInvalid: it is one text, or no collection of texts.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise QuestionInvalid(f"{short(given)!r} names nothing one by one: give a list of texts")
    found = [plain(one) for one in given]
    for one in found:
        if not isinstance(one, str):
            raise QuestionInvalid(f"{short(one)!r} is no text: give a list of texts")
    return [str(one) for one in found]
