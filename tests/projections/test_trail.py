"""The audit trail: the user, the time, the reason, and the fields that were set, changed or withdrawn."""

import csv
import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import attrs
import pytest
from made_once import Shelf, simulated_log
from repeating import in_full
from site_desk import INVESTIGATOR, OPEN, RELATED, Site, judged

from trialdomain import Draft, Entry, Relatedness, Role, User, WithdrawalScope, __version__, nct06245746
from trialdomain.desk import Desk
from trialdomain.errors import InputInvalid
from trialdomain.events.entries import current_entries
from trialdomain.events.fields import Plain, plain_fields
from trialdomain.history import History, QuestionInvalid
from trialdomain.projections.casebook import by_stream
from trialdomain.projections.trail import Act, Asked, TrailEntry
from trialdomain.protocol.made_up import eligible
from trialdomain.reports.trail import COLUMNS, trail_json, write_trail
from trialdomain.simulate.trials import MOST_PARTICIPANTS
from trialdomain.values.given.cell import cell

MANAGER = User(id="manager", name="Zhou Min", role=Role.DATA_MANAGER, organization="Data Centre")
WHY = "transcription: laboratory slip 88"


@pytest.fixture
def site() -> Site:
    site = Site(attrs.evolve(OPEN, roles=()))  # whoever does what: the trail is about who did
    site.treat("S001")
    return site


def as_manager(site: Site, **changes: object) -> Desk:
    return site.trial.acting(attrs.evolve(MANAGER, **changes))  # type: ignore[arg-type]  # as named


def told(site: Site, subject: str = "S001", **asked: object) -> list[TrailEntry]:
    return list(site.trial.history().trail(subject, asked=Asked(**asked)))  # type: ignore[arg-type]  # as named


def values(entry: TrailEntry) -> dict[str, tuple[Plain | None, Plain | None]]:
    return {change.field: (change.old, change.new) for change in entry.changes}


