"""Verifying a SQLite log, row by row with plain ``sqlite3``: nothing of what reads logs otherwise is trusted here."""

import sqlite3
from binascii import hexlify
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from operator import contains
from pathlib import Path
from typing import Any

from trialdomain.audit.defect import Defect, Defects, What
from trialdomain.audit.entries_check import EntriesCheck
from trialdomain.audit.expected_schema import schema_defects
from trialdomain.audit.notes import Held, read_held
from trialdomain.storage.sqlite_file import file_uri, has_wal
from trialdomain.tree.leaf import BEFORE_STATE
from trialdomain.tree.note import NoteMalformed

_PAGE = 1 << 10
_MOST_NAMED = 1_000

# The index says in which order, the table itself what. A row that one of them has otherwise is passed over, and missed.
_FROM = """
FROM entries AS i INDEXED BY entries_by_position CROSS JOIN entries AS t NOT INDEXED
ON t.rowid = i.rowid AND t.position = i.position AND t.trial = i.trial
WHERE i.trial = ?
"""
_HASHED = f"""
SELECT i.position, t.state, t.leaf,
    '","stream":"' || t.stream || '","topic":"' || t.name || '","version":' || t.version || '}}'
{_FROM} ORDER BY i.position
"""
"""What a leaf has after the state is put together by SQLite: for the ids and names that need no escape in JSON."""
_ROWS = f"""
SELECT t.position, t.stream, t.version, t.name, t.state, t.leaf
{_FROM} AND i.position >= ? ORDER BY i.position LIMIT ?
"""
_STREAMS_OF = """
SELECT stream, count(*), min(version), max(version) FROM entries INDEXED BY entries_by_stream
WHERE stream BETWEEN ? AND ? GROUP BY stream
"""
_FOREIGN = """
SELECT position, stream, version FROM entries
WHERE trial = ? AND stream != ? AND NOT stream BETWEEN ? AND ? ORDER BY position LIMIT 1000
"""
_VERSIONS = "SELECT version, position FROM entries INDEXED BY entries_by_stream WHERE stream = ? ORDER BY version"
_FOUND_BY_STREAM = """
SELECT count(*) FROM entries AS i INDEXED BY entries_by_stream CROSS JOIN entries AS t NOT INDEXED
ON t.rowid = i.rowid AND t.stream = i.stream AND t.version = i.version
"""
_PLAIN = "SELECT position, stream, version, name, state, leaf FROM entries WHERE trial = ? ORDER BY position"
_COMMANDS = """
SELECT '"command":"' || command || '"', first, last FROM commands
WHERE trial = ? AND first IS NOT NULL ORDER BY first
"""
_NEWEST = "SELECT position, stream, version FROM entries WHERE trial = ? AND position > ? ORDER BY position LIMIT ?"
_KEPT = (("checkpoints", "the checkpoint of {} entries kept with the log"), ("heads", "the signed head of {} entries"))


