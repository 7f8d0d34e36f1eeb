"""A level keeps its label and its dose, whatever the protocol puts beside it."""

from decimal import Decimal

import attrs
import pytest
from blocks import lines_of
from site_desk import OPEN, Site, refused

from trialdomain import Decision, Dose, DoseLevel, TrialProtocol
from trialdomain.aggregates.trial import AmendmentUnusable
from trialdomain.desk.acts import LevelUnknown
from trialdomain.events.cohort import CohortOpened
from trialdomain.events.trial import MtdDeclared
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml
from trialdomain.history import answers_report
from trialdomain.protocol.designs import Boin, ThreePlusThree
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.values.clinical.decision import Action
from trialdomain.values.clinical.level import Label


def ladder(*levels: tuple[Label, str], version: str = "registry", start: int = 1) -> TrialProtocol:
    """Give the open protocol with these levels, each a label and an amount in mg."""
    return attrs.evolve(
        OPEN,
        version=version,
        design=ThreePlusThree(start_level=start),
        levels=tuple(
            DoseLevel(level=place, label=label, dose=Dose(amount=Decimal(amount), unit="mg"))
            for place, (label, amount) in enumerate(levels, start=1)
        ),
    )


TWO = ladder((1, "10"), (2, "20"))


def amended(site: Site, *levels: tuple[Label, str], version: str = "2", start: int = 1) -> None:
    protocol = ladder(*levels, version=version, start=start)
    site.desk.amend(protocol, effective_on=site.today, summary="another level is needed")


def closed_at_1() -> Site:
    """Two participants of two at level 1 have a DLT: level 1 and level 2 are closed, and none is tolerated."""
    site = Site(TWO)
    site.treat("S001", "S002")
    for subject in ("S001", "S002"):
        site.on(2).toxicity(subject)
    return site


class TestALevelBelowTheFirst:
    """Level -1 is added after level 1 has closed, as many protocols foresee."""

    def test_is_treated_next(self) -> None:
        site = closed_at_1()
        assert site.state().decision.bare == Decision.none_tolerated()
        amended(site, (-1, "5"), (1, "10"), (2, "20"), start=2)
        state = site.state()
        assert state.decision.bare == Decision.de_escalate(to=-1)
        assert state.decision.closed_levels == (1, 2)
        assert [(tally.level, tally.place, tally.dlts, str(tally.dose)) for tally in state.counts.tallies] == [
            (-1, 1, 0, "5 mg"),
            (1, 2, 2, "10 mg"),
            (2, 3, 0, "20 mg"),
        ]

    def test_is_opened_in_a_stream_with_its_label(self) -> None:
        site = closed_at_1()
        amended(site, (-1, "5"), (1, "10"), (2, "20"), start=2)
        opened = {e.stream: e.fact for e in site.decide() if isinstance(e.fact, CohortOpened)}
        assert opened == {
            f"{OPEN.trial}/cohort/-1": CohortOpened(level=-1, dose=Dose(amount=Decimal(5), unit="mg"), slots=3)
        }
        site.admit("S003")
        site.desk.infuse("S003", level="-1", started_at=site.today)
        assert site.state().counts.tallies[0].pending == 1

    def test_may_be_the_mtd(self) -> None:
        site = closed_at_1()
        amended(site, (-1, "5"), (1, "10"), (2, "20"), start=2)
        site.decide()
        site.on(3).treat("S003", "S004", "S005", level=-1)
        site.on(18).assess("S003", "S004", "S005")
        site.decide()
        site.on(19).treat("S006", "S007", "S008", level=-1)
        site.on(34).assess("S006", "S007", "S008")
        assert site.state().decision.mtd.level == -1
        entries = site.desk.declare_mtd(level=-1, on=site.today)
        lines = lines_of(answers_report(site.trial.history().answers(on=site.today)))
        assert any(line.startswith("MTD: level -1 (5 mg); a level above it is closed") for line in lines)
        assert isinstance(entries[0].fact, MtdDeclared)
        assert entries[0].fact.level == -1


