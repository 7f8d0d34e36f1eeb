"""The audit of decisions: what was known then, whether the decision follows, and today's answer for the same day.

The expectations are the 3+3 table in the words of the design (NCT06245746; 3+3 with 6 for an MTD): 0/3 goes on,
1/3 asks for six, 2 close the level.
"""

from collections.abc import Callable
from itertools import combinations
from random import Random
from typing import Any

import attrs
import pytest
from blocks import lines_of, tables_of
from made_once import SimulatedLog, seeds
from site_desk import OPEN, REASON, RELATED, Site, day, judged

from trialdomain import Decision, Draft, Relatedness, WithdrawalScope
from trialdomain.events.cohort import EscalationDecided
from trialdomain.events.participant import AdverseEventReported, DltWindowAssessed, Infused
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import MtdDeclared, NotEstablished
from trialdomain.history import History
from trialdomain.projections.decisions import DecisionAudit
from trialdomain.projections.hindsight import DesignAnswer, Hindsight, Moment
from trialdomain.projections.smallest_change import smallest_change
from trialdomain.protocol.dlt_rule import DltRule
from trialdomain.reports.escalation.decisions import decision_audit_report
from trialdomain.values.clinical.decision import Action, Mtd
from trialdomain.values.clinical.evaluation import Evaluation
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.text import FreeText

UNRELATED = judged(Relatedness.UNRELATED)
UP = Decision.escalate(to=2)
SIX = Decision.expand(level=1)


@pytest.fixture
def site() -> Site:
    """Three people at level 1 without a DLT, and the decision to go up, on day 15."""
    site = Site()
    site.treat("S001", "S002", "S003")
    site.on(15).assess("S001", "S002", "S003")
    site.decide()
    return site


def audits(site: Site) -> list[DecisionAudit]:
    return list(site.trial.history().decisions())


def the_only(site: Site) -> DecisionAudit:
    [audit] = audits(site)
    return audit


def entries_of(site: Site, kind: type, subject: str) -> list[Recorded[Any]]:
    stream = f"{site.trial.trial}/participant/{subject}"
    return [e for e in site.trial.history().entries() if e.stream == stream and isinstance(e.fact, kind)]


def today(audit: DecisionAudit) -> Decision:
    assert audit.today is not None
    return audit.today.decision.bare


def named(audit: DecisionAudit) -> list[int]:
    return [one.entry.position for one in audit.changing]


def sets(audit: DecisionAudit) -> list[list[int]]:
    return sorted(sorted(one) for one in audit.smallest.sets)


def changed_by(site: Site, *positions: int, now: Decision) -> None:
    """Hold that these entries, each needed, and no others change the answer of the only decision."""
    audit = the_only(site)
    assert audit.follows
    assert not audit.differences
    assert (audit.same_answer, today(audit), named(audit)) == (False, now, list(positions))
    assert all(one.needed for one in audit.changing)
    assert audit.smallest.proven


