"""The moments from which the answers of two protocols about a participant differ."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from datetime import date, tzinfo
from functools import cache, partial
from typing import Any

import attrs

from trialdomain.events.cohort import CohortEntryVoided, SlotReleased
from trialdomain.events.entries import current
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import ProtocolAmended, TrialEntryVoided, TrialRegistered
from trialdomain.projections.casebook import Case, Casebook, case_of, casebook_of
from trialdomain.projections.decisions import StreamsInMemory, versions_recorded
from trialdomain.projections.dlt_counts import DLT_COUNTS, members_of, stands
from trialdomain.projections.endpoints.value import told
from trialdomain.projections.endpoints.view import EndpointsView
from trialdomain.projections.view import left_out
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.calendar import site_day
from trialdomain.values.given.in_short import in_short
from trialdomain.values.ids import participant_stream

EVALUATION = ""
"""Stands for the evaluation of a participant among the codes of endpoints."""
_OF_TRIAL = (TrialRegistered, ProtocolAmended, TrialEntryVoided, CohortEntryVoided)
"""The facts of the trial and of its cohorts that matter to a participant; and the releases of the own slot."""


@attrs.frozen(kw_only=True)
class Since:
    """The moment from which two answers differ, up to now; at first they may have differed in another way."""

    __repr__ = in_short

    on: date
    """The day, at the site."""
    position: int
    """The last position that matters to the participant and was recorded by then."""
    entry: Recorded[Any] | None
    """The entry that made them differ; None if a day did, such as the end of a window."""


@attrs.frozen
class Tracing:
    """The search for the moments from which two protocols differ about a participant.

    Both are asked with what was known after each entry that can change an answer, on the day of that entry, and again
    for the day of the next such entry. If they begin to differ between these two, the first such day is searched.
    """

    trial: str
    read: Callable[[str], Iterable[Recorded[Any]]]
    """Returns the entries of a stream."""
    worlds: tuple[StreamsInMemory, StreamsInMemory]
    """The streams of the trial and of its cohorts, by the recorded protocol and by the other one."""
    zone: tzinfo
    on: date
    """The day for which windows are judged."""
    _views: dict[frozenset[str], Mapping[int, EndpointsView]] = attrs.field(factory=dict, init=False)
    """By endpoints: their view under each version of either protocol, by the identity of the version."""

    def search(self, subject: str, wanted: Collection[str]) -> dict[str, Since]:
        """Return the moment from which each answer about a participant differs.

        Args:
            subject: the participant.
            wanted: the codes of endpoints, and ``EVALUATION``: answers that differ now.
        """
        stream = participant_stream(self.trial, subject)
        entries = list(self.read(stream))
        views = self._views_of(frozenset(wanted) - {EVALUATION})
        leave_out = left_out(self._reads(views.values(), evaluation=EVALUATION in wanted))
        known = [entry for entry in entries if type(entry.fact) not in leave_out]
        worlds = [_of_participant(world, subject) for world in self.worlds]
        moments = self._moments(entries[0], known, worlds[0])

        @cache
        def differing(position: int, day: date) -> frozenset[str]:
            case = case_of(stream, [entry for entry in known if entry.position <= position], on=day)
            one, other = (_answers(case, _book(world, position, day), day, wanted, views) for world in worlds)
            return frozenset(code for code in wanted if one.get(code) != other.get(code))

        return _begun(wanted, moments, differing, self.on)

    def _views_of(self, endpoints: frozenset[str]) -> Mapping[int, EndpointsView]:
        """Return the view of some endpoints under each version; to make one checks its protocol, which takes long."""
        if endpoints not in self._views:
            self._views[endpoints] = {id(one): EndpointsView.of(one, endpoints) for one in self._versions()}
        return self._views[endpoints]

    def _versions(self) -> list[TrialProtocol]:
        return [version for world in self.worlds for _, entries in world for version in versions_recorded(entries)]

    def _reads(self, views: Iterable[EndpointsView], *, evaluation: bool) -> frozenset[type[Any]]:
        versions = self._versions()
        of_endpoints = [view.reads(versions) for view in views]
        return frozenset[type[Any]]().union(*of_endpoints, DLT_COUNTS.reads(versions) if evaluation else ())

    def _moments(self, first: Recorded[Any], known: Sequence[Recorded[Any]], world: StreamsInMemory) -> list[Since]:
        """Return the ends of the commands that can change an answer, from the first entry of the participant on."""
        of_trial = [entry for _, found in world for entry in found]
        registered = min(entry.position for entry in of_trial if isinstance(entry.fact, TrialRegistered))
        least = max(_end(first), registered)
        by_end = {least: first}
        for entry in sorted((*of_trial, *known), key=lambda one: one.position):
            if _end(entry) > least:
                by_end.setdefault(_end(entry), entry)
        return [
            Since(on=site_day(entry.meta.recorded_at, self.zone), position=end, entry=entry)
            for end, entry in by_end.items()
        ]


def _end(entry: Recorded[Any]) -> int:
    """Return the position of the last entry of its command, because a command is known as a whole."""
    return entry.position - entry.meta.part + entry.meta.parts


def _of_participant(world: StreamsInMemory, subject: str) -> StreamsInMemory:
    """Return the entries of the trial and of its cohorts that can change an answer about a participant."""

    def matters(fact: object) -> bool:
        return isinstance(fact, _OF_TRIAL) or (isinstance(fact, SlotReleased) and fact.subject == subject)

    return [(stream, [entry for entry in found if matters(entry.fact)]) for stream, found in world]


def _begun(
    wanted: Collection[str], moments: Sequence[Since], differing: Callable[[int, date], frozenset[str]], on: date
) -> dict[str, Since]:
    """Go back in time, and return for each answer the moment from which it differs."""
    left, found, later = set(wanted), dict[str, Since](), Since(on=on, position=moments[-1].position, entry=None)
    for moment in reversed(moments):
        first, last = min(moment.on, on), min(later.on, on)
        for code in left - differing(moment.position, last):
            found[code] = later
        left -= found.keys()
        for code in left - differing(moment.position, first):
            day = _first_day(code, partial(differing, moment.position), first, last)
            found[code] = Since(on=day, position=moment.position, entry=None)
        left -= found.keys()
        if not left:
            break
        later = moment
    return found | dict.fromkeys(left, moments[0])


def _first_day(code: str, differing: Callable[[date], frozenset[str]], equal: date, last: date) -> date:
    """Return the first day on which an answer differs that is equal on one day and differs on a later one."""
    while (last - equal).days > 1:
        middle = equal + (last - equal) // 2
        equal, last = (equal, middle) if code in differing(middle) else (middle, last)
    return last


def _book(world: StreamsInMemory, position: int, day: date) -> Casebook:
    known = ((stream, current([entry for entry in found if entry.position <= position])) for stream, found in world)
    return casebook_of(known, (), on=day)


def _answers(
    case: Case, book: Casebook, day: date, wanted: Collection[str], views: Mapping[int, EndpointsView]
) -> Mapping[str, Hashable]:
    """Return the wanted answers about one participant, by the code of the endpoint."""
    found: dict[str, Hashable] = {}
    if EVALUATION in wanted:
        members = members_of([DLT_COUNTS.part(case, book, day)], book)
        found[EVALUATION] = tuple(map(stands, members))
    view = views.get(id(book.protocol))
    if view is not None and view.protocol.endpoints.derived:
        values = view.whole([view.part(case, book, day)], book, day).values
        found |= {code: tuple(map(told, of_code)) for code, of_code in values.items()}
    return found
