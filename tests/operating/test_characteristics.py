"""Exact operating characteristics, against published and checked numbers, and against enumerations of the tests."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from walked import DESIGNS, every_trial, exact_3_plus_3

from trialdomain import Boin, Characteristics, DoseLevel, I3Plus3, RollingSix, ThreePlusThree, characteristics
from trialdomain.operating.characteristics import CharacteristicsInvalid, scenario
from trialdomain.operating.simulated import simulated
from trialdomain.operating.walk import DesignEndless, LevelsUnfit
from trialdomain.protocol.designs import DesignSpec
from trialdomain.reports.operating import characteristics as report
from trialdomain.reports.operating.characteristics import characteristics_report

NINE = 1.5e-9
"""Nine decimals, of numbers that are rounded to as many."""
RATES = ("1/10", "1/4", "2/5")


def shown(found: Mapping[Any, Fraction]) -> dict[str, float]:
    return {str(name): float(chance) for name, chance in found.items()}


def near(expected: object) -> object:
    return pytest.approx(expected, abs=NINE)


class TestChecked:
    """The cases of the shared data: exact enumerations that agree with published packages."""

    def test_whole_cohorts(self, shared: Path) -> None:
        cases = json.loads((shared / "escalation" / "operating_characteristics.json").read_text("utf-8"))
        assert cases
        for case in cases:
            found = characteristics(ThreePlusThree(), true=case["true_p_exact"])
            assert shown(found.p_select) == near(case["p_select"])
            assert shown(found.sizes) == near(case["sample_size_distribution"])
            assert [float(one) for one in found.infused] == near(case["expected_n_per_dose"])
            assert [float(one) for one in found.dlts] == near(case["expected_dlt_per_dose"])
            assert float(found.expected_infused) == near(case["expected_n"])
            assert float(found.expected_dlt) == near(case["expected_dlt"])
            assert float(found.more_than_registered) == near(case["p_more_than_9"])
            assert found.paths == case["n_paths"]
            earlier = characteristics(ThreePlusThree(), true=case["true_p_exact"], sequential=True)
            closing = case["closing_a_dose_at_its_second_dlt"]
            assert float(earlier.expected_infused) == near(closing["expected_n"])
            assert float(earlier.expected_dlt) == near(closing["expected_dlt"])
            assert earlier.p_select == found.p_select

    def test_one_at_a_time(self, shared: Path) -> None:
        data = json.loads((shared / "escalation" / "designs.json").read_text("utf-8"))
        cases = data["three_plus_three_one_at_a_time"]["cases"]
        assert cases
        for case in cases:
            found = characteristics(
                ThreePlusThree(),
                true=case["true_p"],
                not_evaluable=case["not_evaluable"],
                cap=case["cap_infused"],
                sequential=True,
            )
            assert shown(found.p_select) == near(case["p_select"])
            assert shown(found.sizes) == near(case["n_distribution"])
            assert float(found.expected_evaluable) == near(case["expected_evaluable"])
            assert float(found.expected_infused) == near(case["expected_infused"])
            assert float(found.expected_dlt) == near(case["expected_dlt"])
            if case["exact"] is not None:
                assert {name: str(chance) for name, chance in found.p_select.items()} == case["exact"]

    def test_boin(self, shared: Path) -> None:
        data = json.loads((shared / "escalation" / "designs.json").read_text("utf-8"))
        cases = data["boin_characteristics"]["cases"]
        assert cases
        for case in cases:
            spec = Boin(
                target=Decimal(str(case["target"])),
                max_n=case["cohorts"] * case["cohort_size"],
                cohort_size=case["cohort_size"],
                n_earlystop=case["n_earlystop"],
                extra_safety=case["extrasafe"],
                bound_mtd=case["bound_mtd"],
                start_level=case["start"],
            )
            found = characteristics(spec, true=case["true_p"])
            assert shown(found.p_select) == near(case["p_select"])
            assert shown(found.sizes) == near(case["n_distribution"])
            assert [float(one) for one in found.infused] == near(case["expected_n_by_level"])
            assert [float(one) for one in found.dlts] == near(case["expected_dlt_by_level"])
            assert float(found.expected_infused) == near(case["expected_n"])
            assert float(found.expected_dlt) == near(case["expected_dlt"])


def totals(found: Mapping[tuple[str, int], Fraction]) -> tuple[dict[str, Fraction], dict[int, Fraction]]:
    """Add up the probabilities of endings, and those of sizes."""
    endings: dict[str, Fraction] = {}
    sizes: dict[int, Fraction] = {}
    for (name, size), chance in found.items():
        endings[name] = endings.get(name, Fraction(0)) + chance
        sizes[size] = sizes.get(size, Fraction(0)) + chance
    return endings, sizes


def possible(found: Characteristics) -> dict[str, Fraction]:
    return {name: chance for name, chance in found.p_select.items() if chance}


class TestEnumerated:
    """Every trial by itself, without merged states and with the whole text read anew before each group."""

    @pytest.mark.parametrize("group", [1, 3])
    def test_3_plus_3_by_a_rule_that_the_test_has_written(self, group: int) -> None:
        true = [Fraction(rate) for rate in RATES[:2]]
        expected = exact_3_plus_3(true, group=group)
        found = characteristics(ThreePlusThree(), true=true, sequential=group == 1)
        assert possible(found) == {name.removeprefix("mtd "): chance for name, chance in expected.items()}

    @pytest.mark.parametrize("sequential", [False, True])
    @pytest.mark.parametrize("name", DESIGNS)
    def test_of_each_design_with_a_limit_and_replacements(self, name: str, sequential: bool) -> None:
        spec, levels = DESIGNS[name]
        true, lost, cap = [Fraction(rate) for rate in RATES[:levels]], Fraction(1, 5), 7
        expected = every_trial(spec, true, lost=lost, cap=cap, one_at_a_time=sequential)
        found = characteristics(spec, true=true, not_evaluable=lost, cap=cap, sequential=sequential)
        assert (possible(found), dict(found.sizes)) == totals(expected)
        size = sum(chance * n for (_, n), chance in expected.items())
        assert found.expected_infused == size

    @pytest.mark.parametrize("name", [name for name in DESIGNS if "3+3" in name or "BOIN" in name])
    def test_of_a_design_in_whole_cohorts(self, name: str) -> None:
        spec, levels = DESIGNS[name]
        true = [Fraction(rate) for rate in RATES[:levels]]
        # Without a limit of its own: 9 participants are not enough for every trial of 3+3.
        expected = every_trial(spec, true, lost=Fraction(0), cap=9, one_at_a_time=False)
        found = characteristics(spec, true=true, cap=9)
        assert (possible(found), dict(found.sizes)) == totals(expected)


class TestHolds:
    @pytest.mark.parametrize("sequential", [False, True])
    @pytest.mark.parametrize("lost", ["0", "1/3"])
    @pytest.mark.parametrize("name", DESIGNS)
    def test_probabilities_add_up_to_one(self, name: str, lost: str, sequential: bool) -> None:
        spec, levels = DESIGNS[name]
        found = characteristics(spec, true=RATES[:levels], not_evaluable=lost, sequential=sequential)
        assert sum(found.p_select.values()) == 1
        assert sum(found.sizes.values()) + found.beyond == 1
        assert found.beyond < Fraction(1, 10**15)
        mean = sum(size * chance for size, chance in found.sizes.items())
        assert float(found.expected_infused) == pytest.approx(float(mean), abs=1e-9)
        assert found.expected_infused == mean or found.beyond
        assert found.expected_evaluable == found.expected_infused * (1 - found.not_evaluable)

    @pytest.mark.parametrize("sequential", [False, True])
    def test_replacements_do_not_change_what_3_plus_3_selects(self, sequential: bool) -> None:
        # It reads evaluable participants alone. One at a time, each is infused 1 / (1 - P) times on average (Wald).
        without = characteristics(ThreePlusThree(), true=RATES, sequential=sequential)
        found = characteristics(ThreePlusThree(), true=RATES, not_evaluable="1/4", sequential=sequential)
        assert found.p_select == without.p_select
        if sequential:
            assert found.expected_infused == without.expected_infused * Fraction(4, 3)
            assert found.dlts == without.dlts

    def test_a_higher_limit_only_moves_probability_from_what_is_not_established(self) -> None:
        asked: dict[str, Any] = {"true": RATES, "not_evaluable": "1/5", "sequential": True}
        whole = characteristics(ThreePlusThree(), **asked)
        limited = [characteristics(ThreePlusThree(), **asked, cap=cap) for cap in (10, 20, 40)]
        rest = [one.p_select["not_established"] for one in limited]
        assert rest[0] > rest[1] > rest[2] > 0
        for one in limited:
            lost = {name: chance - one.p_select[name] for name, chance in whole.p_select.items()}
            assert all(chance >= 0 for chance in lost.values())
            assert sum(lost.values()) == one.p_select["not_established"]

    @pytest.mark.parametrize("name", DESIGNS)
    def test_without_any_dlt_the_highest_level_is_selected_and_with_dlts_alone_none(self, name: str) -> None:
        spec, levels = DESIGNS[name]
        safe = characteristics(spec, true=[0] * levels)
        assert safe.dlts == (0,) * levels
        assert possible(safe) == {str(levels): 1}
        toxic = characteristics(spec, true=[1] * levels)
        assert toxic.dlts == toxic.infused
        assert possible(toxic) == {"none": 1}

    def test_a_limit_counts_an_answer_that_is_reached_with_its_last_participant(self) -> None:
        # 3+3 with one level and no DLT: an MTD with the 6th participant.
        assert characteristics(ThreePlusThree(), true=["0"], cap=6).p_select["1"] == 1
        assert characteristics(ThreePlusThree(), true=["0"], cap=5).p_select["not_established"] == 1
        assert characteristics(ThreePlusThree(), true=["0"], cap=5, sequential=True).sizes == {5: 1}
        assert characteristics(ThreePlusThree(), true=["0"], cap=5).sizes == {
            3: 1
        }  # no cohort is begun that exceeds it

    def test_nobody_evaluable_is_not_established(self) -> None:
        found = characteristics(ThreePlusThree(), true=["0.1"], not_evaluable=1, cap=9)
        assert found.p_select == {"none": 0, "1": 0, "not_established": 1}
        assert found.sizes == {9: 1}
        assert found.expected_evaluable == 0

    def test_not_established_is_named_where_it_is_possible(self) -> None:
        assert list(characteristics(ThreePlusThree(), true=["0.1"]).p_select) == ["none", "1"]
        assert list(characteristics(ThreePlusThree(), true=["0.1"], cap=99).p_select) == [
            "none",
            "1",
            "not_established",
        ]

    def test_the_levels_of_a_protocol_keep_their_labels(self) -> None:
        ladder = [DoseLevel(level=1, label=-1), DoseLevel(level=2, label="1a")]
        assert list(characteristics(ThreePlusThree(), true=RATES[:2], of_protocol=ladder).p_select) == [
            "none",
            "-1",
            "1a",
        ]


class TestGiven:
    @pytest.mark.parametrize(
        "rate",
        [Fraction(1, 4), Decimal("0.25"), "0.25", "1/4", " 1 / 4 ", "25e-2"],
        ids=["fraction", "decimal", *"abcd"],
    )
    def test_a_probability_in_each_form(self, rate: object) -> None:
        true: list[Any] = [rate, 1]
        assert characteristics(ThreePlusThree(), true=true).true == (Fraction(1, 4), Fraction(1))

    @pytest.mark.parametrize(
        "rate",
        ["1.1", "-0.1", "3/2", "1/0", "x", "", "nan", "inf", "1/-2", 0.1, None, True, Decimal("NaN"), "0." + "1" * 16],
        ids=str,
    )
    def test_what_is_no_probability_is_refused(self, rate: object) -> None:
        wrong: Any = rate
        with pytest.raises(
            CharacteristicsInvalid, match="the true rate of level 2 must be from 0 to 1, as a decimal or a"
        ):
            characteristics(ThreePlusThree(), true=["0.1", wrong])
        with pytest.raises(CharacteristicsInvalid, match="not_evaluable must be from 0 to 1"):
            characteristics(ThreePlusThree(), true=["0.1"], not_evaluable=wrong)

    @pytest.mark.parametrize("cap", [0, -1, 1000, True, "9", 9.0])
    def test_a_limit_is_a_number_of_participants(self, cap: object) -> None:
        wrong: Any = cap
        with pytest.raises(CharacteristicsInvalid, match="cap must be a whole number from 1 to 999 of infused"):
            characteristics(ThreePlusThree(), true=["0.1"], cap=wrong)

    def test_a_trial_in_which_nobody_is_ever_evaluable_needs_a_limit(self) -> None:
        with pytest.raises(CharacteristicsInvalid, match="no trial ends: give a cap as well"):
            characteristics(ThreePlusThree(), true=["0.1"], not_evaluable=1)

    @pytest.mark.parametrize("true", [[], ["0.1"] * 21])
    def test_a_number_of_levels(self, true: Sequence[str]) -> None:
        with pytest.raises(LevelsUnfit):
            characteristics(ThreePlusThree(), true=true)

    def test_as_many_rates_as_the_protocol_has_levels(self) -> None:
        with pytest.raises(CharacteristicsInvalid, match="2 true rates were given for 1 levels: give one for each"):
            characteristics(ThreePlusThree(), true=["0.1", "0.2"], of_protocol=[DoseLevel(level=1)])

    def test_one_rate_alone_is_a_list_of_one(self) -> None:
        assert characteristics(ThreePlusThree(), true="1/4").true == (Fraction(1, 4),)

    def test_a_design_without_a_limit(self) -> None:
        with pytest.raises(DesignEndless, match="give max_n"):
            characteristics(I3Plus3(target=Decimal("0.3")), true=RATES, cap=30)


class TestSimulated:
    @pytest.mark.parametrize("sequential", [False, True])
    @pytest.mark.parametrize("spec", [ThreePlusThree(), RollingSix(), Boin(target=Decimal("0.3"), max_n=12)])
    def test_the_exact_numbers_are_within_five_standard_errors(self, spec: DesignSpec, sequential: bool) -> None:
        asked: dict[str, Any] = {"true": RATES, "not_evaluable": "1/5", "cap": 24, "sequential": sequential}
        found = simulated(scenario(spec, **asked), trials=2000, seed=7)
        exact = characteristics(spec, **asked)
        pairs = [(found.p_select[name], chance) for name, chance in exact.p_select.items()]
        pairs += [*zip(found.infused, exact.infused, strict=True), *zip(found.dlts, exact.dlts, strict=True)]
        pairs += [(found.expected_infused, exact.expected_infused), (found.expected_dlt, exact.expected_dlt)]
        for estimate, expected in pairs:
            assert estimate.standard_error is not None
            assert abs(estimate.value - float(expected)) <= 5 * estimate.standard_error + 1e-3

    def test_standard_errors_are_those_of_the_sample(self) -> None:
        # With rates 0 and 1, a trial of one level treats 3 and ends: every trial is the same.
        found = simulated(scenario(ThreePlusThree(), true=["1"]), trials=10)
        assert (found.expected_infused.value, found.expected_infused.standard_error) == (3, 0)
        assert simulated(scenario(ThreePlusThree(), true=["1"]), trials=1).expected_dlt.standard_error is None
        # A proportion p of N trials has the standard error sqrt(p (1 - p) / (N - 1)).
        some = simulated(scenario(ThreePlusThree(), true=["1/4"]), trials=50, seed=3).p_select["none"]
        assert 0 < some.value < 1
        assert some.standard_error == pytest.approx((some.value * (1 - some.value) / 49) ** 0.5)

    def test_the_same_seed_gives_the_same_trials(self) -> None:
        asked = scenario(ThreePlusThree(), true=RATES, not_evaluable="1/5")
        one, same, other = (simulated(asked, trials=20, seed=seed, sample=20).sample for seed in (4, 4, 5))
        assert one == same != other
        assert len(one) == 20


def test_the_json_has_a_number_and_an_exact_fraction_for_each_result() -> None:
    found = characteristics(ThreePlusThree(), true=["1/10", "3/10"])
    answer: Any = characteristics_report(found).json
    exact = {name: value for name, value in answer.items() if name.endswith("_exact")}
    exact["p_select_exact"] = answer["exact"]
    assert len(exact) == 9
    for name, fractions in exact.items():
        number = answer[name.removesuffix("_exact")]
        if isinstance(fractions, dict):
            assert {key: float(Fraction(one)) for key, one in fractions.items()} == number
        elif isinstance(fractions, list):
            assert [float(Fraction(one)) for one in fractions] == number
        else:
            assert float(Fraction(fractions)) == number
    json.dumps(answer, allow_nan=False)


def test_a_fraction_too_long_to_write_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = characteristics(ThreePlusThree(), true=RATES)
    monkeypatch.setattr(report, "_LONGEST", 10)
    answer = characteristics_report(found).json
    assert answer is not None
    assert answer["expected_n_exact"] is None
    assert isinstance(answer["expected_n"], float)
    assert answer["true_p_exact"] == ["1/10", "1/4", "2/5"]
