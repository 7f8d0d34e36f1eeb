"""``trialdomain diff``: what became known between two moments, and what that changed."""

import argparse
import json
from collections.abc import Sequence

from trialdomain.cli.asking import add_day, add_log, add_two_moments, as_known, chosen_trial
from trialdomain.cli.output import print_lines, print_rows, print_table
from trialdomain.cli.parser import Parser
from trialdomain.history import Diff, ValueChange, read_log
from trialdomain.reports.json import Json
from trialdomain.reports.table import Column, Table
from trialdomain.reports.trail import SHORT, SHOWN, short_rows, trail_json, trail_rows
from trialdomain.values.given.plural import how_many, n_entries


def add_diff(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "diff",
        help="show what became known between two moments",
        description="Show which entries were recorded between two moments, and which derived values and "
        "recommendations are others since.",
    )
    add_log(parser)
    add_two_moments(parser)
    add_day(parser)
    parser.add_argument("--fields", action="store_true", help="show every field of every entry")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    with read_log(arguments.log) as log:
        trial = chosen_trial(log, arguments.trial, path=arguments.log)
        earlier, later = as_known(trial, arguments.earlier), as_known(trial, arguments.later)
        found, zone = earlier.diff(later, on=arguments.on), later.zone
    if arguments.json:
        entries = [trail_json(told, zone) for told in found.entries]
        print(json.dumps({**_heading(found), "entries": entries, "changed": [_change(one) for one in found.changed]}))
        return 0
    print_lines(
        [f"Trial {found.trial}, from position {found.earlier} ({found.on_earlier}) to {found.later} ({found.on_later})"]
    )
    recommended = found.recommendations
    said = {one.path for one in recommended}
    others = [one for one in found.changed if one.path not in said]
    values, left = (others, 0) if arguments.fields else _most_telling(others)
    for title, changes in (("Recommendations", recommended), ("Derived values", values)):
        if changes:
            print_table(_table(f"{title} that are others now", changes))
    if left:
        print_lines([f"... and {how_many(left, 'value')} of single participants: ask with --fields, or --json", ""])
    number = len(found.entries)
    if number:
        title = how_many(number, "entry was recorded", "entries were recorded")
        columns, rows = (SHOWN, trail_rows) if arguments.fields else (SHORT, short_rows)
        print_rows(columns, rows(found.entries, zone), title=title)
    derived = how_many(len(found.changed), "derived value")
    print_lines([f"{n_entries(number)}, {derived}."])
    return 0


def _most_telling(changes: Sequence[ValueChange]) -> tuple[list[ValueChange], int]:
    """Put what is about levels and the whole trial first, and leave out what no screen takes; say how much that is."""
    ordered = sorted(changes, key=lambda one: _OF_ONE in one.path)
    of_all = sum(_OF_ONE not in one.path for one in ordered)
    shown = max(of_all, _MOST_SHOWN)
    return ordered[:shown], len(ordered[shown:])


_OF_ONE = ".participants."
"""In the path of a value of a single participant."""
_MOST_SHOWN = 60


def _heading(found: Diff) -> dict[str, Json]:
    return {
        "trial": found.trial,
        "earlier": found.earlier,
        "later": found.later,
        "on_earlier": found.on_earlier.isoformat(),
        "on_later": found.on_later.isoformat(),
        "recommendations": [_change(one) for one in found.recommendations],
    }


def _change(one: ValueChange) -> Json:
    return {"path": one.path, "old": one.old, "new": one.new}


def _table(title: str, changes: "tuple[ValueChange, ...] | list[ValueChange]") -> Table:
    rows = tuple((one.path, _shown(one.old), _shown(one.new)) for one in changes)
    return Table(title=title, columns=("what", Column("before", least=12), Column("now", least=12)), rows=rows)


def _shown(value: Json) -> str:
    return "" if value is None else json.dumps(value) if isinstance(value, list | bool) else str(value)
