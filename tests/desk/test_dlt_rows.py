"""A DLT rule of rows, conducted through the desk: durations, companions, exceptions, and the row that decides.

Days are elapsed days from the infusion (day 0); the window is day 0 to day 14. A duration is the first day below the
grade minus the first day at it, and "longer than n days" is more than n. Each case shows its calculation.
"""

from datetime import date
from decimal import Decimal

import attrs
import pytest
from site_desk import OPEN, REASON, RELATED, Site, day, judged, kinds

from trialdomain import Comparator, Relatedness, TrialProtocol, WithdrawalScope, findings, lab
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml
from trialdomain.protocol.dlt_criteria import DltCompanion, DltCriterion
from trialdomain.protocol.dlt_rule import DltRule
from trialdomain.protocol.silences import silences
from trialdomain.reports.escalation.state import member_json
from trialdomain.reports.review import review_report
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationFlag, EvaluationReason
from trialdomain.values.clinical.toxicity import Outcome

TABLE = """
trial = "NCT06245746"
title = "A table of DLTs"
version = "1"
levels = [{level = 1}, {level = 2}, {level = 3}]

[[dlt.criteria]]
terms = ["Neutrophil count decreased"]
min_grade = 4
longer_than_days = 7

[[dlt.criteria]]
terms = ["Neutrophil count decreased", "Alopecia"]
never = true

[[dlt.criteria]]
terms = ["Nausea", "Vomiting", "Diarrhea"]
min_grade = 3
longer_than_days = 3

[[dlt.criteria]]
terms = ["Alanine aminotransferase increased"]
min_grade = 3
together_with = {terms = ["Blood bilirubin increased"], min_grade = 2}

[[dlt.criteria]]
min_grade = 3
"""
PROTOCOL = attrs.evolve(protocol_from_toml(TABLE), zone=None)
ANC = "Neutrophil count decreased"
ALT, BILIRUBIN = "Alanine aminotransferase increased", "Blood bilirubin increased"


def treated(protocol: TrialProtocol = PROTOCOL) -> Site:
    site = Site(protocol)
    site.treat("S001")
    return site


def reported(
    site: Site, term: str, grade: int, onset: int | str, *, event: str = "AE1", ended: int | str | None = None
) -> list[str]:
    """Report a related event today, or on the day of its onset; days as numbers, partial dates as texts."""
    if isinstance(onset, int):
        site.on(onset)
    if isinstance(ended, int):
        site.on(ended)
    return kinds(
        site.desk.report_adverse_event(
            "S001",
            event=event,
            term=term,
            grade=grade,
            onset=_when(onset) or "",
            ended=_when(ended),
            attributions=RELATED,
        )
    )


def followed(site: Site, on: int, grade: int | None = None, *, event: str = "AE1", ended: int | None = None) -> None:
    site.on(on).desk.follow_up_adverse_event("S001", event=event, on=day(on), grade=grade, ended=_when(ended))


def _when(given: int | str | None) -> date | str | None:
    return day(given) if isinstance(given, int) else given


def reason(site: Site) -> EvaluationReason:
    return site.member("S001").standing.reason


