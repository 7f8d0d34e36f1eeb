"""The state of one adverse event: its outcome, whether it was fatal by a day, and which judgements count.

Rows of one event on one day are one event at the highest of their grades; what an event is at on a day follows from its
report and its follow-ups. Day 0 is the day of the infusion.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

import attrs
import pytest

from trialdomain import Agent, Assessor, Attribution, ClinicalTime, DltRule, Outcome, Relatedness
from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, Died, Infused
from trialdomain.events.recorded import Meta, Recorded
from trialdomain.protocol.dlt_criteria import DltCompanion, DltCriterion
from trialdomain.rules.adverse_event import AdverseEvent, Dated, joined_events
from trialdomain.rules.dlt import judged_unrelated, qualifying
from trialdomain.values.clinical.toxicity import Seriousness

DAY0 = date(2026, 3, 12)
META = Meta(recorded_at=datetime(2026, 5, 1, tzinfo=UTC), user="u", command="c", part=1, parts=1)
INFUSED = Infused(level=1, started_at=ClinicalTime(DAY0.isoformat()))
F = TypeVar("F")


def day(number: int) -> date:
    return DAY0 + timedelta(days=number)


def when(number: int) -> ClinicalTime:
    return ClinicalTime.of(day(number))


def entry(fact: F, position: int) -> Recorded[F]:
    return Recorded(trial="T", position=position, stream="T/participant/S", version=position, meta=META, fact=fact)


def said(relatedness: Relatedness, assessor: Assessor = Assessor.INVESTIGATOR) -> Attribution:
    return Attribution(agent=Agent.INFUSION, assessor=assessor, relatedness=relatedness)


def reported(
    onset: int,
    grade: int,
    *,
    position: int = 1,
    ended: int | None = None,
    outcome: Outcome | None = None,
    attributions: Sequence[Attribution] = (said(Relatedness.LIKELY),),
    linked_to: str | None = None,
) -> Recorded[AdverseEventReported]:
    fact = AdverseEventReported(
        event="AE1" if linked_to is None else str(position),
        term="Fever",
        grade=grade,
        onset=when(onset),
        ended=None if ended is None else when(ended),
        outcome=outcome,
        attributions=tuple(attributions),
        linked_to=linked_to,
    )
    return entry(fact, position)


def follow_up(
    on: int, position: int, *, grade: int | None = None, outcome: Outcome | None = None
) -> Recorded[AdverseEventFollowedUp]:
    return entry(AdverseEventFollowedUp(event="AE1", on=when(on), grade=grade, outcome=outcome), position)


def of_rows(told: Sequence[tuple[int, int]]) -> AdverseEvent:
    """Join rows of another system, each with its day and grade, into one event."""
    rows = [reported(on, grade, position=at, linked_to="E7") for at, (on, grade) in enumerate(told, start=1)]
    (event,) = joined_events([AdverseEvent(row) for row in rows])
    return event


def test_an_event_has_the_follow_ups_and_the_death_that_name_it() -> None:
    other = entry(AdverseEventFollowedUp(event="AE2", on=when(5), grade=4), 3)
    deaths = [entry(Died(on=when(6), event="AE2"), 4), entry(Died(on=when(7), event="AE1"), 5)]
    event = AdverseEvent.of(reported(0, 2), [other, follow_up(3, 2, grade=1)], deaths)
    assert [one.position for one in event.entries] == [1, 2, 5]
    assert [one.position for one in AdverseEvent.of(reported(0, 2), [other], deaths[:1]).entries] == [1]


class TestRecovered:
    """An event that had ended on day 2 and came back on day 5."""

    @pytest.mark.parametrize(
        ("recovered_on", "recovered"),
        [(2, False), (4, False), (5, True), (6, True)],  # of the first time, or since it is back
    )
    def test_only_what_is_said_since_it_came_back_tells_of_it(self, recovered_on: int, *, recovered: bool) -> None:
        back, well = follow_up(5, 2, grade=3), follow_up(recovered_on, 3, outcome=Outcome.RECOVERED)
        assert AdverseEvent.of(reported(0, 2, ended=2), [back, well]).recovered is recovered

    def test_the_last_time_that_it_came_back_counts(self) -> None:
        """It ended on days 2 and 6, and came back on days 5 and 9: that it was over on day 6 is of the second time."""
        told = [
            follow_up(5, 2, grade=3),
            entry(AdverseEventFollowedUp(event="AE1", on=when(6), ended=when(6), outcome=Outcome.RECOVERED), 3),
            follow_up(9, 4, grade=2),
        ]
        assert AdverseEvent.of(reported(0, 2, ended=2), told).recovered is False
        assert AdverseEvent.of(reported(0, 2, ended=2), told[:2]).recovered is True


class TestSeriousness:
    @pytest.mark.parametrize(
        ("said", "named"),
        [
            ({}, (Seriousness.HOSPITALIZATION,)),  # a follow-up that says nothing of it
            ({"serious": True, "seriousness": (Seriousness.DEATH,)}, (Seriousness.DEATH,)),
            ({"seriousness": (Seriousness.DEATH,)}, (Seriousness.DEATH,)),
            ({"serious": False}, ()),  # no longer serious: no criterion stands
        ],
    )
    def test_the_criteria_are_those_of_the_latest_entry_that_says_anything_of_it(
        self, said: dict[str, object], named: tuple[Seriousness, ...]
    ) -> None:
        first = reported(0, 3)
        fact = attrs.evolve(first.fact, serious=True, seriousness=(Seriousness.HOSPITALIZATION,))
        later = entry(AdverseEventFollowedUp(event="AE1", on=when(4), **said), 2)  # type: ignore[arg-type]  # as named
        assert AdverseEvent.of(attrs.evolve(first, fact=fact), [later]).seriousness == named


class TestFatalBy:
    @pytest.mark.parametrize(("on", "fatal"), [(8, False), (9, True), (10, True)])
    def test_by_its_grade_from_the_day_of_that_grade_whatever_its_outcome(self, on: int, *, fatal: bool) -> None:
        event = AdverseEvent.of(reported(3, 4, outcome=Outcome.NOT_RECOVERED), [follow_up(9, 2, grade=5)])
        assert event.fatal_by(day(on)) is fatal

    @pytest.mark.parametrize(("on", "fatal"), [(8, False), (9, True)])
    def test_by_its_outcome_from_the_day_of_the_entry_that_names_it(self, on: int, *, fatal: bool) -> None:
        event = AdverseEvent.of(reported(3, 4), [follow_up(9, 2, outcome=Outcome.FATAL)])
        assert event.fatal_by(day(on)) is fatal

    def test_by_the_outcome_of_its_report(self) -> None:
        assert AdverseEvent.of(reported(3, 4, outcome=Outcome.FATAL), []).fatal_by(day(3)) is True


class TestTheEntriesOfTheJudgementThatCounts:
    @pytest.mark.parametrize(
        ("relatedness", "positions"),
        [(Relatedness.NOT_ASSESSED, (1, 2)), (Relatedness.LIKELY, (1,))],  # both are waited for; one is enough to count
    )
    def test_of_two_assessors_who_say_the_same(self, relatedness: Relatedness, positions: tuple[int, ...]) -> None:
        later = AdverseEventFollowedUp(event="AE1", on=when(4), attributions=(said(relatedness, Assessor.SPONSOR),))
        event = AdverseEvent.of(reported(3, 3, attributions=[said(relatedness)]), [entry(later, 2)])
        assert event.judged(Agent.INFUSION).positions == positions

    @pytest.mark.parametrize(
        ("relatedness", "onset", "rests_on"),
        [
            (Relatedness.UNRELATED, 3, (1,)),  # else it would be a DLT
            (Relatedness.UNRELATED, 15, ()),  # after the window of 14 days: no DLT, however it is judged
            (Relatedness.LIKELY, 3, ()),  # it is one
            (Relatedness.NOT_ASSESSED, 3, ()),  # it may be one
        ],
    )
    def test_that_an_event_is_no_dlt_rests_on_being_judged_unrelated(
        self, relatedness: Relatedness, onset: int, rests_on: tuple[int, ...]
    ) -> None:
        event = AdverseEvent.of(reported(onset, 3, attributions=[said(relatedness)]), [])
        assert judged_unrelated(event, infusion=INFUSED, rule=DltRule()) == rests_on


class TestRowsOfOneDay:
    def test_a_milder_row_beside_a_graver_one_lowers_no_grade(self) -> None:
        """At grade 3 at the infusion and on day 2, a grade 2 on day 4 is no rise, whatever else began on day 2."""
        event = of_rows([(-3, 3), (2, 3), (2, 1), (4, 2)])
        assert qualifying(event, infusion=INFUSED, rule=DltRule()) is None

    def test_a_milder_row_of_its_own_day_lowers_it(self) -> None:
        event = of_rows([(-3, 3), (2, 1), (4, 2)])
        found = qualifying(event, infusion=INFUSED, rule=DltRule())
        assert found is not None
        assert found.graded.first == day(4)

    def test_each_judgement_stays_with_the_row_that_made_it(self) -> None:
        """Of two rows of one day, the sponsor judged the first and the investigator the second: both count."""
        sponsor, here = said(Relatedness.LIKELY, Assessor.SPONSOR), said(Relatedness.UNLIKELY)
        first = reported(2, 1, position=1, linked_to="E7", attributions=[sponsor])
        second = reported(2, 3, position=2, linked_to="E7", attributions=[here])
        (event,) = joined_events([AdverseEvent(first), AdverseEvent(second)])
        assert event.report.fact.attributions == (here,)
        assert [one.fact.attributions for one in event.follow_ups] == [(sponsor,)]
        assert event.latest(Agent.INFUSION) == {
            Assessor.SPONSOR: (Relatedness.LIKELY, 1),
            Assessor.INVESTIGATOR: (Relatedness.UNLIKELY, 2),
        }

    def test_they_end_together_on_the_last_of_their_days(self) -> None:
        """Two rows of day 2, to day 4 and to day 5, and one of day 9: the event lasted to day 5, and came back."""
        told = [(2, 1, 4), (2, 3, 5), (9, 2, None)]
        rows = [
            reported(on, grade, position=at, ended=ended, linked_to="E7")
            for at, (on, grade, ended) in enumerate(told, start=1)
        ]
        (event,) = joined_events([AdverseEvent(row) for row in rows])
        assert [(one.began, one.ended) for one in event.lasted()] == [(when(2), when(5)), (when(9), None)]


class TestADeathAfterTheEnd:
    """An event that had ended on day 2, and led to a death on day 5: one of the two dates is wrong."""

    DEATH = entry(Died(on=when(5), event="AE1"), 3)

    def test_it_is_no_return_of_the_event(self) -> None:
        event = AdverseEvent.of(reported(0, 4, ended=2), [], [self.DEATH])
        (lasted,) = event.lasted()
        assert (lasted.ended, [graded.grade for graded in lasted.grades]) == (when(2), [4, 5])

    def test_unless_another_entry_says_that_it_was_back(self) -> None:
        event = AdverseEvent.of(reported(0, 4, ended=2), [follow_up(5, 4, grade=4)], [self.DEATH])
        assert [one.began for one in event.lasted()] == [when(0), when(5)]


class TestACompanion:
    """A fever counts only together with chills; both are related, and the fever lasted from day 3 to day 5."""

    RULE = DltRule(
        criteria=(DltCriterion(terms=("Fever",), together_with=DltCompanion(terms=("Chills",), min_grade=1)),)
    )

    @pytest.mark.parametrize(
        ("onset", "ended", "counts_from", "by_longest"),
        [
            (when(4), when(9), 4, False),
            (when(1), when(9), 3, False),
            (when(5), when(5), 5, False),  # on the last day of the fever
            (when(1), when(3), 3, False),  # to its first day
            (when(6), when(9), None, False),
            (when(1), when(2), None, False),
            (ClinicalTime("2026-03"), when(19), 3, True),  # only some of the days of March are in common
        ],
    )
    def test_they_were_in_force_on_a_common_day(
        self, onset: ClinicalTime, ended: ClinicalTime, counts_from: int | None, *, by_longest: bool
    ) -> None:
        fever = AdverseEvent.of(reported(3, 3, ended=5), [])
        chills = AdverseEventReported(event="AE2", term="Chills", grade=2, onset=onset, ended=ended)
        found = qualifying(
            fever, infusion=INFUSED, rule=self.RULE, others=[fever, AdverseEvent.of(entry(chills, 2), [])]
        )
        assert (found and found.graded.first) == (None if counts_from is None else day(counts_from))
        assert (found is not None and found.by_longest) is by_longest


class TestASpell:
    """A fever of grade 3 on days 3 and 8."""

    BEGAN, STILL = reported(3, 3), follow_up(8, 2, grade=3)

    def test_a_recovery_without_its_day_came_between_the_last_grade_and_the_entry_that_says_so(self) -> None:
        recovered = follow_up(12, 3, outcome=Outcome.RECOVERED)
        (spell,) = AdverseEvent.of(self.BEGAN, [self.STILL, recovered]).spells(3)
        assert spell.below == Dated(day(8), day(12), 3)

    def test_an_end_ends_it_on_the_day_after(self) -> None:
        ended = entry(AdverseEventFollowedUp(event="AE1", on=when(12), ended=when(10)), 3)
        (spell,) = AdverseEvent.of(self.BEGAN, [self.STILL, ended]).spells(3)
        assert spell.below == Dated(day(11), day(11), 3)

    def test_a_lower_grade_ends_it_on_its_day(self) -> None:
        (spell,) = AdverseEvent.of(self.BEGAN, [self.STILL, follow_up(12, 3, grade=2)]).spells(3)
        assert spell.below == Dated(day(12), day(12), 3)
        (whole,) = AdverseEvent.of(self.BEGAN, [self.STILL, follow_up(12, 3, grade=2)]).spells(2)
        assert (whole.below, len(whole.grades)) == (None, 3)

    @pytest.mark.parametrize(("on", "still"), [(8, True), (12, True), (7, False)])
    def test_not_recovered_shows_it_up_to_that_day_from_its_last_grade_on(self, on: int, *, still: bool) -> None:
        said = follow_up(on, 3, outcome=Outcome.NOT_RECOVERED)
        (spell,) = AdverseEvent.of(self.BEGAN, [self.STILL, said]).spells(3)
        assert (spell.below, spell.still) == (None, Dated(day(on), day(on), 3) if still else None)

    def test_a_fatal_one_has_no_end(self) -> None:
        (spell,) = AdverseEvent.of(self.BEGAN, [follow_up(8, 2, grade=5)]).spells(3)
        assert (spell.fatal, spell.below) == (True, None)
