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
from trialdomain.rules.adverse_event import AdverseEvent, Dated, joined_events, worse_by_row
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

    @pytest.mark.parametrize(("on", "serious"), [(3, (None, 1)), (4, (True, 2)), (5, (True, 2))])
    def test_it_is_known_from_the_day_of_the_entry_that_says_so(
        self, on: int, serious: tuple[bool | None, int]
    ) -> None:
        later = entry(AdverseEventFollowedUp(event="AE1", on=when(4), serious=True), 2)
        first = reported(0, 3)
        unsaid = attrs.evolve(first, fact=attrs.evolve(first.fact, serious=None))
        assert AdverseEvent.of(unsaid, [later]).seriousness_by(day(on)) == serious


class TestFatalBy:
    @pytest.mark.parametrize(("on", "fatal"), [(8, False), (9, True), (10, True)])
    def test_by_its_grade_from_the_day_of_that_grade_whatever_its_outcome(self, on: int, *, fatal: bool) -> None:
        event = AdverseEvent.of(reported(3, 4, outcome=Outcome.NOT_RECOVERED), [follow_up(9, 2, grade=5)])
        assert event.fatal_by(day(on)) is fatal

    @pytest.mark.parametrize(("on", "fatal"), [(8, False), (9, True), (10, True)])
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

    def test_the_death_that_one_of_them_led_to_is_of_the_event(self) -> None:
        first, second = (reported(2, grade, position=at, linked_to="E7") for at, grade in ((1, 2), (2, 4)))
        death = entry(Died(on=when(6), event="2"), 3)
        (event,) = joined_events([AdverseEvent(first), AdverseEvent(second, death=death)])
        assert (event.death, event.fatal) == (death, True)

    def test_a_row_alone_is_left_as_it_is(self) -> None:
        """Both judgments of one assessor stay, in their order: nothing has to be joined."""
        row = reported(2, 3, attributions=[said(Relatedness.LIKELY), said(Relatedness.UNRELATED)])
        assert joined_events([AdverseEvent(row)]) == [AdverseEvent(row)]

    def test_the_milder_rows_began_with_the_gravest_and_do_not_rise_with_it(self) -> None:
        """Rows of grades 1 and 3 on day 2; the second rose to 4 on day 5: that is no day of the first."""
        mild, grave = (reported(2, grade, position=at, linked_to="E7") for at, grade in ((1, 1), (2, 3)))
        rose = entry(AdverseEventFollowedUp(event="2", on=when(5), grade=4), 3)
        found = worse_by_row([AdverseEvent(mild), AdverseEvent(grave, (rose,))], INFUSED.started_at)
        by_row = {row: [(one.first, one.grade) for one in grades] for row, grades in found.items()}
        assert by_row == {"1": [(day(2), 1)], "2": [(day(2), 3), (day(5), 4)]}


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

    def test_also_one_that_was_recorded_before_the_death(self) -> None:
        event = AdverseEvent.of(reported(0, 4, ended=2), [follow_up(5, 2, grade=4)], [self.DEATH])
        assert [one.began for one in event.lasted()] == [when(0), when(5)]

    def test_nor_after_a_return_that_had_ended_too(self) -> None:
        """Days 0 to 2, days 5 to 6, and a death on day 9: it lasted twice, and the death is of the second time."""
        back = entry(AdverseEventFollowedUp(event="AE1", on=when(5), grade=3, ended=when(6)), 2)
        event = AdverseEvent.of(reported(0, 4, ended=2), [back], [entry(Died(on=when(9), event="AE1"), 3)])
        assert [(one.began, one.ended, [graded.grade for graded in one.grades]) for one in event.lasted()] == [
            (when(0), when(2), [4]),
            (when(5), when(6), [3, 5]),
        ]


class TestTheGradeOfADeath:
    """A death that an event led to, of which only the month is known; the window ends on day 14, 26 March."""

    @pytest.mark.parametrize(("onset", "counts"), [(14, True), (15, False), (19, False)])
    def test_it_was_not_before_the_onset(self, onset: int, *, counts: bool) -> None:
        """Day 19 is 31 March, the last day of the month: a death in March was on that very day."""
        event = AdverseEvent.of(reported(onset, 4, outcome=Outcome.FATAL), [])
        rule = DltRule(criteria=(DltCriterion(terms=("Fever",), min_grade=5),))
        deaths = [entry(Died(on=ClinicalTime("2026-03")), 2)]
        assert (qualifying(event, infusion=INFUSED, rule=rule, deaths=deaths) is not None) is counts


