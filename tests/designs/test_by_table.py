"""Decision tables: whole trials by the tables of published interval designs, pending outcomes, and edge cases."""

import json
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest
from published_tables import boin, i3_plus_3
from repeating import times

from trialdomain import (
    Action,
    Boin,
    Decision,
    FinalClosing,
    Mtd,
    MtdStatus,
    Situation,
    TableDesign,
    TableRow,
    TableWord,
    Tally,
    decide,
    design_of,
    nct06245746,
    parse_outcomes,
    situation_of,
)
from trialdomain.designs.registry import situation_after
from trialdomain.designs.selection import isotonic, nearest
from trialdomain.protocol.designs import DesignSpec
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.testing import history_of
from trialdomain.values.clinical.level import Label

COHORTS = range(3, 31, 3)
BOIN = TableDesign(rows=boin(0.3, COHORTS), target=Decimal("0.3"))
UP, STAY, DOWN, OUT = TableWord


def after(outcomes: str, *, levels: int = 3, design: TableDesign = BOIN) -> Decision:
    return decide(situation_of(parse_outcomes(outcomes, levels=levels), levels=levels), design=design)


def cases(shared: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared / "escalation" / "designs.json").read_text("utf-8"))[name]["cases"]
    return found


def test_the_table_of_boin_is_the_one_that_its_software_prints() -> None:
    # Printed for a target of 0.30: escalate if DLTs <= 0, 1, 2, 2, 3; de-escalate if >= 2, 3, 4, 5, 6;
    # eliminate if >= 3, 4, 5, 7, 8, at 3, 6, 9, 12 and 15 evaluable.
    printed = {3: (0, 2, 3), 6: (1, 3, 4), 9: (2, 4, 5), 12: (2, 5, 7), 15: (3, 6, 8)}
    for row in BOIN.rows:
        if row.n in printed:
            most_up, fewest_down, fewest_out = printed[row.n]
            expected = OUT if row.dlt >= fewest_out else DOWN if row.dlt >= fewest_down else STAY
            assert row.decision is (UP if row.dlt <= most_up else expected), row


@pytest.mark.parametrize("design", ["boin", "i3+3"])
def test_published_walks(design: str, shared: Path) -> None:
    make = {"boin": boin, "i3+3": i3_plus_3}[design]
    tried = 0
    for case in cases(shared, "walks"):
        if case["design"] != design:
            continue
        tried += 1
        table = TableDesign(rows=make(case["target"], COHORTS), target=Decimal(str(case["target"])))
        found = after(case["outcomes"], levels=case["levels"], design=table)
        action = "stay" if found.action is Action.EXPAND else found.action.value
        eliminated = min(found.closed_levels, default=None)
        assert (action, found.level, eliminated) == (case["action"], case["next_level"], case["eliminated_from"]), case
    assert tried >= 8


def test_published_selections(shared: Path) -> None:
    for case in cases(shared, "boin_selection"):
        tallies = [
            Tally(level=at, evaluable=n, dlts=t)
            for at, (n, t) in enumerate(zip(case["n"], case["dlt"], strict=True), start=1)
        ]
        for level, estimate in case["expected_isotonic"].items():
            assert float(isotonic(tallies)[int(level)]) == pytest.approx(estimate, abs=1e-9)
        if case["extrasafe"] or case["bound_mtd"]:
            continue
        kept = tallies[: (case["eliminated_from"] or len(tallies) + 1) - 1]
        assert nearest(isotonic(kept), Fraction(str(case["target"]))) == case["expected_mtd"], case["id"]


