"""A view equals a replay, however the entries came: at once, a few at a time, from either store."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import attrs
import concurrent_run
import pytest
from concurrent_run import PROTOCOL, Actor
from postgres_server import Server
from repeating import times
from site_desk import OPEN, REASON, Site, day, judged
from view_rows import Rows, all_rows, made_anew, on_day, refuse_differences

from trialdomain import DltRule, Relatedness, TrialProtocol, Trials, lab
from trialdomain.events.trial import ProtocolAmended
from trialdomain.protocol.dlt_rule import CytopeniaRule
from trialdomain.protocol.sites import Site as ProtocolSite
from trialdomain.testing import Act, InvariantBroken, TablesDiffer, WholeTrial, check_invariants, tables_equal_replay
from trialdomain.testing.made_up_site import MadeUpSite
from trialdomain.views import Column, Kind, KnownParticipant, Row, TableView
from trialdomain.views.making import Maker, _Touched

DAYS_AHEAD = (0, 1, 2, 3, 5, 8, 13, 20, 21, 27, 28, 29, 40, 60, 90, 119, 120, 121, 180, 400)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def new_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    number = 0

    def file() -> str:
        nonlocal number
        number += 1
        return str(tmp_path / f"log-{number}.db")

    if request.param == "SQLite":
        yield file
    else:
        server: Server = request.getfixturevalue("server")
        yield server.new_log


@pytest.mark.soak
def test_after_any_history_it_is_a_full_replay(new_log: Callable[[], str]) -> None:
    for seed in range(times(40, least=2)):
        chance, log = Random(f"views-{seed}"), new_log()  # noqa: S311 - the same each time, no secret
        concurrent_run.begin(log)
        with ExitStack() as opened:
            trials = opened.enter_context(Trials.open(log))
            views = trials.views()
            views.rebuild()
            actor = Actor(trials, chance, "one", lambda _: None)
            for number in range(60):
                actor.act(number)
                if chance.random() < 0.4:  # else several commands come at once
                    views.catch_up()
                    assert all_rows(log) == made_anew(log, PROTOCOL.trial)
            views.catch_up()
            followed = all_rows(log)
            history = trials.trial(PROTOCOL.trial).history()
            today = datetime.now(UTC).date()
            ahead = chance.sample(DAYS_AHEAD, 6)
            refuse_differences(history, followed, [today, *(today + timedelta(days=one) for one in ahead)])
            views.rebuild()
            assert all_rows(log) == followed
            assert {one.state.value for one in views.status()} == {"current"}


def test_a_day_has_one_row_of_each_thing(tmp_path: Path) -> None:
    """The days of the rows of one thing follow one another, without gap or overlap, to the last day of any trial."""
    log = tmp_path / "log.db"
    concurrent_run.begin(str(log))
    chance = Random(7)  # noqa: S311 - no secret
    with Trials.open(log) as trials:
        actor = Actor(trials, chance, "one", lambda _: None)
        for number in range(150):
            actor.act(number)
        trials.views().rebuild()
    rows = all_rows(log)
    for view, key in (("level_standing", ("level",)), ("endpoint_value", ("participant", "endpoint"))):
        spans: dict[tuple[object, ...], list[tuple[date, date]]] = {}
        for row in rows[view]:
            days = date.fromisoformat(row["from_day"]), date.fromisoformat(row["to_day"])
            spans.setdefault(tuple(row[name] for name in key), []).append(days)
        assert len(spans) > 2
        for ordered in map(sorted, spans.values()):
            for (_, last), (first, _) in pairwise(ordered):
                assert first == last + timedelta(days=1)
            assert ordered[-1][1] == date(2199, 12, 31)


class Watched:
    """A site whose views are brought up to date after each act, and compared with all rows made anew."""

    def __init__(self, log: Path, protocol: TrialProtocol = OPEN) -> None:
        self.site, self.log = Site(protocol, address=str(log)), log
        self.views = self.site.trials.views()

    def holds(self) -> dict[str, Rows]:
        self.views.catch_up()
        rows = all_rows(self.log)
        assert rows == made_anew(str(self.log), self.site.trial.trial)
        refuse_differences(self.site.trial.history(), rows, [self.site.today, day(200)])
        return rows

    def assessed(self) -> set[str]:
        """Name who is evaluated today."""
        return {row["participant"] for row in on_day(self.holds()["dlt_assessment"], self.site.today)}


class TestWhatAnEntryOfAnotherChanges:
    def test_a_slot_released_because_of_another_participant_is_followed(self, tmp_path: Path) -> None:
        """Two DLTs close the level, and who waits there gives the slot back: no entry of theirs says so."""
        watched = Watched(tmp_path / "log.db")
        site = watched.site
        site.treat("S001", "S002")
        site.on(1).admit("S003")
        site.on(2).toxicity("S001")
        assert watched.assessed() == {"S001", "S002", "S003"}
        second = site.on(3).toxicity("S002")
        assert watched.assessed() == {"S001", "S002"}
        site.on(4).desk.void(second, reason=REASON)
        assert watched.assessed() == {"S001", "S002", "S003"}

    def test_a_new_version_of_the_protocol_and_its_withdrawal_change_everyone(self, tmp_path: Path) -> None:
        watched = Watched(tmp_path / "log.db")
        site = watched.site
        site.treat("S001", "S002")
        first = {row["window_last_day"] for row in watched.holds()["dlt_assessment"]}
        longer = attrs.evolve(OPEN, version="2", dlt=DltRule(window_days=28))
        entries = site.on(1).desk.amend(longer, effective_on=day(0), summary="a window of 28 days")
        second = {row["window_last_day"] for row in watched.holds()["dlt_assessment"]}
        assert (first, second) == ({day(14).isoformat()}, {day(28).isoformat()})
        amendment = next(entry for entry in entries if isinstance(entry.fact, ProtocolAmended))
        site.on(2).desk.void(amendment, reason=REASON)
        assert {row["window_last_day"] for row in watched.holds()["dlt_assessment"]} == first

    def test_a_blood_count_changes_what_the_levels_rest_on(self, tmp_path: Path) -> None:
        """An unrelated event makes no entry in the cohort, and is evidence of the counts all the same."""
        watched = Watched(
            tmp_path / "log.db", attrs.evolve(OPEN, dlt=DltRule(cytopenia=CytopeniaRule(anc_below=Decimal("0.5"))))
        )
        site = watched.site
        site.treat("S001")
        before = watched.holds()["level_standing"]
        site.on(1).toxicity("S001", attributions=judged(Relatedness.UNRELATED))
        low = lab("ANC", "0.2", "10*9/L", collected_at=day(2))
        site.on(2).desk.record_labs("S001", [low])
        assert watched.holds()["level_standing"] != before

    def test_the_days_of_a_window_that_is_open_have_rows_of_their_own(self, tmp_path: Path) -> None:
        """S001 is infused on day 0, and the window is 14 days: pending up to day 14, and from day 15 not assessed."""
        watched = Watched(tmp_path / "log.db")
        watched.site.treat("S001")
        rows = sorted(watched.holds()["dlt_assessment"], key=lambda row: row["from_day"])
        assert [(row["reason"], row["from_day"], row["to_day"]) for row in rows] == [
            ("window-open", day(0).isoformat(), day(14).isoformat()),
            ("not-assessed", day(15).isoformat(), "2199-12-31"),
        ]
        levels = [row for row in watched.holds()["level_standing"] if row["level"] == "1"]
        assert [(row["pending"], row["evaluable"]) for row in levels] == [(1, 0)]


class TestDays:
    def test_a_decision_that_is_of_tomorrow_at_another_site_closes_levels_from_then_on(self, tmp_path: Path) -> None:
        """It is recorded on 2 March in Berlin, where the days of the trial are counted, and decided for 3 March."""
        sites = (ProtocolSite(id="B", zone="Europe/Berlin"), ProtocolSite(id="S", zone="Australia/Sydney"))
        watched = Watched(tmp_path / "log.db", attrs.evolve(OPEN, zone=None, sites=sites))
        site = watched.site
        site.now = datetime(2026, 3, 1, 16, tzinfo=UTC)

        def there() -> date:
            return site.now.astimezone(ZoneInfo("Australia/Sydney")).date()

        for subject in ("S001", "S002", "S003"):
            site.desk.consent(subject, signed_on=there(), form_version="1", site="S")
            site.desk.screen(subject, on=there())
            site.desk.enroll(subject, on=there())
            site.desk.infuse(subject, level=1, started_at=there())
        events = [site.toxicity(subject, onset=there(), grade=4) for subject in ("S001", "S002")]
        site.now = datetime(2026, 3, 2, 16, tzinfo=UTC)
        site.desk.decide_escalation(on=there())
        for event in events:
            site.desk.void(event, reason=REASON)
        rows = watched.holds()["level_standing"]
        assert {row["closed"] for row in on_day(rows, date(2026, 3, 3))} == {1}

    def test_the_first_day_is_that_of_the_participants_site(self, tmp_path: Path) -> None:
        """At 16:00 UTC on 2 March it is 3 March in Sydney, and 2 March in Berlin, where S001 is infused."""
        sites = (ProtocolSite(id="S", zone="Australia/Sydney"), ProtocolSite(id="B", zone="Europe/Berlin"))
        watched = Watched(tmp_path / "log.db", attrs.evolve(OPEN, zone=None, sites=sites))
        site, on = watched.site, date(2026, 3, 2)
        site.now = datetime(2026, 3, 2, 16, tzinfo=UTC)
        site.desk.consent("S001", signed_on=on, form_version="1", site="B")
        site.desk.screen("S001", on=on)
        site.desk.enroll("S001", on=on)
        site.desk.infuse("S001", level=1, started_at=on)
        rows = watched.holds()
        refuse_differences(site.trial.history(), rows, [on, on + timedelta(days=1)])
        assert len(on_day(rows["dlt_assessment"], on)) == 1

    def test_an_endpoint_that_was_left_out_for_some_days_has_no_row_on_them(self, tmp_path: Path) -> None:
        watched = Watched(tmp_path / "log.db")
        site = watched.site
        site.treat("S001")
        site.screened("S002")
        derived = tuple(one for one in OPEN.endpoints.derived if one.id != "S5")
        without = attrs.evolve(OPEN, version="2", endpoints=attrs.evolve(OPEN.endpoints, derived=derived))
        site.on(5).desk.amend(without, effective_on=day(5), summary="bleeding is no endpoint any more")
        site.on(10).desk.amend(attrs.evolve(OPEN, version="3"), effective_on=day(10), summary="bleeding is one again")
        rows = watched.holds()
        found = {one: {row["endpoint"] for row in on_day(rows["endpoint_value"], day(one))} for one in (4, 6, 10)}
        assert ("S5" in found[4], "S5" in found[6], "S5" in found[10]) == (True, False, True)

    def test_without_a_dlt_rule_nobody_is_evaluated(self, tmp_path: Path) -> None:
        watched = Watched(tmp_path / "log.db", attrs.evolve(OPEN, dlt=None, design=None))
        watched.site.desk.consent("S001", signed_on=day(0), form_version="1")
        watched.site.desk.screen("S001", on=day(0))
        watched.site.desk.enroll("S001", on=day(0), level=1)
        watched.site.desk.infuse("S001", level=1, started_at=day(0))
        assert watched.holds()["dlt_assessment"] == []


class TestAViewOfYourOwn:
    def test_one_that_follows_from_what_it_is_given_is_equal(self, tmp_path: Path) -> None:
        site = Site(address=str(tmp_path / "log.db"))
        site.treat("S001", "S002")
        tables_equal_replay(site.trials, site.trial.trial)
        tables_equal_replay(site.trials, site.trial.trial, steps=1)
        tables_equal_replay(site.trials, site.trial.trial, steps=100)

    def test_one_that_remembers_something_else_is_not(self) -> None:
        seen: list[str] = []

        def rows(participant: KnownParticipant) -> list[Row]:
            seen.append(participant.subject)
            return [{"number": len(seen)}]

        own = TableView(
            name="own", comment="One.", columns=[Column("number", Kind.INTEGER, "A number.")], of_participant=rows
        )
        site = Site()
        site.treat("S001", "S002")
        with pytest.raises(TablesDiffer, match=r"view own has other rows step by step than at once: missing \('S00"):
            tables_equal_replay(site.trials, site.trial.trial, own)

    def test_one_that_fails(self) -> None:
        def rows(participant: KnownParticipant) -> list[Row]:
            raise KeyError(participant.subject)

        own = TableView(
            name="own", comment="One.", columns=[Column("number", Kind.INTEGER, "A number.")], of_participant=rows
        )
        site = Site()
        site.treat("S001")
        with pytest.raises(TablesDiffer, match=r"view own cannot take the entry at position 5: KeyError: 'S001'"):
            tables_equal_replay(site.trials, site.trial.trial, own)


@pytest.mark.parametrize("fault", ["_touched", "_of_trial"])
def test_the_check_of_a_whole_trial_notices_rows_that_are_not_made_again(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = WholeTrial(OPEN)
    for number in range(1, 4):
        subject = f"S00{number}"
        assert trial.act(Act(on=day(number), subject=subject, do=partial(admit, subject=subject))) is None
    check_invariants(trial)
    if fault == "_touched":
        nothing = _Touched(frozenset(), of_trial=False, everything=False)
        monkeypatch.setattr(Maker, "_touched", lambda *_: nothing)
    else:
        monkeypatch.setattr(Maker, "_of_trial", lambda _, __, made, ___, low: made["cohort"].append(("", (low,))))
    with pytest.raises(InvariantBroken, match="tables equal replay: view"):
        check_invariants(trial)


def admit(site: MadeUpSite, subject: str) -> None:
    """Consent, screen, enroll and infuse somebody."""
    desk, today = site.desk(), site.today
    desk.consent(subject, signed_on=today, form_version="1")
    desk.screen(subject, on=today)
    desk.enroll(subject, on=today)
    desk.infuse(subject, level=1, started_at=today)
