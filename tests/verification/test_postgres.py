"""Every direct change of a log in PostgreSQL is found and named, as in SQLite."""

import json
import re
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import attrs
import pytest
from attacks import (
    Attack,
    AttackedLog,
    PostgresLog,
    SQLiteLog,
    Tables,
    append,
    both,
    copied,
    copied_file,
    edit,
    exchange,
    put,
    put_command,
    refit,
    sql,
    twin,
)
from planted import CONSENT, PLANTED, consented
from postgres_server import Server, running
from site_desk import INVESTIGATOR, OPEN, Site
from tampering import state_of

from trialdomain import HeadKey, SigningKey, Trials, Verified, verify
from trialdomain.__main__ import main as command_line
from trialdomain.errors import LogUnusable, TrialError
from trialdomain.storage.open_store import AddressUnknown, open_store
from trialdomain.storage.postgres.schema import TABLES, schema_in
from trialdomain.storage.recorder import StoreRecorder
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.tree.checkpoint import Checkpoint, Head
from trialdomain.tree.leaf import leaf_hash
from trialdomain.tree.merkle import root
from trialdomain.tree.note import Note
from trialdomain.verification.defect import What
from trialdomain.verification.verify import TrialAbsent

COLUMNS = "trial, position, stream, version, name, state, leaf"
KEY, STRANGER = SigningKey.generate("site.example/signer"), SigningKey.generate("stranger.example")
PERSON = f"{OPEN.trial}/participant/S001"
TRIAL, OTHER = OPEN.trial, "T2"
NEVER = datetime(2026, 1, 1, tzinfo=UTC)
COVERED = 20
"""The number of entries under the checkpoint."""
OF = f"trial = '{TRIAL}' AND position"


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
    """Say what a verification found, in an order.

    A fault of the structure is left out: SQLite numbers its rows without gaps, PostgreSQL has other constraints, and
    their words differ.
    """
    found = (one for one in verified.defects if one.what is not What.STRUCTURE)
    return sorted((one.why, *map(str, (one.what, one.trial, one.position, one.stream, one.version))) for one in found)


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
"""The number of entries of each trial."""


def rootless(size: int, key: SigningKey = KEY, *, trial: str = TRIAL) -> str:
    """Write a checkpoint whose root no log has."""
    text = Checkpoint(f"trialdomain/{trial}", size, bytes(32)).text
    return str(Note(text, (key.sign(text, at=NEVER),)))


def checkpoint(size: object, note: object, *, trial: str = TRIAL) -> Attack:
    """Replace the checkpoints that the log keeps by one."""

    def run(tables: Tables) -> None:
        tables.run("DELETE FROM checkpoints")
        tables.run("INSERT INTO checkpoints VALUES (?, ?, ?)", trial, size, note)

    return run


def command(name: str, first: int | None, last: int | None, *, trial: str = TRIAL) -> Attack:
    """Add the row of a command."""
    return lambda tables: tables.run("INSERT INTO commands VALUES (?, ?, ?, ?, ?)", trial, name, bytes(32), first, last)


def removed_and_renumbered(tables: Tables) -> None:
    """Remove the entry at position 9, and give every later one the place before its own, with leaves that fit."""
    [(stream, version)] = tables.run(f"SELECT stream, version FROM entries WHERE {OF} = 9")
    tables.run(f"DELETE FROM entries WHERE {OF} = 9")
    for position in range(10, SIZE + 1):
        tables.run(f"UPDATE entries SET position = ? WHERE {OF} = ?", position - 1, position)
    for later in range(version + 1, 100):
        tables.run("UPDATE entries SET version = ? WHERE stream = ? AND version = ?", later - 1, stream, later)
    refit(tables)


def of_entry(position: int, change: str) -> Attack:
    return sql(f"UPDATE entries SET {change} WHERE {OF} = {position}")


