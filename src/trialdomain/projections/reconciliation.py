"""Reconciliation: what the cohorts were told of their members, against what the casebook says of them.

Nothing counts from the cohorts' own facts. They are written in the transaction of the participant's fact that causes
them, so any difference is the mark of an entry made by other means. The day of an infusion, of which a cohort is told
once, is compared with all that was ever recorded, by the check ``reconciliation`` of an audit.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import attrs

from trialdomain.events.cohort import DltAttributed
from trialdomain.events.membership import Membership, tell
from trialdomain.events.recorded import Recorded
from trialdomain.projections.casebook import Casebook
from trialdomain.projections.dlt_counts import Dlt, DltCounts, Member, dlt_counts
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationReason
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.word import Word

_LABORATORY = "laboratory"
_HELD = {True: "held", False: "not held"}
_BY_CALENDAR = {
    EvaluationReason.CYTOPENIA_NOT_SHOWN,
    EvaluationReason.CYTOPENIA_OPEN,
    EvaluationReason.NOT_ASSESSED,
    EvaluationReason.WINDOW_OPEN,
    EvaluationReason.WINDOW_OVER,
}


class Aspect(Word):
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


def reconciliation(book: Casebook, *, on: date) -> tuple[Difference, ...]:
    """List every difference between the two sides; a log written by this library has none.

    An evaluation that the calendar alone has changed since the last entry is none. Ask for the present day: the cohorts
    were told of everything that has happened, whatever the day that is asked about.
    """
    return reconciliation_of(dlt_counts(book, on=on), book)


def reconciliation_of(counts: DltCounts, book: Casebook) -> tuple[Difference, ...]:
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
            _told(book.cohorts.get(level.level, ())),
            by_calendar,
        )
    )


def _told(entries: Sequence[Recorded[Any]]) -> dict[str, Membership]:
    """Fold what a cohort was told of people; how many slots there are, and decisions, are not counted twice."""
    members: dict[str, Membership] = {}
    for entry in entries:
        tell(members, entry.fact)
    return members


def _dlt(found: DltAttributed | Dlt | None) -> tuple[str | None, ClinicalTime | None]:
    return (None, None) if found is None else (found.event or _LABORATORY, found.onset)


def _at_level(
    level: int, members: dict[str, Member], known: dict[str, Membership], calendar: set[EvaluationReason]
) -> Iterator[Difference]:
    for subject in sorted({*members, *known}):
        member, told = members.get(subject), known.get(subject, Membership())
        dlt, onset = _dlt(None if member is None else member.dlt)
        told_dlt, told_onset = _dlt(told.dlt)
        holds = member is not None and member.infused_by is None
        infused = member is not None and not holds
        for aspect, of_cohort, of_record in (
            (Aspect.DLT, str(told_dlt), str(dlt)),
            (Aspect.ONSET, str(told_onset), str(onset if dlt == told_dlt else told_onset)),
            (Aspect.SLOT, _HELD[told.holds and not infused], _HELD[holds]),
        ):
            if of_cohort != of_record:
                yield Difference(level=level, subject=subject, aspect=aspect, cohort=of_cohort, casebook=of_record)
        evaluation = member.standing.evaluation if member else Evaluation.NOT_INFUSED
        by_calendar = member is not None and member.standing.reason in calendar
        told_evaluation = told.standing.evaluation
        if evaluation is not told_evaluation and not (by_calendar and told_evaluation is Evaluation.PENDING):
            yield Difference(
                level=level,
                subject=subject,
                aspect=Aspect.EVALUATION,
                cohort=told_evaluation.value,
                casebook=evaluation.value,
            )
