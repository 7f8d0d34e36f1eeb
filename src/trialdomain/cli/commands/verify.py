"""``trialdomain verify``: check whether a log or a bundle was changed, and name every defect."""

import argparse
from pathlib import Path

from trialdomain.cli.asking import add_log
from trialdomain.cli.output import print_report, progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.exchange.files import read_file
from trialdomain.signing.keys import read_keys
from trialdomain.tree.note import MOST_BYTES
from trialdomain.values.given.filename import named
from trialdomain.verification.report import verified_report
from trialdomain.verification.verify import verify

_FINDINGS = 1


def add_verify(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "verify",
        help="check whether a log was changed, and name what was changed",
        description="Check every entry of a log, or of an audit bundle, against its leaf hash, and the Merkle tree "
        "against the checkpoints stored with the log and elsewhere. The exit status is 1 if there is a defect; each "
        "defect is named.",
    )
    add_log(parser)
    parser.add_argument(
        "--checkpoint",
        dest="checkpoints",
        metavar="FILE",
        type=named,
        action="append",
        default=[],
        help="a signed note that was stored outside the log; may be repeated",
    )
    parser.add_argument(
        "--key",
        dest="keys",
        metavar="FILE",
        type=named,
        action="append",
        default=[],
        help="trusted public keys, one per line; each note must then be signed by one of them; may be repeated",
    )
    parser.add_argument(
        "--require-head",
        action="store_true",
        help="require that a head, signed by the writer with each append, covers the newest entry",
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    files: list[Path] = arguments.checkpoints
    notes = [(str(file), read_file(file, most=MOST_BYTES)) for file in files]
    keys = [key for file in arguments.keys for key in read_keys(file)]
    with progress_bar() as progress:
        found = verify(
            arguments.log,
            checkpoints=notes,
            keys=keys if arguments.keys else None,
            trial=arguments.trial,
            heads_required=arguments.require_head,
            progress=progress,
        )
    print_report(verified_report(arguments.log, found, outside=bool(notes)), as_json=arguments.json)
    return 0 if found.ok else _FINDINGS
