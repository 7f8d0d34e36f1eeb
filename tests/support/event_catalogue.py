"""The event catalogue, generated from the code: every stored name with its fields, and an example.

Run this file to write ``docs/reference/events.md``; a test compares the page with it.
"""

import ast
import inspect
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from trialdomain.events.registry import NAMES
from trialdomain.protocol.designs import DESIGNS, DesignSpec
from trialdomain.protocol.endpoints.endpoint import Endpoint
from trialdomain.protocol.endpoints.families import FAMILIES
from trialdomain.storage.upcasts import UPCASTS
from trialdomain.values.clinical.scale import Scale

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "events.md"
GOLDEN = ROOT / "tests" / "golden"
_STREAMS = {
    "trial": "The trial's own stream, `{trial}`",
    "cohort": "A dose level's stream, `{trial}/cohort/{level}`",
    "participant": "A participant's stream, `{trial}/participant/{subject}`",
    "access": "Refusals for want of a right, `{trial}/access`",
}
_HEAD = """# The event catalogue

Every fact that a log can hold, by its stored name; written from the code. A stored name never changes, and a new shape
gets a new version. An entry's state is `{"fact": {...}, "meta": {...}}`; what stands below is the fact.
[The log](../explanation/the-log.md) says what the envelope holds. A field with a default may be missing in the API, and
is always written. Decimals and times are strings, and a clinical time is as precise as it is known.
"""


def page() -> str:
    """Write the page."""
    parts = [_HEAD]
    for about, heading in _STREAMS.items():
        parts.append(f"\n## {heading}\n")
        parts += [_entry(kind, name) for kind, name in NAMES.items() if name.partition(".")[0] == about]
    parts.append(_parts())
    return "".join(parts)


def _entry(kind: type[Any], name: str) -> str:
    older = [old for old, (new, _) in UPCASTS.items() if new == name]
    read = f" Logs with {', '.join(f'`{old}`' for old in older)} are read as this." if older else ""
    golden = json.loads((GOLDEN / f"{name}.json").read_text())["fact"]
    shown = json.dumps(golden, indent=2, ensure_ascii=False)
    example = _PROTOCOL if "protocol" in golden else f"```json\n{shown}\n```\n"
    return f"\n### `{name}`\n\n{_sentence(kind)}{read}\n\n{_table(kind)}\n{example}"


_PROTOCOL = "[The protocol file](protocol-file.md) shows a whole protocol.\n"


def _sentence(kind: type[Any]) -> str:
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")


def _table(kind: type[Any]) -> str:
    hints, said = get_type_hints(kind), _field_docs(kind)
    rows = [
        f"| `{field.name}` | {_type(hints[field.name])} | {_default(field)} | {said.get(field.name, '')} |"
        for field in attrs.fields(kind)
    ]
    return "\n".join(["| field | type | default | |", "|---|---|---|---|", *rows, ""])


def _field_docs(kind: type[Any]) -> dict[str, str]:
    """Read the strings that stand under the fields of a class, and of the classes that it is based on."""
    said: dict[str, str] = {}
    for one in reversed([one for one in kind.__mro__ if attrs.has(one)]):
        said |= _own_docs(one)
    return said


def _own_docs(kind: type[Any]) -> dict[str, str]:
    (node,) = ast.parse(inspect.getsource(kind)).body
    body = node.body if isinstance(node, ast.ClassDef) else []
    said = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            name = field.target.id if isinstance(field.target, ast.Name) else ""
            said[name] = " ".join(str(text.value.value).split())
    return said


def _default(field: "attrs.Attribute[Any]") -> str:
    value: Any = field.default
    if value is attrs.NOTHING:
        return "required"
    if value is None:
        return "none"
    if value == ():
        return "empty"
    if isinstance(value, Scale):
        return f"`{value}`"
    parts = value if isinstance(value, tuple) else (value,)
    if any(attrs.has(type(one)) for one in parts) or hasattr(value, "factory"):
        return "its defaults"
    return f"`{json.dumps(value, default=_plain)}`"


def _plain(value: object) -> object:
    """Give a default as a protocol file would have it: the word of an enumeration, a number as text."""
    return getattr(value, "value", None) or str(value)


def _type(hint: Any) -> str:  # noqa: ANN401 - whatever a field is annotated with
    if hint is Endpoint:
        return " or ".join(_type(kind) for kind in FAMILIES.values())
    if hint is DesignSpec:
        return " or ".join(_type(kind) for kind in DESIGNS.values())
    if get_origin(hint) is Literal:
        return " \\| ".join(f"`{one}`" for one in get_args(hint))
    arguments = [one for one in get_args(hint) if one is not NoneType and one is not Ellipsis]
    if get_origin(hint) is tuple:
        return f"list of {', '.join(_type(one) for one in arguments)}"
    if arguments and (get_origin(hint) is Union or type(hint).__name__ == "UnionType"):
        return " or ".join(_type(one) for one in arguments)
    if attrs.has(hint):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    if hasattr(hint, "__members__"):
        return " \\| ".join(f"`{one.value}`" for one in hint)
    words: dict[str, str] = {"str": "text", "int": "integer", "bool": "true or false", "date": "day"}
    name: str = hint.__name__
    return words.get(name, name)


def _parts() -> str:
    found = sorted(set(_reached(list(NAMES))), key=lambda kind: kind.__name__)
    texts = [f"\n### {kind.__name__}\n\n{_sentence(kind)}\n\n{_table(kind)}" for kind in found]
    return "\n## What facts are made of\n" + "".join(texts)


def _reached(kinds: list[type[Any]]) -> Iterator[type[Any]]:
    """Yield every class that a field of a fact holds, or a field of such a class."""
    for kind in kinds:
        for hint in get_type_hints(kind).values():
            inner = [one for one in _leaves(hint) if attrs.has(one)]
            yield from inner
            yield from _reached(inner)


def _leaves(hint: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
    arguments = get_args(hint)
    if hint is DesignSpec:
        yield from DESIGNS.values()
    elif hint is Endpoint:
        yield from FAMILIES.values()
    elif not arguments:
        yield hint
    for one in arguments:
        yield from _leaves(one)


if __name__ == "__main__":
    PAGE.write_text(page())
