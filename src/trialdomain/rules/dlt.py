"""The DLT rule: whether an adverse event is dose-limiting, and from which day.

Source: NCT06245746, primary outcome DLT: an adverse event possibly, likely or definitely related to the infusion, from
the day of the infusion to 14 days after it. The reading of grades, worsening, partial dates, durations, companions and
deaths is this library's choice.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import attrs

from trialdomain.events.participant import Died, Infused
from trialdomain.events.recorded import Recorded
from trialdomain.protocol.dlt_criteria import DltCompanion, DltCriterion
from trialdomain.protocol.dlt_rule import DltRule
from trialdomain.rules.adverse_event import AdverseEvent, Graded, Spell
from trialdomain.values.clinical.toxicity import FATAL_GRADE, Agent, Relatedness
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short

_DAY = timedelta(days=1)


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
    """The positions of the report, of the entry with that grade, of the judgments, and of the entries that show a
    duration or a companion."""
    row: int | None = None
    """The number, from 1, of the row that decides; None for a rule without criteria."""
    because: str | None = None
    """That row in words."""
    known_on: date
    """The day from which it could be known to count."""
    by_longest: bool
    """Whether only the longest duration, or overlap, that partial dates allow makes it count."""

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


@attrs.frozen(kw_only=True)
class MayLast:
    """An event that counts if it lasts longer than its row allows, where no entry shows yet whether it did."""

    event: str
    until: date
    """The last day on which it has not lasted longer."""
    evidence: tuple[int, ...]


@attrs.frozen(kw_only=True)
class Found:
    """The judgment of one event."""

    __repr__ = in_short

    counted: Qualifying | None = None
    """The event, where it is a DLT, or would be one once its relatedness is assessed."""
    may_last: MayLast | None = None
    """Where it does not count yet: the duration that is still open."""
    short: tuple[int, ...] = ()
    """Where it does not count: the entries that show durations within what the rows allow."""


def first_dlt(events: Iterable[Qualifying]) -> Qualifying | None:
    """Return the event of one participant that counts: the first one whose relatedness was judged."""
    return min((event for event in events if event.assessed), key=lambda event: event.order, default=None)


def judged_unrelated(
    event: AdverseEvent,
    *,
    infusion: Infused,
    rule: DltRule,
    deaths: Sequence[Recorded[Died]] = (),
    others: Sequence[AdverseEvent] = (),
) -> tuple[int, ...]:
    """Return the positions of the judgments of unrelated without which an event would be a DLT."""
    judged = event.judged(Agent.INFUSION, related=rule.related)
    if judged.relatedness in (*rule.related, Relatedness.NOT_ASSESSED):
        return ()
    counts, open_ones, _ = _decided(event, Window.of(infusion, rule), rule, others)
    by_death = counts or _by_a_death(event, Window.of(infusion, rule), rule, deaths)
    return judged.positions if by_death or open_ones else ()


def qualifying(
    event: AdverseEvent,
    *,
    infusion: Infused,
    rule: DltRule,
    deaths: Sequence[Recorded[Died]] = (),
    others: Sequence[AdverseEvent] = (),
) -> Qualifying | None:
    """Return an event that is a DLT, or would be one once its relatedness is assessed; None for any other.

    The arguments are those of :func:`judge`.
    """
    return judge(event, infusion=infusion, rule=rule, deaths=deaths, others=others).counted


def judge(
    event: AdverseEvent,
    *,
    infusion: Infused,
    rule: DltRule,
    deaths: Sequence[Recorded[Died]] = (),
    others: Sequence[AdverseEvent] = (),
) -> Found:
    """Judge one event by the rows of the rule.

    Args:
        event: the event, joined from all its rows.
        infusion: the first infusion.
        rule: the DLT rule of the protocol.
        deaths: the deaths of the participant. A death in the window that the event explains counts, whenever the
            event began.
        others: the events of the participant, for rows that ask for a companion.
    """
    judged = event.judged(Agent.INFUSION, related=rule.related)
    if judged.relatedness not in (*rule.related, Relatedness.NOT_ASSESSED):
        return Found()
    window = Window.of(infusion, rule)
    counts, open_ones, short = _decided(event, window, rule, others)
    found = min(counts, key=lambda one: one.graded.first) if counts else _by_a_death(event, window, rule, deaths)
    about = (event.report.position, *judged.positions)
    if found is not None:
        named = bool(rule.criteria)
        return Found(
            counted=Qualifying(
                event=event,
                graded=found.graded,
                relatedness=judged.relatedness,
                evidence=tuple(sorted({*about, found.graded.position, *found.shown_by})),
                row=found.number if named else None,
                because=found.row.words if named else None,
                known_on=found.known_on,
                by_longest=found.by_longest,
            )
        )
    if open_ones:
        until = max(one.until for one in open_ones)
        shown = {position for one in open_ones for position in one.shown_by}
        return Found(may_last=MayLast(event=event.event, until=until, evidence=tuple(sorted({*about, *shown}))))
    return Found(short=tuple(sorted({*about, *short})) if short else ())


def delayed(
    event: AdverseEvent,
    *,
    infusion: Infused,
    rule: DltRule,
    deaths: Sequence[Recorded[Died]] = (),
    others: Sequence[AdverseEvent] = (),
) -> Graded | None:
    """Find the first grade after the window that would have qualified within it, for an event that is no DLT."""
    judged = event.judged(Agent.INFUSION, related=rule.related)
    if judged.relatedness not in (*rule.related, Relatedness.NOT_ASSESSED):
        return None
    window = Window.of(infusion, rule)
    counts, _, _ = _decided(event, window, rule, others)
    if counts or _by_a_death(event, window, rule, deaths):
        return None
    after = Window(window.last + _DAY, date.max, window.opened_at)
    late, _, _ = _decided(event, after, rule, others)
    return next((one.graded for one in late if one.graded.first > window.last), None)


@attrs.frozen(kw_only=True)
class _Counted:
    """A grade that counts by a row."""

    graded: Graded
    number: int
    row: DltCriterion
    known_on: date
    shown_by: tuple[int, ...] = ()
    by_longest: bool = False


@attrs.frozen
class _Open:
    """A duration that may still become longer than a row allows."""

    until: date
    shown_by: tuple[int, ...]


def _row_of(event: AdverseEvent, grade: int, rule: DltRule) -> tuple[int, DltCriterion] | None:
    return rule.row_of(event.term, grade, code=event.report.fact.ctcae_code)


def _decided(
    event: AdverseEvent, window: Window, rule: DltRule, others: Sequence[AdverseEvent]
) -> tuple[list[_Counted], list[_Open], list[int]]:
    """Judge each grade of an event by the row that fits it.

    An event that began before the infusion counts from the day on which it became worse than its lowest grade since.

    Returns:
        The grades that count; the durations that are still open; the entries that show too short a duration.
    """
    counts: list[_Counted] = []
    open_ones: list[_Open] = []
    short: list[int] = []
    if not rule.worsening and event.began_before(window.opened_at):
        return counts, open_ones, short
    worse = list(event.worse_since(window.opened_at))
    for graded in worse:
        if (decides := _row_of(event, graded.grade, rule)) is None:
            continue
        number, row = decides
        if row.at_once or graded.grade == FATAL_GRADE:
            if window.allows(graded):
                counts.append(_Counted(graded=graded, number=number, row=row, known_on=graded.first))
            continue
        spell = _spell_of(event, graded, worse, row)
        if spell is None or not window.allows(spell.grades[0]):
            continue
        found = _by_row(spell, number, row, window, [other for other in others if other.event != event.event])
        if isinstance(found, _Counted):
            counts.append(found)
        elif isinstance(found, _Open):
            open_ones.append(found)
        else:
            short += found
    return counts, open_ones, short


def _spell_of(event: AdverseEvent, graded: Graded, worse: Sequence[Graded], row: DltCriterion) -> Spell | None:
    """Return the period at the grade of a row that a statement belongs to, from its rise since the infusion on."""
    for spell in event.spells(row.min_grade):
        if graded in spell.grades:
            start = next((one for one in spell.grades if one in worse), None)
            return None if start is None else spell.since(start)
    return None


def _by_row(
    spell: Spell, number: int, row: DltCriterion, window: Window, others: Sequence[AdverseEvent]
) -> "_Counted | _Open | tuple[int, ...]":
    """Judge a period by the duration and the companion of a row.

    Returns:
        What counts, or may count; else the entries that show that the period was too short.
    """
    met = _Met(spell.grades[0])
    if row.together_with is not None:
        found = _meeting(spell, row.together_with, window, others)
        if found is None:
            return ()
        met = found
    counted = _Counted(
        graded=met.graded,
        number=number,
        row=row,
        known_on=met.graded.first,
        shown_by=met.shown_by,
        by_longest=met.by_longest,
    )
    days = row.longer_than_days
    if days is None or spell.fatal:
        return counted
    lasted, begins = _duration(spell, window), _begins(spell, window)
    shown = (*met.shown_by, *lasted.shown_by)
    if lasted.longest <= days:
        return lasted.shown_by if spell.below is not None else _Open(begins + timedelta(days=days), shown)
    return attrs.evolve(
        counted,
        known_on=max(counted.known_on, begins + timedelta(days=days + 1)),
        shown_by=shown,
        by_longest=counted.by_longest or lasted.shortest <= days,
    )


@attrs.frozen
class _Duration:
    """The elapsed days of a period, as its entries show them."""

    shortest: int
    longest: int
    shown_by: tuple[int, ...]


def _begins(spell: Spell, window: Window) -> date:
    """Return the earliest possible first day of a period, which is not before the infusion."""
    return max(spell.grades[0].first, window.first)


def _duration(spell: Spell, window: Window) -> _Duration:
    """Count the days from the first day of a period to the first day after it.

    For a period that no entry ends, they are counted to the last day on which an entry shows it: what may have come
    later is not known.
    """
    start, last = spell.grades[0], spell.grades[-1]
    begins = _begins(spell, window)
    if spell.below is not None:
        below = spell.below
        positions = (last.position, below.position)
        return _Duration((below.first - start.last).days, (below.last - begins).days, positions)
    shown = spell.still or (None if last is start else last)
    if shown is None:
        return _Duration(0, 0, (start.position,))
    return _Duration((shown.first - start.last).days, (shown.last - begins).days, (last.position, shown.position))


@attrs.frozen
class _Met:
    """The first day on which an event and its companion were in force together."""

    graded: Graded
    shown_by: tuple[int, ...] = ()
    by_longest: bool = False
    """Whether only partial dates allow a common day."""


def _meeting(spell: Spell, companion: DltCompanion, window: Window, others: Sequence[AdverseEvent]) -> _Met | None:
    """Find the first day of the window on which a period and a companion were in force together."""
    found = []
    for other in others:
        if companion.fits(other.term, FATAL_GRADE, code=other.report.fact.ctcae_code):
            beside = other.spells(companion.min_grade)
            found += [met for one in beside if (met := _common(spell, one, other, window))]
    return min(found, key=lambda met: met.graded.first, default=None)


def _common(spell: Spell, beside: Spell, other: AdverseEvent, window: Window) -> _Met | None:
    """Find the first common day of two periods in the window, by the earliest starts and the latest ends."""
    start, companion = spell.grades[0], beside.grades[0]
    begins, joins = _begins(spell, window), max(companion.first, window.first)
    day = max(begins, joins)
    ends = [one.below for one in (spell, beside) if one.below is not None]
    if day > min([window.last, *(below.last - _DAY for below in ends)]):
        return None
    sure = max(start.last, companion.last) <= min([window.last, *(below.first - _DAY for below in ends)])
    graded = start
    if joins > begins:
        in_force = [one for one in spell.grades if one.first <= day]
        graded = Graded(companion.on, in_force[-1].grade, start.position, companion.ended, companion.not_before)
    return _Met(graded, (companion.position, other.report.position), not sure)


def _by_a_death(
    event: AdverseEvent, window: Window, rule: DltRule, deaths: Sequence[Recorded[Died]]
) -> _Counted | None:
    """Find the death in the window that the event explains; a duration or a companion is not asked of a death."""
    if not event.fatal or (decides := _row_of(event, FATAL_GRADE, rule)) is None:
        return None
    number, row = decides
    graded = next((graded for death in deaths if window.allows(graded := _by_death(event, death))), None)
    return None if graded is None else _Counted(graded=graded, number=number, row=row, known_on=graded.first)


def _by_death(event: AdverseEvent, death: Recorded[Died]) -> Graded:
    """Date a death that an event explains, by the date of the death.

    The onset of the event only narrows a partial date, where the two agree.
    """
    agree = event.onset.first <= death.fact.on.last
    return Graded(death.fact.on, FATAL_GRADE, death.position, not_before=event.onset.first if agree else date.min)
