"""``trialdomain diff``: the entries recorded between two moments, and the values that they changed."""

import argparse

from trialdomain.cli.asking import add_day, add_log, add_two_moments, as_known, chosen_trial
from trialdomain.cli.output import print_report
from trialdomain.cli.parser import Parser
from trialdomain.history import diff_report, read_log


def add_diff(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "diff",
        help="show new entries and changed values between two moments",
        description="Show which entries were recorded between two moments, and which derived values and "
        "recommendations changed.",
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
    print_report(diff_report(found, zone, fields=arguments.fields), as_json=arguments.json, headed=True)
    return 0
