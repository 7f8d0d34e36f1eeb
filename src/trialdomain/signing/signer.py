"""The signers: of checkpoints, on a machine that need not have the log, and of the head after every append.

A signer of checkpoints receives a tree head, and a proof that its tree extends the tree that the signer signed last. It
never signs two trees of which neither extends the other. So a rewritten or forked log gets no further signature.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG

from trialdomain.errors import CommandRefused, InputInvalid, LogUnusable
from trialdomain.signing.keys import KeyKind, SigningKey, VerifierKey, signers, writers
from trialdomain.storage.sqlite.file import file_uri, is_database, translated_errors
from trialdomain.storage.sqlite.forks import brief, refuse_unsafe
from trialdomain.tree.checkpoint import Checkpoint, Head, SigningRequest, is_head, parse_checkpoint, parse_head
from trialdomain.tree.merkle import EMPTY_ROOT
from trialdomain.tree.note import Note, NoteMalformed, parse_note
from trialdomain.tree.proofs import ProofInvalid, check_consistency
from trialdomain.values.given.filename import named, unread
from trialdomain.values.given.plural import n_entries

_APPLICATION_ID = 0x74726473
"""``trds`` in ASCII, in the header of every signer's file."""
_TABLE = """CREATE TABLE signed (
    origin TEXT NOT NULL, size INTEGER NOT NULL, note TEXT NOT NULL, PRIMARY KEY (origin, size)
) STRICT, WITHOUT ROWID"""


class SigningRefused(CommandRefused):
    """A signer refuses to sign a tree head."""

    code = "signing-refused"


