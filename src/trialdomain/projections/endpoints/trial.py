"""The endpoints of a trial: the values of all participants, including those of safety and of the escalation."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import assert_never

import attrs

from trialdomain.projections.dlt_counts import DltCounts, Member
from trialdomain.projections.endpoints.value import Detail, Flag, Status, Value
from trialdomain.projections.escalation import Escalation
from trialdomain.projections.safety import Exposure
from trialdomain.protocol.endpoints.families import (
    DltIncidence,
    MaximumToleratedDose,
    SafetyIncidence,
    is_known,
    is_windowed,
)
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.decision import Mtd
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationFlag
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.in_short import in_short


@attrs.frozen(kw_only=True)
class EndpointValues:
    """All endpoints of all participants, as of a day."""

    __repr__ = in_short

    protocol: TrialProtocol
    """The version whose definitions were used; see its ``endpoints``."""
    values: Mapping[str, tuple[Value, ...]]
    """By the code of the endpoint, in the order of the subjects' codes. Empty for an MTD, which belongs to the trial,
    and for a DLT if the protocol has no DLT rule."""
    mtd: Mtd | None
    """None if the protocol has no design."""
    tallies: tuple[Tally, ...]
    mtd_evidence: tuple[int, ...]
    """The positions of the entries that the MTD depends on."""

    def of(self, endpoint: str, subject: str) -> Value:
        """Return one value.

        Raises:
            KeyError: the protocol has no such endpoint, or the trial has no participant with that code.
        """
        for value in self.values[endpoint]:
            if value.subject == subject:
                return value
        raise KeyError(subject)


def endpoint_values(
    windowed: Mapping[str, Sequence[Value]],
    exposures: Sequence[Exposure],
    counts: DltCounts | None,
    state: Escalation | None,
    protocol: TrialProtocol,
) -> EndpointValues:
    """Combine the parts of all participants.

    Args:
        windowed: by subject, the values of the windowed endpoints.
        exposures: the exposures of the safety summary; empty if no endpoint needs them.
        counts: the DLT counts; None if no endpoint needs them.
        state: the escalation state; None if there is no design, or no endpoint needs it.
        protocol: the version whose definitions were used.
    """
    of_endpoint: dict[str, list[Value]] = {one.id: [] for one in protocol.endpoints.derived if is_windowed(one)}
    for values in windowed.values():
        for value in values:
            of_endpoint[value.endpoint].append(value)
    found: dict[str, list[Value]] = {}
    members = {} if counts is None else {one.subject: one for one in (*counts.members, *counts.unassigned)}
    for one in protocol.endpoints.derived:
        if not is_known(one):
            raise TypeError(f"{type(one).__name__} is not a family of endpoints: no protocol can have it")
        if is_windowed(one):
            found[one.id] = of_endpoint[one.id]
            continue
        match one:
            case SafetyIncidence():
                days = protocol.endpoints.of(one).safety_days
                found[one.id] = [_adverse_events(one.id, exposure, days) for exposure in exposures]
            case DltIncidence():
                if protocol.dlt is not None:
                    found[one.id] = [_dlt(one.id, subject, members.get(subject)) for subject in windowed]
            case MaximumToleratedDose():
                pass
            case _:
                assert_never(one)
    return EndpointValues(
        protocol=protocol,
        values={code: tuple(sorted(values, key=lambda one: one.subject)) for code, values in found.items()},
        mtd=None if state is None else state.decision.mtd,
        tallies=() if counts is None else counts.tallies,
        mtd_evidence=() if state is None else state.evidence,
    )


def _adverse_events(code: str, one: Exposure, days: Sequence[int]) -> Value:
    """Derive whether a participant had an adverse event, and a serious one, within each of the safety days."""
    if one.infused_on is None or one.infused_by is None:
        return Value(endpoint=code, subject=one.subject, level=None, status=Status.OUTSIDE, because="not-infused")
    details: dict[str, Detail] = {}
    evidence: set[int] = {one.infused_by}
    last = one.infused_on + timedelta(days=max(days))
    events = sorted(one.events, key=lambda event: (event.since or date.max, event.evidence))
    for number in days:
        end = one.infused_on + timedelta(days=number)
        within = [event for event in events if event.since is not None and event.since <= end]
        serious = [event for event in within if event.serious_by(end)]
        details[f"days_{number}"] = {
            "any": bool(within),
            "serious": bool(serious) or (None if any(event.serious_by(end) is None for event in within) else False),
            "events": len(within),
            "serious_events": len(serious),
            "completed": one.observed_until >= end,
        }
        for event in within[:1]:
            evidence.update(event.evidence)
        for event in serious[:1]:
            evidence.update((*event.evidence, event.seriousness_by(end)[1]))
    counted = [event for event in events if event.since is not None and event.since <= last]
    return Value(
        endpoint=code,
        subject=one.subject,
        level=one.level,
        status=Status.OBSERVED,
        value=bool(counted),
        on=min((event.since for event in counted if event.since is not None), default=None),
        first=one.infused_on,
        last=min(last, one.observed_until),
        flags=(Flag.IMPUTED_DATE,) if any(event.imputed for event in counted) else (),
        details=details,
        examined=len(one.events),
        evidence=tuple(sorted(evidence)),
    )


_FLAGS = {
    EvaluationFlag.PARTIAL_ONSET: Flag.IMPUTED_DATE,
    EvaluationFlag.PARTIAL_DURATION: Flag.IMPUTED_DATE,
    EvaluationFlag.PARTIAL_ENDING: Flag.PARTIAL_ENDING,
    EvaluationFlag.LATE_COUNT: Flag.LATE_COUNT,
    EvaluationFlag.TRANSFUSED: Flag.TRANSFUSED,
}


def _dlt(code: str, subject: str, member: Member | None) -> Value:
    """Derive whether an evaluable participant had a DLT."""
    if member is None or member.infused_on is None:
        return Value(endpoint=code, subject=subject, level=None, status=Status.OUTSIDE, because="not-infused")
    evaluation = member.standing.evaluation
    status = {Evaluation.EVALUABLE: Status.OBSERVED, Evaluation.PENDING: Status.NOT_OBSERVED}.get(
        evaluation, Status.OUTSIDE
    )
    observed = status is Status.OBSERVED
    dlt = member.dlt
    details: dict[str, Detail] = {"evaluation": evaluation.value, "reason": member.standing.reason.value}
    if dlt is not None:
        details |= {"term": dlt.term, "grade": dlt.grade, "event": dlt.event}
        if dlt.because is not None:
            details |= {"row": dlt.row, "because": dlt.because}
    return Value(
        endpoint=code,
        subject=subject,
        level=member.level,
        status=status,
        value=dlt is not None if observed else None,
        because=None if observed else member.standing.reason.value,
        on=None if dlt is None else max(dlt.onset.first, member.infused_on.first),
        first=member.infused_on.first,
        last=member.window_last,
        flags=tuple(dict.fromkeys(_FLAGS[flag] for flag in member.flags)),
        details=details,
        evidence=member.evidence,
    )