class TestThen:
    @pytest.mark.shows("AT-09")
    def test_a_decision_with_nothing_recorded_since_follows_and_would_be_taken(self, site: Site) -> None:
        audit = the_only(site)
        assert audit.ok
        assert audit.then is not None
        assert audit.then.decision.bare == UP
        assert [(t.evaluable, t.dlts) for t in audit.then.counts.tallies] == [(3, 0), (0, 0), (0, 0)]
        assert (audit.changing, audit.smallest.sets, audit.members, audit.superseded_by) == ((), (), (), None)

    def test_a_more_cautious_decision_with_a_rationale_follows(self) -> None:
        site = Site()
        site.treat("S001", "S002", "S003")
        site.on(15).assess("S001", "S002", "S003")
        site.desk.decide_escalation(on=site.today, decided=Decision.enroll(level=1), rationale="one fever was close")
        assert the_only(site).ok

    @pytest.mark.parametrize(
        ("decided", "why"),
        [
            (Decision.escalate(to=3), "the rule allows escalate (level 2) at most"),
            (Decision.established(1, bounded_above=False), "the rule allows escalate (level 2) at most"),
            (Decision.enroll(level=1), "give the rationale"),
        ],
    )
    def test_a_bolder_or_unexplained_decision_does_not(self, site: Site, decided: Decision, why: str) -> None:
        [audit] = edited(site, EscalationDecided, lambda fact: attrs.evolve(fact, decided=decided))
        assert not audit.ok
        [breach] = audit.breaches
        assert why in str(breach)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("tallies", (Tally(level=1, evaluable=4), Tally(level=2), Tally(level=3))),
            ("last_level", 2),
            ("protocol_version", "another"),
            ("unassigned", ("S009",)),
        ],
    )
    def test_a_basis_that_the_log_does_not_bear_out_is_named(self, site: Site, field: str, value: object) -> None:
        [audit] = edited(
            site, EscalationDecided, lambda fact: attrs.evolve(fact, basis=attrs.evolve(fact.basis, **{field: value}))
        )
        assert [(one.field, one.recorded) for one in audit.differences] == [(field, value)]
        assert not audit.ok

    def test_a_basis_that_was_read_after_its_decision_is_named(self, site: Site) -> None:
        [audit] = edited(
            site, EscalationDecided, lambda fact: attrs.evolve(fact, basis=attrs.evolve(fact.basis, position=999))
        )
        assert [one.field for one in audit.differences] == ["position"]

    def test_a_recommendation_that_the_rule_did_not_give_is_named(self, site: Site) -> None:
        [audit] = edited(site, EscalationDecided, lambda fact: attrs.evolve(fact, recommended=SIX))
        assert [one.field for one in audit.differences] == ["recommended"]

    def test_a_decision_that_was_corrected_is_told_with_its_correction(self, site: Site) -> None:
        decision = next(e for e in site.trial.history().entries() if isinstance(e.fact, EscalationDecided))
        corrected = site.desk.correct(decision, decided=Decision.escalate(to=3), reason=REASON)[0]
        first, second = audits(site)
        assert (first.superseded_by, second.superseded_by) == (corrected.position, None)
        assert first.follows
        assert not second.follows

    def test_a_decision_dated_back_is_judged_for_its_day_by_the_protocol_of_its_day(self) -> None:
        site = Site()
        site.treat("S001", "S002", "S003")
        site.on(15).assess("S001", "S002", "S003")
        site.on(17).desk.amend(attrs.evolve(OPEN, version="2"), effective_on=day(16), summary="a new version")
        site.desk.decide_escalation(on=day(15))
        audit = the_only(site)
        assert audit.ok
        assert audit.entry.fact.basis.protocol_version == OPEN.version

    @pytest.mark.parametrize("seed", seeds())
    @pytest.mark.soak
    def test_every_decision_of_a_simulated_trial_follows_from_its_basis(
        self, seed: int, simulated: Callable[[int], SimulatedLog]
    ) -> None:
        with simulated(seed).history() as history:
            found = list(history.decisions())
        assert found
        assert all(audit.follows and not audit.differences for audit in found)


def edited(site: Site, kind: type, edit: Callable[[Any], Any]) -> list[DecisionAudit]:
    """Audit the log as somebody would have it who edits the facts of one kind."""
    drafts = [
        Draft(
            stream=e.stream,
            fact=edit(e.fact) if isinstance(e.fact, kind) else e.fact,
            corrects=e.meta.corrects,
            caused_by=e.meta.caused_by,
        )
        for e in sorted(site.trial.history().entries(), key=lambda e: e.position)
    ]
    return list(History.of(drafts).decisions())


