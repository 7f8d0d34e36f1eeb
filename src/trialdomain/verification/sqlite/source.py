"""The source of a verification for a SQLite log: raw rows, read with plain ``sqlite3``."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from trialdomain.storage.codec import LARGEST_STATE
from trialdomain.storage.heads import BEGUN
from trialdomain.storage.sqlite.file import check_file
from trialdomain.storage.sqlite.place import Identity, identity
from trialdomain.tree.note import MOST_BYTES
from trialdomain.values.given.plural import how_many, singular_or
from trialdomain.verification.defect import Defect, What, of_row, shortened
from trialdomain.verification.entries_check import Row
from trialdomain.verification.heads_check import KeptHead
from trialdomain.verification.readable import OF_REGISTRATION
from trialdomain.verification.source import MOST_NOTES, PAGE, Columns, CommandRow, KeptNote, Page, SourceBroken
from trialdomain.verification.sqlite.expected_schema import FoundSchema
from trialdomain.verification.sqlite.integrity import checked_meanwhile
from trialdomain.verification.sqlite.opening import opened

_LONGEST = 1 << 15
"""Bytes of the longest value in a page."""
_MOST_NAMED = 1_000

# The queries take a trial's code as bytes, because it may not be UTF-8.
_ELSEWHERE = """
SELECT 1 FROM entries INDEXED BY entries_by_position WHERE trial = CAST(? AS TEXT) AND position IS NOT rowid LIMIT 1
"""
"""Finds a row whose number is not its position; a log of one trial has none. It is fast: no row reaches Python."""
_IN_ORDER = "SELECT rowid FROM entries INDEXED BY entries_by_position WHERE trial = CAST(? AS TEXT) ORDER BY position"
_PLAIN = """
SELECT position, state, leaf, stream, name, version
FROM entries INDEXED BY entries_by_position WHERE trial = CAST(? AS TEXT) {some} ORDER BY position
"""
"""The fast query: it does not check lengths, but the length limit of the connection stops it at a long value."""
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
"""The guarded query: it leaves out states above 64 KiB, which are read one by one. SQLite tells the length of a blob
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
"""The place of a row that is longer than any entry's."""
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
"""The streams whose versions have a gap or do not begin at 1; a stream that no trial has is another defect."""
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
_EXTENT = """
SELECT (SELECT min(position) FROM entries INDEXED BY entries_by_position WHERE trial = CAST(:trial AS TEXT)),
    (SELECT max(position) FROM entries INDEXED BY entries_by_position WHERE trial = CAST(:trial AS TEXT)),
    EXISTS (
        SELECT 1 FROM entries INDEXED BY entries_by_position WHERE trial = CAST(:trial AS TEXT) AND position IS NULL
    )
"""
"""SQLite sorts NULL before all numbers, and texts after them: so all positions are numbers where these two are."""
_OF_REGISTRATION = f"""
SELECT position, version, name, state FROM entries INDEXED BY entries_by_stream
WHERE stream = CAST(? AS TEXT) AND name IN ({", ".join(f"CAST('{name}' AS TEXT)" for name in OF_REGISTRATION)})
    AND length(CAST(state AS BLOB)) <= ?
ORDER BY version LIMIT {MOST_NOTES}
"""  # noqa: S608 - both names are ours
_FIRST_AND_LAST = """
SELECT (SELECT min(rowid) FROM entries NOT INDEXED), (SELECT max(rowid) FROM entries NOT INDEXED)
"""
"""Two subqueries: for min and max in one query, SQLite scans every row."""
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
_ENCODING = "UTF-8"
_COMMANDS = """
SELECT CASE WHEN length(command) <= 200 THEN '"command":"' || command || '"' END,
    CASE WHEN typeof(first) = 'integer' THEN first END, CASE WHEN typeof(last) = 'integer' THEN last END FROM commands
WHERE trial = CAST(? AS TEXT) AND (first IS NOT NULL OR last IS NOT NULL) AND command != CAST(? AS TEXT)
ORDER BY 2
"""
_ONE_COMMAND = "SELECT first, last FROM commands WHERE trial = CAST(? AS TEXT) AND command = CAST(? AS TEXT)"


