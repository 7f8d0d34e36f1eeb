"""Decisions of people about the trial as a whole: suspension, closure, amendments, and its conclusion."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import TypeVar

from trialdomain.commands.access import check_table
from trialdomain.commands.coercion import checked, converted_fields, make
from trialdomain.commands.guards import escalation_state, has_enrolled, levels_in_use
from trialdomain.commands.runner import refuse_future_day
from trialdomain.commands.settlement import settle
from trialdomain.commands.snapshot import Drafts, Snapshot, drafts_in
from trialdomain.desk.acts import Acts, check_level
from trialdomain.desk.escalation import DecisionOutOfOrder, basis_of
from trialdomain.events.cohort import EnrollmentResumed
from trialdomain.events.recorded import Entry
from trialdomain.events.trial import (
    DoseRecommended,
    MtdDeclared,
    MtdNotEstablished,
    NotEstablished,
    ProtocolAmended,
    RecruitmentResumed,
    RecruitmentSuspended,
    TrialClosed,
    TrialFact,
)
from trialdomain.projections.escalation import Escalation
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.calendar import as_day
from trialdomain.values.clinical.level import Label, as_label, as_labels
from trialdomain.values.clinical_time import When
from trialdomain.values.given.plain import plain
from trialdomain.values.ids import cohort_stream, trial_stream
from trialdomain.values.reason import check_reason
from trialdomain.values.use_case import UseCase

T = TypeVar("T", bound=TrialFact)


class Governance(Acts):
    """Acts on the trial as a whole."""

    def suspend_recruitment(
        self,
        *,
        on: When,
        why: str,
        infusion: bool = False,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Suspend enrollment until people resume it; with ``infusion``, suspend infusions as well."""
        fact = make(RecruitmentSuspended, on=on, why=why, infusion=infusion)
        return self._of_trial(
            UseCase.SUSPEND_RECRUITMENT, fact, lambda snapshot, placed: snapshot.trial.suspend(placed), command_id
        )

    def resume_recruitment(
        self,
        *,
        on: When,
        why: str,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Resume enrollment and infusions."""
        fact = make(RecruitmentResumed, on=on, why=why)
        return self._of_trial(
            UseCase.RESUME_RECRUITMENT,
            fact,
            lambda snapshot, placed: snapshot.trial.resume(placed, trial=snapshot.id),
            command_id,
        )

    def close(
        self,
        *,
        on: When,
        why: str,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """End recruitment; observation goes on."""
        fact = make(TrialClosed, on=on, why=why)
        return self._of_trial(UseCase.CLOSE, fact, lambda snapshot, placed: snapshot.trial.close(placed), command_id)

    def amend(
        self,
        protocol: TrialProtocol,
        *,
        effective_on: date | str,
        summary: str,
        reopens: Iterable[Label] = (),
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Bring a new version of the protocol into force; only an amendment reopens a level that is finally closed.

        Raises:
            AmendmentUnusable: the protocol is of another trial, or its version was in force before, or it has fewer
                levels, or it would change the dose of a level at which a participant was infused, or the level at
                which the design begins after a participant was enrolled.
        """
        protocol = checked("an amendment", protocol, TrialProtocol)
        check_table(protocol)
        fact = make(
            ProtocolAmended,
            protocol=protocol,
            effective_on=as_day(effective_on),
            summary=summary,
            reopens=as_labels(reopens),
        )

        def decide(snapshot: Snapshot) -> Drafts:
            refuse_future_day(fact.effective_on, self._runner.today(snapshot))
            cohorts = snapshot.cohorts()
            amended = snapshot.trial.amend(fact, infused=levels_in_use(snapshot), enrolling=has_enrolled(snapshot))
            drafts = drafts_in(trial_stream(snapshot.id), amended)
            for level in fact.reopens:
                cohort = cohorts.get(level)
                if cohort is not None and cohort.stopped is not None:
                    resumed = EnrollmentResumed(cause=cohort.stopped)
                    drafts += drafts_in(cohort_stream(snapshot.id, level), [resumed], caused_by=snapshot.ref(drafts[0]))
            return drafts + settle(snapshot, drafts, about=None, on=self._runner.today(snapshot))

        return self._runner.run(UseCase.AMEND, fact, decide, command_id)

    def declare_mtd(
        self,
        *,
        level: Label,
        on: date | str,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Declare the maximum tolerated dose that the design gives on a day.

        Raises:
            MtdNotGiven: the design gives another MTD, or none.
        """
        day, level = as_day(on), as_label(level)

        def declare(state: Escalation, snapshot: Snapshot) -> MtdDeclared:
            bounded = bool(state.decision.mtd.bounded_above)
            return make(MtdDeclared, level=level, bounded_above=bounded, basis=basis_of(snapshot, state, day))

        return self._conclude(UseCase.DECLARE_MTD, (level, day), declare, day, command_id)

    def declare_no_mtd(
        self,
        *,
        why: NotEstablished,
        on: date | str,
        candidate: Label | None = None,
        note: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Declare that there is no maximum tolerated dose; ``candidate`` is a level that the registry's words allow.

        Raises:
            MtdNotGiven: the design gives an MTD, or has not found that no level is tolerated.
        """
        day, given = as_day(on), converted_fields(MtdNotEstablished, {"why": why})
        candidate, note = plain(candidate), plain(note)

        def declare(state: Escalation, snapshot: Snapshot) -> MtdNotEstablished:
            return make(
                MtdNotEstablished, **given, candidate=candidate, note=note, basis=basis_of(snapshot, state, day)
            )

        return self._conclude(
            UseCase.DECLARE_NO_MTD,
            (given, day, candidate, note),
            declare,
            day,
            command_id,
        )

    def recommend_dose(
        self,
        *,
        level: Label,
        purpose: str,
        rationale: str,
        on: date | str,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Recommend a dose level for a purpose, such as phase II; it supersedes an earlier one of the same purpose.

        A dose may be recommended with an MTD or without one, and before or after recruitment is closed (**choice**).

        Args:
            level: the dose level.
            purpose: what it is recommended for, in the words of the trial.
            rationale: why this level.
            on: the calendar day, at the site, for which windows are judged.
            command_id: an id by which a repeated request is recognized.

        Raises:
            DoseNotTolerated: the level is above what the rule tolerates, then or today, or above the declared MTD.
            LevelUnknown: the protocol has no such level.
            DecisionOutOfOrder: the day is before that of the recommendation which it would supersede.
            ReasonMissing: the rationale is blank, or a filler word.
        """
        day, level, purpose, rationale = as_day(on), as_label(level), plain(purpose), check_reason(rationale)

        def decide(snapshot: Snapshot) -> Drafts:
            today = self._runner.today(snapshot)
            refuse_future_day(day, today)
            state = escalation_state(snapshot, on=day)
            now = state if day == today else escalation_state(snapshot, on=today)
            fact = make(
                DoseRecommended,
                level=check_level(snapshot.protocol, level),
                purpose=purpose,
                rationale=rationale,
                basis=basis_of(snapshot, state, day),
            )
            before = snapshot.trial.recommended.get(fact.purpose_key)
            if before is not None and day < before.basis.on:
                raise DecisionOutOfOrder(on=day, last=before.basis.on)
            facts: Sequence[TrialFact] = ()
            for seen in (now, state):
                decision, tallies, design = seen.decision, seen.counts.tallies, seen.design
                facts = snapshot.trial.recommend(fact, decision=decision, tallies=tallies, design=design)
            return drafts_in(trial_stream(snapshot.id), facts)

        return self._runner.run(UseCase.RECOMMEND_DOSE, (level, purpose, rationale, day), decide, command_id)

    def _conclude(
        self,
        use_case: UseCase,
        request: object,
        declare: Callable[[Escalation, Snapshot], MtdDeclared | MtdNotEstablished],
        on: date,
        command_id: str | None,
    ) -> Sequence[Entry]:
        def decide(snapshot: Snapshot) -> Drafts:
            today = self._runner.today(snapshot)
            refuse_future_day(on, today)
            state = escalation_state(snapshot, on=on)
            now = state if on == today else escalation_state(snapshot, on=today)
            fact = declare(state, snapshot)
            snapshot.trial.conclude(fact, mtd=now.decision.mtd, design=now.design, trial=snapshot.id)
            facts = snapshot.trial.conclude(fact, mtd=state.decision.mtd, design=state.design, trial=snapshot.id)
            return drafts_in(trial_stream(snapshot.id), facts)

        return self._runner.run(use_case, request, decide, command_id)

    def _of_trial(
        self, use_case: UseCase, fact: T, act: Callable[[Snapshot, T], Sequence[TrialFact]], command_id: str | None
    ) -> Sequence[Entry]:
        def decide(snapshot: Snapshot) -> Drafts:
            placed = snapshot.localized(fact)
            self._runner.refuse_future(snapshot, placed)
            return drafts_in(trial_stream(snapshot.id), act(snapshot, placed))

        return self._runner.run(use_case, fact, decide, command_id)
