"""Read-only access to logs: a SQLite file, a PostgreSQL database, or an exported JSONL file."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from stat import S_ISREG
from typing import Self

import attrs
from typing_extensions import override

from trialdomain.errors import LogCorrupt, LogUnusable
from trialdomain.events.entries import current_entries
from trialdomain.events.recorded import Entry, Fact
from trialdomain.exchange.jsonl import is_exported, is_packed, read_jsonl
from trialdomain.history.following import follow
from trialdomain.history.history import History
from trialdomain.history.log_info import LogInfo, info_of
from trialdomain.history.moments import KnownAt, MomentInvalid, as_known_at
from trialdomain.projections.casebook import Streams
from trialdomain.projections.decisions import versions_recorded
from trialdomain.storage.mapper import entries_of, entry_of
from trialdomain.storage.open_store import IN_MEMORY, open_store, postgres_in, refuse_other_address
from trialdomain.storage.own_folder import OwnFolder
from trialdomain.storage.sqlite.file import is_database
from trialdomain.storage.store import LogReader
from trialdomain.values.calendar import site_day
from trialdomain.values.given.filename import is_no_file, named, unread
from trialdomain.values.given.text import short
from trialdomain.values.ids import trial_stream

_LARGEST_IN_MEMORY = 8 * 1024 * 1024
"""The size in bytes above which an exported file is copied into a temporary SQLite file, not into memory."""


@attrs.frozen
class LoggedTrial:
    """One trial of a log."""

    trial: str
    _reader: LogReader

    def history(self, *, known_at: KnownAt | None = None) -> History:
        """Return the trial as it was known at a position, a time or a day; by default, as it is known now.

        A time means the last position recorded at or before it. A day means its end at the site. A position inside a
        command moves back to the end of the command before it, because a command is recorded as a whole.

        Raises:
            MomentInvalid: a time without an offset, or a position that the log does not have.
        """
        return history_of(self._reader, self.trial, known_at=known_at)


def history_of(reader: LogReader, trial: str, *, known_at: KnownAt | None = None) -> History:
    """Return a trial in a store as it was known at one moment.

    Raises:
        MomentInvalid: the trial was not registered then, or the log does not have the position.
        YearInvalid: the year of the moment is outside the years of trials.
    """
    head = reader.head(trial)
    zone = _zone(reader, trial, until=head)
    at = None if known_at is None else as_known_at(known_at, zone)
    if isinstance(at, datetime) and not _is_past(reader, trial, head, at):
        reader.wait_for_writers()  # a running append may have an earlier recording time
        head = reader.head(trial)
    position, moment = (head, None) if at is None else _cut(reader, trial, head, at)
    if not position:
        raise MomentInvalid(
            f"nothing was known of trial {trial} at {short(known_at)}: {_first_known(reader, trial, zone)}"
        )
    read = _Reading(reader, trial, position)
    zone = zone if position == head else _zone(reader, trial, until=position)
    day = moment and site_day(moment, zone)
    return History(trial, position, read.streams, read.stream, read.latest_first, zone, day)


@attrs.frozen
class _Reading:
    """A reader of one trial in an open log, up to a position."""

    reader: LogReader
    trial: str
    until: int

    def streams(self, leave_out: Collection[type[Fact]] = ()) -> Streams:
        found = self.reader.streams(self.trial, until=self.until)
        return ((stream, entries_of(stream, rows, leave_out=leave_out)) for stream, rows in found)

    def stream(self, stream: str) -> Iterator[Entry]:
        return entries_of(stream, self.reader.stream(stream, until=self.until))

    def latest_first(self) -> Iterator[Entry]:
        return map(entry_of, self.reader.latest_first(self.trial, until=self.until))

    def __deepcopy__(self, _: object) -> Self:
        """Return the same reader, because a copied history reads the same log."""
        return self


def _cut(reader: LogReader, trial: str, head: int, known_at: int | datetime) -> tuple[int, datetime]:
    """Find the last position known at a moment, and the time of the moment; commands are never split."""
    if isinstance(known_at, datetime):
        position = _last_recorded(reader, trial, head, known_at)
    elif 1 <= known_at <= head:
        position = known_at
    else:
        raise MomentInvalid(
            f"position {short(known_at)} is not in the log of trial {trial}: it has positions 1 to {head}"
        )
    moment = known_at if isinstance(known_at, datetime) else None
    for entry in map(entry_of, reader.in_log_order(trial, after=position - 1, until=position)):
        part, whole = entry.meta.part, entry.meta.part == entry.meta.parts
        if part > position:
            raise LogCorrupt(
                f"position {position} of trial {trial} says it is part {part} of a command: verify the log"
            )
        return position if whole else position - part, moment or entry.meta.recorded_at
    return 0, known_at if isinstance(known_at, datetime) else datetime.min.replace(tzinfo=UTC)


def _first_known(reader: LogReader, trial: str, zone: tzinfo) -> str:
    """Describe the first moment of the log: the end of its first command, and the time of its recording."""
    first = next(map(entry_of, reader.in_log_order(trial, until=1)), None)
    if first is None:
        return "the trial has no entries yet"
    when = first.meta.recorded_at.astimezone(zone)
    return (
        f"its first command ends at position {first.meta.parts}, and was recorded at {when.isoformat()}; "
        f"give that position, that time, or {when.date()} or a later day"
    )


def _is_past(reader: LogReader, trial: str, head: int, moment: datetime) -> bool:
    """Return whether the last entry is later than a moment; then no later append can be at or before it."""
    last = reader.in_log_order(trial, after=max(0, head - 1), until=head)
    return any(entry.meta.recorded_at > moment for entry in map(entry_of, last))


def _last_recorded(reader: LogReader, trial: str, head: int, moment: datetime) -> int:
    """Find the last position at or before a moment by binary search; recording times never decrease in a log."""
    earlier, later = 0, head + 1
    while later - earlier > 1:
        middle = (earlier + later) // 2
        entry = next(map(entry_of, reader.in_log_order(trial, after=middle - 1, until=middle)), None)
        if entry is None:
            raise LogCorrupt(f"position {middle} of trial {trial} is missing: verify the log")
        earlier, later = (middle, later) if entry.meta.recorded_at <= moment else (earlier, middle)
    return earlier


def _zone(reader: LogReader, trial: str, *, until: int) -> tzinfo:
    """Return the site's zone by the protocol that is in force at a position, as the desk takes it; UTC without one."""
    entries = current_entries(entries_of(trial_stream(trial), reader.stream(trial_stream(trial), until=until)))
    versions = versions_recorded(entries)
    return versions[-1].site_zone if versions else UTC


