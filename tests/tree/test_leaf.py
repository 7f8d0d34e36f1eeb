"""The leaf of an entry, against its definition written with the standard library's JSON."""

import json
from hashlib import sha256

import pytest

from trialdomain.tree.leaf import leaf_hash


def defined(*, stream: str, version: int, topic: str, state: bytes) -> bytes:
    """SHA-256 of 0x00 and the canonical JSON of the five keys; these strings sort alike by UTF-8 and UTF-16."""
    five = {
        "format": "trialdomain-leaf/1",
        "state_sha256": sha256(state).hexdigest(),
        "stream": stream,
        "topic": topic,
        "version": version,
    }
    canonical = json.dumps(five, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(b"\x00" + canonical.encode()).digest()


@pytest.mark.parametrize(
    "stream",
    [
        "NCT06245746",
        "NCT06245746/participant/S001",
        'a "quoted" name',
        "back\\slash",
        "tab\tnewline\nreturn\rfeed\fbell\b",
        "\x00\x01\x1f\x7f",
        "Größe/参加者/\U0001f600",
        "\u2028\u2029</script>",
        "",
    ],
)
def test_it_is_the_hash_of_the_canonical_json_of_the_five_keys(stream: str) -> None:
    found = leaf_hash(stream=stream, version=7, topic="participant.infused.v1", state=b'{"fact":{},"meta":{}}')
    assert found == defined(stream=stream, version=7, topic="participant.infused.v1", state=b'{"fact":{},"meta":{}}')


def test_rfc_8785_escapes_as_its_section_3_2_2_2_says() -> None:
    written = (
        r'{"format":"trialdomain-leaf/1","state_sha256":'
        r'"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",'
        r'"stream":"\u000f\n\"\\/","topic":"t","version":1}'
    )
    expected = sha256(b"\x00" + written.encode()).digest()
    assert leaf_hash(stream='\x0f\n"\\/', version=1, topic="t", state=b"{}") == expected


def test_each_of_the_four_is_bound() -> None:
    plain = leaf_hash(stream="T1", version=1, topic="a.v1", state=b"{}")
    others = {
        leaf_hash(stream="T2", version=1, topic="a.v1", state=b"{}"),
        leaf_hash(stream="T1", version=2, topic="a.v1", state=b"{}"),
        leaf_hash(stream="T1", version=1, topic="b.v1", state=b"{}"),
        leaf_hash(stream="T1", version=1, topic="a.v1", state=b"[]"),
    }
    assert len(others | {plain}) == 5


def test_text_cannot_move_from_one_key_into_the_next() -> None:
    assert leaf_hash(stream='T1","topic":"x', version=1, topic="y", state=b"") != leaf_hash(
        stream="T1", version=1, topic='x","topic":"y', state=b""
    )
