"""The files that can be a log; every other file is refused with one sentence, and left unchanged."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest
from eventsourcing.persistence import StoredEvent
from repeating import times

from trialdomain.errors import LogUnusable, TrialError
from trialdomain.storage.errors import LogMoved
from trialdomain.storage.plain_files import NameTaken
from trialdomain.storage.sqlite.file import is_database
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.storage.store import Command, Sealed

Start: TypeAlias = Callable[[str], Callable[[Path], str]]
PROGRAMS = Path(__file__).with_name("programs.py")


def events(stream: str, *versions: int) -> list[StoredEvent]:
    return [StoredEvent(stream, version, "fact.v1", b"{}") for version in versions]


def make_log(path: Path, entries: int = 3, *, first: int = 1) -> None:
    log = SQLiteStore(path)
    log.insert_events(events("T1", *range(first, first + entries)))
    log.close()


def foreign(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def refusal(path: Path, *, readonly: bool) -> str:
    """Say why a file is refused, once it is sure that neither it nor its folder was touched."""
    before = {file: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    with pytest.raises(TrialError) as caught:
        SQLiteStore(path, readonly=readonly).head("T1")
    assert {file: file.read_bytes() for file in path.parent.iterdir() if file.is_file()} == before
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, LogUnusable)
    return str(caught.value)


def positions(path: Path) -> list[int]:
    log = SQLiteStore(path, readonly=True)
    try:
        return [entry.position for entry in log.in_log_order("T1")]
    finally:
        log.close()


both_ways = pytest.mark.parametrize("readonly", [False, True])


@both_ways
class TestRefused:
    @pytest.mark.parametrize(
        "content",
        [
            b"x",
            b"position,stream\n",
            b'{"position":1}\n' * 1_000,
            b"\x00" * 5_000,
            b"\x1f\x8b" + b"\x00" * 100,
            b"SQLite format 3\x00",
            b"SQLite format 3\x00" + b"\xff" * 5_000,
            b"SQLite format 4\x00" + b"\x00" * 5_000,
        ],
    )
    def test_a_file_of_something_else(self, path: Path, content: bytes, *, readonly: bool) -> None:
        path.write_bytes(content)
        assert f"{path} is not a log of trialdomain" in refusal(path, readonly=readonly)

    @pytest.mark.parametrize("journal", ["DELETE", "WAL"])
    def test_a_database_of_somebody_else(self, path: Path, journal: str, *, readonly: bool) -> None:
        foreign(path, f"PRAGMA journal_mode = {journal}", "CREATE TABLE entries (a)", "INSERT INTO entries VALUES (1)")
        assert f"{path} is not a log of trialdomain" in refusal(path, readonly=readonly)

    def test_a_database_of_somebody_else_who_has_it_open(self, path: Path, *, readonly: bool) -> None:
        foreign(path, "PRAGMA journal_mode = WAL", "CREATE TABLE t (a)")
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO t VALUES (1)")
            assert "is not a log of trialdomain" in refusal(path, readonly=readonly)
            connection.execute("COMMIT")
            assert connection.execute("SELECT * FROM t").fetchall() == [(1,)]

    @pytest.mark.parametrize("version", [1, 99, 2**31 - 1, 0, -1])
    def test_a_log_with_another_schema_version(self, path: Path, version: int, *, readonly: bool) -> None:
        make_log(path)
        foreign(path, f"PRAGMA user_version = {version}")
        known = f"{path} has schema version {version}, but this trialdomain knows 3"
        older = "export it with the trialdomain that wrote it, and restore the export here"
        expected = f"{known}: {older if version < 2 else 'use the trialdomain that wrote it, or a newer one'}"
        assert expected in refusal(path, readonly=readonly)

    @pytest.mark.parametrize("kept", [100, 511, 4_096, 4_097, 8_192, 20_000])
    def test_a_log_that_was_cut_off(self, path: Path, kept: int, *, readonly: bool) -> None:
        make_log(path)
        whole = path.read_bytes()
        assert len(whole) > kept
        path.write_bytes(whole[:kept])
        assert str(path) in refusal(path, readonly=readonly)

    def test_a_log_without_its_tables(self, path: Path, *, readonly: bool) -> None:
        make_log(path)
        foreign(path, "DROP TABLE commands")
        assert f"{path} is damaged: no such table: commands" in refusal(path, readonly=readonly)

    def test_a_folder(self, path: Path, *, readonly: bool) -> None:
        path.mkdir()
        assert "is a folder or a device" in refusal(path, readonly=readonly)

    def test_a_pipe_which_nobody_waits_for(self, path: Path, *, readonly: bool) -> None:
        os.mkfifo(path)
        assert "is a folder or a device" in refusal(path, readonly=readonly)

    def test_a_folder_that_is_not_there(self, tmp_path: Path, *, readonly: bool) -> None:
        with pytest.raises(LogUnusable, match=r"there is no (log at|folder) .*missing"):
            SQLiteStore(tmp_path / "missing" / "log.db", readonly=readonly)
        assert list(tmp_path.iterdir()) == []

    def test_a_path_through_a_file(self, tmp_path: Path, *, readonly: bool) -> None:
        (tmp_path / "file").write_text("text")
        with pytest.raises(LogUnusable, match="cannot be a log: Not a directory"):
            SQLiteStore(tmp_path / "file" / "log.db", readonly=readonly)

    def test_a_path_with_a_nul(self, tmp_path: Path, *, readonly: bool) -> None:
        with pytest.raises(LogUnusable, match="cannot be a log: embedded null byte"):
            SQLiteStore(tmp_path / "a\x00b", readonly=readonly)

    def test_a_name_that_is_too_long(self, tmp_path: Path, *, readonly: bool) -> None:
        with pytest.raises(LogUnusable, match="cannot be a log: File name too long"):
            SQLiteStore(tmp_path / ("a" * 300), readonly=readonly)


def test_a_log_with_overwritten_pages_is_refused_when_they_are_read(path: Path) -> None:
    make_log(path, entries=500)
    whole = path.read_bytes()
    overwritten = whole[:4_096] + b"\x5a" * (len(whole) - 4_096)
    path.write_bytes(overwritten)
    with pytest.raises(LogUnusable, match="is damaged: database disk image is malformed"):
        positions(path)
    assert path.read_bytes() == overwritten


class TestForReading:
    @pytest.mark.parametrize("content", [None, b""])
    def test_what_is_not_there_is_not_made(self, path: Path, content: bytes | None) -> None:
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(LogUnusable, match=r"there is no log at|is not a log of trialdomain"):
            SQLiteStore(path, readonly=True)
        assert path.exists() == (content is not None)

    def test_nothing_can_be_appended(self, path: Path) -> None:
        make_log(path)
        log = SQLiteStore(path, readonly=True)
        before = path.read_bytes()
        with pytest.raises(LogUnusable, match="was opened read-only"):
            log.insert_events(events("T1", 4))
        assert log.head("T1") == 3
        log.close()
        assert path.read_bytes() == before

    def test_a_log_that_another_process_has_open_is_read_up_to_now(self, path: Path, start: Start) -> None:
        ask = start("append-and-stay")
        assert ask(path) == "open"
        log = SQLiteStore(path, readonly=True)
        assert log.head("T1") == 1
        assert ask(path) == "open"
        assert log.head("T1") == 2
        log.close()


class TestNew:
    def test_an_empty_file_becomes_a_log(self, path: Path) -> None:
        path.touch()
        make_log(path)
        assert is_database(path)
        assert path.read_bytes()[68:72] == b"trdm"

    @pytest.mark.parametrize(
        "name",
        [
            "with spaces.db",
            "what?.db",
            "number#1.db",
            "100%25.db",
            "a&mode=memory.db",
            "größe-参加者-\U0001f600.db",
            "'quoted\".db",
            "file:log.db",
            ":memory:.db",
            "-log.db",
            "new\nline.db",
        ],
    )
    def test_any_name_of_a_file_will_do(self, tmp_path: Path, name: str) -> None:
        make_log(tmp_path / name)
        assert [file.name for file in tmp_path.iterdir()] == [name]
        log = SQLiteStore(tmp_path / name, readonly=True)
        assert log.head("T1") == 3
        log.close()

    def test_a_relative_path_is_the_same_file_after_the_working_folder_changed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here, there = tmp_path / "here", tmp_path / "there"
        here.mkdir()
        there.mkdir()
        monkeypatch.chdir(here)
        log = SQLiteStore("log.db")
        monkeypatch.chdir(there)
        log.insert_events(events("T1", 1))
        assert log.head("T1") == 1
        log.close()
        assert list(there.iterdir()) == []

    def test_a_database_that_somebody_makes_there_meanwhile_stays_theirs(self, path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other, ThreadPoolExecutor() as pool:
            other.execute("BEGIN EXCLUSIVE")
            other.execute("CREATE TABLE theirs (a)")
            assert path.stat().st_size == 0
            opening = pool.submit(SQLiteStore, path)
            wait([opening], timeout=0.1)
            assert not opening.done()
            other.execute("COMMIT")
            assert "is not a log of trialdomain" in str(opening.exception())
            assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


class TestSeveralProcesses:
    @pytest.mark.soak
    def test_they_may_open_a_new_file_at_the_same_moment(self, tmp_path: Path, start: Start) -> None:
        processes = [start("open-and-append") for _ in range(3)]
        for number in range(times(200, least=20)):
            path = tmp_path / f"{number}.db"
            assert all_at_once(processes, path) == ["appended"] * 3
            assert positions(path) == [1, 2, 3]

    @pytest.mark.parametrize("lock", ["DEFERRED", "IMMEDIATE", "EXCLUSIVE"])
    def test_a_new_log_that_another_holds_before_it_has_its_write_ahead_log_is_waited_for(
        self, path: Path, lock: str
    ) -> None:
        make_log(path)
        foreign(path, "PRAGMA journal_mode = DELETE")
        with closing(sqlite3.connect(path, isolation_level=None)) as other, ThreadPoolExecutor() as pool:
            other.execute(f"BEGIN {lock}")
            other.execute("SELECT * FROM entries").fetchall()
            opening = pool.submit(make_log, path, first=4)
            wait([opening], timeout=0.1)
            assert not opening.done()
            other.execute("COMMIT")
            opening.result()
        assert positions(path) == [1, 2, 3, 4, 5, 6]

    def test_opening_it_twice_in_one_process_does_not_let_another_remove_its_write_ahead_log(
        self, path: Path, start: Start
    ) -> None:
        other = start("open-and-append")
        log = SQLiteStore(path)
        log.insert_events(events("T1", 1))
        again = SQLiteStore(path, readonly=True)
        assert is_database(path)
        assert other(path) == "appended"
        log.insert_events(events("T1", 2))
        assert log.head("T1") == again.head("T1") == 3
        assert other(path) == "appended"
        log.close()
        again.close()
        assert positions(path) == [1, 2, 3, 4]


@pytest.mark.processes
class TestKilled:
    @both_ways
    def test_what_a_process_appended_before_it_was_gone_is_there(self, path: Path, *, readonly: bool) -> None:
        assert run("append-and-die", path) == ["ready", "[1, 2, 3]"]
        assert path.with_name("log.db-wal").stat().st_size > 0
        log = SQLiteStore(path, readonly=readonly)
        assert [entry.position for entry in log.in_log_order("T1")] == [1, 2, 3]
        if not readonly:
            assert log.insert_events(events("T1", 4)) == [4]
        log.close()

    @pytest.mark.parametrize("link", [False, True])
    def test_reading_what_it_left_changes_nothing_in_the_file(self, path: Path, tmp_path: Path, *, link: bool) -> None:
        named = path
        if link:
            (tmp_path / "elsewhere").mkdir()
            named = tmp_path / "elsewhere" / "link.db"
            named.symlink_to(path)
        run("append-and-die", named)
        before = path.read_bytes()
        assert positions(named) == [1, 2, 3]
        assert path.read_bytes() == before

    @both_ways
    def test_a_log_that_was_being_moved_into_its_file_is_whole(self, path: Path, *, readonly: bool) -> None:
        run("append-and-die", path)
        move_first_page(path)
        log = SQLiteStore(path, readonly=readonly)
        assert [entry.position for entry in log.in_log_order("T1")] == [1, 2, 3]
        log.close()

    @pytest.mark.shows("AT-26", "K-29")
    def test_whatever_was_acknowledged_is_there_and_a_command_is_whole_or_not_at_all(self, path: Path) -> None:
        with subprocess.Popen(
            [sys.executable, PROGRAMS, "append-until-killed"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"\n%s\n" % os.fsencode(path))
            process.stdin.flush()
            said = [process.stdout.readline() for _ in range(30)]
            process.kill()
            said += process.stdout.readlines()
            last = int(said[-1])
        found = positions(path)
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= last == 3 * (len(said) - 1)
        assert len(found) % 3 == 0
        with closing(sqlite3.connect(path)) as plain:
            assert plain.execute("SELECT 3 * count(*) FROM commands").fetchone() == (len(found),)


class TestWithoutRights:
    @pytest.fixture
    def path(self) -> Iterator[Path]:
        """A place that everybody may look into; a test's own folder is its user's alone."""
        folder = Path(tempfile.mkdtemp())
        folder.chmod(0o755)
        yield folder / "log.db"
        folder.chmod(0o755)
        shutil.rmtree(folder)

    def forbid(self, path: Path) -> None:
        for file in path.parent.iterdir():
            file.chmod(0o444)
        path.parent.chmod(0o555)

    def allow(self, path: Path) -> None:
        path.parent.chmod(0o755)
        for file in path.parent.iterdir():
            file.chmod(0o644)

    def test_a_log_in_a_folder_that_cannot_be_written_is_read(self, path: Path, start: Start) -> None:
        reader = start("read-without-rights")
        make_log(path)
        self.forbid(path)
        assert reader(path) == "3 3"
        assert [file.name for file in path.parent.iterdir()] == ["log.db"]

    def test_it_is_not_read_on_once_somebody_else_has_written(self, path: Path, start: Start) -> None:
        reader = start("read-without-rights")
        make_log(path)
        self.forbid(path)
        assert reader(path) == "3 3"
        self.allow(path)
        make_log(path, entries=500, first=4)
        self.forbid(path)
        assert reader(path) == f"StoreFailed: {path} was changed while it was read: close the log, and open it again"

    def test_one_that_somebody_writes_to_is_read_up_to_now(self, path: Path, start: Start) -> None:
        reader = start("read-without-rights")
        log = SQLiteStore(path)
        log.insert_events(events("T1", 1, 2))
        self.forbid(path)
        assert reader(path) == "2 2"
        log.insert_events(events("T1", 3))
        assert reader(path) == "3 3"
        log.close()

    def test_one_that_was_left_incomplete_is_never_read_in_part(self, path: Path, start: Start) -> None:
        reader = start("read-without-rights")
        run("append-and-die", path)
        self.forbid(path)
        assert reader(path) == "3 3"

    def test_one_whose_newest_entries_cannot_be_found_is_refused(self, path: Path, start: Start) -> None:
        reader = start("read-without-rights")
        run("append-and-die", path)
        path.with_name("log.db-shm").unlink()
        self.forbid(path)
        assert reader(path).startswith(f"StoreFailed: {path}: unable to open database file: ")

    def test_it_is_not_opened_for_writing(self, path: Path, start: Start) -> None:
        writer = start("write-without-rights")
        make_log(path)
        self.forbid(path)
        assert writer(path) == (
            f"StoreFailed: {path}: attempt to write a readonly database: nothing was recorded; "
            "allow writing to it and to its folder, or open it read-only"
        )

    def test_nor_is_one_that_cannot_be_written_in_a_folder_that_can(self, path: Path, start: Start) -> None:
        writer = start("write-without-rights")
        make_log(path)
        path.chmod(0o444)
        path.parent.chmod(0o777)
        assert writer(path).startswith(f"StoreFailed: {path}: attempt to write a readonly database: ")

    def test_a_new_one_is_not_made_there(self, path: Path, start: Start) -> None:
        writer = start("write-without-rights")
        self.forbid(path)
        assert writer(path) == (
            f"StoreFailed: {path}: unable to open database file: nothing was recorded; "
            "check that it and its folder may be read and written"
        )
        assert list(path.parent.iterdir()) == []

    def test_one_that_may_not_be_read_is_refused(self, path: Path, start: Start) -> None:
        reader = start("read-without-rights")
        make_log(path)
        path.chmod(0)
        assert reader(path) == (
            f"StoreFailed: {path}: unable to open database file: nothing was recorded; "
            "check that it and its folder may be read and written"
        )


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, False), (b"", False), (b"x", False), (b"SQLite format 3", False), (b'{"position":1}\n' * 500, False)],
)
def test_a_file_of_something_else_is_no_database(path: Path, content: bytes | None, *, expected: bool) -> None:
    if content is not None:
        path.write_bytes(content)
    assert is_database(path) is expected


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    assert not is_database(tmp_path)


def test_a_log_is_a_database_even_if_it_was_cut_off(path: Path) -> None:
    make_log(path)
    path.write_bytes(path.read_bytes()[:9_000])
    assert is_database(path)


def all_at_once(processes: list[Callable[[Path], str]], path: Path) -> list[str]:
    with ThreadPoolExecutor(len(processes)) as pool:
        return list(pool.map(lambda ask: ask(path), processes))


def run(program: str, path: Path) -> list[str]:
    """Run a program to its end, and give the lines that it said."""
    done = subprocess.run(
        [sys.executable, PROGRAMS, program], input=f"\n{path}\n", stdout=subprocess.PIPE, encoding="utf-8", check=False
    )
    return done.stdout.splitlines()


def move_first_page(path: Path) -> None:
    """Do the first step of moving a write-ahead log into its file, as a process does that is killed after it."""
    wal, page = path.with_name(f"{path.name}-wal").read_bytes(), 4_096
    frames = [wal[start : start + 24 + page] for start in range(32, len(wal), 24 + page)]
    first_page = [frame[24:] for frame in frames if int.from_bytes(frame[:4]) == 1][-1]
    path.write_bytes(first_page + path.read_bytes()[page:])


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("readonly", [False, True])
def test_a_log_cannot_have_the_name_of_a_file_that_sqlite_keeps_beside_another(
    tmp_path: Path, suffix: str, *, readonly: bool
) -> None:
    SQLiteStore(tmp_path / "x.db").close()
    (tmp_path / "y.db").symlink_to(tmp_path / f"x.db{suffix}")
    for name in (f"x.db{suffix}", "y.db"):
        with pytest.raises(NameTaken):
            SQLiteStore(tmp_path / name, readonly=readonly)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.db", "y.db"]
    SQLiteStore(tmp_path / f"z.db{suffix}").close()  # beside no log it is a name like any other


def _overwritten(copy: Path, log: Path) -> None:
    """Write an older copy over a log through SQLite, so that its file stays the same."""
    with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(log)) as target:
        source.backup(target)


@pytest.mark.parametrize("way", ["append", "repeat", "alone", "insert_events"])
def test_an_older_copy_that_was_written_over_the_log_is_refused(tmp_path: Path, way: str) -> None:
    def event(version: int) -> StoredEvent:
        return StoredEvent("T1", version, "fact.v1", b"{}")

    store = SQLiteStore(tmp_path / "log.db")
    first = Sealed(Command(id="c1", request=bytes(32)), [event(1)])
    store.append("T1", [first])
    with closing(sqlite3.connect(tmp_path / "log.db")) as log, closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        log.backup(copy)
    match way:
        case "insert_events":
            store.insert_events([event(2)])
        case "alone":
            store.alone(lambda: store.append("T1", [Sealed(None, [event(2)])], within=True))
        case _:
            store.append("T1", [Sealed(None, [event(2)])])
    if way == "repeat":
        assert store.append("T1", [first]).repeated
    _overwritten(tmp_path / "copy.db", tmp_path / "log.db")
    with pytest.raises(LogMoved, match="T1 ends at 1, but position 2 was recorded"):
        store.append("T1", [Sealed(None, [event(2)])])
    store.close()
