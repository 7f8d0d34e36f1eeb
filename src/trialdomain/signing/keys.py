"""Ed25519 keys that sign the head of a log's tree, in the formats of C2SP signed-note and tlog-cosignature.

A key has a kind, and a name that is part of every signature. The key of a log signs its checkpoints. With a cosigner's
key, a second party signs that it has seen a checkpoint, and that it extends every checkpoint that it saw before.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from enum import IntEnum
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import NoReturn, Self

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from typing_extensions import override

from trialdomain.errors import InputInvalid, LogUnusable
from trialdomain.exchange.files import read_file
from trialdomain.tree.checkpoint import as_base64
from trialdomain.tree.note import (
    MOST_BYTES,
    Note,
    NoteMalformed,
    SignatureLine,
    check_name,
    from_base64,
)
from trialdomain.values.given.filename import named

_SECRET = "PRIVATE+KEY"  # noqa: S105 - not a key, but the prefix of a private key in C2SP's format
_KEY_BYTES = 32
_TIME_BYTES = 8
_BLANK = " \t\r\n"
"""The white space that may surround a key. Not ``strip()`` and ``splitlines()``: they accept more of Unicode."""
_LATEST = 253402300799
"""The last second of the year 9999, the latest time of Python."""


class KeyMalformed(InputInvalid):
    """A text is not a key, or a file has no key."""

    code = "key-malformed"


class SignatureMissing(InputInvalid):
    """A note is not signed by any trusted key."""

    code = "signature-missing"


class SignatureWrong(SignatureMissing):
    """A signature with the id of a trusted key is not valid for the note."""

    code = "signature-wrong"


class KeyKind(IntEnum):
    """The kind of a key, by its C2SP number: what it signs."""

    LOG = 1
    """The text of a note."""
    COSIGNER = 4
    """The same text, with the time at which it was seen."""


@attrs.frozen(slots=False)  # for its cached property: help cannot show the one that attrs makes
class VerifierKey:
    """The public half of a key."""

    name: str
    kind: KeyKind
    public: bytes = attrs.field(repr=bytes.hex)

    @cached_property
    def id(self) -> bytes:
        """The 4 bytes that identify the key in each signature, with the name."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @override
    def __str__(self) -> str:
        """Write the key in one line, for those who verify."""
        return f"{self.name}+{self.id.hex()}+{as_base64(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Parse a public key.

        Raises:
            KeyMalformed: the text is not a public key.
        """
        name, kind, public, key_id = _parts("verifier key", text.strip(_BLANK))
        key = cls(name, kind, public)
        if key.id.hex() != key_id:
            raise KeyMalformed(f"the key {name[:70]!r} has the id {key.id.hex()}, but its text says {key_id[:8]!r}")
        return key

    def signed_by_it(self, note: Note) -> Iterator["Signed"]:
        """Yield each signature of this key below a note.

        Raises:
            SignatureWrong: one of them is not valid: then do not trust anything in the note.
        """
        for line in note.signatures:
            if (line.name, line.key_id) == (self.name, self.id):
                yield Signed(self, self._checked(note.text, line.signature))

    def _checked(self, text: str, signature: bytes) -> datetime | None:
        """Verify a signature; return the time that a cosigner's names."""
        seconds = None
        if self.kind is KeyKind.COSIGNER:
            seconds, signature = int.from_bytes(signature[:_TIME_BYTES], "big"), signature[_TIME_BYTES:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, _message(text, seconds))
        except (InvalidSignature, ValueError):
            raise SignatureWrong(f"the signature of {self.name} is wrong: the note is not what was signed") from None
        if seconds is not None and seconds > _LATEST:
            raise SignatureWrong(f"the signature of {self.name} names a time after 9999: {seconds} seconds since 1970")
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


@attrs.frozen
class Signed:
    """A valid signature: its key, and its time, where the signature names one."""

    key: VerifierKey
    at: datetime | None


@attrs.frozen(slots=False)  # for its cached property: help cannot show the one that attrs makes
class SigningKey:
    """Both halves of a key: it can sign.

    It can be copied in memory, but not pickled: pickles end up in caches and queues, where no private key belongs.
    """

    name: str
    kind: KeyKind
    _seed: bytes = attrs.field(repr=False)

    @classmethod
    def generate(cls, name: str, kind: KeyKind = KeyKind.LOG) -> "SigningKey":
        """Make a new key.

        Raises:
            KeyMalformed: no key can have the name.
        """
        try:
            return cls(check_name(name), kind, Ed25519PrivateKey.generate().private_bytes_raw())
        except NoteMalformed as error:
            raise KeyMalformed(str(error)) from None

    @cached_property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.kind, self._private.public_key().public_bytes_raw())

    @property
    def secret(self) -> str:
        """The private key in one line; write it only to its file."""
        return f"{_SECRET}+{self.name}+{self.verifier.id.hex()}+{as_base64(bytes([self.kind]) + self._seed)}"

    @classmethod
    def parse(cls, text: str) -> "SigningKey":
        """Parse a private key; an error never quotes the key.

        Raises:
            KeyMalformed: the text is not a private key.
        """
        plain = text.strip(_BLANK)
        if not plain.startswith(f"{_SECRET}+"):
            raise KeyMalformed(f"a private key begins with {_SECRET}: make one with 'trialdomain keygen'")
        name, kind, seed, key_id = _parts("private key", plain.removeprefix(f"{_SECRET}+"))
        key = cls(name, kind, seed)
        if key.verifier.id.hex() != key_id:
            raise KeyMalformed(f"the private key {name[:70]!r} does not fit its own id: it was damaged")
        return key

    def sign(self, text: str, *, at: datetime) -> SignatureLine:
        """Sign the text of a note; a cosigner's signature includes the time."""
        verifier = self.verifier
        if self.kind is KeyKind.LOG:
            return SignatureLine(self.name, verifier.id, self._private.sign(_message(text, None)))
        seconds = int(at.timestamp())
        signature = self._private.sign(_message(text, seconds))
        return SignatureLine(self.name, verifier.id, seconds.to_bytes(_TIME_BYTES, "big") + signature)

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError(f"the private key {self.name} is not pickled: read it from its file where it is needed")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    @cached_property
    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._seed)


