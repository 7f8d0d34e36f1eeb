"""The triggers of the tables, against another program: plain ``sqlite3``, without recursive triggers."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import pytest
from eventsourcing.persistence import StoredEvent

from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.storage.store import Command, Sealed

LEAF = bytes(32)
Rows: TypeAlias = list[tuple[object, ...]]


@pytest.fixture
def attacker(path: Path) -> Iterator[sqlite3.Connection]:
    """A log with two trials, six entries and a command, and a foreign connection to it."""
    log = SQLiteStore(path)
    written = [StoredEvent("T1", n, "fact.v1", b"{}") for n in (1, 2, 3)]
    log.append("T1", [Sealed(Command(id="c1", request=sha256(b"request").digest()), written)])
    log.insert_events([StoredEvent("T1/participant/S1", n, "fact.v1", b"{}") for n in (1, 2)])
    log.insert_events([StoredEvent("T2", 1, "fact.v1", b"{}")])
    log.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute("PRAGMA recursive_triggers").fetchone() == (0,)
        yield connection


@pytest.fixture
def refused(attacker: sqlite3.Connection) -> Callable[..., str]:
    """Say why a statement was refused, once it is sure that it changed nothing."""

    def contents() -> Rows:
        return [*attacker.execute("SELECT * FROM entries"), *attacker.execute("SELECT * FROM commands")]

    def refused(statement: str, *values: object) -> str:
        before = contents()
        with pytest.raises(sqlite3.IntegrityError) as caught:
            attacker.execute(statement, values)
        assert contents() == before
        return str(caught.value)

    return refused


INSERT = "INTO entries (trial, position, stream, version, name, state, leaf) VALUES (?, ?, ?, ?, ?, ?, ?)"
INSERT_AT = "INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
NEXT = ("T1", 6, "T1", 4, "fact.v1", b"{}", LEAF)
"""The one entry that comes next in T1 and its stream."""


class TestChanging:
    @pytest.mark.parametrize(
        "change",
        [
            "state = x'00'",
            "leaf = zeroblob(32)",
            "name = 'other.v1'",
            "stream = 'T1/participant/S2'",
            "trial = 'T9', stream = 'T9'",
            "position = position + 100",
            "version = version + 100",
            "rowid = rowid + 100",
            "state = state",
        ],
    )
    @pytest.mark.parametrize("how", ["UPDATE", "UPDATE OR REPLACE", "UPDATE OR IGNORE"])
    def test_an_entry_cannot_be_changed(self, refused: Callable[..., str], how: str, change: str) -> None:
        assert refused(f"{how} entries SET {change} WHERE trial = 'T1'") == "entries are never changed or removed"

    def test_an_entry_cannot_be_changed_in_passing(self, refused: Callable[..., str]) -> None:
        upsert = f"INSERT {INSERT} ON CONFLICT (stream, version) DO UPDATE SET state = x'00'"
        assert refused(upsert, "T1", 3, "T1", 3, "fact.v1", b"{}", LEAF) == "entries are only appended, without gaps"

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM entries",
            "DELETE FROM entries WHERE rowid = 6",
            "DELETE FROM entries WHERE stream = 'T1/participant/S1'",
            "DELETE FROM entries WHERE trial = 'T2'",
        ],
    )
    def test_an_entry_cannot_be_removed(self, refused: Callable[..., str], statement: str) -> None:
        assert refused(statement) == "entries are never changed or removed"


@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE", "INSERT OR FAIL"])
class TestInserting:
    def test_nothing_replaces_an_entry_of_the_same_stream_and_version(
        self, refused: Callable[..., str], verb: str
    ) -> None:
        assert "without gaps" in refused(f"{verb} {INSERT}", "T1", 6, "T1", 3, "fact.v1", b"{}", LEAF)

    def test_nothing_replaces_an_entry_at_the_same_position(self, refused: Callable[..., str], verb: str) -> None:
        assert "without gaps" in refused(f"{verb} {INSERT}", "T1", 5, "T1", 4, "fact.v1", b"{}", LEAF)

    @pytest.mark.parametrize("rowid", [1, 3, 6])
    def test_nothing_replaces_an_entry_under_its_rowid(
        self, refused: Callable[..., str], verb: str, rowid: int
    ) -> None:
        assert "without gaps" in refused(f"{verb} {INSERT_AT}", rowid, *NEXT)

    @pytest.mark.parametrize(
        ("what", "values"),
        [
            ("a gap in positions", ("T1", 7, "T1", 4)),
            ("a gap in versions", ("T1", 6, "T1", 5)),
            ("a stream that begins late", ("T1", 6, "T1/participant/S2", 2)),
            ("a trial that begins late", ("T3", 2, "T3", 1)),
            ("a position below 1", ("T3", 0, "T3", 1)),
            ("a version below 0", ("T3", 1, "T3", -1)),
        ],
    )
    def test_gaps_are_refused(
        self, refused: Callable[..., str], verb: str, what: str, values: tuple[object, ...]
    ) -> None:
        assert "without gaps" in refused(f"{verb} {INSERT}", *values, "fact.v1", b"{}", LEAF), what


class TestShape:
    @pytest.mark.parametrize(
        ("what", "values"),
        [
            ("a stream of another trial", ("T1", 6, "T2", 2, "fact.v1", b"{}", LEAF)),
            ("a stream of a trial whose name is longer", ("T1", 6, "T10", 1, "fact.v1", b"{}", LEAF)),
            ("a stream that is no text", ("T1", 6, b"T1", 4, "fact.v1", b"{}", LEAF)),
            ("a state that is text", ("T1", 6, "T1", 4, "fact.v1", "{}", LEAF)),
            ("no state", ("T1", 6, "T1", 4, "fact.v1", None, LEAF)),
            ("a leaf of 31 bytes", ("T1", 6, "T1", 4, "fact.v1", b"{}", bytes(31))),
            ("a leaf of 33 bytes", ("T1", 6, "T1", 4, "fact.v1", b"{}", bytes(33))),
        ],
    )
    def test_an_entry_must_be_whole(self, refused: Callable[..., str], what: str, values: tuple[object, ...]) -> None:
        assert refused(f"INSERT {INSERT}", *values), what

    @pytest.mark.parametrize("rowid", [0, -1, -5])
    def test_a_rowid_that_notifications_would_miss_is_refused(self, refused: Callable[..., str], rowid: int) -> None:
        assert "rowid > 0" in refused(f"INSERT OR REPLACE {INSERT_AT}", rowid, *NEXT)

    def test_the_entry_that_comes_next_is_taken(self, attacker: sqlite3.Connection) -> None:
        attacker.execute(f"INSERT {INSERT}", NEXT)
        assert attacker.execute("SELECT max(rowid), max(position) FROM entries WHERE trial = 'T1'").fetchone() == (7, 6)


class TestCommands:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE commands SET request = x'00'",
            "UPDATE OR REPLACE commands SET last = 99",
            "DELETE FROM commands",
            "INSERT INTO commands VALUES ('T1', 'c1', x'00', 1, 3)",
            "INSERT OR REPLACE INTO commands VALUES ('T1', 'c1', x'00', 1, 3)",
            "REPLACE INTO commands VALUES ('T1', 'c1', x'00', NULL, NULL)",
            "INSERT OR IGNORE INTO commands VALUES ('T1', 'c1', x'00', 1, 3)",
            "INSERT INTO commands VALUES ('T1', 'c1', x'00', 1, 3) ON CONFLICT DO UPDATE SET request = x'00'",
        ],
    )
    def test_a_command_cannot_be_changed_removed_or_replaced(self, refused: Callable[..., str], statement: str) -> None:
        assert refused(statement) in {
            "commands are never changed",
            "commands are never removed",
            "a command is recorded once",
        }
