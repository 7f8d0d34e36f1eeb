"""Febrile neutropenia, day by day: a fever, and the neutrophil count that goes with it.

Sources: CTCAE v5.0, "Febrile neutropenia" (ANC below 1.0 with a single temperature above 38.3 degrees Celsius, or one
of 38.0 sustained for more than an hour); IDSA 2002 is a preset. How a temperature is paired with a count, and when an
episode is over, is a choice.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import TypeAlias

import attrs

from trialdomain.events.participant import BodySite, VitalSign, VitalSignRecorded
from trialdomain.events.recorded import Recorded
from trialdomain.protocol.endpoint_rules import EndpointRules, FebrileNeutropenia
from trialdomain.rules.counts import Series, is_below, usable
from trialdomain.rules.illness import Illness
from trialdomain.rules.observation import Observation
from trialdomain.values.analyte import Count
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.unit import convert

Sign: TypeAlias = Recorded[VitalSignRecorded]
_CELSIUS = "Cel"
_DAY = timedelta(days=1)


@attrs.frozen
class Temperature:
    """One reading."""

    when: ClinicalTime
    entry: Sign
    warm: bool
    """As high as a sustained fever."""
    hot: bool
    """High enough on its own."""

    @property
    def on(self) -> date:
        """Its day."""
        return self.when.first


@attrs.frozen
class _Febrile:
    """A reading of a fever, with the count that makes it one of febrile neutropenia."""

    reading: Temperature
    positions: tuple[int, ...]
    """Of the readings that make it a fever, and of the count."""


@attrs.frozen
class _Counted:
    """One neutrophil count: whether it is below the threshold."""

    when: ClinicalTime
    below: bool
    position: int


def temperatures(signs: Sequence[Sign], *, first: date, last: date, rule: FebrileNeutropenia) -> list[Temperature]:
    """Read the temperatures of some days, in order; one without a day is of no use."""
    found = []
    for entry in signs:
        fact = entry.fact
        when = fact.measured_at
        if fact.sign is not VitalSign.TEMPERATURE or when.day is None or not first <= when.first <= last:
            continue
        offset = rule.axillary_offset if fact.site is BodySite.AXILLARY else Decimal(0)
        warm, hot = (_limit(limit, offset, fact.unit) for limit in (rule.sustained_from, rule.temperature_above))
        is_hot = fact.value > hot or (rule.inclusive and fact.value == hot)
        found.append(Temperature(when, entry, is_hot or fact.value >= warm, is_hot))
    return sorted(found, key=lambda one: (one.on, _clock(one.when), one.entry.position))


@cache
def _limit(celsius: Decimal, offset: Decimal, unit: str) -> Decimal:
    """Give a limit in the unit of a reading; from Celsius to Fahrenheit that is exact, and back it would not be."""
    found = convert(celsius - offset, _CELSIUS, to=unit)
    return Decimal(found.numerator) / Decimal(found.denominator)


def _clock(when: ClinicalTime) -> str:
    """Order the readings of a day: those without a time first."""
    return "" if when.at is None else when.at.isoformat()


def derived(
    readings: Sequence[Temperature],
    neutrophils: Series,
    leukocytes: Series,
    *,
    rule: FebrileNeutropenia,
    rules: EndpointRules,
    frame: Observation,
) -> list[Illness]:
    """Derive the episodes of febrile neutropenia from temperatures and counts.

    Args:
        readings: the temperatures, in order, from some days before the start to the end of observation.
        neutrophils: the counts, from some days before the start on.
        leukocytes: they stand in for neutrophils on a day without.
        rule: the temperatures, counts and hours.
        rules: how counts are read.
        frame: the days of the observation.
    """
    febrile = list(_febrile(readings, rule))
    if not febrile:
        return []
    counts = _counted(neutrophils, leukocytes, rule, rules)
    paired = (
        _Febrile(reading, tuple(sorted({*positions, count.position})))
        for reading, positions in febrile
        if (count := _paired(reading, counts, rule)) is not None and count.below
    )
    warm = [reading for reading in readings if reading.warm]
    risen = [(day.on, entry.position) for day in neutrophils.days if (entry := day.reaches(rule.anc_below)) is not None]
    return [_illness(episode, warm, risen, rule, frame) for episode in _episodes(list(paired), warm, risen, rule)]


def _febrile(
    readings: Sequence[Temperature], rule: FebrileNeutropenia
) -> Iterator[tuple[Temperature, tuple[int, ...]]]:
    """Yield each reading of a fever, with the positions of the readings that make it one."""
    sustained: dict[int, tuple[int, ...]] = {}
    for run in _runs(readings, rule):
        span = _moment(run[-1]) - _moment(run[0])
        least = timedelta(minutes=rule.sustained_over_minutes)
        if len(run) > 1 and (span > least or (rule.inclusive and span == least)):
            sustained |= {one.entry.position: tuple(each.entry.position for each in run) for one in run}
    for reading in readings:
        position = reading.entry.position
        if reading.hot:
            yield reading, (position,)
        elif position in sustained:
            yield reading, tuple(sorted({position, *sustained[position]}))


def _runs(readings: Sequence[Temperature], rule: FebrileNeutropenia) -> Iterator[list[Temperature]]:
    """Yield the timed warm readings that follow one another without a lower one, or too long a time, between them."""
    longest = timedelta(hours=rule.sustained_gap_hours)
    for aware in (True, False):  # times with and without an offset cannot be compared
        timed = [one for one in readings if one.when.at is not None and (one.when.at.tzinfo is not None) is aware]
        highest = {_moment(one): one for one in sorted(timed, key=lambda one: (one.warm, -one.entry.position))}
        run: list[Temperature] = []
        for _, reading in sorted(highest.items()):
            if run and (not reading.warm or _moment(reading) - _moment(run[-1]) > longest):
                yield run
                run = []
            if reading.warm:
                run.append(reading)
        if run:
            yield run


def _moment(reading: Temperature) -> datetime:
    return reading.when.at or datetime.min  # noqa: DTZ901 - runs hold timed readings alone


def _counted(neutrophils: Series, leukocytes: Series, rule: FebrileNeutropenia, rules: EndpointRules) -> list[_Counted]:
    """Give every count that shows on which side of the threshold it is, the lower of two of one moment first."""
    found: list[tuple[Decimal, _Counted]] = []
    days = set()
    for value, entry in usable(Count.NEUTROPHILS, neutrophils.examined, rules):
        days.add(entry.fact.collected_at.first)
        below = is_below(value, entry.fact.comparator, rule.anc_below)
        if below is not None:
            found.append((value, _Counted(entry.fact.collected_at, below, entry.position)))
    for value, entry in usable(Count.LEUKOCYTES, leukocytes.examined, rules):
        if entry.fact.collected_at.first not in days and is_below(value, entry.fact.comparator, rule.anc_below):
            found.append((value, _Counted(entry.fact.collected_at, True, entry.position)))  # noqa: FBT003 - it is below
    return [one for _, one in sorted(found, key=lambda one: (one[0], one[1].position))]


def _paired(reading: Temperature, counts: Sequence[_Counted], rule: FebrileNeutropenia) -> _Counted | None:
    """Find the count that goes with a temperature: the nearest on either side, else the latest before it."""
    near = [
        (abs(since), one)
        for one in counts
        if abs(since := _since(one.when, reading.when)) <= _hours(rule.pairing_hours)
    ]
    if near:
        return min(near, key=lambda one: one[0])[1]
    earliest = _hours(rule.pairing_before_hours)
    before = [(since, one) for one in counts if timedelta(0) <= (since := _since(one.when, reading.when)) <= earliest]
    return min(before, key=lambda one: one[0])[1] if before else None


def _hours(number: int) -> timedelta:
    return timedelta(hours=number)


def _since(count: ClinicalTime, reading: ClinicalTime) -> timedelta:
    """Give the time from a count to a reading; in whole days where one of the two has no time."""
    if count.at and reading.at and (count.at.tzinfo is None) == (reading.at.tzinfo is None):
        return reading.at - count.at
    return reading.first - count.first


def _surely_between(one: Temperature, other: Temperature) -> timedelta:
    """Give the time that at least lies between two readings: of days without a time, the whole days between them."""
    if one.when.at and other.when.at and (one.when.at.tzinfo is None) == (other.when.at.tzinfo is None):
        return other.when.at - one.when.at
    return max(other.on - one.on - _DAY, timedelta(0))


def _episodes(
    febrile: Sequence[_Febrile],
    warm: Sequence[Temperature],
    risen: Sequence[tuple[date, int]],
    rule: FebrileNeutropenia,
) -> Iterator[list[_Febrile]]:
    """Put febrile readings together until two days without fever, or neutrophils at the threshold, lie between."""
    episode: list[_Febrile] = []
    for one in febrile:
        if episode:
            start, last = episode[0].reading, episode[-1].reading
            up = any(start.on < day < one.reading.on for day, _ in risen)
            if up or _cooled(last, one.reading, warm, rule):
                yield episode
                episode = []
        episode.append(one)
    if episode:
        yield episode


def _cooled(one: Temperature, other: Temperature, warm: Sequence[Temperature], rule: FebrileNeutropenia) -> bool:
    """Say whether every temperature was lower for long enough between two readings."""
    between = warm[warm.index(one) : warm.index(other) + 1]
    return any(_surely_between(a, b) >= _hours(rule.afebrile_hours) for a, b in pairwise(between))


def _until_cooled(warm: Sequence[Temperature], rule: FebrileNeutropenia) -> list[Temperature]:
    """Give the warm readings from the last febrile one on, until every temperature was lower for long enough."""
    found = [warm[0]]
    for one, other in pairwise(warm):
        if _surely_between(one, other) >= _hours(rule.afebrile_hours):
            break
        found.append(other)
    return found


def _illness(
    episode: Sequence[_Febrile],
    warm: Sequence[Temperature],
    risen: Sequence[tuple[date, int]],
    rule: FebrileNeutropenia,
    frame: Observation,
) -> Illness:
    first, last = episode[0].reading, episode[-1].reading
    up = next(((day, position) for day, position in risen if first.on < day <= frame.end), None)
    warm_since = _until_cooled(warm[warm.index(last) :], rule)
    cool_on = warm_since[-1].on + _hours(rule.afebrile_hours)
    over = cool_on <= frame.end if up is None else cool_on <= up[0]
    ongoing = up is None and not over
    risen_first = up is not None and not over
    end = frame.end if ongoing else last.on
    began = episode[0].positions
    held = [one.entry.position for one in (*warm[warm.index(first) : warm.index(last)], *warm_since)]
    return Illness(
        first=first.on,
        last=up[0] - _DAY if risen_first and up else end,
        prevalent=first.on < frame.start,
        ongoing=ongoing,
        imputed=False,
        onset_evidence=began,
        evidence=tuple(
            sorted(
                {
                    *began,
                    *held,
                    *(at for one in episode for at in one.positions),
                    *([up[1]] if up and risen_first else []),
                }
            )
        ),
    )
