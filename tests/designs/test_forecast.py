"""The forecast, against the numbers of the protocol's analysis and against a search over texts."""

from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repeating import times

from trialdomain import (
    Action,
    Forecast,
    Situation,
    Tally,
    ThreePlusThree,
    decide,
    parse_outcomes,
    situation_of,
)
from trialdomain.values.clinical.decision import Awaited


def forecast_after(outcomes: str, *, levels: int, target: int | None = None) -> Forecast:
    forecast = decide(situation_of(parse_outcomes(outcomes, levels=levels), levels=levels), target=target).forecast
    assert forecast
    return forecast


def test_from_the_start_of_a_trial_with_three_levels() -> None:
    # By hand: none needs 2 DLTs; level k needs 3 at each level below, 6 at k, and 2 DLTs at the level above, if any.
    forecast = forecast_after("", levels=3)
    assert forecast.least == {"none": 2, "1": 8, "2": 11, "3": 12}
    assert forecast.most == 18


def test_what_is_reached_has_0_and_what_cannot_happen_has_none() -> None:
    forecast = forecast_after("1NNN 2TT 1NNN", levels=3)
    assert forecast.least == {"none": None, "1": 0, "2": None, "3": None}
    assert forecast.most == 0


def test_who_is_pending_counts_as_needed() -> None:
    assert forecast_after("1PPP", levels=3).least == forecast_after("", levels=3).least


@pytest.mark.parametrize(("outcomes", "none"), [("1NTP", 1), ("1NT", 1), ("1NTNP", 2)])
def test_where_2_in_6_are_tolerated_2_in_the_first_3_are_not(outcomes: str, none: int) -> None:
    """A second DLT closes level 1 while it has its first 3 slots; with a fourth participant it takes a third DLT."""
    design = ThreePlusThree(most_dlts_in_six=2)
    forecast = decide(situation_of(parse_outcomes(outcomes, levels=1), levels=1), design=design).forecast
    assert forecast is not None
    assert forecast.least["none"] == none


def test_a_level_that_held_a_fourth_participant_stays_open_with_2_dlts_whatever_is_known_elsewhere() -> None:
    """Where 2 in 6 are tolerated: 2 of 3 evaluable at level 1, and a fourth was infused there and is not evaluable.

    A third DLT at level 1 takes one more infusion, and the target of 5 is used up. An MTD at level 1 or 2 takes 3 more
    at level 1. The outcome that is pending at level 2 closes nothing at level 1.
    """
    tallies = (
        Tally(level=1, evaluable=3, dlts=2, not_evaluable=1, most_held=4),
        Tally(level=2, pending=1, most_held=1),
    )
    now = Situation(tallies=tallies, last_level=2, awaited=(Awaited(level=2, subject=5),))
    forecast = decide(now, design=ThreePlusThree(most_dlts_in_six=2), target=5).forecast
    assert forecast is not None
    assert forecast.exceeds_target == ("none", "1", "2")


def test_what_is_left_after_a_level_held_a_fourth_participant() -> None:
    """Level 1 has 1 DLT in 2 evaluable, and held 4 at once: the next DLT is tolerated, and the one after it is not."""
    tallies = (Tally(level=1, evaluable=2, dlts=1, not_evaluable=2, most_held=4),)
    now = Situation(tallies=tallies, last_level=1)
    forecast = decide(now, design=ThreePlusThree(most_dlts_in_six=2)).forecast
    assert forecast is not None
    assert forecast.least["none"] == 2


def test_it_waits_where_the_walk_waits_before_it_climbs() -> None:
    """Level 1 has its 6, and was treated last. Level 2 waits for both outcomes at level 3, and then needs 2 DLTs.

    So an MTD at level 1 needs 4 more; 2 would do if nobody had to wait.
    """
    outcomes = "1NNTNN 2N 3PP 1N"
    assert forecast_after(outcomes, levels=3).least["1"] == 4
    _compare(outcomes, levels=3, design=_STANDARD)
    _compare("1NN 2NNNNPP 1N", levels=3, design=_STANDARD)


