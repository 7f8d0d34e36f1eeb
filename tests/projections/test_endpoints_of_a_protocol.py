"""Endpoints as data of a protocol: adding or removing one changes every output, without a change of code."""

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from blocks import lines_of
from cli_runs import run as run_in

from trialdomain import (
    STANDARD_ENDPOINTS,
    Anchor,
    AntiInfectiveRate,
    BloodProduct,
    CountRecovery,
    Endpoint,
    EndpointRules,
    EventDuration,
    EventGroup,
    EventIncidence,
    FebrileNeutropenia,
    FebrileNeutropeniaDuration,
    FebrileNeutropeniaIncidence,
    LowCount,
    Role,
    SafetyIncidence,
    Status,
    ThreePlusThree,
    TransfusionRate,
    Trials,
    User,
    endpoint_rules,
    findings,
    lab,
    nct06245746,
    read_log,
)
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml
from trialdomain.history import QuestionInvalid
from trialdomain.protocol.endpoints.describing import Description
from trialdomain.protocol.endpoints.families import FAMILIES
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.reports.endpoints.report import endpoints_report
from trialdomain.testing.patient import T0, Patient
from trialdomain.values.clinical.analyte import Count

AT_20 = CountRecovery(
    id="S9-20", title="Time to platelets of 20", count=Count.PLATELETS, threshold=Decimal(20), sources=("CIBMTR",)
)
NAUSEA = EventIncidence(id="N1", title="Nausea", terms=("Nausea",), min_grade=2)
HEAD = 'trial = "T"\ntitle = "a trial"\nversion = "1"\nlevels = [{level = 1}]\n'


def rules_with(*further: Endpoint) -> EndpointRules:
    return EndpointRules(derived=(*STANDARD_ENDPOINTS, *further))


def cibmtr(rules: EndpointRules, *transfused: int) -> Patient:
    """Build the worked example of the CIBMTR forms manual: daily platelets from 2008-01-01, which is day 0."""
    days = (10, 35, 30, 25, 10, 15, 19, 23, 25, 40, 50)
    patient = Patient(rules).counts("PLT", {day: str(count) for day, count in enumerate(days)})
    return patient.transfused(*transfused)


class TestPlateletsAt20BesideThoseAt50:
    """CIBMTR forms manual, recovery of platelets: the dates of the example, as days from the first count."""

    @pytest.mark.parametrize(
        ("transfused", "recovered_on"),
        [((0,), 7), ((0, 1), 8), ((0, 8), None)],
    )
    def test_each_has_a_value_of_its_own(self, transfused: tuple[int, ...], recovered_on: int | None) -> None:
        patient = cibmtr(rules_with(AT_20), *transfused)
        at_20, at_50 = patient.value("S9-20"), patient.value("S9")
        assert at_20.value == recovered_on
        assert at_50.status is Status.CENSORED

    def test_the_shared_number_is_changed_and_its_own_is_not(self) -> None:
        rules = endpoint_rules(rules_with(AT_20), platelets=25)
        weekly = dict.fromkeys(range(14, 43, 7), "80")
        patient = Patient(rules).counts("PLT", {0: "90", 3: "22", 5: "24", 6: "26", 7: "27", 8: "28", **weekly})
        assert patient.value("S9-20").status is Status.NOT_AT_RISK
        assert patient.value("S9").value == 6

    def test_it_keeps_what_it_does_not_say(self) -> None:
        (own,) = [one for one in rules_with(AT_20).derived if one.id == "S9-20"]
        found = rules_with(AT_20).of(own).platelets
        assert (found.threshold, found.transfusion_free_days, found.consecutive) == (Decimal(20), 7, 3)

    def test_the_shared_target_of_recovery_does_not_go_with_a_threshold_of_its_own(self) -> None:
        shared = attrs.evolve(
            rules_with(AT_20), platelets=attrs.evolve(EndpointRules().platelets, recovered_from=Decimal(75))
        )
        assert shared.of(AT_20).platelets.target == Decimal(20)
        assert shared.of(STANDARD_ENDPOINTS[11]).platelets.target == Decimal(75)

    def test_hemoglobin_in_mmol_is_not_used_where_only_grams_are_given(self) -> None:
        at_70 = LowCount(id="H", title="hemoglobin below 70", count=Count.HEMOGLOBIN, threshold=Decimal(70))
        assert rules_with(at_70).of(at_70).hemoglobin_mmol is None
        both = attrs.evolve(at_70, threshold_mmol=Decimal("4.3"))
        assert rules_with(both).of(both).hemoglobin_mmol == Decimal("4.3")


