"""Access control: the protocol's table of roles and a hook of the embedding service; both must allow a use case.

The embedding service authenticates users. This library trusts the user that the service passes.
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
    DoseRecommended,
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
from trialdomain.protocol.role_table import LOCKS_OUT, locks_out, unknown_use_cases
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.given.cell import visible
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short
from trialdomain.values.role import Role
from trialdomain.values.use_case import UseCase

_MOST_OF_A_REASON, _MOST_OF_A_NAME = 2_000, 200
"""The longest reason and name, in characters, that an entry of a refusal keeps. Longer texts are cut."""


@attrs.frozen(kw_only=True)
class AccessRequest:
    """A request of a user for a use case. The hook of the service sees it once the protocol's table has allowed it."""

    trial: str
    user: str
    """The user's id."""
    name: str
    role: Role
    organization: str
    use_case: UseCase
    subject: str | None = None
    """The participant that the request concerns; None where it concerns no single participant."""

    @classmethod
    def of(cls, trial: str, user: UserRegistered, use_case: UseCase, subject: str | None = None) -> "AccessRequest":
        """Make the request of a registered user."""
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
        """Return the user's name and organization, and the participant."""
        about = "" if self.subject is None else f", about {self.subject[:_MOST_OF_A_NAME]}"
        return visible(f"{self.name[:_MOST_OF_A_NAME]}, {self.organization[:_MOST_OF_A_NAME]}{about}")


Permit: TypeAlias = Callable[[AccessRequest], str | None]
"""The hook of the embedding service: None allows the request; a text refuses it and gives the reason."""


class NotPermitted(CommandRefused):
    """The user may not use this use case."""

    code = "not-permitted"

    def __init__(self, *, request: AccessRequest, why: str) -> None:
        super().__init__(f"{request.user} may not use {request.use_case.value}: {why}")
        self.request, self.why = request, why


class UseCaseUnknown(InputInvalid):
    """A protocol's table of roles names an unknown use case."""

    code = "use-case-unknown"

    def __init__(self, *, role: Role, name: str) -> None:
        known = ", ".join(use_case.value for use_case in UseCase)
        super().__init__(f"roles: {name[:40]!r} of {role.value} is not a use case; there are {known}")
        self.role, self.name = role, name


class TableLocksOut(InputInvalid):
    """A protocol's table of roles grants 'amend' to no role, so no user could change the table again."""

    code = "table-locks-out"

    def __init__(self) -> None:
        super().__init__(LOCKS_OUT)


def check_table(protocol: TrialProtocol) -> None:
    """Refuse a table that grants an unknown use case, or lets no user amend, before it comes into force.

    Raises:
        UseCaseUnknown: the table names an unknown use case.
        TableLocksOut: the table grants 'amend' to no role.
    """
    for grant in protocol.roles:
        for name in unknown_use_cases(grant):
            raise UseCaseUnknown(role=grant.role, name=name)
    if locks_out(protocol.roles):
        raise TableLocksOut


def reason_to_refuse(request: AccessRequest, protocol: TrialProtocol, permit: Permit | None) -> str | None:
    """Return the reason why a user may not use a use case; None where the table and the hook allow it."""
    if protocol.roles and not _granted(request, protocol):
        return (
            f"protocol version {short(protocol.version)} does not grant it to the role {request.role.value}; "
            "ask a user whose role has it, or amend the protocol's roles"
        )
    if permit is None or (refused := permit(request)) is None:
        return None
    said: object = refused  # a hook that returns a bool gives no reason
    return visible(plain(said) if is_a(said, str) else "").strip()[:_MOST_OF_A_REASON] or "the service refuses it"


def _granted(request: AccessRequest, protocol: TrialProtocol) -> bool:
    granted = (grant.use_cases for grant in protocol.roles if grant.role is request.role)
    return any(request.use_case.value in use_cases for use_cases in granted)


def needed_to_change(fact: Fact) -> tuple[UseCase, ...]:
    """Return the use cases, besides correct or void, that a user needs to change an entry.

    Only a user who could have taken a decision or an assessment may change it.
    """
    if use_cases := _DECIDED_BY.get(type(fact), ()):
        return use_cases
    if isinstance(fact, TrialFact):
        return (UseCase.AMEND,)
    return (UseCase.DECIDE_ESCALATION,) if isinstance(fact, CohortFact) else ()


_HALTS = (UseCase.SUSPEND_RECRUITMENT, UseCase.RESUME_RECRUITMENT)
"""A user who voids a suspension resumes recruitment, and the reverse; so either change needs both use cases."""
_DECIDED_BY: Mapping[type[Fact], tuple[UseCase, ...]] = {
    TrialRegistered: (UseCase.REGISTER, UseCase.AMEND),  # it carries the protocol, with the table of roles
    ProtocolAmended: (UseCase.AMEND,),
    RecruitmentSuspended: _HALTS,
    RecruitmentResumed: _HALTS,
    TrialClosed: (UseCase.CLOSE,),
    MtdDeclared: (UseCase.DECLARE_MTD,),
    MtdNotEstablished: (UseCase.DECLARE_NO_MTD,),
    DoseRecommended: (UseCase.RECOMMEND_DOSE,),
    DltWindowAssessed: (UseCase.ASSESS_DLT_WINDOW,),
}
