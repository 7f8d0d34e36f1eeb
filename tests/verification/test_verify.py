"""Every direct change of a database, or of an exported file, is found and named."""

import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import attrs
import pytest
from site_desk import INVESTIGATOR, OPEN, Site
from tampering import refit

from trialdomain import HeadKey, SigningKey, Trials, TrialTree, Verified, verify
from trialdomain.errors import LogUnusable
from trialdomain.exchange.jsonl import write_jsonl
from trialdomain.simulate.bulk import simulate_in_bulk
from trialdomain.simulate.trials import simulate
from trialdomain.storage.sqlite.schema import SCHEMA
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.tree.checkpoint import Checkpoint, as_base64
from trialdomain.tree.leaf import leaf_hash
from trialdomain.tree.merkle import root
from trialdomain.tree.note import Note, NoteMalformed, parse_note
from trialdomain.verification.defect import What
from trialdomain.verification.verify import TrialAbsent

KEY, STRANGER = SigningKey.generate("site.example/signer"), SigningKey.generate("stranger.example")
TRIAL, OTHER = OPEN.trial, "T2"
NEVER = datetime(2026, 1, 1, tzinfo=UTC)
COVERED = 20
"""So many entries are under the checkpoint; the rest came later."""

Row: TypeAlias = tuple[int, str, int, str, bytes, bytes]
Found: TypeAlias = tuple[What, int | None, str | None, int | None]


@attrs.frozen
class Logged:
    """A log of two trials as it was recorded, with a checkpoint of the first that was kept elsewhere."""

    path: Path
    size: int
    note: bytes
    rows: tuple[Row, ...]
    """Of the first trial, by position."""

    def place(self, position: int) -> tuple[int, str, int]:
        """Position, stream and version of an entry."""
        return self.rows[position - 1][:3]


def note_of(tree: TrialTree, size: int, key: SigningKey = KEY) -> Note:
    text = tree.head(size).text
    return Note(text, (key.sign(text, at=NEVER),))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Logged:
    path = tmp_path_factory.mktemp("recorded") / "log.db"
    for trial in (OTHER, TRIAL):
        site = Site(attrs.evolve(OPEN, trial=trial), address=f"sqlite:///{path}")
        site.treat("S001", "S002", "S003")
        site.on(3).toxicity("S001")
        site.on(14).assess("S002", "S003")
        site.decide()
        site.trials.close()
    recorder = SQLiteStore(path)
    tree = TrialTree(recorder, TRIAL)
    note, size = note_of(tree, COVERED), tree.size
    tree.keep(note, [KEY.verifier])
    recorder.close()
    with closing(sqlite3.connect(path)) as plain:
        query = "SELECT position, stream, version, name, state, leaf FROM entries WHERE trial = ? ORDER BY position"
        return Logged(path, size, str(note).encode(), tuple(plain.execute(query, [TRIAL])))


@pytest.fixture
def log(recorded: Logged, tmp_path: Path) -> Logged:
    return attrs.evolve(recorded, path=Path(shutil.copy(recorded.path, tmp_path / "log.db")))


def attack(path: Path, change: Callable[[sqlite3.Connection], None]) -> None:
    """Change a database, and leave no trace that its own tables would show."""
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        change(connection)
        connection.execute("UPDATE sqlite_sequence SET seq = (SELECT max(rowid) FROM entries)")
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()


def found(verified: Verified) -> set[Found]:
    return {(one.what, one.position, one.stream, one.version) for one in verified.defects}


def seen(path: Path) -> bool:
    """Say whether what was done to a file is seen: as a defect, or because it is no log any more."""
    try:
        return not verify(path).ok
    except LogUnusable:
        return True


def with_keys(log: Logged) -> Verified:
    return verify(log.path, checkpoints=[("kept", log.note)], keys=[KEY.verifier], trial=TRIAL)


def recommand(connection: sqlite3.Connection) -> None:
    """Remember the commands that the entries name, at the positions that they have now."""
    connection.execute("DELETE FROM commands")
    first_and_last: dict[tuple[str, str], list[int]] = {}
    for trial, position, state in connection.execute("SELECT trial, position, state FROM entries ORDER BY position"):
        first_and_last.setdefault((trial, json.loads(state)["meta"]["command"]), []).append(position)
    for (trial, command), positions in first_and_last.items():
        row = (trial, command, bytes(32), min(positions), max(positions))
        connection.execute("INSERT INTO commands VALUES (?, ?, ?, ?, ?)", row)


def sql(*statements: str) -> Callable[[sqlite3.Connection], None]:
    def run(connection: sqlite3.Connection) -> None:
        for statement in statements:
            connection.execute(statement.format(trial=TRIAL, other=OTHER))

    return run


def both(*changes: Callable[[sqlite3.Connection], None]) -> Callable[[sqlite3.Connection], None]:
    def run(connection: sqlite3.Connection) -> None:
        for change in changes:
            change(connection)

    return run


OF = "trial = '{trial}' AND position"


def exchange(column: str, one: int, other: int) -> Callable[[sqlite3.Connection], None]:
    """Exchange what two entries have in a column."""

    def run(connection: sqlite3.Connection) -> None:
        query = f"SELECT rowid, {column} FROM entries WHERE trial = ? AND position IN (?, ?) ORDER BY position"
        (first, before), (second, after) = connection.execute(query, [TRIAL, one, other]).fetchall()
        meanwhile = ((first, -1),) if column == "position" else ()
        for number, value in (*meanwhile, (second, before), (first, after)):
            connection.execute(f"UPDATE entries SET {column} = ? WHERE rowid = ?", (value, number))

    return run


class TestUntouched:
    def test_a_log_as_it_was_recorded_has_nothing_wrong(self, recorded: Logged) -> None:
        verified = verify(recorded.path)
        assert (verified.defects, verified.total, verified.ok) == ((), 0, True)
        with closing(sqlite3.connect(recorded.path)) as plain:
            query = "SELECT leaf FROM entries WHERE trial = ? ORDER BY position"
            leaves = {trial: [leaf for (leaf,) in plain.execute(query, [trial])] for trial in (TRIAL, OTHER)}
        assert {one.trial: one.root for one in verified.trials} == {one: root(leaves[one]) for one in leaves}
        assert not verified.signatures_checked

    def test_it_says_how_many_of_the_newest_are_under_no_checkpoint(self, recorded: Logged) -> None:
        [one] = with_keys(recorded).trials
        assert (one.size, one.uncovered) == (recorded.size, recorded.size - COVERED)
        assert [(note.size, note.fits, note.outside, len(note.signed)) for note in one.compared] == [
            (COVERED, True, False, 1),
            (COVERED, True, True, 1),
        ]

    def test_while_others_append(self, log: Logged) -> None:
        def append() -> None:
            with Trials.open(log.path) as trials:
                desk = trials.trial(TRIAL).acting(INVESTIGATOR)
                for number in range(100, 130):
                    desk.consent(f"S{number}", signed_on="2026-03-02", form_version="1")

        sizes = []
        with ThreadPoolExecutor(1) as pool:
            appending = pool.submit(append)
            while not appending.done():
                verified = verify(log.path)
                assert verified.defects == ()
                sizes.append(verified.trials[0].size)
            appending.result()
        assert sizes == sorted(sizes)
        assert verify(log.path).trials[0].size == log.size + 30

    def test_a_trial_alone(self, recorded: Logged) -> None:
        assert [one.trial for one in verify(recorded.path, trial=OTHER).trials] == [OTHER]
        with pytest.raises(TrialAbsent, match=f"nothing of trial 'T9': it has {TRIAL}, {OTHER}"):
            verify(recorded.path, trial="T9")

    def test_what_is_read_is_counted(self, recorded: Logged) -> None:
        told: list[tuple[str, int, int]] = []
        verify(recorded.path, progress=lambda *what: told.append(what))
        assert told[-1] == ("verifying", 2 * recorded.size, 2 * recorded.size)


