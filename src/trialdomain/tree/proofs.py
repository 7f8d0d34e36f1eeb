"""Inclusion and consistency proofs (RFC 6962 sections 2.1.1 and 2.1.2) for a tree of any size.

To verify a proof about a trial, use :mod:`trialdomain.signing.proofs`: it takes the bytes of an entry and a signed
checkpoint. The functions here take hashes only; a proof for a hash or a size that the caller chose shows nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from trialdomain.errors import InputInvalid
from trialdomain.tree.merkle import EMPTY_ROOT, HASH_BYTES, Frontier, parent
from trialdomain.values.given.plural import how_many

LARGEST_SIZE = 2**63 - 1
MOST_HASHES = 63
"""The limit of C2SP tlog-witness: the height of a tree of the largest size."""


class ProofInvalid(InputInvalid):
    """A proof is not valid for its claim."""

    code = "proof-invalid"


def inclusion_proof(leaves: Iterable[bytes], index: int, size: int) -> list[bytes]:
    """Prove that a leaf is in a tree: return the sibling of every node on the path from the leaf to the root.

    Args:
        leaves: the leaf hashes, at least ``size`` of them; they are read once.
        index: the index of the leaf, from 0.
        size: the size of the tree.

    Raises:
        ProofInvalid: the tree has no such leaf.
    """
    if not 0 <= index < size <= LARGEST_SIZE:
        raise ProofInvalid(f"a tree of {_leaves(size)} has no leaf {index}: leaves are counted from 0")
    return _roots(leaves, _siblings(index, 0, size))


def consistency_proof(leaves: Iterable[bytes], old: int, size: int) -> list[bytes]:
    """Prove that a tree begins with the leaves of an older tree, in the same order.

    Args:
        leaves: the leaf hashes, at least ``size`` of them; they are read once.
        old: the size of the older tree; for the empty tree, the proof is empty.
        size: the size of the tree.

    Raises:
        ProofInvalid: the older tree is larger.
    """
    if not 0 <= old <= size <= LARGEST_SIZE:
        raise ProofInvalid(f"a tree of {_leaves(size)} cannot extend one of {old}")
    return _roots(leaves, _unchanged(old, 0, size, known=True)) if 0 < old < size else []


class InclusionProofs:
    """Every inclusion proof of one tree; it takes 64 bytes of memory for each leaf.

    Args:
        leaves: the leaf hashes, all of them.
    """

    def __init__(self, leaves: Iterable[bytes]) -> None:
        level = b"".join(leaves)
        self._levels = [level]
        while (pairs := len(level) // (2 * HASH_BYTES)) > 0:
            level = b"".join(
                parent(level[at : at + HASH_BYTES], level[at + HASH_BYTES : at + 2 * HASH_BYTES])
                for at in range(0, pairs * 2 * HASH_BYTES, 2 * HASH_BYTES)
            )
            self._levels.append(level)
        self._edge: dict[int, bytes] = {}

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0]) // HASH_BYTES

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        return self._root(0, self.size) if self.size else EMPTY_ROOT

    def leaf(self, index: int) -> bytes:
        """Return a leaf by its index, from 0."""
        return self._complete(0, index)

    def of(self, index: int) -> list[bytes]:
        """Return the proof of a leaf: the same as :func:`inclusion_proof`.

        Raises:
            ProofInvalid: the tree has no such leaf.
        """
        if not 0 <= index < self.size:
            raise ProofInvalid(f"a tree of {_leaves(self.size)} has no leaf {index}: leaves are counted from 0")
        return [self._root(leaves.start, leaves.stop) for leaves in _siblings(index, 0, self.size)]

    def _root(self, start: int, end: int) -> bytes:
        """Return the root over some leaves: a node of a complete level, or a computed node of the right edge."""
        width = end - start
        if width & (width - 1) == 0:
            height = width.bit_length() - 1
            return self._complete(height, start >> height)
        if start not in self._edge:
            middle = start + _left(width)
            self._edge[start] = parent(self._root(start, middle), self._root(middle, end))
        return self._edge[start]

    def _complete(self, height: int, index: int) -> bytes:
        return self._levels[height][index * HASH_BYTES : (index + 1) * HASH_BYTES]


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Compute the root that a proof leads to from a leaf; the caller compares it with the signed root.

    Raises:
        ProofInvalid: the tree has no such leaf, or the proof has the wrong length.
    """
    if not 0 <= index < size <= LARGEST_SIZE:
        raise ProofInvalid(f"a tree of {_leaves(size)} has no leaf {index}: leaves are counted from 0")
    check_hashes([leaf, *proof])
    ahead, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofInvalid(f"the proof has {_hashes(len(proof))}, too many for a tree of {_leaves(size)}")
        if ahead & 1 or ahead == last:
            node = parent(sibling, node)
            while not ahead & 1 and ahead:
                ahead, last = ahead >> 1, last >> 1
        else:
            node = parent(node, sibling)
        ahead, last = ahead >> 1, last >> 1
    if last:
        raise ProofInvalid(f"the proof has {_hashes(len(proof))}, too few for a tree of {_leaves(size)}")
    return node


