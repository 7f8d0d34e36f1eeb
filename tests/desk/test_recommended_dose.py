"""A recommended dose: a fact apart from the MTD, by people, never above what the rule tolerates.

The expectations are the 3+3 table as published (Storer 1989): 0 DLTs in 3 evaluable is
tolerated, 1 in 3 asks for six, 2 close the level and every level above it. Three participants are infused at level 1 on
day 0 and assessed on day 15, three at level 2 on day 15 and assessed on day 30, three at level 3 on day 30 and assessed
on day 45: the trial of 9 that cannot establish an MTD.
"""

from typing import Any

import attrs
import pytest
from blocks import lines_of
from site_desk import OPEN, REASON, Site, day, kinds, refused

from trialdomain import (
    Decision,
    DoseLevel,
    InTheFuture,
    Mtd,
    MtdStatus,
    RollingSix,
    TableDesign,
    TableRow,
    TableWord,
    Tally,
    ThreePlusThree,
    findings,
)
from trialdomain.commands.coercion import FactMalformed
from trialdomain.commands.guards import DesignAbsent
from trialdomain.designs.registry import design_of
from trialdomain.desk.acts import LevelUnknown
from trialdomain.desk.escalation import DecisionOutOfOrder
from trialdomain.events.basis import Basis
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import DoseRecommended, MtdDeclared, NotEstablished
from trialdomain.limits.recommendation import DoseNotTolerated, against_recommending, highest_recommendable
from trialdomain.protocol.designs import DesignSpec
from trialdomain.reports.escalation.decisions import decisions_report
from trialdomain.reports.escalation.state import escalation_report
from trialdomain.reports.review import review_report
from trialdomain.reports.story import story_table
from trialdomain.values.clinical.level import Label
from trialdomain.values.reason import ReasonMissing

WHY = "nine were treated without a DLT"


def treated(upto: int) -> Site:
    """Three at each level up to one, none with a DLT, each level decided upon but the last."""
    site = Site()
    for level in range(1, upto + 1):
        subjects = [f"S{level}0{number}" for number in (1, 2, 3)]
        site.on(15 * (level - 1)).treat(*subjects, level=level)
        site.on(15 * level).assess(*subjects)
        if level < upto:
            site.decide()
    return site


@pytest.fixture
def nine() -> Site:
    return treated(3)


def recommend(site: Site, level: int, purpose: str = "phase II", on: int | None = None) -> Recorded[Any]:
    asked = site.today if on is None else day(on)
    return site.desk.recommend_dose(level=level, purpose=purpose, rationale=WHY, on=asked)[0]


def standing(site: Site) -> list[tuple[str, Label]]:
    """Give the recommended levels as the escalation state has them."""
    return [(entry.fact.purpose, entry.fact.level) for entry in site.state().recommended_doses]


