"""Signed notes in the format of C2SP signed-note: a text, an empty line, and lines with signatures.

This module only parses and writes them; :mod:`trialdomain.signing.keys` verifies the signatures.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error

import attrs
from typing_extensions import override

from trialdomain.errors import InputInvalid
from trialdomain.tree.proofs import LARGEST_SIZE

MOST_BYTES = 128 * 1024
"""The longest accepted note: long enough for 16 post-quantum signatures of 5 kB."""
MOST_SIGNATURES = 64
_KEY_ID_BYTES = 4
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DASH = "\u2014 "


class NoteMalformed(InputInvalid):
    """A text is not a signed note, or not a checkpoint."""

    code = "note-malformed"


@attrs.frozen
class SignatureLine:
    """One line below a note: the claimed key, and the signature, which is not verified yet."""

    name: str
    key_id: bytes
    """4 bytes."""
    signature: bytes

    @override
    def __str__(self) -> str:
        """Write the line, without a newline."""
        return f"{_DASH}{self.name} {b64encode(self.key_id + self.signature).decode()}"


@attrs.frozen
class Note:
    """A text and the signatures below it."""

    text: str
    """The signed text, with the newline at its end."""
    signatures: tuple[SignatureLine, ...]

    @override
    def __str__(self) -> str:
        """Write the note in the format of C2SP signed-note."""
        return "".join((self.text, "\n", *(f"{line}\n" for line in self.signatures)))

    def signed(self, *lines: SignatureLine) -> "Note":
        """Return the note with further signatures, each written once."""
        return Note(self.text, tuple(dict.fromkeys((*self.signatures, *lines))))


def parse_note(given: bytes) -> Note:
    """Parse a signed note.

    Raises:
        NoteMalformed: the bytes are not a signed note, or are too long.
    """
    text, gap, below = note_text(given).rpartition("\n\n")
    if not gap:
        raise NoteMalformed("a signed note has an empty line before its signatures, and this text has none")
    if not below.endswith("\n"):
        raise NoteMalformed("the last line of the note is cut off")
    lines = below[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise NoteMalformed(f"the note has {len(lines)} signatures, more than {MOST_SIGNATURES}")
    return Note(f"{text}\n", tuple(map(_signature_line, lines)))


def note_text(given: bytes) -> str:
    """Decode the text of a note, or of a text to be signed.

    Raises:
        NoteMalformed: it is too long, is not UTF-8, or has control characters.
    """
    if len(given) > MOST_BYTES:
        raise NoteMalformed(f"the note has {len(given)} bytes, more than {MOST_BYTES}")
    try:
        text = given.decode()
    except UnicodeDecodeError:
        raise NoteMalformed("the note is not UTF-8") from None
    if _CONTROL.search(text):
        raise NoteMalformed("the note has a control character other than a newline")
    return text


def check_name(name: str) -> str:
    """Return a name that a key can have; refuse any other.

    Raises:
        NoteMalformed: it is empty, or has a space, a plus or a control character.
    """
    if not name or "+" in name or any(one.isspace() or _is_unwritable(one) for one in name):
        raise NoteMalformed(f"{name[:70]!r} cannot be the name of a key: it is empty, or has a space or a plus")
    return name


def _is_unwritable(character: str) -> bool:
    return character < " " or "\ud800" <= character <= "\udfff"


def from_base64(what: str, text: str) -> bytes:
    """Decode base64 in its canonical form.

    Raises:
        NoteMalformed: the text is not base64, or another encoding of the same bytes.
    """
    try:
        found = b64decode(text.encode("ascii"), validate=True)
    except (Base64Error, ValueError):
        raise NoteMalformed(f"{what} is not base64: {text[:70]!r}") from None
    if b64encode(found).decode() != text:
        raise NoteMalformed(f"{what} is not base64 in its canonical form: {text[:70]!r}")
    return found


def whole_number(what: str, text: str) -> int:
    """Parse a number of leaves: decimal digits, without a sign or a leading zero.

    Raises:
        NoteMalformed: the text is not such a number, or above 2^63 - 1.
    """
    short = len(text) <= len(str(LARGEST_SIZE))
    if not (short and text.isascii() and text.isdigit()) or str(int(text)) != text or int(text) > LARGEST_SIZE:
        raise NoteMalformed(f"{what} must be a whole number without leading zeros, got {text[:30]!r}")
    return int(text)


def _signature_line(line: str) -> SignatureLine:
    name, gap, signature = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not gap:
        raise NoteMalformed(f"a signature is written '\u2014 NAME BASE64', got {line[:70]!r}")
    found = from_base64("a signature", signature)
    if len(found) <= _KEY_ID_BYTES:
        raise NoteMalformed(f"a signature has more than {_KEY_ID_BYTES} bytes, got {len(found)}")
    return SignatureLine(check_name(name), found[:_KEY_ID_BYTES], found[_KEY_ID_BYTES:])