Kinds: TypeAlias = set[tuple[What, int | None]]
LONG = "x" * 300
ATTACKS: dict[str, tuple[Attack, Kinds | None]] = {
    "nothing": (lambda _: None, None),
    "a byte of a state": (edit(TRIAL, 2, b"Site", b"Sote"), {(What.ALTERED, 2)}),
    "a space in a state": (edit(TRIAL, 7, b"", b" "), {(What.ALTERED, 7)}),
    "a zero in a state": (edit(TRIAL, 7, b"", b"\0"), {(What.ALTERED, 7)}),
    "a state that is empty": (put(TRIAL, 7, state=b""), {(What.ALTERED, 7)}),
    "a state of 5 MB": (put(TRIAL, 7, state=bytes(5_000_000)), {(What.ALTERED, 7)}),
    "a state of 100 kB": (put(TRIAL, 7, state=b"[" * 100_000), {(What.ALTERED, 7)}),
    "a state and its leaf": (put(TRIAL, 7, state=b"{}", leaf=bytes(range(32))), {(What.ALTERED, 7)}),
    "a name": (of_entry(12, "name = 'participant.died.v1'"), {(What.ALTERED, 12)}),
    "the version of a name": (of_entry(12, "name = replace(name, '.v1', '.v2')"), {(What.ALTERED, 12)}),
    "two states exchanged": (exchange(TRIAL, "state", 8, 20), {(What.ALTERED, 8), (What.ALTERED, 20)}),
    "a stream": (of_entry(14, f"stream = '{TRIAL}/participant/S009'"), {(What.ALTERED, 14)}),
    "a stream of another trial": (
        of_entry(14, "stream = 'T2/participant/S009'"),
        {(What.ALTERED, 14), (What.STRUCTURE, None)},
    ),
    "an entry gone from the middle": (sql(f"DELETE FROM entries WHERE {OF} = 9"), {(What.MISSING, 9)}),
    "the first entry gone": (sql(f"DELETE FROM entries WHERE {OF} = 1"), {(What.MISSING, 1)}),
    "a stream gone": (
        sql(f"DELETE FROM entries WHERE stream = '{TRIAL}/participant/S002'"),
        {(What.MISSING, 26)},
    ),
    "a leaf that is none": (put(TRIAL, 9, leaf=bytes(32)), {(What.NO_LEAF, 9)}),
    "a leaf too short": (put(TRIAL, 9, leaf=b"\0\xff"), {(What.NO_LEAF, 9), (What.STRUCTURE, None)}),
    "a leaf too long": (put(TRIAL, 9, leaf=b"x" * 1_000), {(What.NO_LEAF, 9), (What.STRUCTURE, None)}),
    "two leaves exchanged": (exchange(TRIAL, "leaf", 9, 17), {(What.ALTERED, 9), (What.ALTERED, 17)}),
    "a version": (of_entry(13, "version = 99"), {(What.ALTERED, 13)}),
    "the newest gone": (sql(f"DELETE FROM entries WHERE {OF} > {SIZE - 3}"), {(What.TRUNCATED, SIZE - 2)}),
    "all gone": (sql("DELETE FROM entries"), {(What.TRUNCATED, 1)}),
    "two entries exchanged in their order": (
        exchange(TRIAL, "position", 8, 20),
        {(What.COMMAND, 8), (What.COMMAND, 20), (What.BAD_CHECKPOINT, None), (What.STRUCTURE, None)},
    ),
    "an entry rewritten with its leaf": (
        both(edit(TRIAL, 2, b"Site", b"Sote"), refit),
        {(What.BAD_CHECKPOINT, None)},
    ),
    "an entry removed, and everything renumbered": (
        removed_and_renumbered,
        {(What.COMMAND, 13), (What.TRUNCATED, SIZE), (What.BAD_CHECKPOINT, None)},
    ),
    "an entry moved to another trial": (
        sql(f"UPDATE entries SET position = 1000, trial = '{OTHER}' WHERE {OF} = {SIZE}"),
        {(What.TRUNCATED, SIZE), (What.MISPLACED, 1000), (What.STRUCTURE, None)},
    ),
    "an entry moved to a trial that nobody registered": (
        sql(f"UPDATE entries SET position = 5000, trial = 'ghost' WHERE {OF} = {SIZE}"),
        {(What.TRUNCATED, SIZE), (What.MISPLACED, 5000), (What.STRUCTURE, None)},
    ),
    "an entry of a trial that nobody registered": (
        append("T9/participant/S001", CONSENT, consented()),
        {(What.UNREADABLE, None)},
    ),
    "a position below 1": (of_entry(9, "position = -9"), {(What.REORDERED, -9), (What.STRUCTURE, None)}),
    "a position beyond the end": (
        of_entry(9, "position = 4611686018427387904"),
        {(What.MISSING, 9), (What.STRUCTURE, None)},
    ),
    "version 0": (
        append(f"{TRIAL}/participant/S900", CONSENT, consented(), version=0),
        {(What.REORDERED, SIZE + 1)},
    ),
    "a version below 0": (
        append(f"{TRIAL}/participant/S900", CONSENT, consented(), version=-7),
        {(What.REORDERED, SIZE + 1), (What.STRUCTURE, None)},
    ),
    "a stream with a gap": (
        append(f"{TRIAL}/participant/S900", CONSENT, consented(), version=3),
        {(What.MISSING, None)},
    ),
    "a trial whose name is no code": (
        sql(f"UPDATE entries SET trial = '{LONG}' WHERE {OF} = 9"),
        {(What.MISPLACED, 9), (What.MISSING, 9), (What.STRUCTURE, None)},
    ),
    "a command of a trial whose name is no code": (command("x", 1, 5, trial=LONG), {(What.COMMAND, None)}),
    "a checkpoint of a trial whose name is no code": (checkpoint(1, "x", trial=LONG), {(What.BAD_CHECKPOINT, None)}),
    "a head of a trial whose name is no code": (
        sql(f"INSERT INTO heads VALUES ('{LONG}', 1, 'x')"),
        {(What.BAD_CHECKPOINT, None)},
    ),
    "all commands gone": (sql("DELETE FROM commands"), {(What.COMMAND, 1)}),
    "a command gone": (sql("DELETE FROM commands WHERE first = 5"), {(What.COMMAND, 5)}),
    "commands without positions": (sql("UPDATE commands SET first = NULL, last = NULL"), {(What.COMMAND, 1)}),
    "a command without its end": (sql("UPDATE commands SET last = NULL WHERE first = 5"), {(What.COMMAND, None)}),
    "a command that is longer": (sql("UPDATE commands SET last = last + 1 WHERE first = 5"), {(What.COMMAND, 6)}),
    "a command that begins before 1": (
        sql("UPDATE commands SET first = -5 WHERE first = 1"),
        {(What.COMMAND, None)},
    ),
    "a command of another name": (sql("UPDATE commands SET command = 'x' WHERE first = 5"), {(What.COMMAND, 5)}),
    "a name of a command with a newline": (
        put_command("first = 5", lambda name: f"{name}\n"),
        {(What.COMMAND, None)},
    ),
    "a name of a command with a quote": (
        put_command("first = 5", lambda name: f'{name}"\n"command":"b'),
        {(What.COMMAND, None)},
    ),
    "a name of a command of 10 kB": (command("x" * 2_500, 5, 6), {(What.COMMAND, None)}),
    "a command over others": (command("x", 5, 6), {(What.COMMAND, 5)}),
    "a command over all": (command("over", 1, 2**40), {(What.TRUNCATED, SIZE + 1)}),
    "a command of the future": (command("future", 550, 600), {(What.TRUNCATED, 550)}),
    "a command of nobody": (command("future", 550, 600, trial="ghost"), {(What.TRUNCATED, 550)}),
    "a command backwards": (command("x", 9, 2), {(What.COMMAND, None)}),
    "a command from 0": (command("x", 0, 0), {(What.COMMAND, None)}),
    "no checkpoint": (sql("DELETE FROM checkpoints"), None),
    "a checkpoint of another root": (checkpoint(7, rootless(7)), {(What.BAD_CHECKPOINT, None)}),
    "a checkpoint of more": (checkpoint(700, rootless(700)), {(What.TRUNCATED, None)}),
    "a checkpoint of another trial": (checkpoint(7, rootless(7, trial=OTHER)), {(What.BAD_CHECKPOINT, None)}),
    "a checkpoint that is none": (checkpoint(7, "x"), {(What.BAD_CHECKPOINT, None)}),
    "a checkpoint that is longer than any": (checkpoint(7, "x" * 500_000), {(What.BAD_CHECKPOINT, None)}),
    "a checkpoint of another size": (
        sql("UPDATE checkpoints SET size = 7"),
        {(What.BAD_CHECKPOINT, None)},
    ),
    **{f"planted: {what}": (append(stream, name, state), set()) for what, (stream, name, state) in PLANTED.items()},
}


class TestAttacks:
    @pytest.mark.shows("AT-21", "K-01", "K-02", "K-03", "K-04", "K-05", "K-06", "K-07", "K-10", "K-21", "K-22")
    @pytest.mark.parametrize(("change", "expected"), ATTACKS.values(), ids=ATTACKS.keys())
    def test_both_stores_name_the_same(
        self, logs: tuple[AttackedLog, AttackedLog], recorded: Twins, change: Attack, expected: Kinds | None
    ) -> None:
        for log in logs:
            log.attack(change)
        of_file, of_server = (verify(log.address) for log in logs)
        assert named(of_server) == named(of_file)
        assert [one.root for one in of_server.trials] == [one.root for one in of_file.trials]
        assert of_server.ok is (expected is None)
        assert (expected or set()) <= kinds(of_server)
        assert (What.STRUCTURE in {one.what for one in of_server.defects}) is (
            (What.STRUCTURE, None) in (expected or ())
        )
        given = [("kept", recorded.note)]
        of_file, of_server = (verify(log.address, checkpoints=given, keys=[KEY.verifier]) for log in logs)
        assert named(of_server) == named(of_file)