class TestTheFirstLevel:
    """``start_level`` is a place, so a level below the first one would take its place."""

    def tolerated_at_1(self) -> Site:
        site = Site(TWO)
        site.treat("S001", "S002", "S003")
        site.on(15).assess("S001", "S002", "S003")
        return site

    def test_stays_the_same_level_after_the_first_enrollment(self) -> None:
        site = Site(TWO)
        site.admit("S001")
        refused(
            site,
            AmendmentUnusable,
            lambda: amended(site, (-1, "5"), (1, "10"), (2, "20")),
            "the amendment cannot follow the protocol in force: its start_level, 1, would be level -1, and participants"
            " were enrolled while it was level 1: write start_level = 2, which is the place of level 1 now",
        )

    def test_stays_the_same_level_after_the_first_infusion(self) -> None:
        site = self.tolerated_at_1()
        assert site.state().decision.bare == Decision.escalate(to=2)
        refused(site, AmendmentUnusable, lambda: amended(site, ("1a", "5"), (1, "10"), (2, "20")), "start_level = 2")
        refused(site, AmendmentUnusable, lambda: amended(site, (1, "10"), (2, "20"), start=2), "start_level = 1")

    def test_with_its_new_place_the_answer_stays(self) -> None:
        site = self.tolerated_at_1()
        amended(site, (-1, "5"), (1, "10"), (2, "20"), start=2)
        assert site.state().decision.bare == Decision.escalate(to=2)

    def test_of_any_design(self) -> None:
        boin = Boin(target=Decimal("0.3"), max_n=30)
        site = Site(attrs.evolve(TWO, design=boin))
        site.treat("S001")
        below = attrs.evolve(ladder((-1, "5"), (1, "10"), (2, "20"), version="2"), design=boin)
        refused(
            site,
            AmendmentUnusable,
            lambda: site.desk.amend(below, effective_on=site.today, summary="a lower level"),
            "write start_level = 2",
        )

    def test_may_be_another_one_before_anybody_is_enrolled(self) -> None:
        site = Site(TWO)
        amended(site, (-1, "5"), (1, "10"), (2, "20"))
        assert site.state().decision.bare == Decision.enroll(level=-1)


class TestALevelBetween:
    """An amendment puts 15 mg between 10 mg and 20 mg, after 20 mg has closed for good."""

    def closed_at_2(self) -> Site:
        site = Site(ladder((1, "10"), (2, "20"), (3, "40")))
        site.treat("S001", "S002", "S003")
        site.on(15).assess("S001", "S002", "S003")
        site.decide()
        site.treat("S004", "S005", level=2)
        for subject in ("S004", "S005"):
            site.on(17).toxicity(subject)
        site.decide()  # now the closing of levels 2 and 3 is final
        return site

    def test_is_not_closed_by_the_closing_of_another_dose(self) -> None:
        site = self.closed_at_2()
        amended(site, (1, "10"), ("1a", "15"), (2, "20"), (3, "40"))
        state = site.state()
        assert state.decision.closed_levels == (2, 3)
        assert state.decision.bare == Decision.de_escalate(to="1a")
        assert "level 1 (10 mg)" not in str(state.decision.because)

    def test_is_closed_when_it_lies_above_a_closed_one_in_the_order_of_the_moment(self) -> None:
        site = self.closed_at_2()
        amended(site, (1, "10"), (2, "20"), ("2a", "30"), (3, "40"))
        assert site.state().decision.closed_levels == (2, "2a", 3)

    def test_takes_participants_of_its_own(self) -> None:
        site = self.closed_at_2()
        amended(site, (1, "10"), ("1a", "15"), (2, "20"), (3, "40"))
        site.decide()
        site.on(18).treat("S006", level="1a")
        tallies = {tally.level: (tally.pending, tally.evaluable, tally.dlts) for tally in site.state().counts.tallies}
        assert tallies == {1: (0, 3, 0), "1a": (1, 0, 0), 2: (0, 2, 2), 3: (0, 0, 0)}
        assert [level.level for level in site.trial.history().flow(on=site.today).levels] == [1, "1a", 2, 3]

    def test_what_it_answers_is_what_a_reader_computes_again(self) -> None:
        site = self.closed_at_2()
        amended(site, (1, "10"), ("1a", "15"), (2, "20"), (3, "40"))
        site.decide()
        audited = list(site.trial.history().decisions())
        assert [one.follows for one in audited] == [True, True, True]
        assert [one.ok for one in audited] == [True, True, True]


