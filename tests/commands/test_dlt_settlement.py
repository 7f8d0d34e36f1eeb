"""A DLT is settled in the transaction of the report, follow-up, correction or void that changes it."""

from collections.abc import Iterator

import attrs
import pytest
from site_desk import DAY0, OPEN, REASON, Site, day, judged, kinds

from trialdomain import Agent, Assessor, Relatedness, Role, User
from trialdomain.events.cohort import DltAttributed
from trialdomain.events.participant import WithdrawalScope
from trialdomain.events.trial import ProtocolAmended
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationReason


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    made.treat("S001", "S002", "S003")
    yield made
    made.check()
    made.trials.close()


def test_a_new_user_moves_no_cause_to_another_entry() -> None:
    # The first act of a user is recorded before what it brings about, in the stream of the trial.
    site = Site()
    site.treat("S001", "S002", "S003")
    site.on(3)
    for subject in ("S001", "S002"):  # 2 DLTs close level 1, and the amendment reopens it
        site.toxicity(subject)
    other = User(id="other", name="Other", role=Role.INVESTIGATOR, organization="Site")
    protocol = attrs.evolve(OPEN, version="2", criteria=())
    entries = site.trial.acting(other).amend(
        protocol, effective_on=site.today, summary="version 2: level 1 is opened again", reopens=[1]
    )
    by_ref = {entry.ref: entry for entry in site.trial.history().entries()}
    causes = [by_ref[entry.meta.caused_by] for entry in entries if entry.meta.caused_by is not None]
    assert "UserRegistered" in kinds(entries)
    assert causes
    assert all(isinstance(cause.fact, ProtocolAmended) for cause in causes)


class TestReport:
    def test_a_related_event_in_the_window_is_attributed_at_once(self, site: Site) -> None:
        site.on(3)
        entries = site.desk.report_adverse_event(
            "S001", event="AE1", term="Fever", grade=1, onset=day(3), attributions=judged(Relatedness.POSSIBLY)
        )
        assert kinds(entries) == ["AdverseEventReported", "MemberAssessed", "DltAttributed"]
        assert [entry.meta.caused_by for entry in entries] == [None, entries[0].ref, entries[0].ref]
        assert {entry.meta.recorded_at for entry in entries} == {entries[0].meta.recorded_at}
        assert site.dlts() == 1

    @pytest.mark.parametrize(("onset", "counts"), [(0, True), (14, True), (15, False)])
    def test_the_window_is_elapsed_days_0_to_14_both_inclusive(self, site: Site, onset: int, counts: bool) -> None:
        site.on(20).toxicity("S001", onset=day(onset))
        assert site.dlts() == counts

    def test_it_is_the_onset_that_decides_however_late_the_report(self, site: Site) -> None:
        site.on(16).assess("S001")
        assert site.evaluation("S001") is Evaluation.EVALUABLE
        site.on(300).toxicity("S001", onset=day(14))
        assert site.member("S001").standing.reason is EvaluationReason.DLT

    def test_an_onset_before_the_infusion_does_not_count(self, site: Site) -> None:
        site.on(3).toxicity("S001", onset="2026-03-01")
        assert site.dlts() == 0

    @pytest.mark.parametrize(("onset", "counts"), [("T08:59+08:00", False), ("T09:00+08:00", True), ("", True)])
    def test_on_the_infusion_day_it_counts_unless_its_time_is_before(self, onset: str, counts: bool) -> None:
        site = Site()
        site.admit("S001")
        site.desk.infuse("S001", level=1, started_at=f"{DAY0}T09:00+08:00")
        site.toxicity("S001", onset=f"{DAY0}{onset}")
        assert site.dlts() == counts

    @pytest.mark.parametrize("onset", ["2026", "2026-03"])
    def test_a_partial_onset_counts_if_any_day_of_it_lies_in_the_window(self, site: Site, onset: str) -> None:
        event = site.on(40).toxicity("S001", onset=onset)
        assert site.dlts() == 1
        assert site.member("S001").dlt
        entries = site.desk.correct(event, onset=day(30), reason=REASON)
        assert kinds(entries) == ["AdverseEventReported", "DltRevoked", "MemberAssessed"]
        assert site.dlts() == 0

    def test_two_events_in_one_person_are_one_dlt_and_revoking_one_changes_nothing(self, site: Site) -> None:
        first = site.on(3).toxicity("S001", "AE1")
        site.on(5).toxicity("S001", "AE2")
        assert site.dlts() == 1
        site.desk.void(first, reason=REASON)
        assert site.dlts() == 1
        dlt = site.member("S001").dlt
        assert dlt
        assert dlt.event == "AE2"

    def test_an_event_of_somebody_who_was_not_infused_is_no_dlt(self) -> None:
        site = Site()
        site.admit("S001")
        site.toxicity("S001")
        assert site.dlts() == 0
        site.check()


