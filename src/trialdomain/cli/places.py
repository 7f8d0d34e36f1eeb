"""Parse the output paths of commands: a file, a folder, or a new log."""

import argparse
from pathlib import Path

from trialdomain.cli.log_address import log_named
from trialdomain.exchange.files import STANDARD_OUTPUT, is_standard_output
from trialdomain.storage.plain_files import refuse_beside
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.values.given.filename import named

NEW_LOG = (
    "the log to create: a SQLite file that does not exist, or postgresql://USER@HOST/DATABASE with an empty schema"
)
NEW_FILE = f"a new file; {STANDARD_OUTPUT} is standard output, and a name that ends in .gz is compressed"


def several_files(text: str) -> Path:
    """Parse a folder or a file name prefix for several files; refuse standard output."""
    return _place(text, "the command writes several files: name a folder, or the beginning of the file names")


def new_file_log(text: str) -> Path:
    """Parse the path of a new log in a file; refuse standard output."""
    return _place(text, "a log is a SQLite file, which cannot be written there: name a file")


def new_log(text: str) -> Path | PostgresAddress:
    """Parse the path, or the address, of a new log; refuse standard output."""
    log = log_named(text)
    if isinstance(log, PostgresAddress):
        return log
    return new_file_log(text)


def _place(text: str, instead: str) -> Path:
    path = named(text)
    if is_standard_output(path):
        raise argparse.ArgumentTypeError(f"{text!r} is standard output, and {instead}")
    refuse_beside(path)
    return path
