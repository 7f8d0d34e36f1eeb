"""The public names, each with the first sentence of its docstring, and the page that uses it.

Run this file to write ``docs/reference/names.md``; a test compares the page with it.
"""

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import trialdomain
from trialdomain import TrialError

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "names.md"
_HEAD = """# Public names

Every name that `from trialdomain import ...` gives, with what its docstring says first; written from the code.
`help(NAME)` says more: arguments, units, errors. What is not here is not public, but for the modules that other
pages name (`trialdomain.testing`, `trialdomain.exchange.toml`, `trialdomain.simulate`).
"""
_ALIASES = {"Entry": "An entry of a log: a fact of any kind, as it was recorded."}
"""Names of types that have no docstring of their own."""


def page() -> str:
    """Write the page."""
    groups: dict[str, list[str]] = {"Functions and constants": [], "Classes": [], "Words": [], "Errors": []}
    for name in sorted(trialdomain.__all__, key=str.casefold):
        groups[_group(getattr(trialdomain, name))].append(name)
    return _HEAD + "".join(_table(heading, names) for heading, names in groups.items())


def first_sentence(of: object) -> str:
    """Give the first sentence of a docstring, on one line, as Markdown has code."""
    told = " ".join((inspect.getdoc(of) or "").split("\n\n")[0].split())
    return re.sub(r"``(.+?)``", r"`\1`", told).replace("|", "\\|")


def _group(value: object) -> str:
    if not inspect.isclass(value):
        return "Functions and constants"
    if issubclass(value, TrialError):
        return "Errors"
    return "Words" if issubclass(value, Enum) else "Classes"


def _table(heading: str, names: list[str]) -> str:
    more = " A word is given as its member, or as its text." if heading == "Words" else ""
    return f"\n## {heading}\n\n{more.strip()}{chr(10) * 2 if more else ''}| name | |\n|---|---|\n" + "".join(
        map(_row, names)
    )


_CONSTANTS = {
    "CHECKS": "Every check of the audit.",
    "STANDARD_ENDPOINTS": "The endpoints of a protocol that names none.",
    "USUAL_ROLES": "The table of roles of the preset.",
}


def _row(name: str) -> str:
    value = getattr(trialdomain, name)
    told = _ALIASES.get(name) or ("" if isinstance(value, tuple) else first_sentence(value))
    if isinstance(value, tuple):
        told = _CONSTANTS[name]
    words = f" {', '.join(_words(value))}" if inspect.isclass(value) and issubclass(value, Enum) else ""
    return f"| `{name}` | {told}{words} |\n"


def _words(kind: type[Enum]) -> Iterator[str]:
    yield from (f"`{one.value}`" for one in kind)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
