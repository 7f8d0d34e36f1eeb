"""The streams of a filtered bundle: which entries belong to it, and which versions are missing."""

from collections.abc import Collection

import attrs

from trialdomain.values.ids import kind_of, participant_stream, trial_of
from trialdomain.verification.bundle.found import FoundEntry, FoundProof

_MOST_GAPS = 1_000
"""The most missing versions that are listed one by one."""
_MOST_PAIRED = 100
"""The most missing versions and proofs that are matched with each other."""


@attrs.frozen
class Gap:
    """A missing version, with the positions of its neighbors."""

    stream: str
    version: int
    after: int
    before: int
    upto: int
    """The last of several versions that are missing together; usually the version itself."""


class Streams:
    """Tracks the versions of the streams of a filtered bundle.

    Args:
        trial: the trial of the bundle.
        participants: the participants of the bundle; None where they are unknown.
    """

    def __init__(self, trial: str, participants: Collection[str] | None) -> None:
        self._trial = trial
        self._named = None if participants is None else {participant_stream(trial, one) for one in participants}
        self._last: dict[str, tuple[int, int]] = {}
        """By stream: the version and the position of its last entry."""
        self._gaps: dict[tuple[str, int], Gap] = {}
        self._unknown = 0
        """The number of entries that are not trusted: they may have any version."""

    def has(self, stream: str) -> bool:
        """Say whether entries of a stream belong to the bundle."""
        if self._named is None:
            return trial_of(stream) == self._trial and kind_of(stream) == "participant"
        return stream in self._named

    def take(self, entry: FoundEntry, *, trusted: bool) -> int | None:
        """Take an entry in order; return the due version, where the entry has another one."""
        last, position = self._last.get(entry.stream, (0, 0))
        due = last + 1
        if not trusted and not (entry.version == due and self.has(entry.stream)):
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
        """Take an entry out of order: it may fill a gap."""
        if self._gaps.pop((entry.stream, entry.version), None) is None:
            last, position = self._last.get(entry.stream, (0, 0))
            if entry.version == last + 1:
                self._last[entry.stream] = entry.version, max(position, entry.position)

    def missing(self, proofs: Collection[FoundProof]) -> list[tuple[Gap, FoundProof | None]]:
        """Return the missing versions, each with its remaining proof, where only one is possible.

        Where no proof remains, missing versions may be those of entries that are not trusted.
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
        """Name the streams without an entry; none, where an untrusted entry may belong to one."""
        return [] if self._unknown or self._named is None else sorted(self._named - self._last.keys())
