"""The signed head of each trial's tree, where a log is kept with them: replaced in the transaction of every append.

Whoever appends by other means, with right leaves, cannot sign; and whoever signs refuses to go on from entries that no
signed head covers. So a forged entry is never taken over by the next honest one.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Protocol

from trialdomain.errors import LogCorrupt, LogUnusable
from trialdomain.tree.merkle import Frontier


class HeadSigner(Protocol):
    """Signs heads, and knows its own again; where its key is, is its own affair."""

    def sign(self, trial: str, size: int, root: bytes) -> str:
        """Sign the head of a trial's tree, as a note."""
        ...

    def signed(self, note: str, trial: str, size: int, root: bytes) -> bool:
        """Say whether a note is this head, signed by a key that this signer goes on from."""
        ...


class HeadNotSigned(LogCorrupt):
    """Entries stand in a log of signed heads that no signed head covers."""

    code = "head-not-signed"

    def __init__(self, *, trial: str, size: int) -> None:
        super().__init__(
            f"no head that this writer's key has signed covers the {size} entries of trial {trial}: somebody appended "
            f"without the key, or the heads were not signed before; verify the log, then sign its head once"
        )
        self.trial, self.size = trial, size


class HeadKeyMissing(LogUnusable):
    """A log of signed heads is written to by somebody who cannot sign."""

    code = "head-key-missing"

    def __init__(self, *, trial: str) -> None:
        super().__init__(f"the heads of trial {trial} are signed: open the log with the key that signs them")
        self.trial = trial


class SignedHeads:
    """Signs the head after every append; without a signer, refuses to append where heads are signed."""

    def __init__(self, signer: HeadSigner | None) -> None:
        self._signer = signer
        self._known: dict[str, tuple[str, Frontier]] = {}
        """By trial: the last note that this process has written or checked, and the tree under it."""

    def appended(self, connection: sqlite3.Connection, trial: str, leaves: Sequence[bytes]) -> None:
        """Sign the head after some leaves, which stand in the table already; in the same transaction.

        Raises:
            HeadKeyMissing: heads are signed, and there is no key.
            HeadNotSigned: entries before these are under no signed head.
        """
        row = connection.execute("SELECT size, note FROM heads WHERE trial = ?", (trial,)).fetchone()
        if self._signer is None:
            if row is not None:
                raise HeadKeyMissing(trial=trial)
            return
        last = connection.execute("SELECT max(position) FROM entries WHERE trial = ?", (trial,)).fetchone()[0]
        before = int(last) - len(leaves)
        known = self._known.get(trial)
        if row is not None and known is not None and known[0] == row[1] and known[1].size == before:
            frontier = known[1].copy()
        else:
            frontier = Frontier().extend(_leaves(connection, trial, until=before))
            fits = row is not None and self._signer.signed(str(row[1]), trial, before, frontier.root())
            if (before or row is not None) and not fits:
                raise HeadNotSigned(trial=trial, size=before)
        self._write(connection, trial, frontier.extend(leaves), self._signer)

    def begin(self, connection: sqlite3.Connection, trial: str) -> str:
        """Sign the head as it is, whatever is under it, and go on from there; give the note.

        Raises:
            HeadKeyMissing: there is no key.
        """
        if self._signer is None:
            raise HeadKeyMissing(trial=trial)
        frontier = Frontier().extend(_leaves(connection, trial))
        return self._write(connection, trial, frontier, self._signer)

    def _write(self, connection: sqlite3.Connection, trial: str, frontier: Frontier, signer: HeadSigner) -> str:
        note = signer.sign(trial, frontier.size, frontier.root())
        connection.execute(_UPSERT, (trial, frontier.size, note))
        self._known[trial] = note, frontier  # believed only as long as the same note stands in the table
        return note


_UPSERT = (
    "INSERT INTO heads (trial, size, note) VALUES (?, ?, ?)"
    " ON CONFLICT (trial) DO UPDATE SET size = excluded.size, note = excluded.note"
)


def _leaves(connection: sqlite3.Connection, trial: str, *, until: int = 2**63 - 1) -> Iterable[bytes]:
    query = "SELECT leaf FROM entries WHERE trial = ? AND position <= ? ORDER BY position"
    return (leaf for (leaf,) in connection.execute(query, (trial, until)))