@pytest.mark.parametrize(
    ("outcomes", "decision", "slots", "code"),
    [
        ("", Decision.enroll(level=1), 3, "cohort-incomplete"),
        ("1NN", Decision.enroll(level=1), 3, "cohort-incomplete"),
        ("1NNX", Decision.enroll(level=1), 3, "cohort-incomplete"),  # whoever is not evaluable is replaced
        ("1NNN", Decision.escalate(to=2), 3, "escalate"),
        ("1NNN 2P", Decision.enroll(level=2), 3, "cohort-incomplete"),
        ("1NNT", Decision.expand(level=1), 6, "stay"),
        ("1NNTN", Decision.enroll(level=1), 6, "cohort-incomplete"),
        ("1NNN 2NTT", Decision.de_escalate(to=1), 6, "de-escalate"),
        ("1NTT", Decision.expand(level=1), 6, "stay"),  # the lowest level
        ("1NNN 2NNN 3NNN", Decision.expand(level=3), 6, "stay"),  # the highest
        ("1TTT", Decision.none_tolerated(), None, "none-tolerated"),
        ("1NNN 2TTT", Decision.de_escalate(to=1), 6, "level-closed"),
        # one pending: with N it escalates, with T it stays
        ("1NNP", Decision.wait(level=1), 3, "outcomes-pending"),
        ("1NNN 2NNP", Decision.wait(level=2), 3, "outcomes-pending"),
        # 2 of 6 stay; 3 of 6 go down, and level 1 is the lowest: the answer is the same, and nobody waits for the last
        ("1NNT 1NTP", Decision.expand(level=1), 9, "stay"),
        # at 3 of 3 the level would be eliminated: nobody is infused until the third is known
        ("1TTP", Decision.wait(level=1), 3, "outcomes-pending"),
        # 4 of 6 eliminate: with T T T in 4, and one slot free, a pending T would make it certain
        ("1NTT 1TP", Decision.wait(level=1), 6, "outcomes-pending"),
        ("1NTT 1TT", Decision.none_tolerated(), None, "none-tolerated"),  # 4 of 5: every completion eliminates
        # level 3 is eliminated, and 3 of 6 at level 2 go down where 2 of 6 stay
        ("1NNN 2NNN 3TTT 2TTP", Decision.wait(level=2), 6, "outcomes-pending"),
        # nothing that is pending at a level below changes what is done at level 2
        ("1NNN 1NNP 2NNN", Decision.escalate(to=3), 3, "escalate"),
    ],
)
def test_the_walk(outcomes: str, decision: Decision, slots: int | None, code: str) -> None:
    found = after(outcomes)
    assert (found.bare, found.slots) == (decision, slots)
    assert found.because is not None
    assert found.because.code == f"table/{code}"


def test_reasons_are_sentences() -> None:
    def said(outcomes: str, levels: int = 3) -> str:
        because = after(outcomes, levels=levels).because
        return "" if because is None else because.text

    assert said("1NNT") == "level 1 has 1 DLT in 3 evaluable: the table says stay"
    assert said("1NTT") == "level 1 has 2 DLTs in 3 evaluable: the table says de-escalate, and it is the lowest level"
    assert said("1NNN 2NTT") == "level 2 has 2 DLTs in 3 evaluable: the table says de-escalate"
    assert said("1NNN", 1) == "level 1 has 0 DLTs in 3 evaluable: the table says escalate, and it is the highest level"
    assert said("1NNN 2TTT 1NNN") == "level 1 has 0 DLTs in 6 evaluable: the table says escalate, and level 2 is closed"
    assert said("1NNN 2TTT") == (
        "level 2 has 3 DLTs in 3 evaluable: the table eliminates it; level 1 is the highest that is not"
    )
    # no row has been read while one is pending: 1 of 6 and 0 of 6 escalate; 2 of 6 stays, and 3 of 6 has no level below
    assert said("1NNN 1NNP") == (
        "level 1 has 0 DLTs in 5 evaluable and 1 pending: every outcome of it gives the same answer, to escalate"
    )
    assert said("1NNT 1NTP") == (
        "level 1 has 2 DLTs in 5 evaluable and 1 pending: every outcome of it gives the same answer, to stay"
    )
    # 0, 1 and 2 of 9 escalate
    assert said("1NNN 1NNN 1NPP") == (
        "level 1 has 0 DLTs in 7 evaluable and 2 pending: every outcome of them gives the same answer, to escalate"
    )
    assert said("1NNN 1NNP 2NNN") == "level 2 has 0 DLTs in 3 evaluable: the table says escalate"
    assert said("1NN") == "level 1 has 0 DLTs in 2 evaluable: its cohort is filled up to 3"
    assert said("1NNP") == "1 outcome is pending, and the answer hangs on it"
    assert said("1TTT") == (
        "level 1 has 3 DLTs in 3 evaluable: the table eliminates it: no level is left open, none is tolerated"
    )