class SQLiteSource:
    """The raw tables of a log.

    Args:
        path: the file.
        connection: a connection to the file.
        file: which file was at the path before it was opened.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, file: Identity | None) -> None:
        self._path, self._connection = path, connection
        self._file = file if file == identity(str(path)) else None
        self._schema = FoundSchema(connection)
        self._changed = list(self._schema.defects())
        self._tables = self._schema.readable()
        self._encoding = shortened(connection.execute("PRAGMA encoding").fetchone()[0])

    @property
    def readable(self) -> bool:
        """Whether entries can be read at all."""
        return "entries" in self._tables and self._encoding == _ENCODING

    @property
    def ordered(self) -> bool:
        """Whether entries can be read in the order of positions: not where the index is missing."""
        return "entries_by_position" in self._tables

    @property
    def elsewhere(self) -> Mapping[str, Any] | None:
        """What a helper needs to open the log in another process; None where another file was at its path meanwhile."""
        return None if self._file is None else {"path": str(self._path), "file": self._file}

    def schema(self) -> Iterator[Defect]:
        """Yield a defect for each missing, changed or foreign table, index and trigger, and for a wrong encoding."""
        yield from self._changed
        if "entries" in self._tables and self._encoding != _ENCODING:
            why = (
                f"the text of the file is {self._encoding}, but that of a log is {_ENCODING}: another program wrote "
                f"the file, and it was not read"
            )
            yield Defect(what=What.STRUCTURE, why=why)

    @contextmanager
    def structure_meanwhile(self) -> Iterator[Callable[[], list[Defect]]]:
        """Let SQLite check the file on another thread while entries are read."""
        with checked_meanwhile(self._path, tables=self._schema.unchanged() if self._changed else None) as structure:
            yield structure.result

    def trials(self) -> list[bytes]:
        """Name every trial with an entry, a command or a note."""
        found: set[bytes] = set()
        for table in sorted({"entries", *_BESIDE}.intersection(self._tables)):
            last, beyond = b"", ">="
            while row := self._connection.execute(_NEXT_TRIAL.format(table=table, beyond=beyond), [last]).fetchone():
                trial, is_text, is_short = row
                if not is_text or not isinstance(trial, bytes) or (beyond == ">" and trial <= last):
                    break  # SQLite sorts other types after all texts
                last, beyond = trial, ">"
                if is_short:
                    found.add(trial)
        return sorted(found)

    def misfiled(self, *, entries: bool) -> Iterator[Defect]:
        """Yield defects for rows under a name that no trial has; ``entries`` includes the entries, and reads all."""
        for table in sorted(_BESIDE.keys() & set(self._tables)):
            if many := self._connection.execute(_MISFILED_BESIDE.format(table)).fetchone()[0]:
                rows, are = how_many(many, "row"), singular_or(many, "is", "are")
                why = f"{rows} of {table} {are} stored under a name that no trial has"
                yield Defect(what=_BESIDE[table], why=why)
        for row in self._connection.execute(_MISFILED) if entries else ():
            yield of_row(What.MISPLACED, "the entry is stored under a name that no trial has", row)

    def number(self) -> int:
        """Return the number of entries."""
        return int(self._connection.execute("SELECT count(*) FROM entries").fetchone()[0])

    def extent(self, trial: bytes) -> tuple[int, int] | None:
        """Return the first and the last position of a trial; None where one of its positions has another type."""
        first, last, nothing = self._connection.execute(_EXTENT, {"trial": trial}).fetchone()
        return (first, last) if isinstance(first, int) and isinstance(last, int) and not nothing else None

    def notes(self, trial: bytes) -> Iterator[KeptNote]:
        """Yield the notes that the log keeps of a trial, one at a time: first its checkpoints, the newest first."""
        for table in sorted(self._tables & _KEPT.keys()):
            query = _NOTES.format(table=table, most=MOST_NOTES)
            for size, note in self._connection.execute(query, [MOST_BYTES, trial]):
                text = note if isinstance(note, bytes) else b""
                yield KeptNote(_KEPT[table].format(size), size, text, table == "heads")

    def head(self, trial: bytes) -> KeptHead:
        """Return what the database has of signed heads."""
        tables, ask = self._tables, self._connection.execute
        return KeptHead(
            there="heads" in tables and ask(_HEAD, [trial]).fetchone() is not None,
            begun=ask(_BEGUN, [trial]).fetchone() is not None if "commands" in tables else None,
            newest=partial(self.newest, trial),
        )

    def registration(self, trial: bytes) -> Iterator[tuple[Any, Any, Any, Any]] | None:
        """Return the entries that can register a trial; None where an index is missing."""
        if not {"entries_by_stream", "entries_by_position"} <= set(self._tables):
            return None
        return self._connection.execute(_OF_REGISTRATION, [trial, LARGEST_STATE])

    def pages(self, trial: bytes, *, after: int = 0, upto: int | None = None) -> Iterator[Columns | None]:
        """Yield the entries of a trial by position, in pages; at a page with a long value, yield None and stop."""
        bounds = {"AND position > ?": after or None, "AND position <= ?": upto}
        given = {condition: bound for condition, bound in bounds.items() if bound is not None}
        cursor = self._connection.execute(_PLAIN.format(some=" ".join(given)), [trial, *given.values()])
        while page := self._short(cursor):
            yield _columns(page)
        if page is None:
            yield None

    def _short(self, cursor: sqlite3.Cursor) -> list[tuple[Any, ...]] | None:
        """Read a page; None where a value in it is longer than the limit."""
        usual = self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        try:
            return cursor.fetchmany(PAGE)
        except sqlite3.DataError:
            return None
        finally:
            self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, usual)

    def guarded(self, trial: bytes, *, after: int) -> Iterator[Page]:
        """Yield the entries of a trial after the first ``after``; they may have any values."""
        if not self.ordered:
            for (number,) in self._connection.execute(_NUMBERS, [trial]):
                yield Page(None, partial(self._rows, [number]))
            return
        cursor, done = self._connection.execute(_GUARDED, [trial, after]), after
        while True:
            try:
                page = cursor.fetchmany(PAGE)
            except sqlite3.DataError:  # a row is longer than any entry's, and is not read
                break
            if not page:
                return
            numbers = [row[0] for row in page]
            yield Page(_columns([row[1:] for row in page]), partial(self._rows, numbers))
            done += len(page)
        for (number,) in self._connection.execute(_REST, [trial, done]).fetchall():
            yield Page(None, partial(self._rows, [number]))

    def _rows(self, numbers: Sequence[int]) -> Iterator[Row]:
        """Yield rows one by one; of a row that is longer than any entry's, only its place."""
        for number in numbers:
            try:
                row = self._connection.execute(_ROW, {"most": LARGEST_STATE, "row": number}).fetchone()
            except sqlite3.DataError:
                row = self._connection.execute(_PLACE, [number]).fetchone()
            if row is not None:
                yield row

    def out_of_order(self, trial: bytes) -> bool:
        """Say whether the row numbers are not in the order of positions, which subscriptions rely on."""
        if self._connection.execute(_ELSEWHERE, [trial]).fetchone() is None:
            return False
        return any(one >= other for (one,), (other,) in pairwise(self._connection.execute(_IN_ORDER, [trial])))

    def numbering(self) -> str | None:
        """Check the row numbers: SQLite gives out each once, from 1, and no row is ever removed; None where right."""
        number, (first, last) = self.number(), self._connection.execute(_FIRST_AND_LAST).fetchone()
        if not number or (first, last) == (1, number):
            return None
        return f"the {number} rows of the entries have numbers from {first} to {last}: rows were removed, or renumbered"

    def newest(self, trial: bytes, *, after: int) -> Iterator[tuple[int, str, int]]:
        """Yield position, stream and version of the entries after a position, up to the number of listed defects."""
        for position, stream, version in self._connection.execute(_NEWEST, [trial, after, _MOST_NAMED]):
            yield position, shortened(stream), version

    def uneven(self, trial: bytes) -> Iterator[tuple[bytes, Iterator[tuple[object, object]]]]:
        """Yield each stream whose versions have a gap or do not begin at 1."""
        if "entries_by_stream" not in self._tables:
            return
        for first, last in ((trial, trial), (trial + b"/", trial + b"0")):  # in ASCII, "0" is the character after "/"
            for (stream,) in self._connection.execute(_STREAMS, [first, last]).fetchall():
                yield stream, self._connection.execute(_VERSIONS, [stream])

    def commands(self, trial: bytes) -> Iterator[list[CommandRow]] | None:
        """Yield the commands that recorded entries, in the order of positions; None where they cannot be read."""
        if "commands" not in self._tables:
            return None
        cursor = self._connection.execute(_COMMANDS, [trial, BEGUN.encode()])
        return iter(partial(cursor.fetchmany, PAGE), [])

    def command(self, trial: bytes, command: bytes) -> tuple[Any, Any] | None:
        """Return the first and last position in the row of one command; None where it has no row."""
        row: tuple[Any, Any] | None = self._connection.execute(_ONE_COMMAND, [trial, command]).fetchone()
        return row


def _columns(page: Sequence[Sequence[Any]]) -> Columns:
    positions, states, leaves, streams, names, versions = zip(*page, strict=True)
    return positions, states, leaves, streams, names, versions


@contextmanager
def sqlite_source(path: Path) -> Iterator[SQLiteSource]:
    """Open a SQLite file as a source, in one transaction, so that other programs may append meanwhile.

    Raises:
        LogUnusable: the file is not a log; or SQLite could not read all of it, because it is open here or has hard
            links.
        SourceBroken: SQLite cannot read the file, or the rest of it.
    """
    try:
        file = identity(str(path))
        check_file(path, readonly=True)
        with opened(path) as connection:
            yield SQLiteSource(path, connection, file)
    except sqlite3.Error as error:
        raise SourceBroken(str(error)) from error
