"""The harness that tests of rules are written in: it must fail when it should."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from level_numbers import number

from trialdomain import (
    DltRule,
    Dose,
    DoseLevel,
    EvaluableRule,
    OutcomesMalformed,
    Relatedness,
    ThreePlusThree,
    TrialError,
    TrialProtocol,
    decide,
    nct06245746,
    parse_outcomes,
    situation_of,
)
from trialdomain.aggregates.cohort import Cohort, NoFreeSlot
from trialdomain.aggregates.participant import AlreadyInfused, LevelNotAssigned, Participant
from trialdomain.events.cohort import CohortOpened, SlotFilled, SlotReleased
from trialdomain.events.cohort import Release as Why
from trialdomain.events.participant import Consented, Enrolled, Infused, Signer
from trialdomain.protocol.conduct_rules import Stagger
from trialdomain.protocol.dlt_criteria import DltCompanion, DltCriterion
from trialdomain.protocol.dlt_rule import CytopeniaRule, ExpectedToxicity
from trialdomain.protocol.trial_protocol import TallyBy
from trialdomain.testing import OutcomesUnreachable, Taken, given, history_of
from trialdomain.testing import outcomes as outcomes_module
from trialdomain.values.clinical.ctcae import all_terms
from trialdomain.values.clinical.evaluation import Evaluation
from trialdomain.values.clinical.toxicity import RELATED
from trialdomain.values.clinical_time import ClinicalTime

DAY = ClinicalTime("2026-03-02")
CONSENTED = Consented(signed_on=DAY, signer=Signer.PARTICIPANT, form_version="1", protocol_version="1")
ENROLLED = Enrolled(on=DAY, level=2)
INFUSED = Infused(level=2, started_at=DAY)


def wrong_level() -> Taken:
    enrolled = given(Participant("S001"), CONSENTED, ENROLLED)
    return enrolled.when(lambda person: person.infuse(Infused(level=3, started_at=DAY)))


class TestInfusing:
    def test_the_assigned_level_is_recorded(self) -> None:
        given(Participant("S001"), CONSENTED, ENROLLED).when(lambda person: person.infuse(INFUSED)).then(INFUSED)

    def test_any_other_level_is_refused(self) -> None:
        given(Participant("S001"), CONSENTED, ENROLLED).when(
            lambda person: person.infuse(Infused(level=3, started_at=DAY))
        ).refused(LevelNotAssigned, assigned=2, given=3)

    def test_the_same_again_is_nothing_and_another_is_refused(self) -> None:
        infused = given(Participant("S001"), CONSENTED, ENROLLED, INFUSED)
        infused.when(lambda person: person.infuse(INFUSED)).then()
        other = Infused(level=2, started_at=DAY, lot="L2")
        infused.when(lambda person: person.infuse(other)).refused(AlreadyInfused)


class TestSlots:
    OPENED = CohortOpened(level=1, dose=None, slots=3)

    def test_a_free_slot_is_filled(self) -> None:
        given(Cohort(1), self.OPENED).when(lambda cohort: cohort.fill_slot("S001")).then(SlotFilled(subject="S001"))

    def test_a_full_cohort_refuses(self) -> None:
        filled = [SlotFilled(subject=f"S{number}") for number in range(3)]
        given(Cohort(1), self.OPENED, *filled).when(lambda cohort: cohort.fill_slot("S9")).refused(NoFreeSlot, slots=3)

    def test_a_slot_given_back_is_free(self) -> None:
        filled = [SlotFilled(subject=f"S{number}") for number in range(3)]
        given(Cohort(1), self.OPENED, *filled, SlotReleased(subject="S1", why=Why.WITHDRAWN)).when(
            lambda cohort: cohort.fill_slot("S9")
        ).then(SlotFilled(subject="S9"))


class TestTheHarness:
    def test_a_difference_names_the_field(self) -> None:
        taken = given(Participant("S001"), CONSENTED, ENROLLED).when(lambda person: person.infuse(INFUSED))
        with pytest.raises(AssertionError, match=r"fact 1, Infused\.lot: expected 'L1', got None"):
            taken.then(Infused(level=2, started_at=DAY, lot="L1"))

    def test_every_field_that_differs_is_named(self) -> None:
        taken = given(Participant("S001"), CONSENTED, ENROLLED).when(lambda person: person.infuse(INFUSED))
        with pytest.raises(AssertionError) as failed:
            taken.then(Infused(level=1, started_at=DAY, lot="L1", fraction=Decimal("0.5")))
        assert str(failed.value).splitlines() == [
            "fact 1, Infused.level: expected 1, got 2",
            "fact 1, Infused.fraction: expected '0.5', got '1'",
            "fact 1, Infused.lot: expected 'L1', got None",
        ]

    def test_every_field_of_every_fact(self) -> None:
        taken = Taken([INFUSED, ENROLLED], None)
        with pytest.raises(AssertionError) as failed:
            taken.then(Infused(level=1, started_at=DAY), Enrolled(on=DAY, level=3))
        assert str(failed.value).splitlines() == [
            "fact 1, Infused.level: expected 1, got 2",
            "fact 2, Enrolled.level: expected 3, got 2",
        ]

    def test_every_field_of_a_refusal_that_differs_is_named(self) -> None:
        enrolled = given(Participant("S001"), CONSENTED, ENROLLED)
        wrong = enrolled.when(lambda person: person.infuse(Infused(level=3, started_at=DAY)))
        with pytest.raises(AssertionError) as failed:
            wrong.refused(LevelNotAssigned, assigned=1, given=4, invented=True)
        assert str(failed.value).splitlines() == [
            "LevelNotAssigned.assigned: expected 1, got 2",
            "LevelNotAssigned.given: expected 4, got 3",
            "LevelNotAssigned.invented: expected True, got no such field",
        ]

    @pytest.mark.parametrize(
        "fail",
        [
            lambda taken: taken.then(),
            lambda taken: taken.then(Infused(level=1, started_at=DAY)),
            lambda taken: taken.refused(AlreadyInfused),
            lambda _: wrong_level().then(INFUSED),
            lambda _: wrong_level().refused(AlreadyInfused),
            lambda _: wrong_level().refused(LevelNotAssigned, given=1),
        ],
    )
    def test_a_failure_shows_no_frame_of_the_library(self, fail: Callable[[Taken], None]) -> None:
        taken = given(Participant("S001"), CONSENTED, ENROLLED).when(lambda person: person.infuse(INFUSED))
        with pytest.raises((AssertionError, LevelNotAssigned)) as failed:
            fail(taken)
        shown = failed.traceback.filter(failed)  # what pytest prints
        assert {Path(entry.path).name for entry in shown} == {Path(__file__).name}

    def test_a_past_that_no_trial_can_have_is_taken(self) -> None:
        given(Participant("S001"), ENROLLED, ENROLLED).when(lambda person: person.infuse(INFUSED)).refused(TrialError)

    def test_another_number_or_kind_of_facts_is_named(self) -> None:
        taken = given(Participant("S001"), CONSENTED, ENROLLED).when(lambda person: person.infuse(INFUSED))
        with pytest.raises(AssertionError, match="expected the facts none, got Infused"):
            taken.then()
        with pytest.raises(AssertionError, match="expected the facts Enrolled, got Infused"):
            taken.then(ENROLLED)

    def test_a_refusal_that_did_not_come_or_was_another(self) -> None:
        enrolled = given(Participant("S001"), CONSENTED, ENROLLED)
        with pytest.raises(AssertionError, match="expected AlreadyInfused, but it was accepted"):
            enrolled.when(lambda person: person.infuse(INFUSED)).refused(AlreadyInfused)
        wrong = enrolled.when(lambda person: person.infuse(Infused(level=3, started_at=DAY)))
        with pytest.raises(AssertionError, match="expected AlreadyInfused, got LevelNotAssigned"):
            wrong.refused(AlreadyInfused)
        with pytest.raises(AssertionError, match=r"LevelNotAssigned\.given: expected 1, got 3"):
            wrong.refused(LevelNotAssigned, given=1)

    def test_a_refusal_that_nobody_expected_is_raised(self) -> None:
        wrong = given(Participant("S001")).when(lambda person: person.infuse(INFUSED))
        with pytest.raises(Exception, match="has consented"):
            wrong.then(INFUSED)


def by(**changes: object) -> TrialProtocol:
    """Give the registered protocol with some parameters of its DLT rule changed."""
    return attrs.evolve(nct06245746(), dlt=attrs.evolve(DltRule(), **changes))  # type: ignore[arg-type]  # each is what its name says


def rows(*criteria: DltCriterion) -> TrialProtocol:
    """Give the registered protocol with rows as its DLT rule."""
    return by(min_grade=None, criteria=criteria)


def expected(*terms: str, up_to_grade: int = 5) -> tuple[ExpectedToxicity, ...]:
    return tuple(ExpectedToxicity(term=term, up_to_grade=up_to_grade) for term in terms)


DOSES = [Dose(amount=Decimal(amount), unit="mg") for amount in (10, 20, 40)]
BY_BODY = {per: [Dose(amount=one.amount, unit="mg", per=per) for one in DOSES] for per in ("kg", "m2")}
EVERY_TERM = [one.term for one in all_terms()]
PROTOCOLS = {
    "as registered": nct06245746(),
    **{f"grade {grade}": by(min_grade=grade) for grade in (2, 3, 4, 5)},
    "definitely alone": by(related=(Relatedness.DEFINITELY,)),
    "unlikely as well": by(related=(Relatedness.UNLIKELY, *RELATED)),
    "grade 4 and definitely": by(min_grade=4, related=(Relatedness.DEFINITELY,)),
    "fever expected up to 2": by(expected_with_chemotherapy=expected("Fever", up_to_grade=2)),
    "fever expected up to 3": by(expected_with_chemotherapy=expected("FEVER", up_to_grade=3)),
    "fever expected": by(expected_with_chemotherapy=expected("fever")),
    "all but one term expected": by(expected_with_chemotherapy=expected(*EVERY_TERM[:-1])),
    "death alone": by(expected_with_chemotherapy=expected(*EVERY_TERM, up_to_grade=4)),
    **{f"window of {days}": by(window_days=days) for days in (0, 1, 2, 3, 28, 90)},
    "no worsening": by(worsening=False),
    "neutrophils beyond day 7": by(cytopenia=CytopeniaRule(anc_below=Decimal("0.5"), beyond_day=7)),
    "both counts beyond day 42": by(
        cytopenia=CytopeniaRule(anc_below=Decimal("0.5"), platelets_below=Decimal(25), beyond_day=42)
    ),
    "counts on the day alone": by(cytopenia=CytopeniaRule(platelets_below=Decimal(25), beyond_day=0)),
    "rows: neutropenia for longer than 7 days alone": rows(
        DltCriterion(terms=("Neutrophil count decreased",), min_grade=4, longer_than_days=7)
    ),
    "rows: nausea for longer than 20 days alone": rows(
        DltCriterion(terms=("Nausea",), min_grade=3, longer_than_days=20)
    ),
    "rows: a companion alone": rows(
        DltCriterion(
            terms=("Alanine aminotransferase increased",),
            min_grade=3,
            together_with=DltCompanion(terms=("Blood bilirubin increased",), min_grade=2),
        )
    ),
    "rows: no fever, and any other one": rows(DltCriterion(terms=("Fever",), never=True), DltCriterion(min_grade=3)),
    "rows: low counts for longer than 7 days": by(
        cytopenia=CytopeniaRule(anc_below=Decimal("0.2"), beyond_day=7),
        criteria=(DltCriterion(anc_below=Decimal("0.5"), platelets_below=Decimal(25), longer_than_days=7),),
    ),
    "no assessment": attrs.evolve(nct06245746(), evaluable=EvaluableRule(requires_assessment=False)),
    "no assessment, and counts": attrs.evolve(
        by(min_grade=4, cytopenia=CytopeniaRule(anc_below=Decimal(1))),
        evaluable=EvaluableRule(requires_assessment=False),
    ),
    "any fraction": attrs.evolve(nct06245746(), evaluable=EvaluableRule(min_fraction=Decimal(0))),
    "no design, several infusions": attrs.evolve(nct06245746(), design=None, administrations=3),
    "no design, any number": attrs.evolve(nct06245746(), design=None, administrations=None),
    "amounts": nct06245746(doses=DOSES),
    "amounts that must be exact": attrs.evolve(nct06245746(doses=DOSES), dose_tolerance=Decimal(0)),
    "amounts per kg": attrs.evolve(nct06245746(doses=BY_BODY["kg"]), dose_tolerance=Decimal(0)),
    "amounts per m2": attrs.evolve(nct06245746(doses=BY_BODY["m2"]), dose_tolerance=Decimal(0)),
    "the level assigned": attrs.evolve(nct06245746(doses=DOSES), tally_by=TallyBy.ASSIGNED),
    "no criteria": attrs.evolve(nct06245746(), criteria=()),
    "no roles": nct06245746(roles=()),
    "no zone": attrs.evolve(nct06245746(), zone=None),
    "days between": attrs.evolve(nct06245746(), stagger=Stagger(first_to_second_days=60, between_days=7)),
}


class TestHistories:
    """What the notation says is what the counts of the history are, by any protocol; or it is refused."""

    @pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS.keys())
    @pytest.mark.parametrize("outcomes", ["1NTPX 2NNN", "1T", "1N", "1P", "1X", "", "1NTT 2NNN", "1NNNNNNN", "2T 1PX"])
    def test_every_letter_comes_out_as_itself(self, protocol: TrialProtocol, outcomes: str) -> None:
        history, on = history_of(outcomes, protocol=protocol)
        found = dict.fromkeys((1, 2, 3), "")
        for member in sorted(history.dlt_counts(on=on).members, key=lambda member: member.subject):
            found[number(member.level)] += LETTER[member.standing.evaluation, member.dlt is not None]
        wanted = dict.fromkeys((1, 2, 3), "")
        for group in outcomes.split():
            wanted[int(group[0])] += group[1:]
        assert found == wanted

    @pytest.mark.parametrize(
        ("name", "outcomes"), [(name, o) for name in PROTOCOLS for o in ("1NTPX", "1NNNP 2T", "1NNN 2TT")]
    )
    def test_the_design_answers_as_to_the_notation(self, name: str, outcomes: str) -> None:
        history, on = history_of(outcomes, protocol=PROTOCOLS[name])
        state = history.escalation(on=on)
        if PROTOCOLS[name].design is not None:
            assert state is not None
            assert state.decision.bare == decide(situation_of(parse_outcomes(outcomes, levels=3), levels=3)).bare

    @pytest.mark.parametrize("letter", "NTPX")
    def test_without_a_dlt_rule_nobody_is_counted(self, letter: str) -> None:
        bare = attrs.evolve(nct06245746(), design=None, dlt=None)
        with pytest.raises(OutcomesUnreachable) as refused:
            history_of(f"1{letter}", protocol=bare)
        assert str(refused.value) == (
            f"no history is built with the outcome {letter}: the protocol has no dlt rule, so it counts no DLTs; "
            f"record the facts of such a trial by hand"
        )
        history, on = history_of("", protocol=bare)
        assert history.dlt_counts(on=on).tallies == ()

    def test_where_every_event_is_expected_nothing_is_dose_limiting(self) -> None:
        with pytest.raises(OutcomesUnreachable) as refused:
            history_of("1NT", protocol=by(expected_with_chemotherapy=expected(*EVERY_TERM)))
        assert str(refused.value) == (
            "no history is built with the outcome T: no term of CTCAE has a grade that is dose-limiting by the dlt "
            "rule; record the facts of such a trial by hand"
        )
        assert history_of("1NX", protocol=by(expected_with_chemotherapy=expected(*EVERY_TERM)))

    def test_counts_that_are_not_those_of_the_notation_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A rule that the facts do not know of is noticed, and never a test that proves nothing."""
        monkeypatch.setattr(outcomes_module, "_related", lambda _: Relatedness.UNRELATED)
        with pytest.raises(OutcomesUnreachable) as refused:
            history_of("1NT")
        assert str(refused.value) == (
            "no history is built with the outcome T: the protocol counts S002, meant as T at level 1, as P at level 1 "
            "(the window is over and not assessed); record the facts of such a trial by hand"
        )

    @pytest.mark.parametrize(("outcomes", "why"), [("4N", "level 4 is above the 3"), ("2N", "level 1 has none")])
    def test_what_decide_refuses_is_refused(self, outcomes: str, why: str) -> None:
        with pytest.raises(OutcomesMalformed, match=why):
            history_of(outcomes)

    def test_a_design_may_start_above_level_1(self) -> None:
        # 3+3 from level 2 of 3: 2 DLTs close level 2, and level 1 is treated then.
        protocol = attrs.evolve(nct06245746(), design=ThreePlusThree(start_level=2))
        history, on = history_of("2NTT 1NN", protocol=protocol)
        state = history.escalation(on=on)
        assert state is not None
        assert (state.decision.action, state.decision.level) == ("enroll", 1)
        assert [(tally.evaluable, tally.dlts) for tally in state.counts.tallies] == [(2, 0), (3, 2), (0, 0)]

    @pytest.mark.parametrize(
        ("outcomes", "why"), [("1N", "the design begins at level 2"), ("2N 1N 4N", "more than one above level 2")]
    )
    def test_a_sequence_that_such_a_design_cannot_have_is_refused(self, outcomes: str, why: str) -> None:
        levels = tuple(DoseLevel(level=place) for place in range(1, 5))
        protocol = attrs.evolve(nct06245746(), design=ThreePlusThree(start_level=2), levels=levels)
        with pytest.raises(OutcomesMalformed, match=why):
            history_of(outcomes, protocol=protocol)


LETTER = {
    (Evaluation.EVALUABLE, False): "N",
    (Evaluation.EVALUABLE, True): "T",
    (Evaluation.PENDING, False): "P",
    (Evaluation.NOT_EVALUABLE, False): "X",
}
