"""Which entries of a stream are current: those that no later entry corrects or voids.

This is the one place that knows. Aggregates and the casebook fold over what it yields, so that neither ever sees an
entry that was withdrawn, and nothing has to be undone.
"""

from collections.abc import Iterable
from typing import TypeVar

import attrs
from attrs import AttrsInstance

from trialdomain.errors import CommandRefused
from trialdomain.events.cohort import CohortEntryVoided
from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, ParticipantEntryVoided
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import TrialEntryVoided

F = TypeVar("F")
VOIDS = (TrialEntryVoided, CohortEntryVoided, ParticipantEntryVoided)


class EntryNotCurrent(CommandRefused):
    """A correction or a void names an entry that was itself corrected or voided, or that is not there."""

    def __init__(self, *, stream: str, version: int) -> None:
        super().__init__(
            f"version {version} of {stream} is not current: correct or void the entry that stands in its place, "
            f"or record anew what was voided"
        )
        self.stream, self.version = stream, version


def current_entries(entries: Iterable[Recorded[F]]) -> list[Recorded[F]]:
    """Keep the current entries of one stream; a correction stands in the place of what it restates.

    A void withdraws its entry with all that the entry corrected, and is kept itself by nobody. Voiding the report of an
    adverse event voids its follow-ups.
    """
    kept: dict[int, Recorded[F]] = {}  # by the version of the entry that was recorded first, in that order
    first: dict[int, int] = {}  # by version: the first entry of its chain, while the entry is current
    for entry in entries:
        if isinstance(entry.fact, VOIDS):
            chain = first.pop(entry.fact.version, None)
            voided = None if chain is None else kept.pop(chain).fact
            if isinstance(voided, AdverseEventReported):
                for version in _follow_ups(kept.values(), voided.event):
                    del kept[first.pop(version)]
            continue
        corrected = entry.meta.corrects
        chain = entry.version if corrected is None else first.pop(corrected, entry.version)
        first[entry.version] = chain
        kept[chain] = entry
    return list(kept.values())


def _follow_ups(entries: Iterable[Recorded[F]], event: str) -> list[int]:
    return [
        entry.version
        for entry in entries
        if isinstance(entry.fact, AdverseEventFollowedUp) and entry.fact.event == event
    ]


def require_current(entries: Iterable[Recorded[F]], *, stream: str, version: int) -> Recorded[F]:
    """Find a current entry of a stream.

    Raises:
        EntryNotCurrent: the entry was corrected or voided, or is not there.
    """
    for entry in current_entries(entries):
        if entry.version == version:
            return entry
    raise EntryNotCurrent(stream=stream, version=version)


@attrs.frozen
class Change:
    """One field of a correction: what it was, and what it is now."""

    field: str
    old: object
    new: object


def changes(old: AttrsInstance, new: AttrsInstance) -> list[Change]:
    """Compare two facts of one kind, field by field; old and new values are never taken from the caller."""
    return [
        Change(field.name, before, after)
        for field in attrs.fields(type(old))
        if (before := getattr(old, field.name)) != (after := getattr(new, field.name))
    ]
