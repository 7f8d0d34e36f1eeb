"""The trial: what suspends and closes recruitment, and which protocol may follow the one in force."""

from datetime import UTC, date, datetime

import attrs
import pytest
from site_desk import OPEN

from trialdomain import ClinicalTime, DoseLevel, TrialProtocol
from trialdomain.aggregates.trial import (
    AmendmentUnusable,
    NotSuspended,
    RecruitmentIsSuspended,
    Trial,
    TrialAlreadyRegistered,
    TrialIsClosed,
    TrialUnknown,
    against_another_start,
    against_taking_the_place,
)
from trialdomain.events.recorded import Meta, Recorded
from trialdomain.events.trial import (
    ProtocolAmended,
    RecruitmentResumed,
    RecruitmentSuspended,
    SoftwareChanged,
    TrialClosed,
    TrialFact,
    TrialRegistered,
    UserRegistered,
)
from trialdomain.protocol.designs import ThreePlusThree
from trialdomain.values.given.text import FreeText
from trialdomain.values.role import Role

META = Meta(recorded_at=datetime(2026, 5, 1, tzinfo=UTC), user="u", command="c", part=1, parts=1)
WHY = FreeText(plain="a related death")
REGISTERED = TrialRegistered(protocol=OPEN)


def day(number: int) -> ClinicalTime:
    return ClinicalTime.of(date(2026, 3, number))


def suspended(number: int = 5, *, infusion: bool = False) -> RecruitmentSuspended:
    return RecruitmentSuspended(on=day(number), why=WHY, infusion=infusion)


def resumed(number: int = 6) -> RecruitmentResumed:
    return RecruitmentResumed(on=day(number), why=WHY)


def trial(*facts: TrialFact) -> Trial:
    made = Trial()
    for position, fact in enumerate(facts, start=1):
        made.apply(Recorded(trial="T", position=position, stream="T", version=position, meta=META, fact=fact))
    return made


def amendment(protocol: TrialProtocol, *, on: int = 10, reopens: tuple[int | str, ...] = ()) -> ProtocolAmended:
    return ProtocolAmended(protocol=protocol, effective_on=date(2026, 3, on), summary=WHY, reopens=reopens)


SECOND = attrs.evolve(OPEN, version="2")


class TestSuspending:
    @pytest.mark.parametrize(
        ("facts", "enrollment", "infusion"),
        [
            ((REGISTERED,), 0, 0),
            ((REGISTERED, suspended()), 1, 0),
            ((REGISTERED, suspended(infusion=True)), 1, 1),
            ((REGISTERED, suspended(infusion=True), resumed()), 0, 0),
        ],
    )
    def test_it_refuses_enrollment_and_infusion_where_that_is_suspended_too(
        self, facts: tuple[TrialFact, ...], enrollment: int, infusion: int
    ) -> None:
        assert [type(one) for one in trial(*facts).against_enrollment()] == [RecruitmentIsSuspended] * enrollment
        assert [type(one) for one in trial(*facts).against_infusion()] == [RecruitmentIsSuspended] * infusion

    @pytest.mark.parametrize(
        ("before", "after", "recorded"),
        [
            (None, False, True),
            (None, True, True),
            (False, False, False),
            (False, True, True),  # now infusion as well
            (True, False, False),
            (True, True, False),
        ],
    )
    def test_what_is_suspended_already_is_recorded_once(
        self, before: bool | None, *, after: bool, recorded: bool
    ) -> None:
        facts = [] if before is None else [suspended(infusion=before)]
        fact = suspended(7, infusion=after)
        assert trial(REGISTERED, *facts).suspend(fact) == ([fact] if recorded else [])

    def test_it_is_resumed_on_its_day_or_later(self) -> None:
        assert trial(REGISTERED, suspended(5)).resume(resumed(5), trial="T") == [resumed(5)]
        with pytest.raises(NotSuspended, match="cannot be resumed before that"):
            trial(REGISTERED, suspended(5)).resume(resumed(4), trial="T")
        with pytest.raises(NotSuspended, match="there is nothing to resume"):
            trial(REGISTERED).resume(resumed(), trial="T")

    def test_a_closed_trial_enrolls_nobody_and_is_closed_once(self) -> None:
        closed = trial(REGISTERED, TrialClosed(on=day(5), why=WHY))
        assert [type(one) for one in closed.against_enrollment()] == [TrialIsClosed]
        assert list(closed.against_infusion()) == []
        with pytest.raises(TrialIsClosed):
            closed.close(TrialClosed(on=day(6), why=WHY))


