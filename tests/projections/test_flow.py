"""Participant flow: each person is counted once, in exactly one status."""

from decimal import Decimal

import attrs
import pytest
from site_desk import OPEN, REASON, Site, day

from trialdomain import Dose, DoseLevel, WithdrawalScope, nct06245746
from trialdomain.projections.flow import Flow, Status
from trialdomain.testing import eligible


def mg(amount: str) -> Dose:
    return Dose(amount=Decimal(amount), unit="mg")


WITH_DOSES = attrs.evolve(OPEN, levels=tuple(DoseLevel(level=level, dose=mg(str(20 * level))) for level in (1, 2)))


@pytest.fixture
def site() -> Site:
    return Site()


def flow(site: Site) -> Flow:
    return site.trial.history().flow(on=site.today)


def statuses(site: Site) -> dict[str, Status]:
    return {one.subject: one.status for one in flow(site).dispositions}


class TestStatus:
    def test_how_far_people_came(self, site: Site) -> None:
        site.desk.consent("S001", signed_on=day(0), form_version="1")
        site.screened("S002")
        site.screened("S003")
        site.desk.fail_screening("S003", on=day(0), why="pregnant")
        site.admit("S004")
        site.treat("S005")
        assert statuses(site) == {
            "S001": Status.SCREENED,
            "S002": Status.SCREENED,
            "S003": Status.SCREEN_FAILURE,
            "S004": Status.ENROLLED,
            "S005": Status.ON_STUDY,
        }
        found = flow(site)
        assert (found.people, found.consented, found.screened, found.screen_failures) == (5, 5, 4, 1)
        assert (found.overall.enrolled, found.overall.infused, found.overall.administrations) == (2, 1, 1)
        assert [(level.level, level.enrolled, level.infused) for level in found.levels] == [
            (1, 2, 1),
            (2, 0, 0),
            (3, 0, 0),
        ]

    def test_what_ended_the_observation(self, site: Site) -> None:
        site.treat("S001", "S002", "S003")
        site.on(20)
        site.desk.complete_follow_up("S001", on=day(20))
        site.desk.lose_to_follow_up("S002", on=day(20), last_contact=day(10))
        site.desk.record_death("S003", on=day(19))
        assert statuses(site) == {"S001": Status.COMPLETED, "S002": Status.LOST, "S003": Status.DIED}
        assert dict(flow(site).overall.ended) == {
            Status.ENROLLED: 0,
            Status.ON_STUDY: 0,
            Status.COMPLETED: 1,
            Status.WITHDREW: 0,
            Status.LOST: 1,
            Status.DIED: 1,
        }

    def test_a_withdrawal_from_treatment_leaves_a_person_on_study(self, site: Site) -> None:
        site.treat("S001", "S002")
        site.on(5)
        site.desk.withdraw("S001", on=day(5), scope=WithdrawalScope.TREATMENT, why="adverse event: rash")
        site.desk.withdraw("S002", on=day(5), scope=WithdrawalScope.FOLLOW_UP, why="moved away")
        assert statuses(site) == {"S001": Status.ON_STUDY, "S002": Status.WITHDREW}
        assert flow(site).overall.reasons == (("adverse event", 1),)

    def test_a_withdrawal_without_a_reason_is_counted(self, site: Site) -> None:
        site.treat("S001")
        site.desk.withdraw("S001", on=day(0), scope=WithdrawalScope.TREATMENT)
        assert (flow(site).overall.withdrew_from_treatment, flow(site).overall.reasons) == (1, (("", 1),))

    def test_a_death_counts_before_whatever_else_ended_it(self, site: Site) -> None:
        site.treat("S001")
        site.on(9).desk.withdraw("S001", on=day(9), scope=WithdrawalScope.FOLLOW_UP)
        site.on(12).desk.record_death("S001", on=day(12))
        assert statuses(site) == {"S001": Status.DIED}

    def test_somebody_screened_again_is_one_person_and_two_attempts(self, site: Site) -> None:
        site.screened("S001")
        site.desk.fail_screening("S001", on=day(0), why="platelets too low")
        site.on(3).desk.screen("S001", on=day(3))
        site.desk.enroll("S001", on=day(3))
        found = flow(site)
        assert (found.screened, found.screenings, found.failed_screenings, found.screen_failures) == (1, 2, 1, 0)

    def test_eligible_people_wait_in_the_order_of_their_screening(self) -> None:
        site = Site(nct06245746())
        findings, attestations = eligible(nct06245746(), on=day(0))
        low = [attrs.evolve(one, number=Decimal(40)) if one.name == "lvef" else one for one in findings]
        unanswered = [one for one in findings if one.name != "lvef"]
        for subject, answers in (("S003", findings), ("S001", findings), ("S002", low), ("S004", unanswered)):
            site.desk.consent(subject, signed_on=day(0), form_version="1", age=42)
            site.desk.screen(subject, on=day(0), findings=answers, attestations=attestations)
        assert flow(site).waiting == ("S003", "S001")
        site.desk.enroll("S003", on=day(0))
        assert flow(site).waiting == ("S001",)
        site.on(1).desk.screen("S002", on=day(1), findings=findings, attestations=attestations)
        assert flow(site).waiting == ("S001", "S002")
        site.desk.withdraw("S001", on=day(1), scope=WithdrawalScope.FOLLOW_UP)
        assert flow(site).waiting == ("S002",)

    def test_somebody_screened_again_has_not_failed_any_more(self, site: Site) -> None:
        site.screened("S001")
        site.desk.fail_screening("S001", on=day(0), why="platelets too low")
        site.on(3).desk.screen("S001", on=day(3))
        assert (statuses(site), flow(site).screen_failures) == ({"S001": Status.SCREENED}, 0)

    def test_a_screen_failure_stays_one_whatever_came_after(self, site: Site) -> None:
        site.screened("S001")
        site.desk.fail_screening("S001", on=day(0), why="platelets too low")
        site.on(3).desk.record_death("S001", on=day(3))
        assert (statuses(site), flow(site).screen_failures) == ({"S001": Status.DIED}, 1)

    def test_nobody_is_counted_of_whom_nothing_was_known(self, site: Site) -> None:
        consented = site.desk.consent("S001", signed_on=day(0), form_version="1")
        site.on(3).desk.consent("S002", signed_on=day(3), form_version="1")
        assert [one.subject for one in site.trial.history().flow(on=day(2)).dispositions] == ["S001"]
        site.desk.void(consented[-1], reason=REASON)
        assert [one.subject for one in flow(site).dispositions] == ["S002"]

    def test_an_amount_of_no_level_has_a_row_of_its_own(self) -> None:
        site = Site(WITH_DOSES)
        site.admit("S001")
        site.desk.infuse("S001", level=1, dose=mg("55"), started_at=day(0), deviation="a vial too many was given")
        found = flow(site)
        assert found.unassigned is not None
        assert (found.levels[0].infused, found.unassigned.infused, found.overall.infused) == (0, 1, 1)

    def test_a_void_takes_a_person_back(self, site: Site) -> None:
        site.treat("S001")
        site.desk.void(site.infusion("S001"), reason=REASON)
        assert statuses(site) == {"S001": Status.ENROLLED}

    def test_a_day_before_knows_nothing_of_what_came_later(self, site: Site) -> None:
        site.treat("S001")
        site.on(12).desk.record_death("S001", on=day(12))
        assert [one.status for one in site.trial.history().flow(on=day(11)).dispositions] == [Status.ON_STUDY]

    def test_each_person_has_the_entries_that_it_rests_on(self, site: Site) -> None:
        site.treat("S001")
        (one,) = flow(site).dispositions
        named = [e for e in site.trial.history().entries() if e.position in one.evidence]
        assert sorted(type(e.fact).__name__ for e in named) == ["Consented", "Enrolled", "Infused", "Screened"]
