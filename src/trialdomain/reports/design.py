"""Reports of a design without a trial: the decision table, the MTD from tallies, one state of rolling six."""

from collections.abc import Mapping
from fractions import Fraction

from trialdomain.designs.design import DecisionTable
from trialdomain.reports.decision import mtd_words
from trialdomain.reports.json import Json
from trialdomain.reports.report import Lines, Report
from trialdomain.reports.table import Table
from trialdomain.values.clinical.decision import Mtd
from trialdomain.values.clinical.level import Label


def decision_table_report(table: DecisionTable, name: str) -> Report:
    """Report the decision table of a design, with one row for each number of evaluable participants."""
    return Report(
        title=f"Decision table of the design {name}",
        blocks=lambda: [_decision_table(table, name)],
        json=lambda: _table_json(table, name),
    )


def mtd_report(mtd: Mtd, estimates: Mapping[Label, Fraction], levels: int) -> Report:
    """Report the level that a design selects as the MTD, and the estimated DLT rate of each level."""
    line = f"MTD: {mtd_words(mtd)}"
    return Report(title=line, blocks=lambda: [Lines([line])], json=lambda: _mtd_json(mtd, estimates, levels))


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


def _table_json(table: DecisionTable, name: str) -> dict[str, Json]:
    rows: list[Json] = [{"n": row.n, "dlt": row.dlt, "decision": row.decision.value} for row in table.rows]
    return {"design": name, "rows": rows}


def _mtd_json(mtd: Mtd, estimates: Mapping[Label, Fraction], levels: int) -> dict[str, Json]:
    rates: list[Json] = [
        round(float(estimates[level]), 12) if level in estimates else None for level in range(1, levels + 1)
    ]
    return {"mtd": mtd.level, "mtd_status": mtd.status.value, "estimates": rates}
