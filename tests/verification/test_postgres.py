"""Every direct change of a log in PostgreSQL is found and named, as in SQLite."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
from attacks import (
    Attack,
    AttackedLog,
    PostgresLog,
    append,
    both,
    copied,
    copied_file,
    edit,
    exchange,
    put,
    refit,
    sql,
    twin,
)
from postgres_server import Server
from site_desk import OPEN, Site

from trialdomain import SigningKey, Verified, verify
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.tree.checkpoint import Checkpoint
from trialdomain.tree.merkle import root
from trialdomain.tree.note import Note
from trialdomain.verification.defect import What

KEY = SigningKey.generate("site.example/signer")
TRIAL, OTHER = OPEN.trial, "T2"
NEVER = datetime(2026, 1, 1, tzinfo=UTC)
COVERED = 20
"""The number of entries under the checkpoint."""
OF = f"trial = '{TRIAL}' AND position"
CONSENT = "participant.consented.v1"
PERSON = f"{TRIAL}/participant/S777"
CONSENTED = {"form_version": "1", "protocol_version": OPEN.version, "signed_on": "2026-03-02", "signer": "participant"}


@attrs.frozen
class Twins:
    """The same two trials in a file and in PostgreSQL, with a checkpoint of the first that was kept elsewhere."""

    path: Path
    postgres: PostgresLog
    size: int
    note: bytes


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Twins:
    path = tmp_path_factory.mktemp("recorded") / "log.db"
    for trial in (OTHER, TRIAL):
        site = Site(attrs.evolve(OPEN, trial=trial), address=f"sqlite:///{path}")
        site.treat("S001", "S002", "S003")
        site.on(3).toxicity("S001")
        site.on(14).assess("S002", "S003")
        site.decide()
        site.trials.close()
    with closing(sqlite3.connect(path)) as plain:
        query = "SELECT leaf FROM entries WHERE trial = ? ORDER BY position"
        leaves = [leaf for (leaf,) in plain.execute(query, [TRIAL])]
    text = Checkpoint(f"trialdomain/{TRIAL}", COVERED, root(leaves[:COVERED])).text
    note = str(Note(text, (KEY.sign(text, at=NEVER),)))
    store = SQLiteStore(path)
    store.keep_note(TRIAL, COVERED, note)
    store.close()
    postgres = PostgresLog(server, server.new_schema())
    twin(path, postgres.address)
    return Twins(path, postgres, len(leaves), note.encode())


@pytest.fixture
def logs(recorded: Twins, tmp_path: Path, server: Server) -> tuple[AttackedLog, AttackedLog]:
    """Copies of both, to be attacked."""
    return copied_file(recorded.path, tmp_path), copied(recorded.postgres, server)


@pytest.fixture
def log(recorded: Twins, server: Server) -> PostgresLog:
    return copied(recorded.postgres, server)


def named(verified: Verified) -> list[tuple[str, ...]]:
    """Say what a verification found, in an order; the words of a fault of the database name the store, and differ."""
    return sorted(
        (
            *map(str, (one.what, one.trial, one.position, one.stream, one.version)),
            "" if one.what in {What.STRUCTURE, What.SCHEMA} else one.why,
        )
        for one in verified.defects
    )


def kinds(verified: Verified) -> set[tuple[What, int | None]]:
    return {(one.what, one.position) for one in verified.defects}


class TestUntouched:
    def test_the_same_log_has_the_same_result_in_both_stores(self, recorded: Twins) -> None:
        given = [("kept", recorded.note)]
        of_file = verify(recorded.path, checkpoints=given, keys=[KEY.verifier], trial=TRIAL)
        of_server = verify(recorded.postgres.address, checkpoints=given, keys=[KEY.verifier], trial=TRIAL)
        assert of_server == of_file
        assert of_server.ok
        assert verify(recorded.postgres.address) == verify(recorded.path)


SIZE = 31
ATTACKS: dict[str, tuple[Attack, set[tuple[What, int | None]]]] = {
    "a byte of a state": (edit(TRIAL, 2, b"Site", b"Sote"), {(What.ALTERED, 2)}),
    "a space in a state": (edit(TRIAL, 7, b"", b" "), {(What.ALTERED, 7)}),
    "a state that is empty": (put(TRIAL, 7, state=b""), {(What.ALTERED, 7)}),
    "a name": (sql(f"UPDATE entries SET name = 'participant.died.v1' WHERE {OF} = 12"), {(What.ALTERED, 12)}),
    "two states exchanged": (exchange(TRIAL, "state", 8, 20), {(What.ALTERED, 8), (What.ALTERED, 20)}),
    "a stream": (
        sql(f"UPDATE entries SET stream = '{TRIAL}/participant/S009' WHERE {OF} = 14"),
        {(What.ALTERED, 14)},
    ),
    "an entry gone from the middle": (sql(f"DELETE FROM entries WHERE {OF} = 9"), {(What.MISSING, 9)}),
    "the first entry gone": (sql(f"DELETE FROM entries WHERE {OF} = 1"), {(What.MISSING, 1)}),
    "two leaves exchanged": (exchange(TRIAL, "leaf", 9, 17), {(What.ALTERED, 9), (What.ALTERED, 17)}),
    "a version": (sql(f"UPDATE entries SET version = 99 WHERE {OF} = 13"), {(What.ALTERED, 13)}),
    "the newest gone": (sql(f"DELETE FROM entries WHERE {OF} > {SIZE - 3}"), {(What.TRUNCATED, SIZE - 2)}),
    "two entries exchanged in their order": (
        exchange(TRIAL, "position", 8, 20),
        {(What.COMMAND, 8), (What.COMMAND, 20), (What.BAD_CHECKPOINT, None), (What.STRUCTURE, None)},
    ),
    "an entry rewritten with its leaf": (
        both(edit(TRIAL, 2, b"Site", b"Sote"), refit),
        {(What.BAD_CHECKPOINT, None)},
    ),
    "an entry that nobody can decode": (append(PERSON, CONSENT, b"consented"), {(What.COMMAND, SIZE + 1)}),
    "all commands gone": (sql("DELETE FROM commands"), {(What.COMMAND, 1)}),
}


class TestAttacks:
    @pytest.mark.parametrize(("change", "expected"), ATTACKS.values(), ids=ATTACKS.keys())
    def test_both_stores_name_the_same(
        self, logs: tuple[AttackedLog, AttackedLog], change: Attack, expected: set[tuple[What, int | None]]
    ) -> None:
        for log in logs:
            log.attack(change)
        of_file, of_server = (verify(log.address) for log in logs)
        assert named(of_server) == named(of_file)
        assert expected <= kinds(of_server)