# What was done, and which entries it must name, by position; None stands for the trial as a whole.
ENTRIES: dict[str, tuple[Callable[[sqlite3.Connection], None], dict[What, list[int | None]]]] = {
    "K-01 a byte of a state": (
        sql(f"UPDATE entries SET state = CAST(replace(state, 'Site', 'Sote') AS BLOB) WHERE {OF} = 2"),
        {What.ALTERED: [2]},
    ),
    "K-01 a space in a state": (
        sql(f"UPDATE entries SET state = CAST(state || ' ' AS BLOB) WHERE {OF} = 7"),
        {What.ALTERED: [7]},
    ),
    "K-01 a state that is empty": (sql(f"UPDATE entries SET state = x'' WHERE {OF} = 7"), {What.ALTERED: [7]}),
    "K-02 the name": (
        sql(f"UPDATE entries SET name = 'participant.died.v1' WHERE {OF} = 12"),
        {What.ALTERED: [12]},
    ),
    "K-02 the version of the name": (
        sql(f"UPDATE entries SET name = replace(name, '.v1', '.v2') WHERE {OF} = 12"),
        {What.ALTERED: [12]},
    ),
    "K-03 two states exchanged": (exchange("state", 8, 20), {What.ALTERED: [8, 20]}),
    "K-03 a state copied from another": (
        sql(f"UPDATE entries SET state = (SELECT state FROM entries WHERE {OF} = 20) WHERE {OF} = 8"),
        {What.ALTERED: [8]},
    ),
    "K-03 a stream": (
        sql(f"UPDATE entries SET stream = '{{trial}}/participant/S009' WHERE {OF} = 14"),
        {What.ALTERED: [14]},
    ),
    "K-05 an entry gone from the middle": (
        sql(f"DELETE FROM entries WHERE {OF} = 9"),
        {What.MISSING: [9]},
    ),
    "K-05 the first entry gone": (sql(f"DELETE FROM entries WHERE {OF} = 1"), {What.MISSING: [1]}),
    "K-06 a leaf that is none": (sql(f"UPDATE entries SET leaf = zeroblob(32) WHERE {OF} = 9"), {What.NO_LEAF: [9]}),
    "K-06 a leaf too short": (
        sql(f"UPDATE entries SET leaf = x'00ff' WHERE {OF} = 9"),
        {What.NO_LEAF: [9], What.STRUCTURE: [None]},
    ),
    "K-07 two leaves exchanged": (exchange("leaf", 9, 17), {What.ALTERED: [9, 17]}),
    "a leaf of another entry": (
        sql(f"UPDATE entries SET leaf = (SELECT leaf FROM entries WHERE {OF} = 3) WHERE {OF} = 9"),
        {What.ALTERED: [9]},
    ),
    "a version": (sql(f"UPDATE entries SET version = 99 WHERE {OF} = 13"), {What.ALTERED: [13]}),
}


