"""Registration, consent, screening, enrollment and reassignment."""

from collections.abc import Iterable, Sequence
from itertools import chain

from trialdomain.aggregates.cohort import Cohort
from trialdomain.aggregates.deviation import allow
from trialdomain.aggregates.participant import Participant
from trialdomain.commands.access import check_table
from trialdomain.commands.coercion import checked, converted_fields, make
from trialdomain.commands.guards import (
    against_enrollment_at,
    against_recruitment,
    against_slots,
    escalation_state,
)
from trialdomain.commands.runner import CommandRunner
from trialdomain.commands.settlement import settle
from trialdomain.commands.snapshot import Drafts, Snapshot, drafts_in
from trialdomain.designs.registry import design_of
from trialdomain.desk.acts import Acts, check_deviation, check_level, check_site
from trialdomain.errors import CommandRefused
from trialdomain.events.participant import (
    Consented,
    CriteriaAnswered,
    Enrolled,
    LevelReassigned,
    Screened,
    ScreenFailed,
    Signer,
)
from trialdomain.events.recorded import Entry
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.level import Label, as_label
from trialdomain.values.clinical.screening import Attestation, Finding, Gate
from trialdomain.values.clinical_time import When
from trialdomain.values.given.plain import plain
from trialdomain.values.ids import check_id, cohort_stream, trial_stream
from trialdomain.values.use_case import UseCase


class LevelNotNamed(CommandRefused):
    """A participant would be enrolled without a level, and no design says which one is in turn."""

    code = "level-not-named"

    def __init__(self, *, trial: str) -> None:
        super().__init__(f"the protocol of {trial} has no design that puts a level in turn: name the level")
        self.trial = trial


