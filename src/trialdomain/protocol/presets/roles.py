"""The usual use cases of each role at a single site that is its own sponsor (**choice**: the registry is silent).

Wuhan Union Hospital is the lead sponsor and the only site of NCT06245746: the investigator has the sponsor's rights.
"""

from trialdomain.protocol.conduct_rules import Grant
from trialdomain.values.role import Role
from trialdomain.values.use_case import UseCase

_DECIDING = (
    UseCase.DECIDE_ESCALATION,
    UseCase.DECLARE_MTD,
    UseCase.DECLARE_NO_MTD,
    UseCase.RECOMMEND_DOSE,
    UseCase.SUSPEND_RECRUITMENT,
    UseCase.RESUME_RECRUITMENT,
)
_RUNNING = (UseCase.REGISTER, UseCase.AMEND, UseCase.CLOSE, UseCase.IMPORT)
_TRANSCRIBING = (
    UseCase.RECORD_LABS,
    UseCase.RECORD_VITAL_SIGNS,
    UseCase.TRANSFUSE,
    UseCase.GIVE_ANTI_INFECTIVE,
    UseCase.GIVE_MEDICATION,
    UseCase.CORRECT,
    UseCase.VOID,
)
_JUDGING = (UseCase.ASSESS_DLT_WINDOW,)
_AT_THE_SITE = (
    UseCase.CONSENT,
    UseCase.SCREEN,
    UseCase.FAIL_SCREENING,
    UseCase.ANSWER_CRITERIA,
    UseCase.ENROLL,
    UseCase.REASSIGN,
    UseCase.START_CHEMOTHERAPY,
    UseCase.GIVE_CHEMOTHERAPY,
    UseCase.INFUSE,
    UseCase.RECORD_RELAPSE,
    UseCase.START_NEW_THERAPY,
    UseCase.REPORT_ADVERSE_EVENT,
    UseCase.FOLLOW_UP_ADVERSE_EVENT,
    UseCase.WITHDRAW,
    UseCase.LOSE_TO_FOLLOW_UP,
    UseCase.RECORD_DEATH,
    UseCase.COMPLETE_FOLLOW_UP,
)
_EVERYTHING = {*_DECIDING, *_RUNNING, *_TRANSCRIBING, *_JUDGING, *_AT_THE_SITE, UseCase.EXPORT}
# Each use case is named in a group: a new one is granted to no role until a maintainer adds it to a group.


def _grant(role: Role, *use_cases: UseCase) -> Grant:
    return Grant(role=role, use_cases=tuple(use_case.value for use_case in use_cases))


USUAL_ROLES = (
    _grant(Role.INVESTIGATOR, *(use_case for use_case in UseCase if use_case in _EVERYTHING)),
    _grant(Role.COORDINATOR, *_AT_THE_SITE, *_TRANSCRIBING),
    _grant(Role.DATA_MANAGER, *_TRANSCRIBING, UseCase.IMPORT, UseCase.EXPORT),
    _grant(Role.MONITOR, UseCase.EXPORT),
    _grant(Role.SAFETY_COMMITTEE, *_DECIDING, UseCase.EXPORT),
    _grant(Role.SPONSOR, *_RUNNING, *_DECIDING, UseCase.EXPORT),
    _grant(Role.SOFTWARE, UseCase.REGISTER, UseCase.IMPORT),
)
"""The preset: a monitor reads and exports, a committee decides, only an investigator assesses a DLT window."""
