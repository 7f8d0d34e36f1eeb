"""The roles of users in a trial."""

from trialdomain.values.word import Word


class Role(Word):
    """What somebody is to the trial."""

    INVESTIGATOR = "investigator"
    COORDINATOR = "coordinator"
    DATA_MANAGER = "data-manager"
    MONITOR = "monitor"
    SAFETY_COMMITTEE = "safety-committee"
    SPONSOR = "sponsor"
    SOFTWARE = "software"
