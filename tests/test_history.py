"""One read face: what had been known, for which day, and on which entries it rests."""

import json
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from repeating import times
from site_desk import DAY0, OPEN, REASON, Site, day
from typing_extensions import override

from trialdomain import History, LogUnusable, decide, parse_outcomes, read_log, situation_of
from trialdomain.commands.runner import User
from trialdomain.errors import InputInvalid, LogCorrupt
from trialdomain.events.entries import current
from trialdomain.events.numbered import numbered
from trialdomain.events.participant import Infused, Relapsed
from trialdomain.events.recorded import Draft
from trialdomain.events.trial import TrialRegistered
from trialdomain.exchange.jsonl import write_jsonl
from trialdomain.history import MomentInvalid
from trialdomain.history.difference import _leaves
from trialdomain.history.log import history_of as log_history_of
from trialdomain.projections.reconciliation import Aspect
from trialdomain.projections.trail import Asked
from trialdomain.protocol.endpoints.families import EventIncidence
from trialdomain.reports.json import Json
from trialdomain.storage.sqlite.store import MEMORY, SQLiteStore
from trialdomain.testing import history_of
from trialdomain.values.clinical.evaluation import Evaluation
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.role import Role


def golden(*names: str, **meta: int) -> SQLiteStore:
    """Record facts as stored elsewhere, one after another; the envelope of the last is changed."""
    recorder = SQLiteStore(MEMORY)
    for name in names:
        stream = "T1/participant/S-001" if name.startswith("participant") else "T1"
        state = json.loads(Path(__file__).parent.joinpath("golden", f"{name}.json").read_bytes())
        if name == names[-1]:
            state["meta"] |= meta
        content = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        recorder.insert_events([StoredEvent(stream, 1, name, content)])
    return recorder


@st.composite
def sequences(draw: st.DrawFn) -> str:
    top = draw(st.integers(1, 3))
    return " ".join(f"{level}{draw(st.text('NNNTPX', min_size=1, max_size=7))}" for level in range(1, top + 1))


@settings(max_examples=times(1_500, least=150))
@given(sequences())
def test_a_history_decides_as_its_outcomes_in_notation(outcomes: str) -> None:
    history, on = history_of(outcomes)
    state = history.escalation(on=on)
    assert state
    expected = decide(situation_of(parse_outcomes(outcomes, levels=3), levels=3), target=9)
    assert state.decision.bare == expected.bare
    assert state.decision.closed_levels == expected.closed_levels
    assert state.decision.forecast == expected.forecast
    assert [one.level for one in state.decision.waiting_for] == [one.level for one in expected.waiting_for]


