"""The cohort aggregate: the participants of one dose level, its slots, its DLTs, and the decisions about it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import assert_never

import attrs

from trialdomain.aggregates.deviation import allow
from trialdomain.errors import CommandRefused
from trialdomain.events.basis import Basis
from trialdomain.events.cohort import (
    CohortEntryVoided,
    CohortExpanded,
    CohortFact,
    CohortOpened,
    DltAttributed,
    DltRevoked,
    EnrollmentResumed,
    EnrollmentStopped,
    EscalationDecided,
    MemberAssessed,
    MemberInfused,
    Release,
    SlotFilled,
    SlotReleased,
    Stop,
)
from trialdomain.events.membership import Membership, apply_to_members
from trialdomain.events.recorded import Recorded
from trialdomain.limits.caution import against_deciding
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.values.clinical.decision import Decision
from trialdomain.values.clinical.evaluation import NOT_INFUSED, Evaluation, Standing
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.plural import singular_or
from trialdomain.values.given.text import FreeText


class NoFreeSlot(CommandRefused):
    """A participant would enter a level whose slots are all taken."""

    code = "no-free-slot"

    def __init__(self, *, level: Label, slots: int) -> None:
        taken = singular_or(slots, f"the slot of level {level} is", f"all {slots} slots of level {level} are")
        super().__init__(f"{taken} taken: wait for an outcome, or record the escalation decision")
        self.level, self.slots = level, slots


class LevelNotOpen(CommandRefused):
    """A participant would enter a level that no decision has opened."""

    code = "level-not-open"

    def __init__(self, *, level: Label) -> None:
        super().__init__(f"level {level} is not open: record the escalation decision that opens it first")
        self.level = level


class EnrollmentIsStopped(CommandRefused):
    """A participant would enter a level at which enrollment was stopped."""

    code = "enrollment-is-stopped"

    def __init__(self, *, level: Label, cause: Stop) -> None:
        super().__init__(
            f"enrollment at level {level} was stopped ({cause.value}): look at the escalation for the level in turn"
        )
        self.level, self.cause = level, cause


@attrs.frozen(kw_only=True)
class MemberNow:
    """A participant at this level by the casebook; the cohort has to be brought up to date with it."""

    subject: str
    standing: Standing
    infused_on: ClinicalTime | None
    dlt: DltAttributed | None
    """The fact that records their DLT, if they had one."""

    @property
    def infused(self) -> bool:
        """Whether the participant received the study drug."""
        return self.infused_on is not None


@attrs.define
class Cohort:
    """The state of one dose level that its decisions need."""

    level: Label
    slots: int = 0
    """The number of slots that people have opened here; 0 before the level is opened."""
    members: dict[str, Membership] = attrs.Factory(dict)
    stopped: Stop | None = None

    def apply(self, entry: Recorded[CohortFact]) -> None:
        """Apply one current entry. No rule is checked, since the fact has happened."""
        match entry.fact:
            case CohortOpened(slots=slots) | CohortExpanded(slots=slots):
                self.slots = slots
            case SlotFilled() | SlotReleased() | MemberInfused() | MemberAssessed() | DltAttributed() | DltRevoked():
                apply_to_members(self.members, entry.fact)
            case EnrollmentStopped(cause=cause):
                self.stopped = cause
            case EnrollmentResumed():
                self.stopped = None
            case EscalationDecided() | CohortEntryVoided():
                pass  # other facts carry what a decision changes here; a void is never current
            case _:
                assert_never(entry.fact)

    def copied(self) -> "Cohort":
        """Return a copy, to which further entries can be applied."""
        return attrs.evolve(self, members=dict(self.members))

    @property
    def occupied(self) -> int:
        """The number of slots in use."""
        return sum(member.occupies for member in self.members.values())

    def open(self, level: DoseLevel, *, slots: int) -> Sequence[CohortFact]:
        """Open the level with its first slots."""
        return [] if self.slots else [CohortOpened(level=level.label, dose=level.dose, slots=slots)]

    def expand(self, slots: int, *, why: FreeText) -> Sequence[CohortFact]:
        """Give the level more slots."""
        return [CohortExpanded(slots=slots, why=why)] if slots > self.slots else []

    def fill_slot(self, subject: str, *, allowed: bool = False) -> Sequence[CohortFact]:
        """Take a slot for a participant; refuse where none is free, unless the caller has allowed it."""
        if not allowed:
            allow(self.against_filling(), None)
        return [SlotFilled(subject=subject)]

    def against_filling(self) -> Iterator[CommandRefused]:
        """Yield each rule that taking a slot here would break."""
        if not self.slots:
            yield LevelNotOpen(level=self.level)
        elif self.stopped is not None:
            yield EnrollmentIsStopped(level=self.level, cause=self.stopped)
        elif self.occupied >= self.slots:
            yield NoFreeSlot(level=self.level, slots=self.slots)

    def decide_escalation(
        self, *, recommended: Decision, decided: Decision, basis: Basis, by: str, rationale: FreeText | None
    ) -> Sequence[CohortFact]:
        """Record a decision of people; refuse one that is less cautious than the rule."""
        explained = rationale is not None
        order = [tally.level for tally in basis.tallies]
        allow(
            against_deciding(decided, recommended, order=order, last_level=basis.last_level, explained=explained), None
        )
        return [
            EscalationDecided(recommended=recommended, decided=decided, basis=basis, by=by, rationale=rationale),
        ]

    def settle(
        self,
        members: Mapping[str, MemberNow],
        *,
        about: Iterable[str],
        gone: Callable[[str], Release],
        closed: bool,
    ) -> Sequence[CohortFact]:
        """Return the facts that bring the cohort up to date with the casebook.

        Args:
            members: those of ``about`` whom the casebook puts at this level.
            about: the participants to compare; among them all who wait for their infusion here.
            gone: returns why a participant who is no longer at this level gave their slot back.
            closed: whether the level is closed now, by outcomes or by a recorded closing.
        """
        facts = [fact for subject in about for fact in self._updates(subject, members.get(subject), gone)]
        if closed and self.stopped is None and (self.slots or self.members or facts):
            facts.append(EnrollmentStopped(cause=Stop.CLOSED_BY_DESIGN))
            facts += [
                SlotReleased(subject=subject, why=Release.LEVEL_CLOSED)
                for subject, now in members.items()
                if not now.infused
            ]
        elif not closed and self.stopped is Stop.CLOSED_BY_DESIGN:
            facts.append(EnrollmentResumed(cause=Stop.CLOSED_BY_DESIGN))
        return facts

    def _updates(self, subject: str, now: MemberNow | None, gone: Callable[[str], Release]) -> Iterator[CohortFact]:
        known = self.members.get(subject, Membership())
        was_infused = known.standing.evaluation is not Evaluation.NOT_INFUSED
        if known.dlt and (now is None or now.dlt is None):
            yield DltRevoked(subject=subject, why="no current entry makes it a DLT at this level any more")
        if now is None:
            if was_infused:
                yield MemberAssessed(subject=subject, standing=NOT_INFUSED)
            if known.holds:
                yield SlotReleased(subject=subject, why=gone(subject))
            return
        if now.infused_on is not None and not was_infused:
            yield MemberInfused(subject=subject, on=now.infused_on, standing=now.standing)
        elif known.standing.evaluation is not now.standing.evaluation:
            yield MemberAssessed(subject=subject, standing=now.standing)
        if not now.infused and not known.holds:
            yield SlotFilled(subject=subject)
        if known.holds and now.standing.evaluation is Evaluation.NOT_EVALUABLE:
            yield SlotReleased(subject=subject, why=Release.NOT_EVALUABLE)
        if now.dlt and known.dlt != now.dlt:
            yield now.dlt
