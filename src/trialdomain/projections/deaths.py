"""Deaths that are related to the study drug."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, Died, Infused
from trialdomain.projections.casebook import Case, Casebook
from trialdomain.protocol.dlt_rule import DltRule
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.toxicity import Agent


class RelatedDeathsView:
    """The view of the infused participants who died, at any time, of an event related to the infusion."""

    def reads(self, versions: Iterable[TrialProtocol]) -> frozenset[type[Any]]:  # noqa: ARG002 - as every view
        """Return infusions, deaths and adverse events."""
        return frozenset({Infused, Died, AdverseEventReported, AdverseEventFollowedUp})

    def part(self, case: Case, book: Casebook, on: date) -> str | None:  # noqa: ARG002 - as every view
        """Return the participant's code if the death is related; otherwise None."""
        return case.subject if is_related_death(case, book.protocol) else None

    def whole(self, parts: Sequence[str | None], book: Casebook, on: date) -> frozenset[str]:  # noqa: ARG002 - as every view
        """Return the codes of all these participants."""
        return frozenset(one for one in parts if one is not None)


RELATED_DEATHS = RelatedDeathsView()


def is_related_death(case: Case, protocol: TrialProtocol) -> bool:
    """Return whether an infused participant died, at any time, of an event related to the infusion."""
    if not case.first_infusion:
        return False
    related = (protocol.dlt or DltRule()).related
    return any(
        event.fatal and event.judged(Agent.INFUSION, related=related).relatedness in related
        for event in case.joined_events
    )
