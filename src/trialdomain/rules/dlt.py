"""The DLT rule: whether an adverse event is dose-limiting, and from which day.

Source: NCT06245746, primary outcome DLT: an adverse event possibly, likely or definitely related to the infusion, from
the day of the infusion to 14 days after it. The reading of grades, worsening, partial dates and deaths is this
library's choice.
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
        """Say whether an event can have reached a grade on a day of the window, and not before the infusion.

        The possible days of a partial date end with the end of the event.
        """
        return not graded.precedes(self.opened_at) and graded.first <= self.last and graded.last >= self.first


@attrs.frozen(kw_only=True)
class Qualifying:
    """An event that counts, or would count once its relatedness is assessed."""

    __repr__ = in_short

    event: AdverseEvent
    graded: Graded
    """The first qualifying grade in the window; or the death, where the event counts because of it."""
    relatedness: Relatedness
    evidence: tuple[int, ...]
    """The positions of the report, of the entry with that grade, and of the judgments."""

    @property
    def onset(self) -> ClinicalTime:
        """The first date in the window on which its grade qualifies."""
        return self.graded.on

    @property
    def order(self) -> tuple[date, int]:
        """The sort key for the first event: the earliest possible day of the onset, then the order of reports."""
        return self.graded.first, self.event.report.position

    @property
    def uncertain(self) -> bool:
        """Whether the date of the onset is partial; the event counts until the date is completed."""
        return self.onset.day is None

    @property
    def assessed(self) -> bool:
        """Whether an assessor has judged the relatedness."""
        return self.relatedness is not Relatedness.NOT_ASSESSED


def first_dlt(events: Iterable[Qualifying]) -> Qualifying | None:
    """Return the event of one participant that counts: the first one whose relatedness was judged."""
    return min((event for event in events if event.assessed), key=lambda event: event.order, default=None)


def judged_unrelated(
    event: AdverseEvent, *, infusion: Infused, rule: DltRule, deaths: Sequence[Recorded[Died]] = ()
) -> tuple[int, ...]:
    """Return the positions of the judgments of unrelated without which an event would be a DLT."""
    judged = event.judged(Agent.INFUSION, related=rule.related)
    if judged.relatedness in (*rule.related, Relatedness.NOT_ASSESSED):
        return ()
    return judged.positions if _onset(event, Window.of(infusion, rule), rule, deaths) else ()


def qualifying(
    event: AdverseEvent, *, infusion: Infused, rule: DltRule, deaths: Sequence[Recorded[Died]] = ()
) -> Qualifying | None:
    """Return an event that is a DLT, or would be one once its relatedness is assessed; None for any other.

    Args:
        event: the event, joined from all its rows.
        infusion: the first infusion.
        rule: the DLT rule of the protocol.
        deaths: the deaths of the participant. A death in the window that the event explains counts, whenever the
            event began.
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
    """Find the first grade after the window that would have qualified within it, for an event that is no DLT."""
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
    """Say whether a grade of a term can be dose-limiting: high enough, and above the expected toxicity.

    The grade is on the event's own scale, and no grade is converted from one scale to another (**choice**).
    """
    return grade >= rule.min_grade and grade > rule.expected_up_to(term)


def _onset(event: AdverseEvent, window: Window, rule: DltRule, deaths: Sequence[Recorded[Died]]) -> Graded | None:
    """Find the first qualifying grade in the window; else the death in the window that the event explains.

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
    """Date a death that an event explains, by the date of the death.

    The onset of the event only narrows a partial date, where the two agree.
    """
    agree = event.onset.first <= death.fact.on.last
    return Graded(death.fact.on, FATAL_GRADE, death.position, not_before=event.onset.first if agree else date.min)
