"""Settlement: facts of the cohorts that follow from a participant's record, in the same transaction."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial

from trialdomain.aggregates.cohort import Cohort, MemberNow
from trialdomain.commands.memory import Counted
from trialdomain.commands.snapshot import Drafts, Snapshot, drafts_in
from trialdomain.events.cohort import CohortFact, DltAttributed, Release
from trialdomain.events.participant import ParticipantFact
from trialdomain.events.trial import RecruitmentSuspended
from trialdomain.projections.dlt_counts import DLT_COUNTS, Member
from trialdomain.projections.escalation import closed_levels
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.text import FreeText
from trialdomain.values.ids import cohort_stream, trial_stream


def may_change_counts(facts: Sequence[ParticipantFact], versions: Iterable[TrialProtocol]) -> bool:
    """Say whether facts can change a cohort. Most observations cannot, and so skip the settlement."""
    counted = DLT_COUNTS.counted(versions)
    return any(type(fact) in counted for fact in facts)


def settle(snapshot: Snapshot, drafts: Drafts, *, about: Collection[str] | None, on: date) -> Drafts:
    """Compare the casebook, with the drafts applied, to the cohorts, and draft the difference.

    This is the one place where slots, DLTs, evaluations and closings follow from a participant's record: for reports,
    follow-ups, corrections and voids alike.

    Args:
        snapshot: the snapshot of the trial.
        drafts: the drafts that are about to be recorded; the first of them causes the rest.
        about: the participants whose record changes; None for all participants.
        on: the day at the site.
    """
    if not drafts:
        return []
    counted = snapshot.counted(on=on, following=drafts)
    book = counted.book
    if book.protocol.dlt is None:
        return _suspended(snapshot, drafts, counted, on=on)
    counts = counted.counts
    updates = cohort_updates(
        snapshot.cohorts(following=drafts),
        counts.members,
        elsewhere=counts.unassigned,
        about=about,
        closed=closed_levels(counts, book),
    )
    settled: Drafts = []
    for level, facts in updates:
        settled += drafts_in(cohort_stream(snapshot.id, level), facts, caused_by=snapshot.ref(drafts[0]))
    return settled + _suspended(snapshot, drafts, counted, on=on)


def cohort_updates(
    cohorts: Mapping[Label, Cohort],
    members: Sequence[Member],
    *,
    elsewhere: Sequence[Member] = (),
    about: Collection[str] | None,
    closed: Collection[Label],
) -> Iterator[tuple[Label, Sequence[CohortFact]]]:
    """Yield, by level, the facts that bring its cohort up to date with the casebook.

    Args:
        cohorts: the cohorts as recorded, by level.
        members: the participants, each at the level where the casebook puts them.
        elsewhere: participants who were infused with an amount that is of no level.
        about: the participants to compare; None for all participants.
        closed: the levels that are closed.
    """
    levels = {member.subject: member.level for member in (*members, *elsewhere)}
    here: dict[Label, dict[str, Member]] = {level: {} for level in cohorts}
    for member in members:
        if member.level in here:
            here[member.level][member.subject] = member
    waiting = [member for member in members if member.infused_on is None]
    for level, cohort in cohorts.items():
        compared = {member.subject for member in waiting if member.level == level}
        compared |= {*here[level], *cohort.members} if about is None else {*about}
        yield (
            level,
            cohort.settle(
                {subject: _member_now(member) for subject, member in here[level].items() if subject in compared},
                about=sorted(compared),
                gone=partial(_why_gone, levels),
                closed=level in closed,
            ),
        )


def _why_gone(levels: Mapping[str, Label | None], subject: str) -> Release:
    """Return why a participant gave back the slot at a level where the casebook no longer puts them."""
    if subject not in levels:
        return Release.WITHDRAWN
    return Release.NOT_EVALUABLE if levels[subject] is None else Release.REASSIGNED


def _suspended(snapshot: Snapshot, drafts: Drafts, counted: Counted, *, on: date) -> Drafts:
    """Suspend recruitment and infusion when the drafts record a related death that was not known before."""
    if not snapshot.protocol.stopping.related_grade_5 or not counted.deaths:
        return []
    died = counted.deaths - snapshot.counted(on=on).deaths
    if not died:
        return []
    why = FreeText.of(f"a death related to the infusion: {', '.join(sorted(died))}")
    facts = snapshot.trial.suspend(RecruitmentSuspended(on=ClinicalTime.of(on), why=why, infusion=True))
    return drafts_in(trial_stream(snapshot.id), facts, caused_by=snapshot.ref(drafts[0]))


def _member_now(member: Member) -> MemberNow:
    """Return what a cohort has to record of a participant."""
    return MemberNow(
        subject=member.subject,
        standing=member.standing,
        infused_on=member.infused_on,
        dlt=None
        if member.dlt is None
        else DltAttributed(
            subject=member.subject,
            event=member.dlt.event,
            laboratory=member.dlt.laboratory,
            onset=member.dlt.onset,
        ),
    )
