"""The safety review: deadlines by ICH E2A, delayed toxicity, narratives, and missing judgements.

Days are counted from the start of chemotherapy; the infusion is on day 1, its window ends on day 15.
"""

from datetime import date, timedelta

import attrs
import pytest
from blocks import tables_of
from site_desk import REASON, Site

from trialdomain import (
    Agent,
    Assessor,
    Attribution,
    Draft,
    History,
    Outcome,
    Relatedness,
    Review,
    Seriousness,
    WindowResult,
)
from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, Died, DltWindowAssessed
from trialdomain.events.trial import TrialRegistered
from trialdomain.projections.review import Open
from trialdomain.reports.review import review_report
from trialdomain.testing.patient import OPEN, T0, Patient, at
from trialdomain.values.ids import participant_stream, trial_stream


def judged(relatedness: Relatedness, assessor: Assessor = Assessor.INVESTIGATOR) -> tuple[Attribution, ...]:
    return (Attribution(agent=Agent.INFUSION, assessor=assessor, relatedness=relatedness),)


LIKELY = judged(Relatedness.LIKELY)
HOSPITAL = (Seriousness.HOSPITALIZATION,)
DANGER = (Seriousness.LIFE_THREATENING,)


def reported(patient: Patient, day: int = 3, **fields: object) -> Patient:
    """Report a serious, related, unexpected event of which the sponsor knew a day later, or something else."""
    usual: dict[str, object] = {
        "event": "AE1",
        "term": "Fever",
        "grade": 3,
        "onset": at(day),
        "aware_on": at(day + 1),
        "expected": False,
        "serious": True,
        "seriousness": HOSPITAL,
        "attributions": LIKELY,
    }
    return patient.add(AdverseEventReported, **{**usual, **fields})


def followed(patient: Patient, day: int, **fields: object) -> Patient:
    return patient.add(AdverseEventFollowedUp, event="AE1", on=at(day), **fields)


def review(patient: Patient, on: int = 60) -> Review:
    return patient.history().review(on=T0 + timedelta(days=on))


def day(number: int) -> date:
    return T0 + timedelta(days=number)


