"""Proofs against an independent implementation (pymerkle), and against everything that is almost a proof."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import pairwise

import pytest
from pymerkle import InmemoryTree, verify_consistency

from trialdomain.tree.merkle import EMPTY_ROOT, Frontier, parent, root
from trialdomain.tree.proofs import (
    MOST_HASHES,
    InclusionProofs,
    ProofInvalid,
    check_consistency,
    consistency_proof,
    inclusion_proof,
    root_of_inclusion,
)

MOST = 130
ENTRIES = [f"entry {number}".encode() for number in range(MOST)]
LEAVES = [sha256(b"\x00" + entry).digest() for entry in ENTRIES]
ROOTS = [root(LEAVES[:size]) for size in range(MOST + 1)]


@pytest.fixture(scope="module")
def oracle() -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for entry in ENTRIES:
        tree.append_entry(entry)
    return tree


def changed(proof: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Everything that is almost a proof: a hash changed, lost, doubled or swapped, and hashes before and after."""
    for number, one in enumerate(proof):
        yield [*proof[:number], bytes([one[0] ^ 1]) + one[1:], *proof[number + 1 :]]
        yield [*proof[:number], one[:-1] + bytes([one[-1] ^ 0x80]), *proof[number + 1 :]]
        yield [*proof[:number], *proof[number + 1 :]]
        yield [*proof[: number + 1], *proof[number:]]
    for number, (one, other) in enumerate(pairwise(proof)):
        if one != other:
            yield [*proof[:number], other, one, *proof[number + 2 :]]
    yield [*proof, bytes(32)]
    yield [bytes(32), *proof]
    yield [*proof, LEAVES[0]]


class TestInclusion:
    @pytest.mark.parametrize("size", range(1, MOST + 1))
    def test_every_leaf_of_every_tree_is_proved_as_the_oracle_proves_it(self, oracle: InmemoryTree, size: int) -> None:
        assert ROOTS[size] == oracle.get_root(size)
        for index in range(size):
            proof = inclusion_proof(LEAVES, index, size)
            path = oracle.prove_inclusion(index + 1, size).path  # with the leaf itself, from left to right
            assert sorted([*proof, LEAVES[index]]) == sorted(path)
            assert root_of_inclusion(LEAVES[index], index, size, proof) == oracle.get_root(size)

    @pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 9, 31, 33, 64, 65, 130])
    def test_nothing_else_shows_it(self, size: int) -> None:
        for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
            proof = inclusion_proof(LEAVES, index, size)
            for wrong in changed(proof):
                assert not shown(LEAVES[index], index, size, wrong)
            for other in {index - 1, index + 1, size, size + 1, -1} - {index}:
                assert not shown(LEAVES[index], other, size, proof)
            assert not shown(LEAVES[(index + 1) % MOST], index, size, proof)

    @pytest.mark.parametrize("size", [2, 3, 4, 7, 8, 9, 130])
    def test_a_tree_of_another_size_has_another_root(self, size: int) -> None:
        """A proof holds the root of its own tree alone; the size by itself is bound by the checkpoint's signature."""
        for other in (size - 1, size + 1):
            for index in range(min(size, other)):
                proof = inclusion_proof(LEAVES, index, size)
                assert not shown(LEAVES[index], index, other, proof, root=ROOTS[other] if other <= MOST else None)

    @pytest.mark.shows("K-18")
    def test_an_interior_node_is_no_leaf(self) -> None:
        """A node above two leaves, offered as a leaf of a tree of half the size: only its prefix tells them apart."""
        halved = [parent(left, right) for left, right in zip(LEAVES[:8:2], LEAVES[1:8:2], strict=True)]
        assert root(halved) == ROOTS[8]  # so a verifier who is given hashes alone could be shown a tree of 4
        entry = LEAVES[0] + LEAVES[1]  # the bytes that would have to be the entry
        assert sha256(b"\x00" + entry).digest() != halved[0]
        assert not shown(sha256(b"\x00" + entry).digest(), 0, 4, inclusion_proof(halved, 0, 4), root=ROOTS[8])

    @pytest.mark.shows("K-18")
    @pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
    def test_a_hash_has_32_bytes(self, length: int) -> None:
        proof = inclusion_proof(LEAVES, 3, 8)
        with pytest.raises(ProofInvalid, match=f"a hash must have 32 bytes, got {length}"):
            root_of_inclusion(LEAVES[3], 3, 8, [*proof[:1], bytes(length), *proof[2:]])
        with pytest.raises(ProofInvalid, match=f"a hash must have 32 bytes, got {length}"):
            root_of_inclusion(bytes(length), 0, 1, [])

    @pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (5, 4), (0, 2**63), (2**63, 2**63)])
    def test_a_tree_has_no_such_leaf(self, index: int, size: int) -> None:
        with pytest.raises(ProofInvalid, match=f"a tree of {size} lea(f|ves) has no leaf {index}"):
            inclusion_proof(LEAVES, index, size)
        with pytest.raises(ProofInvalid, match=f"a tree of {size} lea(f|ves) has no leaf {index}"):
            root_of_inclusion(LEAVES[0], index, size, [])

    def test_more_hashes_than_any_proof_has(self) -> None:
        with pytest.raises(ProofInvalid, match="more than"):
            root_of_inclusion(LEAVES[0], 0, 2**63 - 1, [bytes(32)] * (MOST_HASHES + 3))

    def test_a_proof_needs_every_leaf(self) -> None:
        with pytest.raises(ProofInvalid, match="the tree has 7 leaves: the proof needs 8"):
            inclusion_proof(LEAVES[:7], 0, 8)


