"""Gates, deviations, suspension, amendments and caution: acts that are refused, and deviations that are recorded."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import attrs
import pytest
from site_desk import DAY0, OPEN, REASON, Site, day, judged, kinds, refused

from trialdomain import Attestation, Decision, Entry, Finding, Gate, Relatedness, TrialProtocol, nct06245746
from trialdomain.aggregates.cohort import LevelNotOpen, NoFreeSlot
from trialdomain.aggregates.deviation import DeviationNotNeeded
from trialdomain.aggregates.infusions import StaggerNotKept
from trialdomain.aggregates.participant import (
    AfterDeath,
    AlreadyInfused,
    AnswersContradict,
    LevelNotAssigned,
    NotEligible,
    NotEnrolled,
    TreatmentWithdrawn,
)
from trialdomain.aggregates.trial import (
    AlreadyConcluded,
    AmendmentUnusable,
    NotSuspended,
    RecruitmentIsFull,
    RecruitmentIsSuspended,
    TrialIsClosed,
)
from trialdomain.commands.guards import LevelNotInTurn, NobodyInTurn
from trialdomain.events.participant import WithdrawalScope
from trialdomain.events.trial import NotEstablished
from trialdomain.limits.conclusion import MtdNotGiven
from trialdomain.projections.escalation import LimitCode
from trialdomain.protocol.conduct_rules import Stagger, Stopping
from trialdomain.protocol.dlt_rule import DltRule, ExpectedToxicity
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.protocol.made_up import eligible
from trialdomain.protocol.trial_protocol import TallyBy
from trialdomain.values.clinical.decision import Action
from trialdomain.values.clinical.evaluation import Evaluation
from trialdomain.values.clinical.screening import CriterionStatus
from trialdomain.values.clinical.treatment import BloodProduct
from trialdomain.values.reason import ReasonMissing

WHY = "the pharmacy released the dose before the list was updated"


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.check()
    made.trials.close()


def fill_level_1(site: Site) -> None:
    """Treat 3 at level 1 without a DLT, and assess them."""
    site.treat("S001", "S002", "S003")
    site.on(14).assess("S001", "S002", "S003")


class TestEligibility:
    @pytest.fixture
    def strict(self) -> Site:
        return Site(nct06245746())

    def answers(self, on: date = DAY0) -> tuple[tuple[Finding, ...], tuple[Attestation, ...]]:
        return eligible(nct06245746(), on=on)

    def screen(self, site: Site, *, without: str | None = None) -> Entry:
        findings, attestations = self.answers(site.today)
        site.desk.consent("S001", signed_on=site.today, form_version="1", age=42)
        return site.desk.screen(
            "S001",
            on=site.today,
            findings=[one for one in findings if one.name != without],
            attestations=[one for one in attestations if one.criterion != without],
        )[0]

    def test_whoever_meets_every_criterion_is_enrolled(self, strict: Site) -> None:
        screened = self.screen(strict)
        assert len(screened.fact.assessment) == 40  # type: ignore[union-attr]  # a screening it is
        assert kinds(strict.desk.enroll("S001", on=DAY0)) == ["Enrolled", "SlotFilled"]

    def test_all_reasons_are_reported_at_once(self, strict: Site) -> None:
        strict.desk.consent("S001", signed_on=DAY0, form_version="1")
        strict.desk.screen("S001", on=DAY0)
        with pytest.raises(NotEligible) as error:
            strict.desk.enroll("S001", on=DAY0)
        assert len(error.value.reasons) == 36  # all but I3 and E22, which the consent answers, and I5 and E15, not due
        assert {reason.status for reason in error.value.reasons} == {CriterionStatus.NOT_ANSWERED}
        sentence = str(error.value)
        assert sentence.startswith("S001 has 36 criteria that are not met or not answered: I1 not-answered: ")
        assert sentence.count("not-answered: ") == 5
        assert sentence.endswith("; and 31 more, in reasons")  # 36 - 5

    @pytest.mark.parametrize("without", ["lvef", "E5", "I9", "sex"])
    def test_a_missing_answer_is_never_a_met_one(self, strict: Site, without: str) -> None:
        self.screen(strict, without=without)
        refused(strict, NotEligible, lambda: strict.desk.enroll("S001", on=DAY0), "not-answered")

    def test_it_is_judged_on_the_day_of_enrollment(self, strict: Site) -> None:
        self.screen(strict)
        strict.on(29)
        refused(strict, NotEligible, lambda: strict.desk.enroll("S001", on=day(29)), "older than 28 days")
        strict.desk.enroll("S001", on=day(28))

    def test_somebody_screened_again_is_counted_once(self, strict: Site) -> None:
        self.screen(strict, without="lvef")
        strict.on(3)
        findings, attestations = self.answers(day(3))
        strict.desk.screen("S001", on=day(3), findings=findings, attestations=attestations)
        strict.desk.enroll("S001", on=day(3))
        assert len(list(strict.trial.history().casebook(on=day(3)).cases)) == 1

    def test_contradictory_answers_are_refused(self, strict: Site) -> None:
        findings, attestations = self.answers()
        both = [*attestations, Attestation(criterion="E8", answer=True)]
        strict.desk.consent("S001", signed_on=DAY0, form_version="1", age=42)
        refused(
            strict,
            AnswersContradict,
            lambda: strict.desk.screen("S001", on=DAY0, findings=findings, attestations=both),
            "I6 is met and E8 applies",
        )

    def test_the_infusion_asks_its_own_criteria_and_those_of_chemotherapy_once_it_started(self, strict: Site) -> None:
        self.screen(strict)
        strict.desk.enroll("S001", on=DAY0)
        infuse = lambda: strict.desk.infuse("S001", level=1, started_at=DAY0)  # noqa: E731 - said three times below
        refused(strict, NotEligible, infuse, "E15 not-answered.*; no chemotherapy is recorded yet$")
        answers = [Attestation(criterion="E15", answer=False)]
        strict.desk.answer_criteria("S001", gate=Gate.INFUSION, on=DAY0, attestations=answers)
        strict.desk.start_chemotherapy("S001", on=DAY0, regimen="HiDAC", ecog=3)
        refused(strict, NotEligible, infuse, r"I5 unmet: ecog is 3: at-most 2$")
        assert kinds(strict.desk.infuse("S001", level=1, started_at=DAY0, deviation=WHY))[0] == "Infused"

    def test_before_chemotherapy_its_criteria_are_not_due(self, strict: Site) -> None:
        self.screen(strict)
        strict.desk.enroll("S001", on=DAY0)
        answers = [Attestation(criterion="E15", answer=False)]
        strict.desk.answer_criteria("S001", gate=Gate.INFUSION, on=DAY0, attestations=answers)
        assert kinds(strict.desk.infuse("S001", level=1, started_at=DAY0))[0] == "Infused"


class TestDeviations:
    def test_what_has_happened_is_recorded_with_why(self, site: Site) -> None:
        site.admit("S001")
        entries = site.desk.infuse("S001", level=2, started_at=DAY0, deviation=WHY)
        assert entries[0].meta.deviation == WHY
        assert site.member("S001").level == 2

    def test_each_rule_of_the_infusion_gives_way_to_one(self, site: Site) -> None:
        site.screened("S001")
        refused(site, NotEnrolled, lambda: site.desk.infuse("S001", level=1, started_at=DAY0), "not enrolled")
        site.desk.infuse("S001", level=1, started_at=DAY0, deviation=WHY)
        site.treat("S002")
        site.on(1)
        refused(site, AlreadyInfused, lambda: site.desk.infuse("S002", level=1, started_at=day(1)), "already")
        site.desk.infuse("S002", level=1, started_at=day(1), deviation=WHY)
        assert site.member("S002").window_last == day(14)  # the first one opens the window

    def test_an_explanation_that_says_nothing_is_refused(self, site: Site) -> None:
        site.admit("S001")
        refused(
            site, ReasonMissing, lambda: site.desk.infuse("S001", level=2, started_at=DAY0, deviation="error"), "says"
        )

    def test_one_without_a_broken_rule_is_refused(self, site: Site) -> None:
        site.admit("S001")
        refused(
            site,
            DeviationNotNeeded,
            lambda: site.desk.infuse("S001", level=1, started_at=DAY0, deviation=WHY),
            "no rule of conduct is broken",
        )

    def test_an_enrollment_beyond_the_slots(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        site.screened("S004")
        refused(site, NoFreeSlot, lambda: site.desk.enroll("S004", on=DAY0), "all 3 slots")
        entries = site.desk.enroll("S004", on=DAY0, deviation=WHY)
        assert [entry.meta.deviation for entry in entries] == [WHY, None]
        assert site.state().counts.tallies[0].occupied == 4

    def test_infused_after_the_level_closed_they_are_tallied_there_and_never_reopen_it(self, site: Site) -> None:
        site.treat("S001", "S002")
        site.admit("S003")
        for subject in ("S001", "S002"):
            site.toxicity(subject)
        refused(
            site,
            LevelNotInTurn,
            lambda: site.desk.infuse("S003", level=1, started_at=DAY0),
            "level 1 is closed, and no level is in turn",
        )
        site.desk.infuse("S003", level=1, started_at=DAY0, deviation=WHY)
        assert site.state().counts.tallies[0].treated == 3
        assert site.state().decision.closed_levels == (1, 2, 3)

    def test_what_is_said_to_be_observed_after_the_death(self, site: Site) -> None:
        site.treat("S001")
        site.on(5).desk.record_death("S001", on=day(3))
        transfuse = site.desk.transfuse
        product = BloodProduct.PLATELETS
        refused(site, AfterDeath, lambda: transfuse("S001", on=day(4), product=product), "S001 died on 2026-03-05")
        why = "the ward's clock was a day ahead"
        (entry,) = transfuse("S001", on=day(4), product=product, deviation=why)
        assert entry.meta.deviation == why

    def test_a_screening_before_the_consent(self, site: Site) -> None:
        site.desk.consent("S001", signed_on=DAY0, form_version="1")
        why = "blood was drawn on admission, before the consent"
        entries = site.desk.screen("S001", on="2026-03-01", deviation=why)
        assert [entry.meta.deviation for entry in entries] == [why]

    def test_treatment_after_withdrawal(self, site: Site) -> None:
        site.admit("S001")
        site.desk.withdraw("S001", on=DAY0, scope=WithdrawalScope.TREATMENT)
        refused(
            site, TreatmentWithdrawn, lambda: site.desk.infuse("S001", level=1, started_at=DAY0), "S001 left on 2026"
        )


class TestSuspension:
    def test_nobody_is_enrolled_until_it_is_resumed(self, site: Site) -> None:
        site.screened("S001")
        site.desk.suspend_recruitment(on=DAY0, why="supply")
        refused(site, RecruitmentIsSuspended, lambda: site.desk.enroll("S001", on=DAY0), r"since 2026-03-02 \(supply\)")
        site.desk.resume_recruitment(on=DAY0, why="supply is back")
        site.desk.enroll("S001", on=DAY0)

    def test_infusion_only_where_it_says_so(self, site: Site) -> None:
        site.admit("S001")
        site.desk.suspend_recruitment(on=DAY0, why="supply")
        site.desk.infuse("S001", level=1, started_at=DAY0)
        site.desk.resume_recruitment(on=DAY0, why="supply is back")
        site.admit("S002")
        site.desk.suspend_recruitment(on=DAY0, why="a death elsewhere", infusion=True)
        refused(
            site,
            RecruitmentIsSuspended,
            lambda: site.desk.infuse("S002", level=1, started_at=DAY0),
            "infusion is suspended",
        )

    def test_twice_is_once_and_more_is_more(self, site: Site) -> None:
        site.desk.suspend_recruitment(on=DAY0, why="supply")
        assert site.desk.suspend_recruitment(on=DAY0, why="supply") == []
        assert kinds(site.desk.suspend_recruitment(on=DAY0, why="a death", infusion=True)) == ["RecruitmentSuspended"]

    def test_nothing_to_resume(self, site: Site) -> None:
        refused(site, NotSuspended, lambda: site.desk.resume_recruitment(on=DAY0, why="go on"), "nothing to resume")

    def test_nothing_is_resumed_before_it_was_suspended(self, site: Site) -> None:
        site.on(4).desk.suspend_recruitment(on=day(4), why="supply")
        refused(site, NotSuspended, lambda: site.desk.resume_recruitment(on=day(3), why="go on"), "before that")
        assert kinds(site.desk.resume_recruitment(on=day(4), why="go on")) == ["RecruitmentResumed"]

    def test_a_closed_trial_enrolls_nobody_and_goes_on_observing(self, site: Site) -> None:
        site.treat("S001")
        site.screened("S002")
        site.desk.close(on=DAY0, why="recruitment ended")
        refused(site, TrialIsClosed, lambda: site.desk.enroll("S002", on=DAY0), "no participant can be enrolled")
        refused(site, TrialIsClosed, lambda: site.desk.close(on=DAY0, why="again"), "was closed on 2026-03-02")
        site.on(3).toxicity("S001")
        assert site.dlts() == 1


class TestStoppingOnARelatedDeath:
    def fatal(self, site: Site, number: int, relatedness: Relatedness) -> list[str]:
        site.on(number)
        return kinds(
            site.desk.report_adverse_event(
                "S001", event="AE9", term="Sepsis", grade=5, onset=day(number), attributions=judged(relatedness)
            )
        )

    @pytest.mark.parametrize("number", [3, 200])
    def test_at_any_time_it_suspends_recruitment_and_infusion(self, site: Site, number: int) -> None:
        site.treat("S001")
        site.admit("S002")
        assert self.fatal(site, number, Relatedness.POSSIBLY)[-1] == "RecruitmentSuspended"
        refused(
            site,
            RecruitmentIsSuspended,
            lambda: site.desk.infuse("S002", level=1, started_at=site.today),
            "a death related to the infusion: S001",
        )

    def test_an_unrelated_one_does_not(self, site: Site) -> None:
        site.treat("S001")
        assert "RecruitmentSuspended" not in self.fatal(site, 3, Relatedness.UNLIKELY)

    def test_judged_related_later_it_does(self, site: Site) -> None:
        site.treat("S001")
        self.fatal(site, 3, Relatedness.UNLIKELY)
        entries = site.desk.follow_up_adverse_event(
            "S001", event="AE9", on=day(3), attributions=judged(Relatedness.LIKELY)
        )
        assert kinds(entries)[-1] == "RecruitmentSuspended"

    def test_what_people_resumed_is_not_suspended_again_by_the_same_death(self, site: Site) -> None:
        site.treat("S001")
        self.fatal(site, 3, Relatedness.LIKELY)
        site.desk.resume_recruitment(on=day(3), why="committee of 5 March")
        entries = site.desk.report_adverse_event("S001", event="AE10", term="Fever", grade=1, onset=day(2))
        assert "RecruitmentSuspended" not in kinds(entries)

    def test_the_protocol_may_say_otherwise(self) -> None:
        site = Site(attrs.evolve(OPEN, stopping=Stopping(related_grade_5=False)))
        site.treat("S001")
        assert "RecruitmentSuspended" not in self.fatal(site, 3, Relatedness.LIKELY)


class TestReassignment:
    def test_somebody_released_by_a_closing_goes_to_the_level_in_turn(self, site: Site) -> None:
        fill_level_1(site)
        site.decide()
        site.treat("S004", "S005", level=2)
        site.admit("S006")
        for subject in ("S004", "S005"):
            site.toxicity(subject)
        site.decide()
        assert site.state().level_in_turn == 1
        entries = site.desk.reassign("S006", to_level=1, on=site.today, why="level 2 closed")
        assert kinds(entries) == ["LevelReassigned", "SlotFilled"]
        site.desk.infuse("S006", level=1, started_at=site.today)
        assert site.member("S006").level == 1

    def test_only_to_the_level_in_turn_and_only_before_the_infusion(self, site: Site) -> None:
        site.admit("S001")
        reassign = site.desk.reassign
        refused(site, LevelNotInTurn, lambda: reassign("S001", to_level=2, on=DAY0, why="a wish"), "level 1 is in turn")
        site.desk.infuse("S001", level=1, started_at=DAY0)
        refused(site, AlreadyInfused, lambda: reassign("S001", to_level=1, on=DAY0, why="a wish"), "was infused on")

    def test_the_infusion_follows_the_reassignment(self, site: Site) -> None:
        fill_level_1(site)
        site.decide()
        site.admit("S004")
        refused(site, LevelNotAssigned, lambda: site.desk.infuse("S004", level=1, started_at=site.today), "level 2 is")


class TestCaution:
    def test_staying_at_a_level_caps_the_walk_and_gives_it_six(self, site: Site) -> None:
        fill_level_1(site)
        stay = Decision.enroll(level=1)
        entries = site.desk.decide_escalation(on=site.today, decided=stay, rationale="one more look at level 1")
        assert kinds(entries) == ["EscalationDecided", "CohortExpanded"]
        state = site.state()
        assert (state.decision.action, state.decision.level, state.level_in_turn) == (Action.ESCALATE, 2, 1)
        site.treat("S004", "S005", "S006")
        site.screened("S007")
        refused(site, NoFreeSlot, lambda: site.desk.enroll("S007", on=site.today), "all 6 slots of level 1")

    def test_the_next_decision_lifts_it(self, site: Site) -> None:
        fill_level_1(site)
        site.desk.decide_escalation(on=site.today, decided=Decision.enroll(level=1), rationale="one more look")
        site.decide()
        site.admit("S004")
        assert site.member("S004").level == 2

    def test_waiting_fills_no_slot(self, site: Site) -> None:
        site.desk.decide_escalation(on=DAY0, decided=Decision.wait(level=1), rationale="drug supply")
        site.screened("S001")
        refused(site, NobodyInTurn, lambda: site.desk.enroll("S001", on=DAY0), "people decided to wait")

    def test_stopping_suspends_recruitment(self, site: Site) -> None:
        stop = Decision(action=Action.STOP)
        entries = site.desk.decide_escalation(on=DAY0, decided=stop, rationale="funding ended")
        assert kinds(entries) == ["EscalationDecided", "RecruitmentSuspended"]

    def test_a_level_waits_for_its_decision_whatever_the_rule_says(self, site: Site) -> None:
        fill_level_1(site)
        site.screened("S004")
        refused(site, LevelNotOpen, lambda: site.desk.enroll("S004", on=site.today), "level 2 is not open")

    def test_a_level_stopped_takes_nobody(self, site: Site) -> None:
        fill_level_1(site)
        site.decide()
        site.treat("S004", "S005", level=2)
        for subject in ("S004", "S005"):
            site.toxicity(subject)
        site.screened("S006")
        refused(site, LevelNotInTurn, lambda: site.desk.enroll("S006", on=site.today, level=2), "level 1 is in turn")
        assert kinds(site.desk.enroll("S006", on=site.today, level=2, deviation=WHY)) == ["Enrolled", "SlotFilled"]


class TestStagger:
    @pytest.fixture
    def staggered(self) -> Site:
        return Site(attrs.evolve(OPEN, stagger=Stagger(first_to_second_days=7, between_days=2)))

    def test_the_second_waits_for_the_first_and_the_third_for_the_second(self, staggered: Site) -> None:
        staggered.treat("S001")
        staggered.admit("S002")
        state = staggered.on(6).state()
        assert (state.decision.action, state.decision.because and state.decision.because.code) == (
            Action.WAIT,
            LimitCode.STAGGERED,
        )
        assert [(one.subject, one.until) for one in state.decision.waiting_for] == [("S001", day(7))]
        refused(
            staggered,
            StaggerNotKept,
            lambda: staggered.desk.infuse("S002", level=1, started_at=day(6)),
            "is not before 2026-03-09",
        )
        staggered.on(7).desk.infuse("S002", level=1, started_at=day(7))
        waits_for = staggered.on(8).state().decision.waiting_for
        assert [(one.subject, one.until) for one in waits_for] == [("S002", day(9))]
        staggered.admit("S003")
        refused(
            staggered,
            StaggerNotKept,
            lambda: staggered.desk.infuse("S003", level=1, started_at=day(8)),
            "is not before 2026-03-11",
        )
        staggered.on(9).desk.infuse("S003", level=1, started_at=day(9))

    def test_the_next_waits_for_who_was_infused_last_and_not_for_who_took_the_last_slot(self, staggered: Site) -> None:
        """S001 takes a slot first, and is infused a week after S002: two days after S001, the next may be infused."""
        staggered.admit("S001")
        staggered.treat("S002")
        staggered.on(7).desk.infuse("S001", level=1, started_at=day(7))
        waits_for = staggered.on(8).state().decision.waiting_for
        assert [(one.subject, one.until) for one in waits_for] == [("S001", day(9))]

    def test_without_one_nobody_waits(self, site: Site) -> None:
        site.treat("S001", "S002")
        assert site.state().decision.action is Action.ENROLL


class TestAmendments:
    def amend(self, site: Site, protocol: TrialProtocol, *, reopens: tuple[int, ...] = ()) -> list[str]:
        return kinds(site.desk.amend(protocol, effective_on=site.today, summary="version 2", reopens=reopens))

    def test_infusions_are_judged_by_the_version_in_force_on_their_day(self, site: Site) -> None:
        site.treat("S001")
        site.on(2)
        self.amend(site, attrs.evolve(OPEN, version="2", dlt=DltRule(min_grade=3)))
        site.treat("S002")
        for subject in ("S001", "S002"):
            site.on(4).toxicity(subject, grade=2)
        assert site.member("S001").dlt is not None
        assert site.member("S002").dlt is None

    def test_only_an_amendment_reopens_a_level_that_is_finally_closed(self, site: Site) -> None:
        fill_level_1(site)
        site.decide()
        site.treat("S004", "S005", level=2)
        first = site.toxicity("S004")
        site.toxicity("S005")
        site.decide()
        site.desk.void(first, reason=REASON)
        assert site.state().decision.closed_levels == (2, 3)
        done = self.amend(site, attrs.evolve(OPEN, version="2"), reopens=(2, 3))
        assert done == ["ProtocolAmended", "EnrollmentResumed"]
        assert site.state().decision.closed_levels == ()
        assert site.state().decision.level == 2

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"version": "registry"}, "version registry was in force before"),
            ({"version": "2", "trial": "T9"}, "it is the protocol of T9"),
            ({"version": "2", "levels": (DoseLevel(level=1),)}, "it does not have levels 2, 3: keep every level"),
        ],
    )
    def test_what_cannot_follow_is_refused(self, site: Site, change: dict[str, Any], words: str) -> None:
        amended = attrs.evolve(OPEN, **change)
        refused(
            site,
            AmendmentUnusable,
            lambda: site.desk.amend(amended, effective_on=DAY0, summary="two"),
            words,
        )

    def test_a_level_that_it_does_not_have_is_not_reopened(self, site: Site) -> None:
        amended = attrs.evolve(OPEN, version="2")
        refused(
            site,
            AmendmentUnusable,
            lambda: site.desk.amend(amended, effective_on=DAY0, summary="two", reopens=(4,)),
            r"it reopens levels \[4\], and has levels 1, 2, 3",
        )


class TestConclusion:
    def test_the_mtd_that_the_design_gives(self) -> None:
        site = Site(attrs.evolve(OPEN, levels=(DoseLevel(level=1),)))
        fill_level_1(site)
        refused(
            site, MtdNotGiven, lambda: site.desk.declare_mtd(level=1, on=site.today), "the answer of the design is open"
        )
        site.decide()
        site.treat("S004", "S005", "S006")
        site.on(28).assess("S004", "S005", "S006")
        refused(
            site,
            MtdNotGiven,
            lambda: site.desk.declare_no_mtd(why=NotEstablished.STOPPED, on=site.today),
            "that there is no MTD cannot be declared",
        )
        (entry,) = site.desk.declare_mtd(level=1, on=site.today)
        assert entry.fact.bounded_above is False  # type: ignore[union-attr]  # a declaration it is
        refused(site, AlreadyConcluded, lambda: site.desk.declare_mtd(level=1, on=site.today), "has its conclusion")

    def test_none_tolerated_only_where_it_is_so(self, site: Site) -> None:
        declare = site.desk.declare_no_mtd
        refused(site, MtdNotGiven, lambda: declare(why=NotEstablished.NONE_TOLERATED, on=DAY0), "no level is tolerated")
        site.treat("S001", "S002")
        for subject in ("S001", "S002"):
            site.toxicity(subject)
        assert kinds(declare(why=NotEstablished.NONE_TOLERATED, on=DAY0)) == ["MtdNotEstablished"]

    def test_recruitment_ended_with_a_candidate_that_only_a_person_may_name(self, site: Site) -> None:
        declare = site.desk.declare_no_mtd
        fill_level_1(site)
        site.desk.decide_escalation(on=site.today, decided=Decision.enroll(level=1), rationale="six at level 1 first")
        site.treat("S004", "S005", "S006")
        site.on(28).assess("S004", "S005", "S006")
        ended = NotEstablished.RECRUITMENT_ENDED
        refused(site, MtdNotGiven, lambda: declare(why=ended, on=site.today), "while it goes on")
        site.desk.close(on=site.today, why="nine were recruited")
        refused(site, MtdNotGiven, lambda: declare(why=ended, on=site.today, candidate=2), "with 0 DLTs in 0 evaluable")
        (entry,) = declare(why=ended, on=site.today, candidate=1)
        assert entry.fact.candidate == 1  # type: ignore[union-attr]  # a declaration it is


class TestOtherParameters:
    def test_no_more_than_the_protocol_allows_are_infused(self) -> None:
        site = Site(attrs.evolve(OPEN, max_infused=2))
        site.treat("S001", "S002")
        site.screened("S003")
        refused(
            site,
            RecruitmentIsFull,
            lambda: site.desk.enroll("S003", on=DAY0),
            "2 are infused or enrolled, and the protocol allows 2",
        )

    def test_expected_with_chemotherapy_never_counts_up_to_its_grade(self) -> None:
        expected = DltRule(expected_with_chemotherapy=(ExpectedToxicity(term="fever", up_to_grade=2),))
        site = Site(attrs.evolve(OPEN, dlt=expected))
        site.treat("S001", "S002")
        site.on(2).toxicity("S001", grade=2)
        site.toxicity("S002", grade=3)
        assert (site.member("S001").dlt, site.dlts()) == (None, 1)

    def test_a_threshold_is_reached_by_worsening(self) -> None:
        site = Site(attrs.evolve(OPEN, dlt=DltRule(min_grade=3)))
        site.treat("S001", "S002")
        for subject, number in (("S001", 14), ("S002", 15)):
            site.on(20).toxicity(subject, onset=day(2), grade=2)
            site.desk.follow_up_adverse_event(subject, event="AE1", on=day(number), grade=3)
        assert site.member("S001").dlt is not None
        assert site.member("S002").dlt is None  # it reaches the threshold only after day 14

    def test_worsening_need_not_count(self) -> None:
        site = Site(attrs.evolve(OPEN, dlt=DltRule(worsening=False)))
        site.treat("S001")
        site.on(3).toxicity("S001", onset="2026-02-20", grade=1)
        site.desk.follow_up_adverse_event("S001", event="AE1", on=day(2), grade=4)
        assert site.dlts() == 0

    def test_without_a_design_administrations_may_be_more_than_one(self) -> None:
        site = Site(attrs.evolve(OPEN, administrations=None, design=None, levels=OPEN.levels[:1]))
        site.treat("S001")
        site.on(3).desk.infuse("S001", level=1, started_at=day(3))
        assert site.member("S001").window_last == day(14)

    def test_a_tally_by_the_level_assigned(self) -> None:
        site = Site(attrs.evolve(OPEN, tally_by=TallyBy.ASSIGNED))
        site.treat("S001")
        assert site.evaluation("S001") is Evaluation.PENDING
