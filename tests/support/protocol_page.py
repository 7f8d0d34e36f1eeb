"""The protocol file: every parameter with its default and the preset's value, generated from the code.

Run this file to write ``docs/reference/protocol-file.md``; a test compares the page with it.
"""

from collections.abc import Collection, Iterator
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import attrs
from event_catalogue import _field_docs, _type
from names_page import first_sentence

from trialdomain import DltRule, EndpointRules, EvaluableRule, TrialProtocol, nct06245746
from trialdomain.exchange.toml import protocol_to_toml
from trialdomain.protocol.conduct_rules import Stagger, Stopping
from trialdomain.protocol.designs import DESIGNS
from trialdomain.protocol.endpoints.endpoint import Described
from trialdomain.protocol.endpoints.families import FAMILIES
from trialdomain.protocol.presets.endpoints import PRESETS
from trialdomain.values.clinical.scale import Scale

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "protocol-file.md"
_TABLES: dict[str, type[Any]] = {
    "dlt": DltRule,
    "evaluable": EvaluableRule,
    "stagger": Stagger,
    "stopping": Stopping,
    "endpoints": EndpointRules,
}
_NOT_AS_TEXT = {"trial", "title", "levels", "design", "criteria", "roles", *_TABLES}
_HEAD = """# The protocol file

A protocol is a TOML file, or a `TrialProtocol` in Python. Both have the same names, and a file gives only what
differs from the defaults. Numbers are read exactly as they are written. Written from the code.

```python
from pathlib import Path

from trialdomain import protocol_to_toml, read_protocol
from trialdomain.protocol.faults import ProtocolInvalid

text = \"\"\"
trial = "T1"
title = "Two levels, a 28-day window"
version = "1"
zone = "Europe/Berlin"
target_recruitment = 18
levels = [
    {level = 1, dose = {amount = "2.5", unit = "mg"}},
    {level = 2, dose = {amount = "5", unit = "mg"}},
]

[dlt]
min_grade = 3
window_days = 28

[stagger]
first_to_second_days = 7

[[criteria]]
id = "I1"
kind = "inclusion"
meaning = "aged 18 or more"
answer = "facts"
tests = [{finding = "age", comparison = "at-least", number = 18}]

[[criteria]]
id = "E1"
kind = "exclusion"
meaning = "pregnant"
answer = "attestation"

[[roles]]
role = "investigator"
use_cases = ["register", "amend", "consent", "screen", "enroll", "infuse"]

[endpoints]
platelets = 25
\"\"\"
Path("protocol.toml").write_text(text)
protocol = read_protocol("protocol.toml")
assert protocol.dlt.window_days == 28

Path("wrong.toml").write_text(text.replace("min_grade = 3", "min_grade = 9\\nwindow_day = 28"))
try:
    read_protocol("wrong.toml")
except ProtocolInvalid as invalid:
    print("\\n".join(invalid.faults))  # every fault at once

Path("preset.toml").write_text(protocol_to_toml(protocol))  # and back
assert read_protocol("preset.toml") == protocol
```

A dose is in all, or per kg or per m2 of the body: `{amount = 1, unit = "10*6{cells}", per = "kg"}`, or
`unit = "10*6{cells}/kg"`. [Units of doses](../explanation/conduct.md#doses) are UCUM.

To see the whole preset as a file, print `protocol_to_toml(nct06245746())`; it begins as
[below](#what-the-preset-says). `trials.register(read_protocol(FILE), by=user)` begins a trial with a file, and
`trialdomain import-sdtm DIR LOG --protocol FILE` takes one.

- A parameter with a default that is not to be set is written `"none"`: `design = "none"`, `dlt = "none"`. A design
  needs a `dlt` table to count by.
- A scale is a text, `grading = "CTCAE 4.03"`; [the scales](../explanation/grading-scales.md) says which there are.
- Numbers with a point may be written as numbers or as text, `0.5` or `"0.5"`.
- Every name that is not below is refused, so a slip is no silent default.
"""


def page() -> str:
    """Write the page."""
    preset = nct06245746()
    parts = [_HEAD, "\n## The file itself\n\n", _table(TrialProtocol, preset)]
    parts += _designs()
    for name, kind in _TABLES.items():
        parts += [f"\n## `[{name}]`\n\n", _table(kind, getattr(preset, name))]
    parts += _endpoints()
    parts += [*_nested(), "\n## Variants in `[endpoints]`\n\n", _variants(), _preset(preset)]
    return "".join(parts)


def _table(kind: type[Any], preset: object, names: Collection[str] | None = None) -> str:
    hints, said = get_type_hints(kind), _field_docs(kind)
    rows = []
    for field in attrs.fields(kind):
        if names is not None and field.name not in names:
            continue
        default, own = _default(field), getattr(preset, field.name, None)
        shown = "" if (field.name in _NOT_AS_TEXT and kind is TrialProtocol) or _same(field, own) else f"`{_text(own)}`"
        cells = (f"`{field.name}`", _link(_type(hints[field.name])), default, shown, said.get(field.name, ""))
        rows.append(f"| {' | '.join(cells)} |\n")
    return "| parameter | type | default | NCT06245746, where other | |\n|---|---|---|---|---|\n" + "".join(rows)


def _link(text: str) -> str:
    return text.replace("](#", "](events.md#")


