"""Pairing the entries of a bundle with their proofs by position: a merge join that tolerates faults.

Both files have their lines in the order of positions, so that each is read once. Lines out of order are put aside, and
so are lines without a partner. At the end they are tried with each other. The rest become defects. So a missing or
misplaced line does not put other lines in doubt.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Generic, TypeAlias, TypeVar

import attrs

from trialdomain.verification.bundle.found import Broken, FoundEntry, FoundProof, T, TreeHead, proves
from trialdomain.verification.bundle.settling import Left, Positions, Settling
from trialdomain.verification.order import WINDOW, in_order

_MOST_LOOSE = 1_000
"""The most lines of one kind that are kept to the end; further ones are only counted."""


K = TypeVar("K")
EntryLine: TypeAlias = FoundEntry | Broken
ProofLine: TypeAlias = FoundProof | Broken


class InOrder(Generic[T]):
    """Iterates over the lines in the order of positions, and puts the others aside.

    In each window, the lines of the longest increasing run are in order. So the smallest possible number is put aside.

    Args:
        coming: the lines.
    """

    def __init__(self, coming: Iterable[T | Broken]) -> None:
        self._coming: Iterator[T | Broken] = iter(coming)
        self.aside: list[T] = []
        """The lines out of order."""
        self.unkept = 0
        """The number of further lines out of order, which are not kept."""
        self.number = 0
        """The number of readable lines."""

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
    """The pairs whose proof does not lead from the entry to a certain tree."""

    pairs: list[tuple[FoundEntry, FoundProof]] = attrs.field(factory=list)
    number: int = 0
    """The number of such pairs, kept or not."""


class Pairing:
    """Pairs the entries of a bundle with their proofs.

    Args:
        entries: the lines of the entries.
        proofs: the lines of the proofs.
        heads: the heads of the possible trees.
    """

    def __init__(self, entries: Iterable[EntryLine], proofs: Iterable[ProofLine], heads: Iterable[TreeHead]) -> None:
        self.entries, self.proofs = InOrder[FoundEntry](entries), InOrder[FoundProof](proofs)
        self.broken_entries: list[Broken] = []
        """Lines that are not entries."""
        self.broken_proofs: list[Broken] = []
        """Lines that are not proofs, at places where no proof is missing."""
        self.number = 0
        """The number of pairs in order: an entry and a proof of its position, valid or not."""
        self._unfit = {head: _Unfit() for head in heads}
        self._paired = Positions()
        self._lone_entries: list[tuple[FoundEntry, Broken | None]] = []
        self._lone_proofs: list[FoundProof] = []
        self._unkept = 0

    def run(self) -> Iterator[tuple[FoundEntry, bool]]:
        """Read both files; yield the entries in order, and whether each is trusted.

        An entry is trusted if it fits its leaf, and if the proof of its position, where there is one, leads to a tree.
        """
        entries, proofs = iter(self.entries), iter(self.proofs)
        entry, proof = next(entries, None), next(proofs, None)
        waiting: list[FoundEntry] = []  # entries without a proof since the last pair
        broken: list[Broken] = []  # and lines that are not proofs
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
        """Return the number of pairs that lead to a tree."""
        return self.number - self._unfit[head].number

    def left(self, head: TreeHead | None) -> Left:
        """Try the unpaired entries and proofs with each other, and return the rest.

        Args:
            head: the tree; None where it is unknown: then an entry and a proof of one position are a pair.
        """
        unfit = _Unfit() if head is None else self._unfit[head]
        found = Settling(unfit.pairs, self._lone_entries, self._lone_proofs, self.entries.aside, self.proofs.aside)
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
        """Assign the unreadable lines among the proofs to the entries without a proof, in order."""
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
