"""The streams of a bundle that is filtered: whose entries they are, and which of their versions are missing."""

from collections.abc import Collection

import attrs

from trialdomain.values.ids import kind_of, participant_stream, trial_of
from trialdomain.verification.bundle.found import FoundEntry, FoundProof

_MOST_GAPS = 1_000
"""Versions that are missing and are named one by one."""
_MOST_PAIRED = 100
"""Versions and proofs, up to which it is asked which belong together."""


@attrs.frozen
class Gap:
    """A version that is missing, between the positions of its neighbors."""

    stream: str
    version: int
    after: int
    before: int
    upto: int
    """The last of several versions that are missing together; mostly the version itself."""


class Streams:
    """What is known of the streams of a filtered bundle.

    Args:
        trial: whose they are.
        participants: to whom the bundle is filtered; None where that is not known.
    """

    def __init__(self, trial: str, participants: Collection[str] | None) -> None:
        self._trial = trial
        self._named = None if participants is None else {participant_stream(trial, one) for one in participants}
        self._last: dict[str, tuple[int, int]] = {}
        """By stream: the version and the position of its last entry."""
        self._gaps: dict[tuple[str, int], Gap] = {}
        self._unknown = 0
        """How many entries may be of any version: they are not to be believed."""

    def has(self, stream: str) -> bool:
        """Say whether entries of a stream belong into the bundle."""
        if self._named is None:
            return trial_of(stream) == self._trial and kind_of(stream) == "participant"
        return stream in self._named

    def take(self, entry: FoundEntry, *, believed: bool) -> int | None:
        """Take an entry that stands in order; give the version that is due, where another one stands there."""
        last, position = self._last.get(entry.stream, (0, 0))
        due = last + 1
        if not believed and not (entry.version == due and self.has(entry.stream)):
            self._unknown += 1
            return None
        if entry.version == due:
            self._last[entry.stream] = entry.version, entry.position
            return None
        if not self.has(entry.stream):
            return None
        if entry.version < due:
            self._gaps.pop((entry.stream, entry.version), None)
            return due
        upto = [*range(due, min(entry.version, due + _MOST_GAPS - len(self._gaps)))]
        for version in upto:
            self._gaps[entry.stream, version] = Gap(entry.stream, version, position, entry.position, version)
        if (rest := due + len(upto)) < entry.version:
            self._gaps[entry.stream, rest] = Gap(entry.stream, rest, position, entry.position, entry.version - 1)
        self._last[entry.stream] = entry.version, entry.position
        return None

    def fill(self, entry: FoundEntry) -> None:
        """Hear of an entry that stands out of its place."""
        if self._gaps.pop((entry.stream, entry.version), None) is None:
            last, position = self._last.get(entry.stream, (0, 0))
            if entry.version == last + 1:
                self._last[entry.stream] = entry.version, max(position, entry.position)

    def missing(self, proofs: Collection[FoundProof]) -> list[tuple[Gap, FoundProof | None]]:
        """Give the versions that are missing, each with the proof that was left of it, where that is sure.

        Where no proof is left over, versions that nobody has are those of entries that are not to be believed.
        """
        found: dict[Gap, FoundProof | None] = dict.fromkeys(self._gaps.values())
        left = list(proofs)
        while found and len(found) + len(left) <= _MOST_PAIRED:
            fitting = (
                (gap, [proof for proof in left if gap.after < proof.position < gap.before])
                for gap, proof in found.items()
                if proof is None
            )
            sure = next(((gap, few[0]) for gap, few in fitting if len(few) == 1), None)
            if sure is None:
                break
            found[sure[0]] = sure[1]
            left.remove(sure[1])
        unpaired = sum(proof is None for proof in found.values())
        return [one for one in found.items() if one[1] is not None or unpaired > self._unknown]

    def absent(self) -> list[str]:
        """Name the streams of which nothing is there; none, where it may be what is not to be believed."""
        return [] if self._unknown or self._named is None else sorted(self._named - self._last.keys())