class TestWhatIsTolerated:
    def test_nine_without_an_mtd_recommend_a_dose_all_the_same(self, nine: Site) -> None:
        assert nine.state().decision.mtd.status is MtdStatus.OPEN
        entry = recommend(nine, 3)
        assert isinstance(entry.fact, DoseRecommended)
        assert (entry.stream, entry.fact.level, entry.fact.purpose) == (nine.trial.trial, 3, "phase II")
        assert entry.fact.rationale.plain == WHY
        basis = entry.fact.basis
        assert [(t.evaluable, t.dlts) for t in basis.tallies] == [(3, 0), (3, 0), (3, 0)]
        assert (basis.on, basis.last_level, basis.protocol_version) == (day(45), 3, OPEN.version)

    def test_a_lower_level_may_be_recommended(self, nine: Site) -> None:
        assert kinds([recommend(nine, 1)]) == ["DoseRecommended"]

    def test_also_once_recruitment_was_closed_and_no_mtd_was_declared(self, nine: Site) -> None:
        nine.desk.close(on=nine.today, why="nine were recruited")
        nine.desk.declare_no_mtd(why=NotEstablished.RECRUITMENT_ENDED, on=nine.today)
        assert recommend(nine, 3).fact.level == 3

    def test_a_level_without_outcomes_is_not_recommended(self) -> None:
        site = treated(1)
        refused(
            site,
            DoseNotTolerated,
            lambda: recommend(site, 2),
            "level 2 cannot be recommended: it has 0 DLTs in 0 evaluable, and level 1 is the highest level that the "
            "rule tolerates; recommend level 1",
        )

    def test_one_dlt_in_three_tolerates_no_level(self) -> None:
        site = Site()
        site.treat("S001", "S002", "S003")
        site.on(3).toxicity("S001")
        site.on(15).assess("S002", "S003")
        refused(
            site,
            DoseNotTolerated,
            lambda: recommend(site, 1),
            "level 1 cannot be recommended: it has 1 DLT in 3 evaluable, and the rule tolerates no level; wait for "
            "more outcomes",
        )

    def test_a_closed_level_is_not_recommended_and_the_level_below_is(self) -> None:
        site = treated(1)
        site.decide()
        site.treat("S201", "S202", level=2)
        site.on(17).toxicity("S201")
        site.toxicity("S202")
        refused(
            site,
            DoseNotTolerated,
            lambda: recommend(site, 2),
            "level 2 cannot be recommended: it is closed; recommend level 1",
        )
        assert recommend(site, 1).fact.level == 1

    def test_a_pending_outcome_counts_as_if_it_were_a_dlt(self) -> None:
        """0 in 3 and 1 pending may become 1 in 4, which asks for six."""
        site = treated(1)
        cautious = Decision.enroll(level=1)
        site.desk.decide_escalation(on=site.today, decided=cautious, rationale="six at level 1 first")
        site.treat("S004")
        refused(site, DoseNotTolerated, lambda: recommend(site, 1), "it has 0 DLTs in 3 evaluable and 1 pending, and")
        site.on(30).assess("S004")
        assert recommend(site, 1).fact.level == 1

    @pytest.mark.parametrize("level", [0, 4])
    def test_a_level_that_the_protocol_does_not_have(self, nine: Site, level: int) -> None:
        refused(nine, LevelUnknown, lambda: recommend(nine, level), "there is no dose level")

    def test_a_protocol_without_a_design_tolerates_nothing(self) -> None:
        site = Site(attrs.evolve(OPEN, design=None))
        refused(site, DesignAbsent, lambda: recommend(site, 1), "no escalation design")


class TestBesideAnMtd:
    @pytest.fixture
    def mtd(self) -> Site:
        """Six at level 1 without a DLT, two DLTs at level 2: level 1 is the MTD."""
        site = treated(1)
        site.decide()
        site.treat("S004", "S005", level=2)
        site.on(20).toxicity("S004")
        site.toxicity("S005")
        site.decide()
        site.on(21).treat("S006", "S007", "S008")
        site.on(40).assess("S006", "S007", "S008")
        site.desk.declare_mtd(level=1, on=site.today)
        return site

    def test_the_mtd_is_recommended(self, mtd: Site) -> None:
        assert recommend(mtd, 1).fact.level == 1

    def test_not_above_an_mtd_that_people_declared(self, nine: Site) -> None:
        """The design has found no MTD; people declared one, in another system's log, that is lower."""
        conclusion = MtdDeclared(level=2, bounded_above=False, basis=recommend(nine, 3).fact.basis)
        state = nine.state()
        [breach] = against_recommending(
            3, state.decision, state.counts.tallies, design=state.design, conclusion=conclusion
        )
        assert str(breach) == (
            "level 3 cannot be recommended: the MTD was declared as level 2; recommend level 2 or a lower one"
        )

    def test_not_above_the_mtd_of_the_design(self) -> None:
        tallies = [Tally(level=1, evaluable=6, dlts=1), Tally(level=2, evaluable=3), Tally(level=3)]
        decision = Decision.established(1, bounded_above=False)
        design = design_of(ThreePlusThree())
        assert highest_recommendable(decision, tallies, design=design, conclusion=None) == 1
        [breach] = against_recommending(2, decision, tallies, design=design, conclusion=None)
        assert str(breach) == ("level 2 cannot be recommended: the MTD by the design is level 1; recommend level 1")

    def test_a_declared_mtd_above_what_is_tolerated_now_is_not_the_reason(self, nine: Site) -> None:
        """Level 3 was declared; by one DLT in 3 there, level 2 is the highest that is tolerated."""
        conclusion = MtdDeclared(level=3, bounded_above=False, basis=recommend(nine, 3).fact.basis)
        nine.toxicity("S301", onset=day(32))
        state = nine.state()
        [breach] = against_recommending(
            3, state.decision, state.counts.tallies, design=state.design, conclusion=conclusion
        )
        assert str(breach) == (
            "level 3 cannot be recommended: it has 1 DLT in 3 evaluable, and level 2 is the highest level that the "
            "rule tolerates; recommend level 2 or a lower one"
        )

    def test_nothing_while_people_say_that_no_level_is_tolerated(self) -> None:
        site = Site()
        site.treat("S001", "S002", "S003")
        first = site.on(3).toxicity("S001")
        second = site.toxicity("S002")
        (none,) = site.desk.declare_no_mtd(why=NotEstablished.NONE_TOLERATED, on=site.today)
        for event in (first, second):
            site.desk.void(event, reason="the events of somebody else")
        site.on(15).assess("S001", "S002", "S003")
        refused(
            site,
            DoseNotTolerated,
            lambda: recommend(site, 1),
            "level 1 cannot be recommended: it was declared that no level is tolerated; correct or void that "
            "declaration first",
        )
        site.desk.void(none, reason="both events were of somebody else")
        assert recommend(site, 1).fact.level == 1