class Log(Mapping[str, LoggedTrial]):
    """The trials of a read-only log, by code; close it, or use it in a ``with`` statement."""

    def __init__(self, reader: LogReader, folder: OwnFolder | None = None, *, exported: int | None = None) -> None:
        self._reader, self._folder = reader, folder
        self._exported = exported
        """The bytes of the file, where the log is an export."""

    @override
    def __getitem__(self, trial: str) -> LoggedTrial:
        if trial not in self._reader.trials():
            raise KeyError(trial)
        return LoggedTrial(trial, self._reader)

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._reader.trials())

    @override
    def __len__(self) -> int:
        return len(self._reader.trials())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def follow(
        self, *, after: Mapping[str, int] | None = None, trial: str | None = None, wait: bool = True
    ) -> Iterator[Entry]:
        """Yield every entry of the log once, in the order of its trial, as other processes record them.

        See :meth:`trialdomain.Trials.follow`.
        """
        return follow(self._reader, after=after, trial=trial, wait=wait)

    def info(self) -> LogInfo:
        """Return what the log is: its kind, its size, its trials, and how far its outboxes have come."""
        return info_of(self._reader, exported=self._exported)

    @property
    def reader(self) -> LogReader:
        """The store with the entries, for an export."""
        return self._reader

    def close(self) -> None:
        """Close the file and remove the temporary copy, if there is one."""
        self._reader.close()
        if self._folder is not None:
            self._folder.cleanup()


def is_log(path: Path) -> bool:
    """Return whether a file is a log, or looks like an exported one; False for a file that cannot be read."""
    try:
        return is_database(path) or (not is_no_file(path) and is_exported(path))
    except LogUnusable:
        return False


def read_log(path: str | Path) -> Log:
    """Open a log for reading: a SQLite file, a PostgreSQL database, or an exported JSONL file, plain or gzip.

    Args:
        path: the file; or ``postgresql://USER@HOST/DATABASE``, where the log is in the first schema of the
            ``search_path`` that exists.

    Raises:
        AddressUnknown: it is the address of another kind of server.
        LogUnusable: the file is neither, or cannot be read; or the database cannot be reached, or has no log.
        LogCorrupt: an exported file was changed after the export.
    """
    server = postgres_in(path)
    if server is not None:
        return Log(open_store(server, readonly=True))
    refuse_other_address(path)
    path = named(path, what="the log")
    try:
        info = path.stat()
    except OSError as error:
        raise LogUnusable(unread(path, error)) from None
    if is_database(path):
        return Log(open_store(path, readonly=True))
    # The size of a pipe or a compressed file does not limit the size of its content.
    small = S_ISREG(info.st_mode) and info.st_size <= _LARGEST_IN_MEMORY and not is_packed(path)
    folder = None if small else OwnFolder()
    spooled = open_store(IN_MEMORY if folder is None else folder.path / "log.db")
    log = Log(spooled, folder, exported=info.st_size)
    try:
        read_jsonl(path, spooled)
    except BaseException:
        log.close()
        raise
    return log
