"""Recommended doses in reports: one sentence and one JSON member for each purpose."""

from collections.abc import Collection, Iterator, Sequence

from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import DoseRecommended
from trialdomain.reports.escalation.decision import dose_json, doses_of, level_words
from trialdomain.reports.json import Json
from trialdomain.values.clinical.level import Label


def recommended_json(doses: Sequence[Recorded[DoseRecommended]]) -> list[Json]:
    """Return the recommended doses as JSON, one for each purpose."""
    return [
        {
            "level": entry.fact.level,
            **dose_json("dose", entry.fact.level, doses_of(entry.fact.basis.tallies)),
            "purpose": entry.fact.purpose,
            "on": entry.fact.basis.on.isoformat(),
            "rationale": entry.fact.rationale.plain,
            "evidence": [entry.position],
        }
        for entry in doses
    ]


def recommended_lines(doses: Sequence[Recorded[DoseRecommended]], *, closed: Collection[Label] = ()) -> Iterator[str]:
    """Describe each recommended dose in one sentence; ``closed`` has the levels that are closed now."""
    for entry in doses:
        fact = entry.fact
        since = " (the level is closed since)" if fact.level in closed else ""
        level = level_words(fact.level, doses_of(fact.basis.tallies))
        yield f"Recommended for {fact.purpose}: {level}, on {fact.basis.on}: {fact.rationale.plain}{since}"
