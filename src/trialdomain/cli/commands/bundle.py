"""``trialdomain bundle``: an audit bundle with a log, its answers and its proofs, for an inspector."""

import argparse
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from trialdomain.bundle.writing import Handover, bundle_at, check_participants, head_of, write_bundle
from trialdomain.cli.asking import add_log, chosen_trial, listed_ids
from trialdomain.cli.commands.sign import remembered
from trialdomain.cli.output import print_lines, print_report, progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.cli.places import several_files
from trialdomain.commands.runner import User
from trialdomain.desk.trials import Trials
from trialdomain.errors import InputInvalid
from trialdomain.exchange.bundle import Manifest
from trialdomain.exchange.files import read_file
from trialdomain.history import History, Log, read_log
from trialdomain.projections.people import People
from trialdomain.signing.keys import VerifierKey, read_keys, read_signing_key
from trialdomain.signing.signer import HeadKey, TreeSigner
from trialdomain.signing.trees import TrialTree
from trialdomain.storage.open_store import may_append
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.storage.sqlite.file import is_database
from trialdomain.tree.note import MOST_BYTES, Note, parse_note
from trialdomain.values.given.filename import named
from trialdomain.values.ids import trial_stream
from trialdomain.values.progress import Progress
from trialdomain.values.reason import HANDED_OUT, check_reason
from trialdomain.values.role import Role
from trialdomain.verification.report import bundle_report


