"""Whole trials that Hypothesis makes: the desk accepts them, and they hold every invariant and every relation."""

from collections.abc import Callable
from datetime import timedelta

import attrs
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from repeating import times

from trialdomain import TrialProtocol, nct06245746
from trialdomain.events.entries import VOIDS
from trialdomain.events.participant import Died, Infused, Withdrew
from trialdomain.testing import (
    Course,
    Leaving,
    WholeTrial,
    check_invariants,
    check_relations,
    conduct,
    protocols,
    trials,
)
from trialdomain.values.clinical.evaluation import Evaluation

OPEN = attrs.evolve(nct06245746(), criteria=())
anything = trials(protocols(), late=True, corrected=True, voided=True, withdrawn=True, most=7, outcomes="NTXP")


@settings(max_examples=times(200, least=5))
@given(trial=trials(nct06245746(), late=True, corrected=True, voided=True, withdrawn=True))
def test_the_preset_holds_every_invariant(trial: WholeTrial) -> None:
    check_invariants(trial)


@settings(max_examples=times(500, least=8))
@given(trial=anything)
def test_any_protocol_holds_every_invariant(trial: WholeTrial) -> None:
    check_invariants(trial)


@settings(max_examples=times(300, least=5))
@given(trial=anything, which=st.integers(0, 40))
def test_any_protocol_holds_every_relation(trial: WholeTrial, which: int) -> None:
    check_relations(trial, which=which)


@settings(max_examples=times(100, least=3))
@given(trial=trials(protocols(design=st.none(), criteria=False), late=True, corrected=True, most=5))
def test_a_protocol_without_a_design_holds_them_too(trial: WholeTrial) -> None:
    check_invariants(trial)


def infused_late(trial: WholeTrial) -> bool:
    days = {e.position: e.meta.recorded_at.date() for e in trial.history.entries()}
    assessed = [e for e in trial.history.entries() if type(e.fact).__name__ == "DltWindowAssessed"]
    return any(days[e.position] > e.fact.on.last + timedelta(days=1) for e in assessed)  # type: ignore[union-attr]  # see above


@pytest.mark.parametrize(
    ("flag", "shows"),
    [
        ("late", infused_late),
        ("corrected", lambda trial: any(e.meta.corrects for e in trial.history.entries())),
        ("voided", lambda trial: any(isinstance(e.fact, VOIDS) for e in trial.history.entries())),
        ("withdrawn", lambda trial: any(isinstance(e.fact, Died | Withdrew) for e in trial.history.entries())),
    ],
)
def test_a_flag_makes_what_it_names_and_nothing_else_does(flag: str, shows: Callable[[WholeTrial], bool]) -> None:
    quick = settings(max_examples=200, phases=[Phase.generate, Phase.shrink])
    plain, flagged = (trials(OPEN, most=2, outcomes="N", **flags) for flags in ({}, {flag: True}))
    assert shows(find(flagged, shows, settings=quick))

    @settings(max_examples=10)
    @given(trial=plain)
    def never(trial: WholeTrial) -> None:
        assert not shows(trial)

    never()


def test_a_failing_trial_shrinks_to_the_fewest_plain_courses() -> None:
    def escalated(trial: WholeTrial) -> bool:
        return any(isinstance(e.fact, Infused) and e.fact.level == 2 for e in trial.history.entries())

    found = find(trials(OPEN), escalated, settings=settings(max_examples=200))
    assert [act.told for act in found.acts if act.told.endswith("level 2")] == [
        "decided: escalate at level 2",
        "S004 infused at level 2",
    ]
    assert len(found.subjects) == 4
    assert {act.on.isoformat() for act in found.acts} == {"2026-03-02", "2026-03-16", "2026-03-30"}


def test_it_is_printed_as_its_acts() -> None:
    trial = conduct(OPEN, [Course(), Course(leaves=Leaving.BEFORE_INFUSION)])
    assert repr(trial).splitlines() == [
        "a trial under NCT06245746 (3+3/1) with 2 participants:",
        "  2026-03-02  S001 enrolled",
        "  2026-03-02  S001 infused at level 1",
        "  2026-03-02  S002 enrolled",
        "  2026-03-02  S002 left (before-infusion) on 2026-03-02",
        "  2026-03-16  S001 window assessed on 2026-03-16: no-dlt",
    ]


def test_what_a_course_says_happens() -> None:
    courses = [Course(outcome="T", late=5), Course(leaves=Leaving.DIED, leaves_after=3), Course(outcome="X", after=2)]
    trial = conduct(OPEN, courses)
    members = {one.subject: one for one in trial.history.dlt_counts(on=trial.today).members}
    assert [one.dlt is not None for one in members.values()] == [True, False, False]
    assert members["S003"].standing.evaluation is Evaluation.NOT_EVALUABLE
    assert [act.on.isoformat() for act in trial.acts if "event AE1" in act.told] == ["2026-03-09"]  # day 2, and 5 late
    assert [act.told for act in trial.acts if "died" in act.told] == ["S002 left (died) on 2026-03-05"]
    assert [error.code for _, error in trial.refused] == []


def test_a_protocol_with_criteria_and_a_sentinel_treats_people() -> None:
    protocol: TrialProtocol = find(protocols(levels=3), lambda one: bool(one.criteria and one.stagger.sentinel))
    trial = conduct(protocol, [Course(), Course(outcome="T"), Course()])
    assert any(isinstance(e.fact, Infused) for e in trial.history.entries())
