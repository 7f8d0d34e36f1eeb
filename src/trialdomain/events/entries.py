"""The current entries of a stream: those that no later entry corrects or voids.

Only this module applies corrections and voids. Aggregates and the casebook fold over its result, so that they never
see a withdrawn entry and never have to undo one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import attrs
from attrs import AttrsInstance

from trialdomain.errors import CommandRefused, LogCorrupt
from trialdomain.events.cohort import CohortEntryVoided
from trialdomain.events.fields import Plain, plain_fields
from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, ParticipantEntryVoided
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import TrialEntryVoided
from trialdomain.values.given.in_short import in_short

F = TypeVar("F")
VOIDS = (TrialEntryVoided, CohortEntryVoided, ParticipantEntryVoided)


def target_version(entry: Recorded[F]) -> int | None:
    """Return the version, in its stream, that an entry corrects or voids; None for any other entry."""
    fact: object = entry.fact
    return fact.version if isinstance(fact, VOIDS) else entry.envelope.corrects


class EntryNotCurrent(CommandRefused):
    """A correction or a void names an entry that was itself corrected or voided, or does not exist."""

    code = "entry-not-current"

    def __init__(self, *, stream: str, version: int) -> None:
        super().__init__(
            f"version {version} of {stream} is not current: correct or void the entry that replaced it, "
            f"or record a voided fact again"
        )
        self.stream, self.version = stream, version


@attrs.frozen
class Current(Generic[F]):
    """The current entries of a stream, in the order in which they, or the entries that they correct, were recorded."""

    __repr__ = in_short

    entries: Sequence[Recorded[F]]
    _first: Mapping[int, Recorded[F]] = attrs.field(factory=dict)
    _chains: Mapping[int, tuple[int, ...]] = attrs.field(factory=dict)
    """``_first`` and ``_chains`` are keyed by the version of a current entry, and hold only corrections."""

    def since(self, entry: Recorded[F]) -> int:
        """Return the position of the original entry: a correction keeps the place of the entry that it corrects."""
        return self.first_of(entry).position

    def first_of(self, entry: Recorded[F]) -> Recorded[F]:
        """Return the original entry of a correction; any other entry is returned as it is."""
        return self._first.get(entry.version, entry)

    def chain_of(self, version: int) -> tuple[int, ...]:
        """Return the versions of a current entry and of all entries that it corrects, the first one first."""
        return self._chains.get(version, (version,))


def current(entries: Iterable[Recorded[F]]) -> Current[F]:
    """Return the current entries of one stream; a correction takes the place of the entry that it restates.

    A void withdraws its entry and all entries that this one corrected. The void itself is never current. Voiding the
    report of an adverse event voids its follow-ups.

    Raises:
        LogCorrupt: an entry corrects one of another kind.
    """
    recorded = entries if isinstance(entries, list) else list(entries)
    for entry in recorded:
        if entry.envelope.corrects is not None or type(entry.fact) in VOIDS:
            break
    else:
        return Current(recorded)  # fast path: most streams have no corrections
    kept: dict[int, Recorded[F]] = {}  # by the version of the original entry, in the order of recording
    chains: dict[int, tuple[int, ...]] = {}  # by the version of a current entry: its chain, the original entry first
    by_version: dict[int, Recorded[F]] = {}
    for entry in recorded:
        by_version[entry.version] = entry
        if isinstance(entry.fact, VOIDS):
            chain = chains.pop(entry.fact.version, None)
            voided = None if chain is None else kept.pop(chain[0]).fact
            if isinstance(voided, AdverseEventReported):
                for version in _follow_ups(kept.values(), voided.event):
                    del kept[chains.pop(version)[0]]
            continue
        corrected = entry.envelope.corrects
        before = () if corrected is None else chains.pop(corrected, ())
        if before and type(by_version[before[-1]].fact) is not type(entry.fact):
            raise LogCorrupt(
                f"version {entry.version} of stream {entry.stream} corrects version {corrected}, which is a fact of "
                f"another kind: verify the log"
            )
        chains[entry.version] = chain = (*before, entry.version)
        kept[chain[0]] = entry
    corrections = {version: chain for version, chain in chains.items() if len(chain) > 1}
    return Current(
        list(kept.values()), {version: by_version[chain[0]] for version, chain in corrections.items()}, corrections
    )


def current_entries(entries: Iterable[Recorded[F]]) -> Sequence[Recorded[F]]:
    """Return the current entries of one stream as a plain sequence."""
    return current(entries).entries


def _follow_ups(entries: Iterable[Recorded[F]], event: str) -> list[int]:
    return [
        entry.version
        for entry in entries
        if isinstance(entry.fact, AdverseEventFollowedUp) and entry.fact.event == event
    ]


def require_current(entries: Iterable[Recorded[F]], *, stream: str, version: int) -> Recorded[F]:
    """Find a current entry of a stream.

    Raises:
        EntryNotCurrent: the entry was corrected or voided, or does not exist.
    """
    for entry in current_entries(entries):
        if entry.version == version:
            return entry
    raise EntryNotCurrent(stream=stream, version=version)


@attrs.frozen
class Change:
    """One changed field of a correction, with the old and the new value; None for a value that is not known."""

    field: str
    old: Plain | None
    new: Plain | None


def changes(old: AttrsInstance, new: AttrsInstance) -> list[Change]:
    """Compare two stored facts of one type, field by field; so a caller cannot supply the old or new values."""
    before, after = plain_fields(old), plain_fields(new)
    names = (*after, *(name for name in before if name not in after))
    return [Change(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]
