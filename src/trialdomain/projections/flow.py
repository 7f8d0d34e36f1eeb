"""Participant flow (CONSORT): counts of people screened, enrolled and infused, and how their participation ended.

A person is counted once, even after several screening attempts. A withdrawal from treatment does not end the
observation; it is counted separately.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import attrs

from trialdomain.events.participant import (
    CompletedFollowUp,
    Consented,
    Enrolled,
    ImportedScreening,
    Infused,
    LostToFollowUp,
    Screened,
    ScreenFailed,
    WithdrawalScope,
    Withdrew,
)
from trialdomain.events.recorded import Recorded
from trialdomain.projections.casebook import Case, Casebook
from trialdomain.projections.view import EVERY_KIND
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.dose_received import level_received
from trialdomain.rules.eligibility import unmet
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.screening import CriterionStatus
from trialdomain.values.given.in_short import in_short
from trialdomain.values.word import Word


class Status(Word):
    """The furthest stage that a person reached, or the reason for which the observation ended."""

    SCREENED = "screened"
    """Neither enrolled, nor found not eligible."""
    SCREEN_FAILURE = "screen-failure"
    ENROLLED = "enrolled"
    """Not infused yet."""
    ON_STUDY = "on-study"
    """Infused, and under observation."""
    COMPLETED = "completed"
    WITHDREW = "withdrew"
    """From follow-up, or from the use of data."""
    LOST = "lost-to-follow-up"
    DIED = "died"


@attrs.frozen(kw_only=True)
class Disposition:
    """The disposition of one person."""

    subject: str
    level: Label | None
    """The level received; before the infusion, the assigned level; None if there is neither."""
    status: Status
    consented: bool
    screenings: int
    failed_screenings: int
    screen_failure: bool
    """Whether the latest screening attempt failed and the person was not enrolled."""
    enrolled: bool
    administrations: int
    eligible_since: int | None
    """The position of the screening that found an unenrolled person eligible; None for all others."""
    withdrew_from_treatment: str | None
    """The reason for withdrawing from treatment, without the details after its colon.

    Empty if no reason was recorded; None if the person did not withdraw.
    """
    evidence: tuple[int, ...]
    """The positions of the log entries that this disposition was computed from."""


@attrs.frozen(kw_only=True)
class LevelFlow:
    """The people of one dose level, or of all."""

    level: Label | None
    """None for the totals of all people, and for people without a level."""
    enrolled: int
    infused: int
    administrations: int
    withdrew_from_treatment: int
    reasons: tuple[tuple[str, int], ...]
    """Why people withdrew from treatment, the most frequent reason first."""
    ended: tuple[tuple[Status, int], ...]
    """How many of the enrolled people have each status, from ``enrolled`` on."""


@attrs.frozen(kw_only=True)
class Flow:
    """The participant flow of a trial."""

    __repr__ = in_short

    people: int
    consented: int
    screened: int
    screenings: int
    """The number of attempts: a person who was screened twice counts twice here."""
    failed_screenings: int
    screen_failures: int
    """People who failed screening and were not enrolled later."""
    waiting: tuple[str, ...]
    """Eligible people without a slot, in the order of the screening that found them eligible."""
    levels: tuple[LevelFlow, ...]
    unassigned: LevelFlow | None
    """The people infused with an amount that belongs to no level; None if there are none."""
    overall: LevelFlow
    dispositions: tuple[Disposition, ...]


class FlowView:
    """The view that computes the participant flow."""

    def reads(self, versions: Iterable[TrialProtocol]) -> frozenset[type[Any]]:  # noqa: ARG002 - as every view
        """Return every kind of fact: a person with nothing but a laboratory result is counted too."""
        return EVERY_KIND

    def part(self, case: Case, book: Casebook, on: date) -> Disposition | None:  # noqa: ARG002 - as every view
        """Read one participant."""
        return disposition_of(case, book)

    def whole(self, parts: Sequence[Disposition | None], book: Casebook, on: date) -> Flow:  # noqa: ARG002 - as every view
        """Count."""
        return flow_of([one for one in parts if one is not None], book)


FLOW = FlowView()


def disposition_of(case: Case, book: Casebook) -> Disposition | None:
    """Return the disposition of one person; None if the case has no entries up to its day."""
    if not case.entries:
        return None
    infusion, assignment = case.first_infusion, case.assignment
    if infusion is not None:
        level = level_received(infusion.fact, book.in_force_on(infusion.fact.started_at.first))
    else:
        level = assignment.level if assignment else None
    screened = case.of(Screened)
    failed = case.of(ScreenFailed)
    last = max(screened, key=case.since, default=None)
    not_eligible = _failed(case, last, failed)
    withdrew = [e for e in case.of(Withdrew) if e.fact.scope is WithdrawalScope.TREATMENT]
    ends = (
        *([case.death.position] if case.death else []),
        *([case.left.position] if case.left else []),
        *(entry.position for entry in (*failed, *withdrew)),
    )
    begun = [entry.position for kind in (Consented, Screened, Enrolled) for entry in case.of(kind)]
    status = _status(case, not_eligible=not_eligible)
    return Disposition(
        subject=case.subject,
        level=level,
        status=status,
        consented=bool(case.of(Consented)),
        screenings=len(screened),
        failed_screenings=max(len(failed), sum(_not_eligible(entry.fact) for entry in screened)),
        screen_failure=not_eligible and assignment is None,
        enrolled=assignment is not None,
        administrations=len(case.of(Infused)),
        eligible_since=_eligible_since(case, last) if status is Status.SCREENED and not withdrew else None,
        withdrew_from_treatment=_reason(withdrew[0].fact) if withdrew else None,
        evidence=tuple(sorted({*begun, *ends, *([infusion.position] if infusion else [])})),
    )


def flow_of(dispositions: Sequence[Disposition], book: Casebook) -> Flow:
    """Count the dispositions of all people."""
    elsewhere = [one for one in dispositions if one.level is None and one.administrations]
    return Flow(
        people=len(dispositions),
        consented=sum(one.consented for one in dispositions),
        screened=sum(one.screenings > 0 for one in dispositions),
        screenings=sum(one.screenings for one in dispositions),
        failed_screenings=sum(one.failed_screenings for one in dispositions),
        screen_failures=sum(one.screen_failure for one in dispositions),
        waiting=tuple(
            one.subject for one in sorted(dispositions, key=lambda one: one.eligible_since or 0) if one.eligible_since
        ),
        levels=_levels(dispositions, book.protocol),
        unassigned=_level(None, elsewhere) if elsewhere else None,
        overall=_level(None, dispositions),
        dispositions=tuple(dispositions),
    )


def _levels(dispositions: Sequence[Disposition], protocol: TrialProtocol) -> tuple[LevelFlow, ...]:
    by_level = ((label, [one for one in dispositions if one.level == label]) for label in protocol.labels)
    return tuple(_level(level, found) for level, found in by_level)


def _level(level: Label | None, dispositions: Iterable[Disposition]) -> LevelFlow:
    treated = [one for one in dispositions if one.enrolled or one.administrations]
    withdrew = [one.withdrew_from_treatment for one in treated if one.withdrew_from_treatment is not None]
    ended = Counter(one.status for one in treated)
    return LevelFlow(
        level=level,
        enrolled=sum(one.enrolled for one in treated),
        infused=sum(one.administrations > 0 for one in treated),
        administrations=sum(one.administrations for one in treated),
        withdrew_from_treatment=len(withdrew),
        reasons=tuple(Counter(withdrew).most_common()),
        ended=tuple((status, ended[status]) for status in _ONCE_ENROLLED),
    )


_ONCE_ENROLLED = (Status.ENROLLED, Status.ON_STUDY, Status.COMPLETED, Status.WITHDREW, Status.LOST, Status.DIED)


def _status(case: Case, *, not_eligible: bool) -> Status:
    """Return the status: the first case that matches."""
    gone = [e for e in case.of(Withdrew) if e.fact.scope is not WithdrawalScope.TREATMENT]
    lines = (
        (case.death, Status.DIED),
        (case.of(LostToFollowUp), Status.LOST),
        (gone, Status.WITHDREW),
        (case.of(CompletedFollowUp), Status.COMPLETED),
        (case.first_infusion, Status.ON_STUDY),
        (case.assignment, Status.ENROLLED),
        (not_eligible, Status.SCREEN_FAILURE),
        (True, Status.SCREENED),
    )
    return next(status for found, status in lines if found)


def _not_eligible(screening: Screened) -> bool:
    """Return whether a screening by itself found the person not eligible."""
    unmet = any(one.status is CriterionStatus.UNMET for one in screening.assessment)
    return unmet or screening.imported is ImportedScreening.SCREEN_FAILURE


def _eligible_since(case: Case, last: Recorded[Screened] | None) -> int | None:
    """Return the position of the last screening, if it was done here and left no criterion unmet or unanswered.

    An imported screening does not say which criteria were met, so it gives None.
    """
    if last is None or last.envelope.source is not None:
        return None
    return None if unmet(last.fact.assessment) else case.since(last)


def _failed(case: Case, last: Recorded[Screened] | None, failed: Sequence[Recorded[ScreenFailed]]) -> bool:
    """Return whether the latest attempt failed: a new screening replaces an earlier failure."""
    since = 0 if last is None else case.since(last)
    return any(case.since(entry) > since for entry in failed) or (last is not None and _not_eligible(last.fact))


def _reason(fact: Withdrew) -> str:
    text = "" if fact.why is None else fact.why.plain or "sealed"
    return text.partition(":")[0].strip()
