"""Run a command; print one sentence for an error, and return the exit status."""

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
    "paths": "operating",
    "characteristics": "operating",
    "protocol": "protocol",
    "new-protocol": "new_protocol",
    "check": "stories",
    "story": "stories",
    "replay": "log",
    "endpoints": "ask",
    "explain": "ask",
    "review": "ask",
    "history": "history",
    "diff": "diff",
    "what-if": "what_if",
    "audit": "audit",
    "export": "log",
    "bundle": "bundle",
    "restore": "restore",
    "backup": "care",
    "info": "care",
    "views": "views",
    "import-sdtm": "import_sdtm",
    "verify": "verify",
    "keygen": "sign",
    "checkpoint": "sign",
    "sign": "sign",
    "prove": "sign",
    "check-proof": "sign",
}
"""The module of each command. Only the module of the given command is imported; all take ten times as long."""
_STANDARD_OUTPUT = 1
_UNUSABLE_INPUT = 2


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 is success, 1 is findings, 2 is unusable input."""
    _replace_closed_streams()
    if sys.stdout is None:
        print("trialdomain: the answer cannot be written: standard output is closed: open it", file=sys.stderr)
        return _UNUSABLE_INPUT
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file name may not be valid Unicode
    try:
        given = _parsed(arguments)
        if hasattr(given, "log"):
            from trialdomain.storage.plain_files import refuse_log_as_output  # noqa: PLC0415 - it imports SQLite

            refuse_log_as_output(_STANDARD_OUTPUT, given.log)
        status: int = given.run(given)
        sys.stdout.flush()
    except TrialError as error:
        print(f"trialdomain: {visible(str(error))}", file=sys.stderr)
        return _UNUSABLE_INPUT
    except BrokenPipeError:
        # The reader closed the pipe early; without this, Python reports the closed pipe again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(
            f"trialdomain: the answer cannot be written: {error.strerror}: write it to another place", file=sys.stderr
        )
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _UNUSABLE_INPUT
    return status


def _replace_closed_streams() -> None:
    """Replace a closed standard input or standard error by the null device.

    Python sets a closed stream to None, and ``print`` to None writes to standard output.
    """
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - open until the process ends
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as above


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments; flush the output of help and version, so that a write error is raised."""
    try:
        words = sys.argv[1:] if arguments is None else list(arguments)
        parsed, unknown = _parser(words[:1]).parse_known_args(words)
    except SystemExit:
        sys.stdout.flush()
        raise
    if unknown:
        command: Parser = parsed.parser
        command.refuse(unknown)
    return parsed


def _parser(first: Sequence[str] = ()) -> Parser:
    """Make the parser with only the given command, or with all commands if the first argument is not one."""
    parser = Parser(
        prog="trialdomain", description="Dose-escalation trials as immutable events, and every answer about them."
    )
    parser.add_argument("--version", action="version", version=f"trialdomain {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    if first != ["--version"]:
        for name in _MODULES.keys() & first or _MODULES:
            module = import_module(f"trialdomain.cli.commands.{_MODULES[name]}")
            getattr(module, f"add_{name.replace('-', '_')}")(commands)
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return parser
