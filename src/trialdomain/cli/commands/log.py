"""The commands that read a whole log: ``replay`` and ``export``."""

import argparse
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from trialdomain.cli.answers import print_answers
from trialdomain.cli.asking import add_log, add_moment, asked, chosen_trial, day_lines
from trialdomain.cli.output import print_lines, progress_bar, say_written
from trialdomain.cli.parser import Parser
from trialdomain.cli.places import NEW_FILE
from trialdomain.exchange.files import writing
from trialdomain.exchange.jsonl import write_jsonl
from trialdomain.history import Answers, History, answers_json, read_log
from trialdomain.reports.json import Json
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
        "export", help="write a log as JSON lines", description="Write one trial of a log as JSON lines, for others."
    )
    add_log(parser)
    parser.add_argument("file", metavar="FILE", type=named, help=NEW_FILE)
    parser.set_defaults(run=_export)


def _replay(arguments: argparse.Namespace) -> int:
    with asked(arguments) as (history, on), progress_bar() as progress:
        said = list(day_lines(history, arguments))
        answers = history.answers(on=on, progress=counted(progress, "replaying", history.position))
    if arguments.json:
        print(json.dumps(_answer(history, answers, on)))
    else:
        _print(history, answers, on, said)
    return 0


def _answer(history: History, answers: Answers, on: date) -> dict[str, Json]:
    return {
        "trial": history.trial,
        "known_at": history.position,
        "on": on.isoformat(),
        **answers_json(answers),
    }


def _print(history: History, answers: Answers, on: date, said: Sequence[str]) -> None:
    print_lines([f"Trial {history.trial}, as known at position {history.position}, windows judged for {on}", *said])
    print_answers(answers)


def _export(arguments: argparse.Namespace) -> int:
    file: Path = arguments.file
    with read_log(arguments.log) as log, progress_bar() as progress:
        trial = chosen_trial(log, arguments.trial, path=arguments.log).trial
        with writing(file, log=arguments.log) as opened:
            size = write_jsonl(log.reader, trial, opened, progress=progress)
    are = singular_or(size, "is", "are")
    say_written(f"{n_entries(size)} of trial {trial} {are} in {file}; nothing was recorded of the export", file)
    return 0
