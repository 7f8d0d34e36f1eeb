"""The participant aggregate: the life cycle of one person in the trial."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import chain
from typing import assert_never

import attrs

from trialdomain.aggregates.deviation import allow
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
    check_grade,
)
from trialdomain.events.recorded import Recorded
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.eligibility import assess, contradictions, unmet
from trialdomain.rules.known_facts import known_of
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.screening import CriterionAssessment, Gate
from trialdomain.values.clinical.toxicity import FATAL_GRADE, Outcome
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.plural import how_many
from trialdomain.values.given.text import short


class SubjectUnknown(CommandRefused):
    """A fact would be recorded of a person who has not consented."""

    code = "subject-unknown"

    def __init__(self, *, subject: str, act: str) -> None:
        super().__init__(
            f"{act} of {subject} cannot be recorded: no participant of that code has consented; record the consent"
        )
        self.subject, self.act = subject, act


class ConsentMissing(CommandRefused):
    """A participant would be enrolled or infused without a consent."""

    code = "consent-missing"

    def __init__(self, *, subject: str) -> None:
        super().__init__(f"no consent of {subject} is recorded: record it first")
        self.subject = subject


class GradeNotInTerm(CommandRefused):
    """A follow-up names a grade that the scale of its event, or the term, does not have."""

    code = "grade-not-in-term"

    def __init__(self, *, event: str, why: str) -> None:
        super().__init__(f"event {short(event)}: {why}; correct the grade, or the report")
        self.event, self.why = event, why


class EndBeforeOnset(CommandRefused):
    """A follow-up ends an event before its onset."""

    code = "end-before-onset"

    def __init__(self, *, event: str, ended: ClinicalTime, onset: ClinicalTime) -> None:
        named = short(event)
        super().__init__(f"event {named} ended on {ended}, before its onset on {onset}: correct one of the dates")
        self.event, self.ended, self.onset = event, ended, onset


class FollowUpBeforeOnset(CommandRefused):
    """A follow-up is dated before the onset of its event."""

    code = "follow-up-before-onset"

    def __init__(self, *, event: str, on: ClinicalTime, onset: ClinicalTime) -> None:
        super().__init__(
            f"event {short(event)} began on {onset}, after the follow-up of {on}: correct the onset, or date the "
            f"follow-up by the day of the change"
        )
        self.event, self.on, self.onset = event, on, onset


_CRITERIA_LISTED = 5
"""The number of criteria that the sentence of a refusal names; its ``reasons`` hold all of them."""


class NotEligible(CommandRefused):
    """A participant has criteria, due by now, that are not met or not answered."""

    code = "not-eligible"

    def __init__(self, *, subject: str, reasons: Sequence[CriterionAssessment], no_chemotherapy: bool = False) -> None:
        listed = "; ".join(f"{one.criterion} {one.status.value}: {one.why}" for one in reasons[:_CRITERIA_LISTED])
        left = len(reasons) - _CRITERIA_LISTED
        more = f"; and {left} more, in reasons" if left > 0 else ""
        count = how_many(len(reasons), "criterion that is", "criteria that are")
        also = "; no chemotherapy is recorded yet" if no_chemotherapy else ""
        super().__init__(f"{subject} has {count} not met or not answered: {listed}{more}{also}")
        self.subject, self.reasons, self.no_chemotherapy = subject, tuple(reasons), no_chemotherapy


class AnswersContradict(CommandRefused):
    """Two answers to criteria contradict each other."""

    code = "answers-contradict"

    def __init__(self, *, subject: str, pairs: Sequence[tuple[str, str]]) -> None:
        listed = ", ".join(f"{one} is met and {other} applies" for one, other in pairs)
        super().__init__(f"the answers of {subject} contradict each other: {listed}; correct one of them")
        self.subject, self.pairs = subject, tuple(pairs)


class TreatmentWithdrawn(CommandRefused):
    """A participant who withdrew or left would be enrolled or infused."""

    code = "treatment-withdrawn"

    def __init__(self, *, subject: str, on: ClinicalTime) -> None:
        super().__init__(f"{subject} left on {on}: neither enrollment nor infusion follows; void it if it is wrong")
        self.subject, self.on = subject, on


class AlreadyEnrolled(CommandRefused):
    """A participant would be enrolled a second time."""

    code = "already-enrolled"

    def __init__(self, *, subject: str, level: Label) -> None:
        super().__init__(f"{subject} is enrolled at level {level} already: correct that entry, or reassign the level")
        self.subject, self.level = subject, level


class NotScreened(CommandRefused):
    """A participant would be enrolled without a screening."""

    code = "not-screened"

    def __init__(self, *, subject: str) -> None:
        super().__init__(f"{subject} was not screened by then: record the screening before the enrollment")
        self.subject = subject


class ConsentLate(CommandRefused):
    """A procedure came before the consent to it."""

    code = "consent-late"

    def __init__(self, *, signed_on: ClinicalTime, procedure: str, on: ClinicalTime) -> None:
        super().__init__(f"consent was signed on {signed_on}, after the {procedure} on {on}: correct one of the dates")
        self.signed_on, self.procedure, self.on = signed_on, procedure, on


class NotEnrolled(CommandRefused):
    """A participant who was not enrolled would be infused."""

    code = "not-enrolled"

    def __init__(self, *, subject: str) -> None:
        super().__init__(f"{subject} was not enrolled by then: record the enrollment before the infusion")
        self.subject = subject


class LevelNotAssigned(CommandRefused):
    """A participant would receive a level other than the assigned one."""

    code = "level-not-assigned"

    def __init__(self, *, subject: str, assigned: Label, given: Label) -> None:
        super().__init__(
            f"dose level {given} was named for {subject}, but level {assigned} is assigned: "
            f"record a reassignment first, or correct the level"
        )
        self.subject, self.assigned, self.given = subject, assigned, given


class AlreadyInfused(CommandRefused):
    """A participant would be infused more often than the protocol allows."""

    code = "already-infused"

    def __init__(self, *, subject: str, started_at: ClinicalTime) -> None:
        super().__init__(f"{subject} was infused on {started_at} already: correct that entry if it is wrong")
        self.subject, self.started_at = subject, started_at


class EventKnown(CommandRefused):
    """An adverse event would be reported under the id of another one."""

    code = "event-known"

    def __init__(self, *, subject: str, event: str) -> None:
        named = short(event)
        super().__init__(f"{subject} has an adverse event {named} already: follow it up, correct it, or use a new id")
        self.subject, self.event = subject, event


class EventUnknown(CommandRefused):
    """A follow-up names an adverse event that was not reported."""

    code = "event-unknown"

    def __init__(self, *, subject: str, event: str) -> None:
        super().__init__(f"{subject} has no adverse event {short(event)}: report it first, or correct the id")
        self.subject, self.event = subject, event


class AfterDeath(CommandRefused):
    """An observation is dated after the participant's death."""

    code = "after-death"

    def __init__(self, *, subject: str, when: ClinicalTime, died_on: ClinicalTime) -> None:
        super().__init__(f"{subject} died on {died_on}, so nothing was observed on {when}: correct one of the dates")
        self.subject, self.when, self.died_on = subject, when, died_on


