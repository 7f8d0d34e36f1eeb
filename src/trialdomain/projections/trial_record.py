"""The record of a trial and of its cohorts, folded from their streams, for any day.

A record is never changed: :meth:`TrialRecord.followed_by` returns a new one that shares what has not changed. So a
process can keep the record of a trial, and read only the entries that are new.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Self, TypeAlias

import attrs

from trialdomain.events.cohort import CohortExpanded, CohortOpened, EscalationDecided, SlotReleased
from trialdomain.events.entries import Current
from trialdomain.events.membership import Membership, apply_to_members
from trialdomain.events.recorded import Recorded
from trialdomain.values.clinical.level import Label
from trialdomain.values.given.in_short import in_short
from trialdomain.values.ids import level_of

Opened: TypeAlias = Recorded[CohortOpened] | Recorded[CohortExpanded]


@attrs.define(eq=False)
class _Slots:
    """The slots of a level, as they were opened, taken and given back."""

    members: dict[str, Membership] = attrs.Factory(dict)
    using: set[str] = attrs.Factory(set)
    opened: list[Opened] = attrs.Factory(list)
    most: int = 0

    def take(self, entries: Iterable[Recorded[Any]]) -> Self:
        """Take further entries; those of one command must not be parted."""
        for _, together in groupby(entries, key=lambda entry: entry.envelope.command):
            # The facts of one command count as one moment: a participant whose slot is taken and given back
            # in the same command never used a slot.
            concerned = set[str]()
            for entry in together:
                if isinstance(entry.fact, CohortOpened | CohortExpanded):
                    self.opened.append(entry)
                elif (subject := apply_to_members(self.members, entry.fact)) is not None:
                    concerned.add(subject)
            for subject in concerned:
                (self.using.add if self.members[subject].occupies else self.using.discard)(subject)
            used = len(self.using)
            self.most = max(self.most, min(used, self.opened[-1].fact.slots) if self.opened else used)
        return self

    def copied(self) -> "_Slots":
        return _Slots(dict(self.members), set(self.using), list(self.opened), self.most)


@attrs.define(eq=False)
class CohortRecord:
    """The current entries of one cohort, and the slots of its level."""

    __repr__ = in_short

    entries: Sequence[Recorded[Any]]
    _folded: _Slots | None = None
    """The slots; None before they are asked for."""

    @property
    def opened(self) -> Sequence[Opened]:
        """The entries that opened slots, in their order."""
        return self._slots.opened

    @property
    def held(self) -> int:
        """The peak number of slots in use at the same time.

        Never more than were opened: where a correction gives a participant a slot back that was filled meanwhile, more
        participants than slots are no sign that people expanded the level.

        The current evaluations do not show this: an expanded level keeps its slots after participants leave.
        """
        return self._slots.most

    @property
    def _slots(self) -> _Slots:
        if self._folded is None:
            self._folded = _Slots().take(self.entries)
        return self._folded

    def followed_by(self, entries: Sequence[Recorded[Any]]) -> "CohortRecord":
        """Return the record with further entries, which change none of those that it has."""
        folded = None if self._folded is None else self._folded.copied().take(entries)
        return CohortRecord([*self.entries, *entries], folded)


@attrs.frozen(eq=False)
class TrialRecord:
    """The current entries of the trial's own stream and of its cohorts."""

    __repr__ = in_short

    own: Sequence[Recorded[Any]]
    """The trial's own stream."""
    cohorts: Mapping[Label, CohortRecord]
    places: Mapping[int, int]
    """By the position of a current entry: the position of its first recording."""
    releases: Sequence[tuple[Label, Recorded[SlotReleased]]]
    """Each release of a slot, with its level, in the order of their first recording."""
    decisions: Sequence[Recorded[EscalationDecided]]
    """In the order of their first recording."""

    @classmethod
    def of(cls, streams: Iterable[tuple[str, Current[Any]]]) -> "TrialRecord":
        """Fold the streams of the trial and of its cohorts; others are passed over."""
        own: Sequence[Recorded[Any]] = ()
        cohorts: dict[Label, Sequence[Recorded[Any]]] = {}
        places: dict[int, int] = {}
        for stream, recorded in streams:
            places |= {entry.position: recorded.since(entry) for entry in recorded.entries}
            if (level := level_of(stream)) is not None:
                cohorts[level] = recorded.entries
            elif "/" not in stream:
                own = recorded.entries
        return cls(
            own=own,
            cohorts={level: CohortRecord(entries) for level, entries in cohorts.items()},
            places=places,
            releases=_released(
                [one for level, entries in cohorts.items() for one in _releases(level, entries)], places
            ),
            decisions=_in_order([one for entries in cohorts.values() for one in _decisions(entries)], places),
        )

    def followed_by(self, entries: Sequence[Recorded[Any]]) -> "TrialRecord":
        """Return the record with further entries, of which none corrects or voids another one."""
        places = {**self.places, **{entry.position: entry.position for entry in entries}}
        own, cohorts = list(self.own), dict(self.cohorts)
        releases, decisions = list(self.releases), list(self.decisions)
        for stream, some in groupby(sorted(entries, key=_by_stream), key=lambda entry: entry.stream):
            together = list(some)
            level = level_of(stream)
            if level is None:
                own += together
                continue
            cohorts[level] = cohorts.get(level, CohortRecord([])).followed_by(together)
            releases += _releases(level, together)
            decisions += _decisions(together)
        return TrialRecord(
            own=own,
            cohorts=cohorts,
            places=places,
            releases=_released(releases, places),
            decisions=_in_order(decisions, places),
        )


def _by_stream(entry: Recorded[Any]) -> tuple[str, int]:
    return entry.stream, entry.version


def _releases(level: Label, entries: Iterable[Recorded[Any]]) -> list[tuple[Label, Recorded[SlotReleased]]]:
    return [(level, entry) for entry in entries if isinstance(entry.fact, SlotReleased)]


def _released(
    releases: Iterable[tuple[Label, Recorded[SlotReleased]]], places: Mapping[int, int]
) -> Sequence[tuple[Label, Recorded[SlotReleased]]]:
    return sorted(releases, key=lambda one: places[one[1].position])


def _decisions(entries: Iterable[Recorded[Any]]) -> list[Recorded[EscalationDecided]]:
    return [entry for entry in entries if isinstance(entry.fact, EscalationDecided)]


def _in_order(
    decisions: Iterable[Recorded[EscalationDecided]], places: Mapping[int, int]
) -> Sequence[Recorded[EscalationDecided]]:
    return sorted(decisions, key=lambda entry: places[entry.position])