class TestToday:
    def test_a_late_adverse_event(self, site: Site) -> None:
        event = site.on(20).toxicity("S001", onset=day(5))
        changed_by(site, event.position, now=SIX)
        [member] = the_only(site).members
        assert member.subject == "S001"
        assert member.today is not None
        assert member.today.dlt is not None

    def test_an_event_after_the_decisions_day_tells_nothing_of_it(self, site: Site) -> None:
        site.treat("S004", level=2)
        site.on(20).toxicity("S004", onset=day(18))
        assert the_only(site).ok

    def test_a_reassessed_relatedness_dated_later(self, site: Site) -> None:
        event = site.on(20).toxicity("S001", onset=day(5), attributions=UNRELATED)
        assert the_only(site).ok
        [again, *_] = site.on(40).desk.follow_up_adverse_event(
            "S001", event="AE1", on=day(40), attributions=RELATED, grade=5
        )
        changed_by(site, event.position, again.position, now=SIX)
        assert sets(the_only(site)) == [[event.position, again.position]]

    def test_of_two_later_judgements_the_later_one_counts_whichever_was_recorded_first(self, site: Site) -> None:
        site.on(20).toxicity("S001", onset=day(5))
        follow_up = site.on(40).desk.follow_up_adverse_event
        follow_up("S001", event="AE1", on=day(38), attributions=UNRELATED)
        follow_up("S001", event="AE1", on=day(36), attributions=RELATED)
        assert the_only(site).ok

    def test_a_grade_of_a_later_day_does_not_count(self) -> None:
        rule = DltRule(min_grade=3)
        site = Site(attrs.evolve(OPEN, dlt=rule))
        site.treat("S001", "S002", "S003")
        site.on(10).toxicity("S001", grade=2)
        site.on(15).assess("S001", "S002", "S003")
        site.desk.decide_escalation(on=day(15))
        site.on(20).desk.follow_up_adverse_event("S001", event="AE1", on=day(18), grade=4)
        assert the_only(site).ok

    @pytest.mark.parametrize(("onset", "counts"), [(14, True), (15, False)])
    def test_a_corrected_onset(self, onset: int, *, counts: bool) -> None:
        site = Site()
        site.treat("S001", "S002", "S003")
        event = site.on(16).toxicity("S001", onset=day(16))
        site.assess("S001", "S002", "S003")
        site.decide()
        corrected = site.on(20).desk.correct(event, onset=day(onset), reason=REASON)[0]
        assert the_only(site).ok is not counts
        if counts:
            changed_by(site, corrected.position, now=SIX)

    def test_a_corrected_correction_speaks_for_its_chain(self, site: Site) -> None:
        event = site.on(20).toxicity("S001", onset=day(5), attributions=UNRELATED)
        first = site.desk.correct(event, grade=2, reason=REASON)[0]
        last = site.desk.correct(first, attributions=RELATED, reason="assessed by the investigator")[0]
        changed_by(site, last.position, now=SIX)

    def test_a_corrected_date_of_an_infusion(self, site: Site) -> None:
        moved = site.on(20).desk.correct(site.infusion("S001"), started_at=day(3), reason=REASON)[0]
        audit = the_only(site)  # the window ends on day 17: the assessment of day 15 does not cover it
        assert today(audit).action is Action.WAIT
        assert named(audit) == [moved.position]

    def test_a_corrected_level_of_an_infusion(self, site: Site) -> None:
        moved = site.on(20).desk.correct(site.infusion("S001"), level=2, reason=REASON)[0]
        audit = the_only(site)  # two are evaluable at level 1, and level 2 was treated before
        assert (today(audit).level, named(audit)) == (1, [moved.position])

    def test_a_voided_assessment(self, site: Site) -> None:
        [assessment] = entries_of(site, DltWindowAssessed, "S002")
        void = site.on(20).desk.void(assessment, reason="assessed for somebody else")[0]
        audit = the_only(site)
        assert today(audit).action is Action.WAIT
        assert named(audit) == [void.position]

    def test_a_voided_event_that_had_closed_a_level(self) -> None:
        site = Site()
        site.treat("S001", "S002", "S003")
        first, _ = site.on(10).toxicity("S001"), site.toxicity("S002")
        site.on(15).assess("S003")
        site.decide()
        void = site.on(20).desk.void(first, reason="a fever of another participant")[0]
        site.on(21).assess("S001")  # of day 21: nothing was assessed of S001 on the day of the decision
        audit = the_only(site)
        assert audit.then is not None
        assert audit.then.decision.bare == Decision.none_tolerated()
        assert today(audit) == Decision.wait(level=1)  # as 1NTP: one DLT, and an outcome pending
        assert named(audit) == [void.position]

    def test_a_withdrawal_and_a_death_that_were_told_late(self, site: Site) -> None:
        gone = site.on(20).desk.withdraw("S001", on=day(9), scope=WithdrawalScope.FOLLOW_UP)[0]
        changed_by(site, gone.position, now=Decision.enroll(level=1))  # two are evaluable

    def test_what_was_recorded_and_withdrawn_since_changes_nothing(self, site: Site) -> None:
        event = site.on(20).toxicity("S001", onset=day(5))
        site.desk.void(event, reason="a fever of another participant")
        assert the_only(site).ok

    def test_what_followed_from_the_decision_on_its_day_is_no_hindsight(self, site: Site) -> None:
        site.treat("S004", "S005", "S006", level=2)
        assert the_only(site).ok

    @pytest.mark.parametrize(("at", "last_level"), [("13:00", 2), ("14:30", 1), (None, 1)])
    def test_an_infusion_of_that_day_counts_with_a_time_before_the_decision_alone(
        self, site: Site, at: str | None, last_level: int
    ) -> None:
        """It was decided at 06:00 UTC, which is 14:00 at the site; the infusion is told afterwards."""
        site.screened("S004")
        site.desk.enroll("S004", on=day(15))
        site.on(16).desk.infuse("S004", level=2, started_at=day(15) if at is None else f"{day(15)}T{at}+08:00")
        audit = the_only(site)
        assert audit.today is not None
        assert audit.today.situation.last_level == last_level

    def test_an_infusion_of_an_earlier_day_that_was_told_late_counts(self, site: Site) -> None:
        site.screened("S004")
        site.desk.enroll("S004", on=day(15))
        late = site.desk.infuse("S004", level=1, started_at=day(14), deviation="given before it was entered here")
        audit = the_only(site)  # one more is pending at level 1: escalation waits
        assert today(audit).action is Action.WAIT
        assert late[0].position in named(audit)

    def test_a_second_late_dlt_makes_any_of_them_a_smallest_set(self, site: Site) -> None:
        events = [site.on(20).toxicity(subject, onset=day(5)).position for subject in ("S001", "S002", "S003")]
        audit = the_only(site)
        assert today(audit) == Decision.none_tolerated()
        assert sets(audit) == [[one] for one in events]
        assert sorted(sorted(one) for one in audit.sufficient.sets) == [list(pair) for pair in combinations(events, 2)]
        assert [(one.alone, one.needed, one.in_a_set) for one in audit.changing] == [(True, False, True)] * 3

    def test_an_amendment_dated_before_the_decision(self) -> None:
        site = Site(attrs.evolve(OPEN, dlt=DltRule(min_grade=3)))
        site.on(1).treat("S001", "S002", "S003")
        site.on(10).toxicity("S001", grade=2)
        site.on(16).assess("S001", "S002", "S003")
        site.decide()
        amended = site.on(20).desk.amend(attrs.evolve(OPEN, version="2"), effective_on=day(1), summary="any grade")
        changed_by(site, amended[0].position, now=SIX)

    def test_an_amendment_of_a_later_day_is_no_hindsight(self, site: Site) -> None:
        site.on(20).toxicity("S001", onset=day(5), attributions=UNRELATED)
        site.desk.amend(attrs.evolve(OPEN, version="2", levels=OPEN.levels), effective_on=day(20), summary="later")
        assert the_only(site).ok

    def test_the_protocol_that_was_registered_corrected(self) -> None:
        site = Site(attrs.evolve(OPEN, dlt=DltRule(min_grade=3)))
        site.treat("S001", "S002", "S003")
        site.on(10).toxicity("S001", grade=2)
        site.on(15).assess("S001", "S002", "S003")
        site.decide()
        registered = next(iter(site.trial.history().entries()))
        corrected = site.on(20).desk.correct(registered, protocol=OPEN, reason="the registry has no threshold")
        changed_by(site, corrected[0].position, now=SIX)

    def test_a_later_decision_is_judged_by_those_before_it(self, site: Site) -> None:
        site.treat("S004", "S005", "S006", level=2)
        site.on(25).toxicity("S004")
        site.toxicity("S005")
        site.on(30).assess("S006")
        site.decide()  # level 2 is closed for good
        [event] = entries_of(site, AdverseEventReported, "S004")
        void = site.on(35).desk.void(event, reason="a fever of another participant")[0]
        first, second = audits(site)
        assert first.ok
        assert second.then is not None
        assert (second.then.decision.closed_levels, named(second)) == ((2, 3), [void.position])