class AlreadyDead(CommandRefused):
    """A second death of one participant would be recorded."""

    code = "already-dead"

    def __init__(self, *, subject: str, died_on: ClinicalTime) -> None:
        super().__init__(f"the death of {subject} on {died_on} is recorded already: correct that entry if it is wrong")
        self.subject, self.died_on = subject, died_on


PASSED_OVER: tuple[type[ParticipantFact], ...] = (AntiInfectiveGiven, LabRecorded, Transfused, VitalSignRecorded)
"""Types of facts that a reader may skip. They are most of a log, and decisions only ask whether there are any."""


@attrs.define
class Participant:
    """The state of one participant that decisions need."""

    subject: str
    protocol: TrialProtocol | None = None
    """The protocol version that judges conduct; None checks no criteria."""
    consent: Consented | None = None
    screened_on: ClinicalTime | None = None
    enrolled_on: ClinicalTime | None = None
    assigned_level: Label | None = None
    infusion: Infused | None = None
    """The first infusion."""
    infusions: int = 0
    events: dict[str, AdverseEventReported] = attrs.Factory(dict)
    """The reports of adverse events, by their ids."""
    latest: dict[str, AdverseEventFollowedUp] = attrs.Factory(dict)
    """The follow-up of each event that was recorded last."""
    left_on: ClinicalTime | None = None
    """When the participant was lost to follow-up, or completed it."""
    died_on: ClinicalTime | None = None
    withdrew_on: ClinicalTime | None = None
    """Of any scope: a withdrawal from follow-up ends treatment as well."""
    facts: list[ParticipantFact] = attrs.Factory(list)
    """Every current fact that was not skipped; a repeated act is recognized by them."""
    left_out: Callable[[ParticipantFact], bool] | None = None
    """Returns whether a fact is among the skipped ones."""

    def apply(self, entry: Recorded[ParticipantFact]) -> None:  # noqa: C901 - a line for each kind of fact
        """Apply one current entry. No rule is checked, since the fact has happened."""
        fact = entry.fact
        self.facts.append(fact)
        match fact:
            case Consented():
                self.consent = fact
            case Screened(on=on):
                self.screened_on = on
            case Enrolled(on=on, level=level):
                self.enrolled_on, self.assigned_level = on, level
            case LevelReassigned(to_level=level):
                self.assigned_level = level
            case Infused():
                self.infusion = self.infusion or fact
                self.infusions += 1
            case AdverseEventReported(event=event):
                self.events[event] = fact
            case AdverseEventFollowedUp(event=event):
                self.latest[event] = fact
            case LostToFollowUp(on=on) | CompletedFollowUp(on=on):
                self.left_on = on
            case Died(on=on):
                self.died_on = on
            case Withdrew(on=on):
                self.withdrew_on = on
            case (
                AntiInfectiveGiven()
                | ChemotherapyGiven()
                | ChemotherapyStarted()
                | ConcomitantMedicationGiven()
                | CriteriaAnswered()
                | DltWindowAssessed()
                | LabRecorded()
                | NewTherapyStarted()
                | ParticipantEntryVoided()
                | Relapsed()
                | ScreenFailed()
                | Transfused()
                | VitalSignRecorded()
            ):
                pass  # only the casebook reads these facts
            case _:
                assert_never(fact)

    @property
    def site(self) -> str | None:
        """The code of the participant's site; None if the consent names none."""
        return None if self.consent is None else self.consent.site

    def consented(self, fact: Consented) -> Sequence[ParticipantFact]:
        """Record a consent."""
        return self._unless_known(fact, self._after_death(fact.signed_on), None)

    def screen(self, fact: Screened, deviation: str | None = None) -> Sequence[ParticipantFact]:
        """Record a screening with the assessment of every criterion; refuse one before the consent."""
        self._consent("a screening")
        breaches = list(self._against_screening(fact))
        if self.protocol is None:
            return self._unless_known(fact, breaches, deviation)
        known = known_of([*self.facts, fact], self.protocol, gate=Gate.SCREENING, on=fact.on.last)
        assessment = assess(known, self.protocol, gate=Gate.SCREENING)
        pairs = contradictions(assessment, self.protocol)
        if pairs:
            raise AnswersContradict(subject=self.subject, pairs=pairs)
        return self._unless_known(attrs.evolve(fact, assessment=assessment), breaches, deviation)

    def _against_screening(self, fact: Screened) -> Iterator[CommandRefused]:
        if self.consent is not None and fact.on.precedes(self.consent.signed_on):
            yield ConsentLate(signed_on=self.consent.signed_on, procedure="screening", on=fact.on)
        yield from self._after_death(fact.on)

    def enroll(
        self, fact: Enrolled, *, also: Iterable[CommandRefused] = (), deviation: str | None = None
    ) -> Sequence[ParticipantFact]:
        """Record the enrollment of a participant who is eligible on that day.

        Args:
            fact: the enrollment.
            also: further broken rules: those of the trial, and of the cohort.
            deviation: why it happened against a rule, if it did.
        """
        self._known_subject("an enrollment")
        if fact in self.facts:
            return []
        allow(chain(self._against_enrollment(fact), also), deviation)
        return [fact]

    def _against_enrollment(self, fact: Enrolled) -> Iterator[CommandRefused]:
        if self.consent is None:
            yield ConsentMissing(subject=self.subject)
        elif fact.on.precedes(self.consent.signed_on):
            yield ConsentLate(signed_on=self.consent.signed_on, procedure="enrollment", on=fact.on)
        if self.assigned_level is not None:
            yield AlreadyEnrolled(subject=self.subject, level=self.assigned_level)
        if self.infusion is not None:
            yield AlreadyInfused(subject=self.subject, started_at=self.infusion.started_at)
        if self.screened_on is None or fact.on.precedes(self.screened_on):
            yield NotScreened(subject=self.subject)
        yield from self._ended(fact.on)
        yield from self._unmet(Gate.SCREENING, on=fact.on.last)

    def infuse(
        self, fact: Infused, *, also: Iterable[CommandRefused] = (), deviation: str | None = None
    ) -> Sequence[ParticipantFact]:
        """Record an infusion at the assigned level, of a participant in treatment who meets all criteria due.

        Args:
            fact: the infusion.
            also: further broken rules: those of the trial, and of the level.
            deviation: why it happened against a rule, if it did.
        """
        self._known_subject("an infusion")
        if fact in self.facts:
            return []
        allow(chain(self._against_infusion(fact), also), deviation)
        return [fact]

    def _against_infusion(self, fact: Infused) -> Iterator[CommandRefused]:
        if self.consent is None:
            yield ConsentMissing(subject=self.subject)
        if self.assigned_level is None or (self.enrolled_on and fact.started_at.precedes(self.enrolled_on)):
            yield NotEnrolled(subject=self.subject)
        most = 1 if self.protocol is None else self.protocol.administrations
        if self.infusion is not None and most is not None and self.infusions >= most:
            yield AlreadyInfused(subject=self.subject, started_at=self.infusion.started_at)
        yield from self._ended(fact.started_at)
        if self.assigned_level is not None and fact.level != self.assigned_level:
            yield LevelNotAssigned(subject=self.subject, assigned=self.assigned_level, given=fact.level)
        started = any(isinstance(one, ChemotherapyStarted | ChemotherapyGiven) for one in self.facts)
        gates = (Gate.CHEMOTHERAPY, Gate.INFUSION) if started else (Gate.INFUSION,)
        yield from self._unmet(*gates, on=fact.started_at.last)

    def against(self, fact: ParticipantFact) -> Iterator[CommandRefused]:
        """Yield each rule of conduct that an imported fact breaks; the fact has happened, so it is recorded."""
        match fact:
            case Enrolled():
                yield from self._against_enrollment(fact)
            case Infused():
                yield from self._against_infusion(fact)
            case Screened():
                yield from self._against_screening(fact)
            case LevelReassigned() if self.infusion is not None:
                yield AlreadyInfused(subject=self.subject, started_at=self.infusion.started_at)
            case Died():
                if self.died_on is not None:
                    yield AlreadyDead(subject=self.subject, died_on=self.died_on)
            case DltWindowAssessed():
                pass  # an assessment may come after the death
            case AdverseEventFollowedUp() if _is_judgment_only(fact):
                pass  # a judgment, too
            case _:
                when = happened(fact)
                yield from () if when is None else self._after_death(when)

    def reassign(self, fact: LevelReassigned) -> Sequence[ParticipantFact]:
        """Move a participant who is not infused yet to another level."""
        self._known_subject("a reassignment")
        if fact in self.facts:
            return []
        if self.assigned_level is None:
            raise NotEnrolled(subject=self.subject)
        if self.infusion is not None:
            raise AlreadyInfused(subject=self.subject, started_at=self.infusion.started_at)
        if fact.from_level != self.assigned_level:
            raise LevelNotAssigned(subject=self.subject, assigned=self.assigned_level, given=fact.from_level)
        allow(self._ended(fact.on), None)
        return [fact]

    @property
    def in_treatment(self) -> bool:
        """Whether treatment goes on: no withdrawal of any scope, no loss or completion of follow-up, no death."""
        return self.withdrew_on is None and self.left_on is None and self.died_on is None

    def _ended(self, when: ClinicalTime) -> Iterator[CommandRefused]:
        """Yield the refusals of an act after the end of treatment: by a withdrawal of any scope, leaving, or death."""
        if self.withdrew_on is not None and self.withdrew_on.first <= when.last:
            yield TreatmentWithdrawn(subject=self.subject, on=self.withdrew_on)
        if self.left_on is not None and self.left_on.first <= when.last:
            yield TreatmentWithdrawn(subject=self.subject, on=self.left_on)
        yield from self._after_death(when)

    def _unmet(self, *gates: Gate, on: date) -> Iterator[CommandRefused]:
        """Yield one refusal with every criterion of some gates that is not met or not answered."""
        if self.protocol is None:
            return
        reasons = []
        for gate in gates:
            known = known_of(self.facts, self.protocol, gate=gate, on=on)
            of_gate = {criterion.id for criterion in self.protocol.criteria if criterion.gate is gate}
            assessment = assess(known, self.protocol, gate=gate)
            reasons += unmet([one for one in assessment if one.criterion in of_gate])
        if reasons:
            infused_first = Gate.INFUSION in gates and Gate.CHEMOTHERAPY not in gates
            yield NotEligible(subject=self.subject, reasons=reasons, no_chemotherapy=infused_first)

    def report_adverse_event(
        self, fact: AdverseEventReported, deviation: str | None = None
    ) -> Sequence[ParticipantFact]:
        """Record the first report of an event; a fatal one records the death as well."""
        self._known_subject("an adverse event")
        if fact in self.facts:
            return []
        if fact.event in self.events:
            raise EventKnown(subject=self.subject, event=fact.event)
        return [*self._unless_known(fact, self._after_death(fact.onset), deviation), *self.death_of(fact)]

    def follow_up_adverse_event(
        self, fact: AdverseEventFollowedUp, deviation: str | None = None
    ) -> Sequence[ParticipantFact]:
        """Record a follow-up of a reported event; a fatal one records the death as well."""
        self._known_subject("a follow-up")
        report = self.events.get(fact.event)
        if report is None:
            raise EventUnknown(subject=self.subject, event=fact.event)
        if self.latest.get(fact.event) == fact:
            return []
        if fact.grade is not None:
            self._refuse_grade(report, fact.grade)
        if fact.on.precedes(report.onset):
            raise FollowUpBeforeOnset(event=fact.event, on=fact.on, onset=report.onset)
        if fact.ended is not None and fact.ended.precedes(report.onset):
            raise EndBeforeOnset(event=fact.event, ended=fact.ended, onset=report.onset)
        allow([] if _is_judgment_only(fact) else self._after_death(fact.on), deviation)
        return [fact, *self.death_of(fact)]

    def _refuse_grade(self, report: AdverseEventReported, grade: int) -> None:
        try:
            check_grade(report.term, grade, scale=report.scale)
        except ValueError as error:
            raise GradeNotInTerm(event=report.event, why=str(error)) from None

    def death_of(self, fact: AdverseEventReported | AdverseEventFollowedUp) -> Sequence[ParticipantFact]:
        """Return the death that a fatal event implies, where none is recorded yet."""
        fatal = fact.grade == FATAL_GRADE or fact.outcome is Outcome.FATAL
        since = fact.onset if isinstance(fact, AdverseEventReported) else fact.on
        return [Died(on=fact.ended or since, event=fact.event)] if fatal and self.died_on is None else []

    def die(self, fact: Died, deviation: str | None = None) -> Sequence[ParticipantFact]:
        """Record a death; refuse a second one, and one for an event that was not reported."""
        self._known_subject("a death")
        if fact in self.facts:
            return []
        if self.died_on is not None:
            raise AlreadyDead(subject=self.subject, died_on=self.died_on)
        if fact.event is not None and fact.event not in self.events:
            raise EventUnknown(subject=self.subject, event=fact.event)
        allow((), deviation)
        return [fact]

    def observe(self, fact: ParticipantFact, deviation: str | None = None) -> Sequence[ParticipantFact]:
        """Record an observation; refuse one dated after the death."""
        self._known_subject("an observation")
        when = None if isinstance(fact, DltWindowAssessed) else happened(fact)
        return self._unless_known(fact, [] if when is None else self._after_death(when), deviation)

    def _consent(self, act: str) -> Consented:
        if self.consent is None:
            raise SubjectUnknown(subject=self.subject, act=act)
        return self.consent

    def _known_subject(self, act: str) -> None:
        """Refuse a subject of whom the trial has no entry."""
        if not self.facts:
            raise SubjectUnknown(subject=self.subject, act=act)

    def _unless_known(
        self, fact: ParticipantFact, breaches: Iterable[CommandRefused], deviation: str | None
    ) -> Sequence[ParticipantFact]:
        if fact in self.facts or (self.left_out is not None and type(fact) in PASSED_OVER and self.left_out(fact)):
            return []
        allow(breaches, deviation)
        return [fact]

    def _after_death(self, when: ClinicalTime) -> Iterator[CommandRefused]:
        if self.died_on is not None and self.died_on.precedes(when):
            yield AfterDeath(subject=self.subject, when=when, died_on=self.died_on)


def _is_judgment_only(fact: AdverseEventFollowedUp) -> bool:
    """Say whether a follow-up carries only judgments of an event, and no observation."""
    return fact.grade is None and fact.ended is None and fact.outcome is None
