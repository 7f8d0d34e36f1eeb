"""Facts about the trial as a whole."""

from enum import Enum
from typing import TypeAlias

import attrs

from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.ids import check_id
from trialdomain.values.text import plain_text


class Role(Enum):
    """What somebody is to the trial."""

    INVESTIGATOR = "investigator"
    COORDINATOR = "coordinator"
    DATA_MANAGER = "data-manager"
    MONITOR = "monitor"
    SAFETY_COMMITTEE = "safety-committee"
    SPONSOR = "sponsor"
    SOFTWARE = "software"


def _user_code(_: object, __: object, user: str) -> None:
    check_id("user", user)


@attrs.frozen(kw_only=True)
class TrialRegistered:
    """The trial began to be recorded, under this protocol."""

    protocol: TrialProtocol


@attrs.frozen(kw_only=True)
class UserRegistered:
    """Somebody acted for the first time, or their details changed; entries carry the id alone."""

    user: str = attrs.field(validator=_user_code)
    name: str = attrs.field(validator=plain_text)
    role: Role
    organization: str = attrs.field(validator=plain_text)


@attrs.frozen(kw_only=True)
class SoftwareChanged:
    """From here on, entries were recorded by this version of the library."""

    version: str = attrs.field(validator=plain_text)


TrialFact: TypeAlias = TrialRegistered | UserRegistered | SoftwareChanged