class Database:
    """The tables of a log, as they stand in the file."""

    def __init__(self, connection: sqlite3.Connection, defects: Defects) -> None:
        self._connection, self._defects = connection, defects
        connection.text_factory = bytes  # a text may be no Unicode here
        self._number = 0

    def check_schema(self) -> None:
        """Say which tables, indexes and triggers are not ours."""
        for defect in schema_defects(self._connection):
            self._defects.add(defect)

    def trials(self) -> list[str]:
        """Name every trial of which anything is there: an entry, a command, or a note."""
        found: set[bytes] = set()
        for table in ("entries", "commands", "checkpoints", "heads"):
            last = b""
            while row := self._first(f"SELECT min(trial) FROM {table} WHERE trial > ?", _text(last)):  # noqa: S608 - names of ours
                if not isinstance(row[0], bytes) or row[0] <= last:
                    break
                found.add(last := row[0])
        return [_text(trial) for trial in sorted(found)]

    def number(self) -> int:
        """Say how many entries there are."""
        row = self._first("SELECT count(*) FROM entries")
        return row[0] if row else 0

    def held(self, trial: str) -> list[Held]:
        """Give the notes that are kept with a trial."""
        held = []
        for table, name in (
            ("checkpoints", "the checkpoint of {} entries kept with the log"),
            ("heads", "the signed head"),
        ):
            query = f"SELECT size, note FROM {table} WHERE trial = ? ORDER BY size"  # noqa: S608 - two names of ours
            for size, note in self._all(query, trial):
                where = name.format(size)
                try:
                    one = read_held(
                        where, note if isinstance(note, bytes) else b"", outside=False, head=table == "heads"
                    )
                except NoteMalformed as error:
                    self._defects.add(Defect(what=What.BAD_CHECKPOINT, why=str(error), trial=trial))
                    continue
                if one.checkpoint.size != size or one.checkpoint.trial != trial:
                    why = f"{where} is a note of {one.checkpoint.origin} with {one.checkpoint.size} entries"
                    self._defects.add(Defect(what=What.BAD_CHECKPOINT, why=why, trial=trial))
                    continue
                held.append(one)
        return held

    def check_entries(self, check: EntriesCheck) -> Iterator[int]:
        """Read the entries of a trial into its check; yield how many, page by page."""
        try:
            cursor = self._connection.execute(_HASHED, (check.trial,))
        except sqlite3.OperationalError:  # the index by position is gone, as the schema has said
            yield from self._check_unordered(check)
            return
        commands, before = _Commands(self._connection, check.trial, self._defects), self._number
        while page := cursor.fetchmany(_PAGE):
            positions, states, leaves, tails = zip(*page, strict=True)
            try:
                computed = _leaves(states, tails)
            except TypeError:  # a column holds what its table would never have taken
                computed = []
            unfit: set[object] = set()
            if tuple(computed) == leaves and check.follows(positions):
                check.take(computed)
            else:
                rows = self._all(_ROWS, check.trial, positions[0], len(positions))
                unfit = {row[0] for row in rows if not check.one(row)}
            commands.page(positions, states, unfit)
            self._number += len(page)
            yield len(page)
        commands.end(check.size)
        self._check_streams(check, self._number - before)

    def _check_unordered(self, check: EntriesCheck) -> Iterator[int]:
        """Read the entries without the index that puts them in order, because it is gone."""
        cursor = self._connection.execute(_PLAIN, (check.trial,))
        while page := cursor.fetchmany(_PAGE):
            for row in page:
                check.one(row)
            self._number += len(page)
            yield len(page)

    def check_indexes(self) -> None:
        """Compare the table with the indexes by which entries are found: each must lead to the same rows."""
        for sql, what in (
            ("SELECT count(*) FROM entries NOT INDEXED", "the table has {} entries"),
            ("SELECT count(*) FROM entries INDEXED BY entries_by_position", "the index by position has {} entries"),
            ("SELECT count(*) FROM entries INDEXED BY entries_by_stream", "the index by stream has {} entries"),
            (_FOUND_BY_STREAM, "the index by stream leads to {} entries of its own streams and versions"),
        ):
            row = self._first(sql)
            if row and row[0] != self._number:
                why = f"{what.format(row[0])}, and {self._number} can be read in their order: an index was changed"
                self._defects.add(Defect(what=What.SCHEMA, why=why))

    def _check_streams(self, check: EntriesCheck, read: int) -> None:
        """Say which versions of the streams of a trial are missing, and which entries are of streams of another."""
        trial = check.trial
        streams = [*self._all(_STREAMS_OF, trial, trial), *self._all(_STREAMS_OF, f"{trial}/", f"{trial}/\U0010ffff")]
        if sum(number for _, number, _, _ in streams) != read:
            for position, stream, version in self._all(_FOREIGN, trial, trial, f"{trial}/", f"{trial}/\U0010ffff"):
                why = f"the entry is filed under trial {trial}, and its stream is of another"
                where = {"position": position, "stream": _text(stream), "version": version}
                self._defects.add(Defect(what=What.MISPLACED, why=why, trial=trial, **where))
        for stream, number, first, last in streams:
            if (first, last) == (1, number) or not all(isinstance(one, int) for one in (first, last)):
                continue
            expected = 1
            for version, position in self._all(_VERSIONS, _text(stream)):
                if (stream, version) in check.unfit:
                    continue
                if version > expected:
                    check.version_missing(stream, range(expected, version), before=position)
                expected = version + 1

    def newest(self, trial: str, *, after: int) -> Iterator[tuple[int, str, int]]:
        """Yield position, stream and version of the entries after one, up to as many as are named."""
        query = (
            "SELECT position, stream, version FROM entries WHERE trial = ? AND position > ? ORDER BY position LIMIT ?"
        )
        for position, stream, version in self._all(query, trial, after, _MOST_NAMED):
            yield position, stream.decode(errors="replace"), version

    def _first(self, query: str, *values: object) -> tuple[Any, ...] | None:
        return next(iter(self._all(query, *values)), None)

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask; where the table or the index is not there, which the schema has said already, there is nothing."""
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such" in str(error):
                return []
            raise


def _leaves(states: Iterable[bytes], tails: Iterable[bytes]) -> list[bytes]:
    """Hash entries, each of its state and of what its leaf has after it: most of a verification is this line."""
    before, sha, in_hex = BEFORE_STATE, sha256, hexlify
    return [
        sha(before + in_hex(sha(state).digest()) + tail).digest() for state, tail in zip(states, tails, strict=True)
    ]


class _Commands:
    """What is remembered of commands, beside the entries as they come: which command recorded which positions.

    Each entry names its command in its state, which is under its leaf; the table of commands is not.
    """

    def __init__(self, connection: sqlite3.Connection, trial: str, defects: Defects) -> None:
        self._trial, self._defects = trial, defects
        self._coming = self._read(connection)
        self._last = 0
        """The last position of the commands that were passed."""
        self._next = next(self._coming, None)
        self._remembered = self._next is not None

    def page(self, positions: Sequence[Any], states: Sequence[Any], unfit: Collection[object]) -> None:
        """Take the next entries; of those that do not fit their leaves, it is known already."""
        if not self._remembered:
            return
        try:
            patterns = self._patterns(positions)
            if all(map(contains, states, patterns)):
                return
        except TypeError:  # a position or a state is none, and is named as altered
            return
        for position, state, pattern in zip(positions, states, patterns, strict=True):
            if pattern not in state and position not in unfit:
                why = f"the entry is not of the command that is remembered for its position: {_id(pattern)}"
                self._add(What.COMMAND, why, position)

    def end(self, size: int) -> None:
        """Say which commands are remembered for positions that the log does not have."""
        while self._next is not None:
            pattern, first, last = self._next
            if last > size:
                why = f"command {_id(pattern)} recorded positions {first} to {last}, and the log ends at {size}"
                self._add(What.TRUNCATED, f"{why}: the newest entries are gone", max(first, size + 1))
            self._next = next(self._coming, None)

    def _patterns(self, positions: Sequence[int]) -> list[bytes]:
        """Give for each position what its state must hold; nothing where no command is remembered for it."""
        patterns: list[bytes] = []
        number = len(positions)
        gapless = positions[-1] - positions[0] + 1 == number
        while (done := len(patterns)) < number:
            at = positions[done]
            while self._next is not None and self._next[2] < at:
                self._pass()
            if self._next is None or at < self._next[1]:
                if at > self._last:  # said once for all of them
                    self._last = self._next[1] - 1 if self._next else 2**63
                    self._add(What.COMMAND, "no command is remembered for the entries from here on", at)
                patterns.append(b"")
                continue
            pattern, _, last = self._next
            patterns += [pattern] * (min(last - at + 1, number - done) if gapless else 1)
        return patterns

    def _pass(self) -> None:
        """Go on to the next command; one that recorded what another did is named."""
        if self._next is not None:
            self._last = max(self._last, self._next[2])
        self._next = next(self._coming, None)
        if self._next is not None and self._next[1] <= self._last:
            why = f"command {_id(self._next[0])} is remembered for positions that another command recorded"
            self._add(What.COMMAND, why, self._next[1])

    def _add(self, what: What, why: str, position: int) -> None:
        self._defects.add(Defect(what=what, why=why, trial=self._trial, position=position))

    def _read(self, connection: sqlite3.Connection) -> Iterator[tuple[bytes, int, int]]:
        try:
            cursor = connection.execute(_COMMANDS, (self._trial,))
        except sqlite3.OperationalError:  # the table is gone, as the schema has said
            return
        for pattern, first, last in cursor:
            if isinstance(pattern, bytes) and isinstance(first, int) and isinstance(last, int) and first <= last:
                yield pattern, first, last
            else:
                why = "a row of the commands has values that no command has"
                self._defects.add(Defect(what=What.COMMAND, why=why, trial=self._trial))


def _id(pattern: bytes) -> str:
    return _text(pattern.removeprefix(b'"command":"').removesuffix(b'"'))


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a SQLite file for reading, with plain ``sqlite3``, and in one transaction: others may append meanwhile.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    ways = [{"mode": "ro"}] if has_wal(path) else [{"mode": "rw"}, {"mode": "ro", "immutable": "1"}]
    for number, way in enumerate(ways, start=1):
        connection = sqlite3.connect(file_uri(path, **way), uri=True, isolation_level=None, timeout=30)
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
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
