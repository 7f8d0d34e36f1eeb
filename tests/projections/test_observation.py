"""The start and the end of the observation, and the analysis set; days are counted from day 0."""

from datetime import timedelta

import pytest

from trialdomain import Flag, Status, Value, WithdrawalScope, endpoint_rules
from trialdomain.events.participant import (
    ChemotherapyStarted,
    Died,
    NewTherapyStarted,
    Relapsed,
    Screened,
    ScreenFailed,
)
from trialdomain.testing.patient import T0, Patient


def observed(value: Value) -> tuple[int, int, str | None]:
    """Give the first and the last day, and what ended it."""
    assert value.first is not None
    assert value.last is not None
    return (value.first - T0).days, (value.last - T0).days, value.ended_by


class TestTheStart:
    def test_the_last_start_of_chemotherapy_on_or_before_the_infusion(self) -> None:
        patient = Patient(chemotherapy=-30, infusion=1).chemotherapy(0, cycle=2)
        assert observed(patient.value("S4"))[0] == 0

    def test_the_day_of_the_infusion_is_on_it(self) -> None:
        assert observed(Patient(infusion=0).value("S4"))[0] == 0

    def test_else_the_first_after_it_which_is_flagged(self) -> None:
        found = Patient(chemotherapy=None, infusion=0).chemotherapy(3).chemotherapy(31, cycle=2).value("S4")
        assert (observed(found), found.flags) == ((3, 30, "next-cycle"), (Flag.INFUSION_FIRST,))

    def test_the_first_part_of_a_cycle_of_which_only_the_giving_was_recorded(self) -> None:
        found = Patient(chemotherapy=None, infusion=6).given(2, 4).given(0, 5).value("S4")
        assert observed(found)[0] == 0

    def test_the_start_and_the_giving_of_a_cycle_are_one(self) -> None:
        assert observed(Patient(infusion=6).given(1, 5).value("S4"))[0] == 0

    def test_a_protocol_may_count_from_the_infusion(self) -> None:
        found = Patient(endpoint_rules(anchor="infusion"), chemotherapy=None, infusion=5).value("S4")
        assert observed(found) == (5, 47, "window")

    def test_a_partial_start_is_the_earliest_day_it_allows_and_flagged(self) -> None:
        patient = Patient(chemotherapy=None, infusion=20).add(ChemotherapyStarted, on="2026-03", regimen="x")
        found = patient.value("S4")
        assert (observed(found)[0], found.flags) == (-1, (Flag.IMPUTED_DATE,))


