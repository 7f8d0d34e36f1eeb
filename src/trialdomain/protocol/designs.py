"""The parameters of the escalation designs that a protocol can name, as data.

The rules of the designs are in ``trialdomain.designs``. This module has the stored parameters, which are the table
``[design]`` of a protocol file: its ``name`` and the parameters.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import ClassVar, Literal, TypeAlias

import attrs
from typing_extensions import TypeIs, override

from trialdomain.protocol.faults import at_least, refuse, unless
from trialdomain.values.number import is_bounded, whole_number
from trialdomain.values.word import Word

_SIX = "The highest dose level with a DLT in no more than 1/6 of at least 6 evaluable participants"
_FEWER = "no MTD is found with fewer than 6 evaluable participants at its level"


class DesignSpec:
    """The parameters of an escalation design: the base of one class for each design.

    In a stored protocol and in a protocol file, ``name`` selects the class.
    """

    __slots__ = ()

    known_as: ClassVar[str]
    """The name of the design in the literature, which is the prefix of its reason codes (``3+3/one-dlt``)."""
    revision: ClassVar[int]
    """The revision of the rules; it increases when the answer to the same outcomes changes."""

    @property
    def identity(self) -> str:
        """The design and its revision, as recorded in the basis of a decision (``3+3/1``)."""
        return f"{self.known_as}/{self.revision}"

    @property
    def mtd_means(self) -> str:
        """The design's definition of the MTD, as a sentence without its full stop."""
        raise NotImplementedError

    @property
    def choices(self) -> tuple[str, ...]:
        """Further choices that determine the MTD."""
        return ()

    def unfit(self, levels: int) -> str | None:  # noqa: ARG002 - for subclasses to override
        """Return why the parameters do not fit a protocol with a number of levels; None if they fit."""
        return None


@attrs.frozen(kw_only=True)
class ThreePlusThree(DesignSpec):
    """3+3 with at least 6 evaluable participants before a dose may be the MTD (NCT06245746; Storer 1989)."""

    known_as = "3+3"
    revision = 1

    name: Literal["three-plus-three"] = "three-plus-three"

    @property
    @override
    def mtd_means(self) -> str:
        """Return the registry's words."""
        return f"{_SIX}, as 3+3 ({self.identity}) finds it"

    @property
    @override
    def choices(self) -> tuple[str, ...]:
        return ("3 at a level, 6 where one of them has a DLT; two DLTs close a level and all above it", _FEWER)


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
        return f"{_SIX}, as rolling six ({self.identity}) finds it"

    @property
    @override
    def choices(self) -> tuple[str, ...]:
        return (_FEWER,)

    def __attrs_post_init__(self) -> None:
        """Refuse invalid rows, and a table that would continue treatment at a level after two DLTs."""
        states = [(row.enrolled, row.dlt, row.pending) for row in self.table]
        refuse(
            (
                at_least("design.start_level", self.start_level, 1),
                *(_state_fault(row) for row in self.table),
                unless(len(set(states)) == len(states), "design.table has two rows for one state"),
                *_bolder_states(self.table),
            )
        )

    @override
    def unfit(self, levels: int) -> str | None:
        """Say that the trial would begin above its highest level."""
        return _start_fault(self.start_level, levels)


def _start_fault(start_level: int, levels: int) -> str | None:
    return unless(start_level <= levels, f"design.start_level is {start_level}, and there are {levels} levels")


def _state_fault(row: StateRow) -> str | None:
    shown = f"design.table: {row.enrolled} enrolled with {row.dlt} DLT and {row.pending} pending"
    if row.enrolled > ROLLING_SIX or row.dlt + row.pending > row.enrolled:
        return f"{shown} is not a state: at most {ROLLING_SIX} are enrolled, and DLT and pending are among them"
    closes = row.dlt >= CLOSING_DLTS
    if closes is not (row.answer is StateAnswer.DE_ESCALATE):
        return (
            f"{shown} {'must' if closes else 'cannot'} be de-escalate: {CLOSING_DLTS} DLTs close a level, and no fewer"
        )
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
    """Yield a fault for each state that escalates although the state with one DLT less does not."""
    own = {(row.enrolled, row.dlt, row.pending): row.answer for row in rows}
    for row in rows:
        for fewer, more in ((row.dlt - 1, row.dlt), (row.dlt, row.dlt + 1)):
            few, many = (row.enrolled, fewer, row.pending), (row.enrolled, more, row.pending)
            if fewer < 0 or more + row.pending > row.enrolled:
                continue
            one, other = (own.get(state, published_state(*state)) for state in (few, many))
            if other is StateAnswer.ESCALATE and one is not StateAnswer.ESCALATE:
                yield (
                    f"design.table escalates at {row.enrolled} enrolled with {more} DLT and {row.pending} pending, "
                    f"and not with {fewer} DLT"
                )


class TableWord(Word):
    """The answer of a decision table for a level, from the boldest to the most cautious."""

    ESCALATE = "escalate"
    STAY = "stay"
    DE_ESCALATE = "de-escalate"
    ELIMINATE = "eliminate"
    """Go down, and never treat a participant at this level or above it again."""


@attrs.frozen(kw_only=True)
class TableRow:
    """The decision at a level for a number of evaluable participants and a number of DLTs among them."""

    n: int = attrs.field(validator=whole_number(least=1))
    """The number of evaluable participants at the level."""
    dlt: int = attrs.field(validator=whole_number(least=0))
    decision: TableWord


