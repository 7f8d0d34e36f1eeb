"""The one read face: every answer about a trial, as it was known at one moment."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, tzinfo
from functools import partial
from itertools import chain
from typing import Any, Protocol, TypeVar

import attrs

from trialdomain.errors import LogCorrupt
from trialdomain.events.access import AccessRefused
from trialdomain.events.numbered import numbered
from trialdomain.events.recorded import Draft, Entry, Fact
from trialdomain.events.trial import SoftwareChanged, TrialExported, TrialRegistered, UserRegistered
from trialdomain.history.answers import Answers
from trialdomain.history.asked import (
    asked_drafts,
    asked_kind,
    asked_part,
    asked_progress,
    asked_rules,
    asked_text,
    asked_texts,
)
from trialdomain.history.difference import Diff, changed_values
from trialdomain.history.explaining import QuestionInvalid, endpoint_of, explain
from trialdomain.history.moments import MomentInvalid
from trialdomain.projections.casebook import Casebook, Streams, by_stream, read_casebook
from trialdomain.projections.decisions import DecisionAudit, audit_decisions, versions_recorded
from trialdomain.projections.dlt_counts import DLT_COUNTS, DltCounts, count, members_of
from trialdomain.projections.endpoints.view import EndpointsView
from trialdomain.projections.escalation import Escalation, escalation, escalation_of
from trialdomain.projections.flow import FLOW, Flow
from trialdomain.projections.people import People
from trialdomain.projections.reconciliation import Difference, reconciliation
from trialdomain.projections.review import Review, review_of
from trialdomain.projections.safety import SAFETY, Safety, safety_of
from trialdomain.projections.trail import Asked, TrailEntry, trail_of
from trialdomain.projections.view import View, answer, left_out
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.endpoints.standard import STANDARD_ENDPOINTS
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.reports.explanation import Explanation
from trialdomain.reports.summaries import Endpoints, summarize
from trialdomain.values.calendar import as_day, site_day
from trialdomain.values.collector import garbage_collector_paused
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.plain import plain
from trialdomain.values.given.text import is_storable, short
from trialdomain.values.ids import trial_stream

Part = TypeVar("Part")
Whole = TypeVar("Whole")
SAYS_NOTHING = (UserRegistered, SoftwareChanged, TrialExported, AccessRefused)
"""Facts that say nothing of the trial itself."""


class ReadStreams(Protocol):
    """Reads a trial as it was known, one stream after another, participants last."""

    def __call__(self, leave_out: Collection[type[Fact]] = ()) -> Streams:
        """Leave out kinds of facts, unread."""


@attrs.frozen
class History:
    """A trial as it was known at one moment, which is chosen once; then ask.

    ``on`` is the calendar day, at the site, for which windows are judged.
    """

    __repr__ = in_short

    trial: str
    position: int
    """The last position that was known."""
    _streams: "ReadStreams"
    _stream: Callable[[str], Iterable[Entry]]
    """Gives one stream; nothing where there is none."""
    _latest_first: Callable[[], Iterator[Entry]]
    zone: tzinfo
    """The site's, or UTC where the protocol does not know it."""
    _latest_day: date | None = None
    """The site's day of the moment, where one was chosen: nothing later can be judged from it."""

    @classmethod
    def of(cls, drafts: Iterable[Draft[Any]]) -> "History":
        """Look at facts that were never stored, as a test has them, in the order in which they would be recorded.

        Raises:
            MomentInvalid: no fact registers a trial.
        """
        entries = numbered(asked_drafts(drafts))
        registered = next((entry.fact for entry in entries if isinstance(entry.fact, TrialRegistered)), None)
        if registered is None:
            raise MomentInvalid("no fact registers a trial: begin with one that does")
        kept = _Kept(entries)
        zone = registered.protocol.site_zone
        return cls(registered.protocol.trial, len(entries), kept.streams, kept.stream, kept.latest_first, zone)

    def streams(self) -> Streams:
        """Yield every stream with its entries: the trial's own, then its cohorts', then the participants'."""
        return self._streams()

    def entries_of(self, stream: str) -> Iterator[Entry]:
        """Yield the entries of one stream; nothing where there is none.

        Raises:
            QuestionInvalid: what is given is no text.
        """
        named = asked_kind("the stream", plain(stream), str)
        return iter(self._stream(named) if is_storable(named) else ())

    def entries(self) -> Iterator[Entry]:
        """Yield every entry that was known, the trial's own stream first, then stream by stream."""
        return chain.from_iterable(entries for _, entries in self._streams())

    def trail(
        self,
        subject: str | None = None,
        *,
        asked: Asked | None = None,
        progress: Callable[[int], object] = lambda _: None,
    ) -> Iterator[TrailEntry]:
        """Tell every entry with what it set, changed or withdrew, field by field, who did it, when, and why.

        Args:
            subject: a participant; or ``"trial"``, ``"cohort/1"`` or ``"access"``; None for every stream, one after
                another.
            asked: the part of it that is asked for; all by default.
            progress: told how many more entries were read.

        Raises:
            QuestionInvalid: nothing was recorded of the subject.
        """
        asked_progress(progress)
        return self._trail(asked_text("the subject", subject), asked_part(asked, self.zone), progress)

    def _trail(self, subject: str | None, asked: Asked, progress: Callable[[int], object]) -> Iterator[TrailEntry]:
        people = People(self._stream(trial_stream(self.trial)))
        streams = self._streams() if subject is None else [("", self._entries_of(subject))]
        for _, entries in streams:
            recorded = list(entries)
            yield from trail_of(recorded, people, asked)
            progress(len(recorded))

    def _entries_of(self, subject: str) -> list[Entry]:
        streams = [f"{self.trial}/participant/{subject}", f"{self.trial}/{subject}"]
        for stream in [*streams, *([self.trial] if subject == "trial" else [])]:
            if entries := list(self.entries_of(stream)):
                return entries
        raise QuestionInvalid(
            f"nothing was recorded of {short(subject)!r} at position {self.position}: name a participant, "
            f"'cohort/1' or another level, 'trial' or 'access'"
        )

    def diff(self, later: "History", *, on: date | str | None = None) -> Diff:
        """Compare with a later look at the same trial: which entries, derived values and recommendations changed.

        Args:
            later: the later look.
            on: the day for which windows are judged in both, so that only what is known differs; by default, in each
                that of its own last entry.

        Raises:
            MomentInvalid: the second look is earlier, or at another trial; or the day lies after one of the moments.
        """
        asked_kind("the later look", later, History)
        if self.trial != later.trial or self.position > later.position:
            raise MomentInvalid(
                f"position {self.position} of {self.trial} and {later.position} of {later.trial}: "
                f"give two moments of one trial, the earlier one first"
            )
        days = [look.last_day() if on is None else as_day(on) for look in (self, later)]
        before, after = (look.answers(on=day) for look, day in zip((self, later), days, strict=True))
        return Diff(
            trial=later.trial,
            earlier=self.position,
            later=later.position,
            on_earlier=days[0],
            on_later=days[1],
            entries=tuple(
                sorted(
                    later.trail(asked=Asked(after=self.position)),
                    key=lambda told: told.entry.position,
                )
            ),
            changed=changed_values(before, after),
        )

    def dlt_counts(self, *, on: date | str) -> DltCounts:
        """Count the participants with DLT, and everybody else, level by level."""
        return self._answer(DLT_COUNTS, on)

    def reconciliation(self, *, on: date | str) -> tuple[Difference, ...]:
        """Compare what the cohorts were told with what the casebook says; a log of this library has no difference."""
        return reconciliation(self._read_for(DLT_COUNTS, on), on=as_day(on))

    def escalation(self, *, on: date | str) -> Escalation | None:
        """Ask the protocol's design what next; None when the protocol has none."""
        return escalation(self._read_for(DLT_COUNTS, on), on=as_day(on))

    def decisions(self, *, progress: Callable[[int, int], None] = lambda _, __: None) -> Iterator[DecisionAudit]:
        """Look again at every decision about the dose: the state as known then, whether it follows, and whether today.

        Args:
            progress: told how many decisions were looked at, and how many there are.
        """
        asked_progress(progress)
        return self._decisions(progress)

    def _decisions(self, progress: Callable[[int, int], None]) -> Iterator[DecisionAudit]:
        versions = versions_recorded(self._stream(trial_stream(self.trial)))
        return audit_decisions(self._streams, versions, zone=self.zone, progress=progress)

    def flow(self, *, on: date | str) -> Flow:
        """Follow everybody from the screening to the end of observation."""
        return self._answer(FLOW, on)

    def safety(self, *, on: date | str) -> Safety:
        """Summarize the adverse events: participants and events, by grade, relatedness and term."""
        return self._answer(SAFETY, on)

    def endpoints(
        self,
        *,
        on: date | str,
        rules: EndpointRules | None = None,
        only: Collection[str] | None = None,
        progress: Callable[[int], object] = lambda _: None,
    ) -> Endpoints:
        """Derive the endpoints of the protocol: of everybody, by dose level, and overall.

        Args:
            on: the data cut-off.
            rules: other definitions than those of the protocol in force, as a what-if. Where they have the standard
                list of endpoints, the protocol's own list is kept.
            only: the codes of the endpoints that are asked for; then nothing is read that they do not need.
            progress: told the number of entries of each participant that was read.

        Raises:
            QuestionInvalid: the protocol has no such endpoint.
        """
        asked_progress(progress)
        protocol = self._protocol(on, rules)
        codes = None if only is None else {endpoint_of(one, protocol.endpoints).id for one in asked_texts(only)}
        view = EndpointsView.of(protocol, codes)
        book = attrs.evolve(self._read_for(view, on), protocol=protocol)
        with garbage_collector_paused():
            return summarize(answer(view, book, as_day(on), progress))

    def _protocol(self, on: date | str, rules: EndpointRules | None) -> TrialProtocol:
        """Give the protocol in force, perhaps with other definitions of endpoints."""
        protocol = self.casebook(on=on).protocol
        return protocol if rules is None else _redefined(protocol, rules)

    def _answer(self, view: View[Part, Whole], on: date | str) -> Whole:
        return answer(view, self._read_for(view, on), as_day(on))

    def _read_for(self, view: View[Any, Any], on: date | str) -> Casebook:
        """File the entries that a view reads."""
        versions = versions_recorded(self._stream(trial_stream(self.trial)))
        return self._casebook(on, left_out(view.reads(versions)))

    def review(self, *, on: date | str) -> Review:
        """Give what a safety committee reads first: everybody, the DLTs, what is due, what waits to be judged."""
        day, book = as_day(on), self.casebook(on=on)
        read = [(DLT_COUNTS.part(case, book, day), SAFETY.part(case, book, day)) for case in book.cases]
        seats, exposures = [seat for seat, _ in read], [exposure for _, exposure in read]
        summary = safety_of(exposures, book, on=day)
        return review_of(members_of(seats, book), count(seats, book), summary, book, on=day, zone=self.zone)

    def explain(
        self,
        endpoint: str,
        subject: str | None = None,
        *,
        on: date | str,
        rules: EndpointRules | None = None,
    ) -> Explanation:
        """Explain an endpoint: its definition, the entries it rests on, who recorded them, and what was looked at.

        Args:
            endpoint: such as ``"S9"``.
            subject: of whom; None for the whole trial.
            on: the data cut-off.
            rules: other definitions than those of the protocol in force.

        Raises:
            QuestionInvalid: the protocol has no such endpoint, or nobody of that code.
        """
        whom = asked_text("the subject", subject)
        asked = endpoint_of(endpoint, self._protocol(on, rules).endpoints)
        found = self.endpoints(on=on, rules=rules, only=[asked.id])
        return explain(self._streams, found, asked.id, whom, known_at=self.position, on=as_day(on))

    def answers(
        self, *, on: date | str, rules: EndpointRules | None = None, progress: Callable[[int], None] = lambda _: None
    ) -> Answers:
        """Give every answer at once: the participants are read once for all of them.

        Args:
            on: the day for which windows are judged.
            rules: other definitions of the endpoints than those of the protocol in force. Where they have the standard
                list of endpoints, the protocol's own list is kept.
            progress: told the number of entries of each participant that was read.
        """
        day, book = as_day(on), self.casebook(on=on)
        asked_progress(progress)
        if rules is not None:
            book = attrs.evolve(book, protocol=_redefined(book.protocol, rules))
        endpoints = EndpointsView.of(book.protocol)
        seats, dispositions, exposures, values = [], [], [], []
        with garbage_collector_paused():
            for case in book.cases:
                seats.append(seat := DLT_COUNTS.part(case, book, day))
                dispositions.append(FLOW.part(case, book, day))
                exposures.append(exposure := SAFETY.part(case, book, day))
                values.append(endpoints.part_with(case, book, day, exposure, seat))
                progress(len(case.entries))
                del case  # or one participant stays in memory while the next is read
        counts = DLT_COUNTS.whole(seats, book, day)
        return Answers(
            escalation=escalation_of(counts, book, on=day),
            dlt_counts=counts,
            endpoints=summarize(endpoints.whole(values, book, day)),
            flow=FLOW.whole(dispositions, book, day),
            safety=SAFETY.whole(exposures, book, day),
        )

    def last_day(self) -> date:
        """Give the site's day of the last entry that says more than who acted, with which software, or exported."""
        said = (entry for entry in self._latest_first() if not isinstance(entry.fact, SAYS_NOTHING))
        last = next(said, None)
        if last is None:
            raise LogCorrupt(f"nothing is recorded of trial {self.trial} but who acted: verify the log")
        return site_day(last.meta.recorded_at, self.zone)

    def casebook(self, *, on: date | str) -> Casebook:
        """File every entry that was known and counts on a day."""
        return self._casebook(on, frozenset())

    def _casebook(self, on: date | str, leave_out: Collection[type[Fact]]) -> Casebook:
        day = as_day(on)
        if self._latest_day is not None and day > self._latest_day:
            raise MomentInvalid(
                f"{day} is after {self._latest_day}, the day that was asked about: choose an earlier one"
            )
        return read_casebook(partial(self._streams, leave_out), on=day)


def _redefined(protocol: TrialProtocol, rules: object) -> TrialProtocol:
    """Put other definitions in the place of a protocol's; its list of endpoints stays, unless they have one."""
    asked = asked_rules(rules)
    if asked.derived == STANDARD_ENDPOINTS:
        asked = attrs.evolve(asked, derived=protocol.endpoints.derived)
    return attrs.evolve(protocol, endpoints=asked)


@attrs.frozen
class _Kept:
    """Entries that were never stored, by their positions: a history of them can be pickled."""

    entries: Sequence[Entry]

    def streams(self, leave_out: Collection[type[Fact]] = ()) -> Streams:
        ordered = sorted(self.entries, key=lambda entry: (entry.stream, entry.version))
        # A stream is yielded even if all of its entries are left out: its participant is in the trial.
        return (
            (stream, [entry for entry in entries if type(entry.fact) not in leave_out])
            for stream, entries in by_stream(ordered)
        )

    def stream(self, stream: str) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.stream == stream)

    def latest_first(self) -> Iterator[Entry]:
        return reversed(self.entries)
