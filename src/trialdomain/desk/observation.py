"""Observations of a participant, and treatment outside the protocol."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from trialdomain.aggregates.participant import Participant
from trialdomain.commands.coercion import checked_facts, make
from trialdomain.desk.acts import Acts
from trialdomain.events.participant import (
    AntiInfectiveGiven,
    ConcomitantMedicationGiven,
    LabRecorded,
    NewTherapyStarted,
    Relapsed,
    Transfused,
    VitalSignRecorded,
)
from trialdomain.events.recorded import Entry
from trialdomain.values.clinical.treatment import BloodProduct, Intent, MedicationClass
from trialdomain.values.clinical_time import When
from trialdomain.values.use_case import UseCase


class Observation(Acts):
    """Laboratory, vital signs, transfusions, medication, relapse."""

    def record_labs(
        self,
        subject: str,
        results: Iterable[LabRecorded],
        *,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record laboratory results, all in one commit; ``lab(...)`` makes one."""
        results = checked_facts("laboratory results", results, LabRecorded)
        return self._record(
            UseCase.RECORD_LABS, subject, results, Participant.observe, deviation=deviation, command_id=command_id
        )

    def record_vital_signs(
        self,
        subject: str,
        signs: Iterable[VitalSignRecorded],
        *,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record vital signs, all in one commit; ``vital_sign(...)`` makes one."""
        signs = checked_facts("vital signs", signs, VitalSignRecorded)
        return self._record(
            UseCase.RECORD_VITAL_SIGNS, subject, signs, Participant.observe, deviation=deviation, command_id=command_id
        )

    def transfuse(
        self,
        subject: str,
        *,
        on: When,
        product: BloodProduct,
        units: Decimal | int | str = 1,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record a transfusion."""
        fact = make(Transfused, on=on, product=product, units=units)
        return self._record(
            UseCase.TRANSFUSE, subject, [fact], Participant.observe, deviation=deviation, command_id=command_id
        )

    def give_anti_infective(
        self,
        subject: str,
        *,
        agent: str,
        route: str,
        started_on: When,
        ended_on: When | None = None,
        intent: Intent = Intent.UNKNOWN,
        atc_code: str | None = None,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record an anti-infective agent; without an end it is ongoing."""
        fact = make(
            AntiInfectiveGiven,
            agent=agent,
            atc_code=atc_code,
            route=route,
            intent=intent,
            started_on=started_on,
            ended_on=ended_on,
        )
        return self._record(
            UseCase.GIVE_ANTI_INFECTIVE,
            subject,
            [fact],
            Participant.observe,
            deviation=deviation,
            command_id=command_id,
        )

    def give_medication(
        self,
        subject: str,
        *,
        agent: str,
        route: str,
        started_on: When,
        ended_on: When | None = None,
        medication_class: MedicationClass = MedicationClass.OTHER,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record another medication; without an end it is ongoing."""
        fact = make(
            ConcomitantMedicationGiven,
            agent=agent,
            medication_class=medication_class,
            route=route,
            started_on=started_on,
            ended_on=ended_on,
        )
        return self._record(
            UseCase.GIVE_MEDICATION, subject, [fact], Participant.observe, deviation=deviation, command_id=command_id
        )

    def record_relapse(
        self,
        subject: str,
        *,
        on: When,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record a relapse of the leukemia."""
        return self._record(
            UseCase.RECORD_RELAPSE,
            subject,
            [make(Relapsed, on=on)],
            Participant.observe,
            deviation=deviation,
            command_id=command_id,
        )

    def start_new_therapy(
        self,
        subject: str,
        *,
        on: When,
        kind: str,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record that a new anti-leukemic therapy began."""
        fact = make(NewTherapyStarted, on=on, kind=kind)
        return self._record(
            UseCase.START_NEW_THERAPY, subject, [fact], Participant.observe, deviation=deviation, command_id=command_id
        )
