"""What keeps people from treating stands beside every answer that would have them enroll or infuse.

A related death suspends enrollment and infusion until people decide (``stopping.related_grade_5``), whatever the counts
recommend.
"""

import json
from datetime import date
from typing import Any

import pytest

from trialdomain.history import History
from trialdomain.reports.escalation.state import escalation_report
from trialdomain.reports.report import Lines, Report
from trialdomain.reports.review import review_report
from trialdomain.stories.checking import check_story
from trialdomain.stories.parsing import parse_story
from trialdomain.stories.telling import tell

DEATH = """protocol NCT06245746
2026-03-02  S001, S002 enrolled
            S001 infused
2026-03-04  S001 event E1 "Sepsis" grade 5, infusion possibly, serious death, outcome fatal
"""
RESUMED = DEATH + '2026-03-06  resume recruitment because "the board saw the data"\n'
SUSPENDED = """protocol NCT06245746
2026-03-02  S001 enrolled
            suspend recruitment because "the supply of cells is uncertain"
"""
CLOSED = """protocol NCT06245746
2026-03-02  S001 enrolled
2026-03-05  close recruitment because "the sponsor ends the trial"
"""
BOTH = DEATH + '2026-03-05  close recruitment because "the sponsor ends the trial"\n'
OF_DEATH = "Suspended: enrollment and infusion, since 2026-03-04 (a death related to the infusion: S001)"
OF_SUPPLY = "Suspended: enrollment, since 2026-03-02 (the supply of cells is uncertain)"
OF_CLOSING = "Closed: enrollment, since 2026-03-05 (the sponsor ends the trial)"


def lines(report: Report) -> list[str]:
    return [line for block in report.blocks if isinstance(block, Lines) for line in block.lines]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (DEATH, [OF_DEATH]),
        (RESUMED, []),
        (SUSPENDED, [OF_SUPPLY]),
        (CLOSED, [OF_CLOSING]),
        (BOTH, [OF_DEATH, OF_CLOSING]),
    ],
)
def test_the_state_and_the_review_say_what_is_suspended_or_closed_before_the_next_step(
    story: str, expected: list[str]
) -> None:
    for told, line, _failed in tell(parse_story(story)):
        if line.number == story.count("\n"):
            history, today = told.site.history, told.site.today
            shown = lines(escalation_report(history.escalation(on=today)))
            assert [one for one in shown if one.startswith(("Suspended", "Closed"))] == expected
            assert all(
                shown.index(one) < next(n for n, text in enumerate(shown) if "Next: " in text) for one in expected
            )
            reviewed = lines(review_report(history.review(on=today)))
            assert [one for one in reviewed if one.startswith(("Suspended", "Closed"))] == expected


def halts_on(story: str, day: str) -> list[Any]:
    for told, line, _failed in tell(parse_story(story)):
        if line.number == story.count("\n"):
            return _halts(told.site.history, date.fromisoformat(day))
    raise AssertionError(story)


def _halts(history: History, day: date) -> list[Any]:
    state = json.loads(json.dumps(escalation_report(history.escalation(on=day)).json))
    reviewed = json.loads(json.dumps(review_report(history.review(on=day)).json))
    assert state["halts"] == reviewed["halts"]
    halts: list[Any] = state["halts"]
    return halts


def test_a_program_reads_them_as_data_and_an_earlier_day_has_none() -> None:
    assert halts_on(RESUMED, "2026-03-03") == []
    assert halts_on(RESUMED, "2026-03-06") == []
    (halt,) = halts_on(RESUMED, "2026-03-05")
    assert isinstance(halt.pop("evidence"), list)
    assert halt == {
        "what": ["enrollment", "infusion"],
        "final": False,
        "since": "2026-03-04",
        "why": "a death related to the infusion: S001",
    }
    (closed,) = halts_on(CLOSED, "2026-03-05")
    assert (closed["what"], closed["final"]) == (["enrollment"], True)


def test_a_failed_expectation_of_the_next_step_says_it_too() -> None:
    (failure,) = check_story(f"{DEATH}            expect next: escalate\n").failures
    assert failure.failed.came.endswith(
        "; enrollment and infusion are suspended since 2026-03-04 (a death related to the infusion: S001)"
    )
