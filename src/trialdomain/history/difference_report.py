"""The report of a difference: recommendations and derived values first, then a line for each entry."""

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
"""In the path of a value of a single participant."""
_MOST_SHOWN = 60
"""Derived values that people are shown, unless more of them are about levels and the whole trial."""


def diff_report(found: Diff, zone: tzinfo, *, fields: bool = False) -> Report:
    """Report what two looks at a trial differ in.

    Args:
        found: the difference.
        zone: the site's, for the times that people read.
        fields: show every field of every entry, and every derived value.
    """

    def blocks() -> Iterator[Block]:
        recommended = found.recommendations
        paths = {one.path for one in recommended}
        others = [one for one in found.changed if one.path not in paths]
        values, left = (others, 0) if fields else _most_telling(others)
        for title, changes in (("Recommendations", recommended), ("Derived values", values)):
            if changes:
                yield _table(f"{title} that are others now", changes)
        if left:
            many = how_many(left, "value")
            yield Lines([f"... and {many} of single participants: ask with --fields, or --json", ""])
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
        "recommendations": [_change_json(one) for one in found.recommendations],
        "entries": [trail_json(told, zone) for told in found.entries],
        "changed": [_change_json(one) for one in found.changed],
    }


def _change_json(one: ValueChange) -> Json:
    return {"path": one.path, "old": one.old, "new": one.new}


def _most_telling(changes: Sequence[ValueChange]) -> tuple[list[ValueChange], int]:
    """Put what is about levels and the whole trial first; cut what no screen takes, and say how many values it is."""
    ordered = sorted(changes, key=lambda one: _OF_ONE in one.path)
    of_all = sum(_OF_ONE not in one.path for one in ordered)
    shown = max(of_all, _MOST_SHOWN)
    return ordered[:shown], len(ordered[shown:])


def _table(title: str, changes: Sequence[ValueChange]) -> Table:
    rows = tuple((one.path, _words(one.old), _words(one.new)) for one in changes)
    return Table(title=title, columns=("what", Column("before", least=12), Column("now", least=12)), rows=rows)


def _words(value: Json) -> str:
    return "" if value is None else json.dumps(value) if isinstance(value, list | bool) else str(value)