class TestEntries:
    @pytest.mark.shows("AT-21", "K-01", "K-02", "K-03", "K-05", "K-06", "K-07")
    @pytest.mark.parametrize(("change", "expected"), ENTRIES.values(), ids=ENTRIES.keys())
    def test_what_was_changed_is_named_and_nothing_else(
        self, log: Logged, change: Callable[[sqlite3.Connection], None], expected: dict[What, list[int | None]]
    ) -> None:
        attack(log.path, change)
        verified = verify(log.path)
        named = [(one.what, one.position) for one in verified.defects]
        assert sorted(named, key=str) == sorted(((what, at) for what, all_ in expected.items() for at in all_), key=str)
        assert {one.trial for one in verified.defects if one.position} == {TRIAL}

    def test_a_record_is_named_by_its_stream_and_version_too(self, log: Logged) -> None:
        attack(
            log.path,
            sql(f"UPDATE entries SET state = x'7b7d' WHERE {OF} IN (12, 25)", f"DELETE FROM entries WHERE {OF} = 9"),
        )
        named = {(one.what, (one.position, one.stream, one.version)) for one in verify(log.path).defects}
        assert {(What.ALTERED, log.place(12)), (What.ALTERED, log.place(25)), (What.MISSING, log.place(9))} <= named

    @pytest.mark.shows("K-04")
    @pytest.mark.parametrize("gone", [1, 3, 10])
    def test_entries_gone_from_the_end_are_known_to_the_commands_and_to_a_checkpoint(
        self, log: Logged, gone: int
    ) -> None:
        attack(log.path, sql(f"DELETE FROM entries WHERE {OF} > {log.size - gone}"))
        verified = verify(log.path)
        assert {one.what for one in verified.defects} == {What.TRUNCATED}
        assert min(one.position for one in verified.defects if one.position) == log.size - gone + 1
        attack(log.path, sql(f"DELETE FROM commands WHERE trial = '{{trial}}' AND last > {log.size - gone}"))
        outside = str(note_whole(log)).encode()
        assert What.TRUNCATED in {one.what for one in verify(log.path, checkpoints=[("kept", outside)]).defects}

    @pytest.mark.shows("K-05")
    def test_a_whole_stream_that_is_gone(self, log: Logged) -> None:
        stream = f"{TRIAL}/participant/S002"
        attack(log.path, sql(f"DELETE FROM entries WHERE stream = '{stream}'"))
        positions = {row[0] for row in log.rows if row[1] == stream}
        assert {one.position for one in verify(log.path).defects if one.what is What.MISSING} == positions

    @pytest.mark.shows("K-05", "K-10")
    def test_an_entry_that_was_removed_and_everything_renumbered(self, log: Logged) -> None:
        def remove(connection: sqlite3.Connection) -> None:
            _, stream, version, *_ = log.rows[8]
            connection.execute("DELETE FROM entries WHERE trial = ? AND position = 9", [TRIAL])
            for position in range(10, log.size + 1):
                connection.execute(
                    "UPDATE entries SET position = ? WHERE trial = ? AND position = ?", [position - 1, TRIAL, position]
                )
            for later in range(version + 1, 100):
                connection.execute(
                    "UPDATE entries SET version = ? WHERE stream = ? AND version = ?", [later - 1, stream, later]
                )
            refit(connection)

        attack(log.path, remove)
        found = {one.what for one in verify(log.path).defects}
        # Nobody was named who is trusted: it may be the checkpoint beside the entries that was changed.
        assert found == {What.COMMAND, What.TRUNCATED, What.BAD_CHECKPOINT, What.STRUCTURE}
        assert What.REWRITTEN in {one.what for one in verify(log.path, keys=[KEY.verifier], trial=TRIAL).defects}
        renumber = "UPDATE entries SET rowid = (SELECT count(*) FROM entries AS e WHERE e.rowid <= entries.rowid)"
        attack(log.path, both(recommand, sql("DELETE FROM checkpoints"), sql(renumber)))
        assert verify(log.path).ok  # as the docs say: without a copy elsewhere, a log that was rewritten whole is one
        assert {one.what for one in with_keys(log).defects} == {What.REWRITTEN}

    @pytest.mark.shows("K-10")
    def test_a_state_rewritten_with_its_leaf_is_seen_by_a_checkpoint(self, log: Logged) -> None:
        change = sql(f"UPDATE entries SET state = CAST(replace(state, 'Site', 'Sote') AS BLOB) WHERE {OF} = 2")
        attack(log.path, both(change, refit))
        verified = with_keys(log)
        assert {one.what for one in verified.defects} == {What.REWRITTEN}
        assert [note.fits for note in verified.trials[0].compared] == [False, False]

    def test_two_entries_exchanged_in_their_order(self, log: Logged) -> None:
        attack(log.path, exchange("position", 8, 20))
        named = {(one.what, one.position) for one in with_keys(log).defects}
        assert named == {(What.COMMAND, 8), (What.COMMAND, 20), (What.REWRITTEN, None), (What.STRUCTURE, None)}

    @pytest.mark.shows("K-03")
    def test_an_entry_of_another_trial(self, log: Logged) -> None:
        change = sql(
            "UPDATE entries SET position = 1000, trial = '{other}' WHERE trial = '{trial}' AND position = "
            f"{log.size}",
        )
        attack(log.path, change)
        what = {(one.what, one.trial) for one in verify(log.path).defects}
        assert (What.TRUNCATED, TRIAL) in what
        assert {(What.MISPLACED, OTHER), (What.MISSING, OTHER)} <= what

    def test_values_of_other_kinds_than_a_table_takes(self, log: Logged) -> None:
        change = sql(
            f"UPDATE entries SET position = 'nine' WHERE {OF} = 9",
            f"UPDATE entries SET state = 'text' WHERE {OF} = 12",
            f"UPDATE entries SET version = 'x' WHERE {OF} = 14",
            f"UPDATE entries SET name = x'ff00' WHERE {OF} = 16",
            f"UPDATE entries SET leaf = 7 WHERE {OF} = 18",
        )
        with closing(sqlite3.connect(log.path)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("UPDATE sqlite_master SET sql = replace(sql, ' STRICT', '')")
            connection.commit()
        attack(log.path, change)
        verified = verify(log.path)
        assert {12, 16, 18} <= {one.position for one in verified.defects}
        assert What.SCHEMA in {one.what for one in verified.defects}


def note_whole(log: Logged) -> Note:
    text = Checkpoint(f"trialdomain/{TRIAL}", log.size, root(row[-1] for row in log.rows)).text
    return Note(text, (KEY.sign(text, at=NEVER),))


class TestTables:
    @pytest.mark.parametrize(
        ("statements", "expected"),
        [
            (["DROP TRIGGER entries_no_delete"], "the trigger entries_no_delete is missing from the database"),
            (["DROP TABLE commands"], "the table commands is missing from the database"),
            (["CREATE TABLE notes (a)"], "the table notes was added"),
            (["CREATE VIEW v AS SELECT 1"], "the view v was added"),
            (
                ["DROP INDEX entries_by_position", "CREATE INDEX entries_by_position ON entries (trial, position)"],
                "the index entries_by_position of the database was changed",
            ),
            (["DROP INDEX entries_by_stream"], "the index entries_by_stream is missing from the database"),
            (["DROP INDEX entries_by_position"], "the index entries_by_position is missing from the database"),
            (
                ["ALTER TABLE entries RENAME TO hidden", "CREATE VIEW entries AS SELECT * FROM hidden"],
                "the view entries was added",
            ),
        ],
    )
    def test_a_schema_that_was_changed_is_named(self, log: Logged, statements: list[str], expected: str) -> None:
        with closing(sqlite3.connect(log.path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()
        whys = [one.why for one in verify(log.path).defects if one.what is What.SCHEMA]
        assert any(expected in why for why in whys), whys

    @pytest.mark.parametrize("index", ["entries_by_position", "entries_by_stream"])
    @pytest.mark.parametrize(
        "meanwhile",
        [
            "INSERT INTO entries SELECT 99, trial, {size} + 1, stream, 9, name, state, leaf FROM entries LIMIT 1",
            "DELETE FROM entries WHERE rowid = 3",
            "UPDATE entries SET stream = 'x' || stream, position = 1000 WHERE rowid = 3",
        ],
    )
    def test_an_index_that_was_not_kept_with_its_table(self, log: Logged, index: str, meanwhile: str) -> None:
        """Whoever reads by such an index sees other entries than stand in the table."""
        with closing(sqlite3.connect(log.path)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            [row] = connection.execute("SELECT * FROM sqlite_master WHERE name = ?", [index])
            connection.execute("DELETE FROM sqlite_master WHERE name = ?", [index])
            connection.commit()
        attack(log.path, sql(meanwhile.replace("{size}", str(log.size))))
        with closing(sqlite3.connect(log.path)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", row)
            connection.commit()
        assert not verify(log.path).ok

    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            ("DELETE FROM commands WHERE trial = '{trial}' AND first = 5", "the table of commands has no command"),
            ("DELETE FROM commands WHERE trial = '{trial}' AND last = {size}", "the table of commands has no command"),
            (
                "UPDATE commands SET last = last + 1 WHERE trial = '{trial}' AND first = 5",
                "that another command recorded",
            ),
            ("UPDATE commands SET command = 'x' WHERE trial = '{trial}' AND first = 5", "names another command for"),
            ("INSERT INTO commands VALUES ('{trial}', 'x', zeroblob(32), 5, 6)", "that another command recorded"),
            ("INSERT INTO commands VALUES ('{trial}', 'x', zeroblob(32), 1000, 1000)", "the newest entries are gone"),
            ("INSERT INTO commands VALUES ('{trial}', 'x', zeroblob(32), 9, 2)", "values that no command can have"),
            ("INSERT INTO commands VALUES ('{trial}', 'x', zeroblob(32), 0, 0)", "values that no command can have"),
            ("UPDATE commands SET first = -5 WHERE trial = '{trial}' AND first = 1", "values that no command can have"),
            (
                "UPDATE commands SET command = command || '\"' || char(10) || '\"command\":\"b' WHERE first = 5",
                "values that no command can have",
            ),
            ("UPDATE commands SET command = command || char(10) WHERE first = 5", "values that no command can have"),
            ("UPDATE commands SET command = command || char(0) WHERE first = 5", "values that no command can have"),
            (
                "INSERT INTO commands VALUES ('{trial}', 'zz', zeroblob(32), {size}, {size})",
                "that another command recorded",
            ),
            ("DELETE FROM commands", "the table of commands has no command"),
            ("UPDATE commands SET first = NULL, last = NULL", "the table of commands has no command"),
        ],
    )
    def test_commands_that_do_not_fit_the_entries(self, log: Logged, statement: str, expected: str) -> None:
        attack(log.path, sql(statement.replace("{size}", str(log.size))))
        whys = [one.why for one in verify(log.path).defects]
        assert any(expected in why for why in whys), whys

    @pytest.mark.parametrize(
        "statement",
        [
            """UPDATE sqlite_master SET sql = 'CREATE TABLE sqlite_sequence(name, seq AS (zeroblob(900000000)))'
            WHERE name = 'sqlite_sequence'""",
            """INSERT INTO sqlite_master VALUES ('trigger', 'sqlite_evil', 'entries', 0,
            'CREATE TRIGGER sqlite_evil AFTER INSERT ON entries BEGIN SELECT 1; END')""",
        ],
    )
    def test_what_is_called_as_if_sqlite_had_made_it(self, log: Logged, statement: str) -> None:
        with closing(sqlite3.connect(log.path)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(statement)
            connection.commit()
        assert What.SCHEMA in {one.what for one in verify(log.path).defects}

    def test_a_view_that_never_ends_is_not_asked(self, log: Logged) -> None:
        endless = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS position, 'T1' AS trial FROM n"
        )
        with closing(sqlite3.connect(log.path)) as connection:
            connection.execute("ALTER TABLE entries RENAME TO hidden")
            connection.execute(f"CREATE VIEW entries AS {endless}")
            connection.commit()
        assert {one.what for one in verify(log.path).defects} == {What.SCHEMA}

    def test_an_index_whose_order_is_another_than_it_says(self, log: Logged) -> None:
        with closing(sqlite3.connect(log.path)) as connection:
            [(told,)] = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'entries_by_stream'")
            connection.execute("DROP INDEX entries_by_stream")
            connection.execute("CREATE UNIQUE INDEX entries_by_stream ON entries (stream, version DESC)")
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'entries_by_stream'", [told])
            connection.commit()
        assert What.STRUCTURE in {one.what for one in verify(log.path).defects}

    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            ("UPDATE entries SET rowid = rowid + 1000 WHERE rowid > 20", "removed, or renumbered"),
            ("UPDATE entries SET rowid = -rowid WHERE rowid = 1", "removed, or renumbered"),
            ("INSERT INTO commands VALUES (printf('%0300d', 0), 'x', zeroblob(32), 1, 5)", "1 row of commands"),
            ("INSERT INTO checkpoints VALUES (printf('%0300d', 0), 1, 'junk')", "1 row of checkpoints"),
            ("INSERT INTO heads VALUES (printf('%0300d', 0), 1, 'junk')", "1 row of heads"),
            ("UPDATE entries SET trial = printf('%0300d', 0) WHERE rowid = 9", "stored under a name that no trial has"),
        ],
    )
    def test_rows_that_nobody_would_ask_for(self, log: Logged, statement: str, expected: str) -> None:
        attack(log.path, sql(statement))
        whys = [one.why for one in verify(log.path).defects]
        assert any(expected in why for why in whys), whys

    def test_a_trial_that_is_a_number_hides_no_other(self, log: Logged) -> None:
        def change(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA writable_schema = ON")
            for old, new in ((") STRICT", ")"), ("trial TEXT NOT NULL,", "trial NOT NULL,")):
                strict = "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = 'commands'"
                connection.execute(strict, [old, new])

        attack(log.path, change)
        attack(log.path, sql("INSERT INTO commands VALUES (5, 'x', zeroblob(32), 1, 1)"))
        attack(log.path, sql(f"UPDATE entries SET state = CAST(state || ' ' AS BLOB) WHERE {OF} = 7"))
        verified = verify(log.path)
        assert {one.trial for one in verified.trials} == {TRIAL, OTHER}
        assert (What.ALTERED, *log.place(7)) in found(verified)

    def test_two_trials_that_look_alike_are_both_checked(self, log: Logged) -> None:
        for last in ("ff", "fe"):
            command = f"INSERT INTO commands VALUES (CAST(x'58{last}' AS TEXT), 'x', zeroblob(32), 1, 5)"
            attack(log.path, sql(command))
        truncated = [one for one in verify(log.path).defects if one.what is What.TRUNCATED]
        assert [one.trial for one in truncated] == ["X\ufffd", "X\ufffd"]

    @pytest.mark.parametrize("version", [0, -7])
    def test_a_version_that_no_stream_has(self, log: Logged, version: int) -> None:
        stream, position = f"{TRIAL}/participant/S900", log.size + 1
        state = b'{"fact":{},"meta":{"command":"zz"}}'
        leaf = leaf_hash(stream=stream, version=version, topic="participant.screened.v1", state=state)

        def append(connection: sqlite3.Connection) -> None:
            values = (TRIAL, position, stream, version, "participant.screened.v1", state, leaf)
            columns = "trial, position, stream, version, name, state, leaf"
            connection.execute(f"INSERT INTO entries ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            connection.execute("INSERT INTO commands VALUES (?, 'zz', zeroblob(32), ?, ?)", (TRIAL, position, position))

        attack(log.path, append)
        assert (What.REORDERED, position, stream, version) in found(verify(log.path))

    def test_notes_beyond_the_first_thousand_are_compared_too(self, log: Logged) -> None:
        def change(connection: sqlite3.Connection) -> None:
            unfit = str(Note(Checkpoint(f"trialdomain/{TRIAL}", 3, bytes(32)).text, ()).signed())
            connection.execute("INSERT INTO checkpoints VALUES (?, 3, ?)", (TRIAL, unfit + "\u2014 k AAAAAAA=\n"))
            good = log.note.decode()
            more = [(TRIAL, COVERED, good + f"\u2014 k{number} AAAAAAA=\n") for number in range(1_001)]
            connection.executemany("INSERT INTO checkpoints VALUES (?, ?, ?)", more)

        attack(log.path, change)
        [defect] = verify(log.path).defects
        assert (defect.what, "the first 3 entries do not have the root" in defect.why) == (What.BAD_CHECKPOINT, True)

    @pytest.mark.parametrize(
        "sql_of",
        [
            "leaf BLOB AS \ufeff(zeroblob(900000000))",
            "leaf BLOB AS /* */ (zeroblob(900000000))",
            "leaf BLOB GENERATED ALWAYS AS (zeroblob(900000000))",
        ],
    )
    def test_a_column_that_is_computed_is_not_asked(self, log: Logged, sql_of: str) -> None:
        with closing(sqlite3.connect(log.path)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(
                "UPDATE sqlite_master SET sql = replace(sql, 'leaf BLOB NOT NULL CHECK (length(leaf) = 32)', ?)"
                " WHERE name = 'entries'",
                [sql_of],
            )
            connection.commit()
        verified = verify(log.path)
        assert {one.what for one in verified.defects} == {What.SCHEMA}
        assert verified.trials == ()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE sqlite_master SET sql = replace(sql, ') STRICT', ') /* ours */ STRICT') WHERE name = 'entries'",
            "UPDATE sqlite_master SET sql = replace(sql, 'note TEXT', 'f1 TEXT') WHERE name = 'heads'",
            "UPDATE sqlite_master SET sql = replace(sql, 'first INT', 'first COLLATE odd INT') WHERE name = 'commands'",
            "UPDATE sqlite_master SET tbl_name = 'heads' WHERE name = 'entries_no_update'",
            "INSERT INTO sqlite_master SELECT * FROM sqlite_master WHERE name = 'entries_no_update'",
            "UPDATE sqlite_master SET sql = 'CREATE TRIGGER no' WHERE name = 'entries_no_update'",
        ],
    )
    def test_a_schema_that_was_changed_a_little_hides_no_entry(self, log: Logged, statement: str) -> None:
        attack(log.path, sql(f"UPDATE entries SET state = CAST(state || ' ' AS BLOB) WHERE {OF} = 7"))
        with closing(sqlite3.connect(log.path)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(statement)
            connection.commit()
        verified = verify(log.path)
        assert What.SCHEMA in {one.what for one in verified.defects}
        assert (What.ALTERED, *log.place(7)) in found(verified)

    @pytest.mark.parametrize("table", ["entries", "heads"])
    def test_an_index_that_computes_is_not_run(self, log: Logged, table: str) -> None:
        endless = "CREATE INDEX entries_by_stream ON entries (hex(zeroblob(900000000)))"
        with closing(sqlite3.connect(log.path)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            update = "UPDATE sqlite_master SET sql = ?, tbl_name = ? WHERE name = 'entries_by_stream'"
            connection.execute(update, [endless, table])
            connection.commit()
        assert {one.what for one in verify(log.path).defects} == {What.SCHEMA}

    def test_a_table_that_was_added_keeps_nobody_from_counting_the_rows(self, log: Logged) -> None:
        with closing(sqlite3.connect(log.path)) as connection:
            connection.execute("CREATE TABLE notes (a)")
            connection.execute("UPDATE sqlite_sequence SET seq = seq + 5 WHERE name = 'entries'")
            connection.commit()
        assert What.STRUCTURE in {one.what for one in verify(log.path).defects}

    def test_a_file_whose_text_is_in_another_encoding_is_named_as_such(self, log: Logged, tmp_path: Path) -> None:
        with closing(sqlite3.connect(log.path)) as ours, closing(sqlite3.connect(tmp_path / "u16.db")) as theirs:
            theirs.execute("PRAGMA encoding = 'UTF-16'")
            theirs.executescript(SCHEMA)
            for pragma in ("application_id", "user_version"):
                theirs.execute(f"PRAGMA {pragma} = {ours.execute(f'PRAGMA {pragma}').fetchone()[0]}")
            rows = ours.execute("SELECT * FROM entries ORDER BY rowid").fetchall()
            theirs.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            assert theirs.total_changes >= 2 * log.size
            theirs.commit()
        verified = verify(tmp_path / "u16.db")
        assert [one.what for one in verified.defects] == [What.STRUCTURE]
        assert "the text of the file is UTF-16" in verified.defects[0].why
        assert verified.trials == ()

    def test_a_file_that_breaks_off_is_damaged_or_unusable(self, log: Logged) -> None:
        whole = log.path.read_bytes()
        for at in range(2, len(whole) // 4096):
            log.path.write_bytes(whole[: at * 4096])
            assert seen(log.path)

    def test_the_expected_schema_is_the_one_that_logs_have(self, recorded: Logged) -> None:
        with closing(sqlite3.connect(":memory:")) as ours, closing(sqlite3.connect(recorded.path)) as theirs:
            ours.executescript(SCHEMA)
            query = "SELECT name, sql FROM sqlite_master ORDER BY name"
            assert ours.execute(query).fetchall() == theirs.execute(query).fetchall()


class TestNotes:
    def test_it_is_said_whether_entries_or_leaves_are_those_that_were_signed(self, log: Logged, tmp_path: Path) -> None:
        entry = tmp_path / "entry.db"
        shutil.copy(log.path, entry)
        attack(entry, sql(f"UPDATE entries SET state = CAST(state || ' ' AS BLOB) WHERE {OF} = 7"))
        attack(log.path, sql(f"UPDATE entries SET leaf = randomblob(32) WHERE {OF} = 7"))
        for path, expected in (
            (entry, "the leaves are those that were signed, but entries under them were changed"),
            (log.path, "the entries are those that were signed, but leaves beside them were changed"),
        ):
            [compared, *_] = verify(path, checkpoints=[("kept", log.note)], trial=TRIAL).trials[0].compared
            assert (compared.fits, compared.but) == (True, expected)

    @pytest.mark.shows("K-08", "K-09")
    def test_a_log_cut_off_before_its_checkpoint(self, log: Logged) -> None:
        with closing(sqlite3.connect(log.path)) as connection:
            query = "SELECT max(last) FROM commands WHERE trial = ? AND last < ?"
            [(end,)] = connection.execute(query, [TRIAL, COVERED])
        gone = (
            f"DELETE FROM entries WHERE {OF} > {end}",
            f"DELETE FROM commands WHERE trial = '{{trial}}' AND last > {end}",
        )
        attack(log.path, sql(*gone))
        assert {one.what for one in verify(log.path, trial=TRIAL).defects} == {What.TRUNCATED}
        attack(log.path, sql("DELETE FROM checkpoints"))
        assert verify(log.path, trial=TRIAL).ok  # as the docs say: without a copy elsewhere, nobody knows of more
        assert {one.what for one in with_keys(log).defects} == {What.TRUNCATED}

    @pytest.mark.shows("K-11")
    def test_a_log_rewritten_and_signed_with_another_key(self, log: Logged) -> None:
        change = sql(f"UPDATE entries SET state = CAST(replace(state, 'Site', 'Sote') AS BLOB) WHERE {OF} = 2")
        attack(log.path, both(change, refit, sql("DELETE FROM checkpoints")))
        recorder = SQLiteStore(log.path)
        forged = note_of(TrialTree(recorder, TRIAL), COVERED, STRANGER)
        recorder.keep_note(TRIAL, COVERED, str(forged))
        recorder.close()
        assert [one.why for one in verify(log.path, keys=[KEY.verifier], trial=TRIAL).defects] == [
            "no note about the log is signed by a trusted key"
        ]
        for given in (log.note, str(forged).encode()):
            verified = verify(log.path, checkpoints=[("kept", given)], keys=[KEY.verifier], trial=TRIAL)
            assert not verified.ok

    @pytest.mark.shows("K-11", "K-14")
    def test_a_note_that_nobody_trusted_has_signed_or_that_was_changed(self, log: Logged) -> None:
        stranger = str(Note(parse_note(log.note).text, (STRANGER.sign("other", at=NEVER),))).encode()
        changed = log.note.replace(b"\n20\n", b"\n21\n")
        for given in (stranger, changed):
            verified = verify(log.path, checkpoints=[("kept", given)], keys=[KEY.verifier], trial=TRIAL)
            assert {one.what for one in verified.defects} == {What.BAD_SIGNATURE}
            assert "kept" in verified.defects[0].why

    @pytest.mark.shows("K-14", "K-16")
    def test_a_checkpoint_of_another_trial_and_one_that_is_none(self, log: Logged) -> None:
        recorder = SQLiteStore(log.path)
        other = str(note_of(TrialTree(recorder, OTHER), 5)).encode()
        recorder.close()
        [defect] = verify(log.path, checkpoints=[("kept", other)], trial=TRIAL).defects
        assert (defect.what, "kept is a checkpoint of trialdomain/T2" in defect.why) == (What.BAD_CHECKPOINT, True)
        for given in (b"", b"x" * 140_000, log.note[:-1], log.note.replace(b"\n20\n", b"\n020\n")):
            with pytest.raises(NoteMalformed, match=r"^kept: "):
                verify(log.path, checkpoints=[("kept", given)])

    def test_notes_beside_the_entries_that_were_changed(self, log: Logged) -> None:
        for statement in (
            "UPDATE checkpoints SET note = 'x'",
            "UPDATE checkpoints SET size = 7",
            "UPDATE checkpoints SET trial = '{other}'",
            f"UPDATE checkpoints SET note = replace(note, '{TRIAL}', '{{other}}')",
        ):
            attack(log.path, sql(statement))
            assert What.BAD_CHECKPOINT in {one.what for one in verify(log.path).defects}
            attack(log.path, sql("DELETE FROM checkpoints"))
            recorder = SQLiteStore(log.path)
            recorder.keep_note(TRIAL, COVERED, log.note.decode())
            recorder.close()
        attack(log.path, sql("UPDATE checkpoints SET note = replace(note, '20', '21'), size = 21"))
        wrong = {one.what for one in verify(log.path, keys=[KEY.verifier], trial=TRIAL).defects}
        assert wrong == {What.BAD_SIGNATURE}

    @pytest.mark.shows("K-15")
    def test_a_backup_of_last_week_and_a_fork_do_not_fit_the_note_of_the_other(
        self, log: Logged, tmp_path: Path
    ) -> None:
        backup = tmp_path / "backup.db"
        shutil.copy(log.path, backup)
        for path, subject in ((log.path, "S010"), (backup, "S011")):
            with Trials.open(path) as trials:
                trials.trial(TRIAL).acting(INVESTIGATOR).consent(subject, signed_on="2026-03-20", form_version="1")
        recorder = SQLiteStore(log.path)
        tree = TrialTree(recorder, TRIAL)
        fork = str(note_of(tree, log.size + 1)).encode()
        recorder.close()
        assert {one.what for one in verify(backup, checkpoints=[("of the other", fork)], trial=TRIAL).defects} == {
            What.REWRITTEN
        }
        last_week = tmp_path / "last-week.db"
        shutil.copy(log.path, last_week)
        attack(
            last_week,
            sql(f"DELETE FROM entries WHERE {OF} > {log.size}", f"DELETE FROM commands WHERE first > {log.size}"),
        )
        [defect] = verify(last_week, checkpoints=[("of the other", fork)], trial=TRIAL).defects
        assert defect.what is What.TRUNCATED


class TestHeads:
    @pytest.fixture
    def signed(self, tmp_path: Path) -> Path:
        path = tmp_path / "signed.db"
        with Trials.open(path, heads=HeadKey(KEY)) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            desk.consent("S001", signed_on="2026-03-02", form_version="1")
        return path

    def test_every_entry_is_under_the_head(self, signed: Path) -> None:
        verified = verify(signed, keys=[KEY.verifier], heads_required=True)
        assert verified.ok
        assert verified.trials[0].uncovered == 0

    @pytest.mark.shows("K-06")
    def test_a_forged_append_is_under_none_and_is_named(self, signed: Path) -> None:
        with closing(sqlite3.connect(signed)) as attacker:
            [(size, state)] = attacker.execute("SELECT position, state FROM entries ORDER BY position DESC LIMIT 1")
            stream = f"{TRIAL}/participant/S001"
            state = state.replace(b'"command":"', b'"command":"x')
            leaf = leaf_hash(stream=stream, version=2, topic="participant.consented.v1", state=state)
            row = (TRIAL, size + 1, stream, 2, "participant.consented.v1", state, leaf)
            attacker.execute("INSERT INTO entries VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row)
            [(command,)] = attacker.execute("SELECT command FROM commands WHERE last = ?", [size])
            attacker.execute(
                "INSERT INTO commands VALUES (?, ?, zeroblob(32), ?, ?)", (TRIAL, f"x{command}", size + 1, size + 1)
            )
            attacker.commit()
        for keys in (None, [KEY.verifier]):
            assert found(verify(signed, keys=keys)) == {(What.UNSIGNED, size + 1, stream, 2)}

    def test_a_log_without_heads_where_they_are_required(self, recorded: Logged) -> None:
        verified = verify(recorded.path, heads_required=True, trial=TRIAL)
        assert {one.what for one in verified.defects} == {What.UNSIGNED}
        assert verified.total == recorded.size

    def test_what_is_not_named_is_counted(self, tmp_path: Path) -> None:
        simulate(tmp_path / "bulk.db", seed=1, participants=20, bulk=True)
        verified = verify(tmp_path / "bulk.db", heads_required=True)
        assert verified.trials[0].size > 2_000
        assert (verified.total, len(verified.defects)) == (verified.trials[0].size, 1_000)

    def test_a_head_of_another_key(self, signed: Path) -> None:
        verified = verify(signed, keys=[STRANGER.verifier], heads_required=True)
        assert {one.what for one in verified.defects} == {What.BAD_SIGNATURE, What.UNSIGNED}


@pytest.fixture(scope="module")
def exported(recorded: Logged, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The lines of the first trial."""
    recorder, path = SQLiteStore(recorded.path, readonly=True), tmp_path_factory.mktemp("exported") / "log.jsonl"
    with path.open("wb") as file:
        write_jsonl(recorder, TRIAL, file)
    recorder.close()
    return path.read_bytes().splitlines(keepends=True)


Lines: TypeAlias = Callable[[list[bytes]], list[bytes]]


def line(number: int, old: str, new: str) -> Lines:
    def change(lines: list[bytes]) -> list[bytes]:
        assert old.encode() in lines[number - 1]
        return [*lines[: number - 1], lines[number - 1].replace(old.encode(), new.encode()), *lines[number:]]

    return change


LINES: dict[str, tuple[Lines, set[tuple[What, int | None]]]] = {
    "a state": (line(2, "Site", "Sote"), {(What.ALTERED, 2)}),
    "a leaf": (line(2, '"leaf":"', '"leaf":"00'), {(What.NO_LEAF, 2)}),
    "a version": (line(1, '"version":1', '"version":7'), {(What.ALTERED, 1)}),
    "a name": (line(2, "user-registered", "user-regastered"), {(What.ALTERED, 2)}),
    "a line gone": (lambda lines: [*lines[:8], *lines[9:]], {(What.MISSING, 9)}),
    "a line twice": (lambda lines: [*lines[:9], *lines[8:]], {(What.REORDERED, 9)}),
    "two lines exchanged": (lambda lines: [*lines[:8], lines[9], lines[8], *lines[10:]], {(What.REORDERED, 10)}),
    "the end gone": (lambda lines: lines[:-1], {(What.TRUNCATED, None)}),
    "the newest gone, with the end left": (lambda lines: [*lines[:-4], lines[-1]], {(What.TRUNCATED, None)}),
    "an entry after the end": (lambda lines: [*lines, lines[5]], {(What.MALFORMED, None)}),
    "half a line": (
        lambda lines: [*lines[:8], lines[8][:100] + b"\n", *lines[9:]],
        {(What.MALFORMED, None), (What.MISSING, 9)},
    ),
    "a line that is something else": (lambda lines: [*lines[:8], b"[]\n", *lines[8:]], {(What.MALFORMED, None)}),
    "an empty line": (lambda lines: [*lines[:8], b"\n", *lines[8:]], {(What.MALFORMED, None)}),
    "200,000 brackets": (lambda lines: [*lines[:8], b"[" * 200_000 + b"\n", *lines[8:]], {(What.MALFORMED, None)}),
    "a key twice": (line(9, '"version":', '"version":1,"version":'), {(What.MALFORMED, None), (What.MISSING, 9)}),
    "the root of the end": (
        lambda lines: [*lines[:-1], lines[-1].replace(b'"root":"', b'"root":"00')],
        {(What.REWRITTEN, None)},
    ),
    "no UTF-8": (
        lambda lines: [lines[0], lines[1].replace(b"Site", b"S\xff"), *lines[2:]],
        {(What.ALTERED, 2)},
    ),
}


DISPLACED: dict[str, tuple[Lines, set[int]]] = {
    "a line moved to the front": (lambda lines: [*lines[:4], lines[24], *lines[4:24], *lines[25:]], {25}),
    "a line moved to the back": (lambda lines: [*lines[:4], *lines[5:24], lines[4], *lines[24:]], {5}),
    "two far lines exchanged": (lambda lines: [*lines[:4], lines[24], *lines[5:24], lines[4], *lines[25:]], {5, 25}),
    "a copy before another": (lambda lines: [*lines[:4], lines[24], *lines[4:]], {25}),
    "a position that is too large": (line(9, '"position":9', '"position":4611686018427387904'), {4611686018427387904}),
    "a position too large to be read": (line(9, '"position":9', f'"position":{10**30}'), {10**30}),
}


class TestExported:
    @pytest.mark.parametrize(("change", "expected"), DISPLACED.values(), ids=DISPLACED.keys())
    def test_a_line_out_of_its_place_accuses_no_other(
        self, exported: list[bytes], tmp_path: Path, change: Lines, expected: set[int]
    ) -> None:
        path = tmp_path / "log.jsonl"
        path.write_bytes(b"".join(change(exported)))
        named = {one.position for one in verify(path).defects if one.what is What.REORDERED}
        assert named == expected
        assert {one.position for one in verify(path).defects if one.position} == expected

    def test_a_file_as_it_was_exported_has_nothing_wrong(
        self, exported: list[bytes], recorded: Logged, tmp_path: Path
    ) -> None:
        for name, content in (("a.jsonl", b"".join(exported)), ("a.jsonl.gz", gzip.compress(b"".join(exported)))):
            path = tmp_path / name
            path.write_bytes(content)
            verified = verify(path, checkpoints=[("kept", recorded.note)], keys=[KEY.verifier])
            assert (verified.defects, verified.trials[0].size) == ((), recorded.size)
            assert verified.trials[0].root == root(row[-1] for row in recorded.rows)
            assert verified.trials[0].uncovered == recorded.size - COVERED

    @pytest.mark.shows("AT-21", "K-22")
    @pytest.mark.parametrize(("change", "expected"), LINES.values(), ids=LINES.keys())
    @pytest.mark.parametrize("packed", [False, True])
    def test_what_was_changed_is_named(
        self,
        exported: list[bytes],
        tmp_path: Path,
        change: Lines,
        expected: set[tuple[What, int | None]],
        *,
        packed: bool,
    ) -> None:
        path, content = tmp_path / "log.jsonl", b"".join(change(exported))
        path.write_bytes(gzip.compress(content) if packed else content)
        named = {(one.what, one.position) for one in verify(path).defects}
        assert named == expected

    def test_a_file_that_was_formatted_anew_says_the_same(self, exported: list[bytes], tmp_path: Path) -> None:
        path = tmp_path / "log.jsonl"
        path.write_text("".join(json.dumps(json.loads(one), indent=None) + "\n" for one in exported))
        verified = verify(path)
        assert {one.what for one in verified.defects} == {What.REFORMATTED}
        assert verified.total == len(exported) - 1
        path.write_text(
            "".join(
                json.dumps(json.loads(one), sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
                for one in exported
            )
        )
        assert verify(path).ok  # only the order of the keys outside the state is another

    def test_a_rewritten_file_does_not_fit_the_checkpoint(
        self, exported: list[bytes], recorded: Logged, tmp_path: Path
    ) -> None:
        read = [json.loads(one) for one in exported[:-1]]
        lines, leaves = [], []
        for one, given in zip(read, exported, strict=False):
            state = given.partition(b'"state":')[2][:-2].replace(b"Site", b"Sote")
            leaf = leaf_hash(stream=one["stream"], version=one["version"], topic=one["name"], state=state)
            leaves.append(leaf)
            head = json.dumps(
                {**{key: one[key] for key in ("position", "stream", "version", "name")}, "leaf": leaf.hex()},
                separators=(",", ":"),
            )
            lines.append(head[:-1].encode() + b',"state":' + state + b"}\n")
        last = {"trial": TRIAL, "size": len(leaves), "root": root(leaves).hex()}
        path = tmp_path / "log.jsonl"
        path.write_bytes(b"".join(lines) + json.dumps(last, separators=(",", ":")).encode() + b"\n")
        assert verify(path).ok
        [defect] = verify(path, checkpoints=[("kept", recorded.note)]).defects
        assert defect.what is What.REWRITTEN

    def test_a_gzip_file_that_breaks_off(self, exported: list[bytes], tmp_path: Path) -> None:
        path, packed = tmp_path / "log.jsonl.gz", gzip.compress(b"".join(exported))
        for content in (packed[:-20], packed[: len(packed) // 2], packed[:200] + b"\xff" * 50 + packed[250:]):
            path.write_bytes(content)
            assert seen(path)

    @pytest.mark.parametrize("content", [b"", b"\n", b"hello\n", b"\x1f\x8b", b'{"trial":"T1"}\n', b"\0" * 10_000])
    def test_something_else_is_no_log(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "x"
        path.write_bytes(content)
        with pytest.raises(LogUnusable):
            verify(path)

    def test_a_line_longer_than_any_entry_is_passed_over(self, exported: list[bytes], tmp_path: Path) -> None:
        path = tmp_path / "log.jsonl"
        path.write_bytes(b"".join([*exported[:8], b"x" * 20_000_000 + b"\n", *exported[8:]]))
        [defect] = verify(path).defects
        assert (defect.what, defect.line, "longer than" in defect.why) == (What.MALFORMED, 9, True)

    def test_two_trials_in_one_file_and_one_without_its_end(self, exported: list[bytes], tmp_path: Path) -> None:
        path = tmp_path / "other.jsonl"
        other = [one.replace(TRIAL.encode(), b"T7") for one in exported]
        path.write_bytes(b"".join([*exported, *other]))
        assert {(one.what, one.trial) for one in verify(path).defects} == {(What.ALTERED, "T7")}
        path.write_bytes(b"".join([*exported[:-1], *other]))
        assert (What.TRUNCATED, TRIAL) in {(one.what, one.trial) for one in verify(path).defects}
        assert verify(path, trial="T7").trials[0].trial == "T7"


def test_what_is_kept_of_many_defects_is_bounded(log: Logged) -> None:
    with closing(sqlite3.connect(log.path)) as connection:
        connection.execute("DROP TRIGGER entries_in_order")
        leaf = sha256(b"").digest()
        rows = ((position, position, leaf) for position in range(1, 5_001))
        connection.executemany("INSERT INTO entries VALUES (NULL, 'T8', ?, 'T8', ?, 'x.v1', x'7b7d', ?)", rows)
        connection.commit()
    verified = verify(log.path, trial="T8")
    assert (len([one for one in verified.defects if one.what is What.ALTERED]), verified.total > 5_000) == (1_000, True)


def test_a_root_is_44_characters(recorded: Logged) -> None:
    """Short enough to be printed in the signed minutes of a decision."""
    [one, _] = verify(recorded.path).trials
    assert len(as_base64(one.root)) == 44


def test_what_came_before_a_compressed_file_breaks_is_judged_all_the_same(log: Logged, tmp_path: Path) -> None:
    export = tmp_path / "log.jsonl"
    recorder = SQLiteStore(log.path, readonly=True)
    with export.open("wb") as file:
        write_jsonl(recorder, TRIAL, file)
    recorder.close()
    altered = export.read_bytes().replace(b'"investigator"', b'"somebody"', 1)
    packed = tmp_path / "log.jsonl.gz"
    packed.write_bytes(gzip.compress(altered) + b"x")
    assert {one.what for one in verify(packed).defects} == {What.ALTERED, What.DAMAGED}
    packed.write_bytes(gzip.compress(altered)[:-6] + b"123456")  # another check sum
    assert {one.what for one in verify(packed).defects} == {What.ALTERED, What.DAMAGED}


@pytest.fixture(scope="module")
def bulk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bulk") / "log.db"
    for seed, trial in enumerate((TRIAL, OTHER)):
        recorder = SQLiteStore(path)
        simulate_in_bulk(recorder, seed=seed, trial=trial, participants=15)
        recorder.close()
    return path


@pytest.fixture
def pages(bulk: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(bulk, tmp_path / "log.db"))


class TestLong:
    """A log of several pages: after one in which anything is wrong, or long, the reading goes on in another way."""

    def test_what_was_altered_is_named_on_each_page(self, pages: Path) -> None:
        places = [1, 512, 513, 700, 1_024, 1_025, 1_400]
        positions = ", ".join(map(str, places))
        attack(pages, sql(f"UPDATE entries SET state = CAST(state || ' ' AS BLOB) WHERE {OF} IN ({positions})"))
        altered = [(one.what, one.trial, one.position) for one in verify(pages).defects]
        assert altered == [(What.ALTERED, TRIAL, at) for at in places]

    @pytest.mark.parametrize("padding", [30_000, 33_000, 65_300, 70_000, 3_000_000])
    def test_a_long_state_is_one_like_others(self, pages: Path, padding: int) -> None:
        fact, padded = '{{"fact":', f"'{{{{' || printf('%.{padding}c', ' ') || '\"fact\":'"  # spaces, which say nothing
        change = f"UPDATE entries SET state = CAST(replace(state, '{fact}', {padded}) AS BLOB) WHERE {OF} = 600"
        attack(pages, both(sql(change), refit))
        with closing(sqlite3.connect(pages)) as plain:
            [(length,)] = plain.execute("SELECT max(length(state)) FROM entries").fetchall()
        assert length > padding
        verified = verify(pages)
        assert (verified.defects, sum(one.size for one in verified.trials)) == ((), _entries(pages))
        attack(pages, sql(f"UPDATE entries SET name = 'x.v1' WHERE {OF} IN (3, 599, 600, 601, 1300)"))
        assert [one.position for one in verify(pages).defects] == [3, 599, 600, 601, 1_300]

    def test_rows_out_of_the_order_of_their_positions(self, pages: Path) -> None:
        attack(pages, both(sql(f"UPDATE entries SET rowid = -rowid WHERE {OF} IN (600, 601)"), _swapped))
        [defect] = verify(pages).defects
        assert (defect.what, defect.trial) == (What.STRUCTURE, TRIAL)
        assert defect.why == "the row numbers of the trial are not in the order of its positions"


def _swapped(connection: sqlite3.Connection) -> None:
    [(low,), (high,)] = connection.execute("SELECT -rowid FROM entries WHERE rowid < 0 ORDER BY -rowid").fetchall()
    connection.execute("UPDATE entries SET rowid = ? WHERE rowid = ?", (high, -low))
    connection.execute("UPDATE entries SET rowid = ? WHERE rowid = ?", (low, -high))


def _entries(path: Path) -> int:
    with closing(sqlite3.connect(path)) as plain:
        return int(plain.execute("SELECT count(*) FROM entries").fetchone()[0])


class TestLinesOfAnExport:
    """What is said of an export names the line that it is about."""

    @pytest.mark.parametrize("packed", [False, True])
    def test_a_trial_that_begins_a_second_time_is_named_by_the_line_where_it_does(
        self, exported: list[bytes], tmp_path: Path, *, packed: bool
    ) -> None:
        path, lines = tmp_path / "log.jsonl", exported + exported
        path.write_bytes(gzip.compress(b"".join(lines)) if packed else b"".join(lines))
        [defect] = verify(path).defects
        assert (defect.what, defect.trial, defect.line) == (What.MALFORMED, TRIAL, len(exported) + 1)

    def test_a_trial_that_begins_before_another_has_ended_ends_that_one_in_the_line_before(
        self, exported: list[bytes], tmp_path: Path
    ) -> None:
        path = tmp_path / "log.jsonl"
        other = [one.replace(TRIAL.encode(), b"T7") for one in exported]
        path.write_bytes(b"".join([*exported[:-1], *other]))
        [cut] = [one for one in verify(path).defects if one.what is What.TRUNCATED]
        assert (cut.trial, cut.line) == (TRIAL, len(exported) - 1)

    @pytest.mark.parametrize(
        ("old", "new", "what"),
        [
            (b'"root":"', b'"root":"00', What.REWRITTEN),
            (b'"size":', b'"size":1', What.TRUNCATED),
            (b'{"trial":"', b'{"trial":"X', What.MALFORMED),
        ],
    )
    def test_a_last_line_that_was_changed_is_named_and_may_itself_be_what_is_wrong(
        self, exported: list[bytes], tmp_path: Path, old: bytes, new: bytes, what: What
    ) -> None:
        path = tmp_path / "log.jsonl"
        path.write_bytes(b"".join([*exported[:-1], exported[-1].replace(old, new)]))
        [defect] = verify(path).defects
        assert (defect.what, defect.line, defect.position) == (what, len(exported), None)
        assert what is What.MALFORMED or "changed" in defect.why
