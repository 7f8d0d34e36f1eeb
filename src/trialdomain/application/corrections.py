"""Corrections and voids: a fact restated or withdrawn, with a reason; nothing is edited."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from trialdomain.application.coercion import FactMalformed, remake
from trialdomain.application.settlement import settle
from trialdomain.application.view import Drafts, View
from trialdomain.errors import CommandRefused
from trialdomain.events.access import AccessRefused
from trialdomain.events.cohort import CohortEntryVoided
from trialdomain.events.entries import require_current
from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, ParticipantEntryVoided
from trialdomain.events.recorded import Draft, Entry, Fact, Recorded
from trialdomain.events.trial import TrialEntryVoided, TrialRegistered
from trialdomain.values.ids import level_of, subject_of
from trialdomain.values.reason import check_reason


class NeverCorrected(CommandRefused):
    """An entry of a kind that stands as it was recorded."""

    def __init__(self, *, entry: Entry, act: str) -> None:
        super().__init__(
            f"position {entry.position}, {type(entry.fact).__name__}, cannot be {act}: it says what the system did; "
            f"record what is so now"
        )
        self.entry, self.act = entry, act


def correct(view: View, entry: Entry, changes: Mapping[str, object], *, reason: str, on: date) -> Drafts:
    """Restate an entry with some fields changed; what is already so drafts nothing.

    A correction states what happened, so it is refused only when it is malformed: conduct that it shows to be out of
    order is recorded, and is a finding.

    Raises:
        EntryNotCurrent: the entry was corrected or voided before.
        ReasonMissing: the reason says nothing.
        FactMalformed: the restated fact cannot be so.
    """
    check_reason(reason)
    current = _current(view, entry, act="corrected")
    fact = remake(current.fact, changes)
    if fact == current.fact:
        return []
    _keep_follow_ups(view, current, fact)
    drafts: Drafts = [Draft(stream=entry.stream, fact=fact, corrects=current.version, reason=reason)]
    return drafts + _settled(view, drafts, current, on=on)


def void(view: View, entry: Entry, *, reason: str, on: date) -> Drafts:
    """Withdraw an entry that was made in error, with everything that it corrected.

    Raises:
        EntryNotCurrent: the entry was corrected or voided before.
        ReasonMissing: the reason says nothing.
        NeverCorrected: the registration of the trial, or what the system recorded of a refusal.
    """
    check_reason(reason)
    current = _current(view, entry, act="voided")
    if isinstance(current.fact, TrialRegistered):
        raise NeverCorrected(entry=entry, act="voided")
    drafts: Drafts = [Draft(stream=entry.stream, fact=_void_of(entry), reason=reason)]
    return drafts + _settled(view, drafts, current, on=on)


def _current(view: View, entry: Entry, *, act: str) -> Recorded[Fact]:
    if isinstance(entry.fact, AccessRefused):
        raise NeverCorrected(entry=entry, act=act)
    return require_current(view.entries(entry.stream), stream=entry.stream, version=entry.version)


def _void_of(entry: Entry) -> Fact:
    if subject_of(entry.stream) is not None:
        return ParticipantEntryVoided(version=entry.version)
    if level_of(entry.stream) is not None:
        return CohortEntryVoided(version=entry.version)
    return TrialEntryVoided(version=entry.version)


def _settled(view: View, drafts: Drafts, entry: Recorded[Any], *, on: date) -> Drafts:
    subject = subject_of(entry.stream) or getattr(entry.fact, "subject", None)
    return [] if subject is None else settle(view, drafts, about=subject, on=on)


def _keep_follow_ups(view: View, current: Recorded[Fact], fact: Fact) -> None:
    """Refuse a correction that would cut follow-ups off from the event that they follow."""
    old = current.fact
    if isinstance(old, AdverseEventReported) and isinstance(fact, AdverseEventReported) and fact.event != old.event:
        followed = [e for e in view.entries(current.stream) if isinstance(e.fact, AdverseEventFollowedUp)]
        if any(entry.fact.event == old.event for entry in followed if isinstance(entry.fact, AdverseEventFollowedUp)):
            raise FactMalformed(
                kind="AdverseEventReported", why=f"follow-ups name event {old.event}: void it, and record it anew"
            )