def shown(leaf: bytes, index: int, size: int, proof: Sequence[bytes], *, root: bytes | None = None) -> bool:
    try:
        return root_of_inclusion(leaf, index, size, proof) == (root or ROOTS[size])
    except (ProofInvalid, IndexError):
        return False


class TestConsistency:
    @pytest.mark.parametrize("size", range(MOST + 1))
    def test_every_older_tree_is_proved_and_has_the_roots_of_the_oracle(self, oracle: InmemoryTree, size: int) -> None:
        for old in range(size + 1):
            proof = consistency_proof(LEAVES, old, size)
            check_consistency(old, ROOTS[old], size, ROOTS[size], proof)
            assert proof == (defined(old, LEAVES[:size], known=True) if 0 < old < size else [])
            if old:
                assert (oracle.get_root(old), oracle.get_root(size)) == (ROOTS[old], ROOTS[size])
                verify_consistency(ROOTS[old], ROOTS[size], oracle.prove_consistency(old, size))

    @pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 9, 31, 33, 64, 65, 130])
    def test_nothing_else_shows_it(self, size: int) -> None:
        for old in {1, 2, 3, 4, size // 2, size - 1, size} & set(range(1, size + 1)):
            proof = consistency_proof(LEAVES, old, size)
            for wrong in changed(proof):
                assert not consistent(old, ROOTS[old], size, ROOTS[size], wrong)
            if old < size:
                assert not consistent(old, ROOTS[size], size, ROOTS[old], proof)
                assert not consistent(old, ROOTS[old], size, ROOTS[size], [])
                assert not consistent(size, ROOTS[size], old, ROOTS[old], proof)
            for other in (old - 1, old + 1):
                if 0 < other <= size:
                    assert not consistent(other, ROOTS[old], size, ROOTS[size], proof)
                    assert not consistent(old, ROOTS[other], size, ROOTS[size], proof)
            assert not consistent(old, ROOTS[old], size, ROOTS[size - 1], proof)

    def test_a_log_that_was_rewritten_is_none_that_extends(self) -> None:
        for at in range(20):
            rewritten = [*LEAVES[:at], bytes(32), *LEAVES[at + 1 : 30]]
            proof = consistency_proof(rewritten, 20, 30)
            assert not consistent(20, ROOTS[20], 30, root(rewritten), proof)

    def test_from_nothing_there_is_nothing_to_prove(self) -> None:
        check_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
        check_consistency(0, EMPTY_ROOT, 5, ROOTS[5], [])
        assert not consistent(0, bytes(32), 5, ROOTS[5], [])
        assert not consistent(0, EMPTY_ROOT, 5, ROOTS[5], [LEAVES[0]])
        assert not consistent(0, EMPTY_ROOT, 0, ROOTS[1], [])

    @pytest.mark.parametrize(("old", "size"), [(-1, 3), (4, 3), (1, 2**63)])
    def test_a_size_that_is_none(self, old: int, size: int) -> None:
        with pytest.raises(ProofInvalid, match=f"a tree of {size} leaves cannot extend one of {old}"):
            consistency_proof(LEAVES, old, size)
        with pytest.raises(ProofInvalid, match=f"a tree of {size} leaves cannot extend one of {old}"):
            check_consistency(old, LEAVES[0], size, LEAVES[0], [])

    def test_a_hash_has_32_bytes(self) -> None:
        proof = consistency_proof(LEAVES, 3, 8)
        with pytest.raises(ProofInvalid, match="a hash must have 32 bytes"):
            check_consistency(3, ROOTS[3] + b"\0", 8, ROOTS[8], proof)
        with pytest.raises(ProofInvalid, match="a hash must have 32 bytes"):
            check_consistency(3, ROOTS[3], 8, ROOTS[8], [*proof[:-1], proof[-1][:31]])


def defined(old: int, leaves: Sequence[bytes], *, known: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962, section 2.1.2, word by word; the oracle's own proofs have other, equivalent hashes."""
    if old == len(leaves):
        return [] if known else [root(leaves)]
    split = max(2**power for power in range(8) if 2**power < len(leaves))
    if old <= split:
        return [*defined(old, leaves[:split], known=known), root(leaves[split:])]
    return [*defined(old - split, leaves[split:], known=False), root(leaves[:split])]


def consistent(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    try:
        check_consistency(old, old_root, size, root, proof)
    except ProofInvalid:
        return False
    return True


class TestFrontier:
    @pytest.mark.parametrize("at", [0, 1, 3, 1023, 1024, 1025, 2047])
    def test_leaves_may_come_in_any_portions(self, at: int) -> None:
        leaves = [sha256(bytes([0, number % 256, number // 256])).digest() for number in range(3_000)]
        whole = root(leaves)
        assert Frontier().extend(leaves[:at]).extend(leaves[at:]).root() == whole
        one_by_one = Frontier()
        for leaf in leaves:
            one_by_one.add(leaf)
        assert (one_by_one.size, one_by_one.root()) == (3_000, whole)

    def test_a_copy_grows_by_itself(self) -> None:
        frontier = Frontier().extend(LEAVES[:5])
        copy = frontier.copy().extend(LEAVES[5:9])
        assert (frontier.size, frontier.root(), copy.root()) == (5, ROOTS[5], ROOTS[9])


def test_all_proofs_of_a_tree_at_once_are_those_that_are_made_one_by_one() -> None:
    for size in range(1, MOST + 1):
        proofs = InclusionProofs(iter(LEAVES[:size]))
        assert (proofs.size, proofs.root) == (size, ROOTS[size])
        for index in range(size):
            assert proofs.leaf(index) == LEAVES[index]
            assert root_of_inclusion(LEAVES[index], index, size, proofs.of(index)) == ROOTS[size]
            assert proofs.of(index) == inclusion_proof(LEAVES[:size], index, size)
        with pytest.raises(ProofInvalid, match=f"no leaf {size}"):
            proofs.of(size)
    assert (InclusionProofs([]).size, InclusionProofs([]).root) == (0, EMPTY_ROOT)
