"""Values that a desk accepts, and times at the site's offset."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import attrs
import pytest
from site_desk import OPEN, REASON, Site, day, refused

from trialdomain import (
    ClinicalTime,
    Entry,
    Finding,
    TrialProtocol,
    VitalSign,
    WithdrawalScope,
    lab,
    nct06245746,
    vital_sign,
)
from trialdomain.aggregates.participant import NotEligible
from trialdomain.commands.coercion import FactMalformed
from trialdomain.commands.runner import InTheFuture
from trialdomain.commands.site_time import OffsetMissing
from trialdomain.desk import Desk
from trialdomain.events.participant import LabRecorded
from trialdomain.protocol.made_up import eligible
from trialdomain.values.clinical.screening import Gate
from trialdomain.values.clinical.toxicity import Seriousness

NEW_YORK = attrs.evolve(OPEN, zone="America/New_York")
NOWHERE = attrs.evolve(OPEN, zone=None)


def result_of(entry: Entry) -> LabRecorded:
    assert isinstance(entry.fact, LabRecorded)
    return entry.fact


class TestValuesThatCannotBe:
    def test_a_correction_is_refused_as_well(self) -> None:
        site = Site()
        site.treat("S001")
        (result,) = site.desk.record_labs("S001", [lab("ANC", "0.4", "10*9/L", collected_at=site.today)])
        (fever,) = site.desk.record_vital_signs("S001", [site.temperature("39", site.today)])
        refused(site, FactMalformed, lambda: site.desk.correct(result, value="-0.4", reason=REASON), "cannot be")
        refused(site, FactMalformed, lambda: site.desk.correct(result, comparator="<", value=0, reason=REASON), "< 0")
        refused(site, FactMalformed, lambda: site.desk.correct(fever, value="102.2", reason=REASON), "from 20 to 50")
        site.desk.correct(fever, value="102.2", unit="[degF]", reason=REASON)  # 39 degrees Celsius

    def test_a_body_weight_of_nothing_is_none(self) -> None:
        site = Site()
        site.admit("S001")
        refused(
            site,
            FactMalformed,
            lambda: site.desk.infuse("S001", level=1, started_at=site.today, body_weight_kg=Decimal(0)),
            "body-weight is from 0.1 to 700 kg",
        )

    def test_what_a_result_is_called_stays_as_it_was_given(self) -> None:
        site = Site()
        site.treat("S001")
        (entry,) = site.desk.record_labs("S001", [lab("Neutrophil count", "1", "10*9/L", collected_at=site.today)])
        assert result_of(entry).analyte == "Neutrophil count"


class TestTheFuture:
    """At the site it is 2026-03-02T14:00+08:00, as the clock of the tests begins (06:00 UTC)."""

    @pytest.mark.parametrize(
        ("measured", "taken"),
        [
            ("2026-03-02T14:59", True),  # within the hour that clocks may differ by
            ("2026-03-02T15:30", False),
            ("2026-03-02T23:00", False),
            ("2026-03-02T08:30Z", False),
            ("2026-03-02", True),
        ],
    )
    def test_a_time_more_than_an_hour_ahead_is_refused(self, measured: str, taken: bool) -> None:
        site = Site()
        site.treat("S001")

        def record() -> None:
            site.desk.record_vital_signs("S001", [site.temperature("37", measured)])

        if taken:
            record()
        else:
            refused(site, InTheFuture, record, "lies in the future: it is 2026-03-02T14:00.* correct the time")


Act = Callable[[Desk, str], object]
ACTS: dict[str, Act] = {
    "consent": lambda desk, when: desk.consent("S009", signed_on=when, form_version="1"),
    "screen": lambda desk, when: desk.screen("S002", on=when),
    "a finding of a screening": lambda desk, when: desk.screen(
        "S002", on=day(0), findings=[Finding(name="age", number=Decimal(40), on=ClinicalTime(when))]
    ),
    "fail_screening": lambda desk, when: desk.fail_screening("S002", on=when, why="relapsed"),
    "answer_criteria": lambda desk, when: desk.answer_criteria("S001", gate=Gate.INFUSION, on=when),
    "enroll": lambda desk, when: desk.enroll("S002", on=when),
    "start_chemotherapy": lambda desk, when: desk.start_chemotherapy("S001", on=when, regimen="cytarabine"),
    "give_chemotherapy": lambda desk, when: desk.give_chemotherapy(
        "S001", regimen="cytarabine", agents=["cytarabine"], started_on=day(0), ended_on=when
    ),
    "infuse": lambda desk, when: desk.infuse("S003", level=1, started_at=when),
    "record_labs": lambda desk, when: desk.record_labs("S001", [lab("ANC", "1", "10*9/L", collected_at=when)]),
    "record_vital_signs": lambda desk, when: desk.record_vital_signs(
        "S001", [vital_sign(VitalSign.TEMPERATURE, "37", "Cel", measured_at=when)]
    ),
    "transfuse": lambda desk, when: desk.transfuse("S001", on=when, product="platelets"),  # type: ignore[arg-type]  # a word
    "give_anti_infective": lambda desk, when: desk.give_anti_infective(
        "S001", agent="cefepime", route="intravenous", started_on=when
    ),
    "give_medication": lambda desk, when: desk.give_medication("S001", agent="x", route="oral", started_on=when),
    "record_relapse": lambda desk, when: desk.record_relapse("S001", on=when),
    "start_new_therapy": lambda desk, when: desk.start_new_therapy("S001", on=when, kind="azacitidine"),
    "report_adverse_event": lambda desk, when: desk.report_adverse_event(
        "S001", event="AE2", term="Fever", grade=1, onset=when, serious=[Seriousness.OTHER], aware_on=when
    ),
    "follow_up_adverse_event": lambda desk, when: desk.follow_up_adverse_event("S001", event="AE1", on=when, grade=4),
    "assess_dlt_window": lambda desk, when: desk.assess_dlt_window("S001", on=when),
    "withdraw": lambda desk, when: desk.withdraw("S001", on=day(2), scope=WithdrawalScope.FOLLOW_UP, last_contact=when),
    "lose_to_follow_up": lambda desk, when: desk.lose_to_follow_up("S001", on=day(2), last_contact=when),
    "record_death": lambda desk, when: desk.record_death("S001", on=when),
    "complete_follow_up": lambda desk, when: desk.complete_follow_up("S001", on=when),
    "suspend_recruitment": lambda desk, when: desk.suspend_recruitment(on=when, why="a safety question"),
    "close": lambda desk, when: desk.close(on=when, why="recruitment is complete"),
}


def begun(protocol: TrialProtocol) -> Site:
    """S001 is infused and had a fever, S002 is screened, S003 enrolled; then two days pass."""
    site = Site(protocol)
    site.treat("S001")
    site.toxicity("S001")
    site.admit("S003")
    site.screened("S002")
    return site.on(2)


class TestATimeWithoutAnOffset:
    @pytest.mark.parametrize("act", ACTS.values(), ids=list(ACTS))
    def test_is_the_sites_at_every_method_of_the_desk(self, act: Act) -> None:
        site = begun(OPEN)
        act(site.desk, "2026-03-03T09:30")
        stored = site.trial.history().entries()
        assert any("2026-03-03T09:30+08:00" in str(entry.fact) for entry in stored)
        assert not any("T09:30'" in str(entry.fact) for entry in stored)

    @pytest.mark.parametrize("act", ACTS.values(), ids=list(ACTS))
    def test_is_refused_where_nobody_knows_the_zone(self, act: Act) -> None:
        site = begun(NOWHERE)
        refused(site, OffsetMissing, lambda: act(site.desk, "2026-03-03T09:30"), "does not name the zone of the site")

    @pytest.mark.parametrize(
        ("when", "words"),
        [("2026-03-08T02:30", "skip that hour"), ("2025-11-02T01:30", "show that hour twice")],
    )
    def test_is_refused_where_the_clocks_skip_or_repeat_the_hour(self, when: str, words: str) -> None:
        site = begun(NEW_YORK).on(30)
        refused(site, OffsetMissing, lambda: ACTS["record_labs"](site.desk, when), words)
        ACTS["record_labs"](site.desk, f"{when}-05:00")  # with an offset it says which moment it is

    def test_counts_as_before_the_infusion_where_it_was(self) -> None:
        """Infusion at 09:00 at the site, and an onset half an hour earlier: no DLT, with the offset or without."""
        for onset in ("2026-03-02T08:30", "2026-03-02T08:30+08:00", "2026-03-02T00:30Z"):
            site = Site()
            site.admit("S001")
            site.desk.infuse("S001", level=1, started_at="2026-03-02T09:00")
            site.toxicity("S001", onset=onset)
            assert site.dlts() == 0, onset

    def test_stays_in_an_entry_that_is_corrected_in_another_field(self) -> None:
        site = begun(OPEN)
        (entry,) = site.desk.record_labs("S001", [lab("ANC", "1", "10*9/L", collected_at="2026-03-03T09:30")])
        (corrected,) = site.desk.correct(entry, value="2", reason=REASON)
        assert result_of(corrected).collected_at.text == "2026-03-03T09:30+08:00"
        (moved,) = site.desk.correct(corrected, collected_at="2026-03-03T10:30", reason=REASON)
        assert result_of(moved).collected_at.text == "2026-03-03T10:30+08:00"


class TestPerformanceStatus:
    """I5 is judged by the cycle that t0 of the outcomes names: the last start on or before the infusion."""

    def ready(self) -> Site:
        site = Site(nct06245746())
        findings, attestations = eligible(nct06245746(), on=day(0))
        site.desk.consent("S001", signed_on=day(0), form_version="1", age=40)
        site.desk.screen("S001", on=day(0), findings=findings, attestations=attestations)
        site.desk.enroll("S001", on=day(0))
        return site

    def start(self, site: Site, number: int, cycle: int, ecog: int | None) -> None:
        site.on(number).desk.start_chemotherapy("S001", on=day(number), regimen="cytarabine", cycle=cycle, ecog=ecog)

    def infuse(self, site: Site, number: int) -> None:
        site.on(number)
        site.desk.answer_criteria(
            "S001",
            gate=Gate.INFUSION,
            on=day(number),
            findings=[
                Finding(name="cell_division_inhibitor", yes=False, on=ClinicalTime.of(day(number))),
            ],
        )
        site.desk.infuse("S001", level=1, started_at=day(number))

    @pytest.mark.parametrize(("first", "second", "met"), [(1, 3, False), (3, 1, True), (None, 1, True)])
    def test_the_last_cycle_before_the_infusion_decides(self, first: int | None, second: int, met: bool) -> None:
        site = self.ready()
        self.start(site, 1, 1, first)
        self.start(site, 8, 2, second)
        if met:
            self.infuse(site, 9)
        else:
            with pytest.raises(NotEligible, match="I5"):
                self.infuse(site, 9)

    def test_a_later_answer_may_still_be_given(self) -> None:
        site = self.ready()
        self.start(site, 1, 1, None)
        with pytest.raises(NotEligible, match="I5"):
            self.infuse(site, 2)
        late = Finding(name="ecog", number=Decimal(1), on=ClinicalTime.of(day(2)))
        site.desk.answer_criteria("S001", gate=Gate.CHEMOTHERAPY, on=day(2), findings=[late])
        with pytest.raises(NotEligible, match="I5"):  # it was assessed after the start
            self.infuse(site, 2)
        in_time = Finding(name="ecog", number=Decimal(1), on=ClinicalTime.of(day(1)))
        site.desk.answer_criteria("S001", gate=Gate.CHEMOTHERAPY, on=day(2), findings=[in_time])
        self.infuse(site, 2)

    def test_criteria_take_the_usual_names_of_what_they_compare(self) -> None:
        site = Site(nct06245746())
        findings, attestations = eligible(nct06245746(), on=day(0))
        names = {"alt": "SGPT", "bilirubin": "Total bilirubin", "spo2": "SpO2"}
        renamed = [attrs.evolve(one, name=names.get(one.name, one.name)) for one in findings]
        site.desk.consent("S001", signed_on=day(0), form_version="1", age=40)
        site.desk.screen("S001", on=day(0), findings=renamed, attestations=attestations)
        site.desk.enroll("S001", on=day(0))


def test_a_time_of_python_has_an_offset_as_before() -> None:
    site = begun(OPEN)
    ACTS["record_labs"](site.desk, datetime(2026, 3, 3, 1, 30, tzinfo=UTC))  # type: ignore[arg-type]  # also taken
    (entry,) = [e for e in site.trial.history().entries() if isinstance(e.fact, LabRecorded)]
    assert result_of(entry).collected_at.text == "2026-03-03T09:30:00+08:00"
