import pytest

from trialdomain import OutcomesMalformed, Situation, Tally, parse_outcomes, situation_of
from trialdomain.designs.notation import Outcome, Treated
from trialdomain.values.clinical.decision import Awaited


def test_a_group_is_a_level_and_a_letter_for_each_subject() -> None:
    assert parse_outcomes("1NT 2PX", levels=2) == (
        Treated(1, Outcome.NO_DLT),
        Treated(1, Outcome.DLT),
        Treated(2, Outcome.PENDING),
        Treated(2, Outcome.NOT_EVALUABLE),
    )


def test_white_space_parts_groups_and_means_nothing_else() -> None:
    assert parse_outcomes(" 1N\t1N\n", levels=1) == parse_outcomes("1NN", levels=1)


def test_nothing_is_the_empty_sequence() -> None:
    assert parse_outcomes("", levels=1) == parse_outcomes("  \n", levels=1) == ()


def test_levels_may_have_two_digits() -> None:
    text = " ".join(f"{level}NNN" for level in range(1, 11))
    assert parse_outcomes(text, levels=10)[-1] == Treated(10, Outcome.NO_DLT)


@pytest.mark.parametrize("text", ["1", "N", "0N", "01N", "1n", "1NNN2N", "1N,2N", "-1N", "1Q", "1 N", "\u0661N"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(OutcomesMalformed, match="expected a level and then N, T, P or X"):
        parse_outcomes(text, levels=3)


def test_a_level_above_the_protocols_is_refused() -> None:
    with pytest.raises(OutcomesMalformed, match=r"group 2, '4N': level 4 is above the 3 of this protocol"):
        parse_outcomes("1N 4N", levels=3)


def test_a_level_with_nobody_below_it_is_refused() -> None:
    with pytest.raises(OutcomesMalformed, match=r"group 2, '3N': level 3 has outcomes, but level 2 has none"):
        parse_outcomes("1NNN 3N", levels=3)
    with pytest.raises(OutcomesMalformed, match=r"group 3, '3N': level 3 has outcomes, but level 2 has none"):
        parse_outcomes("1N 30N 3N", levels=40)


@pytest.mark.parametrize("level", [1, 3])
def test_a_first_group_below_or_above_the_start_level_is_refused(level: int) -> None:
    with pytest.raises(OutcomesMalformed, match="the design begins at level 2: begin there"):
        parse_outcomes(f"{level}N", levels=3, start_level=2)


def test_an_error_repeats_no_endless_text() -> None:
    with pytest.raises(OutcomesMalformed) as refused:
        parse_outcomes("1" + "Q" * 100_000, levels=3)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(("letters", "shown"), [(19, "1" + "Q" * 19), (20, "1" + "Q" * 19 + "...")])
def test_a_group_is_shown_up_to_20_characters(letters: int, shown: str) -> None:
    with pytest.raises(OutcomesMalformed) as refused:
        parse_outcomes("1" + "Q" * letters, levels=3)
    assert str(refused.value).startswith(f"group 1, '{shown}': ")


BY_PLACE = " (a group names a level by its place, from the lowest upwards: "


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ((1, 2, 3), ""),
        (
            (1, "1a", 2),
            f"{BY_PLACE}place 2 has the label 1a, place 3 has the label 2)",
        ),
        (
            (1, 3, 2),
            f"{BY_PLACE}place 2 has the label 3, place 3 has the label 2)",
        ),
    ],
)
def test_an_error_names_the_labels_that_are_not_the_place(labels: tuple[int | str, ...], told: str) -> None:
    with pytest.raises(OutcomesMalformed) as refused:
        parse_outcomes("4N", levels=3, labels=labels)
    assert str(refused.value) == (f"group 1, '4N': level 4 is above the 3 of this protocol: correct the level{told}")


def test_tallies_count_people_level_by_level() -> None:
    situation = situation_of(parse_outcomes("1NTPX 2P", levels=3), levels=3)
    assert situation.tallies == (
        Tally(level=1, evaluable=2, dlts=1, pending=1, not_evaluable=1, most_held=4),
        Tally(level=2, pending=1, most_held=1),
        Tally(level=3),
    )
    assert situation.last_level == 2


class TestSituation:
    def test_every_level_has_one_tally(self) -> None:
        with pytest.raises(ValueError, match="tallies must name every dose level once"):
            Situation(tallies=(Tally(level=2),))

    @pytest.mark.parametrize("second", [Tally(level=1, place=2), Tally(level=2, place=1)])
    def test_no_label_and_no_place_is_there_twice(self, second: Tally) -> None:
        with pytest.raises(ValueError, match="tallies must name every dose level once"):
            Situation(tallies=(Tally(level=1), second))

    def test_there_is_at_least_one_level(self) -> None:
        with pytest.raises(ValueError, match="tallies must name every dose level once"):
            Situation(tallies=())

    def test_everybody_pending_is_named(self) -> None:
        with pytest.raises(ValueError, match="level 1 has 1 pending, but 0 are named"):
            Situation(tallies=(Tally(level=1, pending=1),))

    def test_nobody_else_is_named(self) -> None:
        with pytest.raises(ValueError, match="level 1 has 0 pending, but 1 are named"):
            Situation(tallies=(Tally(level=1),), awaited=(Awaited(level=1, subject=1),))

    @pytest.mark.parametrize("named", [1, 3])
    def test_slots_are_of_every_level_or_of_none(self, named: int) -> None:
        with pytest.raises(ValueError, match=f"slots name {named} levels, but there are 2 dose levels"):
            Situation(tallies=(Tally(level=1), Tally(level=2)), slots=((3,),) * named)

    def test_the_last_level_is_one_of_them(self) -> None:
        with pytest.raises(ValueError, match="level 2 was treated last, but there are 1 dose levels"):
            Situation(tallies=(Tally(level=1),), last_level=2)


class TestTally:
    def test_a_dlt_makes_evaluable(self) -> None:
        with pytest.raises(ValueError, match="a DLT makes evaluable"):
            Tally(level=1, evaluable=1, dlts=2)

    def test_who_is_not_evaluable_holds_no_slot(self) -> None:
        tally = Tally(level=1, enrolled=1, evaluable=2, pending=3, not_evaluable=4)
        assert (tally.treated, tally.occupied) == (9, 6)
