"""What people decide about the dose."""

from collections.abc import Sequence
from datetime import date

from trialdomain.aggregates.cohort import Cohort
from trialdomain.application.conduct import InTheFuture
from trialdomain.application.desk.acts import Acts
from trialdomain.application.questions import DesignAbsent, escalation_state
from trialdomain.application.view import Drafts, View, drafts_in
from trialdomain.designs.three_plus_three import slots_in_turn
from trialdomain.designs.walk import COHORT
from trialdomain.events.basis import Basis
from trialdomain.events.recorded import Entry, EntryRef
from trialdomain.projections.escalation import Escalation
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.decision import Action, Decision
from trialdomain.values.ids import cohort_stream
from trialdomain.values.text import FreeText


class Escalating(Acts):
    """Escalation decisions."""

    def decide_escalation(
        self,
        *,
        on: date,
        decided: Decision | None = None,
        rationale: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record how people decided to go on, with what the rule recommends and on what basis.

        Args:
            on: the calendar day, at the site, for which windows are judged.
            decided: what was decided; by default what the rule recommends.
            rationale: why, where the two differ.
            command_id: an id by which a repeated request is recognised.

        Raises:
            LessCautious: the rule does not allow as much.
            RationaleMissing: the two differ, and nothing says why.
        """

        def decide(view: View) -> Drafts:
            if on > self._conduct.today(view):
                raise InTheFuture(when=ClinicalTime.of(on), today=self._conduct.today(view))
            state = escalation_state(view, on=on)
            recommended = state.decision
            chosen = recommended if decided is None else decided
            cohorts = view.cohorts()
            level = chosen.level or recommended.level or state.situation.last_level or 1
            facts = cohorts[level].decide_escalation(
                recommended=recommended,
                decided=chosen,
                basis=_basis(view, state, on),
                by=self._conduct.user.id,
                rationale=None if rationale is None else FreeText.of(rationale),
            )
            drafts = drafts_in(cohort_stream(view.id, level), facts)
            if chosen.level is None or chosen.action is Action.WAIT:
                return drafts
            return drafts + _opened(view, cohorts[chosen.level], state, caused_by=view.ref(drafts[0]))

        return self._conduct.run("decide-escalation", (on, decided, rationale), decide, command_id)


def _opened(view: View, cohort: Cohort, state: Escalation, *, caused_by: EntryRef) -> Drafts:
    """Give a level the slots that the design wants there."""
    opened = cohort.open(view.protocol.levels[cohort.level - 1])
    slots = slots_in_turn(state.situation)
    expanded = cohort.expand(slots, why=FreeText.of("escalation decision")) if slots > COHORT else []
    return drafts_in(cohort_stream(view.id, cohort.level), [*opened, *expanded], caused_by=caused_by)


def _basis(view: View, state: Escalation, on: date) -> Basis:
    protocol = view.protocol
    if protocol.design is None:
        raise DesignAbsent(trial=view.id)
    return Basis(
        design=protocol.design,
        protocol_version=protocol.version,
        tallies=state.counts.tallies,
        last_level=state.situation.last_level,
        position=view.position,
        on=on,
    )
