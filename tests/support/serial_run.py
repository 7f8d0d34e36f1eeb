"""Execute a log again serially: each command by itself, on the log as it was before the command.

Two commands that were recorded at once are serializable if each of them, executed alone in the order of the log,
records the same. So every command of a journal is decided again on the entries before its own, and its result is
compared with the recorded entries, byte by byte. A refusal is decided again on each log that the command can have read.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import attrs
from concurrent_run import PROTOCOL, perform
from site_desk import INVESTIGATOR

from trialdomain import TrialError
from trialdomain.commands.runner import CommandRunner
from trialdomain.desk import Desk
from trialdomain.history import history_of
from trialdomain.storage.mapper import StoredEvent, entry_of
from trialdomain.storage.store import Appended, Command, LogReader, ReadSet, Row, Sealed, StoredEntry

TRIAL = PROTOCOL.trial


class Before:
    """A log as it was at a position; what would be appended is kept here, and nowhere recorded."""

    in_transaction = False
    compares_times = False

    def __init__(self, recorder: LogReader, position: int) -> None:
        self._store, self._position = recorder, position
        self.appended: list[StoredEvent] = []

    def head(self, _: str) -> int:
        return self._position

    def stream(self, stream: str, *, until: int) -> list[Row]:
        return self._store.stream(stream, until=min(until, self._position))

    def streams(self, trial: str, *, until: int, leave_out: Collection[str] = ()) -> Iterator[tuple[str, list[Row]]]:
        return self._store.streams(trial, until=min(until, self._position), leave_out=leave_out)

    def in_log_order(self, trial: str, *, after: int = 0, until: int | None = None) -> Iterator[StoredEntry]:
        last = self._position if until is None else min(until, self._position)
        return self._store.in_log_order(trial, after=after, until=last)

    def recorded_before(self, _: str, __: Command) -> None:
        """Nothing of the command is recorded yet."""

    def append(self, _: str, commands: Sequence[Sealed], *, read: ReadSet, within: bool = False) -> Appended:
        assert not within
        assert read.position is None or read.position == self._position
        [one] = commands
        assert one.command is not None
        self.appended = list(one.events() if callable(one.events) else one.events)
        return Appended(positions=range(0))


@attrs.frozen
class Told:
    """A line of a journal, and what came of it."""

    command: str
    act: str
    given: Mapping[str, Any]
    entry: tuple[str, int] | None
    before: int
    refused: str | None = None
    text: str = ""
    after: int = 0


def told_in(journals: Iterable[Path]) -> dict[str, Told]:
    """Read journals; a process may have been killed in its last line, or before it could say what came of an act."""
    told: dict[str, Told] = {}
    for journal in journals:
        for line in journal.read_text(encoding="utf-8").split("\n"):
            try:
                one = json.loads(line)
            except ValueError:
                continue
            if "act" in one:
                entry = None if one["entry"] is None else (one["entry"][0], one["entry"][1])
                told[one["command"]] = Told(one["command"], one["act"], one["given"], entry, one["before"])
            elif one["refused"] is not None:
                told[one["command"]] = attrs.evolve(
                    told[one["command"]], refused=one["refused"], text=one["text"], after=one["after"]
                )
    return told


class Again:
    """One log, executed again."""

    def __init__(self, recorder: LogReader, told: Mapping[str, Told]) -> None:
        self._store, self.told = recorder, told
        self._history = history_of(recorder, TRIAL)
        stored = list(recorder.in_log_order(TRIAL))
        self.times = [entry_of(one).meta.recorded_at for one in stored]
        commands = groupby(stored, key=lambda one: entry_of(one).meta.command)
        self.recorded = {command: list(entries) for command, entries in commands if command in told}

    def differences(self) -> Iterator[str]:
        """Say of which commands the log has something else than they record by themselves."""
        for command, stored in self.recorded.items():
            first = stored[0].position
            found = self._executed(self.told[command], first - 1, self.times[first - 1])
            if found != [_content(one) for one in stored]:
                yield f"{command} ({self.told[command].act}) at position {first}: {_short(found)} by itself"

    def refused_otherwise(self) -> Iterator[str]:
        """Say which refusals no log gives that the command can have seen."""
        for told in self.told.values():
            if told.refused is not None:
                seen = range(told.after, told.before - 1, -1)
                if not any(self._refuses(told, position) for position in seen):
                    yield f"{told.command} ({told.act}), between {told.before} and {told.after}: {told.text}"

    def _refuses(self, told: Told, position: int) -> bool:
        found = self._executed(told, position, self.times[position - 1])
        return isinstance(found, TrialError) and (found.code, str(found)) == (told.refused, told.text)

    def _executed(self, told: Told, position: int, now: datetime) -> "list[tuple[object, ...]] | TrialError":
        before = Before(self._store, position)
        runner = CommandRunner(TRIAL, INVESTIGATOR, before, lambda: now, lambda: told.command)  # type: ignore[arg-type]  # stands in for a recorder
        entry = None
        if told.entry is not None:
            stream, version = told.entry
            entry = next(one for one in self._history.entries_of(stream) if one.version == version)
        try:
            perform(Desk(runner), told.act, told.given, told.command, entry)
        except TrialError as error:
            return error
        return [_content(one) for one in before.appended]


def _content(event: StoredEvent) -> tuple[object, ...]:
    return event.originator_id, event.originator_version, event.topic, event.state


def _short(found: object) -> str:
    return str(found)[:500]
