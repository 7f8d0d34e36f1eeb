"""The value of one endpoint in one participant, or the reason why there is none."""

from collections.abc import Hashable, Mapping
from datetime import date
from decimal import Decimal
from typing import TypeAlias

import attrs

from trialdomain.values.clinical.level import Label
from trialdomain.values.word import Word

Detail: TypeAlias = bool | int | Decimal | str | date | tuple["Detail", ...] | Mapping[str, "Detail"] | None


class Status(Word):
    """Whether there is a value, and if not, the reason."""

    OBSERVED = "observed"
    NO_EPISODE = "no-episode"
    """For a duration: no episode occurred; the mean over all participants counts it as 0."""
    NOT_AT_RISK = "not-at-risk"
    """For a time to recovery: the count was never below the threshold."""
    CENSORED = "censored"
    """For a time to recovery: not recovered when the observation ended; ``days`` is the known time without recovery."""
    DIED = "died"
    """For a time to recovery: the participant died before the recovery."""
    END_UNKNOWN = "end-unknown"
    """For a duration: an episode has ended, but its end date was not recorded; counted separately."""
    PREVALENT = "prevalent"
    """The condition was present before the observation began."""
    NOT_OBSERVED = "not-observed"
    OUTSIDE = "outside-analysis-set"


class Flag(Word):
    """A note for the reader of a value."""

    INFUSION_FIRST = "infusion-first"
    """Chemotherapy began only after the infusion."""
    IMPUTED_DATE = "imputed-date"
    """The day of a partial date was imputed."""
    PREVALENT = "prevalent"
    """The condition was present before the observation began, and is counted because the protocol includes it."""
    FROM_LEUKOCYTES = "from-leukocytes"
    """Leukocytes stand in for a missing neutrophil count."""
    FELL_AGAIN = "fell-again"
    """The count was below the threshold again after its recovery."""
    UNCONFIRMED = "unconfirmed"
    """Recovery was under way when the observation ended."""
    ONGOING = "ongoing"
    """An episode was under way when the observation ended."""
    UNDECIDED = "undecided-results"
    """A result such as "< 1" leaves open whether the count had recovered: it shows no recovery, and ends a run."""
    NO_TEMPERATURE = "no-temperature"
    """An episode of fever ended because no temperature was recorded for the hours that end an episode."""
    UNUSED_RESULTS = "unused-results"
    """Results without a day, without a unit, or in one that cannot be converted were not used."""
    G_CSF = "g-csf"
    """G-CSF was given in the window: it confounds the recovery of neutrophils."""
    TPO_RECEPTOR_AGONIST = "tpo-receptor-agonist"
    """A TPO receptor agonist was given in the window: it confounds the recovery of platelets."""
    NOT_CLASSIFIED = "not-classified"
    """An anti-infective without an ATC code was not counted."""
    PARTIAL_ENDING = "partial-ending"
    """A partial date leaves open whether the last day of the window was seen."""
    LATE_COUNT = "late-count"
    """The first count after the day of a cytopenia came late."""
    TRANSFUSED = "transfused"
    """Platelets were given shortly before the count that says that a thrombocytopenia did not last."""
    NOT_DERIVED = "not-derived"
    """Temperatures, or low neutrophil counts, were not recorded often enough: only reported events were used."""


@attrs.frozen(kw_only=True)
class Episode:
    """Consecutive days of illness, or of a severe count."""

    first: date
    last: date
    """Inclusive."""
    ongoing: bool
    """Whether it was under way when the observation ended."""

    @property
    def days(self) -> int:
        """The number of days, both ends included."""
        return (self.last - self.first).days + 1


@attrs.frozen(kw_only=True)
class Value:
    """One endpoint of one participant."""

    endpoint: str
    """The code of the endpoint in the protocol."""
    subject: str
    level: Label | None
    """The dose level received; None before the infusion, and for an amount of no level."""
    status: Status
    value: bool | int | None = None
    """Whether it happened, or a number of days; None if there is no value, for the reason in ``status``."""
    because: str | None = None
    """A code for the reason why there is no value: the end of the observation, or the missing data."""
    days: int | None = None
    """For a time: elapsed days to recovery, to death, or to the last day without recovery."""
    unmeasured_since: date | None = None
    """For a censored time: the last day with a result, if the gap to ``on`` is longer than allowed."""
    on: date | None = None
    """The day of the onset, recovery, death or censoring."""
    first: date | None = None
    """Day 0 of the observation."""
    last: date | None = None
    """The last day of the observation."""
    ended_by: str | None = None
    """The reason for the end of the observation."""
    episodes: tuple[Episode, ...] = ()
    """For a duration, the episodes that count; for a time to recovery, all episodes in the window."""
    flags: tuple[Flag, ...] = ()
    details: Mapping[str, Detail] = attrs.field(factory=dict)
    """Further data: parts, products, units, further dates."""
    examined: int = 0
    """The number of entries that were examined."""
    evidence: tuple[int, ...] = ()
    """The positions of the entries that the value depends on; for an absence, of those that open and end the
    observation."""


def told(value: Value) -> Hashable:
    """Return what two protocols can derive differently in a value.

    The evidence, the level, the first and last day of the observation, and the reason in words are left out.
    """
    details = {name: detail for name, detail in value.details.items() if name != "reason"}
    shown = (value.status, value.value, value.because, value.days, value.on, value.flags)
    return *shown, str(details)