class TestADuration:
    @pytest.mark.parametrize(
        ("below", "limits"),
        [
            (10, False),  # day 10 - day 3 = 7 days: not longer than 7
            (11, True),  # day 11 - day 3 = 8 days
        ],
    )
    def test_it_is_counted_to_the_first_day_below_the_grade(self, below: int, limits: bool) -> None:
        site = treated()
        reported(site, ANC, 4, 3)
        followed(site, below, 1)
        site.on(15).assess("S001")
        assert (site.dlts(), site.evaluation("S001")) == (limits, Evaluation.EVALUABLE)
        site.check()

    @pytest.mark.parametrize(
        ("ended", "limits"),
        [
            (4, False),  # grade 0 from day 5: day 5 - day 2 = 3 days, not longer than 3
            (5, True),  # grade 0 from day 6: day 6 - day 2 = 4 days
        ],
    )
    @pytest.mark.parametrize("term", ["Nausea", "vomiting", "DIARRHEA "])
    def test_a_resolved_event_is_below_from_the_day_after_its_end(
        self,
        term: str,
        ended: int,
        limits: bool,
    ) -> None:
        site = treated()
        reported(site, term.strip(), 3, 2, ended=ended)
        assert site.dlts() == limits
        site.check()

    @pytest.mark.parametrize(("still", "limits"), [(5, False), (6, True)])
    def test_an_open_one_counts_once_an_entry_shows_it_longer(self, still: int, limits: bool) -> None:
        """Still grade 3 on day 5: 5 - 2 = 3 days so far. Still grade 3 on day 6: 4 days, longer than 3."""
        site = treated()
        reported(site, "Nausea", 3, 2)
        assert reason(site) is EvaluationReason.DURATION_OPEN
        followed(site, still, 3)
        assert site.dlts() == limits
        site.check()

    def test_a_follow_up_that_says_not_recovered_leaves_the_grade_as_it_was(self) -> None:
        """Not recovered on day 5: 3 days so far; on day 6: 4 days. A judgment alone, on day 9, shows no day."""
        site = treated()
        reported(site, "Nausea", 3, 2)
        site.on(5).desk.follow_up_adverse_event("S001", event="AE1", on=day(5), outcome=Outcome.NOT_RECOVERED)
        site.on(9).desk.follow_up_adverse_event("S001", event="AE1", on=day(9), attributions=RELATED)
        assert (site.dlts(), reason(site)) == (0, EvaluationReason.DURATION_NOT_SHOWN)
        site.desk.follow_up_adverse_event("S001", event="AE1", on=day(6), outcome=Outcome.NOT_RECOVERED)
        assert site.dlts() == 1
        site.check()

    def test_its_onset_is_the_day_on_which_the_grade_began(self) -> None:
        """Grade 2 on day 1, grade 3 on day 4, grade 4 on day 6, grade 2 on day 8: 8 - 4 = 4 days at grade 3 or more."""
        site = treated()
        reported(site, "Diarrhea", 2, 1)
        for number, grade in ((4, 3), (6, 4), (8, 2)):
            followed(site, number, grade)
        dlt = site.member("S001").dlt
        assert dlt is not None
        assert (dlt.onset.day, dlt.grade, dlt.row) == (day(4), 3, 3)
        assert dlt.because == "Nausea, Vomiting or Diarrhea of grade 3 or more for longer than 3 days"
        assert dlt.known_on == day(8)

    def test_two_short_spells_are_not_added(self) -> None:
        """Days 2 to 5 and days 8 to 11: 3 days each, never longer than 3."""
        site = treated()
        reported(site, "Nausea", 3, 2)
        for number, grade in ((5, 1), (8, 3), (11, 1)):
            followed(site, number, grade)
        site.on(14).assess("S001")
        assert (site.dlts(), reason(site)) == (0, EvaluationReason.WINDOW_ASSESSED)

    @pytest.mark.parametrize(("onset", "limits"), [(14, True), (15, False)])
    def test_the_grade_must_begin_in_the_window_and_may_last_beyond_it(self, onset: int, limits: bool) -> None:
        site = treated()
        reported(site, ANC, 4, onset)
        followed(site, onset + 8, 1)  # 8 days
        assert site.dlts() == limits
        late = site.trial.history().review(on=site.today).delayed
        assert [(one.term, one.on.day) for one in late] == ([] if limits else [(ANC, day(15))])

    def test_it_is_asked_since_the_infusion(self) -> None:
        """Grade 3 before the infusion is no toxicity of it; it rose to 4 on day 2 and fell to 2 on day 5: 3 days."""
        site = Site(PROTOCOL)
        site.on(5).treat("S001")
        site.desk.report_adverse_event(
            "S001", event="AE1", term="Diarrhea", grade=3, onset=day(0), attributions=RELATED
        )
        followed(site, 7, 4)
        followed(site, 10, 2)
        assert site.dlts() == 0
        followed(site, 11, 3)
        followed(site, 15, 1)  # day 15 - day 11 = 4 days
        assert site.dlts() == 1

    def test_a_death_of_it_counts_at_once(self) -> None:
        site = treated()
        reported(site, "Diarrhea", 4, 5)
        site.on(6).desk.follow_up_adverse_event("S001", event="AE1", on=day(6), grade=5)
        assert site.dlts() == 1
        site.check()


