"""The safety summary: adverse events after the infusion, counted as participants and as events.

Source: the registry's primary outcome asks for adverse and serious adverse events within 28 days and 1 year of the
infusion; the days are the protocol's ``endpoints.safety_days``. An event counts from the day on which it began, or
became worse than its lowest grade since the infusion, as for a DLT. A partial date counts as the earliest possible
day: not before the infusion, and not after the end of the event.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import date, timedelta
from typing import Any, TypeVar

import attrs

from trialdomain.projections.casebook import Case, Casebook
from trialdomain.projections.view import EVERY_KIND
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.adverse_event import AdverseEvent
from trialdomain.rules.dose_received import level_received
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.scale import Scale, beside, highest_by_scale
from trialdomain.values.clinical.toxicity import GRADES, RELATED, Agent, Relatedness
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.text import folded

_FROM_LEAST = (
    Relatedness.NOT_ASSESSED,
    Relatedness.UNRELATED,
    Relatedness.UNLIKELY,
    Relatedness.POSSIBLY,
    Relatedness.LIKELY,
    Relatedness.DEFINITELY,
)

_K = TypeVar("_K")


@attrs.frozen(kw_only=True)
class Count:
    """A number of participants, and the number of their events."""

    participants: int
    events: int


@attrs.frozen(kw_only=True)
class TermCount:
    """The counts of one reported term."""

    term: str
    count: Count
    highest_grade: int
    highest_by_scale: tuple[tuple[Scale, int], ...] = ()
    """The highest grade on each scale; empty if every grade is by the protocol's scale."""


@attrs.frozen(kw_only=True)
class Incidence:
    """The adverse events of one dose level, or of all participants, within one period."""

    __repr__ = in_short

    level: Label | None
    """None for the totals of all participants, and for participants without a level."""
    infused: int
    completed: int | None
    """The infused participants known to be under observation to the end of the period; None for an open period."""
    any_event: Count
    distinct_events: int
    """The number of events, where rows that another system links to one event count as one."""
    serious: Count
    """Judged by what was recorded up to the end of the period, as are fatal events and grades."""
    related: Count
    """Events possibly, likely or definitely related to the infusion."""
    fatal: Count
    grades: tuple[tuple[int, Count], ...]
    """By highest grade within the period; a participant counts once, with the worst event.

    Each grade counts as it is on the scale of its event; ``grades_by_scale`` says by which scales they are."""
    grades_by_scale: tuple[tuple[Scale, tuple[tuple[int, Count], ...]], ...]
    """The same for the events of each scale, the protocol's first; empty if every grade is by the protocol's scale."""
    relatedness: tuple[tuple[Relatedness, Count], ...]
    """By relatedness to the infusion; a participant counts once, with the most related event."""
    terms: tuple[TermCount, ...]
    """The term with the most participants first."""
    imputed: int
    """Events whose partial date was completed for these counts."""


@attrs.frozen(kw_only=True)
class Period:
    """The events within some days of the infusion."""

    __repr__ = in_short

    days: int | None
    """Elapsed days from the infusion (day 0), inclusive; None for no limit."""
    levels: tuple[Incidence, ...]
    unassigned: Incidence | None
    """The participants infused with an amount that belongs to no level; None if there are none."""
    overall: Incidence


@attrs.frozen(kw_only=True)
class Listed:
    """One event that was counted, with the log entries that support it."""

    subject: str
    level: Label | None
    event: str
    """Its id."""
    term: str
    scale: Scale | None
    """The scale of its grades, where it is not the protocol's."""
    since: date | None
    """The day from which the event counts; None if it does not follow an infusion."""
    day: int | None
    """That day, in elapsed days from the infusion."""
    highest_grade: int
    """The highest grade since the infusion; the highest grade overall if the event does not follow an infusion."""
    serious: bool | None
    """None if the seriousness was not recorded."""
    fatal: bool
    relatedness: Relatedness
    """The relatedness to the infusion."""
    evidence: tuple[int, ...]
    """The positions of its report, and of the entries with its grades, seriousness and relatedness."""


@attrs.frozen(kw_only=True)
class Safety:
    """The safety summary of a trial."""

    __repr__ = in_short

    reported: Count
    """All reported events, of all participants, at any time."""
    distinct_events: int
    """The reported events, with linked rows counted as one."""
    before_infusion: Count
    """Events that began before the infusion and did not become worse after it."""
    not_infused: Count
    """Events of people who were not infused."""
    periods: tuple[Period, ...]
    grading: Scale
    """The scale of the protocol in force."""
    events: tuple[Listed, ...]
    """Every event that was reported, by participant."""


