"""Febrile neutropenia, infections and bleeding: whether any began, and how long they lasted."""

from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import attrs

from trialdomain.events.participant import VitalSignRecorded
from trialdomain.events.recorded import Recorded
from trialdomain.projections.endpoints.observed import Observed
from trialdomain.projections.endpoints.value import Episode, Flag, Status, Value
from trialdomain.protocol.endpoints.families import EventGroup
from trialdomain.protocol.endpoints.parts import EventSource
from trialdomain.rules.counts import Series
from trialdomain.rules.fever import Temperature, derived, temperatures
from trialdomain.rules.illness import Illness, reported, total_days, united
from trialdomain.rules.observation import Observation
from trialdomain.rules.recovery import Coverage
from trialdomain.values.clinical.ctcae import CtcaeTerm, term_of
from trialdomain.values.given.text import folded

_FEBRILE_NEUTROPENIA = "Febrile neutropenia"


@attrs.frozen(kw_only=True)
class Story:
    """The episodes of one illness, and the entries that were examined for them."""

    episodes: Sequence[Illness]
    looked_at: Sequence[Recorded[Any]]
    unseen: str | None = None
    """The reason why an absence cannot be established; None if it can."""
    doubt: Flag | None = None
    """A flag for the reader of an absence."""


def febrile_story(of: Observed, neutrophils: Series, first: date) -> Story:
    """Read febrile neutropenia: by derived days, by reported events, or both, one episode where they share a day."""
    rule, frame, events = of.rules.febrile_neutropenia, of.frame, of.case.adverse_events
    readings = temperatures(of.case.of(VitalSignRecorded), first=first, last=frame.end, rule=rule)
    found: list[Illness] = []
    if rule.source is not EventSource.DERIVED:
        found += reported(
            events,
            frame,
            belongs=lambda _, term: term is not None and term.term == _FEBRILE_NEUTROPENIA,
            min_grade=rule.reported_min_grade,
        )
    if rule.source is not EventSource.REPORTED:
        found += derived(readings, neutrophils, rule=rule, rules=of.rules, frame=frame)
    underivable = _underivable(of, readings, neutrophils)
    words = [entry for event in events for entry in event.entries]
    entries = [*words, *(one.entry for one in readings), *neutrophils.examined]
    return Story(
        episodes=[one for one in united(found) if one.last >= frame.start],
        looked_at=entries,
        unseen=underivable if rule.source is EventSource.DERIVED else None,
        doubt=Flag.NOT_DERIVED if underivable and rule.source is EventSource.EITHER else None,
    )


def _underivable(of: Observed, readings: Sequence[Temperature], neutrophils: Series) -> str | None:
    """Return why febrile neutropenia was not derivable; None if a fever would have shown, or counts were never low."""
    limit, frame, longest = of.rules.febrile_neutropenia.anc_below, of.frame, of.rules.max_gap_days
    high = [day.on for day in neutrophils.days if frame.holds(day.on) and day.reaches(limit) is not None]
    low = any(frame.holds(day.on) and day.below(limit) is not None for day in neutrophils.days)
    if high and not low and _without_gap(high, frame, longest):
        return None
    measured = [one.on for one in readings if frame.holds(one.on)]
    if not measured or not (high or low):
        return Coverage.NOT_MEASURED.value
    return None if _without_gap(measured, frame, longest) else Coverage.GAP.value


def _without_gap(days: Sequence[date], frame: Observation, longest: int) -> bool:
    points = [frame.start, *sorted(set(days)), frame.end]
    return all((other - one).days <= longest for one, other in pairwise(points))


def reported_story(of: Observed, *, group: EventGroup | None, terms: Sequence[str], min_grade: int) -> Story:
    """Read the episodes of reported adverse events of a group, or of some terms."""
    events = of.case.adverse_events
    found = reported(events, of.frame, belongs=_belongs(group, terms), min_grade=min_grade)
    return Story(
        episodes=sorted(found, key=lambda one: (one.first, one.imputed, one.last, one.evidence)),
        looked_at=[entry for event in events for entry in event.entries],
    )


