"""Where one user acts in one trial: a method for each use case."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import attrs

from trialdomain.aggregates.cohort import Cohort, MemberNow
from trialdomain.aggregates.participant import Participant
from trialdomain.application.conduct import Conduct, InTheFuture, refuse_future
from trialdomain.application.view import Drafts, View, drafts_in
from trialdomain.designs.three_plus_three import slots_in_turn
from trialdomain.designs.walk import COHORT
from trialdomain.errors import CommandRefused, InputInvalid
from trialdomain.events.cohort import Basis
from trialdomain.events.participant import (
    AdverseEventReported,
    ChemotherapyStarted,
    Consented,
    DltWindowAssessed,
    Enrolled,
    Infused,
    ParticipantFact,
    Screened,
    Signer,
    WindowResult,
)
from trialdomain.events.recorded import Entry, EntryRef
from trialdomain.projections.dlt_counts import Member, dlt_counts
from trialdomain.projections.escalation import Escalation, escalation
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical_time import ClinicalTime, When
from trialdomain.values.decision import Action, Code, Decision
from trialdomain.values.dose import Dose
from trialdomain.values.ids import check_id, cohort_stream, participant_stream, trial_stream
from trialdomain.values.text import FreeText
from trialdomain.values.toxicity import Attribution, Outcome, Seriousness


class DesignAbsent(CommandRefused):
    """A decision is asked of a protocol that has no escalation design."""

    def __init__(self, *, trial: str) -> None:
        super().__init__(f"the protocol of {trial} has no escalation design: there is nothing to decide")
        self.trial = trial


class LevelNotInTurn(CommandRefused):
    """Somebody would be enrolled while the design sends nobody to any level."""

    def __init__(self, *, decision: Decision) -> None:
        because = "" if decision.because is None else f": {decision.because.text}"
        super().__init__(f"nobody is to be enrolled now ({decision.action.value}){because}")
        self.decision = decision


@attrs.frozen
class Desk:
    """Where one user acts in one trial. Every command returns the entries that it recorded."""

    _conduct: Conduct

    def register(self, protocol: TrialProtocol, *, command_id: str | None = None) -> Sequence[Entry]:
        """Begin to record the trial."""

        def decide(view: View) -> Drafts:
            drafts = drafts_in(trial_stream(self._conduct.trial), view.trial.register(protocol))
            level = protocol.levels[0]
            return drafts + drafts_in(cohort_stream(self._conduct.trial, level.level), Cohort(level.level).open(level))

        return self._conduct.run("register", protocol, decide, command_id)

    def consent(
        self,
        subject: str,
        *,
        signed_on: When,
        form_version: str,
        signer: Signer = Signer.PARTICIPANT,
        age: int | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record that informed consent was signed."""

        def decide(view: View) -> Drafts:
            fact = Consented(
                signed_on=_clinical(signed_on),
                signer=signer,
                form_version=form_version,
                protocol_version=view.protocol.version,
                age=age,
            )
            return self._of(subject, view.participant(subject).consented(fact), view)

        request = (subject, _clinical(signed_on), form_version, signer, age)
        return self._conduct.run("consent", request, decide, command_id)

    def screen(self, subject: str, *, on: When, command_id: str | None = None) -> Sequence[Entry]:
        """Record a screening."""
        fact = Screened(on=_clinical(on))
        return self._participant("screen", subject, fact, Participant.screen, command_id)

    def enroll(self, subject: str, *, on: When, command_id: str | None = None) -> Sequence[Entry]:
        """Enroll a participant at the level in turn, and take a slot there.

        Raises:
            LevelNotInTurn: the design sends nobody to any level now.
            NoFreeSlot: the slots that people have opened are all taken.
            LevelNotOpen: the level in turn waits for the decision that opens it.
        """
        day = _clinical(on)

        def decide(view: View) -> Drafts:
            participant, cohorts = view.participant(subject), view.cohorts()
            if participant.assigned_level is not None:
                level = participant.assigned_level
                return self._of(subject, participant.enroll(Enrolled(on=day, level=level)), view)
            level = self._level_in_turn(view)
            drafts = self._of(subject, participant.enroll(Enrolled(on=day, level=level)), view)
            return drafts + drafts_in(
                cohort_stream(self._conduct.trial, level),
                cohorts[level].fill_slot(subject),
                caused_by=view.ref(drafts[0]),
            )

        return self._conduct.run("enroll", (subject, day), decide, command_id)

    def start_chemotherapy(
        self,
        subject: str,
        *,
        on: When,
        regimen: str,
        cycle: int = 1,
        ecog: int | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record the start of a cycle of chemotherapy; ``ecog`` is the performance status on that day."""
        fact = ChemotherapyStarted(on=_clinical(on), regimen=regimen, cycle=cycle, ecog=ecog)
        return self._participant("start-chemotherapy", subject, fact, Participant.start_chemotherapy, command_id)

    def infuse(
        self,
        subject: str,
        *,
        level: int,
        started_at: When,
        ended_at: When | None = None,
        dose: Dose | None = None,
        body_weight_kg: Decimal | None = None,
        fraction: Decimal = Decimal(1),
        route: str = "intravenous",
        lot: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record an infusion of the assigned level; ``fraction`` is how much of it was given.

        Raises:
            LevelNotAssigned: another level than the assigned one.
            AlreadyInfused: the participant was infused before.
        """
        fact = Infused(
            level=level,
            dose=dose,
            body_weight_kg=body_weight_kg,
            started_at=_clinical(started_at),
            ended_at=None if ended_at is None else _clinical(ended_at),
            fraction=fraction,
            route=route,
            lot=lot,
        )
        if fact.started_at.day is None:
            raise InputInvalid(f"{fact.started_at} is no day: the observation window starts on the day of the infusion")
        return self._participant("infuse", subject, fact, Participant.infuse, command_id)

    def report_adverse_event(
        self,
        subject: str,
        *,
        event: str,
        term: str,
        grade: int,
        onset: When,
        attributions: Sequence[Attribution] = (),
        serious: Sequence[Seriousness] = (),
        expected: bool | None = None,
        ended: When | None = None,
        outcome: Outcome | None = None,
        aware_on: When | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Report an adverse event; a DLT that it is gets attributed in the same transaction.

        Args:
            subject: the participant's code.
            event: the event's id, by which it is followed up.
            term: the CTCAE term.
            grade: 1 to 5.
            onset: when it began.
            attributions: who judged it related to what.
            serious: the criteria that make it serious; none for an event that is not.
            expected: whether the reference safety information lists it.
            ended: when it ended, if it did.
            outcome: what became of it.
            aware_on: when the sponsor became aware.
            command_id: an id by which a repeated request is recognised.
        """
        fact = AdverseEventReported(
            event=event,
            term=term,
            grade=grade,
            onset=_clinical(onset),
            attributions=tuple(attributions),
            serious=bool(serious),
            seriousness=tuple(serious),
            expected=expected,
            ended=None if ended is None else _clinical(ended),
            outcome=outcome,
            aware_on=None if aware_on is None else _clinical(aware_on),
        )
        return self._participant("report-adverse-event", subject, fact, Participant.report_adverse_event, command_id)

    def assess_dlt_window(
        self,
        subject: str,
        *,
        on: When,
        result: WindowResult = WindowResult.NO_DLT,
        missed: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record that the observation window was assessed, up to and on a day; ``missed`` names visits that were."""
        fact = DltWindowAssessed(
            on=_clinical(on),
            by=self._conduct.user.id,
            result=result,
            missed=None if missed is None else FreeText.of(missed),
        )
        return self._participant("assess-dlt-window", subject, fact, Participant.assess_dlt_window, command_id)

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
            cohorts = view.cohorts()
            state = self._escalation(view, on=on)
            recommended = state.decision
            chosen = recommended if decided is None else decided
            level = chosen.level or recommended.level or state.situation.last_level or 1
            why = None if rationale is None else FreeText.of(rationale)
            facts = cohorts[level].decide_escalation(
                recommended=recommended,
                decided=chosen,
                basis=_basis(view, state, on),
                by=self._conduct.user.id,
                rationale=why,
            )
            drafts = drafts_in(cohort_stream(self._conduct.trial, level), facts)
            if chosen.level is None or chosen.action is Action.WAIT:
                return drafts
            return drafts + self._open(view, cohorts[chosen.level], state, caused_by=view.ref(drafts[0]))

        return self._conduct.run("decide-escalation", (on, decided, rationale), decide, command_id)

    # What the commands share.

    def _open(self, view: View, cohort: Cohort, state: Escalation, *, caused_by: EntryRef) -> Drafts:
        """Give a level the slots that the design wants there."""
        opened = cohort.open(view.protocol.levels[cohort.level - 1])
        slots = slots_in_turn(state.situation)
        expanded = cohort.expand(slots, why=FreeText.of("escalation decision")) if slots > COHORT else []
        return drafts_in(cohort_stream(self._conduct.trial, cohort.level), [*opened, *expanded], caused_by=caused_by)

    def _level_in_turn(self, view: View) -> int:
        """Say where somebody enrolled today belongs."""
        if view.protocol.design is None:
            raise DesignAbsent(trial=self._conduct.trial)
        decision = self._escalation(view, on=self._conduct.today(view)).decision
        held_up = decision.action is Action.WAIT and decision.because and decision.because.code is Code.OUTCOMES_PENDING
        if decision.level is None or held_up:
            raise LevelNotInTurn(decision=decision)
        return decision.level

    def _escalation(self, view: View, *, on: date) -> Escalation:
        if on > self._conduct.today(view):
            raise InTheFuture(when=ClinicalTime.of(on), today=self._conduct.today(view))
        state = escalation(view.casebook(on=on), on=on)
        if state is None:
            raise DesignAbsent(trial=self._conduct.trial)
        return state

    def _participant(
        self,
        name: str,
        subject: str,
        fact: ParticipantFact,
        act: Callable[[Participant, Any], Sequence[ParticipantFact]],
        command_id: str | None,
    ) -> Sequence[Entry]:
        """Record one fact of a participant, and what the cohorts learn from it."""

        def decide(view: View) -> Drafts:
            return self._of(subject, act(view.participant(subject), fact), view)

        return self._conduct.run(name, (subject, fact), decide, command_id)

    def _of(self, subject: str, facts: Sequence[ParticipantFact], view: View) -> Drafts:
        """Put facts into a participant's stream, and into the cohorts' what follows from them."""
        check_id("subject", subject)
        today = self._conduct.today(view)
        for fact in facts:
            refuse_future(fact, today)
        drafts = drafts_in(participant_stream(self._conduct.trial, subject), facts)
        if not drafts or view.protocol.dlt is None:
            return drafts
        cohorts = view.cohorts()
        members = dlt_counts(view.casebook(on=today, following=drafts), on=today).members
        for level, cohort in cohorts.items():
            now = {member.subject: _now_of(member) for member in members if member.level == level}
            settled = cohort.settle(now, about=subject)
            drafts += drafts_in(cohort_stream(self._conduct.trial, level), settled, caused_by=view.ref(drafts[0]))
        return drafts


def _clinical(when: When) -> ClinicalTime:
    try:
        return ClinicalTime.of(when)
    except ValueError as error:
        raise InputInvalid(str(error)) from None


def _now_of(member: Member) -> MemberNow:
    return MemberNow(
        subject=member.subject,
        standing=member.standing,
        infused_on=member.infused_on,
        dlt=None if member.dlt is None else (member.dlt.event, member.dlt.onset),
    )


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
