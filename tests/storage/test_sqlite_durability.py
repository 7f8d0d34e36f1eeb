"""The writing connection: an acknowledged append is on disk, and a failed append leaves nothing."""

import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, TypeAlias

import pytest
from eventsourcing.persistence import StoredEvent
from typing_extensions import override

from trialdomain.errors import LogUnusable
from trialdomain.storage.errors import StoreFailed
from trialdomain.storage.sqlite.store import MEMORY, SQLiteStore
from trialdomain.storage.store import Command, ReadSet, Sealed

Start: TypeAlias = Callable[[str], Callable[[Path], str]]


def events(stream: str, *versions: int, state: bytes = b"{}") -> list[StoredEvent]:
    return [StoredEvent(stream, version, "fact.v1", state) for version in versions]


def append(log: SQLiteStore, *versions: int) -> range:
    """Append a command of these versions of T1, named after the first."""
    command = Command(id=f"c{versions[0]}", request=sha256(b"request").digest())
    return log.append(
        "T1", [Sealed(command, events("T1", *versions))], read=ReadSet(versions={"T1": versions[0] - 1})
    ).positions


class Witness(sqlite3.Connection):
    """A connection that remembers what it was told to do, and can be made to fail or to look aside."""

    told: ClassVar[list[tuple[sqlite3.Connection, str]]]
    before: ClassVar[Callable[[str], str]]
    """Takes each statement, and gives the one to execute; or raises."""

    @override
    def execute(self, sql: str, parameters: Iterable[object] = (), /) -> sqlite3.Cursor:  # type: ignore[override]  # narrower is enough here
        Witness.told.append((self, sql))
        return super().execute(Witness.before(sql), tuple(parameters))

    @override
    def executemany(self, sql: str, parameters: Iterable[Iterable[object]], /) -> sqlite3.Cursor:  # type: ignore[override]  # as above
        Witness.told.append((self, sql))
        return super().executemany(Witness.before(sql), list(map(tuple, parameters)))


@pytest.fixture
def witness(monkeypatch: pytest.MonkeyPatch) -> type[Witness]:
    Witness.told, Witness.before = [], str
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Witness))
    return Witness


class TestWriting:
    def test_the_connection_that_writes_has_a_write_ahead_log_and_syncs_fully(
        self, path: Path, witness: type[Witness]
    ) -> None:
        log = SQLiteStore(path)
        log.head("T1")
        append(log, 1, 2)
        [writer] = {connection for connection, sql in witness.told if sql.startswith("INSERT INTO entries")}
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert writer.execute("PRAGMA synchronous").fetchone() == (2,)
        log.close()

    def test_a_connection_that_reads_cannot_write(self, path: Path, witness: type[Witness]) -> None:
        log = SQLiteStore(path)
        log.head("T1")
        reader, _ = witness.told[-1]
        assert reader.execute("PRAGMA query_only").fetchone() == (1,)
        log.close()

    def test_the_write_lock_is_taken_before_anything_is_read(self, path: Path, witness: type[Witness]) -> None:
        log = SQLiteStore(path)
        append(log, 1)  # under the first lock, the schema is looked at by a connection of its own
        witness.told.clear()
        append(log, 2, 3)
        assert witness.told[0][1] == "BEGIN IMMEDIATE"
        assert witness.told[-1][1] == "COMMIT"
        assert len({connection for connection, _ in witness.told}) == 1
        log.close()

    def test_nobody_else_can_commit_between_what_is_read_and_what_is_written(
        self, path: Path, witness: type[Witness]
    ) -> None:
        log = SQLiteStore(path)
        attempts: list[str] = []

        def intrude(sql: str) -> str:
            if sql.startswith("INSERT INTO entries"):
                with closing(sqlite3.Connection(path, timeout=0, isolation_level=None)) as intruder:
                    try:
                        intruder.execute("BEGIN IMMEDIATE")
                    except sqlite3.OperationalError as error:
                        attempts.append(str(error))
            return sql

        witness.before = intrude
        append(log, 1)
        assert attempts == ["database is locked"]
        log.close()

    def test_two_writers_in_turns_never_meet_a_stale_snapshot(self, path: Path) -> None:
        def write(stream: str) -> None:
            log = SQLiteStore(path)
            for version in range(1, 51):
                assert len(log.select_events(stream)) == version - 1
                log.insert_events(events(stream, version))
            log.close()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(write, ["T1/participant/S1", "T1/participant/S2"]))
        log = SQLiteStore(path, readonly=True)
        assert [entry.position for entry in log.in_log_order("T1")] == list(range(1, 101))
        log.close()


