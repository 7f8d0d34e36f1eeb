"""Febrile neutropenia by day: a fever, and the neutrophil count that is paired with it.

Sources: CTCAE v5.0, "Febrile neutropenia" (ANC below 1.0 with a single temperature above 38.3 degrees Celsius, or one
of 38.0 sustained for more than an hour); IDSA 2002 is a preset. The pairing of a temperature with a count, and the end
of an episode, are choices.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from itertools import islice, pairwise
from typing import TypeAlias

import attrs

from trialdomain.events.participant import BodySite, VitalSign, VitalSignRecorded
from trialdomain.events.recorded import Recorded
from trialdomain.protocol.endpoints.parts import FebrileNeutropenia
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.rules.counts import Series, is_below, usable
from trialdomain.rules.illness import Illness
from trialdomain.rules.observation import Observation
from trialdomain.values.clinical.analyte import Count
from trialdomain.values.clinical.unit import convert
from trialdomain.values.clinical_time import ClinicalTime

Sign: TypeAlias = Recorded[VitalSignRecorded]
_CELSIUS = "Cel"
_DAY = timedelta(days=1)


@attrs.frozen(eq=False)
class Temperature:
    """One reading of a temperature."""

    when: ClinicalTime
    entry: Sign
    warm: bool
    """Whether the reading reaches the limit of a sustained fever."""
    hot: bool
    """Whether the reading is a fever on its own."""

    @property
    def on(self) -> date:
        """The day of the reading."""
        return self.when.first


@attrs.frozen
class _Febrile:
    """A reading of a fever, paired with a low neutrophil count."""

    reading: Temperature
    positions: tuple[int, ...]
    """The positions of the readings that make it a fever, and of the count."""
    derived: bool
    """Whether that count is a leukocyte count, used for the neutrophils."""


@attrs.frozen
class _Counted:
    """One neutrophil count, below the threshold or not."""

    when: ClinicalTime
    below: bool
    size: Decimal
    """The value; of two equally near counts, the lower one is used."""
    position: int
    derived: bool = False
    """Whether it is a leukocyte count, used for the neutrophils."""

    @property
    def order(self) -> tuple[date, datetime, int]:
        """The sort key by time; a count without a time counts as taken at the end of its day."""
        return self.when.first, _instant(self.when), self.position


def temperatures(signs: Sequence[Sign], *, first: date, last: date, rule: FebrileNeutropenia) -> list[Temperature]:
    """Read the temperatures of a range of days, in order; skip readings without a day."""
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
    """Convert a limit to the unit of a reading: Celsius to Fahrenheit is exact, and the reverse would not be."""
    found = convert(celsius - offset, _CELSIUS, to=unit)
    return Decimal(found.numerator) / Decimal(found.denominator)


def _clock(when: ClinicalTime) -> str:
    """Return the sort key of a reading within its day: readings without a time come first."""
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
        neutrophils: the counts, from some days before the start on, and the leukocytes used in their place.
        rule: the temperatures, counts and hours of febrile neutropenia.
        rules: the endpoint rules, which convert counts.
        frame: the days of the observation.
    """
    febrile = list(_febrile(readings, rule))
    if not febrile:
        return []
    counted = _counted(neutrophils, rule, rules)
    counts = _Counts(counted, rule)
    paired = (
        _Febrile(reading, tuple(sorted({*positions, count.position})), count.derived)
        for reading, positions in febrile
        if (count := counts.paired(reading)) is not None and count.below
    )
    risen = sorted((count for count in counted if not count.below), key=lambda one: one.order)
    fever = _Fever(readings, risen, rule, frame)
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
    """Yield runs of warm readings with a time, without a lower reading or too long a gap between them."""
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
    """Return every count that is certainly below the threshold, or certainly not below it."""
    found: list[_Counted] = []
    days = set()
    for value, entry in usable(Count.NEUTROPHILS, neutrophils.examined, rules):
        days.add(entry.fact.collected_at.first)
        below = is_below(value, entry.fact.comparator, rule.anc_below)
        if below is not None:
            found.append(_Counted(entry.fact.collected_at, below, value, entry.position))
    for value, entry in usable(Count.LEUKOCYTES, neutrophils.examined, rules):
        if entry.fact.collected_at.first not in days and is_below(value, entry.fact.comparator, rule.anc_below):
            when = entry.fact.collected_at
            found.append(_Counted(when, below=True, size=value, position=entry.position, derived=True))
    return found


class _Counts:
    """Neutrophil counts indexed by day, so that pairing looks only at counts near a temperature."""

    def __init__(self, counts: Sequence[_Counted], rule: FebrileNeutropenia) -> None:
        self._rule = rule
        self._by_day: dict[date, list[_Counted]] = {}
        for count in counts:
            self._by_day.setdefault(count.when.first, []).append(count)
        self._reach = max(rule.pairing_hours, rule.pairing_before_hours) // 24 + 2
        """The days to look at on either side: the hours of the pairing, and the largest shift by offsets."""

    def paired(self, reading: Temperature) -> _Counted | None:
        """Find the count to pair with a temperature: the nearest on either side, else the latest before it."""
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
    """Return the time from a count to a reading; in whole days where one of the two has no time."""
    between = reading.after(count)
    return reading.first - count.first if between is None else between


def _surely_between(one: Temperature, other: Temperature) -> timedelta:
    """Return the least possible time between two readings: without times, the whole days between them."""
    between = other.when.after(one.when)
    return max(other.on - one.on - _DAY, timedelta(0)) if between is None else between


