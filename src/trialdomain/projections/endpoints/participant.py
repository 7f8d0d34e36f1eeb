"""The 13 secondary outcomes of one participant: pure functions of their current entries and the protocol."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import attrs

from trialdomain.events.participant import (
    ChemotherapyGiven,
    ChemotherapyStarted,
    Infused,
    LabRecorded,
    NewTherapyStarted,
    Relapsed,
    ScreenFailed,
    Withdrew,
)
from trialdomain.events.recorded import Recorded
from trialdomain.projections.casebook import Case
from trialdomain.projections.endpoints.counted import counts_of
from trialdomain.projections.endpoints.illness import febrile_neutropenia, reported_illness
from trialdomain.projections.endpoints.observed import Found, Observed
from trialdomain.projections.endpoints.treatment import anti_infectives, transfusions
from trialdomain.projections.endpoints.value import Status, Value
from trialdomain.protocol.endpoint_rules import EndpointRules
from trialdomain.protocol.outcomes import SECONDARY, OutcomeId
from trialdomain.rules.counts import read_counts
from trialdomain.rules.observation import Observation, Outside, beginnings_of, endings_of, observe, starts_of
from trialdomain.values.in_short import in_short

_FEVER_LOOKS_BACK = 7
"""Days before the start: whether febrile neutropenia was under way then, and the counts that go with a fever."""


@attrs.frozen(kw_only=True)
class ParticipantValues:
    """The secondary outcomes of one participant, and what was looked at for them."""

    __repr__ = in_short

    values: tuple[Value, ...]
    looked_at: Mapping[OutcomeId, Sequence[Recorded[Any]]]


def observation_of(case: Case, rules: EndpointRules, *, on: date) -> Observation | Outside:
    """Frame the observation of one participant, as of a day; or say why there is none."""
    return observe(
        infusion=case.first_infusion,
        starts=starts_of(case.of(ChemotherapyStarted), case.of(ChemotherapyGiven)),
        endings=endings_of(death=case.death, left=case.endings),
        beginnings=beginnings_of(relapses=case.of(Relapsed), therapies=case.of(NewTherapyStarted)),
        left=bool(case.of(ScreenFailed) or case.endings or case.death or case.refuses_treatment),
        rules=rules,
        on=on,
    )


def participant_values(case: Case, rules: EndpointRules, *, level: int | None, on: date) -> ParticipantValues:
    """Derive the 13 secondary outcomes of one participant, as of a day."""
    frame = observation_of(case, rules, on=on)
    if isinstance(frame, Outside):
        return ParticipantValues(values=tuple(_outside(case, frame, level)), looked_at={})
    of = Observed(case, rules, frame, level)
    if frame.end < frame.start:
        because = frame.ended_by.value
        nothing = (of.absence(outcome, Status.NOT_OBSERVED, because=because) for outcome in SECONDARY)
        return ParticipantValues(values=tuple(nothing), looked_at={})
    found = {value.outcome: (value, entries) for value, entries in _all(of)}
    return ParticipantValues(
        values=tuple(found[outcome][0] for outcome in SECONDARY),
        looked_at={outcome: entries for outcome, (_, entries) in found.items()},
    )


def _all(of: Observed) -> Iterator[Found]:
    frame, rules = of.frame, of.rules
    first = frame.start - timedelta(days=max(rules.baseline_days, _FEVER_LOOKS_BACK))
    last = frame.confirmed_until
    if frame.whole:  # a count of the day after it may go with a temperature of the last day
        last = max(last, frame.end + timedelta(hours=rules.febrile_neutropenia.pairing_hours))
    counts = read_counts(of.case.of(LabRecorded), first=first, last=last, rules=rules)
    yield from febrile_neutropenia(of, counts, first)
    yield from reported_illness(of)
    yield transfusions(of)
    yield anti_infectives(of)
    yield from counts_of(of, counts)


def _outside(case: Case, why: Outside, level: int | None) -> Iterator[Value]:
    """Yield that there is no value, resting on what says so."""
    status = Status.NOT_OBSERVED if why is Outside.NOTHING_BEGUN else Status.OUTSIDE
    said = [
        *case.of(ScreenFailed),
        *case.of(Infused),
        *case.of(ChemotherapyStarted),
        *case.of(Withdrew),
        *([case.death] if case.death else []),
    ]
    evidence = tuple(sorted({entry.position for entry in said}))
    for outcome in SECONDARY:
        yield Value(
            outcome=outcome, subject=case.subject, level=level, status=status, because=why.value, evidence=evidence
        )
