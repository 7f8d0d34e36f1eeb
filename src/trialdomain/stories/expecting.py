"""Read the expectations of a story."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trialdomain.protocol.endpoints.endpoint import Endpoint
from trialdomain.stories.faults import instead, shown
from trialdomain.stories.story import (
    EndpointExpected,
    Expected,
    FindingsExpected,
    FollowsExpected,
    MtdExpected,
    NextExpected,
    NothingExpected,
    TallyExpected,
)
from trialdomain.stories.tokens import Reader
from trialdomain.stories.values import WHOLE, read_level, read_word
from trialdomain.stories.vocabulary import FOLLOWS
from trialdomain.values.clinical.decision import Action, MtdStatus
from trialdomain.values.given.text import either

_ACTIONS = {one.value: one for one in Action}
_STATUSES = {one.value: one for one in MtdStatus}
_ENDPOINT = re.compile(r"[A-Za-z][\w.-]*")


def read_expected(reader: Reader) -> Expected:
    """Read what comes after ``expect``.

    Raises:
        StoryMalformed: it is no expectation.
    """
    for word, read in _KINDS.items():
        if reader.skip(word):
            return read(reader)
    return _endpoint(reader)


def _level(reader: Reader) -> TallyExpected:
    """Read counts: ``level 1: 3 treated, 1 DLT in 2 evaluable, 1 pending``."""
    level = read_level(reader, "the level")
    reader.skip_mark(":")
    counts: dict[str, Any] = {}
    while True:
        number, token = WHOLE.read(reader, "a count such as '3 treated'"), reader.next
        field = next((name for words, name in _COUNTED if reader.skip(*words)), None)
        if field is None:
            given = "" if token is None else token.text
            raise reader.fault(f"a count of what? {instead(given, [' '.join(one) for one, _ in _COUNTED])}")
        if field in counts:
            raise reader.fault("this count is said twice", token=token)
        counts[field] = number
        if field == "dlts" and reader.skip("in"):
            counts["evaluable"] = WHOLE.read(reader, "the number of evaluable")
            if not reader.skip("evaluable"):
                raise reader.fault("write 'evaluable' after the number")
        before = reader.at
        if reader.next is not None and reader.next.text.isdecimal():
            raise reader.fault("write a comma between counts, such as '3 treated, 1 pending'")
        if not reader.skip_mark(",") or reader.has("known"):
            reader.at = before
            return TallyExpected(level=level, **counts)


_COUNTED = (
    (("treated",), "treated"),
    (("not", "evaluable"), "not_evaluable"),
    (("evaluable",), "evaluable"),
    (("dlt",), "dlts"),
    (("dlts",), "dlts"),
    (("pending",), "pending"),
)


def _next(reader: Reader) -> NextExpected:
    """Read the next action: ``next: expand level 1 to 6 slots, because 1 DLT in 3 evaluable``."""
    reader.skip_mark(":")
    action = read_word(reader, _ACTIONS, "the action")
    level = slots = because = None
    reader.skip("to")
    if reader.skip("level"):
        level = read_level(reader, "the level")
    if reader.skip("to"):
        slots = WHOLE.read(reader, "the number of slots")
        reader.skip("slots")
    before = reader.at
    reader.skip_mark(",")
    if reader.skip("because"):
        because = _words(reader, "the reason")
    else:
        reader.at = before
    return NextExpected(action=action, level=level, slots=slots, because=because)


def _words(reader: Reader, what: str, *, until_comma: bool = False) -> str:
    """Take the words up to the end of the line, or up to ``known``; perhaps up to a comma alone."""
    words = [reader.take(what).text]
    while reader.next is not None and not reader.has("known"):
        if until_comma and reader.next.mark:
            break
        words.append(reader.next.text)
        reader.at += 1
    return " ".join(words)


def _mtd(reader: Reader) -> MtdExpected:
    reader.skip_mark(":")
    status = read_word(reader, _STATUSES, "the state of the MTD")
    reader.skip("at")
    level = read_level(reader, "the level") if reader.skip("level") else None
    return MtdExpected(status=status, level=level)


def _findings(reader: Reader) -> FindingsExpected:
    """Read the ids of findings: ``findings: window, late-entry``, or ``findings: none``."""
    reader.skip_mark(":")
    if reader.skip("none"):
        return FindingsExpected()
    ids = [reader.take("the id of a finding").text]
    while reader.skip_mark(","):
        ids.append(reader.take("the id of a finding").text)
    return FindingsExpected(ids=tuple(ids))


def _endpoint(reader: Reader) -> EndpointExpected:
    """Read a value of a participant, ``S9 S001: 12 days``, or of the whole trial, ``P2: 1 of 6``."""
    token = reader.take("what is expected")
    subject = None if reader.next is None or reader.next.mark else reader.take("the subject").text
    if not reader.skip_mark(":") or not _ENDPOINT.fullmatch(token.text):
        hint = instead(token.text, EXPECTED)
        if hint.startswith("did you mean"):
            raise reader.fault(f"nothing can be expected of {shown(token.text)}: {hint}", token=token)
        forms = f"'expect {token.text}: VALUE' of the whole trial, or 'expect {token.text} SUBJECT: VALUE'"
        known = f"or expect {', '.join(EXPECTED)}"
        raise reader.fault(f"the colon before the value is missing: write {forms}; {known}", token=token)
    parts = [_words(reader, "the value", until_comma=True)]
    while not reader.has("known") and reader.skip_mark(","):
        parts.append(_words(reader, "another part of the value", until_comma=True))
    return EndpointExpected(endpoint=token.text, subject=subject, parts=tuple(parts), column=token.column)


_KINDS: Mapping[str, Callable[[Reader], Expected]] = {
    "level": _level,
    "next": _next,
    "mtd": _mtd,
    "findings": _findings,
    "nothing": lambda _: NothingExpected(),
}
EXPECTED = tuple(_KINDS)
"""The words after ``expect``; any other word there is an endpoint."""


def endpoint_hint(given: str, endpoints: Sequence[Endpoint]) -> str:
    """Phrase what could be expected instead of an unknown word: by its spelling, by a title that has it, or all."""
    near = instead(given, [*EXPECTED, *(one.id for one in endpoints)])
    if near.startswith("did you mean"):
        return near
    if titled := [one for one in endpoints if given.casefold() in one.title.casefold()]:
        return f"did you mean {either(map(_with_title, titled))}?"
    others = ", ".join(map(repr, EXPECTED))
    return f"write {others}, or an endpoint: {either(map(_with_title, endpoints))}"


def _with_title(endpoint: Endpoint) -> str:
    return f"{endpoint.id!r} ({endpoint.title})"


def read_follows(reader: Reader) -> FollowsExpected:
    """Read a fact that follows: ``so S002 DLT attributed at level 1``, ``so level closed at level 2``."""
    subject = None
    name = _fact(reader)
    if name is None:
        subject = reader.take("the fact that follows, or its subject").text
        name = _fact(reader)
    if name is None:
        token = reader.next
        given = subject if token is None else token.text
        raise reader.fault(f"no such fact follows from others: {instead(given or '', FOLLOWS)}")
    level = read_level(reader, "the level") if reader.skip("at", "level") else None
    return FollowsExpected(name=name, subject=subject, level=level)


def _fact(reader: Reader) -> str | None:
    longest_first = sorted(FOLLOWS, key=lambda name: -len(name.split()))
    return next((name for name in longest_first if reader.skip(*name.split())), None)
