"""Given-when-then for a whole trial: pasts through the desk, refusals with their rule, failures with their reason."""

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from trialdomain import Decision, DltRule, Relatedness, Role, User, decide, nct06245746, parse_outcomes
from trialdomain.aggregates.cohort import NoFreeSlot
from trialdomain.designs.registry import situation_after
from trialdomain.errors import TrialError
from trialdomain.events.cohort import CohortOpened, DltAttributed, EscalationDecided, MemberAssessed
from trialdomain.events.participant import AdverseEventReported, Infused
from trialdomain.exchange.toml import read_protocol
from trialdomain.testing import GivenTrial, PastImpossible, given_trial, like

EXAMPLES = sorted((Path(__file__).parents[1] / "examples" / "protocols").glob("*.toml"))
MONITOR = User(id="max", name="Max Roth", role=Role.MONITOR, organization="Sponsor")


@pytest.fixture(autouse=True)
def no_cycles() -> Iterator[None]:
    """Collect what a caught error keeps alive, so that its trial is closed within the test."""
    yield
    gc.collect()


def decision_of(given: GivenTrial) -> Decision:
    state = given.history.escalation(on=given.today)
    assert state is not None
    return state.decision.bare


@pytest.mark.parametrize(
    "notation", ["", "1NNN", "1NNT", "1NNT 1NNN", "1NNN 2NTX", "1NTT", "1NNN 2NTT", "1NNN 2NNN 3TT"]
)
def test_a_past_has_the_outcomes_that_are_written_and_the_answer_of_the_rule(notation: str) -> None:
    """The pure rule, asked with the same notation, gives the expected decision."""
    given = given_trial(notation)
    spec = nct06245746().design
    assert spec is not None
    situation = situation_after(parse_outcomes(notation, levels=3), levels=3, design=spec)
    assert decision_of(given) == decide(situation, design=spec, forecasting=False).bare


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_is_right_for_any_protocol(path: Path) -> None:
    protocol = read_protocol(path)
    start = {"rolling-six": 2, "level-minus-one": 2}.get(path.stem, 1)
    given = given_trial(f"{start}NTX", protocol=protocol)
    tally = given.history.dlt_counts(on=given.today).tallies[start - 1]
    assert (tally.evaluable, tally.dlts, tally.not_evaluable) == (2, 1, 1)


def test_a_dlt_is_one_by_the_rule_of_the_protocol() -> None:
    strict = attrs.evolve(nct06245746(), dlt=DltRule(min_grade=4, related=(Relatedness.DEFINITELY,)))
    given = given_trial("1T", protocol=strict)
    [event] = [e.fact for e in given.history.entries() if isinstance(e.fact, AdverseEventReported)]
    assert event.grade >= 4
    assert event.attributions[0].relatedness is Relatedness.DEFINITELY


@pytest.mark.parametrize(
    ("notation", "code"),
    [
        ("1NNNN", "level-not-assigned"),  # after 3 without a DLT, level 2 is in turn
        ("1TT 2N", "nobody-in-turn"),
        ("1NP 2N", "level-not-assigned"),
        ("1NNP 2N", "no-free-slot"),
    ],
)
def test_a_past_that_cannot_be_is_refused_with_the_rule(notation: str, code: str) -> None:
    with pytest.raises(PastImpossible, match=rf"no trial has this past: .* was refused \({code}\): ") as refused:
        given_trial(notation)
    assert refused.value.code == code


def test_a_past_is_told_at_the_desk() -> None:
    given = given_trial(lambda desk: desk.consent("P1", signed_on="2026-03-02", form_version="1", age=40))
    given.when(lambda desk: desk.enroll("P1", on=given.today)).refused("not-screened")
    with pytest.raises(PastImpossible, match=r"\(subject-unknown\)"):
        given_trial(lambda desk: desk.screen("P1", on="2026-03-02"))