class TestPlaces:
    """A correction keeps the place of what it restates, also where that was first recorded after the decision."""

    def test_of_two_judgements_of_one_day(self, site: Site) -> None:
        site.on(20).toxicity("S001", onset=day(5), attributions=UNRELATED)
        follow_up = site.on(40).desk.follow_up_adverse_event
        first = follow_up("S001", event="AE1", on=day(30), attributions=UNRELATED, grade=2)[0]
        second = follow_up("S001", event="AE1", on=day(30), attributions=RELATED)[0]
        corrected = site.desk.correct(first, grade=1, reason=REASON)[0]
        audit = the_only(site)  # the second was recorded last, whatever was corrected since
        assert today(audit) == SIX
        assert second.position in named(audit)
        assert corrected.position not in named(audit)

    def test_of_two_infusions_of_one_day(self, site: Site) -> None:
        for subject in ("S004", "S005"):
            site.screened(subject)
            site.desk.enroll(subject, on=day(15))
        why = "given before it was entered here"
        first = site.desk.infuse("S004", level=2, started_at=day(14), deviation=why)[0]
        site.desk.infuse("S005", level=1, started_at=day(14), deviation=why)
        before = the_only(site)
        site.desk.correct(first, lot="L7", reason=REASON)
        after = the_only(site)
        assert before.today is not None
        assert after.today is not None
        assert before.today.situation.last_level == after.today.situation.last_level == 1

    def test_of_two_amendments_of_one_day(self) -> None:
        site = Site(attrs.evolve(OPEN, dlt=DltRule(min_grade=3)))
        site.on(1).treat("S001", "S002", "S003")
        site.on(10).toxicity("S001", grade=2)
        site.on(16).assess("S001", "S002", "S003")
        site.decide()
        first = site.on(20).desk.amend(attrs.evolve(OPEN, version="2"), effective_on=day(1), summary="any grade")[0]
        same = attrs.evolve(OPEN, version="3", dlt=DltRule(min_grade=3))
        site.desk.amend(same, effective_on=day(1), summary="grade 3 after all")
        site.desk.correct(first, summary="any grade counts", reason=REASON)
        assert the_only(site).ok

    def test_a_void_withdraws_the_event_that_it_was_and_not_one_of_its_old_name(self) -> None:
        site = Site()
        site.treat("S001", "S002", "S003")
        site.on(5)
        old = site.toxicity("S001", "A", attributions=UNRELATED)
        site.on(15).assess("S001", "S002", "S003")
        site.decide()
        renamed = site.on(20).desk.correct(old, event="B", reason=REASON)[0]
        report = site.toxicity("S001", "A", onset=day(5), attributions=UNRELATED)
        again = site.desk.follow_up_adverse_event("S001", event="A", on=day(20), attributions=RELATED)[0]
        site.desk.void(renamed, reason="an event of another participant")
        changed_by(site, report.position, again.position, now=SIX)