class TestTrail:
    @pytest.mark.shows("AT-01", "AT-03")
    def test_the_first_entry_sets_every_field_that_says_something(self, site: Site) -> None:
        event = site.toxicity("S001", grade=2)
        [entry] = [one for one in told(site) if one.entry.position == event.position]
        assert entry.act is Act.RECORDED
        assert values(entry) == {
            "event": (None, "AE1"),
            "term": (None, "Fever"),
            "scale": (None, "CTCAE 5.0"),
            "ctcae_code": (None, "10016558"),
            "unchecked": (None, False),
            "grade": (None, 2),
            "grade_mapped": (None, False),
            "attributions[1].agent": (None, "infusion"),
            "attributions[1].assessor": (None, "investigator"),
            "attributions[1].relatedness": (None, "possibly"),
            "serious": (None, False),
            "onset": (None, "2026-03-02"),
        }

    @pytest.mark.shows("AT-04", "AT-05", "AT-08")
    def test_a_correction_has_the_old_and_the_new_value_and_the_reason(self, site: Site) -> None:
        event = site.toxicity("S001", grade=2)
        unrelated = judged(Relatedness.UNRELATED)
        recorded = as_manager(site).correct(event, grade=3, attributions=unrelated, reason=WHY)
        [corrected] = [one for one in recorded if one.meta.corrects]
        first, second = told(site)[-2:]
        assert (second.act, second.target, second.entry.meta.reason) == (Act.CORRECTED, event.position, WHY)
        assert values(second) == {"grade": (2, 3), "attributions[1].relatedness": ("possibly", "unrelated")}
        assert first.superseded_by == corrected.position
        assert values(first)["grade"] == (None, 2)  # the earlier value stands as it was recorded

    @pytest.mark.shows("AT-01")
    def test_a_value_that_is_set_to_unknown_is_a_change(self, site: Site) -> None:
        event = site.desk.report_adverse_event(
            "S001", event="AE1", term="Fever", grade=2, onset=site.today, ended=site.today, attributions=RELATED
        )[0]
        site.desk.correct(event, ended=None, attributions=(), reason=WHY)
        assert values(told(site)[-1]) == {
            "ended": ("2026-03-02", None),
            "attributions[1].agent": ("infusion", None),
            "attributions[1].assessor": ("investigator", None),
            "attributions[1].relatedness": ("possibly", None),
        }

    @pytest.mark.shows("AT-01", "AT-04")
    def test_a_void_says_what_it_withdrew_the_follow_ups_of_an_event_among_it(self, site: Site) -> None:
        event = site.toxicity("S001", grade=2)
        [first] = site.desk.follow_up_adverse_event("S001", event="AE1", on=site.today, grade=3)[:1]
        [second] = site.desk.follow_up_adverse_event("S001", event="AE1", on=site.today, grade=4)[:1]
        site.desk.void(second, reason="entered for somebody else")
        [void, *_] = site.desk.void(event, reason="a fever of another participant")
        entries = {one.entry.position: one for one in told(site)}
        last = entries[void.position]
        withdrawn = {(change.of, change.field): (change.old, change.new) for change in last.changes}
        assert (last.act, last.target) == (Act.VOIDED, event.position)
        assert withdrawn[event.position, "grade"] == (2, None)
        assert withdrawn[first.position, "grade"] == (3, None)
        assert {of for of, _ in withdrawn} == {event.position, first.position}  # the second was gone already
        assert entries[event.position].superseded_by == entries[first.position].superseded_by == void.position
        assert all(change.new is None for change in last.changes)

    def test_a_correction_of_a_correction_changes_what_that_one_said(self, site: Site) -> None:
        event = site.toxicity("S001", grade=2)
        corrected = site.desk.correct(event, grade=3, reason=WHY)[0]
        site.desk.correct(corrected, grade=1, reason="the slip was right: grade 1")
        chain = told(site, field="grade")
        assert [values(one)["grade"] for one in chain] == [(None, 2), (2, 3), (3, 1)]
        assert [one.target for one in chain] == [None, chain[0].entry.position, chain[1].entry.position]

    @pytest.mark.shows("AT-02", "AT-15")
    def test_who_it_was_is_said_as_they_were_then(self, site: Site) -> None:
        as_manager(site).consent("S002", signed_on=site.today, form_version="1")
        as_manager(site, name="Zhou Min-Li", role=Role.COORDINATOR).withdraw(
            "S002", on=site.today, scope=WithdrawalScope.FOLLOW_UP
        )
        first, second = told(site, "S002")
        assert [(one.who.name, one.who.role, one.who.organization) for one in (first, second) if one.who] == [
            ("Zhou Min", Role.DATA_MANAGER, "Data Centre"),
            ("Zhou Min-Li", Role.COORDINATOR, "Data Centre"),
        ]
        assert {(one.protocol, one.software) for one in (first, second)} == {("registry", __version__)}

    def test_even_the_registration_has_its_user_and_software(self, site: Site) -> None:
        first = told(site, "trial")[0]
        assert (first.entry.position, first.who and first.who.user, first.software) == (1, INVESTIGATOR.id, __version__)

    @pytest.mark.shows("AT-06", "AT-07")
    def test_when_is_in_utc_and_at_the_site_apart_from_when_it_happened(self, site: Site) -> None:
        infusion = trail_json(told(site)[-1], ZoneInfo("Asia/Shanghai"))
        utc, local = (datetime.fromisoformat(str(infusion[name])) for name in ("recorded_at", "recorded_at_site"))
        assert (utc == local, str(utc)[-6:], str(local)[-6:]) == (True, "+00:00", "+08:00")
        assert utc.hour + 8 == local.hour == 14
        assert values(told(site)[-1])["started_at"] == (None, "2026-03-02")

    def test_other_streams_and_nobody(self, site: Site) -> None:
        kinds = [one.entry.fact.__class__.__name__ for one in told(site, "cohort/1")]
        assert kinds == ["CohortOpened", "SlotFilled", "MemberInfused"]
        everything = list(site.trial.history().trail())
        assert len(everything) == site.trial.history().position
        for nobody in ("S009", "cohort/9", "", "trial/x", "cohort/x"):
            with pytest.raises(QuestionInvalid, match="the log has no entries of"):
                list(site.trial.history().trail(nobody))

    @pytest.mark.shows("AT-45")
    def test_people_who_were_screened_and_not_enrolled_are_in_it(self, site: Site) -> None:
        site.screened("S002")
        site.desk.fail_screening("S002", on=site.today, why="LVEF 40 %")
        assert [type(one.entry.fact).__name__ for one in told(site, "S002")] == [
            "Consented",
            "Screened",
            "ScreenFailed",
        ]

    @pytest.mark.shows("AT-48")
    def test_it_is_told_as_it_was_known(self, site: Site) -> None:
        event = site.toxicity("S001", grade=2)
        before = list(site.trial.history().trail("S001"))
        site.desk.correct(event, grade=3, reason=WHY)
        assert list(site.trial.history(known_at=before[-1].entry.position + 2).trail("S001")) == before


