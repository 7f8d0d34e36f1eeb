"""What people may decide beside the rule: stop < de-escalate < wait < treat at the level < escalate, never bolder."""

import pytest

from trialdomain import Action, Decision, Mtd, MtdStatus
from trialdomain.limits.caution import LessCautious, against_deciding, is_more_cautious

ORDER = (1, 2, 3)
STOP = Decision(action=Action.STOP)
BOLDNESS = (STOP, Decision.de_escalate(to=1), Decision.wait(level=2), Decision.enroll(level=2), Decision.escalate(to=3))
"""The level treated last is 2."""


def allowed(decided: Decision, recommended: Decision, *, last: int | None = 2) -> bool:
    return is_more_cautious(decided, recommended, order=ORDER, last_level=last)


@pytest.mark.parametrize("decided", range(5))
@pytest.mark.parametrize("recommended", range(5))
def test_whatever_is_as_cautious_or_more_is_allowed(decided: int, recommended: int) -> None:
    to = BOLDNESS[recommended]
    if decided in {2, 3} and recommended == 1:
        assert not allowed(BOLDNESS[decided], to)  # level 2, where the rule allows level 1
    else:
        assert allowed(BOLDNESS[decided], to) is (decided <= recommended)


@pytest.mark.parametrize(
    ("decided", "recommended", "last", "may"),
    [
        (Decision.expand(level=2), Decision.enroll(level=2), 2, True),  # both treat at the level
        (Decision.enroll(level=2), Decision.expand(level=2), 2, True),
        (Decision.enroll(level=1), Decision.enroll(level=2), 2, True),  # a lower level
        (Decision.enroll(level=3), Decision.enroll(level=2), 2, False),
        (Decision.escalate(to=2), Decision.escalate(to=3), 1, True),
        (Decision.escalate(to=3), Decision.escalate(to=2), 1, False),
        (Decision.wait(level=3), Decision.escalate(to=2), 1, False),  # a level above the recommended one
        (Decision.wait(level=4), STOP, 2, False),  # no level of the protocol
        (Decision.enroll(level=4), Decision.wait(level=2), 2, False),
        (Decision.de_escalate(to=2), Decision.escalate(to=3), 2, False),  # it goes below the level treated last
        (Decision.de_escalate(to=3), Decision.escalate(to=3), 2, False),
        (Decision.de_escalate(to=1), Decision.escalate(to=3), None, False),  # nobody was treated yet
        (Decision(action=Action.DE_ESCALATE), Decision.escalate(to=3), 2, False),  # to which level?
        (STOP, Decision.none_tolerated(), 2, True),
        (Decision(action=Action.STOP, mtd=Mtd(status=MtdStatus.NOT_ESTABLISHED)), Decision.escalate(to=3), 2, False),
        (Decision.established(2, bounded_above=False), Decision.escalate(to=3), 2, False),  # never an MTD of people
    ],
)
def test_by_hand(decided: Decision, recommended: Decision, last: int | None, *, may: bool) -> None:
    assert allowed(decided, recommended, last=last) is may


class TestTheRefusal:
    def refused(self, decided: Decision, recommended: Decision, *, explained: bool) -> list[tuple[str, str]]:
        found = against_deciding(decided, recommended, order=ORDER, last_level=2, explained=explained)
        return [(one.code, str(one)) for one in found]

    @pytest.mark.parametrize("explained", [False, True])
    def test_what_the_rule_says_needs_no_rationale(self, *, explained: bool) -> None:
        assert self.refused(Decision.escalate(to=3), Decision.escalate(to=3), explained=explained) == []

    def test_more_cautious_needs_one(self) -> None:
        assert self.refused(Decision.wait(level=2), Decision.escalate(to=3), explained=True) == []
        assert self.refused(Decision.wait(level=2), Decision.escalate(to=3), explained=False) == [
            (
                "rationale-missing",
                "wait (level 2) was decided where the rule says escalate (level 3): give the rationale as well",
            )
        ]

    @pytest.mark.parametrize("explained", [False, True])
    def test_less_cautious_is_refused_with_and_without_one(self, *, explained: bool) -> None:
        assert self.refused(Decision.escalate(to=3), Decision.wait(level=2), explained=explained) == [
            (
                "less-cautious",
                "escalate (level 3) was decided, but the rule allows wait (level 2) at most: decide that, or less",
            )
        ]

    @pytest.mark.parametrize(
        ("mtd", "words"),
        [
            (Mtd(), "stop"),
            (Mtd(status=MtdStatus.NONE_TOLERATED), "stop with no level tolerated"),
            (Mtd(status=MtdStatus.NOT_ESTABLISHED), "stop without an MTD"),
            (Mtd.established(2, bounded_above=False), "stop with the MTD at level 2"),
        ],
    )
    def test_it_says_which_mtd_is_meant(self, mtd: Mtd, words: str) -> None:
        refusal = LessCautious(decided=Decision(action=Action.STOP, mtd=mtd), recommended=Decision.wait(level=2))
        assert str(refusal).startswith(f"{words} was decided, ")
