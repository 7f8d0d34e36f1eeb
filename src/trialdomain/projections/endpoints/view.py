"""The view of endpoints: for each participant it reads only the data that the requested endpoints need."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any, assert_never

import attrs

from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    AntiInfectiveGiven,
    ChemotherapyGiven,
    ChemotherapyStarted,
    CompletedFollowUp,
    ConcomitantMedicationGiven,
    Died,
    Enrolled,
    Infused,
    LabRecorded,
    LevelReassigned,
    LostToFollowUp,
    NewTherapyStarted,
    Relapsed,
    ScreenFailed,
    Transfused,
    VitalSignRecorded,
    Withdrew,
)
from trialdomain.projections.casebook import Case, Casebook
from trialdomain.projections.dlt_counts import DLT_COUNTS, DltPart
from trialdomain.projections.endpoints.participant import Asked, participant_values, windowed
from trialdomain.projections.endpoints.trial import EndpointValues, endpoint_values
from trialdomain.projections.endpoints.value import Value
from trialdomain.projections.escalation import escalation_of
from trialdomain.projections.safety import SAFETY, Exposure
from trialdomain.projections.view import EVERY_KIND
from trialdomain.protocol.endpoints.endpoint import Endpoint
from trialdomain.protocol.endpoints.families import (
    AntiInfectiveRate,
    CountRecovery,
    DltIncidence,
    EventDuration,
    EventIncidence,
    FebrileNeutropeniaDuration,
    FebrileNeutropeniaIncidence,
    KnownEndpoint,
    LowCount,
    MaximumToleratedDose,
    SafetyIncidence,
    TransfusionRate,
    is_known,
)
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.dose_received import level_received
from trialdomain.values.clinical.level import Label
from trialdomain.values.given.in_short import in_short

_FRAME: frozenset[type[Any]] = frozenset(
    {
        *(ChemotherapyGiven, ChemotherapyStarted, CompletedFollowUp, Died, Enrolled, Infused, LevelReassigned),
        *(LostToFollowUp, NewTherapyStarted, Relapsed, ScreenFailed, Withdrew),
    }
)
"""The kinds of facts that open or end an observation, or determine the dose level."""
_EVENTS: frozenset[type[Any]] = frozenset({AdverseEventFollowedUp, AdverseEventReported})


@attrs.frozen
class EndpointPart:
    """The data of one participant that the requested endpoints need."""

    subject: str
    values: tuple[Value, ...]
    exposure: Exposure | None
    """None if no requested endpoint needs it."""
    dlt_part: DltPart | None
    """The same."""


@attrs.frozen
class EndpointsView:
    """The view of some endpoints of a protocol."""

    __repr__ = in_short

    protocol: TrialProtocol
    """The version whose definitions are used, reduced to the requested endpoints."""
    asked: tuple[Asked, ...]
    """The windowed endpoints among them."""

    @classmethod
    def of(cls, protocol: TrialProtocol, only: Collection[str] | None = None) -> "EndpointsView":
        """Create the view for the endpoints of a protocol, or for those whose codes ``only`` lists."""
        rules = protocol.endpoints
        if only is not None:
            rules = attrs.evolve(rules, derived=tuple(one for one in rules.derived if one.id in only))
        return cls(attrs.evolve(protocol, endpoints=rules), windowed(rules))

    def reads(self, versions: Iterable[TrialProtocol]) -> frozenset[type[Any]]:
        """Return the kinds of facts from which the requested endpoints are derived."""
        every = [*versions, self.protocol]
        derived = [one for one in self.protocol.endpoints.derived if is_known(one)]
        return frozenset().union(_FRAME, *(_read_for(one, every) for one in derived))

    def part(self, case: Case, book: Casebook, on: date) -> EndpointPart:
        """Read one participant."""
        exposure = SAFETY.part(case, book, on) if self._any(SafetyIncidence) else None
        dlt_part = DLT_COUNTS.part(case, book, on) if self._any(DltIncidence, MaximumToleratedDose) else None
        return self.part_with(case, book, on, exposure, dlt_part)

    def part_with(
        self, case: Case, book: Casebook, on: date, exposure: Exposure | None, dlt_part: DltPart | None
    ) -> EndpointPart:
        """Compute the part of one participant whose other parts the caller has computed already."""
        values = participant_values(case, self.asked, level=_level(case, book), on=on).values if self.asked else ()
        return EndpointPart(case.subject, values, exposure, dlt_part)

    def whole(self, parts: Sequence[EndpointPart], book: Casebook, on: date) -> EndpointValues:
        """Combine the values of all participants, with those of safety and of the escalation."""
        dlt_parts = [part.dlt_part for part in parts if part.dlt_part is not None]
        needs_counts = self._any(DltIncidence, MaximumToleratedDose)
        counts = DLT_COUNTS.whole(dlt_parts, book, on) if needs_counts else None
        needs_state = counts is not None and self._any(MaximumToleratedDose)
        state = escalation_of(counts, book, on=on) if needs_state and counts is not None else None
        return endpoint_values(
            {part.subject: part.values for part in parts},
            [part.exposure for part in parts if part.exposure is not None],
            counts,
            state,
            self.protocol,
        )

    def _any(self, *families: type[Endpoint]) -> bool:
        return any(isinstance(one, families) for one in self.protocol.endpoints.derived)


def _level(case: Case, book: Casebook) -> Label | None:
    """Return the dose level received; None before the infusion, and for an amount of no level."""
    infusion = case.first_infusion
    if infusion is None:
        return None
    return level_received(infusion.fact, book.in_force_on(infusion.fact.started_at.first))


def _read_for(one: KnownEndpoint, versions: Iterable[TrialProtocol]) -> frozenset[type[Any]]:
    match one:
        case EventIncidence() | EventDuration():
            return _EVENTS
        case FebrileNeutropeniaIncidence() | FebrileNeutropeniaDuration():
            return _EVENTS | {LabRecorded, VitalSignRecorded}
        case LowCount() | CountRecovery():
            return frozenset({LabRecorded, Transfused, ConcomitantMedicationGiven})
        case TransfusionRate():
            return frozenset({Transfused})
        case AntiInfectiveRate():
            return frozenset({AntiInfectiveGiven})
        case DltIncidence() | MaximumToleratedDose():
            return DLT_COUNTS.reads(versions)
        case SafetyIncidence():
            return EVERY_KIND
        case _:
            assert_never(one)