def signers(note: Note, keys: Iterable[VerifierKey]) -> tuple[Signed, ...]:
    """Return the valid signatures of some keys below a note.

    Raises:
        SignatureMissing: none of the keys has signed it.
        SignatureWrong: a signature of one of the keys is not valid.
    """
    trusted = list(keys)
    found = tuple(signed for key in trusted for signed in key.signed_by_it(note))
    if not found:
        named = ", ".join(dict.fromkeys(line.name for line in note.signatures)) or "no key"
        known = ", ".join(f"{key.name} ({key.id.hex()})" for key in trusted) or "no key"
        raise SignatureMissing(f"the note is signed by {named[:200]}, but must be signed by one of: {known}")
    return found


def writers(keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Return the keys that can sign a head: a cosigner's key cannot."""
    return tuple(key for key in keys if key.kind is KeyKind.LOG)


def read_keys(path: Path) -> list[VerifierKey]:
    """Read the public keys of a file, one per line; skip empty lines and lines that begin with #.

    Only a newline ends a line, as for ``grep`` and ``wc``: a line that they show as a comment is a comment here too.

    Raises:
        KeyMalformed: the file cannot be read, has no key, or a line is not a key.
    """
    lines = [line.strip(_BLANK) for line in _read(path).split("\n")]
    keys = []
    for number, line in enumerate(lines, start=1):
        if line and not line.startswith("#"):
            if line.startswith(_SECRET):
                raise KeyMalformed(
                    f"{path}, line {number}, is a private key: name the public one, and keep this secret"
                )
            try:
                keys.append(VerifierKey.parse(line))
            except KeyMalformed as error:
                raise KeyMalformed(f"{path}, line {number}: {error}") from None
    if not keys:
        raise KeyMalformed(f"{path} has no key: name a file that 'trialdomain keygen' has made")
    return keys


def read_signing_key(path: Path) -> SigningKey:
    """Read the private key of a file.

    Raises:
        KeyMalformed: the file cannot be read, or is not a private key.
    """
    text = _read(path)
    try:
        return SigningKey.parse(text)
    except KeyMalformed as error:
        raise KeyMalformed(f"{path}: {error}") from None


def write_keys(key: SigningKey, secret: Path, public: Path) -> None:
    """Write both halves into new files; only the owner can read the private one.

    Raises:
        LogUnusable: a file exists already, or cannot be made.
    """
    secret, public = named(secret), named(public)
    for path, text, mode in ((secret, key.secret, 0o600), (public, str(key.verifier), 0o644)):
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
                file.write(f"{text}\n")
        except OSError as error:
            if path == public:
                with suppress(OSError):
                    secret.unlink()
            raise LogUnusable(f"{path} cannot be made: {error.strerror}; choose another name, or folder") from None


def _read(path: Path) -> str:
    try:
        return read_file(path, most=MOST_BYTES).decode()
    except UnicodeDecodeError:
        raise KeyMalformed(f"{path} is not UTF-8 text, and has no key: name the file of a key") from None
    except InputInvalid as error:
        raise KeyMalformed(str(error)) from None


def _parts(what: str, text: str) -> tuple[str, KeyKind, bytes, str]:
    """Split the text of a key into its name, its kind, its 32 bytes, and its stated id."""
    name, _, rest = text.partition("+")
    key_id, gap, encoded = rest.partition("+")
    try:
        check_name(name)
        found = from_base64("it", encoded)
        kind = KeyKind(found[0])
    except (NoteMalformed, ValueError, IndexError):  # the message does not quote the text: it may be private
        kind, found = None, b""
    if not gap or kind is None or len(found) != 1 + _KEY_BYTES:
        raise KeyMalformed(f"the text is not a {what} of Ed25519: expected NAME+ID+BASE64 in one line, as from keygen")
    return name, kind, found[1:], key_id


def _message(text: str, seconds: int | None) -> bytes:
    """Return the signed bytes: the text; for a cosigner, with the time before it."""
    return (text if seconds is None else f"cosignature/v1\ntime {seconds}\n{text}").encode()
