"""Entries and proofs that found no other in order: what of them belongs together, and what is left."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Generic

import attrs

from trialdomain.verification.bundle.found import Broken, FoundEntry, FoundProof, T, TreeHead, proves

_MOST_TRIED = 10_000
"""Entries and proofs that are tried on each other, whatever their positions."""


@attrs.frozen
class Misplaced(Generic[T]):
    """A line that stands out of its order, or says another position than its own."""

    found: T
    twice: bool = False
    """Whether its position stands in its place as well."""
    proven: int | None = None
    """The position that was proven, where the line says another."""


@attrs.define
class Left:
    """What is left once everything was paired that belongs together."""

    head: TreeHead | None
    """The tree; None where it is not known."""
    entries: list[Misplaced[FoundEntry]] = attrs.field(factory=list)
    """Entries out of place."""
    proofs: list[Misplaced[FoundProof]] = attrs.field(factory=list)
    """Proofs out of place."""
    unproven: list[FoundEntry] = attrs.field(factory=list)
    """Entries whose proof does not lead from them to the tree."""
    without_proof: list[tuple[FoundEntry, Broken | None]] = attrs.field(factory=list)
    """Entries without a proof, each with the line that stands where the proof should, and is none."""
    without_entry: list[FoundProof] = attrs.field(factory=list)
    unnamed: int = 0
    """How many more lines there are, of any of these kinds: only so many of one are kept."""


class Settling:
    """Entries and proofs that found no other in order, or not the right one; each is known by its line."""

    def __init__(
        self,
        unfit: Sequence[tuple[FoundEntry, FoundProof]],
        lone_entries: Sequence[tuple[FoundEntry, Broken | None]],
        lone_proofs: Sequence[FoundProof],
        aside_entries: Sequence[FoundEntry],
        aside_proofs: Sequence[FoundProof],
    ) -> None:
        self._unfit, self._lone_entries, self._lone_proofs = unfit, lone_entries, lone_proofs
        self._aside_entries, self._aside_proofs = aside_entries, aside_proofs
        self._proof_of: dict[int, FoundProof] = {}
        """By the line of an entry: the proof that shows it to be in the tree."""
        self._entry_of: dict[int, FoundEntry] = {}
        """By the line of a proof: the entry."""

    def run(self, head: TreeHead | None, paired: "Positions") -> Left:
        """Match them, and sort what is left."""
        entries = [*(entry for entry, _ in self._unfit), *(entry for entry, _ in self._lone_entries)]
        proofs = [*(proof for _, proof in self._unfit), *self._lone_proofs]
        self._match([*entries, *self._aside_entries], [*proofs, *self._aside_proofs], head)
        left = Left(head)
        self._out_of_place(left, head)
        self._unproven(left)
        for entry, line in self._lone_entries:
            if entry.line not in self._proof_of:
                left.without_proof.append((entry, line))
        left.without_entry += (proof for proof in self._lone_proofs if proof.line not in self._entry_of)
        known = {proof.position for proof in self._proof_of.values()} | {
            one.position for one in self._entry_of.values()
        }
        for entry in self._aside_entries:
            if entry.line not in self._proof_of:
                if entry.position in paired or entry.position in known:
                    left.entries.append(Misplaced(entry, twice=True))
                else:
                    left.without_proof.append((entry, None))
        for proof in self._aside_proofs:
            if proof.line not in self._entry_of:
                if proof.position in paired or proof.position in known:
                    left.proofs.append(Misplaced(proof, twice=True))
                else:
                    left.without_entry.append(proof)
        return left

    def _match(self, entries: Sequence[FoundEntry], proofs: Sequence[FoundProof], head: TreeHead | None) -> None:
        """Find for each entry the proof of its position; then, of what is left, the one of any position."""
        by_position: dict[int, list[FoundProof]] = {}
        for proof in proofs:
            by_position.setdefault(proof.position, []).append(proof)
        for entry in entries:
            self._try(entry, by_position.get(entry.position, ()), head)
        if head is None:
            return
        entries = [entry for entry in entries if entry.line not in self._proof_of]
        proofs = [proof for proof in proofs if proof.line not in self._entry_of]
        if len(entries) * len(proofs) <= _MOST_TRIED:
            for entry in entries:
                self._try(entry, proofs, head)

    def _try(self, entry: FoundEntry, proofs: Iterable[FoundProof], head: TreeHead | None) -> None:
        for proof in proofs:
            places = {entry.position, proof.position}
            if proof.line not in self._entry_of and (
                head is None or any(proves(proof, entry, head, at=place) for place in places)
            ):
                self._proof_of[entry.line], self._entry_of[proof.line] = proof, entry
                return

    def _out_of_place(self, left: Left, head: TreeHead | None) -> None:
        """Say of what belongs together what does not stand in its place."""
        aside = {entry.line for entry in self._aside_entries}, {proof.line for proof in self._aside_proofs}
        # Where another line took its place in order, it is that line which stands out of its own.
        instead = {proof.line for _, proof in self._unfit}, {entry.line for entry, _ in self._unfit}
        for entry in self._entry_of.values():
            proof = self._proof_of[entry.line]
            if entry.position == proof.position:
                if entry.line in aside[0] and proof.line not in instead[0]:
                    left.entries.append(Misplaced(entry))
                if proof.line in aside[1] and entry.line not in instead[1]:
                    left.proofs.append(Misplaced(proof))
            elif head is not None and proves(proof, entry, head, at=proof.position):
                left.entries.append(Misplaced(entry, proven=proof.position))
            else:
                left.proofs.append(Misplaced(proof, proven=entry.position))

    def _unproven(self, left: Left) -> None:
        """Say of pairs that do not fit whether another took the place of one of them."""
        for entry, proof in self._unfit:
            other_proof, other_entry = self._proof_of.get(entry.line), self._entry_of.get(proof.line)
            if other_proof is None and other_entry is None:
                left.unproven.append(entry)
            if other_proof is not None and other_entry is None:
                if other_proof.position == proof.position or other_proof in (one.found for one in left.proofs):
                    left.proofs.append(Misplaced(proof, twice=True))
                else:
                    left.without_entry.append(proof)
            if other_entry is not None and other_proof is None:
                if other_entry.position == entry.position:
                    left.entries.append(Misplaced(entry, twice=True))
                else:
                    left.without_proof.append((entry, None))


class Positions:
    """Increasing positions, of which those that follow each other take no memory."""

    def __init__(self) -> None:
        self._first: list[int] = []
        self._last: list[int] = []

    def add(self, position: int) -> None:
        """Take one that is larger than all before."""
        if self._last and self._last[-1] == position - 1:
            self._last[-1] = position
        else:
            self._first.append(position)
            self._last.append(position)

    def __contains__(self, position: int) -> bool:
        at = bisect_right(self._first, position) - 1
        return at >= 0 and position <= self._last[at]
