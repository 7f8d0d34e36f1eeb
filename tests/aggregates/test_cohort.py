"""One dose level: its slots, and what brings it up to date with the participants there."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest

from trialdomain import ClinicalTime
from trialdomain.aggregates.cohort import Cohort, EnrollmentIsStopped, LevelNotOpen, MemberNow, NoFreeSlot
from trialdomain.errors import CommandRefused
from trialdomain.events.cohort import (
    CohortExpanded,
    CohortFact,
    CohortOpened,
    DltAttributed,
    DltRevoked,
    EnrollmentResumed,
    EnrollmentStopped,
    MemberAssessed,
    MemberInfused,
    Release,
    SlotFilled,
    SlotReleased,
    Stop,
)
from trialdomain.events.recorded import Meta, Recorded
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.values.clinical.evaluation import NOT_INFUSED, Evaluation, EvaluationReason, Standing
from trialdomain.values.given.text import FreeText

META = Meta(recorded_at=datetime(2026, 5, 1, tzinfo=UTC), user="u", command="c", part=1, parts=1)
DAY = ClinicalTime.of(date(2026, 3, 4))
PENDING = Standing(evaluation=Evaluation.PENDING, reason=EvaluationReason.WINDOW_OPEN)
ASSESSED = Standing(evaluation=Evaluation.EVALUABLE, reason=EvaluationReason.WINDOW_ASSESSED)
HAD_DLT = Standing(evaluation=Evaluation.EVALUABLE, reason=EvaluationReason.DLT)
LEFT = Standing(evaluation=Evaluation.NOT_EVALUABLE, reason=EvaluationReason.LEFT)
WHY = FreeText(plain="1 DLT in 3")
OPENED = CohortOpened(level=1, dose=None, slots=3)


def dlt(subject: str, event: str = "AE1") -> DltAttributed:
    return DltAttributed(subject=subject, event=event, onset=DAY)


def cohort(*facts: CohortFact) -> Cohort:
    made = Cohort(level=1)
    for position, fact in enumerate(facts, start=1):
        made.apply(Recorded(trial="T", position=position, stream="T/cohort/1", version=position, meta=META, fact=fact))
    return made


def now(subject: str, standing: Standing = NOT_INFUSED, *, had: DltAttributed | None = None) -> MemberNow:
    infused_on = None if standing is NOT_INFUSED else DAY
    return MemberNow(subject=subject, standing=standing, infused_on=infused_on, dlt=had)


def settled(
    of: Cohort, *members: MemberNow, about: Sequence[str] = ("S001",), closed: bool = False
) -> list[CohortFact]:
    by_subject = {one.subject: one for one in members}
    return list(of.settle(by_subject, about=about, gone=lambda _: Release.WITHDRAWN, closed=closed))


class TestSlots:
    def test_a_level_opens_once_and_gets_only_more(self) -> None:
        level = DoseLevel(level=1)
        assert cohort().open(level, slots=3) == [OPENED]
        assert cohort(OPENED).open(level, slots=3) == []
        assert cohort(OPENED).expand(6, why=WHY) == [CohortExpanded(slots=6, why=WHY)]
        assert cohort(OPENED).expand(3, why=WHY) == []
        assert cohort(OPENED, CohortExpanded(slots=6, why=WHY)).expand(3, why=WHY) == []

    @pytest.mark.parametrize(
        ("facts", "refused"),
        [
            ((), LevelNotOpen),
            ((OPENED,), None),
            ((OPENED, SlotFilled(subject="A"), SlotFilled(subject="B")), None),
            ((OPENED, SlotFilled(subject="A"), SlotFilled(subject="B"), SlotFilled(subject="C")), NoFreeSlot),
            ((OPENED, *(SlotFilled(subject=one) for one in "ABCD")), NoFreeSlot),
            ((OPENED, EnrollmentStopped(cause=Stop.CLOSED_BY_DESIGN)), EnrollmentIsStopped),
            (
                (
                    OPENED,
                    EnrollmentStopped(cause=Stop.CLOSED_BY_DESIGN),
                    EnrollmentResumed(cause=Stop.CLOSED_BY_DESIGN),
                ),
                None,
            ),
        ],
    )
    def test_one_is_taken_where_one_is_free(
        self, facts: tuple[CohortFact, ...], refused: type[CommandRefused] | None
    ) -> None:
        assert [type(one) for one in cohort(*facts).against_filling()] == ([] if refused is None else [refused])
        if refused is not None:
            with pytest.raises(refused):
                cohort(*facts).fill_slot("S001")
        assert cohort(*facts).fill_slot("S001", allowed=True) == [SlotFilled(subject="S001")]

    def test_of_one_slot_the_sentence_is_in_the_singular(self) -> None:
        assert str(NoFreeSlot(level=1, slots=1)).startswith("the slot of level 1 is taken: ")
        assert str(NoFreeSlot(level=1, slots=2)).startswith("all 2 slots of level 1 are taken: ")


class TestSettling:
    HELD = (OPENED, SlotFilled(subject="S001"))
    INFUSED = (*HELD, MemberInfused(subject="S001", on=DAY, standing=PENDING))

    @pytest.mark.parametrize(
        ("known", "member", "facts"),
        [
            ((OPENED,), now("S001"), [SlotFilled(subject="S001")]),
            (HELD, now("S001"), []),
            (HELD, now("S001", PENDING), [MemberInfused(subject="S001", on=DAY, standing=PENDING)]),
            ((OPENED,), now("S001", PENDING), [MemberInfused(subject="S001", on=DAY, standing=PENDING)]),
            (INFUSED, now("S001", PENDING), []),
            (INFUSED, now("S001", ASSESSED), [MemberAssessed(subject="S001", standing=ASSESSED)]),
            (
                INFUSED,
                now("S001", LEFT),
                [
                    MemberAssessed(subject="S001", standing=LEFT),
                    SlotReleased(subject="S001", why=Release.NOT_EVALUABLE),
                ],
            ),
            (
                INFUSED,
                now("S001", HAD_DLT, had=dlt("S001")),
                [MemberAssessed(subject="S001", standing=HAD_DLT), dlt("S001")],
            ),
            (HELD, None, [SlotReleased(subject="S001", why=Release.WITHDRAWN)]),
            (
                INFUSED,
                None,
                [
                    MemberAssessed(subject="S001", standing=NOT_INFUSED),
                    SlotReleased(subject="S001", why=Release.WITHDRAWN),
                ],
            ),
            ((OPENED,), None, []),
        ],
    )
    def test_the_facts_that_bring_one_up_to_date(
        self, known: tuple[CohortFact, ...], member: MemberNow | None, facts: list[CohortFact]
    ) -> None:
        assert settled(cohort(*known), *([] if member is None else [member])) == facts

    def test_a_dlt_is_revoked_or_replaced_and_not_attributed_twice(self) -> None:
        had = (*self.INFUSED, MemberAssessed(subject="S001", standing=HAD_DLT), dlt("S001"))
        assert settled(cohort(*had), now("S001", HAD_DLT, had=dlt("S001"))) == []
        assert settled(cohort(*had), now("S001", HAD_DLT, had=dlt("S001", "AE2"))) == [dlt("S001", "AE2")]
        revoked, *rest = settled(cohort(*had), now("S001", PENDING))
        assert isinstance(revoked, DltRevoked)
        assert rest == [MemberAssessed(subject="S001", standing=PENDING)]
        gone, *_ = settled(cohort(*had))
        assert isinstance(gone, DltRevoked)


class TestClosing:
    HELD = (OPENED, SlotFilled(subject="S001"), SlotFilled(subject="S002"))
    STOPPED = EnrollmentStopped(cause=Stop.CLOSED_BY_DESIGN)

    def test_it_stops_enrollment_and_releases_whoever_is_not_infused(self) -> None:
        found = settled(cohort(*self.HELD), now("S001"), now("S002", PENDING), about=(), closed=True)
        assert found == [self.STOPPED, SlotReleased(subject="S001", why=Release.LEVEL_CLOSED)]

    def test_it_is_recorded_once(self) -> None:
        assert settled(cohort(*self.HELD, self.STOPPED), now("S001"), about=(), closed=True) == []

    def test_a_level_that_nobody_opened_or_came_to_records_nothing(self) -> None:
        assert settled(cohort(), about=(), closed=True) == []
        assert settled(cohort(OPENED), about=(), closed=True) == [self.STOPPED]  # opened, and nobody came
        came = settled(cohort(), now("S001", PENDING), closed=True)
        assert came == [MemberInfused(subject="S001", on=DAY, standing=PENDING), self.STOPPED]

    def test_it_is_lifted_once_the_level_is_open_again_unless_people_stopped_it(self) -> None:
        lifted = settled(cohort(*self.HELD, self.STOPPED), about=())
        assert lifted == [EnrollmentResumed(cause=Stop.CLOSED_BY_DESIGN)]
        other = next(cause for cause in Stop if cause is not Stop.CLOSED_BY_DESIGN)
        assert settled(cohort(*self.HELD, EnrollmentStopped(cause=other)), about=()) == []
        assert settled(cohort(*self.HELD), about=()) == []
