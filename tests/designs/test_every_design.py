"""Properties of every escalation design, each checked on the same situations.

Source: the properties that a phase I design must have so that a log, an audit and people can rely on it.
"""

import ast
import copy
import pickle
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import get_args

import attrs
import pytest
from catalogue import META
from hypothesis import given
from hypothesis import strategies as st
from level_numbers import number
from published_tables import boin

import trialdomain
from trialdomain import (
    Action,
    Boin,
    Decision,
    DesignSpec,
    FinalClosing,
    I3Plus3,
    Keyboard,
    MtdStatus,
    Mtpi2,
    RollingSix,
    Situation,
    TableDesign,
    Tally,
    ThreePlusThree,
    design_of,
    nct06245746,
    parse_outcomes,
    situation_of,
)
from trialdomain.designs.design import Design
from trialdomain.designs.registry import DesignUnknown
from trialdomain.events.trial import TrialRegistered
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml
from trialdomain.protocol.designs import DESIGNS, KnownSpec
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.storage.codec import decode, encode
from trialdomain.testing import history_of
from trialdomain.values.clinical.decision import OUTCOMES_PENDING, SLOTS_FULL

SPECS: tuple[DesignSpec, ...] = (
    ThreePlusThree(),
    RollingSix(),
    TableDesign(rows=boin(0.3, range(3, 31, 3)), target=Decimal("0.3")),
    Boin(target=Decimal("0.3")),
    Keyboard(target=Decimal("0.2"), max_n=24, n_earlystop=9),
    Mtpi2(target=Decimal("0.25")),
    I3Plus3(target=Decimal("0.3")),
    ThreePlusThree(most_dlts_in_six=2),
    ThreePlusThree(evaluable_for_mtd=3),
    Boin(target=Decimal("0.25"), extra_safety=True, extra_safety_offset=Decimal("0.1"), bound_mtd=True),
    Keyboard(target=Decimal("0.2"), cohort_size=1, max_n=12),
)
"""One of each design at least, with the parameters of a published trial or variant."""
TREATS = {Action.ENROLL, Action.EXPAND, Action.ESCALATE, Action.DE_ESCALATE}
SOURCE = Path(trialdomain.__file__).parent

each_design = pytest.mark.parametrize("spec", SPECS, ids=[f"{at}-{spec.identity}" for at, spec in enumerate(SPECS)])


@st.composite
def outcomes(draw: st.DrawFn, letters: str = "NNNNTPX") -> tuple[str, int]:
    """Draw a sequence that went up level by level, and perhaps back, and the number of levels."""
    levels = draw(st.integers(1, 4))
    top = draw(st.integers(1, levels))
    visited = [*range(1, top + 1), *draw(st.lists(st.integers(1, top), max_size=2))]
    groups = [draw(st.text(letters, min_size=1, max_size=6)) for _ in visited]
    return " ".join(f"{level}{group}" for level, group in zip(visited, groups, strict=True)), levels


def situation(drawn: tuple[str, int]) -> Situation:
    text, levels = drawn
    return situation_of(parse_outcomes(text, levels=levels), levels=levels)


def worse(now: Situation) -> Iterator[Situation]:
    """Give the situations in which one of the evaluable had a DLT and had none before."""
    for at, tally in enumerate(now.tallies):
        if tally.dlts < tally.evaluable:
            more = attrs.evolve(tally, dlts=tally.dlts + 1)
            yield attrs.evolve(now, tallies=(*now.tallies[:at], more, *now.tallies[at + 1 :]))


def test_each_design_is_asked() -> None:
    assert {type(spec) for spec in SPECS} == set(DESIGNS.values())
    assert set(DESIGNS.values()) == set(get_args(KnownSpec) or (KnownSpec,))
    assert {kind.__name__ for kind in leaves(DesignSpec)} == {kind.__name__ for kind in DESIGNS.values()}


def leaves(kind: type[object]) -> Iterator[type[object]]:
    """Give the classes below a class that have none below them."""
    for one in kind.__subclasses__():
        yield from leaves(one) if one.__subclasses__() else [one]


