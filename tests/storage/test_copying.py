"""A copy of a log has the same entries in the same positions, and its commands; it is complete, or nothing is there."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from random import Random
from threading import Thread
from time import sleep

import attrs
import pytest
from eventsourcing.persistence import StoredEvent
from lossy_proxy import LossyProxy
from postgres_server import NO_SERVER, Server, running
from repeating import times
from server_fronts import running_front

from trialdomain import SigningKey
from trialdomain.errors import LogCorrupt
from trialdomain.intake.new_log import copy_into, refuse_recorded
from trialdomain.signing.signer import HeadKey
from trialdomain.simulate.trials import simulate
from trialdomain.storage.copying import LogNotEmpty, Target, copy_log
from trialdomain.storage.errors import CommandRestored, CommandReused, StoreFailed
from trialdomain.storage.open_store import open_store, open_target
from trialdomain.storage.postgres import connections
from trialdomain.storage.postgres.address import PostgresAddress, postgres_address
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.storage.store import UNKNOWN_REQUEST, Appended, Command, LogReader, Sealed
from trialdomain.tree.merkle import Frontier

MANY = 2_500
"""More entries than a batch of a copy has."""


def command(name: str, request: str = "the request") -> Command:
    return Command(id=name, request=sha256(request.encode()).digest())


def events(stream: str, versions: range) -> Sequence[StoredEvent]:
    return [StoredEvent(stream, version, "fact.v1", b'{"n":%d}' % version) for version in versions]


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A log with every kind of row: two trials, commands long, short and without entries, and entries of no command."""
    path = tmp_path / "original.db"
    store = SQLiteStore(path)
    store.append("T1", [Sealed(command("z-first"), events("T1/a", range(1, 4)))])
    store.append("T1", [Sealed(None, events("T1/b", range(1, 3)))])
    store.append("T1", [Sealed(command("m-long"), events("T1/a", range(4, 4 + MANY)))])
    store.append("T1", [Sealed(command("nothing"), ())])
    store.append("T1", [Sealed(Command(id="restored", request=UNKNOWN_REQUEST), events("T1/c", range(1, 2)))])
    store.append("T1", [Sealed(command("a-last"), events("T1/b", range(3, 4)))])
    store.append("T2", [Sealed(command("z-first", "of another trial"), events("T2", range(1, 2)))])
    store.keep_note("T1", 3, "a note\n")
    store.keep_note("T1", 9, "another note\n")
    store.close()
    return path


class Place:
    """A place for a copy: a new file, or an empty schema."""

    def __init__(self, tmp_path: Path, server: Server | None) -> None:
        self.path, self._server = tmp_path / "copy.db", server
        self.schema = None if server is None else server.new_schema()

    @property
    def postgres(self) -> PostgresAddress:
        assert self._server is not None
        assert self.schema is not None
        found = postgres_address(self._server.address(self.schema))
        assert found is not None
        return found

    @property
    def address(self) -> str | PostgresAddress:
        return f"sqlite:///{self.path}" if self._server is None else self.postgres

    def target(self) -> Target:
        return SQLiteStore(self.path) if self._server is None else open_target(self.postgres)

    def tables(self) -> list[tuple[object, ...]]:
        assert self._server is not None
        return self._server.sql(f"SELECT relname FROM pg_class WHERE relnamespace = '{self.schema}'::regnamespace")