class TestLabels:
    """Labels are names: the levels stand in the order 1, 1a, 2, and the label of no level is above none."""

    TALLIES = (
        Tally(level=1, place=1, evaluable=3),
        Tally(level="1a", place=2, evaluable=3),
        Tally(level=2, place=3, evaluable=3),
    )

    def refused(self, level: Label, tallies: tuple[Tally, ...] = TALLIES, declared: Label | None = None) -> list[str]:
        basis = Basis(
            design="3+3/1",
            protocol_version="1",
            tallies=self.TALLIES,
            last_level=2,
            final_closings=(),
            slots=(),
            position=9,
            on=day(45),
        )
        conclusion = None if declared is None else MtdDeclared(level=declared, bounded_above=False, basis=basis)
        found = against_recommending(
            level, Decision.wait(level=2), tallies, design=design_of(ThreePlusThree()), conclusion=conclusion
        )
        return [str(one) for one in found]

    def test_every_tolerated_level_may_be_recommended(self) -> None:
        assert [self.refused(level) for level in (1, "1a", 2)] == [[], [], []]

    @pytest.mark.parametrize(
        ("declared", "refused"),
        [
            (2, []),
            ("1a", ["the MTD was declared as level 1a; recommend level 1a or a lower one"]),
            (1, ["the MTD was declared as level 1; recommend level 1"]),
        ],
    )
    def test_a_declared_mtd_is_the_highest_by_its_place(self, declared: Label, refused: list[str]) -> None:
        assert self.refused(2, declared=declared) == [f"level 2 cannot be recommended: {one}" for one in refused]

    def test_a_declared_mtd_above_what_is_tolerated_is_not_the_reason_whatever_its_name(self) -> None:
        """Levels c, b, a in this order; a was declared, and has 1 DLT in 3 now."""
        names = tuple(Tally(level=name, place=place, evaluable=3) for place, name in enumerate("cba", 1))
        (refused,) = self.refused("a", (*names[:2], attrs.evolve(names[2], dlts=1)), declared="a")
        assert refused == (
            "level a cannot be recommended: it has 1 DLT in 3 evaluable, and level b is the highest level that the "
            "rule tolerates; recommend level b or a lower one"
        )

    @pytest.mark.parametrize("level", [0, 3, "1b"])
    def test_what_is_no_level_is_not_recommended(self, level: Label) -> None:
        (refused,) = self.refused(level)
        assert refused == (
            f"level {level} cannot be recommended: it is no level of the protocol, and level 2 is the highest level "
            f"that the rule tolerates; recommend level 2 or a lower one"
        )

    def test_the_counts_are_those_of_the_level(self) -> None:
        toxic = (*self.TALLIES[:2], Tally(level=2, place=3, evaluable=3, dlts=1, pending=2))
        (refused,) = self.refused(2, toxic)
        assert refused == (
            "level 2 cannot be recommended: it has 1 DLT in 3 evaluable and 2 pending, and level 1a is the highest "
            "level that the rule tolerates; recommend level 1a or a lower one"
        )


