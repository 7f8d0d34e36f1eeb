"""The parameters of rolling six, and the published table of its states."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal

import attrs
from typing_extensions import override

from trialdomain.protocol.designs.spec import CLOSING_DLTS, DesignSpec, start_fault
from trialdomain.protocol.designs.three_plus_three import NO_FEWER, SIX
from trialdomain.protocol.faults import at_least, refuse, unless
from trialdomain.protocol.in_part import Check, faults_of, having, is_whole
from trialdomain.values.number import whole_number
from trialdomain.values.word import Word

ROLLING_SIX = 6
"""The most participants who hold a slot at a level at once (Skolnik 2008)."""

_FEWEST = 3
"""The fewest participants at a level with which rolling six escalates (Skolnik 2008)."""


class StateAnswer(Word):
    """The answer of rolling six at one level, in the words of its tables."""

    SAME = "same"
    """Treat the next participant at this level."""
    HOLD = "hold"
    """Treat no participant until an outcome is known."""
    ESCALATE = "escalate"
    DE_ESCALATE = "de-escalate"


@attrs.frozen(kw_only=True)
class StateRow:
    """The answer of rolling six in one state of a level."""

    enrolled: int = attrs.field(validator=whole_number(least=1))
    """The participants who hold a slot there, infused or not, and were not replaced: 1 to 6."""
    dlt: int = attrs.field(validator=whole_number(least=0))
    pending: int = attrs.field(validator=whole_number(least=0))
    """The enrolled participants whose outcome is not known yet."""
    answer: StateAnswer


@attrs.frozen(kw_only=True)
class RollingSix(DesignSpec):
    """Rolling six: up to 6 participants at a level at once, by counts of enrolled, DLT and pending (Skolnik 2008)."""

    known_as = "rolling-six"
    revision = 1

    name: Literal["rolling-six"] = "rolling-six"
    start_level: int = 1
    table: tuple[StateRow, ...] = ()
    """Rows in which this protocol differs from the published table (Frankel 2020, Table 2)."""

    @property
    @override
    def mtd_means(self) -> str:
        """Return the same words as for 3+3."""
        return f"{SIX}, as rolling six ({self.identity}) finds it"

    @property
    @override
    def choices(self) -> tuple[str, ...]:
        return (NO_FEWER,)

    def __attrs_post_init__(self) -> None:
        """Refuse invalid rows, and a table that would continue treatment at a level after two DLTs."""
        refuse(faults_of(self.checks()))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the parameters."""
        return (
            lambda: at_least("design.start_level", self.start_level, 1),
            *(partial(_state_fault, row) for one in having([self], "table") for row in one.table),
            lambda: _twice(self.table),
            lambda: _bolder_states(self.table) if is_whole(self.table) else None,
        )

    @override
    def unfit(self, levels: int) -> str | None:
        """Say that the trial would begin above its highest level."""
        return start_fault(self.start_level, levels)


def _twice(rows: Sequence[StateRow]) -> str | None:
    states = [(row.enrolled, row.dlt, row.pending) for row in having(rows, "enrolled", "dlt", "pending")]
    return unless(len(set(states)) == len(states), "design.table has two rows for one state")


def _state_fault(row: StateRow) -> str | None:
    shown = f"design.table: {row.enrolled} enrolled with {row.dlt} DLT and {row.pending} pending"
    if row.enrolled > ROLLING_SIX or row.dlt + row.pending > row.enrolled:
        return f"{shown} is not a state: at most {ROLLING_SIX} are enrolled, and DLT and pending are among them"
    closes = row.dlt >= CLOSING_DLTS
    if closes is not (row.answer is StateAnswer.DE_ESCALATE):
        return (
            f"{shown} {'must' if closes else 'cannot'} be de-escalate: {CLOSING_DLTS} DLTs close a level, and no fewer"
        )
    if row.answer is StateAnswer.ESCALATE and row.enrolled < _FEWEST:
        return f"{shown} cannot be escalate: fewer than {_FEWEST} are enrolled"
    if row.answer is StateAnswer.HOLD and not row.pending:
        return f"{shown} cannot be hold: nothing would end the wait"
    if row.answer is StateAnswer.SAME and row.enrolled == ROLLING_SIX:
        return f"{shown} cannot be same: every slot is taken"
    return None


def published_state(enrolled: int, dlt: int, pending: int) -> StateAnswer:
    """Return the published answer of rolling six for one state of a level (Frankel 2020, Table 2).

    >>> published_state(5, 0, 2).value, published_state(6, 0, 1).value, published_state(6, 1, 1).value
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


def _bolder_states(rows: Sequence[StateRow]) -> Iterator[str]:
    """Yield a fault for each state that escalates although one with a DLT less, or a pending outcome less, does not."""
    possible_rows = [row for row in rows if _state_fault(row) is None]
    own = {(row.enrolled, row.dlt, row.pending): row.answer for row in possible_rows}

    def escalates(dlt: int, pending: int) -> bool:
        state = (row.enrolled, dlt, pending)
        return own.get(state, published_state(*state)) is StateAnswer.ESCALATE

    told: set[str] = set()
    for row in possible_rows:
        shown = f"design.table escalates at {row.enrolled} enrolled with"
        for more in (row.dlt, row.dlt + 1):
            possible = more > 0 and more + row.pending <= row.enrolled
            if possible and escalates(more, row.pending) and not escalates(more - 1, row.pending):
                told.add(f"{shown} {more} DLT and {row.pending} pending, and not with {more - 1} DLT")
        for more in (row.pending, row.pending + 1):
            possible = more > 0 and row.dlt + more <= row.enrolled
            if possible and escalates(row.dlt, more) and not escalates(row.dlt, more - 1):
                told.add(f"{shown} {row.dlt} DLT and {more} pending, and not with {more - 1} pending")
    yield from sorted(told)
