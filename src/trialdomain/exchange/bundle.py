"""The metadata files of an audit bundle: the manifest, and an inclusion proof for each entry."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, BinaryIO

import msgspec

from trialdomain.errors import InputInvalid
from trialdomain.exchange.lines import refuse_duplicate_keys
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
    """A manifest, or a line of the proofs, is malformed."""

    code = "bundle-malformed"


class FormUnknown(BundleMalformed):
    """A manifest has a format that this version does not know."""

    code = "form-unknown"

    def __init__(self, *, form: str) -> None:
        super().__init__(
            f"{MANIFEST} is of the form {form[:40]!r}, and {FORMAT!r} can be read: ask the one that wrote it"
        )
        self.form = form


class KeyTwice(BundleMalformed):
    """A manifest has a duplicate key: some JSON parsers take the first value, others the last."""

    code = "key-twice"

    def __init__(self, *, why: str, manifest: "Manifest") -> None:
        super().__init__(f"{MANIFEST} can be read in two ways: {why}")
        self.why, self.manifest = why, manifest
        """The manifest as read with the last value of each duplicate key."""


class Exporter(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The user who exported a bundle."""

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
    """The content of a bundle, and its origin."""

    format: str
    trial: str
    size: int
    """The number of entries of the log, which is the size of its Merkle tree."""
    root: str
    """The root of that tree, in base64; earlier versions wrote it in hex."""
    participants: list[str] | None
    """The participants to whom the bundle is filtered; None for a complete log."""
    entries: int
    """The number of entries in the bundle."""
    on: str
    """The day for which findings were judged: the site's day of the last entry about the trial itself."""
    zone: str
    """The time zone of the site, for the local times in ``changes.csv``."""
    protocol: str
    """The version of the protocol that was in force on that day."""
    software: str | None
    """The version of trialdomain that recorded the last entry, from the log; None if the log does not have it."""
    written_with: str | None = None
    """The version of trialdomain that wrote the bundle; the log has it only in later entries, or never."""
    at: str
    """The time of the export, in UTC."""
    why: str | None
    by: Exporter | None
    """None for a log in an exported file, in which the export cannot be recorded."""
    recorded: int | None
    """The position of the entry that records the export; None if it was not recorded."""
    files: dict[str, BundleFile]
    """All other files of the bundle, by name."""


class _Form(msgspec.Struct, frozen=True):
    format: str


class ProofLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The inclusion proof of one entry (RFC 6962 section 2.1.1): the sibling hash of each node on the path up."""

    position: int
    hashes: list[str]
    """The hashes in base64, from the leaf to the root."""


_MANIFEST = msgspec.json.Decoder(Manifest)
_FORM = msgspec.json.Decoder(_Form)
_PROOF = msgspec.json.Decoder(ProofLine)


def write_manifest(manifest: Manifest) -> bytes:
    """Encode a manifest as indented JSON, readable for people too."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def manifest_json(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest as JSON values for programs."""
    told: dict[str, Any] = msgspec.to_builtins(manifest)
    return told


def read_manifest(given: bytes) -> Manifest:
    """Decode a manifest.

    Raises:
        FormUnknown: it has a newer format.
        KeyTwice: it has a duplicate key, at any depth.
        BundleMalformed: it is not a manifest.
    """
    try:
        form = _FORM.decode(given).format
        if form != FORMAT:
            raise FormUnknown(form=form)
        found = _MANIFEST.decode(given)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BundleMalformed(f"{MANIFEST} is not a manifest of a bundle: {str(error)[:200]}") from None
    try:
        refuse_duplicate_keys(given)
    except (ValueError, RecursionError) as error:
        raise KeyTwice(why=str(error)[:200], manifest=found) from None
    return found


def write_proof(position: int, hashes: Sequence[bytes]) -> bytes:
    """Encode a proof as a line."""
    return msgspec.json.encode(ProofLine(position, [b64encode(one).decode() for one in hashes])) + b"\n"


def read_proof(line: bytes) -> tuple[int, list[bytes]]:
    """Decode the line of a proof: the position of the entry, and the hashes.

    Raises:
        BundleMalformed: the line is not a proof.
    """
    try:
        read = _PROOF.decode(line)
        hashes = [b64decode(one, validate=True) for one in read.hashes]
        if line != write_proof(read.position, hashes):
            refuse_duplicate_keys(line)  # a line in our own form has no duplicate key, so it is not parsed again
            if read.hashes != [b64encode(one).decode() for one in hashes]:
                raise ValueError("a hash in it is not in canonical base64")  # noqa: TRY301 - as others
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BundleMalformed(f"the line is not a proof: {str(error)[:200]}") from None
    if len(hashes) > MOST_HASHES or any(len(one) != HASH_BYTES for one in hashes):
        raise BundleMalformed(
            f"the line is not a proof: a proof has at most {MOST_HASHES} hashes of {HASH_BYTES} bytes"
        )
    return read.position, hashes


def described(file: BinaryIO) -> BundleFile:
    """Return the size and the SHA-256 of a file, for the manifest."""
    digest, size = sha256(), 0
    while block := file.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return BundleFile(bytes=size, sha256=digest.hexdigest())
