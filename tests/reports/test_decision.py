"""A decision as people read it: each sentence whole, for every action, every answer about the MTD, and the forecast."""

from datetime import date

import attrs
import pytest

from trialdomain import Action, Decision, Forecast, Mtd, MtdStatus, decide, parse_outcomes, situation_of
from trialdomain.reports.escalation.decision import decision_lines, mtd_words, next_words
from trialdomain.values.clinical.decision import Awaited


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (Decision.enroll(level=2), "enroll at level 2"),
        (Decision.expand(level=2), "expand level 2, and enroll there"),
        (attrs.evolve(Decision.expand(level=2), slots=6), "expand level 2 to 6 slots, and enroll there"),
        (Decision.escalate(to=3), "escalate to level 3"),
        (Decision.de_escalate(to=1), "de-escalate to level 1"),
        (Decision.wait(level=2), "wait; level 2 is in turn"),
        (Decision.established(2, bounded_above=True), "stop"),
        (Decision.none_tolerated(), "stop"),
    ],
)
def test_every_action_has_its_words(decision: Decision, words: str) -> None:
    assert next_words(decision) == words


def test_no_action_is_left_out() -> None:
    for action in Action:
        assert next_words(Decision(action=action, level=1))


@pytest.mark.parametrize(
    ("mtd", "words"),
    [
        (Mtd(), "open"),
        (Mtd.established(2, bounded_above=True), "level 2; a level above it is closed"),
        (Mtd.established(3, bounded_above=False), "level 3; no level above it is closed"),
        (Mtd(status=MtdStatus.NONE_TOLERATED), "none tolerated"),
        (Mtd(status=MtdStatus.NOT_ESTABLISHED), "not established"),
    ],
)
def test_every_answer_about_the_mtd_has_its_words(mtd: Mtd, words: str) -> None:
    assert mtd_words(mtd) == words


def lines(outcomes: str, *, target: int | None = None) -> list[str]:
    return list(decision_lines(decide(situation_of(parse_outcomes(outcomes, levels=3), levels=3), target=target)))


def test_an_escalation_line_by_line() -> None:
    # By hand, from 1NNN: none needs 2 DLTs at 2 and 2 at 1 (4); level 1: 2 DLTs at 2 and 3 more at 1 (5);
    # level 2: 6 there and 2 DLTs at 3 (8); level 3: 3 at 2 and 6 there (9). 9 less 3 infused leaves 6.
    # At most 15: 18 from the start, less the 3 who are known.
    assert lines("1NNN", target=9) == [
        "Next: escalate to level 2",
        "Because: level 1 is tolerated: 0 DLTs in 3 evaluable; level 2 has nobody yet",
        "MTD: open",
        (
            "Evaluable participants still needed: at least 4 for none tolerated, 5 for MTD at level 1, "
            "8 for MTD at level 2, 9 for MTD at level 3; at most 15"
        ),
        "Warning: the remaining target recruitment is too small for: MTD at level 2, MTD at level 3",
    ]


def test_what_can_no_longer_happen_line_by_line() -> None:
    # By hand, from 1NNN 2TT: none needs 2 DLTs at 1, level 1 needs 3 more there; 3 is the most.
    assert lines("1NNN 2TT") == [
        "Next: de-escalate to level 1",
        (
            "Because: level 2 is closed by 2 DLTs; level 1 is the highest that is not closed, with "
            "0 DLTs in 3 evaluable: "
            "6 must be evaluable before it may be the MTD"
        ),
        "MTD: open",
        "Evaluable participants still needed: at least 2 for none tolerated, 3 for MTD at level 1; at most 3",
        "Can no longer happen: MTD at level 2, MTD at level 3",
    ]


def test_an_mtd_line_by_line() -> None:
    assert lines("1NNN 2TT 1NNN") == [
        "Next: stop",
        (
            "Because: level 1 is the highest level not closed (level 2 is closed by 2 DLTs), with "
            "0 DLTs in 6 evaluable: "
            "it is the MTD"
        ),
        "MTD: level 1; a level above it is closed",
    ]


def test_waiting_names_subjects_of_the_notation() -> None:
    assert lines("1NPP")[2] == "Waiting for: subject 2 of level 1, subject 3 of level 1"


def test_waiting_names_participants_by_their_codes_and_until_when() -> None:
    awaited = Awaited(level=2, subject="S004", until=date(2026, 3, 17))
    decision = Decision(action=Action.WAIT, level=2, waiting_for=(awaited,), forecast=Forecast(least={}, most=0))
    assert list(decision_lines(decision)) == [
        "Next: wait; level 2 is in turn",
        "Waiting for: S004 of level 2 until 2026-03-17",
        "MTD: open",
    ]


def test_a_forecast_that_was_too_much_to_make_is_said() -> None:
    assert list(decision_lines(Decision.wait(level=1))) == [
        "Next: wait; level 1 is in turn",
        "MTD: open",
        "Still needed: unknown, because too many outcomes are pending",
    ]


def test_of_a_design_that_has_none_nothing_is_said() -> None:
    assert list(decision_lines(Decision.wait(level=1), forecasts=False)) == [
        "Next: wait; level 1 is in turn",
        "MTD: open",
    ]
