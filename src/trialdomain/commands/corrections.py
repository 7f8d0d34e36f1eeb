"""Corrections and voids: a new entry restates or withdraws a fact, with a reason. No entry is ever edited."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import attrs

from trialdomain.aggregates.trial import against_taking_the_place
from trialdomain.commands.access import check_table, needed_to_change
from trialdomain.commands.coercion import FactMalformed, remake
from trialdomain.commands.settlement import settle
from trialdomain.commands.snapshot import Drafts, Snapshot, drafts_in
from trialdomain.errors import CommandRefused
from trialdomain.events.access import AccessRefused
from trialdomain.events.cohort import CohortEntryVoided, CohortExpanded, CohortOpened, EscalationDecided
from trialdomain.events.entries import current, current_entries, require_current
from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    Consented,
    ParticipantEntryVoided,
)
from trialdomain.events.recorded import Draft, Entry, EntryRef, Fact, Recorded
from trialdomain.events.trial import ProtocolAmended, TrialEntryVoided, TrialRegistered
from trialdomain.values.clinical.ctcae import lacks, term_on
from trialdomain.values.clinical.level import listed_levels
from trialdomain.values.clinical.scale import Scale, scale_of
from trialdomain.values.ids import cohort_stream, level_of, subject_of, trial_of
from trialdomain.values.reason import check_reason
from trialdomain.values.use_case import UseCase


class NeverCorrected(CommandRefused):
    """Entries of this kind are never corrected or voided."""

    code = "never-corrected"

    def __init__(self, *, entry: Entry, act: str) -> None:
        super().__init__(
            f"position {entry.position}, {type(entry.fact).__name__}, cannot be {act}: it says what the system did; "
            f"record a new entry with what is true now"
        )
        self.entry, self.act = entry, act


class EntryOfAnotherTrial(CommandRefused):
    """A user would correct or void an entry at the desk of another trial."""

    code = "entry-of-another-trial"

    def __init__(self, *, entry: Entry, trial: str) -> None:
        super().__init__(
            f"position {entry.position} is an entry of trial {entry.trial}, not of {trial}: "
            f"use the desk of {entry.trial}"
        )
        self.entry, self.trial = entry, trial


def correct(snapshot: Snapshot, entry: Entry, changes: Mapping[str, object], *, reason: str, on: date) -> Drafts:
    """Restate an entry with some fields changed; return no drafts if the fact stays the same.

    A correction states what happened, so it is refused only when it is malformed. Conduct that it shows to be against
    a rule is recorded, and the checks report it as a finding.

    Raises:
        EntryNotCurrent: the entry was corrected or voided before.
        ReasonMissing: the reason is blank, or a filler word.
        FactMalformed: the restated fact is impossible.
        ScaleUnknown: the scale is almost a known one.
    """
    check_reason(reason)
    current = _current(snapshot, entry, act="corrected")
    named = {name: scale_of(value) if isinstance(value, Scale) else value for name, value in changes.items()}
    site: Any = named.get("site", site_of(snapshot, current.stream))
    fact = remake(current.fact, {name: snapshot.localized(value, site) for name, value in named.items()})
    _check_levels(snapshot, fact)
    _check_site(snapshot, fact)
    if fact == current.fact:
        return []
    if isinstance(fact, AdverseEventReported | AdverseEventFollowedUp):
        fact = _checked_event(snapshot, current, fact)
    _keep_trial(current.fact, fact)
    _keep_order(snapshot, current, fact)
    drafts: Drafts = [Draft(stream=entry.stream, fact=fact, corrects=current.version, reason=reason)]
    drafts += _death(snapshot, current, fact)
    return drafts + _settled(snapshot, drafts, current.fact, fact, on=on)


def void(snapshot: Snapshot, entry: Entry, *, reason: str, on: date) -> Drafts:
    """Withdraw an entry that was made in error, together with the entries that it corrected.

    Raises:
        EntryNotCurrent: the entry was corrected or voided before.
        ReasonMissing: the reason is blank, or a filler word.
        NeverCorrected: the entry is the registration of the trial, or the system's record of a refusal.
    """
    check_reason(reason)
    current = _current(snapshot, entry, act="voided")
    if isinstance(current.fact, TrialRegistered):
        raise NeverCorrected(entry=entry, act="voided")
    drafts: Drafts = [Draft(stream=entry.stream, fact=_void_of(entry), reason=reason)]
    if isinstance(current.fact, EscalationDecided):
        drafts += [Draft(stream=one.stream, fact=_void_of(one), reason=reason) for one in _opened_by(snapshot, current)]
    return drafts + _settled(snapshot, drafts, current.fact, on=on)


def needed_for(snapshot: Snapshot, entry: Entry) -> tuple[UseCase, ...]:
    """Return the use cases that a user needs to change an entry, judged by the stored fact, not by the caller's."""
    if trial_of(entry.stream) != snapshot.id:
        return ()  # no user of this trial can change an entry of another trial
    stored = (one.fact for one in snapshot.entries(entry.stream) if one.version == entry.version)
    return next((needed_to_change(fact) for fact in stored), ())


