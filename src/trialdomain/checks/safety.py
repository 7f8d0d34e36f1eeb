"""Checks of adverse events: seriousness against its criteria, and dates against outcomes.

Source: ICH E2A, II.B: an event is serious if it results in death, is life-threatening, needs hospitalization, ...
"""

from collections.abc import Iterable

from typing_extensions import override

from trialdomain.checks.check import AuditedCase, AuditFinding, Check, Severity
from trialdomain.rules.adverse_event import AdverseEvent
from trialdomain.values.clinical.toxicity import Outcome


class _OfEvent(Check):
    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        for event in case.case.adverse_events:
            wrong = self._wrong(event)
            if wrong is not None:
                yield self.found(
                    f"event {event.event} of {case.case.subject}, {event.term}: {wrong}",
                    evidence=[entry.position for entry in event.entries],
                    subject=case.case.subject,
                )

    def _wrong(self, event: AdverseEvent) -> str | None:
        raise NotImplementedError


class CriterionNotSerious(_OfEvent):
    """An event has a criterion of seriousness but is not marked serious."""

    id = "serious-criterion"
    title = "a criterion of seriousness, and not serious"
    requirement = "an event with a criterion of seriousness is serious (ICH E2A, II.B)"

    @override
    def _wrong(self, event: AdverseEvent) -> str | None:
        if event.serious or not event.seriousness:
            return None
        said = "not serious" if event.serious is False else "nobody said whether it is serious"
        return f"{', '.join(one.value for one in event.seriousness)}, and {said}"


class FatalNotSerious(_OfEvent):
    """An event was fatal but is not marked serious."""

    id = "fatal-not-serious"
    title = "fatal, and not serious"
    severity = Severity.CRITICAL
    requirement = "an event that results in death is serious (ICH E2A, II.B)"

    @override
    def _wrong(self, event: AdverseEvent) -> str | None:
        return "fatal, and not serious" if event.fatal and event.serious is False else None


class SeriousWithoutCriterion(_OfEvent):
    """An event is marked serious without a criterion of seriousness."""

    id = "serious-without-criterion"
    title = "serious, and no criterion says why"
    severity = Severity.MINOR
    requirement = "an event is serious by one of the criteria (ICH E2A, II.B)"

    @override
    def _wrong(self, event: AdverseEvent) -> str | None:
        return "serious, and no criterion says why" if event.serious and not event.seriousness else None


class FollowedUpBeforeOnset(_OfEvent):
    """A follow-up is dated before the onset of its event, after a correction of the onset; it counts from the onset."""

    id = "follow-up-order"
    title = "a follow-up before the onset of its event"
    requirement = "consistent source data (ICH E6(R3) 4.2.2)"

    @override
    def _wrong(self, event: AdverseEvent) -> str | None:
        early = [str(entry.fact.on) for entry in event.follow_ups if entry.fact.on.precedes(event.onset)]
        if not early:
            return None
        return f"began on {event.onset}, followed up before that, on {', '.join(early)}: correct one of the dates"


class EndUnknown(_OfEvent):
    """An event is recovered but has no end date, so it has no duration."""

    id = "end-unknown"
    title = "recovered, and no end date"
    severity = Severity.MINOR
    requirement = "complete source data (ICH E6(R3) 4.2.2)"

    @override
    def _wrong(self, event: AdverseEvent) -> str | None:
        return "recovered, and its end is not recorded" if event.recovered and event.ended is None else None


class EndedNotRecovered(_OfEvent):
    """An event has an end date, but its outcome is not recovered."""

    id = "ended-not-recovered"
    title = "ended, and not recovered"
    severity = Severity.MINOR
    requirement = "consistent source data (ICH E6(R3) 4.2.2)"

    @override
    def _wrong(self, event: AdverseEvent) -> str | None:
        if event.ended is None or event.outcome is not Outcome.NOT_RECOVERED:
            return None
        return f"ended on {event.ended}, and not recovered"
