"""Whether an adverse event is dose-limiting, and from when.

Source: NCT06245746, primary outcome DLT: an adverse event possibly, likely or definitely related to the infusion, from
the day of the infusion to 14 days after it. How grades, worsening and partial dates are read is this library's choice.
"""

from datetime import date, timedelta

import attrs

from trialdomain.events.participant import Infused
from trialdomain.protocol.trial_protocol import DltRule
from trialdomain.rules.adverse_event import AdverseEvent, Graded
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.toxicity import Agent, Relatedness


@attrs.frozen
class Window:
    """The observation window of one infusion, in elapsed calendar days at the site, both ends inclusive."""

    first: date
    last: date
    opened_at: ClinicalTime
    """The start of the infusion."""

    @classmethod
    def of(cls, infusion: Infused, rule: DltRule) -> "Window":
        """Open the window on the day of the infusion, which is day 0."""
        first = infusion.started_at.first
        return cls(first, first + timedelta(days=rule.window_days), infusion.started_at)

    def allows(self, when: ClinicalTime) -> bool:
        """Say whether any day that a date allows lies in the window; a time before the infusion does not."""
        return not when.precedes(self.opened_at) and when.first <= self.last and when.last >= self.first


@attrs.frozen(kw_only=True)
class Qualifying:
    """An event that counts, or would count once its relatedness is assessed."""

    event: AdverseEvent
    onset: ClinicalTime
    """The first date in the window on which its grade qualifies."""
    grade: int
    """The grade that it had then."""
    relatedness: Relatedness
    evidence: tuple[int, ...]
    """The positions of the report, of what gave it that grade, and of what judged it."""

    @property
    def uncertain(self) -> bool:
        """Whether the onset is partial: it counts until the date is completed."""
        return self.onset.day is None

    @property
    def assessed(self) -> bool:
        """Whether anybody has judged the relatedness."""
        return self.relatedness is not Relatedness.NOT_ASSESSED


def judged_unrelated(event: AdverseEvent, *, infusion: Infused, rule: DltRule) -> tuple[int, ...]:
    """Name the entries without which an event would be a DLT: those that judged it unrelated."""
    judged = event.judged(Agent.INFUSION)
    if judged.relatedness in (*rule.related, Relatedness.NOT_ASSESSED):
        return ()
    return judged.positions if _onset(event, Window.of(infusion, rule), rule) else ()


def qualifying(event: AdverseEvent, *, infusion: Infused, rule: DltRule) -> Qualifying | None:
    """Judge one event; None when it is no DLT, whatever its relatedness turns out to be."""
    judged = event.judged(Agent.INFUSION)
    if judged.relatedness not in (*rule.related, Relatedness.NOT_ASSESSED):
        return None
    onset = _onset(event, Window.of(infusion, rule), rule)
    if onset is None:
        return None
    return Qualifying(
        event=event,
        onset=onset.on,
        grade=onset.grade,
        relatedness=judged.relatedness,
        evidence=tuple(sorted({event.report.position, onset.position, *judged.positions})),
    )


def delayed(event: AdverseEvent, *, infusion: Infused, rule: DltRule) -> Graded | None:
    """Find the first grade after the window that would have qualified within it, of an event that is no DLT."""
    judged = event.judged(Agent.INFUSION)
    window = Window.of(infusion, rule)
    if not rule.worsening and event.onset.precedes(window.opened_at):
        return None
    if judged.relatedness not in (*rule.related, Relatedness.NOT_ASSESSED) or _onset(event, window, rule) is not None:
        return None
    worse = event.worse_since(window.opened_at)
    return next((g for g in worse if _counts(event.term, g.grade, rule) and g.on.first > window.last), None)


def _counts(term: str, grade: int, rule: DltRule) -> bool:
    """Say whether a grade of a term can be dose-limiting: high enough, and not as chemotherapy causes it."""
    return grade >= rule.min_grade and grade > rule.expected_up_to(term)


def _onset(event: AdverseEvent, window: Window, rule: DltRule) -> Graded | None:
    """Find the first date in the window on which the grade qualifies.

    An event that began before the infusion counts from the day on which it became worse than it was at the infusion.
    """
    if not rule.worsening and event.onset.precedes(window.opened_at):
        return None
    worse = event.worse_since(window.opened_at)
    return next((g for g in worse if _counts(event.term, g.grade, rule) and window.allows(g.on)), None)
