"""The Merkle tree over a trial's log: its head, its proofs, and the checkpoints that the log keeps."""

from collections.abc import Iterable

import attrs

from trialdomain.errors import InputInvalid, LogUnusable
from trialdomain.signing.keys import Signed, VerifierKey, signers
from trialdomain.signing.signer import TreeSigner
from trialdomain.storage.leaves import with_leaves
from trialdomain.storage.store import LogReader, Store
from trialdomain.tree.checkpoint import Checkpoint, InclusionProof, SigningRequest, origin_of, parse_checkpoint
from trialdomain.tree.merkle import Frontier
from trialdomain.tree.note import Note, parse_note
from trialdomain.tree.proofs import ProofInvalid, consistency_proof, inclusion_proof
from trialdomain.values.given.plural import how_many, n_entries


class CheckpointUnfit(InputInvalid):
    """A checkpoint is of another log, or its root is not that of this log."""

    code = "checkpoint-unfit"


@attrs.frozen
class TrialTree:
    """The Merkle tree over the recorded entries of one trial; every leaf is checked when it is read."""

    log: LogReader
    trial: str

    @property
    def size(self) -> int:
        """The number of entries of the trial."""
        return self.log.head(self.trial)

    def head(self, size: int | None = None) -> Checkpoint:
        """Return the head of the tree, or of the older tree with ``size`` leaves.

        Raises:
            InputInvalid: the tree has fewer leaves.
            LogCorrupt: an entry does not fit its leaf, or is missing.
        """
        chosen = self._size(size)
        return Checkpoint(origin_of(self.trial), chosen, Frontier().extend(self._leaves(chosen)).root())

    def inclusion(self, position: int, checkpoint: Note) -> InclusionProof:
        """Prove that an entry is in the tree of a checkpoint.

        Args:
            position: the position of the entry, from 1.
            checkpoint: the signed note; the verifier of the proof verifies the signature, not this method.

        Raises:
            CheckpointUnfit: the checkpoint is not one of this log.
            ProofInvalid: its tree does not have the entry.
            LogCorrupt: an entry does not fit its leaf, or is missing.
        """
        head = self.fitting(checkpoint)
        if not 1 <= position <= head.size:
            raise ProofInvalid(f"position {position} is not under the checkpoint: it covers positions 1 to {head.size}")
        hashes = inclusion_proof(self._leaves(head.size), position - 1, head.size)
        return InclusionProof(position - 1, tuple(hashes), checkpoint)

    def consistency(self, old: int, size: int | None = None) -> list[bytes]:
        """Prove that the tree begins with the leaves of an older tree (RFC 6962 section 2.1.2)."""
        chosen = self._size(size)
        return consistency_proof(self._leaves(chosen), old, chosen)

    def request(self, *, old: int = 0, note: Note | None = None, size: int | None = None) -> SigningRequest:
        """Make a request to sign the head, or to cosign a checkpoint.

        Args:
            old: the size of the tree that the signer has signed last.
            note: the checkpoint to cosign; by default, request a signature of the unsigned head.
            size: the size of an older tree, to request a signature of its head instead.
        """
        head = self.head(size) if note is None else self.fitting(note)
        if old > head.size:
            raise ProofInvalid(
                f"the log has {n_entries(head.size)}, and cannot extend a tree of {old}: some are missing"
            )
        return SigningRequest(old, tuple(self.consistency(old, head.size)), head, note)

    def signed_by(self, signer: TreeSigner, *, size: int | None = None) -> Note:
        """Have a signer sign the present head, or the head of the older tree with ``size`` leaves.

        Raises:
            SigningRefused: the log does not extend the tree that was signed before.
        """
        last, chosen = signer.last(origin_of(self.trial)), self._size(size)
        return signer.sign(self.request(old=0 if last is None else min(last.size, chosen), size=chosen))

    def keep(self, note: Note, keys: Iterable[VerifierKey]) -> tuple[Signed, ...]:
        """Store a checkpoint with the log; return its valid signatures.

        Raises:
            CheckpointUnfit: it is not a checkpoint of this log.
            SignatureMissing: none of the keys has signed it, or a signature is wrong.
        """
        signed = signers(parse_note(str(note).encode()), keys)  # parse it again, as a verifier will
        self._writable().keep_note(self.trial, self.fitting(note).size, str(note))
        return signed

    def _writable(self) -> Store:
        if not isinstance(self.log, Store):
            raise LogUnusable("the log was opened read-only: open it for writing")
        return self.log

    def fitting(self, note: Note) -> Checkpoint:
        """Return the checkpoint in a note, if it is one of this log.

        Raises:
            CheckpointUnfit: it is not a checkpoint of this log.
        """
        named = parse_checkpoint(note.text)
        if named.origin != origin_of(self.trial):
            raise CheckpointUnfit(
                f"the checkpoint is of {named.origin[:70]!r}, but this log is {origin_of(self.trial)!r}"
            )
        if named.size > self.size:
            raise CheckpointUnfit(
                f"the checkpoint has {n_entries(named.size)}, but the log has {self.size}: entries are missing"
            )
        if self.head(named.size).root != named.root:
            raise CheckpointUnfit(
                f"the first {how_many(named.size, 'entry does', 'entries do')} not have the root of the "
                "checkpoint: verify the log"
            )
        return named

    def _size(self, size: int | None) -> int:
        present = self.size
        if size is not None and not 0 <= size <= present:
            raise InputInvalid(f"the log of {self.trial} has {n_entries(present)}: it never had a tree of {size}")
        return present if size is None else size

    def _leaves(self, size: int) -> Iterable[bytes]:
        return (leaf for _, leaf in with_leaves(self.log, self.trial, until=size))