def _current(snapshot: Snapshot, entry: Entry, *, act: str) -> Recorded[Fact]:
    if entry.trial != snapshot.id or trial_of(entry.stream) != snapshot.id:
        raise EntryOfAnotherTrial(entry=entry, trial=snapshot.id)
    found = require_current(snapshot.entries(entry.stream), stream=entry.stream, version=entry.version)
    if isinstance(found.fact, AccessRefused):  # judged by the stored fact, not by the caller's
        raise NeverCorrected(entry=found, act=act)
    return found


def _opened_by(snapshot: Snapshot, decision: Entry) -> list[Entry]:
    """Find the entries that a decision, or one that it corrects, caused: levels and slots that it opened.

    They are voided with the decision, since no other entry opened them.
    """
    chain = current(snapshot.entries(decision.stream)).chain_of(decision.version)
    refs = {EntryRef(decision.stream, version) for version in chain}
    cohorts = [current(snapshot.entries(cohort_stream(snapshot.id, label))) for label in snapshot.protocol.labels]
    return [
        entry
        for cohort in cohorts
        for entry in cohort.entries
        if isinstance(entry.fact, CohortOpened | CohortExpanded) and cohort.first_of(entry).envelope.caused_by in refs
    ]


def _void_of(entry: Entry) -> Fact:
    if subject_of(entry.stream) is not None:
        return ParticipantEntryVoided(version=entry.version)
    if level_of(entry.stream) is not None:
        return CohortEntryVoided(version=entry.version)
    return TrialEntryVoided(version=entry.version)


def _settled(snapshot: Snapshot, drafts: Drafts, *facts: Fact, on: date) -> Drafts:
    """Settle for the participants that the entry concerns, before and after; for all where it names none."""
    subject = subject_of(drafts[0].stream)
    named = {subject} if subject else {getattr(fact, "subject", None) for fact in facts}
    return settle(snapshot, drafts, about=None if None in named else {str(name) for name in named}, on=on)


def site_of(snapshot: Snapshot, stream: str) -> str | None:
    """Return the site of the participant whose stream it is; None for another stream, and without several sites."""
    subject = subject_of(stream)
    return snapshot.participant(subject).site if subject and snapshot.protocol.sites else None


def _check_site(snapshot: Snapshot, fact: Fact) -> None:
    """Refuse a consent at a site that the protocol does not have."""
    sites = [one.id for one in snapshot.protocol.sites]
    if isinstance(fact, Consented) and fact.site is not None and fact.site not in sites:
        known = ", ".join(sites) or "none"
        raise FactMalformed(kind="Consented", why=f"there is no site {fact.site}: the protocol has {known}")


def _check_levels(snapshot: Snapshot, fact: Fact) -> None:
    """Refuse a dose level that the protocol does not have."""
    for field in ("level", "from_level", "to_level"):
        level = getattr(fact, field, None)
        if level is not None and not snapshot.protocol.has_level(level):
            known = listed_levels(snapshot.protocol.labels)
            raise FactMalformed(
                kind=type(fact).__name__, why=f"there is no dose level {level}: the protocol has {known}"
            )


def _keep_trial(old: Fact, new: Fact) -> None:
    brings = TrialRegistered | ProtocolAmended
    if isinstance(new, brings):
        check_table(new.protocol)
    if isinstance(old, brings) and isinstance(new, brings) and against_taking_the_place(old.protocol, new.protocol):
        raise FactMalformed(kind="TrialProtocol", why="a correction keeps the trial's code, and every dose level")


def _keep_order(snapshot: Snapshot, old: Recorded[Fact], new: Fact) -> None:
    """Refuse to change the order of protocol versions: the one that was recorded last is in force."""
    if not isinstance(new, ProtocolAmended):
        return
    entries = current_entries(snapshot.entries(old.stream))
    amended = [
        new if entry.version == old.version else entry.fact
        for entry in entries
        if isinstance(entry.fact, ProtocolAmended)
    ]
    for before, after in pairwise(amended):
        if (before is new or after is new) and after.effective_on < before.effective_on:
            why = (
                f"version {after.protocol.version} was recorded after version {before.protocol.version}, but would "
                f"take effect before it, on {after.effective_on}: void the later one, and record it again"
            )
            raise FactMalformed(kind="ProtocolAmended", why=why)


