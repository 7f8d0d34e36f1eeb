"""DLTs and evaluability at the desk: the sentences of the page on DLTs, each with a counterexample."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from random import Random

import attrs
import pytest
from site_desk import DAY0, OPEN, REASON, Site, day, judged, kinds, refused

from trialdomain import (
    Assessor,
    ClinicalTime,
    DltRule,
    Draft,
    History,
    Outcome,
    Relatedness,
    TrialError,
    TrialProtocol,
    WithdrawalScope,
    findings,
    lab,
)
from trialdomain.aggregates.participant import FollowUpBeforeOnset
from trialdomain.commands.coercion import FactMalformed
from trialdomain.events.participant import AdverseEventReported, Enrolled, Infused, WindowResult
from trialdomain.events.trial import TrialRegistered
from trialdomain.protocol.conduct_rules import EvaluableRule
from trialdomain.protocol.dlt_criteria import DltCompanion, DltCriterion
from trialdomain.protocol.dlt_rule import CytopeniaRule, ExpectedToxicity
from trialdomain.values.clinical.decision import Action
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationFlag, EvaluationReason
from trialdomain.values.clinical_time import When

LIKELY, UNRELATED = judged(Relatedness.LIKELY), judged(Relatedness.UNRELATED)
NOT_ASSESSED = judged(Relatedness.NOT_ASSESSED)
FOLLOW_UP = WithdrawalScope.FOLLOW_UP


@pytest.fixture
def site() -> Iterator[Site]:
    """Somebody infused on 12 March 2026 at 10:00: 10 days after the first day of the site."""
    made = Site()
    made.on(10).admit("S001")
    made.desk.infuse("S001", level=1, started_at="2026-03-12T10:00+08:00")
    yield made
    made.check()


def why(site: Site) -> str:
    return site.member("S001").standing.reason.value


class TestWhatWasOverBeforeTheInfusion:
    CASES = (
        ("2026-03", "2026-03-08", 0),
        ("2026-03", "2026-03-11", 0),
        ("2026", "2026-03-01", 0),
        ("2026", "2026-02", 0),
        ("2026-03-12", "2026-03-12T09:00+08:00", 0),
        ("2026-03", "2026-03-12T09:59+08:00", 0),
        ("2026-03", "2026-03-12T10:00+08:00", 1),
        ("2026-03", "2026-03-12", 1),
        ("2026-03", "2026-03", 1),
        ("2026-03", None, 1),
    )

    def report(self, site: Site, onset: str, ended: str | None) -> None:
        site.on(20).desk.report_adverse_event(
            "S001", event="AE1", term="Fever", grade=3, onset=onset, ended=ended, attributions=LIKELY
        )

    @pytest.mark.parametrize(("onset", "ended", "dlts"), CASES)
    def test_is_no_dlt_and_no_adverse_event_since(self, site: Site, onset: str, ended: str | None, dlts: int) -> None:
        self.report(site, onset, ended)
        assert site.dlts() == dlts
        assert site.trial.history().endpoints(on=site.today).value("P1", "S001").value is bool(dlts)
        assert (EvaluationFlag.PARTIAL_ONSET in site.member("S001").flags) is bool(dlts)

    @pytest.mark.parametrize(("onset", "ended", "dlts"), [case for case in CASES if case[1] is not None])
    def test_a_follow_up_that_brings_the_end_revokes(self, site: Site, onset: str, ended: str, dlts: int) -> None:
        self.report(site, onset, None)
        assert site.dlts() == 1
        entries = site.desk.follow_up_adverse_event("S001", event="AE1", on="2026-03-20", ended=ended)
        assert ("DltRevoked" in kinds(entries)) is (dlts == 0)
        assert site.dlts() == dlts

    def test_so_does_one_that_repeats_a_grade(self, site: Site) -> None:
        self.report(site, "2026-03", None)
        site.desk.follow_up_adverse_event(
            "S001", event="AE1", on="2026-03-20", grade=1, ended="2026-03-08", outcome=Outcome.RECOVERED
        )
        assert site.dlts() == 0

    def test_two_of_them_stop_nothing(self) -> None:
        site = Site()
        site.treat("S001", "S002", "S003")
        for subject in ("S001", "S002"):
            site.on(9).desk.report_adverse_event(
                subject, event="A", term="Fever", grade=3, onset="2026", ended="2026-03-01", attributions=LIKELY
            )
        assert site.state().decision.action is Action.WAIT
        assert site.state().decision.closed_levels == ()

    def test_nor_is_it_delayed_toxicity(self, site: Site) -> None:
        self.report(site.on(60), "2026", "2026-03-27")  # the window ends on 26 March
        assert (site.dlts(), site.trial.history().review(on=site.today).delayed) == (1, ())
        site.desk.follow_up_adverse_event("S001", event="AE1", on="2026-04-02", ended="2026-03-11")
        assert (site.dlts(), site.trial.history().review(on=site.today).delayed) == (0, ())


def test_a_decision_looked_at_again_knows_an_end_that_was_brought_later() -> None:
    site = Site()
    site.treat("S001", "S002", "S003")
    site.on(5).desk.report_adverse_event("S001", event="A", term="Fever", grade=3, onset="2026", attributions=LIKELY)
    site.on(15).assess("S002", "S003")
    site.decide()
    assert site.state().situation.last_level == 1
    site.on(20).desk.follow_up_adverse_event("S001", event="A", on=day(20), ended="2026-02-27")
    (audit,) = site.trial.history().decisions()
    assert audit.follows
    assert not audit.same_answer
    assert [type(one.entry.fact).__name__ for one in audit.changing] == ["AdverseEventFollowedUp"]
    site.check()


class TestAFollowUpBeforeTheOnset:
    def test_is_refused_whatever_it_says(self, site: Site) -> None:
        site.on(20).toxicity("S001", onset=day(13))
        follow_up = site.desk.follow_up_adverse_event
        refused(site, FollowUpBeforeOnset, lambda: follow_up("S001", event="AE1", on=day(12), grade=4), "began on")
        refused(
            site, FollowUpBeforeOnset, lambda: follow_up("S001", event="AE1", on="2026-02", attributions=LIKELY), "AE1"
        )
        assert follow_up("S001", event="AE1", on="2026-03", grade=4)  # it allows a day of the event
        assert follow_up("S001", event="AE1", on=day(13), grade=4)

    def test_nor_is_one_dated_back_by_a_correction(self, site: Site) -> None:
        site.on(20).toxicity("S001", onset=day(13))
        follow_up = site.desk.follow_up_adverse_event("S001", event="AE1", on=day(14), grade=4)[0]
        refused(site, FactMalformed, lambda: site.desk.correct(follow_up, on=day(12), reason=REASON), "began on")

    def test_one_that_a_corrected_onset_moves_past_stays_is_found_and_counts_from_the_onset(self, site: Site) -> None:
        report = site.on(20).toxicity("S001", onset=day(11), grade=1)
        follow_up = site.desk.follow_up_adverse_event("S001", event="AE1", on=day(12), grade=3)[0]
        site.desk.correct(report, onset=day(14), reason=REASON)
        dlt = site.member("S001").dlt
        assert dlt
        assert dlt.onset.day == day(14)
        found = findings(site.trial.history(), on=site.today).found
        assert [one.subject for one in found if one.check == "follow-up-order"] == ["S001"]
        assert site.desk.correct(follow_up, grade=4, reason=REASON)  # another field of it may still be corrected

    def test_moved_past_the_window_it_is_no_dlt(self, site: Site) -> None:
        report = site.on(40).toxicity("S001", onset=day(11), grade=1)
        site.desk.follow_up_adverse_event("S001", event="AE1", on=day(12), grade=3)
        site.desk.correct(report, onset=day(30), reason=REASON)
        assert site.dlts() == 0


def rows(*lines: tuple[str, str | None, int]) -> History:
    """Tell one event in rows of another system, of somebody infused on 10 January 2024."""
    protocol = attrs.evolve(OPEN, dlt=DltRule())
    participant = f"{protocol.trial}/participant/S001"
    facts = [
        Enrolled(on=ClinicalTime("2024-01-02"), level=1),
        Infused(level=1, started_at=ClinicalTime("2024-01-10")),
        *(
            AdverseEventReported(
                event=str(number),
                term="Pruritus",
                grade=grade,
                grade_mapped=True,
                attributions=LIKELY,
                onset=ClinicalTime(onset),
                ended=None if ended is None else ClinicalTime(ended),
                linked_to="E04",
            )
            for number, (onset, ended, grade) in enumerate(lines, start=1)
        ),
    ]
    drafts = [Draft(stream=protocol.trial, fact=TrialRegistered(protocol=protocol))]
    return History.of([*drafts, *(Draft(stream=participant, fact=fact) for fact in facts)])


@pytest.mark.parametrize(
    ("lines", "onset"),
    [
        ((("2024-01-05", "2024-01-11", 3), ("2024-01-11", "2024-01-20", 1)), None),
        ((("2024-01-05", "2024-01-20", 3),), None),  # the same told in one line
        ((("2024-01-05", "2024-01-11", 3), ("2024-01-11", "2024-01-20", 3)), None),
        ((("2024-01-05", "2024-01-11", 1), ("2024-01-11", "2024-01-20", 3)), "2024-01-11"),
        ((("2024-01-05", "2024-01-11", 3), ("2024-01-12", "2024-01-20", 1)), "2024-01-12"),  # over, and back
        ((("2024-01-11", "2024-01-20", 1), ("2024-01-05", "2024-01-11", 3)), None),  # in the other order
    ],
)
def test_rows_that_tell_one_event_are_judged_as_one(
    lines: tuple[tuple[str, str | None, int], ...], onset: str | None
) -> None:
    history, on = rows(*lines), date(2024, 2, 1)
    dlt = history.dlt_counts(on=on).members[0].dlt
    assert (dlt and dlt.onset.text) == onset
    adverse = history.endpoints(on=on).value("P1", "S001")
    assert (adverse.value, adverse.on and adverse.on.isoformat()) == (onset is not None, onset)
    assert history.safety(on=on).distinct_events == 1


class TestEndings:
    def protocol(self, window: int) -> TrialProtocol:
        return attrs.evolve(OPEN, dlt=DltRule(window_days=window))

    @pytest.mark.parametrize("window", [14, 28])
    def test_completers_of_the_last_day_of_the_window_are_evaluable(self, window: int) -> None:
        site = Site(self.protocol(window))
        site.treat("S001", "S002", "S003")
        for subject in ("S001", "S002", "S003"):
            site.on(window).assess(subject)
            site.desk.complete_follow_up(subject, on=day(window))
        tally = site.state().counts.tallies[0]
        assert (tally.evaluable, tally.not_evaluable, site.state().decision.bare.level) == (3, 0, 2)
        site.check()

    @pytest.mark.parametrize("window", [14, 28])
    @pytest.mark.parametrize(
        ("last", "before", "after"), [(-1, "left", "left"), (0, "not-assessed", "window-assessed")]
    )
    def test_last_seen_on_the_last_day_is_evaluable_with_an_assessment(
        self, window: int, last: int, before: str, after: str
    ) -> None:
        for lost in (True, False):
            site = Site(self.protocol(window))
            site.treat("S001")
            site.on(window + 9)
            if lost:
                site.desk.lose_to_follow_up("S001", on=day(window + 9), last_contact=day(window + last))
            else:
                site.desk.withdraw("S001", on=day(window + last), scope=FOLLOW_UP)
            assert why(site) == before
            site.desk.assess_dlt_window("S001", on=day(window))
            assert why(site) == after
            site.check()

    def test_without_required_assessments_the_calendar_decides(self) -> None:
        site = Site(attrs.evolve(OPEN, evaluable=EvaluableRule(requires_assessment=False)))
        site.treat("S001", "S002")
        site.on(14).desk.lose_to_follow_up("S001", on=day(14), last_contact=day(14))
        site.desk.lose_to_follow_up("S002", on=day(14), last_contact=day(13))
        assert [site.evaluation(who) for who in ("S001", "S002")] == [Evaluation.PENDING, Evaluation.NOT_EVALUABLE]
        assert site.on(15).evaluation("S001") is Evaluation.EVALUABLE
        site.check()

    def test_a_partial_withdrawal_hides_no_last_contact_that_is_known(self) -> None:
        site = Site()
        site.treat("S001")
        site.on(30).desk.lose_to_follow_up("S001", on=day(30), last_contact=day(7))
        assert why(site) == "left"
        site.desk.withdraw("S001", on="2026-03", scope=FOLLOW_UP)
        site.assess("S001")
        assert why(site) == "left"
        site.check()

    @pytest.mark.parametrize(
        "end",
        [
            lambda site: site.desk.withdraw("S001", on="2026-03", scope=FOLLOW_UP),
            lambda site: site.desk.lose_to_follow_up("S001", on=day(40), last_contact="2026"),
            lambda site: site.desk.record_death("S001", on="2026-03"),
        ],
    )
    @pytest.mark.parametrize("requires", [True, False])
    def test_a_partial_ending_keeps_pending_until_it_is_completed_or_given_up(
        self, end: Callable[[Site], object], requires: bool
    ) -> None:
        site = Site(attrs.evolve(OPEN, evaluable=EvaluableRule(requires_assessment=requires)))
        site.treat("S001")
        site.on(40).assess("S001")
        end(site)
        member = site.member("S001")
        assert (member.standing.evaluation, why(site)) == (Evaluation.PENDING, "ending-uncertain")
        assert member.flags == (EvaluationFlag.PARTIAL_ENDING,)
        assert "window" in [one.check for one in findings(site.trial.history(), on=site.today).found]
        with pytest.raises(FactMalformed, match="needs a reason"):
            site.desk.assess_dlt_window("S001", on=day(40), result=WindowResult.NOT_EVALUABLE)
        site.desk.assess_dlt_window(
            "S001", on=day(40), result=WindowResult.NOT_EVALUABLE, why="the ward's book of March is lost"
        )
        assert (site.evaluation("S001"), why(site)) == (Evaluation.NOT_EVALUABLE, "assessed-not-evaluable")
        site.check()

    @pytest.mark.parametrize(("on", "reason"), [(13, "left"), (14, "window-assessed"), (20, "window-assessed")])
    def test_completed_it_decides(self, on: int, reason: str) -> None:
        site = Site()
        site.treat("S001")
        site.on(40).assess("S001")
        (left, *_) = site.desk.withdraw("S001", on="2026-03", scope=FOLLOW_UP)
        site.desk.correct(left, on=day(on), reason=REASON)
        assert why(site) == reason
        site.check()

    def test_not_evaluable_decides_nothing_else(self) -> None:
        site = Site()
        site.treat("S001")
        site.on(15).desk.assess_dlt_window("S001", on=day(15), result=WindowResult.NOT_EVALUABLE, why="no visits")
        assert why(site) == "not-assessed"
        site.assess("S001")  # of one day, the one recorded last is the latest
        assert why(site) == "window-assessed"
        site.check()


def test_without_an_assessment_to_ask_for_the_calendar_alone_decides() -> None:
    """domain.md, Evaluable: with requires_assessment false, "the calendar alone decides on day 15"."""
    site = Site(attrs.evolve(OPEN, evaluable=EvaluableRule(requires_assessment=False)))
    site.treat("S001")
    site.on(14).desk.assess_dlt_window("S001", on=day(14), result=WindowResult.NOT_EVALUABLE, why="no visits")
    assert site.evaluation("S001") is Evaluation.PENDING
    site.on(15)
    assert (site.evaluation("S001"), why(site)) == (Evaluation.EVALUABLE, "window-over")


class TestDeaths:
    """Of an event from before the infusion, under a rule without worsening."""

    def died(self, attributions: object, *, on: int = 5, worsening: bool = False, **rule: object) -> Site:
        dlt = DltRule(worsening=worsening, **rule)  # type: ignore[arg-type]  # the fields of a rule
        site = Site(attrs.evolve(OPEN, dlt=dlt))
        site.treat("S001")
        site.on(20).toxicity("S001", onset="2026-02-20", grade=3, attributions=attributions)  # type: ignore[arg-type]  # as above
        site.desk.record_death("S001", on=day(on), event="AE1")
        site.check()
        return site

    @pytest.mark.parametrize("worsening", [True, False])
    @pytest.mark.parametrize(
        ("attributions", "on", "reason"),
        [
            (LIKELY, 5, "dlt"),
            (LIKELY, 14, "dlt"),
            (LIKELY, 15, "not-assessed"),
            ((), 14, "relatedness-not-assessed"),
            (NOT_ASSESSED, 14, "relatedness-not-assessed"),
            (UNRELATED, 14, "left"),
            (UNRELATED, 15, "not-assessed"),
        ],
    )
    def test_one_that_an_event_explains_counts_whenever_that_began(
        self, attributions: object, on: int, reason: str, worsening: bool
    ) -> None:
        site = self.died(attributions, on=on, worsening=worsening)
        assert why(site) == reason
        dlt = site.member("S001").dlt
        assert (None if dlt is None else (dlt.onset.day, dlt.grade)) == ((day(on), 5) if reason == "dlt" else None)

    def test_of_a_term_that_never_counts_it_is_explained_and_no_dlt(self) -> None:
        expected = (ExpectedToxicity(term="Fever", up_to_grade=5),)
        assert why(self.died(LIKELY, expected_with_chemotherapy=expected)) == "left"

    def test_a_fatal_outcome_explains_it_without_a_link(self) -> None:
        site = Site(attrs.evolve(OPEN, dlt=DltRule(worsening=False)))
        site.treat("S001")
        (death, *_) = site.on(20).desk.record_death("S001", on=day(5))
        assert why(site) == "death-not-explained"
        site.toxicity("S001", onset="2026-02-20", outcome=Outcome.FATAL, attributions=LIKELY)
        assert why(site) == "dlt"
        site.desk.void(death, reason=REASON)
        assert why(site) == "not-assessed"
        site.check()

    def test_one_of_a_partial_date_that_allows_the_window_is_a_dlt_and_flagged(self) -> None:
        site = Site()
        site.treat("S001")
        site.on(40).toxicity("S001", onset="2026-02-20", grade=3, attributions=LIKELY)
        site.desk.record_death("S001", on="2026-03", event="AE1")
        assert (why(site), site.member("S001").flags) == ("dlt", (EvaluationFlag.PARTIAL_ONSET,))
        site.check()

    def test_nobody_dies_of_an_event_before_it_begins(self) -> None:
        site = Site()
        site.treat("S001")
        site.on(40).toxicity("S001", onset=day(20), attributions=LIKELY)
        site.desk.record_death("S001", on="2026-03", event="AE1")
        assert site.member("S001").standing.reason is EvaluationReason.ENDING_UNCERTAIN
        site.check()

    @pytest.mark.parametrize(
        ("attributions", "on", "reason"),
        [
            (LIKELY, 10, "dlt"),
            (LIKELY, 14, "dlt"),
            (LIKELY, 15, "not-assessed"),
            (NOT_ASSESSED, 10, "relatedness-not-assessed"),
            (UNRELATED, 10, "left"),
        ],
    )
    def test_a_known_day_of_death_counts_though_the_event_was_recorded_as_beginning_later(
        self, attributions: object, on: int, reason: str
    ) -> None:
        """One of the two dates is wrong, and the death in the window counts, whatever the onset of the event."""
        site = Site()
        site.treat("S001")
        site.on(40).toxicity("S001", onset=day(20), attributions=attributions)  # type: ignore[arg-type]  # as above
        site.desk.record_death("S001", on=day(on), event="AE1")
        assert why(site) == reason
        dlt = site.member("S001").dlt
        assert (None if dlt is None else (dlt.onset.day, dlt.grade)) == ((day(on), 5) if reason == "dlt" else None)
        site.check()


class TestTwoAssessors:
    def told(self, site: Site, *words: tuple[Assessor, Relatedness]) -> str:
        site.on(30).assess("S001")
        (who, what), *later = words
        site.toxicity("S001", onset=day(11), attributions=judged(what, assessor=who))
        for at, (assessor, relatedness) in enumerate(later, start=12):
            site.desk.follow_up_adverse_event(
                "S001", event="AE1", on=day(at), attributions=judged(relatedness, assessor=assessor)
            )
        return why(site)

    I, S = Assessor.INVESTIGATOR, Assessor.SPONSOR  # noqa: E741 - two letters beside each other in a table

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ([(I, Relatedness.LIKELY), (I, Relatedness.NOT_ASSESSED)], "dlt"),
            ([(I, Relatedness.UNLIKELY), (I, Relatedness.NOT_ASSESSED)], "relatedness-not-assessed"),
            (
                [(S, Relatedness.UNRELATED), (I, Relatedness.UNRELATED), (I, Relatedness.NOT_ASSESSED)],
                "relatedness-not-assessed",
            ),
            ([(S, Relatedness.UNRELATED)], "window-assessed"),
            ([(S, Relatedness.POSSIBLY), (I, Relatedness.UNRELATED)], "dlt"),
            (
                [(I, Relatedness.LIKELY), (I, Relatedness.UNRELATED), (I, Relatedness.NOT_ASSESSED)],
                "relatedness-not-assessed",
            ),
        ],
    )
    def test_who_says_what(self, site: Site, words: list[tuple[Assessor, Relatedness]], reason: str) -> None:
        assert self.told(site, *words) == reason


@pytest.mark.parametrize(("onset", "counts"), [("09:00", False), ("10:00", True), ("11:00", True)])
def test_an_event_of_the_infusion_day_counts_unless_its_time_is_before(site: Site, onset: str, counts: bool) -> None:
    site.toxicity("S001", onset=f"{day(10)}T{onset}+08:00")
    assert (site.dlts(), site.trial.history().endpoints(on=site.today).value("P1", "S001").value) == (counts, counts)
    assert day(10) > DAY0


CYTOPENIA = CytopeniaRule(anc_below=Decimal("0.5"), beyond_day=20)


def something(site: Site, chance: Random, number: int) -> object:
    """Record one thing, of a day that is known, or known in part."""
    desk, then = site.desk, day(chance.randrange(number))
    when: When = chance.choice([then.isoformat(), then.isoformat(), "2026-03", "2026"])
    words = chance.choice([LIKELY, UNRELATED, NOT_ASSESSED, ()])
    grade = chance.randint(1, 4)
    ended = chance.choice([None, None, day(chance.randrange(number)), "2026-03"])
    result = chance.choice(list(WindowResult))
    acts: list[Callable[[], object]] = [
        lambda: site.toxicity("S001", f"E{number}", onset=when, grade=grade, attributions=words),
        lambda: desk.follow_up_adverse_event(
            "S001", event=f"E{chance.randrange(number)}", on=when, grade=grade, attributions=words, ended=ended
        ),
        lambda: desk.follow_up_adverse_event("S001", event=f"E{chance.randrange(number)}", on=then, ended=ended),
        lambda: desk.record_labs(
            "S001", [lab("ANC", chance.choice(["0.1", "4"]), "10*9/L", collected_at=day(chance.randrange(number)))]
        ),
        lambda: desk.assess_dlt_window("S001", on=then, result=result, why="nobody knows"),
        lambda: desk.withdraw("S001", on=when, scope=FOLLOW_UP),
        lambda: desk.lose_to_follow_up("S001", on=day(number), last_contact=when),
        lambda: desk.complete_follow_up("S001", on=then),
        lambda: desk.record_death("S001", on=when, event=chance.choice([None, f"E{chance.randrange(number)}"])),
        lambda: desk.record_relapse("S001", on=then),
        lambda: desk.start_chemotherapy("S001", on=then, regimen="FLAG", cycle=number),
    ]
    stream = f"{site.trial.trial}/participant/S001"
    entries = [entry for entry in site.trial.history().entries() if entry.stream == stream]
    later = entries[4:]  # not the consent, the screening, the enrollment and the infusion
    acts += [lambda: desk.void(chance.choice(later), reason=REASON)] * (2 if later else 0)
    return chance.choice(acts)()


ROWS = (
    DltCriterion(terms=("Fever",), min_grade=4, longer_than_days=5),
    DltCriterion(terms=("Fever",), min_grade=2, longer_than_days=2, together_with=DltCompanion(terms=("Fever",))),
    DltCriterion(terms=("Fever",), never=True),
    DltCriterion(anc_below=Decimal("0.5"), longer_than_days=4),
)


@pytest.mark.parametrize("cytopenia", [None, CYTOPENIA])
@pytest.mark.parametrize("rows", [(), ROWS])
@pytest.mark.parametrize("seed", range(5))
def test_cohorts_and_participants_agree_whatever_is_recorded(
    seed: int, rows: tuple[DltCriterion, ...], cytopenia: CytopeniaRule | None
) -> None:
    chance = Random(seed)  # noqa: S311 - a test, no secret
    rule = DltRule(cytopenia=cytopenia, criteria=rows, min_grade=chance.choice([1, 3]))
    site = Site(attrs.evolve(OPEN, dlt=rule))
    site.treat("S001", "S002")
    recorded = 0
    for number in range(1, 40):
        site.on(number)
        try:
            something(site, chance, number)
            recorded += 1
        except TrialError:
            continue  # what cannot be so was refused: nothing was recorded
        site.check()
        assert site.trial.history().dlt_counts(on=site.today).tallies[0].dlts == (site.member("S001").dlt is not None)
    assert recorded > 5
    assert "reconciliation" not in [one.check for one in findings(site.trial.history(), on=site.today).found]
