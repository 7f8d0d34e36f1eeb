"""Checkpoints, heads, proofs and requests as text: C2SP tlog-checkpoint, tlog-proof and the request of tlog-witness.

A checkpoint names a log, the size of its tree and the root. A head says the same of the log as its writer left it,
under a name that no checkpoint has: a signature under the one is none under the other (docs/adr/0014). A proof shows
that one entry is in the tree of a checkpoint. A request asks whoever signed an older checkpoint to sign a newer one,
and shows that the newer tree extends the older.
"""

from base64 import b64encode

import attrs
from typing_extensions import override

from trialdomain.tree.merkle import HASH_BYTES
from trialdomain.tree.note import Note, NoteMalformed, from_base64, note_text, parse_note, whole_number
from trialdomain.tree.proofs import MOST_HASHES
from trialdomain.values.given.in_short import in_short

ORIGIN = "trialdomain/"
"""Before the trial's code: what the log of a trial is called in a checkpoint."""
HEAD_ORIGIN = "trialdomain-head/"
"""Before the trial's code in a head: what stands under it is no checkpoint, for whoever reads notes of C2SP too."""
_PROOF = "c2sp.org/tlog-proof@v1"
_LONGEST_ORIGIN = 255


@attrs.frozen
class Checkpoint:
    """The head of a tree: which log, how many leaves, and the root over them.

    >>> print(Checkpoint("trialdomain/T1", 0, bytes(32)).text, end="")
    trialdomain/T1
    0
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()
    """Lines of another program's; this one writes none, and hands on what it was given."""

    @property
    def text(self) -> str:
        """What is signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, as_base64(self.root), *self.extensions))

    @property
    def trial(self) -> str | None:
        """The trial whose log it is; None for a log of something else."""
        return self.origin.removeprefix(ORIGIN) if self.origin.startswith(ORIGIN) else None


@attrs.frozen
class Head:
    """The head of a trial's tree as its writer signs it with every append; it is no checkpoint.

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
        """What the heads of the trial's log are called."""
        return f"{HEAD_ORIGIN}{self.trial}"

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{as_base64(self.root)}\n"


def origin_of(trial: str) -> str:
    """Name the log of a trial, as its checkpoints do.

    >>> origin_of("NCT06245746")
    'trialdomain/NCT06245746'
    """
    return f"{ORIGIN}{trial}"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint.

    Raises:
        NoteMalformed: it is not one, but the head of a writer, or something else.
    """
    if is_head(text):
        raise NoteMalformed(
            f"it is a head that a writer signs with every append, {text.partition(chr(10))[0][:90]!r}, and no "
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
    """Say whether a text claims to be the head of a writer, whatever else stands in it."""
    return text.startswith(HEAD_ORIGIN)


def parse_head(text: str) -> Head:
    """Read the text of a head: as :attr:`Head.text` writes it, and in no other spelling.

    Raises:
        NoteMalformed: it is not one, but a checkpoint, or something else.
    """
    origin, *lines = text.split("\n")
    if not is_head(text):
        raise NoteMalformed(
            f"it is a checkpoint of {origin[:90]!r}, and no head of a writer, which begins with {HEAD_ORIGIN}"
        )
    if len(lines) != 3 or lines[-1]:  # noqa: PLR2004 - the size, the root, and nothing after the last newline
        raise NoteMalformed("a head has three lines: whose it is, the size of the tree, the root")
    return Head(origin.removeprefix(HEAD_ORIGIN), whole_number("the size of the tree", lines[0]), _hash(lines[1]))


@attrs.frozen
class InclusionProof:
    """That an entry is in the tree of a checkpoint, without the entry itself."""

    __repr__ = in_short

    index: int
    """Of the leaf, from 0: one less than the entry's position."""
    hashes: tuple[bytes, ...]
    checkpoint: Note
    """As it was signed."""

    @override
    def __str__(self) -> str:
        """Write it as C2SP tlog-proof."""
        head = "".join(f"{line}\n" for line in (_PROOF, f"index {self.index}", *map(as_base64, self.hashes)))
        return f"{head}\n{self.checkpoint}"


def parse_proof(given: bytes) -> InclusionProof:
    """Read a proof of inclusion.

    Raises:
        NoteMalformed: it is not one.
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
    """A tree head to be signed, and the proof that its tree extends the one that was signed last."""

    old: int
    """The size of the tree that was signed last; 0 for none."""
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint
    note: Note | None = None
    """The checkpoint as others have signed it; None before anybody has."""

    @override
    def __str__(self) -> str:
        """Write it as the body of a C2SP tlog-witness request; without a signature, where there is none yet."""
        head = "".join(f"{line}\n" for line in (f"old {self.old}", *map(as_base64, self.proof)))
        return f"{head}\n{self.checkpoint.text if self.note is None else self.note}"


def parse_request(given: bytes) -> SigningRequest:
    """Read a request to sign.

    Raises:
        NoteMalformed: it is not one.
    """
    above, gap, below = note_text(given).partition("\n\n")
    first, *lines = above.split("\n")
    if not first.startswith("old ") or not gap:
        raise NoteMalformed("a request to sign begins with 'old SIZE', and ends with a checkpoint")
    note = parse_note(below.encode()) if "\n\n" in below else None
    checkpoint = parse_checkpoint(below if note is None else note.text)
    return SigningRequest(whole_number("the old size", first.removeprefix("old ")), _hashes(lines), checkpoint, note)


def as_base64(found: bytes) -> str:
    """Write a hash as checkpoints have it."""
    return b64encode(found).decode()


def _hashes(lines: list[str]) -> tuple[bytes, ...]:
    if len(lines) > MOST_HASHES:
        raise NoteMalformed(f"the proof has {len(lines)} hashes, more than any tree is high")
    return tuple(map(_hash, lines))


def _hash(text: str) -> bytes:
    found = from_base64("a hash", text)
    if len(found) != HASH_BYTES:
        raise NoteMalformed(f"a hash has {HASH_BYTES} bytes, got {len(found)}")
    return found
