"""Reconciliation: compare the facts that cohorts recorded about their members with the casebook.

Counts never come from the cohorts' own facts. A cohort fact is written in the same transaction as the participant fact
that causes it. So a difference shows an entry that was written by other means. A cohort records the day of an infusion
only once; the check ``reconciliation`` of an audit compares it with all days that were ever recorded.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import attrs

from trialdomain.events.cohort import DltAttributed
from trialdomain.events.membership import Membership, apply_to_members
from trialdomain.events.recorded import Recorded
from trialdomain.projections.casebook import Casebook
from trialdomain.projections.dlt_counts import Dlt, DltCounts, Member, dlt_counts
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationReason
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.word import Word

_LABORATORY = "laboratory"
_HELD = {True: "held", False: "not held"}
_BY_CALENDAR = {
    EvaluationReason.CYTOPENIA_NOT_SHOWN,
    EvaluationReason.CYTOPENIA_OPEN,
    EvaluationReason.DURATION_NOT_SHOWN,
    EvaluationReason.DURATION_OPEN,
    EvaluationReason.NOT_ASSESSED,
    EvaluationReason.WINDOW_OPEN,
    EvaluationReason.WINDOW_OVER,
}


class Aspect(Word):
    """The aspect in which the two sides differ."""

    DLT = "dlt"
    EVALUATION = "evaluation"
    ONSET = "onset"
    """The date of the DLT."""
    SLOT = "slot"
    """For a participant who is not infused."""


@attrs.frozen(kw_only=True)
class Difference:
    """One difference between a cohort and the casebook."""

    level: Label
    subject: str
    aspect: Aspect
    cohort: str
    casebook: str


def reconciliation(book: Casebook, *, on: date) -> tuple[Difference, ...]:
    """List all differences between the two sides; a log written by this library has none.

    An evaluation that changed only because time has passed is not a difference. Pass the present day: the cohorts
    record everything that has happened, and cannot be read as of an earlier day.
    """
    return reconciliation_of(dlt_counts(book, on=on), book)


def reconciliation_of(counts: DltCounts, book: Casebook) -> tuple[Difference, ...]:
    """Compare the cohorts with the DLT counts; empty if the protocol has no DLT rule."""
    if book.protocol.dlt is None:
        return ()
    lasting = any(version.counts_cytopenias for _, version in book.versions)
    by_calendar = _BY_CALENDAR | ({EvaluationReason.WINDOW_ASSESSED} if lasting else set())
    return tuple(
        difference
        for label in book.protocol.labels
        for difference in _at_level(
            label,
            {member.subject: member for member in counts.members if member.level == label},
            _memberships(book.cohorts.get(label, ())),
            by_calendar,
        )
    )


def _memberships(entries: Sequence[Recorded[Any]]) -> dict[str, Membership]:
    """Fold the facts of a cohort about its members; facts about slots and decisions are skipped."""
    members: dict[str, Membership] = {}
    for entry in entries:
        apply_to_members(members, entry.fact)
    return members


def _dlt(found: DltAttributed | Dlt | None) -> tuple[str | None, ClinicalTime | None]:
    return (None, None) if found is None else (found.event or _LABORATORY, found.onset)


def _at_level(
    level: Label, members: dict[str, Member], known: dict[str, Membership], calendar: set[EvaluationReason]
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
