"""Evaluability: every ending combined with every assessment on every day, and the page that documents the rule.

The expectations are a second implementation of the definition, sentence by sentence, for windows of 14 and 28 days.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import combinations, product
from pathlib import Path

import attrs
import pytest
from site_desk import OPEN

from trialdomain import ClinicalTime, DltRule, TrialProtocol
from trialdomain.events.participant import Died, DltWindowAssessed, Infused, WindowResult
from trialdomain.events.recorded import Meta, Recorded
from trialdomain.protocol.conduct_rules import EvaluableRule
from trialdomain.rules.evaluability import LINES, Course, LastSeen, SetAside, judge_course
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationFlag, EvaluationReason, Standing
from trialdomain.values.given.text import FreeText

DAY0 = date(2026, 3, 2)
META = Meta(recorded_at=datetime(2026, 9, 1, tzinfo=UTC), user="u", command="c", part=1, parts=1)
PENDING, EVALUABLE, NOT = Evaluation.PENDING, Evaluation.EVALUABLE, Evaluation.NOT_EVALUABLE


def when(number: int) -> ClinicalTime:
    return ClinicalTime.of(DAY0 + timedelta(days=number))


@attrs.frozen
class Ending:
    """An ending and what the definition says of it, relative to the last day of the window."""

    name: str
    first: int
    """The first day that it allows, counted from the last day of the window."""
    last: int
    died: bool = False
    explained: bool = True


ENDINGS = (
    Ending("left long before", -7, -7),
    Ending("left the day before", -1, -1),
    Ending("left on the day", 0, 0),
    Ending("left after", 6, 6),
    Ending("left within a month around", -9, 20, died=False),
    Ending("died unrelated on the day", 0, 0, died=True),
    Ending("died after", 1, 1, died=True),
    Ending("died within a month around", -9, 20, died=True),
    Ending("died of nobody knows what", -2, -2, died=True, explained=False),
)


@attrs.frozen
class Partial:
    """Stands for a date that allows several days, as a month does."""

    first: date
    last: date

    @property
    def day(self) -> date | None:
        return self.first if self.first == self.last else None


def partial(window: int, one: Ending) -> ClinicalTime:
    allowed = (DAY0 + timedelta(days=window + number) for number in (one.first, one.last))
    return Partial(*allowed)  # type: ignore[return-value]  # it has of a time what the rule asks for


def expected(
    endings: tuple[Ending, ...], assessed: int | None, on: int, *, requires: bool, whole: bool, not_evaluable: bool
) -> Evaluation:
    """Read the definition a second time; days are counted from the last day of the window."""
    if any(one.died and not one.explained for one in endings):
        return PENDING  # a death that no event explains
    if not whole:
        return NOT
    for one in endings:
        if one.last < 0 or (one.died and one.last <= 0):
            return NOT  # left, or was last seen, before the last day; or died up to it
    if any(one.first < 0 and one.last >= 0 for one in endings):
        return NOT if not_evaluable else PENDING
    if not_evaluable and requires:
        return PENDING  # nothing ended the observation: the latest word assesses nothing
    if assessed is not None and assessed >= 0 and not not_evaluable:
        return EVALUABLE
    return EVALUABLE if not requires and on > 0 else PENDING


def every_case() -> Iterator[tuple[tuple[Ending, ...], int | None, int, bool, bool, bool]]:
    none: tuple[Ending, ...] = ()
    chosen = [none, *((one,) for one in ENDINGS), *combinations(ENDINGS, 2)]
    return product(chosen, (None, -1, 0, 6), (0, 1, 30), (True, False), (True, False), (True, False))


@pytest.mark.parametrize("window", [14, 28])
def test_every_ending_beside_every_assessment(window: int) -> None:
    for endings, assessed, on, requires, whole, given_up in every_case():
        protocol = attrs.evolve(
            OPEN, dlt=DltRule(window_days=window), evaluable=EvaluableRule(requires_assessment=requires)
        )
        course = course_of(endings, assessed, window, whole=whole, not_evaluable=given_up)
        judged = judge_course(course, protocol, on=DAY0 + timedelta(days=window + on))
        right = expected(endings, assessed, on, requires=requires, whole=whole, not_evaluable=given_up)
        told = ([one.name for one in endings], assessed, on, requires, whole, given_up, judged.standing.reason)
        assert judged.standing.evaluation is right, told
        uncertain = {"ending-uncertain", "assessed-not-evaluable"}
        flagged = judged.standing.reason.value in uncertain
        assert (EvaluationFlag.PARTIAL_ENDING in judged.flags) is flagged, told


def course_of(
    endings: tuple[Ending, ...], assessed: int | None, window: int, *, whole: bool, not_evaluable: bool
) -> Course:
    found: list[tuple[int, WindowResult]] = [] if assessed is None else [(assessed, WindowResult.NO_DLT)]
    found += [(7, WindowResult.NOT_EVALUABLE)] if not_evaluable else []
    why = FreeText(plain="nobody knows")
    infused = Infused(level=1, started_at=when(0), fraction=Decimal(1 if whole else "0.5"))
    deaths = [(at, one) for at, one in enumerate(endings) if one.died]
    return Course(
        infusion=Recorded(trial="T", position=1, stream="s", version=1, meta=META, fact=infused),
        events=(),
        assessments=[
            Recorded(
                trial="T",
                position=10 + at,
                stream="s",
                version=10 + at,
                meta=META,
                fact=DltWindowAssessed(on=when(window + day), by="u", result=result, why=why),
            )
            for at, (day, result) in enumerate(found)
        ],
        deaths=[
            Recorded(trial="T", position=20 + at, stream="s", version=20, meta=META, fact=Died(on=partial(window, one)))
            for at, one in deaths
        ],
        explained=(5,) if deaths and all(one.explained for _, one in deaths) else (),
        departures=[LastSeen(partial(window, one), 30 + at) for at, one in enumerate(endings) if not one.died],
    )


@pytest.mark.parametrize(
    ("ending", "evaluation", "reason"),
    [
        (Ending("left, at the latest on the day", -9, 0), PENDING, EvaluationReason.ENDING_UNCERTAIN),
        (Ending("left, at the earliest on the day", 0, 20), EVALUABLE, EvaluationReason.WINDOW_ASSESSED),
        (Ending("died, at the latest on the day", -9, 0, died=True), NOT, EvaluationReason.LEFT),
        (Ending("died, at the earliest on the day", 0, 20, died=True), PENDING, EvaluationReason.ENDING_UNCERTAIN),
        (Ending("died, at the earliest a day after", 1, 20, died=True), EVALUABLE, EvaluationReason.WINDOW_ASSESSED),
    ],
    ids=lambda value: value.name if isinstance(value, Ending) else "",
)
def test_partial_dates_at_the_last_day_of_the_window(
    ending: Ending, evaluation: Evaluation, reason: EvaluationReason
) -> None:
    """Last seen on the day is seen; a death up to the day, the day included, is not evaluable."""
    course = course_of((ending,), 6, 14, whole=True, not_evaluable=False)
    judged = judge_course(course, OPEN, on=DAY0 + timedelta(days=44))
    assert judged.standing == Standing(evaluation=evaluation, reason=reason)


@pytest.mark.parametrize(("fraction", "evaluation"), [("0.79", NOT), ("0.8", EVALUABLE), ("0.9", EVALUABLE)])
def test_a_protocol_may_ask_for_a_part_of_the_infusion(fraction: str, evaluation: Evaluation) -> None:
    course = course_of((), 0, 14, whole=True, not_evaluable=False)
    infused = attrs.evolve(course.infusion.fact, fraction=Decimal(fraction))
    course = attrs.evolve(course, infusion=attrs.evolve(course.infusion, fact=infused))
    protocol = attrs.evolve(OPEN, evaluable=EvaluableRule(min_fraction=Decimal("0.8")))
    assert judge_course(course, protocol, on=DAY0 + timedelta(days=20)).standing.evaluation is evaluation


def test_one_departure_is_enough_to_be_named() -> None:
    course = course_of((ENDINGS[0], ENDINGS[1]), None, 14, whole=True, not_evaluable=False)
    judged = judge_course(course, OPEN, on=DAY0 + timedelta(days=20))
    assert (judged.standing.reason, judged.evidence) == (EvaluationReason.LEFT, (1, 30))


@pytest.mark.parametrize(
    ("assessed", "reason", "aside"),
    [
        (None, EvaluationReason.NOT_ASSESSED, None),
        (-1, EvaluationReason.NOT_ASSESSED, 10),  # it does not cover the last day
        (0, EvaluationReason.WINDOW_ASSESSED, None),
    ],
)
def test_an_assessment_is_set_aside_where_it_makes_nobody_evaluable(
    assessed: int | None, reason: EvaluationReason, aside: int | None
) -> None:
    judged = judge_course(
        course_of((), assessed, 14, whole=True, not_evaluable=False), OPEN, on=DAY0 + timedelta(days=44)
    )
    assert judged.standing.reason is reason
    assert (judged.aside and judged.aside.position) == aside


def test_that_a_death_is_explained_is_named_with_it_and_not_with_a_departure() -> None:
    died, left = (
        judge_course(course_of((one,), None, 14, whole=True, not_evaluable=False), OPEN, on=DAY0 + timedelta(days=20))
        for one in (ENDINGS[5], ENDINGS[0])
    )
    assert (died.standing.reason, died.evidence) == (EvaluationReason.LEFT, (1, 5, 20))
    assert (left.standing.reason, left.evidence) == (EvaluationReason.LEFT, (1, 30))


@pytest.mark.parametrize(
    ("on", "covers"),
    [
        ("2026-03-30", "does not cover"),
        ("2026-03", "is not known to cover"),  # it may have been on the 31st, or on any day before
        ("2026-02", "does not cover"),
    ],
)
def test_an_assessment_that_is_set_aside_says_whether_it_can_cover_the_window(on: str, covers: str) -> None:
    aside = SetAside(ClinicalTime(on), WindowResult.NO_DLT, 7, date(2026, 3, 31))
    assert aside.words == f"the assessment of {on} {covers} 2026-03-31, the last day of the window"


def test_a_month_that_goes_on_after_the_window_may_cover_it_too() -> None:
    aside = SetAside(ClinicalTime("2026-03"), WindowResult.NO_DLT, 7, date(2026, 3, 20))
    assert aside.words == "the assessment of 2026-03 is not known to cover 2026-03-20, the last day of the window"


def test_one_of_several_deaths_or_of_several_assessments_is_enough_to_be_named() -> None:
    again = attrs.evolve(ENDINGS[5], name="died unrelated long before", first=-7, last=-7)
    died = course_of((ENDINGS[5], again), None, 14, whole=True, not_evaluable=False)
    assert judge_course(died, OPEN, on=DAY0 + timedelta(days=20)).evidence == (1, 5, 20)
    assessed = course_of((), 0, 14, whole=True, not_evaluable=False)
    twice = [*assessed.assessments, attrs.evolve(assessed.assessments[0], position=11)]
    judged = judge_course(attrs.evolve(assessed, assessments=twice), OPEN, on=DAY0 + timedelta(days=20))
    assert (judged.standing.reason, judged.evidence) == (EvaluationReason.WINDOW_ASSESSED, (1, 10))


def test_that_nobody_has_a_dlt_rests_on_the_judgments_of_unrelated() -> None:
    course = attrs.evolve(course_of((), 0, 14, whole=True, not_evaluable=False), unrelated=(7,))
    judged = judge_course(course, OPEN, on=DAY0 + timedelta(days=20))
    assert (judged.standing.reason, judged.evidence) == (EvaluationReason.WINDOW_ASSESSED, (1, 7, 10))


def test_a_last_contact_known_only_by_its_month_was_not_after_the_day_of_the_withdrawal() -> None:
    assert LastSeen(ClinicalTime("2026-03"), 1, ClinicalTime("2026-03-01")).last == date(2026, 3, 1)
    assert LastSeen(ClinicalTime("2026-03"), 1, ClinicalTime("2026-03-09")).last == date(2026, 3, 9)
    assert LastSeen(ClinicalTime("2026-03"), 1, ClinicalTime("2026-05-09")).last == date(2026, 3, 31)


def test_the_table_of_the_page_stands_in_the_order_of_the_code() -> None:
    page = Path(__file__).parents[2] / "docs" / "explanation" / "dlt-and-corrections.md"
    text = page.read_text(encoding="utf-8")
    table = text.partition("## Who is evaluable")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| .+ \| (evaluable|pending|not evaluable) \| `([a-z-]+)` \|$", table, re.MULTILINE)
    assert rows == [(line.evaluation.value.replace("-", " "), line.reason.value) for line in LINES]


def test_a_protocol_without_a_rule_judges_nobody() -> None:
    protocol: TrialProtocol = attrs.evolve(OPEN, dlt=None, design=None)
    course = course_of((), None, 14, whole=True, not_evaluable=False)
    assert judge_course(course, protocol, on=DAY0).standing == Standing(evaluation=NOT, reason=EvaluationReason.NO_RULE)