class TestPending:
    def test_past_the_window_too(self) -> None:
        """Grade 4 from day 12, more than 7 days: open up to day 19, and shown by nobody from day 20 on."""
        site = treated()
        reported(site, ANC, 4, 12)
        site.on(15).assess("S001")
        assert (site.evaluation("S001"), reason(site)) == (Evaluation.PENDING, EvaluationReason.DURATION_OPEN)
        (awaited,) = site.state().situation.awaited
        assert awaited.until == day(20)
        site.on(19)
        assert reason(site) is EvaluationReason.DURATION_OPEN
        site.on(20)
        assert (site.evaluation("S001"), reason(site)) == (Evaluation.PENDING, EvaluationReason.DURATION_NOT_SHOWN)
        assert "window" in {found.check for found in findings(site.trial.history(), on=site.today).found}
        site.check()
        followed(site, 21, 1)  # day 21 - day 12 = 9 days
        assert (site.dlts(), site.evaluation("S001")) == (1, Evaluation.EVALUABLE)
        site.check()

    def test_a_short_one_makes_evaluable(self) -> None:
        site = treated()
        reported(site, ANC, 4, 12)
        site.on(15).assess("S001")
        followed(site, 19, 2)  # day 19 - day 12 = 7 days
        member = site.member("S001")
        assert (member.dlt, member.standing.evaluation) == (None, Evaluation.EVALUABLE)
        follow_up = site.trial.history().entries()
        assert {entry.position for entry in follow_up if type(entry.fact).__name__ == "AdverseEventFollowedUp"} <= {
            *member.evidence
        }

    def test_what_can_no_longer_be_known_is_not_evaluable(self) -> None:
        site = treated()
        reported(site, ANC, 4, 12)
        site.on(15).assess("S001")
        site.on(16).desk.withdraw("S001", on=day(16), scope=WithdrawalScope.FOLLOW_UP, why="moved away")
        member = site.member("S001")
        assert member.standing.evaluation is Evaluation.NOT_EVALUABLE
        assert member.standing.reason is EvaluationReason.DURATION_NOT_SHOWN
        site.check()
        site.on(30).desk.follow_up_adverse_event("S001", event="AE1", on=day(30), ended=day(22))  # 23 - 12 = 11 days
        assert site.dlts() == 1
        site.check()

    def test_an_unrelated_event_is_not_waited_for(self) -> None:
        site = treated()
        site.on(12).desk.report_adverse_event(
            "S001", event="AE1", term=ANC, grade=4, onset=day(12), attributions=judged(Relatedness.UNRELATED)
        )
        site.on(15).assess("S001")
        assert site.evaluation("S001") is Evaluation.EVALUABLE

    def test_a_pending_duration_blocks_the_escalation(self) -> None:
        site = Site(PROTOCOL)
        site.treat("S001", "S002", "S003")
        reported(site, ANC, 4, 12)
        site.on(15).assess("S001", "S002", "S003")
        assert site.state().decision.action.value == "wait"


