"""Explain an endpoint: derive its value as usual, then read the log again for the entries that it rests on."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from trialdomain.errors import InputInvalid
from trialdomain.events.participant import Died, Enrolled, Infused, LevelReassigned
from trialdomain.events.recorded import Entry
from trialdomain.projections.casebook import Case, Streams, case_of
from trialdomain.projections.decisions import versions_recorded
from trialdomain.projections.dlt_counts import DLT_COUNTS
from trialdomain.projections.endpoints.participant import participant_values, windowed
from trialdomain.projections.endpoints.value import Value
from trialdomain.protocol.endpoints.describing import describe
from trialdomain.protocol.endpoints.endpoint import Endpoint, Kind
from trialdomain.protocol.endpoints.families import DltIncidence, SafetyIncidence
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.reports.endpoints.explanation import Explanation, cite
from trialdomain.reports.endpoints.summaries import DoseSummary, Endpoints
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short
from trialdomain.values.ids import subject_of

_MOST_NAMED = 10
"""The number of participants that an error message lists."""


class QuestionInvalid(InputInvalid):
    """A question names an endpoint or a participant that the trial does not have."""

    code = "question-invalid"


def endpoint_of(given: object, rules: EndpointRules) -> Endpoint:
    """Find an endpoint of a protocol by its code, ignoring case.

    Raises:
        QuestionInvalid: the protocol has no such endpoint.
    """
    name: object = plain(given)  # any object of the caller
    found = rules.endpoint(name) if is_a(name, str) else None
    if found is None:
        known = ", ".join(one.id for one in rules.derived)
        derived = f"ask for one of {known}" if known else "it derives none"
        raise QuestionInvalid(f"the protocol has no endpoint {short(given)!r}: {derived}")
    return found


def _first_subjects(values: Sequence[Value]) -> str:
    subjects = [value.subject for value in values]
    return ", ".join(subjects[:_MOST_NAMED]) + (", ..." if len(subjects) > _MOST_NAMED else "")


def explain(
    read: Callable[[], Streams],
    endpoints: Endpoints,
    endpoint: str,
    subject: str | None,
    *,
    known_at: int,
    on: date,
) -> Explanation:
    """Explain an endpoint of one participant or of the trial.

    Args:
        read: yields the streams of the trial, one after another.
        endpoints: the derived endpoints.
        endpoint: the code of the endpoint, such as ``"S9"``.
        subject: the participant; None for the whole trial.
        known_at: the last known position.
        on: the data cut-off.

    Raises:
        QuestionInvalid: the protocol has no such endpoint, or the trial has no such participant.
    """
    protocol = endpoints.protocol
    asked = endpoint_of(endpoint, protocol.endpoints)
    values = endpoints.values(asked.id)
    value = next((one for one in values if one.subject == subject), None)
    if subject is not None and not values:
        why = (
            "it is defined for the whole trial"
            if asked.kind is Kind.DOSE
            else "the protocol has no rule for it, or no participant is in the trial"
        )
        raise QuestionInvalid(f"participants have no {asked.id} of their own: {why}; leave the participant out")
    if subject is not None and value is None:
        raise QuestionInvalid(
            f"there is no {asked.id} of {short(subject)!r} at position {known_at}: "
            f"name one of {_first_subjects(values)}"
        )
    summary = endpoints.summary(asked.id)
    overall = summary.overall.evidence if isinstance(summary.overall, DoseSummary) else ()
    whole = {*overall, *(position for one in values for position in one.evidence)}
    positions = whole if value is None else set(value.evidence)
    entries: list[Entry] = []
    examined: Sequence[Entry] = ()
    trial: list[Entry] = []
    for stream, of_stream in read():
        participant = subject_of(stream)
        if participant is not None and subject is not None and participant != subject:
            continue
        recorded = list(of_stream)
        entries += [entry for entry in recorded if entry.position in positions]
        if "/" not in stream:
            trial = recorded
        elif participant is not None and participant == subject:
            examined = _examined(case_of(stream, recorded, on=on), asked, protocol, versions_recorded(trial), on)
    return Explanation(
        definition=describe(asked, protocol),
        subject=subject,
        value=value,
        summary=summary if value is None else None,
        values=values if value is None else (),
        rests_on=tuple(cite(sorted(entries, key=_position), trial)),
        looked_at=tuple(cite(sorted(examined, key=_position), trial)),
        known_at=known_at,
        on=on,
    )


def _position(entry: Entry) -> int:
    return entry.position


def _examined(
    case: Case, endpoint: Endpoint, protocol: TrialProtocol, versions: Sequence[TrialProtocol], on: date
) -> Sequence[Entry]:
    if isinstance(endpoint, SafetyIncidence | DltIncidence):
        by_position: dict[int, Entry] = {
            entry.position: entry for event in case.adverse_events for entry in event.entries
        }
        kinds: Iterable[type[Any]] = (Infused, Died)
        if isinstance(endpoint, DltIncidence):
            kinds = DLT_COUNTS.reads(versions) - {Enrolled, LevelReassigned}
        for kind in kinds:
            by_position |= {entry.position: entry for entry in case.of(kind)}
        return list(by_position.values())
    wanted = [one for one in windowed(protocol.endpoints) if one.endpoint.id == endpoint.id]
    return participant_values(case, wanted, level=None, on=on).looked_at.get(endpoint.id, ())
