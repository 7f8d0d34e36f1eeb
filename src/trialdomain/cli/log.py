"""Arguments about a log, and the commands that read one: ``replay`` and ``export``."""

import argparse
import json
import os
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from trialdomain.cli.answers import print_answers
from trialdomain.cli.output import progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.errors import InputInvalid
from trialdomain.exchange.jsonl import write_jsonl
from trialdomain.history import Answers, History, KnownAt, Log, LoggedTrial, read_log
from trialdomain.reports.escalation import dlt_json, escalation_json
from trialdomain.reports.flow import flow_json
from trialdomain.reports.json import Json
from trialdomain.reports.safety import safety_json
from trialdomain.values.progress import Progress


class TrialNotNamed(InputInvalid):
    """A log holds several trials, or not the one that was named."""


def add_replay(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``replay`` to the command line."""
    parser = commands.add_parser(
        "replay",
        help="rebuild every answer from a log",
        description="Rebuild every answer from a log: a SQLite file, or an exported JSONL file, plain or gzip.",
    )
    _add_log(parser)
    parser.add_argument("--on", metavar="DATE", type=_day, help="the day for which windows are judged")
    parser.add_argument(
        "--known-at", metavar="MOMENT", type=_moment, help="a position, or a time with its offset: what was known then"
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_replay)


def add_export(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``export`` to the command line."""
    parser = commands.add_parser(
        "export", help="write a log as JSON lines", description="Write one trial of a log as JSON lines, for others."
    )
    _add_log(parser)
    parser.add_argument("file", metavar="FILE", type=Path, help="the file to write; it must not exist")
    parser.set_defaults(run=_export)


def _add_log(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("log", metavar="LOG", type=Path, help="a SQLite file, or an exported JSONL file")
    parser.add_argument("--trial", metavar="ID", help="which trial, where the log holds more than one")


def _replay(arguments: argparse.Namespace) -> int:
    known_at: KnownAt | None = arguments.known_at
    with read_log(arguments.log) as log, progress_bar() as progress:
        history = _trial(log, arguments.trial).history(known_at=known_at)
        on: date = arguments.on or history.last_day()
        answers = history.answers(on=on, progress=_counted(progress, history.position))
    if arguments.json:
        print(json.dumps(_answer(history, answers, on)))
    else:
        _print(history, answers, on)
    return 0


def _counted(progress: Progress, total: int) -> Callable[[int], None]:
    done = 0

    def count(entries: int) -> None:
        nonlocal done
        done += entries
        progress("replaying", done, total)

    return count


def _answer(history: History, answers: Answers, on: date) -> dict[str, Json]:
    return {
        "trial": history.trial,
        "known_at": history.position,
        "on": on.isoformat(),
        "escalation": escalation_json(answers.escalation),
        "dlt": dlt_json(answers.dlt_counts),
        "safety": safety_json(answers.safety),
        "flow": flow_json(answers.flow),
    }


def _print(history: History, answers: Answers, on: date) -> None:
    print(f"Trial {history.trial}, as known at position {history.position}, windows judged for {on}")
    print_answers(answers)


def _export(arguments: argparse.Namespace) -> int:
    file: Path = arguments.file
    if file.exists():
        raise InputInvalid(f"{file} exists already: choose another name")
    with read_log(arguments.log) as log:
        trial = _trial(log, arguments.trial).trial
        size = _written(log, trial, file)
    print(f"{size} entries of trial {trial} are in {file}")
    return 0


def _written(log: Log, trial: str, file: Path) -> int:
    """Write beside the file, and name it only when it is whole."""
    part = file.with_name(f"{file.name}.part")
    try:
        with part.open("xb") as opened:
            try:
                size = write_jsonl(log.recorder, trial, opened)
                opened.flush()
                os.fsync(opened.fileno())
                part.rename(file)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise InputInvalid(f"{file} cannot be written: {error.strerror}: free the place, or name another") from None
    return size


def _trial(log: Log, named: str | None) -> LoggedTrial:
    trials = list(log)
    if named is None and len(trials) == 1:
        return log[trials[0]]
    if named in trials:
        return log[named]
    if not trials:
        raise TrialNotNamed("the log holds no trial")
    shown = ", ".join(trials[:20]) + (", ..." if len(trials) > 20 else "")  # noqa: PLR2004 - enough for one line
    raise TrialNotNamed(
        f"the log holds {shown}: name one with --trial" if named is None else f"trial {named} is not in it, but {shown}"
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a day such as 2026-03-02, got {text[:40]!r}") from None


def _moment(text: str) -> KnownAt:
    try:
        return int(text) if text.isdecimal() and len(text) < 16 else datetime.fromisoformat(text)  # noqa: PLR2004 - as JSON's integers
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a position or a time such as 2026-03-02T10:15+08:00, got {text[:40]!r}"
        ) from None
