"""Deaths that the study drug may have caused."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, Died, Infused
from trialdomain.projections.casebook import Case, Casebook
from trialdomain.protocol.trial_protocol import DltRule, TrialProtocol
from trialdomain.values.clinical.toxicity import Agent


class RelatedDeathsView:
    """The view of the infused participants who died, at any time, of an event related to the infusion."""

    def reads(self, versions: Iterable[TrialProtocol]) -> frozenset[type[Any]]:  # noqa: ARG002 - as every view
        """Name infusions, deaths and adverse events."""
        return frozenset({Infused, Died, AdverseEventReported, AdverseEventFollowedUp})

    def part(self, case: Case, book: Casebook, on: date) -> str | None:  # noqa: ARG002 - as every view
        """Give the participant's code, where they died so."""
        return case.subject if is_related_death(case, book.protocol) else None

    def whole(self, parts: Sequence[str | None], book: Casebook, on: date) -> frozenset[str]:  # noqa: ARG002 - as every view
        """Name all of them."""
        return frozenset(one for one in parts if one is not None)


RELATED_DEATHS = RelatedDeathsView()


def is_related_death(case: Case, protocol: TrialProtocol) -> bool:
    """Say whether an infused participant died, at any time, of an event related to the infusion."""
    if not case.first_infusion:
        return False
    related = (protocol.dlt or DltRule()).related
    return any(
        event.fatal and event.judged(Agent.INFUSION, related=related).relatedness in related
        for event in case.joined_events
    )
