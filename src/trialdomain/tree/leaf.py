"""The leaf of one entry: RFC 6962 hashing over what binds the entry to its place and kind.

``E`` is the RFC 8785 canonical JSON of five keys: ``format``, ``state_sha256`` (of the state as stored), ``stream``,
``topic`` (the stored name with its version) and ``version``. Binding stream, topic and version stops entries from being
swapped, moved or retyped; hashing the state as stored needs no key and no decoding to verify.
"""

import json
import re
from hashlib import sha256

_LEAF_PREFIX = b"\x00"
_PLAIN = re.compile(r"[A-Za-z0-9_./ -]*")


def leaf_hash(*, stream: str, version: int, topic: str, state: bytes) -> bytes:
    """Hash one entry, 32 bytes: SHA-256 of 0x00 and ``E``.

    >>> leaf_hash(stream="T1", version=1, topic="trial.registered.v1", state=b"{}").hex()[:16]
    '0a22a6b1eab80267'
    """
    leaf = (
        f'{{"format":"trialdomain-leaf/1","state_sha256":"{sha256(state).hexdigest()}",'
        f'"stream":{_text(stream)},"topic":{_text(topic)},"version":{version}}}'
    )
    return sha256(_LEAF_PREFIX + leaf.encode()).digest()


def _text(value: str) -> str:
    """Write a JSON string as RFC 8785 does; ids and stored names need no escape."""
    return f'"{value}"' if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)
