"""3+3 in words, as a protocol describes it."""

from trialdomain.designs.design import DesignWords
from trialdomain.designs.three_plus_three.walk import COHORT, COMPLETE
from trialdomain.designs.wording import ENDS_WITH, ENDS_WITHOUT, REPLACED
from trialdomain.protocol.designs import ThreePlusThree
from trialdomain.values.given.plural import how_many


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
        ends=(ENDS_WITH.format(number=COMPLETE) if confirmed else _by_three(spec), ENDS_WITHOUT),
    )


def _by_three(spec: ThreePlusThree) -> str:
    """Phrase the end of a variant in which 3 are enough for an MTD."""
    most = how_many(spec.most_dlts_in_six, "DLT")
    return (
        f"{COHORT} or more are evaluable at the highest level that is not closed without a DLT, or {COMPLETE} with at "
        f"most {most}, and it is the MTD"
    )
