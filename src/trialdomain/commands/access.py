"""Who may do what: the protocol's table, and a hook by which the embedding service decides; both must allow.

Who somebody is, is for the service to establish: a user is believed to be whoever the service says.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs
from typing_extensions import override

from trialdomain.errors import CommandRefused, InputInvalid
from trialdomain.events.cohort import CohortFact
from trialdomain.events.participant import DltWindowAssessed
from trialdomain.events.recorded import Fact
from trialdomain.events.trial import (
    MtdDeclared,
    MtdNotEstablished,
    ProtocolAmended,
    RecruitmentResumed,
    RecruitmentSuspended,
    TrialClosed,
    TrialFact,
    TrialRegistered,
    UserRegistered,
)
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.given.cell import visible
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short
from trialdomain.values.role import Role
from trialdomain.values.use_case import UseCase

_MOST_OF_A_REASON, _MOST_OF_A_NAME = 2_000, 200
"""Characters of it that are recorded: a refusal is recorded whatever was said."""


@attrs.frozen(kw_only=True)
class AccessRequest:
    """Somebody asks for a use case, once the protocol's table has allowed it."""

    trial: str
    user: str
    """The user's id."""
    name: str
    role: Role
    organization: str
    use_case: UseCase
    subject: str | None = None
    """The participant that it is about, where it is about one."""

    @classmethod
    def of(cls, trial: str, user: UserRegistered, use_case: UseCase, subject: str | None = None) -> "AccessRequest":
        """Say who asks for what."""
        return cls(
            trial=trial,
            user=user.user,
            name=user.name,
            role=user.role,
            organization=user.organization,
            use_case=use_case,
            subject=subject,
        )

    @override
    def __str__(self) -> str:
        """Say who asks, and about whom."""
        about = "" if self.subject is None else f", about {self.subject[:_MOST_OF_A_NAME]}"
        return visible(f"{self.name[:_MOST_OF_A_NAME]}, {self.organization[:_MOST_OF_A_NAME]}{about}")


Permit: TypeAlias = Callable[[AccessRequest], str | None]
"""Decides for the embedding service: None allows, anything else refuses and says why."""


class NotPermitted(CommandRefused):
    """Somebody asked for a use case that they may not use."""

    code = "not-permitted"

    def __init__(self, *, request: AccessRequest, why: str) -> None:
        super().__init__(f"{request.user} may not use {request.use_case.value}: {why}")
        self.request, self.why = request, why


class UseCaseUnknown(InputInvalid):
    """A protocol's table of roles names something that nobody can do."""

    code = "use-case-unknown"

    def __init__(self, *, role: Role, name: str) -> None:
        known = ", ".join(use_case.value for use_case in UseCase)
        super().__init__(f"roles: {name[:40]!r} of {role.value} is no use case; there are {known}")
        self.role, self.name = role, name


class TableLocksOut(InputInvalid):
    """A protocol's table of roles lets nobody change it again."""

    code = "table-locks-out"

    def __init__(self) -> None:
        super().__init__(
            "roles: nobody may amend by this table, and it could never be changed: grant 'amend' to a role"
        )


def check_table(protocol: TrialProtocol) -> None:
    """Refuse a table that grants what there is not, or locks everybody out, before it comes into force.

    Raises:
        UseCaseUnknown: it names something else than a use case.
        TableLocksOut: nobody could amend it.
    """
    known = {use_case.value for use_case in UseCase}
    for grant in protocol.roles:
        for name in grant.use_cases:
            if name not in known:
                raise UseCaseUnknown(role=grant.role, name=name)
    if protocol.roles and not any(UseCase.AMEND.value in grant.use_cases for grant in protocol.roles):
        raise TableLocksOut


def against(request: AccessRequest, protocol: TrialProtocol, permit: Permit | None) -> str | None:
    """Say why somebody may not use a use case; None where they may."""
    if protocol.roles and not _granted(request, protocol):
        return (
            f"protocol version {short(protocol.version)} does not grant it to the role {request.role.value}; "
            "ask somebody who has it, or amend the protocol's roles"
        )
    if permit is None or (refused := permit(request)) is None:
        return None
    said: object = refused  # a hook that answers yes or no has not said why
    return visible(plain(said) if is_a(said, str) else "").strip()[:_MOST_OF_A_REASON] or "the service refuses it"


def _granted(request: AccessRequest, protocol: TrialProtocol) -> bool:
    granted = (grant.use_cases for grant in protocol.roles if grant.role is request.role)
    return any(request.use_case.value in use_cases for use_cases in granted)


def needed_to_change(fact: Fact) -> tuple[UseCase, ...]:
    """Name what somebody must be able to do, besides correcting or voiding, to change an entry.

    What people decided or judged is changed by nobody who could not have decided it.
    """
    if use_cases := _DECIDED_BY.get(type(fact), ()):
        return use_cases
    if isinstance(fact, TrialFact):
        return (UseCase.AMEND,)
    return (UseCase.DECIDE_ESCALATION,) if isinstance(fact, CohortFact) else ()


_HALTS = (UseCase.SUSPEND_RECRUITMENT, UseCase.RESUME_RECRUITMENT)
"""To withdraw, or shorten, the one is to do the other."""
_DECIDED_BY: Mapping[type[Fact], tuple[UseCase, ...]] = {
    TrialRegistered: (UseCase.REGISTER, UseCase.AMEND),  # the protocol is in it, and with it the table of roles
    ProtocolAmended: (UseCase.AMEND,),
    RecruitmentSuspended: _HALTS,
    RecruitmentResumed: _HALTS,
    TrialClosed: (UseCase.CLOSE,),
    MtdDeclared: (UseCase.DECLARE_MTD,),
    MtdNotEstablished: (UseCase.DECLARE_NO_MTD,),
    DltWindowAssessed: (UseCase.ASSESS_DLT_WINDOW,),
}
