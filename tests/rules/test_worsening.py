"""The day on which an event began or became worse since the infusion, and which judgment of it counts.

The expected days come from a second implementation of the rule, which goes from day to day with the grade of each. A
rise is a grade above the lowest one since the infusion, including the grade at the infusion. From the day after its end
an event is at grade 0. Day 0 is the day of the infusion.
"""

from datetime import UTC, date, datetime, timedelta
from itertools import product
from random import Random
from typing import TypeVar

import attrs
import pytest

from trialdomain import Agent, Assessor, Attribution, ClinicalTime, DltRule, Relatedness
from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, Infused
from trialdomain.events.recorded import Meta, Recorded
from trialdomain.protocol.dlt_criteria import DltCriterion
from trialdomain.rules.adverse_event import AdverseEvent, joined_events, worse_by_row
from trialdomain.rules.dlt import delayed, judge, qualifying
from trialdomain.values.clinical.toxicity import RELATED

DAY0 = date(2026, 3, 12)
F = TypeVar("F")
META = Meta(recorded_at=datetime(2026, 5, 1, tzinfo=UTC), user="u", command="c", part=1, parts=1)
LIKELY = (Attribution(agent=Agent.INFUSION, assessor=Assessor.INVESTIGATOR, relatedness=Relatedness.LIKELY),)
INFUSED = Infused(level=1, started_at=ClinicalTime(DAY0.isoformat()))


@attrs.frozen
class Told:
    """From a day on an event has a grade; and it ends, where that is said."""

    day: int
    grade: int
    ended: int | None = None


def when(number: int) -> ClinicalTime:
    return ClinicalTime.of(DAY0 + timedelta(days=number))


def entry(fact: F, position: int) -> Recorded[F]:
    return Recorded(trial="T", position=position, stream="T/participant/S", version=position, meta=META, fact=fact)


def as_entries(told: list[Told]) -> list[AdverseEvent]:
    """Tell an event by a report and its follow-ups."""
    first, *later = told
    report = AdverseEventReported(
        event="AE1", term="Fever", grade=first.grade, onset=when(first.day), ended=end(first), attributions=LIKELY
    )
    said = [AdverseEventFollowedUp(event="AE1", on=when(one.day), grade=one.grade, ended=end(one)) for one in later]
    return [AdverseEvent.of(entry(report, 1), [entry(fact, 2 + at) for at, fact in enumerate(said)])]


def as_rows(told: list[Told]) -> list[AdverseEvent]:
    """Tell an event by the rows of another system."""
    rows = [
        AdverseEventReported(
            event=str(at),
            term="Fever",
            grade=one.grade,
            onset=when(one.day),
            ended=end(one),
            attributions=LIKELY,
            linked_to="E7",
        )
        for at, one in enumerate(told, start=1)
    ]
    return [AdverseEvent.of(entry(row, int(row.event)), []) for row in rows]


def end(one: Told) -> ClinicalTime | None:
    return None if one.ended is None else when(one.ended)


def rises(told: list[Told]) -> list[tuple[int, int]]:
    """Read the rule from day to day: give the days since the infusion on which it became worse, with the grades."""
    grade, over = 0, None
    lowest = None
    found = []
    by_day = {one.day: one for one in told}
    for day in range(-10, 31):
        if over is not None and day == over + 1:
            grade, over = 0, None
        if day == 0:
            lowest = grade
        if lowest is not None:
            lowest = min(lowest, grade)
        one = by_day.get(day)
        if one is None:
            continue
        if lowest is not None and one.grade > lowest:
            found.append((day, one.grade))
        grade = one.grade
        over = over if one.ended is None else one.ended
        if lowest is not None:
            lowest = min(lowest, grade)
    return found


def history(chance: Random) -> list[Told]:
    days = sorted(chance.sample(range(-6, 20), chance.randint(1, 5)))
    return [Told(day, chance.randint(1, 4), chance.choice([None, None, day + chance.randint(0, 8)])) for day in days]


