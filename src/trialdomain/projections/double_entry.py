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
    SlotFilled,
    SlotReleased,
)
from trialdomain.events.recorded import Recorded
from trialdomain.projections.casebook import Casebook
from trialdomain.projections.dlt_counts import DltCounts, Member, dlt_counts
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.evaluation import Evaluation, EvaluationReason

_LABORATORY = "laboratory"
_HELD = {True: "held", False: "not held"}
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
    ONSET = "onset"
    """Of the DLT."""
    SLOT = "slot"
    """Of somebody who is not infused."""


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
    onset: ClinicalTime | None = None
    holds: bool = False


def _known(entries: Sequence[Recorded[Any]]) -> dict[str, _Known]:
    known: dict[str, _Known] = {}
    for entry in entries:
        match entry.fact:
            case MemberInfused(subject=subject, standing=standing) | MemberAssessed(subject=subject, standing=standing):
                known.setdefault(subject, _Known()).evaluation = standing.evaluation
            case DltAttributed(subject=subject, event=event, onset=onset):
                told = known.setdefault(subject, _Known())
                told.dlt, told.onset = event or _LABORATORY, onset
            case DltRevoked(subject=subject):
                told = known.setdefault(subject, _Known())
                told.dlt = told.onset = None
            case SlotFilled(subject=subject):
                known.setdefault(subject, _Known()).holds = True
            case SlotReleased(subject=subject):
                known.setdefault(subject, _Known()).holds = False
            case _:
                pass  # how many slots there are, and decisions, are not counted twice
    return known


def _at_level(
    level: int, members: dict[str, Member], known: dict[str, _Known], calendar: set[EvaluationReason]
) -> Iterator[Difference]:
    for subject in sorted({*members, *known}):
        member, told = members.get(subject), known.get(subject, _Known())
        found = None if member is None else member.dlt
        dlt, onset = (None, None) if found is None else (found.event or _LABORATORY, found.onset)
        holds = member is not None and member.infused_by is None
        infused = member is not None and not holds
        for aspect, of_cohort, of_record in (
            (Aspect.DLT, str(told.dlt), str(dlt)),
            (Aspect.ONSET, str(told.onset), str(onset if dlt == told.dlt else told.onset)),
            (Aspect.SLOT, _HELD[told.holds and not infused], _HELD[holds]),
        ):
            if of_cohort != of_record:
                yield Difference(level=level, subject=subject, aspect=aspect, cohort=of_cohort, casebook=of_record)
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