class TestFamilies:
    def test_an_event_by_its_own_term(self) -> None:
        patient = Patient(rules_with(NAUSEA))
        patient.event("nausea", 5, 8, grade=1).event("Nausea ", 10, 12, grade=2)
        found = patient.value("N1")
        assert (found.value, found.on) == (True, T0 + timedelta(days=10))
        assert patient.value("S4").value is False

    def test_an_event_below_the_grade_is_none(self) -> None:
        assert Patient(rules_with(NAUSEA)).event("Nausea", 5, 8, grade=1).value("N1").value is False

    def test_days_of_a_group_from_a_grade_of_its_own(self) -> None:
        severe = EventDuration(id="B3", title="Severe bleeding", group=EventGroup.BLEEDING, min_grade=3)
        patient = Patient(rules_with(severe)).event("Epistaxis", 3, 5, grade=1).event("Epistaxis", 10, 13, grade=3)
        assert (patient.value("S13").value, patient.value("B3").value) == (7, 4)

    def test_a_window_of_its_own(self) -> None:
        early = EventIncidence(id="I14", title="Early infection", group=EventGroup.INFECTION, window_days=14)
        patient = Patient(rules_with(early)).event("Sepsis", 20, 25)
        assert (patient.value("S4").value, patient.value("I14").value) == (True, False)
        assert patient.value("I14").last == T0 + timedelta(days=14)

    def test_one_product(self) -> None:
        cells = TransfusionRate(id="RBC", title="Red cells", products=(BloodProduct.RED_CELLS,))
        patient = Patient(rules_with(cells)).transfused(3, product=BloodProduct.PLATELETS)
        assert (patient.value("S6").value, patient.value("RBC").value) == (True, False)
        assert set(patient.value("RBC").details) == {"red_cells", "red_cell_units"}

    def test_agents_of_some_classes(self) -> None:
        fungi = AntiInfectiveRate(id="F", title="Antifungals", classes=("J02",))
        patient = Patient(rules_with(fungi)).anti_infective(3, 5, "J01DH02")
        assert (patient.value("S12").value, patient.value("F").value) == (True, False)

    def test_febrile_neutropenia_by_another_rule(self) -> None:
        strict = FebrileNeutropeniaIncidence(
            id="FN", title="Febrile neutropenia below 0.5", rule=FebrileNeutropenia(anc_below=Decimal("0.5"))
        )
        patient = Patient(rules_with(strict)).counts("ANC", dict.fromkeys(range(43), "0.8"))
        for day in range(43):
            patient.temperature(day, "38.9" if day == 10 else "36.8")
        assert (patient.value("S1").value, patient.value("FN").value) == (True, False)

    def test_safety_in_other_days(self) -> None:
        week = SafetyIncidence(id="P1w", title="First week", days=(7,))
        patient = Patient(rules_with(week)).event("Nausea", 10, 12)
        assert set(patient.value("P1w").details) == {"days_7"}
        assert (patient.value("P1").value, patient.value("P1w").value) == (True, False)


class TestWhatIsSaidFollowsTheNumbers:
    def described(self, endpoint: Endpoint) -> Description:
        return Patient(rules_with(endpoint)).history().explain(endpoint.id, on="2026-06-01").definition

    def test_a_target_above_the_threshold_leaves_mmol_with_the_threshold(self) -> None:
        higher = CountRecovery(id="H", title="h", count=Count.HEMOGLOBIN, recovered_from=Decimal(100))
        meaning = self.described(higher).meaning
        assert "of at least 100 g/L, each" in meaning
        assert "after the first one below 80 (4.9 mmol/L)" in meaning

    def test_a_threshold_of_its_own_is_named_where_it_stands(self) -> None:
        own = LowCount(id="H", title="h", count=Count.HEMOGLOBIN, threshold=Decimal(70), threshold_mmol=Decimal("4.3"))
        parameters = self.described(own).parameters
        assert parameters["endpoints.derived.H.threshold"] == Decimal(70)
        assert parameters["endpoints.derived.H.threshold_mmol"] == Decimal("4.3")
        assert "endpoints.hemoglobin_mmol" not in parameters

    def test_variants_of_numbers_of_its_own_are_not_offered(self) -> None:
        assert {"platelets", "platelet_anchor"} - set(self.described(AT_20).variants) == {"platelets"}

    def test_choices_speak_of_the_anchor_and_the_hours_of_the_endpoint(self) -> None:
        infused = LowCount(id="H", title="h", count=Count.PLATELETS, anchor=Anchor.INFUSION)
        assert self.described(infused).choices[0] == "the analysis set: the infused participants"
        short = FebrileNeutropeniaDuration(id="H", title="h", rule=FebrileNeutropenia(afebrile_hours=24))
        assert "24 hours without any temperature end an episode, flagged" in self.described(short).choices

    def test_people_in_the_analysis_set_are_counted_by_anchor(self) -> None:
        infused = LowCount(id="A", title="a", count=Count.PLATELETS, anchor=Anchor.INFUSION)
        rules = EndpointRules(derived=(infused, STANDARD_ENDPOINTS[10]))
        patient = Patient(rules, chemotherapy=None).counts("PLT", {1: "100"})
        lines = lines_of(endpoints_report(patient.history().endpoints(on="2026-06-01")))
        assert "In the analysis set from infusion: 1; outside it, or not begun yet: 0" in lines
        assert "In the analysis set: 0; outside it, or not begun yet: 1" in lines

    def test_other_definitions_keep_the_protocols_list(self) -> None:
        history = Patient(EndpointRules(derived=(NAUSEA,))).history()
        assert list(history.endpoints(on="2026-06-01", rules=endpoint_rules(platelets=25)).summaries) == ["N1"]

    def test_a_part_of_a_rule_leaves_the_rest_as_the_protocol_has_it(self) -> None:
        text = """[endpoints]
fn = "idsa"
[endpoints.derived.FN]
title = "t"
family = "febrile-neutropenia-incidence"
rule = {reported_min_grade = 4}
"""
        rule = protocol_from_toml(HEAD + text).endpoints.derived[-1].own["febrile_neutropenia"]
        assert isinstance(rule, FebrileNeutropenia)
        assert (rule.anc_below, rule.reported_min_grade, rule.inclusive) == (Decimal("0.5"), 4, True)


