"""Suspected unexpected serious adverse reactions, and by when they are reported.

Source: ICH E2A: a fatal or life-threatening one within 7 calendar days of the sponsor's first knowledge, and completely
within 8 more; any other within 15. Who receives the report is outside this library.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TypeAlias

import attrs

from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, Died
from trialdomain.events.recorded import Recorded
from trialdomain.rules.adverse_event import AdverseEvent
from trialdomain.values.toxicity import RELATED, Agent, Relatedness, Seriousness

Word: TypeAlias = Recorded[AdverseEventReported] | Recorded[AdverseEventFollowedUp] | Recorded[Died]
FIRST_REPORT = timedelta(days=7)
"""Of a fatal or life-threatening reaction."""
REPORT = timedelta(days=15)
_SEVERE = {Seriousness.DEATH, Seriousness.LIFE_THREATENING}


@attrs.frozen(kw_only=True)
class Awareness:
    """When the sponsor came to know something."""

    on: date | None
    """None where nobody recorded it: the day of the recording then stands for it."""
    entry: Word
    """What made it known."""


@attrs.frozen(kw_only=True)
class Suspected:
    """One suspected serious reaction that is not known to be expected."""

    event: AdverseEvent
    expected: bool | None
    """False, or None where nobody has said."""
    relatedness: Relatedness
    aware: Awareness
    aware_of_danger: Awareness | None
    """When it was known to be fatal or life-threatening; None where it is not."""


def suspected(event: AdverseEvent) -> Suspected | None:
    """Judge one event; None for one that is not serious, not related to the infusion, or expected."""
    if event.report.fact.expected or not _qualifies(event):
        return None
    stages = list(_stages(event))
    first = next(entry for entry, one in stages if _qualifies(one))
    danger = next((entry for entry, one in stages if _qualifies(one) and _dangerous(one)), None)
    return Suspected(
        event=event,
        expected=event.report.fact.expected,
        relatedness=event.judged(Agent.INFUSION).relatedness,
        aware=_aware(first),
        aware_of_danger=None if danger is None else _aware(danger),
    )


def _stages(event: AdverseEvent) -> Iterator[tuple[Word, AdverseEvent]]:
    """Yield each word on an event with the event as it was known by then: the report, its follow-ups, the death."""
    yield event.report, attrs.evolve(event, follow_ups=(), death=None)
    for number, entry in enumerate(event.follow_ups, start=1):
        yield entry, attrs.evolve(event, follow_ups=event.follow_ups[:number], death=None)
    if event.death is not None:
        yield event.death, event


def _qualifies(event: AdverseEvent) -> bool:
    return event.serious and event.judged(Agent.INFUSION).relatedness in RELATED


def _dangerous(event: AdverseEvent) -> bool:
    return event.fatal or bool(_SEVERE.intersection(event.seriousness))


def _aware(entry: Word) -> Awareness:
    aware = None if isinstance(entry.fact, Died) else entry.fact.aware_on
    return Awareness(on=None if aware is None else aware.first, entry=entry)
