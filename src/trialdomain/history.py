"""The one read face: every answer about a trial, as it was known at one moment."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, TypeAlias

import attrs
from typing_extensions import override

from trialdomain.errors import InputInvalid, LogUnusable
from trialdomain.events.recorded import Draft, Entry, Meta, Recorded
from trialdomain.events.trial import SoftwareChanged, TrialExported, TrialRegistered, UserRegistered
from trialdomain.exchange.jsonl import read_jsonl
from trialdomain.projections.casebook import Casebook, Streams, by_stream, read_casebook
from trialdomain.projections.dlt_counts import DltCounts, count, dlt_counts, seat_of
from trialdomain.projections.double_entry import Difference, double_entry
from trialdomain.projections.escalation import Escalation, escalation, escalation_of
from trialdomain.projections.flow import Flow, disposition_of, flow, flow_of
from trialdomain.projections.safety import Safety, exposure_of, safety, safety_of
from trialdomain.storage.mapper import entries_of, entry_of
from trialdomain.storage.sqlite import MEMORY, SQLiteRecorder
from trialdomain.storage.sqlite_file import is_database
from trialdomain.values.calendar import as_day

KnownAt: TypeAlias = int | datetime
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_SAYS_NOTHING = (UserRegistered, SoftwareChanged, TrialExported)
"""Facts that say nothing of the trial itself."""
_LARGEST_IN_MEMORY = 8 * 1024 * 1024
"""Bytes of an exported file, perhaps compressed, beyond which it is spooled into a file of its own."""


class MomentInvalid(InputInvalid):
    """A question was asked about a moment that the log cannot answer."""


@attrs.frozen
class History:
    """A trial as it was known at one moment, which is chosen once; then ask.

    ``on`` is the calendar day, at the site, for which windows are judged.
    """

    trial: str
    position: int
    """The last position that was known."""
    _streams: Callable[[], Streams]
    _latest_first: Callable[[], Iterator[Entry]]
    _zone: tzinfo
    """The site's, or UTC where the protocol does not know it."""
    _latest_day: date | None = None
    """The site's day of the moment, where one was chosen: nothing later can be judged from it."""

    @classmethod
    def of(cls, drafts: Iterable[Draft[Any]]) -> "History":
        """Look at facts that were never stored, as a test has them, in the order in which they would be recorded.

        Raises:
            MomentInvalid: no fact registers a trial.
        """
        entries = _numbered(drafts)
        registered = next((entry.fact for entry in entries if isinstance(entry.fact, TrialRegistered)), None)
        if registered is None:
            raise MomentInvalid("no fact registers a trial: begin with one that does")
        ordered = sorted(entries, key=lambda e: (e.stream, e.version))
        return cls(
            registered.protocol.trial,
            len(entries),
            lambda: by_stream(ordered),
            lambda: reversed(entries),
            registered.protocol.site_zone,
        )

    def entries(self) -> Iterator[Entry]:
        """Yield every entry that was known, the trial's own stream first, then stream by stream."""
        return chain.from_iterable(entries for _, entries in self._streams())

    def dlt_counts(self, *, on: date | str) -> DltCounts:
        """Count the participants with DLT, and everybody else, level by level."""
        return dlt_counts(self.casebook(on=on), on=as_day(on))

    def double_entry(self, *, on: date | str) -> tuple[Difference, ...]:
        """Compare what the cohorts were told with what the casebook says; a log of this library has no difference."""
        return double_entry(self.casebook(on=on), on=as_day(on))

    def escalation(self, *, on: date | str) -> Escalation | None:
        """Ask the protocol's design what next; None when the protocol has none."""
        return escalation(self.casebook(on=on), on=as_day(on))

    def flow(self, *, on: date | str) -> Flow:
        """Follow everybody from the screening to the end of observation."""
        return flow(self.casebook(on=on))

    def safety(self, *, on: date | str) -> Safety:
        """Summarize the adverse events: participants and events, by grade, relatedness and term."""
        return safety(self.casebook(on=on), on=as_day(on))

    def answers(self, *, on: date | str, progress: Callable[[int], None] = lambda _: None) -> "Answers":
        """Give every answer at once: the participants are read once for all of them.

        Args:
            on: the day for which windows are judged.
            progress: told the number of entries of each participant that was read.
        """
        day, book = as_day(on), self.casebook(on=on)
        seats, dispositions, exposures = [], [], []
        for case in book.cases:
            seats.append(seat_of(case, book, on=day))
            if (disposition := disposition_of(case, book)) is not None:
                dispositions.append(disposition)
            exposures.append(exposure_of(case, book, on=day))
            progress(len(case.entries))
        counts = count(seats, book)
        return Answers(
            escalation=escalation_of(counts, book, on=day),
            dlt_counts=counts,
            flow=flow_of(dispositions, book),
            safety=safety_of(exposures, book, on=day),
        )

    def last_day(self) -> date:
        """Give the site's day of the last entry that says more than who acted, with which software, or exported."""
        said = (entry for entry in self._latest_first() if not isinstance(entry.fact, _SAYS_NOTHING))
        return next(said).meta.recorded_at.astimezone(self._zone).date()

    def casebook(self, *, on: date | str) -> Casebook:
        """File every entry that was known and counts on a day."""
        day = as_day(on)
        if self._latest_day is not None and day > self._latest_day:
            raise MomentInvalid(
                f"{day} is after {self._latest_day}, the day that was asked about: choose an earlier one"
            )
        return read_casebook(self._streams, on=day)


