"""Verifying a SQLite log, row by row with plain ``sqlite3``: nothing of what reads logs otherwise is trusted here."""

import sqlite3
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from trialdomain.audit.commands_check import CommandsCheck
from trialdomain.audit.defect import Defect, Defects, What, of_row, shown
from trialdomain.audit.entries_check import EntriesCheck
from trialdomain.audit.heads_check import KeptHead
from trialdomain.audit.leaves import Leaves
from trialdomain.audit.notes import Held, read_held
from trialdomain.audit.readable import MOST_READ, OF_REGISTRATION, all_readable, registered
from trialdomain.errors import LogCorrupt
from trialdomain.storage.bounds import LONGEST_SQL, LONGEST_VALUE, Budget, counted
from trialdomain.storage.codec import LARGEST_STATE
from trialdomain.storage.forks import brief
from trialdomain.storage.heads import BEGUN
from trialdomain.storage.sqlite_file import file_uri, has_wal, refuse_unsafe_reading
from trialdomain.tree.note import MOST_BYTES, NoteMalformed
from trialdomain.values.plural import how_many, n_entries, singular_or

_PAGE = 1 << 9
_LONGEST = 1 << 15
"""Bytes of a value that is read with others of a page."""
_MOST_NAMED = 1_000
_MOST_NOTES = 20_000

