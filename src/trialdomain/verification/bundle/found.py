"""The lines of a bundle: entries, proofs and unreadable lines; and the check that a proof belongs to an entry."""

from collections.abc import Sequence
from typing import TypeVar

import attrs

from trialdomain.tree.proofs import ProofInvalid, root_of_inclusion


@attrs.frozen
class TreeHead:
    """The head of a tree: its size and its root."""

    size: int
    root: bytes


@attrs.frozen
class FoundEntry:
    """A line with an entry."""

    line: int
    position: int
    stream: str
    version: int
    leaves: tuple[bytes, ...]
    """The stored leaf, and the leaf computed from the entry, where they differ: either may be right."""
    fits: bool = True
    """Whether the entry fits its leaf; else its stream and version are not trusted."""


@attrs.frozen
class FoundProof:
    """A line with a proof."""

    line: int
    position: int
    hashes: Sequence[bytes]


@attrs.frozen
class Broken:
    """A line with neither an entry nor a proof."""

    line: int
    why: str


T = TypeVar("T", FoundEntry, FoundProof)


def proves(proof: FoundProof, entry: FoundEntry, head: TreeHead, *, at: int) -> bool:
    """Say whether a proof shows that an entry is in a tree, at a position."""
    try:
        return any(root_of_inclusion(leaf, at - 1, head.size, proof.hashes) == head.root for leaf in entry.leaves)
    except ProofInvalid:
        return False
