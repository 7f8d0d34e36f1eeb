"""The notes that a log is held against: those that are kept with it, and those that somebody has kept elsewhere."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import attrs

from trialdomain.audit.defect import Defect, Defects, What
from trialdomain.audit.keys import SignatureMissing, SignatureWrong, Signed, VerifierKey, signers
from trialdomain.tree.checkpoint import Checkpoint, parse_checkpoint
from trialdomain.tree.note import Note, NoteMalformed, parse_note


@attrs.frozen(kw_only=True)
class Held:
    """A checkpoint that the log of a trial is held against."""

    where: str
    """Where it was found, in words."""
    checkpoint: Checkpoint
    note: Note
    outside: bool
    """Whether it was kept elsewhere: only then does it bind whoever can write to the database."""
    head: bool = False
    """Whether it is the head that a writer signs with every append."""


@attrs.frozen(kw_only=True)
class Compared:
    """What came of it."""

    where: str
    size: int
    root: bytes
    signed: tuple[Signed, ...]
    """Which of the keys that were given have signed it."""
    fits: bool | None
    """Whether the log begins with the entries that were signed; None where entries are missing: nobody knows."""
    head: bool
    outside: bool
    but: str = ""
    """In a sentence, what does not fit beside what does."""


class Tree(Protocol):
    """What notes are compared with."""

    @property
    def trial(self) -> str:
        """Whose it is."""

    @property
    def size(self) -> int:
        """How many entries it has."""

    @property
    def first_gap(self) -> int | None:
        """The first position that is missing."""

    def root(self) -> bytes:
        """Give its root."""

    def fits(self, root: bytes, size: int) -> bool:
        """Say whether it had a root when it had so many leaves."""

    def but(self, root: bytes, size: int) -> str:
        """Say what does not fit a root that the tree had; nothing, where all does."""


def read_held(where: str, given: bytes, *, outside: bool, head: bool = False) -> Held:
    """Read a note.

    Raises:
        NoteMalformed: it is no checkpoint.
    """
    try:
        note = parse_note(given)
        return Held(where=where, checkpoint=parse_checkpoint(note.text), note=note, outside=outside, head=head)
    except NoteMalformed as error:
        raise NoteMalformed(f"{where}: {error}") from None


def compare(
    held: Iterable[Held], check: Tree, keys: Sequence[VerifierKey] | None, defects: Defects
) -> Iterator[Compared]:
    """Compare a log with the notes about it.

    What is kept with the log and signed by keys that were not given is compared all the same, and covers nothing.

    Args:
        held: the notes.
        check: the entries, all of them.
        keys: who is trusted; None where nobody was named, and no signature is checked.
        defects: takes what is wrong.
    """
    for one in held:
        signed: tuple[Signed, ...] = ()
        if keys is not None:
            try:
                signed = signers(one.note, keys)
            except SignatureMissing as error:
                if one.outside or isinstance(error, SignatureWrong):
                    defects.add(_defect(check, one, What.BAD_SIGNATURE, str(error)))
                    yield _compared(one, (), fits=None)
                    continue
        fits = _fits(one, check, defects)
        but = check.but(one.checkpoint.root, one.checkpoint.size) if fits else ""
        yield attrs.evolve(_compared(one, signed, fits=fits), but=but)


def _fits(one: Held, check: Tree, defects: Defects) -> bool | None:
    size, root = one.checkpoint.size, one.checkpoint.root
    if size > check.size:
        why = f"{one.where} is of {size} entries, and the log has {check.size}: the newest are gone"
        defects.add(_defect(check, one, What.TRUNCATED, why))
        return False
    if check.first_gap is not None and size >= check.first_gap:
        return None
    if check.fits(root, size):
        return True
    why = f"the first {size} entries do not have the root of {one.where}: they were rewritten, or put in another order"
    defects.add(_defect(check, one, What.REWRITTEN, why))
    return False


def _defect(check: Tree, one: Held, what: What, why: str) -> Defect:
    named = why if why.startswith(one.where) or one.where in why else f"{one.where}: {why}"
    return Defect(what=what, why=named, trial=check.trial)


def _compared(one: Held, signed: tuple[Signed, ...], *, fits: bool | None) -> Compared:
    return Compared(
        where=one.where,
        size=one.checkpoint.size,
        root=one.checkpoint.root,
        signed=signed,
        fits=fits,
        head=one.head,
        outside=one.outside,
    )
