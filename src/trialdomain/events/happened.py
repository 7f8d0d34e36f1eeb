"""When a fact of a participant happened, as far as it says so."""

from typing import assert_never

from trialdomain.events.participant import (
    AdverseEventReported,
    ChemotherapyStarted,
    Consented,
    DltWindowAssessed,
    Enrolled,
    Infused,
    ParticipantFact,
    Screened,
)
from trialdomain.values.clinical_time import ClinicalTime


def happened(fact: ParticipantFact) -> ClinicalTime:
    """Give the clinical time from which a fact counts."""
    match fact:
        case Consented():
            return fact.signed_on
        case Screened() | Enrolled() | ChemotherapyStarted() | DltWindowAssessed():
            return fact.on
        case Infused():
            return fact.started_at
        case AdverseEventReported():
            return fact.onset
        case _:
            assert_never(fact)
