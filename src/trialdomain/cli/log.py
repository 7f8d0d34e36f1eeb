"""The commands that read a whole log: ``replay`` and ``export``."""

import argparse
import json
import os
from datetime import date
from pathlib import Path

from trialdomain.cli.answers import print_answers
from trialdomain.cli.asking import add_log, add_moment, asked, chosen_trial
from trialdomain.cli.output import progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.errors import InputInvalid
from trialdomain.exchange.jsonl import write_jsonl
from trialdomain.history import Answers, History, Log, answers_json, read_log
from trialdomain.reports.json import Json
from trialdomain.values.filename import named
from trialdomain.values.progress import Progress, counted


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
    parser.add_argument("file", metavar="FILE", type=named, help="the file to write; it must not exist")
    parser.set_defaults(run=_export)


def _replay(arguments: argparse.Namespace) -> int:
    with asked(arguments) as (history, on), progress_bar() as progress:
        answers = history.answers(on=on, progress=counted(progress, "replaying", history.position))
    if arguments.json:
        print(json.dumps(_answer(history, answers, on)))
    else:
        _print(history, answers, on)
    return 0


def _answer(history: History, answers: Answers, on: date) -> dict[str, Json]:
    return {
        "trial": history.trial,
        "known_at": history.position,
        "on": on.isoformat(),
        **answers_json(answers),
    }


def _print(history: History, answers: Answers, on: date) -> None:
    print(f"Trial {history.trial}, as known at position {history.position}, windows judged for {on}")
    print_answers(answers)


def _export(arguments: argparse.Namespace) -> int:
    file: Path = arguments.file
    if file.exists():
        raise InputInvalid(f"{file} exists already: choose another name")
    with read_log(arguments.log) as log, progress_bar() as progress:
        trial = chosen_trial(log, arguments.trial).trial
        size = _written(log, trial, file, progress)
    print(f"{size} entries of trial {trial} are in {file}; nothing was recorded of the export")
    return 0


def _written(log: Log, trial: str, file: Path, progress: Progress) -> int:
    """Write beside the file, and name it only when it is whole."""
    part = file.with_name(f"{file.name}.part")
    try:
        with part.open("xb") as opened:
            try:
                size = write_jsonl(log.recorder, trial, opened, progress=progress)
                opened.flush()
                os.fsync(opened.fileno())
                part.rename(file)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise InputInvalid(f"{file} cannot be written: {error.strerror}: free the place, or name another") from None
    return size