class TestRelatedness:
    @pytest.mark.parametrize(
        ("relatedness", "counts"),
        [
            (Relatedness.UNRELATED, False),
            (Relatedness.UNLIKELY, False),
            (Relatedness.POSSIBLY, True),
            (Relatedness.LIKELY, True),
            (Relatedness.DEFINITELY, True),
        ],
    )
    def test_possibly_likely_and_definitely_count(self, site: Site, relatedness: Relatedness, counts: bool) -> None:
        site.on(3).toxicity("S001", attributions=judged(relatedness))
        assert site.dlts() == counts

    def test_related_to_chemotherapy_alone_is_not_assessed_for_the_infusion(self, site: Site) -> None:
        site.on(3).toxicity("S001", attributions=judged(Relatedness.DEFINITELY, agent=Agent.CHEMOTHERAPY))
        assert site.dlts() == 0
        assert site.member("S001").standing.reason is EvaluationReason.RELATEDNESS_NOT_ASSESSED

    def test_an_event_not_assessed_keeps_its_participant_pending(self, site: Site) -> None:
        site.on(3).toxicity("S001", attributions=())
        site.on(16).assess("S001")
        assert site.evaluation("S001") is Evaluation.PENDING
        site.desk.follow_up_adverse_event("S001", event="AE1", on=day(16), attributions=judged(Relatedness.UNRELATED))
        assert site.evaluation("S001") is Evaluation.EVALUABLE

    def test_of_the_assessors_the_more_related_counts(self, site: Site) -> None:
        both = judged(Relatedness.UNRELATED) + judged(Relatedness.POSSIBLY, assessor=Assessor.SPONSOR)
        site.on(3).toxicity("S001", attributions=both)
        assert site.dlts() == 1

    def test_of_one_assessor_the_latest_date_counts_whatever_the_order_of_recording(self, site: Site) -> None:
        site.on(3).toxicity("S001", attributions=judged(Relatedness.POSSIBLY))
        site.on(9)
        site.desk.follow_up_adverse_event("S001", event="AE1", on=day(8), attributions=judged(Relatedness.UNRELATED))
        assert site.dlts() == 0
        site.desk.follow_up_adverse_event("S001", event="AE1", on=day(6), attributions=judged(Relatedness.DEFINITELY))
        assert site.dlts() == 0

    def test_of_one_date_the_higher_version_counts(self, site: Site) -> None:
        site.on(9).toxicity("S001", onset=day(3))
        for relatedness in (Relatedness.UNRELATED, Relatedness.LIKELY):
            site.desk.follow_up_adverse_event("S001", event="AE1", on=day(8), attributions=judged(relatedness))
        assert site.dlts() == 1


class TestFollowUp:
    def test_reassessed_as_unrelated_revokes(self, site: Site) -> None:
        site.on(3).toxicity("S001")
        entries = site.on(5).desk.follow_up_adverse_event(
            "S001", event="AE1", on=day(5), attributions=judged(Relatedness.UNRELATED)
        )
        assert kinds(entries) == ["AdverseEventFollowedUp", "DltRevoked", "MemberAssessed"]
        assert site.evaluation("S001") is Evaluation.PENDING

    def test_an_event_that_began_before_and_worsened_after_has_its_onset_on_that_day(self, site: Site) -> None:
        site.on(3).toxicity("S001", onset="2026-02-27", grade=1)
        assert site.dlts() == 0
        entries = site.desk.follow_up_adverse_event("S001", event="AE1", on=day(2), grade=3)
        (attributed,) = [entry.fact for entry in entries if isinstance(entry.fact, DltAttributed)]
        assert attributed.onset.day == day(2)

    def test_worse_only_after_day_14_is_no_dlt(self, site: Site) -> None:
        site.on(20).toxicity("S001", onset="2026-02-27", grade=1)
        site.desk.follow_up_adverse_event("S001", event="AE1", on=day(15), grade=4)
        assert site.dlts() == 0

    def test_better_and_then_as_bad_as_before_the_infusion_is_a_worsening(self, site: Site) -> None:
        site.on(9).toxicity("S001", onset="2026-02-27", grade=3)
        site.desk.follow_up_adverse_event("S001", event="AE1", on=day(2), grade=1)
        assert site.dlts() == 0
        site.desk.follow_up_adverse_event("S001", event="AE1", on=day(6), grade=3)
        dlt = site.member("S001").dlt
        assert dlt
        assert (dlt.onset.day, dlt.grade) == (day(6), 3)