class TestEveryDesign:
    """What a design tolerates at one level: where it would go on above it, or names it as a candidate."""

    ROWS = (
        TableRow(n=3, dlt=0, decision=TableWord.ESCALATE),
        TableRow(n=3, dlt=1, decision=TableWord.STAY),
        TableRow(n=3, dlt=2, decision=TableWord.DE_ESCALATE),
        TableRow(n=3, dlt=3, decision=TableWord.ELIMINATE),
    )

    @pytest.mark.parametrize(
        ("spec", "most", "tolerated"),
        [
            (ThreePlusThree(), 7, {(3, 0), (4, 0), (5, 0), (6, 0), (6, 1), (7, 0), (7, 1)}),
            (RollingSix(), 7, {(3, 0), (4, 0), (5, 0), (6, 0), (6, 1), (7, 0), (7, 1)}),
            (TableDesign(rows=ROWS, cohort_size=3), 3, {(3, 0), (3, 1)}),
        ],
        ids=["3+3", "rolling six", "table"],
    )
    def test_counts(self, spec: DesignSpec, most: int, tolerated: set[tuple[int, int]]) -> None:
        design = design_of(spec)
        counts = {(n, dlts) for n in range(most + 1) for dlts in range(n + 1)}
        found = {(n, dlts) for n, dlts in counts if design.tolerates(Tally(level=1, evaluable=n, dlts=dlts))}
        assert found == tolerated


class TestItsOwnDay:
    def test_a_future_day_is_refused(self, nine: Site) -> None:
        refused(nine, InTheFuture, lambda: recommend(nine, 3, on=46), "2026-04-17")

    def test_it_may_be_dated_back_while_today_allows_it_too(self, nine: Site) -> None:
        nine.on(50)
        assert recommend(nine, 3, on=45).fact.basis.on == day(45)
        nine.toxicity("S301", onset=day(32))  # 1 in 3 at level 3
        refused(nine, DoseNotTolerated, lambda: recommend(nine, 3, "expansion", on=45), "1 DLT in 3 evaluable")

    def test_it_is_refused_on_a_day_before_its_outcomes(self, nine: Site) -> None:
        refused(nine, DoseNotTolerated, lambda: recommend(nine, 3, on=40), "3 pending")

    def test_not_before_the_one_that_it_would_supersede(self, nine: Site) -> None:
        nine.on(50)
        recommend(nine, 3, on=50)
        refused(nine, DecisionOutOfOrder, lambda: recommend(nine, 2, on=48), "would come before the last one")
        assert recommend(nine, 2, "expansion", on=48).fact.level == 2


class TestWhatIsGiven:
    @pytest.mark.parametrize("purpose", ["", "  ", "phase\x07II"])
    def test_a_purpose_is_a_text(self, nine: Site, purpose: str) -> None:
        refused(nine, FactMalformed, lambda: recommend(nine, 3, purpose), "purpose")

    @pytest.mark.parametrize("rationale", ["", "updated"])
    def test_a_rationale_says_something(self, nine: Site, rationale: str) -> None:
        act = nine.desk.recommend_dose
        refused(
            nine,
            ReasonMissing,
            lambda: act(level=3, purpose="phase II", rationale=rationale, on=nine.today),
            "says nothing",
        )


class TestTheOneThatStands:
    def test_a_later_one_of_the_same_purpose_supersedes_and_another_purpose_stands_beside_it(self, nine: Site) -> None:
        recommend(nine, 3)
        recommend(nine, 2, "Expansion")
        assert standing(nine) == [("phase II", 3), ("Expansion", 2)]
        recommend(nine, 2, " Phase  ii")
        assert standing(nine) == [("Expansion", 2), (" Phase  ii", 2)]

    def test_a_void_brings_back_the_one_before(self, nine: Site) -> None:
        recommend(nine, 3)
        last = recommend(nine, 2)
        nine.desk.void(last, reason="it was recorded in the wrong trial")
        assert standing(nine) == [("phase II", 3)]

    def test_a_correction_takes_the_place_of_what_it_corrects(self, nine: Site) -> None:
        first = recommend(nine, 3)
        recommend(nine, 2)
        nine.desk.correct(first, level=1, reason=REASON)
        assert standing(nine) == [("phase II", 2)]

    def test_it_is_not_known_before_its_day(self, nine: Site) -> None:
        nine.on(50)
        recommend(nine, 3)
        history = nine.trial.history()
        before, on = history.escalation(on=day(49)), history.escalation(on=day(50))
        assert before is not None
        assert on is not None
        assert (len(before.recommended_doses), len(on.recommended_doses)) == (0, 1)


