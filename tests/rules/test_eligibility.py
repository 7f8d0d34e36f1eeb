"""The 40 criteria, each with its boundary. Expected answers: the registry entry, read criterion by criterion."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import attrs
import pytest

from trialdomain import Attestation, ClinicalTime, Finding, Gate, nct06245746
from trialdomain.events.participant import (
    ChemotherapyStarted,
    ConcomitantMedicationGiven,
    Consented,
    CriteriaAnswered,
    ParticipantFact,
    Screened,
    Signer,
)
from trialdomain.protocol.criteria import Answer, Comparison, Criterion, CriterionKind, FactTest
from trialdomain.protocol.made_up import eligible
from trialdomain.rules.eligibility import Known, assess, contradictions, unmet
from trialdomain.rules.known_facts import known_of
from trialdomain.values.calendar import months_before
from trialdomain.values.clinical.screening import CriterionStatus
from trialdomain.values.clinical.treatment import MedicationClass

PROTOCOL = nct06245746()
DAY = date(2026, 8, 31)
MET, UNMET, NOT_ANSWERED = CriterionStatus.MET, CriterionStatus.UNMET, CriterionStatus.NOT_ANSWERED
CONSENT = Consented(
    signed_on=ClinicalTime.of(DAY), signer=Signer.PARTICIPANT, form_version="1", protocol_version="registry", age=42
)


def screened(*changed: Finding | Attestation, without: str | None = None) -> Screened:
    """Give a screening that meets everything, but for what is changed or left out."""
    findings, attestations = eligible(PROTOCOL, on=DAY)
    by_name = {one.name: one for one in findings} | {one.name: one for one in changed if isinstance(one, Finding)}
    by_id = {one.criterion: one for one in attestations}
    by_id |= {one.criterion: one for one in changed if isinstance(one, Attestation)}
    return Screened(
        on=ClinicalTime.of(DAY),
        findings=tuple(one for name, one in by_name.items() if name != without),
        attestations=tuple(one for id_, one in by_id.items() if id_ != without),
    )


def status(criterion: str, *facts: ParticipantFact, gate: Gate = Gate.SCREENING, on: date = DAY) -> CriterionStatus:
    known = known_of(facts, PROTOCOL, gate=gate, on=on)
    return next(one.status for one in assess(known, PROTOCOL, gate=gate) if one.criterion == criterion)


def number(name: str, value: str, unit: str | None = None, *, limit: str | None = None) -> Finding:
    upper = None if limit is None else Decimal(limit)
    return Finding(name=name, number=Decimal(value), unit=unit, upper_limit=upper, on=ClinicalTime.of(DAY))


def words(name: str, value: str) -> Finding:
    return Finding(name=name, words=value)


def so(name: str, *, yes: bool = True) -> Finding:
    return Finding(name=name, yes=yes)


def dated(name: str, text: str) -> Finding:
    return Finding(name=name, date=ClinicalTime(text))


def attested(criterion: str, *, answer: bool) -> Attestation:
    return Attestation(criterion=criterion, answer=answer)


def test_made_up_answers_meet_every_criterion_of_the_screening() -> None:
    known = known_of([CONSENT, screened()], PROTOCOL, gate=Gate.SCREENING, on=DAY)
    assessment = assess(known, PROTOCOL, gate=Gate.SCREENING)
    assert len(assessment) == 40
    assert unmet(assessment) == []
    assert [one.criterion for one in assessment if one.status is CriterionStatus.NOT_DUE] == ["I5", "E15"]


def test_without_any_answer_nothing_is_met_and_all_is_reported_at_once() -> None:
    known = known_of([], PROTOCOL, gate=Gate.SCREENING, on=DAY)
    reported = {one.criterion: one.status for one in unmet(assess(known, PROTOCOL, gate=Gate.SCREENING))}
    assert len(reported) == 38
    assert reported.pop("I3") is UNMET  # nobody signed: that is known
    assert reported.pop("E22") is UNMET
    assert set(reported.values()) == {NOT_ANSWERED}


@pytest.mark.parametrize(
    ("criterion", "finding", "expected"),
    [
        ("I2", words("diagnosis", "ALL"), UNMET),
        ("I2", so("is_apl"), UNMET),
        ("I2", words("classification", "who 2022"), MET),
        ("I2", words("remission", "CR2"), UNMET),
        ("I4", words("sex", "F"), MET),
        ("I7a", number("spo2", "95", "%"), MET),
        ("I7a", number("spo2", "94.9", "%"), UNMET),
        ("I7a", number("spo2", "0.95", "1"), MET),
        ("I7a", number("spo2", "95"), NOT_ANSWERED),  # no unit
        ("I7b", number("lvef", "45", "%"), MET),
        ("I7b", number("lvef", "44.9", "%"), UNMET),
        ("I7c1", number("alt", "100", limit="40"), MET),  # exactly 2.5 times passes
        ("I7c1", number("alt", "100.1", limit="40"), UNMET),
        ("I7c1", number("ast", "101", limit="40"), UNMET),  # both are asked
        ("I7c1", number("ast", "101"), NOT_ANSWERED),  # no limit of normal
        ("I7c2", number("bilirubin", "1.8", limit="1.2"), MET),
        ("I7c2", number("bilirubin", "1.81", limit="1.2"), UNMET),
        ("I7d", number("creatinine", "1.5", limit="1.0"), MET),
        ("I7d", number("creatinine", "1.51", limit="1.0"), UNMET),
        ("I8a", dated("last_anticancer_therapy", "2026-08-17"), MET),  # 14 days pass
        ("I8a", dated("last_anticancer_therapy", "2026-08-18"), UNMET),
        ("I8a", dated("last_anticancer_therapy", "2026-08"), UNMET),  # a partial date excludes rather than includes
        ("I8b", number("worst_unresolved_toxicity", "1"), MET),
        ("I8b", number("worst_unresolved_toxicity", "2"), UNMET),
        ("E2", words("aml_type", "secondary"), UNMET),
        ("E2", words("aml_type", "de novo"), MET),
        ("E4", so("radiation_pelvis"), UNMET),
        ("E4", so("radiation_sternum"), UNMET),
        ("E9", so("hcv_active"), UNMET),
        ("E10", so("hiv"), UNMET),
        ("E11", so("syphilis"), UNMET),
        ("E12a", dated("last_immunosuppressant", "2026-02-28"), MET),  # 6 calendar months, clipped to the month's end
        ("E12a", dated("last_immunosuppressant", "2026-03-01"), UNMET),
        ("E12b", dated("last_transplantation", "2026-02-28"), MET),
        ("E12b", dated("last_transplantation", "2026-03"), UNMET),
        ("E13", dated("last_trial", "2026-07-20"), MET),  # 42 days pass
        ("E13", dated("last_trial", "2026-07-21"), UNMET),
        ("E18", so("pregnant"), UNMET),
        ("E18", so("breast_feeding"), UNMET),
        ("I1", number("age", "61"), MET),  # the age at consent stands over what was typed
        ("E21", dated("last_other_malignancy", "2023-08-31"), MET),  # 3 calendar years
        ("E21", dated("last_other_malignancy", "2023-09-01"), UNMET),
    ],
)
def test_facts_decide_at_the_boundary(criterion: str, finding: Finding, expected: CriterionStatus) -> None:
    assert status(criterion, CONSENT, screened(finding)) is expected


@pytest.mark.parametrize(("age", "expected"), [(17, UNMET), (18, MET), (60, MET), (61, UNMET), (None, NOT_ANSWERED)])
def test_age_is_in_completed_years_at_consent(age: int | None, expected: CriterionStatus) -> None:
    assert status("I1", attrs.evolve(CONSENT, age=age), screened()) is expected


@pytest.mark.parametrize("criterion", [c.id for c in PROTOCOL.criteria if c.answer.value == "attestation"])
def test_attested_criteria_need_somebodys_word(criterion: str) -> None:
    inclusion = criterion.startswith("I")
    wrong = Attestation(criterion=criterion, answer=not inclusion)
    assert status(criterion, CONSENT, screened(without=criterion)) is NOT_ANSWERED
    assert status(criterion, CONSENT, screened(attested(criterion, answer=inclusion))) is MET
    expected = NOT_ANSWERED if criterion == "E25" else UNMET  # E25 must say why
    assert status(criterion, CONSENT, screened(wrong)) is expected


class TestEither:
    def test_the_fact_decides_when_it_is_recorded(self) -> None:
        assert status("E10", CONSENT, screened(so("hiv"), attested("E10", answer=False))) is UNMET

    def test_somebodys_word_decides_otherwise(self) -> None:
        assert status("E10", CONSENT, screened(attested("E10", answer=True), without="hiv")) is UNMET
        assert status("E10", CONSENT, screened(attested("E10", answer=False), without="hiv")) is MET

    def test_one_of_two_facts_that_excludes_is_enough(self) -> None:
        assert status("E9", CONSENT, screened(so("hbv_active"), without="hcv_active")) is UNMET

    def test_one_of_two_facts_that_does_not_is_not(self) -> None:
        facts = attrs.evolve(screened(without="hcv_active"), attestations=())
        assert status("E9", CONSENT, facts) is NOT_ANSWERED


@pytest.mark.parametrize("sex", ["f", "F", " F "])
def test_pregnancy_excludes_women_however_their_sex_is_written(sex: str) -> None:
    assert status("E18", CONSENT, screened(words("sex", sex), so("pregnant"))) is UNMET


@pytest.mark.parametrize("sex", ["unknown", "U", ""])
def test_pregnancy_is_asked_of_whoever_is_not_known_to_be_a_man(sex: str) -> None:
    answered = () if sex == "" else (words("sex", sex),)
    without = "sex" if sex == "" else None
    assert status("E18", CONSENT, screened(*answered, so("pregnant"), without=without)) is UNMET


def test_pregnancy_does_not_apply_to_men() -> None:
    facts = attrs.evolve(screened(words("sex", "M"), without="pregnant"), attestations=())
    assert status("E18", CONSENT, facts) is MET


class TestConsent:
    def test_signed_after_the_screening_is_none(self) -> None:
        late = attrs.evolve(CONSENT, signed_on=ClinicalTime("2026-09-01"))
        assert status("I3", late, screened()) is UNMET
        assert status("E22", late, screened()) is UNMET

    def test_signed_before_it_is_one(self) -> None:
        assert status("I3", CONSENT, screened()) is MET
        assert status("E22", CONSENT, screened()) is MET


class TestValidity:
    @pytest.mark.parametrize(("on", "expected"), [(date(2026, 9, 28), MET), (date(2026, 9, 29), NOT_ANSWERED)])
    def test_laboratory_values_are_valid_28_days(self, on: date, expected: CriterionStatus) -> None:
        for criterion in ("I7c1", "I7c2", "I7d"):
            assert status(criterion, CONSENT, screened(), on=on) is expected

    def test_other_findings_do_not_expire(self) -> None:
        assert status("I7b", CONSENT, screened(), on=date(2027, 8, 31)) is MET

    def test_dated_criteria_are_judged_again_on_the_day_of_enrollment(self) -> None:
        facts = screened(dated("last_anticancer_therapy", "2026-08-25"))
        assert status("I8a", CONSENT, facts, on=DAY) is UNMET
        assert status("I8a", CONSENT, facts, on=date(2026, 9, 8)) is MET


class TestLaterGates:
    @pytest.mark.parametrize(("ecog", "expected"), [(0, MET), (2, MET), (3, UNMET)])
    def test_performance_status_on_the_day_chemotherapy_starts(self, ecog: int, expected: CriterionStatus) -> None:
        started = ChemotherapyStarted(on=ClinicalTime.of(DAY), regimen="HiDAC", ecog=ecog)
        assert status("I5", CONSENT, started, gate=Gate.CHEMOTHERAPY) is expected

    def test_performance_after_that_day_does_not_count(self) -> None:
        started = ChemotherapyStarted(on=ClinicalTime.of(DAY), regimen="HiDAC", ecog=3)
        better = Finding(name="ecog", number=Decimal(1), on=ClinicalTime("2026-09-05"))
        answered = CriteriaAnswered(gate=Gate.CHEMOTHERAPY, on=ClinicalTime("2026-09-05"), findings=(better,))
        assert status("I5", CONSENT, started, answered, gate=Gate.CHEMOTHERAPY) is UNMET

    @pytest.mark.parametrize(
        ("assessed_on", "expected"), [("2026-08-30", UNMET), ("2026-08-31", UNMET), ("2026-09-01", NOT_ANSWERED)]
    )
    def test_performance_up_to_that_day_counts(self, assessed_on: str, expected: CriterionStatus) -> None:
        started = ChemotherapyStarted(on=ClinicalTime.of(DAY), regimen="HiDAC")
        finding = Finding(name="ecog", number=Decimal(3), on=ClinicalTime(assessed_on))
        answered = CriteriaAnswered(gate=Gate.CHEMOTHERAPY, on=ClinicalTime("2026-09-05"), findings=(finding,))
        assert status("I5", CONSENT, started, answered, gate=Gate.CHEMOTHERAPY) is expected

    @pytest.mark.parametrize(
        ("on", "expected"),
        [("2026-08-31", MET), ("2026-08", MET), ("2026-07", NOT_ANSWERED), ("2026-09", NOT_ANSWERED)],
    )
    def test_an_answer_of_a_month_may_be_of_the_day_of_the_infusion(self, on: str, expected: CriterionStatus) -> None:
        said = (attested("E15", answer=False),)
        answered = CriteriaAnswered(gate=Gate.INFUSION, on=ClinicalTime(on), attestations=said)
        assert status("E15", CONSENT, answered, gate=Gate.INFUSION) is expected

    def test_it_may_be_of_any_day_of_the_month(self) -> None:
        said = (attested("E15", answer=False),)
        answered = CriteriaAnswered(gate=Gate.INFUSION, on=ClinicalTime("2026-08"), attestations=said)
        for on in (date(2026, 8, 1), date(2026, 8, 15)):
            assert status("E15", CONSENT, answered, gate=Gate.INFUSION, on=on) is MET

    def test_the_performance_status_is_the_latest_by_its_day_and_not_the_last_recorded(self) -> None:
        """3 on 20 August, recorded after 1 on 30 August; one without a day counts as the earliest."""
        told = [("1", "2026-08-30"), ("3", "2026-08-20"), ("4", None)]
        findings = tuple(
            Finding(name="ecog", number=Decimal(grade), on=None if on is None else ClinicalTime(on))
            for grade, on in told
        )
        answered = CriteriaAnswered(gate=Gate.CHEMOTHERAPY, on=ClinicalTime.of(DAY), findings=findings)
        started = ChemotherapyStarted(on=ClinicalTime.of(DAY), regimen="HiDAC")
        for facts in ((answered,), (answered, started)):
            assert status("I5", CONSENT, *facts, gate=Gate.CHEMOTHERAPY) is MET

    @pytest.mark.parametrize("name", ["alt", "spo2"])
    def test_any_other_finding_is_the_one_recorded_last(self, name: str) -> None:
        """A value of 40 of 20 August replaces one of 30 August that was answered before it."""
        told = [("50", "2026-08-30"), ("40", "2026-08-20")]
        findings = tuple(Finding(name=name, number=Decimal(value), on=ClinicalTime(on)) for value, on in told)
        answered = CriteriaAnswered(gate=Gate.CHEMOTHERAPY, on=ClinicalTime.of(DAY), findings=findings)
        known = known_of([CONSENT, answered], PROTOCOL, gate=Gate.CHEMOTHERAPY, on=DAY)
        assert known.findings[name].number == 40

    def test_an_inhibitor_of_cell_division_on_the_infusion_day(self) -> None:
        given: Callable[..., ConcomitantMedicationGiven] = lambda agent, to: ConcomitantMedicationGiven(  # noqa: E731 - local
            agent=agent,
            medication_class=MedicationClass.CELL_DIVISION_INHIBITOR,
            route="oral",
            started_on=ClinicalTime("2026-08-01"),
            ended_on=to,
        )
        answered = CriteriaAnswered(
            gate=Gate.INFUSION, on=ClinicalTime.of(DAY), attestations=(attested("E15", answer=False),)
        )
        infusion = Gate.INFUSION
        assert status("E15", CONSENT, answered, gate=infusion) is MET
        assert status("E15", CONSENT, answered, given("hydroxyurea", None), gate=infusion) is UNMET
        assert status("E15", CONSENT, answered, given("low-dose cytarabine", None), gate=infusion) is UNMET
        assert status("E15", CONSENT, answered, given("Cytarabine", None), gate=infusion) is MET
        assert status("E15", CONSENT, answered, given("hydroxyurea", ClinicalTime("2026-08-30")), gate=infusion) is MET
        for ended in ("2026-08-31", "2026-09-01"):
            covers = given("hydroxyurea", ClinicalTime(ended))
            assert status("E15", CONSENT, answered, covers, gate=infusion) is UNMET

    def test_the_answer_for_the_infusion_is_given_on_its_day(self) -> None:
        answered = CriteriaAnswered(
            gate=Gate.INFUSION, on=ClinicalTime("2026-08-30"), attestations=(attested("E15", answer=False),)
        )
        assert status("E15", CONSENT, answered, screened(), gate=Gate.INFUSION) is NOT_ANSWERED

    @pytest.mark.parametrize("gate", [Gate.CHEMOTHERAPY, Gate.INFUSION])
    def test_what_an_earlier_gate_asks_is_asked_again_later(self, gate: Gate) -> None:
        """Once chemotherapy has started, an unmet criterion of that gate refuses the infusion as well."""
        started = ChemotherapyStarted(on=ClinicalTime.of(DAY), regimen="HiDAC", ecog=3)
        assert status("I5", CONSENT, started, gate=gate) is UNMET
        assert status("E15", CONSENT, started, gate=Gate.CHEMOTHERAPY) is CriterionStatus.NOT_DUE


class TestABoundOfAProtocol:
    """A criterion of a protocol of its own: a glucose of at least 3 and at most 7 mmol/L."""

    def found(self, finding: Finding, comparison: Comparison, kind: CriterionKind = CriterionKind.INCLUSION) -> object:
        bound = Decimal(3) if comparison is Comparison.AT_LEAST else Decimal(7)
        test = FactTest(finding="glucose", comparison=comparison, number=bound, unit="mmol/L")
        criterion = Criterion(id="G", kind=kind, meaning="glucose", answer=Answer.FACTS, tests=(test,))
        protocol = attrs.evolve(PROTOCOL, criteria=(criterion,), findings=("glucose",))
        (one,) = assess(Known.of([finding], [], on=DAY), protocol, gate=Gate.SCREENING)
        return one.status

    @pytest.mark.parametrize(
        ("value", "unit", "at_least", "at_most"),
        [
            ("2.9", "mmol/L", UNMET, MET),
            ("3", "mmol/L", MET, MET),
            ("7", "mmol/L", MET, MET),
            ("7.1", "mmol/L", MET, UNMET),
            ("2999", "umol/L", UNMET, MET),  # 2.999 mmol/L
            ("7001", "umol/L", MET, UNMET),
            ("5", "%", NOT_ANSWERED, NOT_ANSWERED),  # a unit of another kind is compared with nothing
            ("5", None, NOT_ANSWERED, NOT_ANSWERED),
        ],
    )
    def test_in_whichever_unit_it_is_measured(
        self, value: str, unit: str | None, at_least: CriterionStatus, at_most: CriterionStatus
    ) -> None:
        finding = number("glucose", value, unit)
        assert self.found(finding, Comparison.AT_LEAST) is at_least
        assert self.found(finding, Comparison.AT_MOST) is at_most

    @pytest.mark.parametrize("comparison", [Comparison.AT_LEAST, Comparison.AT_MOST])
    def test_words_are_no_number(self, comparison: Comparison) -> None:
        assert self.found(words("glucose", "normal"), comparison) is NOT_ANSWERED

    def test_a_number_with_a_unit_or_a_word_is_not_compared_with_a_number_without(self) -> None:
        test = FactTest(finding="ecog", comparison=Comparison.AT_MOST, number=Decimal(2))
        criterion = Criterion(id="G", kind=CriterionKind.INCLUSION, meaning="ECOG", answer=Answer.FACTS, tests=(test,))
        protocol = attrs.evolve(PROTOCOL, criteria=(criterion,))
        told = (
            (number("ecog", "1"), MET),
            (number("ecog", "1", "%"), NOT_ANSWERED),
            (words("ecog", "1"), NOT_ANSWERED),
        )
        for finding, expected in told:
            known = Known.of([finding], [], on=DAY)
            (one,) = assess(known, protocol, gate=Gate.SCREENING)
            assert one.status is expected

    @pytest.mark.parametrize(
        "comparison", [Comparison.WITHIN_DAYS, Comparison.NOT_WITHIN_DAYS, Comparison.WITHIN_MONTHS]
    )
    def test_words_are_no_date(self, comparison: Comparison) -> None:
        assert self.found(words("glucose", "long ago"), comparison) is NOT_ANSWERED

    @pytest.mark.parametrize(("value", "expected"), [("6.9", UNMET), ("7", UNMET), ("7.1", MET)])
    def test_an_exclusion_is_unmet_where_its_test_holds(self, value: str, expected: CriterionStatus) -> None:
        found = self.found(number("glucose", value, "mmol/L"), Comparison.AT_MOST, CriterionKind.EXCLUSION)
        assert found is expected


@pytest.mark.parametrize(
    ("finding", "why"),
    [
        (words("aml_type", "secondary"), "aml_type is secondary: is secondary"),
        (dated("last_trial", "2026-07-21"), "last_trial is 2026-07-21: within-days 42"),
        (so("hiv"), "hiv is so: is-so"),
        (so("hiv", yes=False), "hiv is not so: is-so"),
        (number("spo2", "94.9", "%"), "spo2 is 94.9 %: at-least 95 %"),
        (number("worst_unresolved_toxicity", "2"), "worst_unresolved_toxicity is 2: at-most 1"),
    ],
)
def test_the_reason_names_what_was_found_and_what_was_asked(finding: Finding, why: str) -> None:
    known = known_of([CONSENT, screened(finding)], PROTOCOL, gate=Gate.SCREENING, on=DAY)
    assert why in "; ".join(one.why for one in assess(known, PROTOCOL, gate=Gate.SCREENING)).split("; ")


@pytest.mark.parametrize(("answer", "word"), [(True, "yes"), (False, "no")])
def test_the_reason_of_a_word_is_that_word(answer: bool, word: str) -> None:
    known = known_of([CONSENT, screened(attested("E1", answer=answer))], PROTOCOL, gate=Gate.SCREENING, on=DAY)
    (why,) = [one.why for one in assess(known, PROTOCOL, gate=Gate.SCREENING) if one.criterion == "E1"]
    assert why == f"attested: {word}"


def test_blanks_and_capitals_make_no_other_agent_or_word() -> None:
    assert status("I2", CONSENT, screened(words("classification", "WHO  2022 "))) is CriterionStatus.MET
    given = ConcomitantMedicationGiven(
        agent=" Cytarabine ",
        medication_class=MedicationClass.CELL_DIVISION_INHIBITOR,
        route="intravenous",
        started_on=ClinicalTime.of(DAY),
    )
    for agent, expected in ((" Cytarabine ", CriterionStatus.NOT_ANSWERED), ("Hydroxyurea", CriterionStatus.UNMET)):
        assert status("E15", attrs.evolve(given, agent=agent), gate=Gate.INFUSION) is expected


def test_contradictory_answers_are_found() -> None:
    facts = screened(attested("I6", answer=True), attested("E8", answer=True))
    known = known_of([CONSENT, facts], PROTOCOL, gate=Gate.SCREENING, on=DAY)
    assert contradictions(assess(known, PROTOCOL, gate=Gate.SCREENING), PROTOCOL) == [("I6", "E8")]


def test_whoever_is_screened_again_answers_everything_again() -> None:
    again = Screened(on=ClinicalTime.of(DAY), attestations=(attested("E1", answer=False),))
    assert status("E1", CONSENT, screened(), again) is MET
    assert status("E3", CONSENT, screened(), again) is NOT_ANSWERED


def test_months_are_calendar_months() -> None:
    assert months_before(date(2026, 8, 31), 6) == date(2026, 2, 28)
    assert months_before(date(2024, 2, 29), 36) == date(2021, 2, 28)
    assert months_before(date(2026, 1, 15), 13) == date(2024, 12, 15)
