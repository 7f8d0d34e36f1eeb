"""What people may conclude about the MTD, and which dose they may recommend: never what the design does not give."""

from datetime import date

import pytest

from trialdomain import Decision, Mtd, MtdStatus, Tally, ThreePlusThree, design_of
from trialdomain.events.basis import Basis
from trialdomain.events.trial import MtdDeclared, MtdNotEstablished, NotEstablished
from trialdomain.limits.conclusion import against_conclusion
from trialdomain.limits.recommendation import against_recommending, highest_recommendable

DESIGN = design_of(ThreePlusThree())
ENDED, NONE, STOPPED = NotEstablished.RECRUITMENT_ENDED, NotEstablished.NONE_TOLERATED, NotEstablished.STOPPED
TALLIES = (Tally(level=1, evaluable=6, dlts=1), Tally(level=2, evaluable=6, dlts=2), Tally(level=3))
BASIS = Basis(
    design="3+3/1",
    protocol_version="1",
    tallies=TALLIES,
    last_level=2,
    final_closings=(),
    slots=(),
    position=9,
    on=date(2026, 3, 20),
)
GIVEN = Mtd.established(1, bounded_above=True)


def declared(level: int, *, bounded: bool = True) -> MtdDeclared:
    return MtdDeclared(level=level, bounded_above=bounded, basis=BASIS)


def without(why: NotEstablished, candidate: int | None = None) -> MtdNotEstablished:
    return MtdNotEstablished(why=why, candidate=candidate, basis=BASIS)


@pytest.mark.parametrize(
    ("fact", "mtd", "ended", "allowed"),
    [
        (declared(1), GIVEN, False, True),
        (declared(2), GIVEN, False, False),
        (declared(1, bounded=False), GIVEN, False, False),
        (declared(1, bounded=False), Mtd.established(1, bounded_above=False), False, True),
        (declared(1), Mtd(), False, False),
        (without(NONE), Mtd(status=MtdStatus.NONE_TOLERATED), False, True),
        (without(NONE), Mtd(), False, False),
        (without(ENDED), Mtd(), True, True),
        (without(ENDED), Mtd(), False, False),  # it goes on
        (without(STOPPED), Mtd(), False, True),
        (without(STOPPED), GIVEN, False, False),  # there is one
        (without(ENDED), GIVEN, True, False),
        (without(ENDED, 1), Mtd(), True, True),  # 1 DLT in 6
        (without(ENDED, 2), Mtd(), True, False),  # 2 in 6
        (without(ENDED, 3), Mtd(), True, False),  # nobody
        (without(ENDED, 4), Mtd(), True, False),  # no level
        (without(ENDED, 0), Mtd(), True, False),  # nor is this one, below the first
    ],
)
def test_a_conclusion_is_that_of_the_design(
    fact: MtdDeclared | MtdNotEstablished, mtd: Mtd, *, ended: bool, allowed: bool
) -> None:
    found = list(against_conclusion(fact, mtd, design=DESIGN, recruitment_ended=ended))
    assert (len(found) == 0) is allowed


TWO = "and level 2 is the highest level that the rule tolerates; recommend level 2 or a lower one"
NONE_YET = "and the rule tolerates no level; wait for more outcomes"


class TestARecommendedDose:
    OPEN = Decision.enroll(level=2)
    LADDER = (
        Tally(level=1, evaluable=6, dlts=1),
        Tally(level=2, evaluable=3),
        Tally(level=3, evaluable=2),
    )

    @pytest.mark.parametrize(
        ("tallies", "conclusion", "highest"),
        [
            (LADDER, None, 2),  # 2 of 3 evaluable are too few to be tolerated
            (LADDER, declared(1), 1),
            (LADDER, declared(3), 2),
            (LADDER, without(NONE), None),
            (LADDER, without(ENDED), 2),
            ((Tally(level=1, evaluable=2), Tally(level=2)), None, None),
            ((Tally(level=1, evaluable=3, dlts=1), Tally(level=2)), None, None),  # 1 in 3 needs 6
            # a pending outcome counts as a DLT: 1 in 7 is tolerated, 2 in 8 are not
            ((Tally(level=1, evaluable=6, pending=1), Tally(level=2)), None, 1),
            ((Tally(level=1, evaluable=6, dlts=1, pending=1), Tally(level=2)), None, None),
            ((Tally(level=1, evaluable=3, pending=1), Tally(level=2)), None, None),  # 1 in 4 needs 6
        ],
    )
    def test_it_is_at_most_the_highest_tolerated_level(
        self, tallies: tuple[Tally, ...], conclusion: MtdDeclared | MtdNotEstablished | None, highest: int | None
    ) -> None:
        found = highest_recommendable(self.OPEN, tallies, design=DESIGN, conclusion=conclusion)
        assert found == highest
        for tally in tallies:
            refused = list(against_recommending(tally.level, self.OPEN, tallies, design=DESIGN, conclusion=conclusion))
            assert (len(refused) == 0) is (highest is not None and tally.place <= highest), tally.level

    def test_an_mtd_of_the_design_is_the_highest_whatever_is_tolerated_above(self) -> None:
        established = Decision.established(1, bounded_above=True)
        assert highest_recommendable(established, self.LADDER, design=DESIGN, conclusion=None) == 1

    @pytest.mark.parametrize(
        ("tallies", "level", "conclusion", "why"),
        [
            (LADDER, 3, None, f"it has 0 DLTs in 2 evaluable, {TWO}"),
            (LADDER, 4, None, f"it is no level of the protocol, {TWO}"),
            (LADDER, 2, declared(1), "the MTD was declared as level 1; recommend level 1"),
            (
                (Tally(level=1, evaluable=2, pending=1), Tally(level=2)),
                1,
                None,
                f"it has 0 DLTs in 2 evaluable and 1 pending, {NONE_YET}",
            ),
        ],
    )
    def test_the_refusal_says_which_one_may_be(
        self, tallies: tuple[Tally, ...], level: int, conclusion: MtdDeclared | None, why: str
    ) -> None:
        (refusal,) = against_recommending(level, self.OPEN, tallies, design=DESIGN, conclusion=conclusion)
        assert str(refusal) == f"level {level} cannot be recommended: {why}"
