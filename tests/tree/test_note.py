"""Signed notes and checkpoints as text, against the examples and the words of the C2SP specifications."""

from base64 import b64encode

import pytest

from trialdomain.tree.checkpoint import (
    Checkpoint,
    InclusionProof,
    SigningRequest,
    origin_of,
    parse_checkpoint,
    parse_proof,
    parse_request,
)
from trialdomain.tree.note import MOST_BYTES, Note, NoteMalformed, parse_note

# The example of C2SP signed-note, and that of tlog-cosignature and tlog-witness.
POEM = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore "
    "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)
COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
REQUEST = f"""old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

{COSIGNED}"""
HASH = b64encode(bytes(32)).decode()
SIGNED = "— k AAAAAAA=\n"  # 5 bytes: a key's id, and a signature of one


def test_the_published_note_is_read_and_written_back() -> None:
    note = parse_note(POEM.encode())
    assert note.text == POEM.partition("\n\n—")[0] + "\n"
    assert [line.name for line in note.signatures] == ["quasimodo.example/salvatore"]
    assert note.signatures[0].key_id.hex() == "367ba04b"  # NnugSw==
    assert len(note.signatures[0].signature) == 64
    assert str(note) == POEM


def test_the_published_checkpoint_is_read_and_written_back() -> None:
    note = parse_note(COSIGNED.encode())
    checkpoint = parse_checkpoint(note.text)
    assert (checkpoint.origin, checkpoint.size, checkpoint.trial) == ("example.com/behind-the-sofa", 20852163, None)
    assert b64encode(checkpoint.root).decode() == "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    assert [len(line.signature) for line in note.signatures] == [64, 72]
    assert (checkpoint.text, str(note)) == (note.text, COSIGNED)


def test_the_published_request_is_read_and_written_back() -> None:
    request = parse_request(REQUEST.encode())
    assert (request.old, len(request.proof), request.checkpoint.size) == (20852014, 4, 20852163)
    assert str(request) == REQUEST


def test_a_request_may_come_before_any_signature() -> None:
    checkpoint = Checkpoint(origin_of("T1"), 3, bytes(32))
    request = SigningRequest(0, (), checkpoint)
    assert str(request) == f"old 0\n\ntrialdomain/T1\n3\n{HASH}\n"
    assert parse_request(str(request).encode()) == request


def test_a_proof_is_written_as_the_specification_has_it() -> None:
    text = f"c2sp.org/tlog-proof@v1\nindex 7\n{HASH}\n{HASH}\n\n{COSIGNED}"
    proof = parse_proof(text.encode())
    assert proof == InclusionProof(7, (bytes(32), bytes(32)), parse_note(COSIGNED.encode()))
    assert str(proof) == text
    with_extra = text.replace("\nindex", "\nextra YWdl\nindex")
    assert parse_proof(with_extra.encode()) == proof


@pytest.mark.parametrize("number", [1, 16, 64])
def test_a_note_may_have_many_signatures(number: int) -> None:
    assert len(parse_note(f"text\n\n{SIGNED * number}".encode()).signatures) == number


def test_a_signature_is_added_once() -> None:
    one, other = parse_note(f"text\n\n{SIGNED}".encode()), parse_note("text\n\n— l AAAAAAA=\n".encode())
    both = one.signed(*other.signatures)
    assert [line.name for line in both.signatures] == ["k", "l"]
    assert both.signed(*one.signatures) == both


NOTES = {
    "nothing": b"",
    "no signature": b"text\n",
    "no empty line": f"text\n{SIGNED}".encode(),
    "an empty line and nothing": b"text\n\n",
    "no newline at the end": f"text\n\n{SIGNED}".encode()[:-1],
    "something after it": f"text\n\n{SIGNED}more".encode(),
    "an empty line after it": f"text\n\n{SIGNED}\n".encode(),
    "no UTF-8": f"text\n\n{SIGNED}".encode() + b"\xff\n",
    "a carriage return": f"text\r\n\r\n{SIGNED}".encode(),
    "a tab": f"te\txt\n\n{SIGNED}".encode(),
    "a NUL": f"te\x00xt\n\n{SIGNED}".encode(),
    "a hyphen for the dash": b"text\n\n- k AAAAAAA=\n",
    "no name": "text\n\n—  AAAAAAA=\n".encode(),
    "no signature after the name": "text\n\n— k\n".encode(),
    "a name with a plus": "text\n\n— a+b AAAAAAA=\n".encode(),
    "a name with a no-break space": "text\n\n— a\u00a0b AAAAAAA=\n".encode(),
    "a name of two words": "text\n\n— a b AAAAAAA=\n".encode(),
    "a key's id alone": "text\n\n— k AAAAAA==\n".encode(),
    "no base64": "text\n\n— k AAAA*AA=\n".encode(),
    "base64 without its padding": "text\n\n— k AAAAAAA\n".encode(),
    "base64 of another spelling": "text\n\n— k AAAAAAB=\n".encode(),
    "base64 with a space": "text\n\n— k AAAA AAA=\n".encode(),
    "the other base64": "text\n\n— k AAAAAA_-AA==\n".encode(),
    "more signatures than are read": f"text\n\n{SIGNED * 65}".encode(),
    "a note too long": b"a" * MOST_BYTES + f"\n\n{SIGNED}".encode(),
}


@pytest.mark.parametrize("given", NOTES.values(), ids=NOTES.keys())
def test_everything_else_is_no_note(given: bytes) -> None:
    with pytest.raises(NoteMalformed):
        parse_note(given)