class TestWhenAReactionIsDue:
    def test_fifteen_days_after_the_sponsor_knew(self) -> None:
        (found,) = review(reported(Patient())).reactions
        assert (found.aware_on, found.due_in_7_days, found.due_in_15_days) == (day(4), None, day(19))
        assert found.awareness_recorded

    @pytest.mark.parametrize("criteria", [DANGER, (Seriousness.DEATH,), (*HOSPITAL, *DANGER)])
    def test_and_seven_of_one_that_is_fatal_or_life_threatening(self, criteria: tuple[Seriousness, ...]) -> None:
        (found,) = review(reported(Patient(), seriousness=criteria)).reactions
        assert (found.due_in_7_days, found.due_in_15_days) == (day(11), day(19))

    def test_the_word_that_made_it_one_starts_the_clock(self) -> None:
        """Serious only by the follow-up of day 8, of which the sponsor knew on day 9."""
        patient = reported(Patient(), serious=False, seriousness=())
        followed(patient, 8, serious=True, seriousness=HOSPITAL, aware_on=at(9))
        (found,) = review(patient).reactions
        assert (found.aware_on, found.due_in_15_days) == (day(9), day(24))

    def test_so_does_the_word_that_made_it_related(self) -> None:
        patient = reported(Patient(), attributions=judged(Relatedness.UNLIKELY))
        followed(patient, 8, attributions=judged(Relatedness.POSSIBLY, Assessor.SPONSOR), aware_on=at(10))
        (found,) = review(patient).reactions
        assert (found.aware_on, found.relatedness) == (day(10), Relatedness.POSSIBLY)

    def test_the_seven_days_start_with_the_word_that_made_it_dangerous(self) -> None:
        patient = followed(reported(Patient()), 8, serious=True, seriousness=DANGER, aware_on=at(9))
        (found,) = review(patient).reactions
        assert (found.aware_on, found.due_in_7_days, found.due_in_15_days) == (day(4), day(16), day(19))

    def test_where_nobody_recorded_when_the_sponsor_knew_the_day_of_recording_stands_for_it(self) -> None:
        """Drafts are recorded from 1 January 2026 on, a second apart."""
        found = review(reported(Patient(), aware_on=None))
        (reaction,) = found.reactions
        assert (reaction.aware_on, reaction.awareness_recorded) == (date(2026, 1, 1), False)
        assert Open.AWARENESS in {one.what for one in found.not_assessed}

    @pytest.mark.parametrize(
        "fields",
        [
            {"expected": True},
            {"serious": False, "seriousness": ()},
            {"attributions": judged(Relatedness.UNLIKELY)},
            {"attributions": ()},
        ],
    )
    def test_none_where_it_is_expected_not_serious_or_not_related(self, fields: dict[str, object]) -> None:
        assert review(reported(Patient(), 3, **fields)).reactions == ()

    def test_of_which_nobody_said_whether_it_was_expected_it_stands_there_and_is_not_assessed(self) -> None:
        found = review(reported(Patient(), expected=None))
        assert [one.expected for one in found.reactions] == [None]
        assert Open.EXPECTEDNESS in {one.what for one in found.not_assessed}

    def test_a_death_makes_it_fatal(self) -> None:
        patient = reported(Patient()).add(Died, on=at(6), event="AE1")
        (found,) = review(patient).reactions
        assert found.due_in_7_days is not None

    def test_the_first_one_due_comes_first(self) -> None:
        patient = reported(Patient(), 3)
        reported(patient, 5, event="AE2", seriousness=DANGER)
        assert [one.event for one in review(patient).reactions] == ["AE2", "AE1"]

    @pytest.mark.parametrize("told", ["grade", "follow-up", "outcome", "death"])
    def test_a_fatal_one_is_serious_whatever_else_was_said(self, told: str) -> None:
        plain: dict[str, object] = {"serious": False, "seriousness": ()}
        patient = reported(Patient(), 3, **plain, **({"grade": 5} if told == "grade" else {}))
        if told == "follow-up":
            followed(patient, 5, grade=5)
        if told == "outcome":
            followed(patient, 5, outcome=Outcome.FATAL)
        if told == "death":
            patient.add(Died, on=at(5), event="AE1")
        found = review(patient)
        (reaction,) = found.reactions
        assert reaction.due_in_7_days is not None
        assert Seriousness.DEATH in reaction.criteria
        assert [one.event for one in found.participants[0].serious] == ["AE1"]

    def test_words_count_in_the_order_in_which_the_sponsor_learned_them(self) -> None:
        """Life-threatening by a follow-up learned on day 6; hospitalization, of an earlier day, learned on day 40."""
        patient = reported(Patient(), serious=False, seriousness=())
        followed(patient, 3, serious=True, seriousness=HOSPITAL, aware_on=at(40))
        followed(patient, 5, serious=True, seriousness=DANGER, aware_on=at(6))
        (found,) = review(patient).reactions
        assert (found.aware_on, found.dangerous_since) == (day(6), day(6))
        assert (found.due_in_7_days, found.due_in_15_days, found.complete_by) == (day(13), day(21), day(21))

    def test_no_clock_of_danger_runs_before_it_is_known_to_be_related(self) -> None:
        patient = reported(Patient(), attributions=())
        followed(patient, 3, attributions=LIKELY, aware_on=at(20))
        followed(patient, 5, serious=True, seriousness=DANGER, aware_on=at(6))
        (found,) = review(patient).reactions
        assert (found.aware_on, found.due_in_7_days) == (day(20), day(27))

    def test_a_correction_does_not_move_the_day_on_which_it_was_first_recorded(self) -> None:
        site = Site()
        site.treat("S001", "S002", "S003")
        site.on(3)
        (entry,) = site.desk.report_adverse_event(
            "S001", event="AE1", term="Fever", grade=2, onset=site.today, serious=list(HOSPITAL), attributions=LIKELY
        )[:1]
        site.on(20).desk.correct(entry, grade=3, reason=REASON)
        (found,) = site.trial.history().review(on=site.today).reactions
        assert (found.highest_grade, found.aware_on) == (3, day(3))  # day 3 of the site is day 3 here

    def test_a_death_whose_awareness_cannot_be_recorded_is_listed(self) -> None:
        found = review(reported(Patient()).add(Died, on=at(6), event="AE1"))
        (reaction,) = found.reactions
        assert (reaction.aware_on, reaction.awareness_recorded, reaction.danger_recorded) == (day(4), True, False)
        assert [one.what for one in found.not_assessed] == [Open.AWARENESS]

    def test_a_partial_day_of_awareness_is_the_earliest_since_the_onset_and_not_recorded_in_full(self) -> None:
        (found,) = review(reported(Patient(), aware_on="2026")).reactions
        assert (found.aware_on, found.awareness_recorded) == (day(3), False)

    def test_an_event_from_before_the_infusion_that_became_a_reaction(self) -> None:
        patient = reported(Patient(infusion=5), 1, serious=False, seriousness=(), attributions=())
        followed(patient, 8, serious=True, seriousness=DANGER, attributions=LIKELY, aware_on=at(9))
        assert [one.event for one in review(patient).reactions] == ["AE1"]


