"""The signed head of each trial's tree, in a log of signed heads: replaced in the transaction of every append.

A program that appends by other means may compute right leaves, but cannot sign. A writer that signs refuses to append
after entries that no signed head covers. So no honest append ever builds on a forged entry.

A command without entries records that the heads of a trial are signed. A writer without a key looks for that command,
and not for the head itself, to know that it must not append (docs/adr/0014).
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Protocol, TypeAlias

import attrs

from trialdomain.errors import LogCorrupt, LogUnusable
from trialdomain.tree.checkpoint import is_head
from trialdomain.tree.merkle import HASH_BYTES, Frontier
from trialdomain.values.given.plural import n_entries
from trialdomain.values.given.text import short

BEGUN = "heads begun"
"""The id of the command that begins signing the heads of a trial; with its space, no other command can have it."""
BEGUN_REQUEST = sha256(BEGUN.encode()).digest()
"""The hash that is stored as the request of that command."""


_MOST_OFFERED = 64
"""The most trees of heads that were signed and not stored: an append that was refused leaves one."""


class HeadSigner(Protocol):
    """Signs heads, and verifies the signature of a head; how it keeps its key is up to the implementation."""

    def sign(self, trial: str, size: int, root: bytes) -> str:
        """Sign the head of a trial's tree, as a note."""
        ...

    def signed(self, note: str, trial: str, size: int, root: bytes) -> bool:
        """Say whether a note is this head, signed by a key that this signer trusts."""
        ...

    def size_of(self, note: str, trial: str) -> int | None:
        """Return the number of entries under a head of the trial that such a key has signed; None for other notes."""
        ...


KeptHead: TypeAlias = tuple[object, object]
"""The stored row of a head, unchecked: its size and its note."""


class HeadReader(Protocol):
    """The reads that signing a head needs, under the write lock of a store."""

    def kept_head(self, trial: str) -> KeptHead | None:
        """Return the stored row of a trial's head; None when there is none."""
        ...

    def heads_begun(self, trial: str) -> bool:
        """Say whether the heads of a trial are signed."""
        ...

    def leaves(self, trial: str, *, until: int) -> Iterator[bytes]:
        """Yield the leaf hashes of a trial by position."""
        ...


class HeadNotSigned(LogCorrupt):
    """A log of signed heads has entries that no signed head covers."""

    code = "head-not-signed"

    def __init__(self, *, trial: str, size: int, why: str = "none is kept") -> None:
        super().__init__(
            f"no head that this writer's key has signed covers the {n_entries(size)} of trial {trial}: {why}; "
            f"verify the log, then sign its head once with begin_signed_heads"
        )
        self.trial, self.size, self.why = trial, size, why


class HeadAhead(LogCorrupt):
    """A signed head covers more entries than the log has: some are gone, and a new head would hide that."""

    code = "head-ahead"

    def __init__(self, *, trial: str, size: int, signed: int) -> None:
        super().__init__(
            f"the newest head of trial {trial} has {n_entries(signed)}, and the log has {size}: entries are gone; "
            f"restore the log from a copy that has them"
        )
        self.trial, self.size, self.signed = trial, size, signed


class HeadKeyMissing(LogUnusable):
    """A writer without the key tried to append to a log of signed heads."""

    code = "head-key-missing"

    def __init__(self, *, trial: str) -> None:
        super().__init__(
            f"the heads of trial {trial} are signed: open the log with the key that signs them; if they were never "
            f"signed, verify the log, export it, and restore the export"
        )
        self.trial = trial


@attrs.frozen(kw_only=True)
class SignedHead:
    """A new signed head, with which the store replaces the one before."""

    trial: str
    size: int
    """The number of entries under it."""
    note: str
    begins: bool
    """Whether the store has to record that the heads are signed, where that is not recorded yet."""
    overrules: bool
    """Whether the stored head claims to be a later one, but is not signed by a key that the signer trusts."""


