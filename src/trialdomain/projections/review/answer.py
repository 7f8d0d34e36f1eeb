"""The classes of which a safety review consists."""

from datetime import date

import attrs

from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import DoseRecommended
from trialdomain.projections.casebook import Halt
from trialdomain.projections.dlt_counts import Dlt, DltCounts
from trialdomain.projections.safety import Safety
from trialdomain.rules.adverse_event import Graded
from trialdomain.rules.evaluability import SetAside
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.evaluation import Standing
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.scale import Scale
from trialdomain.values.clinical.toxicity import Assessor, Outcome, Relatedness, Seriousness
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short
from trialdomain.values.word import Word


class Open(Word):
    """A judgement that is still missing."""

    RELATEDNESS = "relatedness-not-assessed"
    SERIOUSNESS = "seriousness-not-stated"
    EXPECTEDNESS = "expectedness-not-assessed"
    WINDOW = "window-not-assessed"
    DEATH = "death-not-explained"
    DLT = "dlt-not-explained"
    ENDING = "ending-uncertain"
    CYTOPENIA = "cytopenia-not-shown"
    DURATION = "duration-not-shown"
    AWARENESS = "awareness-not-recorded"
    TERM = "term-not-checked"
    """The CTCAE table of this library lacks the term, so its grade was not checked."""


@attrs.frozen(kw_only=True)
class NotAssessed:
    """One judgement that is missing at the cut-off."""

    subject: str
    what: Open
    event: str | None
    """The adverse event that the judgement is about."""
    position: int | None
    """The position of the entry that the judgement is about."""


@attrs.frozen(kw_only=True)
class Deviation:
    """A broken rule of conduct, with the stated reason."""

    position: int
    why: str


@attrs.frozen(kw_only=True)
class SeriousEvent:
    """A serious adverse event."""

    event: str
    term: str
    highest_grade: int
    scale: Scale | None
    """The scale of the grade, where it is not the protocol's; also in the classes below."""
    onset: ClinicalTime
    criteria: tuple[Seriousness, ...]
    position: int


@attrs.frozen(kw_only=True)
class Reviewed:
    """One participant who was enrolled or infused."""

    subject: str
    level: Label | None
    dose: Dose | None
    """The amount of the first infusion, if it is known."""
    lot: str | None
    chemotherapy: tuple[ClinicalTime, ...]
    """The starts of chemotherapy."""
    infusions: tuple[ClinicalTime, ...]
    standing: Standing
    aside: SetAside | None
    """An assessment of the window that does not count."""
    dlt: Dlt | None
    assessed_by: tuple[str, ...]
    """For a DLT: the assessors who judged it related. Otherwise: the assessors of the window."""
    window_last: date | None
    days_left: int | None
    """The days left in the window after the cut-off; 0 once the window is over."""
    last_contact: date
    """The day of the latest entry."""
    highest_grade: int | None
    """The highest grade of the adverse events since the infusion."""
    highest_by_scale: tuple[tuple[Scale, int], ...]
    """The same on each scale; empty if every grade is by the protocol's scale."""
    serious: tuple[SeriousEvent, ...]
    death: ClinicalTime | None
    deviations: tuple[Deviation, ...]


@attrs.frozen(kw_only=True)
class Judgement:
    """One assessor's judgement of an event, with its date."""

    assessor: Assessor
    relatedness: Relatedness
    on: ClinicalTime
    position: int


@attrs.frozen(kw_only=True)
class Narrative:
    """The narrative of one DLT."""

    __repr__ = in_short

    subject: str
    level: Label | None
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
    """A suspected unexpected serious adverse reaction (SUSAR), with its reporting deadlines."""

    subject: str
    level: Label | None
    event: str
    term: str
    highest_grade: int
    scale: Scale | None
    relatedness: Relatedness
    expected: bool | None
    criteria: tuple[Seriousness, ...]
    aware_on: date
    """The day on which the sponsor became aware of it."""
    awareness_recorded: bool
    """Whether that day was recorded. If not, ``aware_on`` is the day of recording, or the earliest possible day of a
    partial date."""
    dangerous_since: date | None
    """The day on which the sponsor knew that it is fatal or life-threatening; None if it is neither."""
    danger_recorded: bool
    """As above."""
    due_in_7_days: date | None
    """The deadline for a fatal or life-threatening reaction."""
    complete_by: date | None
    """The deadline for the complete report of a fatal or life-threatening reaction: 8 days later."""
    due_in_15_days: date
    positions: tuple[int, ...]


@attrs.frozen(kw_only=True)
class Delayed:
    """An event after the window that would have been a DLT within the window."""

    subject: str
    level: Label | None
    event: str
    term: str
    grade: int
    scale: Scale | None
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
    """The earliest deadline first."""
    delayed: tuple[Delayed, ...]
    not_assessed: tuple[NotAssessed, ...]
    halts: tuple[Halt, ...]
    """What keeps people from enrolling, or from treating: a suspension, a closing."""
    recommended_doses: tuple[Recorded[DoseRecommended], ...]
    """The dose that people recommended last for each purpose."""
    counts: DltCounts
    safety: Safety
