"""The moment from which the answers of two protocols about a participant differ."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from datetime import date, timedelta, tzinfo
from functools import partial
from typing import Any

import attrs

from trialdomain.events.entries import current
from trialdomain.events.recorded import Recorded
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


@attrs.frozen(kw_only=True)
class Since:
    """The moment from which two answers differ, up to now."""

    __repr__ = in_short

    on: date
    """The day, at the site."""
    position: int
    """The last position that was recorded then."""
    entry: Recorded[Any] | None
    """The entry that made them differ; None if a day did, such as the end of a window."""


Answer = Callable[[Case, Casebook, date], Hashable]
"""Answers about one participant, from a casebook without the others."""


@attrs.frozen
class Tracing:
    """The search for the moment from which two protocols differ about a participant.

    Both are asked with what was known after each entry that can change the answer, and again for the last day before
    the next such entry. If they begin to differ between these two, the first such day is searched.
    """

    trial: str
    read: Callable[[str], Iterable[Recorded[Any]]]
    """Returns the entries of a stream."""
    worlds: tuple[StreamsInMemory, StreamsInMemory]
    """The streams of the trial and of its cohorts, by the recorded protocol and by the other one."""
    zone: tzinfo
    on: date
    """The day for which windows are judged."""

    _views: dict[str, Mapping[int, EndpointsView]] = attrs.field(factory=dict, init=False)
    """By endpoint: its view under each version of either protocol, by the identity of the version."""

    def of_member(self, subject: str) -> Since:
        """Return the moment from which the evaluation of a participant differs."""
        return self._since(subject, DLT_COUNTS.reads(self._versions()), _evaluation)

    def of_value(self, endpoint: str, subject: str) -> Since:
        """Return the moment from which an endpoint of a participant differs."""
        versions = self._versions()
        if endpoint not in self._views:  # to make a view checks its protocol, which takes as long as to read a person
            self._views[endpoint] = {id(version): EndpointsView.of(version, {endpoint}) for version in versions}
        views = self._views[endpoint]
        reads = frozenset[type[Any]]().union(*(view.reads(versions) for view in views.values()))
        return self._since(subject, reads, partial(_value, endpoint, views))

    def _versions(self) -> list[TrialProtocol]:
        return [version for world in self.worlds for _, entries in world for version in versions_recorded(entries)]

    def _since(self, subject: str, reads: Collection[type[Any]], answer: Answer) -> Since:
        stream, leave_out = participant_stream(self.trial, subject), left_out(reads)
        known = [entry for entry in self.read(stream) if type(entry.fact) not in leave_out]
        moments = self._moments(known)

        def differs(position: int, day: date) -> bool:
            case = case_of(stream, [entry for entry in known if entry.position <= position], on=day)
            return len({answer(case, _book(world, position, day), day) for world in self.worlds}) > 1

        last, later = self.on, None
        for moment in reversed(moments):
            if later is not None:
                last = min(self.on, max(moment.on, later.on - timedelta(days=1)))
                if not differs(moment.position, last):
                    return later
            if not differs(moment.position, moment.on):
                day = _first(partial(differs, moment.position), moment.on, last)
                return Since(on=day, position=moment.position, entry=None)
            later = moment
        return moments[0]

    def _moments(self, known: Sequence[Recorded[Any]]) -> list[Since]:
        """Return the end of every command with an entry that can change an answer, the earliest first."""
        of_trial = (entry for _, entries in self.worlds[0] for entry in entries)
        by_end: dict[int, Recorded[Any]] = {}
        for entry in sorted((*of_trial, *known), key=lambda one: one.position):
            by_end.setdefault(entry.position - entry.meta.part + entry.meta.parts, entry)
        return [
            Since(on=min(self.on, site_day(entry.meta.recorded_at, self.zone)), position=end, entry=entry)
            for end, entry in by_end.items()
        ]


def _first(differs: Callable[[date], bool], equal: date, differing: date) -> date:
    """Return the first day on which answers differ that are equal on one day and differ on a later one."""
    while (differing - equal).days > 1:
        middle = equal + (differing - equal) // 2
        equal, differing = (equal, middle) if differs(middle) else (middle, differing)
    return differing


def _book(world: StreamsInMemory, position: int, day: date) -> Casebook:
    known = ((stream, current([entry for entry in found if entry.position <= position])) for stream, found in world)
    return casebook_of(known, (), on=day)


def _evaluation(case: Case, book: Casebook, day: date) -> Hashable:
    return tuple(map(stands, members_of([DLT_COUNTS.part(case, book, day)], book)))


def _value(endpoint: str, views: Mapping[int, EndpointsView], case: Case, book: Casebook, day: date) -> Hashable:
    view = views[id(book.protocol)]
    return tuple(map(told, view.whole([view.part(case, book, day)], book, day).values.get(endpoint, ())))
