"""The pages of the endpoints of NCT06245746: generated from the code, except for the example of each."""

from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from pathlib import Path

from trialdomain import Endpoint, nct06245746
from trialdomain.protocol.endpoints.describing import describe
from trialdomain.protocol.endpoints.endpoint import Kind
from trialdomain.protocol.presets.endpoints import PRESETS

FOLDER = Path(__file__).parents[2] / "docs" / "endpoints"
PROTOCOL = nct06245746()
CODES = [one.id for one in PROTOCOL.endpoints.derived]
BY_HAND = "\n## Example\n"
"""From here on a page is written by hand."""
_INSTEAD = {
    Kind.INCIDENCE: ("prevalent", "not-observed", "outside-analysis-set"),
    Kind.DURATION: ("no-episode", "end-unknown", "prevalent", "not-observed", "outside-analysis-set"),
    Kind.TIME: ("not-at-risk", "censored", "died", "not-observed", "outside-analysis-set"),
    Kind.DOSE: (),
}

_INSTEAD_OF_SOME = {
    "P1": ("outside-analysis-set",),
    "P2": ("not-observed", "outside-analysis-set"),
    "S6": ("not-observed", "outside-analysis-set"),  # a transfusion from before the start counts for nothing
    "S12": ("not-observed", "outside-analysis-set"),  # an agent from before is given in the observation as well
}

_LONGEST = {"longest": "days of the longest episode"}
_UNUSED = {
    "unused": "positions of results without a day, without a unit, or in an unknown one; absent where none",
    "gap": "with `because` `gap`: the first and the last day of the longest time without a result",
}
_RECOVERY = {
    "severe_on": "day of the first result below the threshold, or null",
    **_LONGEST,
    "from_onset": "days from `severe_on` to the recovery",
    "confirmed_on": "day of the last result of the run that shows the recovery",
    "fell_again_on": "day on which it was below the threshold again; absent where it was not",
    **_UNUSED,
}
_PERIODS = "with the days of `endpoints.safety_days` for N"
DETAILS: dict[str, dict[str, str]] = {
    "P1": {
        "days_N": f"{_PERIODS}: `any`, `serious` (true or false), `events`, `serious_events` (numbers), "
        "`completed` (whether the period was observed to its end)",
    },
    "P2": {
        "evaluation": "`evaluable`, `pending` or `not-evaluable`",
        "reason": "a code, as under `because` in [reading answers](../reference/history.md)",
        **{name: f"{name} of the DLT; absent without one" for name in ("term", "grade", "event")},
    },
    **dict.fromkeys(("S2", "S3", "S13"), _LONGEST),
    "S6": {
        **dict.fromkeys(("red_cells", "platelets"), "whether they were given"),
        **dict.fromkeys(("red_cell_units", "platelet_units"), "how many units, as text"),
    },
    **dict.fromkeys(("S7", "S9", "S11"), _RECOVERY),
    **dict.fromkeys(("S8", "S10"), _UNUSED),
    "S12": {
        "any": "whether an agent of the classes was given for any intent",
        "treatment": "whether one was given as treatment",
        "agents": "the agents that count, by name",
    },
}
"""What stands beside a value, for programs."""
PARTS: dict[str, dict[str, str]] = {
    "P1": {
        "any_within_N_days": f"{_PERIODS}: who had an adverse event",
        "serious_within_N_days": f"{_PERIODS}: who had a serious one",
    },
    "S6": {"red_cells": "who was given red cells", "platelets": "who was given platelets"},
    "S12": {"any": "for any intent", "treatment": "as treatment"},
}
"""Further shares of a summary, each with ``n``, ``of``, ``fraction``, ``lower`` and ``upper``."""
TOTALS: dict[str, dict[str, str]] = {
    "P1": {
        "events_within_N_days": f"{_PERIODS}: the events of everybody",
        "serious_events_within_N_days": "of these, the serious ones",
        "completed_within_N_days": "how many people were observed to the end of the period",
    },
    "S6": dict.fromkeys(("red_cell_units", "platelet_units"), "units given to everybody"),
}
"""Sums of a summary, as text."""


def path_of(code: str) -> Path:
    return FOLDER / f"{code}.md"


def page(code: str) -> str:
    """Give a page: what is written from the code, and what stands below it by hand."""
    path = path_of(code)
    known = path.read_text(encoding="utf-8") if path.exists() else BY_HAND
    endpoint = PROTOCOL.endpoints.endpoint(code)
    if endpoint is None:
        raise KeyError(code)
    return "".join(_head(endpoint)) + BY_HAND + known.partition(BY_HAND)[2]


def _head(endpoint: Endpoint) -> Iterator[str]:
    said = describe(endpoint, PROTOCOL)
    yield f"# {endpoint.id} {endpoint.title}\n\n"
    yield f"> {endpoint.wording}\n>\n> {endpoint.time_frame}\n>\n> {PROTOCOL.source}\n\n"
    yield f"**Here it means:** {said.meaning}\n\nFamily: `{endpoint.family}`.\n"
    instead = _INSTEAD_OF_SOME.get(endpoint.id, _INSTEAD[endpoint.kind])
    if instead:
        named = ", ".join(f"`{one}`" for one in instead)
        yield f"\nInstead of a value there may be: {named}; see [all endpoints](README.md).\n"
    yield f"\n## Parameters\n\n| parameter | {PROTOCOL.source} |\n|---|---|\n"
    for name, value in said.parameters.items():
        yield f"| `{name}` | {_shown(value)} |\n"
    if said.variants:
        yield "\n## Variants by name\n\n| name | variant | sets | source |\n|---|---|---|---|\n"
    for name in said.variants:
        for variant, preset in PRESETS[name].items():
            sets = ", ".join(f"`{parameter}` = {_shown(value)}" for parameter, value in preset.sets.items())
            yield f"| `{name}` | `{variant}` | {sets} | {preset.source} |\n"
    yield "\n## Sources\n\n" + "".join(f"- {source}\n" for source in endpoint.sources)
    yield "\n## Choices\n\n" + "".join(f"- {choice}\n" for choice in said.choices)
    yield from _members(endpoint.id)


def _members(code: str) -> Iterator[str]:
    """Say which members the JSON has that other endpoints do not have."""
    found = {name: known.get(code, {}) for name, known in (("details", DETAILS), ("parts", PARTS), ("totals", TOTALS))}
    if not any(found.values()):
        return
    yield "\n## In JSON\n\n| in | member | |\n|---|---|---|\n"
    for name, members in found.items():
        for member, meaning in members.items():
            yield f"| `{name}` | `{member}` | {meaning} |\n"


def _shown(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case Enum():
            return f"`{value.value}`"
        case tuple():
            return ", ".join(map(_shown, value))
        case Decimal() | int():
            return str(value)
        case _:
            return f"`{value}`"


def main() -> None:
    """Write every page anew."""
    FOLDER.mkdir(exist_ok=True)
    for code in CODES:
        path_of(code).write_text(page(code), encoding="utf-8")


if __name__ == "__main__":
    main()
