"""Convert and validate the arguments of questions to a history; each argument is read once, as a plain value."""

from collections.abc import Callable, Iterable
from datetime import tzinfo
from itertools import islice
from typing import Any, TypeVar

import attrs

from trialdomain.errors import TrialError
from trialdomain.events.recorded import Draft
from trialdomain.events.registry import NAMES
from trialdomain.history.explaining import QuestionInvalid
from trialdomain.history.moments import as_moment
from trialdomain.projections.other_protocol import Change
from trialdomain.projections.trail import Asked
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.codec import FactUnstorable, made_of
from trialdomain.values.clinical.level import Label, listed_levels
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short

T = TypeVar("T")


def asked_text(what: str, given: object) -> str | None:
    """Convert an optional text argument.

    Raises:
        QuestionInvalid: the argument is not a text.
    """
    text = plain(given)
    if text is not None and not is_a(text, str):
        raise QuestionInvalid(f"{what} is {short(given)!r}, a value of type {type(given).__name__}: give a text")
    return text


def asked_number(what: str, given: object) -> int | None:
    """Convert an optional whole number argument.

    Raises:
        QuestionInvalid: the argument is not a whole number.
    """
    number = plain(given)
    if number is not None and (not is_a(number, int) or isinstance(number, bool)):
        raise QuestionInvalid(f"{what} is {short(given)!r}, a value of type {type(given).__name__}: give a number")
    return number


def asked_part(given: object, zone: tzinfo) -> Asked:
    """Convert the filter of an audit trail; None selects the whole trail. A day means the whole day at the site.

    Raises:
        QuestionInvalid: the argument is not a filter, or one of its values has a wrong type.
        MomentInvalid: one of its times has no offset.
    """
    if given is None:
        return Asked()
    part = asked_kind("the part of a trail", given, Asked)
    return Asked(
        position=asked_number("the position", part.position),
        field=asked_text("the field", part.field),
        by=asked_text("the user", part.by),
        since=None if part.since is None else as_moment(part.since, zone, begins=True),
        until=None if part.until is None else as_moment(part.until, zone),
        why=asked_text("the words", part.why),
        after=asked_number("the position", part.after),
        changed=part.changed is True,
    )


def asked_kind(what: str, given: object, kind: type[T]) -> T:
    """Check that an argument is an instance of a class, and return it.

    Raises:
        QuestionInvalid: the argument is not an instance of the class.
    """
    if not is_a(given, kind):
        raise QuestionInvalid(
            f"{what} is {short(given)!r}, a value of type {type(given).__name__}: give one of {kind.__name__}"
        )
    return given


def asked_rules(given: object) -> EndpointRules:
    """Validate other definitions of the endpoints by the rules of a protocol, whatever the fields hold.

    Raises:
        QuestionInvalid: the argument is not a set of definitions, or breaks the rules of a protocol.
    """
    return _checked("the rules of the endpoints", asked_kind("the rules of the endpoints", given, EndpointRules))


def _checked(what: str, given: T, **fields: object) -> T:
    """Make a part of a protocol again, so that every rule is checked, whatever its fields hold."""
    kind = type(given)
    try:
        return made_of(kind, {name: getattr(given, name) for name in attrs.fields_dict(kind)} | fields)  # type: ignore[arg-type]  # of an attrs class
    except FactUnstorable as error:
        why = short(error.why, 200)
    except Exception as error:  # noqa: BLE001 - a class of the caller may raise any error when it is read
        why = f"a value in it cannot be read ({type(error).__name__})"
    raise QuestionInvalid(f"{what} cannot be used: {why}")


def asked_protocol(given: object, trial: str, levels: Iterable[Label]) -> Change:
    """Convert a protocol, or a function of a recorded version, into a function that checks what it returns.

    Args:
        given: the protocol, or the function.
        trial: the code of the trial; the other protocol is taken for this trial, whatever its own code is.
        levels: the labels of the levels of which the log has entries.

    Raises:
        QuestionInvalid: the argument is neither, the function fails, or what it gives lacks one of the levels.
    """
    needed = list(dict.fromkeys(levels))

    def change(recorded: TrialProtocol) -> TrialProtocol:
        made = given if is_a(given, TrialProtocol) or not callable(given) else _made(given, recorded)
        other = _checked("the other protocol", asked_kind("the other protocol", made, TrialProtocol), trial=trial)
        missing = [level for level in needed if not other.has_level(level)]
        if missing:
            raise QuestionInvalid(
                f"the log has entries of {listed_levels(missing)}, and the other protocol has "
                f"{listed_levels(other.labels)}: give it each level that was opened, under the same label"
            )
        return other

    return change


def _made(change: Callable[[TrialProtocol], object], recorded: TrialProtocol) -> object:
    """Call the caller's function; its own error is the cause of the one that is raised."""
    try:
        return change(recorded)
    except TrialError:
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {short(error, 200)}"
        raise QuestionInvalid(f"the function that gives the other protocol failed ({why}): mend it") from error


def asked_progress(given: object) -> None:
    """Refuse a progress callback that cannot be called.

    Raises:
        QuestionInvalid: the argument is not callable.
    """
    if not callable(given):
        raise QuestionInvalid(f"progress is {short(given)!r}, which cannot be called: give a function")


_MOST_TEXTS = 100_000
"""The most texts of a question: no protocol and no trial has so many of anything that is named."""


def asked_drafts(given: object) -> list[Draft[Any]]:
    """Read an iterable of drafts once and validate each.

    Raises:
        QuestionInvalid: the argument is not iterable, or holds something other than drafts.
    """
    try:
        items = iter(given)  # type: ignore[call-overload]  # a TypeError is caught below
    except TypeError:
        raise QuestionInvalid(f"{short(given)!r} is not a list of drafts: give a list of Draft") from None
    drafts: list[Draft[Any]] = []
    for item in items:
        draft = asked_kind("a draft", item, Draft)
        asked_kind("a stream", draft.stream, str)
        if type(draft.fact) not in NAMES:
            raise QuestionInvalid(f"{short(draft.fact)!r}, a value of type {type(draft.fact).__name__}, is not a fact")
        drafts.append(draft)
    return drafts


def asked_texts(given: object) -> list[str]:
    """Convert a collection of texts, such as the codes of endpoints.

    Raises:
        QuestionInvalid: the argument is a single text, or not a collection of texts.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise QuestionInvalid(f"{short(given)!r} is not a list of texts: give a list of texts")
    texts: list[str] = []
    for text in map(plain, islice(given, _MOST_TEXTS + 1)):
        if not isinstance(text, str):
            raise QuestionInvalid(f"{short(text)!r} is not a text: give a list of texts")
        texts.append(str(text))
    if len(texts) > _MOST_TEXTS:
        raise QuestionInvalid(f"the list has more than {_MOST_TEXTS} texts, or no end: give fewer")
    return texts
