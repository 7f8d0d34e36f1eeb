"""The stagger limit: the days between infusions at a level."""

from collections.abc import Sequence
from datetime import date, timedelta

from trialdomain.protocol.conduct_rules import Stagger


def held_until(infused_on: Sequence[date], stagger: Stagger) -> date | None:
    """Return the first day on which the next participant of a level may be infused; None for the first participant.

    >>> held_until([date(2026, 3, 2)], Stagger(first_to_second_days=7, between_days=2))
    datetime.date(2026, 3, 9)
    """
    days = sorted(infused_on)
    if not days:
        return None
    gap = stagger.between_days if len(days) > 1 else max(stagger.first_to_second_days, stagger.between_days)
    return days[-1] + timedelta(days=gap)
