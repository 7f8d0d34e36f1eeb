"""A log in memory, read again up to any of its positions."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import attrs

from trialdomain.events.entries import current_entries
from trialdomain.events.recorded import Entry, Recorded
from trialdomain.history import History
from trialdomain.history.sources import Kept
from trialdomain.projections.decisions import versions_recorded
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.level import Label
from trialdomain.values.given.in_short import in_short
from trialdomain.values.ids import level_of, trial_stream


@attrs.frozen
class Command:
    """The entries of one command."""

    entries: Sequence[Entry]

    @property
    def first(self) -> int:
        """The position of its first entry."""
        return self.entries[0].position

    @property
    def last(self) -> int:
        """The position of its last entry."""
        return self.entries[-1].position

    @property
    def intended(self) -> bool:
        """Whether the rules of conduct apply: it is no deviation, no correction or void, and no import."""
        envelopes = [entry.envelope for entry in self.entries]
        return not any(one.deviation or one.corrects or one.reason or one.source for one in envelopes)


@attrs.frozen
class Replay:
    """Every entry of a trial, in the order of recording."""

    __repr__ = in_short

    history: History
    entries: Sequence[Entry]
    _streams: Mapping[str, Sequence[Entry]]

    @classmethod
    def of(cls, history: History) -> "Replay":
        """Read a history once."""
        streams = {stream: list(entries) for stream, entries in history.streams()}
        every = [entry for entries in streams.values() for entry in entries]
        return cls(history, sorted(every, key=lambda entry: entry.position), streams)

    @property
    def levels(self) -> list[Label]:
        """The levels that have a stream."""
        return [level for stream in self._streams if (level := level_of(stream)) is not None]

    def commands(self, *, since: int = 0) -> Iterator[Command]:
        """Yield the commands after a position, in the order of recording."""
        recorded = (entry for entry in self.entries if entry.position > since)
        for _, entries in groupby(recorded, key=lambda entry: entry.envelope.command):
            yield Command(list(entries))

    def at(self, position: int) -> History:
        """Return the trial as it was known at a position; any day may be asked about."""
        kept = Kept([entry for entry in self.entries if entry.position <= position])
        known = self.history
        return History(known.trial, position, kept.streams, kept.stream, kept.latest_first, known.zone)

    def stream(self, stream: str, *, before: int) -> Sequence[Recorded[Any]]:
        """Return the entries of a stream before a position."""
        return [entry for entry in self._streams.get(stream, ()) if entry.position < before]

    def current(self, stream: str, *, before: int) -> Sequence[Recorded[Any]]:
        """Return the entries of a stream that were current before a position."""
        return current_entries(self.stream(stream, before=before))

    def protocol(self, *, before: int) -> TrialProtocol | None:
        """Return the protocol that had been recorded last before a position; None before the registration."""
        versions = versions_recorded(self.current(trial_stream(self.history.trial), before=before))
        return versions[-1] if versions else None