SCHEMA: dict[str, tuple[list[str], str]] = {
    "a trigger dropped": (["DROP TRIGGER entries_no_change ON entries"], "the trigger entries_no_change is missing"),
    "a trigger disabled": (
        ["ALTER TABLE entries DISABLE TRIGGER entries_no_change"],
        "the trigger entries_no_change of the database was changed",
    ),
    "all triggers disabled": (["ALTER TABLE heads DISABLE TRIGGER ALL"], "trigger heads_only_grow of the database was"),
    "a trigger for replicas only": (
        ["ALTER TABLE entries ENABLE REPLICA TRIGGER entries_in_order"],
        "the trigger entries_in_order of the database was changed",
    ),
    "a trigger that does nothing": (
        [
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        ],
        "the function refuse_change of the database was changed",
    ),
    "a trigger with a function of another schema": (
        [
            "CREATE SCHEMA IF NOT EXISTS elsewhere",
            "CREATE OR REPLACE FUNCTION elsewhere.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "DROP TRIGGER entries_no_change ON entries",
            "CREATE TRIGGER entries_no_change BEFORE UPDATE ON entries EXECUTE FUNCTION elsewhere.no()",
        ],
        "the trigger entries_no_change of the database was changed",
    ),
    "a foreign trigger": (
        ["CREATE TRIGGER more BEFORE INSERT ON entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"],
        "the trigger more was added to the database, and no log has it",
    ),
    "a trigger that the catalog calls internal": (
        [
            "CREATE TRIGGER more BEFORE INSERT ON entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
            "UPDATE pg_trigger SET tgisinternal = true WHERE tgname = 'more'",
        ],
        "the trigger more was added",
    ),
    "a rule": (["CREATE RULE more AS ON INSERT TO entries DO INSTEAD NOTHING"], "the rule more was added"),
    "an unlogged table": (
        ["ALTER TABLE commands SET UNLOGGED"],
        "the table commands of the database was changed",
    ),
    "row security": (
        ["ALTER TABLE entries ENABLE ROW LEVEL SECURITY"],
        "the table entries of the database was changed",
    ),
    "a policy": (["CREATE POLICY more ON entries USING (false)"], "the policy more was added"),
    "a column added": (["ALTER TABLE entries ADD more text"], "the column entries.more was added"),
    "a column of another collation": (
        ['ALTER TABLE commands ALTER command TYPE text COLLATE "POSIX"'],
        "the column commands.command of the database was changed",
    ),
    "a column without its constraint": (
        ["ALTER TABLE entries ALTER leaf DROP NOT NULL"],
        "the column entries.leaf of the database was changed",
    ),
    "a default": (["ALTER TABLE entries ALTER name SET DEFAULT 'x'"], "the column entries.name of the database was"),
    "another storage": (
        ["ALTER TABLE entries ALTER state SET STORAGE MAIN"],
        "the column entries.state of the database was changed",
    ),
    "an identity by default": (
        ["ALTER TABLE entries ALTER id SET GENERATED BY DEFAULT"],
        "the column entries.id of the database was changed",
    ),
    "numbers that run backwards": (
        ["ALTER SEQUENCE entries_id_seq INCREMENT -1"],
        "the sequence entries_id_seq of the database was changed",
    ),
    "a constraint dropped": (
        ["ALTER TABLE entries DROP CONSTRAINT entries_leaf_check"],
        "the constraint entries_leaf_check is missing",
    ),
    "a constraint not validated": (
        [
            "ALTER TABLE entries DROP CONSTRAINT entries_leaf_check",
            "ALTER TABLE entries ADD CONSTRAINT entries_leaf_check CHECK (octet_length(leaf) = 32) NOT VALID",
        ],
        "the constraint entries_leaf_check of the database was changed",
    ),
    "a constraint that can be deferred": (
        [
            "ALTER TABLE entries DROP CONSTRAINT entries_by_stream",
            "ALTER TABLE entries ADD CONSTRAINT entries_by_stream UNIQUE (stream, version) DEFERRABLE",
        ],
        "the constraint entries_by_stream of the database was changed",
    ),
    "an index dropped": (
        ["ALTER TABLE entries DROP CONSTRAINT entries_by_position"],
        "the index entries_by_position is missing",
    ),
    "an index added": (["CREATE INDEX more ON entries (name)"], "the index more was added"),
    "an index marked invalid": (
        ["UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'entries_by_stream'::regclass"],
        "the index entries_by_stream of the database was changed",
    ),
    "statistics added": (["CREATE STATISTICS more ON trial, name FROM entries"], "the statistics more was added"),
    "a table missing": (["DROP TABLE commands"], "the table commands is missing from the database"),
    "a table added": (["CREATE TABLE more (a int)"], "the table more was added to the database"),
    "a table that inherits": (["CREATE TABLE more () INHERITS (entries)"], "the table entries of the database was"),
    "a view added": (
        ["CREATE VIEW more AS SELECT 1 AS a"],
        "the view more was added to the database, and no log has it",
    ),
    "a function replaced": (
        ["CREATE OR REPLACE FUNCTION give_numbers() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'"],
        "the function give_numbers of the database was changed",
    ),
    "a function with another setting": (
        ["ALTER FUNCTION give_numbers() SET work_mem = '1MB'"],
        "the function give_numbers of the database was changed",
    ),
    "a function without its setting": (
        ["ALTER FUNCTION give_numbers() RESET ALL"],
        "the function give_numbers of the database was changed",
    ),
    "a function with the rights of its caller": (
        ["ALTER FUNCTION keep_checkpoint SECURITY INVOKER"],
        "the function keep_checkpoint of the database was changed",
    ),
    "a function that is called a constant": (
        ["ALTER FUNCTION recorded_at IMMUTABLE"],
        "the function recorded_at of the database was changed",
    ),
    "a function that ignores NULL": (
        ["ALTER FUNCTION append STRICT"],
        "the function append of the database was changed",
    ),
    "a function of the same name": (
        ["CREATE FUNCTION give_numbers(of_trial text) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'"],
        "the function give_numbers of the database was changed",
    ),
    "a function added": (
        ["CREATE FUNCTION more() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'"],
        "the function more was added",
    ),
    "a type added": (["CREATE DOMAIN more AS text"], "the type more was added"),
    "a composite type added": (["CREATE TYPE more AS (a int)"], "the relation more was added"),
    "an operator added": (
        ["CREATE OPERATOR === (FUNCTION = pg_catalog.texteq, LEFTARG = text, RIGHTARG = text)"],
        "the operator === was added",
    ),
    "a text search configuration added": (
        ["CREATE TEXT SEARCH CONFIGURATION more (COPY = pg_catalog.simple)"],
        "the text search configuration more was added",
    ),
    "a text search dictionary added": (
        ["CREATE TEXT SEARCH DICTIONARY more (TEMPLATE = pg_catalog.simple)"],
        "the text search dictionary more was added",
    ),
    "a conversion added": (
        ["CREATE CONVERSION more FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8"],
        "the conversion more was added",
    ),
    "an operator family added": (
        ["CREATE OPERATOR FAMILY more USING btree"],
        "the operator family more was added",
    ),
    "an operator class added": (
        ["CREATE OPERATOR CLASS more FOR TYPE int4 USING btree AS FUNCTION 1 btint4cmp(int4, int4)"],
        "the operator class more was added",
    ),
    "row security forced": (
        ["ALTER TABLE entries FORCE ROW LEVEL SECURITY"],
        "the table entries of the database was changed",
    ),
    "a version that no log has": (["UPDATE trialdomain_log SET schema_version = 0"], "says schema version 0"),
    "no version": (["DELETE FROM trialdomain_log"], "says schema version none"),
}


