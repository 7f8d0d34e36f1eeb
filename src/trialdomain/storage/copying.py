"""Copying a log into a new one: the same entries in the same positions, under the same roots, in one transaction.

The commands come with the hashes of their requests, so that a repeated command is recognized in the copy too. Signed
heads are not copied, and neither is the command that began them: the key of the writer may be elsewhere.
"""

from collections.abc import Iterator, Mapping, Sequence
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


def copy_log(source: LogReader, target: Target, *, place: str, progress: Progress = ignore_progress) -> None:
    """Copy every trial of a log into an empty one, in one transaction: the copy is complete, or nothing is there.

    Args:
        source: the log to copy, up to what is recorded when the copy begins; others may append meanwhile.
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
    heads = {trial: source.head(trial) for trial in source.trials()}

    def work() -> None:
        nonlocal attempts
        attempts += 1
        try:
            if attempts > 1 and _is_copy(source, target, heads):
                return  # the answer to the commit was lost, and not the commit
            if not target.is_empty():
                raise LogNotEmpty(place=place)
            _Copying(source, target, heads, progress).run()
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


def _is_copy(source: LogReader, target: Target, heads: Mapping[str, int]) -> bool:
    """Say whether the target has the trials of the source, under the same roots."""
    return target.trials() == sorted(heads) and all(
        target.head(trial) == size and _root(target, trial, size) == _root(source, trial, size)
        for trial, size in heads.items()
    )


def _root(log: LogReader, trial: str, size: int) -> bytes:
    return Frontier().extend(leaf for _, leaf in with_leaves(log, trial, until=size)).root()


class _Copying:
    """One copy, within the transaction of the target."""

    def __init__(self, source: LogReader, target: Target, heads: Mapping[str, int], progress: Progress) -> None:
        self._source, self._target, self._heads, self._progress = source, target, heads, progress
        self._done, self._total = 0, sum(heads.values())

    def run(self) -> None:
        """Copy all trials."""
        roots = {trial: self._copied(trial, size) for trial, size in self._heads.items()}
        self._target.prepare_reading()
        for trial, root in roots.items():
            size = self._heads[trial]
            if self._target.head(trial) != size or _root(self._target, trial, size) != root:
                raise LogCorrupt(
                    f"the copy of trial {trial} has not the root of the original: nothing was recorded; look for a "
                    f"program or a trigger that changes the target"
                )

    def _copied(self, trial: str, size: int) -> bytes:
        """Copy one trial, and return the root of its entries."""
        frontier = Frontier()
        commands = _Commands(trial, self._commands(trial, size), until=size)
        for batch in self._batches(trial, size, frontier):
            self._target.append(trial, list(commands.of(batch)), within=True)
            self._done += len(batch)
            self._progress("copying", self._done, self._total)
        if rest := list(commands.rest()):
            self._target.append(trial, rest, within=True)
        for covered, note in self._source.notes(trial):
            if covered <= size:
                self._target.keep_note(trial, covered, note, within=True)
        return frontier.root()

    def _commands(self, trial: str, size: int) -> Iterator[CommandRow]:
        """Yield the commands of a trial, without those that were recorded since the copy began."""
        for row in self._source.commands(trial):
            if row.first is None or row.first <= size or row.first > self._source.head(trial):
                yield row  # one with positions that the trial does not have is refused

    def _batches(self, trial: str, size: int, frontier: Frontier) -> Iterator[Sequence[StoredEntry]]:
        """Yield the entries of a trial in batches, and add their leaves to the frontier."""
        batch: list[StoredEntry] = []
        taken = 0
        for entry, leaf in with_leaves(self._source, trial, until=size):
            frontier.add(leaf)
            batch.append(entry)
            taken += len(entry.state)
            if len(batch) >= _BATCH or taken >= _BATCH_BYTES:
                yield batch
                batch, taken = [], 0
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
