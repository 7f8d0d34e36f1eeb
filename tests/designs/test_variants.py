"""The published variants of 3+3: another start level, 2 DLTs in 6, an MTD with 3 evaluable.

Expected answers: the A+B designs of Lin and Shih 2001 with A = B = 3 and C = D = 1; their E is ``most_dlts_in_six``.
"""

from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repeating import times

from trialdomain import (
    Action,
    Decision,
    Mtd,
    Situation,
    Tally,
    ThreePlusThree,
    decide,
    design_of,
    nct06245746,
    parse_outcomes,
    situation_of,
)
from trialdomain.designs.registry import situation_after
from trialdomain.events.cohort import CohortOpened
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.simulate.trials import simulated_trial

TWO = ThreePlusThree(most_dlts_in_six=2)
THREE = ThreePlusThree(evaluable_for_mtd=3)
SECOND = ThreePlusThree(start_level=2)


def after(outcomes: str, spec: ThreePlusThree, *, levels: int = 3) -> Decision:
    return decide(situation_of(parse_outcomes(outcomes, levels=levels), levels=levels), design=spec)


@pytest.mark.parametrize(
    ("outcomes", "decision", "reason"),
    [
        ("1NNT", Decision.expand(level=1), "one-dlt"),
        ("1NTT", Decision.none_tolerated(), "none-tolerated"),  # more than D = 1 of the first 3
        ("1TT", Decision.none_tolerated(), "none-tolerated"),  # the third cannot make it 1 of 3
        ("1NNTT", Decision.enroll(level=1), "two-dlts"),  # E = 2 of 6 is possible
        ("1NNTTN", Decision.enroll(level=1), "two-dlts"),
        ("1NNT 1NNT", Decision.escalate(to=2), "level-tolerated"),  # 2 of 6
        ("1NNT 1NTT", Decision.none_tolerated(), "none-tolerated"),  # 3 of 6
        ("1NNTTT", Decision.none_tolerated(), "none-tolerated"),
        ("1NNN 2NNT 2NNT 3NTT", Decision.established(2, bounded_above=True), "mtd-reached"),
        ("1NNN 2NNN 3NNT 3NNT", Decision.established(3, bounded_above=False), "mtd-reached"),
        ("1NNN 2NTT", Decision.de_escalate(to=1), "level-closed"),
        ("1NNN 2NTT 1NTT", Decision.established(1, bounded_above=True), "mtd-reached"),
        ("1NNN 2NTT 1TTT", Decision.none_tolerated(), "none-tolerated"),
        ("1NPPT", Decision.enroll(level=1), "cohort-incomplete"),  # 2 are evaluable
    ],
)
def test_two_in_six(outcomes: str, decision: Decision, reason: str) -> None:
    found = after(outcomes, TWO)
    assert found.bare == decision
    assert found.because is not None
    assert found.because.reason == reason


def test_two_of_the_first_three_close_whoever_is_infused_beyond_the_slots() -> None:
    tallies = (Tally(level=1, evaluable=4, dlts=2, most_held=4), Tally(level=2))
    assert decide(Situation(tallies=tallies, last_level=1), design=TWO).action is Action.ENROLL
    opened = Situation(tallies=tallies, last_level=1, slots=((3,), ()))
    assert decide(opened, design=TWO).bare == Decision.none_tolerated()
    assert decide(attrs.evolve(opened, slots=((3, 6), ())), design=TWO).action is Action.ENROLL


@pytest.mark.parametrize(
    ("slots", "closed"),
    [
        (((3, 6), (3,), ()), (2, 3)),  # level 2 has its first 3 slots, whatever the levels beside it have
        (((3,), (3, 6), (3,)), ()),
        (((6,), (3,), (6,)), (2, 3)),
        (((3,), (6,), (3,)), ()),  # all 6 opened at once
    ],
)
def test_the_slots_that_count_are_those_of_the_level(
    slots: tuple[tuple[int, ...], ...], closed: tuple[int, ...]
) -> None:
    """2 DLTs in 4 evaluable, where 2 in 6 are tolerated: they close a level that people opened for 3 only."""
    tallies = (Tally(level=1, evaluable=6), Tally(level=2, evaluable=4, dlts=2, most_held=4), Tally(level=3))
    assert decide(Situation(tallies=tallies, last_level=2, slots=slots), design=TWO).closed_levels == closed


def test_three_of_the_first_three_close_too() -> None:
    """More than D = 1 of the first 3, and more than E = 2: the level is closed, whichever is asked first."""
    assert after("1TTT", TWO).bare == Decision.none_tolerated()


def test_more_than_an_mtd_asks_for_is_an_mtd() -> None:
    """Where 3 evaluable are enough, 4 and 5 without a DLT are enough too."""
    for group in ("NNNN", "NNNNN"):
        assert after(f"1{group}", THREE, levels=1).bare == Decision.established(1, bounded_above=False)
        assert design_of(THREE).candidate(Tally(level=1, evaluable=len(group)))