class TestSchema:
    @pytest.mark.parametrize(("statements", "expected"), SCHEMA.values(), ids=SCHEMA.keys())
    def test_what_was_changed_is_named_and_every_entry_is_read(
        self, log: PostgresLog, recorded: Twins, statements: list[str], expected: str
    ) -> None:
        log.server.sql("; ".join(statements), schema=log.schema)
        verified = verify(log.address)
        whys = [one.why for one in verified.defects if one.what is What.SCHEMA]
        assert any(expected in why for why in whys), whys
        assert {one.what for one in verified.defects} == {What.SCHEMA}
        assert verified.trials == verify(recorded.postgres.address).trials


def stranger(size: int, trial: str = TRIAL) -> str:
    """Write a head that a key of nobody has signed."""
    text = Head(trial, size, bytes(32)).text
    return str(Note(text, (STRANGER.sign(text, at=NEVER),)))


def older_head(tables: Tables) -> None:
    """Put back the head that the log had before its newest entry, which an attacker kept."""
    [(leaf_count,)] = tables.run("SELECT count(*) FROM entries")
    leaves = [bytes(leaf) for (leaf,) in tables.run("SELECT leaf FROM entries ORDER BY position")]
    text = Head(TRIAL, leaf_count - 1, root(leaves[:-1])).text
    tables.run("UPDATE heads SET size = ?, note = ?", leaf_count - 1, str(Note(text, (KEY.sign(text, at=NEVER),))))


def no_head(tables: Tables) -> None:
    tables.run("DELETE FROM heads")


def forged_head(tables: Tables) -> None:
    tables.run("UPDATE heads SET note = ?", stranger(5))


HEADS: dict[str, tuple[Attack, Kinds | None]] = {
    "nothing": (lambda _: None, None),
    "an entry appended without the key": (append(PERSON, CONSENT, consented()), {(What.UNSIGNED, 6)}),
    "an older head put back": (older_head, {(What.UNSIGNED, 5)}),
    "the head removed": (no_head, {(What.UNSIGNED, None)}),
    "a head of another key": (forged_head, {(What.UNSIGNED, None), (What.BAD_SIGNATURE, None)}),
    "a head that is none": (sql("UPDATE heads SET note = 'x'"), {(What.BAD_CHECKPOINT, None)}),
    "'heads begun' removed": (sql("DELETE FROM commands WHERE command = 'heads begun'"), None),
    "'heads begun' and the head removed": (
        both(no_head, sql("DELETE FROM commands WHERE command = 'heads begun'")),
        {(What.BAD_SIGNATURE, None)},
    ),
}


class TestHeads:
    @pytest.fixture
    def logs(self, tmp_path: Path, server: Server) -> list[AttackedLog]:
        found: list[AttackedLog] = [SQLiteLog(tmp_path / "log.db"), PostgresLog(server, server.new_schema())]
        for log in found:
            with Trials.open(log.address, heads=HeadKey(KEY)) as trials:
                desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
                desk.consent("S001", signed_on="2026-03-02", form_version="1")
        return found

    @pytest.mark.shows("K-06")
    @pytest.mark.parametrize(("change", "expected"), HEADS.values(), ids=HEADS.keys())
    @pytest.mark.parametrize("required", [False, True])
    def test_both_stores_name_the_same(
        self, logs: list[AttackedLog], change: Attack, expected: Kinds | None, *, required: bool
    ) -> None:
        for log in logs:
            log.attack(change)
        for keys in (None, [KEY.verifier], [STRANGER.verifier]):
            of_file, of_server = (verify(log.address, keys=keys, heads_required=required) for log in logs)
            assert named(of_server) == named(of_file)
            assert [one.notices for one in of_server.trials] == [one.notices for one in of_file.trials]
        of_server = verify(logs[1].address, keys=[KEY.verifier], heads_required=True)
        assert (expected or set()) <= kinds(of_server)
        assert of_server.ok is (expected is None)


STRUCTURE: dict[str, tuple[str, str]] = {
    "a size too small": (
        f"UPDATE heads SET size = 30 WHERE trial = '{TRIAL}'",
        "says that the trial has 30 entries, but they end at position 31",
    ),
    "a size too large": (
        "UPDATE heads SET size = 32",
        "says that the trial has 32 entries, but they end at position 31",
    ),
    "a size of a trial without entries": (
        "INSERT INTO heads VALUES ('T9', 4)",
        "says that the trial has 4 entries, but they end at position 0",
    ),
    "no row of a trial": (f"DELETE FROM heads WHERE trial = '{TRIAL}'", "the table of heads has no row of the trial"),
    "two rows of a trial": (
        "ALTER TABLE heads DROP CONSTRAINT heads_pkey; INSERT INTO heads SELECT * FROM heads",
        "the table of heads has 2 rows of the trial",
    ),
    "an id gone": (
        "DELETE FROM numbered WHERE id = 7",
        "the notification ids of the table numbered, 61 in all, do not run from 1, each once",
    ),
    "an id twice": (
        "ALTER TABLE numbered DROP CONSTRAINT numbered_pkey; UPDATE numbered SET id = 7 WHERE id = 8",
        "the notification ids of the table numbered, 62 in all, do not run from 1, each once",
    ),
    "an id of no entry": (
        "INSERT INTO numbered VALUES (63, 'T2', 99)",
        "the table numbered gives 1 notification id to entries that the log does not have",
    ),
    "two ids exchanged": (
        "UPDATE numbered SET id = -id WHERE id IN (7, 8); UPDATE numbered SET id = 15 + id WHERE id < 0",
        "the table numbered has the entries of a trial out of their order",
    ),
    "a counter set back": (
        "SELECT setval('entries_id_seq', 3)",
        "the counter of row numbers is at 3, but the last row",
    ),
    "a counter at its beginning": (
        "ALTER SEQUENCE entries_id_seq RESTART",
        "the counter of row numbers is at its beginning, but the last row has number 62: it was set back",
    ),
    "a counter set back and not used": (
        "SELECT setval('entries_id_seq', 5, false)",
        "the counter of row numbers is at its beginning, but the last row has number 62: it was set back",
    ),
    "a counter at its end": (
        "SELECT setval('entries_id_seq', 9223372036854775807)",
        "the counter of row numbers is at 9223372036854775807, near its end, but the last row has number 62",
    ),
    "rows numbered anew": (
        "ALTER TABLE entries ALTER id SET GENERATED BY DEFAULT; UPDATE entries SET id = -id",
        "the row numbers of the trial are not in the order of its positions",
    ),
}


