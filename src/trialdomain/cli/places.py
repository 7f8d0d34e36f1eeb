"""Parse the output paths of commands: a file, a folder, or a new log."""

import argparse
from pathlib import Path

from trialdomain.exchange.files import STANDARD_OUTPUT, is_standard_output
from trialdomain.storage.plain_files import refuse_beside
from trialdomain.values.given.filename import named

NEW_FILE = f"a new file; {STANDARD_OUTPUT} is standard output, and a name that ends in .gz is compressed"


def several_files(text: str) -> Path:
    """Parse a folder or a file name prefix for several files; refuse standard output."""
    return _place(text, "the command writes several files: name a folder, or the beginning of the file names")


def new_log(text: str) -> Path:
    """Parse the path of a new log; refuse standard output."""
    return _place(text, "a log is a SQLite file, which cannot be written there: name a file")


def _place(text: str, instead: str) -> Path:
    path = named(text)
    if is_standard_output(path):
        raise argparse.ArgumentTypeError(f"{text!r} is standard output, and {instead}")
    refuse_beside(path)
    return path