# A trial's code may be no Unicode here: it is given as bytes.
_ELSEWHERE = """
SELECT 1 FROM entries INDEXED BY entries_by_position WHERE trial = CAST(? AS TEXT) AND position IS NOT rowid LIMIT 1
"""
"""In the log of one trial there is none: asked first, for SQLite finds that out without handing any row over."""
_IN_ORDER = "SELECT rowid FROM entries INDEXED BY entries_by_position WHERE trial = CAST(? AS TEXT) ORDER BY position"
_PLAIN = """
SELECT position, state, leaf, stream, name, version
FROM entries INDEXED BY entries_by_position WHERE trial = CAST(? AS TEXT) ORDER BY position
"""
"""Without a look at how long the values are: it is for SQLite to stop at one above the limit of the connection."""
_GUARDED = """
SELECT rowid, CASE WHEN typeof(position) = 'integer' THEN position END,
    CASE WHEN typeof(state) = 'blob' THEN CASE WHEN length(state) <= 65536 THEN state END
        WHEN length(CAST(state AS BLOB)) <= 65536 THEN state END,
    CASE WHEN typeof(leaf) = 'blob' THEN CASE WHEN length(leaf) <= 32 THEN leaf END
        WHEN length(CAST(leaf AS BLOB)) <= 32 THEN leaf END,
    CASE WHEN length(CAST(stream AS BLOB)) <= 600 THEN stream END,
    CASE WHEN length(CAST(name AS BLOB)) <= 100 THEN name END, CASE WHEN typeof(version) = 'integer' THEN version END
FROM entries INDEXED BY entries_by_position WHERE trial = CAST(? AS TEXT) ORDER BY position
LIMIT -1 OFFSET ?
"""
"""States above 64 KiB are read one by one, and those that no fact can have are not: of a blob, SQLite tells the length
without reading it."""
_ROW = """
SELECT CASE WHEN typeof(position) = 'integer' THEN position END,
    CASE WHEN length(CAST(stream AS BLOB)) <= 4096 THEN stream END,
    CASE WHEN typeof(version) = 'integer' THEN version END,
    CASE WHEN length(CAST(name AS BLOB)) <= 4096 THEN name END,
    CASE WHEN typeof(state) = 'blob' THEN CASE WHEN length(state) <= :most THEN state END
        WHEN length(CAST(state AS BLOB)) <= :most THEN state END,
    CASE WHEN typeof(leaf) = 'blob' THEN CASE WHEN length(leaf) <= 64 THEN leaf END
        WHEN length(CAST(leaf AS BLOB)) <= 64 THEN leaf END
FROM entries NOT INDEXED WHERE rowid = :row
"""
_PLACE = """
SELECT CASE WHEN typeof(position) = 'integer' THEN position END, NULL,
    CASE WHEN typeof(version) = 'integer' THEN version END, NULL, NULL, NULL FROM entries NOT INDEXED WHERE rowid = ?
"""
"""Of a row that is longer than any entry's."""
_REST = """
SELECT rowid FROM entries INDEXED BY entries_by_position WHERE trial = CAST(? AS TEXT) ORDER BY position
LIMIT -1 OFFSET ?
"""
_NUMBERS = "SELECT rowid FROM entries NOT INDEXED WHERE trial = CAST(? AS TEXT)"
_STREAMS = """
SELECT stream FROM entries INDEXED BY entries_by_stream WHERE stream BETWEEN CAST(? AS TEXT) AND CAST(? AS TEXT)
    AND length(CAST(stream AS BLOB)) <= 4096
GROUP BY stream HAVING min(version) IS NOT 1 OR max(version) IS NOT count(*)
"""
"""Streams whose versions do not go from 1 on without a gap; one with a name that no trial has is named as such."""
_VERSIONS = """
SELECT version, position FROM entries INDEXED BY entries_by_stream WHERE stream = CAST(? AS TEXT) ORDER BY version
"""
_NEWEST = """
SELECT position, stream, version FROM entries WHERE trial = CAST(? AS TEXT) AND position > ? ORDER BY position LIMIT ?
"""
_NOTES = """
SELECT CASE WHEN typeof(size) = 'integer' THEN size END,
    CASE WHEN length(CAST(note AS BLOB)) <= ? THEN note END FROM {table} WHERE trial = CAST(? AS TEXT)
ORDER BY size DESC LIMIT {most}
"""
_HEAD = "SELECT 1 FROM heads WHERE trial = CAST(? AS TEXT) LIMIT 1"
_BEGUN = f"SELECT 1 FROM commands WHERE trial = CAST(? AS TEXT) AND command = CAST('{BEGUN}' AS TEXT)"  # noqa: S608 - ours
_LAST = "SELECT max(position) FROM entries INDEXED BY entries_by_position WHERE trial = CAST(? AS TEXT)"
_OF_REGISTRATION = f"""
SELECT position, version, name, state FROM entries INDEXED BY entries_by_stream
WHERE stream = CAST(? AS TEXT) AND name IN ({", ".join(f"CAST('{name}' AS TEXT)" for name in OF_REGISTRATION)})
    AND length(CAST(state AS BLOB)) <= ?
ORDER BY version LIMIT {_MOST_NOTES}
"""  # noqa: S608 - both names are ours
_NO_ENTRY_HAS = (TypeError, ValueError, LookupError, AttributeError)
"""What values raise that a table of ours would never have taken, or that stand for a large state."""
_FIRST_AND_LAST = """
SELECT (SELECT min(rowid) FROM entries NOT INDEXED), (SELECT max(rowid) FROM entries NOT INDEXED)
"""
"""Each by itself: asked for both at once, SQLite looks at every row."""
_NEXT_TRIAL = """
SELECT trial, typeof(trial) = CAST('text' AS TEXT), length(CAST(trial AS BLOB)) <= 200 FROM {table}
WHERE trial {beyond} CAST(? AS TEXT) ORDER BY trial LIMIT 1
"""
_MISFILED = """
SELECT position, CASE WHEN length(CAST(stream AS BLOB)) <= 4096 THEN stream END, version FROM entries NOT INDEXED
WHERE typeof(trial) != 'text' OR length(CAST(trial AS BLOB)) > 200 LIMIT 1000
"""
_MISFILED_BESIDE = "SELECT count(*) FROM {} WHERE typeof(trial) != 'text' OR length(CAST(trial AS BLOB)) > 200"
_BESIDE = {"checkpoints": What.BAD_CHECKPOINT, "commands": What.COMMAND, "heads": What.BAD_CHECKPOINT}
_KEPT = {"checkpoints": "the checkpoint of {} entries kept with the log", "heads": "the signed head of {} entries"}


Column: TypeAlias = tuple[Any, ...]
"""What stands in a column of a page, whatever that is."""


