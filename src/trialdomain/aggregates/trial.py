"""The trial: the protocol in force, and who acts in it."""

from collections.abc import Sequence
from typing import assert_never

import attrs

from trialdomain.errors import CommandRefused
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import (
    MtdDeclared,
    MtdNotEstablished,
    ProtocolAmended,
    RecruitmentResumed,
    RecruitmentSuspended,
    SoftwareChanged,
    TrialClosed,
    TrialEntryVoided,
    TrialExported,
    TrialFact,
    TrialRegistered,
    UserRegistered,
)
from trialdomain.protocol.trial_protocol import TrialProtocol


class TrialUnknown(CommandRefused):
    """A log does not hold the trial."""

    def __init__(self, *, trial: str) -> None:
        super().__init__(f"trial {trial} is not in this log: register it first, or correct its code")
        self.trial = trial


class TrialAlreadyRegistered(CommandRefused):
    """A trial would be registered a second time."""

    def __init__(self, *, trial: str) -> None:
        super().__init__(f"trial {trial} is registered already: open it, or amend its protocol")
        self.trial = trial


@attrs.define
class Trial:
    """The state of a trial, as its decisions need it."""

    protocol: TrialProtocol | None = None
    software: str | None = None
    suspension: RecruitmentSuspended | None = None
    closing: TrialClosed | None = None
    conclusion: MtdDeclared | MtdNotEstablished | None = None
    users: dict[str, UserRegistered] = attrs.Factory(dict)

    def apply(self, entry: Recorded[TrialFact]) -> None:
        """Fold one more current entry. No rule is checked here: it has happened."""
        match entry.fact:
            case TrialRegistered(protocol=protocol) | ProtocolAmended(protocol=protocol):
                self.protocol = protocol
            case UserRegistered():
                self.users[entry.fact.user] = entry.fact
            case SoftwareChanged(version=version):
                self.software = version
            case RecruitmentSuspended():
                self.suspension = entry.fact
            case RecruitmentResumed():
                self.suspension = None
            case TrialClosed():
                self.closing = entry.fact
            case MtdDeclared() | MtdNotEstablished():
                self.conclusion = entry.fact
            case TrialExported() | TrialEntryVoided():
                pass  # an export changes nothing here; a void is never current
            case _:
                assert_never(entry.fact)

    def register(self, protocol: TrialProtocol) -> Sequence[TrialFact]:
        """Begin to record a trial."""
        if self.protocol is not None:
            raise TrialAlreadyRegistered(trial=protocol.trial)
        return [TrialRegistered(protocol=protocol)]

    def introduce(self, user: UserRegistered, *, software: str) -> Sequence[TrialFact]:
        """Record who acts and with which version of the software, where that is not known already."""
        facts: list[TrialFact] = []
        if self.users.get(user.user) != user:
            facts.append(user)
        if self.software != software:
            facts.append(SoftwareChanged(version=software))
        return facts