def test_facts_are_compared_field_by_field_or_in_part() -> None:
    given = given_trial("1NNN")
    taken = given.when(lambda desk: desk.decide_escalation(on=given.today))
    taken.then(like(EscalationDecided, rationale=None), CohortOpened(level=2, dose=None, slots=3))
    with pytest.raises(AssertionError) as failed:
        taken.then(like(EscalationDecided, rationale="x", by="max"), CohortOpened(level=3, dose=None, slots=3))
    lines = str(failed.value).splitlines()
    assert lines[:4] == [
        "fact 1, EscalationDecided.rationale: expected 'x', got None",
        "fact 1, EscalationDecided.by: expected 'max', got 'investigator'",
        "fact 2, CohortOpened.level: expected 3, got 2",
        "the history:",
    ]
    assert lines[4].split() == ["1", "2026-03-02", "TrialRegistered"]
    assert lines[-1].endswith("level 2 CohortOpened")
    with pytest.raises(AssertionError, match="expected the facts Infused, got EscalationDecided, CohortOpened"):
        taken.then(like(Infused))


def test_what_follows_is_recorded_in_the_same_command() -> None:
    given = given_trial("1N")
    taken = given.when(
        lambda desk: desk.report_adverse_event("S001", event="E1", term="Fever", grade=1, onset="2026-03-03")
    )
    taken.then(like(AdverseEventReported, event="E1"), like(MemberAssessed, subject="S001"))
    with pytest.raises(AssertionError, match="expected the facts AdverseEventReported, DltAttributed"):
        taken.then(like(AdverseEventReported), like(DltAttributed))


def test_refusals_by_code_and_by_class_with_their_fields() -> None:
    given = given_trial("1PPP")
    taken = given.when(lambda desk: desk.infuse("S001", level=1, started_at=given.today)).nothing()
    assert taken.entries == []
    refused = given_trial().when(lambda desk: desk.infuse("S9", level=1, started_at="2026-03-02"))
    refused.refused("subject-unknown", subject="S9")
    with pytest.raises(AssertionError, match=r"subject-unknown\.subject: expected 'S1', got 'S9'"):
        refused.refused("subject-unknown", subject="S1")
    with pytest.raises(AssertionError, match="expected a refusal, NoFreeSlot, got subject-unknown"):
        refused.refused(NoFreeSlot)
    with pytest.raises(AssertionError, match="but it was accepted: nothing"):
        taken.refused("no-free-slot")


def test_permissions_are_those_of_the_protocol() -> None:
    given = given_trial("1N").acting(MONITOR)
    given.when(lambda desk: desk.close(on=given.today, why="the end of it")).refused("not-permitted")


def test_the_clock_is_moved_by_the_test() -> None:
    given = given_trial(None)
    assert str(given.today) == "2026-03-02"
    assert str(given.after(days=3).today) == "2026-03-05"
    assert str(given.on("2026-03-20").today) == "2026-03-20"
    with pytest.raises(ValueError, match="is before"):
        given.on("2026-03-01")


def test_a_failure_shows_the_line_of_the_test_and_no_line_of_the_library(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "from trialdomain.testing import given_trial\n\n\n"
        "def test_mine():\n    given_trial('1N').when(lambda _: []).refused('no-free-slot')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, text=True)
    assert done.returncode == 1
    assert "expected a refusal, no-free-slot, but it was accepted: nothing" in done.stdout
    assert "test_mine.py:5" in done.stdout
    assert "given_trial.py" not in done.stdout


def test_a_refusal_that_nobody_expects_is_raised_where_a_test_goes_on() -> None:
    given = given_trial("1P")
    taken = given.when(lambda desk: desk.consent("S001", signed_on="2099-01-01", form_version="1"))
    for ask in (lambda: taken.history, lambda: taken.entries, taken.then, taken.nothing):
        with pytest.raises(TrialError):
            ask()
    assert taken.refused(taken.error.code).entries == []  # type: ignore[union-attr]  # it was refused


def test_a_mistake_of_the_test_itself_is_raised_at_once() -> None:
    given = given_trial("1P")
    with pytest.raises(TypeError):
        given.when(lambda desk: desk.report_adverse_event("S001", evnt="E1"))  # type: ignore[call-arg]  # that is the mistake
