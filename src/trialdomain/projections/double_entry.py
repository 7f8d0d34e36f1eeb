"""Double entry: what the cohorts were told of their members, against what the casebook says of them.

Nothing counts from the cohorts' own facts. They are written in the transaction of the participant's fact that causes
them, so any difference is the mark of an entry made by other means.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from enum import Enum
from typing import Any

import attrs

from trialdomain.events.cohort import (
    DltAttributed,
    DltRevoked,
    MemberAssessed,
    MemberInfused,
)
from trialdomain.events.recorded import Recorded
from trialdomain.projections.casebook import Casebook
from trialdomain.projections.dlt_counts import DltCounts, Member, dlt_counts
from trialdomain.values.evaluation import Evaluation, EvaluationReason

_LABORATORY = "laboratory"
_BY_CALENDAR = {
    EvaluationReason.CYTOPENIA_OPEN,
    EvaluationReason.NOT_ASSESSED,
    EvaluationReason.WINDOW_OPEN,
    EvaluationReason.WINDOW_OVER,
}


class Aspect(Enum):
    """What the two sides differ in."""

    DLT = "dlt"
    EVALUATION = "evaluation"


@attrs.frozen(kw_only=True)
class Difference:
    """One thing that a cohort says otherwise than the casebook."""

    level: int
    subject: str
    aspect: Aspect
    cohort: str
    casebook: str


def double_entry(book: Casebook, *, on: date) -> tuple[Difference, ...]:
    """List every difference between the two sides; a log written by this library has none.

    An evaluation that the calendar alone has changed since the last entry is none. Ask for the present day: the cohorts
    were told of everything that has happened, whatever the day that is asked about.
    """
    return double_entry_of(dlt_counts(book, on=on), book)


def double_entry_of(counts: DltCounts, book: Casebook) -> tuple[Difference, ...]:
    """Compare what the cohorts were told with counts; a protocol without a DLT rule has none."""
    if book.protocol.dlt is None:
        return ()
    lasting = any(version.counts_cytopenias for _, version in book.versions)
    by_calendar = _BY_CALENDAR | ({EvaluationReason.WINDOW_ASSESSED} if lasting else set())
    return tuple(
        difference
        for level in book.protocol.levels
        for difference in _at_level(
            level.level,
            {member.subject: member for member in counts.members if member.level == level.level},
            _known(book.cohorts.get(level.level, ())),
            by_calendar,
        )
    )


@attrs.define
class _Known:
    evaluation: Evaluation = Evaluation.NOT_INFUSED
    dlt: str | None = None


def _known(entries: Sequence[Recorded[Any]]) -> dict[str, _Known]:
    known: dict[str, _Known] = {}
    for entry in entries:
        match entry.fact:
            case MemberInfused(subject=subject, standing=standing) | MemberAssessed(subject=subject, standing=standing):
                known.setdefault(subject, _Known()).evaluation = standing.evaluation
            case DltAttributed(subject=subject, event=event):
                known.setdefault(subject, _Known()).dlt = event or _LABORATORY
            case DltRevoked(subject=subject):
                known.setdefault(subject, _Known()).dlt = None
            case _:
                pass  # slots and decisions are not counted twice
    return known


def _at_level(
    level: int, members: dict[str, Member], known: dict[str, _Known], calendar: set[EvaluationReason]
) -> Iterator[Difference]:
    for subject in sorted({*members, *known}):
        member, told = members.get(subject), known.get(subject, _Known())
        dlt = (member.dlt.event or _LABORATORY) if member and member.dlt else None
        if dlt != told.dlt:
            yield Difference(level=level, subject=subject, aspect=Aspect.DLT, cohort=str(told.dlt), casebook=str(dlt))
        evaluation = member.standing.evaluation if member else Evaluation.NOT_INFUSED
        by_calendar = member is not None and member.standing.reason in calendar
        if evaluation is not told.evaluation and not (by_calendar and told.evaluation is Evaluation.PENDING):
            yield Difference(
                level=level,
                subject=subject,
                aspect=Aspect.EVALUATION,
                cohort=told.evaluation.value,
                casebook=evaluation.value,
            )