def add_bundle(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "bundle",
        help="write an audit bundle: a log with its answers and its proofs",
        description="Write an audit bundle: the entries, the audit trail, findings, decisions, a proof for each entry, "
        "and the checkpoint. The log records who exported what and why. If the log is a JSONL file, or cannot be "
        "written, the export is not recorded, and the bundle says so.",
    )
    add_log(parser)
    parser.add_argument(
        "place", metavar="BUNDLE", type=several_files, help="the folder to create, or a file that ends in .zip"
    )
    parser.add_argument("--why", metavar="WORDS", help="the recipient and the purpose of the export")
    parser.add_argument(
        "--user",
        metavar="ID",
        help="the id of the exporting user; a user of the trial, or a new one with --name, --role and --organization",
    )
    parser.add_argument("--name", metavar="NAME", help="the name of the user, if the trial has no such user yet")
    parser.add_argument(
        "--role", choices=[role.value for role in Role], metavar="ROLE", help="the role of the user, such as monitor"
    )
    parser.add_argument("--organization", metavar="ORG", help="the organization of the user")
    parser.add_argument(
        "--participant",
        dest="participants",
        metavar="SUBJECT",
        action="append",
        default=[],
        help="export only the entries of this participant; may be repeated",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--key", metavar="FILE", type=named, help="sign the tree of the bundle with this private key")
    how.add_argument(
        "--checkpoint",
        metavar="NOTE",
        type=named,
        help="export the entries up to this signed checkpoint; needs --trusted",
    )
    parser.add_argument(
        "--trusted", metavar="FILE", type=named, help="public keys; one of them must have signed the checkpoint"
    )
    parser.add_argument(
        "--signed",
        metavar="FILE",
        type=named,
        help="the file in which the signer stores what it signed; by default KEY.signed",
    )
    parser.add_argument(
        "--head-key", metavar="FILE", type=named, help="the private key of the writer, for a log with signed heads"
    )
    parser.add_argument("--json", action="store_true", help="print the manifest in JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    for given, needs in (("signed", "key"), ("trusted", "checkpoint")):
        if getattr(arguments, given) is not None and getattr(arguments, needs) is None:
            raise InputInvalid(f"--{given} needs --{needs}: add it, or leave out --{given}")
    if arguments.checkpoint is not None and arguments.trusted is None:
        raise InputInvalid("--checkpoint needs --trusted: name a file with the public key that signed it")
    with progress_bar() as progress:
        manifest = _recorded(arguments, progress) if _records(arguments.log) else _unrecorded(arguments, progress)
    print_report(bundle_report(arguments.place, manifest), as_json=arguments.json)
    if not arguments.json:
        signed = "" if arguments.key or arguments.checkpoint else "; its tree is not signed: name a key with --key"
        recorded = "" if manifest.recorded is None else f", recorded at position {manifest.recorded}"
        print_lines([f"The bundle is in {arguments.place}{recorded}{signed}"])
    return 0


def _records(log: Path | PostgresAddress) -> bool:
    """Say whether an export can be recorded in the log."""
    if isinstance(log, PostgresAddress):
        return may_append(log)
    return is_database(log) and os.access(log, os.W_OK)


def _recorded(arguments: argparse.Namespace, progress: Progress) -> Manifest:
    if arguments.why is None or arguments.user is None:
        raise InputInvalid("the log records every export: name the user and the reason with --user and --why")
    note, keys = _noted(arguments)
    heads = None if arguments.head_key is None else HeadKey(read_signing_key(arguments.head_key))
    with read_log(arguments.log) as log:
        trial = chosen_trial(log, arguments.trial, path=arguments.log)
        user = _user(arguments, trial.history())
    with Trials.open(arguments.log, heads=heads) as trials:
        return (
            trials.trial(trial.trial)
            .acting(user)
            .export(
                arguments.place,
                why=arguments.why,
                participants=arguments.participants,
                signer=_signer(arguments),
                note=note,
                keys=keys,
                progress=progress,
            )
        )


def _unrecorded(arguments: argparse.Namespace, progress: Progress) -> Manifest:
    if arguments.user is not None or arguments.head_key is not None:
        raise InputInvalid(
            f"the export cannot be recorded in {arguments.log}: leave out --user and --head-key, or name a writable log"
        )
    if arguments.why is not None:
        check_reason(arguments.why, such_as=HANDED_OUT)
    note, keys = _noted(arguments)
    with read_log(arguments.log) as log:
        return _written(log, arguments, note, keys, progress)


def _written(
    log: Log, arguments: argparse.Namespace, note: Note | None, keys: Sequence[VerifierKey], progress: Progress
) -> Manifest:
    chosen = chosen_trial(log, arguments.trial, path=arguments.log)
    tree, signer = TrialTree(log.reader, chosen.trial), _signer(arguments)
    participants = check_participants(chosen.history(), arguments.participants)
    size = head_of(tree, note, keys).size
    with bundle_at(arguments.place) as folder:
        if signer is not None:
            note, keys = tree.signed_by(signer, size=size), [signer.key.verifier]
        handover = Handover(size=size, at=datetime.now(UTC), participants=participants, why=arguments.why)
        return write_bundle(folder, log.reader, chosen.trial, handover, note=note, keys=keys, progress=progress)


def _noted(arguments: argparse.Namespace) -> tuple[Note | None, Sequence[VerifierKey]]:
    if arguments.checkpoint is None:
        return None, ()
    return parse_note(read_file(arguments.checkpoint, most=MOST_BYTES)), read_keys(arguments.trusted)


def _signer(arguments: argparse.Namespace) -> TreeSigner | None:
    key: Path | None = arguments.key
    if key is None:
        return None
    return TreeSigner(read_signing_key(key), remembered(arguments))


def _user(arguments: argparse.Namespace, history: History) -> User:
    """Return the user of the trial with the given id, or a new user made from the options."""
    given = (arguments.name, arguments.role, arguments.organization)
    people = People(history.entries_of(trial_stream(history.trial)))
    known = people.known(arguments.user, at=history.position)
    if known is None and None in given:
        raise InputInvalid(
            f"the trial has no user with the id {arguments.user[:40]!r}: name one of {listed_ids(people.ids)}, or give "
            f"--name, --role and --organization too"
        )
    if known is None:
        return User(
            id=arguments.user, name=arguments.name, role=Role(arguments.role), organization=arguments.organization
        )
    return User(
        id=known.user,
        name=arguments.name or known.name,
        role=Role(arguments.role) if arguments.role else known.role,
        organization=arguments.organization or known.organization,
    )
