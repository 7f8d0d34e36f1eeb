"""The Merkle tree of a trial (RFC 6962 section 2.1): SHA-256 over the leaves in the order of positions."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import Self, TypeAlias

_NODE_PREFIX = b"\x01"
_BLOCK = 1 << 10
"""The number of leaves that are hashed together, level by level."""
EMPTY_ROOT = sha256(b"").digest()
HASH_BYTES = 32
Subtree: TypeAlias = tuple[bytes, int]
"""The root of a complete subtree, and its height: it has 2 to the power of its height leaves."""


class Frontier:
    """The right edge of a tree: enough to append leaves, and to compute the root.

    It has one hash for each complete subtree, the largest first. So its memory grows with the height of the tree.

    >>> Frontier().root().hex()[:16]
    'e3b0c44298fc1c14'
    """

    __slots__ = ("_complete", "size")

    def __init__(self) -> None:
        self.size = 0
        """The number of leaves."""
        self._complete: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append one leaf."""
        self.join((leaf, 0))

    def extend(self, leaves: Iterable[bytes]) -> Self:
        """Append leaves."""
        for subtree in subtrees(leaves, after=self.size):
            self.join(subtree)
        return self

    def join(self, subtree: Subtree) -> None:
        """Append a complete subtree that ``subtrees`` made of the next leaves; the size is a multiple of its width."""
        node, height = subtree
        before = self.size >> height
        while before & 1:
            node = parent(self._complete.pop(), node)
            before >>= 1
        self._complete.append(node)
        self.size += 1 << height

    def root(self) -> bytes:
        """Return the root over all leaves so far, 32 bytes."""
        if not self._complete:
            return EMPTY_ROOT
        *left, node = self._complete
        for sibling in reversed(left):
            node = parent(sibling, node)
        return node

    def copy(self) -> "Frontier":
        """Return an independent copy."""
        other = Frontier()
        other.size, other._complete = self.size, list(self._complete)
        return other


def root(leaves: Iterable[bytes]) -> bytes:
    """Hash a sequence of leaf hashes into the root of their tree; memory grows only with the height.

    >>> root([]).hex()[:16]
    'e3b0c44298fc1c14'
    """
    return Frontier().extend(leaves).root()


def subtrees(leaves: Iterable[bytes], *, after: int) -> Iterator[Subtree]:
    """Hash leaves into complete subtrees, which a frontier can join; the leaves may be those of any part of a tree.

    >>> [height for _, height in subtrees([bytes(32)] * 7, after=3)]
    [0, 2, 1]

    Args:
        leaves: some leaves, one after another.
        after: the number of leaves before them in the tree.
    """
    coming = iter(leaves)
    while block := list(islice(coming, _BLOCK - after % _BLOCK)):
        at = 0
        while at < len(block):
            # The width of the largest complete subtree that begins here and ends in this block.
            width = 1 << (len(block) - at).bit_length() - 1
            width = min(width, after & -after) if after else width
            yield _complete_root(block[at : at + width]), width.bit_length() - 1
            at += width
            after += width


def parent(left: bytes, right: bytes) -> bytes:
    """Hash two nodes into their parent; RFC 6962 puts 0x01 before them, so that a node can never pass as a leaf."""
    return sha256(_NODE_PREFIX + left + right).digest()


def _complete_root(nodes: Sequence[bytes]) -> bytes:
    """Hash nodes, whose number is a power of two, into their root, level by level."""
    while len(nodes) > 1:
        pairs = iter(nodes)
        nodes = [sha256(_NODE_PREFIX + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return nodes[0]
