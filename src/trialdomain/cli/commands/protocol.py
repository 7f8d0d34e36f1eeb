"""``trialdomain protocol``: questions about a protocol file."""

import argparse

from trialdomain.cli.output import print_report
from trialdomain.cli.parser import Parser
from trialdomain.exchange.toml import read_protocol
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.reports.protocol import protocol_check_report
from trialdomain.values.given.filename import named


def add_protocol(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command with its subcommands to the command line."""
    parser = commands.add_parser(
        "protocol",
        help="check a protocol file",
        description="Check a protocol in TOML before a trial is registered with it.",
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


def _check(arguments: argparse.Namespace) -> int:
    file = str(arguments.file)
    try:
        report, status = protocol_check_report(file, read_protocol(arguments.file), ()), 0
    except ProtocolInvalid as error:
        report, status = protocol_check_report(file, None, error.faults), 1
    print_report(report, as_json=arguments.json)
    return status
