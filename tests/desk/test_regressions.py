"""Regression tests: one for each fault that was found; docs/regressions.md lists them."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest
from site_desk import DAY0, INVESTIGATOR, OPEN, REASON, RELATED, Site, day, judged, kinds, refused

from trialdomain import (
    Decision,
    DltRule,
    Dose,
    InputInvalid,
    Relatedness,
    Role,
    TrialError,
    TrialProtocol,
    Trials,
    User,
    lab,
    nct06245746,
)
from trialdomain.aggregates.cohort import NoFreeSlot
from trialdomain.aggregates.infusions import DoseNotOfLevel, StaggerNotKept
from trialdomain.aggregates.participant import (
    AlreadyInfused,
    ConsentLate,
    EndBeforeOnset,
    GradeNotInTerm,
    NotEnrolled,
    NotScreened,
    TreatmentWithdrawn,
)
from trialdomain.commands.coercion import FactMalformed
from trialdomain.commands.corrections import EntryOfAnotherTrial
from trialdomain.commands.guards import NobodyInTurn
from trialdomain.desk.acts import LevelUnknown
from trialdomain.desk.escalation import DecisionIncomplete, DecisionOutOfOrder
from trialdomain.events.cohort import DltAttributed
from trialdomain.events.participant import Enrolled, WindowResult, WithdrawalScope
from trialdomain.events.recorded import Draft
from trialdomain.history import History
from trialdomain.limits.caution import LessCautious
from trialdomain.limits.conclusion import MtdNotGiven
from trialdomain.projections.escalation import LimitCode
from trialdomain.protocol.conduct_rules import Stagger
from trialdomain.protocol.dlt_rule import CytopeniaRule
from trialdomain.values.calendar import DayInvalid
from trialdomain.values.clinical.decision import Action
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationReason
from trialdomain.values.clinical.toxicity import Outcome
from trialdomain.values.reason import ReasonMissing

UNRELATED, LIKELY = judged(Relatedness.UNRELATED), judged(Relatedness.LIKELY)


@pytest.fixture
def site() -> Site:
    return Site()


def anything(value: object) -> Any:  # noqa: ANN401 - what a caller without a type checker may give
    return value


class TestNothingIsStoredThatCannotBeRead:
    @pytest.mark.parametrize(
        ("act", "words"),
        [
            (lambda s: s.desk.consent("S9", signed_on=DAY0, form_version="1", age=anything(42.5)), "number 42.5"),
            (lambda s: s.desk.consent("S9", signed_on=DAY0, form_version="1", age=anything("42")), "the text '42'"),
            (lambda s: s.desk.consent("S9", signed_on=DAY0, form_version=anything(1.0)), "must be a text"),
            (lambda s: s.desk.consent("S9", signed_on=anything(None), form_version="1"), "day or a time"),
            (lambda s: s.desk.consent("S9", signed_on=anything(20260302), form_version="1"), "number 20260302"),
            (lambda s: s.desk.withdraw("S001", on=DAY0, scope=anything("banana")), "scope must be one of"),
            (lambda s: s.desk.assess_dlt_window("S001", on=DAY0, result=anything("fine")), "result must be one of"),
            (lambda s: s.toxicity("S001", attributions=anything(RELATED[0])), "must be a list"),
            (lambda s: s.desk.transfuse("S001", on=DAY0, product=anything("p"), units=1), "product must be one of"),
            (lambda s: s.desk.transfuse("S001", on=DAY0, product=anything("platelets"), units=anything(1.5)), "float"),
            (lambda s: s.desk.correct(s.infusion("S001"), level=True, reason=REASON), "got True"),
            (lambda s: s.desk.correct(s.infusion("S001"), fraction="50%", reason=REASON), "'50%' is not a number"),
            (lambda s: s.desk.correct(s.infusion("S001"), lot="x" * 11_000, reason=REASON), "1 to 10000 characters"),
            (
                lambda s: s.desk.correct(anything([s.infusion("S001")]), level=1, reason=REASON),
                "a list is not an entry",
            ),
            (lambda s: s.desk.correct(s.infusion("S001"), lot="x", reason=anything(None)), "says nothing"),
            (lambda s: s.desk.correct(s.infusion("S001"), lot="x", reason="slip \ud800 88"), "says nothing"),
            (lambda s: s.desk.decide_escalation(on=DAY0, decided=Decision.wait(level=1), rationale=""), "says nothing"),
            (lambda s: s.trial.acting(anything("li")), "'li' is not a user"),
            (lambda s: s.trial.acting(User(id="li", name="x", role=anything("boss"), organization="x")), "boss"),
            (lambda s: s.trial.history().escalation(on=anything(7)), "'7' is not a calendar day"),
            (lambda s: s.trial.history(known_at=anything("soon")), "'soon' is not a moment"),
        ],
    )
    def test_a_value_of_the_wrong_kind_is_one_sentence(
        self, site: Site, act: Callable[[Site], object], words: str
    ) -> None:
        site.treat("S001")
        before = site.trial.history().position
        with pytest.raises(InputInvalid, match=words):
            act(site)
        assert site.trial.history().position == before
        assert site.state().decision.level == 1

    def test_words_for_an_enumerated_value_are_what_they_say(self, site: Site) -> None:
        site.treat("S001")
        site.desk.withdraw("S001", on=DAY0, scope=anything("follow-up"))
        assert site.evaluation("S001") is Evaluation.NOT_EVALUABLE
        site.check()

    def test_a_day_may_be_its_text(self, site: Site) -> None:
        history = site.trial.history()
        assert history.escalation(on=DAY0.isoformat()) == history.escalation(on=DAY0)
        with pytest.raises(DayInvalid):
            history.dlt_counts(on=datetime(2026, 3, 2, tzinfo=UTC))


def test_an_entry_of_another_trial_is_not_corrected_here(site: Site) -> None:
    infusion = site.treat("S001")
    other = site.trials.register(attrs.evolve(OPEN, trial="OTHER"), by=INVESTIGATOR).acting(INVESTIGATOR)
    with pytest.raises(EntryOfAnotherTrial, match="is an entry of trial NCT06245746, not of OTHER"):
        other.correct(infusion, level=2, reason=REASON)
    site.toxicity("S001")
    assert site.dlts() == 1


class TestLevelsThatDoNotExist:
    def test_are_refused_also_with_a_deviation(self, site: Site) -> None:
        infusion = site.treat("S001")
        site.screened("S002")
        why = "the sponsor's waiver 12"
        with pytest.raises(LevelUnknown, match="there is no dose level 7: the protocol has levels 1, 2, 3; correct"):
            site.desk.enroll("S002", on=DAY0, level=7, deviation=why)
        with pytest.raises(LevelUnknown):
            site.desk.infuse("S002", level=7, started_at=DAY0, deviation=why)
        with pytest.raises(LevelUnknown):
            site.desk.decide_escalation(on=DAY0, decided=Decision.escalate(to=7), rationale="higher")
        with pytest.raises(FactMalformed, match="there is no dose level 7"):
            site.desk.correct(infusion, level=7, reason=REASON)
        registered = next(iter(site.trial.history().entries()))
        with pytest.raises(FactMalformed, match="keeps the trial's code, and every dose level"):
            site.desk.correct(registered, protocol=attrs.evolve(OPEN, levels=OPEN.levels[:1]), reason=REASON)


class TestTheSitesDay:
    def test_an_infusion_given_in_utc_counts_on_the_day_of_the_site(self, site: Site) -> None:
        site.on(1).admit("S001")
        site.desk.infuse("S001", level=1, started_at=datetime(2026, 3, 2, 23, tzinfo=UTC))  # 3 March, 07:00 in Wuhan
        site.on(20).toxicity("S001", onset=date(2026, 3, 17))  # elapsed day 14 there
        assert (site.dlts(), site.member("S001").window_last) == (1, date(2026, 3, 17))

    def test_an_onset_given_in_utc_is_compared_by_its_moment(self, site: Site) -> None:
        site.on(1).admit("S001")
        site.desk.infuse("S001", level=1, started_at="2026-03-03T05:00+08:00")
        site.on(3).toxicity("S001", onset=datetime(2026, 3, 2, 22, 30, tzinfo=UTC))  # 90 minutes later
        assert site.dlts() == 1

    def test_a_clock_that_goes_back_makes_nothing_unknown(self, site: Site) -> None:
        site.treat("S001")
        site.on(5).toxicity("S001")
        site.now -= timedelta(days=4)
        assert kinds(site.desk.withdraw("S001", on=DAY0, scope=WithdrawalScope.TREATMENT)) == ["Withdrew"]
        assert site.on(6).dlts() == 1
        site.check()


class TestOrderWithinADay:
    def test_a_correction_keeps_the_place_of_what_it_corrects(self, site: Site) -> None:
        site.treat("S001")
        site.on(5).toxicity("S001", onset=day(3))
        follow_up = site.desk.follow_up_adverse_event
        first = follow_up("S001", event="AE1", on=day(4), attributions=UNRELATED)[0]
        follow_up("S001", event="AE1", on=day(4), attributions=LIKELY)
        site.desk.correct(first, aware_on=day(5), reason=REASON)
        assert site.dlts() == 1

    def test_times_of_a_day_count(self, site: Site) -> None:
        site.treat("S001")
        site.on(5).toxicity("S001", onset=day(3))
        follow_up = site.desk.follow_up_adverse_event
        follow_up("S001", event="AE1", on=f"{day(4)}T15:00+08:00", attributions=LIKELY)
        follow_up("S001", event="AE1", on=f"{day(4)}T08:00+08:00", attributions=UNRELATED)
        assert site.dlts() == 1

    def test_the_same_judgement_again_after_another_is_a_new_one(self, site: Site) -> None:
        site.treat("S001")
        site.on(5).toxicity("S001", onset=day(3))
        for relatedness in (UNRELATED, LIKELY, UNRELATED):
            site.desk.follow_up_adverse_event("S001", event="AE1", on=day(4), attributions=relatedness)
        assert site.dlts() == 0


class TestBoldDecisions:
    def test_no_level_above_the_rules_whatever_the_action_is_called(self, site: Site) -> None:
        site.treat("S001")
        for bold in (Decision.de_escalate(to=3), Decision.enroll(level=2), Decision.expand(level=2)):
            with pytest.raises(LessCautious):
                site.desk.decide_escalation(on=DAY0, decided=bold, rationale="any words")

    def test_an_earlier_day_allows_nothing_that_today_forbids(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        for subject in ("S001", "S002"):
            site.on(3).toxicity(subject, attributions=UNRELATED)
        site.on(14).assess("S001", "S002", "S003")
        site.on(16)
        for subject in ("S001", "S002"):
            site.desk.follow_up_adverse_event(subject, event="AE1", on=day(16), attributions=LIKELY)
        with pytest.raises(LessCautious):
            site.desk.decide_escalation(on=day(15))


class TestEventIds:
    def test_a_correction_never_joins_two_events(self, site: Site) -> None:
        site.treat("S001")
        event = site.toxicity("S001", "AE1", grade=1)
        site.toxicity("S001", "AE2", attributions=UNRELATED, grade=1)
        with pytest.raises(FactMalformed, match="there is an adverse event AE2 already"):
            site.desk.correct(event, event="AE2", reason=REASON)

    def test_a_follow_up_follows_an_event_that_was_reported(self, site: Site) -> None:
        site.treat("S001")
        site.toxicity("S001", "AE1")
        follow_up = site.desk.follow_up_adverse_event("S001", event="AE1", on=DAY0, grade=4)[0]
        with pytest.raises(FactMalformed, match="there is no adverse event AE9"):
            site.desk.correct(follow_up, event="AE9", reason=REASON)

    def test_once_its_follow_ups_are_voided_an_event_may_have_another_id(self, site: Site) -> None:
        site.treat("S001")
        event = site.toxicity("S001", "AE1")
        follow_up = site.desk.follow_up_adverse_event("S001", event="AE1", on=DAY0, grade=4)[0]
        site.desk.void(follow_up, reason=REASON)
        assert site.desk.correct(event, event="AE9", reason=REASON)
        site.check()

    def test_a_follow_up_has_a_grade_and_an_end_that_its_event_can_have(self, site: Site) -> None:
        site.treat("S001")
        site.desk.report_adverse_event("S001", event="AE1", term="Febrile neutropenia", grade=3, onset=DAY0)
        with pytest.raises(GradeNotInTerm, match="has no grade 1 in CTCAE"):
            site.desk.follow_up_adverse_event("S001", event="AE1", on=DAY0, grade=1)
        with pytest.raises(EndBeforeOnset):
            site.desk.follow_up_adverse_event("S001", event="AE1", on=DAY0, ended="2026-01-01")


def test_escalation_waits_until_a_decision_names_a_dlt_at_an_amount_of_no_level() -> None:
    doses = [Dose(amount=Decimal(amount), unit="mg") for amount in (10, 20, 40)]
    site = Site(attrs.evolve(nct06245746(doses=doses), criteria=()))
    for subject in ("S001", "S002", "S003"):
        site.admit(subject)
        site.desk.infuse(subject, level=1, started_at=DAY0, dose=doses[0])
    site.on(14).assess("S001", "S002", "S003")
    odd = attrs.evolve(doses[0], amount=Decimal(15))
    site.desk.correct(site.infusion("S003"), dose=odd, reason=REASON)
    site.toxicity("S003", onset=day(2))
    site.admit("S004")
    site.desk.infuse("S004", level=1, started_at=day(14), dose=doses[0])
    site.on(28).assess("S004")
    state = site.state()
    assert [member.subject for member in state.counts.unassigned] == ["S003"]
    assert state.decision.action is Action.WAIT
    assert state.decision.because
    assert state.decision.because.code == LimitCode.UNASSIGNED_DLT
    site.decide()
    assert site.state().decision.bare == Decision.escalate(to=2)
    site.check()


class TestSettlingOfOtherEntries:
    def test_a_cohort_fact_corrected_to_another_subject_is_settled_for_both(self, site: Site) -> None:
        site.treat("S001", "S002")
        site.on(3).toxicity("S001")
        told = next(e for e in site.trial.history().entries() if isinstance(e.fact, DltAttributed))
        site.desk.correct(told, subject="S002", reason=REASON)
        site.check()

    def test_a_protocol_corrected_is_settled_for_everybody(self, site: Site) -> None:
        site.treat("S001", "S002")
        site.on(3).toxicity("S001", grade=1)
        registered = next(iter(site.trial.history().entries()))
        dlt = DltRule(min_grade=3)
        site.desk.correct(registered, protocol=attrs.evolve(OPEN, dlt=dlt), reason=REASON)
        assert site.dlts() == 0
        site.check()


class TestSlotsComeAndGo:
    def test_whoever_left_takes_no_slot(self, site: Site) -> None:
        site.screened("S001")
        site.desk.withdraw("S001", on=DAY0, scope=WithdrawalScope.FOLLOW_UP)
        with pytest.raises(TreatmentWithdrawn):
            site.desk.enroll("S001", on=DAY0)

    def test_a_voided_withdrawal_gives_the_slot_back(self, site: Site) -> None:
        site.admit("S001")
        withdrawn = site.desk.withdraw("S001", on=DAY0, scope=WithdrawalScope.TREATMENT)[0]
        assert kinds(site.desk.void(withdrawn, reason=REASON)) == ["ParticipantEntryVoided", "SlotFilled"]
        assert site.state().counts.tallies[0].enrolled == 1

    def test_a_level_that_held_more_than_three_keeps_six_whoever_left_since(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        event = site.on(3).toxicity("S001")
        site.on(14).assess("S002", "S003")
        site.decide()
        site.treat("S004")
        site.desk.void(event, reason=REASON)
        site.desk.withdraw("S001", on=day(5), scope=WithdrawalScope.FOLLOW_UP)
        state = site.state()
        assert state.counts.tallies[0].most_held == 4
        assert state.decision.action is not Action.WAIT

    def test_somebody_infused_is_not_enrolled_again(self, site: Site) -> None:
        site.treat("S001")
        enrolled = next(e for e in site.trial.history().entries() if isinstance(e.fact, Enrolled))
        site.desk.void(enrolled, reason=REASON)
        with pytest.raises(AlreadyInfused):
            site.desk.enroll("S001", on=DAY0)

    def test_a_correction_does_not_make_an_infusion_the_last_one(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        site.on(14).assess("S001", "S002", "S003")
        site.decide()
        infusion = site.treat("S004", level=2)
        site.screened("S005")
        site.desk.enroll("S005", on=site.today)
        site.desk.correct(infusion, lot="L9", reason=REASON)
        assert site.state().situation.last_level == 2

    def test_enrollment_follows_consent_and_screening(self, site: Site) -> None:
        site.screened("S001")
        with pytest.raises(ConsentLate, match="after the enrollment on 2026-03-01"):
            site.desk.enroll("S001", on="2026-03-01")
        site.desk.consent("S002", signed_on="2026-02-01", form_version="1")
        site.desk.screen("S002", on=DAY0)
        with pytest.raises(NotScreened, match="was not screened by then"):
            site.desk.enroll("S002", on="2026-03-01")


class TestDeaths:
    def test_a_death_of_a_related_event_from_before_is_a_worsening_in_the_window(self, site: Site) -> None:
        site.treat("S001")
        site.on(5).toxicity("S001", onset="2026-02-20", grade=3, attributions=LIKELY)
        site.desk.record_death("S001", on=day(5), event="AE1")
        assert site.member("S001").standing.reason is EvaluationReason.DLT

    def test_relatedness_is_judged_after_the_death(self, site: Site) -> None:
        site.treat("S001")
        site.on(5).toxicity("S001", grade=5, attributions=())
        site.on(9).desk.follow_up_adverse_event("S001", event="AE1", on=day(9), attributions=UNRELATED)
        assert site.evaluation("S001") is Evaluation.NOT_EVALUABLE

    def test_a_report_corrected_to_fatal_brings_the_death_with_it(self, site: Site) -> None:
        site.treat("S001")
        event = site.on(5).toxicity("S001", attributions=UNRELATED)
        assert "Died" in kinds(site.desk.correct(event, grade=5, outcome=Outcome.FATAL, reason=REASON))
        site.check()

    def test_an_incomplete_infusion_hides_no_event_without_a_judgement(self, site: Site) -> None:
        site.admit("S001")
        site.desk.infuse("S001", level=1, started_at=DAY0, fraction="0.5")
        site.on(2).toxicity("S001", attributions=())
        assert site.member("S001").standing.reason is EvaluationReason.RELATEDNESS_NOT_ASSESSED
        site.check()

    def test_a_death_only_known_by_its_year_leaves_open_whether_the_window_was_seen(self, site: Site) -> None:
        site.treat("S001")
        site.on(15).assess("S001")
        (death, *_) = site.on(300).desk.record_death("S001", on="2026")
        assert site.member("S001").standing.reason is EvaluationReason.ENDING_UNCERTAIN
        site.desk.correct(death, on=day(200), reason=REASON)
        assert site.evaluation("S001") is Evaluation.EVALUABLE


class TestAssessments:
    def test_one_that_found_a_dlt_without_an_event_does_not_make_evaluable(self, site: Site) -> None:
        site.treat("S001")
        site.on(14).desk.assess_dlt_window("S001", on=day(14), result=WindowResult.DLT)
        assert site.evaluation("S001") is Evaluation.PENDING

    def test_last_seen_counts_also_for_a_withdrawal(self, site: Site) -> None:
        site.treat("S001")
        site.on(20).desk.withdraw("S001", on=day(20), scope=WithdrawalScope.FOLLOW_UP, last_contact=day(6))
        assert site.evaluation("S001") is Evaluation.NOT_EVALUABLE


def test_what_happened_to_somebody_treated_is_recorded_though_the_consent_was_voided(site: Site) -> None:
    site.treat("S001")
    consent = next(e for e in site.trial.history().entries() if type(e.fact).__name__ == "Consented")
    site.desk.void(consent, reason=REASON)
    site.on(3).toxicity("S001")
    assert site.dlts() == 1


@pytest.mark.parametrize("fraction", ["1.2", "50", "-0.1"])
def test_a_fraction_is_at_most_the_whole(site: Site, fraction: str) -> None:
    site.admit("S001")
    with pytest.raises(FactMalformed, match="fraction must be at"):
        site.desk.infuse("S001", level=1, started_at=DAY0, fraction=fraction)


@pytest.mark.parametrize("address", ["sqlite:///:memory:", "sqlite://"])
def test_memory_has_one_address(address: str) -> None:
    with pytest.raises(TrialError, match="is not an address of a log"):
        Trials.open(address)


def test_a_role_may_be_its_word(site: Site) -> None:
    user = User(id="m", name="Coordinator", role=anything("coordinator"), organization="Site")
    site.trial.acting(user).consent("S001", signed_on=DAY0, form_version="1")
    roles = [getattr(entry.fact, "role", None) for entry in site.trial.history().entries()]
    assert Role.COORDINATOR in roles


class TestConductByAmountAndDay:
    def test_the_amount_of_another_level_is_another_level(self) -> None:
        doses = [Dose(amount=Decimal(amount), unit="mg") for amount in (10, 20, 40)]
        site = Site(attrs.evolve(nct06245746(doses=doses), criteria=()))
        site.admit("S001")
        for dose, words in ((doses[1], "belongs to level 2"), (Dose(amount=Decimal(15), unit="mg"), "no dose level")):
            with pytest.raises(DoseNotOfLevel, match=words):
                site.desk.infuse("S001", level=1, started_at=DAY0, dose=dose)
        site.desk.infuse("S001", level=1, started_at=DAY0, dose=Dose(amount=Decimal("0.0109"), unit="g"))
        assert site.member("S001").level == 1

    def test_an_infusion_before_the_enrollment(self, site: Site) -> None:
        site.on(5).admit("S001")
        with pytest.raises(NotEnrolled, match="was not enrolled by then"):
            site.desk.infuse("S001", level=1, started_at=day(3))

    def test_an_mtd_is_declared_only_while_it_holds(self) -> None:
        site = Site(attrs.evolve(OPEN, levels=OPEN.levels[:1]))
        site.treat("S001", "S002", "S003")
        site.on(14).assess("S001", "S002", "S003")
        site.decide()
        site.treat("S004", "S005", "S006")
        site.on(28).assess("S004", "S005", "S006")
        for subject in ("S004", "S005"):
            site.on(33).toxicity(subject, onset=day(27))
        with pytest.raises(MtdNotGiven):
            site.desk.declare_mtd(level=1, on=day(26))

    def test_decisions_are_taken_in_the_order_of_their_days(self, site: Site) -> None:
        site.on(20).desk.decide_escalation(on=day(20), decided=Decision.wait(level=1), rationale="drug supply")
        with pytest.raises(DecisionOutOfOrder):
            site.desk.decide_escalation(on=day(14))

    def test_an_override_needs_words_that_say_something(self, site: Site) -> None:
        with pytest.raises(ReasonMissing):
            site.desk.decide_escalation(on=DAY0, decided=Decision.wait(level=1), rationale="updated")

    def test_an_amendment_is_settled_for_everybody(self, site: Site) -> None:
        site.treat("S001")
        site.on(3).toxicity("S001", grade=1)
        amended = attrs.evolve(OPEN, version="2", dlt=DltRule(min_grade=3))
        site.desk.amend(amended, effective_on=DAY0, summary="grade 3 and above")
        assert site.dlts() == 0
        site.check()


class TestACorrectionTakesThePlaceOfWhatItRestates:
    def test_of_a_decision_it_does_not_jump_over_a_later_one(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        site.on(14).assess("S001", "S002", "S003")
        first = site.decide()[0]
        site.on(15).desk.decide_escalation(on=day(15), decided=Decision.wait(level=2), rationale="drug supply")
        site.desk.correct(first, by="chair", reason=REASON)
        assert site.state().held

    def test_of_an_amendment_it_does_not_reopen_what_was_closed_since(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        site.on(14).assess("S001", "S002", "S003")
        site.decide()
        amended = attrs.evolve(OPEN, version="2")
        amendment = site.desk.amend(amended, effective_on=day(14), reopens=(2, 3), summary="nothing closed yet")[0]
        site.treat("S004", "S005", level=2)
        for subject in ("S004", "S005"):
            site.toxicity(subject)
        site.decide()
        site.desk.correct(amendment, summary="levels 2 and 3", reason=REASON)
        assert [closing.level for closing in site.state().situation.final_closings] == [2, 3]

    def test_of_two_amendments_of_one_day_the_later_counts(self, site: Site) -> None:
        for version, grade in (("2", 3), ("3", 1)):
            amended = attrs.evolve(OPEN, version=version, dlt=DltRule(min_grade=grade))
            site.desk.amend(amended, effective_on=DAY0, summary=f"from grade {grade}")
        site.treat("S001")
        site.on(3).toxicity("S001", grade=2)
        assert site.dlts() == 1

    def test_of_an_amendment_it_keeps_every_level(self, site: Site) -> None:
        amendment = site.desk.amend(attrs.evolve(OPEN, version="2"), effective_on=DAY0, summary="wording")[0]
        fewer = attrs.evolve(OPEN, version="2", levels=OPEN.levels[:1])
        with pytest.raises(FactMalformed, match="every dose level"):
            site.desk.correct(amendment, protocol=fewer, reason=REASON)


def test_a_clock_that_went_back_hides_nothing(site: Site) -> None:
    site.treat("S001", "S002")
    for subject in ("S001", "S002"):
        site.on(20).toxicity(subject, onset=day(9))
    assert site.state().decision.closed_levels == (1, 2, 3)
    site.now = datetime.combine(day(2), time(6), tzinfo=UTC)
    for _ in range(2):  # the first entry used to carry the clock's day, and the second to believe it
        site.desk.record_vital_signs("S001", [site.temperature("37.1", DAY0)])
    known = site.trial.history().escalation(on=day(20))
    assert known is not None
    assert known.decision.closed_levels == (1, 2, 3)
    recorded = [entry.meta.recorded_at for entry in sorted(site.trial.history().entries(), key=lambda e: e.position)]
    assert recorded == sorted(recorded)


def test_a_decision_names_a_dlt_only_once_there_is_one() -> None:
    doses = [Dose(amount=Decimal(amount), unit="mg") for amount in (10, 20, 40)]
    site = Site(attrs.evolve(nct06245746(doses=doses), criteria=()))
    site.treat("S001", "S002", "S003")
    site.screened("S004")
    odd = Dose(amount=Decimal(15), unit="mg")
    site.desk.infuse("S004", level=1, started_at=DAY0, dose=odd, deviation="the ward drew up 15 mg")
    site.on(3).desk.decide_escalation(on=day(3))
    site.on(14).assess("S001", "S002", "S003")
    assert site.state().decision.action is Action.ESCALATE
    site.toxicity("S004", onset=day(5))
    assert site.state().decision.action is Action.WAIT
    site.decide()
    assert site.state().decision.action is Action.ESCALATE


class TestWhatAJudgementTakesBack:
    @pytest.mark.parametrize(
        ("before", "dlts", "evaluation"),
        [
            (Relatedness.LIKELY, 1, Evaluation.EVALUABLE),
            (Relatedness.UNRELATED, 0, Evaluation.PENDING),
        ],
    )
    def test_not_assessed_is_no_judgement(
        self, site: Site, before: Relatedness, dlts: int, evaluation: Evaluation
    ) -> None:
        site.treat("S001")
        site.on(3).toxicity("S001", attributions=judged(before))
        site.on(14).assess("S001")
        site.desk.follow_up_adverse_event(
            "S001", event="AE1", on=day(14), attributions=judged(Relatedness.NOT_ASSESSED)
        )
        assert (site.dlts(), site.evaluation("S001")) == (dlts, evaluation)

    def test_of_two_in_one_report_the_more_related_counts(self, site: Site) -> None:
        site.treat("S001")
        both = (*judged(Relatedness.LIKELY), *judged(Relatedness.UNRELATED))
        site.on(3).toxicity("S001", attributions=both)
        assert site.dlts() == 1


@pytest.mark.parametrize("requires_assessment", [True, False])
def test_an_assessment_that_found_a_dlt_keeps_pending_until_an_event_explains_it(requires_assessment: bool) -> None:
    rule = attrs.evolve(OPEN.evaluable, requires_assessment=requires_assessment)
    site = Site(attrs.evolve(OPEN, evaluable=rule))
    site.treat("S001")
    site.on(14).assess("S001")
    site.on(16).desk.assess_dlt_window("S001", on=day(16), result=WindowResult.DLT)
    assert site.member("S001").standing.evaluation is Evaluation.PENDING
    assert site.member("S001").standing.reason is EvaluationReason.DLT_NOT_EXPLAINED
    site.toxicity("S001", onset=day(9))
    assert site.evaluation("S001") is Evaluation.EVALUABLE
    assert site.dlts() == 1


def test_somebody_infused_in_vain_never_makes_a_level_of_3_one_of_6(site: Site) -> None:
    site.treat("S001", "S002", "S003")
    site.on(14).assess("S001", "S002", "S003")
    site.decide()
    site.screened("S009")
    site.desk.infuse("S009", level=2, started_at=day(14), fraction="0.5", deviation="never enrolled")
    site.treat("S004", "S005", "S006", level=2)
    assert site.state().counts.tallies[1].most_held == 3


def test_an_infusion_waits_where_escalation_waits() -> None:
    doses = [Dose(amount=Decimal(amount), unit="mg") for amount in (10, 20, 40)]
    site = Site(attrs.evolve(nct06245746(doses=doses), criteria=()))
    site.treat("S001", "S002", "S003")
    site.on(14).assess("S001", "S002", "S003")
    site.decide()
    site.admit("S004")
    site.screened("S005")
    odd = Dose(amount=Decimal(15), unit="mg")
    site.desk.infuse("S005", level=2, started_at=day(14), dose=odd, deviation="the ward drew up 15 mg")
    site.on(17).toxicity("S005")
    with pytest.raises(NobodyInTurn, match="waits until a decision names it"):
        site.desk.infuse("S004", level=2, started_at=day(17), dose=doses[1])
    site.decide()
    site.desk.infuse("S004", level=2, started_at=day(17), dose=doses[1])


def test_without_the_decision_that_opened_a_level_it_is_not_open(site: Site) -> None:
    site.treat("S001", "S002", "S003")
    site.on(14).assess("S001", "S002", "S003")
    decision = site.decide()[0]
    site.desk.void(decision, reason=REASON)
    site.screened("S004")
    with pytest.raises(TrialError, match="level 2"):
        site.desk.enroll("S004", on=day(14))
    site.decide()
    site.treat("S004", level=2)
    site.check()


def test_after_people_stopped_it_takes_a_decision_to_go_on(site: Site) -> None:
    site.treat("S001", "S002", "S003")
    site.on(14).assess("S001", "S002", "S003")
    site.desk.decide_escalation(on=day(14), decided=Decision(action=Action.STOP), rationale="a signal elsewhere")
    site.desk.resume_recruitment(on=day(14), why="the signal was none")
    site.screened("S004")
    with pytest.raises(NobodyInTurn, match="to stop"):
        site.desk.enroll("S004", on=day(14))
    site.decide()
    site.desk.enroll("S004", on=day(14))
    assert site.state().decision.level == 2


def test_somebody_comes_to_a_level_that_people_closed_and_it_says_so(site: Site) -> None:
    site.treat("S001", "S002", "S003")
    site.on(14).assess("S001", "S002", "S003")
    site.decide()
    site.treat("S004", "S005", level=2)
    site.toxicity("S004")
    event = site.toxicity("S005")
    site.decide()
    site.desk.void(event, reason=REASON)
    site.screened("S006")
    entries = site.desk.infuse("S006", level=3, started_at=day(14), deviation="the ward took the wrong syringe")
    assert "EnrollmentStopped" in kinds(entries)


def test_facts_that_were_never_stored_come_in_the_commands_of_a_log(site: Site) -> None:
    site.admit("S001")
    site.desk.infuse("S001", level=1, started_at=DAY0)
    entries = sorted(site.trial.history().entries(), key=lambda entry: entry.position)
    drafts = [Draft(stream=entry.stream, fact=entry.fact, caused_by=entry.meta.caused_by) for entry in entries]
    replayed = sorted(History.of(drafts).entries(), key=lambda entry: entry.position)
    assert [(type(e.fact).__name__, e.meta.part, e.meta.parts) for e in replayed[-2:]] == [
        ("Infused", 1, 2),
        ("MemberInfused", 2, 2),
    ]
    assert replayed[-1].meta.command == replayed[-2].meta.command


class TestSlotsOfTheRule:
    def test_a_level_that_has_more_slots_than_the_rule_gives_now_is_full(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        site.on(5)
        toxicity = site.toxicity("S003")
        site.on(14).assess("S001", "S002")
        site.decide()
        site.desk.void(toxicity, reason=REASON)  # two evaluable and one pending: three, and no reason for six
        site.screened("S004")
        refused(site, NoFreeSlot, lambda: site.desk.enroll("S004", on=day(14)), "3 slots")


def test_a_decision_to_treat_names_its_level(site: Site) -> None:
    site.treat("S001", "S002", "S003")
    site.on(14).assess("S001", "S002", "S003")
    decided = Decision(action=Action.ENROLL)
    refused(
        site,
        DecisionIncomplete,
        lambda: site.desk.decide_escalation(on=day(14), decided=decided, rationale="no patient in sight"),
        "names no level",
    )


CYTOPENIA = DltRule(cytopenia=CytopeniaRule(anc_below=Decimal("0.5")))


class TestTheCytopeniaRuleComesLater:
    @pytest.fixture
    def site(self) -> Site:
        site = Site()
        site.treat("S001")
        for number in (10, 20, 30, 40, 43):
            result = lab("ANC", "0.1", "10*9/L", collected_at=day(number))
            site.on(number).desk.record_labs("S001", [result])
        return site

    def test_by_an_amendment(self, site: Site) -> None:
        amended = attrs.evolve(OPEN, version="2", dlt=CYTOPENIA)
        entries = site.desk.amend(amended, effective_on=day(0), summary="cytopenias count")
        assert "DltAttributed" in kinds(entries)
        site.check()

    def test_by_a_correction(self, site: Site) -> None:
        registered = next(iter(site.trial.history().entries()))
        entries = site.desk.correct(registered, protocol=attrs.evolve(OPEN, dlt=CYTOPENIA), reason=REASON)
        assert "DltAttributed" in kinds(entries)
        site.check()

    def test_by_a_version_whose_name_another_one_has(self) -> None:
        site = Site(attrs.evolve(OPEN, dlt=CYTOPENIA))
        site.treat("S001")
        for number in (10, 20, 30, 40):
            site.on(number).desk.record_labs("S001", [lab("ANC", "0.1", "10*9/L", collected_at=day(number))])
        (amended, *_) = site.desk.amend(attrs.evolve(OPEN, version="2"), effective_on=day(40), summary="no cytopenias")
        site.desk.correct(amended, protocol=attrs.evolve(OPEN, title="no cytopenias"), reason=REASON)
        site.on(43).desk.record_labs("S001", [lab("ANC", "0.1", "10*9/L", collected_at=day(43))])
        site.toxicity("S001", attributions=UNRELATED)
        site.check()


def test_the_calendar_alone_makes_no_difference_under_a_cytopenia_rule() -> None:
    site = Site(attrs.evolve(OPEN, dlt=CYTOPENIA))
    site.treat("S001")
    site.on(14).assess("S001")
    site.on(43).check()


def test_somebody_of_whom_only_results_are_left_is_known(site: Site) -> None:
    (consent, *_) = site.desk.consent("S001", signed_on=day(0), form_version="1")
    result = [lab("ANC", "0.4", "10*9/L", collected_at=day(0))]
    site.desk.record_labs("S001", result)
    site.desk.void(consent, reason=REASON)
    assert site.desk.record_labs("S001", result) == []
    assert kinds(site.desk.report_adverse_event("S001", event="1", term="Fever", grade=1, onset=day(0)))


class Meanwhile:
    """A clock that lets somebody else act, once, between a decision and its append."""

    def __init__(self) -> None:
        self.now = datetime.combine(DAY0, time(6), tzinfo=UTC)
        self.act: Callable[[], object] | None = None
        self.looks = 0

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        if self.act is not None:
            self.looks -= 1
            if self.looks < 0:
                self.finish()
        return self.now

    def finish(self) -> None:
        """Let the other one act, who has not yet."""
        act, self.act = self.act, None
        if act is not None:
            act()


@pytest.mark.parametrize("looks", range(6))
class TestMeanwhile:
    """At whichever look at the clock the other one acts, nothing that was decided on has moved unseen."""

    def site(self, protocol: TrialProtocol) -> tuple[Meanwhile, Site]:
        clock = Meanwhile()
        site = Site(protocol)
        site.trials = Trials(site.trials._store, clock=clock)  # noqa: SLF001 - the same log, another clock
        site.trial = site.trials.trial(protocol.trial)
        site.desk = site.trial.acting(INVESTIGATOR)
        return clock, site

    def test_an_event_that_counts_by_the_new_rule_alone(self, looks: int) -> None:
        clock, site = self.site(attrs.evolve(OPEN, dlt=DltRule(min_grade=3)))
        site.treat("S001")
        clock.looks = looks
        clock.act = lambda: site.toxicity("S001", grade=1, onset=day(0))
        site.desk.amend(attrs.evolve(OPEN, version="2"), effective_on=day(0), summary="any grade")
        clock.finish()
        assert site.dlts() == 1
        site.check()

    def test_two_infusions_within_the_stagger_of_a_protocol_without_rules(self, looks: int) -> None:
        protocol = attrs.evolve(OPEN, design=None, dlt=None, stagger=Stagger(between_days=7))
        clock, site = self.site(protocol)
        for subject in ("S001", "S002"):
            site.screened(subject)
            site.desk.enroll(subject, level=1, on=day(0))
        clock.looks = looks
        done: list[str] = []

        def infuse(subject: str) -> None:
            try:
                site.desk.infuse(subject, level=1, started_at=day(0))
            except StaggerNotKept:
                return
            done.append(subject)

        clock.act = lambda: infuse("S002")
        infuse("S001")
        clock.finish()
        assert len(done) == 1


def test_what_a_field_may_not_be_is_said_in_one_sentence() -> None:
    site = Site()
    site.treat("S001")
    with pytest.raises(FactMalformed) as caught:
        site.toxicity("S001", grade=9)
    assert (
        str(caught.value) == "AdverseEventReported cannot be recorded: grade must be a whole number from 1 to 5, got 9"
    )


def test_a_withdrawal_corrected_and_corrected_back_expands_no_level() -> None:
    # 1 DLT in 1 evaluable, 2 pending: 3+3 waits (Storer 1989 expands at 1 in 3). While the withdrawal is restated, four
    # people use the three slots that were opened.
    site = Site()
    site.treat("S001", "S002", "S003")
    site.on(3).toxicity("S001")
    withdrawn = site.on(4).desk.withdraw("S003", on=site.today, scope=WithdrawalScope.FOLLOW_UP)[0]
    site.on(5).treat("S004")
    assert site.on(6).state().decision.action is Action.WAIT
    restated = site.desk.correct(withdrawn, scope=WithdrawalScope.TREATMENT, reason=REASON)[0]
    assert site.state().counts.tallies[0].occupied == 4
    site.desk.correct(restated, scope=WithdrawalScope.FOLLOW_UP, reason=REASON)
    assert site.state().decision.action is Action.WAIT
    assert site.state().counts.tallies[0].most_held == 3
