"""Which cycle of chemotherapy an infusion belongs to, and what ends the observation. Day 0 is 2026-03-02."""

from datetime import UTC, date, datetime, timedelta

import attrs
import pytest

from trialdomain import ClinicalTime, EndpointRules
from trialdomain.events.participant import ChemotherapyGiven, ChemotherapyStarted, Infused
from trialdomain.events.recorded import Meta, Recorded
from trialdomain.protocol.endpoints.parts import Anchor
from trialdomain.rules.evaluability import LastSeen
from trialdomain.rules.observation import (
    Beginning,
    EndedBy,
    Ending,
    Observation,
    Outside,
    cycle_of,
    endings_of,
    following_cycles,
    observe,
    starts_among,
)

DAY0 = date(2026, 3, 2)
META = Meta(recorded_at=datetime(2026, 9, 1, tzinfo=UTC), user="u", command="c", part=1, parts=1)
RULES = EndpointRules()
BY_INFUSION = attrs.evolve(RULES, anchor=Anchor.INFUSION)


def day(number: int) -> date:
    return DAY0 + timedelta(days=number)


def when(number: int) -> ClinicalTime:
    return ClinicalTime.of(day(number))


def started(number: int, cycle: int = 1) -> ChemotherapyStarted:
    return ChemotherapyStarted(on=when(number), regimen="HiDAC", cycle=cycle, ecog=1)


def given(number: int, cycle: int) -> ChemotherapyGiven:
    return ChemotherapyGiven(
        regimen="HiDAC", cycle=cycle, agents=("cytarabine",), started_on=when(number), ended_on=when(number + 2)
    )


class TestTheCycleOfAnInfusion:
    @pytest.mark.parametrize(
        ("starts", "infused", "cycle"),
        [
            ([0, 28], 27, 0),
            ([0, 28], 28, 28),  # on the day on which the next one starts, it is of the next
            ([0, 28], 40, 28),
            ([5, 28], 2, 5),  # before any: it is of the first
            ([], 2, None),
        ],
    )
    def test_is_the_last_one_on_or_before_its_day(self, starts: list[int], infused: int, cycle: int | None) -> None:
        found = cycle_of(starts_among([started(number, at) for at, number in enumerate(starts, 1)]), day(infused))
        assert (found and found.on) == (None if cycle is None else when(cycle))

    def test_one_without_a_recorded_start_began_with_its_first_administration(self) -> None:
        found = starts_among([given(30, 2), given(28, 2), started(0, 1), given(1, 1)])
        assert [(one.on, one.position) for one in found] == [(when(0), 2), (when(28), 1)]


class TestTheFollowingCycles:
    STARTS = starts_among([started(0, 1), started(28, 2), started(56, 3)])

    @pytest.mark.parametrize(
        ("infused", "following"),
        [(3, [28, 56]), (27, [28, 56]), (28, [56]), (30, [56]), (56, []), (-2, [28, 56])],
    )
    def test_are_those_after_that_of_the_infusion(self, infused: int, following: list[int]) -> None:
        found = following_cycles(self.STARTS, day(infused))
        assert [(one.when, one.by) for one in found] == [(when(number), EndedBy.NEXT_CYCLE) for number in following]

    def test_without_chemotherapy_there_is_none(self) -> None:
        assert following_cycles([], day(3)) == []


def observed(
    *,
    infused: int | None = 3,
    starts: tuple[int, ...] = (0,),
    beginnings: tuple[Beginning, ...] = (),
    endings: tuple[Ending, ...] = (),
    rules: EndpointRules = RULES,
    on: int = 100,
    left: bool = False,
) -> Observation | Outside:
    fact = Infused(level=1, started_at=when(infused or 0))
    infusion = Recorded(trial="T", position=7, stream="s", version=7, meta=META, fact=fact)
    return observe(
        infusion=None if infused is None else infusion,
        starts=starts_among([started(number, at) for at, number in enumerate(starts, 1)]),
        endings=endings,
        beginnings=beginnings,
        left=left,
        rules=rules,
        on=day(on),
    )