@attrs.frozen(kw_only=True)
class Event:
    """The fields of one adverse event that the summary needs."""

    event: str
    """Its id."""
    key: Hashable
    """The key by which rows of one event are joined."""
    term: str
    scale: Scale
    since: date | None
    """The day from which the event counts; None if it does not follow an infusion."""
    imputed: bool
    grades: tuple[tuple[date, int, int], ...]
    """The grades since the infusion: first day, grade, and the position of the entry with it."""
    reported_grade: int
    """The highest grade overall."""
    seriousness_by: Callable[[date], tuple[bool | None, int]]
    """Returns whether the event was serious by a day (None if not recorded), and the position of that entry."""
    fatal_by: Callable[[date], bool]
    relatedness: Relatedness
    judged_by: tuple[int, ...]
    """The positions of the entries that judge the relatedness."""
    evidence: tuple[int, ...]
    """The positions of its report, and of the entry with the grade from which it counts."""

    def serious_by(self, day: date) -> bool | None:
        """Return whether it was serious by the latest entry up to a day; None if not recorded."""
        return self.seriousness_by(day)[0]

    def grade(self, until: date) -> int:
        """Return the highest grade up to a day."""
        return max(grade for day, grade, _ in self.grades if day <= until)


@attrs.frozen(kw_only=True)
class Exposure:
    """The fields of one person that the summary needs."""

    subject: str
    level: Label | None
    infused_on: date | None
    infused_by: int | None
    """The position of the first infusion."""
    observed_until: date
    """The last day on which they were observed."""
    events: tuple[Event, ...]


class SafetyView:
    """The view of adverse events: an exposure for each participant, and the summary."""

    def reads(self, versions: Iterable[TrialProtocol]) -> frozenset[type[Any]]:  # noqa: ARG002 - as every view
        """Return every kind of fact: the last contact may be a laboratory result."""
        return EVERY_KIND

    def part(self, case: Case, book: Casebook, on: date) -> Exposure:
        """Read one participant."""
        return exposure_of(case, book, on=on)

    def whole(self, parts: Sequence[Exposure], book: Casebook, on: date) -> Safety:
        """Summarize."""
        return safety_of(parts, book, on=on)


SAFETY = SafetyView()


def exposure_of(case: Case, book: Casebook, *, on: date) -> Exposure:
    """Read one case."""
    infusion = case.first_infusion
    start = None if infusion is None else infusion.fact.started_at.first
    return Exposure(
        subject=case.subject,
        infused_by=None if infusion is None else infusion.position,
        level=None if infusion is None or start is None else level_received(infusion.fact, book.in_force_on(start)),
        infused_on=start,
        observed_until=_observed_until(case, on=on),
        events=tuple(_event(event, case) for event in case.adverse_events),
    )


def _observed_until(case: Case, *, on: date) -> date:
    """Return the day of the last contact, at most the given day: without later entries there was no observation."""
    ends = [on, *([case.left.last] if case.left else []), *([case.death.fact.on.last] if case.death else [])]
    return min(case.last_day, *ends)


def _event(event: AdverseEvent, case: Case) -> Event:
    infusion = case.first_infusion
    worse = case.worse_since_infusion[event.event]
    began = min(worse, key=lambda graded: graded.first, default=None)  # a follow-up may be of an earlier day
    first = date.min if infusion is None else infusion.fact.started_at.first
    judged = event.judged(Agent.INFUSION)
    return Event(
        event=event.event,
        evidence=tuple(sorted({event.report.position, *([began.position] if began else [])})),
        key=event.key,
        term=event.term,
        scale=event.scale,
        since=None if began is None else max(began.first, first),
        imputed=began is not None and began.on.day is None,
        grades=tuple((max(graded.first, first), graded.grade, graded.position) for graded in worse),
        reported_grade=event.highest_grade,
        seriousness_by=event.seriousness_by,
        fatal_by=event.fatal_by,
        relatedness=judged.relatedness,
        judged_by=judged.positions,
    )


def safety_of(exposures: Sequence[Exposure], book: Casebook, *, on: date) -> Safety:
    """Count the events of all participants."""
    infused = [one for one in exposures if one.infused_on is not None]
    days: tuple[int | None, ...] = (None, *book.protocol.endpoints.safety_days)
    return Safety(
        reported=_count((one, one.events) for one in exposures),
        distinct_events=sum(len({event.key for event in one.events}) for one in exposures),
        before_infusion=_count((one, [event for event in one.events if event.since is None]) for one in infused),
        not_infused=_count((one, one.events) for one in exposures if one.infused_on is None),
        periods=tuple(_period(number, infused, book.protocol, on=on) for number in days),
        grading=book.protocol.grading,
        events=tuple(listed(one, event, book.protocol, on=on) for one in exposures for event in one.events),
    )


