"""Arguments, refused with one sentence."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from typing_extensions import override

from trialdomain.errors import InputInvalid


class UsageInvalid(InputInvalid):
    """The words on the command line are not a command of this program."""

    code = "usage-invalid"


class Parser(argparse.ArgumentParser):
    """An argument parser that raises one sentence instead of printing its usage and leaving."""

    @override
    def error(self, message: str) -> NoReturn:
        hint = " (names come before options, and an option that may be repeated is named each time)"
        shown = f"{message}{hint}" if message.startswith("unrecognized arguments") else message
        raise UsageInvalid(f"{shown}: see '{self.prog} --help'")

    @override
    def _print_message(self, message: str, file: object = None) -> None:
        """Print help or the version on standard output; ``argparse`` would hide that it cannot be written."""
        del file  # standard output always, for an error is raised
        sys.stdout.write(message)


def whole_number(*, least: int, most: int) -> Callable[[str], int]:
    """Read a whole number between two bounds, both inclusive."""

    def read(text: str) -> int:
        short = len(text) <= len(str(most))
        if short and text.isascii() and text.isdigit() and least <= int(text) <= most:
            return int(text)
        shown = text if len(text) <= 20 else text[:20] + "..."  # noqa: PLR2004 - enough to recognise it by
        raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, got {shown!r}")

    return read
