"""Keys and signatures, against a published key and note, and against ``openssl``."""

import os
import subprocess
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest

from trialdomain.errors import LogUnusable
from trialdomain.signing.keys import (
    KeyKind,
    KeyMalformed,
    SignatureMissing,
    SignatureWrong,
    SigningKey,
    VerifierKey,
    read_keys,
    read_signing_key,
    signers,
    write_keys,
)
from trialdomain.tree.note import Note, SignatureLine, parse_note

# The example of the Go package golang.org/x/mod/sumdb/note, from which C2SP signed-note was specified.
SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"  # noqa: S105 - published, and nobody's
PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
NOTE = parse_note(f"{TEXT}\n{LINE}\n".encode())
WHEN = datetime(2026, 3, 2, 8, 30, 15, tzinfo=UTC)


class TestPublished:
    def test_the_keys_are_read_and_written_back(self) -> None:
        key = SigningKey.parse(SECRET)
        assert (key.name, key.kind, key.secret, str(key.verifier)) == ("PeterNeumann", KeyKind.LOG, SECRET, PUBLIC)
        assert VerifierKey.parse(PUBLIC) == key.verifier

    def test_the_signature_is_right_and_made_again(self) -> None:
        assert [one.key.name for one in signers(NOTE, [VerifierKey.parse(PUBLIC)])] == ["PeterNeumann"]
        assert str(SigningKey.parse(SECRET).sign(TEXT, at=WHEN)) == LINE

    def test_a_secret_is_shown_by_nothing_but_its_file(self) -> None:
        key = SigningKey.parse(SECRET)
        assert SECRET[-20:] not in repr(key)
        assert "_seed" not in repr(key)


class TestSignatures:
    def test_any_other_text_is_not_what_was_signed(self) -> None:
        key = VerifierKey.parse(PUBLIC)
        for other in (TEXT + "\n", TEXT.replace("I", "l", 1), TEXT[:-1], ""):
            with pytest.raises(SignatureWrong, match="the note is not what was signed"):
                signers(Note(other, NOTE.signatures), [key])

    def test_any_other_signature_is_wrong(self) -> None:
        [line] = NOTE.signatures
        for at in range(64):
            changed = bytearray(line.signature)
            changed[at] ^= 1
            with pytest.raises(SignatureWrong):
                signers(Note(TEXT, (attrs.evolve(line, signature=bytes(changed)),)), [VerifierKey.parse(PUBLIC)])
        for length in (1, 63, 65, 128):
            wrong = attrs.evolve(line, signature=bytes(length))
            with pytest.raises(SignatureWrong):
                signers(Note(TEXT, (wrong,)), [VerifierKey.parse(PUBLIC)])

    def test_one_wrong_signature_of_a_trusted_key_spoils_the_note(self) -> None:
        wrong = attrs.evolve(NOTE.signatures[0], signature=bytes(64))
        for lines in ((wrong, *NOTE.signatures), (*NOTE.signatures, wrong)):
            with pytest.raises(SignatureWrong):
                signers(Note(TEXT, lines), [VerifierKey.parse(PUBLIC)])

    def test_keys_that_are_not_trusted_are_passed_over_whatever_they_sign(self) -> None:
        [line] = NOTE.signatures
        unknown = (
            attrs.evolve(line, name="Neumann"),
            attrs.evolve(line, key_id=b"abcd"),
            SigningKey.generate("PeterNeumann").sign(TEXT, at=WHEN),
            SignatureLine("ml-dsa", b"1234", bytes(2_420)),
        )
        assert len(signers(Note(TEXT, (*unknown, line)), [VerifierKey.parse(PUBLIC)])) == 1
        with pytest.raises(SignatureMissing, match=r"is signed by Neumann, PeterNeumann, ml-dsa, but must be signed"):
            signers(Note(TEXT, unknown), [VerifierKey.parse(PUBLIC)])
        with pytest.raises(SignatureMissing, match="but must be signed by one of: no key"):
            signers(NOTE, [])

    def test_a_cosigner_says_when(self) -> None:
        key = SigningKey.generate("second.example/party", KeyKind.COSIGNER)
        line = key.sign(TEXT, at=WHEN)
        assert (len(line.signature), int.from_bytes(line.signature[:8], "big")) == (72, int(WHEN.timestamp()))
        [signed] = signers(Note(TEXT, (line,)), [key.verifier])
        assert signed.at == WHEN
        later = (int(WHEN.timestamp()) + 1).to_bytes(8, "big") + line.signature[8:]
        with pytest.raises(SignatureWrong):
            signers(Note(TEXT, (attrs.evolve(line, signature=later),)), [key.verifier])

    def test_a_log_and_a_cosigner_with_the_same_secret_are_two_keys(self) -> None:
        log = SigningKey.parse(SECRET)
        cosigner = attrs.evolve(log, kind=KeyKind.COSIGNER)
        assert log.verifier.id != cosigner.verifier.id
        with pytest.raises(SignatureMissing):
            signers(Note(TEXT, (log.sign(TEXT, at=WHEN),)), [cosigner.verifier])

    @pytest.mark.parametrize("seconds", [2**63, 2**64 - 1, 253402300800])
    def test_a_time_that_is_none_is_refused(self, seconds: int) -> None:
        key = SigningKey.generate("second", KeyKind.COSIGNER)
        message = f"cosignature/v1\ntime {seconds}\n{TEXT}".encode()
        raw = key._private.sign(message)  # noqa: SLF001 - a signature that this software would not make
        line = SignatureLine(key.name, key.verifier.id, seconds.to_bytes(8, "big") + raw)
        with pytest.raises(SignatureWrong, match="names a time after 9999"):
            signers(Note(TEXT, (line,)), [key.verifier])


