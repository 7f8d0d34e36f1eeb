"""The forecast, against the numbers of the protocol's analysis and against a search over texts."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repeating import times

from trialdomain import Action, Forecast, ThreePlusThree, decide, parse_outcomes, situation_of


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

    def test_a_reached_outcome_needs_nothing_more(self) -> None:
        assert forecast_after("1NNNNNN", levels=1, target=3).exceeds_target == ()


def search(outcomes: str, *, levels: int) -> tuple[dict[str, int], int]:
    """Look through whole texts: the next subject where the rule says, or one pending letter turned N or T."""

    @cache
    def ahead(text: str) -> tuple[tuple[tuple[str, int], ...], int]:
        decision = decide(situation_of(parse_outcomes(text, levels=levels), levels=levels))
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


def test_a_hopeless_number_of_pending_outcomes_has_no_forecast() -> None:
    decision = decide(situation_of(parse_outcomes("1" + "P" * 40, levels=3), levels=3))
    assert decision.forecast is None


@pytest.mark.parametrize("levels", [6, 12, 20])
def test_long_ladders_are_searched_too(levels: int) -> None:
    # By hand, as above: 3 at each level below, and 6 at the highest, which has no level above it.
    assert forecast_after("", levels=levels).least[str(levels)] == 3 * (levels - 1) + 6
    assert forecast_after("", levels=levels).most == 6 * levels
