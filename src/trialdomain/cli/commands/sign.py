"""Signatures and proofs of logs: ``keygen``, ``checkpoint``, ``sign``, ``prove`` and ``check-proof``."""

import argparse
import json
from pathlib import Path

from trialdomain.cli.asking import add_log, chosen_trial
from trialdomain.cli.output import print_lines
from trialdomain.cli.parser import Parser, whole_number
from trialdomain.cli.places import NEW_FILE, several_files
from trialdomain.errors import InputInvalid
from trialdomain.exchange.files import read_file, write_text
from trialdomain.history import read_log
from trialdomain.signing.keys import (
    KeyKind,
    SignatureMissing,
    SigningKey,
    read_keys,
    read_signing_key,
    write_keys,
)
from trialdomain.signing.proofs import check_inclusion
from trialdomain.signing.signer import TreeSigner
from trialdomain.signing.trees import TrialTree
from trialdomain.storage.open_store import open_store
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.storage.sqlite.file import is_database
from trialdomain.tree.checkpoint import as_base64, parse_checkpoint, parse_request
from trialdomain.tree.note import MOST_BYTES, parse_note
from trialdomain.tree.proofs import LARGEST_SIZE, ProofInvalid
from trialdomain.values.given.filename import named
from trialdomain.values.given.plural import n_entries
from trialdomain.verification.report import signed_by, signed_json

_FINDINGS = 1
_LONGEST_ENTRY = 8 * 1024 * 1024


