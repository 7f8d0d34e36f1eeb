"""The text formats of checkpoints, heads, proofs and requests: C2SP tlog-checkpoint, tlog-proof and tlog-witness.

A checkpoint names a log, the size of its tree and the root. A head has the same fields, as the writer of the log signs
them with every append. Its name is one that no checkpoint has: so a signature of the one is never valid for the other
(docs/adr/0014). A proof shows that one entry is in the tree of a checkpoint. A request asks the signer of an older
checkpoint to sign a newer one, and proves that the newer tree extends the older tree.
"""

from base64 import b64encode

import attrs
from typing_extensions import override

from trialdomain.tree.merkle import HASH_BYTES
from trialdomain.tree.note import Note, NoteMalformed, from_base64, note_text, parse_note, whole_number
from trialdomain.tree.proofs import MOST_HASHES
from trialdomain.values.given.in_short import in_short

ORIGIN = "trialdomain/"
"""The prefix of a log's name in a checkpoint; the trial's code follows."""
HEAD_ORIGIN = "trialdomain-head/"
"""The prefix of a log's name in a head; so other readers of C2SP notes do not take a head for a checkpoint."""
_PROOF = "c2sp.org/tlog-proof@v1"
_LONGEST_ORIGIN = 255


@attrs.frozen
class Checkpoint:
    """The head of a tree: the name of the log, the number of leaves, and the root.

    >>> print(Checkpoint("trialdomain/T1", 0, bytes(32)).text, end="")
    trialdomain/T1
    0
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()
    """Further lines, from other programs; this library writes none, and keeps those that it reads."""

    @property
    def text(self) -> str:
        """The text that is signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, as_base64(self.root), *self.extensions))

    @property
    def trial(self) -> str | None:
        """The trial of the log; None for a log of another program."""
        return self.origin.removeprefix(ORIGIN) if self.origin.startswith(ORIGIN) else None


@attrs.frozen
class Head:
    """The head of a trial's tree, which its writer signs with every append; it is not a checkpoint.

    >>> print(Head("T1", 0, bytes(32)).text, end="")
    trialdomain-head/T1
    0
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
    """

    trial: str
    size: int
    root: bytes

    @property
    def origin(self) -> str:
        """The name of the trial's log in a head."""
        return f"{HEAD_ORIGIN}{self.trial}"

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{as_base64(self.root)}\n"


def origin_of(trial: str) -> str:
    """Return the name of a trial's log in its checkpoints.

    >>> origin_of("NCT06245746")
    'trialdomain/NCT06245746'
    """
    return f"{ORIGIN}{trial}"


def parse_checkpoint(text: str) -> Checkpoint:
    """Parse the text of a checkpoint.

    Raises:
        NoteMalformed: it is the head of a writer, or another text.
    """
    if is_head(text):
        raise NoteMalformed(
            f"it is a head that a writer signs with every append, {text.partition(chr(10))[0][:90]!r}, and not a "
            f"checkpoint: name a note that 'trialdomain checkpoint' has made"
        )
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1]:  # noqa: PLR2004 - three lines, and nothing after the last newline
        raise NoteMalformed("a checkpoint has at least three lines: the log, the size of its tree, the root")
    origin, size, root, *extensions = lines[:-1]
    if not origin or len(origin) > _LONGEST_ORIGIN or not all(extensions):
        raise NoteMalformed("a checkpoint begins with the name of its log, and has no empty line")
    return Checkpoint(origin, whole_number("the size of the tree", size), _hash(root), tuple(extensions))


def is_head(text: str) -> bool:
    """Say whether a text begins like the head of a writer; the rest is not checked."""
    return text.startswith(HEAD_ORIGIN)


