"""The files of an audit bundle that say what is in it: the manifest, and a proof for each entry."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, BinaryIO

import msgspec

from trialdomain.errors import InputInvalid
from trialdomain.exchange.lines import once_each
from trialdomain.tree.merkle import HASH_BYTES
from trialdomain.tree.proofs import MOST_HASHES

FORMAT = "trialdomain-bundle/1"
EVENTS, PROOFS, CHANGES = "events.jsonl", "proofs.jsonl", "changes.csv"
FINDINGS, DECISIONS = "findings.json", "decisions.json"
CHECKPOINT, KEYS, README = "checkpoint.txt", "verifier-keys.txt", "README.txt"
_BLOCK = 1 << 20
MANIFEST = "manifest.json"
LARGEST_MANIFEST = 1 << 20


class BundleMalformed(InputInvalid):
    """A manifest, or a line of proofs, is none."""

    code = "bundle-malformed"


class FormUnknown(BundleMalformed):
    """A manifest is of a form that this version does not know."""

    code = "form-unknown"

    def __init__(self, *, form: str) -> None:
        super().__init__(
            f"{MANIFEST} is of the form {form[:40]!r}, and {FORMAT!r} can be read: ask the one that wrote it"
        )
        self.form = form


class KeyTwice(BundleMalformed):
    """In a manifest a key stands twice: programs differ in which of both they take."""

    code = "key-twice"

    def __init__(self, *, why: str, manifest: "Manifest") -> None:
        super().__init__(f"{MANIFEST} can be read in two ways: {why}")
        self.why, self.manifest = why, manifest
        """What is said by those that stand last."""


class Exporter(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Who has handed out a bundle."""

    user: str
    name: str
    role: str
    organization: str


class BundleFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One file of a bundle."""

    bytes: int
    sha256: str
    """In hex."""


class Manifest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What is in a bundle, and from where."""

    format: str
    trial: str
    size: int
    """How many entries the log had: those of its tree."""
    root: str
    """Of that tree, in base64; earlier versions wrote it in hex."""
    participants: list[str] | None
    """Those to whom the bundle is filtered; None for a whole log."""
    entries: int
    """How many of the entries are in it."""
    on: str
    """The day for which findings were judged: the site's day of the last entry that says something of the trial."""
    zone: str
    """The site's, in which ``changes.csv`` has local times."""
    protocol: str
    """The version of the protocol that was in force on that day."""
    software: str | None
    """The version of trialdomain that recorded the last entry, as the log says; None where it does not."""
    written_with: str | None = None
    """The version of trialdomain that has written the bundle, which the log says after it alone, or never."""
    at: str
    """When, in UTC."""
    why: str | None
    by: Exporter | None
    """None where the log is a file, in which nothing can be recorded."""
    recorded: int | None
    """The position of the entry that records the export; None where nothing is."""
    files: dict[str, BundleFile]
    """Every other file, by its name."""


class _Form(msgspec.Struct, frozen=True):
    format: str


class ProofLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The proof that one entry is in the tree, RFC 6962 section 2.1.1: the sibling of every node on its way up."""

    position: int
    hashes: list[str]
    """In base64, from the leaf up."""


_MANIFEST = msgspec.json.Decoder(Manifest)
_FORM = msgspec.json.Decoder(_Form)
_PROOF = msgspec.json.Decoder(ProofLine)


def write_manifest(manifest: Manifest) -> bytes:
    """Write a manifest, for people too."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def manifest_json(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest to programs."""
    told: dict[str, Any] = msgspec.to_builtins(manifest)
    return told


def read_manifest(given: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        FormUnknown: it is of a newer form.
        KeyTwice: a key stands in it twice, at whatever depth.
        BundleMalformed: it is none.
    """
    try:
        form = _FORM.decode(given).format
        if form != FORMAT:
            raise FormUnknown(form=form)
        found = _MANIFEST.decode(given)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BundleMalformed(f"{MANIFEST} is none of a bundle: {str(error)[:200]}") from None
    try:
        once_each(given)
    except (ValueError, RecursionError) as error:
        raise KeyTwice(why=str(error)[:200], manifest=found) from None
    return found


def write_proof(position: int, hashes: Sequence[bytes]) -> bytes:
    """Write the line of a proof."""
    return msgspec.json.encode(ProofLine(position, [b64encode(one).decode() for one in hashes])) + b"\n"


def read_proof(line: bytes) -> tuple[int, list[bytes]]:
    """Read the line of a proof: the position of the entry, and the hashes.

    Raises:
        BundleMalformed: it is none.
    """
    try:
        read = _PROOF.decode(line)
        hashes = [b64decode(one, validate=True) for one in read.hashes]
        if line != write_proof(read.position, hashes):
            once_each(line)  # in our own form, no key stands twice
            if read.hashes != [b64encode(one).decode() for one in hashes]:
                raise ValueError("a hash in it is not written as base64 has it")  # noqa: TRY301 - as others
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BundleMalformed(f"the line is no proof: {str(error)[:200]}") from None
    if len(hashes) > MOST_HASHES or any(len(one) != HASH_BYTES for one in hashes):
        raise BundleMalformed(f"the line is no proof: one has at most {MOST_HASHES} hashes of {HASH_BYTES} bytes")
    return read.position, hashes


def described(file: BinaryIO) -> BundleFile:
    """Say of a file what a manifest says of it."""
    digest, size = sha256(), 0
    while block := file.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return BundleFile(bytes=size, sha256=digest.hexdigest())