def _belongs(group: EventGroup | None, terms: Sequence[str]) -> Callable[[str, CtcaeTerm | None], bool]:
    match group:
        case EventGroup.INFECTION:
            return lambda _, term: term is not None and term.infection
        case EventGroup.BLEEDING:
            return lambda _, term: term is not None and term.bleeding
        case None:
            named = {_key(term, term_of(term)) for term in terms}
            return lambda name, term: _key(name, term) in named


def _key(name: str, term: CtcaeTerm | None) -> str:
    """Return a key that is equal for all names of one term; for a term outside the CTCAE table, its folded name."""
    return folded(name if term is None else term.term)


def _counted(of: Observed, story: Story) -> tuple[list[Illness], list[Illness]]:
    """Return the episodes that count, and the prevalent ones (under way before the observation).

    Prevalent episodes count only if the protocol includes them.
    """
    before = [one for one in story.episodes if one.prevalent]
    if of.rules.include_prevalent:
        return [attrs.evolve(one, first=max(one.first, of.frame.start)) for one in story.episodes], before
    return [one for one in story.episodes if not one.prevalent], before


def _none(of: Observed, story: Story, before: Sequence[Illness]) -> Value | None:
    """Return a value without a result if no episode counts and that does not mean "no"; otherwise None."""
    if before:
        return of.value(Status.PREVALENT, evidence=_reached_by(of, before[0]), examined=len(story.looked_at))
    if story.unseen is not None:
        return of.absence(Status.NOT_OBSERVED, because=story.unseen, examined=len(story.looked_at))
    return None


def incidence(of: Observed, story: Story) -> Value:
    """Derive the incidence: whether an episode began in the observation."""
    counted, before = _counted(of, story)
    if not counted:
        absent = of.absence(Status.OBSERVED, value=False, flags=[story.doubt], examined=len(story.looked_at))
        return _none(of, story, before) or absent
    first = counted[0]
    return of.value(
        Status.OBSERVED,
        value=True,
        on=first.first,
        evidence=_reached_by(of, first) if first.prevalent else first.onset_evidence,
        flags=[*_marks([first]), Flag.PREVALENT if before else None],
        examined=len(story.looked_at),
    )


def _reached_by(of: Observed, illness: Illness) -> Sequence[int]:
    """Return the positions that show that an earlier illness lasted into the observation; its onset does not."""
    return (*(of.ended_by if illness.ongoing else ()), *illness.evidence)


def _marks(episodes: Sequence[Illness]) -> list[Flag | None]:
    return [
        Flag.IMPUTED_DATE if any(one.imputed for one in episodes) else None,
        Flag.FROM_LEUKOCYTES if any(one.from_leukocytes for one in episodes) else None,
    ]


def duration(of: Observed, story: Story) -> Value:
    """Derive the duration: the sum of the days of the episodes that count."""
    counted, before = _counted(of, story)
    if not counted:
        absent = of.absence(Status.NO_EPISODE, flags=[story.doubt], examined=len(story.looked_at))
        return _none(of, story, before) or absent
    lasted = united(counted)
    if any(one.end_unknown for one in lasted):
        evidence = [position for one in lasted for position in one.evidence]
        begun = lasted[0].first
        flags = [*_marks(lasted), Flag.PREVALENT if before else None]
        return of.value(Status.END_UNKNOWN, on=begun, evidence=evidence, flags=flags, examined=len(story.looked_at))
    ongoing = any(one.ongoing for one in lasted)
    return of.value(
        Status.OBSERVED,
        value=total_days(lasted),
        on=lasted[0].first,
        episodes=tuple(Episode(first=one.first, last=one.last, ongoing=one.ongoing) for one in lasted),
        evidence=[*(of.ended_by if ongoing else ()), *(position for one in lasted for position in one.evidence)],
        flags=[
            *_marks(lasted),
            Flag.ONGOING if ongoing else None,
            Flag.NO_TEMPERATURE if any(one.unmeasured for one in lasted) else None,
            Flag.PREVALENT if before else None,
        ],
        examined=len(story.looked_at),
        details={"longest": max(one.days for one in lasted)},
    )