@attrs.frozen(kw_only=True)
class Answers:
    """Every answer about a trial, as it was known at one moment, for one day."""

    escalation: Escalation | None
    """None where the protocol has no design."""
    dlt_counts: DltCounts
    """Without levels where the protocol has no DLT rule."""
    flow: Flow
    safety: Safety


def _numbered(drafts: Iterable[Draft[Any]]) -> list[Entry]:
    """Give drafts the places and envelopes that a log would: one command for each, and for what it causes."""
    versions: Counter[str] = Counter()
    entries: list[Entry] = []
    commands: list[list[Draft[Any]]] = []
    for draft in drafts:
        if draft.caused_by is None or not commands:
            commands.append([])
        commands[-1].append(draft)
    placed = (
        (at, part, of, draft) for at, of in enumerate(commands, start=1) for part, draft in enumerate(of, start=1)
    )
    for position, (command, part, parts, draft) in enumerate(placed, start=1):
        versions[draft.stream] += 1
        meta = Meta(
            recorded_at=_EPOCH + timedelta(seconds=command),
            user="test",
            command=f"command-{command}",
            part=part,
            parts=len(parts),
            caused_by=draft.caused_by,
            corrects=draft.corrects,
            reason=draft.reason,
            deviation=draft.deviation,
            source=draft.source,
        )
        entries.append(
            Recorded(
                trial=draft.stream.partition("/")[0],
                position=position,
                stream=draft.stream,
                version=versions[draft.stream],
                meta=meta,
                fact=draft.fact,
            )
        )
    return entries


@attrs.frozen
class LoggedTrial:
    """One trial of a log."""

    trial: str
    _recorder: SQLiteRecorder

    def history(self, *, known_at: KnownAt | None = None) -> History:
        """Look at the trial as it was known at a position or a time; by default, as it is known now.

        A time means the last position recorded at or before it. A moment inside a command moves back to its start:
        nobody ever knew half of it.

        Raises:
            MomentInvalid: a time without an offset, or a position that the log does not have.
        """
        return history_of(self._recorder, self.trial, known_at=known_at)


