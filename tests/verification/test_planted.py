"""An insider adds forged entries with fitting leaves: replay refuses them, ``verify`` names them and no others."""

import json
import shutil
import sqlite3
import subprocess
import sys
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from cli_runs import refused, run
from planted import CONSENT, PLANTED, TRIAL, consented
from site_desk import OPEN, Site
from tampering import appended, rows, tampered

from trialdomain import SigningKey, TrialTree, read_log, verify
from trialdomain.errors import LogCorrupt
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.tree.checkpoint import Checkpoint
from trialdomain.tree.leaf import leaf_hash
from trialdomain.tree.merkle import root
from trialdomain.tree.note import Note
from trialdomain.verification.defect import What
from trialdomain.verification.verify import TrialAbsent

SIGNER = SigningKey.generate("site.example/signer")
NEVER = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "log.db"
    site = Site(OPEN, address=f"sqlite:///{path}")
    site.treat("S001", "S002", "S003")
    site.on(3).toxicity("S001")
    site.on(14).assess("S002", "S003")
    site.decide()
    site.trials.close()
    return path


@pytest.fixture
def log(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(recorded, tmp_path / "log.db"))


def size_of(path: Path) -> int:
    [(size,)] = rows(path, "SELECT max(position) FROM entries WHERE trial = ?", TRIAL)
    return int(size)


def refused_by_replay(path: Path) -> bool:
    """Say whether anything that is asked about a log is refused because of what stands in it."""
    try:
        with read_log(path) as log:
            for trial in log.values():
                history = trial.history()
                list(history.entries())
                history.answers(on="2026-06-01")
                trial.history(known_at=history.position)
    except LogCorrupt:
        return True
    return False


def note_of(path: Path, size: int) -> Note:
    recorder = SQLiteStore(path, readonly=True)
    text = TrialTree(recorder, TRIAL).head(size).text
    recorder.close()
    return Note(text, (SIGNER.sign(text, at=NEVER),))


planted = pytest.mark.parametrize(("stream", "name", "state"), PLANTED.values(), ids=PLANTED.keys())


