"""The report of a difference: changed recommendations and values first, then one line for each new entry."""

import json
from collections.abc import Iterator, Sequence
from datetime import tzinfo

from trialdomain.history.difference import Diff, ValueChange
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Column, Table
from trialdomain.reports.trail import entries_listing, trail_json
from trialdomain.values.given.plural import how_many, n_entries

_OF_ONE = ".participants."
"""The part of a path that marks a value of a single participant."""
_MOST_SHOWN = 60
"""The number of derived values in the text; all values about levels and the whole trial are shown anyway."""


def diff_report(found: Diff, zone: tzinfo, *, fields: bool = False) -> Report:
    """Report the differences between two moments of a trial.

    Args:
        found: the differences.
        zone: the time zone of the site, for the times in the text.
        fields: whether to show every field of every entry, and every derived value.
    """

    def blocks() -> Iterator[Block]:
        recommended = found.recommendations
        paths = {change.path for change in recommended}
        others = [change for change in found.changed if change.path not in paths]
        values, left = (others, 0) if fields else _most_important(others)
        for title, changes in (("Recommendations", recommended), ("Derived values", values)):
            if changes:
                yield _table(f"{title} that changed", changes)
        if left:
            many = how_many(left, "value")
            yield Lines([f"... and {many} of single participants: use --fields or --json to see all", ""])
        number = len(found.entries)
        if number:
            title = how_many(number, "entry was recorded", "entries were recorded")
            yield entries_listing(found.entries, zone, title=title, fields=fields)
        yield Lines([f"{n_entries(number)}, {how_many(len(found.changed), 'derived value')}."])

    return Report(
        title=f"Trial {found.trial}, from position {found.earlier} ({found.on_earlier}) "
        f"to {found.later} ({found.on_later})",
        blocks=blocks,
        json=lambda: _json(found, zone),
    )


def _json(found: Diff, zone: tzinfo) -> dict[str, Json]:
    return {
        "trial": found.trial,
        "earlier": found.earlier,
        "later": found.later,
        "on_earlier": found.on_earlier.isoformat(),
        "on_later": found.on_later.isoformat(),
        "recommendations": [change_json(change) for change in found.recommendations],
        "entries": [trail_json(entry, zone) for entry in found.entries],
        "changed": [change_json(change) for change in found.changed],
    }


def change_json(change: ValueChange) -> Json:
    """Return a changed value as JSON."""
    return {"path": change.path, "old": change.old, "new": change.new}


def _most_important(changes: Sequence[ValueChange]) -> tuple[list[ValueChange], int]:
    """Sort values about levels and the whole trial first; return those to show, and the number of the others."""
    ordered = sorted(changes, key=lambda change: _OF_ONE in change.path)
    of_all = sum(_OF_ONE not in change.path for change in ordered)
    most = max(of_all, _MOST_SHOWN)
    return ordered[:most], len(ordered[most:])


def _table(title: str, changes: Sequence[ValueChange]) -> Table:
    rows = tuple((change.path, _text(change.old), _text(change.new)) for change in changes)
    return Table(title=title, columns=("what", Column("before", least=12), Column("now", least=12)), rows=rows)


def _text(value: Json) -> str:
    return "" if value is None else json.dumps(value) if isinstance(value, list | bool) else str(value)
