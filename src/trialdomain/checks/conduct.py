"""Protocol deviations of single participants, whether or not they were recorded as deviations."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeAlias

from typing_extensions import override

from trialdomain.aggregates.infusions import BodySizeMissing, DoseNotOfLevel
from trialdomain.aggregates.participant import (
    AfterDeath,
    AlreadyEnrolled,
    AlreadyInfused,
    ConsentLate,
    ConsentMissing,
    LevelNotAssigned,
    NotEligible,
    NotEnrolled,
    NotScreened,
    Participant,
)
from trialdomain.checks.check import AuditedCase, AuditFinding, Check, Severity
from trialdomain.errors import CommandRefused
from trialdomain.events.happened import happened
from trialdomain.events.participant import (
    ChemotherapyGiven,
    ChemotherapyStarted,
    CompletedFollowUp,
    Consented,
    CriteriaAnswered,
    Died,
    Enrolled,
    Infused,
    LevelReassigned,
    LostToFollowUp,
    ParticipantFact,
    Screened,
    Withdrew,
)
from trialdomain.events.recorded import Recorded
from trialdomain.values.clinical.toxicity import FATAL_GRADE
from trialdomain.values.clinical_time import ClinicalTime

_Rules: TypeAlias = tuple[tuple[type[ParticipantFact], type[CommandRefused]], ...]


def _rules(*rules: tuple[type[ParticipantFact], type[CommandRefused]]) -> _Rules:
    return rules


class _Breach(Check):
    """Breaches of some of the rules that use cases enforce; the sentence is that of the refusal."""

    rules: ClassVar[_Rules]
    """Kinds of facts, each with a rule that it may break."""

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        alike: dict[str, list[int]] = defaultdict(list)
        for entry, breach in case.breaches:
            if any(isinstance(entry.fact, kind) and isinstance(breach, rule) for kind, rule in self.rules):
                said, told = str(breach), case.case.deviation_of(entry)
                alike[said if told is None or said in told else f"{said} (as a deviation: {told})"] += [entry.position]
        for sentence, positions in alike.items():
            yield self.found(sentence, evidence=positions, subject=case.case.subject)


class ConsentUndocumented(Check):
    """A participant was screened, treated or enrolled without a consent, or before it."""

    id = "consent"
    title = "consent missing, or later than the first procedure"
    severity = Severity.CRITICAL
    requirement = "informed consent before any procedure ({protocol}; ICH E6(R3) 2.8)"

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        subject = case.case.subject
        done = [(entry, happened(entry.fact)) for kind in _PROCEDURES for entry in case.case.of(kind)]
        consents = case.case.ever(Consented)
        if not consents and case.case.entries:
            sentence = f"{ConsentMissing(subject=subject)}, and this is recorded of them"
            positions = [entry.position for entry, _ in done] or [entry.position for entry in case.case.entries]
            yield self.found(sentence, evidence=positions, subject=subject)
        elif consents:
            consent = min(consents, key=lambda entry: entry.fact.signed_on.first)
            early = [(entry, when) for entry, when in done if when and when.precedes(consent.fact.signed_on)]
            if early:
                first, when = min(early, key=lambda one: one[1].first)
                late = ConsentLate(signed_on=consent.fact.signed_on, procedure=_PROCEDURES[type(first.fact)], on=when)
                positions = [consent.position, *(entry.position for entry, _ in early)]
                yield self.found(f"{subject}: {late}", evidence=positions, subject=subject)


_PROCEDURES: Mapping[type[Any], str] = {
    Screened: "screening",
    Enrolled: "enrollment",
    CriteriaAnswered: "answers to criteria",
    ChemotherapyStarted: "chemotherapy",
    ChemotherapyGiven: "chemotherapy",
    Infused: "infusion",
}


class CriteriaUndocumented(_Breach):
    """A participant was enrolled or infused with a criterion that is not met or not answered."""

    id = "criteria"
    title = "a criterion not met, or not answered"
    requirement = "eligibility criteria ({protocol}); a missing answer is never a met one"
    rules = _rules((Enrolled, NotScreened), (Enrolled, NotEligible), (Infused, NotEligible))


class BeforeEnrollment(_Breach):
    """A participant was infused before or without an enrollment, or was reassigned after the infusion."""

    id = "before-enrollment"
    title = "an infusion before the enrollment, or before the level was assigned"
    requirement = "sequence of steps, AT-28 (21 CFR 11.10(f))"
    rules = _rules((Infused, NotEnrolled), (LevelReassigned, AlreadyInfused))


class OutsideLevel(_Breach):
    """A participant was infused at a level other than the assigned one, or with an amount outside the level."""

    id = "level"
    title = "an infusion outside its level"
    severity = Severity.CRITICAL
    requirement = "each participant receives the assigned dose level ({protocol})"
    rules = _rules((Infused, LevelNotAssigned), (Infused, DoseNotOfLevel))


class BodySizeUnknown(_Breach):
    """A participant was infused at a level whose dose is by weight or body surface, and it was not recorded.

    The desk refuses such an infusion. An import records it, at the level that was meant.
    """

    id = "body-size"
    title = "no body weight, or no body surface, where the dose is by it"
    requirement = "the dose of a level is per kg or per m2 ({protocol}), so the level of an amount needs it"
    rules = _rules((Infused, BodySizeMissing))


class Twice(_Breach):
    """A participant was enrolled or infused more often than the protocol allows."""

    id = "twice"
    title = "enrolled or infused once too often"
    requirement = "as many infusions as administrations allows ({protocol})"
    rules = _rules((Enrolled, AlreadyEnrolled), (Infused, AlreadyInfused))


class AfterLeaving(Check):
    """A participant was enrolled or infused after they had certainly left the trial."""

    id = "after-leaving"
    title = "treated after they had left"
    severity = Severity.CRITICAL
    requirement = "a withdrawal ends treatment (ICH E6(R3) 2.9)"

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        of, subject = case.case, case.case.subject
        ends: list[Recorded[Any]] = [*of.of(Withdrew), *of.of(LostToFollowUp), *of.of(CompletedFollowUp)]
        left = [(entry.fact.on, entry.position) for entry in ends]
        treated = [(e.fact.on, e.position, "enrolled") for e in of.of(Enrolled)]
        treated += [(e.fact.started_at, e.position, "infused") for e in of.of(Infused)]
        for when, position, act in treated:
            before = [(on, by) for on, by in left if on.precedes(when)]
            if before:
                on, by = before[0]
                sentence = f"{subject} was {act} on {when}, after leaving on {on}"
                yield self.found(sentence, evidence=[position, by], subject=subject)


class ObservedAfterDeath(Check):
    """An observation is dated after the participant's death."""

    id = "after-death"
    title = "observed after the death"
    requirement = "consistent source data (ICH E6(R3) 4.2.2)"

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        death = case.case.death
        if death is None:
            return
        dead = Participant(case.case.subject, died_on=death.fact.on)
        for entry in case.case.entries:
            for breach in dead.against(entry.fact):
                if isinstance(breach, AfterDeath):
                    yield self.found(str(breach), evidence=[entry.position, death.position], subject=dead.subject)
            for field in _LAST_SEEN:
                until = getattr(entry.fact, field, None)
                if isinstance(until, ClinicalTime) and death.fact.on.precedes(until):
                    sentence = f"{dead.subject} died on {death.fact.on}, and {field!r} of something is {until}"
                    yield self.found(sentence, evidence=[entry.position, death.position], subject=dead.subject)