@pytest.mark.parametrize(
    ("outcomes", "decision"),
    [
        ("1NNN 2NTT", Decision.established(1, bounded_above=True)),  # without three more at level 1
        ("1NNN 2NNN 3NNN", Decision.established(3, bounded_above=False)),
        ("1NNN 2NNT", Decision.expand(level=2)),
        ("1NNN 2NNT 2NNN 3TT", Decision.established(2, bounded_above=True)),
        ("1NNN 2NNN 3NNT", Decision.expand(level=3)),
        ("1NNN 2NN 2T", Decision.expand(level=2)),
        ("1NTT", Decision.none_tolerated()),
        ("1NNN 2NTT 1P", Decision.wait(level=1)),  # an MTD waits for every pending outcome
    ],
)
def test_an_mtd_with_three(outcomes: str, decision: Decision) -> None:
    assert after(outcomes, THREE).bare == decision


@pytest.mark.parametrize(
    ("outcomes", "decision"),
    [
        ("", Decision.enroll(level=2)),
        ("2NNN", Decision.escalate(to=3)),
        ("2NTT", Decision.de_escalate(to=1)),
        ("2NTT 1NNN", Decision.expand(level=1)),
        ("2NTT 1NNN 1NNT", Decision.established(1, bounded_above=True)),
        ("2NTT 1TT", Decision.none_tolerated()),
        ("2NNN 3TT", Decision.de_escalate(to=2)),
        ("2NNN 3TT 2NNN", Decision.established(2, bounded_above=True)),
        ("2NNN 3NNN 3NNN", Decision.established(3, bounded_above=False)),
    ],
)
def test_a_start_at_level_2(outcomes: str, decision: Decision) -> None:
    treated = parse_outcomes(outcomes, levels=3, start_level=2)
    assert decide(situation_after(treated, levels=3, design=SECOND), design=SECOND).bare == decision


def test_a_start_below_two_closed_levels_goes_down_level_by_level() -> None:
    third = ThreePlusThree(start_level=3)
    walk = {"3TT": 2, "3TT 2NNN": 2, "3TT 2NTT": 1, "3NNN": 4, "3NNN 4TT": 3}
    for outcomes, level in walk.items():
        treated = parse_outcomes(outcomes, levels=4, start_level=3)
        assert decide(situation_of(treated, levels=4), design=third).level == level, outcomes


def test_a_lower_level_at_which_people_treated_is_finished_first() -> None:
    tallies = (Tally(level=1, evaluable=1), Tally(level=2, evaluable=3), Tally(level=3))
    assert decide(Situation(tallies=tallies, last_level=1), design=SECOND).bare == Decision.enroll(level=1)


class TestSelection:
    def test_an_mtd_has_the_numbers_of_the_variant(self) -> None:
        tallies = [Tally(level=1, evaluable=3), Tally(level=2, evaluable=6, dlts=2, most_held=6)]
        assert design_of(TWO).select(tallies, ()) == Mtd.established(2, bounded_above=False)
        assert design_of(THREE).select(tallies, ()) == Mtd.established(1, bounded_above=True)
        assert design_of(ThreePlusThree()).select(tallies, ()) == Mtd()

    def test_a_candidate_is_a_level_that_the_definition_allows(self) -> None:
        two_of_six, one_of_three = Tally(level=1, evaluable=6, dlts=2), Tally(level=1, evaluable=3, dlts=1)
        none_of_three = Tally(level=1, evaluable=3)
        allowed = {
            spec: [design_of(spec).candidate(one) for one in (two_of_six, one_of_three, none_of_three)]
            for spec in (ThreePlusThree(), TWO, THREE, attrs.evolve(TWO, evaluable_for_mtd=3))
        }
        assert list(allowed.values()) == [
            [False, False, False],
            [True, False, False],
            [False, False, True],
            [True, False, True],
        ]


def test_the_definition_of_the_mtd_has_the_numbers_of_the_variant() -> None:
    assert ThreePlusThree().mtd_means == (
        "The highest dose level with a DLT in no more than 1/6 of at least 6 evaluable participants, "
        "as 3+3 (3+3/1) finds it"
    )
    assert "no more than 2/6 of at least 6 evaluable" in TWO.mtd_means
    assert "no DLT in at least 3 evaluable participants, or in no more than 1/6 of 6" in THREE.mtd_means
    assert TWO.choices[0].endswith("two DLTs in the first 3, or three in 6, close a level and all above it")
    assert len(THREE.choices) == 1


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"most_dlts_in_six": 3}, "design.most_dlts_in_six must be 1 or 2, got 3"),
        ({"most_dlts_in_six": 0}, "design.most_dlts_in_six must be 1 or 2, got 0"),
        ({"evaluable_for_mtd": 4}, "design.evaluable_for_mtd must be 3 or 6, got 4"),
        ({"start_level": 0}, "design.start_level must be a whole number of at least 1"),
    ],
)
def test_a_variant_that_nobody_published_is_refused(more: dict[str, Any], fault: str) -> None:
    with pytest.raises(ProtocolInvalid, match=fault):
        ThreePlusThree(**more)
    with pytest.raises(ProtocolInvalid, match=r"design.start_level is 4, and there are 3 levels"):
        attrs.evolve(nct06245746(), design=ThreePlusThree(start_level=4))


