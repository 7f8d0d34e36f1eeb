"""The roles of users in a trial."""

from trialdomain.values.word import Word


class Role(Word):
    """The role of a user in a trial."""

    INVESTIGATOR = "investigator"
    COORDINATOR = "coordinator"
    DATA_MANAGER = "data-manager"
    MONITOR = "monitor"
    SAFETY_COMMITTEE = "safety-committee"
    SPONSOR = "sponsor"
    SOFTWARE = "software"