class TestPartialDates:
    def test_the_longest_duration_that_they_allow_counts_until_they_are_completed(self) -> None:
        """Onset in March (day 0 is 2 March), ended on 6 March: from 2 March to 7 March are 5 days, more than 3."""
        site = treated()
        site.on(6)
        entries = site.desk.report_adverse_event(
            "S001", event="AE1", term="Nausea", grade=3, onset="2026-03", ended="2026-03-06", attributions=RELATED
        )
        member = site.member("S001")
        assert member.dlt is not None
        assert member.flags == (EvaluationFlag.PARTIAL_ONSET, EvaluationFlag.PARTIAL_DURATION)
        # Completed to 4 March: 7 - 4 = 3 days.
        assert "DltRevoked" in kinds(site.desk.correct(entries[0], onset="2026-03-04", reason=REASON))
        assert site.dlts() == 0
        site.check()

    def test_a_recovery_without_its_day_is_as_late_as_its_entry(self) -> None:
        """Nobody says when it ended; the entry of day 6 says that it had: at most 6 - 2 = 4 days, more than 3."""
        site = treated()
        reported(site, "Nausea", 3, 2)
        site.on(6).desk.follow_up_adverse_event("S001", event="AE1", on=day(6), outcome=Outcome.RECOVERED)
        member = site.member("S001")
        assert (member.dlt is not None, member.flags) == (True, (EvaluationFlag.PARTIAL_DURATION,))


class TestCorrections:
    def test_each_entry_attributes_or_revokes_at_once(self) -> None:
        site = treated()
        reported(site, ANC, 4, 3)
        site.on(11)
        entries = site.desk.follow_up_adverse_event("S001", event="AE1", on=day(11), grade=1)
        assert kinds(entries) == ["AdverseEventFollowedUp", "MemberAssessed", "DltAttributed"]
        earlier = site.desk.correct(entries[0], on=day(10), reason=REASON)
        assert kinds(earlier) == ["AdverseEventFollowedUp", "DltRevoked", "MemberAssessed"]
        site.check()
        voided = site.desk.void(earlier[0], reason=REASON)
        assert site.dlts() == 0
        assert reason(site) is EvaluationReason.DURATION_NOT_SHOWN
        assert kinds(voided) == ["ParticipantEntryVoided"]
        site.check()

    def test_a_companion_that_is_corrected_revokes(self) -> None:
        site = treated()
        reported(site, ALT, 3, 3)
        site.on(6)
        entries = site.desk.report_adverse_event("S001", event="AE2", term=BILIRUBIN, grade=2, onset=day(6))
        assert "DltAttributed" in kinds(entries)
        assert "DltRevoked" in kinds(site.desk.correct(entries[0], grade=1, reason=REASON))
        site.check()

    def test_an_amendment_does_not_reach_back(self) -> None:
        """DLT and evaluability follow the version in force at the infusion."""
        site = treated(OPEN)
        site.toxicity("S001", grade=1)
        site.on(1).desk.amend(attrs.evolve(PROTOCOL, version="2"), effective_on=day(1), summary="a table of DLTs")
        assert site.dlts() == 1


