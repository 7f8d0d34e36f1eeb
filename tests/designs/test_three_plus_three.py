"""3+3, in the notation of the field. Expected answers: docs/explanation/three-plus-three.md and published tables."""

import json
from fractions import Fraction
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from level_numbers import number

from trialdomain import (
    Action,
    Decision,
    FinalClosing,
    Situation,
    TableWord,
    Tally,
    ThreePlusThree,
    decide,
    design_of,
    parse_outcomes,
    situation_of,
)
from trialdomain.designs.three_plus_three.reasons import Code
from trialdomain.values.clinical.decision import Awaited


def after(outcomes: str, *, levels: int) -> Decision:
    return decide(situation_of(parse_outcomes(outcomes, levels=levels), levels=levels))


@pytest.mark.parametrize(
    ("outcomes", "decision"),
    [
        ("", Decision.enroll(level=1)),
        ("1N", Decision.enroll(level=1)),
        ("1NNN", Decision.escalate(to=2)),
        ("1NNT", Decision.expand(level=1)),
        ("1NNTN", Decision.enroll(level=1)),
        ("1NTT", Decision.none_tolerated()),
        ("1TT", Decision.none_tolerated()),
        ("1NNNN", Decision.escalate(to=2)),
        ("1NNNNN", Decision.escalate(to=2)),
        ("1NNT 1NNN", Decision.escalate(to=2)),
        ("1NNT 1NNT", Decision.none_tolerated()),
        ("1NNN 2NNT", Decision.expand(level=2)),
        ("1NNN 2TT", Decision.de_escalate(to=1)),
        ("1NNN 2TT 1N", Decision.enroll(level=1)),
        ("1NNN 2TT 1NNN", Decision.established(1, bounded_above=True)),
        ("1NNN 2NNN 3NNN", Decision.expand(level=3)),
        ("1NNN 2NNN 3NNN 3NNT", Decision.established(3, bounded_above=False)),
        ("1NNN 2NNN 3TNT 2NNT", Decision.established(2, bounded_above=True)),
        ("1NNN 2NNN 3TNT 2NTT", Decision.de_escalate(to=1)),
    ],
)
def test_complete_and_unfinished_cohorts(outcomes: str, decision: Decision) -> None:
    assert after(outcomes, levels=3).bare == decision


@pytest.mark.parametrize(
    ("outcomes", "decision"),
    [
        ("1P", Decision.enroll(level=1)),
        ("1PP", Decision.enroll(level=1)),
        ("1PPP", Decision.wait(level=1)),
        ("1NNP", Decision.wait(level=1)),
        ("1NTP", Decision.wait(level=1)),
        ("1NNTPP", Decision.enroll(level=1)),
        ("1NNTPPP", Decision.wait(level=1)),
        ("1NNTPPPP", Decision.wait(level=1)),  # one more than the 6 slots: none is free
        ("1TTP", Decision.none_tolerated()),
        ("1NNNP", Decision.wait(level=2)),
        ("1NNNP 2N", Decision.enroll(level=2)),
        ("1NNN 2TTP", Decision.de_escalate(to=1)),
        ("1NNN 2NNNNNP", Decision.wait(level=3)),
    ],
)
def test_pending_outcomes(outcomes: str, decision: Decision) -> None:
    assert after(outcomes, levels=3).bare == decision


@pytest.mark.parametrize(
    ("outcomes", "decision"),
    [
        ("1NNX", Decision.enroll(level=1)),
        ("1NNTX", Decision.expand(level=1)),
        ("1NNNX", Decision.escalate(to=2)),
        ("1NNN 2X", Decision.enroll(level=2)),
        ("1XNNP", Decision.wait(level=1)),  # the replacement came after the release: 3 slots
        ("1NPPT", Decision.enroll(level=1)),  # 4 held slots at once, so it keeps 6, though 2 are evaluable
        ("1NNPX", Decision.expand(level=1)),  # the fourth held a slot as well when infused
    ],
)
def test_replaced_participants_and_kept_slots(outcomes: str, decision: Decision) -> None:
    assert after(outcomes, levels=3).bare == decision


@pytest.mark.parametrize(("evaluable", "slots"), [(0, 3), (2, 3), (3, 6), (4, 6), (6, 6)])
def test_people_who_open_a_level_give_it_3_slots_or_6_once_3_are_evaluable(evaluable: int, slots: int) -> None:
    situation = Situation(tallies=(Tally(level=1, evaluable=evaluable),))
    assert design_of(ThreePlusThree()).slots_at(1, situation) == slots


def test_the_table_of_the_published_3_plus_3() -> None:
    """2 DLTs close; fewer than 3 treat on; 0 in 3 to 5, and at most 1 in 6, escalate; 1 in 3 to 5 treats on."""
    table = design_of(ThreePlusThree()).table(9)
    assert table is not None
    words = {(row.n, row.dlt): row.decision for row in table.rows}
    up, stay, out = TableWord.ESCALATE, TableWord.STAY, TableWord.ELIMINATE
    clean = {(1, 0): stay, (2, 0): stay, (3, 0): up, (4, 0): up, (5, 0): up, (6, 0): up}
    one = {(1, 1): stay, (2, 1): stay, (3, 1): stay, (4, 1): stay, (5, 1): stay, (6, 1): up}
    assert words == clean | one | {(n, dlts): out for n in range(2, 7) for dlts in range(2, n + 1)}


