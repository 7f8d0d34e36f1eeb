"""The windowed endpoints of one participant, derived from their current entries and the protocol alone."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, TypeVar, assert_never

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
from trialdomain.projections.endpoints.counted import count_recovery, low_count
from trialdomain.projections.endpoints.illness import Story, duration, febrile_story, incidence, reported_story
from trialdomain.projections.endpoints.observed import Found, Observed
from trialdomain.projections.endpoints.treatment import anti_infectives, transfusions
from trialdomain.projections.endpoints.value import Status, Value
from trialdomain.protocol.endpoints.families import (
    AntiInfectiveRate,
    CountRecovery,
    EventDuration,
    EventIncidence,
    FebrileNeutropeniaDuration,
    FebrileNeutropeniaIncidence,
    LowCount,
    TransfusionRate,
    WindowedEndpoint,
    is_windowed,
)
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.rules.counts import EMPTY, Series, read_counts
from trialdomain.rules.observation import Observation, Outside, beginnings_of, endings_of, observe, starts_of
from trialdomain.values.clinical.analyte import Count
from trialdomain.values.clinical.level import Label
from trialdomain.values.given.in_short import in_short

_FEVER_LOOKS_BACK = 7
"""Days before the start that are read: for febrile neutropenia under way, and for counts that go with a fever."""
_T = TypeVar("_T")


@attrs.frozen(kw_only=True)
class ParticipantValues:
    """The windowed endpoints of one participant, and the entries that were examined for them."""

    __repr__ = in_short

    values: tuple[Value, ...]
    looked_at: Mapping[str, Sequence[Recorded[Any]]]
    """By the code of the endpoint."""


@attrs.frozen
class Asked:
    """A requested endpoint, and the protocol's numbers for its derivation."""

    __repr__ = in_short

    endpoint: WindowedEndpoint
    rules: EndpointRules


def windowed(rules: EndpointRules) -> tuple[Asked, ...]:
    """Return the windowed endpoints of a protocol, each with its numbers."""
    return tuple(Asked(one, rules.of(one)) for one in rules.derived if is_windowed(one))


def observation_of(case: Case, rules: EndpointRules, *, on: date) -> Observation | Outside:
    """Return the observation of one participant as of a day, or the reason why there is none."""
    return observe(
        infusion=case.first_infusion,
        starts=starts_of(case.of(ChemotherapyStarted), case.of(ChemotherapyGiven)),
        endings=endings_of(death=case.death, left=case.endings),
        beginnings=beginnings_of(relapses=case.of(Relapsed), therapies=case.of(NewTherapyStarted)),
        left=bool(case.of(ScreenFailed) or case.endings or case.death or case.refuses_treatment),
        rules=rules,
        on=on,
    )


def participant_values(case: Case, asked: Iterable[Asked], *, level: Label | None, on: date) -> ParticipantValues:
    """Derive the windowed endpoints of one participant, as of a day.

    Args:
        case: the participant.
        asked: the endpoints, from ``windowed``.
        level: the dose level received.
        on: the data cut-off.
    """
    reading = _Reading(case, level, on)
    found = [(one.endpoint.id, *reading.found(one)) for one in asked]
    return ParticipantValues(
        values=tuple(value for _, value, _ in found), looked_at={code: entries for code, _, entries in found}
    )


class _Reading:
    """One participant, read once for all endpoints that have the same numbers."""

    def __init__(self, case: Case, level: Label | None, on: date) -> None:
        self._case, self._level, self._on = case, level, on
        self._read: dict[tuple[Hashable, ...], Any] = {}

    def found(self, asked: Asked) -> Found:
        """Derive one endpoint."""
        frame = self._once(lambda: observation_of(self._case, asked.rules, on=self._on), "frame", asked.rules)
        if isinstance(frame, Outside):
            return self._outside(asked.endpoint, frame), ()
        of = Observed(asked.endpoint.id, self._case, asked.rules, frame, self._level)
        if frame.end < frame.start:
            return of.absence(Status.NOT_OBSERVED, because=frame.ended_by.value), ()
        return self._derived(asked.endpoint, of)

    def _once(self, read: Callable[[], _T], name: str, rules: EndpointRules, *further: Hashable) -> _T:
        """Cache a reading for each set of numbers. The key is their ``id``: comparing the numbers takes longer."""
        key = (name, id(rules), *further)
        if key not in self._read:
            self._read[key] = read()
        found: _T = self._read[key]
        return found

    def _derived(self, endpoint: WindowedEndpoint, of: Observed) -> Found:
        match endpoint:
            case EventIncidence():
                story = self._reported(endpoint, of)
                return incidence(of, story), story.looked_at
            case EventDuration():
                story = self._reported(endpoint, of)
                return duration(of, story), story.looked_at
            case FebrileNeutropeniaIncidence():
                story = self._febrile(of)
                return incidence(of, story), story.looked_at
            case FebrileNeutropeniaDuration():
                story = self._febrile(of)
                return duration(of, story), story.looked_at
            case LowCount():
                return low_count(of, endpoint.count, self._series(of, endpoint.count))
            case CountRecovery():
                return count_recovery(of, endpoint.count, self._series(of, endpoint.count))
            case TransfusionRate():
                return transfusions(of, endpoint.products)
            case AntiInfectiveRate():
                return anti_infectives(of)
            case _:
                assert_never(endpoint)

    def _reported(self, endpoint: EventIncidence | EventDuration, of: Observed) -> Story:
        group, terms, grade = endpoint.group, endpoint.terms, of.rules.min_grade(endpoint)
        return self._once(
            lambda: reported_story(of, group=group, terms=terms, min_grade=grade),
            *("reported", of.rules, group, terms, grade),
        )

    def _febrile(self, of: Observed) -> Story:
        return self._once(
            lambda: febrile_story(of, self._series(of, Count.NEUTROPHILS), _first(of)), "febrile neutropenia", of.rules
        )

    def _series(self, of: Observed, count: Count) -> Series:
        return self._once(lambda: _counts(of), "counts", of.rules).get(count, EMPTY)

    def _outside(self, endpoint: WindowedEndpoint, why: Outside) -> Value:
        """Return the value for a participant outside the observation, with the entries that show it as evidence."""
        case = self._case
        said = [
            *case.of(ScreenFailed),
            *case.of(Infused),
            *case.of(ChemotherapyStarted),
            *case.of(Withdrew),
            *([case.death] if case.death else []),
        ]
        return Value(
            endpoint=endpoint.id,
            subject=case.subject,
            level=self._level,
            status=Status.NOT_OBSERVED if why is Outside.NOTHING_BEGUN else Status.OUTSIDE,
            because=why.value,
            evidence=tuple(sorted({entry.position for entry in said})),
        )


def _first(of: Observed) -> date:
    return of.frame.start - timedelta(days=max(of.rules.baseline_days, _FEVER_LOOKS_BACK))


def _counts(of: Observed) -> Mapping[Count, Series]:
    frame, rules = of.frame, of.rules
    last = frame.confirmed_until
    if frame.whole:  # a count of the day after the window may go with a temperature of its last day
        last = max(last, frame.end + timedelta(hours=rules.febrile_neutropenia.pairing_hours))
    return read_counts(of.case.of(LabRecorded), first=_first(of), last=last, rules=rules)