class TestAsked:
    @pytest.mark.shows("AT-41", "AT-42")
    def test_by_entry_field_user_time_and_reason(self, site: Site) -> None:
        event = site.toxicity("S001", grade=2)
        site.on(1)
        as_manager(site).correct(event, grade=3, reason=WHY)
        everything = told(site)
        assert [one.entry for one in told(site, position=event.position)] == [event]
        assert [values(one) for one in told(site, field="grade")] == [{"grade": (None, 2)}, {"grade": (2, 3)}]
        assert {one for entry in told(site, field="attributions") for one in values(entry)} == {
            "attributions[1].agent",
            "attributions[1].assessor",
            "attributions[1].relatedness",
        }
        assert [one.entry.meta.user for one in told(site, by="manager")] == ["manager"]
        assert told(site, why="SLIP 88") == everything[-1:]
        last = everything[-1].entry.meta.recorded_at
        assert told(site, since=last) == everything[-1:]
        assert told(site, until=last - timedelta(microseconds=1)) == everything[:-1]
        read: list[int] = []
        list(site.trial.history().trail(asked=Asked(by="nobody"), progress=read.append))
        assert sum(read) == site.trial.history().position
        assert told(site, field="gra") == told(site, by="nobody") == told(site, why="other") == []


class TestWhole:
    def test_the_changes_of_a_whole_trial_lead_to_what_is_current(self, shelf: Shelf) -> None:
        """Folding every old and new value, field by field, gives the entries that stand."""
        with simulated_log(shelf, 25, participants=MOST_PARTICIPANTS if in_full() else 8).history() as history:
            changed = [one for one in history.trail() if one.act is not Act.RECORDED]
            assert len(changed) > 0
            for stream, entries in by_stream(history.entries()):
                recorded = list(entries)
                subject = stream.removeprefix(f"{history.trial}/").removeprefix("participant/")
                standing: dict[int, dict[str, Plain]] = {}
                for one in history.trail("trial" if stream == history.trial else subject):
                    fields = dict(standing.pop(one.target, {})) if one.act is Act.CORRECTED and one.target else {}
                    for change in one.changes:
                        if one.act is Act.VOIDED:
                            assert standing[change.of].pop(change.field) == change.old
                            continue
                        assert fields.get(change.field) == change.old
                        fields.pop(change.field, None)
                        if change.new is not None:
                            fields[change.field] = change.new
                    standing[one.entry.position] = fields
                expected = {entry.position: plain_fields(entry.fact) for entry in current_entries(recorded)}
                assert {position: fields for position, fields in standing.items() if fields} == expected


class TestCsv:
    @pytest.mark.shows("AT-40", "AT-43", "K-27")
    def test_every_field_is_a_row_and_a_spreadsheet_runs_nothing(self, site: Site) -> None:
        evil = "=cmd|'/C calc'!A0 \u202egpj.exe"
        site.desk.fail_screening("S001", on=site.today, why=evil)
        site.desk.correct(site.infusion("S001"), lot="L7", reason="=1+1 is why this was corrected")
        file = io.StringIO()
        entries = list(site.trial.history().trail("S001"))
        rows = write_trail(entries, file, UTC)
        read = list(csv.DictReader(io.StringIO(file.getvalue())))
        assert len(read) == rows == sum(len(one.changes) for one in entries)
        assert list(read[0]) == list(COLUMNS)
        [row] = [one for one in read if one["field"] == "why"]
        assert row["new"] == "'=cmd|'/C calc'!A0 \\u202egpj.exe"
        assert read[-1]["reason"] == "'=1+1 is why this was corrected"
        assert not any(value.startswith(("=", "+", "@")) for one in read for value in one.values())
        assert "\u202e" not in file.getvalue()
        assert plain_fields(entries[-2].entry.fact)["why"] == evil  # the log has it byte for byte

    @pytest.mark.parametrize(
        "text", ["=1", "+1+1", "-1-1", "@a", "\t=1", "\n=1", "  =1", "'=1", "\uff1d1", "-", "+", "-2.5x"]
    )
    def test_what_could_be_a_formula_is_marked(self, text: str) -> None:
        assert cell(text).startswith("'")

    @pytest.mark.parametrize("text", ["-2.5", "+1", "1e-5", "2026-03-02", "a=1", "", "(a)", "S-1"])
    def test_what_is_none_stays_as_it_is(self, text: str) -> None:
        assert cell(text) == text

    @pytest.mark.parametrize(
        ("text", "shown"),
        [("a\u200bb", "a\\u200bb"), ("\u2066a", "\\u2066a"), ("a\r=1", "a\\u000d=1"), ("\U000e0041", "\\ue0041")],
    )
    def test_what_is_not_seen_is_shown(self, text: str, shown: str) -> None:
        assert cell(text) == shown


