"""A snapshot of a trial at one position, for one decision; it keeps the read set of the decision."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any, TypeAlias, TypeVar

from trialdomain.aggregates.cohort import Cohort
from trialdomain.aggregates.participant import PASSED_OVER, Participant
from trialdomain.aggregates.trial import Trial, TrialUnknown
from trialdomain.commands.memory import Counted, Known, Memory, Part, Parts, uncounted
from trialdomain.commands.site_time import placed
from trialdomain.events.access import AccessRefused
from trialdomain.events.entries import current_entries
from trialdomain.events.happened import happened
from trialdomain.events.participant import ParticipantFact
from trialdomain.events.recorded import Draft, Entry, EntryRef, Fact, Meta, Recorded
from trialdomain.events.registry import NAMES
from trialdomain.events.trial import ProtocolAmended, TrialRegistered
from trialdomain.projections.casebook import Casebook, case_of, read_casebook
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.mapper import entries_of, entry_of
from trialdomain.storage.store import LogReader, ReadSet, Row
from trialdomain.values.clinical.level import Label
from trialdomain.values.ids import access_stream, cohort_stream, participant_stream, subject_of, trial_stream

Drafts: TypeAlias = list[Draft[Fact]]


def drafts_in(
    stream: str, facts: Sequence[Fact], *, caused_by: EntryRef | None = None, deviation: str | None = None
) -> Drafts:
    """Make drafts of facts for a stream."""
    return [Draft(stream=stream, fact=fact, caused_by=caused_by, deviation=deviation) for fact in facts]


F = TypeVar("F")


def _new(following: Sequence[Draft[Any]]) -> list[TrialProtocol]:
    """Return the protocol versions that drafts bring in."""
    facts = (draft.fact for draft in following)
    return [fact.protocol for fact in facts if isinstance(fact, TrialRegistered | ProtocolAmended)]


class Snapshot:
    """A snapshot of the trial, from the moment when a decision began to read it."""

    def __init__(self, trial: str, log: LogReader, memory: Memory | None = None, *, committed: bool = True) -> None:
        """Begin to read a trial.

        Args:
            trial: the trial.
            log: the log.
            memory: what this process has read of it before.
            committed: whether every entry of the log is committed; the memory keeps no others.
        """
        self.id, self._log = trial, log
        self._known = (Memory() if memory is None else memory).now(log, trial, committed=committed)
        self.position = 0 if self._known is None else self._known.position
        self.read: dict[str, int] = {}
        """The version of each stream that was read on its own; 0 for one that does not exist."""
        self.moment: datetime | None = None
        """The time of the decision; None until it is first asked for."""
        self._times: dict[int, datetime | None] = {}
        if self._known is not None:
            self._times[self.position] = entry_of(self._known.tail).meta.recorded_at
        self._passed_over: frozenset[str] | None = None
        """The stored names that every reading of the whole trial has skipped; None before the first reading."""
        self._read_before: dict[frozenset[type[ParticipantFact]], tuple[dict[str, int], dict[str, list[Entry]]]] = {}
        self.trial = Trial()
        recorded = () if self._known is None else self._known.streams[trial_stream(trial)]
        self.read[trial_stream(trial)] = len(recorded)
        self.protocols = [e.fact.protocol for e in recorded if isinstance(e.fact, TrialRegistered | ProtocolAmended)]
        """Every protocol version that was ever recorded, in force or not."""
        _apply(recorded, self.trial.apply)

    @property
    def protocol(self) -> TrialProtocol:
        """The protocol in force.

        Raises:
            TrialUnknown: the trial is not registered.
        """
        if self.trial.protocol is None:
            raise TrialUnknown(trial=self.id)
        return self.trial.protocol

    def participant(self, subject: str) -> Participant:
        """Load one participant, with the version of the protocol that they consented to."""
        stream = participant_stream(self.id, subject)
        rows = self._rows(stream)
        participant = Participant(subject, self.protocol, left_out=self._left_out(stream, rows))
        _apply(entries_of(stream, rows, leave_out=PASSED_OVER), participant.apply)
        if rows and not participant.facts:  # perhaps only skipped facts are current: apply them all
            _apply(entries_of(stream, rows), participant.apply)
        if participant.consent is not None:
            participant.protocol = self.trial.versions.get(participant.consent.protocol_version, self.protocol)
        return participant

    def cohorts(self, *, following: Sequence[Draft[Any]] = ()) -> dict[Label, Cohort]:
        """Load the cohort of every dose level, with some drafts applied."""
        known, cohorts = self._as_known(), dict[Label, Cohort]()
        for level in self.protocol.labels:
            stream = cohort_stream(self.id, level)
            recorded = list(known.streams.get(stream, ()))
            self.read[stream] = len(recorded)
            drafts = [draft for draft in following if draft.stream == stream]
            if level in known.folded and not drafts:
                cohorts[level] = known.folded[level].copied()
                continue
            cohorts[level] = Cohort(level)
            _apply([*recorded, *self._as_entries(drafts, after=len(recorded))], cohorts[level].apply)
        return cohorts

    def counted(self, *, on: date, following: Sequence[Draft[Any]] = ()) -> Counted:
        """Count all participants on a day, with some drafts applied.

        The read set then is the whole trial, as of :meth:`casebook`. But only participants are read whose counts may
        have changed since this process read them.
        """
        if any(subject_of(draft.stream) is None for draft in following):
            return Counted.of(self.casebook(on=on, following=following), on=on)
        known = self._as_known()
        self._pass_over(known.left_out)
        book = known.book(on)
        parts = known.parts(self._log, book, on=on)
        if not following:
            return Counted(book, parts, on)
        of = dict(parts.of)
        for stream, drafts in groupby(sorted(following, key=_stream_of), key=_stream_of):
            rows = self._log.stream(stream, until=self.position)
            recorded = entries_of(stream, rows, leave_out=known.left_out)
            entries = [*recorded, *self._as_entries(drafts, after=rows[-1][1] if rows else 0)]
            of[stream] = Part.of(case_of(stream, entries, on=on), book, on=on)
        return Counted(book, Parts(of, on, on), on)

    def _as_known(self) -> Known:
        if self._known is None:
            raise TrialUnknown(trial=self.id)
        return self._known

    def _pass_over(self, left_out: Iterable[type[ParticipantFact]]) -> None:
        """Add the whole trial, but for some kinds of facts, to the read set."""
        names = frozenset(NAMES[kind] for kind in (*left_out, AccessRefused))
        self._passed_over = names if self._passed_over is None else self._passed_over & names

    def entries(self, stream: str) -> list[Entry]:
        """Load one stream, and add its version to the read set."""
        return list(entries_of(stream, self._rows(stream)))

    def _rows(self, stream: str) -> list[Row]:
        rows = self._log.stream(stream, until=self.position)
        self.read[stream] = len(rows)
        return rows

    def _left_out(self, stream: str, rows: Sequence[Row]) -> Callable[[ParticipantFact], bool]:
        """Return a function that looks for a fact among the skipped ones; it first filters by type and time."""
        known: dict[tuple[str, str], list[Any]] = {}

        def left_out(fact: ParticipantFact) -> bool:
            name, when = NAMES[type(fact)], str(happened(fact))
            if (name, when) not in known:
                told = when.encode()  # once, outside the loop over the rows of a long stream
                alike = [row for row in rows if row[2] == name and told in row[3]]
                known[name, when] = [entry.fact for entry in entries_of(stream, alike)]
            if fact not in known[name, when]:
                return False
            return any(entry.fact == fact for entry in current_entries(self.entries(stream)))

        return left_out

    def casebook(self, *, on: date, following: Sequence[Draft[Any]] = ()) -> Casebook:
        """Read the cases of all participants, with some drafts applied.

        The read set then is the whole trial: a later entry of any participant that can change a count invalidates the
        decision. Comparing the streams of the cohorts would not be enough. Some entries change no cohort: the day of an
        infusion, an infusion with an amount that is of no level, and the number of infused participants.
        """
        left_out = uncounted([*self.protocols, *_new(following)])
        self._pass_over(left_out)
        found_versions, found = self._counted(left_out)
        versions, streams = dict(found_versions), dict(found)
        for draft in following:
            versions[draft.stream] = version = versions.get(draft.stream, 0) + 1
            streams[draft.stream] = [*streams.get(draft.stream, ()), self._as_entry(draft, version=version)]
        ordered = [(stream, streams[stream]) for stream in sorted(streams)]  # participants come last
        return read_casebook(lambda: ordered, on=on)

    def name_position(self) -> int:
        """Return the position for a decision that records it; then any later entry invalidates the decision."""
        self._passed_over = frozenset()
        return self.position

    @property
    def read_set(self) -> ReadSet:
        """The read set of the decision: some streams, or the whole trial."""
        if self._passed_over is None:
            return ReadSet(versions=self.read)
        return ReadSet(versions=self.read, position=self.position, passed_over=self._passed_over)

    def _counted(self, leave_out: frozenset[type[ParticipantFact]]) -> tuple[dict[str, int], dict[str, list[Entry]]]:
        """Return the versions of all streams, and their entries that can change a count; cached for one decision."""
        if leave_out not in self._read_before:
            versions, streams = {}, {}
            refusals = {access_stream(self.id)}  # refusals of access change no decision
            for stream, rows in self._log.streams(self.id, until=self.position, leave_out=refusals):
                versions[stream] = rows[-1][1]
                streams[stream] = list(entries_of(stream, rows, leave_out=leave_out))
            self._read_before[leave_out] = versions, streams
        return self._read_before[leave_out]

    def localized(self, fact: F, site: str | None = None) -> F:
        """Convert every time in a fact, and in its parts, to the offset of a site; None is the trial itself.

        Raises:
            OffsetMissing: a time has no offset, and the protocol's zone does not determine the moment.
        """
        return placed(fact, self.protocol.zone_name(site))

    def last_recorded(self) -> datetime | None:
        """Return the recording time of the last entry of the snapshot."""
        return self._recorded_at(self.position)

    def last_recorded_now(self) -> datetime | None:
        """Return the recording time of the entry that is the last one in the store now."""
        return self._recorded_at(self._log.head(self.id))

    def _recorded_at(self, position: int) -> datetime | None:
        if position not in self._times:
            last = self._log.in_log_order(self.id, after=max(0, position - 1), until=position)
            self._times[position] = next((entry_of(stored).meta.recorded_at for stored in last), None)
        return self._times[position]

    def ref(self, draft: Draft[Any]) -> EntryRef:
        """Return the reference of the entry that a draft will become, if it is the first draft for its stream."""
        return EntryRef(draft.stream, self.read.get(draft.stream, 0) + 1)

    def _as_entries(self, drafts: Iterable[Draft[Any]], *, after: int) -> list[Entry]:
        """Return the entries that the drafts of one stream would become, after a version."""
        return [self._as_entry(draft, version=version) for version, draft in enumerate(drafts, start=after + 1)]

    def _as_entry(self, draft: Draft[Any], *, version: int) -> Entry:
        meta = Meta(
            recorded_at=datetime.min.replace(tzinfo=UTC), user="", command="", part=1, parts=1, corrects=draft.corrects
        )
        return Recorded(
            trial=self.id,
            position=self.position + 1,
            stream=draft.stream,
            version=version,
            meta=meta,
            fact=draft.fact,
        )


def _stream_of(draft: Draft[Any]) -> str:
    return draft.stream


def _apply(entries: Iterable[Any], apply: Callable[[Any], None]) -> None:
    """Apply the current entries of one stream."""
    for entry in current_entries(entries):
        apply(entry)