class TestDelayedToxicity:
    """The infusion is on day 1: the window ends on day 15."""

    @pytest.mark.parametrize(("onset", "delayed"), [(15, 0), (16, 1)])
    def test_an_onset_after_the_window(self, onset: int, delayed: int) -> None:
        found = review(reported(Patient(), onset))
        assert (len(found.delayed), len(found.narratives)) == (delayed, 1 - delayed)

    def test_an_unrelated_one_is_none(self) -> None:
        assert review(reported(Patient(), 20, attributions=judged(Relatedness.UNRELATED))).delayed == ()

    def test_worsening_counts_only_where_the_protocol_says_so(self) -> None:
        patient = reported(Patient(), -1, grade=2)
        followed(patient, 25, grade=4)
        assert len(review(patient).delayed) == 1
        assert OPEN.dlt is not None
        patient.protocol = attrs.evolve(OPEN, dlt=attrs.evolve(OPEN.dlt, worsening=False))
        assert review(patient).delayed == ()

    def test_it_says_how_many_days_after_the_infusion(self) -> None:
        (found,) = review(reported(Patient(), 20)).delayed
        assert (found.day, found.grade, found.positions) == (19, 3, (6,))


class TestEverybody:
    def test_where_they_stand(self) -> None:
        patient = Patient().add(DltWindowAssessed, on=at(15), by="Dr. Li", result=WindowResult.NO_DLT)
        (found,) = review(patient, on=20).participants
        assert (found.level, found.assessed_by, found.days_left) == (1, ("Dr. Li",), 0)
        assert (str(found.infusions[0]), str(found.chemotherapy[0])) == (at(1, "10:00"), at(0))
        assert found.last_contact == day(15)

    def test_days_left_in_the_window(self) -> None:
        (found,) = review(Patient(), on=5).participants
        assert (found.window_last, found.days_left) == (day(15), 10)

    def test_serious_events_highest_grade_and_death(self) -> None:
        patient = reported(Patient(), grade=2)
        followed(patient, 5, grade=4, outcome=Outcome.RECOVERING)
        (found,) = review(patient.add(Died, on=at(30))).participants
        assert (found.highest_grade, [one.term for one in found.serious], str(found.death)) == (4, ["Fever"], at(30))

    def test_deviations_with_their_reason(self) -> None:
        patient = Patient()
        stream = participant_stream(OPEN.trial, "S001")
        drafts = [Draft(stream=stream, fact=fact) for fact in patient.facts[:-1]]
        broken = Draft(stream=stream, fact=patient.facts[-1], deviation="given before the criteria were answered")
        registered = Draft(stream=trial_stream(OPEN.trial), fact=TrialRegistered(protocol=OPEN))
        (found,) = History.of([registered, *drafts, broken]).review(on=day(5)).participants
        assert [(one.position, one.why) for one in found.deviations] == [
            (5, "given before the criteria were answered"),
        ]

    def test_a_deviation_stays_when_its_entry_is_corrected(self) -> None:
        patient = Patient()
        stream = participant_stream(OPEN.trial, "S001")
        drafts = [Draft(stream=stream, fact=fact) for fact in patient.facts[:-1]]
        broken = Draft(stream=stream, fact=patient.facts[-1], deviation="given before the criteria were answered")
        fixed = Draft(stream=stream, fact=patient.facts[-1], corrects=4, reason="transcription: slip 12")
        registered = Draft(stream=trial_stream(OPEN.trial), fact=TrialRegistered(protocol=OPEN))
        (found,) = History.of([registered, *drafts, broken, fixed]).review(on=day(5)).participants
        assert [one.why for one in found.deviations] == ["given before the criteria were answered"]

    def test_the_highest_grade_is_that_since_the_infusion(self) -> None:
        patient = reported(Patient(infusion=5), 0, grade=4, serious=False, seriousness=())
        followed(patient, 3, grade=1)
        followed(patient, 8, grade=2)
        assert review(patient).participants[0].highest_grade == 2

    def test_only_judgements_that_stand_name_who_assessed_a_dlt(self) -> None:
        both = (*LIKELY, *judged(Relatedness.POSSIBLY, Assessor.SPONSOR))
        patient = followed(reported(Patient(), attributions=both), 6, attributions=judged(Relatedness.UNRELATED))
        assert review(patient).participants[0].assessed_by == ("sponsor",)

    def test_who_died_before_the_infusion_is_reviewed_too(self) -> None:
        (found,) = review(Patient(infusion=None).died(2)).participants
        assert (found.level, found.infusions, str(found.death)) == (1, (), at(2))

    def test_who_was_not_enrolled_is_not_reviewed(self) -> None:
        patient = Patient(chemotherapy=None, infusion=None)
        assert review(patient).participants[0].infusions == ()
        patient.facts = patient.facts[:1]
        assert review(patient).participants == ()


