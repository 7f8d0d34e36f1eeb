"""Expedited reporting: suspected unexpected serious adverse reactions (SUSARs), and the deadlines of their reports.

Source: ICH E2A. A fatal or life-threatening reaction is reported within 7 calendar days of the sponsor's first
knowledge, and completely within 8 more; any other within 15. A fatal event is always serious. The recipients of a
report are outside this library.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any, TypeAlias

import attrs

from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, Died
from trialdomain.events.recorded import Recorded
from trialdomain.rules.adverse_event import AdverseEvent
from trialdomain.values.clinical.toxicity import RELATED, Agent, Relatedness, Seriousness
from trialdomain.values.given.in_short import in_short

FIRST_REPORT = timedelta(days=7)
"""The deadline for the first report of a fatal or life-threatening reaction."""
REPORT = timedelta(days=15)
_DANGERS = {Seriousness.DEATH, Seriousness.LIFE_THREATENING}
Word: TypeAlias = Recorded[AdverseEventReported | AdverseEventFollowedUp | Died]


@attrs.frozen(kw_only=True)
class Awareness:
    """The day on which the sponsor became aware of a fact."""

    on: date
    recorded: bool
    """Whether the full day was recorded. Else it is the earliest possible day, or the day of the recording."""
    position: int
    """The position of the entry that carries the fact."""


@attrs.frozen(kw_only=True)
class Suspected:
    """One suspected serious reaction that is not known to be expected."""

    __repr__ = in_short

    event: AdverseEvent
    expected: bool | None
    """False, or None where no entry says so."""
    relatedness: Relatedness
    aware: Awareness
    """When the sponsor became aware that the event is such a reaction."""
    aware_of_danger: Awareness | None
    """When the sponsor became aware that the reaction is fatal or life-threatening; None where it is not."""


def is_serious(event: AdverseEvent) -> bool:
    """Say whether an event is serious: as recorded, or because it led to death."""
    return bool(event.serious) or event.fatal


def suspected(event: AdverseEvent, *, recorded_on: Callable[[Recorded[Any]], date]) -> Suspected | None:
    """Judge one event; None for one that is not serious, not related to the infusion, or expected.

    The entries are read in the order in which the sponsor learned of them. The clock of 15 days starts with the entry
    that makes the event a reaction. The clock of 7 days starts with the one that makes it fatal or life-threatening.

    Args:
        event: the event.
        recorded_on: returns the site's day on which an entry, or the one that it corrects, was first recorded.
    """
    if event.report.fact.expected or not _qualifies(event):
        return None
    # The last stage is the whole event, so that at least one qualifies, and is dangerous where the event is.
    stages = [(awareness, known) for awareness, known in _stages(event, recorded_on) if _qualifies(known)]
    return Suspected(
        event=event,
        expected=event.report.fact.expected,
        relatedness=event.judged(Agent.INFUSION).relatedness,
        aware=stages[0][0],
        aware_of_danger=next((awareness for awareness, known in stages if _dangerous(known)), None),
    )


def _stages(
    event: AdverseEvent, recorded_on: Callable[[Recorded[Any]], date]
) -> Iterator[tuple[Awareness, AdverseEvent]]:
    """Yield the event as known after each entry: the report first, then the others as the sponsor learned of them."""
    report = _awareness(event.report, event, recorded_on)
    yield report, attrs.evolve(event, follow_ups=(), death=None)
    later = [(_awareness(word, event, recorded_on), word) for word in event.entries[1:]]
    known: set[int] = set()
    for awareness, word in sorted(later, key=lambda one: (one[0].on, one[1].position)):
        known.add(word.position)
        yield (
            attrs.evolve(awareness, on=max(awareness.on, report.on)),
            attrs.evolve(
                event,
                follow_ups=tuple(entry for entry in event.follow_ups if entry.position in known),
                death=event.death if event.death is not None and event.death.position in known else None,
            ),
        )


def _awareness(word: Word, event: AdverseEvent, recorded_on: Callable[[Recorded[Any]], date]) -> Awareness:
    fact = word.fact
    aware = None if isinstance(fact, Died) else fact.aware_on
    if aware is None:
        return Awareness(on=recorded_on(word), recorded=False, position=word.position)
    happened = event.onset if isinstance(fact, AdverseEventReported) else fact.on
    first = max(aware.first, min(happened.first, aware.last))  # the sponsor cannot know of an event before it happened
    return Awareness(on=first, recorded=aware.day is not None, position=word.position)


def _qualifies(event: AdverseEvent) -> bool:
    return is_serious(event) and event.judged(Agent.INFUSION).relatedness in RELATED


def _dangerous(event: AdverseEvent) -> bool:
    return event.fatal or bool(_DANGERS.intersection(event.seriousness))