class TestKnownAt:
    def test_a_position_shows_what_was_recorded_up_to_it(self) -> None:
        site = Site()
        site.treat("S001", "S002")
        before = site.trial.history().position
        site.on(3).toxicity("S001")
        assert site.trial.history(known_at=before).dlt_counts(on=DAY0).tallies[0].dlts == 0
        assert site.trial.history().dlt_counts(on=day(3)).tallies[0].dlts == 1

    def test_a_position_inside_a_command_moves_back_to_its_start(self) -> None:
        site = Site()
        site.treat("S001")
        before = site.trial.history().position
        event = site.on(3).toxicity("S001")
        assert event.meta.parts == 3
        for inside in (before + 1, before + 2):
            assert site.trial.history(known_at=inside).position == before
        assert site.trial.history(known_at=before + 3).position == before + 3

    def test_a_time_means_everything_recorded_up_to_it(self) -> None:
        site = Site()
        site.treat("S001")
        event = site.on(3).toxicity("S001")
        then = event.meta.recorded_at
        assert site.trial.history(known_at=then).position == event.position + event.meta.parts - 1
        assert site.trial.history(known_at=then - timedelta(microseconds=1)).position == event.position - 1

    def test_a_day_later_than_the_moment_is_refused(self) -> None:
        site = Site()
        site.treat("S001")
        known = site.trial.history(known_at=site.trial.history().position)
        assert known.dlt_counts(on=DAY0).members
        with pytest.raises(MomentInvalid, match=r"2026-03-03 is after 2026-03-02, the day that was asked about"):
            known.dlt_counts(on=day(1))

    @pytest.mark.parametrize("moment", [0, -1, 9_999, datetime(2020, 1, 1, tzinfo=UTC)])
    def test_a_moment_that_the_log_does_not_have(self, moment: int | datetime) -> None:
        site = Site()
        with pytest.raises(MomentInvalid):
            site.trial.history(known_at=moment)

    def test_a_time_without_an_offset(self) -> None:
        site = Site()
        with pytest.raises(MomentInvalid, match="has no offset: say which zone"):
            site.trial.history(known_at=datetime(2026, 3, 2))  # noqa: DTZ001 - it is what is refused

    def test_a_moment_in_a_year_that_no_trial_has(self) -> None:
        site = Site()
        with pytest.raises(InputInvalid, match="lies outside the years 1900 to 2199"):
            site.trial.history(known_at=datetime.max.replace(tzinfo=UTC))

    def test_a_part_that_lies_before_the_log(self) -> None:
        # Position 2 says that it is the fourth entry of its command, and there are three before it at the most.
        why = r"^position 2 of trial T1 says it is part 4 of a command: verify the log$"
        recorder = golden("trial.registered.v1", "participant.consented.v1", part=4, parts=5)
        with closing(recorder), pytest.raises(LogCorrupt, match=why):
            log_history_of(recorder, "T1", known_at=2)


class TestOn:
    @pytest.mark.parametrize("on", [date.min, date.max, "0001-01-01", "9999-12-31"])
    def test_a_day_in_a_year_that_no_trial_has(self, on: date | str) -> None:
        site = Site()
        site.treat("S001")
        history = site.trial.history()
        asked = (
            history.answers,
            history.review,
            history.reconciliation,
            history.safety,
            history.flow,
            history.endpoints,
        )
        for ask in asked:
            with pytest.raises(InputInvalid, match=f"^{on} lies outside the years 1900 to 2199: correct the year$"):
                ask(on=on)

    @pytest.mark.parametrize("on", ["1900-01-01", "2199-12-31"])
    def test_the_first_and_the_last_day_of_all(self, on: str) -> None:
        site = Site()
        site.treat("S001")
        history = site.trial.history()
        assert history.answers(on=on).flow == history.flow(on=on)
        assert history.review(on=on).on == date.fromisoformat(on)

    def test_facts_of_a_later_day_do_not_count(self) -> None:
        site = Site()
        site.treat("S001")
        site.on(5).toxicity("S001")
        counts = site.trial.history().dlt_counts
        assert [counts(on=day(number)).tallies[0].dlts for number in (4, 5)] == [0, 1]

    def test_windows_are_judged_for_the_day(self) -> None:
        site = Site()
        site.treat("S001")
        site.on(20).assess("S001")
        counts = site.trial.history().dlt_counts
        assert [counts(on=day(number)).tallies[0].evaluable for number in (19, 20)] == [0, 1]


