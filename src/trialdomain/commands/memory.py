"""The memory of a process: what it has read of each trial, so that a command reads only what is new.

The log alone is believed: nothing is kept on a disk, and the last entry that was read is compared with the log each
time. What is known at a position never changes, so threads share it. It is kept only where the entries are committed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from typing import Any

import attrs
from typing_extensions import override

from trialdomain.aggregates.cohort import Cohort
from trialdomain.aggregates.participant import PASSED_OVER
from trialdomain.events.access import AccessRefused
from trialdomain.events.entries import current, current_entries, target_version
from trialdomain.events.participant import ParticipantFact
from trialdomain.events.recorded import Entry, Recorded
from trialdomain.events.registry import NAMES
from trialdomain.events.trial import ProtocolAmended, TrialRegistered
from trialdomain.projections.casebook import Case, Casebook, case_of, casebook_on
from trialdomain.projections.deaths import RELATED_DEATHS
from trialdomain.projections.dlt_counts import DLT_COUNTS, CountBasis, DltCounts, DltPart, dlt_part_of
from trialdomain.projections.trial_record import TrialRecord
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.mapper import entries_of, entry_of
from trialdomain.storage.store import LogReader, Row, StoredEntry
from trialdomain.values.clinical.level import Label
from trialdomain.values.given.in_short import in_short
from trialdomain.values.ids import access_stream, cohort_stream, level_of, subject_of, trial_stream

_STATES = 4
"""The most positions of one trial that are known at once: threads may decide at different ones."""
_TRIALS = 100
"""The most trials that are known at once: a service may have thousands in one log."""
_END = 2**63 - 1
"""Beyond the last position of any trial."""
_DAYS = 3
"""The most parts that are kept of one participant: a decision may ask about several days."""


def uncounted(versions: Iterable[TrialProtocol]) -> frozenset[type[ParticipantFact]]:
    """Return the types of facts that participants skip and that change no DLT count by any protocol version."""
    return frozenset(PASSED_OVER) - DLT_COUNTS.reads(versions)


@attrs.frozen(eq=False)
class Part:
    """What one participant contributes to the counts, and the days from and to which it stays so."""

    __repr__ = in_short

    stream: str
    counted: DltPart
    died: str | None
    """The participant's code, if they died of an event related to the infusion."""
    first: date
    last: date

    @classmethod
    def of(cls, case: Case, book: Casebook, *, on: date, turns: Sequence[date] = ()) -> "Part":
        """Judge one participant on a day.

        Args:
            case: the case of the participant, read for that day.
            book: the casebook of that day.
            on: the day.
            turns: the last days of the protocol versions.
        """
        counted = dlt_part_of(case, book, on=on)
        first, last = case.same_from_to(on, (*turns, *counted.turns))
        return cls(case.stream, counted, RELATED_DEATHS.part(case, book, on), first, last)


@attrs.define(eq=False)
class Parts:
    """The parts of all participants on some days, and what they add up to, as it was asked for last."""

    __repr__ = in_short

    of: Mapping[str, Part]
    """By stream."""
    first: date
    last: date
    """From the first to the last of these days, none of the parts changes; there may be more such days."""
    changed: Collection[str] = ()
    """The streams that have changed since."""
    _last_count: tuple[CountBasis, DltCounts] | None = None

    @cached_property
    def dlt_parts(self) -> Sequence[DltPart]:
        """What each participant contributes to the counts, in the order of the streams."""
        return tuple([self.of[stream].counted for stream in sorted(self.of)])

    def count(self, book: Casebook) -> DltCounts:
        """Count them, with the casebook of the trial and its cohorts; not again if that takes the same as last time."""
        basis, last = CountBasis.of(book), self._last_count
        if last is None or last[0] != basis:
            self._last_count = last = basis, basis.count(self.dlt_parts)
        return last[1]


@attrs.frozen(eq=False)
class Counted:
    """The parts of all participants on a day, with the casebook of the trial and its cohorts."""

    __repr__ = in_short

    book: Casebook
    _parts: Parts
    on: date

    @classmethod
    def of(cls, book: Casebook, *, on: date) -> "Counted":
        """Read every case of a casebook."""
        return cls(book, Parts({case.stream: Part.of(case, book, on=on) for case in book.cases}, on, on), on)

    @property
    def counts(self) -> DltCounts:
        """The DLT counts of every level."""
        return self._parts.count(self.book)

    @property
    def parts(self) -> Sequence[DltPart]:
        """What each participant contributes to the counts, in the order of the streams."""
        return self._parts.dlt_parts

    @property
    def deaths(self) -> frozenset[str]:
        """The participants who died of an event related to the infusion."""
        return RELATED_DEATHS.whole([part.died for part in self._parts.of.values()], self.book, self.on)


