"""The clinical time of a participant's fact, as far as the fact has one."""

from collections.abc import Callable, Mapping
from operator import attrgetter

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

_Getter = Callable[[ParticipantFact], ClinicalTime | None]
_started: _Getter = attrgetter("started_on")
_GETTERS: Mapping[type[ParticipantFact], _Getter] = {
    Consented: attrgetter("signed_on"),
    ChemotherapyGiven: _started,
    AntiInfectiveGiven: _started,
    ConcomitantMedicationGiven: _started,
    Infused: attrgetter("started_at"),
    LabRecorded: attrgetter("collected_at"),
    VitalSignRecorded: attrgetter("measured_at"),
    AdverseEventReported: attrgetter("onset"),
    ParticipantEntryVoided: lambda _: None,
}
_on: _Getter = attrgetter("on")


def happened(fact: ParticipantFact) -> ClinicalTime | None:
    """Return the clinical time from which a fact counts; None for a void, which has none."""
    return getter_of(type(fact))(fact)


def getter_of(kind: type[ParticipantFact]) -> Callable[[ParticipantFact], ClinicalTime | None]:
    """Return the function that reads the clinical time from facts of one type."""
    return _GETTERS.get(kind, _on)