def test_facts_that_were_never_stored_have_a_trail_too(site: Site) -> None:
    entries: list[Entry] = sorted(site.trial.history().entries(), key=lambda one: one.position)
    history = History.of([Draft(stream=entry.stream, fact=entry.fact) for entry in entries])
    assert [one.entry.fact for one in history.trail("S001")] == [one.entry.fact for one in told(site)]


class TestDiff:
    @pytest.mark.shows("AT-48")
    def test_it_names_the_entries_the_values_and_the_recommendation(self, site: Site) -> None:
        site.treat("S002", "S003")
        site.on(14).assess("S001", "S002", "S003")
        before = site.trial.history()
        site.toxicity("S001", onset="2026-03-05")
        found = before.diff(site.trial.history(), on=site.today)
        changed = {one.path: (one.old, one.new) for one in found.changed}
        assert [type(one.entry.fact).__name__ for one in found.entries][:1] == ["AdverseEventReported"]
        assert (found.earlier, found.later) == (before.position, site.trial.history().position)
        assert changed["dlt.levels[1].dlts"] == (0, 1)
        assert changed["endpoints.P2.participants.S001.value"] == (False, True)
        recommended = {one.path: (one.old, one.new) for one in found.recommendations}
        assert recommended["escalation.action"] == ("escalate", "expand")
        assert recommended["escalation.level"] == (2, 1)
        assert recommended["escalation.because.code"] == ("3+3/level-tolerated", "3+3/one-dlt")

    def test_the_same_moment_has_no_difference_and_the_order_matters(self, site: Site) -> None:
        first, second = site.trial.history(known_at=5), site.trial.history()
        same = second.diff(second)
        assert (same.entries, same.changed) == ((), ())
        with pytest.raises(InputInvalid, match="the earlier one first"):
            second.diff(first)
        other = Site(attrs.evolve(second.casebook(on=site.today).protocol, trial="T9")).trial.history()
        with pytest.raises(InputInvalid, match="two moments of one trial"):
            first.diff(other)


class TestMoments:
    def test_a_moment_is_found_in_a_log_of_any_size(self, site: Site) -> None:
        for entry in site.trial.history().entries():
            moment = entry.meta.recorded_at
            known = [one.position for one in site.trial.history().entries() if one.meta.recorded_at <= moment]
            assert site.trial.history(known_at=moment).position == max(known)
        with pytest.raises(InputInvalid, match="nothing was known"):
            site.trial.history(known_at=datetime(2020, 1, 1, tzinfo=UTC))


@pytest.mark.shows("AT-09")
def test_decisions_are_in_it_with_what_they_rest_on(site: Site) -> None:
    """Eligibility, DLT, escalation, suspension: each an entry, with who, when, and its basis."""
    site.treat("S002", "S003")
    site.on(3).toxicity("S001")
    site.toxicity("S002")  # which closes the level
    site.decide()
    site.desk.suspend_recruitment(on=site.today, why="the committee meets")
    trail = list(site.trial.history().trail())
    by_kind = {type(one.entry.fact).__name__: one for one in trail}
    said = {kind: {change.field: change.new for change in one.changes} for kind, one in by_kind.items()}
    assert said["DltAttributed"]["event"] == "AE1"
    assert said["EnrollmentStopped"]["cause"] == "closed-by-design"
    assert said["EscalationDecided"]["decided.action"] == "stop"
    assert said["EscalationDecided"]["basis.tallies[1].dlts"] == 2
    assert said["RecruitmentSuspended"]["why"] == "the committee meets"
    kinds = ("Screened", "DltAttributed", "EnrollmentStopped", "EscalationDecided", "RecruitmentSuspended")
    assert all(by_kind[kind].who for kind in kinds)
    full = Site(nct06245746())
    known, attested = eligible(full.state().protocol, on=full.today)
    full.desk.consent("S001", signed_on=full.today, form_version="1", age=40)
    full.desk.screen("S001", on=full.today, findings=known, attestations=attested)
    [screened] = [one for one in full.trial.history().trail("S001") if type(one.entry.fact).__name__ == "Screened"]
    statuses = {c.new for c in screened.changes if c.field.startswith("assessment[") and c.field.endswith(".status")}
    assert statuses == {"met", "not-due"}
