"""``trialdomain protocol``: the faults of a protocol file, and a protocol in words."""

import argparse
from pathlib import Path

from trialdomain.cli.asking import add_moment, asked, day_lines
from trialdomain.cli.log_address import log_named
from trialdomain.cli.output import print_report
from trialdomain.cli.parser import Parser
from trialdomain.errors import InputInvalid
from trialdomain.exchange.toml import read_protocol
from trialdomain.history import is_log
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.reports.protocol.check import protocol_check_report
from trialdomain.reports.protocol.show import protocol_show_report
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.values.given.filename import named


def add_protocol(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command with its subcommands to the command line."""
    parser = commands.add_parser(
        "protocol",
        help="check a protocol file, or show a protocol in words",
        description="Check a protocol in TOML before a trial is registered with it, or show what a protocol says.",
    )
    questions = parser.add_subparsers(title="questions", metavar="QUESTION", required=True)
    check = questions.add_parser(
        "check",
        help="list every fault of a protocol file",
        description="List every fault of a protocol file at once, each with its place.",
    )
    check.add_argument("file", metavar="FILE", type=named, help="the protocol, in TOML")
    check.add_argument("--json", action="store_true", help="answer in JSON")
    check.set_defaults(run=_check)
    show = questions.add_parser(
        "show",
        help="say in words how a protocol doses, decides and stops",
        description="Say in words how a protocol doses, who is evaluable, what a DLT is, how it escalates, when it "
        "stops, what is derived, and where it is silent.",
    )
    show.add_argument("file", metavar="FILE", type=log_named, help="the protocol, in TOML, or a log")
    show.add_argument("--trial", metavar="ID", help="the trial, if a log holds more than one")
    add_moment(show)
    show.add_argument("--json", action="store_true", help="answer in JSON")
    show.set_defaults(run=_show)


def _show(arguments: argparse.Namespace) -> int:
    file: Path | PostgresAddress = arguments.file
    if isinstance(file, PostgresAddress) or is_log(file):
        arguments.log = file
        with asked(arguments) as (history, on):
            report, remarks = protocol_show_report(history.protocol(on=on)), list(day_lines(history, arguments))
        report = report.under(f"{report.title}, in force on {on}", *remarks, on=on.isoformat())
    else:
        _refuse_moments(arguments)
        report = protocol_show_report(read_protocol(file))
    print_report(report.under(report.title), as_json=arguments.json, headed=True)
    return 0


def _refuse_moments(arguments: argparse.Namespace) -> None:
    """Refuse options that ask a log, where the file is a protocol."""
    given = {"--trial": arguments.trial, "--on": arguments.on, "--known-at": arguments.known_at}
    asked_for = [name for name, value in given.items() if value is not None]
    if asked_for:
        raise InputInvalid(f"{arguments.file} is no log: leave {' and '.join(asked_for)} out, or name a log")


def _check(arguments: argparse.Namespace) -> int:
    file = str(arguments.file)
    try:
        report, status = protocol_check_report(file, read_protocol(arguments.file), ()), 0
    except ProtocolInvalid as error:
        report, status = protocol_check_report(file, None, error.faults), 1
    print_report(report, as_json=arguments.json)
    return status
