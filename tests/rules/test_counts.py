"""Blood counts by day: in one unit, the lowest of each day, and only results with a day.

A cell count of 10*9/L is 1000 per microliter. CTCAE 5.0 has the thresholds 80 g/L and 4.9 mmol/L side by side for
hemoglobin.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from trialdomain import Comparator, EndpointRules, lab
from trialdomain.events.recorded import Meta, Recorded
from trialdomain.rules.counts import Lab, Series, is_below, read_counts, usable
from trialdomain.values.clinical.analyte import Count

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)
META = Meta(recorded_at=datetime(2026, 5, 1, tzinfo=UTC), user="u", command="c", part=1, parts=1)


def result(
    position: int, value: str, on: str, *, name: str = "ANC", unit: str = "10*9/L", bound: Comparator | None = None
) -> Lab:
    fact = lab(name, value, unit, collected_at=on, comparator=bound)
    return Recorded(trial="T", position=position, stream="T/participant/S", version=position, meta=META, fact=fact)


def read(labs: Sequence[Lab], count: Count = Count.NEUTROPHILS) -> Series:
    return read_counts(labs, first=FIRST, last=LAST, rules=EndpointRules())[count]


def by_day(series: Series) -> list[tuple[str, Decimal | None, int]]:
    return [(day.on.isoformat(), day.lowest, day.entry.position) for day in series.days]


class TestDays:
    def test_the_lowest_of_a_day_counts_and_of_equal_ones_the_entry_recorded_first(self) -> None:
        labs = [result(at, value, "2026-03-05") for at, value in ((7, "0.9"), (5, "0.4"), (3, "0.4"), (9, "0.4"))]
        assert by_day(read(labs)) == [("2026-03-05", Decimal("0.4"), 3)]
        assert by_day(read(labs[::-1])) == by_day(read(labs))
        later = [result(7, "0.4", "2026-03-05"), result(5, "0.9", "2026-03-05")]
        assert by_day(read(later)) == by_day(read(later[::-1])) == [("2026-03-05", Decimal("0.4"), 7)]

    @pytest.mark.parametrize("on", ["2026-03", "2026"])
    def test_a_result_without_a_day_is_of_no_day_and_is_named(self, on: str) -> None:
        found = read([result(1, "0.1", on), result(2, "0.9", "2026-03-01")])
        assert by_day(found) == [("2026-03-01", Decimal("0.9"), 2)]
        assert found.unused == [1]

    def test_both_ends_of_the_range_belong_to_it(self) -> None:
        labs = [result(at, "1", on) for at, on in enumerate(("2026-02-28", "2026-03-01", "2026-03-31", "2026-04-01"))]
        assert [day for day, _, _ in by_day(read(labs))] == ["2026-03-01", "2026-03-31"]

    def test_leukocytes_stand_in_on_days_without_neutrophils_alone(self) -> None:
        labs = [
            result(1, "0.7", "2026-03-05"),
            result(2, "0.3", "2026-03-05", name="WBC"),
            result(3, "0.2", "2026-03-04", name="WBC"),
        ]
        found = read(labs)
        assert by_day(found) == [("2026-03-04", Decimal("0.2"), 3), ("2026-03-05", Decimal("0.7"), 1)]
        assert [day.derived is not None for day in found.days] == [True, False]


class TestUnits:
    @pytest.mark.parametrize(
        ("name", "count", "value", "unit", "expected"),
        [
            ("ANC", Count.NEUTROPHILS, "450", "/uL", "0.45"),
            ("PLT", Count.PLATELETS, "19", "10*3/uL", "19"),
            ("HGB", Count.HEMOGLOBIN, "7.9", "g/dL", "79"),
            ("HGB", Count.HEMOGLOBIN, "4.9", "mmol/L", "80"),  # at the one threshold as at the other
        ],
    )
    def test_each_is_converted_to_that_of_its_count(
        self, name: str, count: Count, value: str, unit: str, expected: str
    ) -> None:
        entry = result(1, value, "2026-03-05", name=name, unit=unit)
        assert [day.lowest for day in read([entry], count).days] == [Decimal(expected)]
        assert [found for found, _ in usable(count, [entry], EndpointRules())] == [Decimal(expected)]

    def test_without_one_that_can_be_converted_a_result_is_not_used(self) -> None:
        entry = result(1, "0.1", "2026-03-05", unit="g/L")
        assert (read([entry]).days, read([entry]).unused) == ([], [1])
        assert list(usable(Count.NEUTROPHILS, [entry], EndpointRules())) == []


class TestBounds:
    @pytest.mark.parametrize(
        ("bound", "value", "below"),
        [
            (None, "0.5", False),
            (None, "0.49", True),
            (Comparator.BELOW, "0.5", True),  # anything below 0.5 is below 0.5
            (Comparator.BELOW, "0.51", None),
            (Comparator.AT_MOST, "0.49", True),
            (Comparator.AT_MOST, "0.5", None),  # 0.5 itself is not below
            (Comparator.AT_MOST, "0.51", None),
            (Comparator.ABOVE, "0.5", False),
            (Comparator.AT_LEAST, "0.6", False),
            (Comparator.ABOVE, "0.49", None),
            (Comparator.AT_LEAST, "0.5", False),
            (Comparator.AT_LEAST, "0.49", None),
        ],
    )
    def test_what_one_says_of_a_threshold_of_a_half(
        self, bound: Comparator | None, value: str, *, below: bool | None
    ) -> None:
        assert is_below(Decimal(value), bound, Decimal("0.5")) is below

    def test_the_lowest_day_is_by_the_lowest_value_or_bound(self) -> None:
        labs = [result(1, "0.4", "2026-03-05"), result(2, "0.3", "2026-03-05", bound=Comparator.BELOW)]
        (day,) = read(labs).days
        assert (day.lowest, day.order, day.positions) == (Decimal("0.4"), Decimal("0.3"), (1, 2))
        (alone,) = read(labs[1:]).days
        assert (alone.lowest, alone.order, alone.entry.position) == (None, Decimal("0.3"), 2)

    def test_of_several_bounds_the_lowest_is_the_entry_of_the_day(self) -> None:
        bounds = ((5, "0.2"), (2, "0.3"), (4, "0.2"))
        (day,) = read([result(at, value, "2026-03-05", bound=Comparator.BELOW) for at, value in bounds]).days
        assert day.entry.position == 4
