"""Adverse events, and the assessment of the observation window."""

from collections.abc import Iterable, Sequence

from trialdomain.aggregates.participant import Participant
from trialdomain.commands.coercion import criteria, expect, make, remake
from trialdomain.commands.snapshot import Drafts, Snapshot
from trialdomain.desk.acts import Acts, check_deviation
from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    DltWindowAssessed,
    WindowResult,
)
from trialdomain.events.recorded import Entry
from trialdomain.storage.request import in_order
from trialdomain.values.clinical.ctcae import lacks, term_on
from trialdomain.values.clinical.scale import Scale, scale_of
from trialdomain.values.clinical.toxicity import Attribution, Outcome, Seriousness
from trialdomain.values.clinical_time import When
from trialdomain.values.ids import check_id
from trialdomain.values.use_case import UseCase

_OF_THE_PROTOCOL = Scale(name="the scale of the protocol")
"""Stands in a request that names no scale, until the decision reads the protocol; no entry has it."""


class Safety(Acts):
    """Adverse events and window assessments; the DLTs that follow are settled in the same transaction."""

    def report_adverse_event(
        self,
        subject: str,
        *,
        event: str,
        term: str,
        grade: int,
        onset: When,
        attributions: Iterable[Attribution] = (),
        serious: Iterable[Seriousness] = (),
        expected: bool | None = None,
        ended: When | None = None,
        outcome: Outcome | None = None,
        aware_on: When | None = None,
        scale: Scale | str | None = None,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Report an adverse event; a fatal one records the death as well.

        Args:
            subject: the participant's code.
            event: the event's id, by which it is followed up.
            term: the term, on CTCAE 5.0 one of CTCAE.
            grade: the grade; the scale must have it, and on CTCAE 5.0 the term.
            onset: when the event began.
            attributions: the assessors' judgments of its relation to each agent.
            serious: the criteria that make it serious; none for an event that is not.
            expected: whether the reference safety information lists it.
            ended: when it ended, if it did.
            outcome: the outcome of the event.
            aware_on: when the sponsor became aware.
            scale: the scale of the grade, such as "ASTCT 2019"; by default that of the protocol in force (**choice**).
                The event keeps it: its follow-ups are graded by it.
            deviation: why it is recorded against a rule of conduct, where that has happened.
            command_id: an id by which a repeated request is recognized.

        Raises:
            FactMalformed: the scale or the term does not have the grade, or the end lies before the onset.
            ScaleUnknown: the text is almost that of a known scale, or names none.
            EventKnown: the participant has an event of that id.
        """
        own, chosen = None if scale is None else scale_of(scale), criteria(serious)
        told = make(
            AdverseEventReported,
            event=event,
            term=expect("an adverse event", term, str),
            scale=_OF_THE_PROTOCOL,
            grade=grade,
            onset=onset,
            attributions=attributions,
            serious=bool(chosen),
            seriousness=chosen,
            expected=expected,
            ended=ended,
            outcome=outcome,
            aware_on=aware_on,
        )
        fact = told if own is None else _on_scale(told, own)
        subject, deviation = check_id("subject", subject), check_deviation(deviation)

        def decide(snapshot: Snapshot) -> Drafts:
            participant = snapshot.participant(subject)
            graded = fact if own is not None else _on_scale(told, snapshot.protocol.grading)
            accepted = participant.report_adverse_event(snapshot.localized(graded, participant.site), deviation)
            return self._of(subject, accepted, snapshot, deviation=deviation)

        request = (subject, in_order([fact]), deviation)
        return self._runner.run(UseCase.REPORT_ADVERSE_EVENT, request, decide, command_id, about=subject)

    def follow_up_adverse_event(
        self,
        subject: str,
        *,
        event: str,
        on: When,
        grade: int | None = None,
        attributions: Iterable[Attribution] = (),
        serious: Iterable[Seriousness] | None = None,
        ended: When | None = None,
        outcome: Outcome | None = None,
        aware_on: When | None = None,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record changes of an event from a day on; a field that is left out has not changed.

        An event that got worse gets a follow-up, since its report was right. A report that was wrong is corrected. The
        grade is one of the scale of the event.

        Raises:
            EventUnknown: the participant has no event of that id.
            FollowUpBeforeOnset: the date lies before the onset of the event.
            EndBeforeOnset: the end lies before the onset of the event.
            GradeNotInTerm: the scale of the event, or its term, does not have the grade.
        """
        chosen = criteria(serious)
        fact = make(
            AdverseEventFollowedUp,
            event=event,
            on=on,
            grade=grade,
            attributions=attributions,
            serious=None if chosen is None else bool(chosen),
            seriousness=() if chosen is None else chosen,
            ended=ended,
            outcome=outcome,
            aware_on=aware_on,
        )
        return self._record(
            UseCase.FOLLOW_UP_ADVERSE_EVENT,
            subject,
            [fact],
            Participant.follow_up_adverse_event,
            deviation=deviation,
            command_id=command_id,
        )

    def assess_dlt_window(
        self,
        subject: str,
        *,
        on: When,
        result: WindowResult = WindowResult.NO_DLT,
        missed: str | None = None,
        why: str | None = None,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record that the observation window was assessed, up to and on a day.

        Args:
            subject: the participant's code.
            on: the last day that the assessment covers.
            result: the result of the assessment. The result not evaluable decides only where a partial date of leaving,
                or of the death, leaves open whether the last day of the window was seen. Elsewhere it leaves the window
                without an assessment: the participant stays pending, or is evaluable once the window is over where the
                protocol asks for no assessment (``evaluable.requires_assessment``).
            missed: visits that were missed.
            why: the reason, which the result not evaluable needs.
            deviation: why it is recorded against a rule of conduct, where that has happened.
            command_id: an id by which a repeated request is recognized.

        Raises:
            FactMalformed: the result is not evaluable, and has no reason.
        """
        fact = make(DltWindowAssessed, on=on, by=self._runner.user.id, result=result, missed=missed, why=why)
        return self._record(
            UseCase.ASSESS_DLT_WINDOW, subject, [fact], Participant.observe, deviation=deviation, command_id=command_id
        )


def _on_scale(told: AdverseEventReported, scale: Scale) -> AdverseEventReported:
    """Put a report on a scale, with the name and the code of its term where the scale has a table.

    Raises:
        FactMalformed: the scale, or the term on it, does not have the grade.
    """
    known = term_on(scale, told.term)
    return remake(
        told,
        {
            "scale": scale,
            "term": told.term if known is None else known.term,
            "ctcae_code": None if known is None else known.code,
            "unchecked": lacks(scale, told.term),
        },
    )