_STANDARD = ThreePlusThree()


class TestTarget:
    def test_nine_cannot_establish_an_mtd_at_level_2_or_3(self) -> None:
        assert forecast_after("", levels=3, target=9).exceeds_target == ("2", "3")

    @pytest.mark.parametrize(
        ("target", "exceed"),
        [
            (12, ()),
            (11, ("3",)),
            (10, ("2", "3")),
            (8, ("2", "3")),
            (7, ("1", "2", "3")),
            (2, ("1", "2", "3")),
            (1, ("none", "1", "2", "3")),
        ],
    )
    def test_what_needs_more_than_the_target_is_named(self, target: int, exceed: tuple[str, ...]) -> None:
        """From the start, none needs 2, and the levels 8, 11 and 12: what needs just the target does not exceed it."""
        assert forecast_after("", levels=3, target=target).exceeds_target == exceed

    def test_who_is_infused_counts_against_it(self) -> None:
        """After 1NNN level 1 needs 3 more, and 2 with DLT at level 2; level 2 needs 6 and 2, level 3 needs 3 and 6."""
        assert forecast_after("1NNN", levels=3, target=8).exceeds_target == ("2", "3")
        assert forecast_after("1NNN", levels=3, target=7).exceeds_target == ("1", "2", "3")

    def test_without_a_target_nothing_is_said(self) -> None:
        assert forecast_after("", levels=3).exceeds_target is None

    def test_who_is_pending_is_infused_and_not_counted_twice(self) -> None:
        assert forecast_after("1PPP", levels=3, target=9).exceeds_target == ("2", "3")

    def test_who_is_not_evaluable_has_used_up_an_infusion(self) -> None:
        assert forecast_after("1XX", levels=3, target=9).exceeds_target == ("1", "2", "3")

    def test_where_the_target_is_used_up_one_more_exceeds_it(self) -> None:
        """After 1NNNNN the MTD needs a sixth participant, and two DLTs are no longer possible."""
        assert forecast_after("1NNNNN", levels=1, target=5).exceeds_target == ("1",)
        assert forecast_after("1NNNNN", levels=1, target=4).exceeds_target == ("1",)
        assert forecast_after("1NNNNN", levels=1, target=6).exceeds_target == ()

    def test_a_reached_outcome_needs_nothing_more(self) -> None:
        assert forecast_after("1NNNNNN", levels=1, target=3).exceeds_target == ()


def search(outcomes: str, *, levels: int, design: ThreePlusThree = _STANDARD) -> tuple[dict[str, int], int]:
    """Look through whole texts: the next subject where the rule says, or one pending letter turned N or T."""

    @cache
    def ahead(text: str) -> tuple[tuple[tuple[str, int], ...], int]:
        decision = decide(situation_of(parse_outcomes(text, levels=levels), levels=levels), design=design)
        if decision.action is Action.STOP:
            return ((str(decision.mtd.level or "none"), 0),), 0
        following = [
            f"{text[:at]}{known}{text[at + 1 :]}"
            for at, letter in enumerate(text)
            if letter == "P" and level_of(text, at) not in decision.closed_levels
            for known in "NT"
        ]
        if decision.action is not Action.WAIT:
            following += [f"{text} {decision.level}{known}" for known in "NT"]
        least: dict[str, int] = {}
        most = 0
        for after in following:
            needed, longest = ahead(after)
            most = max(most, longest + 1)
            for outcome, need in needed:
                least[outcome] = min(least.get(outcome, need + 1), need + 1)
        return tuple(least.items()), most

    needed, most = ahead(outcomes)
    return dict(needed), most


def level_of(text: str, at: int) -> int:
    group = text[:at].rsplit(" ", 1)[-1]
    return int(group.rstrip("NTPX"))