class TestStructure:
    @pytest.mark.parametrize(("statements", "expected"), STRUCTURE.values(), ids=STRUCTURE.keys())
    def test_what_only_postgresql_keeps(self, log: PostgresLog, statements: str, expected: str) -> None:
        log.server.sql("SELECT give_numbers()", schema=log.schema)
        assert verify(log.address).ok
        log.server.sql(f"SET session_replication_role = replica; {statements}", schema=log.schema)
        verified = verify(log.address)
        assert {one.what for one in verified.defects} <= {What.STRUCTURE, What.SCHEMA}
        whys = [one.why for one in verified.defects if one.what is What.STRUCTURE]
        assert any(expected in why for why in whys), whys

    def test_a_trial_whose_first_append_was_refused_is_no_trial(self, log: PostgresLog) -> None:
        log.server.sql("INSERT INTO heads VALUES ('T9', 0)", schema=log.schema)
        verified = verify(log.address)
        assert verified.ok
        assert [one.trial for one in verified.trials] == [TRIAL, OTHER]

    @pytest.mark.parametrize("index", ["entries_by_position", "entries_by_stream"])
    @pytest.mark.parametrize(
        "meanwhile",
        [
            f"INSERT INTO entries ({COLUMNS}) SELECT trial, 32, stream, 9, name, state, leaf FROM entries LIMIT 1",
            "DELETE FROM entries WHERE position = 3",
            "UPDATE entries SET stream = stream || '/1', position = 1000 WHERE position = 3",
        ],
    )
    def test_an_index_that_was_not_kept_with_its_table(self, log: PostgresLog, index: str, meanwhile: str) -> None:
        """Whoever reads by such an index sees other entries than are in the table."""
        switch = f"UPDATE pg_index SET indisready = {{}} WHERE indexrelid = '{index}'::regclass"
        statements = (
            "SET session_replication_role = replica",
            switch.format("false"),
            meanwhile,
            switch.format("true"),
        )
        import psycopg  # noqa: PLC0415 - only where there is a server

        with psycopg.connect(log.address, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())
        verified = verify(log.address)
        assert not verified.ok
        assert What.SCHEMA not in {one.what for one in verified.defects}

    def test_an_index_whose_order_is_another_than_it_says(self, log: PostgresLog) -> None:
        log.server.sql(
            "ALTER TABLE entries DROP CONSTRAINT entries_by_stream;"
            "CREATE UNIQUE INDEX entries_by_stream ON entries (stream, version DESC);"
            "UPDATE pg_index SET indoption = '0 0' WHERE indexrelid = 'entries_by_stream'::regclass",
            schema=log.schema,
        )
        assert What.STRUCTURE in {one.what for one in verify(log.address).defects}

    def test_a_log_in_a_database_of_another_encoding_is_named_as_such(self, server: Server) -> None:
        server.sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        server.sql(schema_in("public"), database="latin")
        verified = verify(server.address("public", database="latin"))
        assert [one.what for one in verified.defects] == [What.STRUCTURE]
        assert "the text of the database is LATIN1" in verified.defects[0].why


FAILING = (
    "CREATE FUNCTION unsafe() RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''it was run''; END'"
)
"""It could as well run forever, or send every entry somewhere."""
BRIEF = "CREATE FUNCTION unsafe() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'"
AGAIN = FAILING.replace("CREATE", "CREATE OR REPLACE")


def as_view(table: str) -> str:
    view = f"CREATE VIEW {table} AS SELECT * FROM hidden WHERE unsafe() = 1"
    return f"{BRIEF}; ALTER TABLE {table} RENAME TO hidden; {view}; {AGAIN}"


FOREIGN: dict[str, tuple[str, int]] = {
    "a view instead of the entries": (
        as_view("entries"),
        0,
    ),
    "a view instead of the commands": (
        as_view("commands"),
        2,
    ),
    "a view instead of the heads": (
        as_view("heads"),
        2,
    ),
    "a column that is computed": (
        f"{BRIEF}; ALTER TABLE commands DROP first, ADD first bigint GENERATED ALWAYS AS (unsafe()) STORED; {AGAIN}",
        2,
    ),
    "an index that computes": (f"{BRIEF}; CREATE INDEX more ON entries ((unsafe())); {AGAIN}", 0),
    "an index of some rows": (f"{BRIEF}; CREATE INDEX more ON entries (name) WHERE unsafe() > 0; {AGAIN}", 0),
    "statistics that compute": (
        f"{BRIEF}; CREATE STATISTICS more ON (position + unsafe()) FROM entries; {AGAIN}",
        0,
    ),
    "a constraint that computes": (
        f"{BRIEF}; ALTER TABLE entries ADD CONSTRAINT more CHECK (unsafe() > 0) NOT VALID; {AGAIN}",
        2,
    ),
    "a table of partitions": (
        "CREATE TABLE other (LIKE commands) PARTITION BY LIST (trial); DROP TABLE commands",
        2,
    ),
    "a child that is read with its parent": ("CREATE TABLE more () INHERITS (entries)", 2),
    "a column of another type": ("ALTER TABLE entries ALTER version TYPE numeric", 0),
    "a column of a type of its own": ("CREATE DOMAIN more AS text; ALTER TABLE entries ALTER name TYPE more", 0),
    "a number that is shorter": ("ALTER TABLE entries ALTER version TYPE integer", 2),
    "a text of some length": ('ALTER TABLE entries ALTER name TYPE varchar(100) COLLATE "C"', 2),
    "a column missing": ("ALTER TABLE commands DROP request", 2),
    "a column of entries missing": ("ALTER TABLE entries DROP leaf", 0),
    "no commands": ("DROP TABLE commands", 2),
    "no heads": ("DROP TABLE heads", 2),
    "no checkpoints": ("DROP TABLE checkpoints", 2),
    "no version": ("DROP TABLE trialdomain_log", 2),
    "no entries": ("DROP TABLE entries", 0),
}


