"""Whether an adverse event is dose-limiting, and from when.

Source: NCT06245746, primary outcome DLT: an adverse event possibly, likely or definitely related to the infusion, from
the day of the infusion to 14 days after it. How grades, worsening, partial dates and deaths are read is this library's
choice.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import attrs

from trialdomain.events.participant import Died, Infused
from trialdomain.events.recorded import Recorded
from trialdomain.protocol.trial_protocol import DltRule
from trialdomain.rules.adverse_event import AdverseEvent, Graded
from trialdomain.values.clinical.toxicity import FATAL_GRADE, Agent, Relatedness
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short


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

    def allows(self, graded: Graded) -> bool:
        """Say whether an event can have come to a grade on any day of the window; a time before the infusion is none.

        The days that a partial date allows end with the end of the event.
        """
        return not graded.precedes(self.opened_at) and graded.first <= self.last and graded.last >= self.first


@attrs.frozen(kw_only=True)
class Qualifying:
    """An event that counts, or would count once its relatedness is assessed."""

    __repr__ = in_short

    event: AdverseEvent
    graded: Graded
    """The first grade in the window that qualifies; or the death, where that is why it counts."""
    relatedness: Relatedness
    evidence: tuple[int, ...]
    """The positions of the report, of what gave it that grade, and of what judged it."""

    @property
    def onset(self) -> ClinicalTime:
        """The first date in the window on which its grade qualifies."""
        return self.graded.on

    @property
    def order(self) -> tuple[date, int]:
        """By what the first of several is found: the earliest day that the onset allows, then the order of reports."""
        return self.graded.first, self.event.report.position

    @property
    def uncertain(self) -> bool:
        """Whether the onset is partial: it counts until the date is completed."""
        return self.onset.day is None

    @property
    def assessed(self) -> bool:
        """Whether anybody has judged the relatedness."""
        return self.relatedness is not Relatedness.NOT_ASSESSED


def first_dlt(events: Iterable[Qualifying]) -> Qualifying | None:
    """Give the event that counts of those of one participant: the first that somebody has judged."""
    return min((event for event in events if event.assessed), key=lambda event: event.order, default=None)


def judged_unrelated(
    event: AdverseEvent, *, infusion: Infused, rule: DltRule, deaths: Sequence[Recorded[Died]] = ()
) -> tuple[int, ...]:
    """Name the entries without which an event would be a DLT: those that judged it unrelated."""
    judged = event.judged(Agent.INFUSION, related=rule.related)
    if judged.relatedness in (*rule.related, Relatedness.NOT_ASSESSED):
        return ()
    return judged.positions if _onset(event, Window.of(infusion, rule), rule, deaths) else ()


def qualifying(
    event: AdverseEvent, *, infusion: Infused, rule: DltRule, deaths: Sequence[Recorded[Died]] = ()
) -> Qualifying | None:
    """Judge one event; None when it is no DLT, whatever its relatedness turns out to be.

    Args:
        event: with all rows that tell it.
        infusion: the first one.
        rule: the protocol's.
        deaths: of the participant: one on a day of the window that the event explains counts, whenever it began.
    """
    judged = event.judged(Agent.INFUSION, related=rule.related)
    if judged.relatedness not in (*rule.related, Relatedness.NOT_ASSESSED):
        return None
    graded = _onset(event, Window.of(infusion, rule), rule, deaths)
    if graded is None:
        return None
    return Qualifying(
        event=event,
        graded=graded,
        relatedness=judged.relatedness,
        evidence=tuple(sorted({event.report.position, graded.position, *judged.positions})),
    )


def delayed(
    event: AdverseEvent, *, infusion: Infused, rule: DltRule, deaths: Sequence[Recorded[Died]] = ()
) -> Graded | None:
    """Find the first grade after the window that would have qualified within it, of an event that is no DLT."""
    judged = event.judged(Agent.INFUSION, related=rule.related)
    window = Window.of(infusion, rule)
    if not rule.worsening and event.began_before(window.opened_at):
        return None
    if judged.relatedness not in (*rule.related, Relatedness.NOT_ASSESSED):
        return None
    if _onset(event, window, rule, deaths) is not None:
        return None
    worse = event.worse_since(window.opened_at)
    return next((g for g in worse if can_limit(event.term, g.grade, rule) and g.first > window.last), None)


def can_limit(term: str, grade: int, rule: DltRule) -> bool:
    """Say whether a grade of a term can be dose-limiting: high enough, and not as chemotherapy causes it."""
    return grade >= rule.min_grade and grade > rule.expected_up_to(term)


def _onset(event: AdverseEvent, window: Window, rule: DltRule, deaths: Sequence[Recorded[Died]]) -> Graded | None:
    """Find the first date in the window on which the grade qualifies; else the death in it that the event explains.

    An event that began before the infusion counts from the day on which it became worse than its lowest grade since.
    """
    if rule.worsening or not event.began_before(window.opened_at):
        worse = event.worse_since(window.opened_at)
        found = [g for g in worse if can_limit(event.term, g.grade, rule) and window.allows(g)]
        if found:
            return min(found, key=lambda graded: graded.first)
    if not event.fatal or not can_limit(event.term, FATAL_GRADE, rule):
        return None
    return next((graded for death in deaths if window.allows(graded := _by_death(event, death))), None)


def _by_death(event: AdverseEvent, death: Recorded[Died]) -> Graded:
    """Date the death that an event explains: by the date of the death, whatever the onset of the event.

    The onset only narrows a partial date, where the two agree.
    """
    agree = event.onset.first <= death.fact.on.last
    return Graded(death.fact.on, FATAL_GRADE, death.position, not_before=event.onset.first if agree else date.min)
