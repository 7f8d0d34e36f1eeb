"""What people may decide where the rule has its answer: as much, or less, with a rationale; never more."""

from collections.abc import Iterator

from trialdomain.errors import CommandRefused
from trialdomain.values.clinical.decision import Action, Decision, MtdStatus


class LessCautious(CommandRefused):
    """People would decide what the rule forbids."""

    code = "less-cautious"

    def __init__(self, *, decided: Decision, recommended: Decision) -> None:
        super().__init__(
            f"{_words(decided)} was decided, but the rule allows {_words(recommended)} at most: decide that, or less"
        )
        self.decided, self.recommended = decided, recommended


class RationaleMissing(CommandRefused):
    """People decide otherwise than the rule, and do not say why."""

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
    decided: Decision, recommended: Decision, *, last_level: int | None, explained: bool
) -> Iterator[CommandRefused]:
    """Yield each rule that a decision of people would break; as much as the rule says breaks none.

    Args:
        decided: what people decide.
        recommended: what the rule says.
        last_level: the level of whoever was treated last.
        explained: whether there is a rationale.
    """
    if decided.bare == recommended.bare:
        return
    if not is_more_cautious(decided, recommended, last_level=last_level):
        yield LessCautious(decided=decided, recommended=recommended)
    elif not explained:
        yield RationaleMissing(decided=decided, recommended=recommended)


_CAUTION = (Action.STOP, Action.DE_ESCALATE, Action.WAIT, Action.ENROLL, Action.ESCALATE)


def is_more_cautious(decided: Decision, recommended: Decision, *, last_level: int | None) -> bool:
    """Say whether a choice asks less of participants than the rule: stop < de-escalate < wait < treat < escalate.

    No choice goes to a level above the one that the rule names; de-escalation goes below the level treated last; and an
    MTD is never a choice.
    """
    if decided.mtd.status is not MtdStatus.OPEN:
        return False
    if decided.level is not None and recommended.level is not None and decided.level > recommended.level:
        return False
    if decided.action is Action.DE_ESCALATE and (
        last_level is None or decided.level is None or decided.level >= last_level
    ):
        return False
    return _boldness(decided) <= _boldness(recommended)


def _boldness(decision: Decision) -> int:
    return _CAUTION.index(Action.ENROLL if decision.action is Action.EXPAND else decision.action)
