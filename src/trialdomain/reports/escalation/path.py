"""The escalation path as a table: levels by cohorts, with one letter per participant."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from trialdomain.projections.dlt_counts import Member
from trialdomain.projections.escalation import Escalation
from trialdomain.reports.table import Table
from trialdomain.values.clinical.evaluation import Evaluation
from trialdomain.values.clinical.level import Label

_NO_DLT, _DLT = "o", "x"
_OTHERS = {
    Evaluation.PENDING: ("?", "pending"),
    Evaluation.NOT_EVALUABLE: ("-", "not evaluable"),
    Evaluation.NOT_INFUSED: (".", "not infused yet"),
}


def path_table(state: Escalation) -> Table:
    """Make a table with one column per cohort and one row per level, the highest level first.

    A cohort has the participants who took a slot of one level between two decisions, including replacements.
    """
    cohorts = list(_cohorts(state))
    used = {_mark(member) for cohort in cohorts for member in cohort}
    meanings = {_NO_DLT: "no DLT", _DLT: "DLT", **dict(_OTHERS.values())}
    legend = ", ".join(f"{mark} {meaning}" for mark, meaning in meanings.items() if mark in {_NO_DLT, _DLT} | used)
    levels = reversed(state.protocol.labels)
    return Table(
        title=f"The path, cohort by cohort ({legend})",
        columns=("cohort", *(str(number) for number in range(1, len(cohorts) + 1))),
        rows=tuple((f"level {level}", *(_marks(cohort, level) for cohort in cohorts)) for level in levels),
        turns=True,
    )


def _cohorts(state: Escalation) -> Iterator[Sequence[Member]]:
    decided = [entry.position for entry in state.decided]
    members = sorted(state.counts.members, key=lambda member: member.held_from)

    def cohort(member: Member) -> tuple[int, Label | None]:
        return sum(position < member.held_from for position in decided), member.level

    return (list(group) for _, group in groupby(members, cohort))


def _marks(cohort: Sequence[Member], level: Label) -> str:
    return "".join(_mark(member) for member in cohort if member.level == level)


def _mark(member: Member) -> str:
    if member.dlt is not None:
        return _DLT
    evaluation = member.standing.evaluation
    return _NO_DLT if evaluation is Evaluation.EVALUABLE else _OTHERS[evaluation][0]