class TestCorrection:
    def test_the_infusion_moved_after_the_event_revokes_and_moved_back_attributes(self, site: Site) -> None:
        infusion = site.infusion("S001")
        site.on(9).toxicity("S001", onset=day(3))
        assert site.dlts() == 1
        moved = site.desk.correct(infusion, started_at=day(5), reason=REASON)
        assert kinds(moved) == ["Infused", "DltRevoked", "MemberAssessed"]
        assert site.dlts() == 0
        back = site.desk.correct(moved[0], started_at=DAY0, reason="laboratory slip 88 shows 2 March")
        assert kinds(back) == ["Infused", "MemberAssessed", "DltAttributed"]
        assert site.dlts() == 1

    def test_a_correction_takes_the_place_of_the_report_and_leaves_the_follow_up(self, site: Site) -> None:
        report = site.on(3).toxicity("S001", grade=2)
        site.on(5).desk.follow_up_adverse_event("S001", event="AE1", on=day(5), grade=4)
        site.desk.correct(report, grade=1, reason=REASON)
        case = next(c for c in site.trial.history().casebook(on=site.today).cases if c.subject == "S001")
        assert [graded.grade for graded in case.adverse_events[0].grades()] == [1, 4]
        assert case.adverse_events[0].highest_grade == 4

    def test_an_infusion_corrected_to_another_level_moves_the_participant_with_the_dlt(self, site: Site) -> None:
        first = site.infusion("S002")
        site.on(3).toxicity("S002")
        moved = site.desk.correct(first, level=2, reason=REASON)
        assert kinds(moved) == [
            "Infused",
            "DltRevoked",
            "MemberAssessed",
            "SlotReleased",
            "MemberInfused",
            "DltAttributed",
        ]
        assert [site.dlts(1), site.dlts(2)] == [0, 1]

    def test_a_dlt_makes_evaluable_even_somebody_released_and_replaced(self, site: Site) -> None:
        site.on(3).desk.withdraw("S001", on=day(3), scope=WithdrawalScope.FOLLOW_UP)
        assert site.evaluation("S001") is Evaluation.NOT_EVALUABLE
        site.treat("S004")
        site.on(20).toxicity("S001", onset=day(2))
        assert site.evaluation("S001") is Evaluation.EVALUABLE
        assert site.dlts() == 1


class TestVoid:
    def test_voiding_the_event_revokes(self, site: Site) -> None:
        event = site.on(3).toxicity("S001")
        assert kinds(site.desk.void(event, reason=REASON)) == [
            "ParticipantEntryVoided",
            "DltRevoked",
            "MemberAssessed",
        ]
        assert site.dlts() == 0

    def test_voiding_the_event_voids_its_follow_ups(self, site: Site) -> None:
        event = site.on(3).toxicity("S001", grade=1, attributions=judged(Relatedness.UNRELATED))
        site.on(5).desk.follow_up_adverse_event("S001", event="AE1", on=day(5), attributions=judged(Relatedness.LIKELY))
        assert site.dlts() == 1
        site.desk.void(event, reason=REASON)
        assert site.dlts() == 0
        site.toxicity("S001", grade=1, onset=day(3), attributions=judged(Relatedness.UNRELATED))
        assert site.dlts() == 0

    def test_voiding_the_infusion_takes_the_participant_back_before_it(self, site: Site) -> None:
        site.on(3).toxicity("S001")
        infusion = site.infusion("S001")
        entries = site.desk.void(infusion, reason=REASON)
        assert kinds(entries) == ["ParticipantEntryVoided", "DltRevoked", "MemberAssessed"]
        assert site.evaluation("S001") is Evaluation.NOT_INFUSED


class TestClosing:
    def test_the_second_dlt_stops_enrollment_and_releases_who_is_not_infused(self) -> None:
        site = Site()
        site.treat("S001", "S002")
        site.admit("S003")
        site.on(2).toxicity("S001")
        entries = site.on(3).desk.report_adverse_event(
            "S002", event="AE1", term="Fever", grade=3, onset=day(3), attributions=judged(Relatedness.LIKELY)
        )
        assert kinds(entries)[-2:] == ["EnrollmentStopped", "SlotReleased"]
        assert site.state().decision.mtd.status.value == "none-tolerated"
        assert site.state().counts.tallies[0].enrolled == 0
        site.check()

    def test_before_a_decision_revoking_the_dlt_lifts_it_in_the_same_transaction(self, site: Site) -> None:
        site.on(2).toxicity("S001")
        second = site.on(3).toxicity("S002")
        entries = site.desk.void(second, reason=REASON)
        assert kinds(entries)[-1] == "EnrollmentResumed"
        assert site.state().decision.closed_levels == ()

    def test_after_a_decision_it_stays_closed_whatever_is_revised(self, site: Site) -> None:
        site.on(2).toxicity("S001")
        second = site.on(3).toxicity("S002")
        site.decide()
        entries = site.desk.void(second, reason=REASON)
        assert "EnrollmentResumed" not in kinds(entries)
        assert site.state().decision.closed_levels == (1, 2, 3)
