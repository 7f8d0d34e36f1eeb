"""The argument parser; it refuses wrong arguments with one sentence."""

import argparse
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import NoReturn

from typing_extensions import override

from trialdomain.errors import InputInvalid
from trialdomain.values.given.text import short


class UsageInvalid(InputInvalid):
    """The arguments on the command line are not a valid command."""

    code = "usage-invalid"


class Parser(argparse.ArgumentParser):
    """An argument parser that raises an error with one sentence, and does not print its usage and exit."""

    too_many = "arguments come before options, and each value of a repeated option needs the option before it"
    """The hint for an extra argument; a command may set its own."""

    @override
    def error(self, message: str) -> NoReturn:
        then = " See" if message.endswith("?") else ": see"
        raise UsageInvalid(f"{message}{then} '{self.prog} --help'")

    def refuse(self, words: Sequence[str]) -> NoReturn:
        """Refuse unknown arguments; for an unknown option, suggest the most similar one."""
        option = next((word.partition("=")[0] for word in words if word.startswith("-")), None)
        if option is None:
            self.error(f"{short(words[0])!r} is an extra argument ({self.too_many})")
        near = get_close_matches(option, self._option_string_actions, 1)
        self.error(f"there is no option {short(option)}" + (f"; did you mean {near[0]}?" if near else ""))

    @override
    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Refuse a value that is not a choice, and suggest the most similar choice."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            near = get_close_matches(str(value), [str(one) for one in action.choices or ()], 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise argparse.ArgumentError(action, f"{error.message}{meant}") from None

    @override
    def _print_message(self, message: str, file: object = None) -> None:
        """Print help or the version on standard output; ``argparse`` would ignore a write error."""
        del file  # always standard output: errors are raised, not printed
        sys.stdout.write(message)


def whole_number(*, least: int, most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers between two inclusive bounds."""

    def read(text: str) -> int:
        is_short = len(text) <= len(str(most))
        if is_short and text.isascii() and text.isdigit() and least <= int(text) <= most:
            return int(text)
        shown = text if len(text) <= 20 else text[:20] + "..."  # noqa: PLR2004 - enough to recognize the argument
        raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, got {shown!r}")

    return read