class TestForeignCode:
    @pytest.mark.parametrize(("statements", "trials"), FOREIGN.values(), ids=FOREIGN.keys())
    def test_it_is_named_and_not_run_and_what_can_be_read_is_read(
        self, log: PostgresLog, statements: str, trials: int
    ) -> None:
        log.server.sql(statements, schema=log.schema)
        verified = verify(log.address)
        assert {one.what for one in verified.defects} == {What.SCHEMA}
        assert len(verified.trials) == trials
        assert {one.size for one in verified.trials} <= {SIZE}

    @pytest.mark.parametrize("name", ["octet_length", "quote_ident", "set_config", "current_setting"])
    def test_a_function_of_the_log_is_not_taken_for_the_server_s_own(self, log: PostgresLog, name: str) -> None:
        arguments = {"octet_length": "bytea", "set_config": "text, text, boolean"}.get(name, "text")
        log.server.sql(FAILING.replace("unsafe()", f"{name}({arguments})"), schema=log.schema)
        verified = verify(log.address + ",pg_catalog")
        assert [one.why for one in verified.defects] == [
            f"the function {name} was added to the database, and no log has it"
        ]
        assert len(verified.trials) == 2

    def test_a_policy_is_not_run(self, log: PostgresLog) -> None:
        reader = f"reader_of_{log.schema}"
        log.server.sql(
            f"CREATE ROLE {reader} LOGIN; GRANT USAGE ON SCHEMA {log.schema} TO {reader};"
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {log.schema} TO {reader};"
            f"{BRIEF}; CREATE POLICY more ON entries USING (unsafe() > 0); {AGAIN};"
            "ALTER TABLE entries ENABLE ROW LEVEL SECURITY",
            schema=log.schema,
        )
        verified = verify(log.server.address(log.schema, user=reader))
        assert {one.what for one in verified.defects} == {What.SCHEMA}
        assert verified.trials == ()
        assert len(verify(log.address).trials) == 2  # it does not apply to the owner


class TestReading:
    def test_while_others_append(self, log: PostgresLog) -> None:
        def append_entries() -> None:
            with Trials.open(log.address) as trials:
                desk = trials.trial(TRIAL).acting(INVESTIGATOR)
                for number in range(100, 130):
                    desk.consent(f"S{number}", signed_on="2026-03-02", form_version="1")

        sizes = []
        with ThreadPoolExecutor(1) as pool:
            appending = pool.submit(append_entries)
            while not appending.done():
                verified = verify(log.address)
                assert verified.defects == ()
                sizes.append(verified.trials[0].size)
            appending.result()
        assert sizes == sorted(sizes)
        assert verify(log.address).trials[0].size == SIZE + 30

    def test_a_trial_alone(self, recorded: Twins) -> None:
        assert [one.trial for one in verify(recorded.postgres.address, trial=OTHER).trials] == [OTHER]
        with pytest.raises(TrialAbsent, match=f"nothing of trial 'T9': it has {TRIAL}, {OTHER}"):
            verify(recorded.postgres.address, trial="T9")

    def test_what_is_read_is_counted(self, recorded: Twins) -> None:
        told: list[tuple[str, int, int]] = []
        verify(recorded.postgres.address, progress=lambda *what: told.append(what))
        assert told[-1] == ("verifying", 2 * SIZE, 2 * SIZE)

    def test_nothing_is_left_behind(self, log: PostgresLog) -> None:
        before = log.server.sql(f"SELECT xmin, * FROM {log.schema}.entries ORDER BY id")
        verify(log.address)
        assert log.server.sql(f"SELECT xmin, * FROM {log.schema}.entries ORDER BY id") == before
        assert log.server.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%rows_%' AND pid <> pg_backend_pid()"
        ) == [(0,)]

    @pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is told by Linux alone")
    @pytest.mark.parametrize("column", ["state", "leaf", "stream", "name"])
    def test_a_value_of_100_mb_is_not_read(self, log: PostgresLog, column: str) -> None:
        value = "repeat('x', 100000000)" + ("::bytea" if column in {"state", "leaf"} else "")
        constraint = "ALTER TABLE entries DROP CONSTRAINT entries_by_stream;" if column == "stream" else ""
        log.attack(
            sql(
                "ALTER TABLE entries DROP CONSTRAINT entries_by_stream" if constraint else "SELECT 1",
                f"UPDATE entries SET {column} = {value} WHERE {OF} = 9",
            )
        )
        named_there, peak = verified_elsewhere(log.address)
        assert 9 in named_there
        assert peak < 150_000

    @pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is told by Linux alone")
    def test_a_log_of_20_000_entries_is_read_in_pages(self, server: Server) -> None:
        log = PostgresLog(server, server.new_schema())
        open_store(log.address).close()
        state, stream, name = state_of({"x": "y" * 12_000}, command="c"), f"{TRIAL}/participant/S001", CONSENT
        leaves = [leaf_hash(stream=stream, version=n, topic=name, state=state) for n in range(1, 20_001)]
        with log.tables() as tables:
            tables.run(
                f"INSERT INTO entries ({COLUMNS}) SELECT ?, n, ?, n, ?, ?, leaf"
                " FROM unnest(?::bytea[]) WITH ORDINALITY AS given (leaf, n)",
                *(TRIAL, stream, name, state, leaves),
            )
            tables.run("INSERT INTO heads VALUES (?, 20000)", TRIAL)
        assert len(state) * len(leaves) > 240_000_000
        _, peak = verified_elsewhere(log.address)
        assert peak < 200_000


def verified_elsewhere(address: str) -> tuple[set[int | None], int]:
    """Verify in another process; return the named positions, and the peak of its memory in kB."""
    program = (
        "import sys, trialdomain\n"
        "found = trialdomain.verify(sys.argv[1])\n"
        "[peak] = [line for line in open('/proc/self/status') if line.startswith('VmHWM:')]\n"
        "print(sorted({one.position or 0 for one in found.defects}), peak.split()[1], sep=';')\n"
    )
    told = subprocess.run([sys.executable, "-c", program, address], capture_output=True, check=True, encoding="utf-8")
    positions, peak = told.stdout.split(";")
    return set(json.loads(positions)), int(peak)


