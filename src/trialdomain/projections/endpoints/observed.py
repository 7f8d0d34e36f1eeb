"""One participant under observation, and the construction of endpoint values about them."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import attrs

from trialdomain.events.participant import ConcomitantMedicationGiven
from trialdomain.events.recorded import Recorded
from trialdomain.projections.casebook import Case
from trialdomain.projections.endpoints.value import Flag, Status, Value
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.rules.observation import Observation
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.treatment import MedicationClass
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short

Found: TypeAlias = tuple[Value, Sequence[Recorded[Any]]]
"""A value, and every entry that was examined for it."""


@attrs.frozen
class Observed:
    """The input for deriving an endpoint of one participant."""

    __repr__ = in_short

    endpoint: str
    case: Case
    rules: EndpointRules
    frame: Observation
    level: Label | None

    def value(
        self,
        status: Status,
        *,
        evidence: Iterable[int] = (),
        flags: Iterable[Flag | None] = (),
        **fields: Any,  # noqa: ANN401 - the fields of a value, which its class checks
    ) -> Value:
        """Make a value. Its evidence is the entries that opened the observation and the given ones."""
        frame = self.frame
        own = [Flag.INFUSION_FIRST if frame.infusion_first else None, Flag.IMPUTED_DATE if frame.imputed else None]
        found = {flag for flag in (*own, *flags) if flag is not None}
        return Value(
            endpoint=self.endpoint,
            subject=self.case.subject,
            level=self.level,
            status=status,
            first=frame.start,
            last=frame.end,
            ended_by=frame.ended_by.value,
            flags=tuple(flag for flag in Flag if flag in found),
            evidence=tuple(sorted({*frame.opened_by, *evidence})),
            **fields,
        )

    def absence(
        self,
        status: Status,
        *,
        evidence: Iterable[int] = (),
        flags: Iterable[Flag | None] = (),
        **fields: Any,  # noqa: ANN401 - as above
    ) -> Value:
        """Make the value of an absence. Its evidence includes the entry that ended the observation."""
        return self.value(status, evidence=[*evidence, *self.ended_by], flags=flags, **fields)

    @property
    def ended_by(self) -> tuple[int, ...]:
        """The position of the entry that ended the observation; empty if none did."""
        return () if self.frame.ended_position is None else (self.frame.ended_position,)

    def under_way(self, started: ClinicalTime, ended: ClinicalTime | None) -> bool:
        """Return whether a course has any day in the observation; a course without an end is ongoing."""
        frame = self.frame
        return frame.onset(started) <= frame.end and (ended is None or ended.last >= frame.start)

    def was_given(self, kind: MedicationClass) -> bool:
        """Return whether a medication was given on any day of the observation."""
        return any(
            entry.fact.medication_class is kind and self.under_way(entry.fact.started_on, entry.fact.ended_on)
            for entry in self.case.of(ConcomitantMedicationGiven)
        )


def imputed(*times: ClinicalTime | None) -> Flag | None:
    """Return a flag if any of the dates is partial, so that its day was completed."""
    return Flag.IMPUTED_DATE if any(when is not None and when.day is None for when in times) else None