def history_of(recorder: SQLiteRecorder, trial: str, *, known_at: KnownAt | None = None) -> History:
    """Look at a trial in a recorder, as it was known at one moment.

    Raises:
        MomentInvalid: the trial was not registered then, or the moment is none that the log has.
    """
    head = recorder.head(trial)
    position, moment = (head, None) if known_at is None else _cut(recorder, trial, head, known_at)
    if not position:
        raise MomentInvalid(f"nothing was known of trial {trial} at {known_at}: choose a later moment")
    zone = _zone(recorder, trial)

    def streams() -> Streams:
        return ((stream, entries_of(stream, rows)) for stream, rows in recorder.streams(trial, until=position))

    def latest_first() -> Iterator[Entry]:
        return map(entry_of, recorder.latest_first(trial, until=position))

    return History(trial, position, streams, latest_first, zone, moment and moment.astimezone(zone).date())


def _cut(recorder: SQLiteRecorder, trial: str, head: int, known_at: KnownAt) -> tuple[int, datetime]:
    """Find the last position that was known at a moment, and when the moment was; a command is known whole or not."""
    if isinstance(known_at, datetime):
        if known_at.tzinfo is None:
            raise MomentInvalid(f"{known_at} has no offset: say which zone, as in 2026-03-02T10:15+08:00")
        known = (e.position for e in map(entry_of, recorder.in_log_order(trial)) if e.meta.recorded_at <= known_at)
        position = max(known, default=0)
    elif not _is_number(known_at):
        raise MomentInvalid(f"{str(known_at)[:40]!r} is no moment: give a position, or a time with its offset")
    elif 1 <= known_at <= head:
        position = known_at
    else:
        raise MomentInvalid(f"position {known_at} is not in the log of trial {trial}: it has positions 1 to {head}")
    moment = known_at if isinstance(known_at, datetime) else None
    for entry in map(entry_of, recorder.in_log_order(trial, after=position - 1, until=position)):
        whole = entry.meta.part == entry.meta.parts
        return position if whole else position - entry.meta.part, moment or entry.meta.recorded_at
    return 0, known_at if isinstance(known_at, datetime) else datetime.min.replace(tzinfo=UTC)


def _is_number(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)


def _zone(recorder: SQLiteRecorder, trial: str) -> tzinfo:
    for stored in recorder.select_events(trial, limit=1):
        fact = entry_of(stored).fact
        if isinstance(fact, TrialRegistered):
            return fact.protocol.site_zone
    return UTC


class Log(Mapping[str, LoggedTrial]):
    """The trials of a log that is read and not written; close it, or use it in a ``with`` statement."""

    def __init__(self, recorder: SQLiteRecorder, folder: "TemporaryDirectory[str] | None" = None) -> None:
        self._recorder, self._folder = recorder, folder

    @override
    def __getitem__(self, trial: str) -> LoggedTrial:
        if trial not in self._recorder.trials():
            raise KeyError(trial)
        return LoggedTrial(trial, self._recorder)

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._recorder.trials())

    @override
    def __len__(self) -> int:
        return len(self._recorder.trials())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def recorder(self) -> SQLiteRecorder:
        """Where the entries are, for an export."""
        return self._recorder

    def close(self) -> None:
        """Let go of the file."""
        self._recorder.close()
        if self._folder is not None:
            self._folder.cleanup()


def read_log(path: str | Path) -> Log:
    """Open a log for reading: a SQLite file, or an exported JSONL file, plain or gzip.

    Raises:
        LogUnusable: the file is neither.
        LogCorrupt: the file was exported, and changed since.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise LogUnusable(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # a name that no file can have
        raise LogUnusable(f"{str(path)!r} cannot be read: {error}") from None
    if is_database(path):
        return Log(SQLiteRecorder(path, readonly=True))
    folder = None if size <= _LARGEST_IN_MEMORY else TemporaryDirectory()
    log = Log(SQLiteRecorder(MEMORY if folder is None else Path(folder.name) / "log.db"), folder)
    try:
        read_jsonl(path, log.recorder)
    except BaseException:
        log.close()
        raise
    return log
