"""Record any fact of a participant at a desk: the use case of each kind, with the values that it takes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from trialdomain.desk import Desk
from trialdomain.desk.observed import lab, vital_sign
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
    Relapsed,
    Screened,
    ScreenFailed,
    Transfused,
    VitalSignRecorded,
    Withdrew,
)
from trialdomain.events.recorded import Entry

Fields: TypeAlias = Mapping[str, Any]
_Act: TypeAlias = Callable[..., Sequence[Entry]]

ACTS: Mapping[type, Callable[[Desk], _Act]] = {
    Consented: lambda desk: desk.consent,
    Screened: lambda desk: desk.screen,
    ScreenFailed: lambda desk: desk.fail_screening,
    CriteriaAnswered: lambda desk: desk.answer_criteria,
    Enrolled: lambda desk: desk.enroll,
    LevelReassigned: lambda desk: desk.reassign,
    ChemotherapyStarted: lambda desk: desk.start_chemotherapy,
    ChemotherapyGiven: lambda desk: desk.give_chemotherapy,
    Infused: lambda desk: desk.infuse,
    AdverseEventReported: lambda desk: desk.report_adverse_event,
    AdverseEventFollowedUp: lambda desk: desk.follow_up_adverse_event,
    DltWindowAssessed: lambda desk: desk.assess_dlt_window,
    Transfused: lambda desk: desk.transfuse,
    AntiInfectiveGiven: lambda desk: desk.give_anti_infective,
    ConcomitantMedicationGiven: lambda desk: desk.give_medication,
    Relapsed: lambda desk: desk.record_relapse,
    NewTherapyStarted: lambda desk: desk.start_new_therapy,
    Withdrew: lambda desk: desk.withdraw,
    LostToFollowUp: lambda desk: desk.lose_to_follow_up,
    Died: lambda desk: desk.record_death,
    CompletedFollowUp: lambda desk: desk.complete_follow_up,
}
"""By kind of fact: the use case that records one of it. Results and vital signs are recorded several at a time."""
_RENAMED = {"seriousness": "serious"}


def record(
    desk: Desk, subject: str, kind: type, given: Sequence[Fields], *, deviation: str | None = None
) -> Sequence[Entry]:
    """Record facts of one kind in one command; only results and vital signs can be several.

    Args:
        desk: the desk of the user who records.
        subject: the participant's code.
        kind: the kind of the facts.
        given: the fields of each fact, in the form that the desk accepts.
        deviation: why it is recorded against a rule.

    Raises:
        TrialError: the desk refuses it.
    """
    if kind is LabRecorded:
        return desk.record_labs(subject, [lab(**fields) for fields in given], deviation=deviation)
    if kind is VitalSignRecorded:
        return desk.record_vital_signs(subject, [vital_sign(**fields) for fields in given], deviation=deviation)
    [fields] = given
    named = {_RENAMED.get(name, name): value for name, value in fields.items()}
    if deviation is not None:
        named["deviation"] = deviation
    return ACTS[kind](desk)(subject, **named)