def test_a_cohort_is_full_when_people_have_opened_more() -> None:
    """People stayed at level 1 where the table escalates: their second cohort is filled before it is read again."""
    tallies = (Tally(level=1, evaluable=3), Tally(level=2))
    opened = Situation(tallies=tallies, last_level=1, slots=((3, 6), ()))
    assert decide(opened, design=BOIN).bare == Decision.enroll(level=1)
    assert decide(attrs.evolve(opened, slots=((3,), ())), design=BOIN).bare == Decision.escalate(to=2)


@pytest.mark.parametrize("evaluable", [3, 6])
def test_a_level_to_go_to_that_has_all_that_the_table_knows_ends_the_trial(evaluable: int) -> None:
    """The table has rows up to 3; level 1 says escalate, and level 2 has its 3 already, or people treated more."""
    rows = tuple(
        TableRow(n=n, dlt=dlts, decision=UP if dlts == 0 else STAY if dlts == 1 else DOWN)
        for n in range(1, 4)
        for dlts in range(n + 1)
    )
    tallies = (Tally(level=1, evaluable=3), Tally(level=2, evaluable=evaluable, dlts=1), Tally(level=3))
    found = decide(Situation(tallies=tallies, last_level=1), design=TableDesign(rows=rows, target=Decimal("0.3")))
    assert found.action is Action.STOP


@pytest.mark.parametrize(
    ("evaluable", "opened", "closed"),
    [(4, (4,), ()), (4, (3, 5), ()), (5, (4,), (2, 3)), (7, (3, 6), ())],
)
def test_without_an_order_a_participant_beyond_the_slots_that_people_opened_lifts_no_elimination(
    evaluable: int, opened: tuple[int, ...], closed: tuple[Label, ...]
) -> None:
    """3 DLTs. P(p > 0.25 | 3 of n) is P(at most 3 in n + 1 trials with 0.25): 0.984 for 4, 0.962 for 5, 0.929 for 6.

    BOIN eliminates above 0.95. Nobody is beyond the slots in the first two cases, and the second cohort of 3 has places
    left: 3 of 6. Then the fifth is beyond the 4 slots, in which 3 DLTs eliminate; the seventh is beyond 6, in which
    they do not.
    """
    tallies = (Tally(level=1, evaluable=3), Tally(level=2, evaluable=evaluable, dlts=3), Tally(level=3))
    spec = Boin(target=Decimal("0.25"))
    found = decide(Situation(tallies=tallies, last_level=2, slots=((3,), opened, ())), design=spec)
    assert found.closed_levels == closed


class TestTheReasonNamesTheLevelThatIsClosed:
    """Beside a final closing of another level, also where a label between two levels is a text."""

    LEVELS: tuple[Label, ...] = (1, "1a", 2)

    def because(self, counts: tuple[tuple[int, int], ...], last: Label, design: DesignSpec, closed: Label) -> str:
        tallies = tuple(
            Tally(level=level, place=place, evaluable=n, dlts=dlts)
            for place, (level, (n, dlts)) in enumerate(zip(self.LEVELS, counts, strict=True), start=1)
        )
        closing = FinalClosing(level=closed, cause="decided on 2026-03-10")
        found = decide(Situation(tallies=tallies, last_level=last, final_closings=(closing,)), design=design)
        return "" if found.because is None else found.because.text

    @pytest.mark.parametrize("closed", ["1a", 2])
    def test_where_extra_safety_ends_the_trial(self, closed: Label) -> None:
        spec = Boin(target=Decimal("0.3"), extra_safety=True)  # 2 of 3 end the trial: 0.9163, above 0.90
        assert self.because(((3, 2), (0, 0), (0, 0)), 1, spec, closed) == (
            "level 1 has 2 DLTs in 3 evaluable: the extra safety rule ends the trial, none is tolerated"
        )

    def test_where_the_table_eliminates(self) -> None:
        assert self.because(((3, 0), (3, 3), (0, 0)), "1a", BOIN, 2) == (
            "level 1a has 3 DLTs in 3 evaluable: the table eliminates it; level 1 is the highest that is not"
        )


