"""The days between infusions at a level, the observation of a sentinel by days alone, and the number of participants.

Days are counted from 2026-03-01: with 7 days, an infusion on day 1 is followed on day 8 at the earliest.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import attrs
import pytest
from site_desk import OPEN

from trialdomain import ClinicalTime, Dose
from trialdomain.aggregates.infusions import (
    DoseNotOfLevel,
    SentinelNotCleared,
    StaggerNotKept,
    against_amount,
    against_hold,
    against_number,
    against_sentinel_days,
    against_stagger,
)
from trialdomain.aggregates.trial import RecruitmentIsFull
from trialdomain.events.participant import Infused
from trialdomain.limits.sentinel import Hold
from trialdomain.limits.stagger import held_until
from trialdomain.protocol.conduct_rules import Sentinel, Stagger


def on(number: int) -> date:
    return date(2026, 3, number)


def infused(number: int) -> Infused:
    return Infused(level=1, started_at=ClinicalTime.of(on(number)))


class TestTheDaysBetween:
    """7 days from the first to the second at a level, and 2 between any others."""

    STAGGER = Stagger(first_to_second_days=7, between_days=2)

    @pytest.mark.parametrize(
        ("before", "until"),
        [([], None), ([1], 8), ([1, 8], 10), ([8, 1], 10), ([1, 8, 10], 12)],
    )
    def test_the_first_day_of_the_next(self, before: list[int], until: int | None) -> None:
        found = held_until([on(number) for number in before], self.STAGGER)
        assert found == (None if until is None else on(until))

    def test_the_longer_of_the_two_counts_for_the_second(self) -> None:
        assert held_until([on(1)], Stagger(first_to_second_days=1, between_days=3)) == on(4)

    @pytest.mark.parametrize(
        ("day", "before", "until"),
        [
            (1, [], None),
            (7, [1], 8),
            (8, [1], None),
            (9, [1, 8], 10),
            (10, [1, 8], None),
            (1, [1], 8),  # on the same day
            (1, [7], 8),  # recorded late: the one of day 7 would be the second, and too soon
            (1, [8], None),
            (9, [1, 10], 11),  # too soon before the one of day 10
            (8, [1, 10], None),
        ],
    )
    def test_an_infusion_keeps_them_before_and_after_it(
        self, day: int, before: Sequence[int], until: int | None
    ) -> None:
        protocol = attrs.evolve(OPEN, stagger=self.STAGGER)
        found = list(against_stagger(infused(day), [on(number) for number in before], protocol))
        assert [type(one) for one in found] == ([] if until is None else [StaggerNotKept])
        assert all(isinstance(one, StaggerNotKept) and one.until == on(until or 1) for one in found)


class TestTheSentinelByDaysAlone:
    """The first at a level is observed for 7 days."""

    PROTOCOL = attrs.evolve(OPEN, stagger=Stagger(sentinel=Sentinel(observation_days=7)))

    @pytest.mark.parametrize(
        ("day", "others", "sentinel", "until"),
        [
            (1, [], None, None),
            (7, [(1, "S001")], "S001", 8),
            (8, [(1, "S001")], None, None),
            (8, [(1, "S001"), (3, "S002")], None, None),  # the first one is the sentinel
            (8, [(3, "S002"), (1, "S001")], None, None),
            (8, [(3, "S001"), (1, "S002")], None, None),  # the first by the day, not by the name
            (1, [(7, "S001")], "S009", 8),  # recorded late: they are the sentinel of the other
            (1, [(8, "S001")], None, None),
            (1, [(1, "S001")], "S001", 8),
        ],
    )
    def test_nobody_follows_within_them(
        self, day: int, others: list[tuple[int, str]], sentinel: str | None, until: int | None
    ) -> None:
        days = [(on(number), subject) for number, subject in others]
        found = list(against_sentinel_days(infused(day), "S009", days, self.PROTOCOL))
        told = [(one.sentinel, one.until) for one in found if isinstance(one, SentinelNotCleared)]
        assert told == ([] if sentinel is None else [(sentinel, on(until or 1))])

    def test_without_the_rule_anybody_may(self) -> None:
        assert list(against_sentinel_days(infused(1), "S009", [(on(1), "S001")], OPEN)) == []

    def test_a_hold_is_a_refusal(self) -> None:
        hold = Hold(level=1, sentinel="S001", until=on(8), for_people=False, why="S001 is observed")
        assert [str(one) for one in against_hold(hold)] == ["S001 is observed"]
        assert list(against_hold(None)) == []


@pytest.mark.parametrize("dose", [None, Dose(amount=Decimal(10), unit="mg")])
def test_an_infusion_at_a_level_that_there_is_not_belongs_to_none(dose: Dose | None) -> None:
    fact = Infused(level=9, started_at=ClinicalTime.of(on(1)), dose=dose)
    found = list(against_amount(fact, OPEN))
    assert [type(one) for one in found] == [DoseNotOfLevel]
    assert [one.received for one in found if isinstance(one, DoseNotOfLevel)] == [None]


@pytest.mark.parametrize(("most", "taken", "full"), [(9, 8, False), (9, 9, True), (9, 10, True), (None, 99, False)])
def test_a_protocol_may_limit_how_many_are_infused(most: int | None, taken: int, *, full: bool) -> None:
    found = list(against_number(taken, attrs.evolve(OPEN, max_infused=most)))
    assert [type(one) for one in found] == ([RecruitmentIsFull] if full else [])