class TestACompanion:
    """ALT of grade 3 counts only together with bilirubin of grade 2 (Hy's law)."""

    def test_alone_it_is_no_dlt(self) -> None:
        site = treated()
        reported(site, ALT, 4, 3)
        site.on(14).assess("S001")
        assert (site.dlts(), site.evaluation("S001")) == (0, Evaluation.EVALUABLE)

    @pytest.mark.parametrize(
        ("alt_ended", "bilirubin", "limits"),
        [
            (8, 6, True),  # ALT days 3 to 8, bilirubin from day 6: both on day 6
            (6, 6, True),  # both on day 6, the last day of ALT
            (5, 6, False),  # ALT was at grade 0 on day 6
            (20, 14, True),  # day 14 is the last day of the window
            (20, 15, False),  # both on day 15 first, after the window
        ],
    )
    def test_both_are_in_force_on_one_day_of_the_window(
        self,
        alt_ended: int,
        bilirubin: int,
        limits: bool,
    ) -> None:
        site = treated()
        reported(site, ALT, 3, 3, ended=alt_ended)
        reported(site, BILIRUBIN, 2, bilirubin, event="AE2")
        dlt = site.member("S001").dlt
        assert (dlt is not None) == limits
        if dlt is not None:
            assert (dlt.event, dlt.grade, dlt.onset.day, dlt.row) == ("AE1", 3, day(bilirubin), 4)
        site.check()

    @pytest.mark.parametrize(("alt", "bilirubin"), [(2, 2), (3, 1)])
    def test_each_at_its_grade(self, alt: int, bilirubin: int) -> None:
        site = treated()
        reported(site, ALT, alt, 3)
        reported(site, BILIRUBIN, bilirubin, 3, event="AE2")
        assert site.dlts() == 0

    def test_the_companion_may_have_begun_before_the_infusion_and_be_unrelated(self) -> None:
        site = Site(PROTOCOL)
        site.on(5).treat("S001")
        site.desk.report_adverse_event("S001", event="AE2", term=BILIRUBIN, grade=2, onset=day(1))
        reported(site, ALT, 3, 7)
        dlt = site.member("S001").dlt
        assert dlt is not None
        assert dlt.onset.day == day(7)

    def test_bilirubin_of_grade_3_counts_by_the_last_row(self) -> None:
        site = treated()
        reported(site, BILIRUBIN, 3, 3)
        dlt = site.member("S001").dlt
        assert dlt is not None
        assert (dlt.row, dlt.because) == (5, "any other event of grade 3 or more")


class TestExceptions:
    @pytest.mark.parametrize(
        ("term", "grade", "dlts"),
        [
            ("Alopecia", 2, 0),
            (ANC, 3, 0),  # below the grade of row 1; row 2 says never
            ("Fever", 2, 0),
            ("Fever", 3, 1),
            ("Nausea", 2, 0),
        ],
    )
    def test_the_first_row_that_fits_decides(self, term: str, grade: int, dlts: int) -> None:
        site = treated()
        reported(site, term, grade, 3)
        assert site.dlts() == dlts

    def test_an_event_that_no_row_fits_is_no_dlt(self) -> None:
        rule = DltRule(criteria=(DltCriterion(terms=("Fever",), min_grade=2),))
        site = treated(attrs.evolve(OPEN, dlt=rule))
        reported(site, ANC, 4, 3)
        assert site.dlts() == 0
        reported(site, " FEVER", 2, 3, event="AE2")
        assert site.dlts() == 1

    def test_a_category_is_the_class_of_the_term(self) -> None:
        rule = DltRule(
            min_grade=4,
            criteria=(
                DltCriterion(terms=("Sepsis",), never=True),
                DltCriterion(category="Infections and  INFESTATIONS", min_grade=3),
            ),
        )
        site = treated(attrs.evolve(OPEN, dlt=rule))
        reported(site, "Sepsis", 4, 3)
        reported(site, "Fever", 3, 3, event="AE2")
        assert site.dlts() == 0
        reported(site, "Lung infection", 3, 3, event="AE3")
        dlt = site.member("S001").dlt
        assert dlt is not None
        assert (dlt.event, dlt.row) == ("AE3", 2)

    def test_a_term_without_a_known_class_is_a_finding(self) -> None:
        rule = DltRule(criteria=(DltCriterion(category="Infections and infestations", min_grade=3),))
        site = treated(attrs.evolve(OPEN, dlt=rule))
        reported(site, "An infection of its own name", 3, 3)
        (found,) = [one for one in findings(site.trial.history(), on=site.today).found if one.check == "unchecked-term"]
        assert "no row of the DLT rule with a category fits it" in found.sentence


COUNTS = attrs.evolve(
    OPEN, dlt=DltRule(min_grade=3, criteria=(DltCriterion(anc_below=Decimal("0.5"), longer_than_days=7),))
)


def counted(site: Site, *values: tuple[int, str]) -> list[str]:
    found: list[str] = []
    for number, value in values:
        site.on(number)
        found += kinds(site.desk.record_labs("S001", [lab("ANC", value, "10*9/L", collected_at=day(number))]))
    return found


