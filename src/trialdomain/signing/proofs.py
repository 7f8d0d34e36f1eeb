"""Verifying that an entry is in a log, from the entry, a proof and a public key; the log itself is not needed."""

from collections.abc import Iterable

import attrs

from trialdomain.exchange.lines import Last, LineUnreadable, parse, read_entry
from trialdomain.signing.keys import Signed, VerifierKey, signers
from trialdomain.storage.store import StoredEntry
from trialdomain.tree.checkpoint import Checkpoint, origin_of, parse_checkpoint, parse_proof
from trialdomain.tree.proofs import ProofInvalid, root_of_inclusion
from trialdomain.values.given.plural import n_entries


@attrs.frozen(kw_only=True)
class Shown:
    """The result of a valid proof: the entry was at this position of the log when its tree was signed."""

    trial: str
    position: int
    stream: str
    version: int
    name: str
    checkpoint: Checkpoint
    signed: tuple[Signed, ...]
    """The valid signatures of the checkpoint."""


def check_inclusion(line: bytes, proof: bytes, keys: Iterable[VerifierKey]) -> Shown:
    """Verify that an exported entry is in the tree of a checkpoint that a trusted key has signed.

    Args:
        line: the entry, one line of an export.
        proof: the proof as ``trialdomain prove`` writes it, with the checkpoint.
        keys: the trusted keys; one of them must have signed the checkpoint.

    Raises:
        ProofInvalid: the entry is not in that tree, or not at that position, or was altered.
        SignatureMissing: no trusted key has signed the checkpoint, or a signature is wrong.
        NoteMalformed: the proof cannot be read, or does not end with a checkpoint.
        LogCorrupt: the line is not an entry.
    """
    read = parse_proof(proof)
    entry, leaf = _read(line)
    signed = signers(read.checkpoint, keys)
    checkpoint = parse_checkpoint(read.checkpoint.text)
    if checkpoint.origin != origin_of(entry.trial):
        raise ProofInvalid(
            f"the entry is of trial {entry.trial[:70]!r}, but the checkpoint of {checkpoint.origin[:70]!r}"
        )
    if entry.position != read.index + 1:
        raise ProofInvalid(f"the entry says position {entry.position}, but the proof is of position {read.index + 1}")
    if root_of_inclusion(leaf, read.index, checkpoint.size, read.hashes) != checkpoint.root:
        raise ProofInvalid(
            f"position {entry.position} is not in the tree of {n_entries(checkpoint.size)} that was signed: "
            f"it was altered, or the proof is another entry's"
        )
    return Shown(
        trial=entry.trial,
        position=entry.position,
        stream=str(entry.originator_id),
        version=entry.originator_version,
        name=entry.topic,
        checkpoint=checkpoint,
        signed=signed,
    )


def _read(line: bytes) -> tuple[StoredEntry, bytes]:
    """Read the entry and its leaf; where the two do not fit, the proof is invalid, although the line is an entry."""
    if isinstance(parse(line), Last):
        return read_entry(line)  # raises LogCorrupt
    try:
        return read_entry(line)
    except LineUnreadable as error:
        raise ProofInvalid(str(error)) from None