def test_whole_cohorts_are_those_that_the_rows_reach() -> None:
    table = design_of(BOIN).table(5)
    assert table is not None
    assert table.whole == (3,)  # cohorts of 3: the second would need 6


@pytest.mark.parametrize(
    ("evaluable", "opened", "most", "slots"),
    [
        (0, (), None, 3),
        (2, (3,), None, 3),  # the cohort is not full
        (3, (3,), None, 6),  # another one
        (3, (6,), None, 6),
        (6, (3, 6), None, 9),
        (3, (3,), 5, 5),  # 2 are left of the trial
    ],
)
def test_people_who_treat_on_at_a_level_give_it_the_slots_of_its_cohort_or_of_another(
    evaluable: int, opened: tuple[int, ...], most: int | None, slots: int
) -> None:
    design = attrs.evolve(BOIN, max_n=most)
    situation = Situation(tallies=(Tally(level=1, evaluable=evaluable),), last_level=1, slots=(opened,))
    assert design_of(design).slots_at(1, situation) == slots


def test_a_first_cohort_of_6_is_filled_up_to_6() -> None:
    """People opened the level with 6 slots at once: after 3 of them no row is read."""
    tallies = (Tally(level=1, evaluable=3), Tally(level=2))
    found = decide(Situation(tallies=tallies, last_level=1, slots=((6,), ())), design=BOIN)
    assert (found.bare, found.slots) == (Decision.enroll(level=1), 6)


def test_pooled_rates_are_weighted_by_the_inverse_of_the_posterior_variance() -> None:
    """1 of 3 below 0 of 6 are pooled. With a = y + 0.05, b = n - y + 0.05 and t = a + b, the mean is a / t, and the
    variance a b / (t^2 (t + 1)). So the weights are 3.1^2 x 4.1 / (1.05 x 2.05) = 18.305 and
    6.1^2 x 7.1 / (0.05 x 6.05) = 873.359, and the means 0.33871 and 0.00820: together 13.3587 / 891.664 = 0.014982.
    """
    found = isotonic([Tally(level=1, evaluable=3, dlts=1), Tally(level=2, evaluable=6)])
    assert found[1] == found[2]
    assert float(found[1]) == pytest.approx(0.014982, abs=1e-6)


@pytest.mark.parametrize(
    ("estimates", "level"),
    [
        ({1: "0.2", 2: "0.2"}, 2),  # below the target of 0.25: the highest of them
        ({1: "0.3", 2: "0.3"}, 1),  # above it: the lowest
        ({1: "0.25", 2: "0.25"}, 1),  # at it
        ({1: "0.2", 2: "0.3"}, 1),  # on both sides: the lower
        ({1: "0.1", 2: "0.2", 3: "0.4"}, 2),
    ],
)
def test_of_equally_near_levels(estimates: dict[Label, str], level: Label) -> None:
    assert nearest({label: Fraction(rate) for label, rate in estimates.items()}, Fraction("0.25")) == level


def test_the_rate_of_a_level_is_its_posterior_mean() -> None:
    """1 of 3, with 0.05 more of each: 1.05 / 3.1. A level where nobody is evaluable has no rate."""
    assert isotonic([Tally(level=1, evaluable=3, dlts=1), Tally(level=2)]) == {1: Fraction(105, 310)}


def test_somebody_who_is_not_infused_yet_is_waited_for() -> None:
    tallies = (Tally(level=1, evaluable=2, enrolled=1), Tally(level=2))
    found = decide(Situation(tallies=tallies, last_level=1), design=BOIN)
    assert found.because is not None
    assert (found.action, found.because.code) == (Action.WAIT, "table/slots-full")


