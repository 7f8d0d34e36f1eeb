"""``trialdomain backup`` and ``info``: the care of a log."""

import argparse

from trialdomain.cli.commands.restore import say_restored
from trialdomain.cli.log_address import log_named
from trialdomain.cli.output import print_report, progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.cli.places import new_file_log
from trialdomain.history import read_log
from trialdomain.history.log_info import log_info_report
from trialdomain.intake.backup import backup
from trialdomain.storage.postgres.address import PostgresAddress

_LOG = "a SQLite file, or postgresql://USER@HOST/DATABASE"


def add_backup(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``backup`` to the command line."""
    parser = commands.add_parser(
        "backup",
        help="copy a log that is in use into a new SQLite file",
        description="Copy a log, also one that programs append to, into a new SQLite file, and check every entry of "
        "the copy against its leaf. The copy of a SQLite log has all that the log has; that of a log in PostgreSQL "
        "has its entries, commands and checkpoints.",
    )
    parser.add_argument("log", metavar="LOG", type=log_named, help=_LOG)
    parser.add_argument("file", metavar="FILE", type=new_file_log, help="the SQLite file to create; it must not exist")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_backup)


def add_info(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``info`` to the command line."""
    parser = commands.add_parser(
        "info",
        help="say what a log is: its store, its trials, its outboxes",
        description="Say what a log is: the kind and the version of its store, its size, its trials with their first "
        "and last recording time, whether heads are signed, the checkpoints that it keeps, and how far its outboxes "
        "have come. Entries are not checked: use verify.",
    )
    parser.add_argument("log", metavar="LOG", type=log_named, help=f"{_LOG}, or an exported JSONL file")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_info)


def _backup(arguments: argparse.Namespace) -> int:
    log = arguments.log.conninfo if isinstance(arguments.log, PostgresAddress) else arguments.log
    with progress_bar() as progress:
        copied = backup(log, arguments.file, progress=progress)
    return say_restored(copied, arguments.file, as_json=arguments.json)


def _info(arguments: argparse.Namespace) -> int:
    with read_log(arguments.log) as log:
        print_report(log_info_report(arguments.log, log.info()), as_json=arguments.json)
    return 0
