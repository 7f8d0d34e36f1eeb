"""``trialdomain diff``: what became known between two moments, and what that changed."""

import argparse
import json

from trialdomain.cli.asking import add_day, add_log, add_two_moments, as_known, chosen_trial
from trialdomain.cli.output import print_lines, print_rows, print_table
from trialdomain.cli.parser import Parser
from trialdomain.history import Diff, ValueChange, read_log
from trialdomain.reports.json import Json
from trialdomain.reports.table import Column, Table
from trialdomain.reports.trail import SHOWN, trail_json, trail_rows
from trialdomain.values.plural import how_many, n_entries


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
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    with read_log(arguments.log) as log:
        trial = chosen_trial(log, arguments.trial, path=arguments.log)
        earlier, later = as_known(trial, arguments.earlier), as_known(trial, arguments.later)
        found, zone = earlier.diff(later, on=arguments.on), later.zone
        entries = [trail_json(told, zone) for told in found.entries]
    if arguments.json:
        print(json.dumps({**_heading(found), "entries": entries, "changed": [_change(one) for one in found.changed]}))
        return 0
    print_lines(
        [f"Trial {found.trial}, from position {found.earlier} ({found.on_earlier}) to {found.later} ({found.on_later})"]
    )
    number = len(found.entries)
    if number:
        title = how_many(number, "entry was recorded", "entries were recorded")
        print_rows(SHOWN, trail_rows(found.entries, zone), title=title)
    values = [one for one in found.changed if one not in found.recommendations]
    for title, changes in (("Recommendations", found.recommendations), ("Derived values", values)):
        if changes:
            print_table(_table(f"{title} that are others now", changes))
    derived = how_many(len(found.changed), "derived value")
    print_lines([f"{n_entries(number)}, {derived}."])
    return 0


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