class TreeSigner:
    """Signs checkpoints, and records in its own file what it has signed.

    Args:
        key: a log's key, or a cosigner's.
        signed: the file of the signed checkpoints, created when it does not exist. A signer that loses it does not know
            what it has signed.
        trusted: the keys of which one must have signed before this one does; a cosigner has at least one.
        clock: returns the time for a cosigner's signature.
    """

    def __init__(
        self,
        key: SigningKey,
        signed: Path,
        *,
        trusted: Sequence[VerifierKey] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.key, self._path, self._trusted, self._clock = key, named(signed), tuple(trusted), clock

    def last(self, origin: str) -> Checkpoint | None:
        """Return the checkpoint of a log that was signed last; None before the first.

        Raises:
            LogUnusable: the file is not the file of a signer.
        """
        with self._opened() as connection:
            return _last(connection, origin)

    def sign(self, request: SigningRequest) -> Note:
        """Sign a tree head; the record of it is on disk before this returns the signature.

        Raises:
            SigningRefused: the tree does not extend the one that was signed last, or the proof begins at another one;
                or the text is the head of a writer, or would be read as another checkpoint.
            SignatureMissing: a cosigner received a checkpoint that no trusted key has signed.
            LogUnusable: the signer's file is another kind of file, or cannot be written.
        """
        checkpoint, note = request.checkpoint, request.note or Note(request.checkpoint.text, ())
        if is_head(checkpoint.text):
            raise SigningRefused(
                f"{checkpoint.origin[:90]} is the head of a writer, and not a checkpoint: make the request with "
                f"'trialdomain checkpoint LOG --request'"
            )
        if not _says_itself(checkpoint):
            raise SigningRefused(
                f"{checkpoint.origin[:90]!r} cannot be the name of a log: its checkpoint would read as that of another"
            )
        if note.text != checkpoint.text:
            raise SigningRefused("the request has the signed note of another tree: make the request again")
        if self.key.kind is KeyKind.COSIGNER and not self._trusted:
            raise SigningRefused("a cosigner signs only what a log's key has signed: name that key as trusted")
        if self._trusted:
            signers(note, self._trusted)
        with self._opened() as connection:
            last = _last(connection, checkpoint.origin)
            _check_extends(request, last)
            own = self.key.sign(checkpoint.text, at=self._clock())
            kept = str(Note(checkpoint.text, (own,)))
            connection.execute(
                "INSERT OR REPLACE INTO signed VALUES (?, ?, ?)", (checkpoint.origin, checkpoint.size, kept)
            )
        trusted = {(key.name, key.id) for key in self._trusted}
        others = (line for line in note.signatures if (line.name, line.key_id) in trusted)
        return Note(checkpoint.text, ()).signed(*others, own)  # other lines are not verified: drop them

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file in one exclusive transaction."""
        if not self._may_be_ours():
            raise LogUnusable(f"{self._path} is not the file of a signer: it was left as it is; name another")
        visit = brief()
        with visit.stay, visit, translated_errors(self._path), self._connected() as connection:
            yield connection

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        refuse_unsafe(self._path)
        connection = sqlite3.connect(file_uri(self._path), uri=True, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = EXTRA")  # also flushes the folder after the journal is deleted
            connection.execute("BEGIN EXCLUSIVE")
            self._set_up(connection)
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()  # rolls back what was not committed

    def _may_be_ours(self) -> bool:
        """Say whether the file is a SQLite file, is empty, or does not exist."""
        try:
            looked = self._path.stat()
        except FileNotFoundError:
            return True
        except OSError as error:
            raise LogUnusable(unread(self._path, error)) from None
        return S_ISREG(looked.st_mode) and (not looked.st_size or is_database(self._path))

    def _set_up(self, connection: sqlite3.Connection) -> None:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        if application == _APPLICATION_ID:
            return
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise LogUnusable(f"{self._path} is not the file of a signer: it was left as it is; name another")
        connection.execute(_TABLE)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")


def _says_itself(checkpoint: Checkpoint) -> bool:
    """Say whether parsing the text of a checkpoint gives it back; with a newline in its name, it gives another one."""
    try:
        return parse_checkpoint(checkpoint.text) == checkpoint
    except NoteMalformed:
        return False


def _last(connection: sqlite3.Connection, origin: str) -> Checkpoint | None:
    row = connection.execute(
        "SELECT note FROM signed WHERE origin = ? ORDER BY size DESC LIMIT 1", (origin,)
    ).fetchone()
    return None if row is None else parse_checkpoint(parse_note(str(row[0]).encode()).text)


def _check_extends(request: SigningRequest, last: Checkpoint | None) -> None:
    new = request.checkpoint
    if last is None:
        if request.old:
            raise SigningRefused(
                f"the proof begins at {n_entries(request.old)}, but this key has signed nothing of {new.origin} yet: "
                f"ask again from 0, or restore the signer's file"
            )
        last = Checkpoint(new.origin, 0, EMPTY_ROOT)
    if new.size < last.size:
        raise SigningRefused(
            f"{new.origin} had {n_entries(last.size)} when it was signed last, but has {new.size} now: "
            "entries are missing"
        )
    if request.old != last.size:
        raise SigningRefused(
            f"the last signed tree of {new.origin} has {n_entries(last.size)}, but the proof begins at "
            f"{request.old}: ask again from {last.size}"
        )
    try:
        check_consistency(last.size, last.root, new.size, new.root, request.proof)
    except ProofInvalid as error:
        raise SigningRefused(f"{new.origin} is not signed: {error}") from None


class HeadKey:
    """Signs the head of a trial's tree in the transaction of every append; see ``Trials.open``.

    Args:
        key: the writer's key. Everyone with access to the machine has it too: a signature shows only that a process
            with the key has appended.
        trusted: keys of other writers to the same log; this one appends after their heads.
    """

    def __init__(self, key: SigningKey, *, trusted: Sequence[VerifierKey] = ()) -> None:
        if key.kind is not KeyKind.LOG:
            raise SigningRefused(f"{key.name} is the key of a cosigner: sign heads with the key of a log")
        self._key, self._trusted = key, writers((key.verifier, *trusted))

    def sign(self, trial: str, size: int, root: bytes) -> str:
        """Sign the head of a trial's tree, as a note.

        Raises:
            SigningRefused: no trial can have the name; the head would be read as that of another.
        """
        text = Head(trial, size, root).text
        if "\n" in trial:  # it would be read as the head of another trial
            raise SigningRefused(f"{trial[:70]!r} cannot be the name of a trial: its head was not signed")
        return str(Note(text, (self._key.sign(text, at=_NEVER),)))

    def signed(self, note: str, trial: str, size: int, root: bytes) -> bool:
        """Say whether a note is this head, signed by this key or another writer's."""
        return self._read(note) == Head(trial, size, root)

    def size_of(self, note: str, trial: str) -> int | None:
        """Return the number of entries under this head of a trial; None where no trusted writer has signed it."""
        head = self._read(note)
        return head.size if head is not None and head.trial == trial else None

    def _read(self, note: str) -> Head | None:
        try:
            read = parse_note(note.encode(errors="replace"))
            signers(read, self._trusted)
            return parse_head(read.text)
        except InputInvalid:
            return None


_NEVER = datetime.min.replace(tzinfo=UTC)
"""The unused time of a signature: the key of a log signs no time."""
