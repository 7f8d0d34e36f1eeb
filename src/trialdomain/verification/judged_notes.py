"""Comparing a log with notes: those that the log keeps, and those that a verifier kept elsewhere.

A log can have thousands of notes of 128 kB. So each note is read, its signatures are verified, and its text is dropped.
Until the entries were read, only its size and its root stay in memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import attrs

from trialdomain.signing.keys import SignatureMissing, SignatureWrong, Signed, VerifierKey, signers, writers
from trialdomain.tree.checkpoint import Checkpoint, Head, parse_checkpoint, parse_head
from trialdomain.tree.note import Note, NoteMalformed, parse_note
from trialdomain.values.given.plural import how_many, n_entries
from trialdomain.verification.defect import Defect, Defects, What


@attrs.frozen(kw_only=True)
class NoteToCheck:
    """A checkpoint or a head to compare with the log of a trial."""

    where: str
    """Its place, in words, for a defect."""
    checkpoint: Checkpoint | Head
    note: Note
    outside: bool
    """Whether it was kept elsewhere: only then it is evidence against an attacker who can write to the database."""


@attrs.frozen(kw_only=True)
class VerifiedNote:
    """A note after its signatures were verified, without its text."""

    where: str
    trial: str | None
    origin: str
    size: int
    root: bytes
    head: bool
    """Whether it is the head that a writer signs with every append."""
    outside: bool
    signed: tuple[Signed, ...]
    """Its valid signatures by trusted keys."""
    wrong: str | None
    """The fault of its signatures; such a note is not compared."""
    vouched: bool
    """Whether it counts as evidence: a trusted key signed it; or, without keys, it was kept elsewhere."""


@attrs.frozen(kw_only=True)
class Compared:
    """The result of the comparison of a note with a log."""

    where: str
    size: int
    root: bytes
    signed: tuple[Signed, ...]
    """Its valid signatures by trusted keys."""
    fits: bool | None
    """Whether the log begins with the signed entries; None where missing entries make that unknown."""
    head: bool
    outside: bool
    but: str = ""
    """A sentence about what does not fit, where leaves and entries differ; else empty."""


class Tree(Protocol):
    """The tree over the entries of a trial, for comparison with notes."""

    @property
    def trial(self) -> str:
        """The code of the trial."""

    @property
    def size(self) -> int:
        """The number of entries."""

    @property
    def first_gap(self) -> int | None:
        """The first missing position."""

    def root(self) -> bytes:
        """Return the root."""

    def fits(self, root: bytes, size: int) -> bool:
        """Say whether the tree had a root when it had ``size`` leaves."""

    def but(self, root: bytes, size: int) -> str:
        """Say what does not fit a root that the tree had: the leaves or the entries; empty, where both fit."""


def read_held(where: str, given: bytes, *, outside: bool, head: bool = False) -> NoteToCheck:
    """Parse a note, as a checkpoint or as a head: no note is both.

    Raises:
        NoteMalformed: it is not a note of that kind.
    """
    try:
        note = parse_note(given)
        checkpoint = parse_head(note.text) if head else parse_checkpoint(note.text)
        return NoteToCheck(where=where, checkpoint=checkpoint, note=note, outside=outside)
    except NoteMalformed as error:
        raise NoteMalformed(f"{where}: {error}") from None


def judge(one: NoteToCheck, keys: Sequence[VerifierKey] | None) -> VerifiedNote:
    """Verify the signatures of a note, and drop its text.

    Args:
        one: the note.
        keys: the trusted keys; None to verify no signature.
    """
    checkpoint = one.checkpoint
    head = isinstance(checkpoint, Head)
    signed: tuple[Signed, ...] = ()
    wrong = None
    if keys is not None:
        try:
            signed = signers(one.note, writers(keys) if head else keys)
        except SignatureMissing as error:
            if one.outside or isinstance(error, SignatureWrong):
                wrong = str(error)
    return VerifiedNote(
        where=one.where,
        trial=checkpoint.trial,
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root,
        head=head,
        outside=one.outside,
        signed=signed,
        wrong=wrong,
        vouched=bool(signed) or (keys is None and one.outside),
    )


def compare(
    judged: Iterable[VerifiedNote], check: Tree, defects: Defects, *, comparable: bool = True
) -> Iterator[Compared]:
    """Compare a log with the notes about it.

    A note that the log keeps and that no trusted key has signed is compared too, but covers no entry. Where it does not
    fit, either the log or the note was changed.

    Args:
        judged: the notes.
        check: the tree over all entries.
        defects: collects the defects.
        comparable: whether older trees can be compared; those of a filtered bundle cannot.
    """
    for one in judged:
        if one.wrong is not None:
            defects.add(_defect(check, one, What.BAD_SIGNATURE, one.wrong))
            yield _compared(one, fits=None)
            continue
        fits = _fits(one, check, defects) if comparable else None
        yield _compared(one, fits=fits, but=check.but(one.root, one.size) if fits else "")


def _fits(one: VerifiedNote, check: Tree, defects: Defects) -> bool | None:
    if one.size > check.size:
        gone = "the newest are gone"
        gone = gone if one.vouched else f"{gone}, or the note was forged: {_NOT_SIGNED}"
        why = f"{one.where} is of {n_entries(one.size)}, but the log has {check.size}: {gone}"
        defects.add(_defect(check, one, What.TRUNCATED, why))
        return False
    if check.first_gap is not None and one.size >= check.first_gap:
        return None
    if check.fits(one.root, one.size):
        return True
    why = f"the first {how_many(one.size, 'entry does', 'entries do')} not have the root of {one.where}"
    if one.vouched:
        rewritten = f"{why}: they were rewritten, or put in another order"
        defects.add(_defect(check, one, What.REWRITTEN, rewritten))
    else:
        unknown = f"{why}: the note was forged, or the entries under it were changed: {_NOT_SIGNED}"
        defects.add(_defect(check, one, What.BAD_CHECKPOINT, unknown))
    return False


_NOT_SIGNED = "no trusted key has signed it"


def _defect(check: Tree, one: VerifiedNote, what: What, why: str) -> Defect:
    named = why if one.where in why else f"{one.where}: {why}"
    return Defect(what=what, why=named, trial=check.trial)


def _compared(one: VerifiedNote, *, fits: bool | None, but: str = "") -> Compared:
    return Compared(
        where=one.where,
        size=one.size,
        root=one.root,
        signed=one.signed,
        fits=fits,
        head=one.head,
        outside=one.outside,
        but=but,
    )
