"""``trialdomain endpoints``, ``explain`` and ``review``: the outcomes, why they are so, and what a committee reads."""

import argparse
import json
from pathlib import Path

from trialdomain.cli.asking import add_log, add_moment, add_variants, asked, day_lines, rules_asked
from trialdomain.cli.output import print_lines, print_table, progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.cli.places import several_files
from trialdomain.errors import InputInvalid
from trialdomain.history import outcome_of
from trialdomain.reports.explanation import explanation_json, explanation_lines, explanation_tables
from trialdomain.reports.outcome_files import write_outcomes
from trialdomain.reports.outcomes import (
    outcomes_lines,
    outcomes_tables,
    participants_table,
    summary_lines,
)
from trialdomain.reports.outcomes_json import outcomes_json
from trialdomain.reports.review import review_json, review_lines, review_tables
from trialdomain.values.plural import how_many
from trialdomain.values.progress import counted


def add_endpoints(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``endpoints`` to the command line."""
    parser = commands.add_parser(
        "endpoints",
        help="derive the outcomes of the registry",
        description="Derive the 3 primary and 13 secondary outcomes: of everybody, by dose level, and overall.",
    )
    add_log(parser)
    add_moment(parser)
    add_variants(parser)
    parser.add_argument("--outcome", metavar="ID", help="show one outcome of everybody, such as S9")
    parser.add_argument("--csv", metavar="DIR", type=several_files, help="write tables for R or SAS into a new folder")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_endpoints)


def add_explain(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``explain`` to the command line."""
    parser = commands.add_parser(
        "explain",
        help="say what a number rests on",
        description="Explain an outcome: its definition, the entries that it rests on, who recorded them, and when.",
    )
    add_log(parser)
    parser.add_argument("outcome", metavar="OUTCOME", help="P1 to P3, or S1 to S13")
    parser.add_argument("subject", metavar="SUBJECT", nargs="?", help="of whom; left out: of the whole trial")
    add_moment(parser)
    add_variants(parser)
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_explain)


def add_review(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``review`` to the command line."""
    parser = commands.add_parser(
        "review",
        help="the safety review",
        description="What a safety committee reads first: everybody, the DLTs, what is due, what waits to be judged.",
    )
    add_log(parser)
    add_moment(parser)
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_review)


def _endpoints(arguments: argparse.Namespace) -> int:
    folder: Path | None = arguments.csv
    if folder is not None and arguments.json:
        raise InputInvalid("--csv and --json were both asked for: choose one")
    one = None if arguments.outcome is None else outcome_of(arguments.outcome)
    if one is not None and folder is not None:
        raise InputInvalid("--csv writes every outcome: leave --outcome out")
    with asked(arguments) as (history, on), progress_bar() as progress:
        rules, said = rules_asked(arguments, history, on), list(day_lines(history, arguments))
        answers = history.answers(on=on, rules=rules, progress=counted(progress, "replaying", history.position))
    outcomes = answers.endpoints
    heading = {"trial": history.trial, "known_at": history.position, "on": on.isoformat()}
    if folder is not None:
        rows = write_outcomes(outcomes, folder, trial=history.trial, known_at=history.position, on=on)
        print_lines(f"{how_many(number, 'row')} in {folder / name}" for name, number in rows.items())
    elif arguments.json:
        answer = outcomes_json(outcomes)
        asked_for = answer if one is None else {one.value: answer[one.value]}
        print(json.dumps({**heading, "endpoints": asked_for, "note": outcomes.note}))
    else:
        print_lines([f"Trial {history.trial}, as known at position {history.position}, data cut-off {on}", *said])
        print_lines(outcomes_lines(outcomes))
        if one is not None:
            print_lines(summary_lines(outcomes.summary(one)))
        values = outcomes.endpoints.values.get(one, ()) if one is not None else ()
        for table in outcomes_tables(outcomes) if one is None else [participants_table(one, values)] if values else []:
            print_table(table)
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    with asked(arguments) as (history, on):
        rules = rules_asked(arguments, history, on)
        found = history.explain(arguments.outcome, arguments.subject, on=on, rules=rules)
        said = list(day_lines(history, arguments))
    if arguments.json:
        print(json.dumps(explanation_json(found)))
    else:
        print_lines([*said, *explanation_lines(found)])
        for table in explanation_tables(found):
            print_table(table)
    return 0


def _review(arguments: argparse.Namespace) -> int:
    with asked(arguments) as (history, on):
        review, said = history.review(on=on), list(day_lines(history, arguments))
    if arguments.json:
        print(json.dumps({"trial": history.trial, "known_at": history.position, **review_json(review)}))
    else:
        print_lines([f"Trial {history.trial}, as known at position {history.position}", *said])
        print_lines(review_lines(review))
        for table in review_tables(review):
            print_table(table)
    return 0
