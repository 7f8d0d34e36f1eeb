"""A participant: the life cycle of one person in the trial."""

from collections.abc import Sequence
from typing import assert_never

import attrs

from trialdomain.errors import CommandRefused
from trialdomain.events.happened import happened
from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    AntiInfectiveGiven,
    ChemotherapyGiven,
    ChemotherapyStarted,
    CompletedFollowUp,
    ConcomitantMedicationGiven,
    Consented,
    CriteriaAnswered,
    Died,
    DltWindowAssessed,
    Enrolled,
    Infused,
    LabRecorded,
    LevelReassigned,
    LostToFollowUp,
    NewTherapyStarted,
    ParticipantEntryVoided,
    ParticipantFact,
    Relapsed,
    Screened,
    ScreenFailed,
    Transfused,
    VitalSignRecorded,
    Withdrew,
)
from trialdomain.events.recorded import Recorded
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.toxicity import FATAL_GRADE, Outcome


class SubjectUnknown(CommandRefused):
    """Something would be recorded of somebody who has not consented."""

    def __init__(self, *, subject: str, act: str) -> None:
        super().__init__(
            f"{act} of {subject} cannot be recorded: nobody of that code has consented; record the consent"
        )
        self.subject, self.act = subject, act


class AlreadyEnrolled(CommandRefused):
    """Somebody would be enrolled a second time."""

    def __init__(self, *, subject: str, level: int) -> None:
        super().__init__(f"{subject} is enrolled at level {level} already: correct that entry, or reassign the level")
        self.subject, self.level = subject, level


class NotScreened(CommandRefused):
    """Somebody would be enrolled without a screening."""

    def __init__(self, *, subject: str) -> None:
        super().__init__(f"{subject} has not been screened: record the screening before the enrollment")
        self.subject = subject


class ConsentLate(CommandRefused):
    """A procedure came before the consent to it."""

    def __init__(self, *, signed_on: ClinicalTime, procedure: str, on: ClinicalTime) -> None:
        super().__init__(f"consent was signed on {signed_on}, after the {procedure} on {on}: correct one of the dates")
        self.signed_on, self.procedure, self.on = signed_on, procedure, on


class NotEnrolled(CommandRefused):
    """Somebody would be infused who was not enrolled."""

    def __init__(self, *, subject: str) -> None:
        super().__init__(f"{subject} is not enrolled: record the enrollment before the infusion")
        self.subject = subject


class LevelNotAssigned(CommandRefused):
    """A participant would receive a level other than the assigned one."""

    def __init__(self, *, subject: str, assigned: int, given: int) -> None:
        super().__init__(
            f"dose level {given} was given to {subject}, but level {assigned} is assigned: "
            f"record a reassignment first, or correct the level"
        )
        self.subject, self.assigned, self.given = subject, assigned, given


class AlreadyInfused(CommandRefused):
    """A participant would be infused more often than the protocol has it."""

    def __init__(self, *, subject: str, started_at: ClinicalTime) -> None:
        super().__init__(f"{subject} was infused on {started_at} already: correct that entry if it is wrong")
        self.subject, self.started_at = subject, started_at


class EventKnown(CommandRefused):
    """An adverse event would be reported under an id that another one has."""

    def __init__(self, *, subject: str, event: str) -> None:
        super().__init__(f"{subject} has an adverse event {event} already: follow it up, correct it, or use a new id")
        self.subject, self.event = subject, event


class EventUnknown(CommandRefused):
    """A follow-up names an adverse event that was not reported."""

    def __init__(self, *, subject: str, event: str) -> None:
        super().__init__(f"{subject} has no adverse event {event}: report it first, or correct the id")
        self.subject, self.event = subject, event


class AfterDeath(CommandRefused):
    """Something is said to have been observed after the participant died."""

    def __init__(self, *, subject: str, when: ClinicalTime, died_on: ClinicalTime) -> None:
        super().__init__(f"{subject} died on {died_on}, so nothing was observed on {when}: correct one of the dates")
        self.subject, self.when, self.died_on = subject, when, died_on


class AlreadyDead(CommandRefused):
    """A second death is reported of one participant."""

    def __init__(self, *, subject: str, died_on: ClinicalTime) -> None:
        super().__init__(f"the death of {subject} on {died_on} is recorded already: correct that entry if it is wrong")
        self.subject, self.died_on = subject, died_on


