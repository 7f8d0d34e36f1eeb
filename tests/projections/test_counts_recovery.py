"""Severe counts and their recovery: the worked examples of the CIBMTR forms manual, and cases computed by hand.

Expected days are counted by hand from the values of each case; day 0 is the start of chemotherapy.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
import pytest

from trialdomain import BloodProduct, EndpointRules, Flag, MedicationClass, Recovery, Status, endpoint_rules, lab
from trialdomain.events.participant import Transfused
from trialdomain.events.recorded import Meta, Recorded
from trialdomain.protocol.endpoints.parts import RecoveryAnchor
from trialdomain.reports.endpoints.report import value_words
from trialdomain.rules.counts import read_counts
from trialdomain.rules.observation import EndedBy, Observation
from trialdomain.rules.recovery import course_of
from trialdomain.testing.patient import T0, Patient, at
from trialdomain.values.clinical.analyte import Count

CIBMTR = ["10", "35", "30", "25", "10", "15", "19", "23", "25", "40", "50"]
"""Daily platelets from 2008-01-01 (CIBMTR forms manual); day 0 stands for that day."""


def days_below(first: int, last: int, low: str = "10", high: str = "100", until: int = 42) -> dict[int, str]:
    """Daily values: low from one day to another, high before and after."""
    return {day: low if first <= day <= last else high for day in range(until + 1)}


class TestThePublishedExample:
    """CIBMTR: recovery is the first of three consecutive days at least 7 days after the last transfusion."""

    def test_threshold_20_and_a_transfusion_on_the_first_day(self) -> None:
        patient = Patient(endpoint_rules(platelets=20)).counts("PLT", CIBMTR).transfused(0)
        found = patient.value("S9")
        assert (found.status, found.value, found.on) == (Status.OBSERVED, 7, T0 + timedelta(days=7))

    def test_threshold_50_is_censored(self) -> None:
        found = Patient(endpoint_rules(platelets=50)).counts("PLT", CIBMTR).transfused(0).value("S9", on=10)
        assert (found.status, found.value, found.because) == (Status.CENSORED, None, "cut-off")

    def test_six_elapsed_days_do_not_pass_and_seven_do(self) -> None:
        patient = Patient(endpoint_rules(platelets=20)).counts("PLT", CIBMTR).transfused(0, 1)
        assert patient.value("S9").value == 8

    def test_a_transfusion_within_the_run_prevents_it(self) -> None:
        patient = Patient(endpoint_rules(platelets=20)).counts("PLT", CIBMTR).transfused(0, 8)
        assert patient.value("S9", on=10).status is Status.CENSORED

    def test_it_rests_on_the_transfusions_that_held_a_high_value_back_and_on_no_other(self) -> None:
        """Low up to day 9: the transfusion of day 3 holds nothing back. That of day 10 holds back days 10 to 16."""
        low = Patient().counts("PLT", days_below(2, 9))
        rests_on = len(low.value("S9").evidence)
        low.transfused(3)
        assert (low.value("S9").value, len(low.value("S9").evidence)) == (10, rests_on)
        low.transfused(10)
        assert (low.value("S9").value, len(low.value("S9").evidence)) == (17, rests_on + 1)

    def test_red_cells_do_not_hold_platelets_back(self) -> None:
        patient = Patient(endpoint_rules(platelets=20)).counts("PLT", CIBMTR)
        patient.transfused(0, 8, product=BloodProduct.RED_CELLS)
        assert patient.value("S9").value == 1


class TestRecovery:
    def test_three_values_on_different_days_the_first_counts(self) -> None:
        found = Patient().counts("ANC", days_below(8, 17, "0.2", "2")).value("S7")
        assert (found.value, found.details["from_onset"], found.details["severe_on"]) == (
            18,
            10,
            T0 + timedelta(days=8),
        )

    def test_exactly_at_the_threshold_is_recovered_and_a_hair_below_is_not(self) -> None:
        at = Patient().counts("ANC", {0: "2", 5: "0.1", 10: "0.5", 11: "0.5", 12: "0.5"}).value("S7")
        below = Patient().counts("ANC", {0: "2", 5: "0.1", 10: "0.5", 11: "0.499", 12: "0.5"}).value("S7", on=12)
        assert (at.value, below.status) == (10, Status.CENSORED)

    def test_two_values_of_one_day_are_one_the_lowest(self) -> None:
        patient = Patient().counts("ANC", {0: "2", 5: "0.1", 10: "0.6", 11: "0.7", 12: "0.8"})
        patient.counts("ANC", {11: "0.4"})
        assert patient.value("S7", on=12).status is Status.CENSORED

    def test_consecutive_means_measured_and_at_most_seven_days_apart(self) -> None:
        weekly = Patient().counts("ANC", {0: "2", 5: "0.1", 10: "1", 17: "1", 24: "1"})
        slower = Patient().counts("ANC", {0: "2", 5: "0.1", 10: "1", 18: "1", 25: "1"})
        assert weekly.value("S7").value == 10
        assert slower.value("S7").status is Status.CENSORED

    def test_after_a_gap_the_run_begins_anew(self) -> None:
        patient = Patient().counts("ANC", {0: "2", 5: "0.1", 10: "1", 11: "1", 20: "1", 21: "1", 22: "1"})
        assert patient.value("S7").value == 20

    def test_a_later_fall_is_flagged_and_changes_nothing(self) -> None:
        found = Patient().counts("ANC", {**days_below(5, 9, "0.1", "1"), 30: "0.4"}).value("S7")
        assert (found.value, found.flags, found.details["fell_again_on"]) == (
            10,
            (Flag.FELL_AGAIN,),
            T0 + timedelta(days=30),
        )

    def test_presets_choose_after_which_value_recovery_is_looked_for(self) -> None:
        # below on 5 and 6, above 7 to 9, lowest on 10, above 11 to 13, below on 20, above from 21
        low = {5: "0.3", 6: "0.3", 10: "0.1", 20: "0.4"}
        values = {day: low.get(day, "1") for day in range(43)}

        def days(anchor: str) -> object:
            return Patient(endpoint_rules(anc_anchor=anchor)).counts("ANC", values).value("S7").value

        assert (days("first-below"), days("nadir"), days("last-below")) == (7, 11, 21)

    def test_the_preset_1_0_asks_for_more(self) -> None:
        values = {0: "2", 5: "0.1", 10: "0.6", 11: "0.7", 12: "0.8", 13: "1.0", 14: "1.1", 15: "1.2"}
        assert Patient().counts("ANC", values).value("S7").value == 10
        assert Patient(endpoint_rules(anc_recovery="1.0")).counts("ANC", values).value("S7").value == 13

    def test_recovery_may_ask_for_more_than_the_threshold(self) -> None:
        rule = Recovery(threshold=Decimal("0.5"), recovered_from=Decimal("0.75"), consecutive=1)
        patient = Patient(attrs.evolve(EndpointRules(), neutrophils=rule))
        assert patient.counts("ANC", {0: "2", 3: "0.3", 5: "0.6", 9: "0.75"}).value("S7").value == 9


class TestTheEdgeOfTheWindow:
    def test_the_run_begins_on_day_42_and_is_confirmed_after_it(self) -> None:
        patient = Patient().counts("ANC", {**days_below(5, 41, "0.1", "1"), 43: "1", 44: "1"})
        assert patient.value("S7").value == 42

    def test_not_where_the_protocol_says_otherwise(self) -> None:
        rules = attrs.evolve(EndpointRules(), confirm_after_window=False)
        patient = Patient(rules).counts("ANC", {**days_below(5, 41, "0.1", "1"), 43: "1", 44: "1"})
        found = patient.value("S7")
        assert (found.status, found.days, found.flags) == (Status.CENSORED, 41, (Flag.UNCONFIRMED,))

    def test_a_run_from_day_43_is_too_late(self) -> None:
        patient = Patient().counts("ANC", {**days_below(5, 42, "0.1", "1"), 43: "1", 44: "1", 45: "1"})
        found = patient.value("S7")
        assert (found.status, found.days, found.because) == (Status.CENSORED, 42, "window")

    def test_a_confirming_value_comes_at_most_seven_days_after_the_window(self) -> None:
        values = days_below(5, 41, "0.1", "1")
        assert Patient().counts("ANC", {**values, 48: "1", 49: "1"}).value("S7").value == 42
        assert Patient().counts("ANC", {**values, 49: "1", 50: "1"}).value("S7").status is Status.CENSORED

    def test_a_run_of_day_42_that_one_later_value_alone_confirms_is_still_open(self) -> None:
        """High on days 42 and 43, and three are asked: the last value before the run is the low one of day 41."""
        found = Patient().counts("ANC", {**days_below(5, 41, "0.1", "1"), 43: "1"}).value("S7")
        assert (found.status, found.days, found.flags) == (Status.CENSORED, 41, (Flag.UNCONFIRMED,))

    def test_what_comes_after_a_run_that_began_too_late_is_not_looked_at(self) -> None:
        """High on day 43, after the window; the open bound of day 44 ends no run of the window."""
        found = Patient().counts("ANC", {**days_below(5, 42, "0.1", "1"), 43: "1", 44: "> 0.2"}).value("S7")
        assert (found.status, found.days, found.flags) == (Status.CENSORED, 42, ())

    def test_an_unconfirmed_run_is_censored_on_the_last_date_before_it(self) -> None:
        found = Patient().counts("ANC", {0: "2", 5: "0.1", 9: "0.2", 12: "1", 13: "1"}).value("S7", on=13)
        assert (found.status, found.days, found.on, found.flags) == (
            Status.CENSORED,
            9,
            T0 + timedelta(days=9),
            (Flag.UNCONFIRMED,),
        )

    def test_of_a_run_that_a_gap_broke_the_last_part_is_open(self) -> None:
        """Low on day 2, high on 10, 19, 30 and 38, each too far from the one before: the open run is that of day 38."""
        found = Patient().counts("PLT", {2: "20", 10: "60", 19: "60", 30: "60", 38: "60"}).value("S9")
        assert (found.days, found.flags) == (30, (Flag.UNCONFIRMED,))

    def test_a_run_that_began_anew_after_the_window_is_not_open_in_it(self) -> None:
        found = Patient().counts("PLT", {30: "20", 36: "60", 44: "60", 45: "20"}).value("S9")
        assert (found.days, found.flags) == (42, ())

    def test_an_open_run_on_day_0_after_a_severe_baseline(self) -> None:
        found = Patient().counts("ANC", {-4: "0.14", 0: "0.8"}).value("S7", on=3)
        assert (found.days, found.flags) == (0, (Flag.PREVALENT, Flag.UNCONFIRMED))

    @pytest.mark.parametrize(("bound", "recovered"), [("<= 50", 16), ("< 60", 16), (">= 50", 16), (">= 60", 14)])
    def test_a_bound_is_judged_by_what_recovery_asks(self, bound: str, recovered: int) -> None:
        """Recovery asks for 60: "<= 50" is not high enough; ">= 50" leaves it open, which ends the run."""
        rule = Recovery(threshold=Decimal(50), recovered_from=Decimal(60), transfusion_free_days=7)
        patient = Patient(attrs.evolve(EndpointRules(), platelets=rule))
        patient.counts("PLT", {2: "20", 14: "80", 15: bound, 16: "80", 17: "80", 18: "80"})
        assert patient.value("S9").value == recovered

    @pytest.mark.parametrize(
        ("transfused", "recovered"),
        [((), 10), ((10,), 17), ((3,), 10), ((4,), 17), ((11,), 10)],  # 7 days free of transfusions, day 0 included
    )
    def test_where_one_value_is_enough_it_is_not_one_of_the_week_of_a_transfusion(
        self, transfused: tuple[int, ...], recovered: int
    ) -> None:
        rule = Recovery(threshold=Decimal(50), consecutive=1, transfusion_free_days=7)
        patient = Patient(attrs.evolve(EndpointRules(), platelets=rule))
        patient.counts("PLT", {2: "20", 10: "60", 17: "60"}).transfused(*transfused)
        assert patient.value("S9").value == recovered

    def test_a_transfusion_between_two_values_of_a_run_begins_it_anew(self) -> None:
        """Values may be 14 days apart here, so that each is a week after the transfusion of day 11."""
        patient = Patient(attrs.evolve(EndpointRules(), max_gap_days=14))
        patient.counts("PLT", {2: "20", 10: "60", 20: "60", 30: "60", 40: "60"})
        assert patient.value("S9").value == 10
        assert patient.transfused(11).value("S9").value == 20

    def test_a_transfusion_of_which_the_day_was_completed_is_flagged(self) -> None:
        patient = Patient().counts("PLT", {2: "20", 7: "60", 8: "60", 9: "60"})
        patient.add(Transfused, on="2026-03", product=BloodProduct.PLATELETS, units="1")
        assert (patient.value("S9").value, patient.value("S9").flags) == (7, (Flag.IMPUTED_DATE,))


class TestWhoIsAtRisk:
    def test_never_below_without_a_gap(self) -> None:
        patient = Patient().counts("PLT", dict.fromkeys(range(0, 43, 7), "100"))
        assert patient.value("S9").status is Status.NOT_AT_RISK
        assert (patient.value("S8").status, patient.value("S8").value) == (Status.OBSERVED, False)

    @pytest.mark.parametrize("days", [range(8, 43), (*range(21), *range(28, 43)), range(35)])
    def test_a_gap_of_more_than_seven_days_is_no_observation(self, days: Sequence[int]) -> None:
        """From the start to the first value, between two values, from the last value to the end."""
        found = Patient().counts("PLT", dict.fromkeys(days, "100")).value("S8")
        assert (found.status, found.value, found.because) == (Status.NOT_OBSERVED, None, "gap")

    def test_no_measurement_is_never_a_no(self) -> None:
        for outcome in ("S7", "S8", "S9", "S10", "S11"):
            found = Patient().value(outcome)
            assert (found.status, found.value, found.because) == (Status.NOT_OBSERVED, None, "no-measurement")

    def test_whoever_was_below_is_at_risk_and_the_words_name_the_last_result(self) -> None:
        """Below on days 8 and 10, and never measured again: at risk, censored on day 42, the last result 32 days ago.

        Somebody never below, as little measured, is not observed: nothing shows that they were at risk.
        """
        below = Patient().counts("ANC", {8: "0.4", 10: "0.1"}).value("S7", on=60)
        never = Patient().counts("ANC", {10: "1.8"}).value("S7", on=60)
        assert (below.status, below.days, below.because) == (Status.CENSORED, 42, "window")
        assert below.unmeasured_since == T0 + timedelta(days=10)
        assert value_words(below) == f"not by day 42 (window); last result on {T0 + timedelta(days=10)}"
        assert (never.status, never.because, value_words(never)) == (
            Status.NOT_OBSERVED,
            "gap",
            "not observed (gap)",
        )

    @pytest.mark.parametrize(("last", "named"), [(35, False), (34, True)])
    def test_the_last_result_is_named_where_it_is_longer_ago_than_results_may_lie_apart(
        self, last: int, *, named: bool
    ) -> None:
        """42 - 35 = 7 days are allowed, 42 - 34 = 8 are not."""
        found = Patient().counts("ANC", days_below(0, last, "0.1", until=last)).value("S7", on=60)
        assert (found.days, found.unmeasured_since is not None) == (42, named)

    def test_one_value_below_is_enough_whatever_the_gaps(self) -> None:
        found = Patient().counts("PLT", {20: "49.9"}).value("S8")
        assert (found.value, found.on) == (True, T0 + timedelta(days=20))

    def test_exactly_at_the_threshold_is_not_severe(self) -> None:
        patient = Patient().counts("PLT", dict.fromkeys(range(0, 43, 7), "50"))
        assert patient.value("S8").value is False

    @pytest.mark.parametrize(("threshold", "severe"), [(50, True), (25, False), (20, False)])
    def test_presets_of_the_threshold(self, threshold: int, severe: bool) -> None:
        patient = Patient(endpoint_rules(platelets=threshold))
        assert patient.counts("PLT", dict.fromkeys(range(0, 43, 7), "30")).value("S8").value is severe


class TestPrevalence:
    BEFORE = {-2: "30", **dict.fromkeys(range(0, 43, 7), "100")}  # noqa: RUF012 - nobody changes it

    def test_severe_before_the_start_is_out_of_incidence(self) -> None:
        found = Patient().counts("PLT", {-2: "30", **days_below(0, 9, "30")}).value("S8")
        assert (found.status, found.value) == (Status.PREVALENT, None)

    def test_and_in_time_to_recovery(self) -> None:
        found = Patient().counts("PLT", {-2: "30", **days_below(0, 9, "30")}).value("S9")
        assert (found.value, found.flags) == (10, (Flag.PREVALENT,))

    def test_it_may_be_included(self) -> None:
        rules = endpoint_rules(prevalent="include")
        found = Patient(rules).counts("PLT", {-2: "30", **days_below(0, 9, "30")}).value("S8")
        assert (found.value, found.flags) == (True, (Flag.PREVALENT,))

    def test_severe_before_the_start_and_never_measured_since(self) -> None:
        assert Patient().counts("PLT", {-1: "20"}).value("S9").status is Status.NOT_OBSERVED
        assert Patient().counts("PLT", {-1: "20"}).died(4).value("S9").status is Status.DIED

    def test_severe_before_the_start_alone_recovers_from_then(self) -> None:
        assert Patient().counts("PLT", self.BEFORE).value("S9").value == 0

    def test_the_baseline_is_the_last_value_before_the_start(self) -> None:
        found = Patient().counts("PLT", {**self.BEFORE, -1: "100"}).value("S8")
        assert found.value is False

    def test_a_result_that_a_bound_leaves_open_is_no_value(self) -> None:
        """30 two days before the start, and below 60 one day before it: the last value is the 30."""
        values = {**self.BEFORE, -1: "< 60"}
        assert Patient().counts("PLT", values).value("S8").status is Status.PREVALENT

    def test_within_seven_days(self) -> None:
        values = dict.fromkeys(range(0, 43, 7), "100")
        assert Patient().counts("PLT", {-7: "30", **values}).value("S8").status is Status.PREVALENT
        assert Patient().counts("PLT", {-8: "30", **values}).value("S8").value is False


class TestUnitsAndBounds:
    def test_units_mix_after_exact_conversion(self) -> None:
        patient = Patient().counts("ANC", {0: "2000", 5: "499"}, unit="/uL")
        patient.counts("ANC", {10: "500"}, unit="10*6/L").counts("ANC", {11: "0.5"}).counts(
            "ANC", {12: "0.6"}, "10*3/uL"
        )
        assert patient.value("S7").value == 10

    @pytest.mark.parametrize(
        ("value", "unit", "severe"),
        [
            ("80", "g/L", False),
            ("79.9", "g/L", True),
            ("8.0", "g/dL", False),
            ("7.99", "g/dL", True),
            ("4.9", "mmol/L", False),
            ("4.89", "mmol/L", True),
            ("4.95", "mmol/L", False),  # 79.8 g/L, were it converted: mmol/L has a threshold of its own
        ],
    )
    def test_hemoglobin_has_a_threshold_in_each_unit(self, value: str, unit: str, severe: bool) -> None:
        patient = Patient().counts("HGB", dict.fromkeys(range(0, 43, 7), value), unit=unit)
        assert patient.value("S10").value is severe

    def test_a_result_without_a_unit_is_not_used_and_listed(self) -> None:
        patient = Patient().counts("PLT", dict.fromkeys(range(0, 43, 7), "100"))
        patient.facts.append(lab("PLT", "10", None, collected_at=at(20)))
        found = patient.value("S8")
        assert (found.value, found.flags, found.details["unused"]) == (False, (Flag.UNUSED_RESULTS,), (13,))

    @pytest.mark.parametrize(
        ("result", "status", "severe"),
        [
            ("< 50", Status.OBSERVED, True),
            ("<= 49", Status.OBSERVED, True),
            ("<= 50", Status.NOT_OBSERVED, None),
            ("< 60", Status.NOT_OBSERVED, None),
            ("> 50", Status.OBSERVED, False),
            (">= 50", Status.OBSERVED, False),
            ("> 40", Status.NOT_OBSERVED, None),
        ],
    )
    def test_a_bound_decides_where_it_can(self, result: str, status: Status, severe: bool | None) -> None:
        found = Patient().counts("PLT", dict.fromkeys(range(0, 43, 7), result)).value("S8")
        assert (found.status, found.value) == (status, severe)

    def test_leukocytes_stand_in_for_missing_neutrophils(self) -> None:
        patient = Patient().counts("WBC", {5: "0.4"}).counts("ANC", {0: "2", 10: "1", 11: "1", 12: "1"})
        found = patient.value("S7")
        assert (found.value, found.details["severe_on"], found.flags) == (
            10,
            T0 + timedelta(days=5),
            (Flag.FROM_LEUKOCYTES,),
        )

    def test_not_on_a_day_with_neutrophils_and_never_for_recovery(self) -> None:
        patient = Patient().counts("ANC", days_below(5, 9, "0.1", "1")).counts("WBC", {20: "0.3"})
        assert Flag.FELL_AGAIN not in patient.value("S7").flags
        only = Patient().counts("ANC", {0: "2", 5: "0.1"}).counts("WBC", {10: "3", 11: "3", 12: "3"})
        assert only.value("S7", on=12).status is Status.CENSORED

    def test_sdtm_codes_mean_the_same(self) -> None:
        patient = Patient().counts("PLAT", {20: "30"}, "10*9/L").counts("NEUT", {20: "0.1"}, "10*9/L")
        assert (patient.value("S8").value, patient.value("S7").status) == (True, Status.CENSORED)


class TestConfounders:
    def test_g_csf_stands_beside_neutrophils_and_the_receptor_agonist_beside_platelets(self) -> None:
        patient = Patient().counts("ANC", days_below(5, 9, "0.1", "1")).counts("PLT", days_below(5, 9))
        patient.medication(MedicationClass.G_CSF, 6, 8).medication(MedicationClass.TPO_RECEPTOR_AGONIST, 40)
        assert patient.value("S7").flags == (Flag.G_CSF,)
        assert patient.value("S9").flags == (Flag.TPO_RECEPTOR_AGONIST,)

    def test_outside_the_window_it_does_not(self) -> None:
        patient = Patient().counts("ANC", days_below(5, 9, "0.1", "1")).medication(MedicationClass.G_CSF, 43)
        assert patient.value("S7").flags == ()


class TestEpisodes:
    """Durations of neutropenia as two published tools count them, on data worked out by hand."""

    def test_an_episode_goes_on_until_three_values_in_a_row(self) -> None:
        """As automated ICAHT grading joins what lies at most two days apart: below on 3 to 6, 9 and 10, above since."""
        low = {3, 4, 5, 6, 9, 10}
        values = {day: "0.2" if day in low else "1" for day in range(43)}
        found = Patient().counts("ANC", values).value("S7")
        assert ([one.days for one in found.episodes], found.details["longest"]) == ([8], 8)

    def test_three_values_in_a_row_part_two_episodes(self) -> None:
        low = {3, 4, 5, 6, 10, 11}
        values = {day: "0.2" if day in low else "1" for day in range(43)}
        found = Patient().counts("ANC", values).value("S7")
        assert ([one.days for one in found.episodes], found.details["longest"]) == ([4, 2], 4)

    def test_from_the_first_value_below_to_the_first_that_is_high_enough(self) -> None:
        """As allMT counts weeks from ANC 0.5 to 0.75: from day 7 to day 21, and from day 28 to day 35."""
        rule = Recovery(threshold=Decimal("0.5"), recovered_from=Decimal("0.75"), consecutive=1)
        patient = Patient(attrs.evolve(EndpointRules(), neutrophils=rule))
        values = {0: "1.5", 7: "0.4", 14: "0.6", 21: "0.9", 28: "0.3", 35: "0.8", 42: "1"}
        assert [one.days for one in patient.counts("ANC", values).value("S7").episodes] == [14, 7]

    def test_an_episode_under_way_ends_with_the_observation(self) -> None:
        (episode,) = Patient().counts("ANC", days_below(30, 42, "0.1", "1")).value("S7").episodes
        assert (episode.days, episode.ongoing) == (13, True)


class TestTheCourse:
    """The course of neutrophils by itself, with leukocytes in their place on one day."""

    def test_a_recovery_is_confirmed_and_rests_on_neutrophils_alone(self) -> None:
        results = [
            lab("WBC", "0.4", "10*9/L", collected_at=at(5)),
            *(lab("ANC", "1", "10*9/L", collected_at=at(number)) for number in (10, 11, 12)),
        ]
        meta = Meta(recorded_at=datetime(2026, 9, 1, tzinfo=UTC), user="u", command="c", part=1, parts=1)
        entries = [
            Recorded(trial="T", position=position, stream="s", version=position, meta=meta, fact=fact)
            for position, fact in enumerate(results, start=1)
        ]
        last = T0 + timedelta(days=42)
        frame = Observation(
            start=T0,
            window_last=last,
            end=last,
            ended_by=EndedBy.WINDOW,
            ended_position=None,
            confirmed_until=last + timedelta(days=7),
            opened_by=(),
            infusion_first=False,
            imputed=False,
        )
        rules = EndpointRules()
        days = read_counts(entries, first=T0, last=last, rules=rules)[Count.NEUTROPHILS].days
        course = course_of(days, [], rule=rules.neutrophils, frame=frame, rules=rules)
        assert course.recovered is not None
        assert (course.unconfirmed, course.recovered.unconfirmed) == (False, False)
        assert course.anchor is not None
        assert [one.derived for one in (course.anchor, *course.recovered.run)] == [True, False, False, False]


def test_every_anchor_has_a_preset() -> None:
    anchors = [endpoint_rules(anc_anchor=anchor.value).neutrophils.anchor for anchor in RecoveryAnchor]
    assert anchors == list(RecoveryAnchor)