@st.composite
def sequences(draw: st.DrawFn) -> tuple[str, int]:
    """Draw sequences with at least 7 subjects, so that a search over texts ends."""
    levels = draw(st.integers(1, 2))
    groups = [f"1{draw(st.text('NNNTPX', min_size=5, max_size=7))}"]
    if levels == 2:
        groups.append(f"2{draw(st.text('NNNTPX', min_size=3, max_size=5))}")
    return " ".join(groups), levels


@settings(max_examples=times(600, least=60))
@given(sequences())
def test_it_agrees_with_a_search_over_texts(drawn: tuple[str, int]) -> None:
    outcomes, levels = drawn
    if outcomes.count("P") > 3:
        outcomes = outcomes.replace("P", "N")
    least, most = search(outcomes, levels=levels)
    forecast = forecast_after(outcomes, levels=levels)
    assert {outcome: need for outcome, need in forecast.least.items() if need is not None} == least
    assert forecast.most == most


_VARIANTS = {
    "standard": _STANDARD,
    "2 DLTs in 6 are tolerated": ThreePlusThree(most_dlts_in_six=2),
}


@pytest.mark.parametrize("name", _VARIANTS)
def test_it_agrees_with_a_search_over_texts_whatever_is_known_of_one_level(name: str) -> None:
    design = _VARIANTS[name]
    for length in (3, 4, 5):
        for letters in product("NTP", repeat=length):
            if letters.count("P") <= 2:
                _compare(f"1{''.join(letters)}", levels=1, design=design)


@pytest.mark.parametrize("name", _VARIANTS)
def test_it_agrees_with_a_search_over_texts_while_outcomes_of_two_levels_are_pending(name: str) -> None:
    design = _VARIANTS[name]
    for first, second in product(
        ("NNP", "NPP", "NNN", "NNNP", "NNNNP", "NNTNP", "NNTNNP", "NNNNNN"), ("N", "P", "NP", "TP", "NNP")
    ):
        _compare(f"1{first} 2{second}", levels=2, design=design)
    for text in ("1NNN 2NP 1P", "1NNN 2TP 1NP", "1NNN 2TT 1NP", "1NNN 2NNTP 1P"):
        _compare(text, levels=2, design=design)


def _compare(outcomes: str, *, levels: int, design: ThreePlusThree) -> None:
    least, most = search(outcomes, levels=levels, design=design)
    forecast = decide(situation_of(parse_outcomes(outcomes, levels=levels), levels=levels), design=design).forecast
    assert forecast is not None, outcomes
    assert {one: need for one, need in forecast.least.items() if need is not None} == least, outcomes
    assert forecast.most == most, outcomes


@pytest.mark.parametrize(
    ("pending", "is_made"),
    # At most 24 pending outcomes, and at most 20,000 products of (2 n + 1): 13 x 13 x 13 x 7 = 15,379 are few enough,
    # 13 x 13 x 13 x 13 = 28,561 and 17 x 9 x 13 x 13 = 25,857 are too many.
    [((24,), True), ((25,), False), ((6, 6, 6, 3), True), ((6, 6, 6, 6), False), ((8, 4, 6, 6), False)],
)
def test_it_is_made_up_to_a_number_of_pending_outcomes(pending: tuple[int, ...], is_made: bool) -> None:
    text = " ".join(f"{level}{'P' * number}" for level, number in enumerate(pending, start=1))
    decision = decide(situation_of(parse_outcomes(text, levels=len(pending)), levels=len(pending)))
    assert (decision.forecast is not None) is is_made


def test_a_hopeless_number_of_pending_outcomes_has_no_forecast() -> None:
    decision = decide(situation_of(parse_outcomes("1" + "P" * 40, levels=3), levels=3))
    assert decision.forecast is None


@pytest.mark.parametrize("levels", [6, 12, 20])
def test_long_ladders_are_searched_too(levels: int) -> None:
    # By hand, as above: 3 at each level below, and 6 at the highest, which has no level above it.
    assert forecast_after("", levels=levels).least[str(levels)] == 3 * (levels - 1) + 6
    assert forecast_after("", levels=levels).most == 6 * levels