def _instant(when: ClinicalTime) -> datetime:
    """Return the sort key of a moment: without a time the end of the day; without an offset the time as written."""
    if when.at is None:
        return datetime.combine(when.last + _DAY, time(), tzinfo=UTC)
    return when.at.astimezone(UTC) if when.at.tzinfo else when.at.replace(tzinfo=UTC)


def _precedes(reading: Temperature, up: _Counted) -> bool:
    """Say whether a count was taken after a reading, by their times; else by their days.

    A count without a time counts as taken at the end of its day, after every reading of the day.
    """
    between = up.when.after(reading.when)
    if between is not None:
        return between > timedelta(0)
    return reading.on <= up.when.first if up.when.at is None else reading.on < up.when.first


class _Fever:
    """The readings of one participant, split into episodes."""

    def __init__(
        self, readings: Sequence[Temperature], risen: Sequence[_Counted], rule: FebrileNeutropenia, frame: Observation
    ) -> None:
        self._readings, self._risen, self._frame = readings, risen, frame
        self._warm = [reading for reading in readings if reading.warm]
        self._afebrile = _hours(rule.afebrile_hours)
        self._place = {reading.entry.position: place for place, reading in enumerate(self._warm)}

    def episodes(self, febrile: Sequence[_Febrile]) -> Iterator[list[_Febrile]]:
        """Group febrile readings into episodes, which end by two days without fever, or by recovered neutrophils."""
        episode: list[_Febrile] = []
        for one in febrile:
            if episode:
                start, last = episode[0].reading, episode[-1].reading
                if self._over_by(start, one.reading) or self._cooled(last, one.reading):
                    yield episode
                    episode = []
            episode.append(one)
        if episode:
            yield episode

    def _over_by(self, start: Temperature, other: Temperature) -> bool:
        """Say whether neutrophils recovered before a later reading; the day before their recovery is the last one.

        An episode has at least its first day. Where neutrophils recovered on that day, the times of the day decide.
        """
        up = self._first_up(start)
        if up is None:
            return False
        if up.when.first > start.on:
            return other.on >= up.when.first
        return other.on > start.on or not _precedes(other, up)

    def _first_up(self, start: Temperature) -> _Counted | None:
        """Find the first count at or above the threshold after a reading."""
        return next((one for one in self._risen if _precedes(start, one)), None)

    def _between(self, one: Temperature, other: Temperature) -> Sequence[Temperature]:
        return self._warm[self._place[one.entry.position] : self._place[other.entry.position] + 1]

    def _cooled(self, one: Temperature, other: Temperature) -> bool:
        """Say whether every temperature was lower for long enough between two readings."""
        return any(_surely_between(a, b) >= self._afebrile for a, b in pairwise(self._between(one, other)))

    def _until_cooled(self, last: Temperature) -> list[Temperature]:
        """Return the warm readings from the last febrile one on, until every temperature was lower for long enough."""
        found = [last]
        for other in islice(self._warm, self._place[last.entry.position] + 1, None):
            if _surely_between(found[-1], other) >= self._afebrile:
                break
            found.append(other)
        return found

    def illness(self, episode: Sequence[_Febrile]) -> Illness:
        """Build an episode; it ends before two days without fever, or before the neutrophils recover, if sooner."""
        first, last = episode[0].reading, episode[-1].reading
        up = self._first_up(first)
        if up is not None and up.when.first > self._frame.end:
            up = None
        warm_since = self._until_cooled(last)
        over = self._cool_by(warm_since[-1]) if up is None else self._cool_before(warm_since[-1], up)
        risen = up if up is not None and not over else None
        end = last.on if over else self._frame.end
        held = [one.entry.position for one in (*self._between(first, last), *warm_since)]
        return Illness(
            first=first.on,
            last=end if risen is None else max(first.on, risen.when.first - _DAY),
            prevalent=first.on < self._frame.start,
            ongoing=up is None and not over,
            imputed=False,
            from_leukocytes=any(one.derived for one in episode),
            unmeasured=over and not self._measured_since(warm_since[-1]),
            onset_evidence=episode[0].positions,
            evidence=tuple(
                sorted(
                    {
                        *held,
                        *(at for one in episode for at in one.positions),
                        *([] if risen is None else [risen.position]),
                    }
                )
            ),
        )

    def _measured_since(self, reading: Temperature) -> bool:
        """Say whether a temperature was measured in the hours after a reading that end an episode."""
        return any(
            other is not reading
            and not other.when.precedes(reading.when)
            and _surely_between(reading, other) <= self._afebrile
            for other in self._readings
        )

    def _cool_by(self, reading: Temperature) -> bool:
        """Say whether the hours without fever had passed by the end of the observation."""
        if reading.when.at is None:
            return self._frame.end - reading.on >= self._afebrile
        midnight = datetime.combine(self._frame.end + _DAY, time(), tzinfo=reading.when.at.tzinfo)
        return midnight - reading.when.at >= self._afebrile

    def _cool_before(self, reading: Temperature, up: _Counted) -> bool:
        """Say whether the hours without fever had passed before the neutrophils recovered.

        A reading without a time is compared by days. A count without a time counts as taken at the end of its day.
        """
        if up.when.at is None and reading.when.at is not None:
            midnight = datetime.combine(up.when.first + _DAY, time(), tzinfo=reading.when.at.tzinfo)
            return midnight - reading.when.at >= self._afebrile
        between = up.when.after(reading.when)
        return (up.when.first - reading.on if between is None else between) >= self._afebrile
