"""Several sites: the days of a participant are those of their site."""

from datetime import UTC, datetime

import attrs
import pytest
from site_desk import OPEN, RELATED, Site, refused

from trialdomain.commands.coercion import FactMalformed
from trialdomain.commands.guards import LevelNotInTurn
from trialdomain.commands.runner import InTheFuture
from trialdomain.commands.site_time import OffsetMissing
from trialdomain.desk.acts import SiteUnknown
from trialdomain.exchange.toml import protocol_from_toml
from trialdomain.protocol import sites
from trialdomain.protocol.dlt_rule import DltRule
from trialdomain.protocol.faults import ProtocolInvalid

BERLIN, SYDNEY = sites.Site(id="B", zone="Europe/Berlin"), sites.Site(id="S", zone="Australia/Sydney")
TWO = attrs.evolve(OPEN, zone=None, sites=(BERLIN, SYDNEY), dlt=DltRule(window_days=7))


def admitted(site: Site, subject: str, at: str) -> None:
    site.desk.consent(subject, signed_on=site.today, form_version="1", site=at)
    site.desk.screen(subject, on=site.today)
    site.desk.enroll(subject, on=site.today)


class TestDays:
    """2 March 2026, 20:00 UTC: it is 21:00 in Berlin (UTC+1), and 07:00 on 3 March in Sydney (UTC+11)."""

    def begun(self) -> Site:
        site = Site(TWO)
        admitted(site, "S1", "B")
        admitted(site, "S2", "S")
        site.now = datetime(2026, 3, 2, 20, tzinfo=UTC)
        for subject in ("S1", "S2"):
            site.desk.infuse(subject, level=1, started_at="2026-03-02T20:00Z")
        return site

    def test_one_moment_is_another_day_at_each_site(self) -> None:
        site = self.begun()
        started = {subject: site.infusion(subject).fact for subject in ("S1", "S2")}
        assert {name: str(fact.started_at) for name, fact in started.items()} == {  # type: ignore[union-attr]  # infusions
            "S1": "2026-03-02T21:00+01:00",
            "S2": "2026-03-03T07:00+11:00",
        }

    def test_so_windows_end_on_different_days(self) -> None:
        history = self.begun().trial.history()
        members = {member.subject: member for member in history.dlt_counts(on="2026-03-03").members}
        assert {name: str(member.window_last) for name, member in members.items()} == {
            "S1": "2026-03-09",  # 2 + 7
            "S2": "2026-03-10",  # 3 + 7
        }

    def test_an_onset_in_the_night_counts_by_the_day_of_the_site(self) -> None:
        site = self.begun()
        site.now = datetime(2026, 3, 11, tzinfo=UTC)
        for subject in ("S1", "S2"):
            # 9 March, 23:30 UTC: 10 March 00:30 in Berlin, day 8; 10 March 10:30 in Sydney, day 7.
            site.desk.report_adverse_event(
                subject, event="A", term="Fever", grade=3, onset="2026-03-09T23:30Z", attributions=RELATED
            )
        members = {member.subject: member for member in site.state().counts.members}
        assert {name: member.dlt is not None for name, member in members.items()} == {"S1": False, "S2": True}

    def test_a_time_without_an_offset_is_that_of_the_site(self) -> None:
        site = self.begun()
        site.now = datetime(2026, 3, 4, tzinfo=UTC)
        for subject, text in (("S1", "2026-03-03T10:00+01:00"), ("S2", "2026-03-03T10:00+11:00")):
            [entry] = site.desk.record_vital_signs(subject, [site.temperature("37", "2026-03-03T10:00")])
            assert str(entry.fact.measured_at) == text  # type: ignore[union-attr]  # a vital sign

    def test_today_may_be_tomorrow_elsewhere(self) -> None:
        site = self.begun()  # still 2 March in Berlin
        site.desk.record_vital_signs("S2", [site.temperature("37", "2026-03-03")])
        refused(
            site,
            InTheFuture,
            lambda: site.desk.record_vital_signs("S1", [site.temperature("37", "2026-03-03")]),
            "it is 2026-03-02 at the site",
        )

    def test_a_dlt_at_one_site_counts_at_once_although_it_is_another_day_at_the_other(self) -> None:
        site = Site(TWO)
        for subject in ("S1", "S2"):
            admitted(site, subject, "S")
            site.desk.infuse(subject, level=1, started_at="2026-03-02")
        admitted(site, "S3", "B")
        site.now = datetime(2026, 3, 2, 20, tzinfo=UTC)  # 2 March in Berlin, 3 March in Sydney
        for subject in ("S1", "S2"):
            site.desk.report_adverse_event(
                subject, event="A", term="Fever", grade=3, onset="2026-03-03", attributions=RELATED
            )
        refused(
            site,
            LevelNotInTurn,
            lambda: site.desk.infuse("S3", level=1, started_at="2026-03-02T21:00+01:00"),
            "level 1",
        )

    def test_the_days_of_the_trial_are_those_of_the_first_site_or_of_its_zone(self) -> None:
        assert str(TWO.site_zone) == "Europe/Berlin"
        assert str(attrs.evolve(TWO, zone="Asia/Tokyo").site_zone) == "Asia/Tokyo"