class TestDamaged:
    def test_a_page_that_is_damaged_on_the_disk(self, recorded: Twins) -> None:
        with running() as server:
            assert server is not None
            log = PostgresLog(server, server.new_schema())
            twin(recorded.path, log.address)
            ((file,),) = server.sql(f"CHECKPOINT; SELECT pg_relation_filepath('{log.schema}.entries')")
            server.stop()
            with (server.data / str(file)).open("r+b") as table:
                table.seek(8_192 + 100)
                table.write(b"\xff" * 4_000)
            server.start()
            verified = verify(log.address)
            [defect] = [one for one in verified.defects if one.what is What.DAMAGED]
            assert defect.why.startswith("the rest of the log cannot be read: invalid page in block 1 of relation")
            ((file,),) = server.sql("SELECT pg_relation_filepath('pg_trigger')")
            server.stop()
            with (server.data / str(file)).open("r+b") as table:
                table.write(b"\xff" * 8_192)
            server.start()
            with pytest.raises(
                LogUnusable, match=r"cannot be read: invalid page in block 0 .*; check the disk of the ser"
            ):
                verify(log.address)

    def test_a_connection_that_is_lost_meanwhile_is_no_defect(self, recorded: Twins) -> None:
        server = recorded.postgres.server

        def lost(*_: object) -> None:
            server.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND state = 'idle in transaction'"
            )

        with pytest.raises(LogUnusable, match=r"could not be read to its end: .*; check the server, and verify again"):
            verify(recorded.postgres.address, progress=lost)


VALUES = {"nothing": None, "a negative number": -1, "the largest": 2**63 - 1, "the smallest": -(2**63), "zero": 0}
TEXTS = {"nothing": None, "no text": "", "another": "x", "a control": "a\tb\x01", "a sign": "\u2028\U0001f9ea"}
BYTES = {"nothing": None, "no bytes": b"", "a zero": b"\0", "bytes": b"\xff\x00"}
PLACES: dict[str, tuple[str, dict[str, object]]] = {
    **{f"entries.{column}": (f"{OF} = 4", dict(VALUES)) for column in ("position", "version", "rowid")},
    **{f"entries.{column}": (f"{OF} = 4", dict(TEXTS)) for column in ("trial", "stream", "name")},
    **{f"entries.{column}": (f"{OF} = 4", dict(BYTES)) for column in ("state", "leaf")},
    **{f"commands.{column}": ("first = 5", dict(VALUES)) for column in ("first", "last")},
    **{f"commands.{column}": ("first = 5", dict(TEXTS)) for column in ("trial", "command")},
    "checkpoints.trial": ("true", dict(TEXTS)),
    "checkpoints.note": ("true", dict(TEXTS)),
    "checkpoints.size": ("true", dict(VALUES)),
    "heads.trial": (f"trial = '{TRIAL}'", dict(TEXTS)),
    "heads.note": (f"trial = '{TRIAL}'", {key: one for key, one in TEXTS.items() if one is not None}),
    "heads.size": (f"trial = '{TRIAL}'", dict(VALUES)),
    "numbered.id": ("id = 7", dict(VALUES)),
    "numbered.trial": ("id = 7", dict(TEXTS)),
    "numbered.position": ("id = 7", dict(VALUES)),
}


@pytest.mark.parametrize(
    ("place", "where", "value"),
    [
        pytest.param(place, where, value, id=f"{place}: {what}")
        for place, (where, values) in PLACES.items()
        for what, value in values.items()
    ],
)
def test_no_value_in_any_column_is_passed_over(log: PostgresLog, place: str, where: str, value: object) -> None:
    """A superuser can store any value: constraints are dropped, and the catalog says that they are there."""
    log.server.sql("SELECT give_numbers()", schema=log.schema)
    table, _, column = place.partition(".")
    column = column.replace("rowid", "id")
    with log.tables() as tables:
        keys = tables.run(
            "SELECT conname FROM pg_constraint WHERE conrelid = ?::regclass AND contype IN ('c', 'p', 'u')", table
        )
        for (key,) in keys:
            tables.run(f"ALTER TABLE {table} DROP CONSTRAINT {key}")
        if place == "entries.rowid":
            tables.run("ALTER TABLE entries ALTER id DROP IDENTITY")
        if value is None:
            tables.run(f"ALTER TABLE {table} ALTER {column} DROP NOT NULL")
        tables.run(f"UPDATE {table} SET {column} = ? WHERE {where}", value)
    verified = verify(log.address)
    kinds_found = {one.what for one in verified.defects}
    assert kinds_found - {What.SCHEMA}, "only the constraints are named, and not the value"
    assert What.DAMAGED not in kinds_found