class TestTheEnd:
    @pytest.mark.parametrize(
        ("story", "end"),
        [
            (lambda p: p, (42, "window")),
            (lambda p: p.died(20), (20, "death")),
            (lambda p: p.died(42), (42, "death")),
            (lambda p: p.died(43), (42, "window")),
            (lambda p: p.withdrew(20), (20, "withdrew")),
            (lambda p: p.withdrew(20, WithdrawalScope.USE_OF_DATA), (20, "withdrew")),
            (lambda p: p.withdrew(20, WithdrawalScope.TREATMENT), (42, "window")),
            (lambda p: p.lost(30, last_contact=20), (20, "lost-to-follow-up")),
            (lambda p: p.completed(20), (20, "completed-follow-up")),
            (lambda p: p.chemotherapy(20, cycle=2), (19, "next-cycle")),
            (lambda p: p.chemotherapy(43, cycle=2), (42, "window")),
            (lambda p: p.relapsed(20), (19, "relapse")),
            (lambda p: p.new_therapy(20), (19, "new-therapy")),
            (lambda p: p.lost(30, last_contact=25).relapsed(20).died(28), (19, "relapse")),
            (lambda p: p.died(20).withdrew(20), (20, "death")),
        ],
    )
    def test_the_earliest_of_everything_that_ends_it(self, story: object, end: tuple[int, str]) -> None:
        assert callable(story)
        assert observed(story(Patient()).value("S4"))[1:] == end

    def test_the_cut_off(self) -> None:
        assert observed(Patient().value("S4", on=20))[1:] == (20, "cut-off")
        assert observed(Patient().value("S4", on=42))[1:] == (42, "window")

    def test_what_comes_after_the_end_does_not_count(self) -> None:
        patient = Patient().counts("PLT", {20: "100", 30: "10"}).event("Sepsis", 30)
        assert patient.value("S8").value is True
        patient.relapsed(25)
        assert (patient.value("S8").status, patient.value("S4").value) == (Status.NOT_OBSERVED, False)

    def test_a_value_after_the_end_confirms_nothing(self) -> None:
        patient = Patient().counts("ANC", {0: "1", 5: "0.1", 10: "1", 11: "1", 12: "1"}).chemotherapy(12, cycle=2)
        found = patient.value("S7")
        assert (found.status, found.because, found.days) == (Status.CENSORED, "next-cycle", 5)

    def test_death_is_a_competing_event_or_a_censoring(self) -> None:
        def found(variant: str) -> tuple[Status, int | None, str | None]:
            value = Patient(endpoint_rules(death=variant)).counts("ANC", {0: "1", 5: "0.1"}).died(20).value("S7")
            return value.status, value.days, value.because

        assert found("competing") == (Status.DIED, 20, "death")
        assert found("censor") == (Status.CENSORED, 20, "death")

    def test_a_partial_death_counts_as_the_latest_day_up_to_the_cut_off(self) -> None:
        patient = Patient().add(Died, on="2026-03")
        assert observed(patient.value("S4", on=100))[1:] == (29, "death")
        assert observed(patient.value("S4", on=10))[1:] == (10, "death")
        assert patient.value("S4").flags == (Flag.IMPUTED_DATE,)

    @pytest.mark.parametrize("kind", [Relapsed, NewTherapyStarted])
    def test_a_partial_relapse_or_therapy_that_covers_the_start_begins_with_it(self, kind: type) -> None:
        patient = Patient().add(kind, on="2026-03", **({"kind": "azacitidine"} if kind is NewTherapyStarted else {}))
        found = patient.counts("PLT", {5: "20"}).value("S8")
        assert (found.status, found.flags) == (Status.NOT_OBSERVED, (Flag.IMPUTED_DATE,))

    def test_one_before_the_start_ends_nothing(self) -> None:
        assert observed(Patient().relapsed(-5).value("S4"))[1:] == (42, "window")

    def test_of_two_deaths_the_earlier_counts_whichever_was_recorded_first(self) -> None:
        one, other = Patient().died(9).died(5), Patient().died(5).died(9)
        assert observed(one.value("S4")) == observed(other.value("S4")) == (0, 5, "death")

    def test_counted_from_the_infusion_the_first_chemotherapy_after_it_is_no_next_cycle(self) -> None:
        patient = Patient(endpoint_rules(anchor="infusion"), chemotherapy=None, infusion=0)
        patient.chemotherapy(3).chemotherapy(3).chemotherapy(31, cycle=2)
        found = patient.value("S4")
        assert (observed(found)[1:], found.evidence) == ((30, "next-cycle"), (4, 5, 7))


class TestTheAnalysisSet:
    def test_no_chemotherapy_is_outside(self) -> None:
        found = Patient(chemotherapy=None).value("S9")
        assert (found.status, found.because) == (Status.OUTSIDE, "no-chemotherapy")

    def test_not_infused_is_outside(self) -> None:
        found = Patient(infusion=None).value("S9")
        assert (found.status, found.because) == (Status.OUTSIDE, "not-infused")

    def test_before_anything_began_nothing_is_observed(self) -> None:
        found = Patient().value("S9", on=-1)
        assert (found.status, found.because) == (Status.NOT_OBSERVED, "nothing-begun")

    def test_whoever_failed_the_screening_is_outside(self) -> None:
        patient = Patient(chemotherapy=None, infusion=None)
        patient.add(Screened, on="2026-03-01").add(ScreenFailed, on="2026-03-01", why="not eligible")
        found = patient.value("S9")
        assert (found.status, found.because) == (Status.OUTSIDE, "left-before")

    def test_an_observation_that_ended_before_it_began_shows_nothing(self) -> None:
        patient = Patient(chemotherapy=None, infusion=-2).withdrew(-1).chemotherapy(0)
        for outcome in ("S4", "S6", "S9", "S12"):
            assert patient.value(outcome).status is Status.NOT_OBSERVED


def test_the_evidence_opens_with_the_start_and_the_infusion() -> None:
    found = Patient().value("S4")
    assert (found.evidence, found.first) == ((4, 5), T0)
    assert found.last == T0 + timedelta(days=42)