@attrs.frozen(kw_only=True)
class TableDesign(DesignSpec):
    """A decision table in the protocol: its rows apply to complete cohorts."""

    known_as = "table"
    revision = 1

    name: Literal["table"] = "table"
    rows: tuple[TableRow, ...]
    """For each number of evaluable participants, one row for each number of DLTs."""
    cohort_size: int = 3
    start_level: int = 1
    max_n: int | None = None
    """The number of evaluable participants in total after which the trial stops; None for no limit."""
    n_earlystop: int | None = None
    """The number of evaluable participants at a level at which the trial stops if the table says stay; None for the
    largest number in the table."""
    target: Decimal | None = None
    """The target DLT rate for the selection of the MTD at the end; None leaves the selection to people."""

    @property
    @override
    def mtd_means(self) -> str:
        """Return the definition with the target rate."""
        if self.target is None:
            return f"No level: the decision table ({self.identity}) has no target rate, and people may name a candidate"
        return (
            f"The dose level whose estimated rate of DLTs is nearest to {self.target}, among those that were tried and "
            f"are not eliminated, once the decision table ({self.identity}) has come to its end"
        )

    def __attrs_post_init__(self) -> None:
        """Refuse a table that is incomplete, or bolder with more DLTs."""
        refuse(
            (
                at_least("design.cohort_size", self.cohort_size, 1),
                at_least("design.start_level", self.start_level, 1),
                None if self.max_n is None else at_least("design.max_n", self.max_n, 1),
                None if self.n_earlystop is None else at_least("design.n_earlystop", self.n_earlystop, 1),
                _target_fault(self.target),
                *_row_faults(self.rows, self.cohort_size),
            )
        )

    @override
    def unfit(self, levels: int) -> str | None:
        """Say that the trial would begin above its highest level."""
        return _start_fault(self.start_level, levels)


def _target_fault(target: Decimal | None) -> str | None:
    fits = target is None or (is_bounded(target) and 0 < target < 1)
    return unless(fits, f"design.target must be between 0 and 1 with at most 15 digits, got {str(target)[:20]}")


def _row_faults(rows: Sequence[TableRow], cohort_size: int) -> Iterator[str]:
    beyond = next((row for row in rows if row.n > MOST_IN_TABLE), None)
    if beyond is not None:
        yield f"design.rows has {beyond.n} evaluable, and a table has at most {MOST_IN_TABLE} at a level"
        return
    if cohort_size < 1:
        return  # reported as a separate fault
    by_n: dict[int, dict[int, TableWord]] = {}
    for row in rows:
        of_n = by_n.setdefault(row.n, {})
        if row.dlt in of_n:
            yield f"design.rows has {row.dlt} DLT in {row.n} twice"
        of_n[row.dlt] = row.decision
    most = max(by_n, default=0)
    if not by_n:
        yield "design.rows is empty: give a row for each number of evaluable participants and of DLTs"
        return
    expected = range(1, most + 1) if 1 in by_n or cohort_size == 1 else range(cohort_size, most + 1, cohort_size)
    for n in sorted({*expected, *by_n}):
        if n not in expected:
            yield f"design.rows has {n} evaluable, which is not a whole number of cohorts of {cohort_size}"
        missing = [str(dlt) for dlt in range(n + 1) if dlt not in by_n.get(n, {})]
        if missing:
            yield f"design.rows has no row for {', '.join(missing)} DLT in {n} evaluable"
        if any(dlt > n for dlt in by_n.get(n, {})):
            yield f"design.rows has more DLTs than evaluable participants in a row for {n}"
    yield from _bolder(by_n)


def _bolder(by_n: Mapping[int, Mapping[int, TableWord]]) -> Iterator[str]:
    """Yield a fault where more DLTs give a bolder answer: at one number of participants, or at a higher rate."""
    order = list(TableWord)
    for n, words in sorted(by_n.items()):
        for (fewer, one), (more, other) in pairwise(sorted(words.items())):
            if order.index(other) < order.index(one):
                yield f"design.rows says {other.value} at {more}/{n}, and {one.value} at {fewer}/{n}"
    rates = [(Fraction(dlt, n), dlt, n, word) for n, words in by_n.items() for dlt, word in words.items()]
    highest = max((rate for rate in rates if rate[3] is TableWord.ESCALATE), default=None)
    lowest = min((r for r in rates if r[3] in {TableWord.DE_ESCALATE, TableWord.ELIMINATE}), default=None)
    if highest and lowest and highest[0] > lowest[0]:
        yield (
            f"design.rows escalates at {highest[1]}/{highest[2]}, a higher rate than {lowest[1]}/{lowest[2]}, "
            f"at which it says {lowest[3].value}"
        )


MOST_IN_TABLE = 60
"""The most evaluable participants at one level in a decision table."""
MOST_LEVELS = 20
"""The most dose levels of a protocol; no published trial comes near it."""
ROLLING_SIX = 6
"""The most participants who hold a slot at a level at once (Skolnik 2008)."""
CLOSING_DLTS = 2
"""The number of DLTs that closes a level, independent of its size (Storer 1989; Skolnik 2008)."""
KnownSpec: TypeAlias = ThreePlusThree | RollingSix | TableDesign
"""All designs. The type checker reports a design that is added here but not in ``design_of``."""
DESIGNS: dict[str, type[KnownSpec]] = {
    str(attrs.fields_dict(kind)["name"].default): kind for kind in (ThreePlusThree, RollingSix, TableDesign)
}
"""By name of the design: the class of its parameters."""
DEFAULT_DESIGN: DesignSpec = ThreePlusThree()
"""The default design (NCT06245746)."""


def is_known(spec: DesignSpec) -> TypeIs[KnownSpec]:
    """Return whether the parameters are those of a design of this library."""
    return type(spec) in DESIGNS.values() and DESIGNS.get(getattr(spec, "name", "")) is type(spec)
