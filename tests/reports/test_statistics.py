"""Intervals and curves, against published values and independent computations."""

import sys
from collections.abc import Iterator
from fractions import Fraction
from math import comb
from random import Random
from typing import Any

import pytest
from scipy.stats import CensoredData, ecdf

from trialdomain.reports.endpoints.statistics import Ending, Spread, cumulative_incidence, exact_interval, has_scipy

EVENT, COMPETING, CENSORED = Ending.EVENT, Ending.COMPETING, Ending.CENSORED


def at_least(n: int, of: int, probability: Fraction) -> Fraction:
    """Sum the binomial probabilities of n or more, exactly."""
    return sum(
        (comb(of, k) * probability**k * (1 - probability) ** (of - k) for k in range(n, of + 1)), start=Fraction(0)
    )


class TestExactIntervals:
    @pytest.mark.parametrize(
        ("n", "of", "lower", "upper"),
        [  # Clopper and Pearson, as tabulated in textbooks
            (0, 10, 0.0, 0.3085),
            (1, 10, 0.0025, 0.4450),
            (3, 10, 0.0667, 0.6525),
            (5, 10, 0.1871, 0.8129),
            (10, 10, 0.6915, 1.0),
            (1, 6, 0.0042, 0.6412),
        ],
    )
    def test_published_ones(self, n: int, of: int, lower: float, upper: float) -> None:
        found = exact_interval(n, of)
        assert found is not None
        assert (round(found.lower, 4), round(found.upper, 4)) == (lower, upper)

    @pytest.mark.parametrize("of", range(1, 19))
    def test_their_definition_holds_to_eighteen(self, of: int) -> None:
        """At the lower end n or more have a probability of 2.5 %, at the upper end n or fewer."""
        for n in range(of + 1):
            found = exact_interval(n, of)
            assert found is not None
            lower, upper = Fraction(found.lower), Fraction(found.upper)
            assert lower == 0 if n == 0 else abs(at_least(n, of, lower) - Fraction("0.025")) < Fraction("1e-9")
            assert upper == 1 if n == of else abs(1 - at_least(n + 1, of, upper) - Fraction("0.025")) < Fraction("1e-9")

    def test_nobody_has_none(self) -> None:
        assert exact_interval(0, 0) is None


@pytest.fixture
def without_scipy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    exact_interval.cache_clear()
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    yield
    exact_interval.cache_clear()


@pytest.mark.usefixtures("without_scipy")
def test_without_scipy_there_is_none() -> None:
    assert (exact_interval(1, 3), has_scipy()) == (None, False)


class TestKaplanMeier:
    """Remission of leukemia in weeks (Freireich 1963), as survival textbooks print it."""

    MERCAPTOPURINE = (
        *((6, EVENT), (6, EVENT), (6, EVENT), (6, CENSORED), (7, EVENT), (9, CENSORED), (10, EVENT), (10, CENSORED)),
        *((11, CENSORED), (13, EVENT), (16, EVENT), (17, CENSORED), (19, CENSORED), (20, CENSORED), (22, EVENT)),
        *((23, EVENT), (25, CENSORED), (32, CENSORED), (32, CENSORED), (34, CENSORED), (35, CENSORED)),
    )
    PLACEBO = tuple((weeks, EVENT) for weeks in (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23))

    def test_medians(self) -> None:
        assert cumulative_incidence(self.MERCAPTOPURINE).median == 23
        assert cumulative_incidence(self.PLACEBO).median == 8

    def test_probabilities(self) -> None:
        curve = cumulative_incidence(self.MERCAPTOPURINE)
        published = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
        assert {weeks: round(1 - curve.at(weeks), 3) for weeks in published} == published
        assert curve.at(5) == 0

    def test_a_median_that_is_not_reached(self) -> None:
        assert cumulative_incidence([(5, EVENT), (9, CENSORED), (9, CENSORED)]).median is None

    def test_exactly_one_half_is_reached(self) -> None:
        assert cumulative_incidence([(day, EVENT) for day in range(1, 7)]).median == 3

    def test_as_scipy_has_it(self) -> None:
        chance = Random(1958)  # noqa: S311 - made-up times
        for _ in range(200):
            times = [(chance.randint(1, 12), chance.choice((EVENT, CENSORED))) for _ in range(chance.randint(1, 18))]
            uncensored = [days for days, ending in times if ending is EVENT]
            if not uncensored:
                continue
            censored = [days for days, ending in times if ending is CENSORED]
            data: Any = CensoredData(uncensored=uncensored, right=censored)
            theirs, ours = ecdf(data).sf, cumulative_incidence(times)
            for days in range(13):
                assert 1 - ours.at(days) == pytest.approx(float(theirs.evaluate([float(days)])[0]))


class TestAalenJohansen:
    def test_without_censoring_it_is_the_share(self) -> None:
        curve = cumulative_incidence([(1, EVENT), (2, COMPETING), (3, EVENT), (4, COMPETING)])
        assert [round(curve.at(days), 6) for days in range(1, 5)] == [0.25, 0.25, 0.5, 0.5]

    def test_by_hand(self) -> None:
        """Of 4 one is censored on day 2 and one dies on day 3: 1/4; then 3/4 are left, 1/2 die, and 1/1 recovers."""
        curve = cumulative_incidence([(1, EVENT), (2, CENSORED), (3, COMPETING), (4, EVENT)])
        assert curve.at(4) == pytest.approx(1 / 4 + 3 / 4 * 1 / 2 * 1 / 1)

    def test_as_weighting_by_the_inverse_of_censoring_has_it(self) -> None:
        """The same estimate by another way: each event counts by the inverse of the chance of not being censored."""
        chance = Random(1978)  # noqa: S311 - made-up times
        for _ in range(200):
            people = chance.randint(1, 18)
            times = [(chance.randint(1, 12), chance.choice(list(Ending))) for _ in range(people)]
            ours = cumulative_incidence(times)
            for days in range(13):
                assert ours.at(days) == pytest.approx(weighted(times, days))

    def test_death_as_a_competing_event_is_no_censoring(self) -> None:
        times = [(1, EVENT), (2, COMPETING), (3, COMPETING), (4, EVENT)]
        censored = [(days, CENSORED if ending is COMPETING else ending) for days, ending in times]
        assert cumulative_incidence(times).at(4) == pytest.approx(0.5)
        assert cumulative_incidence(censored).at(4) == pytest.approx(1.0)


def weighted(times: list[tuple[int, Ending]], until: int) -> float:
    """Estimate it by inverse probability of censoring weights; of one day, events come before censorings."""
    total = 0.0
    for days, ending in times:
        if ending is not EVENT or days > until:
            continue
        uncensored = 1.0
        for day in range(1, days):
            at_risk = sum(other > day or (other == day and how is CENSORED) for other, how in times)
            lost = sum(other == day and how is CENSORED for other, how in times)
            uncensored *= 1 - lost / at_risk if at_risk else 1.0
        total += 1 / uncensored
    return total / len(times)


def test_a_spread() -> None:
    assert Spread.of([9, 3, 4, 20]) == Spread(number=4, median=6.5, least=3, most=20, mean=9.0)
    assert Spread.of([]) == Spread(number=0, median=None, least=None, most=None, mean=None)
