"""Every check of the audit, as the code has it.

Run this file to write ``docs/reference/findings.md``; a test holds the page against it.
"""

from pathlib import Path

from trialdomain import CHECKS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "findings.md"
_HEAD = """# Findings: what `trialdomain audit` looks for

[How the audit works, and checks of your own](../explanation/audit.md). A check may find something graver or less grave
than its usual severity: a decision that is still allowed, say, or a target that was exceeded.

| id | severity | what | requirement |
|---|---|---|---|
"""


def page() -> str:
    """Write the page."""
    rows = (f"| `{one.id}` | {one.severity.value} | {one.title} | {one.requirement} |\n" for one in CHECKS)
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page())
