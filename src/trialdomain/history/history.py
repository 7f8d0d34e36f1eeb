"""The read API of a trial: every answer, as it was known at one moment."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, tzinfo
from functools import partial
from itertools import chain, takewhile
from typing import Any, TypeVar

import attrs

from trialdomain.errors import LogCorrupt
from trialdomain.events.access import AccessRefused
from trialdomain.events.entries import current_entries
from trialdomain.events.numbered import numbered
from trialdomain.events.participant import Enrolled, Infused, LevelReassigned
from trialdomain.events.recorded import Draft, Entry, Fact
from trialdomain.events.trial import SoftwareChanged, TrialExported, TrialRegistered, UserRegistered
from trialdomain.history.answers import Answers
from trialdomain.history.asked import (
    asked_drafts,
    asked_kind,
    asked_part,
    asked_progress,
    asked_protocol,
    asked_rules,
    asked_text,
    asked_texts,
)
from trialdomain.history.difference import Diff, changed_values
from trialdomain.history.explaining import QuestionInvalid, endpoint_of, explain
from trialdomain.history.moments import MomentInvalid
from trialdomain.history.since import Tracing
from trialdomain.history.sources import Kept, ReadStreams, Replaced, assigned_or_given, refuse_unlike_a_log
from trialdomain.history.what_if import WhatIf, compare, of_trial
from trialdomain.projections.casebook import Casebook, Streams, read_casebook
from trialdomain.projections.decisions import DecisionAudit, audit_decisions, versions_recorded
from trialdomain.projections.dlt_counts import DLT_COUNTS, DltCounts, count, members_of
from trialdomain.projections.endpoints.view import EndpointsView
from trialdomain.projections.escalation import Escalation, escalation, escalation_of
from trialdomain.projections.flow import FLOW, Flow
from trialdomain.projections.other_protocol import (
    Change,
    DecisionOtherwise,
    VersionOtherwise,
    decisions_otherwise,
    versions_otherwise,
)
from trialdomain.projections.people import People
from trialdomain.projections.reconciliation import Difference, reconciliation
from trialdomain.projections.review import Review, review_of
from trialdomain.projections.safety import SAFETY, Safety, safety_of
from trialdomain.projections.trail import Asked, TrailEntry, trail_of
from trialdomain.projections.view import EVERY_KIND, View, answer, left_out
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.endpoints.standard import STANDARD_ENDPOINTS
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.reports.endpoints.explanation import Explanation
from trialdomain.reports.endpoints.summaries import Endpoints, summarize
from trialdomain.values.calendar import as_day, site_day
from trialdomain.values.clinical.level import Label
from trialdomain.values.collector import garbage_collector_paused
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.plain import plain
from trialdomain.values.given.text import is_storable, short
from trialdomain.values.ids import level_of, subject_of, trial_stream
from trialdomain.values.progress import Progress, counted, ignore_progress

Part = TypeVar("Part")
Whole = TypeVar("Whole")
SAYS_NOTHING = (UserRegistered, SoftwareChanged, TrialExported, AccessRefused)
"""Facts about users, software, exports and access; they do not change the answers about the trial."""


@attrs.frozen
class History:
    """A trial as it was known at one moment; its methods answer questions about the trial.

    The argument ``on`` of a method is the calendar day, at the site, for which windows are judged.
    """

    __repr__ = in_short

    trial: str
    position: int
    """The last known position."""
    _streams: ReadStreams
    _stream: Callable[[str], Iterable[Entry]]
    """Returns the entries of one stream; empty if there is no such stream."""
    _latest_first: Callable[[], Iterator[Entry]]
    zone: tzinfo
    """The time zone of the site; UTC if the protocol has none."""
    _latest_day: date | None = None
    """The day of the chosen moment at the site; windows cannot be judged for a later day. None: no moment chosen."""

    @classmethod
    def of(cls, drafts: Iterable[Draft[Any]]) -> "History":
        """Make a history of drafts that were never stored, for tests, in the order in which they would be recorded.

        Raises:
            MomentInvalid: no draft registers a trial.
            QuestionInvalid: a draft is of another trial, or corrects a fact of another kind.
        """
        entries = numbered(asked_drafts(drafts))
        registered = next((entry.fact for entry in entries if isinstance(entry.fact, TrialRegistered)), None)
        if registered is None:
            raise MomentInvalid("no fact registers a trial: begin with one that does")
        refuse_unlike_a_log(entries, registered.protocol.trial)
        kept = Kept(entries)
        zone = registered.protocol.site_zone
        return cls(registered.protocol.trial, len(entries), kept.streams, kept.stream, kept.latest_first, zone)

    def streams(self) -> Streams:
        """Yield every stream with its entries: the stream of the trial, then of cohorts, then of participants."""
        return self._streams()

    def entries_of(self, stream: str) -> Iterator[Entry]:
        """Yield the entries of one stream; nothing if there is no such stream.

        Raises:
            QuestionInvalid: the name of the stream is not a text.
        """
        named = asked_kind("the stream", plain(stream), str)
        return iter(self._stream(named) if is_storable(named) else ())

    def entries(self) -> Iterator[Entry]:
        """Yield every known entry by stream, the stream of the trial first."""
        return chain.from_iterable(entries for _, entries in self._streams())

    def entries_after(self, position: int) -> Iterator[Entry]:
        """Yield the entries after a position, the latest first.

        Raises:
            QuestionInvalid: the position is not a whole number.
        """
        after = asked_kind("the position", plain(position), int)
        return takewhile(lambda entry: entry.position > after, self._latest_first())

    def trail(
        self,
        subject: str | None = None,
        *,
        asked: Asked | None = None,
        progress: Callable[[int], object] = lambda _: None,
    ) -> Iterator[TrailEntry]:
        """Yield the audit trail: each entry with its field changes, its user, its time and its reason.

        Args:
            subject: a participant; or ``"trial"``, ``"cohort/1"`` or ``"access"``; None for every stream, one after
                another.
            asked: a filter for entries and fields; by default the whole trail.
            progress: a callback, called with the number of further entries read.

        Raises:
            QuestionInvalid: the log has no entries of the subject.
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
            f"the log has no entries of {short(subject)!r} at position {self.position}: name a participant, "
            f"'cohort/1' or another level, 'trial' or 'access'"
        )

    def diff(self, later: "History", *, on: date | str | None = None) -> Diff:
        """Compare with a later moment of the same trial: new entries, changed values and recommendations.

        Args:
            later: the history of the same trial at the later moment.
            on: the day for which windows are judged in both, so that only the known data differ; by default, in each
                history the day of its last entry.

        Raises:
            MomentInvalid: the other history is earlier, or of another trial; or the day is after one of the moments.
        """
        asked_kind("the later history", later, History)
        if self.trial != later.trial or self.position > later.position:
            raise MomentInvalid(
                f"position {self.position} of {self.trial} and {later.position} of {later.trial}: "
                f"give two moments of one trial, the earlier one first"
            )
        days = [history.last_day() if on is None else as_day(on) for history in (self, later)]
        before, after = (history.answers(on=day) for history, day in zip((self, later), days, strict=True))
        return Diff(
            trial=later.trial,
            earlier=self.position,
            later=later.position,
            on_earlier=days[0],
            on_later=days[1],
            entries=tuple(
                sorted(
                    later.trail(asked=Asked(after=self.position)),
                    key=lambda item: item.entry.position,
                )
            ),
            changed=changed_values(before, after),
        )

    def dlt_counts(self, *, on: date | str) -> DltCounts:
        """Count the participants by level and evaluation: with DLT, evaluable, pending and not evaluable."""
        return self._answer(DLT_COUNTS, on)

    def reconciliation(self, *, on: date | str) -> tuple[Difference, ...]:
        """Reconcile the facts of the cohorts with the casebook; in a log of this library they never differ."""
        return reconciliation(self._read_for(DLT_COUNTS, on), on=as_day(on))

    def escalation(self, *, on: date | str) -> Escalation | None:
        """Return the escalation state with the decision of the design; None if the protocol has no design."""
        return escalation(self._read_for(DLT_COUNTS, on), on=as_day(on))

    def decisions(self, *, progress: Callable[[int, int], None] = lambda _, __: None) -> Iterator[DecisionAudit]:
        """Audit every decision about the dose: the state as known then, whether it follows, and the answer of today.

        Args:
            progress: a callback, called with the number of audited decisions and the number of all decisions.
        """
        asked_progress(progress)
        return self._decisions(progress)

    def _decisions(self, progress: Callable[[int, int], None]) -> Iterator[DecisionAudit]:
        versions = versions_recorded(self._stream(trial_stream(self.trial)))
        return audit_decisions(self._streams, versions, zone=self.zone, progress=progress)

    def what_if(
        self,
        protocol: TrialProtocol | Change,
        *,
        on: date | str | None = None,
        progress: Progress = ignore_progress,
    ) -> WhatIf:
        """Judge the recorded trial by another protocol, and compare every answer. Nothing is written.

        The trial is not conducted anew: its participants, doses and decisions are those that were recorded. At each
        recorded decision, the other protocol is asked with what was known then.

        Args:
            protocol: the protocol that takes the place of every recorded version; or a function that returns the one
                for a recorded version, such as ``lambda recorded: attrs.evolve(recorded, dlt=rule)``.
            on: the day for which windows are judged; by default the day of the last entry.
            progress: a callback with the name of the work, the amount done, and the total.

        Raises:
            QuestionInvalid: it is no protocol, or lacks a level of which the log has entries.
            ProtocolInvalid: the function makes an invalid protocol.
        """
        asked_progress(progress)
        day = self.last_day() if on is None else as_day(on)
        versions, decisions, other = self._otherwise(protocol, progress)
        read = counted(progress, "reading entries", 2 * self.position)
        answers = self.answers(on=day, progress=read), other.answers(on=day, progress=read)
        worlds = of_trial(self.streams()), of_trial(other.streams())
        tracing = Tracing(self.trial, self.entries_of, worlds, self.zone, day)
        return compare(answers, versions, decisions, tracing, position=self.position, progress=progress)

    def under(self, protocol: TrialProtocol | Change, *, progress: Progress = ignore_progress) -> "History":
        """Return the recorded trial under another protocol: its answers are those of the other rules.

        Its audit of decisions, and its reconciliation, compare what was recorded with the other rules, so that they
        find what the recorded rules made.

        Args:
            protocol: as for ``what_if``.
            progress: a callback with the name of the work, the amount done, and the total.

        Raises:
            QuestionInvalid: it is no protocol, or lacks a level of which the log has entries.
            ProtocolInvalid: the function makes an invalid protocol.
        """
        asked_progress(progress)
        return self._otherwise(protocol, progress)[2]

    def _otherwise(
        self, protocol: TrialProtocol | Change, progress: Progress
    ) -> tuple[Sequence[VersionOtherwise], Sequence[DecisionOtherwise], "History"]:
        """Return the versions and the decisions as they would be, and the trial under the other protocol."""
        change = asked_protocol(protocol, self.trial, self._levels_used())
        versions = versions_otherwise(self._stream(trial_stream(self.trial)), change)
        decisions, entries = decisions_otherwise(
            self._streams, versions, zone=self.zone, progress=partial(progress, "asking at each decision")
        )
        read = Replaced(entries, self._streams, self._stream, self._latest_first)
        in_force = versions_recorded(current_entries(read.stream(trial_stream(self.trial))))
        other = attrs.evolve(
            self,
            streams=read.streams,
            stream=read.stream,
            latest_first=read.latest_first,
            zone=in_force[-1].site_zone,
        )
        return versions, decisions, other

    def _levels_used(self) -> Iterator[Label]:
        """Yield the labels of the levels that were opened, or at which a participant was enrolled or infused."""
        for stream, entries in self._streams(EVERY_KIND - {Enrolled, Infused, LevelReassigned}):
            level = level_of(stream)
            if level is not None:
                yield level
            elif subject_of(stream) is not None:
                yield from (level for entry in entries if (level := assigned_or_given(entry.fact)) is not None)

    def flow(self, *, on: date | str) -> Flow:
        """Return the participant flow, from screening to the end of observation."""
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
        """Derive the endpoints of the protocol: by participant, by dose level, and overall.

        Args:
            on: the data cut-off.
            rules: other definitions than those of the protocol in force, as a what-if. If they have the standard list
                of endpoints, the list of the protocol is kept.
            only: the codes of the endpoints to derive; entries that they do not need are not read.
            progress: a callback, called with the number of entries of each participant that was read.

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

    def protocol(self, *, on: date | str) -> TrialProtocol:
        """Return the version of the protocol that is in force on a day."""
        return self.casebook(on=on).protocol

    def _protocol(self, on: date | str, rules: EndpointRules | None) -> TrialProtocol:
        """Return the protocol in force, with other definitions of the endpoints if rules are set."""
        protocol = self.protocol(on=on)
        return protocol if rules is None else _redefined(protocol, rules)

    def _answer(self, view: View[Part, Whole], on: date | str) -> Whole:
        return answer(view, self._read_for(view, on), as_day(on))

    def _read_for(self, view: View[Any, Any], on: date | str) -> Casebook:
        """Return a casebook with the entries that a view reads."""
        versions = versions_recorded(self._stream(trial_stream(self.trial)))
        return self._casebook(on, left_out(view.reads(versions)))

    def review(self, *, on: date | str) -> Review:
        """Return the safety review: participants, DLTs, due dates, and data that are not assessed."""
        day, book = as_day(on), self.casebook(on=on)
        read = [(DLT_COUNTS.part(case, book, day), SAFETY.part(case, book, day)) for case in book.cases]
        dlt_parts, exposures = [dlt_part for dlt_part, _ in read], [exposure for _, exposure in read]
        summary = safety_of(exposures, book, on=day)
        return review_of(members_of(dlt_parts, book), count(dlt_parts, book), summary, book, on=day, zone=self.zone)

    def explain(
        self,
        endpoint: str,
        subject: str | None = None,
        *,
        on: date | str,
        rules: EndpointRules | None = None,
    ) -> Explanation:
        """Explain an endpoint: its definition, its evidence with users, and the examined entries.

        Args:
            endpoint: the code of the endpoint, such as ``"S9"``.
            subject: the participant; None for the whole trial.
            on: the data cut-off.
            rules: other definitions than those of the protocol in force.

        Raises:
            QuestionInvalid: the protocol has no such endpoint, or the trial has no such participant.
        """
        participant = asked_text("the subject", subject)
        asked = endpoint_of(endpoint, self._protocol(on, rules).endpoints)
        found = self.endpoints(on=on, rules=rules, only=[asked.id])
        return explain(self._streams, found, asked.id, participant, known_at=self.position, on=as_day(on))

    def answers(
        self, *, on: date | str, rules: EndpointRules | None = None, progress: Callable[[int], None] = lambda _: None
    ) -> Answers:
        """Return all answers at once, reading each participant only once.

        Args:
            on: the day for which windows are judged.
            rules: other definitions of the endpoints than those of the protocol in force. If they have the standard
                list of endpoints, the list of the protocol is kept.
            progress: a callback, called with the number of entries of each participant that was read.
        """
        day, book = as_day(on), self.casebook(on=on)
        asked_progress(progress)
        if rules is not None:
            book = attrs.evolve(book, protocol=_redefined(book.protocol, rules))
        endpoints = EndpointsView.of(book.protocol)
        dlt_parts, dispositions, exposures, values = [], [], [], []
        with garbage_collector_paused():
            for case in book.cases:
                dlt_parts.append(dlt_part := DLT_COUNTS.part(case, book, day))
                dispositions.append(FLOW.part(case, book, day))
                exposures.append(exposure := SAFETY.part(case, book, day))
                values.append(endpoints.part_with(case, book, day, exposure, dlt_part))
                progress(len(case.entries))
                del case  # free this participant before the next one is read
        counts = DLT_COUNTS.whole(dlt_parts, book, day)
        return Answers(
            escalation=escalation_of(counts, book, on=day),
            dlt_counts=counts,
            endpoints=summarize(endpoints.whole(values, book, day)),
            flow=FLOW.whole(dispositions, book, day),
            safety=SAFETY.whole(exposures, book, day),
        )

    def last_day(self) -> date:
        """Return the day, at the site, of the last entry about the trial itself.

        Entries about users, software, exports and access do not count.
        """
        about_trial = (entry for entry in self._latest_first() if not isinstance(entry.fact, SAYS_NOTHING))
        last = next(about_trial, None)
        if last is None:
            raise LogCorrupt(
                f"the log has no entry about trial {self.trial} itself, only about users and software: verify the log"
            )
        return site_day(last.meta.recorded_at, self.zone)

    def casebook(self, *, on: date | str) -> Casebook:
        """Return a casebook with every known entry that counts on a day."""
        return self._casebook(on, frozenset())

    def _casebook(self, on: date | str, leave_out: Collection[type[Fact]]) -> Casebook:
        day = as_day(on)
        if self._latest_day is not None and day > self._latest_day:
            raise MomentInvalid(
                f"{day} is after {self._latest_day}, the day that was asked about: choose an earlier one"
            )
        return read_casebook(partial(self._streams, leave_out), on=day)


def _redefined(protocol: TrialProtocol, rules: object) -> TrialProtocol:
    """Return the protocol with other definitions of the endpoints.

    The list of endpoints of the protocol stays, unless the definitions have a list other than the standard one.
    """
    asked = asked_rules(rules)
    if asked.derived == STANDARD_ENDPOINTS:
        asked = attrs.evolve(asked, derived=protocol.endpoints.derived)
    return attrs.evolve(protocol, endpoints=asked)
