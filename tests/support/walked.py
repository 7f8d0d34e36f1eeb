"""Walks through designs that tests write themselves, to compare ``trialdomain.operating`` with."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import product
from math import comb, prod

import attrs

from trialdomain import (
    Action,
    Boin,
    Decision,
    FinalClosing,
    I3Plus3,
    Keyboard,
    Mtd,
    MtdStatus,
    Mtpi2,
    RollingSix,
    TableDesign,
    ThreePlusThree,
)
from trialdomain.designs.notation import Outcome, Treated, parse_outcomes, situation_of
from trialdomain.designs.registry import decide, design_of, situation_after
from trialdomain.protocol.designs import DesignSpec, TableRow, TableWord

TARGET = Decimal("0.3")
WORDS = (TableWord.ESCALATE, TableWord.STAY, TableWord.DE_ESCALATE, TableWord.ELIMINATE)
TABLE = TableDesign(
    rows=tuple(TableRow(n=3, dlt=dlt, decision=word) for dlt, word in enumerate(WORDS)), n_earlystop=3, target=TARGET
)
DESIGNS: dict[str, tuple[DesignSpec, int]] = {
    "3+3": (ThreePlusThree(), 2),
    "3+3 from level 2": (ThreePlusThree(start_level=2), 3),
    "3+3 with 2 in 6": (ThreePlusThree(most_dlts_in_six=2), 2),
    "3+3 with 3 for an MTD": (ThreePlusThree(evaluable_for_mtd=3), 3),
    "rolling six": (RollingSix(), 2),
    "rolling six from level 2": (RollingSix(start_level=2), 2),
    "a table": (TABLE, 3),
    "BOIN": (Boin(target=TARGET, max_n=9), 3),
    "BOIN, cut to fit": (Boin(target=TARGET, max_n=8), 3),
    "BOIN from level 2": (Boin(target=TARGET, max_n=9, start_level=2), 3),
    "BOIN, safer": (Boin(target=TARGET, max_n=9, extra_safety=True, bound_mtd=True, n_earlystop=6), 2),
    "Keyboard, cohorts of 2": (Keyboard(target=TARGET, max_n=7, cohort_size=2), 2),
    "mTPI-2": (Mtpi2(target=TARGET, max_n=9), 2),
    "i3+3, one at a time": (I3Plus3(target=TARGET, max_n=5, cohort_size=1), 2),
}
"""By name: a design, and a number of levels with few enough paths to enumerate each by itself."""
Chances = Mapping[tuple[str, int], Fraction]
"""By the name of the ending and the number of infused participants."""


def rule_of_3_plus_3(outcomes: Sequence[tuple[int, int]]) -> int | str:
    """Answer as the published 3+3 does: the level to treat, or the ending as ``mtd 2`` or ``none``.

    Written from the table of the walk (Storer 1989), with evaluable participants and DLTs by level: 2 DLTs close a
    level and those above it; a level needs 3, and 6 where one has a DLT or where it is the highest that is not closed.
    """
    still_open = next((at for at, (_, dlts) in enumerate(outcomes) if dlts >= 2), len(outcomes))
    for at in range(still_open):
        evaluable, dlts = outcomes[at]
        highest = at == still_open - 1
        if evaluable < 3 or (evaluable < 6 and (dlts == 1 or highest)):
            return at + 1
        if highest:
            return f"mtd {at + 1}"
    return "none"


def exact_3_plus_3(true: Sequence[Fraction], *, group: int) -> Mapping[str, Fraction]:
    """Give the probability of each ending of 3+3, by recursion over every sequence of outcomes of groups."""
    found: dict[str, Fraction] = defaultdict(Fraction)

    def go_on(outcomes: tuple[tuple[int, int], ...], chance: Fraction) -> None:
        answer = rule_of_3_plus_3(outcomes)
        if isinstance(answer, str):
            found[answer] += chance
            return
        rate, (evaluable, dlts) = true[answer - 1], outcomes[answer - 1]
        for more in range(group + 1):
            after = (*outcomes[: answer - 1], (evaluable + group, dlts + more), *outcomes[answer:])
            go_on(after, chance * comb(group, more) * rate**more * (1 - rate) ** (group - more))

    go_on(((0, 0),) * len(true), Fraction(1))
    return found


def every_trial(
    spec: DesignSpec, true: Sequence[Fraction], *, lost: Fraction, cap: int, one_at_a_time: bool
) -> Chances:
    """Give the probability of each ending and size, with each participant told apart and no state merged.

    The whole sequence is counted anew before each group, and every order of outcomes within a group is a trial of its
    own. A group is one participant, or every free slot of the answer; a cohort that would exceed ``cap`` is not begun.
    As in a log, the slots of each answer stay open until they are filled, and what was closed stays closed.
    """
    found: dict[tuple[str, int], Fraction] = defaultdict(Fraction)
    levels = len(true)

    def go_on(treated: tuple[Treated, ...], opened: tuple[tuple[int, ...], ...], closed: int, chance: Fraction) -> None:
        final = (FinalClosing(level=closed, cause="before"),) if closed <= levels else ()
        situation = attrs.evolve(situation_of(treated, levels=levels), slots=opened, final_closings=final)
        decision = decide(situation, design=spec, forecasting=False)
        infused = len(treated)
        if decision.action is Action.STOP:
            found[ending(decision.mtd), infused] += chance
            return
        place, slots = int(str(decision.level)), decision.slots or 0
        size = 1 if one_at_a_time else slots - situation.tallies[place - 1].evaluable
        if infused + size > cap:
            size = cap - infused if decision.action is Action.ENROLL and treated else 0
        if not size:
            found["not_established", infused] += chance
            return
        lowest = min((int(str(level)) for level in decision.closed_levels), default=closed)
        slotted = (*opened[: place - 1], (*opened[place - 1], slots), *opened[place:])
        rate = true[place - 1]
        chances = {"N": (1 - lost) * (1 - rate), "T": (1 - lost) * rate, "X": lost}
        for letters in product([letter for letter, one in chances.items() if one], repeat=size):
            group = tuple(Treated(place, Outcome(letter)) for letter in letters)
            go_on((*treated, *group), slotted, lowest, chance * prod(chances[letter] for letter in letters))

    go_on((), ((),) * levels, levels + 1, Fraction(1))
    return found


def answer_after(text: str, spec: DesignSpec, *, levels: int) -> Decision:
    """Give the answer of a design to a sequence."""
    treated = parse_outcomes(text, levels=levels, start_level=design_of(spec).start_level())
    return decide(situation_after(treated, levels=levels, design=spec), design=spec, forecasting=False)


def ending(mtd: Mtd) -> str:
    """Name the ending as ``p_select`` does."""
    if mtd.status is MtdStatus.ESTABLISHED:
        return str(mtd.level)
    return "none" if mtd.status is MtdStatus.NONE_TOLERATED else "not_established"


def every_sequence(spec: DesignSpec, *, levels: int) -> Iterator[tuple[str, str]]:
    """Yield each path as its text and its ending; within a cohort, those without a DLT come first."""

    def go_on(text: str) -> Iterator[tuple[str, str]]:
        decision = answer_after(text, spec, levels=levels)
        if decision.action is Action.STOP:
            yield text, ending(decision.mtd)
            return
        size = _free(text, decision)
        for dlts in range(size + 1):
            yield from go_on(f"{text} {decision.level}{'N' * (size - dlts)}{'T' * dlts}".strip())

    return go_on("")


def _free(text: str, decision: Decision) -> int:
    """Count the free slots of the answer: those of its level, less the participants there who are evaluable."""
    held = sum(
        letter in "NT" for group in text.split() if group.rstrip("NTX") == str(decision.level) for letter in group
    )
    return (decision.slots or 0) - held
