"""The pages of the outcomes: what the code knows is written from it, and the example below stays as it is."""

from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from pathlib import Path

from trialdomain import OutcomeId, nct06245746
from trialdomain.protocol.outcomes import OUTCOMES, Kind, OutcomeDefinition
from trialdomain.protocol.presets.endpoints import PRESETS

FOLDER = Path(__file__).parents[2] / "docs" / "outcomes"
BY_HAND = "\n## Example\n"
"""From here on a page is written by hand."""
_INSTEAD = {
    Kind.INCIDENCE: ("prevalent", "not-observed", "outside-analysis-set"),
    Kind.DURATION: ("no-episode", "end-unknown", "prevalent", "not-observed", "outside-analysis-set"),
    Kind.TIME: ("not-at-risk", "censored", "died", "not-observed", "outside-analysis-set"),
    Kind.DOSE: (),
}

_INSTEAD_OF_SOME = {
    OutcomeId.P1: ("outside-analysis-set",),
    OutcomeId.P2: ("not-observed", "outside-analysis-set"),
    OutcomeId.S6: ("not-observed", "outside-analysis-set"),  # a transfusion from before the start counts for nothing
    OutcomeId.S12: ("not-observed", "outside-analysis-set"),  # an agent from before is given in the observation as well
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
DETAILS: dict[OutcomeId, dict[str, str]] = {
    OutcomeId.P1: {
        "days_N": f"{_PERIODS}: `any`, `serious` (true or false), `events`, `serious_events` (numbers), "
        "`completed` (whether the period was observed to its end)",
    },
    OutcomeId.P2: {
        "evaluation": "`evaluable`, `pending` or `not-evaluable`",
        "reason": "a code, as under `because` in [reading answers](../reference/history.md)",
        **{name: f"{name} of the DLT; absent without one" for name in ("term", "grade", "event")},
    },
    **dict.fromkeys((OutcomeId.S2, OutcomeId.S3, OutcomeId.S13), _LONGEST),
    OutcomeId.S6: {
        **dict.fromkeys(("red_cells", "platelets"), "whether they were given"),
        **dict.fromkeys(("red_cell_units", "platelet_units"), "how many units, as text"),
    },
    **dict.fromkeys((OutcomeId.S7, OutcomeId.S9, OutcomeId.S11), _RECOVERY),
    **dict.fromkeys((OutcomeId.S8, OutcomeId.S10), _UNUSED),
    OutcomeId.S12: {
        "any": "whether an agent of the classes was given for any intent",
        "treatment": "whether one was given as treatment",
        "agents": "the agents that count, by name",
    },
}
"""What stands beside a value, for programs."""
PARTS: dict[OutcomeId, dict[str, str]] = {
    OutcomeId.P1: {
        "any_within_N_days": f"{_PERIODS}: who had an adverse event",
        "serious_within_N_days": f"{_PERIODS}: who had a serious one",
    },
    OutcomeId.S6: {"red_cells": "who was given red cells", "platelets": "who was given platelets"},
    OutcomeId.S12: {"any": "for any intent", "treatment": "as treatment"},
}
"""Further shares of a summary, each with ``n``, ``of``, ``fraction``, ``lower`` and ``upper``."""
TOTALS: dict[OutcomeId, dict[str, str]] = {
    OutcomeId.P1: {
        "events_within_N_days": f"{_PERIODS}: the events of everybody",
        "serious_events_within_N_days": "of these, the serious ones",
        "completed_within_N_days": "how many people were observed to the end of the period",
    },
    OutcomeId.S6: dict.fromkeys(("red_cell_units", "platelet_units"), "units given to everybody"),
}
"""Sums of a summary, as text."""


def path_of(outcome: OutcomeId) -> Path:
    return FOLDER / f"{outcome.value}.md"


def page(outcome: OutcomeId) -> str:
    """Give a page: what is written from the code, and what stands below it by hand."""
    path = path_of(outcome)
    known = path.read_text(encoding="utf-8") if path.exists() else BY_HAND
    return "".join(_head(OUTCOMES[outcome])) + BY_HAND + known.partition(BY_HAND)[2]


def _head(outcome: OutcomeDefinition) -> Iterator[str]:
    protocol = nct06245746()
    yield f"# {outcome.id.value} {outcome.title}\n\n"
    yield f"> {outcome.registry}\n>\n> {outcome.time_frame}\n>\n> NCT06245746\n\n"
    yield f"**Here it means:** {outcome.meaning(protocol)}\n"
    instead = _INSTEAD_OF_SOME.get(outcome.id, _INSTEAD[outcome.kind])
    if instead:
        named = ", ".join(f"`{one}`" for one in instead)
        yield f"\nInstead of a value there may be: {named}; see [all outcomes](README.md).\n"
    yield "\n## Parameters\n\n| parameter | NCT06245746 |\n|---|---|\n"
    for name, value in outcome.values(protocol).items():
        yield f"| `{name}` | {_shown(value)} |\n"
    if outcome.presets:
        yield "\n## Variants by name\n\n| name | variant | sets | source |\n|---|---|---|---|\n"
    for name in outcome.presets:
        for variant, preset in PRESETS[name].items():
            sets = ", ".join(f"`{parameter}` = {_shown(value)}" for parameter, value in preset.sets.items())
            yield f"| `{name}` | `{variant}` | {sets} | {preset.source} |\n"
    yield "\n## Sources\n\n" + "".join(f"- {source}\n" for source in outcome.sources)
    yield "\n## Choices\n\n" + "".join(f"- {choice}\n" for choice in outcome.choices)
    yield from _members(outcome.id)


def _members(outcome: OutcomeId) -> Iterator[str]:
    """Say which members the JSON has that other outcomes do not have."""
    found = {
        name: known.get(outcome, {}) for name, known in (("details", DETAILS), ("parts", PARTS), ("totals", TOTALS))
    }
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
    for outcome in OutcomeId:
        path_of(outcome).write_text(page(outcome), encoding="utf-8")


if __name__ == "__main__":
    main()