class TestAnAmendment:
    def test_may_not_change_the_order_of_levels_in_use(self) -> None:
        site = Site(ladder((1, "10"), ("1a", "15"), (2, "20")))
        site.treat("S001", "S002", "S003")
        site.on(15).assess("S001", "S002", "S003")
        site.decide()
        site.treat("S004", level="1a")
        swapped = attrs.evolve(
            OPEN,
            version="2",
            levels=(DoseLevel(level=1, label="1a"), DoseLevel(level=2, label=1), DoseLevel(level=3, label=2)),
        )
        refused(
            site,
            AmendmentUnusable,
            lambda: site.desk.amend(swapped, effective_on=site.today, summary="the other way round"),
            "level 1 would be without an amount",
        )

    def test_may_not_take_a_level_away(self) -> None:
        site = Site(TWO)
        refused(site, AmendmentUnusable, lambda: amended(site, (1, "10"), ("2a", "20")), "does not have level 2")

    def test_may_reopen_a_level_by_its_label(self) -> None:
        site = closed_at_1()
        site.decide()
        protocol = ladder((-1, "5"), (1, "10"), (2, "20"), version="2", start=2)
        site.desk.amend(protocol, effective_on=site.today, summary="level 2 is looked at again", reopens=["2"])
        assert {closing.level for closing in site.state().situation.final_closings} == {1}


class TestALabel:
    def test_is_the_number_of_the_level_if_none_is_given(self) -> None:
        assert OPEN.labels == (1, 2, 3)

    @pytest.mark.parametrize(("given", "label"), [("1", 1), ("-1", -1), ("0", 0), ("1a", "1a"), ("DL-1", "DL-1")])
    def test_of_digits_is_a_number(self, given: str, label: Label) -> None:
        assert DoseLevel(level=1, label=given).label == label

    @pytest.mark.parametrize("given", ["01", "a/b", " ", "1 a", "x" * 21, "٣", True, 1.5, 10_000])
    def test_that_is_none_is_refused(self, given: object) -> None:
        with pytest.raises(ProtocolInvalid, match="the label of level 1 is not the label of a level"):
            DoseLevel(level=1, label=given)

    @pytest.mark.parametrize("given", ["all", "none", "ALL", "None", "overall", "unassigned", "Total"])
    def test_that_answers_use_for_something_else_is_refused(self, given: str) -> None:
        with pytest.raises(ProtocolInvalid) as refused:
            DoseLevel(level=2, label=given)
        assert refused.value.faults == (
            (
                f"the label of level 2, {given!r}, means something else in answers, as all, none, overall, total and "
                f"unassigned do: use another one, such as DL-2"
            ),
        )

    def test_of_a_file_may_not_be_none(self) -> None:
        text = 'trial = "T"\ntitle = "t"\nversion = "1"\nlevels = [{level = 1, label = "none"}]\n'
        with pytest.raises(ProtocolInvalid) as refused:
            protocol_from_toml(text)
        (fault,) = refused.value.faults
        assert fault.startswith("levels[1]: the label of level 1, 'none', means something else in answers")

    @pytest.mark.parametrize("given", ["N", "n", "allo", "none-1", "any"])
    def test_near_such_a_word_is_taken(self, given: str) -> None:
        assert DoseLevel(level=1, label=given).label == given

    def test_differs_from_another_by_more_than_case(self) -> None:
        with pytest.raises(ProtocolInvalid) as refused:
            ladder(("N", "10"), ("1a", "20"), ("n", "30"), ("1A", "40"), ("2", "50"))
        assert refused.value.faults == (
            "the labels N and n differ only in case: give each level a label that nobody takes for another's",
            "the labels 1a and 1A differ only in case: give each level a label that nobody takes for another's",
        )

    def test_stands_once_in_a_protocol(self) -> None:
        with pytest.raises(ProtocolInvalid, match="the label 1 is that of 2 levels: give each level its own"):
            ladder((1, "10"), ("1", "20"))

    def test_stands_in_a_protocol_file(self) -> None:
        protocol = ladder((-1, "5"), (1, "10"), ("1a", "15"))
        text = protocol_to_toml(protocol)
        assert 'label = "1a"' in text
        assert protocol_from_toml(text) == protocol

    def test_that_the_protocol_does_not_have_is_refused(self) -> None:
        site = Site(ladder((-1, "5"), (1, "10"), ("1a", "15")))
        site.admit("S001")
        refused(
            site,
            LevelUnknown,
            lambda: site.desk.infuse("S001", level=2, started_at=site.today),
            "there is no dose level 2: the protocol has levels -1, 1, 1a; correct the level",
        )

    def test_a_decision_of_people_may_name_a_lower_level_by_its_label(self) -> None:
        site = Site(ladder(("a", "5"), ("b", "10")))
        site.treat("S001", "S002", "S003", level="a")
        site.on(15).assess("S001", "S002", "S003")
        assert site.state().decision.bare == Decision.escalate(to="b")
        site.desk.decide_escalation(
            on=site.today, decided=Decision(action=Action.ENROLL, level="a"), rationale="the committee wants six"
        )
        assert site.state().level_in_turn == "a"