@attrs.define(eq=False)
class _Kept:
    """The last parts that were computed of each participant, by stream; threads share it, and only replace values."""

    of: dict[str, tuple[Part, ...]] | None = None
    """None before the participants are read for the first time."""
    last: Parts | None = None
    """The parts that were asked for last."""

    def after(self, changed: Collection[str]) -> "_Kept":
        """Return the parts without those of some streams, which are new or have changed."""
        if self.of is None:
            return _Kept()
        of = {**self.of, **dict.fromkeys(changed, ())}
        last = self.last
        if last is not None and changed:
            last = Parts(last.of, last.first, last.last, {*last.changed, *changed})
        return _Kept(of, last)


@attrs.frozen(eq=False)
class Known:
    """A trial as it is known at one position; only its parts are computed later, and are the same for all threads."""

    __repr__ = in_short

    trial: str
    position: int
    tail: StoredEntry
    """The entry at the position, by which the log is recognized."""
    streams: Mapping[str, Sequence[Entry]]
    """The entries of the trial's own stream, and of its cohorts."""
    record: TrialRecord
    folded: Mapping[Label, Cohort]
    """The cohorts; nobody applies an entry to them."""
    _kept: _Kept = attrs.Factory(_Kept)

    @classmethod
    def read(cls, log: LogReader, tail: StoredEntry) -> "Known":
        """Read the trial and its cohorts up to an entry; the participants are read when they are first counted."""
        trial, position = tail.trial, tail.position

        def entries(stream: str) -> list[Entry]:
            return list(entries_of(stream, log.stream(stream, until=position)))

        own = entries(trial_stream(trial))
        labels = dict.fromkeys(label for protocol in _protocols(own) for label in protocol.labels)
        streams = {trial_stream(trial): own}
        folded = dict[Label, Cohort]()
        for label in labels:
            stream = cohort_stream(trial, label)
            streams[stream] = entries(stream)
            folded[label] = _fold(Cohort(label), current_entries(streams[stream]))
        record = TrialRecord.of((stream, current(entries)) for stream, entries in streams.items())
        return cls(trial, position, tail, streams, record, folded)

    @property
    def left_out(self) -> frozenset[type[ParticipantFact]]:
        """The kinds of facts that change no count."""
        return uncounted(_protocols(self.streams[trial_stream(self.trial)]))

    def followed_by(self, rows: Sequence[StoredEntry]) -> "Known | None":
        """Return what is known after further entries; None where an entry changes what was read before it."""
        names = {NAMES[kind] for kind in (*self.left_out, AccessRefused)}
        changed, of_trial = set[str](), list[Entry]()
        for row in rows:
            stream = str(row.originator_id)
            if row.topic in names:
                continue
            if subject_of(stream) is not None:
                changed.add(stream)
                continue
            entry = entry_of(row)
            if isinstance(entry.fact, TrialRegistered | ProtocolAmended) or target_version(entry) is not None:
                return None
            of_trial.append(entry)
            if entry.envelope.caused_by is not None and subject_of(entry.envelope.caused_by.stream) is not None:
                changed.add(entry.envelope.caused_by.stream)
        record = self.record.followed_by(of_trial)
        streams, folded = dict(self.streams), dict(self.folded)
        for stream, together in groupby(sorted(of_trial, key=_by_stream), key=lambda entry: entry.stream):
            following = list(together)
            streams[stream] = [*streams.get(stream, ()), *following]
            if (level := level_of(stream)) is not None:
                folded[level] = _fold(folded[level].copied() if level in folded else Cohort(level), following)
        return Known(self.trial, rows[-1].position, rows[-1], streams, record, folded, self._kept.after(changed))

    def book(self, on: date) -> Casebook:
        """Return the casebook of a day, without cases."""
        return casebook_on(self.record, _NOT_KEPT, on=on)

    def parts(self, log: LogReader, book: Casebook, *, on: date) -> Parts:
        """Return the parts of all participants on a day; read and judge those that are not known."""
        turns, left_out = self.turns, self.left_out

        def judged(stream: str, rows: Sequence[Row]) -> Part:
            case = case_of(stream, entries_of(stream, rows, leave_out=left_out), on=on)
            return Part.of(case, book, on=on, turns=turns)

        kept = self._kept.of
        if kept is None:
            others = {*self.streams, access_stream(self.trial)}
            read = log.streams(self.trial, until=self.position, leave_out=others)
            kept = {stream: (judged(stream, rows),) for stream, rows in read if subject_of(stream) is not None}
            self._kept.of = kept
        before = self._kept.last
        if before is None or not before.first <= on <= before.last:
            before = Parts({}, date.min, date.max, changed=kept)
        if not before.changed:
            return before
        found, first, last = dict(before.of), before.first, before.last
        for stream in before.changed:
            known = kept[stream]
            part = next((one for one in known if one.first <= on <= one.last), None)
            if part is None:
                part = judged(stream, log.stream(stream, until=self.position))
                kept[stream] = (part, *known)[:_DAYS]
            found[stream] = part
            first, last = max(first, part.first), min(last, part.last)
        self._kept.last = parts = Parts(found, first, last)
        return parts

    def keep_parts(self, parts: Mapping[str, Part]) -> None:
        """Keep the parts of all participants, by stream, where a caller has judged them already."""
        if self._kept.of is None:
            self._kept.of = {stream: (part,) for stream, part in parts.items()}

    @property
    def turns(self) -> list[date]:
        """Return the last day of each protocol version but the last."""
        facts = (entry.fact for entry in self.record.own)
        return [fact.effective_on - timedelta(days=1) for fact in facts if isinstance(fact, ProtocolAmended)]