class TestTheHourOfTheInfusion:
    """An infusion at noon of day 0, and an event that ended on that day, at no known time."""

    NOON = Infused(level=1, started_at=ClinicalTime("2026-03-12T12:00+00:00"))

    @pytest.mark.parametrize(("clock", "counts"), [("11:59", False), ("12:00", True), ("12:01", True)])
    def test_an_event_of_that_morning_began_before_it(self, clock: str, *, counts: bool) -> None:
        report = reported(0, 3, ended=0)
        fact = attrs.evolve(report.fact, onset=ClinicalTime(f"2026-03-12T{clock}+00:00"))
        event = AdverseEvent.of(attrs.evolve(report, fact=fact), [])
        assert event.began_before(self.NOON.started_at) is not counts
        assert (qualifying(event, infusion=self.NOON, rule=DltRule()) is not None) is counts


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

    def test_it_is_dated_by_the_first_grades_of_the_two(self) -> None:
        """The fever rose on day 8, and the chills on day 9: both were there from day 3 on."""
        fever = AdverseEvent.of(reported(3, 3), [follow_up(8, 3, grade=4)])
        assert self.found(fever, chills(2, rose=9)) == (day(3), 3)
        assert self.found(fever, chills(6, rose=9)) == (day(6), 3)

    @pytest.mark.parametrize(("joined", "grade"), [(7, 3), (8, 4), (9, 4)])
    def test_the_grade_is_the_one_of_that_day(self, joined: int, grade: int) -> None:
        fever = AdverseEvent.of(reported(3, 3), [follow_up(8, 3, grade=4)])
        assert self.found(fever, chills(joined)) == (day(joined), grade)

    def test_a_companion_of_before_the_infusion_leaves_the_day_of_the_fever(self) -> None:
        """Chills since day -5, and a fever on the day of the infusion: both from day 0 on."""
        assert self.found(AdverseEvent.of(reported(0, 3), []), chills(-5)) == (day(0), 3)

    @pytest.mark.parametrize("name", ["AE0", "AE2"])
    def test_it_is_any_other_event_of_the_participant_and_not_the_event_itself(self, name: str) -> None:
        fever = AdverseEvent.of(reported(3, 3), [])
        assert self.found(fever, chills(4, name=name)) == (day(4), 3)
        both = DltRule(
            criteria=(DltCriterion(terms=("Fever",), together_with=DltCompanion(terms=("Fever",), min_grade=1)),)
        )
        assert qualifying(fever, infusion=INFUSED, rule=both, others=[fever]) is None

    @pytest.mark.parametrize(("fever_ended", "by_longest"), [(18, True), (19, False)])
    def test_a_common_day_is_sure_where_each_possible_day_is_one(self, fever_ended: int, *, by_longest: bool) -> None:
        """Chills that began in March, at the latest on day 19, the 31st; a fever from day 3 to day 18 or day 19."""
        march = AdverseEventReported(event="AE2", term="Chills", grade=2, onset=ClinicalTime("2026-03"))
        fever = AdverseEvent.of(reported(3, 3, ended=fever_ended), [])
        others = [fever, AdverseEvent.of(entry(march, 2), [])]
        rule = attrs.evolve(self.RULE, window_days=28)
        found = qualifying(fever, infusion=INFUSED, rule=rule, others=others)
        assert found is not None
        assert found.by_longest is by_longest

    def test_none_is_asked_of_a_fatal_grade(self) -> None:
        """A fever of grade 5 on day 8 counts without chills, from that day on."""
        fever = AdverseEvent.of(reported(3, 3), [follow_up(8, 2, grade=5)])
        assert self.found(fever) == (day(8), 5)

    def found(self, fever: AdverseEvent, *others: AdverseEvent) -> tuple[date, int] | None:
        found = qualifying(fever, infusion=INFUSED, rule=self.RULE, others=[fever, *others])
        return None if found is None else (found.graded.first, found.graded.grade)


