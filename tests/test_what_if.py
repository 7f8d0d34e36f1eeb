"""What if: a recorded trial under other rules, against hand calculations and against a rebuild from the facts."""

import copy
import gc
import pickle
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from site_desk import OPEN, REASON, RELATED, Site, day, judged

from trialdomain import Boin, Draft, History, Relatedness, TrialProtocol, nct06245746, read_log
from trialdomain.events.cohort import EscalationDecided
from trialdomain.events.participant import AdverseEventReported
from trialdomain.events.trial import TrialRegistered
from trialdomain.history import QuestionInvalid
from trialdomain.history.difference import changed_values
from trialdomain.history.what_if import WhatIf
from trialdomain.protocol.conduct_rules import EvaluableRule
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.testing import given_trial
from trialdomain.values.clinical.evaluation import Evaluation


@pytest.fixture(autouse=True)
def no_cycles() -> Iterator[None]:
    """Collect what a caught error keeps alive, so that its trial is closed within the test."""
    yield
    gc.collect()


PROTOCOL = attrs.evolve(OPEN, evaluable=EvaluableRule(requires_assessment=False))
"""The end of the window makes evaluable, without an assessment."""


def by_grade(grade: int) -> Callable[[TrialProtocol], TrialProtocol]:
    """Set the lowest grade of a DLT."""

    def change(recorded: TrialProtocol) -> TrialProtocol:
        assert recorded.dlt is not None
        return attrs.evolve(recorded, dlt=attrs.evolve(recorded.dlt, min_grade=grade))

    return change


def by_window(days: int) -> Callable[[TrialProtocol], TrialProtocol]:
    """Set the days of the window."""

    def change(recorded: TrialProtocol) -> TrialProtocol:
        assert recorded.dlt is not None
        return attrs.evolve(recorded, dlt=attrs.evolve(recorded.dlt, window_days=days))

    return change


def counts(found: WhatIf) -> list[tuple[object, ...]]:
    """Give DLTs and evaluable of each level that differs: as recorded, and otherwise."""
    return [
        (one.level, (one.recorded.dlts, one.recorded.evaluable), (one.other.dlts, one.other.evaluable))
        for one in found.tallies
        if one.recorded is not None and one.other is not None
    ]


def recommended(found: WhatIf) -> list[tuple[object, ...]]:
    """Give what the design recommends at each decision to escalate: as recorded, and otherwise."""
    return [
        (
            one.recorded.to_decide.action,
            one.recorded.to_decide.level,
            one.other.to_decide.action,
            one.other.to_decide.level,
        )
        for one in found.decisions
        if isinstance(one.entry.fact, EscalationDecided) and one.recorded is not None and one.other is not None
    ]


def decided(history: History) -> list[EscalationDecided]:
    """Give every decision to escalate, in the order of the log."""
    entries = sorted(history.entries(), key=lambda one: one.position)
    return [one.fact for one in entries if isinstance(one.fact, EscalationDecided)]


def one_dlt(grade: int = 3, *, protocol: TrialProtocol | None = None) -> Site:
    """Treat 3 at level 1 on day 0; S002 has a related event on day 5. The windows are over on day 20."""
    site = Site(protocol or by_grade(3)(PROTOCOL))
    site.treat("S001", "S002", "S003")
    site.on(5).toxicity("S002", grade=grade)
    return site.on(20)