@attrs.define
class Participant:
    """The state of one participant, as their decisions need it."""

    subject: str
    consent: Consented | None = None
    screened_on: ClinicalTime | None = None
    assigned_level: int | None = None
    infusion: Infused | None = None
    events: set[str] = attrs.Factory(set)
    """The ids of the adverse events that were reported."""
    died_on: ClinicalTime | None = None
    facts: list[ParticipantFact] = attrs.Factory(list)
    """Every current fact, so that the same act twice is told from a second one."""

    def apply(self, entry: Recorded[ParticipantFact]) -> None:
        """Fold one more current entry. No rule is checked here: it has happened."""
        fact = entry.fact
        self.facts.append(fact)
        match fact:
            case Consented():
                self.consent = fact
            case Screened(on=on):
                self.screened_on = on
            case Enrolled(level=level) | LevelReassigned(to_level=level):
                self.assigned_level = level
            case Infused():
                self.infusion = fact
            case AdverseEventReported(event=event):
                self.events.add(event)
            case Died(on=on):
                self.died_on = on
            case (
                AdverseEventFollowedUp()
                | AntiInfectiveGiven()
                | ChemotherapyGiven()
                | ChemotherapyStarted()
                | CompletedFollowUp()
                | ConcomitantMedicationGiven()
                | CriteriaAnswered()
                | DltWindowAssessed()
                | LabRecorded()
                | LostToFollowUp()
                | NewTherapyStarted()
                | ParticipantEntryVoided()
                | Relapsed()
                | ScreenFailed()
                | Transfused()
                | VitalSignRecorded()
                | Withdrew()
            ):
                pass  # the casebook reads it; no decision here asks for it
            case _:
                assert_never(fact)

    def consented(self, fact: Consented) -> Sequence[ParticipantFact]:
        """Record a consent."""
        return self._unless_known(fact)

    def screen(self, fact: Screened) -> Sequence[ParticipantFact]:
        """Record a screening; refuse one before the consent."""
        consent = self._consent("a screening")
        if fact.on.precedes(consent.signed_on):
            raise ConsentLate(signed_on=consent.signed_on, procedure="screening", on=fact.on)
        return self._unless_known(fact)

    def enroll(self, fact: Enrolled) -> Sequence[ParticipantFact]:
        """Record an enrollment; refuse a second one, and one without a screening."""
        self._consent("an enrollment")
        if fact in self.facts:
            return []
        if self.assigned_level is not None:
            raise AlreadyEnrolled(subject=self.subject, level=self.assigned_level)
        if self.screened_on is None:
            raise NotScreened(subject=self.subject)
        return self._unless_known(fact)

    def infuse(self, fact: Infused) -> Sequence[ParticipantFact]:
        """Record an infusion of the assigned level; refuse any other, and a second one."""
        self._consent("an infusion")
        if fact in self.facts:
            return []
        if self.assigned_level is None:
            raise NotEnrolled(subject=self.subject)
        if self.infusion is not None:
            raise AlreadyInfused(subject=self.subject, started_at=self.infusion.started_at)
        if fact.level != self.assigned_level:
            raise LevelNotAssigned(subject=self.subject, assigned=self.assigned_level, given=fact.level)
        return self._unless_known(fact)

    def report_adverse_event(self, fact: AdverseEventReported) -> Sequence[ParticipantFact]:
        """Record the first report of an event; a fatal one brings the death with it."""
        self._consent("an adverse event")
        if fact in self.facts:
            return []
        if fact.event in self.events:
            raise EventKnown(subject=self.subject, event=fact.event)
        fatal = fact.grade == FATAL_GRADE or fact.outcome is Outcome.FATAL
        return [*self._unless_known(fact), *self._death(fact.event, fact.ended or fact.onset, fatal=fatal)]

    def follow_up_adverse_event(self, fact: AdverseEventFollowedUp) -> Sequence[ParticipantFact]:
        """Record what is new about an event that was reported; a fatal end brings the death with it."""
        self._consent("a follow-up")
        if fact.event not in self.events:
            raise EventUnknown(subject=self.subject, event=fact.event)
        fatal = fact.grade == FATAL_GRADE or fact.outcome is Outcome.FATAL
        return [*self._unless_known(fact), *self._death(fact.event, fact.ended or fact.on, fatal=fatal)]

    def die(self, fact: Died) -> Sequence[ParticipantFact]:
        """Record a death; refuse a second one, and one for an event that was not reported."""
        self._consent("a death")
        if fact in self.facts:
            return []
        if self.died_on is not None:
            raise AlreadyDead(subject=self.subject, died_on=self.died_on)
        if fact.event is not None and fact.event not in self.events:
            raise EventUnknown(subject=self.subject, event=fact.event)
        return [fact]

    def observe(self, fact: ParticipantFact) -> Sequence[ParticipantFact]:
        """Record something observed that no rule of conduct forbids; refuse what came after the death."""
        self._consent("an observation")
        return self._unless_known(fact)

    def _death(self, event: str, on: ClinicalTime, *, fatal: bool) -> Sequence[ParticipantFact]:
        return [Died(on=on, event=event)] if fatal and self.died_on is None else []

    def _consent(self, act: str) -> Consented:
        if self.consent is None:
            raise SubjectUnknown(subject=self.subject, act=act)
        return self.consent

    def _unless_known(self, fact: ParticipantFact) -> Sequence[ParticipantFact]:
        if fact in self.facts:
            return []
        when = happened(fact)
        if self.died_on is not None and when is not None and self.died_on.precedes(when):
            raise AfterDeath(subject=self.subject, when=when, died_on=self.died_on)
        return [fact]
