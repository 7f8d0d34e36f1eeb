"""Tables that another program changed, and foreign triggers: no acknowledged entry is lost."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from other_programs import consent, subjects
from site_desk import INVESTIGATOR, OPEN

from trialdomain import HeadKey, LogUnusable, SigningKey, TrialError, Trials, read_log
from trialdomain.desk import Desk
from trialdomain.storage.errors import TablesChanged
from trialdomain.storage.sqlite.shape import TABLES

TRIAL = OPEN.trial


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entries WHERE rowid = NEW.rowid",
        "UPDATE entries SET state = CAST(replace(state, '2026', '2025') AS BLOB) WHERE rowid = NEW.rowid",
        "UPDATE entries SET name = 'participant.relapsed.v1' WHERE rowid = NEW.rowid",
        "UPDATE entries SET leaf = zeroblob(32) WHERE rowid = NEW.rowid",
        "DELETE FROM entries",
    ],
)
@pytest.mark.parametrize("opened", ["before", "after"])
def test_what_a_trigger_changes_is_never_acknowledged(path: Path, statement: str, opened: str) -> None:
    with Trials.open(path) as trials:
        desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
        if opened == "before":
            trials.close()
        with closing(sqlite3.connect(path, isolation_level=None)) as attacker:
            attacker.executescript("DROP TRIGGER entries_no_delete; DROP TRIGGER entries_no_update;")
            attacker.execute(f"CREATE TRIGGER z AFTER INSERT ON entries BEGIN {statement}; END")
        if opened == "before":
            with Trials.open(path) as again:
                self_refused(again.trial(TRIAL).acting(INVESTIGATOR))
        else:
            self_refused(desk)
    assert subjects(path) == set()


def self_refused(desk: Desk) -> None:
    with pytest.raises(TrialError, match=r"nothing was recorded; verify the log|tampered with") as caught:
        consent(desk, "S001")
    assert caught.value.code == "tables-changed"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM commands WHERE command = NEW.command",
        "UPDATE commands SET request = zeroblob(32) WHERE command = NEW.command",
        "DELETE FROM entries WHERE position = NEW.last",
        "INSERT INTO entries (trial, position, stream, version, name, state, leaf)"  # noqa: ISC004 - one statement
        " SELECT trial, position + 1, stream, version + 1, name, state, leaf FROM entries WHERE position = NEW.last",
    ],
)
def test_nor_what_a_trigger_on_the_command_does(path: Path, desk: Desk, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as attacker:
        for name in ("entries_no_delete", "entries_no_update", "commands_no_update", "commands_no_delete"):
            attacker.execute(f"DROP TRIGGER {name}")
        attacker.execute(f"CREATE TRIGGER z AFTER INSERT ON commands BEGIN {statement}; END")
    with pytest.raises(TrialError, match="nothing was recorded; verify the log"):
        consent(desk, "S002")
    assert subjects(path) == {"S001"}


def test_a_trigger_that_does_no_harm_keeps_nobody_from_recording(path: Path, desk: Desk) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.executescript(
            "CREATE TABLE seen (position); CREATE TRIGGER z AFTER INSERT ON entries BEGIN"
            " INSERT INTO seen VALUES (NEW.position); END"
        )
    consent(desk, "S002")
    assert subjects(path) == {"S001", "S002"}


def change(path: Path, *statements: str) -> None:
    """Do as somebody does who takes away what protects the tables first."""
    with closing(sqlite3.connect(path, isolation_level=None)) as attacker:
        for (name,) in attacker.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            attacker.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            attacker.execute(statement)


def made_anew(path: Path, table: str, old: str, new: str) -> tuple[str, ...]:
    """Give the statements that make a table anew in another way, with all that is in it."""
    with closing(sqlite3.connect(path)) as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    changed = sql.replace(old, new)
    assert changed != sql
    return (
        f"ALTER TABLE {table} RENAME TO old",
        changed,
        f"INSERT INTO {table} SELECT * FROM old",
        "DROP TABLE old",
    )


REPLACES = [
    ("entries", "leaf BLOB NOT NULL", "leaf BLOB NOT NULL UNIQUE ON CONFLICT REPLACE"),
    ("entries", "name TEXT NOT NULL", "name TEXT NOT NULL UNIQUE ON CONFLICT REPLACE"),
    ("commands", "trial TEXT NOT NULL", "trial TEXT NOT NULL UNIQUE ON CONFLICT REPLACE"),
]


@pytest.mark.parametrize(("table", "old", "new"), REPLACES)
def test_a_table_in_which_an_insert_replaces_others_takes_none(
    path: Path, desk: Desk, table: str, old: str, new: str
) -> None:
    change(path, *made_anew(path, table, old, new))
    with pytest.raises(TablesChanged, match=f"the table {table} was replaced or altered"):
        consent(desk, "S002")
    with Trials.open(path) as again, pytest.raises(TablesChanged):
        consent(again.trial(TRIAL).acting(INVESTIGATOR), "S002")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entries WHERE position = 1",
        "UPDATE entries SET state = x'00' WHERE position = 2",
        "DELETE FROM commands",
        "UPDATE commands SET first = 1, last = 1",
        "DELETE FROM heads",
        "DELETE FROM checkpoints",
    ],
)
@pytest.mark.parametrize("through", ["itself", "another table", "a view"])
def test_a_trigger_that_writes_what_was_recorded_before_is_found_first(
    path: Path, desk: Desk, statement: str, through: str
) -> None:
    trigger = "CREATE TRIGGER z AFTER INSERT ON entries BEGIN {}; END"
    by = {
        "itself": [trigger.format(statement)],
        "another table": [
            "CREATE TABLE t (a)",
            trigger.format("INSERT INTO t VALUES (1)"),
            f"CREATE TRIGGER y AFTER INSERT ON t BEGIN {statement}; END",
        ],
        "a view": [
            "CREATE VIEW v AS SELECT 1 AS a",
            trigger.format("INSERT INTO v VALUES (1)"),
            f"CREATE TRIGGER y INSTEAD OF INSERT ON v BEGIN {statement}; END",
        ],
    }
    change(path, *by[through])
    before = rows(path)
    with pytest.raises(TablesChanged, match=r"a trigger writes \w+ when the table entries is written"):
        consent(desk, "S002")
    assert rows(path) == before


def rows(path: Path) -> list[list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES]


def test_once_the_trigger_is_gone_everything_is_recorded_again(path: Path, desk: Desk) -> None:
    change(path, "CREATE TRIGGER z AFTER INSERT ON entries BEGIN DELETE FROM entries; END")
    with pytest.raises(TablesChanged):
        consent(desk, "S002")
    with closing(sqlite3.connect(path, isolation_level=None)) as somebody:
        somebody.execute("DROP TRIGGER z")
    consent(desk, "S002")
    assert subjects(path) == {"S001", "S002"}


@pytest.mark.parametrize(
    "trigger",
    [
        "BEFORE INSERT ON heads BEGIN SELECT RAISE(IGNORE); END",
        "BEFORE UPDATE ON heads BEGIN SELECT RAISE(IGNORE); END",
        "AFTER UPDATE ON heads BEGIN UPDATE heads SET note = 'x'; END",
        "AFTER UPDATE OF note ON heads BEGIN DELETE FROM entries WHERE position = 2; END",
        "AFTER UPDATE OF size ON heads BEGIN DELETE FROM entries WHERE position = 2; END",
        "AFTER INSERT ON heads BEGIN DELETE FROM heads; END",
    ],
)
def test_a_head_that_is_not_kept_is_not_acknowledged(path: Path, trigger: str) -> None:
    key = HeadKey(SigningKey.generate("heads"))
    with Trials.open(path, heads=key) as trials:
        desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
        change(path, f"CREATE TRIGGER z {trigger}")
        before = rows(path)
        if "INSERT" in trigger:
            with closing(sqlite3.connect(path, isolation_level=None)) as attacker:
                attacker.execute("DROP TRIGGER z")
                attacker.execute("DELETE FROM heads")
                attacker.execute(f"CREATE TRIGGER z {trigger}")
            with pytest.raises(TrialError):
                trials.trial(TRIAL).begin_signed_heads()
        else:
            with pytest.raises(TrialError):
                consent(desk, "S001")
            assert rows(path) == before


@pytest.mark.parametrize("body", ["INSERT INTO gone VALUES (1)", "SELECT nobody_knows(NEW.position)"])
def test_a_trigger_that_cannot_run_damages_no_log(path: Path, desk: Desk, body: str) -> None:
    change(path, "CREATE TABLE gone (a)", f"CREATE TRIGGER z AFTER INSERT ON entries BEGIN {body}; END")
    with closing(sqlite3.connect(path, isolation_level=None)) as somebody:
        somebody.execute("PRAGMA legacy_alter_table = ON")
        somebody.execute("DROP TABLE gone")
    with pytest.raises(TablesChanged, match="has a trigger that SQLite cannot run"):
        consent(desk, "S002")


def test_an_index_that_sqlite_does_not_trust_damages_no_log(path: Path, desk: Desk) -> None:
    change(path, "CREATE INDEX u ON entries (json_extract(state, '$.fact'))")
    with pytest.raises(LogUnusable, match="this was added to the schema"):
        consent(desk, "S002")


def test_a_trigger_that_writes_a_virtual_table_may_write_any(path: Path, desk: Desk) -> None:
    try:
        change(path, "CREATE VIRTUAL TABLE f USING rtree(id, a, b)")
    except sqlite3.OperationalError:
        pytest.skip("this SQLite has no rtree")
    change(path, "CREATE TRIGGER z AFTER INSERT ON entries BEGIN INSERT INTO f VALUES (1, 1, 1); END")
    with pytest.raises(TrialError):
        consent(desk, "S002")
    assert subjects(path) == {"S001"}


@pytest.mark.parametrize("name", ["Entries", "COMMANDS"])
def test_a_view_in_the_place_of_a_table_is_found_whatever_its_letters(path: Path, trials: Trials, name: str) -> None:
    trials.close()
    endless = "WITH RECURSIVE n (a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n) SELECT a FROM n"
    change(path, f"DROP TABLE {name}", f"CREATE VIEW {name} AS {endless}")
    uses: tuple[Callable[[Path], object], ...] = (read_log, Trials.open)
    for use in uses:
        with pytest.raises(LogUnusable, match="was replaced by a view"):
            use(path)


def test_a_table_that_shares_the_pages_of_an_index_is_found(path: Path, desk: Desk) -> None:
    change(
        path,
        "CREATE TABLE own (trial, position, number, PRIMARY KEY (trial, position, number)) WITHOUT ROWID",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'entries_by_position')"
        " WHERE name = 'own'",
        "PRAGMA writable_schema = RESET",
        "CREATE TRIGGER z AFTER INSERT ON entries BEGIN DELETE FROM own WHERE position = 2; END",
    )
    with pytest.raises(TrialError):
        consent(desk, "S002")
    assert subjects(path) == {"S001"}