class TestAnotherDltRule:
    """3+3 (Storer 1989): 1 DLT in 3 expands, 0 in 3 escalates, and so does 1 in 6."""

    def test_a_rule_that_counts_less(self) -> None:
        site = one_dlt()
        site.decide()
        found = site.trial.history().what_if(by_grade(4), on=site.today)
        assert counts(found) == [(1, (1, 3), (0, 3))]
        assert recommended(found) == [("expand", 1, "escalate", 2)]
        [decision] = found.decisions
        assert decision.differs
        assert [one.subject for one in decision.participants] == ["S002"]
        assert {c.path: c.new for c in found.recommendations}["escalation.action"] == "escalate"

    def test_a_rule_that_counts_more(self) -> None:
        site = one_dlt(grade=3, protocol=by_grade(4)(PROTOCOL))
        site.decide()
        found = site.trial.history().what_if(by_grade(3), on=site.today)
        assert counts(found) == [(1, (0, 3), (1, 3))]
        assert recommended(found) == [("escalate", 2, "expand", 1)]

    def test_since_the_report_and_by_the_infusion_and_the_report(self) -> None:
        site = one_dlt()
        found = site.trial.history().what_if(by_grade(4), on=site.today)
        [member] = found.participants
        assert (member.subject, member.since.on) == ("S002", day(5))
        assert member.since.entry is not None
        assert isinstance(member.since.entry.fact, AdverseEventReported)
        assert [type(entry.fact).__name__ for entry in found.entries] == ["Infused", "AdverseEventReported"]
        assert tuple(entry.position for entry in found.entries) == member.evidence

    def test_since_the_correction_that_made_the_event_a_dlt(self) -> None:
        site = Site(by_grade(3)(PROTOCOL))
        site.treat("S001")
        report = site.on(5).toxicity("S001", attributions=judged(Relatedness.UNRELATED))
        site.on(9).desk.correct(report, attributions=RELATED, reason=REASON)
        found = site.on(20).trial.history().what_if(by_grade(4), on=site.today)
        assert [(one.subject, one.since.on) for one in found.participants] == [("S001", day(9))]

    def test_a_difference_that_ended_is_none(self) -> None:
        site = Site(by_grade(3)(PROTOCOL))
        site.treat("S001")
        report = site.on(5).toxicity("S001")
        site.on(9).desk.void(report, reason="the event of another participant")
        found = site.on(20).trial.history().what_if(by_grade(4), on=site.today)
        assert found.participants == ()
        assert found.changed == ()

    def test_the_incidence_of_dlts_by_trial_and_by_participant(self) -> None:
        site = one_dlt()
        found = site.trial.history().what_if(by_grade(4), on=site.today)
        changed = {change.path: (change.old, change.new) for change in found.changed}
        assert (changed["endpoints.P2.overall.n"], "endpoints.P2.overall.of" in changed) == ((1, 0), False)
        [value] = [one for one in found.values if one.endpoint == "P2"]
        assert (value.subject, value.since.on) == ("S002", day(5))
        assert value.recorded is not None
        assert value.other is not None
        assert (value.recorded.value, value.other.value) == (True, False)

    def test_a_longer_window_leaves_participants_pending(self) -> None:
        # Infused on day 0: a window of 14 days is over on day 20, one of 28 days is not.
        site = one_dlt()
        found = site.trial.history().what_if(by_window(28), on=site.today)
        assert counts(found) == [(1, (1, 3), (1, 1))]
        assert {one.subject: one.since.on for one in found.participants} == {"S001": day(15), "S003": day(15)}

    def test_since_a_day_on_which_nothing_was_recorded(self) -> None:
        # A window of 7 days ends with day 7, so the outcome is known on day 8; that of 14 days is open on day 10.
        site = Site(PROTOCOL)
        site.treat("S001")
        position = site.trial.history().position
        site.on(10).treat("S002")
        found = site.trial.history().what_if(by_window(7), on=site.today)
        [member] = found.participants
        assert (member.since.on, member.since.entry, member.since.position) == (day(8), None, position)
        assert member.other is not None
        assert member.other.standing.evaluation is Evaluation.EVALUABLE