def chills(began: int, *, rose: int | None = None, name: str = "AE2") -> AdverseEvent:
    report = AdverseEventReported(event=name, term="Chills", grade=2, onset=when(began))
    later = [] if rose is None else [entry(AdverseEventFollowedUp(event=name, on=when(rose), grade=3), 9)]
    return AdverseEvent.of(entry(report, 8), later)


class TestADuration:
    """A fever of grade 3 counts if it lasts longer than 7 days."""

    RULE = DltRule(criteria=(DltCriterion(terms=("Fever",), min_grade=3, longer_than_days=7),))

    @pytest.mark.parametrize(("onset", "by_longest"), [(13, False), (14, True)])
    def test_by_the_longest_where_the_shortest_is_not_longer(self, onset: int, *, by_longest: bool) -> None:
        """It ended in April, on the 1st or later: below on 2 April, day 21. 21 - 14 are 7 days, 21 - 13 are 8."""
        report = reported(onset, 3)
        event = AdverseEvent.of(attrs.evolve(report, fact=attrs.evolve(report.fact, ended=ClinicalTime("2026-04"))), [])
        found = qualifying(event, infusion=INFUSED, rule=self.RULE)
        assert found is not None
        assert found.by_longest is by_longest

    def test_what_counts_at_once_or_by_days_that_are_known_does_not_rest_on_the_longest(self) -> None:
        at_once = qualifying(AdverseEvent.of(reported(3, 3), []), infusion=INFUSED, rule=DltRule())
        lasted = qualifying(AdverseEvent.of(reported(3, 3, ended=12), []), infusion=INFUSED, rule=self.RULE)
        assert at_once is not None
        assert lasted is not None
        assert (at_once.by_longest, lasted.by_longest) == (False, False)


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

    def test_the_day_after_it_is_the_answer_whatever_was_said_before(self) -> None:
        """Not recovered on day 9, and ended on day 10: below from day 11 on, and nothing is still open."""
        told = [
            self.STILL,
            follow_up(9, 3, outcome=Outcome.NOT_RECOVERED),
            entry(AdverseEventFollowedUp(event="AE1", on=when(12), ended=when(10)), 4),
        ]
        (spell,) = AdverseEvent.of(self.BEGAN, told).spells(3)
        assert (spell.below, spell.still) == (Dated(day(11), day(11), 4), None)

    @pytest.mark.parametrize(
        ("outcome", "below", "still"),
        [
            (Outcome.NOT_RECOVERED, None, Dated(day(12), day(12), 3)),
            (Outcome.RECOVERED, Dated(day(8), day(12), 3), None),  # between its grade and the entry that says so
        ],
    )
    def test_of_an_event_that_came_back_the_last_outcome_is_of_the_last_one(
        self, outcome: Outcome, below: Dated | None, still: Dated | None
    ) -> None:
        """A fever of day 3 ended on day 5, and came back on day 8."""
        told = [follow_up(8, 2, grade=3), follow_up(12, 3, outcome=outcome)]
        first, second = AdverseEvent.of(reported(3, 3, ended=5), told).spells(3)
        assert (first.below, first.still) == (Dated(day(6), day(6), 1), None)
        assert (second.below, second.still) == (below, still)

    @pytest.mark.parametrize(("on", "still"), [(8, True), (12, True), (7, False)])
    def test_not_recovered_shows_it_up_to_that_day_from_its_last_grade_on(self, on: int, *, still: bool) -> None:
        said = follow_up(on, 3, outcome=Outcome.NOT_RECOVERED)
        (spell,) = AdverseEvent.of(self.BEGAN, [self.STILL, said]).spells(3)
        assert (spell.below, spell.still) == (None, Dated(day(on), day(on), 3) if still else None)

    def test_a_fatal_one_has_no_end(self) -> None:
        (spell,) = AdverseEvent.of(self.BEGAN, [follow_up(8, 2, grade=5)]).spells(3)
        assert (spell.fatal, spell.below) == (True, None)