class TestEvidence:
    def test_a_dlt_rests_on_the_infusion_and_the_report(self) -> None:
        site = Site()
        infusion = site.treat("S001")
        event = site.on(3).toxicity("S001")
        site.toxicity("S001", "AE2")
        assert site.member("S001").evidence == (infusion.position, event.position)

    def test_a_dlt_by_worsening_rests_on_the_follow_up_as_well(self) -> None:
        site = Site()
        infusion = site.treat("S001")
        event = site.on(3).toxicity("S001", onset="2026-02-20", grade=1)
        site.desk.follow_up_adverse_event("S001", event="AE1", on=day(1), grade=1)
        worse = site.desk.follow_up_adverse_event("S001", event="AE1", on=day(2), grade=2)[0]
        assert site.member("S001").evidence == (infusion.position, event.position, worse.position)

    def test_evaluable_without_dlt_rests_on_the_infusion_and_the_assessment(self) -> None:
        site = Site()
        infusion = site.treat("S001")
        assessed = site.on(14).desk.assess_dlt_window("S001", on=day(14))[0]
        assert site.member("S001").evidence == (infusion.position, assessed.position)

    def test_after_a_correction_it_rests_on_the_correction(self) -> None:
        site = Site()
        infusion = site.treat("S001")
        event = site.on(3).toxicity("S001", grade=1)
        corrected = site.desk.correct(event, grade=2, reason=REASON)[0]
        assert site.member("S001").evidence == (infusion.position, corrected.position)

    def test_without_an_entry_of_it_the_answer_differs(self) -> None:
        site = Site()
        site.treat("S001")
        site.on(3).toxicity("S001")
        member = site.member("S001")
        entries = sorted(site.trial.history().entries(), key=lambda entry: entry.position)
        for left_out in member.evidence:
            drafts = [Draft(stream=e.stream, fact=e.fact) for e in entries if e.position != left_out]
            counts = History.of(drafts).dlt_counts(on=day(3))
            assert [m for m in counts.members if m.subject == "S001" and m.dlt] == []


class TestReconciliation:
    def test_a_log_of_this_library_has_no_difference(self) -> None:
        site = Site()
        site.treat("S001", "S002")
        site.on(3).toxicity("S001")
        site.on(15)
        assert site.trial.history().reconciliation(on=site.today) == ()

    def test_a_dlt_that_no_cohort_was_told_of_is_found(self) -> None:
        history, on = history_of("1T")
        found = {(d.subject, d.aspect): (d.cohort, d.casebook) for d in history.reconciliation(on=on)}
        assert found[("S001", Aspect.DLT)] == ("None", "AE1")
        assert found[("S001", Aspect.EVALUATION)] == (Evaluation.NOT_INFUSED.value, Evaluation.EVALUABLE.value)


class TestFiles:
    def test_a_database_and_its_export_give_equal_answers(self, tmp_path: Path) -> None:
        site = Site(address=f"sqlite:///{tmp_path / 'trial.db'}")
        site.treat("S001", "S002", "S003")
        site.on(3).toxicity("S002")
        site.on(14).assess("S001", "S003")
        site.decide()
        here = site.state()
        site.trials.close()
        with read_log(tmp_path / "trial.db") as log, (tmp_path / "trial.jsonl").open("wb") as file:
            stored = log["NCT06245746"].history()
            write_jsonl(log.reader, "NCT06245746", file)
            assert stored.escalation(on=day(14)) == here
            entries = list(stored.entries())
        with read_log(tmp_path / "trial.jsonl") as log:
            assert list(log) == ["NCT06245746"]
            assert len(log) == 1
            assert log["NCT06245746"].history().escalation(on=day(14)) == here
            assert list(log["NCT06245746"].history().entries()) == entries
            with pytest.raises(KeyError):
                log["T9"]

    def test_a_trial_that_was_amended_and_never_registered(self) -> None:
        with closing(golden("trial.protocol-amended.v1", "participant.infused.v1")) as recorder:
            history = log_history_of(recorder, "T1")
            assert history.last_day() == date(2026, 3, 2)
            for ask in (history.answers, history.review, history.reconciliation):
                with pytest.raises(LogCorrupt, match=r"^the log has no entry that registers the trial: verify it$"):
                    ask(on="2026-06-01")

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(LogUnusable, match="cannot be read: No such file"):
            read_log(tmp_path / "nowhere.db")

    def test_facts_without_a_trial(self) -> None:
        with pytest.raises(MomentInvalid, match="no fact registers a trial"):
            History.of([Draft(stream="T/participant/S1", fact=Relapsed(on=ClinicalTime("2026")))])


