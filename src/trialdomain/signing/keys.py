"""Keys that sign the head of a log's tree: Ed25519, in the forms of C2SP signed-note and tlog-cosignature.

A key has a name, which stands in every signature, and a kind. The key of a log signs its checkpoints; a cosigner's says
that a second party has seen a checkpoint and found that it extends every one that it saw before.
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

_SECRET = "PRIVATE+KEY"  # noqa: S105 - the words before a private key, as C2SP has them, and no key
_KEY_BYTES = 32
_TIME_BYTES = 8
_BLANK = " \t\r\n"
"""What may stand around a key: ``strip()`` alone takes every space of Unicode, and ``splitlines()`` splits at more."""
_LATEST = 253402300799
"""The last second of the year 9999: a later one is no time."""


class KeyMalformed(InputInvalid):
    """A text is no key, or a file holds none."""

    code = "key-malformed"


class SignatureMissing(InputInvalid):
    """A note is signed by none of the keys that are trusted."""

    code = "signature-missing"


class SignatureWrong(SignatureMissing):
    """A signature of a trusted key does not fit: the note is not what that key has signed."""

    code = "signature-wrong"


class KeyKind(IntEnum):
    """What a key signs, by its C2SP number."""

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
        """The 4 bytes that stand in each signature beside the name."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @override
    def __str__(self) -> str:
        """Write it in one line, as it is handed to whoever verifies."""
        return f"{self.name}+{self.id.hex()}+{as_base64(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read a public key.

        Raises:
            KeyMalformed: it is none.
        """
        name, kind, public, key_id = _parts("verifier key", text.strip(_BLANK))
        key = cls(name, kind, public)
        if key.id.hex() != key_id:
            raise KeyMalformed(f"the key {name[:70]!r} has the id {key.id.hex()}, and {key_id[:8]!r} is given")
        return key

    def signed_by_it(self, note: Note) -> Iterator["Signed"]:
        """Yield each signature of this key below a note.

        Raises:
            SignatureWrong: one of them does not fit: then nothing in the note is to be believed.
        """
        for line in note.signatures:
            if (line.name, line.key_id) == (self.name, self.id):
                yield Signed(self, self._checked(note.text, line.signature))

    def _checked(self, text: str, signature: bytes) -> datetime | None:
        """Give the time that a right signature names, if it names one."""
        seconds = None
        if self.kind is KeyKind.COSIGNER:
            seconds, signature = int.from_bytes(signature[:_TIME_BYTES], "big"), signature[_TIME_BYTES:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, _message(text, seconds))
        except (InvalidSignature, ValueError):
            raise SignatureWrong(f"the signature of {self.name} is wrong: the note is not what was signed") from None
        if seconds is not None and seconds > _LATEST:
            raise SignatureWrong(f"the signature of {self.name} names no time: {seconds} seconds since 1970")
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


@attrs.frozen
class Signed:
    """That a key has signed, and when, where the signature says so."""

    key: VerifierKey
    at: datetime | None


@attrs.frozen(slots=False)  # for its cached property: help cannot show the one that attrs makes
class SigningKey:
    """Both halves of a key: whoever has it can sign.

    It can be copied in memory, and not pickled: a pickle is kept in caches and queues, and a private key in its file.
    """

    name: str
    kind: KeyKind
    _seed: bytes = attrs.field(repr=False)

    @classmethod
    def generate(cls, name: str, kind: KeyKind = KeyKind.LOG) -> "SigningKey":
        """Make a new key.

        Raises:
            KeyMalformed: the name is none that a key can have.
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
        """Write it in one line, for its file alone."""
        return f"{_SECRET}+{self.name}+{self.verifier.id.hex()}+{as_base64(bytes([self.kind]) + self._seed)}"

    @classmethod
    def parse(cls, text: str) -> "SigningKey":
        """Read a private key; what is wrong with it is said without showing it.

        Raises:
            KeyMalformed: it is none.
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
        """Sign the text of a note; a cosigner's signature says when."""
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
    """Name who of some keys has signed a note.

    Raises:
        SignatureMissing: nobody has.
        SignatureWrong: a signature of theirs does not fit.
    """
    trusted = list(keys)
    found = tuple(signed for key in trusted for signed in key.signed_by_it(note))
    if not found:
        named = ", ".join(dict.fromkeys(line.name for line in note.signatures)) or "nobody"
        known = ", ".join(f"{key.name} ({key.id.hex()})" for key in trusted) or "none"
        raise SignatureMissing(f"the note is signed by {named[:200]}, and by none of the keys that are given: {known}")
    return found


def writers(keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Give those of some keys that can sign a head: a cosigner signs none."""
    return tuple(key for key in keys if key.kind is KeyKind.LOG)


def read_keys(path: Path) -> list[VerifierKey]:
    """Read the public keys of a file, one a line; empty lines and lines that begin with # are passed over.

    A line ends at a newline and nowhere else, as for ``grep`` and ``wc``: what they show in a comment stands in it.

    Raises:
        KeyMalformed: the file cannot be read, holds no key, or a line is none.
    """
    lines = [line.strip(_BLANK) for line in _read(path).split("\n")]
    keys = []
    for number, line in enumerate(lines, start=1):
        if line and not line.startswith("#"):
            if line.startswith(_SECRET):
                raise KeyMalformed(f"{path}, line {number}, is a private key: give the public one, and keep this one")
            try:
                keys.append(VerifierKey.parse(line))
            except KeyMalformed as error:
                raise KeyMalformed(f"{path}, line {number}: {error}") from None
    if not keys:
        raise KeyMalformed(f"{path} holds no key: give a file that 'trialdomain keygen' has made")
    return keys


def read_signing_key(path: Path) -> SigningKey:
    """Read the private key of a file.

    Raises:
        KeyMalformed: the file cannot be read, or holds none.
    """
    text = _read(path)
    try:
        return SigningKey.parse(text)
    except KeyMalformed as error:
        raise KeyMalformed(f"{path}: {error}") from None


def write_keys(key: SigningKey, secret: Path, public: Path) -> None:
    """Write both halves into files that do not exist yet; the private one can be read by its owner alone.

    Raises:
        LogUnusable: a file is there already, or cannot be made.
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
        raise KeyMalformed(f"{path} is no text, and holds no key") from None
    except InputInvalid as error:
        raise KeyMalformed(str(error)) from None


def _parts(what: str, text: str) -> tuple[str, KeyKind, bytes, str]:
    """Take a key apart: its name, its kind, its 32 bytes, and the id that it is said to have."""
    name, _, rest = text.partition("+")
    key_id, gap, encoded = rest.partition("+")
    try:
        check_name(name)
        found = from_base64("it", encoded)
        kind = KeyKind(found[0])
    except (NoteMalformed, ValueError, IndexError):  # what is wrong is not shown: it may be private
        kind, found = None, b""
    if not gap or kind is None or len(found) != 1 + _KEY_BYTES:
        raise KeyMalformed(f"this is no {what} of Ed25519: expected NAME+ID+BASE64, in one line, as keygen writes it")
    return name, kind, found[1:], key_id


def _message(text: str, seconds: int | None) -> bytes:
    """Give what is signed: the text, and before it the time, where a cosigner says when."""
    return (text if seconds is None else f"cosignature/v1\ntime {seconds}\n{text}").encode()