class TestBloodCounts:
    """ANC below 0.5 for longer than 7 days."""

    @pytest.mark.parametrize(
        ("values", "limits"),
        [
            (((3, "0.4"), (13, "0.5")), True),  # 13 - 3 = 10 days
            (((3, "0.4"), (6, "0.5")), False),  # 6 - 3 = 3 days
            (((3, "0.4"), (10, "0.5")), False),  # 10 - 3 = 7 days, not longer
            (((3, "0.4"), (11, "0.5")), True),  # 11 - 3 = 8 days
            (((3, "0.4"), (11, "0.1")), True),  # still low after 8 days
            (((3, "0.4"), (10, "0.1")), False),  # still low after 7 days: open
            (((2, "0.4"), (6, "0.6"), (8, "0.3"), (13, "1")), False),  # 4 and 5 days, not added
            (((14, "0.4"), (22, "0.5")), True),  # began on the last day of the window
            (((15, "0.4"), (30, "0.4")), False),  # began after it
        ],
    )
    def test_a_spell_from_the_first_low_count_to_the_first_one_that_is_not(
        self,
        values: tuple[tuple[int, str], ...],
        limits: bool,
    ) -> None:
        site = treated(COUNTS)
        counted(site, *values)
        dlt = site.member("S001").dlt
        assert (dlt is not None) == limits
        if dlt is not None:
            assert (dlt.event, dlt.onset.day, dlt.grade, dlt.row) == (None, day(values[0][0]), None, 1)
            assert dlt.term == "ANC below 0.5 10*9/L for longer than 7 days"
        site.check()

    def test_a_spell_is_pending_past_the_window_and_then_not_shown(self) -> None:
        """Low from day 12: not longer than 7 days up to day 19."""
        site = treated(COUNTS)
        counted(site, (5, "1.0"), (12, "0.4"))
        site.on(15).assess("S001")
        assert reason(site) is EvaluationReason.CYTOPENIA_OPEN
        assert site.state().situation.awaited[0].until == day(20)
        site.on(20)
        assert (site.evaluation("S001"), reason(site)) == (Evaluation.PENDING, EvaluationReason.CYTOPENIA_NOT_SHOWN)
        assert "DltAttributed" in counted(site, (21, "0.5"))  # 21 - 12 = 9 days
        site.check()

    def test_without_any_count_nobody_is_evaluable(self) -> None:
        site = treated(COUNTS)
        site.on(15).assess("S001")
        assert (site.evaluation("S001"), reason(site)) == (Evaluation.PENDING, EvaluationReason.CYTOPENIA_NOT_SHOWN)
        assert site.trial.history().reconciliation(on=site.today) == ()

    def test_a_count_that_a_bound_leaves_open_shows_nothing(self) -> None:
        """A result of "< 1" may be below 0.5 or not: it is no good count, and it begins no spell."""
        site = treated(COUNTS)
        bound = lab("ANC", "1", "10*9/L", collected_at=day(7), comparator=Comparator.BELOW)
        site.on(7).desk.record_labs("S001", [bound])
        site.on(15).assess("S001")
        assert (site.evaluation("S001"), reason(site)) == (Evaluation.PENDING, EvaluationReason.CYTOPENIA_NOT_SHOWN)
        counted(site, (16, "0.1"), (30, "0.1"))  # no spell that began in the window
        assert reason(site) is EvaluationReason.CYTOPENIA_NOT_SHOWN

    def test_a_good_count_makes_evaluable_once_the_window_is_over(self) -> None:
        site = treated(COUNTS)
        counted(site, (7, "1.2"))
        site.on(14).assess("S001")
        assert reason(site) is EvaluationReason.CYTOPENIA_OPEN
        site.on(15)
        assert site.evaluation("S001") is Evaluation.EVALUABLE
        site.check()

    def test_a_spell_that_new_treatment_cut_off_is_not_evaluable(self) -> None:
        site = treated(COUNTS)
        counted(site, (12, "0.4"))
        site.on(15).assess("S001")
        site.on(16).desk.record_relapse("S001", on=day(16))
        member = site.member("S001")
        assert member.standing.evaluation is Evaluation.NOT_EVALUABLE
        assert member.standing.reason is EvaluationReason.CYTOPENIA_NOT_SHOWN

    def test_a_corrected_count_revokes(self) -> None:
        site = treated(COUNTS)
        counted(site, (3, "0.4"))
        site.on(11)
        (entry, *_) = site.desk.record_labs("S001", [lab("ANC", "0.5", "10*9/L", collected_at=day(11))])
        assert site.dlts() == 1
        assert "DltRevoked" in kinds(site.desk.correct(entry, collected_at=day(10).isoformat(), reason=REASON))
        site.check()

    def test_results_are_read_for_such_a_row(self) -> None:
        assert COUNTS.counts_cytopenias
        assert not PROTOCOL.counts_cytopenias


