"""What is refused of one participant, rule by rule: the facts that are given, and what the next act would break.

The desk's tests show the same rules as callers meet them; here each stands by itself (docs/explanation/conduct.md).
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal

import attrs
import pytest
from site_desk import OPEN

from trialdomain import ClinicalTime, Relatedness, TrialProtocol, WithdrawalScope, nct06245746
from trialdomain.aggregates.participant import (
    AfterDeath,
    AlreadyDead,
    AlreadyEnrolled,
    AlreadyInfused,
    ConsentLate,
    ConsentMissing,
    EndBeforeOnset,
    EventKnown,
    EventUnknown,
    FollowUpBeforeOnset,
    LevelNotAssigned,
    NotEligible,
    NotEnrolled,
    NotScreened,
    Participant,
    SubjectUnknown,
    TreatmentWithdrawn,
)
from trialdomain.errors import CommandRefused
from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    ChemotherapyStarted,
    CompletedFollowUp,
    Consented,
    Died,
    DltWindowAssessed,
    Enrolled,
    Infused,
    LabRecorded,
    LevelReassigned,
    LostToFollowUp,
    ParticipantFact,
    Screened,
    Signer,
    WindowResult,
    Withdrew,
)
from trialdomain.events.recorded import Meta, Recorded
from trialdomain.values.clinical.screening import CriterionAssessment, CriterionStatus
from trialdomain.values.clinical.toxicity import Agent, Assessor, Attribution, Outcome
from trialdomain.values.given.text import FreeText

META = Meta(recorded_at=datetime(2026, 5, 1, tzinfo=UTC), user="u", command="c", part=1, parts=1)
WHY = FreeText(plain="level 2 was closed before the infusion")
NO_DESIGN = attrs.evolve(OPEN, design=None, dlt=None)


def day(number: int) -> ClinicalTime:
    return ClinicalTime.of(date(2026, 3, number))


CONSENT = Consented(signed_on=day(2), signer=Signer.PARTICIPANT, form_version="1", protocol_version="1", age=42)
SCREENED, ENROLLED = Screened(on=day(2)), Enrolled(on=day(3), level=2)
READY = (CONSENT, SCREENED, ENROLLED)


def infused(number: int, *, level: int = 2) -> Infused:
    return Infused(level=level, started_at=day(number))


def event(onset: int, *, grade: int = 2) -> AdverseEventReported:
    return AdverseEventReported(event="AE1", term="Fever", grade=grade, onset=day(onset))


def follow_up(on: int, **said: object) -> AdverseEventFollowedUp:
    return AdverseEventFollowedUp(event="AE1", on=day(on), **said)  # type: ignore[arg-type]  # each is what its name says


def given(*facts: ParticipantFact, protocol: TrialProtocol | None = OPEN) -> Participant:
    participant = Participant(subject="S001", protocol=protocol)
    for position, fact in enumerate(facts, start=1):
        entry = Recorded(
            trial="T", position=position, stream="T/participant/S001", version=position, meta=META, fact=fact
        )
        participant.apply(entry)
    return participant


def kinds(breaches: Iterable[CommandRefused]) -> list[type[CommandRefused]]:
    return [type(one) for one in breaches]


class TestAnInfusion:
    @pytest.mark.parametrize(
        ("facts", "fact", "broken"),
        [
            (READY, infused(4), []),
            (READY, infused(3), []),  # on the day of the enrollment
            (READY, infused(2), [NotEnrolled]),
            (READY, infused(4, level=1), [LevelNotAssigned]),
            (READY, infused(4, level=3), [LevelNotAssigned]),
            ((CONSENT, SCREENED), infused(4), [NotEnrolled]),
            ((SCREENED, ENROLLED), infused(4), [ConsentMissing]),
            ((*READY, infused(4)), infused(11), [AlreadyInfused]),
            ((*READY, Withdrew(on=day(4), scope=WithdrawalScope.TREATMENT)), infused(5), [TreatmentWithdrawn]),
            ((*READY, Withdrew(on=day(4), scope=WithdrawalScope.TREATMENT)), infused(4), [TreatmentWithdrawn]),
            ((*READY, Withdrew(on=day(5), scope=WithdrawalScope.TREATMENT)), infused(4), []),
            ((*READY, LostToFollowUp(on=day(4), last_contact=day(3))), infused(5), [TreatmentWithdrawn]),
            ((*READY, CompletedFollowUp(on=day(4))), infused(4), [TreatmentWithdrawn]),
            ((*READY, CompletedFollowUp(on=day(5))), infused(4), []),
            ((*READY, Died(on=day(4))), infused(5), [AfterDeath]),
            ((*READY, Died(on=day(4))), infused(4), []),
        ],
    )
    def test_what_it_would_break(
        self, facts: tuple[ParticipantFact, ...], fact: Infused, broken: list[type[CommandRefused]]
    ) -> None:
        assert kinds(given(*facts).against(fact)) == broken

    @pytest.mark.parametrize(
        ("administrations", "had", "refused"),
        [(1, 1, True), (1, 2, True), (2, 1, False), (2, 2, True), (3, 2, False), (None, 9, False)],
    )
    def test_a_protocol_says_how_many_there_are(self, administrations: int | None, had: int, *, refused: bool) -> None:
        protocol = attrs.evolve(NO_DESIGN, administrations=administrations)
        participant = given(*READY, *(infused(4 + number) for number in range(had)), protocol=protocol)
        found = list(participant.against(infused(20)))
        assert kinds(found) == ([AlreadyInfused] if refused else [])
        assert all(isinstance(one, AlreadyInfused) and one.started_at == day(4) for one in found)  # names the first

    def test_without_a_protocol_there_is_one(self) -> None:
        assert kinds(given(*READY, infused(4), protocol=None).against(infused(5))) == [AlreadyInfused]
        assert kinds(given(*READY, protocol=None).against(infused(5))) == []

    def test_the_same_one_again_records_nothing(self) -> None:
        assert given(*READY, infused(4)).infuse(infused(4)) == []
        assert given(*READY).infuse(infused(4)) == [infused(4)]


@pytest.mark.parametrize("site", ["01", None])
def test_the_site_is_the_one_of_the_consent(site: str | None) -> None:
    assert given(attrs.evolve(CONSENT, site=site)).site == site
    assert given().site is None


class TestAnEnrollment:
    @pytest.mark.parametrize(
        ("facts", "on", "broken"),
        [
            ((CONSENT, SCREENED), 2, []),
            ((CONSENT, SCREENED), 1, [ConsentLate, NotScreened]),
            ((SCREENED,), 2, [ConsentMissing]),
            ((CONSENT,), 2, [NotScreened]),
            ((CONSENT, Screened(on=day(4))), 3, [NotScreened]),
            (READY, 4, [AlreadyEnrolled]),
            ((CONSENT, SCREENED, infused(4)), 5, [AlreadyInfused]),
            ((CONSENT, SCREENED, Withdrew(on=day(3), scope=WithdrawalScope.FOLLOW_UP)), 4, [TreatmentWithdrawn]),
            ((CONSENT, SCREENED, Died(on=day(3))), 4, [AfterDeath]),
        ],
    )
    def test_what_it_would_break(
        self, facts: tuple[ParticipantFact, ...], on: int, broken: list[type[CommandRefused]]
    ) -> None:
        assert kinds(given(*facts).against(Enrolled(on=day(on), level=2))) == broken

    def test_a_screening_before_the_consent(self) -> None:
        assert kinds(given(CONSENT).against(Screened(on=day(1)))) == [ConsentLate]
        assert kinds(given(CONSENT).against(Screened(on=day(2)))) == []


class TestAReassignment:
    def moved(self, *facts: ParticipantFact, from_level: int = 2) -> object:
        return given(*facts).reassign(LevelReassigned(on=day(4), from_level=from_level, to_level=1, why=WHY))

    def test_from_the_assigned_level_before_the_infusion(self) -> None:
        assert self.moved(*READY) == [LevelReassigned(on=day(4), from_level=2, to_level=1, why=WHY)]

    @pytest.mark.parametrize("from_level", [1, 3])
    def test_from_another_level(self, from_level: int) -> None:
        with pytest.raises(LevelNotAssigned):
            self.moved(*READY, from_level=from_level)

    def test_of_nobody_who_is_enrolled(self) -> None:
        with pytest.raises(NotEnrolled):
            self.moved(CONSENT, SCREENED)

    def test_after_the_infusion(self) -> None:
        with pytest.raises(AlreadyInfused):
            self.moved(*READY, infused(4))
        reassigned = LevelReassigned(on=day(4), from_level=2, to_level=1, why=WHY)
        assert kinds(given(*READY, infused(4)).against(reassigned)) == [AlreadyInfused]
        assert kinds(given(*READY).against(reassigned)) == []

    def test_after_they_left(self) -> None:
        with pytest.raises(TreatmentWithdrawn):
            self.moved(*READY, CompletedFollowUp(on=day(4)))


class TestTreatment:
    @pytest.mark.parametrize(
        ("ended", "goes_on"),
        [
            ((), True),
            ((Withdrew(on=day(4), scope=WithdrawalScope.TREATMENT),), False),
            ((LostToFollowUp(on=day(4), last_contact=day(4)),), False),
            ((CompletedFollowUp(on=day(4)),), False),
            ((Died(on=day(4)),), False),
        ],
    )
    def test_each_ending_ends_it(self, ended: tuple[ParticipantFact, ...], *, goes_on: bool) -> None:
        assert given(*READY, *ended).in_treatment is goes_on


class TestAdverseEvents:
    def test_one_id_is_one_event(self) -> None:
        assert given(*READY).report_adverse_event(event(4)) == [event(4)]
        assert given(*READY, event(4)).report_adverse_event(event(4)) == []
        with pytest.raises(EventKnown):
            given(*READY, event(4)).report_adverse_event(event(5))

    def test_a_follow_up_is_of_a_known_one_and_not_before_it(self) -> None:
        known = given(*READY, event(4))
        assert known.follow_up_adverse_event(follow_up(4, grade=3)) == [follow_up(4, grade=3)]
        with pytest.raises(EventUnknown):
            given(*READY).follow_up_adverse_event(follow_up(5, grade=3))
        with pytest.raises(FollowUpBeforeOnset):
            known.follow_up_adverse_event(follow_up(3, grade=3))
        with pytest.raises(EndBeforeOnset):
            known.follow_up_adverse_event(follow_up(5, ended=day(3)))

    def test_the_same_follow_up_again_records_nothing_unless_another_came_between(self) -> None:
        three, two = follow_up(5, grade=3), follow_up(6, grade=2)
        assert given(*READY, event(4), three).follow_up_adverse_event(three) == []
        assert given(*READY, event(4), three, two).follow_up_adverse_event(three) == [three]

    @pytest.mark.parametrize(
        ("fatal", "died"),
        [
            (follow_up(6, grade=5), Died(on=day(6), event="AE1")),
            (follow_up(6, outcome=Outcome.FATAL), Died(on=day(6), event="AE1")),
            (follow_up(6, outcome=Outcome.FATAL, ended=day(5)), Died(on=day(5), event="AE1")),
        ],
    )
    def test_a_fatal_follow_up_records_the_death_unless_it_is_recorded(
        self, fatal: AdverseEventFollowedUp, died: Died
    ) -> None:
        assert given(*READY, event(4)).follow_up_adverse_event(fatal) == [fatal, died]
        assert given(*READY, event(4), Died(on=day(6))).follow_up_adverse_event(fatal) == [fatal]

    def test_a_fatal_report_too(self) -> None:
        assert given(*READY).report_adverse_event(event(4, grade=5)) == [
            event(4, grade=5),
            Died(on=day(4), event="AE1"),
        ]


class TestAfterTheDeath:
    """The participant died on day 6; what is dated that day may have come before."""

    DEAD = (*READY, infused(4), event(4), Died(on=day(6)))

    @pytest.mark.parametrize(
        ("fact", "broken"),
        [
            (follow_up(7, grade=3), [AfterDeath]),
            (follow_up(7, ended=day(6)), [AfterDeath]),
            (follow_up(7, outcome=Outcome.NOT_RECOVERED), [AfterDeath]),
            (follow_up(6, grade=3), []),
            (
                follow_up(
                    7,
                    attributions=(
                        Attribution(agent=Agent.INFUSION, assessor=Assessor.SPONSOR, relatedness=Relatedness.LIKELY),
                    ),
                ),
                [],  # a judgment of what was observed
            ),
            (DltWindowAssessed(on=day(20), by="Li Na", result=WindowResult.NO_DLT), []),  # likewise
            (LabRecorded(analyte="ANC", value=Decimal(1), collected_at=day(7)), [AfterDeath]),
            (LabRecorded(analyte="ANC", value=Decimal(1), collected_at=day(6)), []),
            (Died(on=day(6), event="AE1"), [AlreadyDead]),
        ],
    )
    def test_nothing_is_observed(self, fact: ParticipantFact, broken: list[type[CommandRefused]]) -> None:
        assert kinds(given(*self.DEAD).against(fact)) == broken

    def test_nobody_dies_twice(self) -> None:
        assert kinds(given(*READY).against(Died(on=day(6)))) == []
        with pytest.raises(AlreadyDead):
            given(*self.DEAD).die(Died(on=day(7)))
        assert given(*self.DEAD).die(Died(on=day(6))) == []

    def test_nor_of_an_event_that_was_not_reported(self) -> None:
        with pytest.raises(EventUnknown):
            given(*READY).die(Died(on=day(6), event="AE1"))
        assert given(*READY, event(4)).die(Died(on=day(6), event="AE1")) == [Died(on=day(6), event="AE1")]


class TestWhatIsRecordedOnce:
    LAB = LabRecorded(analyte="ANC", value=Decimal(1), collected_at=day(4))

    def test_the_same_observation_again_records_nothing(self) -> None:
        assert given(*READY).observe(self.LAB) == [self.LAB]
        assert given(*READY, self.LAB).observe(self.LAB) == []

    def test_also_where_the_reader_has_left_it_out(self) -> None:
        known, other = attrs.evolve(self.LAB), attrs.evolve(self.LAB, value=Decimal(2))
        participant = given(*READY)
        participant.left_out = lambda fact: fact == known
        assert (participant.observe(known), participant.observe(other)) == ([], [other])

    def test_of_a_subject_of_whom_nothing_is_known(self) -> None:
        with pytest.raises(SubjectUnknown):
            given().observe(self.LAB)


class TestTheRefusalOfCriteria:
    @pytest.mark.parametrize(
        ("number", "more"), [(5, ""), (6, "; and 1 more, in reasons"), (8, "; and 3 more, in reasons")]
    )
    def test_it_lists_five_and_counts_the_others(self, number: int, more: str) -> None:
        reasons = [
            CriterionAssessment(criterion=f"I{at}", status=CriterionStatus.UNMET, why="no")
            for at in range(1, number + 1)
        ]
        listed = "; ".join(f"I{at} unmet: no" for at in range(1, 6))
        assert str(NotEligible(subject="S001", reasons=reasons)) == (
            f"S001 has {number} criteria that are not met or not answered: {listed}{more}"
        )

    def test_it_says_when_chemotherapy_is_missing_at_the_infusion(self, criteria: TrialProtocol) -> None:
        enrolled = given(*READY, protocol=criteria)
        (before,) = [one for one in enrolled.against(infused(4)) if isinstance(one, NotEligible)]
        started = ChemotherapyStarted(on=day(3), regimen="HiDAC", ecog=1)
        (after,) = [
            one for one in given(*READY, started, protocol=criteria).against(infused(4)) if isinstance(one, NotEligible)
        ]
        assert (before.no_chemotherapy, [one.criterion for one in before.reasons]) == (True, ["E15"])
        assert (after.no_chemotherapy, [one.criterion for one in after.reasons]) == (False, ["E15"])

    def test_a_criterion_of_the_chemotherapy_is_asked_once_it_has_started(self, criteria: TrialProtocol) -> None:
        started = ChemotherapyStarted(on=day(3), regimen="HiDAC", ecog=3)
        (refusal,) = given(*READY, started, protocol=criteria).against(infused(4))
        assert isinstance(refusal, NotEligible)
        assert [one.criterion for one in refusal.reasons] == ["I5", "E15"]

    @pytest.fixture
    def criteria(self) -> TrialProtocol:
        """Give the preset with its criteria of the day of chemotherapy (I5) and of the infusion (E15)."""
        whole = nct06245746()
        return attrs.evolve(whole, criteria=tuple(one for one in whole.criteria if one.id in {"I5", "E15"}))
