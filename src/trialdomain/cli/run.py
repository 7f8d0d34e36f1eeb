"""Runs a command: one sentence for every error, and the exit status."""

import argparse
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from trialdomain.cli.ask import add_endpoints, add_explain, add_review
from trialdomain.cli.audit import add_audit
from trialdomain.cli.bundle import add_bundle
from trialdomain.cli.decide import add_decide
from trialdomain.cli.demo import add_demo
from trialdomain.cli.design import add_design
from trialdomain.cli.diff import add_diff
from trialdomain.cli.history import add_history
from trialdomain.cli.import_sdtm import add_import_sdtm
from trialdomain.cli.log import add_export, add_replay
from trialdomain.cli.parser import Parser
from trialdomain.cli.restore import add_restore
from trialdomain.cli.sign import add_check_proof, add_checkpoint, add_keygen, add_prove, add_sign
from trialdomain.cli.simulate import add_simulate
from trialdomain.cli.verify import add_verify
from trialdomain.errors import TrialError
from trialdomain.storage.plain_files import refuse_log_as_output
from trialdomain.values.cell import visible
from trialdomain.version import __version__

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
        found, unknown = _parser().parse_known_args(arguments)
    except SystemExit:
        sys.stdout.flush()
        raise
    if unknown:
        command: Parser = found.parser
        command.refuse(unknown)
    return found


def _parser() -> Parser:
    parser = Parser(prog="trialdomain", description="Dose-escalation trials as events, and every answer about them.")
    parser.add_argument("--version", action="version", version=f"trialdomain {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    asking = (add_replay, add_endpoints, add_explain, add_review, add_history, add_diff, add_audit)
    signing = (add_keygen, add_checkpoint, add_sign, add_prove, add_check_proof)
    for add in (
        add_demo,
        add_simulate,
        add_decide,
        add_design,
        *asking,
        add_export,
        add_bundle,
        add_restore,
        add_import_sdtm,
        add_verify,
        *signing,
    ):
        add(commands)
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return parser