class TestElimination:
    """Of a level where nobody is treated at the moment; at a target of 0.20 BOIN eliminates at 2 of 3."""

    LOW = TableDesign(rows=boin(0.2, range(1, 31)), target=Decimal("0.2"))

    @pytest.mark.parametrize("outcomes", ["1NNN 2TT", "1NNN 2TT 1N", "1NNN 2TT 1NNN", "1NNN 2TTX 1NNN"])
    def test_it_stands_whoever_is_treated_below(self, outcomes: str) -> None:
        found = after(outcomes, design=self.LOW)
        assert found.closed_levels == (2, 3)
        assert found.level == 1

    def test_an_incomplete_cohort_is_no_reason_whoever_is_treated_last(self) -> None:
        tallies = (Tally(level=1, evaluable=4), Tally(level=2, evaluable=1, dlts=1), Tally(level=3))
        for last in (1, 2):
            assert decide(Situation(tallies=tallies, last_level=last), design=self.LOW).closed_levels == ()

    def test_more_outcomes_do_not_lift_it(self) -> None:
        treated = parse_outcomes("1NNN 2TTT 2NNN 2NNN", levels=3, start_level=1)
        found = decide(situation_after(treated, levels=3, design=BOIN), design=BOIN)
        assert (found.level, found.closed_levels) == (1, (2, 3))
        assert found.because is not None
        assert "level 2 is closed for good: eliminated before" in found.because.text


def test_a_number_is_not_reached_while_people_are_not_infused() -> None:
    """Three hold slots at level 2; a late DLT at level 1 makes it stay there, and the trial takes no more than 6."""
    tallies = (Tally(level=1, evaluable=3, dlts=1), Tally(level=2, enrolled=3))
    found = decide(Situation(tallies=tallies, last_level=1), design=attrs.evolve(BOIN, max_n=6))
    assert found.because is not None
    assert (found.action, found.because.code) == (Action.WAIT, "table/slots-full")
    assert found.because.text == "every slot of level 1 is taken; 3 participants are not infused yet: wait for them"


def test_the_last_cohort_of_a_trial_is_cut_to_fit_at_any_level() -> None:
    tallies = (Tally(level=1, evaluable=4), Tally(level=2, evaluable=3))
    found = decide(Situation(tallies=tallies, last_level=1), design=attrs.evolve(BOIN, max_n=8))
    assert (found.action, found.level, found.slots) == (Action.ENROLL, 1, 5)  # 8 in all


def test_a_recorded_elimination_stands() -> None:
    closing = FinalClosing(level=2, cause="decided on 2026-03-10")
    tallies = (Tally(level=1, evaluable=3), Tally(level=2, evaluable=6, dlts=1))
    found = decide(Situation(tallies=tallies, last_level=2, final_closings=(closing,)), design=BOIN)
    assert (found.bare, found.closed_levels) == (Decision.de_escalate(to=1), (2,))


class TestACountWithoutARow:
    """A table of whole cohorts has rows for 3 and 6; with 5 in all the last cohort is cut, and 4 or 5 have no row.

    Such a count is read as the more cautious of the rows beside it with the same DLTs (**choice**): 3/5 as 3/3, and not
    as 3/6, which is bolder than any completion with another DLT.
    """

    CUT = TableDesign(rows=boin(0.3, range(3, 7, 3)), target=Decimal("0.3"), max_n=5)
    MILD = attrs.evolve(
        CUT,
        rows=tuple(
            attrs.evolve(row, decision=DOWN) if (row.n, row.dlt) == (3, 3) else row for row in boin(0.3, range(3, 7, 3))
        ),
    )
    """3 of 3 de-escalate, and 4 of 6 eliminate."""

    @pytest.mark.parametrize("outcomes", ["1NTT 1TT", "1NTT 1T", "1NNT 1TT"])
    def test_it_eliminates_in_the_walk(self, outcomes: str) -> None:
        assert after(outcomes, design=self.CUT).bare == Decision.none_tolerated()

    @pytest.mark.parametrize("outcomes", ["1NTT 1N", "1NNT 1T"])
    def test_it_does_not_eliminate_what_neither_row_does(self, outcomes: str) -> None:
        assert after(outcomes, design=self.CUT).bare == Decision.enroll(level=1)

    def test_the_row_above_counts_where_it_is_the_more_cautious(self) -> None:
        assert after("1NTTT 1T", design=self.MILD).bare == Decision.none_tolerated()
        assert after("1NNTTT", design=self.MILD).bare == Decision.established(1, bounded_above=False)

    @pytest.mark.parametrize("dlts", [3, 4, 5])
    def test_it_is_not_selected(self, dlts: int) -> None:
        tallies = [Tally(level=1, evaluable=5, dlts=dlts), Tally(level=2)]
        assert design_of(self.CUT).select(tallies, ()) == Mtd(status=MtdStatus.NONE_TOLERATED)

    @pytest.mark.parametrize(
        ("evaluable", "dlts", "fits"),
        # 0/3 escalates, and 0/6; 1/3 stays; 2/3 de-escalates, and 2/6 stays; below the first row nothing is known.
        [(5, 0, True), (5, 1, True), (4, 2, False), (5, 4, False), (2, 0, False), (7, 2, True), (7, 3, False)],
    )
    def test_people_may_not_name_it_where_a_row_beside_it_goes_down(
        self, evaluable: int, dlts: int, fits: bool
    ) -> None:
        tally = Tally(level=1, evaluable=evaluable, dlts=dlts)
        assert design_of(self.CUT).candidate(tally) is fits
        assert design_of(self.CUT).tolerates(tally) is fits

    def test_a_first_cohort_that_is_cut_is_eliminated_where_every_completion_would_be(self) -> None:
        """At a target of 0.10, 2 of 3 eliminate (P = 1 - 0.0037), and 1 of 3 does not: 2 of 2 do."""
        low = TableDesign(rows=boin(0.1, range(3, 7, 3)), target=Decimal("0.1"), max_n=5)
        assert after("1NNN 2TT", design=low).closed_levels == (2, 3)
        assert after("1NNN 2NT", design=low).closed_levels == ()