def _same(field: "attrs.Attribute[Any]", own: object) -> bool:
    default: Any = field.default
    return own is None or own == (default.factory() if hasattr(default, "factory") else default)


def _default(field: "attrs.Attribute[Any]") -> str:
    default: Any = field.default
    if default is attrs.NOTHING:
        return "required"
    if isinstance(default, Scale):
        return f"`{_text(default.text)}`"
    parts = default if isinstance(default, tuple) else (default,)
    if any(attrs.has(type(one)) for one in parts) or hasattr(default, "factory"):
        return "its defaults"
    return "none" if default is None else "empty" if default == () else f"`{_text(default)}`"


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Enum():
            return f'"{value.value}"'
        case str():
            return f'"{value}"'
        case tuple():
            return f"[{', '.join(map(_text, value))}]"
        case Decimal() | int():
            return str(value)
        case _:
            return "a table"


def _designs() -> Iterator[str]:
    """Yield the table of the design: its name, and then the parameters of that design."""
    yield "\n## `[design]`\n\n"
    yield "Its `name` says which design it is, and which further parameters the table has.\n"
    yield 'A protocol without a design has `design = "none"`.\n'
    for kind in DESIGNS.values():
        yield f"\n{first_sentence(kind)}\n\n{_table(kind, None)}"


_ENDPOINTS = """
## `[endpoints.derived]`

Which endpoints are derived. Without this table they are the standard ones, P1 to P3 and S1 to S13. Each name in it
is the code of an endpoint: `"none"` leaves a standard one out, a table changes it, and a table with a `family` is a
new one.

```toml
[endpoints.derived]
S5 = "none"

[endpoints.derived.S9]
title = "Time to recovery of platelets to 50"

[endpoints.derived.S9-20]
title = "Time to recovery of platelets to 20"
family = "count-recovery"
count = "platelets"
threshold = 20
sources = ["CIBMTR forms manual"]

[endpoints.derived.N1]
title = "Nausea, incidence"
family = "event-incidence"
terms = ["Nausea"]
min_grade = 2
```

An array of tables, `[[endpoints.derived]]` with an `id` in each, names all endpoints of the protocol instead. A
parameter that is not given is the shared one of `[endpoints]`: `threshold` is that of `[endpoints.platelets]`, for
one. Tables, JSON, CSV files and `trialdomain explain` follow; the `wording` and the `sources` are what they quote.
"""


def _endpoints() -> Iterator[str]:
    """Yield the families of endpoints, each with its parameters."""
    yield _ENDPOINTS
    common = {field.name for field in attrs.fields(Described)}
    yield f"\n### Of every endpoint\n\n{_table(Described, None)}"
    for name, kind in FAMILIES.items():
        own = {field.name for field in attrs.fields(kind)} - common - {"family"}
        rows = f"\n{_table(kind, None, own)}" if own else ""
        yield f'\n### `family = "{name}"`\n\n{first_sentence(kind)}\n{rows}'


def _nested() -> Iterator[str]:
    """Yield the tables that stand in lists, or in another table."""
    yield "\n## Tables in tables\n\n"
    yield "Their parameters are in the [event catalogue](events.md#what-facts-are-made-of):\n\n"
    kinds = [
        "`levels`: [DoseLevel](events.md#doselevel)",
        "`criteria`: [Criterion](events.md#criterion), and its `tests`: [FactTest](events.md#facttest)",
        "`roles`: [Grant](events.md#grant); its use cases are those of [the roles](../explanation/access.md)",
        "`dlt.criteria`: [DltCriterion](events.md#dltcriterion) ([what a row means](../explanation/dlt-rows.md))",
        "`dlt.criteria[].together_with`: [DltCompanion](events.md#dltcompanion)",
        "`dlt.expected_with_chemotherapy`: [ExpectedToxicity](events.md#expectedtoxicity)",
        "`dlt.cytopenia`: [CytopeniaRule](events.md#cytopeniarule)",
        "`stagger.sentinel`: [Sentinel](events.md#sentinel)",
    ]
    for field, hint in get_type_hints(EndpointRules).items():
        found = next((one for one in (hint, *get_args(hint)) if attrs.has(one)), None)
        if found is not None:
            kinds.append(f"`endpoints.{field}`: [{found.__name__}](events.md#{found.__name__.lower()})")
    yield "".join(f"- {one}\n" for one in kinds)


def _variants() -> str:
    rows = "".join(f"| `{name}` | {', '.join(f'`{one}`' for one in found)} |\n" for name, found in PRESETS.items())
    return (
        "Published variants are chosen by name, beside single numbers; the pages of "
        "[the endpoints](../endpoints/README.md) say what each sets.\n\n| name | variants |\n|---|---|\n" + rows
    )


def _preset(preset: TrialProtocol) -> str:
    endpoints = attrs.evolve(preset.endpoints, derived=preset.endpoints.derived[:2])
    text = protocol_to_toml(
        attrs.evolve(preset, criteria=preset.criteria[:2], roles=preset.roles[:1], endpoints=endpoints)
    )
    return (
        "\n## What the preset says\n\nAs `protocol_to_toml(nct06245746())` writes it, with the first 2 of its "
        f"{len(preset.criteria)} criteria the first of its {len(preset.roles)} roles, and the first 2 "
        f"of its {len(preset.endpoints.derived)} endpoints:\n\n```toml\n{text}```\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
