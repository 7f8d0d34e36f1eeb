"""Checking the entries, notes and registration of one trial of a database, page by page."""

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence

from trialdomain.errors import LogCorrupt
from trialdomain.storage.bounds import Budget, counted
from trialdomain.tree.note import NoteMalformed
from trialdomain.values.given.plural import n_entries
from trialdomain.verification.commands_check import CommandsCheck
from trialdomain.verification.defect import Defect, Defects, What, shortened
from trialdomain.verification.entries_check import EntriesCheck, Row
from trialdomain.verification.helpers import Helper, cleaned
from trialdomain.verification.judged_notes import NoteToCheck, read_held
from trialdomain.verification.portions import PortionsCheck, portions_of
from trialdomain.verification.readable import MOST_READ, registered
from trialdomain.verification.source import MOST_NOTES, Columns, LogSource
from trialdomain.verification.whole_pages import NO_ENTRY_HAS, WholePages


class LogCheck:
    """Checks one trial of a log.

    Args:
        source: reads the rows of the log.
        trial: the code of the trial.
        defects: collects the defects.
    """

    def __init__(self, source: LogSource, trial: bytes, defects: Defects) -> None:
        self._source, self._code, self._trial, self._defects = source, trial, shortened(trial), defects

    def notes(self) -> Iterator[NoteToCheck]:
        """Yield the notes that the log keeps of the trial; a note of another trial or kind is a defect."""
        number: dict[bool, int] = {}
        for one in self._source.notes(self._code):
            number[one.head] = number.get(one.head, 0) + 1
            if number[one.head] == MOST_NOTES:
                self._unfit(f"the log keeps more than {MOST_NOTES} notes: the oldest were not compared")
            try:
                held = read_held(one.where, one.text, outside=False, head=one.head)
            except NoteMalformed as error:
                self._unfit(str(error))
                continue
            if (held.checkpoint.size, held.checkpoint.trial) != (one.size, self._trial):
                named = f"{held.checkpoint.origin[:70]} with {n_entries(held.checkpoint.size)}"
                self._unfit(f"{one.where} is a note of {named}")
                continue
            yield held

    def registration(self) -> None:
        """Add a defect where no entry registers a trial with entries: such a trial cannot be opened."""
        rows = self._source.registration(self._code)
        if rows is None:
            return
        try:
            ours = (
                (position, version, name.decode(), state)
                for position, version, name, state in counted(rows, Budget.of_entries(self._trial))
            )
            why = None if registered(self._code.decode(), ours) else "no entry registers the trial, or it was withdrawn"
        except (LogCorrupt, *NO_ENTRY_HAS) as error:
            why = f"the entry that registers the trial cannot be read: {error}"
        if why is not None:
            self._defects.add(Defect(what=What.UNREADABLE, why=why, trial=self._trial))

    def entries(self, check: EntriesCheck, total: int, helpers: Sequence[Helper] = ()) -> Iterator[int]:
        """Check the entries; yield the number of entries of each page or portion.

        Args:
            check: the check of the entries.
            total: the number of entries of all trials.
            helpers: the helpers.
        """
        if not self._source.ordered:
            for page in self._source.guarded(self._code, after=0):
                yield _one_by_one(page.rows(), check)[1]
            return
        first, last = self._source.extent(self._code) or (0, MOST_READ)
        read_from = last - MOST_READ  # decoding all entries would add half to the time
        commands = None
        if helpers and first == 1 and last <= total and self._code == self._trial.encode():
            commands = yield from self._together(check, last, read_from, helpers)
        commands = commands or self._commands()
        try:
            yield from self._alone(check, WholePages(check.trial, read_from), commands)
        finally:
            if commands is not None:
                commands.close()
        if self._source.out_of_order(self._code):
            why = "the row numbers of the trial are not in the order of its positions"
            self._defects.add(Defect(what=What.STRUCTURE, why=why, trial=self._trial))
        for stream, versions in self._source.uneven(self._code):
            _check_versions(stream, versions, check)

    def _commands(self) -> CommandsCheck | None:
        found = self._source.commands(self._code)
        return None if found is None else CommandsCheck(self._source, found, self._code, self._defects)

    def _together(
        self, check: EntriesCheck, last: int, read_from: int, helpers: Sequence[Helper]
    ) -> Generator[int, None, CommandsCheck | None]:
        """Check entries in portions, with helpers, up to the first portion that is not clean.

        Return the check of the commands where all portions are clean; else it may have gone on beyond that portion.
        """
        own, whole = PortionsCheck(self._source, self._code, read_from), False
        portions = portions_of(self._code, check, last=last, read_from=read_from, processes=1 + len(helpers))
        try:
            for portion, clean in cleaned(portions, own, helpers):
                check.join(clean.subtrees, long=clean.long)
                yield portion.upto - portion.after
            whole = check.size == last
        finally:
            if not whole:
                own.close()
        return own.commands if whole else None

    def _alone(self, check: EntriesCheck, pages: WholePages, commands: CommandsCheck | None) -> Iterator[int]:
        """Check the entries from the next one on, and the commands to their end."""
        if commands is not None:
            commands.go_on(check.size, self._defects)
        whole = yield from self._plain(check, pages, commands)
        if not whole:
            yield from self._guarded(check, pages, commands)
        if commands is not None:
            commands.end(check.size)

    def _plain(
        self, check: EntriesCheck, whole: WholePages, commands: CommandsCheck | None
    ) -> Generator[int, None, bool]:
        """Check entries up to the first page with a fault or a long value; say whether there was no such page."""
        for columns in self._source.pages(self._code, after=check.size):
            if columns is None or not _taken(check, whole, columns):
                return False
            positions, states, *_ = columns
            if commands is not None:
                commands.page(positions, states, ())
            yield len(positions)
        return True

    def _guarded(self, check: EntriesCheck, pages: WholePages, commands: CommandsCheck | None) -> Iterator[int]:
        """Check the entries from the next one on; they may have any values."""
        for page in self._source.guarded(self._code, after=check.size):
            if page.columns is None:
                yield _one_by_one(page.rows(), check)[1]
                continue
            positions, states, *_ = page.columns
            whole = _taken(check, pages, page.columns)
            named: Collection[object] = () if whole else _one_by_one(page.rows(), check)[0]
            if commands is not None:
                commands.page(positions, states, named)
            yield len(positions)

    def _unfit(self, why: str) -> None:
        self._defects.add(Defect(what=What.BAD_CHECKPOINT, why=why, trial=self._trial))


def _one_by_one(rows: Iterable[Row], check: EntriesCheck) -> tuple[set[object], int]:
    """Check the rows of a page one by one, without keeping them: each may have 4 MB.

    Returns:
        The positions of those that do not fit their leaves, and the number of rows.
    """
    named: set[object] = set()
    number = 0
    for row in rows:
        number += 1
        if not check.one(row):
            named.add(row[0])
    return named, number


def _check_versions(stream: bytes, versions: Iterable[tuple[object, object]], check: EntriesCheck) -> None:
    """Name the versions of a stream that are missing, or out of order."""
    expected = 1
    for version, position in versions:
        if (stream, version) in check.unfit or not isinstance(version, int) or not isinstance(position, int):
            continue
        if version > expected:
            check.versions_missing(stream, expected, version, before=position)
        elif version < expected:
            check.version_out_of_place(stream, version, due=expected, position=position)
        expected = max(expected, version + 1)


def _taken(check: EntriesCheck, pages: WholePages, columns: Columns) -> bool:
    """Take a page of entries; return False, and take none, where one of them has a fault."""
    leaves = pages.leaves(columns, after=check.size)
    if leaves is not None:
        check.take(leaves, columns[1])
    return leaves is not None
