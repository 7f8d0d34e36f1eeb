"""The safety summary, compared with counts by hand on small histories."""

from datetime import date

import attrs
import pytest
from site_desk import OPEN, REASON, Site, day, judged

from trialdomain import WithdrawalScope
from trialdomain.projections.safety import Count, Incidence, Safety
from trialdomain.values.clinical.toxicity import Outcome, Relatedness, Seriousness


@pytest.fixture
def site() -> Site:
    site = Site()
    site.treat("S001", "S002", "S003")
    return site


def safety(site: Site, on: date | None = None) -> Safety:
    return site.trial.history().safety(on=on or site.today)


def within(site: Site, days: int | None = None) -> Incidence:
    return next(period for period in safety(site).periods if period.days == days).overall


def count(participants: int, events: int) -> Count:
    return Count(participants=participants, events=events)


class TestCounting:
    def test_participants_and_events(self, site: Site) -> None:
        site.on(3)
        site.toxicity("S001", "AE1", grade=1)
        site.toxicity("S001", "AE2", grade=3, attributions=judged(Relatedness.UNLIKELY))
        site.toxicity("S002", "AE1", grade=1, attributions=judged(Relatedness.UNRELATED))
        found = within(site)
        assert (found.infused, found.any_event) == (3, count(2, 3))
        assert found.grades == ((1, count(1, 2)), (3, count(1, 1)))
        assert found.related == count(1, 1)
        assert found.relatedness == (
            (Relatedness.UNRELATED, count(1, 1)),
            (Relatedness.UNLIKELY, count(0, 1)),
            (Relatedness.POSSIBLY, count(1, 1)),
        )
        assert [(one.term, one.count, one.highest_grade) for one in found.terms] == [("Fever", count(2, 3), 3)]

    def test_capitals_and_blanks_make_no_other_term_and_the_most_frequent_comes_first(self, site: Site) -> None:
        for subject, event, term in (("S001", "1", "Nausea"), ("S002", "1", "Odd RASH"), ("S003", "1", "odd  rash")):
            site.desk.report_adverse_event(subject, event=event, term=term, grade=1, onset=day(0))
        assert [(one.term, one.count) for one in within(site).terms] == [
            ("Odd RASH", count(2, 2)),
            ("Nausea", count(1, 1)),
        ]

    def test_levels_are_the_levels_received(self, site: Site) -> None:
        site.toxicity("S001")
        levels = safety(site).periods[0].levels
        assert [(level.level, level.infused, level.any_event) for level in levels] == [
            (1, 3, count(1, 1)),
            (2, 0, count(0, 0)),
            (3, 0, count(0, 0)),
        ]

    def test_serious_and_fatal(self, site: Site) -> None:
        site.desk.report_adverse_event(
            "S001", event="1", term="Sepsis", grade=4, onset=day(0), serious=[Seriousness.LIFE_THREATENING]
        )
        site.on(2).desk.follow_up_adverse_event("S001", event="1", on=day(2), outcome=Outcome.FATAL, grade=5)
        found = within(site)
        assert (found.serious, found.fatal, found.grades) == (count(1, 1), count(1, 1), ((5, count(1, 1)),))

    def test_a_void_takes_an_event_back(self, site: Site) -> None:
        site.desk.void(site.toxicity("S001"), reason=REASON)
        assert safety(site).reported == count(0, 0)


def test_every_event_behind_the_counts_is_listed_with_its_entries(site: Site) -> None:
    site.on(3)
    site.toxicity("S001", "AE1", grade=1)
    worse = site.desk.follow_up_adverse_event("S001", event="AE1", on=day(3), grade=3)
    entry = site.toxicity("S002", "AE1", grade=2)
    found = safety(site)
    assert [(one.subject, one.event, one.highest_grade) for one in found.events] == [
        ("S001", "AE1", 3),
        ("S002", "AE1", 2),
    ]
    assert found.events[1].evidence == (entry.position,)
    assert worse[0].position in found.events[0].evidence
    assert sum(one.day is not None for one in found.events) == within(site).any_event.events


