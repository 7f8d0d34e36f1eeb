"""What a log is: its store, its size, its trials, and who follows it."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import attrs

from trialdomain.errors import LogCorrupt
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Table
from trialdomain.storage.mapper import entry_of
from trialdomain.storage.store import LogReader
from trialdomain.values.given.plural import how_many, n_entries


@attrs.frozen(kw_only=True)
class TrialInfo:
    """One trial of a log."""

    trial: str
    entries: int
    first: datetime
    """When its first entry was recorded."""
    last: datetime
    """When its last entry was recorded."""
    signed: bool
    """Whether a head is signed with every append."""
    checkpoints: int
    """How many checkpoints the log keeps of it."""
    covered: int
    """The number of entries under the newest of them; 0 without one."""


@attrs.frozen(kw_only=True)
class LogInfo:
    """What a log is."""

    kind: str
    """The kind of store: ``SQLite``, ``PostgreSQL`` or ``export``."""
    schema_version: int | None
    """The version of the tables; None for an export."""
    size: int
    """Bytes on the disk, without what a database keeps beside the tables."""
    trials: tuple[TrialInfo, ...]
    outboxes: Mapping[str, Mapping[str, int]]
    """By the name of an outbox, and by trial: the last position that was delivered."""


def info_of(reader: LogReader, *, exported: int | None = None) -> LogInfo:
    """Read what a log is.

    Args:
        reader: the open log.
        exported: the bytes of the file, where it is an export.

    Raises:
        LogCorrupt: the first or the last entry of a trial is missing, or cannot be read.
    """
    facts = reader.facts()
    return LogInfo(
        kind=facts.kind if exported is None else "export",
        schema_version=facts.schema_version if exported is None else None,
        size=facts.size if exported is None else exported,
        trials=tuple(_trial(reader, trial) for trial in reader.trials()),
        outboxes=facts.cursors,
    )


def _trial(reader: LogReader, trial: str) -> TrialInfo:
    entries = reader.head(trial)
    notes = reader.notes(trial)
    return TrialInfo(
        trial=trial,
        entries=entries,
        first=_recorded_at(reader, trial, 1),
        last=_recorded_at(reader, trial, entries),
        signed=reader.kept_head(trial) is not None,
        checkpoints=len(notes),
        covered=max((size for size, _ in notes), default=0),
    )


def _recorded_at(reader: LogReader, trial: str, position: int) -> datetime:
    stored = next(reader.in_log_order(trial, after=position - 1, until=position), None)
    if stored is None:
        raise LogCorrupt(f"position {position} of trial {trial} is missing: verify the log")
    return entry_of(stored).meta.recorded_at


def log_info_report(place: object, info: LogInfo) -> Report:
    """Report what a log is: its store, its trials, and how far its outboxes have come.

    Args:
        place: the name of the log.
        info: what it is.
    """

    def blocks() -> Iterator[Block]:
        version = "" if info.schema_version is None else f", schema version {info.schema_version}"
        yield Lines([f"{info.kind}{version}; {_size(info.size)}; {how_many(len(info.trials), 'trial')}"])
        if info.trials:
            yield _trials(info)
        if info.outboxes:
            yield Table(title="Outboxes", columns=("Outbox", "Trial", "Delivered", "To deliver"), rows=_lags(info))

    return Report(title=f"Log {place}", blocks=blocks, json=lambda: {"log": str(place), **_json(info)})


def _trials(info: LogInfo) -> Table:
    return Table(
        title="Trials",
        columns=("Trial", "Entries", "First recorded", "Last recorded", "Heads", "Checkpoints"),
        rows=tuple(
            (
                one.trial,
                str(one.entries),
                _time(one.first),
                _time(one.last),
                "signed" if one.signed else "not signed",
                f"{one.checkpoints}, the newest of {n_entries(one.covered)}" if one.checkpoints else "none",
            )
            for one in info.trials
        ),
    )


def _lags(info: LogInfo) -> tuple[tuple[str, ...], ...]:
    heads = {one.trial: one.entries for one in info.trials}
    return tuple(
        (name, trial, str(positions.get(trial, 0)), str(max(0, head - positions.get(trial, 0))))
        for name, positions in info.outboxes.items()
        for trial, head in heads.items()
    )


def _json(info: LogInfo) -> dict[str, Json]:
    return {
        "kind": info.kind,
        "schema_version": info.schema_version,
        "bytes": info.size,
        "trials": [
            {
                "trial": one.trial,
                "entries": one.entries,
                "first_recorded_at": one.first.isoformat(),
                "last_recorded_at": one.last.isoformat(),
                "heads_signed": one.signed,
                "checkpoints": one.checkpoints,
                "covered": one.covered,
            }
            for one in info.trials
        ],
        "outboxes": {name: dict(positions) for name, positions in info.outboxes.items()},
    }


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _size(size: int) -> str:
    kilobytes = size / 1024
    return f"{kilobytes:.0f} kB" if kilobytes < 1024 else f"{kilobytes / 1024:.1f} MB"  # noqa: PLR2004 - kB in a MB
