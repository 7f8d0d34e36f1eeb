"""Runs a command: one sentence for every error, and the exit status."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

from trialdomain.cli.parser import Parser
from trialdomain.errors import TrialError
from trialdomain.values.given.cell import visible
from trialdomain.version import __version__

_MODULES: Mapping[str, str] = {
    "demo": "demo",
    "simulate": "simulate",
    "decide": "decide",
    "design": "design",
    "replay": "log",
    "endpoints": "ask",
    "explain": "ask",
    "review": "ask",
    "history": "history",
    "diff": "diff",
    "audit": "audit",
    "export": "log",
    "bundle": "bundle",
    "restore": "restore",
    "import-sdtm": "import_sdtm",
    "verify": "verify",
    "keygen": "sign",
    "checkpoint": "sign",
    "sign": "sign",
    "prove": "sign",
    "check-proof": "sign",
}
"""By command: its module. A module is imported for its own commands alone: all of them take ten times as long."""
_STANDARD_OUTPUT = 1
_UNUSABLE_INPUT = 2


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command: 0 is fine, 1 is findings, 2 is unusable input."""
    _open_what_is_closed()
    if sys.stdout is None:
        print("trialdomain: the answer cannot be written: standard output is closed: open it", file=sys.stderr)
        return _UNUSABLE_INPUT
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name of a file may be no Unicode
    try:
        given = _parsed(arguments)
        if hasattr(given, "log"):
            from trialdomain.storage.plain_files import refuse_log_as_output  # noqa: PLC0415 - most of its import is SQLite

            refuse_log_as_output(_STANDARD_OUTPUT, given.log)
        status: int = given.run(given)
        sys.stdout.flush()
    except TrialError as error:
        print(f"trialdomain: {visible(str(error))}", file=sys.stderr)
        return _UNUSABLE_INPUT
    except BrokenPipeError:
        # Whoever read the output has seen enough; without this, Python complains once more as it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"trialdomain: the answer cannot be written: {error.strerror}: free the place", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _UNUSABLE_INPUT
    return status


def _open_what_is_closed() -> None:
    """Read nothing from a closed standard input, and say nothing to a closed standard error.

    Python has None for a closed stream, and ``print`` would take standard output instead.
    """
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - open until the process ends
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as above


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the arguments; help and the version are answers too, and fail where they cannot be written."""
    try:
        words = sys.argv[1:] if arguments is None else list(arguments)
        found, unknown = _parser(words[:1]).parse_known_args(words)
    except SystemExit:
        sys.stdout.flush()
        raise
    if unknown:
        command: Parser = found.parser
        command.refuse(unknown)
    return found


def _parser(first: Sequence[str] = ()) -> Parser:
    """Make the parser: with one command, where the first word is one, else with all of them."""
    parser = Parser(prog="trialdomain", description="Dose-escalation trials as events, and every answer about them.")
    parser.add_argument("--version", action="version", version=f"trialdomain {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    if first != ["--version"]:
        for name in _MODULES.keys() & first or _MODULES:
            module = import_module(f"trialdomain.cli.commands.{_MODULES[name]}")
            getattr(module, f"add_{name.replace('-', '_')}")(commands)
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return parser
