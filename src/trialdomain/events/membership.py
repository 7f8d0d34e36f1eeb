"""What a cohort was told of its members: the one place that knows what its facts about a participant add up to."""

import attrs

from trialdomain.events.cohort import (
    CohortFact,
    DltAttributed,
    DltRevoked,
    MemberAssessed,
    MemberInfused,
    SlotFilled,
    SlotReleased,
)
from trialdomain.values.clinical.evaluation import NOT_INFUSED, Standing


@attrs.define
class Membership:
    """What the cohort knows of a participant."""

    holds: bool = False
    """Whether they hold a slot that they have not given back."""
    standing: Standing = NOT_INFUSED
    dlt: DltAttributed | None = None

    @property
    def occupies(self) -> bool:
        """Whether they use a slot."""
        return self.standing.evaluation.occupies(holds=self.holds)


def tell(members: dict[str, Membership], fact: CohortFact) -> str | None:
    """Fold one more current fact into what is known of the members, by subject.

    Returns:
        Whom it is about; None for a fact about the cohort as a whole, which changes nothing here.
    """
    match fact:
        case SlotFilled() | SlotReleased():
            members.setdefault(fact.subject, Membership()).holds = isinstance(fact, SlotFilled)
        case MemberInfused() | MemberAssessed():
            members.setdefault(fact.subject, Membership()).standing = fact.standing
        case DltAttributed() | DltRevoked():
            members.setdefault(fact.subject, Membership()).dlt = fact if isinstance(fact, DltAttributed) else None
        case _:
            return None
    return fact.subject
