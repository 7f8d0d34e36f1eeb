"""Deaths that the study drug may have caused."""

from trialdomain.projections.casebook import Case, Casebook
from trialdomain.protocol.trial_protocol import DltRule, TrialProtocol
from trialdomain.values.toxicity import Agent


def related_deaths(book: Casebook) -> frozenset[str]:
    """Name the infused participants who died, at any time, of an event related to the infusion."""
    return frozenset(case.subject for case in book.cases if is_related_death(case, book.protocol))


def is_related_death(case: Case, protocol: TrialProtocol) -> bool:
    """Say whether an infused participant died, at any time, of an event related to the infusion."""
    if not case.first_infusion:
        return False
    related = (protocol.dlt or DltRule()).related
    return any(
        event.fatal and event.judged(Agent.INFUSION, related=related).relatedness in related
        for event in case.joined_events
    )
