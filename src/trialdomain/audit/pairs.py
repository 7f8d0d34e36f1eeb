"""Pairing the entries of a bundle with their proofs by position: one that is missing or out of place accuses no other.

Both files have their lines in the order of positions, so that one reading of each is enough. What stands out of that
order is put aside, and what finds no other; at the end they are tried on each other, and what is left is named.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Generic, TypeAlias, TypeVar

import attrs

from trialdomain.audit.order import WINDOW, in_order
from trialdomain.tree.proofs import ProofInvalid, root_of_inclusion

_MOST_LOOSE = 1_000
"""Of a kind, that are kept to the end: more of them are named only."""
_MOST_TRIED = 10_000
"""Entries and proofs that are tried on each other, whatever their positions."""


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
K = TypeVar("K")
EntryLine: TypeAlias = FoundEntry | Broken
ProofLine: TypeAlias = FoundProof | Broken


def proves(proof: FoundProof, entry: FoundEntry, head: TreeHead, *, at: int) -> bool:
    """Say whether a proof shows an entry to be in a tree, at a position."""
    try:
        return any(root_of_inclusion(leaf, at - 1, head.size, proof.hashes) == head.root for leaf in entry.leaves)
    except ProofInvalid:
        return False


class InOrder(Generic[T]):
    """The lines of a file that stand in the order of their positions, and those that do not.

    Of a few lines out of their order, the fewest are taken to be out of it: the others are the longest run that
    increases.

    Args:
        coming: the lines.
    """

    def __init__(self, coming: Iterable[T | Broken]) -> None:
        self._coming: Iterator[T | Broken] = iter(coming)
        self.aside: list[T] = []
        """Those that do not."""
        self.unkept = 0
        """How many more there are, which are not kept."""
        self.number = 0
        """How many lines were what they should be."""

    def __iter__(self) -> Iterator[T | Broken]:
        window: list[T | Broken] = []
        last = 0
        while True:
            window += islice(self._coming, WINDOW - len(window))
            if not window:
                return
            placed = [None if isinstance(line, Broken) else line.position for line in window]
            kept = in_order(placed, after=last)
            taken = len(window) if len(window) < WINDOW else WINDOW // 2
            for number, line in enumerate(window[:taken]):
                if isinstance(line, Broken):
                    yield line
                    continue
                self.number += 1
                if number in kept:
                    last = line.position
                    yield line
                elif len(self.aside) < _MOST_LOOSE:
                    self.aside.append(line)
                else:
                    self.unkept += 1
            del window[:taken]


@attrs.define
class _Unfit:
    """The pairs of which the proof does not lead from the entry to one of the trees."""

    pairs: list[tuple[FoundEntry, FoundProof]] = attrs.field(factory=list)
    number: int = 0
    """How many there are, kept or not."""


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


class Pairing:
    """The entries of a bundle and their proofs.

    Args:
        entries: the lines of the entries.
        proofs: the lines of the proofs.
        heads: the trees that they may be in.
    """

    def __init__(self, entries: Iterable[EntryLine], proofs: Iterable[ProofLine], heads: Iterable[TreeHead]) -> None:
        self.entries, self.proofs = InOrder[FoundEntry](entries), InOrder[FoundProof](proofs)
        self.broken_entries: list[Broken] = []
        """Lines that are no entries."""
        self.broken_proofs: list[Broken] = []
        """Lines that are no proofs, and stand where none is missing."""
        self.number = 0
        """How many entries had a proof of their position, right or not, both in order."""
        self._unfit = {head: _Unfit() for head in heads}
        self._paired = _Positions()
        self._lone_entries: list[tuple[FoundEntry, Broken | None]] = []
        self._lone_proofs: list[FoundProof] = []
        self._unkept = 0

    def run(self) -> Iterator[tuple[FoundEntry, bool]]:
        """Read both files; yield the entries that come in order, and whether each can be believed.

        It can, if it fits its leaf, and its proof, if there is one of its position, leads to one of the trees.
        """
        entries, proofs = iter(self.entries), iter(self.proofs)
        entry, proof = next(entries, None), next(proofs, None)
        waiting: list[FoundEntry] = []  # entries without a proof since the last pair
        broken: list[Broken] = []  # and lines that are no proof
        while entry is not None or proof is not None:
            if isinstance(entry, Broken):
                self._keep(self.broken_entries, entry)
                entry = next(entries, None)
            elif isinstance(proof, Broken):
                self._keep(broken, proof)
                proof = next(proofs, None)
            elif proof is None or (entry is not None and entry.position < proof.position):
                assert entry is not None  # noqa: S101 - else there is a proof
                self._keep(waiting, entry)
                yield entry, entry.fits
                entry = next(entries, None)
            elif entry is None or proof.position < entry.position:
                self._keep(self._lone_proofs, proof)
                proof = next(proofs, None)
            else:
                self._alone(waiting, broken)
                yield entry, self._pair(entry, proof) and entry.fits
                entry, proof = next(entries, None), next(proofs, None)
        self._alone(waiting, broken)

    def votes(self, head: TreeHead) -> int:
        """Say how many pairs lead to a tree."""
        return self.number - self._unfit[head].number

    def left(self, head: TreeHead | None) -> Left:
        """Try on each other what found no other, once it is known which tree it is; give what is left.

        Args:
            head: the tree; None where it is not known, and what has one position belongs together.
        """
        unfit = _Unfit() if head is None else self._unfit[head]
        found = _Settling(unfit.pairs, self._lone_entries, self._lone_proofs, self.entries.aside, self.proofs.aside)
        left = found.run(head, self._paired)
        left.unnamed = unfit.number - len(unfit.pairs) + self._unkept + self.entries.unkept + self.proofs.unkept
        return left

    def _pair(self, entry: FoundEntry, proof: FoundProof) -> bool:
        self.number += 1
        self._paired.add(entry.position)
        proven = not self._unfit
        for head, unfit in self._unfit.items():
            if proves(proof, entry, head, at=entry.position):
                proven = True
            else:
                unfit.number += 1
                if len(unfit.pairs) < _MOST_LOOSE:
                    unfit.pairs.append((entry, proof))
        return proven

    def _alone(self, waiting: list[FoundEntry], broken: list[Broken]) -> None:
        """Give the lines that are no proof to the entries that have none, as they stand there."""
        for number, entry in enumerate(waiting):
            self._keep(self._lone_entries, (entry, broken[number] if number < len(broken) else None))
        for line in broken[len(waiting) :]:
            self._keep(self.broken_proofs, line)
        waiting.clear()
        broken.clear()

    def _keep(self, kept: list[K], one: K) -> None:
        if len(kept) < _MOST_LOOSE:
            kept.append(one)
        else:
            self._unkept += 1


class _Settling:
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

    def run(self, head: TreeHead | None, paired: "_Positions") -> Left:
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


class _Positions:
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
