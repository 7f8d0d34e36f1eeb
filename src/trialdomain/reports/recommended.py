"""Recommended doses in reports: one sentence and one JSON member for each purpose."""

from collections.abc import Collection, Iterator, Sequence

from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import DoseRecommended
from trialdomain.reports.json import Json


def recommended_json(doses: Sequence[Recorded[DoseRecommended]]) -> list[Json]:
    """Return the recommended doses as JSON, one for each purpose."""
    return [
        {
            "level": entry.fact.level,
            "purpose": entry.fact.purpose,
            "on": entry.fact.basis.on.isoformat(),
            "rationale": entry.fact.rationale.plain,
            "evidence": [entry.position],
        }
        for entry in doses
    ]


def recommended_lines(doses: Sequence[Recorded[DoseRecommended]], *, closed: Collection[int] = ()) -> Iterator[str]:
    """Describe each recommended dose in one sentence; ``closed`` has the levels that are closed now."""
    for entry in doses:
        fact = entry.fact
        since = " (the level is closed since)" if fact.level in closed else ""
        yield f"Recommended for {fact.purpose}: level {fact.level}, on {fact.basis.on}: {fact.rationale.plain}{since}"