class TestTheEnd:
    def test_a_level_that_has_its_number_ends_the_trial_where_the_table_says_stay(self) -> None:
        early = attrs.evolve(BOIN, n_earlystop=6)
        # 2 of 6 stay: the estimates are 0.05/3.1 = 0.016 and 2.05/6.1 = 0.336; 0.336 is nearer to 0.30.
        found = after("1NNN 2NNT 2NNT", levels=2, design=early)
        assert found.bare == Decision.established(2, bounded_above=False)
        assert found.because is not None
        assert found.because.text == (
            "level 2 has 2 DLTs in 6 evaluable, and the number of participants is reached: "
            "level 2 is selected as the MTD"
        )
        assert after("1NNN 2NNT 2NNP", levels=2, design=early).action is Action.WAIT  # an MTD waits for all

    def test_the_last_cohort_is_cut_to_fit(self) -> None:
        cut = attrs.evolve(BOIN, max_n=5)
        assert after("1NNT", design=cut).slots == 5
        assert after("1NNT 1NN", design=cut).action is Action.STOP

    def test_without_a_target_people_choose(self) -> None:
        nobodys = attrs.evolve(BOIN, n_earlystop=3, target=None)
        found = after("1NNT", design=nobodys)
        assert (found.action, found.mtd.status) == (Action.STOP, MtdStatus.NOT_ESTABLISHED)
        assert design_of(nobodys).candidate(Tally(level=1, evaluable=3, dlts=1))
        assert not design_of(nobodys).candidate(Tally(level=1, evaluable=3, dlts=2))

    def test_a_table_ends_where_it_has_no_more_rows(self) -> None:
        short = TableDesign(rows=boin(0.3, range(3, 7, 3)), target=Decimal("0.3"))
        assert after("1NNT 1NNT", design=short).bare == Decision.established(1, bounded_above=False)

    def test_more_participants_than_it_has_are_read_as_its_most_with_all_their_dlts(self) -> None:
        three = TableDesign(rows=boin(0.3, range(3, 4)))
        assert after("1NTTT", design=three).bare == Decision.none_tolerated()
        assert after("1NNTT", design=three).level == 1

    def test_nothing_is_selected_where_level_1_is_eliminated(self) -> None:
        assert design_of(BOIN).select([Tally(level=1, evaluable=3, dlts=3)], ()) == Mtd(status=MtdStatus.NONE_TOLERATED)


