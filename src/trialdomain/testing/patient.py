"""A short notation for one participant, in days from the start of chemotherapy, to test endpoints."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Self

import attrs

from trialdomain.commands.coercion import make
from trialdomain.desk.observed import lab, vital_sign
from trialdomain.events.participant import (
    AdverseEventReported,
    AntiInfectiveGiven,
    BodySite,
    ChemotherapyGiven,
    ChemotherapyStarted,
    Comparator,
    CompletedFollowUp,
    ConcomitantMedicationGiven,
    Consented,
    Died,
    Enrolled,
    Infused,
    LostToFollowUp,
    NewTherapyStarted,
    ParticipantFact,
    Relapsed,
    Signer,
    Transfused,
    VitalSign,
    WithdrawalScope,
    Withdrew,
)
from trialdomain.events.recorded import Draft
from trialdomain.events.trial import TrialRegistered
from trialdomain.history import History
from trialdomain.projections.endpoints.value import Value
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.presets.nct06245746 import nct06245746
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.treatment import BloodProduct, Intent, MedicationClass
from trialdomain.values.ids import participant_stream, trial_stream

T0 = date(2026, 3, 2)
"""Day 0: the start of chemotherapy."""
OPEN = attrs.evolve(nct06245746(), criteria=())
"""The preset without its criteria, because endpoints do not need them."""
_UNITS = {"ANC": "10*9/L", "WBC": "10*9/L", "PLT": "10*9/L", "HGB": "g/L"}


def at(number: int, clock: str = "") -> str:
    """Return a day from the start of chemotherapy, or a time of it (at the site, +08:00)."""
    day = (T0 + timedelta(days=number)).isoformat()
    return f"{day}T{clock}+08:00" if clock else day


class Patient:
    """Records the facts of one participant and derives endpoints from them, for tests of endpoints.

    Args:
        rules: the definitions of the endpoints; by default those of NCT06245746.
        chemotherapy: the day on which chemotherapy starts; None for no chemotherapy.
        infusion: the day of the infusion, at level 1; None for no infusion.

    >>> Patient().counts("PLT", {0: "100", 9: "30"}).value("S8").value
    True
    """

    def __init__(
        self, rules: EndpointRules | None = None, *, chemotherapy: int | None = 0, infusion: int | None = 1
    ) -> None:
        self.protocol: TrialProtocol = OPEN if rules is None else attrs.evolve(OPEN, endpoints=rules)
        self.facts: list[ParticipantFact] = []
        self.add(Consented, signed_on=at(-3), signer=Signer.PARTICIPANT, form_version="1", protocol_version="1")
        self.add(Enrolled, on=at(-2), level=1)
        if chemotherapy is not None:
            self.chemotherapy(chemotherapy)
        if infusion is not None:
            self.add(Infused, level=1, started_at=at(infusion, "10:00"))

    def add(self, fact: Any, /, **fields: Any) -> Self:  # noqa: ANN401 - a fact and its fields, which make() checks
        """Record a fact of any kind, with the fields in the form that the desk accepts."""
        self.facts.append(make(fact, **fields))
        return self

    def chemotherapy(self, day: int, cycle: int = 1) -> Self:
        """Record the start of a cycle of chemotherapy."""
        return self.add(ChemotherapyStarted, on=at(day), regimen="cytarabine", cycle=cycle)

    def counts(self, analyte: str, values: Mapping[int, str] | Sequence[str], unit: str | None = None) -> Self:
        """Record values by day, or one value a day from day 0; ``"< 5"`` has a comparator."""
        numbered = values if isinstance(values, Mapping) else dict(enumerate(values))
        for day, text in numbered.items():
            comparator, _, value = text.rpartition(" ")
            bound = Comparator(comparator) if comparator else None
            self.facts.append(lab(analyte, value, unit or _UNITS[analyte], collected_at=at(day), comparator=bound))
        return self

    def count_at(self, analyte: str, value: str, day: int, clock: str) -> Self:
        """Record one value at a time of day."""
        self.facts.append(lab(analyte, value, _UNITS[analyte], collected_at=at(day, clock)))
        return self

    def transfused(self, *days: int, product: BloodProduct = BloodProduct.PLATELETS, units: str = "1") -> Self:
        """Record a transfusion on each of some days."""
        for day in days:
            self.add(Transfused, on=at(day), product=product, units=units)
        return self

    def temperature(
        self, day: int, value: str, clock: str = "", *, unit: str = "Cel", site: BodySite | None = None
    ) -> Self:
        """Record a temperature, with a time of day or without."""
        self.facts.append(vital_sign(VitalSign.TEMPERATURE, value, unit, measured_at=at(day, clock), site=site))
        return self

    def event(self, term: str, first: int | str, last: int | str | None = None, *, grade: int = 3) -> Self:
        """Record an adverse event, with an end or ongoing; days may be partial dates."""
        onset, ended = (at(one) if isinstance(one, int) else one for one in (first, last))
        number = sum(isinstance(fact, AdverseEventReported) for fact in self.facts) + 1
        return self.add(AdverseEventReported, event=f"AE{number}", term=term, grade=grade, onset=onset, ended=ended)

    def anti_infective(
        self,
        first: int,
        last: int | None,
        code: str | None = "J01DH02",
        *,
        route: str = "intravenous",
        intent: Intent = Intent.TREATMENT,
    ) -> Self:
        """Record a course of an anti-infective agent; without a last day it is ongoing."""
        ended = None if last is None else at(last)
        return self.add(
            AntiInfectiveGiven,
            agent="agent",
            atc_code=code,
            route=route,
            intent=intent,
            started_on=at(first),
            ended_on=ended,
        )

    def medication(self, kind: MedicationClass, first: int, last: int | None = None) -> Self:
        """Record another medication; without a last day it is ongoing."""
        ended = None if last is None else at(last)
        return self.add(
            ConcomitantMedicationGiven,
            agent="agent",
            medication_class=kind,
            route="oral",
            started_on=at(first),
            ended_on=ended,
        )

    def died(self, day: int) -> Self:
        """Record a death."""
        return self.add(Died, on=at(day))

    def relapsed(self, day: int) -> Self:
        """Record a relapse."""
        return self.add(Relapsed, on=at(day))

    def new_therapy(self, day: int) -> Self:
        """Record a new anti-leukemic therapy."""
        return self.add(NewTherapyStarted, on=at(day), kind="azacitidine")

    def lost(self, day: int, last_contact: int) -> Self:
        """Record that the participant was lost to follow-up."""
        return self.add(LostToFollowUp, on=at(day), last_contact=at(last_contact))

    def withdrew(self, day: int, scope: WithdrawalScope = WithdrawalScope.FOLLOW_UP) -> Self:
        """Record a withdrawal."""
        return self.add(Withdrew, on=at(day), scope=scope)

    def completed(self, day: int) -> Self:
        """Record the end of follow-up."""
        return self.add(CompletedFollowUp, on=at(day))

    def given(self, first: int, last: int | None = None, cycle: int = 1) -> Self:
        """Record that a cycle of chemotherapy was given."""
        ended = None if last is None else at(last)
        return self.add(
            ChemotherapyGiven,
            regimen="cytarabine",
            cycle=cycle,
            agents=("cytarabine",),
            started_on=at(first),
            ended_on=ended,
        )

    def history(self, facts: Sequence[ParticipantFact] | None = None) -> History:
        """Return the history of this participant alone, or of other facts."""
        stream = participant_stream(self.protocol.trial, "S001")
        of = self.facts if facts is None else facts
        return History.of(
            [
                Draft(stream=trial_stream(self.protocol.trial), fact=TrialRegistered(protocol=self.protocol)),
                *(Draft(stream=stream, fact=fact) for fact in of),
            ]
        )

    def value(self, endpoint: str, *, on: int = 100) -> Value:
        """Derive one endpoint at a cut-off."""
        return self.history().endpoints(on=T0 + timedelta(days=on)).value(endpoint, "S001")
