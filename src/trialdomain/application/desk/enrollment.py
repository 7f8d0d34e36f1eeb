"""From the consent to the slot."""

from collections.abc import Sequence

from trialdomain.aggregates.cohort import Cohort
from trialdomain.aggregates.participant import Participant
from trialdomain.application.coercion import make
from trialdomain.application.desk.acts import Acts
from trialdomain.application.questions import level_in_turn
from trialdomain.application.view import Drafts, View, drafts_in
from trialdomain.events.participant import Consented, CriteriaAnswered, Enrolled, Screened, ScreenFailed, Signer
from trialdomain.events.recorded import Entry
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical_time import When
from trialdomain.values.ids import check_id, cohort_stream, trial_stream
from trialdomain.values.screening import Attestation, Finding, Gate


class Enrollment(Acts):
    """Registration, consent, screening, enrollment."""

    def register(self, protocol: TrialProtocol, *, command_id: str | None = None) -> Sequence[Entry]:
        """Begin to record the trial; level 1 opens with the slots of one cohort."""
        trial = self._conduct.trial

        def decide(view: View) -> Drafts:
            level = protocol.levels[0]
            opened = Cohort(level.level).open(level)
            return drafts_in(trial_stream(trial), view.trial.register(protocol)) + drafts_in(
                cohort_stream(trial, level.level), opened
            )

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
        """Record that informed consent was signed; ``age`` is in completed years."""
        check_id("subject", subject)

        def decide(view: View) -> Drafts:
            fact = make(
                Consented,
                signed_on=signed_on,
                signer=signer,
                form_version=form_version,
                protocol_version=view.protocol.version,
                age=age,
            )
            return self._of(subject, view.participant(subject).consented(fact), view)

        return self._conduct.run("consent", (subject, str(signed_on), form_version, signer, age), decide, command_id)

    def screen(
        self,
        subject: str,
        *,
        on: When,
        findings: Sequence[Finding] = (),
        attestations: Sequence[Attestation] = (),
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record a screening: the facts that were found, and what was attested."""
        fact = make(Screened, on=on, findings=tuple(findings), attestations=tuple(attestations))
        return self._record("screen", subject, [fact], Participant.screen, command_id)

    def fail_screening(self, subject: str, *, on: When, why: str, command_id: str | None = None) -> Sequence[Entry]:
        """Record that somebody was found not eligible."""
        fact = make(ScreenFailed, on=on, why=why)
        return self._record("fail-screening", subject, [fact], Participant.observe, command_id)

    def answer_criteria(
        self,
        subject: str,
        *,
        gate: Gate,
        on: When,
        findings: Sequence[Finding] = (),
        attestations: Sequence[Attestation] = (),
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record what the gate before chemotherapy, or before the infusion, asks."""
        fact = make(CriteriaAnswered, gate=gate, on=on, findings=tuple(findings), attestations=tuple(attestations))
        return self._record("answer-criteria", subject, [fact], Participant.observe, command_id)

    def enroll(self, subject: str, *, on: When, command_id: str | None = None) -> Sequence[Entry]:
        """Enroll a participant at the level in turn, and take a slot there.

        Raises:
            LevelNotInTurn: the design sends nobody to any level now.
            NoFreeSlot: the slots that people have opened are all taken.
            LevelNotOpen: the level in turn waits for the decision that opens it.
        """
        check_id("subject", subject)

        def decide(view: View) -> Drafts:
            participant = view.participant(subject)
            assigned = participant.assigned_level
            level = assigned or level_in_turn(view, on=self._conduct.today(view))
            facts = participant.enroll(make(Enrolled, on=on, level=level))
            if not facts:
                return []
            drafts = self._only_of(subject, facts, view)
            filled = view.cohorts()[level].fill_slot(subject)
            return drafts + drafts_in(cohort_stream(view.id, level), filled, caused_by=view.ref(drafts[0]))

        return self._conduct.run("enroll", (subject, str(on)), decide, command_id)