def test_a_level_that_held_more_than_3_enrolls_up_to_6_when_2_of_them_are_left() -> None:
    """Expanding a level is the step from 3 to 6; here 2 of 4 have left, and the level keeps its 6 slots."""
    left = Situation(tallies=(Tally(level=1, evaluable=2, not_evaluable=2, most_held=4),), last_level=1)
    assert (decide(left).bare, decide(left).slots) == (Decision.enroll(level=1), 6)


@pytest.mark.parametrize(
    ("outcomes", "decision"),
    [
        ("1NNNT 2NNN", Decision.de_escalate(to=1)),  # a late DLT at a lower level brings enrollment back
        ("1NNNT 2NNN 1NN", Decision.escalate(to=3)),  # level 2 was passed before
        ("1NNNNNNT", Decision.escalate(to=2)),  # 1/7 is no more than 1/6
        ("1NNNNNNTT", Decision.none_tolerated()),  # a level with 2 DLTs is closed whatever its size
        ("2N 1N", Decision.enroll(level=1)),
    ],
)
def test_late_revised_and_deviating_outcomes_are_answered(outcomes: str, decision: Decision) -> None:
    assert after(outcomes, levels=3).bare == decision


def test_a_candidate_may_have_more_than_6() -> None:
    """The definition asks for at least 6 evaluable, and a DLT in no more than 1/6 of them: 1/7 is less, 2/7 is more."""
    design = design_of(ThreePlusThree())
    assert design.candidate(Tally(level=1, evaluable=7, dlts=1))
    assert design.candidate(Tally(level=1, evaluable=7))
    assert not design.candidate(Tally(level=1, evaluable=7, dlts=2))


class TestWaiting:
    def test_for_a_free_slot_names_those_pending_at_the_level(self) -> None:
        decision = after("1NNNP 2NPP", levels=3)
        assert decision.waiting_for == (Awaited(level=2, subject=2), Awaited(level=2, subject=3))

    def test_to_escalate_names_everybody_pending_at_an_open_level(self) -> None:
        decision = after("1NNNP 2NNNP", levels=3)
        assert decision.waiting_for == (Awaited(level=1, subject=4), Awaited(level=2, subject=4))

    def test_for_a_slot_leaves_out_those_pending_at_another_open_level(self) -> None:
        """Level 1 has 1 DLT in 3 and 3 pending: its 6 slots are taken. Who is pending at level 2 does not free one."""
        decision = after("1NNTPPP 2P", levels=3)
        assert decision.bare == Decision.wait(level=1)
        assert decision.waiting_for == tuple(Awaited(level=1, subject=number) for number in (4, 5, 6))

    def test_for_an_mtd_keeps_the_mtd_open(self) -> None:
        decision = after("1NNNNNNP", levels=1)
        assert decision.bare == Decision.wait(level=1)
        assert decision.because
        assert decision.because.code == Code.OUTCOMES_PENDING

    def test_subjects_are_numbered_through_all_groups_of_their_level(self) -> None:
        assert after("1XN 1PP", levels=1).waiting_for == (Awaited(level=1, subject=3), Awaited(level=1, subject=4))


class TestClosing:
    def test_two_dlts_close_the_level_and_every_level_above(self) -> None:
        assert after("1NNN 2TT", levels=4).closed_levels == (2, 3, 4)

    def test_a_final_closing_stands_when_its_dlt_is_revoked(self) -> None:
        revised = situation_of(parse_outcomes("1NNN 2TN", levels=3), levels=3)
        final = Situation(
            tallies=revised.tallies, last_level=2, final_closings=(FinalClosing(level=2, cause="decided on 2 DLTs"),)
        )
        assert decide(revised).bare == Decision.enroll(level=2)
        assert decide(final).bare == Decision.de_escalate(to=1)
        assert decide(final).closed_levels == (2, 3)

    def test_the_lowest_closing_counts(self) -> None:
        situation = situation_of(parse_outcomes("1TT", levels=2), levels=2)
        closed = Situation(
            tallies=situation.tallies, last_level=1, final_closings=(FinalClosing(level=2, cause="decided"),)
        )
        assert decide(closed).closed_levels == (1, 2)


