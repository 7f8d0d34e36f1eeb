"""3+3 in words, as a protocol describes it."""

from trialdomain.designs.design import DesignWords
from trialdomain.designs.three_plus_three.walk import COHORT, COMPLETE
from trialdomain.designs.wording import ENDS_WITH, ENDS_WITHOUT, REPLACED
from trialdomain.protocol.designs import ThreePlusThree


def in_words(spec: ThreePlusThree) -> DesignWords:
    """Describe the walk of a variant."""
    confirmed = spec.evaluable_for_mtd == COMPLETE
    highest = (
        f"the highest level that is not closed is treated up to {COMPLETE}, also without a DLT"
        if confirmed
        else f"the highest level that is not closed is treated up to {COMPLETE} only where one of {COHORT} has a DLT"
    )
    below = "levels below the first one are treated only once every level from it upwards is closed"
    return DesignWords(
        going=(
            *spec.choices,
            REPLACED,
            highest,
            "an escalation, and an MTD, wait for every pending outcome at the levels that are not closed",
            "another participant at the same level, or at a lower one, waits only for a free slot",
            *([below] if spec.start_level > 1 else []),
        ),
        ends=(ENDS_WITH.format(number=COMPLETE if confirmed else COHORT), ENDS_WITHOUT),
    )