def _checked_event(
    snapshot: Snapshot, current: Recorded[Fact], fact: AdverseEventReported | AdverseEventFollowedUp
) -> AdverseEventReported | AdverseEventFollowedUp:
    """Check a corrected event: follow-ups have a report, a term has its code, a serious event has a criterion."""
    others = [e.fact for e in current_entries(snapshot.entries(current.stream)) if e.version != current.version]
    _check_order([*others, fact], fact.event)
    _check_criteria(current.fact, fact)
    reported = {other.event for other in others if isinstance(other, AdverseEventReported)}
    _check_grades([*others, fact], fact.event)
    if isinstance(fact, AdverseEventFollowedUp):
        if fact.event not in reported:
            raise FactMalformed(kind="AdverseEventFollowedUp", why=f"there is no adverse event {fact.event}")
        if getattr(current.fact, "on", None) != fact.on:
            _check_follow_up(others, fact)
        return fact
    old = current.fact
    if isinstance(old, AdverseEventReported) and fact.event != old.event:
        if fact.event in reported:
            raise FactMalformed(kind="AdverseEventReported", why=f"there is an adverse event {fact.event} already")
        if any(isinstance(other, AdverseEventFollowedUp) and other.event == old.event for other in others):
            raise FactMalformed(
                kind="AdverseEventReported", why=f"follow-ups name event {old.event}: void it, and record it again"
            )
    if isinstance(old, AdverseEventReported) and (fact.term, fact.scale) != (old.term, old.scale):
        known = term_on(fact.scale, fact.term)
        return attrs.evolve(fact, ctcae_code=known.code if known else None, unchecked=lacks(fact.scale, fact.term))
    return fact


def _check_follow_up(others: Sequence[Fact], fact: AdverseEventFollowedUp) -> None:
    """Refuse to date a follow-up before the onset of its event.

    A corrected onset may still move past a recorded follow-up; that follow-up stays.
    """
    for report in others:
        if isinstance(report, AdverseEventReported) and report.event == fact.event and fact.on.precedes(report.onset):
            raise FactMalformed(
                kind="AdverseEventFollowedUp",
                why=f"adverse event {fact.event} began on {report.onset}, after the follow-up of {fact.on}",
            )


def _check_grades(facts: Sequence[Fact], event: str) -> None:
    """Refuse a grade of a follow-up that the scale of its event does not have, whichever of the two is corrected."""
    scales = [fact.scale for fact in facts if isinstance(fact, AdverseEventReported) and fact.event == event]
    for one in facts:
        if isinstance(one, AdverseEventFollowedUp) and one.event == event and one.grade is not None:
            for scale in scales:
                if one.grade not in scale.grades:
                    raise FactMalformed(
                        kind="AdverseEventReported",
                        why=f"adverse event {event} is at grade {one.grade} by the follow-up of {one.on}, but {scale} "
                        f"has {scale.grades_text}: correct the grade first",
                    )


def _check_criteria(old: Fact, fact: AdverseEventReported | AdverseEventFollowedUp) -> None:
    """Refuse to make an event serious, or to leave it serious, without a criterion (ICH E2A, II.B).

    An event that was imported without a criterion stays so while neither field is corrected.
    """
    said = getattr(old, "serious", None), getattr(old, "seriousness", ())
    if fact.serious and not fact.seriousness and said != (fact.serious, fact.seriousness):
        raise FactMalformed(
            kind=type(fact).__name__, why=f"adverse event {fact.event} is serious, but no criterion says why"
        )


def _check_order(facts: Sequence[Fact], event: str) -> None:
    """Refuse an end of an adverse event that certainly lies before its onset."""
    of_event = [f for f in facts if isinstance(f, AdverseEventReported | AdverseEventFollowedUp) and f.event == event]
    onsets = [fact.onset for fact in of_event if isinstance(fact, AdverseEventReported)]
    for ended in (fact.ended for fact in of_event if fact.ended is not None):
        for onset in onsets:
            if ended.precedes(onset):
                raise FactMalformed(
                    kind="AdverseEventReported",
                    why=f"adverse event {event} would end on {ended}, before its onset {onset}",
                )


def _death(snapshot: Snapshot, current: Recorded[Fact], fact: Fact) -> Drafts:
    """Draft the death that a corrected event implies, as its report would have done."""
    subject = subject_of(current.stream)
    if subject is None or not isinstance(fact, AdverseEventReported | AdverseEventFollowedUp):
        return []
    return drafts_in(current.stream, snapshot.participant(subject).death_of(fact), caused_by=current.ref)
