"""``trialdomain restore``: restore an export into a new log."""

import argparse
import json
from collections.abc import Sequence

from trialdomain.cli.output import print_lines, progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.cli.places import NEW_LOG, new_log
from trialdomain.intake.restore import Restored, restore
from trialdomain.tree.checkpoint import as_base64
from trialdomain.values.given.filename import named
from trialdomain.values.given.plural import n_entries, singular_or


def add_restore(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "restore",
        help="restore an export or a backup into a new log",
        description="Restore an exported JSONL file, plain or gzip, or a backup (a SQLite log), into a new log: the "
        "same entries, the same root.",
    )
    parser.add_argument("file", metavar="FILE", type=named, help="the exported file, or the backup")
    parser.add_argument("log", metavar="LOG", type=new_log, help=NEW_LOG)
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    with progress_bar() as progress:
        restored = restore(arguments.file, arguments.log, progress=progress)
    return say_restored(restored, arguments.log, as_json=arguments.json)


def say_restored(restored: Sequence[Restored], log: object, *, as_json: bool) -> int:
    """Print the trials of a new log, with their roots, and return the exit status."""
    if as_json:
        trials = [{"trial": trial.trial, "entries": trial.entries, "root": as_base64(trial.root)} for trial in restored]
        print(json.dumps({"log": str(log), "trials": trials}))
        return 0
    for trial in restored:
        many, are = n_entries(trial.entries), singular_or(trial.entries, "is", "are")
        root = as_base64(trial.root)
        print_lines([f"{many} of trial {trial.trial} {are} in {log}, under the root {root}"])
    return 0
