"""Suspected unexpected serious adverse reactions, and by when they are reported.

Source: ICH E2A: a fatal or life-threatening one within 7 calendar days of the sponsor's first knowledge, and completely
within 8 more; any other within 15. A fatal event is serious, whatever else was said of it. Who receives the report is
outside this library.
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
"""Of a fatal or life-threatening reaction."""
REPORT = timedelta(days=15)
_DANGERS = {Seriousness.DEATH, Seriousness.LIFE_THREATENING}
Word: TypeAlias = Recorded[AdverseEventReported | AdverseEventFollowedUp | Died]


@attrs.frozen(kw_only=True)
class Awareness:
    """When the sponsor came to know something."""

    on: date
    recorded: bool
    """Whether the day was recorded, in full; else it is the earliest that was, or the day of the recording."""
    position: int
    """The entry that made it known."""


@attrs.frozen(kw_only=True)
class Suspected:
    """One suspected serious reaction that is not known to be expected."""

    __repr__ = in_short

    event: AdverseEvent
    expected: bool | None
    """False, or None where nobody has said."""
    relatedness: Relatedness
    aware: Awareness
    """That it is one."""
    aware_of_danger: Awareness | None
    """That it is a fatal or life-threatening one; None where it is not."""


def is_serious(event: AdverseEvent) -> bool:
    """Say whether it is serious: as was said of it, or because it led to death."""
    return bool(event.serious) or event.fatal


def suspected(event: AdverseEvent, *, recorded_on: Callable[[Recorded[Any]], date]) -> Suspected | None:
    """Judge one event; None for one that is not serious, not related to the infusion, or expected.

    The words on it are read in the order in which the sponsor learned them: the clock starts with the one that makes it
    a reaction, and that of the 7 days with the one that makes it a dangerous one.

    Args:
        event: it.
        recorded_on: the site's day on which an entry, or what it corrects, was first recorded.
    """
    if event.report.fact.expected or not _qualifies(event):
        return None
    aware = danger = None
    for awareness, known in _stages(event, recorded_on):
        if not _qualifies(known):
            continue
        aware = aware or awareness
        if danger is None and _dangerous(known):
            danger = awareness
    # In the order of learning, words of one assessor may cancel out at every stage: then the last word stands for all.
    whole = _awareness(event.entries[-1], event, recorded_on)
    return Suspected(
        event=event,
        expected=event.report.fact.expected,
        relatedness=event.judged(Agent.INFUSION).relatedness,
        aware=aware or whole,
        aware_of_danger=danger or (whole if _dangerous(event) else None),
    )


def _stages(
    event: AdverseEvent, recorded_on: Callable[[Recorded[Any]], date]
) -> Iterator[tuple[Awareness, AdverseEvent]]:
    """Yield the event as it was known after each word: the report first, then as the sponsor learned of them."""
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
    first = max(aware.first, min(happened.first, aware.last))  # nobody knew before it happened
    return Awareness(on=first, recorded=aware.day is not None, position=word.position)


def _qualifies(event: AdverseEvent) -> bool:
    return is_serious(event) and event.judged(Agent.INFUSION).relatedness in RELATED


def _dangerous(event: AdverseEvent) -> bool:
    return event.fatal or bool(_DANGERS.intersection(event.seriousness))
