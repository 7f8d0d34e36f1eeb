"""A design as people read it: its decision table, the MTD from tallies, one state of rolling six."""

from collections.abc import Mapping
from fractions import Fraction

from trialdomain.designs.design import DecisionTable
from trialdomain.reports.decision import mtd_words
from trialdomain.reports.json import Json
from trialdomain.reports.table import Table
from trialdomain.values.clinical.decision import Mtd


def decision_table(table: DecisionTable, name: str) -> Table:
    """Show the decisions by DLTs, one row for each number of evaluable participants."""
    counts = sorted({row.n for row in table.rows})
    most = max((row.dlt for row in table.rows), default=0)
    words = {(row.n, row.dlt): row.decision.value for row in table.rows}
    return Table(
        title=f"What the design {name} decides, by evaluable participants and DLTs at the level",
        columns=("evaluable", *(f"{dlt} DLT" if dlt == 1 else f"{dlt} DLTs" for dlt in range(most + 1))),
        rows=tuple((str(n), *(words.get((n, dlt), "") for dlt in range(most + 1))) for n in counts),
    )


def decision_table_json(table: DecisionTable, name: str) -> dict[str, Json]:
    """Give the rows of a decision table."""
    rows: list[Json] = [{"n": row.n, "dlt": row.dlt, "decision": row.decision.value} for row in table.rows]
    return {"design": name, "rows": rows}


def mtd_json(mtd: Mtd, estimates: Mapping[int, Fraction], levels: int) -> dict[str, Json]:
    """Give the level that is selected, and the estimated rate at each level; null where nobody was treated."""
    found: list[Json] = [
        round(float(estimates[level]), 12) if level in estimates else None for level in range(1, levels + 1)
    ]
    return {"mtd": mtd.level, "mtd_status": mtd.status.value, "estimates": found}


def mtd_line(mtd: Mtd) -> str:
    """Say what is selected."""
    return f"MTD: {mtd_words(mtd)}"
