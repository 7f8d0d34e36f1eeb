"""The example protocols, each with its first cohort conducted through the desk; comments count the days."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from site_desk import RELATED, Site, day, judged, refused

from trialdomain import Decision, Dose, Relatedness
from trialdomain.aggregates.infusions import BodySizeMissing, DoseNotOfLevel, SentinelNotCleared
from trialdomain.events.cohort import CohortOpened
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml, read_protocol
from trialdomain.values.clinical.evaluation import Evaluation

FOLDER = Path(__file__).parents[2] / "examples" / "protocols"
FILES = sorted(FOLDER.glob("*.toml"))


def site_of(name: str) -> Site:
    return Site(read_protocol(FOLDER / f"{name}.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_comes_back_from_its_own_text(path: Path) -> None:
    protocol = read_protocol(path)
    assert protocol_from_toml(protocol_to_toml(protocol)) == protocol


def test_all_are_conducted_here() -> None:
    conducted = {"flat-dose", "per-kg-with-sentinel", "dlt-table", "level-minus-one", "rolling-six", "two-sites"}
    assert {path.stem for path in FILES} == conducted


class TestFlatDose:
    def test_three_without_a_dlt_open_the_next_level(self) -> None:
        site = site_of("flat-dose")
        for number in (1, 2, 3):
            site.admit(f"S{number}")
            # 1 x 10^7 cells, written in another power of ten
            site.desk.infuse(f"S{number}", level=1, dose=Dose(amount=10, unit="10*6{cells}"), started_at=site.today)
        site.on(29).assess("S1", "S2", "S3")  # the window of 28 days is over on day 28
        assert site.state().decision.bare == Decision.escalate(to=2)
        [opened] = [e.fact for e in site.decide() if isinstance(e.fact, CohortOpened)]
        assert str(opened.dose) == "3 10*7{cells}"

    def test_an_amount_of_another_level_is_refused(self) -> None:
        site = site_of("flat-dose")
        site.admit("S1")
        refused(
            site,
            DoseNotOfLevel,
            lambda: site.desk.infuse("S1", level=1, dose=Dose(amount=1, unit="10*8{cells}"), started_at=site.today),
            "belongs to level 3, but level 1 is meant",
        )


class TestPerKgWithSentinel:
    def infuse(self, site: Site, subject: str, kg: int, amount: str) -> None:
        site.desk.infuse(
            subject,
            level=1,
            dose=Dose(amount=Decimal(amount), unit="10*6{cells}"),
            body_weight_kg=kg,
            started_at=site.today,
        )

    def test_the_second_waits_until_the_sentinel_was_observed(self) -> None:
        site = site_of("per-kg-with-sentinel")
        site.admit("S1")
        self.infuse(site, "S1", 70, "70")  # 70 x 10^6 cells for 70 kg: 1 x 10^6 per kg
        site.on(13).screened("S2")
        site.on(14).desk.enroll("S2", on=site.today)
        refused(site, SentinelNotCleared, lambda: self.infuse(site, "S2", 60, "60"), "was not seen on")
        site.desk.record_vital_signs(
            "S1", [site.temperature("36.6", site.today)]
        )  # a contact on day 14, when the observation is over
        self.infuse(site, "S2", 60, "60")
        assert [member.level for member in site.state().counts.members] == [1, 1]

    def test_the_level_of_an_amount_is_that_of_the_exact_quotient(self) -> None:
        site = site_of("per-kg-with-sentinel")
        site.admit("S1")
        refused(
            site,
            DoseNotOfLevel,
            lambda: self.infuse(site, "S1", 70, "210"),  # 210/70 = 3: level 2
            "belongs to level 2, but level 1 is meant",
        )
        refused(
            site,
            BodySizeMissing,
            lambda: site.desk.infuse("S1", level=1, started_at=site.today),
            "the body weight is not recorded",
        )


class TestDltTable:
    def test_the_first_row_that_fits_decides(self) -> None:
        site = site_of("dlt-table")
        site.treat("S1", "S2", "S3")
        report = site.on(3).desk.report_adverse_event
        report("S1", event="A", term="Alopecia", grade=2, onset=day(3), attributions=RELATED)
        report("S2", event="B", term="Nausea", grade=3, onset=day(3), attributions=RELATED)
        report("S3", event="C", term="Fatigue", grade=3, onset=day(3), attributions=RELATED)
        # Nausea below grade 3 on day 6: it lasted 3 days, and only more than 3 count.
        site.on(6).desk.follow_up_adverse_event("S2", event="B", on=day(6), grade=1)
        site.on(22).assess("S1", "S2")  # the window of 21 days is over on day 21
        members = {m.subject: m for m in site.state().counts.members}
        assert {subject: member.dlt is not None for subject, member in members.items()} == {
            "S1": False,
            "S2": False,
            "S3": True,
        }
        assert members["S3"].dlt is not None
        assert members["S3"].dlt.row == 5
        assert {m.standing.evaluation for m in members.values()} == {Evaluation.EVALUABLE}
        assert site.state().decision.bare == Decision.expand(level=1)

    def test_nausea_of_four_days_counts(self) -> None:
        site = site_of("dlt-table")
        site.treat("S1")
        site.on(3).desk.report_adverse_event(
            "S1", event="A", term="Nausea", grade=3, onset=day(3), attributions=RELATED
        )
        site.on(7).desk.follow_up_adverse_event("S1", event="A", on=day(7), grade=1)  # 7 - 3 = 4 days
        [member] = site.state().counts.members
        assert member.dlt is not None
        assert member.dlt.row == 3


class TestLevelMinusOne:
    def test_the_trial_begins_at_level_1_and_goes_down_to_minus_1(self) -> None:
        site = site_of("level-minus-one")
        assert site.state().decision.bare == Decision.enroll(level=1)
        for number in (1, 2):
            site.admit(f"S{number}")
            # 10 mg/m2 and 1.8 m2: 18 mg
            site.desk.infuse(
                f"S{number}",
                level=1,
                dose=Dose(amount=18, unit="mg"),
                bsa_m2="1.8",
                started_at=site.today,
            )
        for number in (1, 2):
            site.on(5).toxicity(f"S{number}")
        assert site.state().decision.bare == Decision.de_escalate(to=-1)
        assert site.state().decision.closed_levels == (1, 2)
        [opened] = [e.fact for e in site.decide() if isinstance(e.fact, CohortOpened)]
        assert (opened.level, str(opened.dose)) == (-1, "5 mg/m2")


class TestRollingSix:
    def test_six_enter_the_second_level_one_after_another(self) -> None:
        site = site_of("rolling-six")
        for number in range(1, 7):
            site.admit(f"S{number}")
            site.desk.infuse(
                f"S{number}",
                level=2,
                dose=Dose(amount=120, unit="mg"),
                bsa_m2="1",
                started_at=site.today,
            )
        assert site.state().decision.bare == Decision.wait(level=2)
        site.on(22).assess("S1", "S2", "S3", "S4", "S5")
        # Frankel 2020, Table 2: 6 enrolled, no DLT, 1 pending: escalate
        assert site.state().decision.bare == Decision.escalate(to=3)

    def test_a_grade_is_by_the_scale_of_the_protocol(self) -> None:
        site = site_of("rolling-six")
        site.admit("S1")
        site.desk.infuse("S1", level=2, dose=Dose(amount=120, unit="mg"), bsa_m2="1", started_at=site.today)
        reported = site.desk.report_adverse_event(
            "S1", event="A", term="Fatigue", grade=3, onset=site.today, attributions=judged(Relatedness.LIKELY)
        )[0]
        assert str(reported.fact.scale) == "CTCAE 4.03"  # type: ignore[union-attr]  # an adverse event


class TestTwoSites:
    def test_a_cohort_at_two_sites_is_one_cohort(self) -> None:
        site = site_of("two-sites")
        for subject, at in (("S1", "B"), ("S2", "S"), ("S3", "B")):
            site.desk.consent(subject, signed_on=site.today, form_version="1", site=at)
            site.desk.screen(subject, on=site.today)
            site.desk.enroll(subject, on=site.today)
            # 2 March, 20:00 UTC: 2 March in Berlin, 3 March in Sydney
            site.now = datetime(2026, 3, 2, 20, tzinfo=UTC)
            dose = Dose(amount=10, unit="mg")
            site.desk.infuse(subject, level=1, dose=dose, started_at="2026-03-02T20:00Z")
        members = {m.subject: m for m in site.trial.history().dlt_counts(on=day(1)).members}
        # the window of 7 days ends on 9 March in Berlin, and on 10 March in Sydney
        assert {name: str(m.window_last) for name, m in members.items()} == {
            "S1": "2026-03-09",
            "S2": "2026-03-10",
            "S3": "2026-03-09",
        }
        site.on(9).assess("S1", "S2", "S3")
        assert site.state().decision.bare == Decision.escalate(to=2)