@pytest.mark.parametrize("tell", [as_entries, as_rows])
@pytest.mark.parametrize("seed", range(300))
def test_a_second_reading_finds_the_same_rises(seed: int, tell: object) -> None:
    chance = Random(seed)  # noqa: S311 - a test, no secret
    told = history(chance)
    rows = as_entries(told) if tell is as_entries else as_rows(told)
    (event,) = joined_events(rows)
    expected = rises(told)
    assert [((g.first - DAY0).days, g.grade) for g in event.worse_since(INFUSED.started_at)] == expected, told
    by_row = worse_by_row(rows, INFUSED.started_at)
    assert sorted(g.first for found in by_row.values() for g in found) == [DAY0 + timedelta(d) for d, _ in expected]
    least = chance.randint(1, 3)
    rule = DltRule(min_grade=least)
    counting = [day for day, grade in expected if grade >= least]
    dlt = next((day for day in counting if day <= rule.window_days), None)
    found = qualifying(event, infusion=INFUSED, rule=rule)
    assert (found and (found.graded.first - DAY0).days) == dlt
    late = delayed(event, infusion=INFUSED, rule=rule)
    assert (late and (late.first - DAY0).days) == (counting[0] if dlt is None and counting else None)


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ([Told(-5, 3), Told(3, 1), Told(5, 3)], 5),  # 3 at the infusion, 1 on day 3, 3 again on day 5
        ([Told(-5, 3, -1), Told(4, 1)], 4),  # it had ended, and came back
        ([Told(-5, 3, 2), Told(3, 2)], 3),  # over from day 3 on, which has a grade of its own
        ([Told(-5, 3, 2), Told(2, 1, 9)], None),  # milder from the day on which the first line ends
        ([Told(-5, 3, 2), Told(2, 3, 9)], None),  # the same grade in another line
        ([Told(-5, 3, 1), Told(1, 3, 9)], None),  # likewise, on the day after the infusion
        ([Told(-5, 3, 1), Told(0, 2)], None),  # milder from the infusion on, and over a day later
        ([Told(-5, 2), Told(0, 3)], 0),  # a rise on the day of the infusion, of no known time
        ([Told(-5, 2), Told(14, 3)], 14),
        ([Told(-5, 2), Told(15, 3)], None),
    ],
)
@pytest.mark.parametrize("tell", [as_entries, as_rows])
def test_by_hand(told: list[Told], day: int | None, tell: object) -> None:
    (event,) = joined_events(as_entries(told) if tell is as_entries else as_rows(told))
    found = qualifying(event, infusion=INFUSED, rule=DltRule())
    assert (found and (found.graded.first - DAY0).days) == day


@pytest.mark.parametrize(("term", "events"), [("FEVER ", 1), ("fever", 1), ("Chills", 2)])
def test_rows_are_of_one_event_whatever_the_capitals_and_blanks_of_its_term(term: str, events: int) -> None:
    first, second = as_rows([Told(-5, 3), Told(4, 3)])
    renamed = attrs.evolve(second.report, fact=attrs.evolve(second.report.fact, term=term))
    assert len(joined_events([first, attrs.evolve(second, report=renamed)])) == events


def test_of_lines_of_one_day_the_highest_grade_the_last_end_and_the_more_related_judgement_count() -> None:
    unrelated = (attrs.evolve(LIKELY[0], relatedness=Relatedness.UNRELATED),)
    rows = as_rows([Told(-5, 1), Told(-5, 3, 1), Told(3, 3)])
    milder = attrs.evolve(rows[0].report, fact=attrs.evolve(rows[0].report.fact, ended=when(9)))
    later = attrs.evolve(rows[2].report, fact=attrs.evolve(rows[2].report.fact, attributions=()))
    graver = attrs.evolve(rows[1].report, fact=attrs.evolve(rows[1].report.fact, attributions=unrelated))
    (event,) = joined_events([AdverseEvent(one) for one in (milder, graver, later)])
    assert list(event.worse_since(INFUSED.started_at)) == []  # grade 3 from day -5 to day 9
    assert event.judged(Agent.INFUSION).relatedness is Relatedness.LIKELY


def test_rows_that_begin_on_one_day_are_counted_from_that_day_each_with_its_grade() -> None:
    rows = as_rows([Told(2, 1), Told(2, 3), Told(-5, 2)])
    found = worse_by_row(rows, INFUSED.started_at)
    told = {row: [((g.first - DAY0).days, g.grade) for g in worse] for row, worse in found.items()}
    assert told == {"1": [(2, 1)], "2": [(2, 3)], "3": []}


def test_rows_of_one_id_and_of_different_terms_stay_apart() -> None:
    rows = as_rows([Told(-5, 3), Told(2, 1)])
    nausea = attrs.evolve(rows[1].report, fact=attrs.evolve(rows[1].report.fact, term="Nausea"))
    assert len(joined_events([rows[0], AdverseEvent(nausea)])) == 2
    assert len(joined_events(rows)) == 1


