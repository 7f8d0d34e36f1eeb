"""Endpoints from blood counts: whether a count was severe, and when it recovered."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import attrs

from trialdomain.events.participant import Transfused
from trialdomain.projections.endpoints.observed import Found, Observed
from trialdomain.projections.endpoints.value import Detail, Episode, Flag, Status, Value
from trialdomain.protocol.endpoints.parts import DeathAs
from trialdomain.protocol.endpoints.rules import RAISED_BY
from trialdomain.rules.counts import Series
from trialdomain.rules.observation import EndedBy
from trialdomain.rules.recovery import CountCourse, Coverage, Given, course_of
from trialdomain.values.clinical.analyte import Count
from trialdomain.values.clinical.treatment import MedicationClass

_CONFOUNDED_BY = {
    Count.NEUTROPHILS: (MedicationClass.G_CSF, Flag.G_CSF),
    Count.PLATELETS: (MedicationClass.TPO_RECEPTOR_AGONIST, Flag.TPO_RECEPTOR_AGONIST),
}


@attrs.frozen
class _CountReading:
    """The course of one blood count, with the fields that all values about it share."""

    of: Observed
    count: Count
    course: CountCourse
    examined: int
    flags: Sequence[Flag | None]
    details: Mapping[str, Detail]


def low_count(of: Observed, count: Count, series: Series) -> Found:
    """Derive whether a count was severe in the observation."""
    return _severe(_read_course(of, count, series)), series.examined


def count_recovery(of: Observed, count: Count, series: Series) -> Found:
    """Derive the days to the recovery of a count."""
    return _recovery(_read_course(of, count, series)), series.examined


def _read_course(of: Observed, count: Count, series: Series) -> _CountReading:
    rule = of.rules.recovery(count)
    given = [
        Given(of.frame.onset(entry.fact.on), entry.position, imputed=entry.fact.on.day is None)
        for entry in of.case.of(Transfused)
        if entry.fact.product is RAISED_BY.get(count)
    ]
    course = course_of(series.days, given, rule=rule, frame=of.frame, rules=of.rules)
    reach = [one for one in given if one.imputed and of.frame.holds(one.on)] if rule.transfusion_free_days else []
    flags = [Flag.UNUSED_RESULTS if series.unused else None, Flag.IMPUTED_DATE if reach else None]
    return _CountReading(
        of, count, course, len(series.examined), flags, {"unused": tuple(series.unused)} if series.unused else {}
    )


def _severe(reading: _CountReading) -> Value:
    """Derive whether a count was severe in the observation."""
    of, course = reading.of, reading.course
    common: dict[str, Any] = {"examined": reading.examined, "details": reading.details}
    unused = reading.flags[:1]
    if course.baseline is not None and not of.rules.include_prevalent:
        evidence = [course.baseline.entry.position]
        return of.value(Status.PREVALENT, evidence=evidence, flags=unused, **common)
    marks = [*unused, Flag.PREVALENT if course.baseline is not None else None]
    if course.first_below is not None:
        step = course.first_below
        evidence = [step.entry.position]
        return of.value(Status.OBSERVED, value=True, on=step.on, evidence=evidence, flags=marks, **common)
    if course.coverage is not Coverage.WHOLE:
        return _unseen(reading, marks)
    return of.absence(Status.OBSERVED, value=False, flags=marks, **common)


def _unseen(reading: _CountReading, flags: Sequence[Flag | None]) -> Value:
    """Return the value for a count that was not measured often enough."""
    course = reading.course
    gap: Mapping[str, Detail] = {} if course.gap is None else {"gap": course.gap}
    return reading.of.absence(
        Status.NOT_OBSERVED,
        because=course.coverage.value,
        evidence=course.around_gap,
        flags=flags,
        examined=reading.examined,
        details={**reading.details, **gap},
    )


def _recovery(reading: _CountReading) -> Value:
    """Derive the days to recovery."""
    of, course = reading.of, reading.course
    competing = of.frame.ended_by is EndedBy.DEATH and of.rules.death is DeathAs.COMPETING
    if course.anchor is None:
        if course.coverage is not Coverage.WHOLE:
            return _unseen(reading, reading.flags[:1])
        common: dict[str, Any] = {"examined": reading.examined, "details": reading.details}
        return of.absence(Status.NOT_AT_RISK, flags=reading.flags[:1], **common)
    if course.recovered is not None:
        return _recovered(reading)
    if course.coverage is Coverage.NOT_MEASURED and not competing:
        return _unseen(reading, reading.flags)
    last = of.frame.end if competing else course.censored_on
    return of.absence(
        Status.DIED if competing else Status.CENSORED,
        because=of.frame.ended_by.value,
        days=max(of.frame.day(last), 0),
        on=last,
        unmeasured_since=None if competing else _unmeasured_since(reading),
        episodes=_episodes(course),
        evidence=[course.anchor.entry.position, *course.undecided],
        flags=[*_marks(reading), Flag.UNCONFIRMED if course.unconfirmed else None],
        examined=reading.examined,
        details={**reading.details, **_beside(course)},
    )


def _unmeasured_since(reading: _CountReading) -> date | None:
    """Return the last day with a result if the time was censored more days after it than the longest allowed gap."""
    last = reading.course.last_measured
    gap = 0 if last is None else (reading.course.censored_on - last).days
    return last if gap > reading.of.rules.max_gap_days else None


def _recovered(reading: _CountReading) -> Value:
    of, course, recovered, anchor = reading.of, reading.course, reading.course.recovered, reading.course.anchor
    if recovered is None or anchor is None:
        raise AssertionError("a recovery without a count below the threshold")
    first, fell = recovered.run[0].on, course.fell_again
    return of.value(
        Status.OBSERVED,
        value=of.frame.day(first),
        days=of.frame.day(first),
        on=first,
        episodes=_episodes(course),
        evidence=[
            anchor.entry.position,
            *recovered.held_back,
            *recovered.undecided,
            *(step.entry.position for step in recovered.run),
        ],
        flags=[*_marks(reading), Flag.FELL_AGAIN if fell is not None else None],
        examined=reading.examined,
        details={
            **reading.details,
            **_beside(course),
            "from_onset": (first - (course.first_below or anchor).on).days,
            "confirmed_on": recovered.run[-1].on,
            **({} if fell is None else {"fell_again_on": fell.on}),
        },
    )


def _marks(reading: _CountReading) -> list[Flag | None]:
    course, (kind, confounder) = reading.course, _CONFOUNDED_BY.get(reading.count, (None, None))
    return [
        *reading.flags,
        confounder if kind is not None and reading.of.was_given(kind) else None,
        Flag.PREVALENT if course.baseline is not None else None,
        Flag.FROM_LEUKOCYTES if course.anchor is not None and course.anchor.derived else None,
        Flag.UNDECIDED if course.undecided else None,
    ]


def _beside(course: CountCourse) -> Mapping[str, Detail]:
    severe = course.first_below or course.anchor
    return {
        "severe_on": None if severe is None else severe.on,
        "longest": max((one.days for one in course.episodes), default=0),
    }


def _episodes(course: CountCourse) -> tuple[Episode, ...]:
    return tuple(Episode(first=one.first.on, last=one.last, ongoing=one.ongoing) for one in course.episodes)
