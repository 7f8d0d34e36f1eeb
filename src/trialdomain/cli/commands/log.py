"""``trialdomain replay`` and ``export``: the commands that read a whole log."""

import argparse
from pathlib import Path

from trialdomain.cli.asking import add_log, add_moment, asked, chosen_trial, day_lines, heading
from trialdomain.cli.output import print_report, progress_bar, say_written
from trialdomain.cli.parser import Parser
from trialdomain.cli.places import NEW_FILE
from trialdomain.exchange.files import writing
from trialdomain.exchange.jsonl import write_jsonl
from trialdomain.history import answers_report, read_log
from trialdomain.values.given.filename import named
from trialdomain.values.given.plural import n_entries, singular_or
from trialdomain.values.progress import counted


def add_replay(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``replay`` to the command line."""
    parser = commands.add_parser(
        "replay",
        help="rebuild every answer from a log",
        description="Rebuild every answer from a log: a SQLite file, or an exported JSONL file, plain or gzip.",
    )
    add_log(parser)
    add_moment(parser)
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_replay)


def add_export(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``export`` to the command line."""
    parser = commands.add_parser(
        "export",
        help="write a log as JSON lines",
        description="Write one trial of a log as JSON lines, for other programs.",
    )
    add_log(parser)
    parser.add_argument("file", metavar="FILE", type=named, help=NEW_FILE)
    parser.set_defaults(run=_export)


def _replay(arguments: argparse.Namespace) -> int:
    with asked(arguments) as (history, on), progress_bar() as progress:
        remarks = list(day_lines(history, arguments))
        answers = history.answers(on=on, progress=counted(progress, "replaying", history.position))
    report = answers_report(answers).under(
        f"{heading(history)}, windows judged for {on}",
        *remarks,
        trial=history.trial,
        known_at=history.position,
        on=on.isoformat(),
    )
    print_report(report, as_json=arguments.json, headed=True)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    file: Path = arguments.file
    with read_log(arguments.log) as log, progress_bar() as progress:
        trial = chosen_trial(log, arguments.trial, path=arguments.log).trial
        with writing(file, log=arguments.log) as opened:
            size = write_jsonl(log.reader, trial, opened, progress=progress)
    are = singular_or(size, "is", "are")
    say_written(f"{n_entries(size)} of trial {trial} {are} in {file}; the export was not recorded in the log", file)
    return 0