class Enrollment(Acts):
    """Registration, consent, screening, enrollment."""

    def register(
        self,
        protocol: TrialProtocol,
        *,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Register the trial; where it has a design, level 1 opens with the slots of one cohort."""
        return register_trial(self._runner, protocol, use_case=UseCase.REGISTER, command_id=command_id)

    def consent(
        self,
        subject: str,
        *,
        signed_on: When,
        form_version: str,
        signer: Signer = Signer.PARTICIPANT,
        age: int | None = None,
        site: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record that informed consent was signed.

        Args:
            subject: the participant's code.
            signed_on: the day, or the time, of the signature.
            form_version: the version of the consent form.
            signer: who signed.
            age: in completed years.
            site: the participant's site, where the protocol has several.
            command_id: an id by which a repeated request is recognized.

        Raises:
            SiteUnknown: the protocol does not have the site, or has several and none is named.
        """
        subject = check_id("subject", subject)
        given = converted_fields(
            Consented, {"signed_on": signed_on, "signer": signer, "form_version": form_version, "age": age}
        )

        def decide(snapshot: Snapshot) -> Drafts:
            known = check_site(snapshot.protocol, site)
            fact = make(Consented, **given, protocol_version=snapshot.protocol.version, site=known)
            participant = snapshot.participant(subject)
            return self._of(subject, participant.consented(snapshot.localized(fact, known)), snapshot)

        return self._runner.run(
            UseCase.CONSENT,
            (
                *(subject, {name: given[name] for name in ("signed_on", "signer")}),
                *(given["form_version"], given["age"], plain(site)),
            ),
            decide,
            command_id,
            about=subject,
        )

    def screen(
        self,
        subject: str,
        *,
        on: When,
        findings: Iterable[Finding] = (),
        attestations: Iterable[Attestation] = (),
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record a screening: its findings and attestations."""
        fact = make(Screened, on=on, findings=findings, attestations=attestations)
        return self._record(
            UseCase.SCREEN, subject, [fact], Participant.screen, deviation=deviation, command_id=command_id
        )

    def fail_screening(
        self,
        subject: str,
        *,
        on: When,
        why: str,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record that the participant is not eligible."""
        fact = make(ScreenFailed, on=on, why=why)
        return self._record(
            UseCase.FAIL_SCREENING, subject, [fact], Participant.observe, deviation=deviation, command_id=command_id
        )

    def answer_criteria(
        self,
        subject: str,
        *,
        gate: Gate,
        on: When,
        findings: Iterable[Finding] = (),
        attestations: Iterable[Attestation] = (),
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record the answers to the criteria of the gate before chemotherapy, or before the infusion."""
        fact = make(CriteriaAnswered, gate=gate, on=on, findings=findings, attestations=attestations)
        return self._record(
            UseCase.ANSWER_CRITERIA, subject, [fact], Participant.observe, deviation=deviation, command_id=command_id
        )

    def enroll(
        self,
        subject: str,
        *,
        on: When,
        level: Label | None = None,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Enroll an eligible participant at the level in turn, and take a slot there.

        Args:
            subject: the participant's code.
            on: the day of the enrollment, on which eligibility is judged.
            level: the dose level; by default the one in turn, where the protocol has a design.
            deviation: why the participant was enrolled against a rule, where that has happened.
            command_id: an id by which a repeated request is recognized.

        Raises:
            NotEligible: criteria are not met or not answered; the error names all of them.
            NobodyInTurn: no level is in turn now, by the design or by a decision of people.
            NoFreeSlot: all slots that people have opened are taken.
            LevelNotOpen: the level in turn waits for the decision that opens it.
            RecruitmentIsSuspended: recruitment is suspended.
        """
        subject, level, deviation = check_id("subject", subject), plain(level), check_deviation(deviation)
        given = converted_fields(Enrolled, {"on": on})

        def decide(snapshot: Snapshot) -> Drafts:
            participant, cohorts, today = (
                snapshot.participant(subject),
                snapshot.cohorts(),
                self._runner.today(snapshot),
            )
            design = snapshot.protocol.design is not None
            state = escalation_state(snapshot, on=today) if design else None
            if level is None and not design and len(cohorts) > 1:
                raise LevelNotNamed(trial=snapshot.id)
            known = (level, participant.assigned_level, state.level_in_turn if state else None)
            named = next((one for one in known if one is not None), snapshot.protocol.labels[0])
            chosen = check_level(snapshot.protocol, named)
            cohort = cohorts[chosen]
            facts = participant.enroll(
                snapshot.localized(make(Enrolled, **given, level=chosen), participant.site),
                also=chain(
                    snapshot.trial.against_enrollment(),
                    against_recruitment(snapshot, on=today),
                    against_enrollment_at(state, chosen) if state else (),
                    cohort.against_filling() if design else (),
                    against_slots(state, cohort) if state else (),
                ),
                deviation=deviation,
            )
            if not facts:
                return []
            drafts = self._only_of(subject, facts, snapshot, deviation=deviation)
            if snapshot.protocol.dlt is None and participant.in_treatment:  # without a DLT rule, nothing is settled
                filled = cohort.fill_slot(subject, allowed=True)
                return drafts + drafts_in(cohort_stream(snapshot.id, chosen), filled, caused_by=snapshot.ref(drafts[0]))
            # A participant who left or died before the enrollment was recorded takes no slot; none holds two slots.
            return drafts + settle(snapshot, drafts, about={subject}, on=today)

        return self._runner.run(
            UseCase.ENROLL,
            (subject, given, level, deviation),
            decide,
            command_id,
            about=subject,
        )

    def reassign(
        self,
        subject: str,
        *,
        to_level: Label,
        on: When,
        why: str,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Move a participant who is not infused yet to the level in turn, if it has a free slot."""
        subject, to_level = check_id("subject", subject), as_label(to_level)
        given = converted_fields(LevelReassigned, {"on": on, "why": why})

        def decide(snapshot: Snapshot) -> Drafts:
            check_level(snapshot.protocol, to_level)
            participant, cohort = snapshot.participant(subject), snapshot.cohorts()[to_level]
            assigned = snapshot.protocol.labels[0] if participant.assigned_level is None else participant.assigned_level
            fact = make(LevelReassigned, **given, from_level=assigned, to_level=to_level)
            facts = participant.reassign(snapshot.localized(fact, participant.site))
            if not facts:
                return []
            against = snapshot.trial.against_enrollment()
            if snapshot.protocol.design is not None:
                state = escalation_state(snapshot, on=self._runner.today(snapshot))
                against = chain(
                    against,
                    against_enrollment_at(state, to_level),
                    cohort.against_filling(),
                    against_slots(state, cohort),
                )
            allow(against, None)
            drafts = self._only_of(subject, facts, snapshot)
            return drafts + settle(snapshot, drafts, about={subject}, on=self._runner.today(snapshot))

        request = (subject, to_level, {"on": given["on"]}, plain(why))
        return self._runner.run(UseCase.REASSIGN, request, decide, command_id, about=subject)


def register_trial(
    runner: CommandRunner, protocol: TrialProtocol, *, use_case: UseCase, command_id: str | None
) -> Sequence[Entry]:
    """Register a trial, for the use case of a registration or of an import."""
    protocol = checked("a registration", protocol, TrialProtocol)
    check_table(protocol)

    def decide(snapshot: Snapshot) -> Drafts:
        registered = drafts_in(trial_stream(snapshot.id), snapshot.trial.register(protocol))
        if protocol.design is None:
            return registered
        design = design_of(protocol.design)
        level = protocol.levels[design.start_level() - 1]
        opened = Cohort(level.label).open(level, slots=design.opening_slots())
        return registered + drafts_in(cohort_stream(snapshot.id, level.label), opened)

    return runner.run(use_case, protocol, decide, command_id, registering=protocol)