class TestWrongKindsInPython:
    @pytest.mark.parametrize(
        ("made", "fault"),
        [
            (lambda: EndpointRules(derived=None), "derived must be a tuple of endpoints"),  # type: ignore[arg-type]  # as a caller may
            (lambda: rules_with(CountRecovery(id="A", title="t", count=Count.PLATELETS, family="low-count")), "known"),  # type: ignore[arg-type]  # as above
            (lambda: rules_with(LowCount(id="A", title="t", count="platelets")), "count must be"),  # type: ignore[arg-type]  # as above
            (lambda: rules_with(EventIncidence(id="A", title="t", terms="Nausea")), "terms must be a tuple"),  # type: ignore[arg-type]  # as above
            (lambda: rules_with(EventIncidence(id="A", title="t", group="infection")), "group must be"),  # type: ignore[arg-type]  # as above
            (lambda: rules_with(SafetyIncidence(id="A", title="t", days=7)), "safety_days must be a tuple"),  # type: ignore[arg-type]  # as above
            (lambda: rules_with(SafetyIncidence(id=None, title="t")), "is not a valid endpoint code"),  # type: ignore[arg-type]  # as above
            (lambda: rules_with(SafetyIncidence(id="A", title=3)), "title must be a text"),  # type: ignore[arg-type]  # as above
            (lambda: rules_with(TransfusionRate(id="A", title="t", products=())), "must name some products"),
            (lambda: attrs.evolve(nct06245746(), source=3), "source must be a text"),  # type: ignore[arg-type]  # as above
            (lambda: attrs.evolve(nct06245746(), design=ThreePlusThree(name="table")), "under its own name"),  # type: ignore[arg-type]  # as above
        ],
    )
    def test_each_is_a_fault_of_the_protocol(self, made: Callable[[], object], fault: str) -> None:
        with pytest.raises(ProtocolInvalid, match=fault):
            made()


