"""Blood counts by day: the lowest value of each day, in one unit, and bounds such as "< 5".

Values of different units and laboratories mix after exact conversion. Hemoglobin in mmol/L has a threshold of its own
(CTCAE v5.0: 4.9 mmol/L beside 80 g/L), so it is converted in proportion to that threshold. No value is imputed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple, TypeAlias

import attrs

from trialdomain.events.participant import Comparator, LabRecorded
from trialdomain.events.recorded import Recorded
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.values.clinical.analyte import UNITS, Count, count_of, is_blood
from trialdomain.values.clinical.unit import scale

Lab: TypeAlias = Recorded[LabRecorded]
_MMOL = "mmol/L"
_Conversion: TypeAlias = tuple[Decimal, Decimal]
"""The factor by which a value is multiplied, and then the divisor."""
_AS_IT_STANDS = (Decimal(1), Decimal(1))


def is_below(value: Decimal, comparator: Comparator | None, threshold: Decimal) -> bool | None:
    """Say whether a result is below a threshold; None where a bound leaves it open.

    >>> is_below(Decimal(50), Comparator.BELOW, Decimal(50)), is_below(Decimal(60), Comparator.BELOW, Decimal(50))
    (True, None)
    """
    match comparator:
        case None:
            return value < threshold
        case Comparator.BELOW:
            return True if value <= threshold else None
        case Comparator.AT_MOST:
            return True if value < threshold else None
        case Comparator.ABOVE | Comparator.AT_LEAST:
            return False if value >= threshold else None


def read_as(lab: LabRecorded) -> Count | None:
    """Return the count of a result by its name; None for any specimen except blood, serum or plasma."""
    return count_of(lab.analyte) if is_blood(lab.specimen) else None


class Day(NamedTuple):
    """The results of one count on one day."""

    on: date
    lowest: Decimal | None
    """The lowest plain value, in the unit of the count; None where every result of the day is a bound."""
    entry: Lab
    """The entry of the lowest value; of equal values, the one recorded first."""
    bounds: tuple[tuple[Comparator, Decimal, Lab], ...] = ()
    """Results such as "< 5"."""
    derived: Lab | None = None
    """The leukocytes that stand in for neutrophils, on a day without them."""

    def judged(self, threshold: Decimal) -> tuple[Lab | None, Lab | None]:
        """Return the result that shows the count below a threshold, else the one that shows it at or above all day."""
        if self.lowest is not None and self.lowest < threshold:
            return self.entry, None
        if self.bounds:
            sides = [(is_below(bound, comparator, threshold), entry) for comparator, bound, entry in self.bounds]
            low = next((entry for side, entry in sides if side), None)
            if low is not None or any(side is None for side, _ in sides):
                return low, None
        return None, None if self.derived is not None else self.entry

    def below(self, threshold: Decimal) -> Lab | None:
        """Return the result that shows the count below a threshold on that day; None where none does."""
        return self.judged(threshold)[0]

    def reaches(self, threshold: Decimal) -> Lab | None:
        """Return the result that shows the count at or above a threshold all day; None where one leaves it open."""
        return self.judged(threshold)[1]

    @property
    def positions(self) -> tuple[int, ...]:
        """The positions of the lowest plain value and of every bound."""
        return tuple(sorted({self.entry.position, *(entry.position for _, _, entry in self.bounds)}))

    @property
    def order(self) -> Decimal:
        """The sort key for the lowest day: the lowest value, or bound."""
        numbers = [bound for _, bound, _ in self.bounds]
        return min(numbers if self.lowest is None else [self.lowest, *numbers])


@attrs.frozen
class Series:
    """One count of one participant: its days, in order."""

    days: Sequence[Day]
    examined: Sequence[Lab]
    """Every result in the range of days, usable or not."""
    unused: Sequence[int]
    """The positions of results without a unit, with one that cannot be converted, or without a day."""


EMPTY = Series((), (), ())


@attrs.define
class _Gathered:
    """The results of one count, collected in any order."""

    conversions: "_Conversions"
    examined: list[Lab] = attrs.Factory(list)
    lowest: dict[date, tuple[Decimal, Lab]] = attrs.Factory(dict)
    bounds: dict[date, list[tuple[Comparator, Decimal, Lab]]] = attrs.Factory(dict)
    unused: list[int] = attrs.Factory(list)

    @property
    def shelves(self) -> "_Shelves":
        """The attributes that the loop over all results uses, as a tuple for speed."""
        return self, self.examined.append, self.conversions, self.lowest

    def series(self) -> Series:
        lowest, bounds = self.lowest, self.bounds
        days = [_day(day, lowest.get(day), bounds.get(day, ())) for day in sorted({*lowest, *bounds})]
        return Series(days, self.examined, self.unused)


_Shelves: TypeAlias = "tuple[_Gathered, Callable[[Lab], None], _Conversions, dict[date, tuple[Decimal, Lab]]]"


class _Conversions(dict[str | None, "_Conversion | None"]):
    """A cache of the conversion of each unit, filled on first use."""

    def __init__(self, count: Count, rules: EndpointRules) -> None:
        super().__init__()
        self._count, self._rules = count, rules

    def __missing__(self, unit: str | None) -> "_Conversion | None":
        found = self[unit] = _conversion(self._count, unit, self._rules)
        return found


class _ByName(dict[str, "_Shelves | None"]):
    """A cache of the shelves by the name of a test, filled on first use."""

    def __init__(self, gathered: Mapping[Count, _Gathered]) -> None:
        super().__init__()
        self._gathered = gathered

    def __missing__(self, name: str) -> "_Shelves | None":
        count = count_of(name)
        found = self[name] = None if count is None else self._gathered[count].shelves
        return found


def read_counts(labs: Iterable[Lab], *, first: date, last: date, rules: EndpointRules) -> Mapping[Count, Series]:
    """Group the results of one participant by count and day.

    Args:
        labs: their current results, in any order.
        first: the first day of the range; earlier results are ignored.
        last: the last day of the range.
        rules: the endpoint rules, with the threshold of hemoglobin in mmol/L.
    """
    gathered = {count: _Gathered(_Conversions(count, rules)) for count in Count}
    by_name = _ByName(gathered)
    for entry in labs:  # a hot loop: most entries of a trial pass here, so the common case is inline
        fact = entry.fact
        shelves = by_name[fact.analyte]
        if shelves is None or not (fact.specimen is None or is_blood(fact.specimen)):
            continue
        when = fact.collected_at
        day = when.first
        if day > last or when.last < first:
            continue
        of_this, examine, conversions, lowest = shelves
        examine(entry)
        conversion = conversions[fact.unit]
        if conversion is None or day != when.last:
            of_this.unused.append(entry.position)
            continue
        value = fact.value
        if conversion is not _AS_IT_STANDS:
            value = value * conversion[0] / conversion[1]
        if fact.comparator is not None:
            of_this.bounds.setdefault(day, []).append((fact.comparator, value, entry))
        elif (
            day not in lowest
            or value < (before := lowest[day])[0]
            or (value == before[0] and entry.position < before[1].position)
        ):
            lowest[day] = (value, entry)
    read = {count: found.series() if found.examined else EMPTY for count, found in gathered.items()}
    leukocytes = read[Count.LEUKOCYTES]
    if leukocytes.days:
        read[Count.NEUTROPHILS] = _with_leukocytes(read[Count.NEUTROPHILS], leukocytes)
    return read


def usable(count: Count, entries: Iterable[Lab], rules: EndpointRules) -> Iterator[tuple[Decimal, Lab]]:
    """Yield the usable results of one count, each with its value in the unit of the count."""
    conversions = _Conversions(count, rules)
    for entry in entries:
        fact = entry.fact
        conversion = conversions[fact.unit]
        if conversion is not None and read_as(fact) is count and fact.collected_at.day is not None:
            yield fact.value * conversion[0] / conversion[1], entry


def _day(day: date, lowest: tuple[Decimal, Lab] | None, bounds: Sequence[tuple[Comparator, Decimal, Lab]]) -> Day:
    bounded = tuple(sorted(bounds, key=lambda one: (one[1], one[2].position)))
    if lowest is None:
        return Day(day, None, bounded[0][2], bounded)
    return Day(day, *lowest, bounded)


def _conversion(count: Count, unit: str | None, rules: EndpointRules) -> _Conversion | None:
    """Return the factor and the divisor for a unit; None for a unit that is not used.

    Values have at most 15 digits and factors are powers of ten, so the product is exact. The only division is for
    hemoglobin in mmol/L. It comes last, and moves no value over the threshold.
    """
    if unit is None:
        return None
    factor = scale(unit, to=UNITS[count])
    if factor is not None:
        return _AS_IT_STANDS if factor == 1 else (factor, Decimal(1))
    molar = scale(unit, to=_MMOL) if count is Count.HEMOGLOBIN else None
    if molar is None or rules.hemoglobin_mmol is None:
        return None
    return molar * rules.hemoglobin.threshold, rules.hemoglobin_mmol


def _with_leukocytes(neutrophils: Series, leukocytes: Series) -> Series:
    """Use leukocytes on days without neutrophils, since there cannot be more neutrophils than leukocytes.

    Such a day can show a count below a threshold, but never one at or above it.
    """
    measured = {day.on for day in neutrophils.days}
    derived = [day._replace(derived=day.entry) for day in leukocytes.days if day.on not in measured]
    return Series(
        sorted([*neutrophils.days, *derived], key=lambda day: day.on),
        [*neutrophils.examined, *leukocytes.examined],
        neutrophils.unused,
    )
