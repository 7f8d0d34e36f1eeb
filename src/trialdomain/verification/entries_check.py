"""Checking the entries of one trial in the order of reading: their places, their leaves, and the tree over them.

A log may have a million entries. So its reader checks a whole page at once, and passes a page with a fault to this
module, entry by entry.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from operator import neg
from typing import TypeAlias

from trialdomain.storage.bounds import MOST_LONG, SHORT_VALUE
from trialdomain.tree.leaf import leaf_hash
from trialdomain.tree.merkle import HASH_BYTES, Frontier, Subtree
from trialdomain.verification.defect import Defect, Defects, What, shortened
from trialdomain.verification.readable import out_of_place, unreadable

Row: TypeAlias = tuple[object, object, object, object, object, object]
"""Position, stream, version, stored name, state and leaf, unchecked; text is bytes."""
_MOST_GAPS = 1_000
_MOST_PAIRED = 100
"""The most missing positions and versions that are matched with each other."""
_NO_HASH = bytes(HASH_BYTES)


class EntriesCheck:
    """Checks the entries of one trial.

    Args:
        trial: its code.
        sizes: the sizes of the trees whose roots the caller needs.
        defects: collects the defects.
        canonical: returns the canonical form of a state, for a file that another program may have reformatted.
        read: whether to decode an entry that is passed alone; for a file, restoring it does that.
    """

    def __init__(
        self,
        trial: str,
        sizes: Iterable[int],
        defects: Defects,
        *,
        canonical: Callable[[bytes], bytes | None] = lambda _: None,
        read: bool = False,
    ) -> None:
        self.trial, self.size = trial, 0
        """The number of positions so far, including missing ones."""
        self.first_gap: int | None = None
        """The first missing position: no larger tree can be compared."""
        self.roots: dict[int, tuple[bytes, bytes]] = {}
        """By size: the root over the stored leaves, and the root over the leaves computed from the entries."""
        self.unfit: set[tuple[object, object]] = set()
        """The stored streams and versions of entries that do not fit their leaves; these values are not trusted."""
        self.displaced: set[int] = set()
        """The positions of entries that are out of order."""
        self._defects, self._canonical, self._read = defects, canonical, read
        self._wanted = sorted(set(sizes), reverse=True)
        self._stored, self._computed = Frontier(), Frontier()
        self._same = True
        self.gaps = 0
        """The number of missing positions that are not listed one by one."""
        self._long = 0
        """The bytes of all long states."""
        self._own = False
        """Whether an entry with a stream of this trial was seen; else the trial may be only a forged name."""
        self._many_missing: list[tuple[int, int]] = []
        """Long gaps, by first and last position; they become defects when an entry of the trial itself was seen."""
        self._missing_positions: list[int] = []
        self._missing_versions: list[tuple[str, int, int]] = []
        self._keep_roots()

    def follows(self, positions: Sequence[object]) -> bool:
        """Say whether positions are the next ones."""
        return follow(positions, after=self.size)

    def take(self, leaves: Sequence[bytes], states: Sequence[bytes]) -> None:
        """Take the next entries, whose places and leaves the caller has checked."""
        self._take_for_its_own()
        self._count_long(states)
        self._extend(leaves, leaves)

    def join(self, subtrees: Iterable[Subtree], *, long: int) -> None:
        """Take the next entries as complete subtrees of their leaves; no entry before them has a fault.

        Args:
            subtrees: the subtrees; at each size that the caller needs, one of them ends.
            long: the bytes of the long states among them, as ``long_bytes`` counts them.
        """
        self._take_for_its_own()
        self._long += long
        for subtree in subtrees:
            self._stored.join(subtree)
            self.size = self._stored.size
            self._keep_roots()

    def sizes(self, *, after: int, upto: int) -> list[int]:
        """Return the sizes that the caller needs, after one size and up to another, the smallest first."""
        first, end = (bisect_left(self._wanted, -size, key=neg) for size in (upto, after))
        return self._wanted[first:end][::-1]

    def one(self, row: Row, *, following: int | None = None) -> bool:
        """Check one entry, except for its version; say whether it fits its leaf.

        Args:
            row: the entry.
            following: the position of the entry after it, in a file whose lines may be out of order.
        """
        position, stream, version, name, state, leaf = row
        where: dict[str, object] = {
            "position": position if isinstance(position, int) else None,
            "stream": shortened(stream) if isinstance(stream, bytes) else None,
            "version": version if isinstance(version, int) else None,
        }
        if self._same:
            self._same, self._computed = False, self._stored.copy()
        if not (
            isinstance(position, int)
            and isinstance(version, int)
            and isinstance(stream, bytes)
            and isinstance(name, bytes)
            and isinstance(state, bytes)
        ):
            self._add(What.ALTERED, "the entry has a value of a type or a length that no entry has", **where)
            self.unfit.add((stream, version))
            self._extend([_NO_HASH], [_NO_HASH])
            return False
        self._place(position, following, where)
        self._count_long([state])
        own = is_of(self.trial, stream)
        if own:
            self._take_for_its_own()
        elsewhere = "" if own else f", and its stream is not one of trial {self.trial}"
        right, unfit = _leaf(stream, version, name, state), len(self.unfit)
        if not isinstance(leaf, bytes) or len(leaf) != HASH_BYTES or not any(leaf):
            self._add(What.NO_LEAF, f"the entry has no leaf: another program inserted it{elsewhere}", **where)
            self.unfit.add((stream, version))
            leaf = _NO_HASH
        elif leaf != right:
            form = self._canonical(state)
            if form is not None and _leaf(stream, version, name, form) == leaf:
                right = leaf
                self._add(What.REFORMATTED, "the state was written in another form; its content is unchanged", **where)
            else:
                self._add(What.ALTERED, f"the entry does not fit its leaf{elsewhere}", **where)
                self.unfit.add((stream, version))
        elif own:
            self._look(stream.decode(), name.decode(), state, where)
        fits = len(self.unfit) == unfit
        if fits and not own:
            self._add(What.MISPLACED, f"the stream of the entry is not one of trial {self.trial}", **where)
        self._extend([leaf], [right])
        return fits

    @property
    def missing(self) -> int:
        """The number of missing positions so far."""
        return len(self._missing_positions) + self.gaps

    def versions_missing(self, stream: bytes, first: int, after: int, *, before: int) -> None:
        """Note that versions of a stream are missing, from ``first`` to before ``after``, which is at ``before``."""
        named = shortened(stream)
        if after - first + len(self._missing_versions) <= _MOST_GAPS:
            self._missing_versions += [(named, version, before) for version in range(first, after)]
        else:
            why = f"versions {first} to {after - 1} of the stream are missing"
            self._add(What.MISSING, why, stream=named, version=first)

    def version_out_of_place(self, stream: bytes, version: int, *, due: int, position: int) -> None:
        """Note that a stream has a version where another is due."""
        named = shortened(stream)
        self._missing_versions = [one for one in self._missing_versions if one[:2] != (named, version)]
        why = f"the entry has version {version} of its stream, where version {due} is due"
        self._add(What.REORDERED, why, position=position, stream=named, version=version)

    def end(self) -> None:
        """Name what is missing, after the last entry.

        Where no position is missing, missing versions are those of altered entries, which are defects already.
        """
        if self._long > MOST_LONG:
            why = (
                f"the entries of more than {SHORT_VALUE >> 10} kB each have {self._long >> 20} MB together, and this "
                f"software reads at most {MOST_LONG >> 20} MB: large entries were added"
            )
            self._add(What.UNREADABLE, why)
        if not self._own:
            return  # entries under a forged name are defects already, and nothing of that trial is missing
        if not self._missing_positions and len(self._missing_versions) <= len(self.unfit) + len(self.displaced):
            return
        for position, stream, version in _paired(self._missing_positions, self._missing_versions):
            if position is None:
                why = f"version {version} of the stream is missing"
            else:
                why = f"position {position} is missing"
            self._add(What.MISSING, why, position=position, stream=stream, version=version)

    def root(self) -> bytes:
        """Return the root over the stored leaves so far."""
        return self._stored.root()

    @property
    def computed_root(self) -> bytes:
        """The root over the leaves that are computed from the entries."""
        return self._stored.root() if self._same else self._computed.root()

    def fits(self, root: bytes, size: int) -> bool:
        """Say whether the tree had a root when it had ``size`` leaves."""
        return root in self.roots.get(size, ())

    def but(self, root: bytes, size: int) -> str:
        """Say what does not fit a root that the tree had: the leaves or the entries; empty, where both fit."""
        stored, computed = self.roots.get(size, (root, root))
        if stored == computed:
            return ""
        if stored == root:
            return "the leaves are those that were signed, but entries under them were changed"
        return "the entries are those that were signed, but leaves beside them were changed"

    def _look(self, stream: str, name: str, state: bytes, where: dict[str, object]) -> None:
        """Check an entry that fits its leaf: its stream must take it, and its state must be readable."""
        wrong = out_of_place(stream, name)
        if wrong is None and self._read and (cannot := unreadable(name, state)) is not None:
            wrong = What.UNREADABLE, f"the entry fits its leaf, but cannot be read: {cannot}"
        if wrong is not None:
            what, why = wrong
            self._add(what, why, **where)

    def _place(self, position: int, following: int | None, where: dict[str, object]) -> None:
        expected = self.size + 1
        if position == expected:
            return
        if following in {expected, expected + 1}:  # only this entry is out of order: the next one is in its place
            self.first_gap = min(self.first_gap or expected, expected)
            self.size -= following == expected  # then it does not count as a position
            self.displaced.add(position)
            self._add(What.REORDERED, f"position {position} is where position {expected} is due", **where)
        elif position > expected:
            self._missing(expected, position)
            self.size = position - 1
        else:
            self.first_gap = min(self.first_gap or position, max(1, position))
            self.size -= 1  # it does not count as a position
            self.displaced.add(position)
            if position in self._missing_positions:
                self._missing_positions.remove(position)
            self._add(What.REORDERED, f"position {position} comes after {expected - 1}", **where)

    def _missing(self, first: int, after: int) -> None:
        self.first_gap = min(self.first_gap or first, first)
        if after - first + len(self._missing_positions) <= _MOST_GAPS:
            self._missing_positions += (one for one in range(first, after) if one not in self.displaced)
        else:
            self.gaps += after - first
            if len(self._many_missing) < _MOST_GAPS:
                self._many_missing.append((first, after - 1))
            if self._own:
                self._take_for_its_own()

    def _count_long(self, states: Sequence[bytes]) -> None:
        self._long += long_bytes(states)

    def _take_for_its_own(self) -> None:
        """Note that the trial has an entry of its own, and name its long gaps so far."""
        self._own = True
        for first, last in self._many_missing:
            self._add(What.MISSING, f"positions {first} to {last} are missing", position=first)
        self._many_missing.clear()

    def _extend(self, stored: Sequence[bytes], computed: Sequence[bytes]) -> None:
        """Append to both trees, and keep the roots at each size that the caller needs."""
        at = 0
        while self._wanted and self._wanted[-1] <= self.size + len(stored) - at:
            stop = at + max(0, self._wanted[-1] - self.size)
            self._grow(stored[at:stop], computed[at:stop])
            at = stop
            self._keep_roots()
        self._grow(stored[at:], computed[at:])

    def _grow(self, stored: Sequence[bytes], computed: Sequence[bytes]) -> None:
        self._stored.extend(stored)
        if not self._same:
            self._computed.extend(computed)
        self.size += len(stored)

    def _keep_roots(self) -> None:
        """Keep the roots of the present size, if the caller needs them and no position is missing."""
        while self._wanted and self._wanted[-1] <= self.size:
            size = self._wanted.pop()
            if size == self.size and self.first_gap is None:
                self.roots[size] = self.root(), self.computed_root

    def _add(self, what: What, why: str, **where: object) -> None:
        self._defects.add(Defect(what=what, why=why, trial=self.trial, **where))  # type: ignore[arg-type]  # as named


def follow(positions: Sequence[object], *, after: int) -> bool:
    """Say whether positions are the next ones after a position."""
    return tuple(positions) == tuple(range(after + 1, after + 1 + len(positions)))


def long_bytes(states: Sequence[bytes]) -> int:
    """Count the bytes of the long states among some, of which there is at least one."""
    return sum(size for size in map(len, states) if size > SHORT_VALUE) if max(map(len, states)) > SHORT_VALUE else 0


def is_of(trial: str, stream: bytes) -> bool:
    """Say whether a stream is one of a trial."""
    return stream == trial.encode() or stream.startswith(f"{trial}/".encode())


def _leaf(stream: bytes, version: int, name: bytes, state: bytes) -> bytes:
    try:
        return leaf_hash(stream=stream.decode(), version=version, topic=name.decode(), state=state)
    except ValueError:
        return _NO_HASH  # text that is not UTF-8 fits no leaf


def _paired(
    positions: list[int], versions: list[tuple[str, int, int]]
) -> Iterable[tuple[int | None, str | None, int | None]]:
    """Match missing positions with missing versions, where only one position is possible for a version."""
    left, found = list(positions), []
    while len(left) + len(versions) <= _MOST_PAIRED:
        single = [
            (stream, version, before, fitting[0])
            for stream, version, before in versions
            if len(fitting := [position for position in left if position < before]) == 1
        ]
        if not single:
            break
        stream, version, before, position = single[0]
        found.append((position, stream, version))
        left.remove(position)
        versions = [one for one in versions if one != (stream, version, before)]
    yield from found
    yield from ((None, stream, version) for stream, version, _ in versions)
    yield from ((position, None, None) for position in left)
