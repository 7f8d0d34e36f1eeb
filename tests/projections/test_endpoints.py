"""Endpoints of a complete trial: invariance, evidence, summaries, primary endpoints, what-if analyses."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import attrs
import pytest
from blocks import json_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repeating import times

from trialdomain import BloodProduct, BodySite, Draft, History, Status, Value, endpoint_rules, nct06245746
from trialdomain.events.participant import Died, LabRecorded, ParticipantFact, VitalSignRecorded
from trialdomain.events.trial import TrialRegistered
from trialdomain.protocol.endpoints.endpoint import Kind
from trialdomain.reports.endpoints.report import endpoints_report
from trialdomain.reports.endpoints.summaries import DurationSummary, IncidenceSummary, TimeSummary
from trialdomain.testing.patient import OPEN, T0, Patient, at
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.ids import participant_stream, trial_stream

KINDS = {one.id: one.kind for one in nct06245746().endpoints.derived}
SECONDARY = [code for code in KINDS if code.startswith("S")]
CUT_OFF = T0 + timedelta(days=70)
TERMS = ("Sepsis", "Epistaxis", "Febrile neutropenia", "Lung infection", "Nausea")
DAYS = st.integers(-9, 52)
FEW = settings(max_examples=times(500, least=50), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def patients(draw: st.DrawFn) -> Patient:
    """Somebody of whom much is recorded, in whatever order."""
    rules = endpoint_rules(
        platelets=draw(st.sampled_from((50, 25, 20))),
        anc_anchor=draw(st.sampled_from(("first-below", "nadir", "last-below"))),
        fn=draw(st.sampled_from(("ctcae", "idsa"))),
        death=draw(st.sampled_from(("competing", "censor"))),
        prevalent=draw(st.sampled_from(("exclude", "include"))),
    )
    patient = Patient(rules, infusion=draw(st.integers(0, 5)))
    chance = draw(st.randoms(use_true_random=False))
    low = draw(st.integers(0, 30))
    for analyte, values in (("ANC", ("0.1", "0.4", "0.5", "0.9", "2")), ("PLT", ("10", "24", "49", "50", "80"))):
        step = draw(st.sampled_from((1, 2, 3, 6)))
        for day in range(-8, 50, step):
            near = abs(day - low) < 6
            patient.counts(analyte, {day: chance.choice(values[:3] if near else values[2:])})
    for day in draw(st.lists(DAYS, max_size=8)):
        patient.counts("HGB", {day: chance.choice(("60", "79", "80", "100", "< 80", "> 90"))})
        patient.temperature(
            day, chance.choice(("36.8", "38.0", "38.2", "38.4", "39")), chance.choice(("08:00", "20:30"))
        )
    for day in draw(st.lists(DAYS, max_size=4)):
        patient.transfused(day, product=chance.choice(list(BloodProduct)))
        patient.event(chance.choice(TERMS), day, chance.choice((None, day, day + 4)))
        patient.anti_infective(day, chance.choice((None, day + 3)), chance.choice(("J01DH02", "D06AX09", None)))
    match draw(st.integers(0, 6)):
        case 0:
            patient.died(draw(st.integers(1, 50)))
        case 1:
            patient.relapsed(draw(st.integers(1, 50)))
        case 2:
            patient.chemotherapy(draw(st.integers(6, 50)), cycle=2)
        case 3:
            patient.lost(60, last_contact=draw(st.integers(6, 50)))
        case _:
            pass
    return patient


def all_values(
    patient: Patient, facts: Sequence[ParticipantFact] | None = None, on: date = CUT_OFF
) -> dict[str, Value]:
    outcomes = patient.history(facts).endpoints(on=on)
    return {code: outcomes.value(code, "S001") for code in SECONDARY}


def bare(value: Value) -> Value:
    """Leave out where in the log things stand, and how many there were."""
    return attrs.evolve(
        value, evidence=(), examined=0, details={k: v for k, v in value.details.items() if k != "unused"}
    )


def alike(one: dict[str, Value], other: dict[str, Value]) -> bool:
    return {name: bare(value) for name, value in one.items()} == {name: bare(value) for name, value in other.items()}


class TestWhatChangesNothing:
    @FEW
    @given(patients(), st.randoms(use_true_random=False))
    def test_the_order_of_recording(self, patient: Patient, chance: Random) -> None:
        facts = list(patient.facts)
        chance.shuffle(facts)
        assert alike(all_values(patient), all_values(patient, facts))

    @FEW
    @given(patients())
    def test_other_units(self, patient: Patient) -> None:
        assert alike(all_values(patient), all_values(patient, [other_units(fact) for fact in patient.facts]))

    @FEW
    @given(patients())
    def test_a_value_out_of_reach(self, patient: Patient) -> None:
        far = Patient().counts("ANC", {-8: "0.01", 50: "0.01"}).counts("PLT", {-8: "1", 50: "1"})
        far.counts("HGB", {-8: "1", 50: "1"}).counts("WBC", {-8: "0.01", 50: "0.01"})
        assert alike(all_values(patient), all_values(patient, [*patient.facts, *far.facts[4:]]))

    @FEW
    @given(patients(), st.integers(-400, 400))
    def test_all_dates_shifted_but_the_dates(self, patient: Patient, days: int) -> None:
        moved = [shifted(fact, days) for fact in patient.facts]
        later = all_values(patient, moved, on=CUT_OFF + timedelta(days=days))
        assert alike({name: moved_value(value, days) for name, value in all_values(patient).items()}, later)

    @FEW
    @given(patients(), st.integers(0, 200))
    def test_a_correction_that_comes_to_the_same(self, patient: Patient, number: int) -> None:
        facts = patient.facts
        at_fault = number % len(facts)
        wrong = [shifted(fact, -1) if place == at_fault else fact for place, fact in enumerate(facts)]
        stream, trial = participant_stream(OPEN.trial, "S001"), trial_stream(OPEN.trial)
        corrected = Draft(stream=stream, fact=facts[at_fault], corrects=at_fault + 1, reason="slip 12 says otherwise")
        drafts = [Draft(stream=stream, fact=fact) for fact in wrong]
        history = History.of([Draft(stream=trial, fact=TrialRegistered(protocol=patient.protocol)), *drafts, corrected])
        outcomes = history.endpoints(on=CUT_OFF)
        assert alike(all_values(patient), {code: outcomes.value(code, "S001") for code in SECONDARY})

    @FEW
    @given(patients())
    def test_before_the_data_nothing_is_observed(self, patient: Patient) -> None:
        found = all_values(patient, on=T0 - timedelta(days=20))
        assert {value.status for value in found.values()} == {Status.NOT_OBSERVED}


class TestEvidence:
    @pytest.mark.parametrize("prevalent", ["include", "exclude"])
    @pytest.mark.parametrize("died", [False, True])
    def test_what_was_under_way_before_rests_on_what_carries_it_into_the_observation(
        self, prevalent: str, *, died: bool
    ) -> None:
        rules = endpoint_rules(
            platelets=50, anc_anchor="first-below", fn="ctcae", death="competing", prevalent=prevalent
        )
        patient = Patient(rules, infusion=0).counts("ANC", dict.fromkeys(range(-8, 50, 3), "0.1"))
        patient.temperature(-1, "38.4", "08:00").temperature(0, "38.0" if died else "38.4", "08:00")
        if died:
            patient.died(1)
        value = all_values(patient)["S1"]
        carried = [at for at, fact in enumerate(patient.facts, start=2) if isinstance(fact, VitalSignRecorded | Died)]
        assert len(carried) == 2 + died
        assert value.status is (Status.OBSERVED if prevalent == "include" else Status.PREVALENT)
        assert set(carried) <= set(value.evidence)
        again = patient.history([patient.facts[position - 2] for position in value.evidence]).endpoints(on=CUT_OFF)
        assert (again.value("S1", "S001").status, again.value("S1", "S001").value) == (value.status, value.value)

    @FEW
    @given(patients())
    def test_a_value_follows_from_its_evidence_alone(self, patient: Patient) -> None:
        for name, value in all_values(patient).items():
            if value.status is not Status.OBSERVED or value.value is False:
                continue
            of_this = [patient.facts[position - 2] for position in value.evidence]  # position 1 registers the trial
            again = patient.history(of_this).endpoints(on=CUT_OFF).value(name, "S001")
            if KINDS[value.endpoint] is Kind.INCIDENCE:
                assert (again.value, again.on) == (value.value, value.on), name
            else:
                assert again.value == value.value, name


def other_units(fact: ParticipantFact) -> ParticipantFact:
    match fact:
        case LabRecorded(unit="10*9/L"):
            return attrs.evolve(fact, value=fact.value * 1000, unit="/uL")
        case LabRecorded(unit="g/L"):
            return attrs.evolve(fact, value=fact.value / 10, unit="g/dL")
        case VitalSignRecorded(unit="Cel"):
            fahrenheit = Fraction(fact.value) * Fraction(9, 5) + 32
            exact = Decimal(fahrenheit.numerator) / Decimal(fahrenheit.denominator)
            return attrs.evolve(fact, value=exact, unit="[degF]")
        case _:
            return fact


def shifted(fact: Any, days: int) -> Any:  # noqa: ANN401 - a fact of any kind
    """Move every date of a fact."""
    changed = {}
    for field in attrs.fields(type(fact)):
        value = getattr(fact, field.name)
        if isinstance(value, ClinicalTime):
            day = value.first + timedelta(days=days)
            changed[field.name] = ClinicalTime(day.isoformat() + value.text[10:])
    return attrs.evolve(fact, **changed)


def moved_value(value: Value, days: int) -> Value:
    def moved(found: Any) -> Any:  # noqa: ANN401 - whatever a value has
        return found + timedelta(days=days) if isinstance(found, date) else found

    gap = value.details.get("gap")
    details = {name: moved(detail) for name, detail in value.details.items()}
    if isinstance(gap, tuple):
        details["gap"] = tuple(map(moved, gap))
    return attrs.evolve(
        value,
        on=moved(value.on),
        unmeasured_since=moved(value.unmeasured_since),
        first=moved(value.first),
        last=moved(value.last),
        episodes=tuple(attrs.evolve(one, first=moved(one.first), last=moved(one.last)) for one in value.episodes),
        details=details,
    )


class TestSummaries:
    """Four people at level 1: one had two episodes, one had one that goes on, one had none, one is outside."""

    @pytest.fixture
    def history(self) -> History:
        people = (
            Patient().event("Sepsis", 3, 5, grade=4).event("Lung infection", 9, 9),
            Patient().event("Sepsis", 40, grade=4).counts("ANC", {0: "1", 5: "0.1", 8: "1", 9: "1", 10: "1"}),
            Patient().counts("ANC", {0: "1", 5: "0.1"}).died(30),
            Patient(chemotherapy=None),
        )
        drafts = [Draft(stream=trial_stream(OPEN.trial), fact=TrialRegistered(protocol=OPEN))]
        return History.of(
            [
                *drafts,
                *(
                    Draft(stream=participant_stream(OPEN.trial, f"S{number}"), fact=fact)
                    for number, patient in enumerate(people, start=1)
                    for fact in patient.facts
                ),
            ]
        )

    def test_an_incidence(self, history: History) -> None:
        found = history.endpoints(on=CUT_OFF).summary("S4")
        overall, level = found.overall, found.levels[1]
        assert isinstance(overall, IncidenceSummary)
        assert isinstance(level, IncidenceSummary)
        assert (overall.share.n, overall.share.of, level.share.of) == (2, 3, 3)
        assert overall.share.interval is not None
        assert round(overall.share.interval.lower, 4) == 0.0943  # 2 of 3, Clopper-Pearson
        assert overall.counted.statuses == {Status.OBSERVED: 3, Status.OUTSIDE: 1}
        assert overall.counted.ended_early == 1

    def test_a_duration(self, history: History) -> None:
        found = history.endpoints(on=CUT_OFF).summary("S3").overall
        assert isinstance(found, DurationSummary)
        assert (found.spread.number, found.spread.median, found.spread.least, found.spread.most) == (2, 3.5, 3, 4)
        assert (found.of, found.ongoing) == (3, 1)
        assert found.mean_over_all == pytest.approx(7 / 3)

    def test_a_time(self, history: History) -> None:
        found = history.endpoints(on=CUT_OFF).summary("S7").overall
        assert isinstance(found, TimeSummary)
        assert (found.at_risk, found.recovered, found.died, found.censored) == (2, 1, 1, 0)
        assert (found.spread.median, found.curve.median, found.at_window) == (8.0, 8, 0.5)
        assert found.estimator == "Aalen-Johansen"

    def test_a_median_that_is_not_reached_is_null_and_said_so(self) -> None:
        patient = Patient().counts("ANC", {0: "1", 5: "0.1"})
        answer: Any = json_of(endpoints_report(patient.history().endpoints(on=CUT_OFF)))["endpoints"]
        overall = answer["S7"]["overall"]
        assert (overall["estimated_median"], overall["median_reached"], overall["at_risk"]) == (None, False, 1)

    def test_the_json_is_plain(self, history: History) -> None:
        answer = json_of(endpoints_report(history.endpoints(on=CUT_OFF)))["endpoints"]
        assert list(answer) == list(KINDS)
        assert json.loads(json.dumps(answer)) == answer


class TestPrimaryOutcomes:
    def test_adverse_events_within_each_of_the_safety_days(self) -> None:
        patient = Patient().event("Nausea", 10, 12, grade=2).event("Fever", 40, 41, grade=1)
        found = patient.history().endpoints(on=T0 + timedelta(days=400)).value("P1", "S001")
        assert (found.value, found.on) == (True, T0 + timedelta(days=10))
        assert found.details["days_28"] == {
            "any": True,
            "serious": False,
            "events": 1,
            "serious_events": 0,
            "completed": True,
        }
        assert found.details["days_365"]["events"] == 2  # type: ignore[index,call-overload]  # a mapping

    def test_a_dlt_is_of_the_evaluable(self) -> None:
        found = Patient().history().endpoints(on=CUT_OFF).value("P2", "S001")
        assert (found.status, found.because, found.value) == (Status.NOT_OBSERVED, "not-assessed", None)

    def test_the_mtd_is_the_trials(self) -> None:
        endpoints = Patient().history().endpoints(on=CUT_OFF)
        assert endpoints.found.mtd is not None
        assert "P3" not in endpoints.found.values


def test_a_what_if_judges_by_other_rules() -> None:
    patient = Patient().counts("PLT", dict.fromkeys(range(43), "30"))
    history = patient.history()
    assert history.endpoints(on=CUT_OFF).value("S8", "S001").value is True
    other = history.endpoints(on=CUT_OFF, rules=endpoint_rules(platelets=25))
    assert other.value("S8", "S001").value is False


def test_a_body_site_is_kept() -> None:
    patient = Patient().counts("ANC", {10: "0.1"}).temperature(10, "39", "08:00", site=BodySite.AXILLARY)
    found = patient.value("S1")
    entry = next(fact for fact in patient.facts if isinstance(fact, VitalSignRecorded))
    assert (found.value, entry.site, at(10, "08:00")) == (True, BodySite.AXILLARY, entry.measured_at.text)
