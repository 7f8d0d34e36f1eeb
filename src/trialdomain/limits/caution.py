"""The caution limit: people may follow the recommendation, or be more cautious with a rationale, but never bolder."""

from collections.abc import Iterator, Sequence

from trialdomain.errors import CommandRefused
from trialdomain.values.clinical.decision import Action, Decision, MtdStatus
from trialdomain.values.clinical.level import Label


class LessCautious(CommandRefused):
    """A decision of people is less cautious than the recommendation of the rule."""

    code = "less-cautious"

    def __init__(self, *, decided: Decision, recommended: Decision) -> None:
        super().__init__(
            f"{_words(decided)} was decided, but the rule allows {_words(recommended)} at most: decide that, or less"
        )
        self.decided, self.recommended = decided, recommended


class RationaleMissing(CommandRefused):
    """A decision of people differs from the recommendation, and has no rationale."""

    code = "rationale-missing"

    def __init__(self, *, decided: Decision, recommended: Decision) -> None:
        super().__init__(
            f"{_words(decided)} was decided where the rule says {_words(recommended)}: give the rationale as well"
        )
        self.decided, self.recommended = decided, recommended


def _words(decision: Decision) -> str:
    mtd = decision.mtd
    named = {
        MtdStatus.OPEN: "",
        MtdStatus.ESTABLISHED: f" with the MTD at level {mtd.level}",
        MtdStatus.NONE_TOLERATED: " with no level tolerated",
        MtdStatus.NOT_ESTABLISHED: " without an MTD",
    }[mtd.status]
    level = "" if decision.level is None else f" (level {decision.level})"
    return f"{decision.action.value}{level}{named}"


def against_deciding(
    decided: Decision, recommended: Decision, *, order: Sequence[Label], last_level: Label | None, explained: bool
) -> Iterator[CommandRefused]:
    """Yield each rule that a decision of people would break; a decision equal to the recommendation breaks none.

    Args:
        decided: the decision of people.
        recommended: the recommendation of the rule.
        order: the labels of the levels, in the order of escalation.
        last_level: the level of the participant treated last.
        explained: whether there is a rationale.
    """
    if decided.bare == recommended.bare:
        return
    if not is_more_cautious(decided, recommended, order=order, last_level=last_level):
        yield LessCautious(decided=decided, recommended=recommended)
    elif not explained:
        yield RationaleMissing(decided=decided, recommended=recommended)


_CAUTION = (Action.STOP, Action.DE_ESCALATE, Action.WAIT, Action.ENROLL, Action.ESCALATE)


def is_more_cautious(
    decided: Decision, recommended: Decision, *, order: Sequence[Label], last_level: Label | None
) -> bool:
    """Say whether a decision is at most as bold as the rule's: stop < de-escalate < wait < treat < escalate.

    The decision must not name a level above the recommended one. A de-escalation must go below the level treated last.
    An MTD is never a more cautious decision.
    """
    if decided.mtd.status is not MtdStatus.OPEN:
        return False
    place = {level: number for number, level in enumerate(order, start=1)}
    if decided.level is not None and decided.level not in place:
        return False
    if decided.level is not None and recommended.level is not None and place[decided.level] > place[recommended.level]:
        return False
    if decided.action is Action.DE_ESCALATE and (
        last_level is None or decided.level is None or place[decided.level] >= place[last_level]
    ):
        return False
    return _boldness(decided) <= _boldness(recommended)


def _boldness(decision: Decision) -> int:
    return _CAUTION.index(Action.ENROLL if decision.action is Action.EXPAND else decision.action)