class TestPeriods:
    def test_the_last_day_of_a_period_belongs_to_it(self, site: Site) -> None:
        site.on(29)
        site.toxicity("S001", onset=day(28))
        site.toxicity("S002", onset=day(29))
        assert (within(site, 28).any_event, within(site, 365).any_event) == (count(1, 1), count(2, 2))

    def test_the_grade_is_the_highest_within_the_period(self, site: Site) -> None:
        site.toxicity("S001", grade=1)
        site.on(40).desk.follow_up_adverse_event("S001", event="AE1", on=day(40), grade=4)
        assert (within(site, 28).grades, within(site, 365).grades) == (((1, count(1, 1)),), ((4, count(1, 1)),))

    def test_so_is_what_made_it_serious_or_fatal(self, site: Site) -> None:
        site.toxicity("S001", grade=2)
        site.toxicity("S002", grade=2)
        site.on(40)
        site.desk.follow_up_adverse_event("S001", event="AE1", on=day(40), serious=[Seriousness.HOSPITALIZATION])
        site.desk.follow_up_adverse_event("S002", event="AE1", on=day(40), grade=5, outcome=Outcome.FATAL)
        assert (within(site, 28).serious, within(site, 28).fatal) == (count(0, 0), count(0, 0))
        assert (within(site, 365).serious, within(site, 365).fatal) == (count(1, 1), count(1, 1))

    def test_a_follow_up_that_a_corrected_onset_has_moved_past_counts_from_the_onset(self, site: Site) -> None:
        report = site.on(40).toxicity("S001", onset=day(9), grade=1)
        site.desk.follow_up_adverse_event("S001", event="AE1", on=day(10), grade=3)
        assert within(site, 28).any_event == count(1, 1)
        site.desk.correct(report, onset=day(35), reason=REASON)
        assert within(site, 28).any_event == count(0, 0)
        assert within(site, 365).any_event == count(1, 1)
        assert site.dlts() == 0

    def test_the_days_are_the_protocols(self) -> None:
        rules = attrs.evolve(OPEN.endpoints, safety_days=(7,))
        site = Site(attrs.evolve(OPEN, endpoints=rules))
        assert [period.days for period in safety(site).periods] == [None, 7]

    def test_completed_is_who_is_known_to_have_been_observed_to_the_end(self, site: Site) -> None:
        site.on(30)
        site.desk.record_vital_signs("S001", [site.temperature("36.6", day(28))])
        site.desk.record_vital_signs("S002", [site.temperature("36.6", day(27))])
        site.desk.record_vital_signs("S003", [site.temperature("36.6", day(30))])
        site.desk.record_death("S003", on=day(30))
        assert (within(site, 28).completed, within(site, 365).completed, within(site).completed) == (2, 0, None)

    def test_who_withdrew_from_follow_up_completed_what_ended_before(self, site: Site) -> None:
        site.on(40)
        for subject, last in (("S001", 27), ("S002", 28)):
            site.desk.withdraw(subject, on=day(40), scope=WithdrawalScope.FOLLOW_UP, last_contact=day(last))
        assert within(site, 28).completed == 1


class TestBefore:
    @pytest.fixture
    def site(self) -> Site:
        site = Site()
        site.admit("S001")
        return site

    def infuse(self, site: Site, number: int) -> None:
        site.on(number).desk.infuse("S001", level=1, started_at=day(number))

    def test_what_began_before_the_infusion_is_counted_apart(self, site: Site) -> None:
        site.toxicity("S001", grade=2)
        self.infuse(site, 3)
        assert (safety(site).before_infusion, within(site).any_event) == (count(1, 1), count(0, 0))

    def test_it_counts_from_the_day_on_which_it_became_worse(self, site: Site) -> None:
        site.toxicity("S001", grade=2)
        self.infuse(site, 3)
        site.on(32).desk.follow_up_adverse_event("S001", event="AE1", on=day(32), grade=3)
        assert (within(site, 28).any_event, within(site, 365).any_event) == (count(0, 0), count(1, 1))
        assert within(site).grades == ((3, count(1, 1)),)

    def test_a_partial_date_that_allows_the_infusion_counts_from_there(self, site: Site) -> None:
        self.infuse(site, 3)
        site.on(35).toxicity("S001", onset="2026-03")
        found = within(site, 28)
        assert (found.any_event, found.imputed) == (count(1, 1), 1)

    def test_a_partial_date_before_it_does_not(self, site: Site) -> None:
        self.infuse(site, 3)
        site.toxicity("S001", onset="2026-02")
        assert safety(site).before_infusion == count(1, 1)

    def test_people_who_were_not_infused_are_counted_apart(self, site: Site) -> None:
        site.toxicity("S001")
        assert (safety(site).not_infused, safety(site).reported, within(site).infused) == (count(1, 1), count(1, 1), 0)
