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

_INSTEAD_OF_PRIMARY = {
    OutcomeId.P1: ("outside-analysis-set",),
    OutcomeId.P2: ("not-observed", "outside-analysis-set"),
}


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
    instead = _INSTEAD_OF_PRIMARY.get(outcome.id, _INSTEAD[outcome.kind])
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