def test_ids_that_are_names_of_members_are_compared() -> None:
    # A diff leaves out what an answer rests on: members named evidence, examined, definition and note.
    named = EventIncidence(id="note", title="Fever", terms=("Fever",))
    rules = attrs.evolve(OPEN.endpoints, derived=(*OPEN.endpoints.derived, named))
    site = Site(attrs.evolve(OPEN, endpoints=rules))
    subjects = ("evidence", "definition", "S003")
    for subject in subjects:
        site.admit(subject)
        site.desk.start_chemotherapy(subject, on=site.today, regimen="DA")
        site.desk.infuse(subject, level=1, started_at=site.today)
    site.on(5)
    before = site.trial.history()
    for subject in subjects:
        site.toxicity(subject)
    changed = {
        change.path: (change.old, change.new) for change in before.diff(site.trial.history(), on=site.today).changed
    }
    for subject in subjects:
        assert changed[f"endpoints.note.participants.{subject}.value"] == (False, True)
        assert changed[f"dlt.levels[1].participants.{subject}.evaluation"] == ("pending", "evaluable")
    paths = {path for path in changed if not path.startswith("endpoints.note.")}
    assert not any(path.endswith((".evidence", ".examined", ".definition", ".note")) for path in paths)


def test_items_of_one_name_are_compared_one_by_one() -> None:
    # Two periods of 1 day: the first is moved. JSON names them alike, by their number of days.
    was: list[Json] = [{"days": 1, "on": "2026-03-02"}, {"days": 1, "on": "2026-03-09"}, {"days": None, "on": "x"}]
    now: list[Json] = [{"days": 1, "on": "2026-03-03"}, {"days": 1, "on": "2026-03-09"}, {"days": None, "on": "x"}]
    before, after = (dict(_leaves(("episodes",), value)) for value in (was, now))
    assert {path for path in before if before[path] != after[path]} == {"episodes[1 #1].on"}
    assert len(before) == 6


def test_the_day_at_the_site_follows_a_correction_of_its_zone() -> None:
    site = Site(attrs.evolve(OPEN, zone="Asia/Shanghai"))
    registration = next(iter(site.trial.history().entries()))
    assert isinstance(registration.fact, TrialRegistered)
    before = site.trial.history().position
    protocol = attrs.evolve(registration.fact.protocol, zone="America/New_York")
    site.now = datetime(2026, 3, 1, 20, tzinfo=UTC) + timedelta(days=1)
    site.desk.correct(registration, protocol=protocol, reason=REASON)
    # 20:00 UTC on 2 March is 15:00 of that day in New York, and 04:00 of 3 March in Shanghai.
    assert site.trial.history().last_day() == date(2026, 3, 2)
    assert str(site.trial.history().zone) == "America/New_York"
    assert str(site.trial.history(known_at=before).zone) == "Asia/Shanghai"


class TestOfFacts:
    """A history of facts that were never stored holds what one log could hold."""

    FIRST = Draft(stream="A", fact=TrialRegistered(protocol=attrs.evolve(OPEN, trial="A")))
    INFUSED = Draft(stream="A/participant/S1", fact=Infused(level=1, started_at=ClinicalTime("2026-03-02")))

    def test_the_facts_of_another_trial_are_refused(self) -> None:
        other = Draft(stream="B/participant/X1", fact=Relapsed(on=ClinicalTime("2026")))
        with pytest.raises(InputInvalid, match=r"B/participant/X1.* is not of trial A: give the facts of one trial"):
            History.of([self.FIRST, self.INFUSED, other])

    @pytest.mark.parametrize(("version", "ok"), [(1, False), (2, True), (3, False), (9, False)])
    def test_a_correction_has_the_kind_of_what_it_corrects(self, *, version: int, ok: bool) -> None:
        stream, relapsed = "A/participant/S1", Relapsed(on=ClinicalTime("2026-03-04"))
        drafts = [
            *(self.FIRST, self.INFUSED, Draft(stream=stream, fact=relapsed)),
            Draft(stream=stream, fact=relapsed, corrects=version, reason=REASON),
        ]
        if ok:
            assert History.of(drafts).position == len(drafts)
        else:
            with pytest.raises(InputInvalid, match=f"corrects version {version} of stream"):
                History.of(drafts)

    def test_nor_is_such_a_correction_read_from_a_log(self) -> None:
        infusion, relapse = numbered(
            [
                self.INFUSED,
                Draft(stream="A/participant/S1", fact=Relapsed(on=ClinicalTime("2026")), corrects=1, reason=REASON),
            ]
        )
        with pytest.raises(LogCorrupt, match="version 2 of stream A/participant/S1 corrects version 1"):
            current([infusion, relapse])