def test_its_parameters_come_back_from_a_file() -> None:
    spec = ThreePlusThree(start_level=2, most_dlts_in_six=2, evaluable_for_mtd=3)
    protocol = attrs.evolve(nct06245746(), design=spec)
    assert protocol_from_toml(protocol_to_toml(protocol)) == protocol


def test_a_trial_opens_its_start_level(tmp_path: Path) -> None:
    protocol = attrs.evolve(nct06245746(), design=SECOND)
    with simulated_trial(f"sqlite:///{tmp_path / 'log.db'}", seed=3, protocol=protocol, participants=9) as done:
        history = done.trial.history()
        cohorts = [entry.fact for entry in history.entries() if isinstance(entry.fact, CohortOpened)]
        assert (cohorts[0].level, cohorts[0].slots) == (2, 3)
        audits = list(history.decisions())
        assert audits
        assert all(audit.follows and not audit.differences for audit in audits)


@pytest.mark.parametrize("most", [1, 2])
def test_a_level_is_passed_as_often_as_the_publication_says(most: int) -> None:
    # Lin and Shih 2001: P(escalate) = P(0 of 3) + P(1 of 3) * P(at most E - 1 of 3), here with p = 1/4.
    p, q = 0.25, 0.75
    of_three = [q**3, 3 * p * q**2, 3 * p**2 * q, p**3]
    expected = of_three[0] + of_three[1] * sum(of_three[:most])
    spec = ThreePlusThree(most_dlts_in_six=most)

    def passed(outcomes: str) -> float:
        found = after(outcomes, spec, levels=2)
        if found.level != 1:
            return float(found.level == 2)
        cohorts = map("".join, product("NT", repeat=3))
        return sum(p ** one.count("T") * q ** one.count("N") * passed(f"{outcomes} 1{one}") for one in cohorts)

    assert passed("") == pytest.approx(expected, abs=1e-12)


VARIANTS = [
    TWO,
    THREE,
    SECOND,
    ThreePlusThree(most_dlts_in_six=2, evaluable_for_mtd=3),
    ThreePlusThree(start_level=2, most_dlts_in_six=2),
]


class TestForecast:
    @pytest.mark.parametrize(
        ("spec", "least", "most"),
        [
            # By hand: none needs 2 DLTs in the first 3; level k needs 3 below, 6 there and 2 DLTs above it.
            (TWO, {"none": 2, "1": 8, "2": 11, "3": 12}, 18),
            # 3 at each level, and 2 DLTs above the MTD.
            (THREE, {"none": 2, "1": 5, "2": 8, "3": 9}, 18),
            # From level 2: level 1 needs 2 DLTs above it and 6; none 2 and 2.
            (SECOND, {"none": 4, "1": 8, "2": 8, "3": 9}, 18),
        ],
    )
    def test_from_the_start(self, spec: ThreePlusThree, least: dict[str, int], most: int) -> None:
        forecast = after("", spec).forecast
        assert forecast is not None
        assert forecast.least == least
        assert forecast.most <= most

    @settings(max_examples=times(300, least=40), deadline=None)
    @given(st.sampled_from(VARIANTS), st.data())
    def test_it_agrees_with_a_search_over_texts(self, spec: ThreePlusThree, data: st.DataObject) -> None:
        first = data.draw(st.text("NNNTPX", min_size=4, max_size=6))
        second = data.draw(st.text("NNNTPX", min_size=3, max_size=5))
        outcomes = f"1{first} 2{second}" if spec.start_level == 1 else f"2{first} 1{second}"
        if outcomes.count("P") > 2:
            outcomes = outcomes.replace("P", "N")
        least, most = search(outcomes, spec)
        forecast = after(outcomes, spec, levels=2).forecast
        assert forecast is not None
        assert {outcome: need for outcome, need in forecast.least.items() if need is not None} == least
        assert forecast.most == most


def search(outcomes: str, spec: ThreePlusThree) -> tuple[dict[str, int], int]:
    """Look through whole texts: the next subject where the rule says, or one pending letter turned N or T."""

    @cache
    def ahead(text: str) -> tuple[tuple[tuple[str, int], ...], int]:
        decision = after(text, spec, levels=2)
        if decision.action is Action.STOP:
            return ((str(decision.mtd.level or "none"), 0),), 0
        following = [
            f"{text[:at]}{known}{text[at + 1 :]}"
            for at, letter in enumerate(text)
            if letter == "P" and int(text[:at].rsplit(" ", 1)[-1].rstrip("NTPX")) not in decision.closed_levels
            for known in "NT"
        ]
        if decision.action is not Action.WAIT:
            following += [f"{text} {decision.level}{known}" for known in "NT"]
        least: dict[str, int] = {}
        most = 0
        for one in following:
            needed, longest = ahead(one)
            most = max(most, longest + 1)
            for outcome, need in needed:
                least[outcome] = min(least.get(outcome, need + 1), need + 1)
        return tuple(least.items()), most

    needed, most = ahead(outcomes)
    return dict(needed), most
