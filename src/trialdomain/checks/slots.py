"""Checks of slots: their number, their holders, and closed levels."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

from typing_extensions import override

from trialdomain.aggregates.cohort import Cohort, EnrollmentIsStopped
from trialdomain.checks.check import Audited, AuditFinding, Check, Severity
from trialdomain.designs.registry import design_of
from trialdomain.events.cohort import (
    CohortExpanded,
    CohortOpened,
    EnrollmentResumed,
    EnrollmentStopped,
    EscalationDecided,
    MemberInfused,
    Release,
    SlotFilled,
    SlotReleased,
)
from trialdomain.events.recorded import Entry, EntryRef, Recorded
from trialdomain.projections.dlt_counts import DltCounts
from trialdomain.projections.escalation import slots_given
from trialdomain.values.clinical.evaluation import Evaluation
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.plural import how_many


class SlotsExceeded(Check):
    """A participant took a slot when none was free, or was infused without a slot."""

    id = "slots"
    title = "more people than slots"
    requirement = "slots at a level are opened by a decision, as many as the design gives"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._recorded: dict[EntryRef, int] = {}
        """The position of each decision."""
        self._causes: dict[int, EntryRef | None] = {}
        """By position of an opening or expansion: the entry that caused it."""
        book = audited.book
        self._decisions = {book.places[entry.position]: entry.fact.decided for entry in book.decisions}
        """By position of the first recording: the current content of each decision."""

    @override
    def entry(self, entry: Entry) -> Iterable[AuditFinding]:
        if isinstance(entry.fact, EscalationDecided):
            self._recorded[entry.ref] = entry.position
        elif isinstance(entry.fact, CohortOpened | CohortExpanded):
            self._causes[entry.position] = entry.envelope.caused_by
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        if self.audited.protocol.design is None:
            return
        for level, entries in sorted(
            self.audited.book.cohorts.items(), key=lambda one: self.audited.protocol.in_order(one[0])
        ):
            cohort = Cohort(level)
            for entry in entries:
                yield from self._against(cohort, entry)
                cohort.apply(entry)

    def _against(self, cohort: Cohort, entry: Recorded[Any]) -> Iterator[AuditFinding]:
        match entry.fact:
            case CohortOpened(slots=slots) | CohortExpanded(slots=slots):
                yield from self._given(cohort, entry, slots)
            case SlotFilled(subject=subject):
                for breach in cohort.against_filling():
                    if not isinstance(breach, EnrollmentIsStopped):
                        yield self.found(str(breach), evidence=[entry.position], subject=subject)
            case MemberInfused(subject=subject):
                member = cohort.members.get(subject)
                if member is None or not member.holds:
                    sentence = f"{subject} was infused at level {cohort.level}, and held no slot there"
                    yield self.found(sentence, evidence=[entry.position], subject=subject)
            case SlotReleased(subject=subject, why=why):
                if (but := _but_released(cohort, subject, why)) is not None:
                    sentence = f"{subject} gave back a slot of level {cohort.level} ({why.value}), and {but}"
                    yield self.found(sentence, evidence=[entry.position], subject=subject)
            case _:
                pass

    def _given(self, cohort: Cohort, entry: Recorded[Any], slots: int) -> Iterator[AuditFinding]:
        most = self._most(entry)
        if not self._was_decided(cohort, entry):
            sentence = f"level {cohort.level} was given slots, and no decision gave them"
            yield self.found(sentence, evidence=[entry.position])
        if most is not None and slots > most:
            sentence = f"level {cohort.level} was given {how_many(slots, 'slot')}, and the design gives {most}"
            yield self.found(sentence, evidence=[entry.position])

    def _most(self, entry: Recorded[Any]) -> int | None:
        """Return the number of slots that the design gives; None if no decision gave them."""
        design = self.audited.protocol.design
        if isinstance(entry.fact, CohortOpened) and design is not None:
            return design_of(design).opening_slots()
        at = self._decided_at(entry)
        audit = next(
            (one for one in self.audited.decisions if self.audited.book.places[one.entry.position] == at), None
        )
        if audit is None or audit.then is None or not isinstance(audit.entry.fact, EscalationDecided):
            return None
        decided, state = audit.entry.fact.decided, audit.then
        given = slots_given(decided, state)
        if given is not None or decided.level is None:
            return given
        return state.design.slots_at(decided.level, state.situation)  # the decision was corrected to one without slots

    def _decided_at(self, entry: Recorded[Any]) -> int | None:
        """Return the first position of the decision that gave the slots."""
        cause = self._causes.get(self.audited.book.places[entry.position])
        return None if cause is None else self._recorded.get(cause)

    def _was_decided(self, cohort: Cohort, entry: Recorded[Any]) -> bool:
        registered = self.audited.book.versions[0][1]
        start = 1 if registered.design is None else design_of(registered.design).start_level()
        if cohort.level == registered.labels[start - 1] and isinstance(entry.fact, CohortOpened):
            return True  # by the registration
        at = self._decided_at(entry)
        decided = None if at is None else self._decisions.get(at)
        return decided is not None and decided.level == cohort.level


def _but_released(cohort: Cohort, subject: str, why: Release) -> str | None:
    """Return why a participant could not give a slot back for this reason; None if they could."""
    member = cohort.members.get(subject)
    if member is None or not member.holds:
        return "held none"
    was = member.standing.evaluation
    # For a dose that belongs to no level, a cohort records only the release of the slot: such a participant is never
    # evaluable.
    not_evaluable = why is Release.NOT_EVALUABLE and was is Evaluation.NOT_EVALUABLE
    return None if was is Evaluation.NOT_INFUSED or not_evaluable else f"was {was.value} there"


class ClosedLevel(Check):
    """A participant took a slot of a level, or was infused there, after the level had closed."""

    id = "closed-level"
    title = "treated at a level that was closed"
    severity = Severity.CRITICAL
    requirement = "nobody is treated at a level that the design closes (3+3: 2 DLTs close it and all above it)"

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        told = [(entry, level) for level, entries in self.audited.book.cohorts.items() for entry in entries]
        stops: dict[Label, Recorded[Any]] = {}
        place = self.audited.protocol.in_order
        told.sort(key=lambda one: self.audited.book.places[one[0].position])
        for _, together in groupby(told, key=lambda one: one[0].envelope.command):
            moment = list(together)  # the facts of one command: a resumption counts before them, a stop after them
            for entry, level in moment:
                if isinstance(entry.fact, EnrollmentResumed):
                    stops.pop(level, None)
            for entry, level in moment:
                below = [stopped for stopped in stops if place(stopped) <= place(level)]
                closed = min(below, key=place, default=None)
                if closed is not None:
                    yield from self._against(level, stops[closed], entry)
            stops |= {level: entry for entry, level in moment if isinstance(entry.fact, EnrollmentStopped)}

    def _against(self, level: Label, stop: Recorded[Any], entry: Recorded[Any]) -> Iterator[AuditFinding]:
        evidence, since = [stop.position, entry.position], stop.envelope.recorded_at
        match entry.fact:
            case SlotFilled(subject=subject):
                sentence = f"{subject} took a slot of level {level}, which had closed"
                yield self.found(sentence, evidence=evidence, subject=subject)
            case MemberInfused(subject=subject, on=on) if not self._before(on, since):
                sentence = f"{subject} was infused at level {level} on {on}, and it had closed"
                yield self.found(sentence, evidence=evidence, subject=subject)
            case _:
                pass

    def _before(self, on: ClinicalTime, moment: datetime) -> bool:
        local = moment.astimezone(self.audited.history.zone)
        if on.at is not None and on.at.tzinfo is not None:
            return on.at < moment
        return on.first < local.date()
