"""``trialdomain what-if``: a recorded trial judged by other rules."""

import argparse
from collections.abc import Callable

import attrs

from trialdomain.cli.asking import add_log, add_moment, asked_history, day_lines
from trialdomain.cli.output import print_report, progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.errors import InputInvalid
from trialdomain.exchange.settings import Setting, SettingInvalid, protocol_with, read_setting
from trialdomain.exchange.toml import read_design, read_protocol
from trialdomain.history.what_if_report import what_if_report
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.given.filename import named


def add_what_if(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "what-if",
        help="show what would differ under another protocol",
        description="Judge a recorded trial by another protocol, another design or other parameters: which DLTs, "
        "counts, decisions and endpoints would differ, from when, and by which entries. Nothing is written, and the "
        "trial is not conducted anew.",
    )
    add_log(parser)
    parser.add_argument(
        "--protocol", metavar="FILE", type=named, help="the protocol in TOML that takes the place of every version"
    )
    parser.add_argument(
        "--design", metavar="FILE", type=named, help="only another design: a TOML file with levels = 3 and [design]"
    )
    parser.add_argument(
        "--set",
        dest="settings",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=_setting,
        help="set one parameter in every version, named as in a protocol file, such as dlt.min_grade=4 or "
        "design.name=boin; repeat it for more",
    )
    add_moment(parser)
    parser.add_argument("--fields", action="store_true", help="show every row of every table")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_run)


def _setting(text: str) -> Setting:
    try:
        return read_setting(text)
    except SettingInvalid as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _run(arguments: argparse.Namespace) -> int:
    if arguments.protocol is None and arguments.design is None and not arguments.settings:
        raise InputInvalid("what-if needs other rules: give --protocol FILE, --design FILE or --set NAME=VALUE")
    change = _change(arguments)
    with asked_history(arguments) as history, progress_bar() as progress:
        found = history.what_if(change, on=arguments.on, progress=progress)
        remarks = list(day_lines(history, arguments))
        report = what_if_report(found, history.zone, fields=arguments.fields)
    print_report(report.under(report.title, *remarks), as_json=arguments.json, headed=True)
    return 0


def _change(arguments: argparse.Namespace) -> Callable[[TrialProtocol], TrialProtocol]:
    """Return the function that makes the other protocol from a recorded version."""
    protocol = None if arguments.protocol is None else read_protocol(arguments.protocol)
    design = None if arguments.design is None else read_design(arguments.design)

    def change(recorded: TrialProtocol) -> TrialProtocol:
        other = protocol or recorded
        if design is not None:
            if design.levels != len(other.levels):
                raise InputInvalid(
                    f"{arguments.design} is for {design.levels} levels, and version {other.version} of the protocol "
                    f"has {len(other.levels)}: give a design for as many"
                )
            other = attrs.evolve(other, design=design.spec)
        return protocol_with(other, arguments.settings) if arguments.settings else other

    return change
