"""The answer of rolling six in each state of one level.

Source: Skolnik et al. 2008, J Clin Oncol 26:190; the table as Frankel et al. 2020, JAMA Netw Open 3(5):e204787, Table 2
print it.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from trialdomain.protocol.designs import ROLLING_SIX, StateAnswer, StateRow, published_state
from trialdomain.values.clinical.tally import Tally

State: TypeAlias = tuple[int, int, int]
"""The numbers enrolled and not replaced, with DLT, and pending."""


def state_of(tally: Tally) -> State:
    """Return the state of a level: slot holders who are not infused yet count as pending; more than 6 count as 6."""
    return min(tally.occupied, ROLLING_SIX), tally.dlts, tally.pending + tally.enrolled


def answer_to(state: State, differing: Mapping[State, StateAnswer]) -> StateAnswer:
    """Look up the answer of a protocol's table: its own row where it has one, else the published one."""
    found = differing.get(state)
    return published_state(*state) if found is None else found


def by_state(rows: Iterable[StateRow]) -> Mapping[State, StateAnswer]:
    """Index rows by their state."""
    return {(row.enrolled, row.dlt, row.pending): row.answer for row in rows}