@each_design
class TestDecide:
    @given(drawn=outcomes())
    def test_the_same_situation_has_the_same_answer(self, spec: DesignSpec, drawn: tuple[str, int]) -> None:
        now = situation(drawn)
        before = copy.deepcopy(now)
        assert design_of(spec).decide(now) == design_of(copy.copy(spec)).decide(copy.deepcopy(now))
        assert now == before

    @given(drawn=outcomes())
    def test_nobody_is_treated_at_a_closed_level(self, spec: DesignSpec, drawn: tuple[str, int]) -> None:
        decision = design_of(spec).decide(situation(drawn))
        assert decision.level not in decision.closed_levels
        assert decision.mtd.level is None or decision.mtd.level not in decision.closed_levels
        levels = drawn[1]
        lowest = min(map(number, decision.closed_levels), default=levels + 1)
        assert decision.closed_levels == tuple(range(lowest, levels + 1))  # a closing takes all above with it

    @given(drawn=outcomes())
    def test_no_untried_level_is_skipped_upwards(self, spec: DesignSpec, drawn: tuple[str, int]) -> None:
        now = situation(drawn)
        decision = design_of(spec).decide(now)
        tried = max((tally.place for tally in now.tallies if tally.treated or tally.enrolled), default=0)
        assert number(decision.level) <= tried + 1

    @given(drawn=outcomes())
    def test_what_may_be_done_has_slots_for_it_and_a_wait_says_for_what(
        self, spec: DesignSpec, drawn: tuple[str, int]
    ) -> None:
        now = situation(drawn)
        decision = design_of(spec).decide(now)
        assert decision.because is not None
        assert decision.because.code.startswith(f"{spec.known_as}/")
        assert decision.forecast is None
        if decision.action is Action.STOP:
            assert (decision.level, decision.slots) == (None, None)
            return
        assert decision.level is not None
        assert decision.slots is not None
        free = decision.slots - now.tally_of(decision.level).occupied
        if decision.action in TREATS:
            assert free > 0
        else:
            assert decision.because.reason in {SLOTS_FULL, OUTCOMES_PENDING}
            assert decision.because.reason != SLOTS_FULL or free <= 0
            assert decision.mtd.status is MtdStatus.OPEN

    @given(drawn=outcomes(letters="NNNT"))
    def test_a_dlt_more_never_raises_the_level(self, spec: DesignSpec, drawn: tuple[str, int]) -> None:
        design, now = design_of(spec), situation(drawn)
        decision = design.decide(now)
        for other in worse(now):
            after = design.decide(other)
            if decision.action in TREATS and after.action in TREATS:
                assert reached(after) <= reached(decision)
            closed = decision.closed_levels, after.closed_levels
            before, selected = design.select(now.tallies, closed[0]), design.select(other.tallies, closed[1])
            if before.level is not None and selected.level is not None:
                assert number(selected.level) <= number(before.level)
            if isinstance(spec, ThreePlusThree):  # also from the one kind of answer to the other
                assert reached(after) <= reached(decision)

    @given(drawn=outcomes(), lowest=st.integers(1, 4))
    def test_a_closing_that_people_recorded_stands(self, spec: DesignSpec, drawn: tuple[str, int], lowest: int) -> None:
        now = situation(drawn)
        level = min(lowest, drawn[1])
        closed = attrs.evolve(now, final_closings=(FinalClosing(level=level, cause="decided on 2026-03-10"),))
        decision = design_of(spec).decide(closed)
        assert set(range(level, drawn[1] + 1)) <= set(decision.closed_levels)
        assert reached(decision) < level


def reached(decision: Decision) -> int:
    """Give the level to treat next, or that is the MTD; 0 where there is none."""
    return number(decision.level or decision.mtd.level)


@each_design
class TestMtd:
    @given(drawn=outcomes(letters="NNNNT"))
    def test_a_stop_has_the_mtd_that_is_selected(self, spec: DesignSpec, drawn: tuple[str, int]) -> None:
        design, now = design_of(spec), situation(drawn)
        decision = design.decide(now)
        if decision.action is Action.STOP:
            assert decision.mtd == design.select(now.tallies, decision.closed_levels)

    def test_nothing_is_selected_where_every_level_is_closed(self, spec: DesignSpec) -> None:
        tallies = [Tally(level=1, evaluable=6), Tally(level=2, evaluable=6)]
        assert design_of(spec).select(tallies, (1, 2)).status is MtdStatus.NONE_TOLERATED


@each_design
class TestTable:
    def test_it_says_what_is_decided_at_a_level_between_two(self, spec: DesignSpec) -> None:
        table = design_of(spec).table(6)
        if table is None:
            return
        assert len({(row.n, row.dlt) for row in table.rows}) == len(table.rows) >= 11
        words = {Action.ENROLL: "stay", Action.EXPAND: "stay"}
        for row in table.rows:
            if row.n % getattr(spec, "cohort_size", 1):
                continue  # the table is read at complete cohorts only
            below, above = Tally(level=1, evaluable=3), Tally(level=3)
            here = Tally(level=2, evaluable=row.n, dlts=row.dlt)
            decision = design_of(spec).decide(Situation(tallies=(below, here, above), last_level=2))
            eliminated = 2 in decision.closed_levels
            assert row.decision == ("eliminate" if eliminated else words.get(decision.action, decision.action)), row


