"""Codes of trials and subjects, and names of streams."""

import re

from trialdomain.errors import InputInvalid
from trialdomain.values.clinical.level import LABEL, Label, as_label
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short

_CODE = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_ID = re.compile(_CODE)
LONGEST_STREAM = 300
"""The most characters of a stream name; no stream of ours has a longer one."""
_STREAM = re.compile(rf"{_CODE}(?:/(?:(access)|(cohort)/{LABEL}|(participant)/{_CODE}))?")


class CodeInvalid(InputInvalid, ValueError):
    """A text cannot serve as the code of a trial, a subject, a user or a command."""

    code = "code-invalid"

    def __init__(self, *, what: str, given: object) -> None:
        super().__init__(
            f"{short(given, 70)!r} is not a valid {what} code: "
            f"use up to 64 letters, digits, dots, dashes and underscores, no names"
        )
        self.what, self.given = what, given


def check_id(what: str, given: str) -> str:
    """Accept a code of letters, digits, dots, dashes and underscores.

    Raises:
        CodeInvalid: the text has other characters. A person's name, for example, must not be in a log.
    """
    text: object = plain(given)  # the caller may have passed any type
    if not is_a(text, str) or _ID.fullmatch(text) is None:
        raise CodeInvalid(what=what, given=given)
    return text


def trial_stream(trial: str) -> str:
    """Return the name of the trial's own stream."""
    return trial


def cohort_stream(trial: str, level: Label) -> str:
    """Return the name of the stream of one dose level (cohort)."""
    return f"{trial}/cohort/{level}"


def participant_stream(trial: str, subject: str) -> str:
    """Return the name of the stream of one participant."""
    return f"{trial}/participant/{subject}"


def access_stream(trial: str) -> str:
    """Return the name of the stream of access refusals."""
    return f"{trial}/access"


def kind_of(stream: str) -> str | None:
    """Return the kind of a stream, which is the prefix of its stored event names; None if it is not a stream name.

    >>> kind_of("T1"), kind_of("T1/cohort/1"), kind_of("T1/cohort/01")
    ('trial', 'cohort', None)
    """
    found = _STREAM.fullmatch(stream)
    return found and (found[1] or found[2] or found[3] or "trial")


def trial_of(stream: str) -> str:
    """Return the trial whose stream this is.

    >>> trial_of("T1"), trial_of("T1/participant/S001")
    ('T1', 'T1')
    """
    return stream.partition("/")[0]


def subject_of(stream: str) -> str | None:
    """Return the subject whose stream this is; None for any other stream.

    >>> subject_of("T1/participant/S001"), subject_of("T1/cohort/1")
    ('S001', None)
    """
    _, kind, subject = (*stream.split("/", 2), "", "")[:3]
    return subject if kind == "participant" else None


def level_of(stream: str) -> Label | None:
    """Return the label of the dose level whose stream this is; None for any other stream.

    >>> level_of("T1/cohort/1"), level_of("T1/cohort/1a"), level_of("T1")
    (1, '1a', None)
    """
    _, kind, level = (*stream.split("/", 2), "", "")[:3]
    label: Label | None = as_label(level) if kind == "cohort" else None
    return label