class TestAudit:
    def test_it_stands_among_the_decisions_and_follows(self, nine: Site) -> None:
        entry = recommend(nine, 3)
        last = list(nine.trial.history().decisions())[-1]
        assert (last.entry.position, last.ok) == (entry.position, True)

    def test_a_dlt_of_its_day_that_was_reported_later_is_named(self, nine: Site) -> None:
        recommend(nine, 3)
        late = nine.on(60).toxicity("S301", onset=day(32))
        last = list(nine.trial.history().decisions())[-1]
        assert (last.follows, last.same_answer) == (True, False)
        assert [one.entry.position for one in last.changing] == [late.position]
        [breach] = last.breaches_today
        assert "level 3 cannot be recommended: it has 1 DLT in 3 evaluable, and level 2 is the highest" in str(breach)

    def test_a_lower_one_is_still_allowed_but_its_basis_has_changed(self, nine: Site) -> None:
        recommend(nine, 1)
        nine.on(60).toxicity("S301", onset=day(32))
        last = list(nine.trial.history().decisions())[-1]
        assert (last.follows, last.same_answer, last.breaches_today) == (True, False, ())

    def test_a_correction_above_what_is_tolerated_is_recorded_and_does_not_follow(self) -> None:
        site = treated(2)
        entry = recommend(site, 2)
        (corrected,) = site.desk.correct(entry, level=3, reason=REASON)
        found = findings(site.trial.history(), on=site.today).found
        [one] = [one for one in found if one.check == "decision"]
        assert one.evidence == (corrected.position,)
        assert "level 3 cannot be recommended: it has 0 DLTs in 0 evaluable" in one.sentence

    def test_the_report_has_its_level_its_purpose_and_its_rationale(self, nine: Site) -> None:
        entry = recommend(nine, 3)
        history = nine.trial.history()
        report = decisions_report(list(history.decisions()), history.zone)
        json: Any = report.json
        last = json["decisions"][-1]
        assert last["entry"] == "trial.dose-recommended.v1"
        assert last["decided"] == {"recommended": 3, "purpose": "phase II"}
        assert last["rationale"] == WHY
        assert any(
            line.startswith(f"Position {entry.position}, ") and "level 3 is recommended for phase II" in line
            for line in lines_of(report)
        )

    def test_dlts_at_the_mtd_take_the_recommendation_with_it(self) -> None:
        site = treated(1)
        site.decide()
        site.treat("S004", "S005", level=2)
        site.on(20).toxicity("S004")
        site.toxicity("S005")
        site.decide()
        site.on(21).treat("S006", "S007", "S008")
        site.on(40).assess("S006", "S007", "S008")
        site.desk.declare_mtd(level=1, on=site.today)
        recommend(site, 1)
        for subject in ("S006", "S007"):
            site.on(50).toxicity(subject, onset=day(25))
        last = list(site.trial.history().decisions())[-1]
        assert [str(one) for one in last.breaches_today] == [
            "level 1 cannot be recommended: it is closed, and the rule tolerates no level"
        ]