class SignedHeads:
    """Signs the head after every append; without a signer, refuses to append to a trial with signed heads."""

    def __init__(self, signer: HeadSigner | None) -> None:
        self._signer = signer
        self._known: dict[str, tuple[str, Frontier]] = {}
        """By trial: the last note that this process has stored, and its tree."""
        self._offered: dict[str, Frontier] = {}
        """By note, of heads that were signed and are not stored yet: their trees."""

    def after(
        self, reader: HeadReader, trial: str, leaves: Sequence[bytes], *, before: int, begun: bool
    ) -> SignedHead | None:
        """Sign the head after an append; return None where heads are not signed.

        Args:
            reader: reads the log within the transaction.
            trial: the trial of the leaves.
            leaves: the leaves of the appended entries.
            before: the number of entries that the trial had before them.
            begun: whether the heads of the trial are signed.

        Raises:
            HeadKeyMissing: the heads are signed, and there is no signer.
            HeadNotSigned: no signed head covers the entries before these.
        """
        if self._signer is None:
            if begun:
                raise HeadKeyMissing(trial=trial)
            return None  # ignore a head of a trial whose heads are not signed: this library did not store it
        row = reader.kept_head(trial)
        known = self._known.get(trial)
        goes_on = row is not None and known is not None and known[0] == row[1] and known[1].size == before
        if goes_on and known is not None:
            frontier = known[1].copy()
        else:
            frontier = Frontier().extend(_leaves(reader, trial, until=before))
            self._check_covered(trial, frontier, row, self._signer, begun=begun)
        return self._signed(self._signer, trial, frontier.extend(leaves), row, begins=not goes_on)

    def begin(self, reader: HeadReader, trial: str, *, size: int) -> SignedHead:
        """Sign the current head, whether or not a signed head covers the entries.

        Raises:
            HeadKeyMissing: there is no signer.
            HeadAhead: a head that was signed before covers more entries.
        """
        if self._signer is None:
            raise HeadKeyMissing(trial=trial)
        frontier = Frontier().extend(_leaves(reader, trial, until=size))
        row = reader.kept_head(trial)
        signed = None if row is None else self._signer.size_of(str(row[1]), trial)
        if signed is not None and signed > frontier.size:
            raise HeadAhead(trial=trial, size=frontier.size, signed=signed)
        return self._signed(self._signer, trial, frontier, row, begins=True)

    def kept(self, head: SignedHead) -> None:
        """Remember the tree of a head that the store has stored; it is used only while the stored note is the same."""
        tree = self._offered.pop(head.note, None)
        if tree is not None:
            self._known[head.trial] = head.note, tree

    def _check_covered(
        self, trial: str, frontier: Frontier, row: KeptHead | None, signer: HeadSigner, *, begun: bool
    ) -> None:
        """Refuse to append after entries that are not covered by a head of a key that the signer trusts."""
        note, size = None if row is None else str(row[1]), frontier.size
        if note is not None and signer.signed(note, trial, size, frontier.root()):
            return
        signed = None if note is None else signer.size_of(note, trial)
        if not size and signed is None and not begun:
            return  # nothing was recorded yet, so nothing can be forged
        if note is None:
            why = "none is kept, because it was removed, or because heads were not signed before"
        elif signed is None and not is_head(note):
            why = "a checkpoint, or another text, is stored as the head"
        elif signed is None:
            why = "the head is not signed by a key that this writer trusts"
        elif signed > size:
            why = f"the head has {n_entries(signed)}, and some of them are gone"
        else:
            why = f"the head covers {n_entries(signed)}, and entries were changed, or appended without the key"
        raise HeadNotSigned(trial=trial, size=size, why=why)

    def _signed(
        self, signer: HeadSigner, trial: str, frontier: Frontier, row: KeptHead | None, *, begins: bool
    ) -> SignedHead:
        note = signer.sign(trial, frontier.size, frontier.root())
        if len(self._offered) >= _MOST_OFFERED:
            self._offered.clear()
        self._offered[note] = frontier
        follows = row is None or (isinstance(row[0], int) and row[0] <= frontier.size)
        return SignedHead(trial=trial, size=frontier.size, note=note, begins=begins, overrules=not follows)


def _leaves(reader: HeadReader, trial: str, *, until: int) -> Iterator[bytes]:
    """Yield the leaves of a trial.

    Raises:
        LogCorrupt: a stored leaf is not a hash.
    """
    for position, leaf in enumerate(reader.leaves(trial, until=until), start=1):
        found: object = leaf  # another program may have stored anything
        if not isinstance(found, bytes) or len(found) != HASH_BYTES:
            raise LogCorrupt(
                f"position {short(position)} of trial {trial} has no leaf, and cannot be signed: verify the log"
            )
        yield leaf