class TestEverySurfaceFollows:
    """A protocol file adds S9-20 and N1, and leaves S5 out."""

    TOML = (
        HEAD
        + """source = "Protocol UC-7, version 3"
dlt = "none"
design = "none"
zone = "Asia/Shanghai"
[endpoints.derived]
S5 = "none"
[endpoints.derived.S9-20]
title = "Time to platelets of 20"
family = "count-recovery"
count = "platelets"
threshold = 20
wording = "Days until platelets are at 20 again"
sources = ["CIBMTR forms manual"]
[endpoints.derived.N1]
title = "Nausea"
family = "event-incidence"
terms = ["Nausea"]
[endpoints.derived.S4]
title = "Any infection"
"""
    )

    @pytest.fixture
    def log(self, tmp_path: Path) -> Path:
        (tmp_path / "protocol.toml").write_text(self.TOML)
        path = tmp_path / "log.db"
        by = User(id="u1", name="N", role=Role.INVESTIGATOR, organization="Site")
        with Trials.open(path) as trials:
            desk = trials.register(protocol_from_toml(self.TOML), by=by).acting(by)
            desk.consent("S001", signed_on="2026-03-01", form_version="1")
            desk.screen("S001", on="2026-03-02")
            desk.enroll("S001", on="2026-03-02")
            desk.start_chemotherapy("S001", on="2026-03-02", regimen="cytarabine", ecog=1)
            desk.infuse("S001", level=1, started_at="2026-03-03T09:00+08:00")
            desk.record_labs(
                "S001",
                [
                    lab("PLT", str(count), unit="10*9/L", collected_at=f"2026-03-{2 + day:02}")
                    for day, count in enumerate((10, 35, 30, 25, 10, 15, 19, 23, 25, 40, 50))
                ],
            )
        return path

    def test_tables(self, log: Path) -> None:
        shown = run_in(Path.cwd(), "endpoints", log, "--on", "2026-06-01").stdout
        assert "S9-20" in shown
        assert "Nausea" in shown
        assert "Any infection" in shown
        assert "S5" not in shown

    def test_json(self, log: Path) -> None:
        answer = json.loads(run_in(Path.cwd(), "replay", log, "--on", "2026-06-01", "--json").stdout)["endpoints"]
        standard = [one.id for one in STANDARD_ENDPOINTS if one.id != "S5"]
        assert list(answer) == [*standard, "S9-20", "N1"]
        assert answer["S4"]["title"] == "Any infection"
        assert "of at least 20 10*9/L" in answer["S9-20"]["definition"]
        # The example of the manual without a transfusion: 35, 30, 25 are the run, on day 1.
        assert answer["S9-20"]["participants"]["S001"]["value"] == 1
        assert answer["S9"]["participants"]["S001"]["status"] == "censored"

    def test_files(self, log: Path, tmp_path: Path) -> None:
        assert run_in(Path.cwd(), "endpoints", log, "--on", "2026-06-01", "--csv", tmp_path / "out").returncode == 0
        with (tmp_path / "out" / "participants.csv").open() as file:
            rows = {row["endpoint"]: row for row in csv.DictReader(file)}
        assert rows["S9-20"]["value"] == "1"
        assert "S5" not in rows
        dictionary = (tmp_path / "out" / "dictionary.csv").read_text()
        assert "S9-20 Time to platelets of 20" in dictionary
        assert "S5" not in dictionary
        assert "N1" in (tmp_path / "out" / "summaries.csv").read_text()

    def test_explanations_quote_the_protocol(self, log: Path) -> None:
        told = run_in(Path.cwd(), "explain", log, "s9-20", "S001", "--on", "2026-06-01").stdout
        assert "In the protocol's words: Days until platelets are at 20 again" in told
        assert "CIBMTR forms manual" in told
        assert "NCT06245746" not in told
        assert "endpoints.derived.S9-20.threshold = 20" in told
        assert "endpoints.platelets.consecutive = 3" in told

    def test_one_that_the_protocol_leaves_out_cannot_be_asked_for(self, log: Path) -> None:
        refused = run_in(Path.cwd(), "explain", log, "S5", "S001")
        assert refused.returncode == 2
        assert "the protocol has no endpoint 'S5': ask for one of P1, P2" in refused.stderr
        assert run_in(Path.cwd(), "endpoints", log, "--endpoint", "S5").returncode == 2
        with read_log(log) as read, pytest.raises(QuestionInvalid):
            read["T"].history().explain("S5", on="2026-06-01")

    def test_findings_quote_the_protocol(self, log: Path) -> None:
        with read_log(log) as read:
            found = findings(read["T"].history(), on="2026-06-01")
        quoted = {one.check: one.requirement for one in found.found}
        assert "Protocol UC-7, version 3" in quoted["silence"]
        assert not any("NCT06245746" in text for text in quoted.values())
        assert "NCT06245746" not in run_in(Path.cwd(), "audit", log, "--json").stdout


