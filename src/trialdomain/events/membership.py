"""The state of a cohort's members, folded from its facts; only this module folds them."""

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


@attrs.frozen
class Membership:
    """The state of one participant in a cohort."""

    holds: bool = False
    """Whether the participant holds a slot that was not given back."""
    standing: Standing = NOT_INFUSED
    dlt: DltAttributed | None = None

    @property
    def occupies(self) -> bool:
        """Whether the participant uses a slot."""
        return self.standing.evaluation.occupies(holds=self.holds)


def apply_to_members(members: dict[str, Membership], fact: CohortFact) -> str | None:
    """Apply one current fact to the members, by subject.

    Returns:
        The participant that it concerns; None for a fact about the cohort as a whole, which changes no member.
    """
    match fact:
        case SlotFilled() | SlotReleased():
            known = members.get(fact.subject, _NOBODY)
            members[fact.subject] = Membership(isinstance(fact, SlotFilled), known.standing, known.dlt)
        case MemberInfused() | MemberAssessed():
            known = members.get(fact.subject, _NOBODY)
            members[fact.subject] = Membership(known.holds, fact.standing, known.dlt)
        case DltAttributed() | DltRevoked():
            known = members.get(fact.subject, _NOBODY)
            dlt = fact if isinstance(fact, DltAttributed) else None
            members[fact.subject] = Membership(known.holds, known.standing, dlt)
        case _:
            return None
    return fact.subject


_NOBODY = Membership()
