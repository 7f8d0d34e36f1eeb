"""Escalation decisions of people."""

from collections.abc import Sequence
from datetime import date

import attrs

from trialdomain.aggregates.cohort import Cohort
from trialdomain.aggregates.deviation import allow
from trialdomain.commands.coercion import checked, free_text
from trialdomain.commands.guards import escalation_state
from trialdomain.commands.runner import refuse_future_day
from trialdomain.commands.snapshot import Drafts, Snapshot, drafts_in
from trialdomain.desk.acts import Acts, LevelUnknown
from trialdomain.errors import CommandRefused, InputInvalid
from trialdomain.events.basis import Basis
from trialdomain.events.recorded import Entry, EntryRef
from trialdomain.events.trial import RecruitmentSuspended
from trialdomain.limits.caution import against_deciding
from trialdomain.projections.escalation import Escalation, slots_given
from trialdomain.values.calendar import as_day
from trialdomain.values.clinical.decision import Action, Decision
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.text import FreeText
from trialdomain.values.ids import cohort_stream, trial_stream
from trialdomain.values.reason import check_reason
from trialdomain.values.use_case import UseCase


class Escalating(Acts):
    """Escalation decisions."""

    def decide_escalation(
        self,
        *,
        on: date | str,
        decided: Decision | None = None,
        rationale: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record an escalation decision of people, with the recommendation of the rule and its basis.

        Args:
            on: the calendar day, at the site, for which windows are judged.
            decided: the decision; by default the recommendation.
            rationale: the reason, where the decision differs from the recommendation.
            command_id: an id by which a repeated request is recognized.

        Raises:
            DecisionIncomplete: the decision treats participants, and names no level.
            LessCautious: the decision is less cautious than the rule allows.
            RationaleMissing: the decision differs from the recommendation, and no rationale is given.
            ReasonMissing: the rationale is blank, or a filler word.
        """
        day, rationale = as_day(on), None if rationale is None else check_reason(rationale)
        if decided is not None:
            decided = checked("an escalation decision", decided, Decision)
        if decided is not None and decided.action in _TREATS and decided.level is None:
            raise DecisionIncomplete(decided=decided)

        def decide(snapshot: Snapshot) -> Drafts:
            today = self._runner.today(snapshot)
            refuse_future_day(day, today)
            now = escalation_state(snapshot, on=today)
            state = now if day == today else escalation_state(snapshot, on=day)
            taken = now.decided
            recommended = state.to_decide
            chosen = recommended if decided is None else decided
            cohorts = snapshot.cohorts()
            level = _of_the_decision(chosen, recommended, state)
            if level not in cohorts:
                raise LevelUnknown(level=level, levels=snapshot.protocol.labels)
            if taken and day < taken[-1].fact.basis.on:
                raise DecisionOutOfOrder(on=day, last=taken[-1].fact.basis.on)
            if day < today:  # the decision must be allowed by what is known today as well
                last = now.situation.last_level
                order = snapshot.protocol.labels
                allow(against_deciding(chosen, now.to_decide, order=order, last_level=last, explained=True), None)
            facts = cohorts[level].decide_escalation(
                recommended=recommended,
                decided=attrs.evolve(chosen, slots=slots_given(chosen, state)),
                basis=basis_of(snapshot, state, day),
                by=self._runner.user.id,
                rationale=free_text("EscalationDecided", rationale),
            )
            drafts = drafts_in(cohort_stream(snapshot.id, level), facts)
            cause = snapshot.ref(drafts[0])
            if chosen.action is Action.STOP and recommended.action is not Action.STOP:
                return drafts + _suspended(snapshot, day, caused_by=cause)
            if chosen.level is None or chosen.action is Action.WAIT:
                return drafts
            return drafts + _opened(
                snapshot, cohorts[chosen.level], state, slots_given(chosen, state) or 0, caused_by=cause
            )

        return self._runner.run(UseCase.DECIDE_ESCALATION, (day, decided, rationale), decide, command_id)


def _of_the_decision(chosen: Decision, recommended: Decision, state: Escalation) -> Label:
    """Return the level in whose stream a decision is recorded: the level in turn, or the one treated last."""
    named = (chosen.level, recommended.level, state.situation.last_level, state.protocol.labels[0])
    return next(level for level in named if level is not None)


_TREATS = {Action.ENROLL, Action.EXPAND, Action.ESCALATE, Action.DE_ESCALATE}


class DecisionIncomplete(InputInvalid):
    """A decision to treat names no level."""

    code = "decision-incomplete"

    def __init__(self, *, decided: Decision) -> None:
        super().__init__(f"the decision {decided.action.value} names no level: name the level to treat at")
        self.decided = decided


class DecisionOutOfOrder(CommandRefused):
    """A decision would be dated before the last one."""

    code = "decision-out-of-order"

    def __init__(self, *, on: date, last: date) -> None:
        super().__init__(
            f"a decision on {on} would come before the last one, of {last}: correct the day, or void the last decision"
        )
        self.on, self.last = on, last


def _opened(snapshot: Snapshot, cohort: Cohort, state: Escalation, slots: int, *, caused_by: EntryRef) -> Drafts:
    """Draft the slots that a decision gives to a level."""
    first = min(slots, state.design.opening_slots())
    opened = cohort.open(snapshot.protocol.level(cohort.level), slots=first)
    expanded = cohort.expand(slots, why=FreeText.of("escalation decision")) if slots > first else []
    return drafts_in(cohort_stream(snapshot.id, cohort.level), [*opened, *expanded], caused_by=caused_by)


def _suspended(snapshot: Snapshot, on: date, *, caused_by: EntryRef) -> Drafts:
    """Suspend recruitment, because people decided to stop where the rule would go on."""
    fact = RecruitmentSuspended(on=ClinicalTime.of(on), why=FreeText.of("people decided to stop"))
    return drafts_in(trial_stream(snapshot.id), snapshot.trial.suspend(fact), caused_by=caused_by)


def basis_of(snapshot: Snapshot, state: Escalation, on: date) -> Basis:
    """Return the basis of a decision, from which a later reader can repeat it."""
    return Basis(
        design=state.spec.identity,
        protocol_version=state.protocol.version,
        tallies=state.counts.tallies,
        last_level=state.situation.last_level,
        final_closings=state.situation.final_closings,
        slots=state.situation.slots,
        position=snapshot.name_position(),
        on=on,
        unassigned=state.unassigned,
    )