class TestSinceWhen:
    """Two protocols differ from the entry, or from the day, that makes them differ; other people's entries do not."""

    @pytest.mark.parametrize("number", [15, 16])
    def test_an_entry_of_somebody_else_on_the_day_is_not_named(self, number: int) -> None:
        # Windows of 14 days are over on day 15, whatever else is recorded on that day.
        site = Site(PROTOCOL)
        site.treat("S001")
        site.on(number).treat("S002")
        found = site.on(20).trial.history().what_if(by_window(28), on=site.today)
        assert [(one.subject, one.since.on, one.since.entry) for one in found.participants] == [("S001", day(15), None)]

    def test_a_decision_on_the_day_is_not_named(self) -> None:
        site = Site(PROTOCOL)
        site.treat("S001", "S002", "S003")
        site.on(15).decide()
        found = site.on(20).trial.history().what_if(by_window(28), on=site.today)
        assert {(one.since.on, one.since.entry) for one in found.participants} == {(day(15), None)}
        assert {(one.since.on, one.since.entry) for one in found.values} == {(day(15), None)}

    def test_an_endpoint_that_is_not_derived_differs_from_the_first_entry_of_the_participant_on(self) -> None:
        rules = attrs.evolve(PROTOCOL.endpoints, derived=PROTOCOL.endpoints.derived[:3])
        site = Site(attrs.evolve(PROTOCOL, endpoints=rules))
        site.treat("S001")
        site.on(6).treat("S002")
        found = site.on(9).trial.history().what_if(PROTOCOL, on=site.today)
        assert {(one.subject, one.since.on) for one in found.values} == {("S001", day(0)), ("S002", day(6))}

    def test_a_late_entry_makes_a_difference_when_it_is_recorded(self) -> None:
        site = Site(by_grade(3)(PROTOCOL))
        site.treat("S001")
        site.on(30).toxicity("S001", onset=day(5))
        found = site.trial.history().what_if(by_grade(4), on=day(10))
        assert [(one.subject, one.since.on) for one in found.participants] == [("S001", day(30))]

    def test_the_entry_that_made_the_difference_is_among_the_entries(self) -> None:
        site = Site(by_grade(3)(PROTOCOL))
        site.treat("S001")
        report = site.on(5).toxicity("S001")
        site.on(17).desk.void(report, reason="the event of another participant")
        history = site.on(20).trial.history()
        found = history.what_if(lambda recorded: by_grade(4)(by_window(28)(recorded)), on=site.today)
        [member] = found.participants  # evaluable since the report, and since day 15 for another reason
        assert member.since.entry == report
        assert report.position in member.evidence
        assert report in found.entries

    def test_facts_before_the_registration(self) -> None:
        # No desk records them so; an answer about such a trial is asked of whoever gives facts to History.of.
        site = Site(by_grade(3)(PROTOCOL))
        site.treat("S001")
        site.on(5).toxicity("S001")
        ordered = sorted(site.trial.history().entries(), key=lambda one: one.position)
        drafts = [Draft(stream=entry.stream, fact=entry.fact, caused_by=entry.meta.caused_by) for entry in ordered]
        late = [draft for draft in drafts if not isinstance(draft.fact, TrialRegistered)]
        registered = [draft for draft in drafts if isinstance(draft.fact, TrialRegistered)]
        found = History.of([*late, *registered]).what_if(by_grade(4), on=site.today)
        assert [one.subject for one in found.participants] == ["S001"]


class TestBecauseOfWhom:
    def test_of_nobody_where_there_is_no_design(self) -> None:
        site = one_dlt()
        site.decide()
        found = site.trial.history().what_if(lambda recorded: attrs.evolve(recorded, design=None), on=site.today)
        [decision] = found.decisions
        assert (decision.differs, decision.other, decision.participants) == (True, None, ())

    def test_not_of_those_whose_reason_alone_is_another(self) -> None:
        # S002 has a DLT in both, S001 and S003 are pending in both: not assessed, and in an open window.
        site = one_dlt(protocol=by_grade(3)(OPEN))
        site.decide()
        found = site.trial.history().what_if(by_window(28), on=site.today)
        assert found.participants == ()
        assert found.decisions[0].participants == ()