class TestEntries:
    @pytest.mark.shows("K-06", "K-21", "K-22")
    @planted
    def test_what_replay_refuses_is_named_by_its_position(
        self, log: Path, stream: str, name: str, state: bytes
    ) -> None:
        with tampered(log) as connection:
            position = appended(connection, stream, name, state)
        assert refused_by_replay(log)
        verified = verify(log)
        voided = name == "trial.entry-voided.v1"  # then it is the trial that cannot be read
        assert {(one.trial, one.position) for one in verified.defects} == {(TRIAL, None if voided else position)}
        named = {one.what for one in verified.defects}
        assert named & {What.MISPLACED, What.UNREADABLE, What.COMMAND}

    @planted
    def test_a_checkpoint_over_it_makes_it_no_better(self, log: Path, stream: str, name: str, state: bytes) -> None:
        with tampered(log) as connection:
            appended(connection, stream, name, state)
        with closing(sqlite3.connect(log)) as plain:
            leaves = [leaf for (leaf,) in plain.execute("SELECT leaf FROM entries ORDER BY position")]
        text = Checkpoint(f"trialdomain/{TRIAL}", len(leaves), root(leaves)).text
        note = str(Note(text, (SIGNER.sign(text, at=NEVER),))).encode()
        assert not verify(log, checkpoints=[("kept", note)], keys=[SIGNER.verifier]).ok

    def test_a_stored_name_exchanged_together_with_its_leaf(self, log: Path) -> None:
        with tampered(log) as connection:
            query = "SELECT rowid, position, stream, version, state FROM entries WHERE name = ?"
            number, position, stream, version, state = connection.execute(query, ["participant.screened.v1"]).fetchone()
            leaf = leaf_hash(stream=stream, version=version, topic="participant.infused.v1", state=state)
            update = "UPDATE entries SET name = 'participant.infused.v1', leaf = ? WHERE rowid = ?"
            connection.execute(update, (leaf, number))
        assert refused_by_replay(log)
        [defect] = verify(log).defects
        assert (defect.what, defect.position) == (What.UNREADABLE, position)
        assert "cannot be read: " in defect.why

    def test_beyond_those_that_are_read_whole_places_names_and_parts_are_looked_at(
        self, log: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of a long log; what is documented as not shown is a state that is short, and none of its stored name."""
        monkeypatch.setattr("trialdomain.verification.log_check.MOST_READ", -1)  # none is read whole
        found = {}
        for what, (stream, name, state) in PLANTED.items():
            copy = Path(shutil.copy(log, log.with_name("copy.db")))
            with tampered(copy) as connection:
                position = appended(connection, stream, name, state)
            found[what] = {one.position for one in verify(copy).defects} == {position}
        needs_a_reader = {
            "a key that no envelope has",
            "a fact without what it must say",
            "a day that no month has",
            "a word that is none of its kind",
            "a text that is blank",
            "a number of 5,000 digits",
            "no Unicode",
            "the state of another kind",
            "a former shape of something else",
            "a time without an offset",
            "a time of a year that no trial has",
            "the end of the registration",
        }
        assert {what for what, named in found.items() if not named} == needs_a_reader

    def test_a_trial_that_nobody_registered(self, log: Path) -> None:
        with tampered(log) as connection:
            appended(connection, "T9/participant/S001", CONSENT, consented())
        assert refused_by_replay(log)
        [defect] = verify(log).defects
        assert (defect.what, defect.trial) == (What.UNREADABLE, "T9")
        assert "no entry registers the trial" in defect.why

    def test_whatever_replay_refuses_verify_names(self, log: Path) -> None:
        """Entries changed at random, each with a leaf that fits."""
        refusals = 0
        query = "SELECT rowid, position, stream, version, name, state FROM entries"
        entries = rows(log, query)
        for seed in range(60):
            random, copy = Random(seed), Path(shutil.copy(log, log.with_name("copy.db")))  # noqa: S311 - the same each time
            number, position, stream, version, name, state = random.choice(entries)
            if random.random() < 0.2:
                name = random.choice(entries)[4]
            else:
                state = changed(random, json.loads(state))
            leaf = leaf_hash(stream=stream, version=version, topic=name, state=state)
            with tampered(copy) as connection:
                update = "UPDATE entries SET name = ?, state = ?, leaf = ? WHERE rowid = ?"
                connection.execute(update, (name, state, leaf, number))
            if refused_by_replay(copy):
                refusals += 1
                assert {one.position for one in verify(copy).defects} <= {position, None}, f"seed {seed}"
                assert not verify(copy).ok, f"seed {seed}"
        assert refusals > 20  # so that this is no empty claim

    @pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is told by Linux alone")
    def test_a_state_of_any_size_is_not_read(self, log: Path) -> None:
        with tampered(log) as connection:
            connection.execute("UPDATE entries SET state = zeroblob(200000000) WHERE position = 9")
        program = (
            "import sys, trialdomain\n"
            "found = trialdomain.verify(sys.argv[1])\n"
            "[peak] = [line for line in open('/proc/self/status') if line.startswith('VmHWM:')]\n"
            "print([one.position for one in found.defects], peak.split()[1])\n"
        )
        asked = [sys.executable, "-c", program, str(log)]
        told = subprocess.run(asked, capture_output=True, check=True, encoding="utf-8")
        named, _, kilobytes = told.stdout.partition("] ")
        assert (named, int(kilobytes) < 150_000) == ("[9", True)


VALUES: tuple[object, ...] = (None, 0, -1, 3, 10**30, 1.5, "", "x", "2026-02-30", "NaN", [], {}, True)


def changed(random: Random, state: dict[str, dict[str, object]]) -> bytes:
    """Take a key away, add one, or give it something else."""
    part = state[random.choice(["fact", "meta"])]
    match random.choice(["remove", "add", "set", "set", "set"]):
        case "remove" if part:
            del part[random.choice(sorted(part))]
        case "add":
            part["more"] = 1
        case _ if part:
            part[random.choice(sorted(part))] = random.choice(VALUES)
        case _:
            part["x"] = 1
    return json.dumps(state, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


class TestCommands:
    def test_a_row_that_was_added_is_no_proof_of_a_truncation(self, log: Path) -> None:
        for trial in (TRIAL, "ghost", TRIAL.lower()):
            with tampered(log) as connection:
                connection.execute("DELETE FROM commands WHERE command = 'future'")
                connection.execute("INSERT INTO commands VALUES (?, 'future', zeroblob(32), 550, 600)", [trial])
            [defect] = verify(log).defects
            assert (defect.what, defect.trial) == (What.TRUNCATED, trial)
            assert defect.why.endswith("the newest entries are gone, or this row of the commands was added")

    def test_a_row_that_lies_over_others_accuses_no_entry(self, log: Path) -> None:
        for first, last in ((5, 6), (1, 1), (1, size_of(log)), (3, 2**40)):
            with tampered(log) as connection:
                connection.execute("DELETE FROM commands WHERE command = 'over'")
                connection.execute("INSERT INTO commands VALUES (?, 'over', zeroblob(32), ?, ?)", (TRIAL, first, last))
            whys = [one.why for one in verify(log).defects]
            assert whys
            assert not any(why.startswith("the entry") for why in whys)

    @pytest.mark.shows("K-07")
    def test_two_entries_of_one_command_exchanged_are_both_named(self, log: Path) -> None:
        [(first, last)] = rows(log, "SELECT first, last FROM commands WHERE last > first + 1 ORDER BY first LIMIT 1")
        with tampered(log) as connection:
            for at, to in ((first, -1), (last, first), (-1, last)):
                connection.execute("UPDATE entries SET position = ? WHERE position = ?", (to, at))
        named = {(one.what, one.position) for one in verify(log).defects}
        assert named == {(What.COMMAND, first), (What.COMMAND, last), (What.STRUCTURE, None)}

    def test_an_entry_that_was_filed_under_a_made_up_trial_makes_nothing_missing_of_it(self, log: Path) -> None:
        size = size_of(log)
        for position in (size, 5_000):
            with tampered(log) as connection:
                query = "UPDATE entries SET trial = 'ghost', position = ? WHERE stream LIKE ? AND position >= ?"
                connection.execute(query, (position, f"{TRIAL}%", size))
            of_ghost = [one.what for one in verify(log).defects if one.trial == "ghost"]
            assert set(of_ghost) <= {What.MISPLACED, What.COMMAND}
            assert of_ghost.count(What.MISPLACED) >= 1


def rootless(size: int) -> str:
    text = Checkpoint(f"trialdomain/{TRIAL}", size, bytes(32)).text
    return str(Note(text, (SigningKey.generate("somebody").sign(text, at=NEVER),)))


class TestNotes:
    def test_a_note_that_nobody_trusted_has_signed_proves_no_rewriting(self, log: Path) -> None:
        kept = str(note_of(log, 9))
        for keys in (None, [SIGNER.verifier]):
            with tampered(log) as connection:
                connection.execute("DELETE FROM checkpoints")
                connection.execute("INSERT INTO checkpoints VALUES (?, 9, ?)", (TRIAL, kept))
                connection.execute("INSERT INTO checkpoints VALUES (?, 7, ?)", (TRIAL, rootless(7)))
            [defect] = verify(log, keys=keys).defects
            assert (defect.what, defect.position) == (What.BAD_CHECKPOINT, None)
            assert "the first 7 entries do not have the root of the checkpoint of 7 entries" in defect.why
            assert "rewritten" not in defect.why

    def test_nor_that_the_newest_are_gone(self, log: Path) -> None:
        with tampered(log) as connection:
            connection.execute("INSERT INTO checkpoints VALUES (?, 700, ?)", (TRIAL, rootless(700)))
        [defect] = verify(log).defects
        assert (defect.what, "or the note was forged" in defect.why) == (What.TRUNCATED, True)

    def test_one_that_a_trusted_key_has_signed_does(self, log: Path) -> None:
        for size, what, why in (
            (7, What.REWRITTEN, "they were rewritten"),
            (700, What.TRUNCATED, "the newest are gone"),
        ):
            text = Checkpoint(f"trialdomain/{TRIAL}", size, bytes(32)).text
            note = str(Note(text, (SIGNER.sign(text, at=NEVER),)))
            with tampered(log) as connection:
                connection.execute("DELETE FROM checkpoints")
                connection.execute("INSERT INTO checkpoints VALUES (?, ?, ?)", (TRIAL, size, note))
            [defect] = verify(log, keys=[SIGNER.verifier]).defects
            assert (defect.what, why in defect.why, "put there" in defect.why) == (what, True, False)

    def test_thousands_of_long_notes_are_read_one_at_a_time(self, log: Path) -> None:
        plain = str(note_of(log, 9))
        with tampered(log) as connection:
            for number in range(300):
                long = plain.replace("\n\n", f"\n{number:0120000}\n\n")
                connection.execute("INSERT INTO checkpoints VALUES (?, 9, ?)", (TRIAL, long))
        assert log.stat().st_size > 300 * 120_000
        for keys in (None, [SIGNER.verifier]):
            tracemalloc.start()
            try:
                verified = verify(log, keys=keys)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert len(verified.trials[0].compared) == 300
            assert peak < 10 * 1024 * 1024


class TestNothing:
    @pytest.fixture
    def empty(self, tmp_path: Path) -> Path:
        path = tmp_path / "empty.db"
        SQLiteStore(path).close()
        return path

    def test_a_log_without_a_trial_says_so_and_is_not_called_right(self, empty: Path, tmp_path: Path) -> None:
        with pytest.raises(TrialAbsent, match="has no trial: nothing was recorded in it, or everything was removed"):
            verify(empty)
        for also in ([], ["--json"]):
            assert "has no trial" in refused(tmp_path, "verify", empty, *also)

    def test_one_that_was_emptied_is_none_either(self, log: Path, tmp_path: Path) -> None:
        note = str(note_of(log, 9)).encode()
        with tampered(log) as connection:
            for table in ("entries", "commands", "checkpoints", "heads", "sqlite_sequence"):
                connection.execute(f"DELETE FROM {table}")
        with pytest.raises(TrialAbsent, match="has no trial"):
            verify(log)
        [defect] = verify(log, checkpoints=[("kept", note)]).defects
        assert (defect.what, defect.trial) == (What.TRUNCATED, TRIAL)
        (tmp_path / "note").write_bytes(note)
        assert run(tmp_path, "verify", log, "--checkpoint", "note").returncode == 1
