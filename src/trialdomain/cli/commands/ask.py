"""``trialdomain endpoints``, ``explain`` and ``review``: endpoints, their explanation, and the safety review."""

import argparse
from pathlib import Path

from trialdomain.cli.asking import add_log, add_moment, add_variants, asked, day_lines, heading, rules_asked
from trialdomain.cli.output import print_lines, print_report, progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.cli.places import several_files
from trialdomain.errors import InputInvalid
from trialdomain.history import endpoint_of
from trialdomain.reports.endpoints.explanation import explanation_report
from trialdomain.reports.endpoints.files import write_endpoints
from trialdomain.reports.endpoints.report import endpoint_report, endpoints_report
from trialdomain.reports.review import review_report
from trialdomain.values.given.plural import how_many
from trialdomain.values.progress import counted


def add_endpoints(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``endpoints`` to the command line."""
    parser = commands.add_parser(
        "endpoints",
        help="derive the endpoints of the protocol",
        description="Derive every endpoint of the protocol: by participant, by dose level, and overall.",
    )
    add_log(parser)
    add_moment(parser)
    add_variants(parser)
    parser.add_argument("--endpoint", metavar="ID", help="show one endpoint for each participant, such as S9")
    parser.add_argument("--csv", metavar="DIR", type=several_files, help="write tables for R or SAS into a new folder")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_endpoints)


def add_explain(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``explain`` to the command line."""
    parser = commands.add_parser(
        "explain",
        help="explain a number: its definition and the entries that it rests on",
        description="Explain an endpoint: its definition, the entries that it rests on, who recorded them, and when.",
    )
    add_log(parser)
    parser.add_argument("endpoint", metavar="ENDPOINT", help="the code of the endpoint in the protocol, such as S9")
    parser.add_argument("subject", metavar="SUBJECT", nargs="?", help="the participant; by default the whole trial")
    add_moment(parser)
    add_variants(parser)
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_explain)


def add_review(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``review`` to the command line."""
    parser = commands.add_parser(
        "review",
        help="show the safety review",
        description="Show the safety review of a committee: participants, DLTs, due dates, and data not assessed.",
    )
    add_log(parser)
    add_moment(parser)
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_review)


def _endpoints(arguments: argparse.Namespace) -> int:
    folder: Path | None = arguments.csv
    if folder is not None and arguments.json:
        raise InputInvalid("--csv and --json cannot be combined: choose one")
    if arguments.endpoint is not None and folder is not None:
        raise InputInvalid("--csv writes every endpoint: leave --endpoint out")
    with asked(arguments) as (history, on), progress_bar() as progress:
        rules, remarks = rules_asked(arguments, history, on), list(day_lines(history, arguments))
        endpoint = None
        if arguments.endpoint is not None:
            endpoint = endpoint_of(arguments.endpoint, rules or history.casebook(on=on).protocol.endpoints)
        only = None if endpoint is None else [endpoint.id]
        read = counted(progress, "replaying", history.position)
        endpoints = history.endpoints(on=on, rules=rules, only=only, progress=read)
    if folder is not None:
        rows = write_endpoints(endpoints, folder, trial=history.trial, known_at=history.position, on=on)
        print_lines(f"{how_many(number, 'row')} in {folder / name}" for name, number in rows.items())
        return 0
    report = endpoints_report(endpoints) if endpoint is None else endpoint_report(endpoints, endpoint)
    headed = report.under(
        f"{heading(history)}, data cut-off {on}",
        *remarks,
        trial=history.trial,
        known_at=history.position,
        on=on.isoformat(),
    )
    print_report(headed, as_json=arguments.json, headed=True)
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    with asked(arguments) as (history, on):
        rules = rules_asked(arguments, history, on)
        found = history.explain(arguments.endpoint, arguments.subject, on=on, rules=rules)
        remarks = list(day_lines(history, arguments))
    report = explanation_report(found)
    print_report(report.under(report.title, *remarks), as_json=arguments.json, headed=True)
    return 0


def _review(arguments: argparse.Namespace) -> int:
    with asked(arguments) as (history, on):
        review, remarks = history.review(on=on), list(day_lines(history, arguments))
    report = review_report(review).under(heading(history), *remarks, trial=history.trial, known_at=history.position)
    print_report(report, as_json=arguments.json, headed=True)
    return 0