class TestBackdated:
    """A decision dated before the day on which it is recorded."""

    def taken(self, *judgements: tuple[int, Relatedness]) -> Site:
        site = Site()
        site.treat("S001", "S002", "S003")
        site.on(5).toxicity("S001", attributions=UNRELATED)
        site.on(15).assess("S001", "S002", "S003")
        site.on(20)
        for number, relatedness in judgements:
            site.desk.follow_up_adverse_event("S001", event="AE1", on=day(number), attributions=judged(relatedness))
        site.desk.decide_escalation(on=day(15), decided=SIX, rationale="an event is judged anew")
        return site

    def test_a_judgement_of_an_earlier_day_does_not_go_before_a_later_one_that_was_known(self) -> None:
        site = self.taken((18, Relatedness.UNLIKELY))
        site.desk.follow_up_adverse_event("S001", event="AE1", on=day(17), attributions=RELATED)
        assert the_only(site).ok

    def test_a_correction_that_leaves_a_known_judgement_as_it_is_changes_nothing(self) -> None:
        site = self.taken((18, Relatedness.POSSIBLY))
        stream = f"{site.trial.trial}/participant/S001"
        entries = [e for e in site.trial.history().entries() if e.stream == stream]
        known = next(e for e in entries if type(e.fact).__name__ == "AdverseEventFollowedUp")
        site.desk.correct(known, outcome="recovered", reason=REASON)
        assert named(the_only(site)) == []


