"""Values of endpoints in words: how a story writes the value of a participant or of the whole trial, and reads it.

A value has parts, such as ``2 of 3 evaluable, 1 not observed``, as the report of the endpoints shows them. A story may
say any of them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import assert_never

import attrs

from trialdomain.projections.endpoints.value import Status, Value
from trialdomain.protocol.endpoints.endpoint import Endpoint
from trialdomain.protocol.endpoints.families import DltIncidence, SafetyIncidence
from trialdomain.reports.endpoints.statistics import Spread
from trialdomain.reports.endpoints.summaries import (
    DoseSummary,
    DurationSummary,
    EndpointSummary,
    IncidenceSummary,
    TimeSummary,
)
from trialdomain.values.clinical.decision import Mtd
from trialdomain.values.given.plural import how_many

_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


@attrs.frozen
class Part:
    """One part of a value in words."""

    words: str
    also: tuple[str, ...] = ()
    """Other words for it, which are read as well."""
    told: bool = True
    """Whether it is written unasked."""

    @property
    def readings(self) -> tuple[str, ...]:
        """All words for it, in the form in which they are compared."""
        return tuple(map(plain, (self.words, *self.also)))


def plain(words: str) -> str:
    """Return words in the form in which they are compared: ``2/3`` is ``2 of 3``, and ``1 day`` is ``1 days``."""
    spaced = re.sub(r"(\d)\s*/\s*(?=\d)", r"\1 of ", words.casefold().replace("-", " "))
    return " ".join(re.sub(r"(?<=\d)%", " %", spaced).replace("days", "day").split())


def holds(said: str, parts: Iterable[Part]) -> bool:
    """Return whether a part of a value is as a story says it."""
    return any(plain(said) in part.readings for part in parts)


def has_form(said: str, parts: Iterable[Part], *, of_trial: bool) -> bool:
    """Return whether a value has a part of this form, with these or other numbers.

    A participant has one value: yes, no, days, or a reason why there is none. Each of them is a form of it.
    """
    forms = {_form(reading) for part in parts for reading in part.readings}
    return _form(said) in (forms if of_trial else forms | _OF_PARTICIPANT)


def value_in_words(parts: Sequence[Part], *, beside: Iterable[str] = ()) -> str:
    """Write a value: the parts that are written unasked, and those of the same form as some words that were asked."""
    asked = set(map(_form, beside))
    shown = [part for part in parts if part.told or asked.intersection(map(_form, part.readings))]
    return ", ".join(part.words for part in shown)


def _form(words: str) -> str:
    """Return words without their numbers."""
    return _NUMBER.sub("N", plain(words))


_OF_PARTICIPANT = {_form(words) for words in ("yes", "no", "1", "1 day", "not by day 1", *map(str, Status))}


def parts_of_value(value: Value) -> Iterator[Part]:
    """Yield the value of a participant: yes, no, a number of days, or the reason why there is none."""
    status = value.status.value.replace("-", " ")
    match value.value:
        case None:
            days = (f"not by day {value.days}",) if value.status is Status.CENSORED else ()
            yield Part(status, days)
            return
        case bool():
            yield Part("yes" if value.value else "no")
        case days:
            yield Part(how_many(days, "day"), (str(days),))
    yield Part(status, told=False)


def parts_of_summary(summary: EndpointSummary) -> Iterator[Part]:
    """Yield the value of the whole trial; nothing for an MTD under a protocol without a design."""
    match summary.overall:
        case IncidenceSummary() as found:
            yield from _incidence(summary.endpoint, found)
        case DurationSummary() as found:
            yield from _duration(found)
        case TimeSummary() as found:
            yield from _time(found)
        case DoseSummary(mtd=mtd):
            yield from () if mtd is None else [Part(mtd_in_words(mtd))]
        case _:
            assert_never(summary.overall)


def mtd_in_words(mtd: Mtd) -> str:
    """Write the state of the search for the MTD: ``open``, ``established level 1``, ``none tolerated``."""
    status = mtd.status.value.replace("-", " ")
    return status if mtd.level is None else f"{status} level {mtd.level}"


def _incidence(endpoint: Endpoint, found: IncidenceSummary) -> Iterator[Part]:
    yield _of(found.share.n, found.share.of, "infused" if isinstance(endpoint, SafetyIncidence) else "evaluable")
    if found.share.fraction is not None:
        yield Part(f"{100 * found.share.fraction:.0f} %", told=False)
    pending = {Status.NOT_OBSERVED: "pending"} if isinstance(endpoint, DltIncidence) else {}
    yield from _statuses(found.counted.statuses.get, {**_WHY_NONE, **pending})
    for name, share in found.parts.items():
        yield Part(f"{share.n} of {share.of} {name.replace('_', ' ')}", told=False)
    for name, total in found.totals.items():
        yield Part(f"{total} {name.replace('_', ' ')}", told=False)


_WHY_NONE = {Status.NOT_OBSERVED: "not observed", Status.PREVALENT: "prevalent", Status.OUTSIDE: "outside analysis set"}


def _duration(found: DurationSummary) -> Iterator[Part]:
    yield _of(found.spread.number, found.of, "evaluable")
    yield from _spread(found.spread)
    if found.mean_over_all is not None:
        yield Part(f"mean {found.mean_over_all:.1f} days", told=False)
    yield Part(f"{found.ongoing} ongoing", told=found.ongoing > 0)
    yield from _statuses(found.counted.statuses.get, {Status.END_UNKNOWN: "end unknown", **_WHY_NONE})


def _time(found: TimeSummary) -> Iterator[Part]:
    if not found.at_risk:
        yield Part("nobody at risk", ("0 of 0", "0 of 0 at risk"))
    else:
        yield _of(found.recovered, found.at_risk, "at risk")
        yield from _spread(found.spread)
        median = found.curve.median
        yield (
            Part("estimated median not reached", ("not reached",))
            if median is None
            else Part(f"estimated median {how_many(median, 'day')}")
        )
    why = {Status.DIED: "died", Status.CENSORED: "censored", Status.NOT_AT_RISK: "not at risk"}
    yield from _statuses(found.counted.statuses.get, {**why, **_WHY_NONE})


def _of(number: int, of: int, whom: str) -> Part:
    return Part(f"{number} of {of} {whom}", (f"{number} of {of}",))


def _spread(spread: Spread) -> Iterator[Part]:
    if spread.median is not None:
        yield Part(f"median {spread.median:g} {'day' if spread.median == 1 else 'days'}")
        yield Part(f"range {spread.least} to {spread.most} days", (f"range {spread.least} to {spread.most}",))


def _statuses(number_of: Callable[[Status, int], int], names: dict[Status, str]) -> Iterator[Part]:
    """Yield how many have no value, for each reason."""
    for status, name in names.items():
        number = number_of(status, 0)
        own = status.value.replace("-", " ")
        yield Part(f"{number} {name}", () if own == name else (f"{number} {own}",), told=number > 0)