@each_design
@pytest.mark.parametrize("text", ["1NNN 2NNT", "1NNT 1NNN 2NTP", "1NNX", "1TT", "1NNN 2NNN 3NNN 3NNP", "1PPP"])
def test_a_log_has_the_answer_of_its_tallies(spec: DesignSpec, text: str) -> None:
    protocol = attrs.evolve(nct06245746(), design=spec)
    history, on = history_of(text, protocol=protocol)
    state = history.escalation(on=on)
    assert state is not None
    asked = design_of(spec).decide(state.situation)
    assert asked.bare == state.decision.bare
    assert asked.closed_levels == state.decision.closed_levels
    assert asked.bare == design_of(spec).decide(situation((text, len(protocol.levels)))).bare


@each_design
def test_its_parameters_come_back_from_a_log_and_from_a_file(spec: DesignSpec) -> None:
    protocol = attrs.evolve(nct06245746(), design=spec)
    name, state = encode(TrialRegistered(protocol=protocol), META)
    assert decode(name, state, strict=True)[0] == TrialRegistered(protocol=protocol)
    assert protocol_from_toml(protocol_to_toml(protocol)) == protocol
    assert pickle.loads(pickle.dumps(design_of(spec))) == design_of(spec)  # noqa: S301 - our own, of this moment


@each_design
def test_only_3_plus_3_has_forecasts(spec: DesignSpec) -> None:
    assert design_of(spec).forecasts is isinstance(spec, ThreePlusThree)


@each_design
def test_a_design_in_words_and_its_table_cannot_be_changed(spec: DesignSpec) -> None:
    """They are values, which several pages share."""
    words, table = design_of(spec).in_words(), design_of(spec).table(6)
    for value in (words, table):
        if value is not None:
            assert attrs.evolve(value) == value
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                setattr(value, attrs.fields(type(value))[0].name, ())


@each_design
def test_it_has_the_values_and_the_functions_of_the_interface(spec: DesignSpec) -> None:
    design = design_of(spec)
    promised = {name: member for name, member in vars(Design).items() if not name.startswith("_")}
    assert {"spec", "forecasts", "decide", "select"} <= set(promised)
    for name, member in promised.items():
        assert callable(getattr(design, name)) != isinstance(member, property), name


@each_design
def test_equal_designs_are_one_key_of_a_cache(spec: DesignSpec) -> None:
    assert len({design_of(spec), copy.deepcopy(design_of(spec))}) == 1


@each_design
def test_a_design_that_has_no_forecasts_gives_none(spec: DesignSpec) -> None:
    assert (design_of(spec).forecast(situation(("", 3))) is not None) == design_of(spec).forecasts


@each_design
def test_what_the_mtd_means_is_said_in_its_own_words(spec: DesignSpec) -> None:
    told = history_of("1NNN", protocol=attrs.evolve(nct06245746(), design=spec))[0].explain("P3", on="2026-05-01")
    assert spec.identity in told.definition.meaning
    assert ("as 3+3 (3+3/1)" in told.definition.meaning) == isinstance(spec, ThreePlusThree)


@each_design
def test_a_protocol_without_its_parameters_has_those_of_the_design(spec: DesignSpec) -> None:
    assert design_of(spec).spec == spec
    assert design_of(spec).opening_slots() >= 1


def test_a_class_of_parameters_that_nobody_knows_is_refused() -> None:
    class Another(DesignSpec):
        known_as, revision = "another", 1

    with pytest.raises(DesignUnknown, match="Another is not an escalation design of this library: use one of three-"):
        design_of(Another())
    with pytest.raises(ProtocolInvalid, match="design must be one of the known ones, under its own name"):
        attrs.evolve(nct06245746(), design=Another())


def test_one_design_is_named_in_its_own_room_and_in_the_presets_alone() -> None:
    own = ("designs/", "protocol/designs/", "protocol/presets/", "__init__.py")
    kinds = {kind.__name__ for kind in DESIGNS.values()}
    for path in SOURCE.rglob("*.py"):
        place = path.relative_to(SOURCE).as_posix()
        if not place.startswith(own):
            names = {node.id for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Name)}
            assert not names & kinds, place
