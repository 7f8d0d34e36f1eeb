"""The notes that a log is held against: those that are kept with it, and those that somebody has kept elsewhere.

A log can hold thousands of notes of 128 kB. Each is read, asked who has signed it, and let go of; what is kept of it
until the entries were read is its size and its root.
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
class Held:
    """A checkpoint, or a head, that the log of a trial is held against."""

    where: str
    """Where it was found, in words."""
    checkpoint: Checkpoint | Head
    note: Note
    outside: bool
    """Whether it was kept elsewhere: only then does it bind whoever can write to the database."""


@attrs.frozen(kw_only=True)
class Judged:
    """What is kept of a note: what it says, and who has signed it."""

    where: str
    trial: str | None
    origin: str
    size: int
    root: bytes
    head: bool
    """Whether it is the head that a writer signs with every append."""
    outside: bool
    signed: tuple[Signed, ...]
    """Which of the keys that were given have signed it."""
    wrong: str | None
    """What is wrong with its signatures, so that it is not compared."""
    vouched: bool
    """Whether somebody stands by it: a key that was given; or, where none was, whoever has kept it elsewhere."""


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
    """Read a note, as a checkpoint or as a head: what is the one is never the other.

    Raises:
        NoteMalformed: it is none of that kind.
    """
    try:
        note = parse_note(given)
        checkpoint = parse_head(note.text) if head else parse_checkpoint(note.text)
        return Held(where=where, checkpoint=checkpoint, note=note, outside=outside)
    except NoteMalformed as error:
        raise NoteMalformed(f"{where}: {error}") from None


def judge(one: Held, keys: Sequence[VerifierKey] | None) -> Judged:
    """Ask who has signed a note, and let go of it.

    Args:
        one: the note.
        keys: who is trusted; None where nobody was named, and no signature is checked.
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
    return Judged(
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


def compare(judged: Iterable[Judged], check: Tree, defects: Defects, *, comparable: bool = True) -> Iterator[Compared]:
    """Compare a log with the notes about it.

    What is kept with the log and signed by keys that were not given is compared all the same, and covers nothing; where
    it does not fit, nobody knows whether the log was changed, or the note.

    Args:
        judged: the notes.
        check: the entries, all of them.
        defects: takes what is wrong.
        comparable: whether it can be told of other trees than the present one, as it cannot of a bundle's.
    """
    for one in judged:
        if one.wrong is not None:
            defects.add(_defect(check, one, What.BAD_SIGNATURE, one.wrong))
            yield _compared(one, fits=None)
            continue
        fits = _fits(one, check, defects) if comparable else None
        yield _compared(one, fits=fits, but=check.but(one.root, one.size) if fits else "")


def _fits(one: Judged, check: Tree, defects: Defects) -> bool | None:
    if one.size > check.size:
        gone = "the newest are gone"
        gone = gone if one.vouched else f"{gone}, or the note was put there: {_NOBODY}"
        why = f"{one.where} is of {n_entries(one.size)}, and the log has {check.size}: {gone}"
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
        unknown = f"{why}: the note was put there, or the entries under it were changed: {_NOBODY}"
        defects.add(_defect(check, one, What.BAD_CHECKPOINT, unknown))
    return False


_NOBODY = "nobody who is trusted has signed it"


def _defect(check: Tree, one: Judged, what: What, why: str) -> Defect:
    named = why if one.where in why else f"{one.where}: {why}"
    return Defect(what=what, why=named, trial=check.trial)


def _compared(one: Judged, *, fits: bool | None, but: str = "") -> Compared:
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
