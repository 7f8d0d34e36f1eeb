"""Where a command writes: a file, a folder, or a log that it makes."""

import argparse
from pathlib import Path

from trialdomain.exchange.files import STANDARD_OUTPUT, is_standard_output
from trialdomain.storage.plain_files import refuse_beside
from trialdomain.values.given.filename import named

NEW_FILE = f"a new file; {STANDARD_OUTPUT} is standard output, and a name that ends in .gz is compressed"


def several_files(text: str) -> Path:
    """Read where several files are to be written, which standard output cannot take."""
    return _place(text, "several files are written: name a folder, or how they begin")


def new_log(text: str) -> Path:
    """Read where a log is to be made, which standard output cannot take."""
    return _place(text, "a log is a SQLite file, and none can be written there: name a file")


def _place(text: str, instead: str) -> Path:
    path = named(text)
    if is_standard_output(path):
        raise argparse.ArgumentTypeError(f"{text!r} is standard output, and {instead}")
    refuse_beside(path)
    return path
