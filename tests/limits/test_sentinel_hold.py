"""Whether the next infusion at a level waits for its sentinel, who was infused on day 1 and is observed for 7 days."""

from collections.abc import Sequence
from datetime import date

import attrs
import pytest

from trialdomain import Decision
from trialdomain.limits.sentinel import Noted, Taken, Watched, hold_of
from trialdomain.protocol.conduct_rules import Sentinel, SentinelRequirement

RULE = Sentinel(observation_days=7)
OBSERVED, NO_DLT = SentinelRequirement.OBSERVED, SentinelRequirement.NO_DLT
TREAT = Decision.enroll(level=1)


def on(number: int) -> date:
    return date(2026, 3, number)


def seen(until: int, *, endings: Sequence[Noted] = (), dlt: Noted | None = None) -> Watched:
    return Watched(subject="S001", level=1, infused_on=on(1), last_contact=on(until), endings=tuple(endings), dlt=dlt)


def noted(day: int, words: str, *, known_by: int | None = 10) -> Noted:
    return Noted(day=on(day), known_by=known_by, words=words)


def decided(day: int, decision: Decision = TREAT, *, place: int = 20) -> Taken:
    return Taken(on=on(day), place=place, decided=decision)


def held(watched: Watched, day: int, *taken: Taken, rule: Sentinel = RULE) -> bool | None:
    """Say whether it waits for people, or only for the days; None if it does not wait."""
    hold = hold_of(watched, rule, taken, on=on(day))
    if hold is None:
        return None
    assert (hold.level, hold.sentinel, hold.until) == (1, "S001", on(8))
    return hold.for_people


class TestTheDays:
    @pytest.mark.parametrize(("day", "waits"), [(1, False), (7, False), (8, None), (20, None)])
    def test_the_next_is_not_before_they_are_over(self, day: int, *, waits: bool | None) -> None:
        assert held(seen(8), day) is waits

    @pytest.mark.parametrize(("last", "waits"), [(7, False), (8, None), (9, None)])
    def test_the_sentinel_was_seen_on_the_last_of_them_or_later(self, last: int, *, waits: bool | None) -> None:
        assert held(seen(last), 20) is waits

    def test_a_rule_without_that_asks_for_no_contact(self) -> None:
        assert held(seen(1), 8, rule=attrs.evolve(RULE, requires=(NO_DLT,))) is None

    def test_a_decision_does_not_shorten_them(self) -> None:
        assert held(seen(3), 7, decided(5)) is False


class TestWhatOnlyPeopleJudge:
    DLT, LEFT, LATE = noted(3, "had a DLT"), noted(7, "left"), noted(8, "left")

    @pytest.mark.parametrize(
        ("watched", "waits"),
        [
            (seen(20, dlt=DLT), True),
            (seen(20, dlt=noted(30, "had a DLT")), True),  # a DLT on any day
            (seen(7, endings=[LEFT]), True),
            (seen(8, endings=[LATE]), None),  # the observation was over
            (seen(9, endings=[noted(9, "left")]), None),
        ],
    )
    def test_a_dlt_and_an_end_before_the_observation_is_over(self, watched: Watched, *, waits: bool | None) -> None:
        assert held(watched, 20) is waits

    @pytest.mark.parametrize(
        ("requires", "dlt", "left"),
        [((OBSERVED, NO_DLT), True, True), ((OBSERVED,), None, True), ((NO_DLT,), True, None)],
    )
    def test_each_where_the_protocol_requires_it(
        self, requires: tuple[SentinelRequirement, ...], *, dlt: bool | None, left: bool | None
    ) -> None:
        rule = attrs.evolve(RULE, requires=requires)
        assert held(seen(20, dlt=self.DLT), 20, rule=rule) is dlt
        assert held(seen(7, endings=[self.LEFT]), 20, rule=rule) is left

    @pytest.mark.parametrize(
        ("decision", "waits"),
        [
            (decided(3), None),  # on the day of the DLT
            (decided(2), True),  # before it
            (decided(20), None),
            (decided(21), True),  # after the day of the infusion
            (decided(5, place=11), None),
            (decided(5, place=10), True),  # recorded before the DLT was known
            (decided(5, Decision.expand(level=1)), None),
            (decided(5, Decision.escalate(to=1)), None),
            (decided(5, Decision.de_escalate(to=1)), None),
            (decided(5, Decision.enroll(level=2)), True),  # another level
            (decided(5, Decision.enroll(level=0)), True),
            (decided(5, Decision.wait(level=1)), True),  # no treatment
        ],
    )
    def test_until_they_know_of_it_and_decide_to_treat_at_the_level(
        self, decision: Taken, *, waits: bool | None
    ) -> None:
        assert held(seen(20, dlt=self.DLT), 20, decision) is waits

    def test_what_is_not_known_to_the_log_cannot_be_decided(self) -> None:
        assert held(seen(20, dlt=noted(3, "had a DLT", known_by=None)), 20, decided(5)) is True

    def test_a_decision_on_an_ending_also_replaces_the_last_contact(self) -> None:
        assert held(seen(5, endings=[noted(5, "left")]), 8, decided(6)) is None

    def test_each_of_two_must_be_decided(self) -> None:
        both = seen(7, dlt=self.DLT, endings=[noted(7, "left", known_by=30)])
        first = hold_of(both, RULE, [], on=on(20))
        assert first is not None
        assert first.why.startswith("S001, the sentinel of level 1, had a DLT: ")
        assert held(both, 20, decided(10, place=20)) is True
        assert held(both, 20, decided(10, place=31)) is None
        hold = hold_of(both, RULE, [decided(10, place=20)], on=on(20))
        assert hold is not None
        assert hold.why.startswith("S001, the sentinel of level 1, left: ")
