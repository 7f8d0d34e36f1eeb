"""What one decision reads of a trial, at one position, and the version of every stream that it has read."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeAlias, TypeVar

from trialdomain.aggregates.cohort import Cohort
from trialdomain.aggregates.participant import PASSED_OVER, Participant
from trialdomain.aggregates.trial import Trial, TrialUnknown
from trialdomain.commands.site_time import placed
from trialdomain.events.access import AccessRefused
from trialdomain.events.entries import current_entries
from trialdomain.events.happened import happened
from trialdomain.events.participant import ParticipantFact
from trialdomain.events.recorded import Draft, Entry, EntryRef, Fact, Meta, Recorded
from trialdomain.events.registry import NAMES
from trialdomain.events.trial import ProtocolAmended, TrialRegistered
from trialdomain.projections.casebook import Casebook, read_casebook
from trialdomain.projections.dlt_counts import DLT_COUNTS
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.mapper import entries_of, entry_of
from trialdomain.storage.store import LogReader, ReadSet, Row
from trialdomain.values.ids import access_stream, cohort_stream, participant_stream, trial_stream

Drafts: TypeAlias = list[Draft[Fact]]


def drafts_in(
    stream: str, facts: Sequence[Fact], *, caused_by: EntryRef | None = None, deviation: str | None = None
) -> Drafts:
    """Put facts into a stream."""
    return [Draft(stream=stream, fact=fact, caused_by=caused_by, deviation=deviation) for fact in facts]


F = TypeVar("F")


def uncounted(versions: Iterable[TrialProtocol]) -> frozenset[type[ParticipantFact]]:
    """Name the kinds that are passed over and change no count by any version of the protocol."""
    return frozenset(PASSED_OVER) - DLT_COUNTS.reads(versions)


def _new(following: Sequence[Draft[Any]]) -> list[TrialProtocol]:
    """Give the protocols that drafts bring in."""
    facts = (draft.fact for draft in following)
    return [fact.protocol for fact in facts if isinstance(fact, TrialRegistered | ProtocolAmended)]


class View:
    """The trial as it was when one decision began to read it."""

    def __init__(self, trial: str, log: LogReader) -> None:
        self.id, self._log = trial, log
        self.position = log.head(trial)
        self.read: dict[str, int] = {}
        """The version of each stream that was read by itself; 0 for one that does not exist."""
        self.moment: datetime | None = None
        """When the decision is taken, once it has been asked."""
        self._times: dict[int, datetime | None] = {}
        self._passed_over: frozenset[str] | None = None
        """The stored names that every reading of the whole trial has passed over; None before the first one."""
        self._read_before: dict[frozenset[type[ParticipantFact]], tuple[dict[str, int], dict[str, list[Entry]]]] = {}
        self.trial = Trial()
        recorded = self.entries(trial_stream(trial))
        self.protocols = [e.fact.protocol for e in recorded if isinstance(e.fact, TrialRegistered | ProtocolAmended)]
        """Every version that was ever recorded, in force or not."""
        _apply(recorded, self.trial.apply)

    @property
    def protocol(self) -> TrialProtocol:
        """The protocol in force.

        Raises:
            TrialUnknown: nothing is recorded of the trial.
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
        if rows and not participant.facts:  # all that is left of them may be what was left out
            _apply(entries_of(stream, rows), participant.apply)
        if participant.consent is not None:
            participant.protocol = self.trial.versions.get(participant.consent.protocol_version, self.protocol)
        return participant

    def cohorts(self, *, following: Sequence[Draft[Any]] = ()) -> dict[int, Cohort]:
        """Load every dose level, as it will be once some drafts are recorded."""
        cohorts = {level.level: Cohort(level.level) for level in self.protocol.levels}
        for level, cohort in cohorts.items():
            entries = self.entries(cohort_stream(self.id, level))
            for draft in following:
                if draft.stream == cohort_stream(self.id, level):
                    entries.append(self._as_entry(draft, version=len(entries) + 1))
            _apply(entries, cohort.apply)
        return cohorts

    def entries(self, stream: str) -> list[Entry]:
        """Load one stream, and remember at which version it was read."""
        return list(entries_of(stream, self._rows(stream)))

    def _rows(self, stream: str) -> list[Row]:
        rows = self._log.stream(stream, until=self.position)
        self.read[stream] = len(rows)
        return rows

    def _left_out(self, stream: str, rows: Sequence[Row]) -> Callable[[ParticipantFact], bool]:
        """Look for a fact among those that were left out: first among those of its kind and time alone."""
        known: dict[tuple[str, str], list[Any]] = {}

        def left_out(fact: ParticipantFact) -> bool:
            name, when = NAMES[type(fact)], str(happened(fact))
            if (name, when) not in known:
                told = when.encode()  # once: of a long stream, every row is asked
                alike = [row for row in rows if row[2] == name and told in row[3]]
                known[name, when] = [entry.fact for entry in entries_of(stream, alike)]
            if fact not in known[name, when]:
                return False
            return any(entry.fact == fact for entry in current_entries(self.entries(stream)))

        return left_out

    def casebook(self, *, on: date, following: Sequence[Draft[Any]] = ()) -> Casebook:
        """Read everybody's case, as it will be once some drafts are recorded.

        Then the decision rests on the whole trial: one more entry of any kind that counts, whoever it is about, takes
        the ground from it. That such an entry changes a cohort's stream as well is no help: the day of an infusion, an
        infusion at an amount of no level, and how many were infused change none.
        """
        left_out = uncounted([*self.protocols, *_new(following)])
        names = frozenset(NAMES[kind] for kind in (*left_out, AccessRefused))
        self._passed_over = names if self._passed_over is None else self._passed_over & names
        found_versions, found = self._counted(left_out)
        versions, streams = dict(found_versions), dict(found)
        for draft in following:
            versions[draft.stream] = version = versions.get(draft.stream, 0) + 1
            streams[draft.stream] = [*streams.get(draft.stream, ()), self._as_entry(draft, version=version)]
        ordered = [(stream, streams[stream]) for stream in sorted(streams)]  # participants come last
        return read_casebook(lambda: ordered, on=on)

    def name_position(self) -> int:
        """Give the position, for a decision that records on which one it rests: then no entry may come in between."""
        self._passed_over = frozenset()
        return self.position

    @property
    def read_set(self) -> ReadSet:
        """What the decision has read: some streams, or the whole trial."""
        if self._passed_over is None:
            return ReadSet(versions=self.read)
        return ReadSet(versions=self.read, position=self.position, passed_over=self._passed_over)

    def _counted(self, leave_out: frozenset[type[ParticipantFact]]) -> tuple[dict[str, int], dict[str, list[Entry]]]:
        """Give by stream its version, and its entries that can change a count: read once for a decision."""
        if leave_out not in self._read_before:
            versions, streams = {}, {}
            refusals = {access_stream(self.id)}  # who was refused what changes nothing
            for stream, rows in self._log.streams(self.id, until=self.position, leave_out=refusals):
                versions[stream] = rows[-1][1]
                streams[stream] = list(entries_of(stream, rows, leave_out=leave_out))
            self._read_before[leave_out] = versions, streams
        return self._read_before[leave_out]

    def localized(self, fact: F) -> F:
        """Put every time in a fact, or in what it holds, to the site's offset.

        Raises:
            OffsetMissing: a time without an offset, of which nothing says which moment it is.
        """
        return placed(fact, self.protocol)

    def last_recorded(self) -> datetime | None:
        """Give the time of the last entry that was read."""
        return self._recorded_at(self.position)

    def last_recorded_now(self) -> datetime | None:
        """Give the time of the entry that is the last one by now."""
        return self._recorded_at(self._log.head(self.id))

    def _recorded_at(self, position: int) -> datetime | None:
        if position not in self._times:
            last = self._log.in_log_order(self.id, after=max(0, position - 1), until=position)
            self._times[position] = next((entry_of(stored).meta.recorded_at for stored in last), None)
        return self._times[position]

    def ref(self, draft: Draft[Any]) -> EntryRef:
        """Name the entry that a draft will become, if it is the first in its stream."""
        return EntryRef(draft.stream, self.read.get(draft.stream, 0) + 1)

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


def _apply(entries: Iterable[Any], apply: Callable[[Any], None]) -> None:
    """Fold what is current of one stream."""
    for entry in current_entries(entries):
        apply(entry)
