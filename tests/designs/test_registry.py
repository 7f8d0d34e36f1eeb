"""What is asked of a design through the registry: one state, a sequence of outcomes, a decision with its forecast."""

from decimal import Decimal

import pytest

from trialdomain import (
    FinalClosing,
    Keyboard,
    RollingSix,
    Situation,
    StateAnswer,
    Tally,
    ThreePlusThree,
    decide,
    parse_outcomes,
    situation_of,
)
from trialdomain.designs.registry import (
    StateImpossible,
    TableExceeded,
    refuse_beyond_table,
    situation_after,
    state_answer,
)


class TestOneState:
    @pytest.mark.parametrize(("enrolled", "dlt", "pending"), [(3, 2, 2), (3, 4, 0), (3, 0, 4), (0, 1, 0)])
    def test_more_outcomes_than_participants_are_impossible(self, enrolled: int, dlt: int, pending: int) -> None:
        with pytest.raises(StateImpossible):
            state_answer(RollingSix(), enrolled=enrolled, dlt=dlt, pending=pending)

    def test_as_many_are_possible(self) -> None:
        assert state_answer(RollingSix(), enrolled=3, dlt=1, pending=2) is StateAnswer.SAME
        assert state_answer(RollingSix(), enrolled=3, dlt=2, pending=1) is StateAnswer.DE_ESCALATE

    def test_fewer_are_possible(self) -> None:
        """0 of 3 with every outcome known: escalate (Skolnik 2008)."""
        assert state_answer(RollingSix(), enrolled=3, dlt=0, pending=0) is StateAnswer.ESCALATE

    def test_another_design_has_no_such_table(self) -> None:
        assert state_answer(ThreePlusThree(), enrolled=3, dlt=0, pending=0) is None


class TestOutcomesUnderADesign:
    KEYBOARD = Keyboard(target=Decimal("0.2"), cohort_size=1, max_n=12)
    """It eliminates at 1 of 1, P(p > 0.2) = 1 - 0.2^2 = 0.96; at 1 of 2 it is 1 - (3 x 0.2^2 - 2 x 0.2^3) = 0.896."""

    @pytest.mark.parametrize(
        ("outcomes", "closed"),
        [("1TN", (1,)), ("1N 2TN", (2,)), ("1NT", ()), ("1N 2NT", ())],
    )
    def test_what_was_eliminated_on_the_way_stays_closed(self, outcomes: str, closed: tuple[int, ...]) -> None:
        found = situation_after(parse_outcomes(outcomes, levels=2), levels=2, design=self.KEYBOARD)
        cause = "eliminated before, which more outcomes do not lift"
        assert found.final_closings == tuple(FinalClosing(level=level, cause=cause) for level in closed)

    @pytest.mark.parametrize(("evaluable", "pending", "refused"), [(12, 0, False), (11, 1, False), (12, 1, True)])
    def test_more_than_the_table_has_are_refused(self, evaluable: int, pending: int, *, refused: bool) -> None:
        tallies = (Tally(level=1, evaluable=evaluable, pending=pending),)
        if refused:
            with pytest.raises(TableExceeded):
                refuse_beyond_table(self.KEYBOARD, tallies)
        else:
            refuse_beyond_table(self.KEYBOARD, tallies)
        refuse_beyond_table(ThreePlusThree(), (Tally(level=1, evaluable=99),))


def test_a_decision_has_its_forecast_unless_it_is_left_out() -> None:
    start = situation_of(parse_outcomes("", levels=1), levels=1)
    assert decide(start).forecast is not None
    assert decide(start, forecasting=False).forecast is None
    assert decide(start, design=RollingSix()).forecast is None


def test_a_tally_is_found_by_the_label_of_its_level() -> None:
    ladder = (Tally(level=1), Tally(level="1a", place=2, evaluable=2), Tally(level=2, place=3, evaluable=3))
    situation = Situation(tallies=ladder, last_level="1a")
    assert [situation.tally_of(one.level) for one in ladder] == list(ladder)
    assert (situation.last_place, situation.labels_from(2)) == (2, ("1a", 2))
    with pytest.raises(KeyError):
        situation.tally_of(0)