MALFORMED = [
    "",
    "PeterNeumann",
    "PeterNeumann+c74f20a3",
    PUBLIC.replace("c74f20a3", "c74f20a4"),
    PUBLIC.replace("c74f20a3", "C74F20A3"),
    PUBLIC.replace("PeterNeumann", "PeterNewmann"),
    PUBLIC.replace("PeterNeumann", "Peter Neumann"),
    PUBLIC.replace("+ARpc", "+AxRpc"),
    PUBLIC[:-4],
    PUBLIC + "A",
    PUBLIC + "+",
    "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    f"k+00000000+{b64encode(bytes([2]) + bytes(32)).decode()}",
    SECRET,
]


@pytest.mark.parametrize("text", MALFORMED)
def test_everything_else_is_no_public_key(text: str) -> None:
    with pytest.raises(KeyMalformed):
        VerifierKey.parse(text)


@pytest.mark.parametrize(
    "text", [PUBLIC, SECRET[:-4], SECRET + "A", SECRET.replace("c74f", "c74e"), "PRIVATE+KEY+", ""]
)
def test_everything_else_is_no_private_key_and_is_not_shown(text: str) -> None:
    with pytest.raises(KeyMalformed) as caught:
        SigningKey.parse(text)
    assert "AYEKFALVFGy" not in str(caught.value)


