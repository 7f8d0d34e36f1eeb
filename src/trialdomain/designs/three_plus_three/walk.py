"""The walk of 3+3: the verdict on the outcomes of one level, and the level of the next subject.

Numbers that every variant shares are constants here; the numbers of a variant are in the parameters of the design.
"""

from collections.abc import Sequence

import attrs

from trialdomain.protocol.designs import CLOSING_DLTS, ThreePlusThree
from trialdomain.values.clinical.decision import Action
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.word import Word

COHORT = 3
COMPLETE = 6
"""The evaluable subjects of an expanded level (NCT06245746, primary outcome MTD; Storer 1989)."""


def closes(tally: Tally, spec: ThreePlusThree, *, opened: int = COMPLETE) -> bool:
    """Say whether the DLTs of a level close it.

    More DLTs than a variant tolerates in 6 close a level of any size. So do 2 DLTs at a level that has only its first 3
    slots: 2 of 3 are too many in every variant (Lin and Shih 2001: D = 1).

    Args:
        tally: the counts of the level.
        spec: the parameters of the variant.
        opened: the slots that people opened there, where they are known; participants beyond them reopen nothing.
    """
    first_cohort = min(max(tally.most_held, tally.occupied), opened) <= COHORT
    return tally.dlts > spec.most_dlts_in_six or (tally.dlts >= CLOSING_DLTS and first_cohort)


class Verdict(Word):
    """The verdict on one level that is not closed: what it needs."""

    FILL_COHORT = "fewer than 3 are evaluable"
    RESOLVE_DLT = "a DLT in 3 to 5 asks for 6"
    CONFIRM = "the highest level that is not closed needs 6"
    MTD = "6 at the highest level that is not closed"
    TOLERATED = "go on with the next level"


def judge(evaluable: int, dlts: int, *, highest: bool, spec: ThreePlusThree) -> Verdict:
    """Judge a level that is not closed; ``highest`` says that no level above it is open (Storer 1989).

    >>> judge(3, 0, highest=False, spec=ThreePlusThree()).name, judge(3, 0, highest=True, spec=ThreePlusThree()).name
    ('TOLERATED', 'CONFIRM')
    >>> judge(3, 0, highest=True, spec=ThreePlusThree(evaluable_for_mtd=3)).name
    'MTD'
    """
    match (evaluable, dlts):
        case (0 | 1 | 2, _):
            return Verdict.FILL_COHORT
        case (3 | 4 | 5, n) if n > 0:
            return Verdict.RESOLVE_DLT
        case (3 | 4 | 5, _) if highest and evaluable < spec.evaluable_for_mtd:
            return Verdict.CONFIRM
        case _ if highest:
            return Verdict.MTD
        case _:
            return Verdict.TOLERATED


@attrs.frozen
class Step:
    """The level at which the walk stops, and the action there."""

    tally: Tally
    verdict: Verdict
    action: Action
    slots: int
    """The number of slots there: 3 or 6."""
    waits_for_all: bool = False
    """For a wait: whether for all outcomes pending at open levels, or only for those at the level in turn."""


def next_step(still_open: Sequence[Tally], last: int | None, spec: ThreePlusThree) -> Step | None:
    """Walk up the open levels to the first that needs an action; None when no level is open.

    A level below the start level is passed over while nobody was treated there, unless every level from the start
    level upwards is closed.

    Escalation and an MTD wait for every outcome pending at an open level; treating at the same level, or at a lower
    one, waits only for a free slot.

    Args:
        still_open: the levels that are not closed, from the lowest upwards.
        last: the place of the level treated last.
        spec: the parameters of the variant.
    """
    for tally in still_open:
        highest = tally is still_open[-1]
        if tally.place < spec.start_level and not highest and not (tally.treated or tally.enrolled):
            continue
        verdict = judge(tally.evaluable, tally.dlts, highest=highest, spec=spec)
        if verdict is not Verdict.TOLERATED:
            return _step(still_open, tally, verdict, last)
    return None


def _step(still_open: Sequence[Tally], tally: Tally, verdict: Verdict, last: int | None) -> Step:
    expanded = verdict is not Verdict.FILL_COHORT or tally.most_held > COHORT
    slots = COMPLETE if expanded else COHORT
    climbs = last is not None and tally.place > last
    if (climbs or verdict is Verdict.MTD) and any(level.pending for level in still_open):
        return Step(tally, verdict, Action.WAIT, slots, waits_for_all=True)
    if verdict is Verdict.MTD:
        return Step(tally, verdict, Action.STOP, slots)
    if tally.occupied >= slots:
        return Step(tally, verdict, Action.WAIT, slots)
    if climbs:
        return Step(tally, verdict, Action.ESCALATE, slots)
    if last is not None and tally.place < last:
        return Step(tally, verdict, Action.DE_ESCALATE, slots)
    return Step(tally, verdict, Action.EXPAND if expanded and tally.occupied == COHORT else Action.ENROLL, slots)
