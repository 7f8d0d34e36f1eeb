"""Every error by its code: its class, its meaning, its family, and the HTTP status for a service.

Run this file to write ``docs/reference/errors.md``; a test compares the page with it.
"""

from pathlib import Path

from error_examples import error_classes
from names_page import first_sentence

from trialdomain import CommandRefused, Conflict, InputInvalid, LogCorrupt, LogUnusable, NotPermitted, TrialError

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
_UNKNOWN = {"TrialUnknown", "SubjectUnknown", "TrialAbsent"}
"""Errors of input that name something that there is not."""
_STATUS: tuple[tuple[type[TrialError], int, str], ...] = (
    (NotPermitted, 403, "the user may not; the refusal is recorded"),
    (CommandRefused, 409, "correct what was asked, or record it with a deviation where it has happened"),
    (Conflict, 409, "look again, and decide again"),
    (InputInvalid, 400, "correct the input"),
    (LogCorrupt, 500, "verify the log; nobody can go on from here without looking"),
    (LogUnusable, 503, "see what stands at the path; nothing was touched"),
    (TrialError, 500, "see the sentence"),
)
_HEAD = """# Errors

Whatever this library refuses is a `TrialError`. Its text is one sentence: what was refused, where, against what,
and what to do next. `error.code` is a word that stays from version to version, and `error.fields` has what the
sentence names, by name. Written from the code.

| family | suggested status of HTTP | what next |
|---|---|---|
"""
_MIDDLE = """
The status is a suggestion for a service that passes refusals on: 404 where something is named that there is not,
else that of the family. An error of a family of its own, such as `NotPermitted`, has its own. Catch the family, and
tell cases apart by the code:

```python
from trialdomain import CommandRefused, InputInvalid, Role, TrialError, Trials, User, nct06245746

STATUS = {InputInvalid: 400, CommandRefused: 409}
UNKNOWN = {"subject-unknown", "trial-unknown"}

with Trials.open("memory:") as trials:
    user = User(id="li", name="Li Na", role=Role.INVESTIGATOR, organization="Site 1")
    desk = trials.register(nct06245746(), by=user).acting(user)
    try:
        desk.enroll("S001", on="2026-03-02")
    except TrialError as error:
        status = next((number for family, number in STATUS.items() if isinstance(error, family)), 500)
        status = 404 if error.code in UNKNOWN else status
        assert (status, error.code, error.fields["subject"]) == (404, "subject-unknown", "S001")
```

## By code

| code | class | family | status | |
|---|---|---|---|---|
"""


def page() -> str:
    """Write the page."""
    families = "".join(f"| `{kind.__name__}` | {status} | {then} |\n" for kind, status, then in _STATUS)
    ours = sorted((kind for kind in error_classes() if issubclass(kind, TrialError)), key=lambda kind: kind.code)
    return _HEAD + families + _MIDDLE + "".join(map(_row, ours))


def _row(kind: type[TrialError]) -> str:
    family, status = next((one, number) for one, number, _ in _STATUS if issubclass(kind, one))
    shown = 404 if kind.__name__ in _UNKNOWN else status
    return f"| `{kind.code}` | `{kind.__name__}` | `{family.__name__}` | {shown} | {first_sentence(kind)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