class TestRefused:
    @pytest.mark.parametrize(
        ("rows", "fault"),
        [
            ((), "design.rows is empty"),
            (((3, 0, UP), (3, 1, STAY), (3, 3, OUT)), "has no row for 2 DLT in 3 evaluable"),
            (((3, 0, UP), (3, 1, DOWN), (3, 2, STAY), (3, 3, OUT)), "says stay at 2/3, and de-escalate at 1/3"),
            (
                ((1, 0, UP), (1, 1, DOWN), (3, 0, UP), (3, 1, STAY), (3, 2, DOWN), (3, 3, OUT)),
                "no row for 0, 1, 2 DLT in 2",
            ),
            (
                ((1, 0, UP), (1, 1, DOWN)),
                "rows ends at 1 evaluable, before a whole cohort of 3: give rows up to 3, or a lower cohort_size",
            ),
            (((4, 0, UP), (4, 1, UP), (4, 2, UP), (4, 3, UP), (4, 4, UP)), "not a whole number of cohorts of 3"),
            (((3, 0, UP), (3, 1, UP), (3, 2, DOWN), (3, 3, DOWN), (3, 0, UP)), "has 0 DLT in 3 twice"),
            (
                (
                    *((3, dlt, UP if dlt < 2 else DOWN) for dlt in range(4)),
                    *((6, dlt, DOWN if dlt else UP) for dlt in range(7)),
                ),
                "escalates at 1/3, a higher rate than 1/6, at which it says de-escalate",
            ),
        ],
    )
    def test_a_table_that_is_not_whole_or_is_bolder_with_more_dlts(
        self, rows: tuple[tuple[int, int, TableWord], ...], fault: str
    ) -> None:
        with pytest.raises(ProtocolInvalid, match=fault):
            TableDesign(rows=tuple(TableRow(n=n, dlt=dlt, decision=word) for n, dlt, word in rows))

    def test_more_participants_than_any_table_has(self) -> None:
        with pytest.raises(ProtocolInvalid, match="has 99999999 evaluable, and a table has at most 60 at a level"):
            TableDesign(rows=(TableRow(n=99_999_999, dlt=0, decision=STAY),))

    def test_a_cohort_of_nobody(self) -> None:
        with pytest.raises(ProtocolInvalid, match="cohort_size must be a whole number of at least 1"):
            attrs.evolve(BOIN, cohort_size=0)

    def test_a_target_that_is_no_rate(self) -> None:
        with pytest.raises(ProtocolInvalid, match="target must be between 0 and 1 with at most 15 digits, got 30"):
            attrs.evolve(BOIN, target=Decimal(30))


def test_a_log_under_a_table() -> None:
    history, on = history_of("1NNN 2NNT 2NNN", protocol=attrs.evolve(nct06245746(), design=BOIN))
    state = history.escalation(on=on)
    assert state is not None
    assert (state.decision.action, state.decision.level, state.decision.slots) == (Action.ESCALATE, 3, 3)


@pytest.mark.soak
def test_fewer_completions_than_all_have_the_same_answers() -> None:
    """Every way in which the pending outcomes may end is tried here; the design tries some, and answers alike."""
    random = Random(16)  # noqa: S311 - the same situations each time, no secret
    waited = 0
    for _ in range(times(4_000, least=400)):
        levels = random.randint(1, 3)
        groups = [f"{level}{''.join(random.choice('NNTP') for _ in range(3))}" for level in range(1, levels + 1)]
        groups += [f"{random.randint(1, levels)}{''.join(random.choice('NNTP') for _ in range(random.randint(1, 3)))}"]
        text = " ".join(groups)
        known = {after(whole, levels=levels) for whole in completed(text)}
        essence = {(one.action, one.level, one.closed_levels) for one in known}
        found = after(text, levels=levels)
        if found.action is Action.WAIT:
            waited += 1
            assert len(essence) > 1 or {one.action for one in known} == {Action.STOP}, text
        else:
            assert essence == {(found.action, found.level, found.closed_levels)}, text
    assert waited > 20


def completed(text: str) -> Iterator[str]:
    pending = [at for at, letter in enumerate(text) if letter == "P"]
    for outcomes in product("NT", repeat=len(pending)):
        letters = list(text)
        for at, outcome in zip(pending, outcomes, strict=True):
            letters[at] = outcome
        yield "".join(letters)


def test_pending_outcomes_at_every_level_take_no_time() -> None:
    text = " ".join(f"{level}PPPPPP" for level in range(1, 21))
    assert after(text, levels=20).action is Action.WAIT