class Database:
    """The tables of a log, as they stand in the file.

    Args:
        connection: to the file.
        readable: the tables and indexes that may be asked, ``entries`` among them.
        defects: takes what is wrong.
    """

    def __init__(self, connection: sqlite3.Connection, readable: Collection[str], defects: Defects) -> None:
        self._connection, self.readable, self._defects = connection, readable, defects

    def trials(self) -> list[bytes]:
        """Name every trial of which anything is there: an entry, a command, or a note."""
        found: set[bytes] = set()
        for table in sorted({"entries", *_BESIDE}.intersection(self.readable)):
            last, beyond = b"", ">="
            while row := self._connection.execute(_NEXT_TRIAL.format(table=table, beyond=beyond), [last]).fetchone():
                trial, is_text, is_short = row
                if not is_text or not isinstance(trial, bytes) or (beyond == ">" and trial <= last):
                    break  # what is no text comes after all that is
                last, beyond = trial, ">"
                if is_short:
                    found.add(trial)
        return sorted(found)

    def misfiled(self, *, entries: bool) -> Iterator[Defect]:
        """Yield what is filed under no name that a trial has; ``entries`` asks for those too, which reads them all."""
        for table in sorted(_BESIDE.keys() & set(self.readable)):
            if many := self._connection.execute(_MISFILED_BESIDE.format(table)).fetchone()[0]:
                rows, are = how_many(many, "row"), singular_or(many, "is", "are")
                why = f"{rows} of {table} {are} filed under no name of a trial"
                yield Defect(what=_BESIDE[table], why=why)
        for row in self._connection.execute(_MISFILED) if entries else ():
            yield of_row(What.MISPLACED, "the entry is filed under no name of a trial", row)

    def number(self) -> int:
        """Say how many entries there are."""
        return int(self._connection.execute("SELECT count(*) FROM entries").fetchone()[0])

    def held(self, trial: bytes) -> Iterator[Held]:
        """Yield the notes that are kept with a trial, one at a time: first its checkpoints, the newest first."""
        for table in sorted(self.readable & _KEPT.keys()):
            query = _NOTES.format(table=table, most=_MOST_NOTES)
            for number, (size, note) in enumerate(self._connection.execute(query, [MOST_BYTES, trial]), start=1):
                if number == _MOST_NOTES:
                    self._unfit_note(trial, f"more than {_MOST_NOTES} notes are kept: the oldest are not compared")
                where = _KEPT[table].format(size)
                try:
                    text = note if isinstance(note, bytes) else b""
                    one = read_held(where, text, outside=False, head=table == "heads")
                except NoteMalformed as error:
                    self._unfit_note(trial, str(error))
                    continue
                if (one.checkpoint.size, one.checkpoint.trial) != (size, shown(trial)):
                    named = f"{one.checkpoint.origin[:70]} with {n_entries(one.checkpoint.size)}"
                    self._unfit_note(trial, f"{where} is a note of {named}")
                    continue
                yield one

    def head(self, trial: bytes) -> KeptHead:
        """Say what there is of signed heads."""
        readable, ask = self.readable, self._connection.execute
        return KeptHead(
            there="heads" in readable and ask(_HEAD, [trial]).fetchone() is not None,
            begun=ask(_BEGUN, [trial]).fetchone() is not None if "commands" in readable else None,
            newest=partial(self.newest, trial),
        )

    def check_registered(self, trial: bytes) -> None:
        """Say so where no entry registers a trial that has entries: then nothing can be asked about it."""
        if not {"entries_by_stream", "entries_by_position"} <= set(self.readable):
            return
        rows = self._connection.execute(_OF_REGISTRATION, [trial, LARGEST_STATE])
        budget = Budget.of_entries(shown(trial))
        try:
            ours = (
                (position, version, name.decode(), state) for position, version, name, state in counted(rows, budget)
            )
            why = None if registered(trial.decode(), ours) else "no entry registers the trial, or it was withdrawn"
        except (LogCorrupt, *_NO_ENTRY_HAS) as error:
            why = f"what registers the trial cannot be read: {error}"
        if why is not None:
            self._defects.add(Defect(what=What.UNREADABLE, why=why, trial=shown(trial)))

    def check_entries(self, trial: bytes, check: EntriesCheck) -> Iterator[int]:
        """Read the entries of a trial into its check; yield how many, page by page."""
        if "entries_by_position" not in self.readable:
            yield from self._unordered(trial, check)
            return
        commands = CommandsCheck(self._connection, trial, self._defects) if "commands" in self.readable else None
        right = _Right(Leaves(check.trial), self._read_from(trial))
        whole = yield from self._plain(trial, check, right, commands)
        if not whole:
            yield from self._guarded(trial, check, right, commands)
        self._check_order(trial)
        if commands is not None:
            commands.end(check.size)
        if "entries_by_stream" in self.readable:
            self._check_versions(trial, check)

    def _read_from(self, trial: bytes) -> int:
        """Give the position from which on entries are read whole: a log of a million would take half as long again."""
        last = self._connection.execute(_LAST, [trial]).fetchone()[0]
        return last - MOST_READ if isinstance(last, int) else 0

    def _plain(
        self, trial: bytes, check: EntriesCheck, right: "_Right", commands: CommandsCheck | None
    ) -> Generator[int, None, bool]:
        """Read entries up to the first page in which anything is wrong, or long; say whether there was none."""
        cursor = self._connection.execute(_PLAIN, [trial])
        while page := self._short(cursor):
            positions, states, *others = zip(*page, strict=True)
            if not right.taken(check, positions, states, *others):
                return False
            if commands is not None:
                commands.page(positions, states, ())
            yield len(page)
        return page is not None

    def _short(self, cursor: sqlite3.Cursor) -> list[tuple[Any, ...]] | None:
        """Read a page; None, where a value in it is above the limit."""
        usual = self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        try:
            return cursor.fetchmany(_PAGE)
        except sqlite3.DataError:
            return None
        finally:
            self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, usual)

    def _guarded(
        self, trial: bytes, check: EntriesCheck, right: "_Right", commands: CommandsCheck | None
    ) -> Iterator[int]:
        """Read the entries from the next one on, whatever they are."""
        cursor = self._connection.execute(_GUARDED, [trial, check.size])
        while True:
            try:
                page = cursor.fetchmany(_PAGE)
            except sqlite3.DataError:  # a row is longer than any entry's, and is not read
                yield from self._by_number(trial, check)
                return
            if not page:
                return
            numbers, positions, states, *others = zip(*page, strict=True)
            whole = right.taken(check, positions, states, *others)
            named: Collection[object] = () if whole else self._one_by_one(numbers, check)
            if commands is not None:
                commands.page(positions, states, named)
            yield len(page)

    def _by_number(self, trial: bytes, check: EntriesCheck) -> Iterator[int]:
        """Read the entries from the next one on, each by itself."""
        for (number,) in self._connection.execute(_REST, [trial, check.size]).fetchall():
            self._one_by_one([number], check)
            yield 1

    def _check_order(self, trial: bytes) -> None:
        """Say so where the row numbers are not in the order of the positions: those who follow a log go by them."""
        if self._connection.execute(_ELSEWHERE, [trial]).fetchone() is None:
            return
        last = 0
        for (number,) in self._connection.execute(_IN_ORDER, [trial]):
            if number <= last:
                why = "the row numbers of the trial are not in the order of its positions"
                self._defects.add(Defect(what=What.STRUCTURE, why=why, trial=shown(trial)))
                return
            last = number

    def renumbered(self) -> str | None:
        """Say so where the row numbers are not those that SQLite gives out once, from 1 on, to rows that all stay."""
        number, (first, last) = self.number(), self._connection.execute(_FIRST_AND_LAST).fetchone()
        if not number or (first, last) == (1, number):
            return None
        return f"the {number} rows of the entries have numbers from {first} to {last}: rows were removed, or renumbered"

    def newest(self, trial: bytes, *, after: int) -> Iterator[tuple[int, str, int]]:
        """Yield position, stream and version of the entries after one, up to as many as are named."""
        for position, stream, version in self._connection.execute(_NEWEST, [trial, after, _MOST_NAMED]):
            yield position, shown(stream), version

    def _one_by_one(self, numbers: Iterable[int], check: EntriesCheck) -> set[object]:
        """Look at the rows of a page in which something is wrong; give the positions of those that were named."""
        named = set()
        for number in numbers:
            try:
                row = self._connection.execute(_ROW, {"most": LARGEST_STATE, "row": number}).fetchone()
            except sqlite3.DataError:
                row = self._connection.execute(_PLACE, [number]).fetchone()
            if row is not None and not check.one(row):
                named.add(row[0])
        return named

    def _unordered(self, trial: bytes, check: EntriesCheck) -> Iterator[int]:
        """Read the entries without the index that puts them in order, because it is gone."""
        for (number,) in self._connection.execute(_NUMBERS, [trial]):
            self._one_by_one([number], check)
            yield 1

    def _check_versions(self, trial: bytes, check: EntriesCheck) -> None:
        """Say which versions of the streams of a trial are missing."""
        for first, last in ((trial, trial), (trial + b"/", trial + b"0")):  # 0 comes right after /
            for (stream,) in self._connection.execute(_STREAMS, [first, last]).fetchall():
                self._check_stream(stream, check)

    def _check_stream(self, stream: bytes, check: EntriesCheck) -> None:
        expected = 1
        for version, position in self._connection.execute(_VERSIONS, [stream]):
            if (stream, version) in check.unfit or not isinstance(version, int) or not isinstance(position, int):
                continue
            if version > expected:
                check.versions_missing(stream, expected, version, before=position)
            elif version < expected:
                check.version_out_of_place(stream, version, due=expected, position=position)
            expected = max(expected, version + 1)

    def _unfit_note(self, trial: bytes, why: str) -> None:
        self._defects.add(Defect(what=What.BAD_CHECKPOINT, why=why, trial=shown(trial)))


