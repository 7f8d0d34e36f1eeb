"""Febrile neutropenia, day by day: a fever, and the neutrophil count that goes with it.

Sources: CTCAE v5.0, "Febrile neutropenia" (ANC below 1.0 with a single temperature above 38.3 degrees Celsius, or one
of 38.0 sustained for more than an hour); IDSA 2002 is a preset. How a temperature is paired with a count, and when an
episode is over, is a choice.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from itertools import islice, pairwise
from typing import TypeAlias

import attrs

from trialdomain.events.participant import BodySite, VitalSign, VitalSignRecorded
from trialdomain.events.recorded import Recorded
from trialdomain.protocol.endpoint_rules import EndpointRules, FebrileNeutropenia
from trialdomain.rules.counts import Lab, Series, is_below, usable
from trialdomain.rules.illness import Illness
from trialdomain.rules.observation import Observation
from trialdomain.values.analyte import Count
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.unit import convert

Sign: TypeAlias = Recorded[VitalSignRecorded]
_CELSIUS = "Cel"
_DAY = timedelta(days=1)


@attrs.frozen(eq=False)
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
    size: Decimal
    """Of two equally near, the lower counts."""
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
    *,
    rule: FebrileNeutropenia,
    rules: EndpointRules,
    frame: Observation,
) -> list[Illness]:
    """Derive the episodes of febrile neutropenia from temperatures and counts.

    Args:
        readings: the temperatures, in order, from some days before the start to the end of observation.
        neutrophils: the counts, from some days before the start on, and the leukocytes that stand in for them.
        rule: the temperatures, counts and hours.
        rules: how counts are read.
        frame: the days of the observation.
    """
    febrile = list(_febrile(readings, rule))
    if not febrile:
        return []
    counts = _Counts(_counted(neutrophils, rule, rules), rule)
    paired = (
        _Febrile(reading, tuple(sorted({*positions, count.position})))
        for reading, positions in febrile
        if (count := counts.paired(reading)) is not None and count.below
    )
    risen = [_Risen(day.on, entry) for day in neutrophils.days if (entry := day.reaches(rule.anc_below)) is not None]
    fever = _Fever([reading for reading in readings if reading.warm], risen, rule, frame)
    return [fever.illness(episode) for episode in fever.episodes(list(paired))]


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


def _counted(neutrophils: Series, rule: FebrileNeutropenia, rules: EndpointRules) -> list[_Counted]:
    """Give every count that shows on which side of the threshold it is."""
    found: list[_Counted] = []
    days = set()
    for value, entry in usable(Count.NEUTROPHILS, neutrophils.examined, rules):
        days.add(entry.fact.collected_at.first)
        below = is_below(value, entry.fact.comparator, rule.anc_below)
        if below is not None:
            found.append(_Counted(entry.fact.collected_at, below, value, entry.position))
    for value, entry in usable(Count.LEUKOCYTES, neutrophils.examined, rules):
        if entry.fact.collected_at.first not in days and is_below(value, entry.fact.comparator, rule.anc_below):
            found.append(_Counted(entry.fact.collected_at, True, value, entry.position))  # noqa: FBT003 - it is below
    return found


class _Counts:
    """Neutrophil counts by their days: a temperature asks only those near it."""

    def __init__(self, counts: Sequence[_Counted], rule: FebrileNeutropenia) -> None:
        self._rule = rule
        self._by_day: dict[date, list[_Counted]] = {}
        for count in counts:
            self._by_day.setdefault(count.when.first, []).append(count)
        self._reach = max(rule.pairing_hours, rule.pairing_before_hours) // 24 + 2
        """Days: hours, and what offsets may shift a time by."""

    def paired(self, reading: Temperature) -> _Counted | None:
        """Find the count that goes with a temperature: the nearest on either side, else the latest before it."""
        days = (reading.on + timedelta(days=number) for number in range(-self._reach, self._reach + 1))
        near = [(_since(one.when, reading.when), one) for day in days for one in self._by_day.get(day, ())]
        either = [(abs(since), one) for since, one in near if abs(since) <= _hours(self._rule.pairing_hours)]
        before = [
            (since, one) for since, one in near if timedelta(0) <= since <= _hours(self._rule.pairing_before_hours)
        ]
        found = either or before
        return min(found, key=lambda one: (one[0], one[1].size, one[1].position))[1] if found else None


def _hours(number: int) -> timedelta:
    return timedelta(hours=number)


def _since(count: ClinicalTime, reading: ClinicalTime) -> timedelta:
    """Give the time from a count to a reading; in whole days where one of the two has no time."""
    between = reading.after(count)
    return reading.first - count.first if between is None else between


def _surely_between(one: Temperature, other: Temperature) -> timedelta:
    """Give the time that at least lies between two readings: of days without a time, the whole days between them."""
    between = other.when.after(one.when)
    return max(other.on - one.on - _DAY, timedelta(0)) if between is None else between


@attrs.frozen
class _Risen:
    """A day on which neutrophils were at the threshold or above it."""

    on: date
    entry: Lab


class _Fever:
    """The warm readings of one participant, and what ends an episode."""

    def __init__(
        self, warm: Sequence[Temperature], risen: Sequence[_Risen], rule: FebrileNeutropenia, frame: Observation
    ) -> None:
        self._warm, self._risen, self._frame = warm, risen, frame
        self._afebrile = _hours(rule.afebrile_hours)
        self._place = {reading.entry.position: place for place, reading in enumerate(warm)}

    def episodes(self, febrile: Sequence[_Febrile]) -> Iterator[list[_Febrile]]:
        """Put febrile readings together until two days without fever, or neutrophils at the threshold, lie between."""
        episode: list[_Febrile] = []
        for one in febrile:
            if episode:
                start, last = episode[0].reading, episode[-1].reading
                risen = any(start.on < up.on <= one.reading.on for up in self._risen)
                if risen or self._cooled(last, one.reading):
                    yield episode
                    episode = []
            episode.append(one)
        if episode:
            yield episode

    def _between(self, one: Temperature, other: Temperature) -> Sequence[Temperature]:
        return self._warm[self._place[one.entry.position] : self._place[other.entry.position] + 1]

    def _cooled(self, one: Temperature, other: Temperature) -> bool:
        """Say whether every temperature was lower for long enough between two readings."""
        return any(_surely_between(a, b) >= self._afebrile for a, b in pairwise(self._between(one, other)))

    def _until_cooled(self, last: Temperature) -> list[Temperature]:
        """Give the warm readings from the last febrile one on, until every temperature was lower for long enough."""
        found = [last]
        for other in islice(self._warm, self._place[last.entry.position] + 1, None):
            if _surely_between(found[-1], other) >= self._afebrile:
                break
            found.append(other)
        return found

    def illness(self, episode: Sequence[_Febrile]) -> Illness:
        """Give an episode its end: before two days without fever, or before neutrophils are back, if that is sooner."""
        first, last = episode[0].reading, episode[-1].reading
        up = next((one for one in self._risen if first.on < one.on <= self._frame.end), None)
        warm_since = self._until_cooled(last)
        over = self._cool_by(warm_since[-1]) if up is None else self._cool_before(warm_since[-1], up)
        risen = up if up is not None and not over else None
        ongoing = up is None and not over
        end = last.on if over else self._frame.end
        began = episode[0].positions
        held = [one.entry.position for one in (*self._between(first, last), *warm_since)]
        return Illness(
            first=first.on,
            last=end if risen is None else risen.on - _DAY,
            prevalent=first.on < self._frame.start,
            ongoing=ongoing,
            imputed=False,
            onset_evidence=began,
            evidence=tuple(
                sorted(
                    {
                        *held,
                        *(at for one in episode for at in one.positions),
                        *([] if risen is None else [risen.entry.position]),
                    }
                )
            ),
        )

    def _cool_by(self, reading: Temperature) -> bool:
        """Say whether the time without fever had passed by the end of the last day."""
        if reading.when.at is None:
            return self._frame.end - reading.on >= self._afebrile
        midnight = datetime.combine(self._frame.end + _DAY, time(), tzinfo=reading.when.at.tzinfo)
        return midnight - reading.when.at >= self._afebrile

    def _cool_before(self, reading: Temperature, up: _Risen) -> bool:
        """Say whether the time without fever had passed before neutrophils were back; by days, if one has no time."""
        between = up.entry.fact.collected_at.after(reading.when)
        return (up.on - reading.on if between is None else between) >= self._afebrile