class _NotKept(Iterable[Case]):
    """The cases of a casebook for which the participants were not read."""

    @override
    def __iter__(self) -> Iterator[Case]:
        raise LookupError("the cases are not kept: ask for the casebook of the snapshot")


_NOT_KEPT = _NotKept()
_position_of = attrgetter("position")


class Memory:
    """The trials that a process has read: of each, what was known at the last positions."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Known, ...]] = {}

    def now(self, log: LogReader, trial: str, *, committed: bool) -> Known | None:
        """Return what is known of a trial at its end; None where it has no entry.

        Where this process knows the trial, one query reads the last known entry and what is new.

        Args:
            log: the log.
            trial: the trial.
            committed: as for :meth:`at`.
        """
        newest = max(self._known.get(trial, ()), key=_position_of, default=None)
        known = None if newest is None else _extended(newest, log, _END)
        if known is not None:
            self._keep(known, committed=committed)
            return known
        position = log.head(trial)
        return self.at(log, trial, position, committed=committed) if position else None

    def at(self, log: LogReader, trial: str, position: int, *, committed: bool) -> Known:
        """Return what is known of a trial at a position; read what is new since an earlier one.

        Args:
            log: the log.
            trial: the trial.
            position: the last position to read.
            committed: whether the entries up to it are committed; if not, they may be gone later, and are not kept.
        """
        before = self._known.get(trial, ())
        earlier = max((one for one in before if one.position <= position), key=_position_of, default=None)
        known = None if earlier is None else _extended(earlier, log, position)
        if known is None:
            (tail,) = log.in_log_order(trial, after=position - 1, until=position)
            known = Known.read(log, tail)
            if earlier is not None:
                self.forget(trial)  # another log, or a changed meaning; else only an older position
        self._keep(known, committed=committed)
        return known

    def _keep(self, known: Known, *, committed: bool) -> None:
        if not committed:
            return
        before = self._known.pop(known.trial, ())  # the trial that was asked for last is the last one
        states = {one.position: one for one in (*before, known)}
        self._known[known.trial] = tuple(states[at] for at in sorted(states, reverse=True)[:_STATES])
        for other in list(self._known)[:-_TRIALS]:
            self._known.pop(other, None)

    def forget(self, trial: str) -> None:
        """Forget a trial: after an error that is no refusal."""
        self._known.pop(trial, None)


def _extended(known: Known, log: LogReader, position: int) -> Known | None:
    """Return what is known after the entries up to a position; None if it is another log, or has to be read anew."""
    rows = list(log.in_log_order(known.trial, after=known.position - 1, until=position))
    if not rows or rows[0] != known.tail or rows[0].position != known.position:
        return None
    return known.followed_by(rows[1:]) if len(rows) > 1 else known


def _fold(cohort: Cohort, entries: Iterable[Recorded[Any]]) -> Cohort:
    for entry in entries:
        cohort.apply(entry)
    return cohort


def _protocols(own: Iterable[Entry]) -> list[TrialProtocol]:
    return [entry.fact.protocol for entry in own if isinstance(entry.fact, TrialRegistered | ProtocolAmended)]


def _by_stream(entry: Entry) -> tuple[str, int]:
    return entry.stream, entry.version
