"""BOIN, Keyboard, mTPI-2 and i3+3: their tables, whole trials, and the selection of the MTD.

Expected values: published boundaries and tables, the formulas of the publications computed with SciPy, and cases that
agree with published packages.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import comb
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest
from catalogue import META
from level_numbers import number
from published_tables import boin, i3_plus_3, strongest_key
from repeating import times

from trialdomain import (
    Action,
    Boin,
    Decision,
    FinalClosing,
    I3Plus3,
    Keyboard,
    Mtd,
    MtdStatus,
    Mtpi2,
    Situation,
    TableDesign,
    TableWord,
    Tally,
    decide,
    design_of,
    nct06245746,
    parse_outcomes,
)
from trialdomain.designs.registry import TableExceeded, situation_after
from trialdomain.events.trial import TrialRegistered
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml
from trialdomain.protocol.designs import IntervalSpec
from trialdomain.protocol.designs.posterior import probability_above
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.storage.codec import decode, encode
from trialdomain.testing import history_of

UP, STAY, DOWN, OUT = TableWord
KINDS: dict[str, Callable[..., IntervalSpec]] = {
    "boin": Boin,
    "keyboard": Keyboard,
    "mtpi-2": Mtpi2,
    "i3+3": I3Plus3,
}


def spec_of(design: str, target: object, **more: object) -> IntervalSpec:
    return KINDS[design](target=Decimal(str(target)), **more)


def after(outcomes: str, *, levels: int, spec: IntervalSpec) -> Decision:
    treated = parse_outcomes(outcomes, levels=levels, start_level=spec.start_level)
    return decide(situation_after(treated, levels=levels, design=spec), design=spec)


def tallies_of(text: str) -> list[Tally]:
    pairs = [tuple(map(int, one.split("/"))) for one in text.split()]
    return [Tally(level=at, evaluable=n, dlts=dlt) for at, (dlt, n) in enumerate(pairs, start=1)]


def cases(shared: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared / "escalation" / "designs.json").read_text("utf-8"))[name]["cases"]
    return found


class TestBoundaries:
    @pytest.mark.parametrize(
        ("target", "up", "down"), [("0.20", 0.157, 0.238), ("0.25", 0.197, 0.298), ("0.30", 0.236, 0.358)]
    )
    def test_those_of_boin_are_the_published_ones(self, target: str, up: float, down: float) -> None:
        # Liu and Yuan 2015, Table 1, with three digits; 0.35852 is printed as 0.358 there, as 0.359 by the software.
        found = Boin(target=Decimal(target)).boundaries
        assert [float(one) for one in found] == pytest.approx([up, down], abs=6e-4)

    def test_a_rate_at_a_boundary_counts_as_at_it(self) -> None:
        # With 0.4 and 0.6 the boundary is 1/2: log(0.6/0.4) / log((0.6 * 0.6)/(0.4 * 0.4)) = log(1.5) / (2 log(1.5)).
        down = Boin(target=Decimal("0.4"), tox=Decimal("1.5"))
        up = Boin(target=Decimal("0.625"), saf=Decimal("0.6"))  # 0.375 and 0.625: the boundary is 1/2 as well
        for half, n in ((1, 2), (3, 6), (15, 30), (30, 60)):
            assert down.bounds.word(n, half) is DOWN
            assert up.bounds.word(n, half) is UP


class TestTables:
    def test_that_of_boin_is_the_one_that_its_software_prints(self) -> None:
        # Printed for a target of 0.30: escalate if DLTs <= 0, 1, 2, 2, 3; de-escalate if >= 2, 3, 4, 5, 6;
        # eliminate if >= 3, 4, 5, 7, 8, at 3, 6, 9, 12 and 15 evaluable.
        bounds = spec_of("boin", "0.3").bounds
        at = [n - 1 for n in (3, 6, 9, 12, 15)]
        assert [bounds.escalate[n] for n in at] == [0, 1, 2, 2, 3]
        assert [bounds.de_escalate[n] for n in at] == [2, 3, 4, 5, 6]
        assert [bounds.eliminate[n] for n in at] == [3, 4, 5, 7, 8]

    @pytest.mark.parametrize("target", [0.1, 0.17, 0.2, 0.25, 0.3, 0.33, 0.4])
    def test_those_of_boin_and_i3_plus_3_follow_their_formulas(self, target: float) -> None:
        for make, spec in ((boin, spec_of("boin", target)), (i3_plus_3, spec_of("i3+3", target))):
            for row in make(target, range(1, 61)):
                assert spec.bounds.word(row.n, row.dlt) is row.decision, (spec, row)

    @pytest.mark.parametrize(
        ("target", "below", "above"),
        [
            ("0.2", "0.05", "0.05"),
            ("0.25", "0.05", "0.05"),
            ("0.3", "0.05", "0.05"),
            ("0.33", "0.03", "0.08"),
            ("0.1", "0.08", "0.08"),
            ("0.3", "0.1", "0.1"),
            ("0.5", "0.02", "0.02"),
        ],
    )
    def test_those_of_keyboard_and_mtpi_2_have_the_strongest_of_all_keys(
        self, target: str, below: str, above: str
    ) -> None:
        at, low, high = Decimal(target), Decimal(below), Decimal(above)
        keyboard = Keyboard(target=at, margin_low=low, margin_high=high, elimination_cutoff=Decimal("0.999999"))
        mtpi_2 = Mtpi2(target=at, epsilon_1=low, epsilon_2=high, elimination_cutoff=Decimal("0.999999"))
        words, compared = {-1: UP, 0: STAY, 1: DOWN}, 0
        for n in range(1, 31):
            for dlt in range(n + 1):
                key, lead = strongest_key(float(at - low), float(at + high), n, dlt)
                found = keyboard.bounds.word(n, dlt)
                assert found is mtpi_2.bounds.word(n, dlt)
                if lead > 1e-9 and found is not OUT:
                    compared += 1
                    assert found is words[key], (n, dlt)
        assert compared > 200

    def test_of_two_equally_strong_keys_the_higher_one_counts(self) -> None:
        # 1 of 2: the posterior is symmetric around 0.5, where the keys 0.4 to 0.5 and 0.5 to 0.6 meet.
        assert spec_of("keyboard", "0.45").bounds.word(2, 1) is DOWN
        assert spec_of("keyboard", "0.55").bounds.word(2, 1) is STAY

    def test_mtpi_2_de_escalates_where_mtpi_stays(self) -> None:
        assert spec_of("mtpi-2", "0.3").bounds.word(6, 3) is DOWN  # Guo et al. 2017

    def test_both_ends_of_the_interval_of_i3_plus_3_are_inside(self) -> None:
        bounds = spec_of("i3+3", "0.25").bounds
        assert bounds.word(15, 3) is STAY  # 0.25 - 0.05 = 3/15
        assert bounds.word(15, 2) is UP
        assert bounds.word(10, 3) is STAY  # 0.25 + 0.05 = 3/10
        assert bounds.word(10, 4) is DOWN  # 3/10 is not below 1/5
        assert bounds.word(3, 1) is STAY  # 1/3 is above 3/10, 0/3 below 1/5

    def test_one_dlt_in_one_eliminates_with_keyboard_and_not_with_boin(self) -> None:
        # P(p > 0.2 | 1 of 1) = 1 - 0.2 ** 2 = 0.96 > 0.95.
        assert spec_of("keyboard", "0.2").bounds.word(1, 1) is OUT
        assert spec_of("mtpi-2", "0.2").bounds.word(1, 1) is OUT
        assert spec_of("boin", "0.2").bounds.word(1, 1) is DOWN
        table = design_of(spec_of("keyboard", "0.2", cohort_size=1)).table(3)
        assert table is not None
        (finding,) = table.findings
        assert finding.startswith(
            "1 DLT in 1 evaluable eliminates a level: at level 1, a single DLT in the first cohort"
        )
        for quiet in (spec_of("keyboard", "0.2"), spec_of("keyboard", "0.25", cohort_size=1)):
            assert design_of(quiet).table(3) == attrs.evolve(design_of(quiet).table(3) or table, findings=())

    def test_a_level_is_eliminated_strictly_above_the_cutoff(self) -> None:
        # P(p > 0.2 | 1 of 1) is 0.96 exactly.
        assert spec_of("keyboard", "0.2", elimination_cutoff=Decimal("0.96")).bounds.word(1, 1) is DOWN
        assert spec_of("keyboard", "0.2", elimination_cutoff=Decimal("0.959")).bounds.word(1, 1) is OUT

    @pytest.mark.parametrize("design", KINDS)
    def test_it_goes_up_to_max_n_or_to_60(self, design: str) -> None:
        assert spec_of(design, "0.3").bounds.most == 60
        assert spec_of(design, "0.3", max_n=24).bounds.most == 24
        assert spec_of(design, "0.3", max_n=72).bounds.most == 72


class TestStoredTable:
    def test_it_is_made_anew_for_other_parameters_only(self) -> None:
        spec = spec_of("boin", "0.3")
        assert attrs.evolve(spec, target=Decimal("0.2")).table == spec_of("boin", "0.2").table
        assert attrs.evolve(spec, max_n=12).table == spec_of("boin", "0.3", max_n=12).table
        assert attrs.evolve(spec, start_level=2, cohort_size=1).table is spec.table
        assert attrs.evolve(spec, target=Decimal("0.30")).table is spec.table  # the same number

    def test_the_text_of_its_parameters_stays(self) -> None:
        """A stored table is kept while this text is the same; a change would make every log compute its table again."""
        spec = spec_of("boin", "0.30", max_n=12, saf=Decimal("0.50"), n_earlystop=6, bound_mtd=True)
        assert spec.bounds.made_for == "boin target=3/10 max_n=12 saf=1/2"
        assert spec_of("i3+3", "0.25").bounds.made_for == "i3+3 target=1/4"

    def test_a_decision_comes_from_the_stored_table_and_not_from_the_formula(self) -> None:
        """A log keeps deciding by the table that it holds, whatever a later version of the formula would make."""
        spec = spec_of("boin", "0.3")
        older = attrs.evolve(spec.bounds, escalate=(-1, -1, -1, *spec.bounds.escalate[3:]))
        stored = attrs.evolve(spec, table=older)
        assert after("1NNN", levels=2, spec=spec).action is Action.ESCALATE
        assert after("1NNN", levels=2, spec=stored).action is Action.EXPAND
        protocol = attrs.evolve(nct06245746(), design=stored)
        name, state = encode(TrialRegistered(protocol=protocol), META)
        assert decode(name, state, strict=True)[0] == TrialRegistered(protocol=protocol)
        assert protocol_from_toml(protocol_to_toml(protocol)) == protocol

    def test_a_file_has_the_parameters_and_not_the_table(self) -> None:
        text = protocol_to_toml(attrs.evolve(nct06245746(), design=spec_of("keyboard", "0.2", max_n=30)))
        design = text[text.index("[design]") :]
        assert "made_for" not in text
        assert 'name = "keyboard"' in design
        assert "target = 0.2" in design

    def test_bounds_that_are_bolder_with_more_dlts_are_refused(self) -> None:
        bounds = spec_of("boin", "0.3", max_n=3).bounds
        with pytest.raises(ProtocolInvalid, match=r"table at 3 evaluable: the bounds .* are not in order"):
            attrs.evolve(bounds, escalate=(0, 0, 3))
        with pytest.raises(ProtocolInvalid, match="needs one bound of each kind"):
            attrs.evolve(bounds, escalate=(0, 0))
        six = spec_of("boin", "0.3", max_n=6)
        short = attrs.evolve(bounds, made_for=six.bounds.made_for)
        with pytest.raises(ProtocolInvalid, match="must have bounds up to 6 evaluable"):
            attrs.evolve(six, table=short)

    def test_a_table_without_the_bounds_of_extra_safety_is_refused(self) -> None:
        """It would switch extra safety off: 2 of 3 at level 1 end the trial by it (0.9163, above 0.90)."""
        safe = spec_of("boin", "0.3", max_n=3, extra_safety=True)
        assert safe.bounds.stop == (2, 3, 2)  # n + 1 below 3 evaluable, where no number of DLTs ends it
        with pytest.raises(ProtocolInvalid, match=r"design.table has no bounds to stop, and extra_safety needs them"):
            attrs.evolve(safe, table=attrs.evolve(safe.bounds, stop=()))

    def test_a_table_with_bounds_that_no_parameter_asks_for_is_refused(self) -> None:
        usual = spec_of("boin", "0.3", max_n=3)
        with pytest.raises(ProtocolInvalid, match=r"design.table has bounds to stop, and no extra_safety: leave them"):
            attrs.evolve(usual, table=attrs.evolve(usual.bounds, stop=(2, 3, 2)))

    def test_extra_safety_of_a_trial_that_is_too_small_for_it_has_no_bounds(self) -> None:
        tiny = spec_of("boin", "0.3", max_n=2, extra_safety=True)  # it applies from 3 evaluable on
        assert tiny.bounds.stop == ()
        assert attrs.evolve(tiny, cohort_size=1).altered is None

    def test_a_file_with_a_table_for_other_parameters_is_refused(self) -> None:
        """A person who wrote those bounds would not be told that others decide."""
        text = (
            'trial = "T1"\ntitle = "x"\nversion = "1"\nlevels = [{level = 1}, {level = 2}]\n[design]\n'
            'name = "boin"\ntarget = 0.3\nmax_n = 3\n[design.table]\nmade_for = "mine"\n'
            "escalate = [0, 0, 0]\nde_escalate = [1, 1, 1]\neliminate = [1, 1, 1]\n"
        )
        with pytest.raises(ProtocolInvalid) as refused:
            protocol_from_toml(text)
        assert "; ".join(refused.value.faults) == (
            "design.table.made_for: this table was made for 'mine', and the parameters are 'boin target=3/10 max_n=3': "
            "leave out [design.table], which is made from them, or use the design table with rows of your own"
        )
        own = text.replace('"mine"', '"boin target=3/10 max_n=3"')
        design = protocol_from_toml(own).design
        assert isinstance(design, IntervalSpec)
        assert design.bounds.eliminate == (1, 1, 1)


class TestWalk:
    def test_published_walks(self, shared: Path) -> None:
        tried: set[str] = set()
        for case in cases(shared, "walks"):
            tried.add(case["design"])
            found = after(case["outcomes"], levels=case["levels"], spec=spec_of(case["design"], case["target"]))
            action = "stay" if found.action is Action.EXPAND else found.action.value
            eliminated = min(found.closed_levels, default=None)
            assert (action, found.level, eliminated) == (case["action"], case["next_level"], case["eliminated_from"]), (
                case
            )
        assert tried == {"boin", "keyboard", "i3+3"}

    @pytest.mark.parametrize(
        ("outcomes", "decision", "slots"),
        [
            ("", Decision.enroll(level=1), 3),
            ("1NN", Decision.enroll(level=1), 3),
            ("1NNNN", Decision.enroll(level=1), 6),  # a cohort that is not complete is filled
            ("1NNT", Decision.expand(level=1), 6),
            ("1NNP", Decision.wait(level=1), 3),
            ("1NNN 2NTT", Decision.de_escalate(to=1), 6),
            ("1NNN 2TTT", Decision.de_escalate(to=1), 6),
            ("1TTT", Decision.none_tolerated(), None),
        ],
    )
    @pytest.mark.parametrize("design", KINDS)
    def test_cohorts(self, design: str, outcomes: str, decision: Decision, slots: int | None) -> None:
        found = after(outcomes, levels=3, spec=spec_of(design, "0.3"))
        assert (found.bare, found.slots) == (decision, slots)
        assert found.because is not None
        assert found.because.code.startswith(f"{design}/")

    def test_a_cohort_of_one_waits_for_its_one_outcome(self) -> None:
        found = after("1P", levels=2, spec=spec_of("keyboard", "0.2", cohort_size=1))
        assert (found.bare, found.slots) == (Decision.wait(level=1), 1)

    @pytest.mark.parametrize("design", KINDS)
    def test_its_own_table_decides_identically(self, design: str) -> None:
        random = Random(7)  # noqa: S311 - the same situations each time, no secret
        for more in ({}, {"max_n": 18}, {"max_n": 17, "n_earlystop": 6}, {"cohort_size": 2, "start_level": 2}):
            spec = spec_of(design, "0.25", **more)
            table = design_of(spec).table(60)
            assert table is not None
            own = TableDesign(
                rows=table.rows,
                target=spec.target,
                cohort_size=spec.cohort_size,
                start_level=spec.start_level,
                max_n=spec.max_n,
                n_earlystop=spec.n_earlystop,
            )
            for _ in range(times(400, least=60)):
                tallies = tuple(drawn(random))
                now = Situation(tallies=tallies, last_level=random.randint(1, len(tallies)))
                one, other = design_of(spec).decide(now), design_of(own).decide(now)
                assert (one.bare, one.slots, one.closed_levels) == (other.bare, other.slots, other.closed_levels), now
                assert design_of(spec).select(now.tallies, ()) == design_of(own).select(now.tallies, ())

    def test_a_trial_that_is_full_stops_with_the_selected_mtd(self) -> None:
        spec = spec_of("boin", "0.3", max_n=8)
        cut = after("1NNN 2NNT", levels=2, spec=spec)
        assert (cut.action, cut.level, cut.slots) == (Action.EXPAND, 2, 5)  # 8 in all
        # By hand: (0 + 0.05)/3.1 = 0.016 and (1 + 0.05)/5.1 = 0.206; 0.206 is nearer to 0.3.
        assert after("1NNN 2NNT 2NN", levels=2, spec=spec).bare == Decision.established(2, bounded_above=False)

    def test_a_level_with_its_number_stops_the_trial_only_where_the_answer_is_stay(self) -> None:
        spec = spec_of("boin", "0.3", n_earlystop=6)
        assert after("1NNT 1NNT", levels=2, spec=spec).action is Action.STOP  # 2 of 6 stays
        assert after("1NNT 1NNN", levels=2, spec=spec).bare == Decision.escalate(to=2)
        assert after("1NNT 1NNN", levels=1, spec=spec).action is Action.STOP  # at the highest level
        assert after("1NNN 2NNN 2TTT", levels=2, spec=spec).bare == Decision.de_escalate(to=1)
        again = after("1NNN 1NNN 2NTT", levels=2, spec=attrs.evolve(spec, n_earlystop=3))
        assert again.bare == Decision.de_escalate(to=1)  # level 1 is full, and treated again

    def test_a_level_with_more_than_its_number_stops_the_trial_as_well(self) -> None:
        # 3 of 9 are between the bounds of 0.236 and 0.358: stay, and 9 are more than the 6 that are asked.
        found = after("1NNTNNTNNT", levels=2, spec=spec_of("boin", "0.3", n_earlystop=6))
        assert found.bare == Decision.established(1, bounded_above=False)

    def test_extra_safety_ends_the_trial_at_level_1(self) -> None:
        # P(p > 0.3 | 2 of 3) = P(at most 2 successes in 4 trials with 0.3) = 0.9163: above 0.90, not above 0.95.
        usual, safe = spec_of("boin", "0.3"), spec_of("boin", "0.3", extra_safety=True)
        assert after("1NTT", levels=2, spec=usual).bare == Decision.expand(level=1)
        found = after("1NTT", levels=2, spec=safe)
        assert (found.bare, found.closed_levels) == (Decision.none_tolerated(), (1, 2))
        assert found.because is not None
        assert found.because.code == "boin/extra-safety"
        assert found.because.text == (
            "level 1 has 2 DLTs in 3 evaluable: the extra safety rule ends the trial, none is tolerated"
        )
        above = after("1NNN 2NTT", levels=2, spec=safe)  # it is of level 1 alone
        assert (above.bare, above.closed_levels) == (Decision.de_escalate(to=1), ())
        assert after("1TT", levels=2, spec=safe).bare == Decision.none_tolerated()  # whatever the third is
        assert after("1TTT", levels=2, spec=safe).because == after("1TTT", levels=2, spec=usual).because

    def test_extra_safety_needs_3_evaluable(self) -> None:
        """The R package BOIN applies it from 3 evaluable on. One slot is open; 2 are treated, and both have a DLT."""
        tallies = (Tally(level=1, evaluable=2, dlts=2), Tally(level=2))
        spec = spec_of("boin", "0.3", extra_safety=True, cohort_size=1)
        found = decide(Situation(tallies=tallies, last_level=1, slots=((1,), ())), design=spec)
        assert (found.bare, found.closed_levels) == (Decision.expand(level=1), ())  # the lowest level: it stays

    def test_extra_safety_counts_more_dlts_than_its_bound(self) -> None:
        """P(p > 0.3 | 1 of 3) = P(at most 1 in 4 trials with 0.3) = 0.6517: above 0.95 - 0.35, so 2 of 3 end it."""
        tallies = (Tally(level=1, evaluable=3, dlts=2), Tally(level=2))
        spec = spec_of("boin", "0.3", extra_safety=True, extra_safety_offset=Decimal("0.35"))
        assert spec.bounds.stop[2] == 1
        assert decide(Situation(tallies=tallies, last_level=1), design=spec).bare == Decision.none_tolerated()

    def test_extra_safety_reads_a_stored_bound_of_one_participant(self) -> None:
        """A log keeps its table, and this one ends the trial with 1 DLT in 1."""
        spec = spec_of("boin", "0.3", extra_safety=True, cohort_size=1, max_n=6)
        stored = attrs.evolve(spec, table=attrs.evolve(spec.bounds, stop=(1, *spec.bounds.stop[1:])))
        assert after("1T", levels=2, spec=spec).action is not Action.STOP
        assert after("1T", levels=2, spec=stored).bare == Decision.none_tolerated()

    def test_extra_safety_needs_somebody_at_level_1(self) -> None:
        """P(p > 0.3 | 0 of 3) = 0.7^4 = 0.24: above 0.95 - 0.9. Nobody has been at level 1, and no place is left."""
        spec = spec_of("boin", "0.3", extra_safety=True, extra_safety_offset=Decimal("0.9"), start_level=2, max_n=3)
        assert spec.bounds.stop[2] == 0
        now = Situation(tallies=(Tally(level=1), Tally(level=2, evaluable=3)), last_level=2)
        assert decide(now, design=spec).bare == Decision.established(2, bounded_above=False)

    @pytest.mark.parametrize("design", KINDS)
    def test_counts_beyond_the_table_are_refused(self, design: str) -> None:
        spec = spec_of(design, "0.3")
        with pytest.raises(TableExceeded, match=r"level 1 has 61 participants .* the decision table ends at 60"):
            after("1" + "N" * 61, levels=2, spec=spec)
        assert after("1" + "NNT" * 20, levels=1, spec=spec).action is Action.STOP  # it has no row for more

    def test_a_log_with_more_participants_is_answered_by_the_last_row(self) -> None:
        tallies = (Tally(level=1, evaluable=61, dlts=61), Tally(level=2))
        found = decide(Situation(tallies=tallies, last_level=1), design=spec_of("keyboard", "0.3"))
        assert found.bare == Decision.none_tolerated()


class TestTheLastCohort:
    """It is cut to fit ``max_n``: a level is eliminated by the slots that there are, and by no others."""

    def test_every_completion_of_the_cut_cohort_eliminates(self) -> None:
        # 8 in all, 6 below: the cohort at level 3 has 2. P(p > 0.1 | 1 of 2) is, by
        # Beta(2, 2), 1 - (3 x 0.1**2 - 2 x 0.1**3) = 0.972, above 0.95; 1 of 3 would be 0.9477.
        found = after("1NNN 2NNN 3T", levels=3, spec=spec_of("keyboard", "0.1", max_n=8))
        assert (found.bare, found.closed_levels) == (Decision.de_escalate(to=2), (3,))

    def test_a_level_is_listed_as_closed_when_the_trial_ends_there(self) -> None:
        # 7 in all: the cohort at level 3 has 1. P(p > 0.2 | 1 of 1) = 1 - 0.2**2 = 0.96.
        found = after("1NNN 2NNN 3T", levels=3, spec=spec_of("keyboard", "0.2", max_n=7))
        assert (found.action, found.closed_levels) == (Action.STOP, (3,))

    def test_places_that_are_left_elsewhere_are_slots_of_the_cohort(self) -> None:
        # 4 in all, and the cohort at level 2 began when 2 were left: it has 2 slots, not 1.
        # P(p > 0.2 | 1 of 2) is, by Beta(2, 2), 1 - (3 x 0.2**2 - 2 x 0.2**3) = 0.896; 1 of 1 would be 0.96.
        tallies = (Tally(level=1, evaluable=2), Tally(level=2, evaluable=2, dlts=1))
        order = ((1, False), (1, False), (2, True), (2, False))
        now = Situation(tallies=tallies, last_level=2, in_order=order)
        found = decide(now, design=spec_of("keyboard", "0.2", max_n=4, cohort_size=2))
        assert (found.action, found.closed_levels) == (Action.STOP, ())

    def test_a_place_that_somebody_holds_is_not_an_outcome(self) -> None:
        """7 in all: 6 are evaluable and 1 is enrolled. With 6 in all, the 6 outcomes are those that were asked for."""
        tallies = (Tally(level=1, evaluable=3, enrolled=1), Tally(level=2, evaluable=3, dlts=1))
        now = Situation(tallies=tallies, last_level=2)
        assert decide(now, design=spec_of("boin", "0.3", max_n=7)).action is Action.WAIT
        assert decide(now, design=spec_of("boin", "0.3", max_n=6)).action is Action.STOP
        assert decide(now, design=spec_of("boin", "0.3", max_n=5)).action is Action.STOP  # people treated one more

    def test_slots_that_there_are_not_eliminate_nothing(self) -> None:
        # 5 in all: the cohort at level 1 has 2, and BOIN eliminates from 3 evaluable on. Level 2 is eliminated:
        # P(p > 0.2 | 2 of 3) = 0.9728. Level 1 alone is left.
        found = after("2NTT 1TT", levels=3, spec=spec_of("boin", "0.2", max_n=5, start_level=2))
        assert found.bare == Decision.established(1, bounded_above=True)
        assert found.closed_levels == (2, 3)


class TestOperatingCharacteristics:
    def test_published_ones_of_boin(self, shared: Path) -> None:
        tried = 0
        for case in cases(shared, "boin_characteristics"):
            tried += 1
            spec = spec_of(
                "boin",
                case["target"],
                cohort_size=case["cohort_size"],
                start_level=case["start"],
                max_n=case["cohorts"] * case["cohort_size"],
                n_earlystop=case["n_earlystop"],
                extra_safety=case["extrasafe"],
                bound_mtd=case["bound_mtd"],
            )
            found = enumerated(spec, [Fraction(p) for p in case["true_p"]])
            assert {name: float(found[name]) for name in case["p_select"]} == pytest.approx(case["p_select"], abs=1e-9)
            assert float(found["n"]) == pytest.approx(case["expected_n"], abs=1e-9)
            assert float(found["dlt"]) == pytest.approx(case["expected_dlt"], abs=1e-9)
        assert tried >= 2


def enumerated(spec: IntervalSpec, rates: list[Fraction]) -> Mapping[str, Fraction]:
    """Follow the design through every outcome of every cohort; give P(select) by level, E(n) and E(DLTs)."""
    design, size = design_of(spec), spec.cohort_size

    @cache
    def follow(counts: tuple[tuple[int, int], ...], last: int | None, lowest: int | None) -> Mapping[str, Fraction]:
        closings = () if lowest is None else (FinalClosing(level=lowest, cause="eliminated"),)
        tallies = tuple(Tally(level=at, evaluable=n, dlts=dlt) for at, (n, dlt) in enumerate(counts, start=1))
        decision = design.decide(Situation(tallies=tallies, last_level=last, final_closings=closings))
        if decision.level is None:
            return {str(decision.mtd.level or "none"): Fraction(1)}
        level = number(decision.level)
        rate, (n, before) = rates[level - 1], counts[level - 1]
        total: defaultdict[str, Fraction] = defaultdict(Fraction)
        for dlts in range(size + 1):
            chance = comb(size, dlts) * rate**dlts * (1 - rate) ** (size - dlts)
            after_it = (*counts[: level - 1], (n + size, before + dlts), *counts[level:])
            closed = min(map(number, decision.closed_levels), default=lowest)
            for name, share in follow(after_it, level, closed).items():
                total[name] += chance * share
            total["n"] += chance * size
            total["dlt"] += chance * dlts
        return total

    return follow(tuple((0, 0) for _ in rates), None, None)


def drawn(random: Random) -> list[Tally]:
    tallies = []
    for level in range(1, random.randint(2, 4)):
        n = random.choice([0, 2, 3, 3, 4, 6, 6, 9])
        tallies.append(Tally(level=level, evaluable=n, dlts=sum(random.random() < 0.3 for _ in range(n))))
    return tallies


class TestSelection:
    def test_published_selections(self, shared: Path) -> None:
        tried = 0
        for case in cases(shared, "boin_selection"):
            spec = spec_of(
                "boin",
                case["target"],
                elimination_cutoff=Decimal(str(case["cutoff_eli"])),
                extra_safety=case["extrasafe"],
                extra_safety_offset=Decimal(str(case["offset"])),
                bound_mtd=case["bound_mtd"],
            )
            tallies = [
                Tally(level=at, evaluable=n, dlts=t)
                for at, (n, t) in enumerate(zip(case["n"], case["dlt"], strict=True), start=1)
            ]
            assert design_of(spec).select(tallies, ()).level == case["expected_mtd"], case
            tried += 1
        assert tried >= 12

    @pytest.mark.parametrize(
        ("tallies", "mtd", "bounded"),
        [
            # By hand, with (y + 0.05)/(n + 0.1): 0.016 and 0.445, distances 0.284 and 0.145, so level 2. Its
            # estimate is above 0.3585, and then it is level 1.
            ("0/3 4/9", 2, 1),
            # 0.338709 is below 0.3585.
            ("0/3 1/3", 2, 2),
            # 0.661 is the only estimate.
            ("2/3 0/0", 1, None),
        ],
    )
    def test_the_estimate_of_a_bounded_mtd_is_below_the_boundary(
        self, tallies: str, mtd: int, bounded: int | None
    ) -> None:
        assert design_of(spec_of("boin", "0.3")).select(tallies_of(tallies), ()).level == mtd
        found = design_of(spec_of("boin", "0.3", bound_mtd=True)).select(tallies_of(tallies), ())
        assert found.level == bounded
        assert bounded or found == Mtd(status=MtdStatus.NONE_TOLERATED)

    def test_extra_safety_counts_in_the_selection_too(self) -> None:
        tallies = tallies_of("2/3 0/3")
        assert design_of(spec_of("boin", "0.3")).select(tallies, ()).level == 2
        safe = design_of(spec_of("boin", "0.3", extra_safety=True))
        assert safe.select(tallies, ()) == Mtd(status=MtdStatus.NONE_TOLERATED)

    def test_a_recorded_elimination_holds_as_well(self) -> None:
        design = design_of(spec_of("i3+3", "0.3"))
        assert design.select(tallies_of("0/3 1/3"), ()) == Mtd.established(2, bounded_above=False)
        assert design.select(tallies_of("0/3 1/3"), (2,)) == Mtd.established(1, bounded_above=True)

    def test_nothing_is_established_where_every_tried_level_is_eliminated(self) -> None:
        design = design_of(spec_of("keyboard", "0.3"))
        assert design.select(tallies_of("0/0 3/3"), ()) == Mtd(status=MtdStatus.NOT_ESTABLISHED)
        assert design.select(tallies_of("0/0 0/0"), ()) == Mtd()

    def test_an_interval_design_is_not_bolder_than_its_table_for_a_candidate(self) -> None:
        design = design_of(spec_of("boin", "0.3"))
        assert design.candidate(Tally(level=1, evaluable=3, dlts=1))
        assert not design.candidate(Tally(level=1, evaluable=3, dlts=2))
        assert not design.candidate(Tally(level=1))


class TestRefused:
    @pytest.mark.parametrize(
        ("design", "more", "fault"),
        [
            ("boin", {"target": Decimal(0)}, "design.target must be between 0 and 1 with at most 15 digits, got 0"),
            ("keyboard", {"target": Decimal(30)}, "design.target must be between 0 and 1"),
            ("mtpi-2", {"target": 0.3}, "design.target must be between 0 and 1 with at most 15 digits, got 0.3"),
            ("boin", {"saf": Decimal(1)}, "design.saf must be between 0 and 1 with at most 15 digits, got 1"),
            ("boin", {"saf": Decimal(0)}, "design.saf must be between 0 and 1 with at most 15 digits, got 0"),
            (
                "boin",
                {"tox": Decimal(1)},
                "design.tox is a multiple of the target and must be above 1, such as 1.4, got 1",
            ),
            (
                "boin",
                {"tox": Decimal("0.42")},
                "design.tox is a multiple of the target and must be above 1, such as 1.4, got 0.42",
            ),
            ("boin", {"target": Decimal("0.8")}, "design.tox is 1.4 of the target, 1.12, and must be below 1"),
            ("boin", {"extra_safety_offset": Decimal(1)}, "design.extra_safety_offset must be between 0 and 0.95"),
            ("keyboard", {"margin_low": Decimal("0.3")}, "design.margin_low must be between 0 and 0.3"),
            ("keyboard", {"margin_high": Decimal("0.7")}, "design.margin_high must be between 0 and 0.7"),
            ("keyboard", {"margin_low": Decimal("-0.05")}, "design.margin_low must be between 0 and 0.3"),
            ("mtpi-2", {"epsilon_1": Decimal(0)}, "design.epsilon_1 must be between 0 and 0.3"),
            ("i3+3", {"epsilon_2": Decimal("0.8")}, "design.epsilon_2 must be between 0 and 0.7"),
            ("i3+3", {"elimination_cutoff": Decimal(1)}, "design.elimination_cutoff must be between 0 and 1"),
            ("i3+3", {"elimination_min_n": 0}, "design.elimination_min_n must be a whole number of at least 1"),
            ("i3+3", {"cohort_size": 0}, "design.cohort_size must be a whole number of at least 1"),
            ("i3+3", {"start_level": 0}, "design.start_level must be a whole number of at least 1"),
            ("boin", {"n_earlystop": 0}, "design.n_earlystop must be a whole number of at least 1"),
            ("boin", {"max_n": 0}, "design.max_n must be a whole number of at least 1"),
            ("boin", {"max_n": 201}, "design.max_n must be at most 200, got 201"),
        ],
    )
    def test_parameters_that_fit_no_design(self, design: str, more: dict[str, Any], fault: str) -> None:
        with pytest.raises(ProtocolInvalid) as refused:
            KINDS[design](**({"target": Decimal("0.3")} | more))
        (only,) = refused.value.faults
        assert only.startswith(fault)

    @pytest.mark.parametrize("design", KINDS)
    def test_a_start_above_the_highest_level(self, design: str) -> None:
        with pytest.raises(ProtocolInvalid, match=r"design.start_level is 4, and there are 3 levels"):
            attrs.evolve(nct06245746(), design=spec_of(design, "0.3", start_level=4))


@pytest.mark.parametrize("design", KINDS)
def test_a_log_under_an_interval_design(design: str) -> None:
    history, on = history_of("1NNN 2NNT 2NNN", protocol=attrs.evolve(nct06245746(), design=spec_of(design, "0.3")))
    state = history.escalation(on=on)
    assert state is not None
    assert (state.decision.action, state.decision.level, state.decision.slots) == (Action.ESCALATE, 3, 3)


def test_a_posterior_probability_is_an_exact_fraction() -> None:
    # By hand, Beta(2, 2): 1 - (3 x**2 - 2 x**3) at 1/5 is 1 - 3/25 + 2/125 = 112/125.
    assert probability_above(Fraction(1, 5), 2)[1] == Fraction(112, 125)
