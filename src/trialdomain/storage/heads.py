"""The signed head of each trial's tree, where a log is kept with them: replaced in the transaction of every append.

Whoever appends by other means, with right leaves, cannot sign; and whoever signs refuses to go on from entries that no
signed head covers. So a forged entry is never taken over by the next honest one.

That heads are signed at all is remembered as a command that recorded nothing. By it, and not by what stands in the
place of the head, a writer without a key knows that it must not go on (docs/adr/0014).
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
"""The id of the command by which the heads of a trial were begun; it has a space, so that no other command has it."""
BEGUN_REQUEST = sha256(BEGUN.encode()).digest()
"""In the place of the hash of that command's request."""


class HeadSigner(Protocol):
    """Signs heads, and knows its own again; where its key is, is its own affair."""

    def sign(self, trial: str, size: int, root: bytes) -> str:
        """Sign the head of a trial's tree, as a note."""
        ...

    def signed(self, note: str, trial: str, size: int, root: bytes) -> bool:
        """Say whether a note is this head, signed by a key that this signer goes on from."""
        ...

    def size_of(self, note: str, trial: str) -> int | None:
        """Give how many entries a head of the trial has that such a key has signed; None for any other note."""
        ...


KeptHead: TypeAlias = tuple[object, object]
"""What stands in the place of a head: its size and the note, whatever they are."""


class HeadReader(Protocol):
    """What a store lets the signing of heads read, under the write lock."""

    def kept_head(self, trial: str) -> KeptHead | None:
        """Give what stands in the place of a trial's head."""
        ...

    def heads_begun(self, trial: str) -> bool:
        """Say whether the heads of a trial were begun to be signed."""
        ...

    def leaves(self, trial: str, *, until: int) -> Iterator[bytes]:
        """Yield the leaf hashes of a trial by position."""
        ...


class HeadNotSigned(LogCorrupt):
    """Entries stand in a log of signed heads that no signed head covers."""

    code = "head-not-signed"

    def __init__(self, *, trial: str, size: int, why: str = "none is kept") -> None:
        super().__init__(
            f"no head that this writer's key has signed covers the {n_entries(size)} of trial {trial}: {why}; "
            f"verify the log, then sign its head once with begin_signed_heads"
        )
        self.trial, self.size, self.why = trial, size, why


class HeadAhead(LogCorrupt):
    """A signed head has more entries than the log: some are gone, and to sign what is left would hide that."""

    code = "head-ahead"

    def __init__(self, *, trial: str, size: int, signed: int) -> None:
        super().__init__(
            f"the newest head of trial {trial} has {n_entries(signed)}, and the log has {size}: entries are gone; "
            f"restore the log from a copy that has them"
        )
        self.trial, self.size, self.signed = trial, size, signed


class HeadKeyMissing(LogUnusable):
    """A log of signed heads is written to by somebody who cannot sign."""

    code = "head-key-missing"

    def __init__(self, *, trial: str) -> None:
        super().__init__(
            f"the heads of trial {trial} are signed: open the log with the key that signs them; where nobody ever "
            f"signed them, verify the log, export it, and restore that"
        )
        self.trial = trial


@attrs.frozen(kw_only=True)
class SignedHead:
    """A head that was signed, for the store to put in the place of the one before."""

    trial: str
    size: int
    """How many entries are under it."""
    note: str
    begins: bool
    """Whether the store has to remember that heads were begun, where it does not yet."""
    overrules: bool
    """Whether what stands in its place claims to be a later head, and is none that the signer goes on from."""


class SignedHeads:
    """Signs the head after every append; without a signer, refuses to append where heads were begun."""

    def __init__(self, signer: HeadSigner | None) -> None:
        self._signer = signer
        self._known: dict[str, tuple[str, Frontier]] = {}
        """By trial: the last note that this process has written or checked, and the tree under it."""
        self._offered: dict[str, tuple[str, Frontier]] = {}
        """By trial: the same of a head that was signed, and is not kept yet."""

    def after(
        self, reader: HeadReader, trial: str, leaves: Sequence[bytes], *, before: int, begun: bool
    ) -> SignedHead | None:
        """Sign the head after some leaves; None where heads are not signed.

        Args:
            reader: reads the log, in the middle of the transaction.
            trial: whose leaves they are.
            leaves: of the entries that are being appended.
            before: how many entries the trial had before them.
            begun: whether heads of the trial were begun.

        Raises:
            HeadKeyMissing: heads are signed, and there is no key.
            HeadNotSigned: entries before these are under no signed head.
        """
        if self._signer is None:
            if begun:
                raise HeadKeyMissing(trial=trial)
            return None  # what stands in the place of a head that was never begun is somebody else's
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
        """Sign the head as it is, whatever is under it.

        Raises:
            HeadKeyMissing: there is no key.
            HeadAhead: a head that was signed before has more entries.
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
        """Go on from a head that the store has kept; it is believed only as long as the same note stands there."""
        self._known[head.trial] = self._offered.pop(head.trial)

    def _check_covered(
        self, trial: str, frontier: Frontier, row: KeptHead | None, signer: HeadSigner, *, begun: bool
    ) -> None:
        """Refuse to go on from entries that no head covers which the signer goes on from."""
        note, size = None if row is None else str(row[1]), frontier.size
        if note is not None and signer.signed(note, trial, size, frontier.root()):
            return
        signed = None if note is None else signer.size_of(note, trial)
        if not size and signed is None and not begun:
            return  # nothing was recorded yet: there is nothing that anybody could have forged
        if note is None:
            why = "none is kept, because it was removed, or because heads were not signed before"
        elif signed is None and not is_head(note):
            why = "a checkpoint, or something else, stands in the place of the head"
        elif signed is None:
            why = "the head is signed by no key that this writer goes on from"
        elif signed > size:
            why = f"the head has {n_entries(signed)}, and some of them are gone"
        else:
            why = f"the head ends at {n_entries(signed)}, and somebody has appended without the key, or changed them"
        raise HeadNotSigned(trial=trial, size=size, why=why)

    def _signed(
        self, signer: HeadSigner, trial: str, frontier: Frontier, row: KeptHead | None, *, begins: bool
    ) -> SignedHead:
        note = signer.sign(trial, frontier.size, frontier.root())
        follows = row is None or (isinstance(row[0], int) and row[0] <= frontier.size)
        self._offered[trial] = note, frontier
        return SignedHead(trial=trial, size=frontier.size, note=note, begins=begins, overrules=not follows)


def _leaves(reader: HeadReader, trial: str, *, until: int) -> Iterator[bytes]:
    """Yield the leaves of a trial.

    Raises:
        LogCorrupt: something else stands in the place of one.
    """
    for position, leaf in enumerate(reader.leaves(trial, until=until), start=1):
        found: object = leaf  # somebody may have put anything there
        if not isinstance(found, bytes) or len(found) != HASH_BYTES:
            raise LogCorrupt(
                f"position {short(position)} of trial {trial} has no leaf, and is not signed: verify the log"
            )
        yield leaf
