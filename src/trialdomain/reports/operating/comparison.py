"""Comparisons of the pure rule with the engine, as sentences and as JSON."""

from collections.abc import Iterator, Sequence

from trialdomain.operating.compared import Compared
from trialdomain.reports.escalation.decision import mtd_words
from trialdomain.reports.json import Json
from trialdomain.values.clinical.decision import Decision
from trialdomain.values.given.plural import how_many, singular_or

_SHOWN = 20
"""The most differences that are shown for each comparison."""
_THROUGH = {"replay": "rebuilt from facts", "desk": "recorded through the desk"}


def comparison_lines(compared: Sequence[Compared]) -> Iterator[str]:
    """Say how many trials were compared, and name those whose answers differ."""
    for one in compared:
        trials = f"{how_many(one.trials, 'trial')} {_THROUGH[one.through]}"
        if one.agree:
            yield f"{trials}: the answer of the engine is that of the rule"
            continue
        count = len(one.differing)
        yield f"{trials}: {count} {singular_or(count, 'differs', 'differ')} from the rule"
        for found in one.differing[:_SHOWN]:
            yield f"  {found.outcomes}: the rule says {_said(found.rule)}; the engine says {_said(found.engine)}"


def comparison_json(compared: Sequence[Compared]) -> dict[str, Json]:
    """Return each comparison under its name: the trials, whether they agree, and the outcomes of those that differ."""
    return {
        one.through: {
            "trials": one.trials,
            "agree": one.agree,
            "differing": [found.outcomes for found in one.differing[:_SHOWN]],
        }
        for one in compared
    }


def _said(decision: Decision) -> str:
    level = "" if decision.level is None else f" level {decision.level}"
    return f"{decision.action.value}{level}, MTD {mtd_words(decision.mtd)}"