@pytest.fixture(params=["file", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(tmp_path, request.getfixturevalue("server") if request.param == "postgres" else None)


@pytest.fixture
def database(server: Server, tmp_path: Path) -> Place:
    return Place(tmp_path, server)


def copied(original: Path, place: Place) -> None:
    source, target = SQLiteStore(original, readonly=True), place.target()
    try:
        copy_log(source, target, place=str(place.address))
    finally:
        source.close()
        target.close()


@pytest.fixture
def pair(original: Path, place: Place) -> Iterator[tuple[SQLiteStore, Target]]:
    """The original, and its copy."""
    copied(original, place)
    source, copy = SQLiteStore(original, readonly=True), place.target()
    yield source, copy
    source.close()
    copy.close()


def root(log: LogReader, trial: str) -> bytes:
    return Frontier().extend(log.leaves(trial, until=log.head(trial))).root()


class TestACopy:
    def test_has_the_same_entries_in_the_same_positions_under_the_same_root(
        self, pair: tuple[SQLiteStore, Target]
    ) -> None:
        source, copy = pair
        assert copy.trials() == source.trials() == ["T1", "T2"]
        assert source.head("T1") == 3 + 2 + MANY + 1 + 1
        for trial in source.trials():
            entries = [(one.position, one) for one in source.in_log_order(trial)]
            assert [(one.position, one) for one in copy.in_log_order(trial)] == entries
            assert root(copy, trial) == root(source, trial)
            assert copy.notes(trial) == source.notes(trial)
        assert copy.notes("T1") == [(3, "a note\n"), (9, "another note\n")]

    def test_recognizes_a_repeated_command_as_the_original_does(self, pair: tuple[SQLiteStore, Target]) -> None:
        source, copy = pair
        for name in ("z-first", "m-long", "nothing", "a-last"):
            first = copy.recorded_before("T1", command(name))
            assert first is not None
            assert first == source.recorded_before("T1", command(name))
            with pytest.raises(CommandReused):
                copy.recorded_before("T1", command(name, "another request"))
        found = copy.recorded_before("T1", command("m-long"))
        assert found is not None
        assert found.positions == range(6, 6 + MANY)
        with pytest.raises(CommandRestored):
            copy.recorded_before("T1", command("restored"))
        assert copy.recorded_before("T1", command("new")) is None
        assert copy.recorded_before("T2", command("z-first", "of another trial")) is not None

    def test_goes_on_where_the_original_stopped(self, pair: tuple[SQLiteStore, Target]) -> None:
        source, copy = pair
        head = source.head("T1")
        assert copy.append("T1", [Sealed(command("next"), events("T1/c", range(2, 3)))]).positions == range(
            head + 1, head + 2
        )

    def test_tells_how_far_it_is(self, original: Path, place: Place) -> None:
        told: list[tuple[str, int, int]] = []
        source, target = SQLiteStore(original, readonly=True), place.target()
        copy_log(source, target, place="the copy", progress=lambda *one: told.append(one))
        source.close()
        target.close()
        assert told[-1] == ("copying", MANY + 8, MANY + 8)
        assert [done for _, done, _ in told] == sorted({done for _, done, _ in told})

    def test_has_no_signed_head_and_needs_no_key(self, tmp_path: Path, place: Place) -> None:
        path = tmp_path / "signed.db"
        signed = SQLiteStore(path, signer=HeadKey(SigningKey.generate("writer")))
        signed.append("T1", [Sealed(command("first"), events("T1/a", range(1, 4)))])
        assert signed.heads_begun("T1")
        signed.close()
        copied(path, place)
        copy = place.target()
        assert copy.append("T1", [Sealed(command("next"), events("T1/a", range(4, 5)))]).positions == range(4, 5)
        copy.close()


class TestATargetThatIsNotEmpty:
    def test_it_is_refused_and_left_as_it_is(self, original: Path, place: Place) -> None:
        before = open_store(place.address)
        before.append("T9", [Sealed(command("one"), events("T9", range(1, 2)))])
        with pytest.raises(LogNotEmpty, match="has a log already: it was left as it is; name an empty schema"):
            copied(original, place)
        assert (before.trials(), before.head("T9")) == (["T9"], 1)
        before.close()

    def test_a_second_copy_is_refused(self, original: Path, place: Place) -> None:
        copied(original, place)
        with pytest.raises(LogNotEmpty):
            copied(original, place)

    def test_what_was_recorded_since_it_was_looked_at_is_found_under_the_lock(
        self, original: Path, database: Place
    ) -> None:
        refuse_recorded(database.postgres)
        assert database.tables() == []
        other = open_store(database.postgres)
        other.append("T9", [Sealed(command("one"), events("T9", range(1, 2)))])
        with pytest.raises(LogNotEmpty):
            copy_into(database.postgres, original)
        assert other.trials() == ["T9"]
        other.close()

    def test_of_several_copies_at_once_one_is_made(self, original: Path, database: Place) -> None:
        def copy(_: int) -> str:
            try:
                copy_into(database.postgres, original)
            except LogNotEmpty:
                return "refused"
            return "made"

        with ThreadPoolExecutor(4) as threads:
            assert sorted(threads.map(copy, range(4))) == ["made", "refused", "refused", "refused"]
        log = open_store(database.postgres, readonly=True)
        assert log.head("T1") == MANY + 7
        log.close()

    def test_who_opens_the_log_meanwhile_waits_for_the_copy(self, original: Path, database: Place) -> None:
        seen: list[int] = []

        def open_meanwhile() -> None:
            other = open_store(database.postgres)
            seen.append(other.head("T1"))
            other.close()

        opening = Thread(target=open_meanwhile)
        copy_into(database.postgres, original, progress=lambda *_: None if opening.is_alive() else opening.start())
        opening.join()
        assert seen == [MANY + 7]

    def test_an_empty_log_is_no_reason(self, original: Path, place: Place) -> None:
        open_store(place.address).close()
        copied(original, place)
        copy = place.target()
        assert copy.trials() == ["T1", "T2"]
        copy.close()


def altered(original: Path, statement: str) -> None:
    """Change rows behind the back of the library."""
    with closing(sqlite3.connect(original)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        connection.commit()


class TestAnOriginalThatWasAltered:
    @pytest.mark.parametrize(
        ("statement", "why"),
        [
            ("UPDATE entries SET state = x'7b7d' WHERE trial = 'T1' AND position = 2400", "does not fit its leaf"),
            (
                "DELETE FROM entries WHERE trial = 'T1' AND position = 2400",
                "does not fit its leaf|has .* entries up to",
            ),
            ("UPDATE commands SET last = 9999 WHERE command = 'a-last'", "names positions 2507 to 9999"),
            ("UPDATE commands SET first = 0 WHERE command = 'a-last'", "names positions 0 to 2507"),
            ("UPDATE commands SET last = 1 WHERE command = 'm-long'", "names positions 6 to 1"),
            ("UPDATE commands SET first = 2, last = 2 WHERE command = 'a-last'", "names positions 2 to 2"),
            ("UPDATE commands SET first = NULL WHERE command = 'a-last'", "has a value that no command has"),
            ("UPDATE commands SET first = 9999, last = 9999 WHERE command = 'a-last'", "names positions 9999 to 9999"),
        ],
    )
    def test_nothing_is_made(self, original: Path, database: Place, statement: str, why: str) -> None:
        altered(original, statement)
        source, target = SQLiteStore(original, readonly=True), database.target()
        with pytest.raises(LogCorrupt, match=why):
            copy_log(source, target, place="the copy")
        source.close()
        target.close()
        assert database.tables() == []


def test_a_copy_with_another_root_is_undone(original: Path, database: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = SQLiteStore(original, readonly=True), database.target()
    kept = target.append

    def append(trial: str, sealed: Sequence[Sealed], *, within: bool) -> Appended:
        """Append another fact under the only command of the second trial."""
        if trial == "T2":
            sealed = [attrs.evolve(sealed[0], events=[StoredEvent("T2", 1, "other.v1", b"{}")])]
        return kept(trial, sealed, within=within)

    monkeypatch.setattr(target, "append", append)
    with pytest.raises(LogCorrupt, match="the copy of trial T2 has not the root of the original: nothing was recorded"):
        copy_log(source, target, place="the copy")
    source.close()
    target.close()
    assert database.tables() == []


class TestALostConnection:
    @pytest.mark.parametrize("what", ["request", "answer"])
    @pytest.mark.parametrize("mark", [b".append(", b"COMMIT\0"])
    def test_the_copy_is_made_once(self, original: Path, server: Server, what: str, mark: bytes) -> None:
        schema = server.new_schema()
        with running_front(LossyProxy, server) as proxy:
            proxy.lose(what, mark=mark)
            address = postgres_address(proxy.address(schema))
            assert address is not None
            copy_into(address, original)
            assert proxy.lost.is_set()
        copy = open_store(server.address(schema))
        assert (copy.trials(), copy.head("T1")) == (["T1", "T2"], MANY + 7)
        copy.close()


def test_a_server_that_is_gone_leaves_nothing_and_the_error_says_so(
    original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_PATIENCE_SECONDS", 0.5)
    with running() as own:
        if own is None:
            pytest.skip(NO_SERVER)
        schema = own.new_schema()
        address = postgres_address(own.address(schema))
        assert address is not None
        with pytest.raises(StoreFailed) as caught:
            copy_into(address, original, progress=lambda *_: own.stop("immediate"))
        assert str(caught.value) == (
            f"{address}: the server does not answer: no server answers there (No such file or directory); check it, "
            f"and copy the log again: the copy is there as a whole, or nothing of it is"
        )
        own.start()
        assert own.sql(f"SELECT FROM pg_class WHERE relnamespace = '{schema}'::regnamespace") == []
        copy_into(address, original)


COPY = """
import sys
from pathlib import Path
from trialdomain.intake.new_log import copy_into
from trialdomain.storage.postgres import connections
from trialdomain.storage.postgres.address import postgres_address
print("begun", flush=True)
copy_into(postgres_address(sys.argv[1]), Path(sys.argv[2]), progress=lambda *_: print("batch", flush=True))
"""


@pytest.mark.soak
@pytest.mark.processes
def test_a_copy_that_is_killed_leaves_nothing(server: Server, tmp_path: Path) -> None:
    chance, interrupted = Random(18), 0  # noqa: S311 - moments, no secret
    [written] = simulate(tmp_path / "log.db", seed=1, participants=200, bulk=True)
    for _ in range(times(60, least=3)):
        place = Place(tmp_path, server)
        process = subprocess.Popen(
            [sys.executable, "-c", COPY, place.postgres.conninfo, tmp_path / "log.db"],
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        assert process.stdout is not None
        for _ in range(chance.randint(1, written.entries // 2_000 + 2)):
            process.stdout.readline()
        sleep(chance.random() / 20)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        while server.sql("SELECT FROM pg_stat_activity WHERE application_name = 'trialdomain' AND state <> 'idle'"):
            sleep(0.01)  # until the server has noticed
        if place.tables():
            copy = open_store(place.postgres, readonly=True)
            assert copy.head(written.trial) == written.entries
            copy.close()
        else:
            interrupted += 1
            copy_into(place.postgres, tmp_path / "log.db")
    assert interrupted