class TestWhoIsIntroduced:
    USER = UserRegistered(user="li", name="Li Na", role=Role.INVESTIGATOR, organization="Site 1")
    FIRST = SoftwareChanged(version="1")

    def test_each_once_and_again_when_it_changes(self) -> None:
        other = attrs.evolve(self.USER, organization="Site 2")
        assert trial(REGISTERED).introduce(self.USER, software="1") == [self.USER, self.FIRST]
        known = trial(REGISTERED, self.USER, self.FIRST)
        assert known.introduce(self.USER, software="1") == []
        assert known.introduce(other, software="2") == [other, SoftwareChanged(version="2")]

    def test_a_trial_is_registered_once(self) -> None:
        assert trial().register(OPEN) == [REGISTERED]
        with pytest.raises(TrialAlreadyRegistered):
            trial(REGISTERED).register(OPEN)


class TestAnAmendment:
    def amended(self, protocol: TrialProtocol, *facts: TrialFact, on: int = 10, **more: object) -> object:
        fact = amendment(protocol, on=on, **more)  # type: ignore[arg-type]  # the levels that it reopens
        return trial(REGISTERED, *facts).amend(fact, infused=(), enrolling=False)

    def test_a_new_version_follows(self) -> None:
        assert self.amended(SECOND) == [amendment(SECOND)]

    def test_without_a_trial_there_is_none(self) -> None:
        with pytest.raises(TrialUnknown):
            trial().amend(amendment(SECOND), infused=(), enrolling=False)

    def test_a_version_comes_into_force_once(self) -> None:
        for protocol in (OPEN, SECOND):
            with pytest.raises(AmendmentUnusable, match="was in force before; give it a new version"):
                self.amended(protocol, amendment(SECOND), amendment(attrs.evolve(OPEN, version="3")))

    def test_not_before_the_last_one(self) -> None:
        third = attrs.evolve(OPEN, version="3")
        assert self.amended(third, amendment(SECOND, on=10), on=10) == [amendment(third, on=10)]
        with pytest.raises(AmendmentUnusable, match="it takes effect on 2026-03-09, the last one on 2026-03-10"):
            self.amended(third, amendment(SECOND, on=10), on=9)

    def test_it_reopens_levels_that_it_has(self) -> None:
        assert self.amended(SECOND, reopens=(1, 3)) == [amendment(SECOND, reopens=(1, 3))]
        with pytest.raises(AmendmentUnusable, match="it reopens levels"):
            self.amended(SECOND, reopens=(1, 4))

    @pytest.mark.parametrize("other", ["A0", "Z9"])
    def test_of_another_trial(self, other: str) -> None:
        new = attrs.evolve(OPEN, trial=other)
        assert against_taking_the_place(OPEN, new) == f"it is the protocol of {other}"
        assert against_taking_the_place(OPEN, attrs.evolve(OPEN, version="2")) is None

    def test_every_level_is_kept(self) -> None:
        fewer = attrs.evolve(OPEN, levels=OPEN.levels[:2])
        assert against_taking_the_place(OPEN, fewer) == (
            "it does not have level 3: keep every level, also one that is not used any more"
        )
        assert against_taking_the_place(fewer, OPEN) is None

    def test_a_level_put_below_the_first_one_moves_the_start(self) -> None:
        below = DoseLevel(level=1, label="-1")
        levels = (below, *(attrs.evolve(one, level=one.level + 1, label=one.label) for one in OPEN.levels))
        moved = attrs.evolve(OPEN, levels=levels)
        assert against_another_start(OPEN, moved) == (
            "its start_level, 1, would be level -1, and participants were enrolled while it was level 1: write "
            "start_level = 2, which is the place of level 1 now"
        )
        kept = attrs.evolve(moved, design=ThreePlusThree(start_level=2))
        assert against_another_start(OPEN, kept) is None
        with pytest.raises(AmendmentUnusable):
            trial(REGISTERED).amend(amendment(attrs.evolve(moved, version="2")), infused=(), enrolling=True)
        fact = amendment(attrs.evolve(moved, version="2"))
        assert trial(REGISTERED).amend(fact, infused=(), enrolling=False) == [fact]

    def test_without_a_design_before_or_after_no_start_moves(self) -> None:
        without = attrs.evolve(OPEN, design=None)
        assert against_another_start(OPEN, without) is None
        assert against_another_start(without, OPEN) is None
