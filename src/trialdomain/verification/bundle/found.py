"""What stands in the files of a bundle: entries, proofs, lines that are neither; and whether a proof is an entry's."""

from collections.abc import Sequence
from typing import TypeVar

import attrs

from trialdomain.tree.proofs import ProofInvalid, root_of_inclusion


@attrs.frozen
class TreeHead:
    """A tree that entries may be in."""

    size: int
    root: bytes


@attrs.frozen
class FoundEntry:
    """A line that is an entry."""

    line: int
    position: int
    stream: str
    version: int
    leaves: tuple[bytes, ...]
    """The leaf that stands there, and the one that the entry should have, where they differ: either may be right."""
    fits: bool = True
    """Whether the entry fits its leaf: else neither its stream nor its version is believed."""


@attrs.frozen
class FoundProof:
    """A line that is a proof."""

    line: int
    position: int
    hashes: Sequence[bytes]


@attrs.frozen
class Broken:
    """A line that is neither."""

    line: int
    why: str


T = TypeVar("T", FoundEntry, FoundProof)


def proves(proof: FoundProof, entry: FoundEntry, head: TreeHead, *, at: int) -> bool:
    """Say whether a proof shows an entry to be in a tree, at a position."""
    try:
        return any(root_of_inclusion(leaf, at - 1, head.size, proof.hashes) == head.root for leaf in entry.leaves)
    except ProofInvalid:
        return False