class TestForged:
    def test_a_basis_that_leaves_out_what_was_known_is_named(self, site: Site) -> None:
        site = Site()
        site.treat("S001", "S002", "S003")
        site.on(15).assess("S001", "S002", "S003")
        before = site.trial.history().position
        site.toxicity("S001", onset=day(5))
        site.decide()
        counts = (Tally(level=1, evaluable=3, most_held=3), Tally(level=2), Tally(level=3))

        def forge(fact: EscalationDecided) -> EscalationDecided:
            basis = attrs.evolve(fact.basis, position=before, tallies=counts)
            up = attrs.evolve(UP, slots=3)
            return attrs.evolve(fact, recommended=up, decided=up, basis=basis)

        [audit] = edited(site, EscalationDecided, forge)
        assert [(one.field, one.recorded) for one in audit.differences] == [("position", before)]

    def test_a_level_that_there_is_not(self, site: Site) -> None:
        below = attrs.evolve(Decision.enroll(level=1), level=-1)
        [audit] = edited(
            site, EscalationDecided, lambda fact: attrs.evolve(fact, decided=below, rationale=FreeText.of("lower"))
        )
        assert [str(one) for one in audit.breaches] == ["level -1 was decided, and the protocol has levels 1, 2, 3"]

    def test_a_decision_dated_before_the_one_that_was_taken_before_it(self, site: Site) -> None:
        site.treat("S004", "S005", "S006", level=2)
        site.on(35).assess("S004", "S005", "S006")
        site.decide()
        first, second = edited(
            site,
            EscalationDecided,
            lambda fact: (
                attrs.evolve(fact, basis=attrs.evolve(fact.basis, on=day(14))) if fact.decided.level == 3 else fact
            ),
        )
        assert first.ok
        assert any("a decision of 2026-03-17 was taken before it" in str(one) for one in second.breaches)

    def test_one_that_follows_a_voided_one_of_a_later_day_is_in_order(self, site: Site) -> None:
        later = site.on(16).decide()[0]
        site.desk.void(later, reason="decided by mistake")
        site.on(17).desk.decide_escalation(on=day(15))
        assert all(audit.follows for audit in audits(site))

    def test_a_decision_about_a_trial_that_is_not_registered_yet(self, site: Site) -> None:
        drafts = [
            Draft(stream=e.stream, fact=e.fact)
            for e in sorted(site.trial.history().entries(), key=lambda e: not isinstance(e.fact, EscalationDecided))
        ]
        [audit] = History.of(drafts).decisions()
        assert [str(one) for one in audit.breaches] == [
            "the trial was not registered then: nothing could be decided about it"
        ]


class TestWhatItIsCalled:
    def test_treating_at_the_same_level_is_the_same_answer(self, site: Site) -> None:
        """Up to level 2, or on at level 2: who was treated last gives it its name."""
        site.screened("S004")
        site.desk.enroll("S004", on=day(15))
        site.desk.infuse("S004", level=2, started_at=f"{day(15)}T13:00+08:00")
        audit = the_only(site)
        assert today(audit) == Decision.enroll(level=2)
        assert audit.ok

    def test_a_corrected_rationale_leaves_the_moment_of_the_decision(self) -> None:
        site = Site()
        site.treat("S001", "S002", "S003")
        site.on(15).assess("S001", "S002", "S003")
        decision = site.desk.decide_escalation(
            on=site.today, decided=Decision.enroll(level=1), rationale="one fever was close"
        )[0]
        site.screened("S004")
        site.desk.enroll("S004", on=site.today)
        site.desk.infuse("S004", level=1, started_at=site.now.replace(microsecond=0))
        site.desk.correct(decision, rationale="two fevers were close", reason=REASON)
        first, second = audits(site)
        assert first.same_answer
        assert second.ok

    def test_what_was_taken_back_in_a_participant_who_stands_as_before_is_not_named(self, site: Site) -> None:
        report = site.on(20).toxicity("S001", onset=day(5))
        site.desk.follow_up_adverse_event("S001", event="AE1", on=day(20), attributions=UNRELATED)
        other = site.toxicity("S002", onset=day(5))
        assert named(the_only(site)) == [other.position]
        assert report.position < other.position


