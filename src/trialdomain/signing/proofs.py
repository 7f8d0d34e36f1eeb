"""Checking that an entry is in a log, with the entry, a proof and a public key alone: the log itself is not needed."""

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
    """What a proof has shown: this entry stood at this position of the log when its tree was signed."""

    trial: str
    position: int
    stream: str
    version: int
    name: str
    checkpoint: Checkpoint
    signed: tuple[Signed, ...]
    """By whom, and when, where their signatures say so."""


def check_inclusion(line: bytes, proof: bytes, keys: Iterable[VerifierKey]) -> Shown:
    """Check that an exported entry is in the tree of a checkpoint that somebody trusted has signed.

    Args:
        line: the entry as an export has it, one line.
        proof: as ``trialdomain prove`` writes it, with the checkpoint in it.
        keys: of whom one must have signed the checkpoint.

    Raises:
        ProofInvalid: the entry is not in that tree, or not at that position, or was altered.
        SignatureMissing: nobody trusted has signed the checkpoint, or a signature is wrong.
        NoteMalformed: the proof is none, or ends with something else than a checkpoint.
        LogCorrupt: the line is no entry.
    """
    read = parse_proof(proof)
    entry, leaf = _read(line)
    signed = signers(read.checkpoint, keys)
    checkpoint = parse_checkpoint(read.checkpoint.text)
    if checkpoint.origin != origin_of(entry.trial):
        raise ProofInvalid(
            f"the entry is of trial {entry.trial[:70]!r}, and the checkpoint of {checkpoint.origin[:70]!r}"
        )
    if entry.position != read.index + 1:
        raise ProofInvalid(f"the entry says position {entry.position}, and the proof is of position {read.index + 1}")
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
    """Read the entry, and its leaf; one that does not fit its leaf shows nothing, and is no unusable line."""
    if isinstance(parse(line), Last):
        return read_entry(line)  # which refuses it
    try:
        return read_entry(line)
    except LineUnreadable as error:
        raise ProofInvalid(str(error)) from None
