"""The value of one endpoint in one participant, or why there is none."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TypeAlias

import attrs

from trialdomain.values.word import Word

Detail: TypeAlias = bool | int | Decimal | str | date | tuple["Detail", ...] | Mapping[str, "Detail"] | None


class Status(Word):
    """Whether there is a value, and if not, why."""

    OBSERVED = "observed"
    NO_EPISODE = "no-episode"
    """Of a duration: there was nothing to last; the mean over all counts it as 0."""
    NOT_AT_RISK = "not-at-risk"
    """Of a time to recovery: never below the threshold."""
    CENSORED = "censored"
    """Of a time to recovery: not recovered when the observation ended; ``days`` is for how long that is known."""
    DIED = "died"
    """Of a time to recovery: death came first."""
    END_UNKNOWN = "end-unknown"
    """Of a duration: an episode is recovered, and nobody recorded when; it is counted beside the durations."""
    PREVALENT = "prevalent"
    """It was so before the observation began."""
    NOT_OBSERVED = "not-observed"
    OUTSIDE = "outside-analysis-set"


class Flag(Word):
    """What a reader should know about a value."""

    INFUSION_FIRST = "infusion-first"
    """Chemotherapy began only after the infusion."""
    IMPUTED_DATE = "imputed-date"
    """The day of a partial date was completed."""
    PREVALENT = "prevalent"
    """It was so before the observation began, and is counted nevertheless."""
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
    """An episode of fever was over because nobody measured a temperature for the hours that end one."""
    UNUSED_RESULTS = "unused-results"
    """Results without a day, without a unit, or in one that cannot be converted were not used."""
    G_CSF = "g-csf"
    """Given in the window: it confounds the recovery of neutrophils."""
    TPO_RECEPTOR_AGONIST = "tpo-receptor-agonist"
    """Given in the window: it confounds the recovery of platelets."""
    NOT_CLASSIFIED = "not-classified"
    """An anti-infective without an ATC code was not counted."""
    PARTIAL_ENDING = "partial-ending"
    """A partial date leaves open whether the last day of the window was seen."""
    LATE_COUNT = "late-count"
    """The first count after the day of a cytopenia came late."""
    TRANSFUSED = "transfused"
    """Platelets were given shortly before the count that says that a thrombocytopenia did not last."""
    NOT_DERIVED = "not-derived"
    """Temperatures, or low neutrophil counts, were not recorded closely enough: reported events alone speak."""


@attrs.frozen(kw_only=True)
class Episode:
    """Some days of illness, or of a severe count, one after another."""

    first: date
    last: date
    """Inclusive."""
    ongoing: bool
    """Whether it was under way when the observation ended."""

    @property
    def days(self) -> int:
        """How long it lasted."""
        return (self.last - self.first).days + 1


@attrs.frozen(kw_only=True)
class Value:
    """One endpoint of one participant."""

    endpoint: str
    """The code by which the protocol calls it."""
    subject: str
    level: int | None
    """The dose level received; None before the infusion, and for an amount of no level."""
    status: Status
    value: bool | int | None = None
    """Whether it happened; or days. None where ``status`` says why."""
    because: str | None = None
    """A code for why there is no value: what ended the observation, or what was missing."""
    days: int | None = None
    """Of a time: elapsed days to recovery, to death, or to the last day on which there was none."""
    unmeasured_since: date | None = None
    """Of a time that is censored: the last day with a result, where it is longer before ``on`` than allowed."""
    on: date | None = None
    """The day of what happened: an onset, a recovery, a death, a censoring."""
    first: date | None = None
    """Day 0 of the observation."""
    last: date | None = None
    """Its last day."""
    ended_by: str | None = None
    """Why it ended then."""
    episodes: tuple[Episode, ...] = ()
    """Of a duration those that count; of a time to recovery every one in the window."""
    flags: tuple[Flag, ...] = ()
    details: Mapping[str, Detail] = attrs.field(factory=dict)
    """What stands beside the value: parts, products, units, further dates."""
    examined: int = 0
    """How many entries were looked at."""
    evidence: tuple[int, ...] = ()
    """The positions of the entries without which it would differ; of an absence, of those that open and end it."""