class TestConclusions:
    @pytest.fixture
    def mtd(self) -> Site:
        """Six at level 1 with one DLT, two DLTs at level 2: level 1 is the MTD."""
        site = Site()
        site.treat("S001", "S002", "S003")
        site.on(15).assess("S001", "S002", "S003")
        site.decide()
        site.treat("S004", "S005", level=2)
        site.on(20).toxicity("S004")
        site.toxicity("S005")
        site.decide()
        site.on(21).treat("S006", "S007", "S008")
        site.on(40).assess("S006", "S007", "S008")
        site.desk.declare_mtd(level=1, on=site.today)
        return site

    def test_an_mtd_that_stands(self, mtd: Site) -> None:
        last = audits(mtd)[-1]
        assert isinstance(last.entry.fact, MtdDeclared)
        assert last.ok

    def test_an_mtd_that_a_late_dlt_takes_away(self, mtd: Site) -> None:
        events = [mtd.on(50).toxicity(subject, onset=day(5)).position for subject in ("S001", "S002")]
        last = audits(mtd)[-1]
        assert last.follows
        assert last.today is not None
        assert last.today.decision.mtd != Mtd.established(1, bounded_above=True)
        assert (sets(last), named(last)) == ([events], events)
        assert "level 1 as the MTD cannot be declared" in str(last.breaches_today[0])

    def test_one_late_dlt_in_six_leaves_it(self, mtd: Site) -> None:
        mtd.on(50).toxicity("S001", onset=day(5))
        last = audits(mtd)[-1]
        assert last.ok
        assert [one.subject for one in last.members] == ["S001"]  # its basis has changed, its answer has not

    def test_an_mtd_at_another_level_does_not_follow(self, mtd: Site) -> None:
        found = edited(mtd, MtdDeclared, lambda fact: attrs.evolve(fact, level=2))
        assert [str(b) for b in found[-1].breaches] == [
            "level 2 as the MTD cannot be declared: the answer of the design is established"
        ]

    def test_a_conclusion_without_an_mtd(self, site: Site) -> None:
        site.treat("S004", "S005", "S006", level=2)
        site.on(31).desk.close(on=site.today, why="the target recruitment is reached")
        site.desk.declare_no_mtd(why=NotEstablished.RECRUITMENT_ENDED, on=site.today)
        assert all(audit.ok for audit in audits(site))
        closing = next(e for e in site.trial.history().entries() if type(e.fact).__name__ == "TrialClosed")
        void = site.desk.void(closing, reason="recruitment goes on after all")[0]
        last = audits(site)[-1]
        assert named(last) == [void.position]
        assert "while it goes on" in str(last.breaches_today[0])


def with_only(site: Site, moment: int, chosen: tuple[int, ...], *, on: int) -> Decision:
    """Ask the rule about a log in which nothing else was recorded since."""
    state = history_with(site, moment, chosen).escalation(on=day(on))
    assert state is not None
    return state.decision.bare


def history_with(site: Site, moment: int, chosen: tuple[int, ...]) -> History:
    drafts = [
        Draft(stream=e.stream, fact=e.fact, corrects=e.meta.corrects, caused_by=e.meta.caused_by)
        for e in sorted(site.trial.history().entries(), key=lambda e: e.position)
        if e.position <= moment or e.position in chosen
    ]
    return History.of(drafts)


def stand_otherwise(site: Site, moment: int, later: list[int]) -> list[int]:
    """Keep of the later entries those of participants who stand otherwise with all of them."""
    then, now = (
        {m.subject: (m.standing, m.dlt is None, m.infused_on) for m in history.dlt_counts(on=day(15)).members}
        for history in (history_with(site, moment, ()), history_with(site, moment, tuple(later)))
    )
    streams = {e.position: e.stream.rpartition("/")[2] for e in site.trial.history().entries()}
    return [position for position in later if then[streams[position]] != now[streams[position]]]


def recorded_late(site: Site, chance: Random) -> list[int]:
    """Record something of the first fifteen days, in the words of a careless site."""
    subject = chance.choice(["S001", "S002", "S003"])
    before = site.trial.history().position
    match chance.randrange(5):
        case 0 | 1:
            event = f"L{before}"
            site.toxicity(
                subject, event, onset=day(chance.randrange(20)), attributions=chance.choice([RELATED, UNRELATED])
            )
        case 2:
            events = [e for e in entries_of(site, AdverseEventReported, subject) if e.position <= before]
            if events:
                event = chance.choice(events).fact
                site.desk.follow_up_adverse_event(
                    subject,
                    event=event.event,
                    on=max(event.onset.first, day(chance.randrange(16))),
                    attributions=chance.choice([RELATED, UNRELATED]),
                )
        case 3:
            early = [e for e in entries_of(site, DltWindowAssessed, subject) if not superseded(site, e)]
            for entry in early[:1]:
                site.desk.void(entry, reason="assessed for somebody else")
        case _:
            infusion = site.infusion(subject)
            if not superseded(site, infusion):
                site.desk.correct(infusion, started_at=day(chance.randrange(4)), reason=REASON)
    stream = f"{site.trial.trial}/participant/"
    return [e.position for e in site.trial.history().entries() if e.position > before and e.stream.startswith(stream)]


