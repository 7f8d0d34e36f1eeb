"""The disk is full, or may only be read: nothing acknowledged is lost, nothing is half there, and a retry succeeds."""

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from random import Random
from shutil import copy, which

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from postgres_server import NO_SERVER, running
from small_volume import SmallVolume, small_volume

from trialdomain import LogUnusable, Trials, backup, verify
from trialdomain.simulate.bulk import simulate_in_bulk
from trialdomain.storage.errors import StoreFailed
from trialdomain.storage.leaves import with_leaves
from trialdomain.storage.open_store import open_store
from trialdomain.storage.postgres import connections
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.storage.store import Appended, Command, ReadSet, Sealed, Store
from trialdomain.storage.view_tables import ViewsUnusable
from trialdomain.views import Views
from trialdomain.views.views import State

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(which("mount") is None, reason="this system has no mount"),
]


@contextmanager
def in_sqlite() -> Iterator[tuple[str, SmallVolume]]:
    with small_volume(4) as volume:
        yield str(volume.path / "log.db"), volume


@contextmanager
def in_postgres() -> Iterator[tuple[str, SmallVolume]]:
    settings = {"min_wal_size": "32MB", "max_wal_size": "48MB", "wal_recycle": "off"}
    with small_volume(160) as volume, running(settings, beside=volume.path) as server:
        if server is None:
            pytest.skip(NO_SERVER)
        yield server.new_log(), volume


@pytest.fixture(params=[in_sqlite, in_postgres])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[str, SmallVolume]]:
    with request.param() as place:
        yield place


def command(number: int) -> Sealed:
    """Three large entries that cannot be compressed: all or none are recorded."""
    events = [
        StoredEvent("T1", version, "fact.v1", Random(version).randbytes(12_000))  # noqa: S311 - the same each time, no secret
        for version in range(3 * number + 1, 3 * number + 4)
    ]
    return Sealed(Command(id=f"c{number}", request=sha256(b"request").digest()), events)


def append(store: Store, number: int) -> Appended:
    return store.append("T1", [command(number)], read=ReadSet(versions={"T1": 3 * number}))


def holds(store: Store, commands: int) -> None:
    """Every command is there whole, and nothing else; every leaf fits."""
    assert store.head("T1") == 3 * commands
    assert len(list(with_leaves(store, "T1", until=3 * commands))) == 3 * commands
    for number in range(commands):
        done = store.recorded_before("T1", command(number).command or Command(id="", request=b""))
        assert done is not None
        assert list(done.positions) == list(range(3 * number + 1, 3 * number + 4))
    assert store.recorded_before("T1", Command(id=f"c{commands}", request=b"")) is None


def until_refused(store: Store) -> int:
    """Append commands until the disk is full; return the number of the one that was refused."""
    for number in range(1, 1_500):
        try:
            append(store, number)
        except StoreFailed as error:
            assert "free space on the" in str(error) or "does not answer" in str(error)  # noqa: PT017 - not the first one
            return number
    raise AssertionError("the disk was never full")


def test_a_full_disk_refuses_and_loses_nothing(place: tuple[str, SmallVolume]) -> None:
    address, volume = place
    store = open_store(address)
    append(store, 0)
    volume.fill(leave=300_000)
    number = until_refused(store)
    volume.free()
    assert append(store, number).positions[0] == 3 * number + 1
    assert append(store, number).repeated
    append(store, number + 1)
    holds(store, number + 2)
    store.close()
    again = open_store(address, readonly=True)
    holds(again, number + 2)
    again.close()


def test_a_disk_without_room_for_the_servers_own_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL stops where it cannot write its write-ahead log, and recovers when there is room again."""
    monkeypatch.setattr(connections, "_PATIENCE_SECONDS", 1.0)
    with small_volume(160) as volume, running(beside=volume.path) as server:
        if server is None:
            pytest.skip(NO_SERVER)
        store = open_store(server.new_log())
        append(store, 0)
        volume.fill()
        with suppress(psycopg.Error):
            server.sql("SELECT pg_switch_wal()")
        number = until_refused(store)
        volume.free()
        server.start_again()
        append(store, number)  # it was recorded, or was not: nobody could say
        append(store, number + 1)
        holds(store, number + 2)
        store.close()


def test_a_volume_that_is_read_only_is_read_and_not_written() -> None:
    with in_sqlite() as (address, volume):
        store = open_store(address)
        append(store, 0)
        store.close()
        volume.make_readonly()
        with pytest.raises(LogUnusable, match="check that it and its folder may be read and written"):
            open_store(address)
        reader = open_store(address, readonly=True)
        holds(reader, 1)
        reader.close()


def test_a_server_that_becomes_read_only_refuses_and_is_read() -> None:
    with running() as server:
        if server is None:
            pytest.skip(NO_SERVER)
        address = server.new_log()
        store = open_store(address)
        append(store, 0)
        server.sql("ALTER SYSTEM SET default_transaction_read_only = on")
        server.sql("SELECT pg_reload_conf(), pg_sleep(0.5)")
        with pytest.raises(StoreFailed, match="allows reading only"):
            append(store, 1)
        with pytest.raises(LogUnusable, match="open the log read-only"):
            open_store(address)
        holds(store, 1)
        reader = open_store(address, readonly=True)
        holds(reader, 1)
        reader.close()
        server.sql("ALTER SYSTEM RESET default_transaction_read_only")
        server.sql("SELECT pg_reload_conf(), pg_sleep(0.5)")
        assert not append(store, 1).repeated
        holds(store, 2)
        store.close()


def recorded(log: Path, *, participants: int) -> Path:
    recorder = SQLiteStore(log)
    simulate_in_bulk(recorder, seed=1, trial="T1", participants=participants)
    recorder.close()
    return log


def test_a_backup_names_the_disk_that_is_full(tmp_path: Path) -> None:
    """The log itself has room: it is only read."""
    log = recorded(tmp_path / "log.db", participants=25)
    with small_volume(1) as volume:
        with pytest.raises(StoreFailed) as refused:
            backup(log, volume.path / "backup.db")
        assert str(refused.value) == (
            f"{volume.path}/backup.db: database or disk is full: nothing was recorded; free space on the disk, and try "
            f"again"
        )
        assert list(volume.path.iterdir()) == []
    assert verify(log).ok


def test_views_are_asked_about_where_nothing_can_be_written(tmp_path: Path) -> None:
    log = recorded(tmp_path / "log.db", participants=2)
    with small_volume(8) as volume:
        moved = volume.path / "log.db"
        copy(log, moved)
        with Trials.open(moved) as trials:
            trials.views().rebuild()
        subprocess.run(["mount", "-o", "remount,ro", volume.path], check=True)
        with closing(open_store(moved, readonly=True)) as store:
            assert {one.state for one in Views(store).status()} == {State.CURRENT}
            with pytest.raises(ViewsUnusable):
                Views(store).rebuild()
        assert sorted(path.name for path in volume.path.iterdir()) == ["log-views.db", "log.db"]
