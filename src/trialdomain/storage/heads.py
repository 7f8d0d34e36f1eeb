"""The signed head of each trial's tree, where a log is kept with them: replaced in the transaction of every append.

Whoever appends by other means, with right leaves, cannot sign; and whoever signs refuses to go on from entries that no
signed head covers. So a forged entry is never taken over by the next honest one.

That heads are signed at all is remembered as a command that recorded nothing. By it, and not by what stands in the
place of the head, a writer without a key knows that it must not go on (docs/adr/0014).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Protocol, TypeAlias

from trialdomain.errors import LogCorrupt, LogUnusable
from trialdomain.storage.schema import INSERT_COMMAND, PUT_HEAD, REPLACE_HEAD
from trialdomain.storage.stored import EntriesNotKept
from trialdomain.tree.checkpoint import is_head
from trialdomain.tree.merkle import HASH_BYTES, Frontier
from trialdomain.values.plural import n_entries
from trialdomain.values.text import short

BEGUN = "heads begun"
"""The id of the command by which the heads of a trial were begun; it has a space, so that nobody else's can be it."""


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


class SignedHeads:
    """Signs the head after every append; without a signer, refuses to append where heads were begun."""

    def __init__(self, signer: HeadSigner | None) -> None:
        self._signer = signer
        self._known: dict[str, tuple[str, Frontier]] = {}
        """By trial: the last note that this process has written or checked, and the tree under it."""

    def appended(
        self, connection: sqlite3.Connection, trial: str, leaves: Sequence[bytes], *, begun: bool | None = None
    ) -> None:
        """Sign the head after some leaves, which stand in the table already; in the same transaction.

        Args:
            connection: in the middle of it.
            trial: whose leaves they are.
            leaves: of the entries that were just appended.
            begun: whether heads of the trial were begun, where that is known.

        Raises:
            HeadKeyMissing: heads are signed, and there is no key.
            HeadNotSigned: entries before these are under no signed head.
        """
        if self._signer is None:
            if _begun(connection, trial) if begun is None else begun:
                raise HeadKeyMissing(trial=trial)
            return  # what stands in the place of a head that was never begun is somebody else's, and hinders nobody
        row = _head(connection, trial)
        last = connection.execute("SELECT max(position) FROM entries WHERE trial = ?", (trial,)).fetchone()[0]
        before = int(last) - len(leaves)
        known = self._known.get(trial)
        if row is not None and known is not None and known[0] == row[1] and known[1].size == before:
            frontier = known[1].copy()
        else:
            frontier = Frontier().extend(_leaves(connection, trial, until=before))
            self._check_covered(connection, trial, frontier, row, self._signer)
            _remember(connection, trial)
        self._write(connection, trial, frontier.extend(leaves), row, self._signer)

    def begin(self, connection: sqlite3.Connection, trial: str) -> str:
        """Sign the head as it is, whatever is under it, and go on from there; give the note.

        Raises:
            HeadKeyMissing: there is no key.
            HeadAhead: a head that was signed before has more entries.
        """
        if self._signer is None:
            raise HeadKeyMissing(trial=trial)
        frontier = Frontier().extend(_leaves(connection, trial))
        row = _head(connection, trial)
        signed = None if row is None else self._signer.size_of(str(row[1]), trial)
        if signed is not None and signed > frontier.size:
            raise HeadAhead(trial=trial, size=frontier.size, signed=signed)
        _remember(connection, trial)
        return self._write(connection, trial, frontier, row, self._signer)

    def _check_covered(
        self, connection: sqlite3.Connection, trial: str, frontier: Frontier, row: "_Row | None", signer: HeadSigner
    ) -> None:
        """Refuse to go on from entries that no head covers which the signer goes on from."""
        note, size = None if row is None else str(row[1]), frontier.size
        if note is not None and signer.signed(note, trial, size, frontier.root()):
            return
        signed = None if note is None else signer.size_of(note, trial)
        if not size and signed is None and not _begun(connection, trial):
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

    def _write(
        self, connection: sqlite3.Connection, trial: str, frontier: Frontier, row: "_Row | None", signer: HeadSigner
    ) -> str:
        note = signer.sign(trial, frontier.size, frontier.root())
        if row is None or (isinstance(row[0], int) and row[0] <= frontier.size):
            connection.execute(PUT_HEAD, (trial, frontier.size, note))
        else:
            _put_in_place(connection, trial, frontier.size, note)
        if _head(connection, trial) != (frontier.size, note):
            raise EntriesNotKept(trial=trial, what=f"the head of {n_entries(frontier.size)}")
        self._known[trial] = note, frontier  # believed only as long as the same note stands in the table
        return note


_Row: TypeAlias = tuple[object, object]
"""What stands in the place of a head: its size and the note, whatever they are."""


def _head(connection: sqlite3.Connection, trial: str) -> _Row | None:
    row: _Row | None = connection.execute("SELECT size, note FROM heads WHERE trial = ?", (trial,)).fetchone()
    return row


def _begun(connection: sqlite3.Connection, trial: str) -> bool:
    query = "SELECT 1 FROM commands WHERE trial = ? AND command = ?"
    return connection.execute(query, (trial, BEGUN)).fetchone() is not None


def _remember(connection: sqlite3.Connection, trial: str) -> None:
    """Remember that heads were begun, where it is not: no trigger lets that be taken back."""
    if not _begun(connection, trial):
        row = (trial, BEGUN, sha256(BEGUN.encode()).digest(), 1, 0)  # from 1 to 0 is no position
        connection.execute(INSERT_COMMAND, row)
        if not _begun(connection, trial):
            raise EntriesNotKept(trial=trial, what=f"command {BEGUN}")


def _put_in_place(connection: sqlite3.Connection, trial: str, size: int, note: str) -> None:
    """Replace what claims to be a later head, and is none that a key has signed which the signer goes on from.

    The trigger that keeps a head from going back cannot check a signature. REPLACE passes it by, where triggers of what
    is replaced are off.
    """
    connection.execute("PRAGMA recursive_triggers = OFF")
    try:
        connection.execute(REPLACE_HEAD, (trial, size, note))
    finally:
        connection.execute("PRAGMA recursive_triggers = ON")


def _leaves(connection: sqlite3.Connection, trial: str, *, until: int = 2**63 - 1) -> Iterator[bytes]:
    """Yield the leaves of a trial.

    Raises:
        LogCorrupt: something else stands in the place of one.
    """
    query = "SELECT position, leaf FROM entries WHERE trial = ? AND position <= ? ORDER BY position"
    for position, leaf in connection.execute(query, (trial, until)):
        if not isinstance(leaf, bytes) or len(leaf) != HASH_BYTES:
            raise LogCorrupt(
                f"position {short(position)} of trial {trial} has no leaf, and is not signed: verify the log"
            )
        yield leaf
