"""The tree against RFC 6962: its published test vectors, and its definition written down a second time."""

from collections.abc import Sequence
from hashlib import sha256

import pytest

from trialdomain.tree.merkle import root

# The inputs and roots of the reference implementation of Certificate Transparency, which RFC 6962 describes.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaf(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word: split at the largest power of two smaller than the size."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


@pytest.mark.parametrize("size", range(len(INPUTS) + 1))
def test_the_published_roots_are_found(size: int) -> None:
    assert root(leaf(bytes.fromhex(data)) for data in INPUTS[:size]).hex() == ROOTS[size]


def test_every_size_up_to_130_has_the_root_of_the_definition() -> None:
    leaves = [leaf(str(number).encode()) for number in range(130)]
    for size in range(131):
        assert root(leaves[:size]) == tree_hash(leaves[:size])


def test_the_order_of_leaves_matters() -> None:
    first, second = leaf(b"1"), leaf(b"2")
    assert root([first, second]) != root([second, first])


def test_a_leaf_more_is_another_root_even_if_it_repeats_the_last() -> None:
    leaves = [leaf(b"1"), leaf(b"2"), leaf(b"3")]
    assert root(leaves) != root([*leaves, leaves[-1]])
