"""The parameters of a decision table that the protocol prints."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal

import attrs
from typing_extensions import override

from trialdomain.protocol.designs.spec import DesignSpec, optional_number_fault, rate_fault, start_fault
from trialdomain.protocol.faults import at_least, refuse, unless
from trialdomain.protocol.in_part import Check, faults_of, having, is_whole
from trialdomain.values.number import whole_number
from trialdomain.values.word import Word

MOST_IN_TABLE = 60
"""The most evaluable participants at one level in a decision table."""


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
        refuse(faults_of(self.checks()))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the parameters."""
        return (
            lambda: at_least("design.cohort_size", self.cohort_size, 1),
            lambda: at_least("design.start_level", self.start_level, 1),
            lambda: optional_number_fault("design.max_n", self.max_n),
            lambda: optional_number_fault("design.n_earlystop", self.n_earlystop),
            lambda: None if self.target is None else rate_fault("design.target", self.target),
            lambda: _each_row_faults(self.rows),
            lambda: _cohort_faults(self.rows, self.cohort_size),
            lambda: _bolder(_by_n(self.rows)),
        )

    @override
    def unfit(self, levels: int) -> str | None:
        """Say that the trial would begin above its highest level."""
        return start_fault(self.start_level, levels)


def _each_row_faults(rows: Sequence[TableRow]) -> Iterator[str | None]:
    """Yield a fault for a row that is beyond a table, that stands twice, or that cannot be."""
    yield unless(bool(rows), "design.rows is empty: give a row for each number of evaluable participants and of DLTs")
    counted = Counter((row.n, row.dlt) for row in having(rows, "n", "dlt"))
    beyond = next((n for n, _ in counted if n > MOST_IN_TABLE), None)
    yield unless(
        beyond is None, f"design.rows has {beyond} evaluable, and a table has at most {MOST_IN_TABLE} at a level"
    )
    for (n, dlt), times in counted.items():
        yield from [f"design.rows has {dlt} DLT in {n} twice"] * (times - 1)
    for n in sorted({n for n, dlt in counted if dlt > n}):
        yield f"design.rows has more DLTs than evaluable participants in a row for {n}"


def _cohort_faults(rows: Sequence[TableRow], cohort_size: int) -> Iterator[str]:
    """Yield a fault for each number of evaluable participants that is no whole cohorts, or lacks a row.

    A row that could not be read may be the one that is lacking.
    """
    by_n = _by_n(rows)
    most = max(by_n, default=0)
    if cohort_size < 1 or most > MOST_IN_TABLE:
        return  # told as a separate fault
    if by_n and is_whole(rows):
        yield from _short(most, cohort_size)
    expected = range(1, most + 1) if 1 in by_n or cohort_size == 1 else range(cohort_size, most + 1, cohort_size)
    for n in sorted({*expected, *by_n}):
        if n not in expected:
            yield f"design.rows has {n} evaluable, which is not a whole number of cohorts of {cohort_size}"
        missing = [str(dlt) for dlt in range(n + 1) if dlt not in by_n.get(n, {})]
        if missing and is_whole(rows):
            yield f"design.rows has no row for {', '.join(missing)} DLT in {n} evaluable"


def _by_n(rows: Sequence[TableRow]) -> dict[int, dict[int, TableWord]]:
    """Return the decisions by the number of evaluable participants, and by that of DLTs."""
    found: dict[int, dict[int, TableWord]] = {}
    for row in filter(is_whole, rows):
        found.setdefault(row.n, {})[row.dlt] = row.decision
    return found


def _short(most: int, cohort_size: int) -> Iterator[str]:
    """Yield a fault for a table that ends before a whole cohort."""
    if most < cohort_size:
        yield (
            f"design.rows ends at {most} evaluable, before a whole cohort of {cohort_size}: give rows up to "
            f"{cohort_size}, or a lower cohort_size"
        )


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