def add_keygen(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``keygen`` to the command line."""
    parser = commands.add_parser(
        "keygen",
        help="make a key that signs checkpoints",
        description="Make an Ed25519 key pair: FILE.key is private and stays with the signer; FILE.pub is for "
        "verification.",
    )
    parser.add_argument("file", metavar="FILE", type=several_files, help="the files to create, without .key and .pub")
    parser.add_argument(
        "--name", metavar="NAME", help="the name of the key in signatures, such as site-1.example/signer"
    )
    parser.add_argument(
        "--cosigner",
        action="store_true",
        help="make a key for a second party, which signs checkpoints that the key of a log has signed, with the time",
    )
    parser.set_defaults(run=_keygen)


def add_checkpoint(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``checkpoint`` to the command line."""
    parser = commands.add_parser(
        "checkpoint",
        help="sign the head of a log's tree",
        description="Sign the number of entries and the root of a log, and print the signed note: keep it outside the "
        "log. Without --key, print a request for a signer on another machine, or store their signed note.",
    )
    add_log(parser)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--key", metavar="FILE", type=named, help="sign with this private key")
    how.add_argument("--request", action="store_true", help="print a request for 'trialdomain sign' on another machine")
    how.add_argument("--keep", metavar="NOTE", type=named, help="store a signed note with the log; needs --trusted")
    parser.add_argument(
        "--signed",
        metavar="FILE",
        type=named,
        help="the file in which the signer stores what it signed; by default KEY.signed",
    )
    parser.add_argument(
        "--from",
        dest="old",
        metavar="SIZE",
        type=whole_number(least=0, most=LARGEST_SIZE),
        help="with --request: the number of entries in the tree signed last; by default that of the newest note",
    )
    parser.add_argument("--note", metavar="NOTE", type=named, help="with --request: a signed note to cosign")
    parser.add_argument(
        "--trusted", metavar="FILE", type=named, help="with --keep: public keys; one of them must have signed the note"
    )
    parser.add_argument("--out", metavar="FILE", type=named, help=f"write into {NEW_FILE}")
    parser.set_defaults(run=_checkpoint)


def add_sign(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``sign`` to the command line."""
    parser = commands.add_parser(
        "sign",
        help="sign a request, on a machine without the log",
        description="Sign the tree head of a request, if it extends what this key signed before; print the note.",
    )
    parser.add_argument(
        "request", metavar="REQUEST", type=named, help="the output of 'trialdomain checkpoint LOG --request'"
    )
    parser.add_argument("--key", metavar="FILE", type=named, required=True, help="the private key")
    parser.add_argument(
        "--signed",
        metavar="FILE",
        type=named,
        help="the file in which the signer stores what it signed; by default KEY.signed",
    )
    parser.add_argument(
        "--trusted",
        metavar="FILE",
        type=named,
        help="for a cosigner: public keys; one of them must have signed the note already",
    )
    parser.add_argument("--out", metavar="FILE", type=named, help=f"write into {NEW_FILE}")
    parser.set_defaults(run=_sign)


def add_prove(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``prove`` to the command line."""
    parser = commands.add_parser(
        "prove",
        help="prove that an entry is in a signed tree",
        description="Print the proof (C2SP tlog-proof) that an entry is in the tree of a checkpoint.",
    )
    add_log(parser)
    parser.add_argument(
        "position",
        metavar="POSITION",
        type=whole_number(least=1, most=LARGEST_SIZE),
        help="the position of the entry, from 1",
    )
    parser.add_argument(
        "--checkpoint",
        metavar="NOTE",
        type=named,
        help="the signed note; by default the newest note stored with the log",
    )
    parser.add_argument("--out", metavar="FILE", type=named, help=f"write into {NEW_FILE}")
    parser.set_defaults(run=_prove)


def add_check_proof(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``check-proof`` to the command line."""
    parser = commands.add_parser(
        "check-proof",
        help="check a proof of an entry, without the log",
        description="Check that one exported entry is in a signed tree, using only the public key. The exit status is "
        "1 if the proof fails: the entry was altered, or no trusted key signed the tree.",
    )
    parser.add_argument("proof", metavar="PROOF", type=named, help="the output of 'trialdomain prove'")
    parser.add_argument("entry", metavar="ENTRY", type=named, help="a file with the line of the entry in an export")
    parser.add_argument(
        "--key", metavar="FILE", type=named, required=True, help="public keys; one of them must have signed"
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_check_proof)


def _keygen(arguments: argparse.Namespace) -> int:
    file: Path = arguments.file
    key = SigningKey.generate(arguments.name or file.name, KeyKind.COSIGNER if arguments.cosigner else KeyKind.LOG)
    secret, public = (file.with_name(f"{file.name}.{what}") for what in ("key", "pub"))
    write_keys(key, secret, public)
    print_lines(
        [
            f"{secret} signs as {key.name}: keep it private, where users who can change the log cannot read it",
            f"{public} verifies: {key.verifier}",
        ]
    )
    return 0


def _checkpoint(arguments: argparse.Namespace) -> int:
    for given, needs in (("old", "request"), ("note", "request"), ("trusted", "keep"), ("signed", "key")):
        if getattr(arguments, given) is not None and not getattr(arguments, needs):
            raise InputInvalid(
                f"--{'from' if given == 'old' else given} needs --{needs}: add it, or leave out the option"
            )
    if arguments.request:
        with read_log(arguments.log) as log:
            tree = TrialTree(log.reader, chosen_trial(log, arguments.trial, path=arguments.log).trial)
            note = None if arguments.note is None else parse_note(read_file(arguments.note, most=MOST_BYTES))
            kept = log.reader.notes(tree.trial)
            old = arguments.old if arguments.old is not None else kept[-1][0] if kept else 0
            _give(str(tree.request(old=old, note=note)), arguments)
        return 0
    if arguments.keep is not None:
        return _keep(arguments)
    key = read_signing_key(arguments.key)
    if key.kind is KeyKind.COSIGNER:
        raise InputInvalid(
            "a cosigner signs only notes that the key of a log has signed: use --request --note, and 'trialdomain sign'"
        )
    with read_log(arguments.log) as log:
        trial = chosen_trial(log, arguments.trial, path=arguments.log).trial
        note = TrialTree(log.reader, trial).signed_by(TreeSigner(key, remembered(arguments)))
    if _keeps_notes(arguments.log):
        recorder = open_store(arguments.log)
        try:
            TrialTree(recorder, trial).keep(note, [key.verifier])
        finally:
            recorder.close()
    _give(str(note), arguments)
    return 0


def _keeps_notes(log: Path | PostgresAddress) -> bool:
    """Say whether a log can store notes; an export cannot."""
    return isinstance(log, PostgresAddress) or is_database(log)


def _keep(arguments: argparse.Namespace) -> int:
    if arguments.trusted is None:
        raise InputInvalid("--keep needs --trusted: name a file with the public key that signed the note")
    if not _keeps_notes(arguments.log):
        raise InputInvalid(f"{arguments.log} is an export and cannot store notes: store the note beside it")
    note, keys = parse_note(read_file(arguments.keep, most=MOST_BYTES)), read_keys(arguments.trusted)
    with read_log(arguments.log) as log:
        trial = chosen_trial(log, arguments.trial, path=arguments.log).trial
    recorder = open_store(arguments.log)
    try:
        signed = TrialTree(recorder, trial).keep(note, keys)
    finally:
        recorder.close()
    many = n_entries(parse_checkpoint(note.text).size)
    print_lines([f"{arguments.log} stores the checkpoint of {many}, {signed_by(signed)}"])
    return 0


def _sign(arguments: argparse.Namespace) -> int:
    request = parse_request(read_file(arguments.request, most=MOST_BYTES))
    trusted = [] if arguments.trusted is None else read_keys(arguments.trusted)
    signer = TreeSigner(read_signing_key(arguments.key), remembered(arguments), trusted=trusted)
    _give(str(signer.sign(request)), arguments)
    return 0


def _prove(arguments: argparse.Namespace) -> int:
    with read_log(arguments.log) as log:
        tree = TrialTree(log.reader, chosen_trial(log, arguments.trial, path=arguments.log).trial)
        if arguments.checkpoint is not None:
            note = parse_note(read_file(arguments.checkpoint, most=MOST_BYTES))
        elif kept := log.reader.notes(tree.trial):
            note = parse_note(kept[-1][1].encode())
        else:
            raise InputInvalid("no checkpoint is stored with the log: name one with --checkpoint, or sign one")
        _give(str(tree.inclusion(arguments.position, note)), arguments)
    return 0


def _check_proof(arguments: argparse.Namespace) -> int:
    proof, line = read_file(arguments.proof, most=MOST_BYTES), read_file(arguments.entry, most=_LONGEST_ENTRY)
    try:
        shown = check_inclusion(line, proof, read_keys(arguments.key))
    except (ProofInvalid, SignatureMissing) as error:
        if arguments.json:
            print(json.dumps({"shown": False, "why": str(error)}))
        else:
            print_lines([f"Not proven: {error}"])
        return _FINDINGS
    if arguments.json:
        answer = {
            "shown": True,
            "trial": shown.trial,
            "position": shown.position,
            "stream": shown.stream,
            "version": shown.version,
            "name": shown.name,
            "size": shown.checkpoint.size,
            "root": as_base64(shown.checkpoint.root),
            "signed": signed_json(shown.signed),
        }
        print(json.dumps(answer))
    else:
        entry = f"{shown.stream}, version {shown.version}, {shown.name}"
        tree = f"the tree of {n_entries(shown.checkpoint.size)}"
        sentence = f"position {shown.position} of trial {shown.trial} ({entry}) is in {tree}, {signed_by(shown.signed)}"
        print_lines([sentence])
    return 0


def remembered(arguments: argparse.Namespace) -> Path:
    """Return the file in which a signer stores what it signed: --signed, or a file beside --key."""
    key: Path = arguments.key
    signed: Path | None = arguments.signed
    return signed or key.with_name(f"{key.name}.signed")


def _give(text: str, arguments: argparse.Namespace) -> None:
    """Print a text unchanged, or write it into a new file."""
    if arguments.out is None:
        print(text, end="")
    else:
        write_text(arguments.out, text, log=getattr(arguments, "log", None))