@attrs.frozen
class _Right:
    """What entries must be, so that a page of them is taken at once."""

    leaves: Leaves
    read_from: int
    """The position from which on states are read whole."""

    def taken(self, check: EntriesCheck, positions: Column, states: Column, *others: Column) -> bool:
        """Take a page of entries; False, and nothing taken, where anything is wrong with one of them."""
        leaves, streams, names, versions = others
        if set(map(type, versions)) != {int}:
            return False
        try:
            computed = self.leaves.of(streams, versions, names, states)
        except _NO_ENTRY_HAS:
            return False
        if tuple(computed) != leaves or not check.follows(positions):
            return False
        if positions[-1] >= self.read_from and not all_readable(names, states):
            return False
        check.take(computed, states)
        return True


@contextmanager
def opened(path: Path, *, helps: int | None = None) -> Iterator[sqlite3.Connection]:
    """Open a SQLite file for reading, with plain ``sqlite3``, and in one transaction: others may append meanwhile.

    Args:
        path: the file.
        helps: the thread that has it open as well, and waits for what comes of this.

    Raises:
        LogUnusable: what it has open elsewhere, or another name of it, keeps SQLite from reading all of it.
        sqlite3.Error: it cannot be opened.
    """
    refuse_unsafe_reading(path)
    visit = brief(helps=helps)
    with visit.stay, visit, _connected(path) as connection:
        yield connection


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    ways = [{"mode": "ro"}] if has_wal(path) else [{"mode": "rw"}, {"mode": "ro", "immutable": "1"}]
    for number, way in enumerate(ways, start=1):
        connection = sqlite3.connect(file_uri(path, **way), uri=True, isolation_level=None, timeout=30)
        try:
            connection.text_factory = bytes  # a text may be no Unicode here
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
            connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, LONGEST_SQL)
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA writable_schema = ON")  # a schema that SQLite cannot read whole is read in part
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error:
            connection.close()
            if number == len(ways):
                raise
            continue
        try:
            yield connection
        finally:
            connection.close()
        return