class TestConsent:
    def test_names_the_site_where_there_are_several(self) -> None:
        site = Site(TWO)
        refused(
            site,
            SiteUnknown,
            lambda: site.desk.consent("S1", signed_on=site.today, form_version="1"),
            "the protocol has the sites B, S: name the participant's with site=",
        )

    def test_names_a_site_of_the_protocol(self) -> None:
        site = Site(TWO)
        for given, known in ((TWO, "the sites B, S"), (OPEN, "no sites")):
            one = site if given is TWO else Site(OPEN)
            refused(
                one,
                SiteUnknown,
                lambda one=one: one.desk.consent("S1", signed_on=one.today, form_version="1", site="C"),  # type: ignore[misc]  # bound now
                f"there is no site C: the protocol has {known}; correct the site",
            )

    def test_is_at_the_only_site(self) -> None:
        site = Site(attrs.evolve(TWO, sites=(SYDNEY,)))
        [entry] = site.desk.consent("S1", signed_on=site.today, form_version="1")
        assert entry.fact.site == "S"  # type: ignore[union-attr]  # a consent

    def test_may_be_corrected_to_another_site_of_the_protocol(self) -> None:
        site = Site(TWO)
        [consent] = site.desk.consent("S1", signed_on=site.today, form_version="1", site="B")
        why = "transcription: the list of the site"
        refused(site, FactMalformed, lambda: site.desk.correct(consent, reason=why, site="C"), "there is no site C")
        corrected = site.desk.correct(consent, reason=why, site="S")[0]
        assert corrected.fact.site == "S"  # type: ignore[union-attr]  # a consent
        [entry] = site.desk.screen("S1", on="2026-03-02T04:00Z")
        assert str(entry.fact.on) == "2026-03-02T15:00+11:00"  # type: ignore[union-attr]  # a screening


class TestProtocol:
    def test_stands_in_a_file(self) -> None:
        text = 'trial = "T"\ntitle = "T"\nversion = "1"\nlevels = [{level = 1}]\n'
        given = protocol_from_toml(text + 'sites = [{id = "B", zone = "Europe/Berlin"}]\n')
        assert given.sites == (BERLIN,)

    @pytest.mark.parametrize(
        ("given", "fault"),
        [
            ((attrs.evolve(BERLIN, zone="Mars"),), "site B: zone 'Mars' is not in the IANA time zone database"),
            ((BERLIN, attrs.evolve(SYDNEY, id="B")), "site B is listed 2 times"),
            ((attrs.evolve(BERLIN, id="a b"),), "'a b' is not a valid site code"),
        ],
    )
    def test_a_wrong_one_is_refused(self, given: tuple[sites.Site, ...], fault: str) -> None:
        with pytest.raises(ProtocolInvalid, match=fault.replace("(", r"\(")):
            attrs.evolve(TWO, sites=given)

    def test_without_a_zone_a_time_needs_its_offset(self) -> None:
        site = Site(attrs.evolve(OPEN, zone=None))
        site.admit("S1")
        refused(
            site,
            OffsetMissing,
            lambda: site.desk.infuse("S1", level=1, started_at="2026-03-02T05:00"),
            "the protocol does not name the zone of the site",
        )
