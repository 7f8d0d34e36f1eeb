"""What a view is given: one participant, or the trial and its cohorts, as known at a position, for any day.

What depends on the calendar is computed as spans of days. They begin on the day on which the last entry was recorded:
before it, less was known (``known_at``). They end on the last day of the years of trials.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta, tzinfo
from functools import cached_property
from typing import Any, Generic, TypeVar

import attrs

from trialdomain.aggregates.cohort import Cohort
from trialdomain.commands.memory import Known, Part
from trialdomain.events.entries import Current, current
from trialdomain.events.recorded import Entry, Recorded
from trialdomain.projections.casebook import Case, Casebook, case_of_current
from trialdomain.projections.deaths import RELATED_DEATHS
from trialdomain.projections.decisions import versions_recorded
from trialdomain.projections.dlt_counts import DLT_COUNTS, DltCounts, DltPart, Member, members_of
from trialdomain.projections.endpoints.participant import observation_of
from trialdomain.projections.endpoints.trial import endpoint_values
from trialdomain.projections.endpoints.value import Value
from trialdomain.projections.endpoints.view import EndpointsView
from trialdomain.projections.safety import SAFETY, Exposure
from trialdomain.projections.trial_record import TrialRecord
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.observation import Observation
from trialdomain.storage.mapper import entries_of
from trialdomain.storage.store import LogReader
from trialdomain.values.calendar import LAST_YEAR, site_day
from trialdomain.values.clinical.level import Label
from trialdomain.values.ids import participant_stream, subject_of

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
LAST_DAY = date(LAST_YEAR, 12, 31)
"""The last day for which a trial can be asked."""
_DAY = timedelta(days=1)


@attrs.frozen
class Span(Generic[T_co]):
    """A value, and the days from and to which it stays, both inclusive."""

    first: date
    last: date
    value: T_co


class KnownTrial:
    """A trial and its cohorts, as known at a position.

    Args:
        log: the log.
        known: what the process knows of the trial at that position.
    """

    def __init__(self, log: LogReader, known: Known) -> None:
        self._log, self._known = log, known
        self._books: dict[date, Casebook] = {}
        self._endpoints: dict[int, EndpointsView] = {}
        self.trial = known.trial
        """The code of the trial."""
        self.position = known.position
        """The last position that is known."""

    @property
    def record(self) -> TrialRecord:
        """The current entries of the trial's own stream and of its cohorts."""
        return self._known.record

    @property
    def cohorts(self) -> Mapping[Label, Cohort]:
        """The cohorts, by the label of their level; apply no entry to them."""
        return self._known.folded

    @property
    def streams(self) -> Mapping[str, Sequence[Entry]]:
        """Every entry of the trial's own stream and of its cohorts, by stream."""
        return self._known.streams

    @cached_property
    def versions(self) -> Sequence[TrialProtocol]:
        """Every version of the protocol, in the order of recording."""
        return versions_recorded(self.record.own)

    @cached_property
    def turns(self) -> Sequence[date]:
        """The last day of each version of the protocol but the last."""
        return self._known.turns

    def day_of(self, entry: Recorded[Any]) -> date:
        """Return the day on which an entry was recorded; of the days at several sites, the earliest."""
        return min(site_day(entry.envelope.recorded_at, zone) for zone in self._zones)

    @cached_property
    def _zones(self) -> Sequence[tzinfo]:
        """The zones of the trial and of its sites, by every version of the protocol."""
        places = ((version, one) for version in self.versions for one in (None, *(site.id for site in version.sites)))
        return list(dict.fromkeys(version.zone_at(one) for version, one in places))

    @cached_property
    def _decided(self) -> Sequence[date]:
        """The last day before each decision counts."""
        return [entry.fact.basis.on - _DAY for entry in self.record.decisions]

    @cached_property
    def first_day(self) -> date:
        """The day on which the last entry of the trial's own stream and of its cohorts was recorded."""
        last = max((entries[-1] for entries in self.streams.values() if entries), key=lambda entry: entry.position)
        return self.day_of(last)

    def book(self, on: date = LAST_DAY) -> Casebook:
        """Return the casebook of a day, without cases."""
        if on not in self._books:
            self._books[on] = self._known.book(on)
        return self._books[on]

    def dlt_part(self, stream: str, on: date) -> Span[DltPart]:
        """Return what a participant contributes to the counts on a day, and the days on which it stays so."""
        known = current(list(entries_of(stream, self._log.stream(stream, until=self.position))))
        case = case_of_current(stream, known, on=on)
        return self.dlt_span(case, on)

    def dlt_span(self, case: Case, on: date) -> Span[DltPart]:
        """Judge the case of a day for the counts."""
        part = DLT_COUNTS.part(case, self.book(on), on)
        return Span(*case.same_from_to(on, (*self.turns, *part.turns)), part)

    def counts(self) -> Iterator[Span[DltCounts]]:
        """Yield the DLT counts from the first day on."""
        day = self.first_day
        while day <= LAST_DAY:
            book = self.book(day)
            parts = self._known.parts(self._log, book, on=day)
            turns = (one for one in (*self.turns, *self._decided) if one >= day)
            # Not parts.last, which depends on the days that were asked about before.
            last = min([LAST_DAY, *(part.last for part in parts.of.values()), *turns])
            yield Span(day, last, parts.count(book))
            day = last + _DAY

    def endpoints(self, protocol: TrialProtocol) -> EndpointsView:
        """Return the view of the endpoints of a version of the protocol."""
        if id(protocol) not in self._endpoints:
            self._endpoints[id(protocol)] = EndpointsView.of(protocol)
        return self._endpoints[id(protocol)]

    def keep_parts(self, parts: Mapping[str, Part]) -> None:
        """Keep what all participants contribute to the counts, by stream, so that they are not read again."""
        self._known.keep_parts(parts)

    def causes_of(self, subject: str) -> frozenset[str]:
        """Name the streams of other participants whose entries caused the release of a participant's slot."""
        return self._causes.get(subject, frozenset())

    @cached_property
    def _causes(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for _, entry in self.record.releases:
            cause = entry.envelope.caused_by
            if cause is not None and subject_of(cause.stream) not in {None, entry.fact.subject}:
                found.setdefault(entry.fact.subject, set()).add(cause.stream)
        return {subject: frozenset(streams) for subject, streams in found.items()}

    def released_by(self, stream: str) -> Iterator[str]:
        """Yield the other participants whose slots were released because of an entry of a participant."""
        return (subject for subject, streams in self._causes.items() if stream in streams)


class KnownParticipant:
    """One participant, as known at the position of the trial.

    Args:
        trial: the trial.
        subject: the code of the participant.
        recorded: every entry of the participant's stream, in order.
    """

    def __init__(self, trial: KnownTrial, subject: str, recorded: Sequence[Entry]) -> None:
        self.trial, self.subject, self.recorded = trial, subject, recorded
        self._cases: dict[date, Case] = {}
        self._exposures: dict[tuple[int, int], Exposure] = {}
        self._dlt_parts: list[Span[DltPart]] = []
        self._evaluated: dict[date, tuple[Member | None, date]] = {}

    @cached_property
    def current(self) -> Current[Any]:
        """The entries that no later entry corrects or voids."""
        return current(self.recorded if isinstance(self.recorded, list) else list(self.recorded))

    @property
    def first_day(self) -> date:
        """The day on which the participant's last entry was recorded."""
        return self.trial.day_of(self.recorded[-1])

    def case(self, on: date = LAST_DAY) -> Case:
        """Return the case of a day; by default with every current entry, whatever its date."""
        if on < LAST_DAY and on >= self.case().last_day:
            return self.case()  # no entry is dated later
        if on not in self._cases:
            stream = participant_stream(self.trial.trial, self.subject)
            self._cases[on] = case_of_current(stream, self.current, on=on)
        return self._cases[on]

    def exposure(self, on: date = LAST_DAY) -> Exposure:
        """Return the adverse events of a day; by default with every current entry."""
        case, book = self.case(on), self.trial.book(on)
        key = id(case), id(book.versions[-1][1])
        if key not in self._exposures:  # of one case and one protocol, it is the same on any day
            self._exposures[key] = SAFETY.part(case, book, on)
        return self._exposures[key]

    def _dlt_part(self, on: date) -> Span[DltPart]:
        """Return what the participant contributes to the counts on a day, and the days on which it stays so."""
        for span in self._dlt_parts:
            if span.first <= on <= span.last:
                return span
        self._dlt_parts.append(self.trial.dlt_span(self.case(on), on))
        return self._dlt_parts[-1]

    @cached_property
    def part(self) -> Part:
        """What the participant contributes to the counts on the first day of the trial's own rows."""
        on = self.trial.first_day
        case, book = self.case(on), self.trial.book(on)
        span = self._dlt_part(on)
        return Part(case.stream, span.value, RELATED_DEATHS.part(case, book, on), span.first, span.last)

    def members(self) -> list[Span[Member | None]]:
        """Return the DLT evaluation from the first day on; None outside a cohort, and without a DLT rule."""
        spans, day = [], self.first_day
        while day <= LAST_DAY:
            member, last = self._member(day)
            spans.append(Span(day, last, member))
            day = last + _DAY
        return spans

    def _member(self, on: date) -> tuple[Member | None, date]:
        """Evaluate the participant on a day; return also the last day on which that is so."""
        if on not in self._evaluated:
            case, book = self.case(on), self.trial.book(on)
            own = self._dlt_part(on)
            if book.protocol.dlt is None:
                self._evaluated[on] = None, min(case.same_from_to(on, self.trial.turns)[1], LAST_DAY)
                return self._evaluated[on]
            others = [self.trial.dlt_part(stream, on) for stream in self.trial.causes_of(self.subject)]
            members = members_of([one.value for one in (own, *others)], book)
            member = next((one for one in members if one.subject == self.subject), None)
            self._evaluated[on] = member, min(LAST_DAY, *(one.last for one in (own, *others)))
        return self._evaluated[on]

    def endpoint_values(self, on: date) -> Mapping[str, Value]:
        """Return the value of every endpoint of the protocol, by its code, with a day as the data cut-off."""
        case, book = self.case(on), self.trial.book(on)
        view = self.trial.endpoints(book.protocol)
        exposure, own = self.exposure(on), self._dlt_part(on).value
        part = view.part_with(case, book, on, exposure, None)
        others = [self.trial.dlt_part(stream, on).value for stream in self.trial.causes_of(self.subject)]
        counts = DLT_COUNTS.whole([own, *others], book, on)
        found = endpoint_values({self.subject: part.values}, [exposure], counts, None, view.protocol)
        return {code: values[0] for code, values in found.values.items() if values}

    def endpoint_spans(self, row: Callable[[Value], T]) -> Iterator[tuple[str, Span[T]]]:
        """Yield what is shown of every endpoint value from the first day on, by its code.

        With no further entries, what is shown of a value changes on few days: when a window ends, or a gap becomes too
        long. Where it is the same on two days, it is the same between them, unless a dated entry or the end of a window
        lies between.

        Args:
            row: returns what is shown of a value.
        """
        shown: dict[date, dict[str, T]] = {}

        def at(day: date) -> dict[str, T]:
            if day not in shown:
                shown[day] = {code: row(value) for code, value in self.endpoint_values(day).items()}
            return shown[day]

        begins = [self.first_day, *self._turning_days()]
        ends = [*(day - _DAY for day in begins[1:]), LAST_DAY]
        open_spans: dict[str, Span[T]] = {}
        for first, last in zip(begins, ends, strict=True):
            for code in at(first):
                for span in _spans(first, last, code, at):
                    before = open_spans.get(code)
                    if before is not None and before.value == span.value and before.last + _DAY == span.first:
                        open_spans[code] = Span(before.first, span.last, span.value)
                        continue
                    if before is not None:
                        yield code, before
                    open_spans[code] = span
        yield from open_spans.items()

    def _turning_days(self) -> list[date]:
        """Return the days after the first one on which an entry begins to count, or a window has ended."""
        first, days = self.first_day, set[date]()
        for member in self.members()[1:]:
            days.add(member.first)
        day = first
        while day < LAST_DAY:
            _, last = self.case(day).same_from_to(day, self.trial.turns)
            day = min(last, LAST_DAY) + _DAY
            days.add(day)
        for at in (first, *days):
            if at <= LAST_DAY:
                days |= set(self._window_ends(at))
        return sorted(day for day in days if first < day <= LAST_DAY)

    def _window_ends(self, on: date) -> Iterator[date]:
        """Yield the day after each window of the endpoints, and after the days in which a value may confirm."""
        case, protocol = self.case(on), self.trial.book(on).protocol
        for rules in {id(one.rules): one.rules for one in self.trial.endpoints(protocol).asked}.values():
            frame = observation_of(case, rules, on=on)
            if isinstance(frame, Observation):
                yield frame.window_last + _DAY
                yield frame.window_last + timedelta(days=rules.max_gap_days + 1)


def _spans(first: date, last: date, code: str, at: Callable[[date], Mapping[str, T]]) -> Iterator[Span[T]]:
    """Split days into spans of one value; where both ends have one value, it is that of all days between them."""
    if last == LAST_DAY or at(first)[code] == at(last)[code]:  # the last window has ended: nothing changes any more
        yield Span(first, last, at(first)[code])
    else:
        middle = first + (last - first) // 2
        yield from _spans(first, middle, code, at)
        yield from _spans(middle + _DAY, last, code, at)
