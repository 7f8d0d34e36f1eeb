"""What somebody is to a trial."""

from enum import Enum


class Role(Enum):
    """What somebody is to the trial."""

    INVESTIGATOR = "investigator"
    COORDINATOR = "coordinator"
    DATA_MANAGER = "data-manager"
    MONITOR = "monitor"
    SAFETY_COMMITTEE = "safety-committee"
    SPONSOR = "sponsor"
    SOFTWARE = "software"