class TestProtocolFile:
    def test_there_and_back(self) -> None:
        for protocol in (protocol_from_toml(TestEverySurfaceFollows.TOML), nct06245746()):
            assert protocol_from_toml(protocol_to_toml(protocol)) == protocol

    def test_an_array_names_all_of_them(self) -> None:
        text = f'{HEAD}[[endpoints.derived]]\nid = "X"\ntitle = "An MTD"\nfamily = "mtd"\n'
        assert [one.id for one in protocol_from_toml(text).endpoints.derived] == ["X"]

    def test_codes_differ_by_more_than_their_capitals(self) -> None:
        each = [f'[[endpoints.derived]]\nid = "{code}"\ntitle = "t"\nfamily = "mtd"\n' for code in ("S9", "s9")]
        with pytest.raises(ProtocolInvalid, match="endpoint s9 is listed 2 times"):
            protocol_from_toml(HEAD + "".join(each))

    def test_a_standard_endpoint_is_found_whatever_the_capitals(self) -> None:
        derived = protocol_from_toml(
            f'{HEAD}[endpoints.derived]\ns5 = "none"\ns9 = {{title = "t"}}\n'
        ).endpoints.derived
        assert "S5" not in {one.id for one in derived}
        assert {one.id: one.title for one in derived}["S9"] == "t"

    def test_none_at_all(self) -> None:
        text = f"{HEAD}[endpoints]\nderived = []\n"
        protocol = protocol_from_toml(text)
        assert protocol.endpoints.derived == ()
        assert Patient(protocol.endpoints).history().endpoints(on="2026-06-01").summaries == {}

    def test_the_preset_has_the_words_of_the_registry(self) -> None:
        words = {one.id: one.wording for one in nct06245746().endpoints.derived}
        assert words["S5"].startswith("Incidence of bleeding.")
        assert not any(one.wording for one in STANDARD_ENDPOINTS)

    @pytest.mark.parametrize("family", FAMILIES)
    def test_every_family_can_be_named_in_a_file(self, family: str) -> None:
        needed = {
            "event-incidence": 'group = "infection"',
            "event-duration": 'terms = ["Nausea"]',
            "low-count": 'count = "platelets"',
            "count-recovery": 'count = "neutrophils"',
        }.get(family, "")
        text = f'{HEAD}[endpoints.derived.X]\ntitle = "An endpoint"\nfamily = "{family}"\n{needed}\n'
        protocol = protocol_from_toml(text)
        assert type(protocol.endpoints.derived[-1]) is FAMILIES[family]
        assert Patient(protocol.endpoints).history().endpoints(on="2026-06-01").summary("X").endpoint.id == "X"
        assert Patient(protocol.endpoints).history().explain("x", on="2026-06-01").definition.meaning

    @pytest.mark.parametrize(
        ("lines", "fault"),
        [
            ('S99 = "none"', "endpoints.derived.S99: there is no such endpoint to leave out: there are P1, P2"),
            ("S9 = 3", 'endpoints.derived.S9: expected a table with a family, or "none", got int'),
            ('X = {title = "t"}', "endpoints.derived.X.family: is missing: name one of event-incidence"),
            ('X = {title = "t", family = "low"}', "endpoints.derived.X.family: is 'low': name one of"),
            ('X = {title = "t", family = "low-count"}', "endpoints.derived.X.count: is missing"),
            ('X = {title = "t", family = "low-count", count = "leukocytes"}', "endpoint X: count must be neutrophils"),
            ('X = {title = "t", family = "event-incidence"}', "endpoint X must name a group, or terms"),
            ('X = {title = " ", family = "dlt"}', "endpoint X has a blank title"),
            ('X = {title = "t", family = "dlt", window_days = 3}', "endpoints.derived.X.window_days: there is no such"),
            ('"a b" = {title = "t", family = "dlt"}', "'a b' is not a valid endpoint code"),
            ("S9 = {recovered_from = 20}", "endpoint S9: recovered_from must be a number of at least the threshold 50"),
            ("S9 = {window_days = 0}", "endpoint S9: window_days must be a whole number of at least 1"),
            ("S9 = {threshold_mmol = 3}", "endpoint S9: threshold_mmol goes with a threshold of hemoglobin"),
            ("S11 = {threshold = 90, threshold_mmol = 4.9}", "endpoint S11: hemoglobin_mmol 4.9 is not the threshold"),
            ("P1 = {days = []}", "endpoint P1: safety_days must name some days"),
            ("S6 = {products = []}", "endpoint S6 must name some products"),
            ("S12 = {classes = []}", "endpoint S12 must name some ATC groups"),
            ('S12 = {classes = ["j02"]}', "endpoint S12: classes: 'j02' is not an ATC group, such as J01 or J02AC"),
            ('S9 = {id = "X"}', "endpoints.derived.S9.id: the name of the table is the code: leave it out"),
            ("S7 = {transfusion_free_days = 7}", "endpoint S7: no transfusion raises neutrophils"),
            ("S9 = {threshold = nan, recovered_from = 20}", "endpoint S9: threshold must be a number of at least 0"),
        ],
    )
    def test_a_fault_is_named_with_its_place(self, lines: str, fault: str) -> None:
        with pytest.raises(ProtocolInvalid) as refused:
            protocol_from_toml(f"{HEAD}[endpoints.derived]\n{lines}\n")
        assert fault in str(refused.value)
