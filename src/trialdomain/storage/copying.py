"""Copying a log into a new one: the same entries in the same positions, under the same roots, in one transaction.

The commands come with the hashes of their requests, so that a repeated command is recognized in the copy too. Signed
heads are not copied, and neither is the command that began them: the key of the writer may be elsewhere.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from trialdomain.errors import LogCorrupt, LogUnusable, TrialError
from trialdomain.storage.errors import StoreFailed
from trialdomain.storage.leaves import with_leaves
from trialdomain.storage.store import CommandRow, LogReader, Sealed, Store, StoredEntry
from trialdomain.tree.merkle import Frontier
from trialdomain.values.progress import Progress, ignore_progress

_BATCH = 2_000
_BATCH_BYTES = 8 * 1024 * 1024
"""The most bytes of states in a batch: a state may have millions of bytes."""


class Source(LogReader, Protocol):
    """A log that can be copied: one that also gives its commands."""

    def commands(self, trial: str) -> Iterator[CommandRow]:
        """Yield the commands of a trial by position, then those that recorded nothing."""
        ...


class Target(Store, Protocol):
    """A log that a copy can be written into."""

    def is_empty(self) -> bool:
        """Say whether the log has no entry and no command."""
        ...

    def prepare_reading(self) -> None:
        """Prepare reading many entries that this transaction has appended."""
        ...


class LogNotEmpty(LogUnusable):
    """The target of a copy is a log in which something is recorded already."""

    code = "log-not-empty"

    def __init__(self, *, place: str) -> None:
        super().__init__(
            f"{place} has a log already: it was left as it is; name an empty schema, or choose another database"
        )
        self.place = place


class _Undone(Exception):
    """Ends the transaction, so that nothing of it is kept; a store commits what was appended before a TrialError."""


def copy_log(source: Source, target: Target, *, place: str, progress: Progress = ignore_progress) -> None:
    """Copy every trial of a log into an empty one, in one transaction: the copy is complete, or nothing is there.

    Args:
        source: the log to copy; no program writes to it meanwhile.
        target: the empty log.
        place: the name of the target in an error.
        progress: called with the number of entries that were copied.

    Raises:
        LogNotEmpty: something is recorded in the target.
        LogCorrupt: the source was altered; or the copy has not the same root.
        StoreFailed: the target cannot be written.
    """
    attempts = 0
    refusals: list[TrialError] = []

    def work() -> None:
        nonlocal attempts
        attempts += 1
        try:
            if attempts > 1 and _is_copy(source, target):
                return  # the answer to the commit was lost, and not the commit
            if not target.is_empty():
                raise LogNotEmpty(place=place)
            _Copying(source, target, progress).run()
        except TrialError as error:
            refusals.append(error)
            raise _Undone from error

    try:
        target.alone(work)
    except _Undone:
        raise refusals[-1] from None
    except StoreFailed as error:  # which says how to repeat a command, and a copy is none
        why, _, _ = str(error).removeprefix(f"{place}: ").partition(";")
        raise StoreFailed(
            f"{place}: {why}; check it, and copy the log again: the copy is there as a whole, or nothing of it is"
        ) from error


def _is_copy(source: Source, target: Target) -> bool:
    """Say whether the target has the trials of the source, under the same roots."""
    trials = source.trials()
    return target.trials() == trials and all(
        (target.head(trial), _root(target, trial)) == (source.head(trial), _root(source, trial)) for trial in trials
    )


def _root(log: LogReader, trial: str) -> bytes:
    return Frontier().extend(leaf for _, leaf in with_leaves(log, trial, until=log.head(trial))).root()


class _Copying:
    """One copy, within the transaction of the target."""

    def __init__(self, source: Source, target: Target, progress: Progress) -> None:
        self._source, self._target, self._progress = source, target, progress
        self._done = 0
        self._total = 0

    def run(self) -> None:
        """Copy all trials."""
        trials = self._source.trials()
        self._total = sum(map(self._source.head, trials))
        roots = [self._copied(trial) for trial in trials]
        self._target.prepare_reading()
        for trial, (size, root) in zip(trials, roots, strict=True):
            if self._target.head(trial) != size or _root(self._target, trial) != root:
                raise LogCorrupt(
                    f"the copy of trial {trial} has not the root of the original: nothing was recorded; look for a "
                    f"program or a trigger that changes the target"
                )

    def _copied(self, trial: str) -> tuple[int, bytes]:
        """Copy one trial, and return the number of its entries and their root."""
        frontier = Frontier()
        commands = _Commands(trial, self._source.commands(trial), until=self._source.head(trial))
        for batch in self._batches(trial, frontier):
            self._target.append(trial, list(commands.of(batch)), within=True)
            self._done += len(batch)
            self._progress("copying", self._done, self._total)
        if rest := list(commands.rest()):
            self._target.append(trial, rest, within=True)
        for size, note in self._source.notes(trial):
            self._target.keep_note(trial, size, note, within=True)
        return frontier.size, frontier.root()

    def _batches(self, trial: str, frontier: Frontier) -> Iterator[Sequence[StoredEntry]]:
        """Yield the entries of a trial in batches, and add their leaves to the frontier."""
        batch: list[StoredEntry] = []
        size = 0
        for entry, leaf in with_leaves(self._source, trial, until=self._source.head(trial)):
            frontier.add(leaf)
            batch.append(entry)
            size += len(entry.state)
            if len(batch) >= _BATCH or size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch


class _Commands:
    """Puts the entries of a trial, which come in batches, back under their commands.

    A command is recorded with its last entry. Its earlier ones may have been in a batch before.
    """

    def __init__(self, trial: str, rows: Iterator[CommandRow], *, until: int) -> None:
        self._trial, self._rows, self._until = trial, rows, until
        self._reached = 0
        """The position of the last entry that was given out."""
        self._next = next(rows, None)

    def of(self, batch: Sequence[StoredEntry]) -> Iterator[Sealed]:
        """Yield the entries of a batch under their commands, and those of no command."""
        begin, end = self._reached + 1, self._reached + len(batch)

        def up_to(position: int) -> Sequence[StoredEntry]:
            some = batch[self._reached + 1 - begin : position + 1 - begin]
            self._reached = position
            return some

        while (row := self._next) is not None and (places := self._places(row)) and places[0] <= end:
            if self._reached < places[0] - 1:
                yield Sealed(None, up_to(places[0] - 1))
            if places[-1] > end:
                break
            earlier = self._reached + 1 - places[0]
            yield Sealed(row.command, up_to(places[-1]), earlier)
            self._next = next(self._rows, None)
        if self._reached < end:
            yield Sealed(None, up_to(end))

    def rest(self) -> Iterator[Sealed]:
        """Yield the commands that recorded nothing."""
        while (row := self._next) is not None:
            if self._places(row):
                raise self._unfit(row)
            yield Sealed(row.command, ())
            self._next = next(self._rows, None)

    def _places(self, row: CommandRow) -> range:
        """Return the positions of a command.

        Raises:
            LogCorrupt: it names positions that the trial has not, or those of an earlier command.
        """
        if row.first is None and row.last is None:
            return range(0)
        if row.first is None or row.last is None or not 1 <= row.first <= row.last:
            raise self._unfit(row)
        if not self._reached <= row.last <= self._until:
            raise self._unfit(row)
        return range(row.first, row.last + 1)

    def _unfit(self, row: CommandRow) -> LogCorrupt:
        return LogCorrupt(
            f"the row of command {row.command.id} of trial {self._trial} names positions {row.first} to {row.last}, "
            f"which no command of this log has recorded: verify the log"
        )