class TestAnotherDesign:
    """BOIN with target 0.3 stays at 1 in 3 and at 2 in 6: 0.236 < 1/3 < 0.358 (Liu and Yuan 2015, table 1)."""

    @staticmethod
    def boin(recorded: TrialProtocol) -> TrialProtocol:
        return attrs.evolve(recorded, design=Boin(target=Decimal("0.3")))

    def test_the_same_outcomes_under_boin(self) -> None:
        given = given_trial("1NNN 2NTT", protocol=nct06245746())
        given.when(lambda desk: desk.decide_escalation(on=given.today))
        found = given.history.what_if(self.boin, on=given.today)
        # 0 in 3: both escalate. 2 in 3: 3+3 closes level 2 and goes back; 2/3 is above 0.358: BOIN goes back too.
        assert recommended(found) == [("escalate", 2, "escalate", 2), ("de-escalate", 1, "de-escalate", 1)]
        assert [one.differs for one in found.decisions] == [False, True]  # BOIN closes no level by 2 DLTs in 3
        assert (found.participants, found.tallies, found.values) == ((), (), ())

    def test_a_closing_by_3_plus_3_is_not_one_under_boin(self) -> None:
        # 2 in 6 at level 2: 3+3 closes it and goes back to level 1; BOIN stays at level 2, and closes nothing.
        given = given_trial("1NNN 2NNT 2NNT 1NNN", protocol=nct06245746())
        assert decided(given.history)[-1].recommended.closed_levels == (2, 3)
        found = given.history.what_if(self.boin, on=given.today)
        before, after = (one.escalation for one in found.answers)
        assert before is not None
        assert after is not None
        assert before.decision.closed_levels == (2, 3)
        assert (before.decision.action, before.decision.mtd.level) == ("stop", 1)
        assert after.decision.closed_levels == ()
        assert (after.decision.action, after.decision.level) == ("escalate", 2)  # 0 in 6 is below 0.236

    def test_what_people_recorded_stays(self) -> None:
        given = given_trial("1NNN 2NTT 1NNN", protocol=nct06245746())
        other = given.history.under(self.boin)
        assert decided(other) != decided(given.history)  # the closings are others
        assert [one.decided for one in decided(other)] == [one.decided for one in decided(given.history)]


class TestTheSameRules:
    @pytest.mark.parametrize("notation", ["1NNT 1NNN 2NTX", "1NNN 2NTT 1NNN", "1P", "1NNN 2NNN 3NNT 3NNP"])
    def test_nothing_differs(self, notation: str) -> None:
        given = given_trial(notation)
        found = given.history.what_if(lambda recorded: recorded, on=given.today)
        assert (found.participants, found.tallies, found.values, found.changed) == ((), (), (), ())
        assert not any(one.differs for one in found.decisions)
        assert not any(one.parameters for one in found.versions)

    def test_it_is_the_trial_that_the_same_facts_make_under_the_other_protocol(self) -> None:
        def replaced(fact: Any) -> Any:  # noqa: ANN401 - any fact
            return TrialRegistered(protocol=change(fact.protocol)) if isinstance(fact, TrialRegistered) else fact

        site, change = one_dlt(), by_grade(4)
        history = site.trial.history()
        drafts = [
            Draft(stream=entry.stream, fact=replaced(entry.fact), caused_by=entry.meta.caused_by)
            for entry in sorted(history.entries(), key=lambda one: one.position)
        ]
        rebuilt = History.of(drafts).answers(on=site.today)
        assert changed_values(rebuilt, history.under(change).answers(on=site.today)) == ()


class TestSeveralVersions:
    def test_each_version_is_changed_and_each_decision_has_the_version_of_its_day(self) -> None:
        site = Site(by_grade(3)(PROTOCOL))
        site.treat("S001", "S002", "S003")
        site.on(5).toxicity("S002")
        amended = attrs.evolve(by_window(21)(by_grade(3)(PROTOCOL)), version="2.0")
        site.on(20).desk.amend(amended, effective_on=day(20), summary="a longer window")
        site.decide()
        found = site.trial.history().what_if(by_grade(4), on=site.today)
        assert [one.recorded.version for one in found.versions] == ["registry", "2.0"]
        assert [[(c.field, c.old, c.new) for c in one.parameters] for one in found.versions] == [
            [("dlt.min_grade", 3, 4)],
            [("dlt.min_grade", 3, 4)],
        ]
        in_force = site.trial.history().under(by_grade(4)).protocol(on=site.today)
        assert in_force.dlt is not None
        assert (in_force.version, in_force.dlt.window_days, in_force.dlt.min_grade) == ("2.0", 21, 4)
        assert counts(found) == [(1, (1, 3), (0, 3))]

    def test_the_zone_is_that_of_the_version_in_force(self) -> None:
        site = Site(PROTOCOL)
        amended = attrs.evolve(PROTOCOL, version="2.0", zone="Asia/Tokyo")
        amendment = site.desk.amend(amended, effective_on=day(0), summary="another site")[0]
        site.desk.void(amendment, reason="the amendment of another trial")
        history = site.trial.history()
        assert history.under(lambda recorded: recorded).zone == history.zone

    def test_decisions_after_the_day_do_not_count(self) -> None:
        site = one_dlt()
        site.decide()
        history = site.trial.history()
        assert history.what_if(by_grade(4), on=day(19)).decisions == ()
        assert len(history.what_if(by_grade(4), on=day(20)).decisions) == 1