def check_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Verify that a tree extends an older tree.

    Args:
        old: the older tree's size.
        old_root: its root.
        size: the newer tree's size.
        root: its root.
        proof: the hashes that :func:`consistency_proof` returned.

    Raises:
        ProofInvalid: it does not extend the older tree, or the proof does not show it.
    """
    if not 0 <= old <= size <= LARGEST_SIZE:
        raise ProofInvalid(f"a tree of {_leaves(size)} cannot extend one of {old}: entries are missing")
    check_hashes([old_root, root, *proof])
    for leaves, given in ((old, old_root), (size, root)):
        if not leaves and given != EMPTY_ROOT:
            raise ProofInvalid("the root of a tree without leaves must be the SHA-256 of no bytes, and is another one")
    if old in {0, size}:
        if proof:
            raise ProofInvalid(f"from {old} to {_leaves(size)} there is nothing to prove, but the proof has hashes")
        if old and old_root != root:
            raise ProofInvalid(f"two trees of {_leaves(size)} have different roots: the log was rewritten, or forked")
        return
    if (old_root, root) != _roots_of_consistency(old, old_root, size, proof):
        raise ProofInvalid(f"the tree of {_leaves(size)} does not extend the one of {old}: the log was rewritten")


def _roots_of_consistency(old: int, old_root: bytes, size: int, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Compute the roots of both trees from a proof (RFC 9162 section 2.1.4.2)."""
    hashes = iter(proof if old & (old - 1) else (old_root, *proof))  # a complete older tree is a node of the newer one
    ahead, last = old - 1, size - 1
    while ahead & 1:
        ahead, last = ahead >> 1, last >> 1
    first = next(hashes, None)
    if first is None:
        raise ProofInvalid(f"the proof from {old} to {_leaves(size)} is empty")
    older = newer = first
    for sibling in hashes:
        if not last:
            raise ProofInvalid(f"the proof has {_hashes(len(proof))}, too many from {old} to {_leaves(size)}")
        if ahead & 1 or ahead == last:
            older, newer = parent(sibling, older), parent(sibling, newer)
            while not ahead & 1 and ahead:
                ahead, last = ahead >> 1, last >> 1
        else:
            newer = parent(newer, sibling)
        ahead, last = ahead >> 1, last >> 1
    if last:
        raise ProofInvalid(f"the proof has {_hashes(len(proof))}, too few from {old} to {_leaves(size)}")
    return older, newer


def check_hashes(hashes: Sequence[bytes]) -> None:
    """Refuse hashes of a wrong length, and more hashes than any proof has.

    Raises:
        ProofInvalid: a hash does not have 32 bytes, or there are too many.
    """
    if len(hashes) > MOST_HASHES + 2:
        raise ProofInvalid(f"{how_many(len(hashes), 'hash is', 'hashes are')} more than any proof has")
    for one in hashes:
        if len(one) != HASH_BYTES:
            raise ProofInvalid(f"a hash must have {HASH_BYTES} bytes, got {len(one)}")


def _siblings(index: int, start: int, end: int) -> list[range]:
    """Return the range of leaves under each sibling, from the leaf up: PATH of RFC 6962."""
    if end - start == 1:
        return []
    middle = start + _left(end - start)
    if index < middle:
        return [*_siblings(index, start, middle), range(middle, end)]
    return [*_siblings(index, middle, end), range(start, middle)]


def _unchanged(old: int, start: int, end: int, *, known: bool) -> list[range]:
    """Return the range of leaves under each hash of a consistency proof: SUBPROOF of RFC 6962.

    ``known`` says that the subtree is a part of the older tree whose root the verifier has.
    """
    if old == end - start:
        return [] if known else [range(start, end)]
    middle = start + _left(end - start)
    if old <= middle - start:
        return [*_unchanged(old, start, middle, known=known), range(middle, end)]
    return [*_unchanged(old - (middle - start), middle, end, known=False), range(start, middle)]


def _left(size: int) -> int:
    """Return the largest power of two that is less than a size of at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def _roots(leaves: Iterable[bytes], wanted: Sequence[range]) -> list[bytes]:
    """Compute the root of each range of leaves; the ranges do not overlap, and the leaves are read once."""
    found: dict[range, bytes] = {}
    coming, at = iter(leaves), 0
    for one in sorted(wanted, key=lambda leaves: leaves.start):
        _pass_over(coming, one.start - at)
        frontier = Frontier().extend(islice(coming, len(one)))
        if frontier.size != len(one):
            raise ProofInvalid(f"the tree has {_leaves(one.start + frontier.size)}: the proof needs {one.stop}")
        found[one], at = frontier.root(), one.stop
    return [found[one] for one in wanted]


def _pass_over(coming: Iterator[bytes], number: int) -> None:
    next(islice(coming, number, number), None)


def _leaves(number: int) -> str:
    return how_many(number, "leaf", "leaves")


def _hashes(number: int) -> str:
    return how_many(number, "hash", "hashes")
