"""Rules of conduct guard intentions; each refusal says what, against what, and what next, and records nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from site_desk import DAY0, INVESTIGATOR, OPEN, Site, day, judged, kinds, refused

from trialdomain import Decision, Relatedness, TrialError, Trials, read_log
from trialdomain.aggregates.cohort import LevelNotOpen, NoFreeSlot
from trialdomain.aggregates.participant import (
    AfterDeath,
    AlreadyDead,
    AlreadyEnrolled,
    AlreadyInfused,
    ConsentLate,
    EventKnown,
    EventUnknown,
    LevelNotAssigned,
    NotEnrolled,
    NotScreened,
    SubjectUnknown,
)
from trialdomain.aggregates.trial import TrialAlreadyRegistered, TrialUnknown
from trialdomain.commands.coercion import FactMalformed
from trialdomain.commands.guards import NobodyInTurn
from trialdomain.commands.runner import InTheFuture
from trialdomain.desk.observed import lab
from trialdomain.events.participant import VitalSign, WithdrawalScope
from trialdomain.limits.caution import LessCautious, RationaleMissing
from trialdomain.storage.errors import CommandReused
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationReason
from trialdomain.values.clinical.screening import Gate
from trialdomain.values.clinical.toxicity import Outcome
from trialdomain.values.clinical.treatment import BloodProduct, Intent, MedicationClass
from trialdomain.values.ids import CodeInvalid


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.check()
    made.trials.close()


class TestOrder:
    def test_nothing_is_recorded_of_somebody_who_has_not_consented(self, site: Site) -> None:
        for act in (
            lambda: site.desk.screen("S001", on=DAY0),
            lambda: site.desk.enroll("S001", on=DAY0),
            lambda: site.desk.infuse("S001", level=1, started_at=DAY0),
            lambda: site.toxicity("S001"),
            lambda: site.desk.record_death("S001", on=DAY0),
            lambda: site.assess("S001"),
        ):
            refused(site, SubjectUnknown, act, "of S001 cannot be recorded: no participant of that code has consented")

    def test_a_screening_before_the_consent(self, site: Site) -> None:
        site.desk.consent("S001", signed_on=DAY0, form_version="1")
        refused(
            site, ConsentLate, lambda: site.desk.screen("S001", on="2026-03-01"), "after the screening on 2026-03-01"
        )

    def test_enrollment_without_screening_or_twice(self, site: Site) -> None:
        site.desk.consent("S001", signed_on=DAY0, form_version="1")
        refused(site, NotScreened, lambda: site.desk.enroll("S001", on=DAY0), "record the screening before")
        site.desk.screen("S001", on=DAY0)
        site.desk.enroll("S001", on=DAY0)
        assert site.desk.enroll("S001", on=DAY0) == []
        site.on(1)
        refused(site, AlreadyEnrolled, lambda: site.desk.enroll("S001", on=day(1)), "enrolled at level 1 already")

    def test_infusion_before_enrollment_at_another_level_or_twice(self, site: Site) -> None:
        site.desk.consent("S001", signed_on=DAY0, form_version="1")
        refused(site, NotEnrolled, lambda: site.desk.infuse("S001", level=1, started_at=DAY0), "not enrolled")
        site.desk.screen("S001", on=DAY0)
        site.desk.enroll("S001", on=DAY0)
        refused(
            site,
            LevelNotAssigned,
            lambda: site.desk.infuse("S001", level=2, started_at=DAY0),
            "dose level 2 was named for S001, but level 1 is assigned: record a reassignment first, or correct",
        )
        site.desk.infuse("S001", level=1, started_at=DAY0)
        assert site.desk.infuse("S001", level=1, started_at=DAY0) == []
        site.on(1)
        refused(site, AlreadyInfused, lambda: site.desk.infuse("S001", level=1, started_at=day(1)), "already")

    def test_an_infusion_needs_its_day(self, site: Site) -> None:
        site.admit("S001")
        refused(site, FactMalformed, lambda: site.desk.infuse("S001", level=1, started_at="2026-03"), "has no day")

    def test_a_future_date(self, site: Site) -> None:
        site.treat("S001")
        for act in (
            lambda: site.desk.record_labs("S001", [lab("ANC", "1", "10*9/L", collected_at=day(1))]),
            lambda: site.toxicity("S001", onset=day(1)),
            lambda: site.desk.decide_escalation(on=day(1)),
        ):
            refused(site, InTheFuture, act, "lies in the future")

    def test_the_day_is_the_sites(self) -> None:
        site = Site()
        site.now = site.now.replace(hour=23)  # in Wuhan it is tomorrow
        site.desk.consent("S001", signed_on=day(1), form_version="1")
        assert site.trial.history().last_day() == day(1)

    def test_after_death(self, site: Site) -> None:
        site.treat("S001")
        site.on(20).desk.record_death("S001", on=day(18))
        refused(site, AfterDeath, lambda: site.desk.record_relapse("S001", on=day(19)), "S001 died on 2026-03-20, so")
        site.desk.record_relapse("S001", on=day(17))
        refused(site, AlreadyDead, lambda: site.desk.record_death("S001", on=day(19)), "is recorded already")

    def test_adverse_events_have_their_ids(self, site: Site) -> None:
        site.treat("S001")
        site.toxicity("S001", "AE1")
        refused(site, EventKnown, lambda: site.toxicity("S001", "AE1", grade=1), "has an adverse event AE1 already")
        refused(
            site,
            EventUnknown,
            lambda: site.desk.follow_up_adverse_event("S001", event="AE2", on=DAY0),
            "has no adverse event AE2",
        )

    def test_a_name_is_no_code(self, site: Site) -> None:
        before = site.trial.history().position
        with pytest.raises(CodeInvalid, match="is not a valid subject code"):
            site.desk.consent("Jane Doe", signed_on=DAY0, form_version="1")
        assert site.trial.history().position == before


class TestSlots:
    def test_a_level_without_a_free_slot(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        site.screened("S004")
        refused(site, NoFreeSlot, lambda: site.desk.enroll("S004", on=DAY0), "all 3 slots of level 1 are taken")

    def test_a_level_waits_for_the_decision_that_opens_it(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        site.on(14).assess("S001", "S002", "S003")
        site.screened("S004")
        refused(site, LevelNotOpen, lambda: site.desk.enroll("S004", on=site.today), "record the escalation decision")
        assert kinds(site.decide()) == ["EscalationDecided", "CohortOpened"]
        site.desk.enroll("S004", on=site.today)
        assert site.member("S004").level == 2

    def test_nobody_is_sent_up_while_an_outcome_is_pending(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        site.on(14).assess("S001", "S002", "S003")
        site.toxicity("S001", onset=day(2), attributions=())
        site.screened("S004")
        refused(site, NoFreeSlot, lambda: site.desk.enroll("S004", on=site.today), "wait for an outcome")

    def test_nobody_is_enrolled_once_no_level_is_left_open(self, site: Site) -> None:
        site.treat("S001", "S002")
        site.screened("S003")
        for subject in ("S001", "S002"):
            site.toxicity(subject)
        refused(site, NobodyInTurn, lambda: site.desk.enroll("S003", on=DAY0), "no level is left open")

    def test_expansion_needs_its_decision_and_gives_six(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        site.on(2).toxicity("S001")
        site.on(14).assess("S002", "S003")
        site.screened("S004")
        refused(site, NoFreeSlot, lambda: site.desk.enroll("S004", on=site.today), "record the escalation decision")
        assert kinds(site.decide()) == ["EscalationDecided", "CohortExpanded"]
        site.treat("S005", "S006", "S007")
        site.screened("S008")
        refused(site, NoFreeSlot, lambda: site.desk.enroll("S008", on=site.today), "all 6 slots of level 1")

    def test_who_is_not_evaluable_gives_the_slot_back(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        site.on(3)
        entries = site.desk.withdraw("S002", on=day(3), scope=WithdrawalScope.FOLLOW_UP)
        assert kinds(entries) == ["Withdrew", "MemberAssessed", "SlotReleased"]
        site.treat("S004")
        assert site.state().counts.tallies[0].occupied == 3

    def test_who_withdraws_before_the_infusion_gives_the_slot_back(self, site: Site) -> None:
        site.admit("S001")
        entries = site.desk.withdraw("S001", on=DAY0, scope=WithdrawalScope.TREATMENT)
        assert kinds(entries) == ["Withdrew", "SlotReleased"]
        assert site.state().counts.tallies[0].occupied == 0


class TestDecisions:
    def test_less_cautious_than_the_rule_is_refused(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        refused(
            site,
            LessCautious,
            lambda: site.desk.decide_escalation(on=DAY0, decided=Decision.escalate(to=2), rationale="we are sure"),
            r"escalate \(level 2\) was decided, but the rule allows wait \(level 1\) at most",
        )

    def test_an_mtd_that_the_rule_does_not_give_is_refused(self, site: Site) -> None:
        declared = Decision.established(1, bounded_above=False)
        refused(
            site,
            LessCautious,
            lambda: site.desk.decide_escalation(on=DAY0, decided=declared, rationale="it is enough"),
            "the rule allows",
        )

    def test_more_cautious_needs_a_rationale(self, site: Site) -> None:
        wait = Decision.wait(level=1)
        refused(
            site, RationaleMissing, lambda: site.desk.decide_escalation(on=DAY0, decided=wait), "give the rationale"
        )
        assert kinds(site.desk.decide_escalation(on=DAY0, decided=wait, rationale="drug supply")) == [
            "EscalationDecided"
        ]

    def test_a_decision_is_recorded_with_its_basis(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        position = site.trial.history().position
        fact = site.decide()[0].fact
        assert fact.basis.position == position  # type: ignore[union-attr]  # a decision it is
        assert fact.basis.on == DAY0  # type: ignore[union-attr]  # as above
        assert [tally.pending for tally in fact.basis.tallies] == [3, 0, 0]  # type: ignore[union-attr]  # as above


class TestEvaluability:
    def test_pending_until_the_window_is_assessed(self, site: Site) -> None:
        site.treat("S001")
        for number, reason in ((14, EvaluationReason.WINDOW_OPEN), (15, EvaluationReason.NOT_ASSESSED)):
            assert site.on(number).member("S001").standing.reason is reason
        site.assess("S001")
        assert site.evaluation("S001") is Evaluation.EVALUABLE

    def test_an_assessment_that_does_not_cover_day_14_changes_nothing(self, site: Site) -> None:
        site.treat("S001")
        site.on(13).assess("S001")
        assert site.on(20).evaluation("S001") is Evaluation.PENDING

    def test_an_incomplete_infusion(self, site: Site) -> None:
        site.admit("S001")
        entries = site.desk.infuse("S001", level=1, started_at=DAY0, fraction="0.9")
        assert kinds(entries) == ["Infused", "MemberInfused", "SlotReleased"]
        site.toxicity("S001")
        assert site.evaluation("S001") is Evaluation.EVALUABLE

    def test_withdrawal_from_treatment_alone_changes_nothing(self, site: Site) -> None:
        site.treat("S001")
        site.on(3).desk.withdraw("S001", on=day(3), scope=WithdrawalScope.TREATMENT)
        assert site.evaluation("S001") is Evaluation.PENDING

    @pytest.mark.parametrize(("last", "evaluation"), [(13, Evaluation.NOT_EVALUABLE), (14, Evaluation.EVALUABLE)])
    def test_withdrawn_from_follow_up_before_or_on_the_last_day_of_the_window(
        self, site: Site, last: int, evaluation: Evaluation
    ) -> None:
        site.treat("S001")
        site.on(15).assess("S001")
        site.desk.withdraw("S001", on=day(last), scope=WithdrawalScope.FOLLOW_UP)
        assert site.evaluation("S001") is evaluation

    def test_lost_counts_from_the_last_contact(self, site: Site) -> None:
        site.treat("S001")
        site.on(40).desk.lose_to_follow_up("S001", on=day(40), last_contact=day(10))
        assert site.evaluation("S001") is Evaluation.NOT_EVALUABLE

    def test_a_death_that_nothing_explains_keeps_pending(self, site: Site) -> None:
        site.treat("S001")
        site.on(20).desk.record_death("S001", on=day(14))
        assert site.member("S001").standing.reason is EvaluationReason.DEATH_NOT_EXPLAINED

    def test_a_death_of_something_unrelated_is_not_evaluable(self, site: Site) -> None:
        site.treat("S001")
        site.on(9).toxicity("S001", attributions=judged(Relatedness.UNRELATED))
        site.on(20).desk.record_death("S001", on=day(14), event="AE1")
        assert site.evaluation("S001") is Evaluation.NOT_EVALUABLE

    def test_a_fatal_event_brings_the_death_with_it(self, site: Site) -> None:
        site.treat("S001")
        site.on(5)
        entries = site.desk.report_adverse_event(
            "S001",
            event="AE1",
            term="Sepsis",
            grade=5,
            onset=day(4),
            ended=day(5),
            attributions=judged(Relatedness.LIKELY),
        )
        assert kinds(entries)[:2] == ["AdverseEventReported", "Died"]
        assert entries[1].fact.event == "AE1"  # type: ignore[union-attr]  # a death it is
        assert site.dlts() == 1

    def test_a_fatal_outcome_in_a_follow_up_too(self, site: Site) -> None:
        site.treat("S001")
        site.on(5).toxicity("S001")
        entries = site.desk.follow_up_adverse_event("S001", event="AE1", on=day(5), outcome=Outcome.FATAL)
        assert "Died" in kinds(entries)

    def test_a_grade_that_the_term_does_not_have(self, site: Site) -> None:
        site.treat("S001")
        refused(
            site,
            FactMalformed,
            lambda: site.desk.report_adverse_event(
                "S001", event="AE1", term="febrile neutropenia", grade=2, onset=DAY0
            ),
            "Febrile neutropenia has no grade 2 in CTCAE 5.0: it has 3, 4, 5",
        )

    def test_a_term_outside_the_table_has_any_grade_and_is_marked(self, site: Site) -> None:
        site.treat("S001")
        (entry, *_) = site.desk.report_adverse_event("S001", event="AE1", term="Blue spots", grade=5, onset=DAY0)
        assert entry.fact.unchecked  # type: ignore[union-attr]  # a report it is


class TestOtherUseCases:
    def test_each_records_its_fact(self, site: Site) -> None:
        site.treat("S001")
        desk = site.on(5).desk
        done = [
            *desk.give_chemotherapy("S001", regimen="HiDAC", agents=["cytarabine"], started_on=DAY0, ended_on=day(4)),
            *desk.start_chemotherapy("S001", on=DAY0, regimen="HiDAC", ecog=1),
            *desk.record_labs("S001", [lab("ANC", "0.4", "10^9/L", collected_at=day(n)) for n in (3, 5)]),
            *desk.record_vital_signs("S001", [site.temperature("38.4", day(3))]),
            *desk.transfuse("S001", on=day(3), product=BloodProduct.PLATELETS),
            *desk.give_anti_infective(
                "S001", agent="meropenem", route="intravenous", started_on=day(3), intent=Intent.TREATMENT
            ),
            *desk.give_medication(
                "S001",
                agent="filgrastim",
                route="subcutaneous",
                started_on=day(3),
                medication_class=MedicationClass.G_CSF,
            ),
            *desk.answer_criteria("S001", gate=Gate.INFUSION, on=DAY0),
            *desk.record_relapse("S001", on=day(5)),
            *desk.start_new_therapy("S001", on=day(5), kind="venetoclax"),
            *desk.complete_follow_up("S001", on=day(5)),
        ]
        assert kinds(done)[:5] == [
            "ChemotherapyGiven",
            "ChemotherapyStarted",
            "LabRecorded",
            "LabRecorded",
            "VitalSignRecorded",
        ]
        assert [kind for kind in kinds(done) if kind.endswith(("Given", "Answered", "Started", "Up", "Relapsed"))]
        assert done[2].meta.command == done[3].meta.command
        assert (done[2].meta.part, done[3].meta.part, done[3].meta.parts) == (1, 2, 2)

    def test_a_screen_failure(self, site: Site) -> None:
        site.desk.consent("S001", signed_on=DAY0, form_version="1")
        assert kinds(site.desk.fail_screening("S001", on=DAY0, why="LVEF 40 %")) == ["ScreenFailed"]


class TestCommands:
    def test_the_same_request_gets_its_first_result(self, site: Site) -> None:
        first = site.desk.consent("S001", signed_on=DAY0, form_version="1", command_id="c-1")
        again = site.desk.consent("S001", signed_on=DAY0, form_version="1", command_id="c-1")
        assert first == again
        assert first

    def test_another_request_under_the_same_id_is_refused(self, site: Site) -> None:
        site.desk.consent("S001", signed_on=DAY0, form_version="1", command_id="c-1")
        refused(
            site,
            CommandReused,
            lambda: site.desk.consent("S002", signed_on=DAY0, form_version="1", command_id="c-1"),
            "give the new one an id of its own",
        )

    def test_a_refusal_is_not_remembered(self, site: Site) -> None:
        refused(site, SubjectUnknown, lambda: site.desk.screen("S001", on=DAY0, command_id="c-1"), "has consented")
        site.desk.consent("S001", signed_on=DAY0, form_version="1")
        assert kinds(site.desk.screen("S001", on=DAY0, command_id="c-1")) == ["Screened"]


class TestTrials:
    def test_a_trial_is_registered_once(self, site: Site) -> None:
        protocol = site.trial.history().casebook(on=DAY0).protocol
        by = site.desk.user
        refused(site, TrialAlreadyRegistered, lambda: site.trials.register(protocol, by=by), "registered already")

    def test_an_unknown_trial(self, site: Site) -> None:
        with pytest.raises(TrialUnknown, match="trial T9 is not in this log"):
            site.trials.trial("T9")

    def test_registration_comes_first_then_who_and_with_what(self, site: Site) -> None:
        facts = kinds(sorted(site.trial.history().entries(), key=lambda entry: entry.position))
        assert facts[:4] == ["TrialRegistered", "UserRegistered", "SoftwareChanged", "CohortOpened"]

    def test_a_text_is_a_path_as_the_command_line_takes_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("trial.db", "./other.db", "a:b.db", str(tmp_path / "whole.db")):
            with Trials.open(name) as trials:
                trials.register(OPEN, by=INVESTIGATOR)
            with read_log(name) as log:
                assert list(log) == [OPEN.trial]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a:b.db", "other.db", "trial.db", "whole.db"]

    def test_memory_is_memory_also_as_sqlite_calls_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("memory:", ":memory:"):
            with Trials.open(name) as trials:
                trials.register(OPEN, by=INVESTIGATOR)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        "address",
        ["", "mysql://x", "sqlite://", "sqlite:///", "sqlite:trial.db", "file:trial.db", "sqlite:///:memory:"],
    )
    def test_an_address_that_is_none(self, address: str) -> None:
        with pytest.raises(TrialError, match="is not an address of a log: write a path, sqlite:///FILE, memory: or "):
            Trials.open(address)


def test_a_temperature_is_one(site: Site) -> None:
    assert site.temperature("38.4", DAY0).sign is VitalSign.TEMPERATURE
