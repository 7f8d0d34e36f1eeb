"""Febrile neutropenia, infections and bleeding: whether any began, and how long they lasted (S1 to S5, S13)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise

import attrs

from trialdomain.events.participant import VitalSignRecorded
from trialdomain.projections.endpoints.observed import Found, Observed
from trialdomain.projections.endpoints.value import Episode, Flag, Status, Value
from trialdomain.protocol.endpoint_rules import EventSource
from trialdomain.protocol.outcomes import OutcomeId
from trialdomain.rules.counts import Series
from trialdomain.rules.fever import Temperature, derived, temperatures
from trialdomain.rules.illness import Illness, reported, total_days, united
from trialdomain.rules.observation import Observation
from trialdomain.rules.recovery import Seen
from trialdomain.values.analyte import Count
from trialdomain.values.ctcae import CtcaeTerm

_FEBRILE_NEUTROPENIA = "Febrile neutropenia"


@attrs.frozen(kw_only=True)
class _Story:
    """The episodes of one illness, and how much was looked at for them."""

    episodes: Sequence[Illness]
    examined: int
    unseen: str | None = None
    """Why nobody can tell that there was none; None where one can."""
    doubt: Flag | None = None
    """What a reader of an absence should know."""


def febrile_neutropenia(of: Observed, counts: Mapping[Count, Series], first: date) -> Iterator[Found]:
    """Yield S1 and S2: by derived days, by reported events, or both, one episode where they share a day."""
    rule, frame, events = of.rules.febrile_neutropenia, of.frame, of.case.adverse_events
    readings = temperatures(of.case.of(VitalSignRecorded), first=first, last=frame.end, rule=rule)
    neutrophils = counts[Count.NEUTROPHILS]
    found: list[Illness] = []
    if rule.source is not EventSource.DERIVED:
        found += reported(
            events, frame, belongs=lambda term: term.term == _FEBRILE_NEUTROPENIA, min_grade=rule.reported_min_grade
        )
    if rule.source is not EventSource.REPORTED:
        found += derived(readings, neutrophils, rule=rule, rules=of.rules, frame=frame)
    underivable = _underivable(of, readings, neutrophils)
    words = [entry for event in events for entry in event.entries]
    entries = [*words, *(one.entry for one in readings), *neutrophils.examined]
    story = _Story(
        episodes=[one for one in united(found) if one.last >= frame.start],
        examined=len(entries),
        unseen=underivable if rule.source is EventSource.DERIVED else None,
        doubt=Flag.NOT_DERIVED if underivable and rule.source is EventSource.EITHER else None,
    )
    yield _incidence(of, OutcomeId.S1, story), entries
    yield _duration(of, OutcomeId.S2, story), entries


def _underivable(of: Observed, readings: Sequence[Temperature], neutrophils: Series) -> str | None:
    """Say why no day could be derived; None where a fever would have shown, or neutrophils were never low."""
    limit, frame, longest = of.rules.febrile_neutropenia.anc_below, of.frame, of.rules.max_gap_days
    high = [day.on for day in neutrophils.days if frame.holds(day.on) and day.reaches(limit) is not None]
    low = any(frame.holds(day.on) and day.below(limit) is not None for day in neutrophils.days)
    if high and not low and _without_gap(high, frame, longest):
        return None
    measured = [one.on for one in readings if frame.holds(one.on)]
    if not measured or not (high or low):
        return Seen.NOT_MEASURED.value
    return None if _without_gap(measured, frame, longest) else Seen.GAP.value


def _without_gap(days: Sequence[date], frame: Observation, longest: int) -> bool:
    points = [frame.start, *sorted(set(days)), frame.end]
    return all((other - one).days <= longest for one, other in pairwise(points))


def reported_illness(of: Observed) -> Iterator[Found]:
    """Yield S3 and S4 for infections, S5 and S13 for bleeding: by reported adverse events."""
    rules, events = of.rules, of.case.adverse_events
    entries = [entry for event in events for entry in event.entries]
    groups: Iterable[tuple[OutcomeId, OutcomeId, Callable[[CtcaeTerm], bool], int]] = (
        (OutcomeId.S4, OutcomeId.S3, lambda term: term.infection, rules.infection_min_grade),
        (OutcomeId.S5, OutcomeId.S13, lambda term: term.bleeding, rules.bleeding_min_grade),
    )
    for incidence, duration, belongs, grade in groups:
        found = reported(events, of.frame, belongs=belongs, min_grade=grade)
        ordered = sorted(found, key=lambda one: (one.first, one.imputed, one.last, one.evidence))
        story = _Story(episodes=ordered, examined=len(entries))
        yield _incidence(of, incidence, story), entries
        yield _duration(of, duration, story), entries


def _counted(of: Observed, story: _Story) -> tuple[list[Illness], list[Illness]]:
    """Tell the episodes that count from those that were under way before: unless the protocol includes these."""
    before = [one for one in story.episodes if one.prevalent]
    if of.rules.include_prevalent:
        return [attrs.evolve(one, first=max(one.first, of.frame.start)) for one in story.episodes], before
    return [one for one in story.episodes if not one.prevalent], before


def _none(of: Observed, outcome: OutcomeId, story: _Story, before: Sequence[Illness]) -> Value | None:
    """Say why there is no value, where nothing counts and that is not simply a no."""
    if before:
        return of.value(outcome, Status.PREVALENT, evidence=_reached_by(of, before[0]), examined=story.examined)
    if story.unseen is not None:
        return of.absence(outcome, Status.NOT_OBSERVED, because=story.unseen, examined=story.examined)
    return None


def _incidence(of: Observed, outcome: OutcomeId, story: _Story) -> Value:
    """Say whether anything began in the observation."""
    counted, before = _counted(of, story)
    if not counted:
        absent = of.absence(outcome, Status.OBSERVED, value=False, flags=[story.doubt], examined=story.examined)
        return _none(of, outcome, story, before) or absent
    first = counted[0]
    return of.value(
        outcome,
        Status.OBSERVED,
        value=True,
        on=first.first,
        evidence=_reached_by(of, first) if first.prevalent else first.onset_evidence,
        flags=[*_marks([first]), Flag.PREVALENT if before else None],
        examined=story.examined,
    )


def _reached_by(of: Observed, illness: Illness) -> Sequence[int]:
    """Give what shows that an illness lasted into the observation, which the onset of one from before does not."""
    return (*(of.ended_by if illness.ongoing else ()), *illness.evidence)


def _marks(episodes: Sequence[Illness]) -> list[Flag | None]:
    return [
        Flag.IMPUTED_DATE if any(one.imputed for one in episodes) else None,
        Flag.FROM_LEUKOCYTES if any(one.from_leukocytes for one in episodes) else None,
    ]


def _duration(of: Observed, outcome: OutcomeId, story: _Story) -> Value:
    """Add up the days of what began in the observation."""
    counted, before = _counted(of, story)
    if not counted:
        absent = of.absence(outcome, Status.NO_EPISODE, flags=[story.doubt], examined=story.examined)
        return _none(of, outcome, story, before) or absent
    lasted = united(counted)
    if any(one.end_unknown for one in lasted):
        evidence = [position for one in lasted for position in one.evidence]
        begun = lasted[0].first
        flags = [*_marks(lasted), Flag.PREVALENT if before else None]
        return of.value(outcome, Status.END_UNKNOWN, on=begun, evidence=evidence, flags=flags, examined=story.examined)
    ongoing = any(one.ongoing for one in lasted)
    return of.value(
        outcome,
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
        examined=story.examined,
        details={"longest": max(one.days for one in lasted)},
    )
