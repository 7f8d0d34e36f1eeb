"""Corrections that a record can need: for each kind of fact, the fields that are often transcribed wrongly."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import attrs

from trialdomain.events.entries import current_entries
from trialdomain.events.participant import (
    AdverseEventReported,
    Died,
    DltWindowAssessed,
    Enrolled,
    Infused,
    LabRecorded,
    LostToFollowUp,
    ParticipantFact,
    WindowResult,
    WithdrawalScope,
    Withdrew,
)
from trialdomain.events.recorded import Recorded
from trialdomain.values.clinical.ctcae import term_on
from trialdomain.values.clinical.toxicity import FATAL_GRADE, Relatedness
from trialdomain.values.clinical_time import ClinicalTime

REASON = "transcription: source document 12"
"""The made-up reason of every correction and void."""
VOIDED = (AdverseEventReported, DltWindowAssessed, Withdrew, Died, LostToFollowUp, LabRecorded, Infused, Enrolled)
"""The kinds of facts that a made-up site records in error, and voids."""


@attrs.frozen(kw_only=True)
class Restated:
    """A possible correction of an entry."""

    version: int
    changes: Mapping[str, Any]
    told: str
    """The fact and the changed fields, in words."""


def restatements(entries: Sequence[Recorded[ParticipantFact]]) -> list[Restated]:
    """List corrections that the current entries of a participant could need, those of outcomes first."""
    found = [
        Restated(version=entry.version, changes=changes, told=f"{in_words(entry.fact)}, corrected: {_said(changes)}")
        for entry in current_entries(entries)
        for changes in _changes(entry.fact)
    ]
    order = list(_CHANGES)
    kinds = {entry.version: type(entry.fact) for entry in entries}
    return sorted(found, key=lambda one: order.index(kinds[one.version]))


def _changes(fact: ParticipantFact) -> Iterator[Mapping[str, Any]]:
    made = _CHANGES.get(type(fact))
    if made is not None:
        yield from made(fact)


def _of_event(fact: AdverseEventReported) -> Iterator[Mapping[str, Any]]:
    for relatedness in (Relatedness.UNLIKELY, Relatedness.NOT_ASSESSED, Relatedness.LIKELY):
        judged = tuple(attrs.evolve(one, relatedness=relatedness) for one in fact.attributions)
        if judged != fact.attributions:
            yield {"attributions": judged}
    known = term_on(fact.scale, fact.term)
    grades = fact.scale.grades if known is None else sorted(known.grades)
    if fact.grade != FATAL_GRADE:
        yield from ({"grade": grade} for grade in grades if grade not in {fact.grade, FATAL_GRADE})
    yield from _a_day_earlier(fact, "onset")


def _a_day_earlier(fact: ParticipantFact, field: str) -> Iterator[Mapping[str, Any]]:
    when: ClinicalTime = getattr(fact, field)
    if when.day is not None:
        yield {field: ClinicalTime.of(when.first - timedelta(days=1))}


def _of_assessment(fact: DltWindowAssessed) -> Iterator[Mapping[str, Any]]:
    if fact.result is not WindowResult.NOT_EVALUABLE:
        yield {"result": WindowResult.NOT_EVALUABLE, "why": "visits were missed"}
    yield from _a_day_earlier(fact, "on")


def _of_infusion(fact: Infused) -> Iterator[Mapping[str, Any]]:
    yield {"fraction": "0.5" if fact.fraction == 1 else "1"}
    yield from _a_day_earlier(fact, "started_at")


def _of_withdrawal(fact: Withdrew) -> Iterator[Mapping[str, Any]]:
    yield from ({"scope": scope} for scope in WithdrawalScope if scope is not fact.scope)
    yield from _a_day_earlier(fact, "on")


def _of_result(fact: LabRecorded) -> Iterator[Mapping[str, Any]]:
    yield {"value": "0.1" if fact.value > 1 else "100"}


_CHANGES: Mapping[type, Callable[[Any], Iterator[Mapping[str, Any]]]] = {
    AdverseEventReported: _of_event,
    DltWindowAssessed: _of_assessment,
    Withdrew: _of_withdrawal,
    LabRecorded: _of_result,
    Infused: _of_infusion,
    Died: lambda fact: _a_day_earlier(fact, "on"),
    Enrolled: lambda fact: _a_day_earlier(fact, "on"),
}


def in_words(fact: ParticipantFact) -> str:
    """Name a fact in a few words."""
    match fact:
        case AdverseEventReported():
            judged = ", ".join(one.relatedness.value for one in fact.attributions)
            return f"event {fact.event} ({fact.term}) of grade {fact.grade} from {fact.onset}, {judged or 'not judged'}"
        case DltWindowAssessed():
            return f"window assessed on {fact.on}: {fact.result.value}"
        case Infused():
            return f"infusion at level {fact.level} on {fact.started_at}"
        case Enrolled():
            return f"enrollment at level {fact.level} on {fact.on}"
        case Withdrew():
            return f"withdrew ({fact.scope.value}) on {fact.on}"
        case Died():
            return f"died on {fact.on}"
        case LostToFollowUp():
            return f"lost on {fact.on}"
        case LabRecorded():
            return f"{fact.analyte} {fact.value} {fact.unit} on {fact.collected_at}"
        case _:
            return type(fact).__name__


def _said(changes: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in changes.items())


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(one.relatedness.value for one in value)
    return str(getattr(value, "value", value))
