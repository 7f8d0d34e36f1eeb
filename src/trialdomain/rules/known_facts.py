"""Answers to criteria from recorded facts: consent, age, performance status, medication on the infusion day."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeGuard

from trialdomain.events.participant import (
    ChemotherapyStarted,
    ConcomitantMedicationGiven,
    Consented,
    CriteriaAnswered,
    Infused,
    ParticipantFact,
    Screened,
)
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.eligibility import Known
from trialdomain.rules.observation import cycle_of, starts_among
from trialdomain.values.clinical.analyte import finding_name
from trialdomain.values.clinical.screening import Attestation, Finding, Gate
from trialdomain.values.clinical.treatment import MedicationClass
from trialdomain.values.given.text import folded

_ECOG = "ecog"


def known_of(facts: Sequence[ParticipantFact], protocol: TrialProtocol, *, gate: Gate, on: date) -> Known:
    """Collect the answers of a participant's current facts for a gate on a day; later answers replace earlier ones.

    Each gate uses only its own answers: the screening uses those of the screening, and the infusion uses those given on
    its day.
    """
    findings: list[Finding] = []
    attestations: list[Attestation] = []
    last = max((at for at, fact in enumerate(facts) if isinstance(fact, Screened)), default=None)
    for at, fact in enumerate(facts):
        if isinstance(fact, Screened) and at != last:
            continue  # a new screening replaces all answers of an earlier one
        if _answers(fact, gate, on):
            findings += fact.findings
            attestations += fact.attestations
    # Recorded facts take precedence over answers that were typed for a criterion.
    findings = [
        *_performance(facts, findings, on=on),
        *_age(facts),
        *_consent(facts),
        *_cell_division(facts, protocol, on=on),
    ]
    return Known.of(findings, attestations, on=on)


def _age(facts: Sequence[ParticipantFact]) -> Iterator[Finding]:
    for fact in facts:
        if isinstance(fact, Consented) and fact.age is not None:
            yield Finding(name="age", number=Decimal(fact.age))


def _performance(facts: Sequence[ParticipantFact], findings: Sequence[Finding], *, on: date) -> Iterator[Finding]:
    """Yield every finding; of the performance status, those up to the start of the infusion's cycle, the latest last.

    The cycle is the one of t0 of the endpoints. An answer that was recorded later counts for the day on which the
    performance status was assessed.
    """
    infused = min((fact.started_at.first for fact in facts if isinstance(fact, Infused)), default=on)
    cycle = cycle_of(starts_among(facts), infused)
    ecog = [finding for finding in findings if finding_name(finding.name) == _ECOG]
    ecog += [
        Finding(name=_ECOG, number=Decimal(fact.ecog), on=fact.on)
        for fact in facts
        if isinstance(fact, ChemotherapyStarted) and fact.ecog is not None
    ]
    yield from (finding for finding in findings if finding_name(finding.name) != _ECOG)
    in_time = [one for one in ecog if cycle is None or one.on is None or one.on.first <= cycle.on.first]
    yield from sorted(in_time, key=lambda finding: finding.on.first if finding.on else date.min)


def _answers(fact: ParticipantFact, gate: Gate, on: date) -> TypeGuard[Screened | CriteriaAnswered]:
    match fact:
        case Screened():
            return gate is Gate.SCREENING
        case CriteriaAnswered():
            return fact.gate is gate and (gate is not Gate.INFUSION or fact.on.first <= on <= fact.on.last)
        case _:
            return False


def _consent(facts: Sequence[ParticipantFact]) -> Iterator[Finding]:
    """Yield whether a consent was signed, and no screening certainly came before it."""
    signed = [fact.signed_on for fact in facts if isinstance(fact, Consented)]
    screened = [fact.on for fact in facts if isinstance(fact, Screened)]
    first = min(signed, key=lambda when: when.first, default=None)
    yield Finding(name="consent", yes=first is not None and not any(one.precedes(first) for one in screened))


def _cell_division(facts: Sequence[ParticipantFact], protocol: TrialProtocol, *, on: date) -> Iterator[Finding]:
    """Yield a finding where an inhibitor of cell division was given on the day; its absence has to be attested."""
    excluded = set(map(folded, protocol.concurrent_agents_excluded))
    given = [fact for fact in facts if isinstance(fact, ConcomitantMedicationGiven) and _covers(fact, on)]
    inhibitors = [fact for fact in given if fact.medication_class is MedicationClass.CELL_DIVISION_INHIBITOR]
    if any(folded(fact.agent) not in excluded for fact in inhibitors):
        yield Finding(name="cell_division_inhibitor", yes=True)


def _covers(fact: ConcomitantMedicationGiven, on: date) -> bool:
    return fact.started_on.first <= on and (fact.ended_on is None or fact.ended_on.last >= on)
