"""A backup of a log that is in use is the log as it was at one moment, and can take its place."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import attrs
import pytest
from other_programs import consent
from postgres_server import Server
from site_desk import INVESTIGATOR, OPEN, day

from trialdomain import (
    HeadKey,
    LogCorrupt,
    LogUnusable,
    SigningKey,
    TreeSigner,
    Trials,
    backup,
    read_log,
    restore,
    verify,
)
from trialdomain.intake.restore import Restored
from trialdomain.storage.leaves import with_leaves
from trialdomain.tree.merkle import Frontier

TRIAL = OPEN.trial


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "log.db")
    server: Server = request.getfixturevalue("server")
    return server.new_log()


@pytest.fixture
def trials(address: str) -> Iterator[Trials]:
    with Trials.open(address) as trials:
        for trial in (TRIAL, "A"):
            desk = trials.register(attrs.evolve(OPEN, trial=trial), by=INVESTIGATOR).acting(INVESTIGATOR)
            desk.consent("S001", signed_on=day(0), form_version="1", command_id="one")
        yield trials


def root_of_the_first(trials: Trials, size: int) -> bytes:
    """Compute the root over the first entries of the trial."""
    store = trials.trial(TRIAL).tree.log
    return Frontier().extend(leaf for _, leaf in with_leaves(store, TRIAL, until=size)).root()


def test_it_has_the_entries_the_commands_and_the_checkpoints(trials: Trials, address: str, tmp_path: Path) -> None:
    key, tree = SigningKey.generate("signer"), trials.trial(TRIAL).tree
    tree.keep(tree.signed_by(TreeSigner(key, tmp_path / "remembered.db")), [key.verifier])
    made = backup(address, tmp_path / "backup.db")
    assert made == [
        Restored(trial=trial, entries=5, root=trials.trial(trial).tree.head().root) for trial in ("A", TRIAL)
    ]
    verified = verify(tmp_path / "backup.db", keys=[key.verifier], trial=TRIAL)
    assert (verified.defects, verified.trials[0].uncovered) == ((), 0)
    with Trials.open(tmp_path / "backup.db") as copy:
        again = copy.trial(TRIAL).acting(INVESTIGATOR)
        first = again.consent("S001", signed_on=day(0), form_version="1", command_id="one")
        assert [entry.position for entry in first] == [5]
        consent(again, "S002")
        assert copy.trial(TRIAL).history().position == 6
    assert trials.trial(TRIAL).history().position == 5


@pytest.mark.soak
def test_what_is_recorded_meanwhile_does_not_tear_it(trials: Trials, address: str, tmp_path: Path) -> None:
    stopped = Event()

    def go_on() -> None:
        desk, number = trials.trial(TRIAL).acting(INVESTIGATOR), 0
        while not stopped.is_set():
            desk.consent(f"W{number}", signed_on=day(0), form_version="1")
            desk.screen(f"W{number}", on=day(0))
            number += 1

    writer = Thread(target=go_on)
    writer.start()
    try:
        sizes = []
        for number in range(5):
            file = tmp_path / f"backup-{number}.db"
            (_, made) = backup(address, file)
            assert verify(file).defects == ()
            assert made.root == root_of_the_first(trials, made.entries)
            with read_log(file) as log:
                assert log[TRIAL].history().position == made.entries
            sizes.append(made.entries)
    finally:
        stopped.set()
        writer.join()
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[0]


def test_it_is_restored_into_either_store_and_commands_are_recognized(
    trials: Trials, address: str, tmp_path: Path, server: Server
) -> None:
    backup(address, tmp_path / "backup.db")
    for number, target in enumerate((str(tmp_path / "restored.db"), server.new_log())):
        made = restore(tmp_path / "backup.db", target)
        assert [one.root for one in made] == [trials.trial(one.trial).tree.head().root for one in made]
        assert verify(target).ok, number
        with Trials.open(target) as copy:
            again = copy.trial(TRIAL).acting(INVESTIGATOR)
            assert len(again.consent("S001", signed_on=day(0), form_version="1", command_id="one")) == 1
            assert copy.trial(TRIAL).history().position == 5


def test_that_of_a_file_has_signed_heads_and_outboxes_too(tmp_path: Path) -> None:
    key = SigningKey.generate("writer")
    with Trials.open(tmp_path / "log.db", heads=HeadKey(key)) as trials:
        consent(trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR), "S001")
        trials.outbox("billing").deliver(lambda _: None, wait=False)
        backup(tmp_path / "log.db", tmp_path / "backup.db")
    assert verify(tmp_path / "backup.db", keys=[key.verifier], heads_required=True).ok
    with Trials.open(tmp_path / "backup.db", heads=HeadKey(key)) as copy:
        assert copy.outbox("billing").positions == {TRIAL: 5}
        consent(copy.trial(TRIAL).acting(INVESTIGATOR), "S002")


class TestRefused:
    def test_a_file_that_exists(self, tmp_path: Path) -> None:
        Trials.open(tmp_path / "log.db").close()
        (tmp_path / "backup.db").write_text("mine")
        with pytest.raises(LogUnusable, match="exists already"):
            backup(tmp_path / "log.db", tmp_path / "backup.db")
        assert (tmp_path / "backup.db").read_text() == "mine"

    @pytest.mark.parametrize(("name", "why"), [("none.db", "there is no log at"), ("text.db", "is no SQLite log")])
    def test_what_is_no_log(self, tmp_path: Path, name: str, why: str) -> None:
        (tmp_path / "text.db").write_text("no log")
        with pytest.raises(LogUnusable, match=why):
            backup(tmp_path / name, tmp_path / "backup.db")
        assert not (tmp_path / "backup.db").exists()


def test_what_a_log_is(trials: Trials, address: str) -> None:
    trials.outbox("billing").deliver(lambda _: None, trial="A", wait=False)
    with read_log(address) as log:
        info = log.info()
    assert info.kind == ("SQLite" if address.endswith("log.db") else "PostgreSQL")
    assert info.schema_version == (3 if info.kind == "SQLite" else 1)
    assert info.size > 10_000
    assert [(one.trial, one.entries, one.signed, one.checkpoints, one.covered) for one in info.trials] == [
        ("A", 5, False, 0, 0),
        (TRIAL, 5, False, 0, 0),
    ]
    entries = sorted(trials.trial("A").history().entries(), key=lambda entry: entry.position)
    assert (info.trials[0].first, info.trials[0].last) == (entries[0].meta.recorded_at, entries[-1].meta.recorded_at)
    assert info.outboxes == {"billing": {"A": 5}}


@pytest.mark.processes
def test_a_dump_of_the_database_is_a_log_again(server: Server) -> None:
    """What ``pg_dump`` writes and ``psql`` reads, into another database, is verified and written like the original."""
    address = server.new_log()
    with Trials.open(address) as trials:
        consent(trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR), "S001")
        root = trials.trial(TRIAL).tree.head().root
    schema = address.rpartition("%3D")[2]
    server.sql("CREATE DATABASE another")
    server.load(server.dump(schema), database="another")
    restored = server.address(schema, database="another")
    verified = verify(restored)
    assert (verified.defects, verified.trials[0].root) == ((), root)
    with Trials.open(restored) as trials:
        consent(trials.trial(TRIAL).acting(INVESTIGATOR), "S002")
        assert len(list(trials.follow(wait=False))) == 6


def test_what_a_log_is_without_its_first_entry(tmp_path: Path) -> None:
    with Trials.open(tmp_path / "log.db") as trials:
        consent(trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR), "S001")
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        connection.execute("DROP TRIGGER entries_no_delete")
        connection.execute("DELETE FROM entries WHERE position = 1")
        connection.commit()
    with read_log(tmp_path / "log.db") as log, pytest.raises(LogCorrupt, match="position 1 of trial NCT06245746"):
        log.info()