class TestTheAudit:
    def test_an_escalation_before_a_duration_was_known_is_found(self) -> None:
        """Grade 4 from day 12 was known to last at most 7 days on day 19; level 2 was treated on day 16."""
        site = Site(PROTOCOL)
        site.treat("S001", "S002", "S003")
        reported(site, ANC, 4, 12)
        site.on(15).assess("S001", "S002", "S003")
        site.on(16).screened("S004")
        site.desk.enroll("S004", on=day(16), level=2, deviation=REASON)
        site.desk.infuse("S004", level=2, started_at=day(16), deviation=REASON)
        followed(site, 19, 2)
        found = [one for one in findings(site.trial.history(), on=site.today).found if one.check == "sequence"]
        assert ["S001" in one.sentence for one in found] == [True]

    def test_what_the_rows_leave_open(self) -> None:
        rule = DltRule(
            criteria=(
                DltCriterion(terms=("Neutrophil count decrease",), min_grade=4),
                DltCriterion(terms=("Alopecia",), never=True),
                DltCriterion(anc_below=Decimal("0.5"), longer_than_days=7),
            )
        )
        said = [one for one in silences(attrs.evolve(OPEN, dlt=rule)) if "DLT" in one]
        near = "(the nearest: Neutrophil count decreased): only an event of this very term fits it"
        assert said == [
            f"row 1 of the DLT rule names 'Neutrophil count decrease', which this library's part of CTCAE lacks {near}"
        ]


class TestWhatPeopleRead:
    def test_the_narrative_and_the_json_name_the_row(self) -> None:
        site = treated()
        reported(site, "Nausea", 3, 2, ended=6)
        text = str(review_report(site.trial.history().review(on=site.today)).json)
        words = "Nausea, Vomiting or Diarrhea of grade 3 or more for longer than 3 days"
        assert f"It counts by row 3 of the DLT rule: {words}." in text
        said = member_json(site.member("S001"))["dlt"]
        assert isinstance(said, dict)
        assert (said["row"], said["because"]) == (3, words)

    def test_a_rule_of_a_grade_alone_names_no_row(self) -> None:
        site = treated(OPEN)
        site.toxicity("S001")
        assert member_json(site.member("S001"))["dlt"] == {
            "event": "AE1",
            "term": "Fever",
            "grade": 3,
            "onset": day(0).isoformat(),
        }


def test_a_log_carries_its_rows() -> None:
    site = treated()
    assert site.trial.history().casebook(on=day(0)).protocol == PROTOCOL
    assert protocol_from_toml(protocol_to_toml(PROTOCOL)) == PROTOCOL
    row = PROTOCOL.dlt.criteria[3] if PROTOCOL.dlt else None
    assert row == DltCriterion(terms=(ALT,), min_grade=3, together_with=DltCompanion(terms=(BILIRUBIN,), min_grade=2))
