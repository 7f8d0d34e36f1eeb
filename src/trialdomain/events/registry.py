"""The stored name of every fact. A name never changes and never points at a module; a new shape gets a new version."""

from trialdomain.events import cohort, participant, trial
from trialdomain.events.recorded import Fact

NAMES: dict[type[Fact], str] = {
    trial.TrialRegistered: "trial.registered.v1",
    trial.UserRegistered: "trial.user-registered.v1",
    trial.SoftwareChanged: "trial.software-changed.v1",
    cohort.CohortOpened: "cohort.opened.v1",
    cohort.CohortExpanded: "cohort.expanded.v1",
    cohort.SlotFilled: "cohort.slot-filled.v1",
    cohort.MemberInfused: "cohort.member-infused.v1",
    cohort.DltAttributed: "cohort.dlt-attributed.v1",
    cohort.DltRevoked: "cohort.dlt-revoked.v1",
    cohort.MemberAssessed: "cohort.member-assessed.v1",
    cohort.EnrollmentStopped: "cohort.enrollment-stopped.v1",
    cohort.EnrollmentResumed: "cohort.enrollment-resumed.v1",
    cohort.EscalationDecided: "cohort.escalation-decided.v1",
    participant.Consented: "participant.consented.v1",
    participant.Screened: "participant.screened.v1",
    participant.Enrolled: "participant.enrolled.v1",
    participant.ChemotherapyStarted: "participant.chemotherapy-started.v1",
    participant.Infused: "participant.infused.v1",
    participant.AdverseEventReported: "participant.adverse-event-reported.v1",
    participant.DltWindowAssessed: "participant.dlt-window-assessed.v1",
}
