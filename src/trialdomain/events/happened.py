"""When a fact of a participant happened, as far as it says so."""

from trialdomain.events.participant import (
    AdverseEventReported,
    AntiInfectiveGiven,
    ChemotherapyGiven,
    ConcomitantMedicationGiven,
    Consented,
    Infused,
    LabRecorded,
    ParticipantEntryVoided,
    ParticipantFact,
    VitalSignRecorded,
)
from trialdomain.values.clinical_time import ClinicalTime


def happened(fact: ParticipantFact) -> ClinicalTime | None:
    """Give the clinical time from which a fact counts; None for a void, which has none of its own."""
    match fact:
        case Consented():
            return fact.signed_on
        case ChemotherapyGiven() | AntiInfectiveGiven() | ConcomitantMedicationGiven():
            return fact.started_on
        case Infused():
            return fact.started_at
        case LabRecorded():
            return fact.collected_at
        case VitalSignRecorded():
            return fact.measured_at
        case AdverseEventReported():
            return fact.onset
        case ParticipantEntryVoided():
            return None
        case _:
            return fact.on