class TestRefused:
    @pytest.mark.parametrize(
        ("address", "why"),
        [
            ("postgresql://owner:secret@/nowhere?host={folder}", 'cannot be opened: database "nowhere" does not exist'),
            ("postgresql://owner:secret@/postgres?host={folder}-", "cannot be opened"),
            ("postgresql://owner:secret@/postgres?host={folder}&x=y", "is not an address that PostgreSQL's client"),
            ("postgresql://owner:secret@/postgres?host={folder}", "there is no log in the schema public"),
            (
                "postgresql://owner:secret@/postgres?host={folder}&options=-csearch_path%3Dabsent",
                "no schema of the session's search_path exists",
            ),
        ],
    )
    def test_what_is_no_log(self, server: Server, address: str, why: str) -> None:
        with pytest.raises(LogUnusable) as caught:
            verify(address.format(folder=server.folder))
        assert why in str(caught.value)
        assert "secret" not in str(caught.value)

    def test_a_log_of_a_newer_version(self, log: PostgresLog) -> None:
        log.server.sql("UPDATE trialdomain_log SET schema_version = 2", schema=log.schema)
        with pytest.raises(LogUnusable, match="has schema version 2, but this trialdomain knows 1"):
            verify(log.address)

    def test_a_log_without_a_trial(self, server: Server) -> None:
        address = server.new_log()
        open_store(address).close()
        with pytest.raises(TrialAbsent, match=r"^postgresql:///postgres.* has no trial: nothing was recorded in it"):
            verify(address)

    def test_a_role_without_rights(self, log: PostgresLog) -> None:
        server, nobody = log.server, f"nobody_of_{log.schema}"
        server.sql(f"CREATE ROLE {nobody} LOGIN")
        with pytest.raises(LogUnusable, match="the role may not use it"):
            verify(server.address(log.schema, user=nobody))
        server.sql(f"GRANT USAGE ON SCHEMA {log.schema} TO {nobody}")
        with pytest.raises(
            LogUnusable, match=r"the role may not read the table \w+ of the log: ask its owner for USAGE"
        ):
            verify(server.address(log.schema, user=nobody))

    def test_the_address_of_another_server(self) -> None:
        with pytest.raises(AddressUnknown, match=r"^'mysql://\.\.\.' is not an address of a log"):
            verify("mysql://someone:secret@localhost/trials")

    def test_a_log_without_psycopg(self, recorded: Twins, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [one for one in sys.modules if one.startswith("trialdomain.verification.postgres")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(LogUnusable, match="needs psycopg, which is not installed"):
            verify(recorded.postgres.address)


DOCUMENTED = Path(__file__).parents[2] / "docs" / "explanation" / "tamper-evidence.md"


class TestRoles:
    """The roles of the documentation, made by its statements."""

    @pytest.fixture
    def addresses(self, server: Server) -> dict[str, str]:
        """Give the address of each role of a log with one trial."""
        schema = server.new_schema().replace("log", "trials")
        making, granting = (
            text.replace("trials", schema)
            for text in re.findall(r"^```sql\n(.*?)^```$", DOCUMENTED.read_text(), re.MULTILINE | re.DOTALL)
        )
        server.sql(making)
        roles = ("owner", "application", "reader")
        found = {role: server.address(schema, user=f"{schema}_{role}") for role in roles}
        open_store(found["owner"]).close()
        server.sql(granting)
        return found

    def test_an_application_records_and_verifies(self, addresses: dict[str, str]) -> None:
        with Trials.open(addresses["application"], heads=HeadKey(KEY)) as trials:
            trial = trials.register(OPEN, by=INVESTIGATOR)
            trial.acting(INVESTIGATOR).consent("S001", signed_on="2026-03-02", form_version="1")
            note = trial.tree.head()
            trial._store.keep_note(TRIAL, note.size, rootless(note.size))  # noqa: SLF001 - as it is kept
            assert isinstance(trial._store, StoreRecorder)  # noqa: SLF001 - as a follower asks
            assert trial._store.max_notification_id() == note.size  # noqa: SLF001 - as above
            assert trial._store.move_cursor("outbox", TRIAL, 1, before=0)  # noqa: SLF001 - as above
        for address in addresses.values():
            [one] = verify(address, keys=[KEY.verifier], heads_required=True).trials
            assert (one.size, one.uncovered) == (note.size, 0)

    @pytest.mark.parametrize("role", ["application", "reader"])
    @pytest.mark.parametrize("table", TABLES)
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE {} SET {} = NULL",
            "DELETE FROM {}",
            "INSERT INTO {} DEFAULT VALUES",
            "TRUNCATE {}",
            "DROP TABLE {}",
            "ALTER TABLE {} DISABLE TRIGGER ALL",
            "CREATE TRIGGER more BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "CREATE TABLE more (LIKE {})",
        ],
    )
    def test_neither_changes_the_tables(self, addresses: dict[str, str], role: str, table: str, statement: str) -> None:
        import psycopg  # noqa: PLC0415 - only where there is a server

        column = "schema_version" if table == "trialdomain_log" else "trial"
        with psycopg.connect(addresses[role]) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.format(table, column).encode())

    def test_a_reader_reads_and_verifies_and_does_not_record(self, addresses: dict[str, str]) -> None:
        with Trials.open(addresses["owner"]) as trials:
            size = trials.register(OPEN, by=INVESTIGATOR).tree.head().size
        reading = open_store(addresses["reader"], readonly=True)
        assert (reading.trials(), reading.head(TRIAL)) == ([TRIAL], size)
        assert len(list(reading.in_log_order(TRIAL))) == size
        assert isinstance(reading, StoreRecorder)
        assert reading.max_notification_id() is None
        reading.close()
        assert verify(addresses["reader"]).ok
        with Trials.open(addresses["reader"]) as trials:
            desk = trials.trial(TRIAL).acting(INVESTIGATOR)
            with pytest.raises(TrialError, match="to record, for EXECUTE on its functions"):
                desk.consent("S001", signed_on="2026-03-02", form_version="1")
        assert verify(addresses["owner"]).trials[0].size == size

    def test_what_an_application_appends_without_the_key_is_named(self, addresses: dict[str, str]) -> None:
        """An application can call the function itself, and put another text in the place of the head."""
        import psycopg  # noqa: PLC0415 - only where there is a server

        with Trials.open(addresses["application"], heads=HeadKey(KEY)) as trials:
            size = trials.register(OPEN, by=INVESTIGATOR).tree.head().size
        leaf = leaf_hash(stream=PERSON, version=1, topic=CONSENT, state=consented())
        with psycopg.connect(addresses["application"], autocommit=True) as connection:
            ((note,),) = connection.execute("SELECT note FROM heads")
            for head in (None, note):
                call = (
                    "SELECT outcome FROM append(%s, %s::text[], '{1}', %s::text[], %s::bytea[], %s::bytea[],"
                    " '{forged}', %s::bytea[], '{1}', '{1}', '{}', '{}', NULL, '{}', 0, NULL, %s, %s, %s, '')"
                )
                values = (TRIAL, [PERSON], [CONSENT], [consented()], [leaf], [bytes(32)], size, note, head)
                ((outcome,),) = connection.execute(call, values)
                assert outcome == ("unsigned" if head is None else "appended")
        for given in (None, [KEY.verifier]):
            [defect] = verify(addresses["reader"], keys=given).defects
            assert (defect.what, defect.position) == (What.UNSIGNED, size + 1)


class TestCommand:
    def test_verify_prints_the_same_as_of_a_file(
        self, recorded: Twins, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        kept = tmp_path / "kept.txt"
        kept.write_bytes(recorded.note)
        said = []
        for address in (str(recorded.path), recorded.postgres.address):
            assert command_line(["verify", address, "--trial", TRIAL, "--checkpoint", str(kept)]) == 0
            said.append(capsys.readouterr().out)
        assert said[0] == said[1]
        assert "Nothing is wrong." in said[1]

    def test_a_defect_is_printed_and_the_exit_status_is_1(
        self, log: PostgresLog, capsys: pytest.CaptureFixture[str]
    ) -> None:
        log.attack(edit(TRIAL, 2, b"Site", b"Sote"))
        address = log.address.replace("owner@", "owner:secret@")
        assert command_line(["verify", address, "--json"]) == 1
        told = json.loads(capsys.readouterr().out)
        assert told["log"].startswith("postgresql:///postgres")
        assert "secret" not in told["log"]
        assert not told["ok"]
        assert [(one["what"], one["position"]) for one in told["defects"]] == [("altered", 2)]

    def test_no_server_is_one_sentence_and_exit_status_2(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert command_line(["verify", "postgresql://someone:secret@localhost:1/nowhere"]) == 2
        said = capsys.readouterr().err
        assert said.startswith("trialdomain: postgresql://localhost:1/nowhere cannot be opened: ")
        assert "secret" not in said
