"""A design in words: which sentences it has, by its parameters, and the numbers in them."""

from decimal import Decimal

import pytest

from trialdomain import Boin, Keyboard, RollingSix, StateAnswer, StateRow, ThreePlusThree, design_of
from trialdomain.protocol.designs import DesignSpec

CLOSED = "the lowest level is closed: no level is tolerated"


def ends(spec: DesignSpec) -> tuple[str, ...]:
    return design_of(spec).in_words().ends


def going(spec: DesignSpec) -> tuple[str, ...]:
    return design_of(spec).in_words().going


def boin(max_n: int | None = None, n_earlystop: int | None = None, *, safe: bool = False) -> Boin:
    return Boin(target=Decimal("0.3"), max_n=max_n, n_earlystop=n_earlystop, extra_safety=safe)


ALL = "30 participants are evaluable in all; the last cohort is cut to fit"
STAY = "{} or more are evaluable at the level treated last, and the answer is to stay there"


class TestADecisionTable:
    @pytest.mark.parametrize(
        ("spec", "sentences"),
        [
            (boin(30), (ALL, STAY.format(30), CLOSED)),
            (boin(30, 9), (ALL, STAY.format(9), CLOSED)),
            (boin(30, 40), (ALL, STAY.format(30), CLOSED)),  # the table has no more than 30
            (boin(), (STAY.format(60), "60 are evaluable at the level to go to, where the table ends", CLOSED)),
        ],
    )
    def test_it_ends_by_numbers_or_where_the_table_ends(self, spec: Boin, sentences: tuple[str, ...]) -> None:
        assert ends(spec) == sentences

    @pytest.mark.parametrize(
        ("max_n", "listed"),
        [
            (11, "2 of 3, 4 of 6, 5 of 9"),
            (12, "2 of 3, 4 of 6, 5 of 9, 6 of 12"),
            (15, "2 of 3, 4 of 6, 5 of 9, 6 of 12, ..."),
        ],
    )
    def test_extra_safety_lists_whole_cohorts_and_no_more_than_four(self, max_n: int, listed: str) -> None:
        """More than 0.3 is too much at a probability above 0.95 - 0.05 = 0.9, by Beta(1 + y, 1 + n - y).

        With 2 of 3 it is 1 - (4 x 0.3^3 - 3 x 0.3^4) = 0.916, and with 1 of 3 it is 0.652.
        """
        assert ends(boin(max_n, safe=True))[-2:] == (
            f"the lowest level has too many DLTs by the rule of extra safety: no level is tolerated ({listed})",
            CLOSED,
        )

    @pytest.mark.parametrize(
        ("spec", "listed"),
        [
            # P(p > 0.3 | y of n) is P(at most y in n + 1 trials with 0.3): 2 of 3 0.916, 2 of 4 0.837, 3 of 4 0.969,
            # 2 of 5 0.744, 3 of 5 0.930; above 0.9 counts, from 3 evaluable on
            (Boin(target=Decimal("0.3"), cohort_size=1, max_n=5, extra_safety=True), "2 of 3, 3 of 4, 3 of 5"),
            # with 0.4: 2 of 3 0.821, 3 of 3 0.974, 3 of 6 0.710, 4 of 6 0.904
            (Boin(target=Decimal("0.4"), max_n=6, extra_safety=True), "3 of 3, 4 of 6"),
        ],
    )
    def test_extra_safety_lists_the_bound_of_each_number(self, spec: Boin, listed: str) -> None:
        assert ends(spec)[-2].endswith(f"no level is tolerated ({listed})")

    def test_the_mtd_is_a_sentence_of_its_own(self) -> None:
        assert going(boin(30))[-1].startswith(
            "the MTD: the dose level whose estimated rate of DLTs is nearest to 0.3, "
        )

    @pytest.mark.parametrize(
        ("size", "sentence"),
        [
            (1, "a cohort has 1 participant; the decision is read once it has an outcome"),
            (3, "a cohort has 3 participants; the decision is read once all of them have an outcome"),
        ],
    )
    def test_a_cohort_of_one_is_in_the_singular(self, size: int, sentence: str) -> None:
        assert sentence in going(Keyboard(target=Decimal("0.2"), cohort_size=size))


class TestThreePlusThree:
    BELOW = "levels below the first one are treated only once every level from it upwards is closed"

    @pytest.mark.parametrize(("first", "said"), [(1, False), (2, True)])
    def test_levels_below_the_first_one_are_named_where_there_are_any(self, first: int, *, said: bool) -> None:
        assert (self.BELOW in going(ThreePlusThree(start_level=first))) is said

    @pytest.mark.parametrize(
        ("enough", "highest", "end"),
        [
            (
                6,
                "the highest level that is not closed is treated up to 6, also without a DLT",
                "6 or more are evaluable at the highest level that is not closed, and it is the MTD",
            ),
            (
                3,
                "the highest level that is not closed is treated up to 6 only where one of 3 has a DLT",
                (
                    "3 or more are evaluable at the highest level that is not closed without a DLT, or 6 with at most "
                    "1 DLT, and it is the MTD"
                ),
            ),
        ],
    )
    def test_how_many_an_mtd_needs(self, enough: int, highest: str, end: str) -> None:
        spec = ThreePlusThree(evaluable_for_mtd=enough)
        assert highest in going(spec)
        assert ends(spec) == (end, CLOSED)


def test_rolling_six_names_the_rows_in_which_a_protocol_differs() -> None:
    row = StateRow(enrolled=5, dlt=0, pending=1, answer=StateAnswer.ESCALATE)
    said = "this protocol differs from that table: "
    assert f"{said}with 5 enrolled, 0 DLTs and 1 pending, the next level is treated" in going(RollingSix(table=(row,)))
    assert [one for one in going(RollingSix()) if one.startswith(said)] == []
