"""Rolling six in words, as a protocol describes it."""

from trialdomain.designs.design import DesignWords
from trialdomain.designs.wording import ENDS_WITH, ENDS_WITHOUT, REPLACED
from trialdomain.protocol.designs import CLOSING_DLTS, ROLLING_SIX, RollingSix, StateAnswer
from trialdomain.values.given.plural import how_many

_ANSWERS = {
    StateAnswer.SAME: "the next participant is treated at the level",
    StateAnswer.HOLD: "nobody is treated until an outcome is known",
    StateAnswer.ESCALATE: "the next level is treated",
    StateAnswer.DE_ESCALATE: "the level is closed",
}


def in_words(spec: RollingSix) -> DesignWords:
    """Describe the rule, and the rows in which a protocol differs from the published table."""
    differs = [
        f"this protocol differs from that table: with {row.enrolled} enrolled, {how_many(row.dlt, 'DLT')} and "
        f"{row.pending} pending, {_ANSWERS[row.answer]}"
        for row in spec.table
    ]
    return DesignWords(
        going=(
            f"up to {ROLLING_SIX} participants are treated at a level at once, before earlier outcomes are known",
            REPLACED,
            "the table of Frankel 2020 decides by the numbers enrolled, with a DLT, and pending at the last level",
            *differs,
            f"{CLOSING_DLTS} DLTs, also late ones, close a level and all above it",
            f"the highest level that is not closed is treated up to {ROLLING_SIX}, also without a DLT",
            "a level below that keeps fewer than 3 evaluable is treated again",
            "an outcome pending below the last level delays the next escalation and an MTD, and no treatment there",
        ),
        ends=(ENDS_WITH.format(number=ROLLING_SIX), ENDS_WITHOUT),
    )
