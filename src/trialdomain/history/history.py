"""The one read face: every answer about a trial, as it was known at one moment."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, tzinfo
from itertools import chain
from typing import Any, Protocol

import attrs

from trialdomain.errors import LogCorrupt
from trialdomain.events.access import AccessRefused
from trialdomain.events.numbered import numbered
from trialdomain.events.recorded import Draft, Entry, Fact
from trialdomain.events.trial import SoftwareChanged, TrialExported, TrialRegistered, UserRegistered
from trialdomain.history.answers import Answers
from trialdomain.history.asked import asked_drafts, asked_kind, asked_part, asked_progress, asked_rules, asked_text
from trialdomain.history.collector import cycles_left_alone
from trialdomain.history.difference import Diff, changed_values
from trialdomain.history.explaining import QuestionInvalid, endpoint_of, explain
from trialdomain.history.moments import MomentInvalid
from trialdomain.projections.casebook import Casebook, Streams, by_stream, read_casebook
from trialdomain.projections.decisions import DecisionAudit, audit_decisions, versions_recorded
from trialdomain.projections.dlt_counts import DltCounts, count, dlt_counts, members_of, seat_of
from trialdomain.projections.double_entry import Difference, double_entry
from trialdomain.projections.endpoints.participant import participant_values, windowed
from trialdomain.projections.endpoints.trial import endpoint_values
from trialdomain.projections.escalation import Escalation, escalation, escalation_of
from trialdomain.projections.flow import Flow, disposition_of, flow, flow_of
from trialdomain.projections.people import People
from trialdomain.projections.review import Review, review_of
from trialdomain.projections.safety import Safety, exposure_of, safety, safety_of
from trialdomain.projections.trail import Asked, TrailEntry, trail_of
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.reports.explanation import Explanation
from trialdomain.reports.summaries import Endpoints, summarize
from trialdomain.values.calendar import as_day, site_day
from trialdomain.values.ids import trial_stream
from trialdomain.values.in_short import in_short
from trialdomain.values.plain import plain
from trialdomain.values.text import is_storable, short

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
                    (told for told in later.trail() if told.entry.position > self.position),
                    key=lambda told: told.entry.position,
                )
            ),
            changed=changed_values(before, after),
        )

    def dlt_counts(self, *, on: date | str) -> DltCounts:
        """Count the participants with DLT, and everybody else, level by level."""
        return dlt_counts(self.casebook(on=on), on=as_day(on))

    def double_entry(self, *, on: date | str) -> tuple[Difference, ...]:
        """Compare what the cohorts were told with what the casebook says; a log of this library has no difference."""
        return double_entry(self.casebook(on=on), on=as_day(on))

    def escalation(self, *, on: date | str) -> Escalation | None:
        """Ask the protocol's design what next; None when the protocol has none."""
        return escalation(self.casebook(on=on), on=as_day(on))

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
        return flow(self.casebook(on=on))

    def safety(self, *, on: date | str) -> Safety:
        """Summarize the adverse events: participants and events, by grade, relatedness and term."""
        return safety(self.casebook(on=on), on=as_day(on))

    def endpoints(self, *, on: date | str, rules: EndpointRules | None = None) -> Endpoints:
        """Derive the endpoints of the protocol: of everybody, by dose level, and overall.

        Args:
            on: the data cut-off.
            rules: other definitions than those of the protocol in force, as a what-if.
        """
        return self.answers(on=on, rules=rules).endpoints

    def review(self, *, on: date | str) -> Review:
        """Give what a safety committee reads first: everybody, the DLTs, what is due, what waits to be judged."""
        day, book = as_day(on), self.casebook(on=on)
        read = [(seat_of(case, book, on=day), exposure_of(case, book, on=day)) for case in book.cases]
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
        endpoint_of(endpoint, asked_rules(rules) if rules is not None else self.casebook(on=on).protocol.endpoints)
        found = self.endpoints(on=on, rules=rules)
        return explain(self._streams, found, endpoint, whom, known_at=self.position, on=as_day(on))

    def answers(
        self, *, on: date | str, rules: EndpointRules | None = None, progress: Callable[[int], None] = lambda _: None
    ) -> Answers:
        """Give every answer at once: the participants are read once for all of them.

        Args:
            on: the day for which windows are judged.
            rules: other definitions of the endpoints than those of the protocol in force.
            progress: told the number of entries of each participant that was read.
        """
        day, book = as_day(on), self.casebook(on=on)
        asked_progress(progress)
        if rules is not None:
            book = attrs.evolve(book, protocol=attrs.evolve(book.protocol, endpoints=asked_rules(rules)))
        seats, dispositions, exposures, values = [], [], [], []
        asked = windowed(book.protocol.endpoints)
        with cycles_left_alone():
            for case in book.cases:
                seats.append(seat_of(case, book, on=day))
                if (disposition := disposition_of(case, book)) is not None:
                    dispositions.append(disposition)
                exposures.append(exposure := exposure_of(case, book, on=day))
                read = participant_values(case, asked, level=exposure.level, on=day)
                values.append(read.values)
                progress(len(case.entries))
                del case, read  # or one participant stays in memory while the next is read
        counts = count(seats, book)
        state = escalation_of(counts, book, on=day)
        return Answers(
            escalation=state,
            dlt_counts=counts,
            endpoints=summarize(endpoint_values(values, exposures, counts, state, book.protocol)),
            flow=flow_of(dispositions, book),
            safety=safety_of(exposures, book, on=day),
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
        day = as_day(on)
        if self._latest_day is not None and day > self._latest_day:
            raise MomentInvalid(
                f"{day} is after {self._latest_day}, the day that was asked about: choose an earlier one"
            )
        return read_casebook(self._streams, on=day)


@attrs.frozen
class _Kept:
    """Entries that were never stored, by their positions: a history of them can be pickled."""

    entries: Sequence[Entry]

    def streams(self, leave_out: Collection[type[Fact]] = ()) -> Streams:
        ordered = sorted(self.entries, key=lambda entry: (entry.stream, entry.version))
        return by_stream(entry for entry in ordered if type(entry.fact) not in leave_out)

    def stream(self, stream: str) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.stream == stream)

    def latest_first(self) -> Iterator[Entry]:
        return reversed(self.entries)