class TestFiles:
    def test_keys_are_written_once_and_the_private_one_for_its_owner(self, tmp_path: Path) -> None:
        secret, public = tmp_path / "a.key", tmp_path / "a.pub"
        key = SigningKey.generate("a")
        write_keys(key, secret, public)
        assert (secret.stat().st_mode & 0o777, public.stat().st_mode & 0o777) == (0o600, 0o644)
        assert read_signing_key(secret) == key
        assert read_keys(public) == [key.verifier]
        with pytest.raises(LogUnusable, match=r"a\.key cannot be made: File exists"):
            write_keys(SigningKey.generate("b"), secret, tmp_path / "b.pub")
        assert not (tmp_path / "b.pub").exists()
        with pytest.raises(LogUnusable, match=r"a\.pub cannot be made: File exists"):
            write_keys(SigningKey.generate("b"), tmp_path / "b.key", public)
        assert not (tmp_path / "b.key").exists()
        assert read_signing_key(secret) == key

    def test_a_file_may_hold_several_keys_and_remarks(self, tmp_path: Path) -> None:
        file = tmp_path / "keys"
        other = SigningKey.generate("ötzi", KeyKind.COSIGNER).verifier
        file.write_text(f"# of the site\n{PUBLIC}\n\n# of the sponsor\n  {other}\n")
        assert read_keys(file) == [VerifierKey.parse(PUBLIC), other]

    @pytest.mark.parametrize("separator", [*"\v\f\r\x1c\x1d\x1e\x85\u2028\u2029", "\r\r"])
    def test_a_line_ends_at_a_newline_and_nowhere_else(self, tmp_path: Path, separator: str) -> None:
        """Whoever reads the file with ``grep`` or ``wc`` sees a remark there, and no second key."""
        file = tmp_path / "keys"
        hidden = SigningKey.generate("evil").verifier
        file.write_bytes(f"# checked by phone{separator}{hidden}\n{PUBLIC}\n".encode())
        assert read_keys(file) == [VerifierKey.parse(PUBLIC)]
        file.write_bytes(f"{PUBLIC}{separator}{hidden}\n".encode())
        with pytest.raises(KeyMalformed, match="line 1"):
            read_keys(file)

    def test_lines_may_end_as_windows_ends_them_and_spaces_of_unicode_are_none(self, tmp_path: Path) -> None:
        file = tmp_path / "keys"
        file.write_bytes(f"# of the site\r\n\t{PUBLIC} \r\n\r\n".encode())
        assert read_keys(file) == [VerifierKey.parse(PUBLIC)]
        for space in "\xa0\u2003\u2028\u3000":
            file.write_bytes(f"{space}{PUBLIC}\n".encode())
            with pytest.raises(KeyMalformed, match="line 1"):
                read_keys(file)
            with pytest.raises(KeyMalformed):
                SigningKey.parse(f"{space}{SECRET}")

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            (b"", "has no key"),
            (b"# only words\n", "has no key"),
            (PUBLIC.encode() + b"\nnonsense\n", "line 2: the text is not a verifier key"),
            (SECRET.encode(), "line 1, is a private key: name the public one"),
            (b"\xff\xfe", "is not UTF-8 text"),
            (b"#" * 140_000, "has more than 131072 bytes"),
        ],
    )
    def test_everything_else_is_no_file_of_keys(self, tmp_path: Path, text: bytes, why: str) -> None:
        file = tmp_path / "keys"
        file.write_bytes(text)
        with pytest.raises(KeyMalformed, match=why):
            read_keys(file)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(KeyMalformed, match="cannot be read: No such file"):
            read_keys(tmp_path / "keys")
        with pytest.raises(KeyMalformed, match="is a folder or a device: name a file"):
            read_signing_key(tmp_path)
        with pytest.raises(KeyMalformed, match="cannot be read"):
            read_keys(Path("a\0b"))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\tb", "a\u2003b", "a\x00b"])
def test_a_name_that_no_key_can_have(name: str) -> None:
    with pytest.raises(KeyMalformed):
        SigningKey.generate(name)


@pytest.mark.processes
def test_openssl_agrees(tmp_path: Path) -> None:
    """Both kinds of signatures, by a program that knows nothing of notes."""
    for kind, before in ((KeyKind.LOG, ""), (KeyKind.COSIGNER, f"cosignature/v1\ntime {int(WHEN.timestamp())}\n")):
        key = SigningKey.generate("k", kind)
        signature = key.sign(TEXT, at=WHEN + timedelta(milliseconds=900)).signature[-64:]
        der = bytes.fromhex("302a300506032b6570032100") + b64decode(str(key.verifier).split("+", 2)[2])[1:]
        files = {"key.der": der, "text": (before + TEXT).encode(), "signature": signature}
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        command = "openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in text -sigfile signature"
        done = subprocess.run(command.split(), cwd=tmp_path, env=os.environ, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (0, b"Signature Verified Successfully\n"), done.stderr