class TestAnswers:
    def test_json_of_escalation_and_review(self, nine: Site) -> None:
        entry = recommend(nine, 3)
        member = {
            "level": 3,
            "purpose": "phase II",
            "on": "2026-04-16",
            "rationale": WHY,
            "evidence": [entry.position],
        }
        history = nine.trial.history()
        assert (escalation_report(nine.state()).json or {})["recommended_doses"] == [member]
        assert (review_report(history.review(on=nine.today)).json or {})["recommended_doses"] == [member]

    def test_without_one_the_member_is_empty(self, nine: Site) -> None:
        assert (escalation_report(nine.state()).json or {})["recommended_doses"] == []

    def test_sentences(self, nine: Site) -> None:
        recommend(nine, 3)
        said = f"Recommended for phase II: level 3, on 2026-04-16: {WHY}"
        history = nine.trial.history()
        assert said in lines_of(escalation_report(nine.state()))
        assert said in lines_of(review_report(history.review(on=nine.today)))
        for subject in ("S301", "S302"):
            nine.on(50).toxicity(subject, onset=day(32))
        assert f"{said} (the level is closed since)" in lines_of(escalation_report(nine.state()))

    def test_the_story_has_it(self, nine: Site) -> None:
        entry = recommend(nine, 3)
        rows = story_table(nine.trial.history().entries()).rows
        assert rows[-1] == ("2026-04-16", "trial", f"level 3 recommended for phase II: {WHY}", str(entry.position))

    def test_the_trail_has_it(self, nine: Site) -> None:
        recommend(nine, 3)
        last = list(nine.trial.history().trail("trial"))[-1]
        found = {change.field: change.new for change in last.changes}
        assert (found["level"], found["purpose"], found["rationale"]) == (3, "phase II", WHY)

    def test_a_difference_of_two_moments_names_it_among_the_recommendations(self, nine: Site) -> None:
        before = nine.trial.history()
        recommend(nine, 3)
        found = before.diff(nine.trial.history()).recommendations
        assert ("escalation.recommended_doses[3].purpose", None, "phase II") in [
            (one.path, one.old, one.new) for one in found
        ]


class TestFinding:
    def test_a_recommended_level_that_is_closed_later(self, nine: Site) -> None:
        entry = recommend(nine, 3)
        assert _found(nine) == []
        nine.on(50).toxicity("S301", onset=day(32))
        nine.toxicity("S302", onset=day(33))
        [found] = _found(nine)
        assert found.sentence == "level 3 was recommended for phase II on 2026-04-16, and is closed"
        assert entry.position in found.evidence

    def test_not_once_a_later_recommendation_superseded_it(self, nine: Site) -> None:
        recommend(nine, 3)
        nine.on(50).toxicity("S301", onset=day(32))
        nine.toxicity("S302", onset=day(33))
        recommend(nine, 2)
        assert _found(nine) == []

    def test_an_mtd_that_was_declared_below_it(self) -> None:
        """0 in 3 at level 2 was recommended; level 2 was then left, and level 1 declared by a later amendment."""
        site = Site(attrs.evolve(OPEN, levels=(DoseLevel(level=1), DoseLevel(level=2))))
        site.treat("S001", "S002", "S003")
        site.on(15).assess("S001", "S002", "S003")
        site.decide()
        site.treat("S004", "S005", "S006", level=2)
        site.on(30).assess("S004", "S005", "S006")
        entry = recommend(site, 2)
        site.decide()
        site.treat("S007", "S008", level=2)
        site.on(33).toxicity("S007")
        site.toxicity("S008")
        site.decide()
        site.on(34).treat("S009", "S010", "S011")
        site.on(50).assess("S009", "S010", "S011")
        mtd = site.desk.declare_mtd(level=1, on=site.today)[0]
        sentences = {one.sentence: one.evidence for one in _found(site)}
        said = "level 2 was recommended for phase II on 2026-04-01, and the MTD was declared as level 1"
        assert sentences[said] == (entry.position, mtd.position)


def _found(site: Site) -> list[Any]:
    return [one for one in findings(site.trial.history(), on=site.today).found if one.check == "recommended-dose"]


def test_no_mtd_by_a_table_design_still_has_a_ceiling() -> None:
    """A table without a target selects no MTD (not-established): the highest level where it stays is the ceiling."""
    design = design_of(TableDesign(rows=TestEveryDesign.ROWS, cohort_size=3))
    decision = attrs.evolve(Decision.wait(level=2), mtd=Mtd(status=MtdStatus.NOT_ESTABLISHED))
    tallies = [Tally(level=1, evaluable=3), Tally(level=2, evaluable=3, dlts=1), Tally(level=3, evaluable=3, dlts=2)]
    assert highest_recommendable(decision, tallies, design=design, conclusion=None) == 2