CHECKPOINTS = {
    "nothing": "",
    "one line": "o\n",
    "two lines": "o\n1\n",
    "no origin": f"\n1\n{HASH}\n",
    "no newline at the end": f"o\n1\n{HASH}",
    "an empty extension": f"o\n1\n{HASH}\n\n",
    "a leading zero": f"o\n01\n{HASH}\n",
    "a sign": f"o\n+1\n{HASH}\n",
    "a negative size": f"o\n-1\n{HASH}\n",
    "a size with a space": f"o\n 1\n{HASH}\n",
    "a size with an underscore": f"o\n1_0\n{HASH}\n",
    "digits of another script": f"o\n١\n{HASH}\n",  # noqa: RUF001 - that is what it is about
    "a size beyond 2^63 - 1": f"o\n{2**63}\n{HASH}\n",
    "a size of 5,000 digits": f"o\n{'9' * 5_000}\n{HASH}\n",
    "a root of 31 bytes": f"o\n1\n{b64encode(bytes(31)).decode()}\n",
    "a root of 33 bytes": f"o\n1\n{b64encode(bytes(33)).decode()}\n",
    "a root in hexadecimal": f"o\n1\n{'00' * 32}\n",
    "a root of another spelling": f"o\n1\n{HASH[:-2]}B=\n",
    "an endless origin": f"{'o' * 256}\n1\n{HASH}\n",
}


@pytest.mark.parametrize("given", CHECKPOINTS.values(), ids=CHECKPOINTS.keys())
def test_everything_else_is_no_checkpoint(given: str) -> None:
    with pytest.raises(NoteMalformed):
        parse_checkpoint(given)


def test_a_checkpoint_may_be_of_no_entry_and_may_have_further_lines() -> None:
    assert parse_checkpoint(f"o\n0\n{HASH}\n").size == 0
    assert parse_checkpoint(f"o\n{2**63 - 1}\n{HASH}\n").size == 2**63 - 1
    extended = parse_checkpoint(f"o\n1\n{HASH}\nmore\nand more\n")
    assert extended.extensions == ("more", "and more")
    assert extended.text == f"o\n1\n{HASH}\nmore\nand more\n"


PROOF = f"c2sp.org/tlog-proof@v1\nindex 7\n{HASH}\n\n{COSIGNED}"
PROOFS = {
    "nothing": "",
    "another version": PROOF.replace("@v1", "@v2"),
    "no index": PROOF.replace("index 7\n", ""),
    "an index twice": PROOF.replace("index 7\n", "index 7\nindex 7\n"),
    "a leading zero": PROOF.replace("index 7", "index 07"),
    "a negative index": PROOF.replace("index 7", "index -7"),
    "an index of 5,000 digits": PROOF.replace("index 7", f"index {'7' * 5_000}"),
    "a hash too short": PROOF.replace(HASH, b64encode(bytes(31)).decode(), 1),
    "too many hashes": PROOF.replace(f"{HASH}\n", f"{HASH}\n" * 64, 1),
    "no checkpoint": PROOF.partition("\n\n")[0] + "\n\n",
    "no empty line": PROOF.replace("\n\nexample", "\nexample"),
    "extra data that is no base64": PROOF.replace("index", "extra *\nindex"),
    "something before it": f"x{PROOF}",
    "something after it": f"{PROOF}x",
}


@pytest.mark.parametrize("given", PROOFS.values(), ids=PROOFS.keys())
def test_everything_else_is_no_proof(given: str) -> None:
    with pytest.raises(NoteMalformed):
        parse_proof(given.encode())


REQUESTS = {
    "nothing": "",
    "no old size": REQUEST.partition("\n")[2],
    "a leading zero": REQUEST.replace("old 2", "old 02"),
    "a negative size": REQUEST.replace("old 2", "old -2"),
    "another word": REQUEST.replace("old", "new"),
    "a hash too short": REQUEST.replace("PlRN", "Pl"),
    "no checkpoint": "old 0\n\n",
    "half a checkpoint": f"old 0\n\ntrialdomain/T1\n3\n{HASH}",
}


@pytest.mark.parametrize("given", REQUESTS.values(), ids=REQUESTS.keys())
def test_everything_else_is_no_request(given: str) -> None:
    with pytest.raises(NoteMalformed):
        parse_request(given.encode())


def test_a_note_without_signatures_can_be_written_but_not_read() -> None:
    with pytest.raises(NoteMalformed):
        parse_note(str(Note("text\n", ())).encode())


@pytest.mark.parametrize("separator", [*"\x85\u2028\u2029"])
def test_a_line_of_a_note_ends_at_a_newline_and_nowhere_else(separator: str) -> None:
    whole = f"o\n1\n{HASH}\n"
    assert parse_checkpoint(whole).size == 1
    for at, _ in enumerate(whole):
        if whole[at] == "\n":
            with pytest.raises(NoteMalformed):
                parse_checkpoint(f"{whole[:at]}{separator}{whole[at + 1 :]}")
    note = parse_note(f"text{separator}more\n\n\u2014 k AAAAAAA=\n".encode())
    assert (note.text, len(note.signatures)) == (f"text{separator}more\n", 1)
    for wrong in (f"\u2014 k{separator}x AAAAAAA=", f"\u2014 k AAAAAAA={separator}\u2014 x AAAAAAA="):
        with pytest.raises(NoteMalformed):
            parse_note(f"text\n\n{wrong}\n".encode())
