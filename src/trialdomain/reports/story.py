"""The course of a trial as a table: decisions, and facts that changed a count."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from trialdomain.events.cohort import (
    DltAttributed,
    DltRevoked,
    EnrollmentResumed,
    EnrollmentStopped,
    EscalationDecided,
    Release,
    SlotReleased,
)
from trialdomain.events.entries import changes
from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    AntiInfectiveGiven,
    Enrolled,
    Infused,
    LabRecorded,
    LevelReassigned,
    ParticipantEntryVoided,
    ScreenFailed,
    Transfused,
    VitalSignRecorded,
)
from trialdomain.events.recorded import EntryRef, Recorded
from trialdomain.events.trial import (
    DoseRecommended,
    MtdDeclared,
    MtdNotEstablished,
    ProtocolAmended,
    RecruitmentSuspended,
    TrialClosed,
)
from trialdomain.reports.escalation.decision import doses_of, level_words, next_words
from trialdomain.reports.facts import graded
from trialdomain.reports.table import Column, Table
from trialdomain.values.given.plural import how_many
from trialdomain.values.ids import level_of, subject_of

_RELEASES = {
    Release.NOT_EVALUABLE: "not evaluable: the slot is free again",
    Release.WITHDRAWN: "left before the infusion: the slot is free",
    Release.REASSIGNED: "sent to another level",
    Release.LEVEL_CLOSED: "loses the slot, because the level closed",
}

_OBSERVED = {
    LabRecorded: ("laboratory result", None),
    VitalSignRecorded: ("vital sign", None),
    Transfused: ("transfusion", None),
    AntiInfectiveGiven: ("course of anti-infectives", "courses of anti-infectives"),
    AdverseEventReported: ("adverse event", None),
    AdverseEventFollowedUp: ("follow-up of them", "follow-ups of them"),
}


def story_table(entries: Iterable[Recorded[Any]]) -> Table:
    """List the course of a trial for a clinician, one row per important entry, in the order of recording."""
    ordered = sorted(entries, key=lambda entry: entry.position)
    known = {entry.ref: entry for entry in ordered}
    described = ((entry, text) for entry in ordered if (text := _describe(entry, known)) is not None)
    return Table(
        title="What happened",
        columns=("recorded (UTC)", "who", Column("what", least=30), Column("entry", keep=-1)),
        rows=tuple(
            (entry.meta.recorded_at.date().isoformat(), _who(entry), text, str(entry.position))
            for entry, text in described
        ),
    )


def _who(entry: Recorded[Any]) -> str:
    subject = subject_of(entry.stream) or getattr(entry.fact, "subject", None)
    if subject is not None:
        return str(subject)
    level = level_of(entry.stream)
    return "trial" if level is None else f"level {level}"


def _describe(entry: Recorded[Any], known: Mapping[EntryRef, Recorded[Any]]) -> str | None:
    """Describe an entry in one line; None if the table leaves it out."""
    if entry.meta.corrects is not None:
        old = known[EntryRef(entry.stream, entry.meta.corrects)].fact
        what = ", ".join(f"{change.field} {change.old} is {change.new}" for change in changes(old, entry.fact))
        return f"correction: {what} ({entry.meta.reason})"
    return _of_participant(entry) or _of_cohort(entry, known) or _of_trial(entry)


def _of_participant(entry: Recorded[Any]) -> str | None:
    match entry.fact:
        case ScreenFailed(why=why):
            return f"screen failure: {why.plain}"
        case Enrolled(level=level):
            return f"enrolled at level {level}"
        case Infused(level=level):
            return f"infused at level {level}"
        case LevelReassigned(from_level=before, to_level=after):
            return f"reassigned from level {before} to level {after}"
        case ParticipantEntryVoided(version=version):
            return f"version {version} of the record voided ({entry.meta.reason})"
        case _:
            return None


def _of_cohort(entry: Recorded[Any], known: Mapping[EntryRef, Recorded[Any]]) -> str | None:
    match entry.fact:
        case DltAttributed(event=event, onset=onset):
            return f"DLT: {_term(event, entry, known)}, onset {onset}"
        case DltRevoked(why=why):
            return f"the DLT is revoked: {why}"
        case SlotReleased(why=why):
            return _RELEASES[why]
        case EnrollmentStopped():
            return "closed to enrollment"
        case EnrollmentResumed():
            return "open to enrollment again"
        case EscalationDecided(decided=decided, recommended=recommended, basis=basis):
            because = recommended.because.text if recommended.because else "no reason is recorded"
            return f"decision: {next_words(decided, doses_of(basis.tallies))}, because {because}"
        case _:
            return None


def _of_trial(entry: Recorded[Any]) -> str | None:
    match entry.fact:
        case MtdDeclared(level=level, bounded_above=bounded, basis=basis):
            above = "a closed level" if bounded else "no closed level"
            return f"MTD declared: {level_words(level, doses_of(basis.tallies))}, with {above} above it"
        case MtdNotEstablished(why=why):
            return f"no MTD: {why.value}"
        case DoseRecommended(level=level, purpose=purpose, rationale=why, basis=basis):
            return f"{level_words(level, doses_of(basis.tallies))} recommended for {purpose}: {why.plain}"
        case ProtocolAmended(protocol=protocol):
            return f"protocol amended: version {protocol.version}"
        case RecruitmentSuspended(why=why):
            return f"recruitment suspended: {why.plain}"
        case TrialClosed(why=why):
            return f"recruitment closed: {why.plain}"
        case _:
            return None


def observed_line(entries: Iterable[Recorded[Any]]) -> str:
    """Count the recorded observations by kind, in one sentence."""
    facts = Counter(type(entry.fact) for entry in entries)
    named = ", ".join(how_many(facts[kind], one, many) for kind, (one, many) in _OBSERVED.items())
    return f"Recorded: {named}."


def _term(event: str | None, entry: Recorded[Any], known: Mapping[EntryRef, Recorded[Any]]) -> str:
    cause = None if entry.meta.caused_by is None else known.get(entry.meta.caused_by)
    fact = None if cause is None else cause.fact
    if isinstance(fact, AdverseEventReported):
        return f"{fact.term}, {graded(fact)}"
    return event or "a lasting cytopenia"