def superseded(site: Site, entry: Recorded[object]) -> bool:
    told = site.trial.history().trail(entry.stream.rpartition("/")[2])
    return next(one.superseded_by for one in told if one.entry.position == entry.position) is not None


@pytest.mark.parametrize("seed", range(12))
def test_the_smallest_sets_are_those_that_trying_every_set_finds(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - a test, no secret
    site = Site()
    site.treat("S001", "S002", "S003")
    site.on(15).assess("S001", "S002", "S003")
    moment = site.trial.history().position
    site.decide()
    site.on(20)
    later = [position for _ in range(7) for position in recorded_late(site, chance)]
    audit = the_only(site)
    assert with_only(site, moment, (), on=15) == UP
    assert with_only(site, moment, tuple(later), on=15) == today(audit)
    later = stand_otherwise(site, moment, later)
    expected: list[list[int]] = []
    if today(audit) != UP:
        for size in range(1, len(later) + 1):
            found = [c for c in combinations(later, size) if with_only(site, moment, c, on=15) != UP]
            if found:
                expected = [list(one) for one in found]
                break
    assert sets(audit) == expected
    alone = [p for p in later if with_only(site, moment, (p,), on=15) != UP] if expected else []
    assert [one.entry.position for one in audit.changing if one.alone] == alone


def test_beyond_its_bound_the_search_gives_a_set_of_which_nothing_can_be_left_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for subject in ("S001", "S002"):
        site.on(20).toxicity(subject, onset=day(5))
    entries = sorted(site.trial.history().entries(), key=lambda e: (e.stream, e.version))
    streams = {e.stream: [one for one in entries if one.stream == e.stream] for e in entries}
    [decided] = [e for e in entries if isinstance(e.fact, EscalationDecided)]
    moment = Moment(decided.position - 1, day(15), decided.meta.recorded_at)
    past = Hindsight(streams.items(), moment)
    monkeypatch.setattr("trialdomain.projections.smallest_change._MOST_STEPS", 1)

    def closed(seen: DesignAnswer) -> bool:
        return seen.state is not None and seen.state.decision.action is Action.STOP

    found = smallest_change(past, closed)
    assert not found.proven
    assert len(found.sets) == 1
    assert len(found.sets[0]) == 2  # 2 DLTs close a level


def test_whoever_is_pending_then_and_known_today(site: Site) -> None:
    [infusion] = entries_of(site, Infused, "S001")
    site.on(20).desk.correct(infusion, fraction="0.5", reason=REASON)
    audit = the_only(site)
    [member] = audit.members
    assert member.today is not None
    assert member.today.standing.evaluation is Evaluation.NOT_EVALUABLE
    assert today(audit) == Decision.enroll(level=1)


def test_a_late_dlt_is_named_also_where_a_smaller_change_does_the_same() -> None:
    """A report judged unrelated and its reassessment change the answer together; a withdrawal does so alone."""
    site = Site()
    site.treat("S001", "S002", "S003")
    site.on(15).assess("S001", "S002", "S003")
    site.decide()
    reported = site.on(50).toxicity("S001", onset=day(5), attributions=judged(Relatedness.UNRELATED))
    related = site.on(60).desk.follow_up_adverse_event("S001", event="AE1", on=day(60), attributions=RELATED)[0]
    left = site.desk.withdraw("S002", on=day(9), scope=WithdrawalScope.FOLLOW_UP)[0]
    [audit] = site.trial.history().decisions()
    assert audit.smallest.sets == (frozenset({left.position}),)
    named = {one.entry.position: (one.alone, one.in_a_set) for one in audit.changing}
    assert named == {
        reported.position: (False, True),
        related.position: (False, True),
        left.position: (True, True),
    }


def test_a_void_says_what_it_withdraws_and_a_correction_what_it_corrects() -> None:
    site = Site()
    site.treat("S001", "S002", "S003")
    site.on(15).assess("S001", "S002", "S003")
    site.decide()
    infusion = site.infusion("S002")
    site.on(20).desk.void(infusion, reason="the infusion of somebody else")
    [audit] = site.trial.history().decisions()
    [void] = audit.changing
    assert void.target is not None
    assert void.target.position == infusion.position
    report = decision_audit_report(audit, site.trial.history().zone)
    [row] = next(tables_of(report)).rows
    assert row[4].startswith(f"withdraws position {infusion.position}: infused at level 1")
    assert f"  Smallest change of the answer: position {void.entry.position}" in lines_of(report)