_LAST_SEEN = ("ended", "ended_at", "ended_on", "last_contact")
"""Fields with a day on which the participant was still alive."""


class DeathDates(Check):
    """Entries give different dates for one death."""

    id = "death-dates"
    title = "different dates of one death"
    requirement = "consistent source data (ICH E6(R3) 4.2.2)"

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        told = [(entry.fact.on, entry.position) for entry in case.case.of(Died)]
        for event in case.case.adverse_events:
            if event.fatal and event.ended is not None:
                told += [(event.ended, position) for position in event.ended_by or (event.report.position,)]
            elif event.fatal:
                told += [(one.on, one.position) for one in event.grades() if one.grade == FATAL_GRADE]
        days = [day for day, _ in told]
        if any(one.precedes(other) for one in days for other in days):
            shown = ", ".join(dict.fromkeys(str(day) for day in days))
            yield self.found(
                f"the death of {case.case.subject} has different dates: {shown}",
                evidence=[position for _, position in told],
                subject=case.case.subject,
            )


class DeviationRecorded(Check):
    """An entry was recorded as a deviation, with a stated reason."""

    id = "deviation"
    title = "recorded as a deviation"
    severity = Severity.MINOR
    requirement = "protocol deviations documented and explained (ICH E6(R3) 2.5)"

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        alike: dict[str, list[int]] = defaultdict(list)
        for entry in case.case.entries:
            if (why := case.case.deviation_of(entry)) is not None:
                alike[why].append(entry.position)
        for sentence, positions in alike.items():
            yield self.found(sentence, evidence=positions, subject=case.case.subject)