class TestNarratives:
    def test_the_story_of_a_dlt(self) -> None:
        patient = followed(reported(Patient(), grade=2), 6, grade=3, outcome=Outcome.RECOVERED, ended=at(9))
        (found,) = review(patient).narratives
        assert (found.dlt.term, found.day, [graded.grade for graded in found.grades]) == ("Fever", 2, [2, 3])
        assert [(one.assessor, one.relatedness) for one in found.judgements] == [
            (Assessor.INVESTIGATOR, Relatedness.LIKELY)
        ]
        assert (found.outcome, str(found.ended), found.criteria) == (Outcome.RECOVERED, at(9), HOSPITAL)


class TestNotAssessed:
    def test_a_window_that_is_over(self) -> None:
        assert [one.what for one in review(Patient(), on=20).not_assessed] == [Open.WINDOW]
        assert review(Patient(), on=10).not_assessed == ()

    def test_relatedness(self) -> None:
        found = review(reported(Patient(), attributions=(), expected=True)).not_assessed
        assert [(one.what, one.event, one.position) for one in found] == [(Open.RELATEDNESS, "AE1", 6)]

    def test_a_death_that_no_event_explains(self) -> None:
        assert [one.what for one in review(Patient().died(5)).not_assessed] == [Open.DEATH]

    def test_a_death_of_which_a_partial_date_leaves_open_when(self) -> None:
        found = review(Patient().add(Died, on="2026"), on=20)
        assert [one.what for one in found.not_assessed] == [Open.ENDING]
        (table,) = (table for table in tables_of(review_report(found)) if table.title == "Not assessed")
        assert [row[1] for row in table.rows] == ["whether the last day of the window was seen: a date is partial"]

    @pytest.mark.parametrize("what", Open)
    def test_everything_that_waits_has_words(self, what: Open) -> None:
        found = review(Patient(), on=20)
        waits = attrs.evolve(found, not_assessed=(attrs.evolve(found.not_assessed[0], what=what),))
        (table,) = (table for table in tables_of(review_report(waits)) if table.title == "Not assessed")
        assert len(table.rows[0][1].split()) > 2
