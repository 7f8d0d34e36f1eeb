"""The audit trail of a stream: every entry with the fields that it set, changed or withdrew.

Old and new values are computed from the two entries. They are never taken from the user who made the change.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import attrs

from trialdomain.events.entries import VOIDS, Change, changes, target_version
from trialdomain.events.fields import Plain, plain_fields
from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import UserRegistered
from trialdomain.projections.people import People
from trialdomain.values.given.in_short import in_short
from trialdomain.values.word import Word


class Act(Word):
    """The kind of change that an entry made."""

    RECORDED = "recorded"
    CORRECTED = "corrected"
    VOIDED = "voided"


@attrs.frozen(kw_only=True)
class FieldChange:
    """One field of an entry that was set, changed, set to unknown, or withdrawn."""

    field: str
    """The path to the field, such as ``grade`` or ``attributions[1].relatedness``."""
    old: Plain | None
    """None if no value was known."""
    new: Plain | None
    """None if no value is known any more."""
    of: int
    """The position of the entry that has the field: for a void, of the withdrawn entry."""


@attrs.frozen(kw_only=True)
class TrailEntry:
    """One entry with its changes."""

    __repr__ = in_short

    entry: Recorded[Any]
    act: Act
    changes: tuple[FieldChange, ...]
    """In the order of the fact's fields; for a first entry, every field with a value."""
    target: int | None
    """The position of the entry that it corrects or voids."""
    superseded_by: int | None
    """The position of the later entry that corrected or voided it."""
    who: UserRegistered | None
    """The user who recorded it, with their name, role and organization at that time."""
    protocol: str | None
    """The version of the protocol that had been recorded last."""
    software: str | None
    """The version of the library that recorded it."""


def trail_of(recorded: Sequence[Recorded[Any]], people: People, asked: "Asked | None" = None) -> list[TrailEntry]:
    """Return each entry of one stream with its changes, in the order of versions.

    Args:
        recorded: all entries of one stream.
        people: the users, protocol versions and software versions of the trial.
        asked: the filter; without it, all entries.
    """
    wanted = asked or Asked()
    by_version = {entry.version: entry for entry in recorded}
    superseded: dict[int, int] = {}
    told = []
    for entry in recorded:
        act, target = _target(entry, by_version)
        withdrawn: Sequence[Recorded[Any]] = ()
        if act is Act.VOIDED and target is not None:
            withdrawn = [target, *_follow_ups(target, entry, recorded, superseded)]
        for one in (target, *withdrawn) if target is not None else ():
            superseded.setdefault(one.version, entry.position)
        if wanted.is_about(entry) and not (wanted.changed and act is Act.RECORDED):
            changes = wanted.fields_of(_changes(entry, act, target, withdrawn))
            if changes or wanted.field is None:
                told.append((entry, act, target, changes))
    return [
        TrailEntry(
            entry=entry,
            act=act,
            changes=changes,
            target=None if target is None else target.position,
            superseded_by=superseded.get(entry.version),
            who=people.known(entry.meta.user, at=entry.position),
            protocol=people.protocol(at=entry.position),
            software=people.software(at=entry.position),
        )
        for entry, act, target, changes in told
    ]


@attrs.frozen(kw_only=True)
class Asked:
    """A filter of a trail; a field that is None does not filter."""

    position: int | None = None
    """The position of one entry."""
    field: str | None = None
    """A path, or the beginning of one: ``attributions`` matches all fields inside it."""
    by: str | None = None
    """A user's id."""
    since: date | None = None
    until: date | None = None
    """The first and the last time of recording, both inclusive.

    A time with its offset. ``History`` also takes a day at the site and converts it.
    """
    why: str | None = None
    """Words to find in the reason or the deviation, ignoring case."""
    after: int | None = None
    """Recorded after this position."""
    changed: bool = False
    """Whether to return only corrections and voids."""

    def is_about(self, entry: Recorded[Any]) -> bool:
        """Return whether an entry passes the filters that are not about fields."""
        meta = entry.meta
        said = "" if self.why is None else f"{meta.reason or ''} {meta.deviation or ''}".casefold()
        return (
            self.position in {None, entry.position}
            and (self.after is None or entry.position > self.after)
            and self.by in {None, meta.user}
            and (self.since is None or meta.recorded_at >= _moment(self.since))
            and (self.until is None or meta.recorded_at <= _moment(self.until))
            and (self.why is None or self.why.casefold() in said)
        )

    def fields_of(self, changes: Sequence["FieldChange"]) -> "tuple[FieldChange, ...]":
        """Return the changes that match the field filter."""
        return tuple(one for one in changes if self.field is None or _is_of(one.field, self.field))


def _moment(given: date) -> datetime:
    if not isinstance(given, datetime):
        raise TypeError(f"{given} is a date without a time zone: pass a datetime with its offset")
    return given


def _is_of(path: str, asked: str) -> bool:
    return path == asked or path.startswith((f"{asked}.", f"{asked}["))


def _target(entry: Recorded[Any], by_version: Mapping[int, Recorded[Any]]) -> tuple[Act, Recorded[Any] | None]:
    """Return the kind of change, and the earlier entry that it corrects or voids."""
    version = target_version(entry)
    if version is None:
        return Act.RECORDED, None
    found, act = by_version.get(version), Act.VOIDED if isinstance(entry.fact, VOIDS) else Act.CORRECTED
    return act, found if found is not None and found.version < entry.version else None


def _changes(
    entry: Recorded[Any], act: Act, target: Recorded[Any] | None, withdrawn: Sequence[Recorded[Any]]
) -> tuple[FieldChange, ...]:
    if act is Act.VOIDED:
        return tuple(
            FieldChange(field=field, old=old, new=None, of=one.position)
            for one in withdrawn
            for field, old in plain_fields(one.fact).items()
        )
    if target is None:
        told = [Change(field, None, new) for field, new in plain_fields(entry.fact).items()]
    else:
        told = changes(target.fact, entry.fact)
    return tuple(FieldChange(field=one.field, old=one.old, new=one.new, of=entry.position) for one in told)


def _follow_ups(
    voided: Recorded[Any], void: Recorded[Any], recorded: Sequence[Recorded[Any]], superseded: Mapping[int, int]
) -> list[Recorded[Any]]:
    """Return the follow-ups that a void withdraws together with the report of an adverse event: the current ones."""
    if not isinstance(voided.fact, AdverseEventReported):
        return []
    return [
        one
        for one in recorded
        if isinstance(one.fact, AdverseEventFollowedUp)
        and one.fact.event == voided.fact.event
        and one.version < void.version
        and one.version not in superseded
    ]