def parse_head(text: str) -> Head:
    """Parse the text of a head, in exactly the form of :attr:`Head.text`.

    Raises:
        NoteMalformed: it is a checkpoint, or another text.
    """
    origin, *lines = text.split("\n")
    if not is_head(text):
        raise NoteMalformed(
            f"it is a checkpoint of {origin[:90]!r}, and not the head of a writer, which begins with {HEAD_ORIGIN}"
        )
    if len(lines) != 3 or lines[-1]:  # noqa: PLR2004 - the size, the root, and nothing after the last newline
        raise NoteMalformed("a head has three lines: the name of its log, the size of the tree, the root")
    return Head(origin.removeprefix(HEAD_ORIGIN), whole_number("the size of the tree", lines[0]), _hash(lines[1]))


@attrs.frozen
class InclusionProof:
    """A proof that an entry is in the tree of a checkpoint; it does not include the entry."""

    __repr__ = in_short

    index: int
    """The index of the leaf, from 0: the entry's position minus one."""
    hashes: tuple[bytes, ...]
    checkpoint: Note
    """The signed checkpoint."""

    @override
    def __str__(self) -> str:
        """Write the proof in the format of C2SP tlog-proof."""
        head = "".join(f"{line}\n" for line in (_PROOF, f"index {self.index}", *map(as_base64, self.hashes)))
        return f"{head}\n{self.checkpoint}"


def parse_proof(given: bytes) -> InclusionProof:
    """Parse an inclusion proof.

    Raises:
        NoteMalformed: the text is not an inclusion proof.
    """
    above, gap, note = note_text(given).partition("\n\n")
    first, *lines = above.split("\n")
    if first != _PROOF or not gap:
        raise NoteMalformed(f"a proof of inclusion begins with {_PROOF}, and ends with a checkpoint")
    if lines and lines[0].startswith("extra "):
        from_base64("extra data", lines.pop(0).removeprefix("extra "))
    if not lines or not lines[0].startswith("index "):
        raise NoteMalformed("a proof of inclusion names the index of its leaf")
    index = whole_number("the index of the leaf", lines.pop(0).removeprefix("index "))
    return InclusionProof(index, _hashes(lines), parse_note(note.encode()))


@attrs.frozen
class SigningRequest:
    """A tree head to sign, and the proof that its tree extends the tree that was signed last."""

    old: int
    """The size of the tree that was signed last; 0 for none."""
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint
    note: Note | None = None
    """The checkpoint with its signatures so far; None where it has none."""

    @override
    def __str__(self) -> str:
        """Write the request as the body of a C2SP tlog-witness request; an unsigned one has no signature lines."""
        head = "".join(f"{line}\n" for line in (f"old {self.old}", *map(as_base64, self.proof)))
        return f"{head}\n{self.checkpoint.text if self.note is None else self.note}"


def parse_request(given: bytes) -> SigningRequest:
    """Parse a request to sign.

    Raises:
        NoteMalformed: the text is not a request to sign.
    """
    above, gap, below = note_text(given).partition("\n\n")
    first, *lines = above.split("\n")
    if not first.startswith("old ") or not gap:
        raise NoteMalformed("a request to sign begins with 'old SIZE', and ends with a checkpoint")
    note = parse_note(below.encode()) if "\n\n" in below else None
    checkpoint = parse_checkpoint(below if note is None else note.text)
    return SigningRequest(whole_number("the old size", first.removeprefix("old ")), _hashes(lines), checkpoint, note)


def as_base64(found: bytes) -> str:
    """Encode a hash as checkpoints do."""
    return b64encode(found).decode()


def _hashes(lines: list[str]) -> tuple[bytes, ...]:
    if len(lines) > MOST_HASHES:
        raise NoteMalformed(f"the proof has {len(lines)} hashes, more than the largest tree needs ({MOST_HASHES})")
    return tuple(map(_hash, lines))


def _hash(text: str) -> bytes:
    found = from_base64("a hash", text)
    if len(found) != HASH_BYTES:
        raise NoteMalformed(f"a hash has {HASH_BYTES} bytes, got {len(found)}")
    return found
