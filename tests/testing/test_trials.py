"""Whole trials that Hypothesis makes: the desk accepts them, and they hold every invariant and every relation."""

import gc
from collections.abc import Callable, Iterator
from datetime import timedelta

import attrs
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from repeating import times

from trialdomain import nct06245746
from trialdomain.events.cohort import EnrollmentStopped
from trialdomain.events.entries import VOIDS
from trialdomain.events.participant import Died, Infused, Withdrew
from trialdomain.protocol.conduct_rules import Sentinel, Stagger
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


@pytest.fixture(autouse=True)
def no_cycles() -> Iterator[None]:
    """Collect what Hypothesis keeps of the trials that it made, so that each is closed within the test."""
    yield
    gc.collect()


OPEN = attrs.evolve(nct06245746(), criteria=())
QUICK = settings(max_examples=100, phases=[Phase.generate, Phase.shrink])
"""Without the explanation, for which Hypothesis traces every line."""
anything = trials(protocols(), late=True, corrected=True, voided=True, withdrawn=True, most=7, outcomes="NTXP")


@settings(max_examples=times(100, least=3))
@given(trial=trials(nct06245746(), late=True, corrected=True, voided=True, withdrawn=True))
def test_the_preset_holds_every_invariant(trial: WholeTrial) -> None:
    check_invariants(trial)


@settings(max_examples=times(300, least=5))
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
    plain, flagged = (trials(OPEN, most=2, outcomes="N", **flags) for flags in ({}, {flag: True}))
    assert shows(find(flagged, shows, settings=QUICK))

    @settings(max_examples=10)
    @given(trial=plain)
    def never(trial: WholeTrial) -> None:
        assert not shows(trial)

    never()


def test_a_failing_trial_shrinks_to_the_fewest_plain_courses() -> None:
    def closed(trial: WholeTrial) -> bool:
        return any(isinstance(e.fact, EnrollmentStopped) for e in trial.history.entries())

    found = find(trials(OPEN, most=4, late=True, withdrawn=True), closed, settings=QUICK)
    assert repr(found).splitlines()[1:] == [
        "  2026-03-02  S001 enrolled",
        "  2026-03-02  S001 infused at level 1",
        "  2026-03-02  S002 enrolled",
        "  2026-03-02  S002 infused at level 1",
        "  2026-03-04  S001 event AE1 (Fever) of grade 3 from 2026-03-04, likely",
        "  2026-03-04  S002 event AE1 (Fever) of grade 3 from 2026-03-04, likely",
        "  2026-03-04  decided: stop",
    ]


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
    watched = Stagger(between_days=2, sentinel=Sentinel(observation_days=5))
    trial = conduct(attrs.evolve(nct06245746(), stagger=watched), [Course(), Course(outcome="T"), Course()])
    infused = [e.fact.started_at.text for e in trial.history.entries() if isinstance(e.fact, Infused)]
    assert infused == ["2026-03-02", "2026-03-07", "2026-03-09"]
