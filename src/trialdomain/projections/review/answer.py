"""What a safety review says: the classes that it is made of."""

from datetime import date

import attrs

from trialdomain.projections.dlt_counts import Dlt, DltCounts
from trialdomain.projections.safety import Safety
from trialdomain.rules.adverse_event import Graded
from trialdomain.rules.evaluability import SetAside
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.evaluation import Standing
from trialdomain.values.clinical.toxicity import Assessor, Outcome, Relatedness, Seriousness
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short
from trialdomain.values.word import Word


class Open(Word):
    """What nobody has judged yet."""

    RELATEDNESS = "relatedness-not-assessed"
    SERIOUSNESS = "seriousness-not-stated"
    EXPECTEDNESS = "expectedness-not-assessed"
    WINDOW = "window-not-assessed"
    DEATH = "death-not-explained"
    DLT = "dlt-not-explained"
    ENDING = "ending-uncertain"
    CYTOPENIA = "cytopenia-not-shown"
    AWARENESS = "awareness-not-recorded"
    TERM = "term-not-checked"
    """This library's part of CTCAE lacks the term: nobody has checked its grade."""


@attrs.frozen(kw_only=True)
class NotAssessed:
    """One judgement that is missing at the cut-off."""

    subject: str
    what: Open
    event: str | None
    """The adverse event that it is about."""
    position: int | None
    """The entry that it is about."""


@attrs.frozen(kw_only=True)
class Deviation:
    """A rule of conduct that was broken, and why."""

    position: int
    why: str


@attrs.frozen(kw_only=True)
class SeriousEvent:
    """A serious adverse event."""

    event: str
    term: str
    highest_grade: int
    onset: ClinicalTime
    criteria: tuple[Seriousness, ...]
    position: int


@attrs.frozen(kw_only=True)
class Reviewed:
    """One participant who was enrolled or infused."""

    subject: str
    level: int | None
    dose: Dose | None
    """The amount of the first infusion, when it is known."""
    lot: str | None
    chemotherapy: tuple[ClinicalTime, ...]
    """The starts of chemotherapy."""
    infusions: tuple[ClinicalTime, ...]
    standing: Standing
    aside: SetAside | None
    """An assessment of the window that does not count."""
    dlt: Dlt | None
    assessed_by: tuple[str, ...]
    """Of a DLT: the assessors who judged it related. Else: who assessed the window."""
    window_last: date | None
    days_left: int | None
    """In the window, from the cut-off; 0 once it is over."""
    last_contact: date
    """The last day of which anything is known."""
    highest_grade: int | None
    """Of the adverse events since the infusion."""
    serious: tuple[SeriousEvent, ...]
    death: ClinicalTime | None
    deviations: tuple[Deviation, ...]


@attrs.frozen(kw_only=True)
class Judgement:
    """What one assessor said of an event, and when."""

    assessor: Assessor
    relatedness: Relatedness
    on: ClinicalTime
    position: int


@attrs.frozen(kw_only=True)
class Narrative:
    """The story of one DLT."""

    __repr__ = in_short

    subject: str
    level: int | None
    dose: Dose | None
    infused_at: ClinicalTime
    dlt: Dlt
    day: int
    """Elapsed days from the infusion to the onset."""
    grades: tuple[Graded, ...]
    judgements: tuple[Judgement, ...]
    criteria: tuple[Seriousness, ...]
    outcome: Outcome | None
    ended: ClinicalTime | None
    evidence: tuple[int, ...]


@attrs.frozen(kw_only=True)
class Reaction:
    """A suspected unexpected serious reaction, and by when it is reported."""

    subject: str
    level: int | None
    event: str
    term: str
    highest_grade: int
    relatedness: Relatedness
    expected: bool | None
    criteria: tuple[Seriousness, ...]
    aware_on: date
    """When the sponsor knew that it is one."""
    awareness_recorded: bool
    """Otherwise the day on which it was recorded stands for it, or the earliest that a partial date allows."""
    dangerous_since: date | None
    """When the sponsor knew that it is fatal or life-threatening; None where it is not."""
    danger_recorded: bool
    """As above."""
    due_in_7_days: date | None
    """Of a fatal or life-threatening one."""
    complete_by: date | None
    """8 days after that: the complete report of such a one."""
    due_in_15_days: date
    positions: tuple[int, ...]


@attrs.frozen(kw_only=True)
class Delayed:
    """An event that would have been a DLT, had it not come after the window."""

    subject: str
    level: int | None
    event: str
    term: str
    grade: int
    on: ClinicalTime
    day: int
    """Elapsed days from the infusion."""
    relatedness: Relatedness
    positions: tuple[int, ...]


@attrs.frozen(kw_only=True)
class Review:
    """The safety review of a trial, as of a day."""

    __repr__ = in_short

    on: date
    participants: tuple[Reviewed, ...]
    narratives: tuple[Narrative, ...]
    reactions: tuple[Reaction, ...]
    """The first one due comes first."""
    delayed: tuple[Delayed, ...]
    not_assessed: tuple[NotAssessed, ...]
    counts: DltCounts
    safety: Safety