class TestAgainstPublishedTables:
    """The data are computed for this rule and agree with three published packages."""

    def test_every_sequence_of_complete_cohorts_for_one_and_two_levels(self, shared: Path) -> None:
        records = json.loads((shared / "escalation" / "decisions_1_2_levels.json").read_text())
        assert len(records) == 72
        for record in records:
            decision = after(record["outcomes"], levels=record["num_doses"])
            answer = (decision.action is not Action.STOP, decision.level, decision.mtd.level)
            expected = (record["expected_continue"], record["expected_next_dose"], record["expected_mtd"])
            assert answer == expected, record["outcomes"]

    def test_exact_operating_characteristics_in_cohorts_of_three(self, shared: Path) -> None:
        for scenario in json.loads((shared / "escalation" / "operating_characteristics.json").read_text()):
            probabilities = [Fraction(p) for p in scenario["true_p_exact"]]
            selected, size, toxicities = enumerate_cohorts(probabilities, cohort=3)
            for outcome, expected in scenario["p_select"].items():
                assert float(selected.get(outcome, Fraction(0))) == pytest.approx(expected, abs=1e-9)
            assert float(size) == pytest.approx(scenario["expected_n"], abs=1e-9)
            assert float(toxicities) == pytest.approx(scenario["expected_dlt"], abs=1e-9)

    def test_exact_operating_characteristics_one_at_a_time(self, shared: Path) -> None:
        for scenario in json.loads((shared / "escalation" / "operating_characteristics.json").read_text()):
            published = scenario["closing_a_dose_at_its_second_dlt"]
            probabilities = [Fraction(p) for p in scenario["true_p_exact"]]
            selected, size, toxicities = enumerate_cohorts(probabilities, cohort=1)
            for outcome, expected in scenario["p_select"].items():
                assert float(selected.get(outcome, Fraction(0))) == pytest.approx(expected, abs=1e-9)
            assert float(size) == pytest.approx(published["expected_n"], abs=1e-9)
            assert float(toxicities) == pytest.approx(published["expected_dlt"], abs=1e-9)


def enumerate_cohorts(probabilities: list[Fraction], *, cohort: int) -> tuple[dict[str, Fraction], Fraction, Fraction]:
    """Follow the rule through every outcome of every cohort; give P(select), E(subjects) and E(DLTs)."""
    levels = len(probabilities)

    @cache
    def follow(counts: tuple[tuple[int, int], ...], last: int) -> tuple[dict[str, Fraction], Fraction, Fraction]:
        tallies = tuple(Tally(level=at, evaluable=n, dlts=t) for at, (n, t) in enumerate(counts, start=1))
        decision = decide(Situation(tallies=tallies, last_level=last))
        if decision.level is None:
            return {str(decision.mtd.level or "none"): Fraction(1)}, Fraction(0), Fraction(0)
        selected: dict[str, Fraction] = {}
        size, toxicities = Fraction(cohort), Fraction(0)
        level = number(decision.level)
        p = probabilities[level - 1]
        for outcomes in product((0, 1), repeat=cohort):
            dlts = sum(outcomes)
            chance = p**dlts * (1 - p) ** (cohort - dlts)
            n, t = counts[level - 1]
            after_it = (*counts[: level - 1], (n + cohort, t + dlts), *counts[level:])
            below = follow(after_it, level)
            for outcome, share in below[0].items():
                selected[outcome] = selected.get(outcome, Fraction(0)) + chance * share
            size += chance * below[1]
            toxicities += chance * (dlts + below[2])
        return selected, size, toxicities

    return follow(tuple((0, 0) for _ in range(levels)), 1)


@st.composite
def evaluable_sequences(draw: st.DrawFn) -> tuple[str, int]:
    """Draw sequences without pending or replaced subjects, deviating ones among them."""
    levels = draw(st.integers(1, 4))
    top = draw(st.integers(1, levels))
    letters = [draw(st.text("NT", min_size=1, max_size=7)) for _ in range(top)]
    return " ".join(f"{level}{group}" for level, group in enumerate(letters, start=1)), levels


class TestProperties:
    @given(evaluable_sequences())
    def test_a_dlt_more_never_raises_the_level_of_the_answer(self, drawn: tuple[str, int]) -> None:
        outcomes, levels = drawn
        before = answered_level(outcomes, levels=levels)
        for at, letter in enumerate(outcomes):
            if letter == "N":
                worse = f"{outcomes[:at]}T{outcomes[at + 1 :]}"
                assert answered_level(worse, levels=levels) <= before, worse

    @given(evaluable_sequences())
    def test_nobody_is_sent_to_a_closed_level_or_above_one_not_cleared(self, drawn: tuple[str, int]) -> None:
        outcomes, levels = drawn
        decision = after(outcomes, levels=levels)
        level = number(decision.level or decision.mtd.level)
        assert level not in decision.closed_levels
        for tally in situation_of(parse_outcomes(outcomes, levels=levels), levels=levels).tallies[: max(0, level - 1)]:
            # no more than 1/6 of at least 6, or none of at least 3
            assert (tally.evaluable >= 3 and tally.dlts == 0) or (tally.evaluable >= 6 and tally.dlts == 1)


def answered_level(outcomes: str, *, levels: int) -> int:
    decision = after(outcomes, levels=levels)
    return number(decision.level or decision.mtd.level)