class TestWhatIsRefused:
    def test_a_protocol_without_a_level_that_was_opened(self) -> None:
        given = given_trial("1NNN 2P")
        one = attrs.evolve(nct06245746(), levels=nct06245746().levels[:1])
        with pytest.raises(
            QuestionInvalid, match="entries of level 2, and the other protocol has level 1: give it each"
        ):
            given.history.what_if(one)

    @pytest.mark.parametrize("given", [None, 4, "protocol.toml", lambda recorded: recorded.dlt])
    def test_something_that_is_no_protocol(self, given: object) -> None:
        trial = given_trial("1P")
        with pytest.raises(QuestionInvalid, match=r"the other protocol is .*: give one of TrialProtocol"):
            trial.history.what_if(given)  # type: ignore[arg-type]  # that is what the test is about

    @pytest.mark.parametrize("given", [int, len, lambda recorded: recorded.no_such_thing])
    def test_a_function_that_fails(self, given: object) -> None:
        trial = given_trial("1P")
        with pytest.raises(
            QuestionInvalid, match=r"the function that gives the other protocol failed \(\w+Error: "
        ) as why:
            trial.history.what_if(given)  # type: ignore[arg-type]  # that is what the test is about
        assert isinstance(why.value.__cause__, TypeError | AttributeError)

    def test_an_invalid_protocol(self) -> None:
        trial = given_trial("1P")
        with pytest.raises(ProtocolInvalid, match="min_grade must be from 1 to 5, got 9"):
            trial.history.what_if(by_grade(9))


def test_a_protocol_of_another_trial_is_taken_for_this_one() -> None:
    given = given_trial("1NNT")
    other = attrs.evolve(by_grade(5)(nct06245746()), trial="OTHER-1")
    found = given.history.what_if(other, on=given.today)
    assert given.history.under(other).protocol(on=given.today).trial == "NCT06245746"
    assert [one.subject for one in found.participants] == ["S003"]


def test_an_earlier_moment_knows_only_its_own_entries(tmp_path: Path) -> None:
    site = Site(by_grade(3)(PROTOCOL), address=str(tmp_path / "log.db"))
    site.treat("S001")
    before = site.trial.history().position
    site.on(5).toxicity("S001")
    site.trials.close()
    with read_log(tmp_path / "log.db") as log:
        trial = log["NCT06245746"]
        assert trial.history(known_at=before).what_if(by_grade(4)).participants == ()
        assert [one.subject for one in trial.history().what_if(by_grade(4)).participants] == ["S001"]


def test_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    site = Site(by_grade(3)(PROTOCOL), address=str(path))
    site.treat("S001")
    site.trials.close()
    before = path.read_bytes()
    with read_log(path) as log:
        log["NCT06245746"].history().what_if(by_grade(4))
    assert path.read_bytes() == before


def test_the_other_history_answers_every_question_and_can_be_copied() -> None:
    site = one_dlt()
    other = site.trial.history().under(by_grade(4))
    assert other.dlt_counts(on=site.today).tallies[0].dlts == 0
    explained = other.explain("P2", "S002", on=site.today).value
    assert explained is not None
    assert explained.value is False
    assert copy.deepcopy(other).dlt_counts(on=site.today) == other.dlt_counts(on=site.today)
    fact = TrialRegistered(protocol=PROTOCOL)
    kept = History.of([Draft(stream=PROTOCOL.trial, fact=fact)]).under(PROTOCOL)
    assert pickle.loads(pickle.dumps(kept)).protocol(on="2026-03-02") == PROTOCOL  # noqa: S301 - made in this test