class TestTheEnd:
    @pytest.mark.parametrize(
        ("relapse", "end", "by"),
        [
            (0, -1, EndedBy.RELAPSE),  # on the first day: nothing is observed
            (1, 0, EndedBy.RELAPSE),
            (42, 41, EndedBy.RELAPSE),
            (43, 42, EndedBy.WINDOW),  # of two on one day, the window comes first
            (-1, 42, EndedBy.WINDOW),  # before the observation
        ],
    )
    def test_a_relapse_ends_it_on_the_day_before(self, relapse: int, end: int, by: EndedBy) -> None:
        found = observed(beginnings=(Beginning(when(relapse), EndedBy.RELAPSE, 9),))
        assert isinstance(found, Observation)
        assert (found.end, found.ended_by) == (day(end), by)

    @pytest.mark.parametrize(("on", "end", "by"), [(41, 41, EndedBy.CUT_OFF), (42, 42, EndedBy.WINDOW)])
    def test_the_cut_off_and_the_window(self, on: int, end: int, by: EndedBy) -> None:
        found = observed(on=on)
        assert isinstance(found, Observation)
        assert (found.end, found.ended_by, found.whole) == (day(end), by, by is EndedBy.WINDOW)

    @pytest.mark.parametrize("positions", [(12, 9), (9, 12)])
    def test_of_two_of_one_kind_on_one_day_the_one_recorded_first_is_named(self, positions: tuple[int, int]) -> None:
        found = observed(endings=tuple(Ending(day(20), EndedBy.LOST, position) for position in positions))
        assert isinstance(found, Observation)
        assert (found.end, found.ended_position) == (day(20), 9)

    def test_an_ending_after_the_cut_off_ends_it_there(self) -> None:
        found = observed(on=20, endings=(Ending(day(30), EndedBy.LOST, 9),))
        assert isinstance(found, Observation)
        assert (found.end, found.ended_by, found.ended_position) == (day(20), EndedBy.LOST, 9)

    @pytest.mark.parametrize(("on", "imputed"), [("2026-03-20", False), ("2026-03", True)])
    def test_a_partial_date_is_imputed_and_flagged(self, on: str, *, imputed: bool) -> None:
        (ending,) = endings_of(death=None, left=[(EndedBy.WITHDREW, LastSeen(ClinicalTime(on), 9))])
        assert (ending.on, ending.imputed) == (date(2026, 3, 31 if imputed else 20), imputed)

    def test_a_recovery_may_be_confirmed_after_the_window_by_the_longest_gap(self) -> None:
        later, never = observed(), observed(rules=attrs.evolve(RULES, confirm_after_window=False))
        assert isinstance(later, Observation)
        assert isinstance(never, Observation)
        assert (later.confirmed_until, never.confirmed_until) == (day(49), day(42))
        cut = observed(on=45)
        assert isinstance(cut, Observation)
        assert cut.confirmed_until == day(45)


@pytest.mark.parametrize(
    ("infused", "starts", "left", "rules", "outside"),
    [
        (None, (), False, RULES, Outside.NOTHING_BEGUN),
        (None, (), True, RULES, Outside.LEFT_BEFORE),
        (None, (0,), False, RULES, Outside.NOT_INFUSED),
        (None, (0,), True, RULES, Outside.NOT_INFUSED),
        (None, (0,), False, BY_INFUSION, Outside.NOTHING_BEGUN),
        (3, (), False, RULES, Outside.NO_CHEMOTHERAPY),
    ],
)
def test_who_is_outside_the_analysis_set(
    infused: int | None, starts: tuple[int, ...], rules: EndpointRules, outside: Outside, *, left: bool
) -> None:
    assert observed(infused=infused, starts=starts, left=left, rules=rules) is outside


@pytest.mark.parametrize(("chemotherapy", "first"), [(2, False), (3, False), (4, True)])
def test_an_infusion_on_the_day_on_which_chemotherapy_starts_does_not_come_before_it(
    chemotherapy: int, *, first: bool
) -> None:
    found = observed(infused=3, starts=(chemotherapy,))
    assert isinstance(found, Observation)
    assert found.infusion_first is first


def test_the_infusion_as_the_anchor_begins_on_its_day() -> None:
    found = observed(rules=BY_INFUSION, starts=(5,))
    assert isinstance(found, Observation)
    assert (found.start, found.window_last, found.infusion_first) == (day(3), day(45), False)
    before = observed(starts=(5,))
    assert isinstance(before, Observation)
    assert (before.start, before.infusion_first, before.day(day(7)), before.holds(day(4))) == (day(5), True, 2, False)