def test_the_last_day_leaves_out_who_acted_with_which_software() -> None:
    site = Site()
    site.treat("S001")
    site.on(9)
    other = site.trial.acting(User(id="other", name="Other", role=Role.COORDINATOR, organization="Site"))
    other.record_relapse("S001", on=day(1))
    assert site.trial.history().last_day() == day(9)


class Still(Site):
    """A site at which it is as late as it was set to."""

    @override
    def clock(self) -> datetime:
        return self.now


class TestDays:
    """A day means its end at the site: of the preset, Asia/Shanghai, eight hours before UTC all year round."""

    def recorded(self, *moments: datetime) -> tuple[Site, list[int]]:
        """Consent to somebody at each moment, and give the last position that each command recorded."""
        site, last = Still(), []
        for number, site.now in enumerate(moments):
            site.desk.consent(f"S{number:03}", signed_on=DAY0, form_version="1")
            last.append(site.trial.history().position)
        return site, last

    def test_it_is_known_what_was_recorded_before_midnight_at_the_site(self) -> None:
        # 2026-03-10 ends there at 16:00 UTC; 15:59:59 belongs to it, and 16:00:00, of the same day in UTC, does not.
        before, after = datetime(2026, 3, 10, 15, 59, 59, tzinfo=UTC), datetime(2026, 3, 10, 16, tzinfo=UTC)
        site, (first, second) = self.recorded(before, after)
        assert site.trial.history(known_at=date(2026, 3, 10)).position == first
        assert site.trial.history(known_at=date(2026, 3, 11)).position == second
        assert site.trial.history(known_at=datetime(2026, 3, 10, 23, 59, 59, tzinfo=UTC)).position == second

    def test_windows_can_be_judged_for_that_day_and_no_later(self) -> None:
        site, _ = self.recorded(datetime(2026, 3, 12, 1, tzinfo=UTC))
        known = site.trial.history(known_at=date(2026, 3, 11))
        assert known.dlt_counts(on=date(2026, 3, 11)).members == ()
        with pytest.raises(MomentInvalid, match="2026-03-12 is after 2026-03-11"):
            known.dlt_counts(on=date(2026, 3, 12))

    def test_a_trail_is_asked_for_whole_days(self) -> None:
        moments = [datetime(2026, 3, 9, 16, tzinfo=UTC), datetime(2026, 3, 10, 15, 59, 59, tzinfo=UTC)]
        site, _ = self.recorded(*moments, datetime(2026, 3, 10, 16, tzinfo=UTC))
        on_that_day = Asked(since=date(2026, 3, 10), until=date(2026, 3, 10))
        told = site.trial.history().trail(asked=on_that_day)
        assert [one.entry.meta.recorded_at for one in told] == moments

    def test_a_day_that_the_log_does_not_have(self) -> None:
        site = Site()
        with pytest.raises(MomentInvalid, match="nothing was known of trial NCT06245746 at 2026-03-01"):
            site.trial.history(known_at=date(2026, 3, 1))
        with pytest.raises(InputInvalid, match="lies outside the years 1900 to 2199"):
            site.trial.history(known_at=date(2200, 1, 1))
        assert site.trial.history(known_at=date(2199, 12, 31)).position == site.trial.history().position
