"""Every check of the audit, generated from the code.

Run this file to write ``docs/reference/findings.md``; a test compares the page with it.
"""

from collections.abc import Iterator
from pathlib import Path

import attrs
from event_catalogue import _field_docs

from trialdomain import CHECKS, Limits

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "findings.md"
_HEAD = """# Findings: what `trialdomain audit` looks for

[How the audit works, and checks of your own](../explanation/audit.md). A check may find something graver or less
grave than its usual severity: a decision that is still allowed, say, or a target that was exceeded.

| id | severity | what | requirement |
|---|---|---|---|
"""


def page() -> str:
    """Write the page."""
    rows = (f"| `{one.id}` | {one.severity.value} | {one.title} | {one.required_by(None)} |\n" for one in CHECKS)
    return _HEAD + "".join(rows) + _LIMITS + "".join(_limits())


_LIMITS = """
## Limits

From where on something is late, many or a jump, is a choice of this library: the defaults of `Limits`, which
`findings(history, limits=Limits(late_days=7))` sets otherwise. The command line has the defaults.

| limit | default | of | |
|---|---|---|---|
"""
_OF = {
    "late_days": "late-entry",
    "seconds_back": "clock",
    "silent_days": "clock",
    "changes": "many-changes",
    "changes_percent": "many-changes",
}


def _limits() -> Iterator[str]:
    said = _field_docs(Limits)
    for field in attrs.fields(Limits):
        yield f"| `{field.name}` | {field.default} | `{_OF[field.name]}` | {said[field.name]} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
