"""Times at the site: the desk gives every clinical time the site's offset before it is recorded.

A time with an offset is converted to the site's zone, so that its day is the site's day. A time without an offset is
the site's own, and gets the offset that the site's clocks had then.
"""

from enum import Enum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import attrs

from trialdomain.errors import InputInvalid
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.calendar import times_shown
from trialdomain.values.clinical_time import ClinicalTime

F = TypeVar("F")


class OffsetMissing(InputInvalid):
    """A time has no offset, and the protocol's zone does not determine the moment."""

    code = "offset-missing"

    def __init__(self, *, when: ClinicalTime, why: str) -> None:
        super().__init__(f"{when} has no offset, and {why}: give the time with its offset, such as {when}+08:00")
        self.when, self.why = when, why


def placed(given: F, zone: str | None) -> F:
    """Convert every time in a fact, in a part of one, or in several values, to the site's offset.

    Args:
        given: a fact, or any value that a fact holds.
        zone: the site's time zone; None if it is not known.

    Raises:
        OffsetMissing: a time has no offset, and the zone is not known, or its clocks skip or repeat that hour.
    """
    return _placed(given, zone)  # type: ignore[no-any-return]  # of the same type


def _placed(given: Any, zone: str | None) -> Any:  # noqa: ANN401 - any value that a fact holds
    if isinstance(given, ClinicalTime):
        return _at_site(given, zone)
    if isinstance(given, tuple):
        parts = tuple(_placed(part, zone) for part in given)
        return given if all(new is old for new, old in zip(parts, given, strict=True)) else parts
    if isinstance(given, Enum) or not attrs.has(type(given)) or isinstance(given, TrialProtocol):
        return given
    names = [field.name for field in attrs.fields(type(given))]
    values = {name: getattr(given, name) for name in names}
    changed = {name: new for name, old in values.items() if (new := _placed(old, zone)) is not old}
    return attrs.evolve(given, **changed) if changed else given


def _at_site(when: ClinicalTime, zone: str | None) -> ClinicalTime:
    if when.at is None:
        return when
    if when.at.tzinfo is not None:
        return when if zone is None else when.in_zone(ZoneInfo(zone))
    if zone is None:
        raise OffsetMissing(when=when, why="the protocol does not name the zone of the site")
    if (shown := times_shown(when.at, ZoneInfo(zone))) != 1:
        how = "skip that hour" if shown == 0 else "show that hour twice"
        raise OffsetMissing(when=when, why=f"the clocks of {zone} {how}")
    return when.at_site(ZoneInfo(zone))
