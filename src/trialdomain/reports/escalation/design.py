"""Reports of a design without a trial: the decision table, the MTD from tallies, one state of rolling six."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from trialdomain.designs.design import DecisionTable
from trialdomain.protocol.designs import TableRow, TableWord
from trialdomain.reports.escalation.decision import doses_of, mtd_words
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Table
from trialdomain.values.clinical.decision import Mtd
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.plural import how_many

_WIDEST = 12
"""The most DLTs of a table that is shown with one column for each number of DLTs."""


def decision_table_report(table: DecisionTable, name: str) -> Report:
    """Report the decision table of a design, with one row for each number of evaluable participants.

    A large table is shown as publications print it: by the numbers of DLTs from which the decision changes.
    """
    return Report(
        title=f"Decision table of the design {name}",
        blocks=lambda: _table_blocks(table, name),
        json=lambda: _table_json(table, name),
    )


def _table_blocks(table: DecisionTable, name: str) -> Iterator[Block]:
    small = max((row.dlt for row in table.rows), default=0) <= _WIDEST
    yield _decision_table(table, name) if small else _bounds_table(table, name)
    if table.findings:
        yield Lines([f"note: {finding}" for finding in table.findings])


def mtd_report(mtd: Mtd, estimates: Mapping[Label, Fraction], tallies: Sequence[Tally]) -> Report:
    """Report the level that a design selects as the MTD, and the estimated DLT rate of each level, by its label."""
    line = f"MTD: {mtd_words(mtd, doses_of(tallies))}"
    labels = [tally.level for tally in tallies]
    return Report(title=line, blocks=lambda: [Lines([line])], json=lambda: _mtd_json(mtd, estimates, labels))


def state_report(answer: str) -> Report:
    """Report the answer of rolling six for one state of a level."""
    return Report(
        title="Rolling six, in one state of a level",
        blocks=lambda: [Lines([answer])],
        json=lambda: {"answer": answer},
    )


def _decision_table(table: DecisionTable, name: str) -> Table:
    counts = sorted({row.n for row in table.rows})
    most = max((row.dlt for row in table.rows), default=0)
    decisions = {(row.n, row.dlt): row.decision.value for row in table.rows}
    return Table(
        title=f"What the design {name} decides, by evaluable participants and DLTs at the level",
        columns=("evaluable", *(f"{dlt} DLT" if dlt == 1 else f"{dlt} DLTs" for dlt in range(most + 1))),
        rows=tuple((str(n), *(decisions.get((n, dlt), "") for dlt in range(most + 1))) for n in counts),
    )


def _bounds_table(table: DecisionTable, name: str) -> Table:
    by_n: dict[int, list[TableRow]] = {}
    for row in table.rows:
        by_n.setdefault(row.n, []).append(row)
    return Table(
        title=f"What the design {name} decides, by evaluable participants at the level; between the first two it stays",
        columns=("evaluable", "escalate with at most", "de-escalate from", "eliminate from"),
        rows=tuple((str(n), *_bounds(rows)) for n, rows in sorted(by_n.items())),
    )


def _bounds(rows: Sequence[TableRow]) -> tuple[str, str, str]:
    """Phrase the most DLTs with which a table escalates, and the fewest with which it goes down or eliminates."""
    up = [row.dlt for row in rows if row.decision is TableWord.ESCALATE]
    out = [row.dlt for row in rows if row.decision is TableWord.ELIMINATE]
    down = [row.dlt for row in rows if row.decision is TableWord.DE_ESCALATE] + out
    return (
        how_many(max(up), "DLT") if up else "never",
        how_many(min(down), "DLT") if down else "never",
        how_many(min(out), "DLT") if out else "never",
    )


def _table_json(table: DecisionTable, name: str) -> dict[str, Json]:
    rows: list[Json] = [{"n": row.n, "dlt": row.dlt, "decision": row.decision.value} for row in table.rows]
    return {"design": name, "rows": rows, "findings": list(table.findings)}


def _mtd_json(mtd: Mtd, estimates: Mapping[Label, Fraction], labels: Sequence[Label]) -> dict[str, Json]:
    rates: list[Json] = [round(float(estimates[label]), 12) if label in estimates else None for label in labels]
    return {"mtd": mtd.level, "mtd_status": mtd.status.value, "estimates": rates}
