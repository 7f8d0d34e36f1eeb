"""The leaf hash of one entry (RFC 6962): it binds the state of the entry to its stream, version and stored name.

``E`` is the RFC 8785 canonical JSON of five keys: ``format``, ``state_sha256`` (of the stored state), ``stream``,
``topic`` (the stored name with its version) and ``version``. The hash over stream, topic and version detects an entry
that was swapped, moved or given another type. A verifier hashes the stored state; it needs neither key nor decoder.
"""

import json
import re
from binascii import hexlify
from hashlib import sha256

_PLAIN = re.compile(r"[A-Za-z0-9_./ -]*")
BEFORE_STATE = b'\x00{"format":"trialdomain-leaf/1","state_sha256":"'
"""RFC 6962 puts 0x00 before a leaf, so that a leaf can never pass as a node."""


def leaf_hash(*, stream: str, version: int, topic: str, state: bytes) -> bytes:
    """Hash one entry: SHA-256 of 0x00 and ``E``, 32 bytes.

    >>> leaf_hash(stream="T1", version=1, topic="trial.registered.v1", state=b"{}").hex()[:16]
    '0a22a6b1eab80267'
    """
    state_sha256 = hexlify(sha256(state).digest())
    return sha256(BEFORE_STATE + state_sha256 + in_stream(stream) + of_topic(topic) + after_topic(version)).digest()


def in_stream(stream: str) -> bytes:
    """Write the part of ``E`` between the hash of the state and the topic; callers reuse it for a whole stream."""
    return f'","stream":{_text(stream)}'.encode()


def of_topic(topic: str) -> bytes:
    """Write the part of ``E`` between the stream and the version."""
    return f',"topic":{_text(topic)},"version":'.encode()


def after_topic(version: int) -> bytes:
    """Write the part of ``E`` after the topic."""
    return b"%d}" % version


def _text(value: str) -> str:
    """Write a JSON string as RFC 8785 does; ids and stored names take the fast path, because they need no escape."""
    return f'"{value}"' if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)
