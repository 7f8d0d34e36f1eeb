"""What rolling six does in each state of one level.

Source: Skolnik et al. 2008, J Clin Oncol 26:190; the table as Frankel et al. 2020, JAMA Netw Open 3(5):e204787, Table 2
print it.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from trialdomain.protocol.designs import CLOSING_DLTS, ROLLING_SIX, StateAnswer, StateRow
from trialdomain.values.tally import Tally

State: TypeAlias = tuple[int, int, int]
"""Enrolled and not replaced, with DLT, and pending."""


def published(enrolled: int, dlt: int, pending: int) -> StateAnswer:
    """Give the published answer for one state.

    >>> published(5, 0, 2).value, published(6, 0, 1).value, published(6, 1, 1).value
    ('same', 'escalate', 'hold')
    """
    evaluable = enrolled - pending
    all_known = not pending
    match (dlt, enrolled):
        case (n, _) if n >= CLOSING_DLTS:
            return StateAnswer.DE_ESCALATE
        case (0, 3 | 4 | 5) if all_known:
            return StateAnswer.ESCALATE
        case (0, n) if n == ROLLING_SIX and evaluable >= ROLLING_SIX - 1:
            return StateAnswer.ESCALATE
        case (1, n) if n == ROLLING_SIX and all_known:
            return StateAnswer.ESCALATE
        case (_, n) if n == ROLLING_SIX:
            return StateAnswer.HOLD
        case _:
            return StateAnswer.SAME


def state_of(tally: Tally) -> State:
    """Say in which state a level is: whoever holds a slot and is not infused yet is pending; 7 are judged as 6."""
    return min(tally.occupied, ROLLING_SIX), tally.dlts, tally.pending + tally.enrolled


def answer_to(state: State, differing: Mapping[State, StateAnswer]) -> StateAnswer:
    """Give the answer of a protocol's table: its own row where it has one, else the published one."""
    found = differing.get(state)
    return published(*state) if found is None else found


def by_state(rows: Iterable[StateRow]) -> Mapping[State, StateAnswer]:
    """File rows by their state."""
    return {(row.enrolled, row.dlt, row.pending): row.answer for row in rows}
