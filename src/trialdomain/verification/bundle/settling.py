"""Matching the entries and proofs that were not paired in order, and sorting the rest into kinds of faults."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Generic

import attrs

from trialdomain.verification.bundle.found import Broken, FoundEntry, FoundProof, T, TreeHead, proves

_MOST_TRIED = 10_000
"""The most pairs of an entry and a proof with different positions that are tried."""


@attrs.frozen
class Misplaced(Generic[T]):
    """A line that is out of order, or says a wrong position."""

    found: T
    twice: bool = False
    """Whether another line has its position, in order."""
    proven: int | None = None
    """The proven position, where the line says another."""


@attrs.define
class Left:
    """The faults that are left after the pairing."""

    head: TreeHead | None
    """The tree; None where it is unknown."""
    entries: list[Misplaced[FoundEntry]] = attrs.field(factory=list)
    """Entries out of order, or with a wrong position."""
    proofs: list[Misplaced[FoundProof]] = attrs.field(factory=list)
    """Proofs out of order, or with a wrong position."""
    unproven: list[FoundEntry] = attrs.field(factory=list)
    """Entries whose proof does not lead from them to the tree."""
    without_proof: list[tuple[FoundEntry, Broken | None]] = attrs.field(factory=list)
    """Entries without a proof, each with the unreadable line at the place of the proof, if there is one."""
    without_entry: list[FoundProof] = attrs.field(factory=list)
    unnamed: int = 0
    """The number of further lines of these kinds, which are not kept."""


class Settling:
    """Matches the entries and proofs without a valid partner in order; it identifies each by its line."""

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
        """By the line of an entry: its matched proof."""
        self._entry_of: dict[int, FoundEntry] = {}
        """By the line of a proof: its matched entry."""

    def run(self, head: TreeHead | None, paired: "Positions") -> Left:
        """Match them, and sort the rest."""
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
        """Match each entry with a proof of its position; then each remaining entry with a proof of any position."""
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
        """Find the entries and proofs of matched pairs that are out of order, or have a wrong position."""
        aside = {entry.line for entry in self._aside_entries}, {proof.line for proof in self._aside_proofs}
        # Where another line took its place in order, that other line is the one out of order.
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
        """Sort the pairs that do not fit: altered entries, and entries or proofs that replaced another."""
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
    """A set of increasing positions, stored as ranges, so that consecutive positions take no memory."""

    def __init__(self) -> None:
        self._first: list[int] = []
        self._last: list[int] = []

    def add(self, position: int) -> None:
        """Add a position that is larger than all before."""
        if self._last and self._last[-1] == position - 1:
            self._last[-1] = position
        else:
            self._first.append(position)
            self._last.append(position)

    def __contains__(self, position: int) -> bool:
        at = bisect_right(self._first, position) - 1
        return at >= 0 and position <= self._last[at]
