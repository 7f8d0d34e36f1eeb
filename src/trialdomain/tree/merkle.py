"""The Merkle tree of a trial, RFC 6962 section 2.1: SHA-256 over leaves in the order of their positions."""

from collections.abc import Iterable
from hashlib import sha256

_NODE_PREFIX = b"\x01"
EMPTY_ROOT = sha256(b"").digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """Hash a sequence of leaf hashes into the tree's root, in memory that grows with its height alone.

    >>> root([]).hex()[:16]
    'e3b0c44298fc1c14'
    """
    complete: list[tuple[int, bytes]] = []  # subtrees that are complete, by height, highest first
    for leaf in leaves:
        height, node = 0, leaf
        while complete and complete[-1][0] == height:
            node = _parent(complete.pop()[1], node)
            height += 1
        complete.append((height, node))
    if not complete:
        return EMPTY_ROOT
    _, top = complete.pop()
    while complete:
        top = _parent(complete.pop()[1], top)
    return top


def _parent(left: bytes, right: bytes) -> bytes:
    return sha256(_NODE_PREFIX + left + right).digest()