RANK = {"unrelated": 0, "unlikely": 1, "not-assessed": 2, "possibly": 3, "likely": 4, "definitely": 5}
"""Of the assessors the more related counts, in this order."""


def counted(said: list[tuple[Assessor, Relatedness]], related: tuple[Relatedness, ...]) -> Relatedness:
    """Read the rule of relatedness a second time."""
    stands: dict[Assessor, Relatedness] = {}
    for assessor, relatedness in said:
        if relatedness is Relatedness.NOT_ASSESSED and stands.get(assessor) in related:
            continue
        stands[assessor] = relatedness
    return max(stands.values(), key=lambda one: RANK[one.value])


@pytest.mark.parametrize("related", [RELATED, (Relatedness.LIKELY, Relatedness.DEFINITELY)])
def test_every_order_of_judgements_counts_as_a_second_reading_has_it(related: tuple[Relatedness, ...]) -> None:
    for said in product(product(Assessor, Relatedness), repeat=3):
        (event,) = as_entries([Told(0, 1), Told(1, 1), Told(2, 1)])
        words = [Attribution(agent=Agent.INFUSION, assessor=who, relatedness=what) for who, what in said]
        report = attrs.evolve(event.report, fact=attrs.evolve(event.report.fact, attributions=tuple(words[:1])))
        later = tuple(
            attrs.evolve(one, fact=attrs.evolve(one.fact, attributions=(word,)))
            for one, word in zip(event.follow_ups, words[1:], strict=True)
        )
        judged = AdverseEvent(report, later).judged(Agent.INFUSION, related=related)
        assert judged.relatedness is counted(list(said), related), said


def test_of_two_judgements_by_one_assessor_in_one_entry_the_more_related_counts_in_either_order() -> None:
    for one, other in product(Relatedness, repeat=2):
        words = tuple(attrs.evolve(LIKELY[0], relatedness=what) for what in (one, other))
        (event,) = as_entries([Told(0, 1)])
        report = attrs.evolve(event.report, fact=attrs.evolve(event.report.fact, attributions=words))
        expected = max((one, other), key=lambda what: RANK[what.value])
        assert AdverseEvent(report).judged(Agent.INFUSION).relatedness is expected


def lasting(told: list[Told], rule: DltRule) -> tuple[list[int], bool]:
    """Read a duration from day to day: the onsets of the periods that are long enough, and whether one is open."""
    (row,) = rule.criteria
    least, longer_than = row.min_grade, row.longer_than_days or 0
    rose, by_day = dict(rises(told)), {one.day: one for one in told}
    grade, over, start, last, counting, open_one = 0, None, None, 0, list[int](), False

    def end(first: int | None, days: int, *, known: bool) -> None:
        nonlocal open_one
        if first is None or not 0 <= first <= rule.window_days:
            return
        if days > longer_than:
            counting.append(first)
        elif not known:
            open_one = True

    for day in range(-10, 61):
        if over is not None and day == over + 1:
            end(start, day - (start or 0), known=True)
            grade, over, start = 0, None, None
        one = by_day.get(day)
        if one is None:
            continue
        grade, over = one.grade, over if one.ended is None else one.ended
        if grade < least:
            end(start, day - (start or 0), known=True)
            start = None
            continue
        last = day
        if start is None and day in rose:
            start = day
    end(start, last - (start or 0), known=False)
    return counting, open_one


@pytest.mark.parametrize("tell", [as_entries, as_rows])
@pytest.mark.parametrize("seed", range(300))
def test_a_second_reading_finds_the_same_durations(seed: int, tell: object) -> None:
    chance = Random(seed)  # noqa: S311 - a test, no secret
    told = history(chance)
    (event,) = joined_events(as_entries(told) if tell is as_entries else as_rows(told))
    row = DltCriterion(terms=("Fever",), min_grade=chance.randint(1, 4), longer_than_days=chance.randint(1, 8))
    rule = DltRule(criteria=(row,))
    counting, open_one = lasting(told, rule)
    found = judge(event, infusion=INFUSED, rule=rule)
    onset = None if found.counted is None else (found.counted.graded.first - DAY0).days
    assert onset == min(counting, default=None), told
    assert (found.may_last is not None) == (open_one and not counting), told
