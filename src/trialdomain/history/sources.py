"""Where the entries of a history come from: a log, memory, or a history under another protocol."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Protocol

import attrs

from trialdomain.events.participant import Enrolled, Infused, LevelReassigned
from trialdomain.events.recorded import Entry, Fact
from trialdomain.history.explaining import QuestionInvalid
from trialdomain.projections.casebook import Streams, by_stream
from trialdomain.projections.other_protocol import OtherProtocol
from trialdomain.values.clinical.level import Label
from trialdomain.values.given.text import short


class ReadStreams(Protocol):
    """A function that yields the known streams of a trial one after another, participants last."""

    def __call__(self, leave_out: Collection[type[Fact]] = ()) -> Streams:
        """Yield the streams without the facts of some types, which are not decoded."""


@attrs.frozen
class Kept:
    """Entries in memory that were never stored, in the order of their positions; they can be pickled."""

    entries: Sequence[Entry]

    def streams(self, leave_out: Collection[type[Fact]] = ()) -> Streams:
        """Yield the streams without the facts of some types."""
        ordered = sorted(self.entries, key=lambda entry: (entry.stream, entry.version))
        # A stream is yielded even if all of its entries are left out: its participant is in the trial.
        return (
            (stream, [entry for entry in entries if type(entry.fact) not in leave_out])
            for stream, entries in by_stream(ordered)
        )

    def stream(self, stream: str) -> Iterator[Entry]:
        """Yield the entries of one stream."""
        return (entry for entry in self.entries if entry.stream == stream)

    def latest_first(self) -> Iterator[Entry]:
        """Yield all entries, the last one first."""
        return reversed(self.entries)


@attrs.frozen
class Replaced:
    """The entries of a history under another protocol."""

    _other: OtherProtocol
    _streams: ReadStreams
    _stream: Callable[[str], Iterable[Entry]]
    _latest_first: Callable[[], Iterator[Entry]]

    def streams(self, leave_out: Collection[type[Fact]] = ()) -> Streams:
        """Yield the streams without the facts of some types."""
        return self._other.streams(self._streams(leave_out))

    def stream(self, stream: str) -> Iterator[Entry]:
        """Yield the entries of one stream."""
        return self._other.entries(self._stream(stream))

    def latest_first(self) -> Iterator[Entry]:
        """Yield all entries, the last one first."""
        return self._other.entries(self._latest_first())


def refuse_unlike_a_log(entries: Sequence[Entry], trial: str) -> None:
    """Refuse facts that no log has together: of two trials, or a correction by a fact of another kind."""
    kinds: dict[tuple[str, int | None], type[Fact]] = {}
    for entry in entries:
        if entry.trial != trial:
            raise QuestionInvalid(
                f"stream {short(entry.stream)} is not of trial {trial}: give the facts of one trial at a time"
            )
        corrects, kind = entry.meta.corrects, type(entry.fact)
        if corrects is not None and kinds.get((entry.stream, corrects)) is not kind:
            raise QuestionInvalid(
                f"a {kind.__name__} corrects version {corrects} of stream {short(entry.stream)}, which is no earlier "
                f"{kind.__name__}: a correction has the kind of the fact that it corrects"
            )
        kinds[entry.stream, entry.version] = kind


def assigned_or_given(fact: object) -> Label | None:
    """Return the level that a fact assigns to a participant, or at which it infuses; None for any other fact."""
    match fact:
        case Enrolled() | Infused():
            return fact.level
        case LevelReassigned():
            return fact.to_level
        case _:
            return None
