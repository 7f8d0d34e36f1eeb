"""One adverse event as it is known: its report and what followed, read together."""

from collections.abc import Iterator

import attrs

from trialdomain.events.participant import AdverseEventReported
from trialdomain.events.recorded import Recorded
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.toxicity import Agent, Assessor, GradeOn, Relatedness

_ORDER = list(Relatedness)  # from least to most related; "not assessed" is outside the order


@attrs.frozen
class AdverseEvent:
    """A current report, with its current follow-ups in the order of their dates."""

    report: Recorded[AdverseEventReported]

    @property
    def event(self) -> str:
        """Its id."""
        return self.report.fact.event

    @property
    def onset(self) -> ClinicalTime:
        """When it began."""
        return self.report.fact.onset

    def grades(self) -> Iterator[GradeOn]:
        """Yield the grades that it had, each from a day on."""
        yield GradeOn(on=self.onset, grade=self.report.fact.grade)

    def relatedness(self, agent: Agent) -> Relatedness:
        """Give the judgement that counts: of the assessors the more related, of each assessor the latest."""
        latest: dict[Assessor, Relatedness] = {}
        for attribution in self.report.fact.attributions:
            if attribution.agent is agent:
                latest[attribution.assessor] = attribution.relatedness
        assessed = [one for one in latest.values() if one is not Relatedness.NOT_ASSESSED]
        return max(assessed, key=_ORDER.index, default=Relatedness.NOT_ASSESSED)

    @property
    def positions(self) -> tuple[int, ...]:
        """The entries that it rests on."""
        return (self.report.position,)