class TestRefusingToWriteLess:
    @pytest.mark.parametrize(
        ("asked", "got", "found"),
        [
            ("PRAGMA journal_mode = WAL", "PRAGMA journal_mode = DELETE", "journal mode delete and synchronous 2"),
            ("PRAGMA journal_mode = WAL", "PRAGMA journal_mode = MEMORY", "journal mode memory and synchronous 2"),
            ("PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL", "journal mode wal and synchronous 1"),
            ("PRAGMA synchronous = FULL", "PRAGMA synchronous = OFF", "journal mode wal and synchronous 0"),
        ],
    )
    def test_a_log_that_cannot_be_kept_as_safely_is_not_opened(
        self, path: Path, witness: type[Witness], asked: str, got: str, found: str
    ) -> None:
        witness.before = lambda sql: got if sql == asked else sql
        with pytest.raises(LogUnusable, match=f"SQLite keeps {found} here, but a log needs wal and 2"):
            SQLiteStore(path)

    def test_a_log_in_memory_syncs_nothing_and_is_opened(self, witness: type[Witness]) -> None:
        log = SQLiteStore(MEMORY)
        append(log, 1)
        assert witness.told[0][0].execute("PRAGMA journal_mode").fetchone() == ("memory",)
        log.close()


def failure(code: int, text: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


class TestFailing:
    @pytest.mark.parametrize("at", ["BEGIN", "SELECT", "INSERT INTO entries", "INSERT INTO commands", "COMMIT"])
    @pytest.mark.parametrize(
        ("code", "text", "next_step"),
        [
            (sqlite3.SQLITE_IOERR_FSYNC, "disk I/O error", "check the disk, and try again"),
            (sqlite3.SQLITE_FULL, "database or disk is full", "free space on the disk, and try again"),
            (sqlite3.SQLITE_BUSY, "database is locked", "another program holds it: wait, and try again"),
        ],
    )
    def test_a_failure_at_any_step_records_nothing_and_the_store_works_again(
        self,
        path: Path,
        witness: type[Witness],
        monkeypatch: pytest.MonkeyPatch,
        *,
        at: str,
        code: int,
        text: str,
        next_step: str,
    ) -> None:
        monkeypatch.setattr(
            "trialdomain.storage.sqlite.connections._BUSY_SECONDS", 0.05
        )  # the lock is never given back
        log = SQLiteStore(path)
        append(log, 1)

        def fail(sql: str) -> str:
            if sql.startswith(at):
                raise failure(code, text)
            return sql

        witness.before = fail
        with pytest.raises(StoreFailed) as caught:
            append(log, 2, 3)
        assert str(caught.value) == f"{path}: {text}: nothing was recorded; {next_step}"
        witness.before = str
        assert log.head("T1") == 1
        assert append(log, 2, 3) == range(2, 4)
        log.close()
        with closing(sqlite3.connect(path)) as plain:
            assert plain.execute("SELECT command, first, last FROM commands").fetchall() == [("c1", 1, 1), ("c2", 2, 3)]

    def test_an_interrupted_append_records_nothing_either(self, path: Path, witness: type[Witness]) -> None:
        log = SQLiteStore(path)

        def interrupt(sql: str) -> str:
            if sql.startswith("INSERT INTO commands"):
                raise KeyboardInterrupt
            return sql

        witness.before = interrupt
        with pytest.raises(KeyboardInterrupt):
            append(log, 1)
        witness.before = str
        assert log.head("T1") == 0
        assert append(log, 1) == range(1, 2)
        log.close()

    @pytest.mark.parametrize("where", ["file", "memory"])
    def test_a_reading_that_fails_may_be_tried_again(self, path: Path, witness: type[Witness], where: str) -> None:
        log = SQLiteStore(path if where == "file" else MEMORY)
        append(log, 1)

        def fail(sql: str) -> str:
            if sql.startswith("SELECT"):
                raise failure(sqlite3.SQLITE_IOERR_READ, "disk I/O error")
            return sql

        witness.before = fail
        with pytest.raises(StoreFailed, match="disk I/O error"):
            log.head("T1")
        witness.before = str
        assert log.head("T1") == 1
        log.close()

    @pytest.mark.parametrize("where", ["file", "memory"])
    def test_a_store_that_may_not_grow_records_nothing_and_works_again_when_it_may(
        self, path: Path, witness: type[Witness], where: str
    ) -> None:
        log = SQLiteStore(path if where == "file" else MEMORY)
        append(log, 1)
        writer, _ = witness.told[-1]
        writer.execute("PRAGMA max_page_count = 1")  # of what it has, for it cannot shrink
        with pytest.raises(StoreFailed, match="database or disk is full: nothing was recorded; free space on the disk"):
            log.insert_events(events("T1", 2, 3, state=b"x" * 50_000))
        assert log.head("T1") == 1
        writer.execute("PRAGMA max_page_count = 1000000")
        assert log.insert_events(events("T1", 2, 3, state=b"x" * 50_000)) == [2, 3]
        log.close()

    @pytest.mark.shows("K-29")
    def test_a_full_disk_is_survived_by_another_process(self, path: Path, start: Start) -> None:
        attempted, kept, after = map(int, start("fill-the-disk")(path).split())
        assert 1 < attempted < 20
        assert (kept, after) == (attempted - 1, attempted)

    @pytest.mark.shows("K-29")
    def test_a_lock_that_somebody_keeps_is_waited_for_and_then_reported(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("trialdomain.storage.sqlite.connections._BUSY_SECONDS", 0.05)
        log = SQLiteStore(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreFailed, match="database is locked: nothing was recorded; another program holds it"):
                append(log, 1)
            assert log.head("T1") == 0
            other.execute("COMMIT")
        assert append(log, 1) == range(1, 2)
        log.close()

    def test_a_text_that_is_no_utf_8_is_damage_and_not_a_passing_failure(self, path: Path) -> None:
        log = SQLiteStore(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as attacker:
            insert = "INSERT INTO entries VALUES (1, 'T1', 1, 'T1', 1, CAST(x'ff' AS TEXT), x'', zeroblob(32))"
            attacker.execute(insert)
        with pytest.raises(LogUnusable, match="is damaged: Could not decode to UTF-8") as caught:
            list(log.in_log_order("T1"))
        assert not isinstance(caught.value, StoreFailed)
        log.close()

    def test_a_file_that_was_taken_away_is_not_made_anew_by_reading(self, path: Path) -> None:
        log = SQLiteStore(path)
        append(log, 1)
        for file in path.parent.iterdir():
            file.rename(file.with_name(f"moved-{file.name}"))
        with pytest.raises(StoreFailed, match="unable to open database file"):
            log.head("T1")
        assert not path.exists()
        log.close()


def test_a_sqlite_without_strict_tables_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.36.0")
    with pytest.raises(LogUnusable, match=r"SQLite 3\.36\.0 is too old for a log: use a Python with 3\.37 or later"):
        SQLiteStore(path)
    assert not path.exists()
