"""Arguments, refused with one sentence."""

import argparse
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import NoReturn

from typing_extensions import override

from trialdomain.errors import InputInvalid
from trialdomain.values.given.text import short


class UsageInvalid(InputInvalid):
    """The words on the command line are not a command of this program."""

    code = "usage-invalid"


class Parser(argparse.ArgumentParser):
    """An argument parser that raises one sentence instead of printing its usage and leaving."""

    too_many = "names come before options, and an option that may be repeated is named each time"
    """What to say of a word too many; a command may know better."""

    @override
    def error(self, message: str) -> NoReturn:
        then = " See" if message.endswith("?") else ": see"
        raise UsageInvalid(f"{message}{then} '{self.prog} --help'")

    def refuse(self, words: Sequence[str]) -> NoReturn:
        """Refuse words that this command does not know: an option by the nearest that it has."""
        option = next((word.partition("=")[0] for word in words if word.startswith("-")), None)
        if option is None:
            self.error(f"{short(words[0])!r} is a word too many ({self.too_many})")
        near = get_close_matches(option, self._option_string_actions, 1)
        self.error(f"there is no option {short(option)}" + (f"; did you mean {near[0]}?" if near else ""))

    @override
    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Name the nearest of the words that there are, beside all of them."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            near = get_close_matches(str(value), [str(one) for one in action.choices or ()], 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise argparse.ArgumentError(action, f"{error.message}{meant}") from None

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