def listed(one: Exposure, event: Event, protocol: TrialProtocol, *, on: date) -> Listed:
    """List one event of a participant, by what was recorded up to a day."""
    since = event.since
    return Listed(
        subject=one.subject,
        level=one.level,
        event=event.event,
        term=event.term,
        scale=beside(event.scale, protocol.grading),
        since=since,
        day=None if since is None or one.infused_on is None else (since - one.infused_on).days,
        highest_grade=event.reported_grade if since is None else event.grade(on),
        serious=event.serious_by(on),
        fatal=event.fatal_by(on),
        relatedness=event.relatedness,
        evidence=tuple(
            sorted({*event.evidence, *(at for _, _, at in event.grades), event.seriousness_by(on)[1], *event.judged_by})
        ),
    )


def _period(days: int | None, infused: Sequence[Exposure], protocol: TrialProtocol, *, on: date) -> Period:
    elsewhere = [one for one in infused if one.level is None]
    return Period(
        days=days,
        unassigned=_incidence(None, elsewhere, days, protocol.grading, on=on) if elsewhere else None,
        levels=tuple(
            _incidence(label, [one for one in infused if one.level == label], days, protocol.grading, on=on)
            for label in protocol.labels
        ),
        overall=_incidence(None, infused, days, protocol.grading, on=on),
    )


def _incidence(
    level: Label | None, infused: Sequence[Exposure], days: int | None, grading: Scale, *, on: date
) -> Incidence:
    ends = [(one, on if days is None else _end(one, days)) for one in infused]
    within = [(one, end, [e for e in one.events if e.since is not None and e.since <= end]) for one, end in ends]

    def matching(accepts: Callable[[Event, date], bool]) -> Count:
        return _count((one, [event for event in events if accepts(event, end)]) for one, end, events in within)

    return Incidence(
        level=level,
        infused=len(infused),
        completed=None if days is None else sum(one.observed_until >= end for one, end in ends),
        any_event=matching(lambda *_: True),
        distinct_events=sum(len({event.key for event in events}) for _, _, events in within),
        serious=matching(lambda event, end: event.serious_by(end) is True),
        related=matching(lambda event, _: event.relatedness in RELATED),
        fatal=matching(lambda event, end: event.fatal_by(end)),
        grades=_by(GRADES, [[event.grade(end) for event in events] for _, end, events in within]),
        grades_by_scale=_by_scale(
            [[(event.scale, event.grade(end)) for event in events] for _, end, events in within], grading
        ),
        relatedness=_by(_FROM_LEAST, [[event.relatedness for event in events] for _, _, events in within]),
        terms=_terms(
            [[(event.term, event.scale, event.grade(end)) for event in events] for _, end, events in within], grading
        ),
        imputed=sum(event.imputed for _, _, events in within for event in events),
    )


def _end(one: Exposure, days: int) -> date:
    return (one.infused_on or date.min) + timedelta(days=days)


def _count(found: Iterable[tuple[Exposure, Sequence[Event]]]) -> Count:
    numbers = [len(events) for _, events in found]
    return Count(participants=sum(number > 0 for number in numbers), events=sum(numbers))


def _by(keys: Sequence[_K], found: Sequence[Sequence[_K]]) -> tuple[tuple[_K, Count], ...]:
    """Count events by a key, and participants by the last of their keys in the given order; skip unused keys."""
    events = Counter(key for of_one in found for key in of_one)
    participants = Counter(max(of_one, key=keys.index) for of_one in found if of_one)
    return tuple((key, Count(participants=participants[key], events=events[key])) for key in keys if events[key])


def _by_scale(
    found: Sequence[Sequence[tuple[Scale, int]]], grading: Scale
) -> tuple[tuple[Scale, tuple[tuple[int, Count], ...]], ...]:
    """Count by grade on each scale; empty if every grade is by the protocol's scale."""
    scales = [scale for scale, _ in highest_by_scale((one for of_one in found for one in of_one), grading)]
    return tuple(
        (scale, _by(GRADES, [[grade for by, grade in of_one if by == scale] for of_one in found])) for scale in scales
    )


def _terms(found: Sequence[Sequence[tuple[str, Scale, int]]], grading: Scale) -> tuple[TermCount, ...]:
    """Count by term, ignoring case and white space; show the first spelling."""
    spelled: dict[str, str] = {}
    graded: dict[str, list[tuple[Scale, int]]] = {}
    events: Counter[str] = Counter()
    participants: Counter[str] = Counter()
    for of_one in found:
        for term, scale, grade in of_one:
            key = folded(term)
            spelled.setdefault(key, term)
            graded.setdefault(key, []).append((scale, grade))
            events[key] += 1
        participants.update({folded(term) for term, _, _ in of_one})
    ordered = sorted(spelled, key=lambda key: (-participants[key], -events[key], key))
    return tuple(
        TermCount(
            term=spelled[key],
            count=Count(participants=participants[key], events=events[key]),
            highest_grade=max(grade for _, grade in graded[key]),
            highest_by_scale=highest_by_scale(graded[key], grading),
        )
        for key in ordered
    )
