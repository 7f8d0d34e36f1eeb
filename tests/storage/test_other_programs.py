"""What other programs, and other parts of the same one, do to the file of an open log: nothing acknowledged is lost."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest
from site_desk import INVESTIGATOR, OPEN, day

from trialdomain import LogUnusable, TrialError, Trials, read_log, verify
from trialdomain.application.desk import Desk
from trialdomain.storage.connections import LogOfAnotherProcess
from trialdomain.storage.place import LogMoved

TRIAL = OPEN.trial
pytestmark = pytest.mark.processes
ANOTHER = """
import sys
from pathlib import Path
from site_desk import INVESTIGATOR, OPEN, day
from trialdomain import Trials
with Trials.open(Path(sys.argv[1])) as trials:
    trials.trial(OPEN.trial).acting(INVESTIGATOR).consent(sys.argv[2], signed_on=day(0), form_version="1")
"""


def consent(desk: Desk, subject: str) -> None:
    desk.consent(subject, signed_on=day(0), form_version="1")


def another_program_records(path: Path, subject: str) -> None:
    """Open, record, and close, as another process."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "support")}
    subprocess.run([sys.executable, "-c", ANOTHER, path, subject], check=True, env=environment)


def subjects(path: Path) -> set[str]:
    with read_log(path) as log:
        streams = {entry.stream for entry in log[TRIAL].history().entries()}
    return {stream.rpartition("/")[2] for stream in streams if "/participant/" in stream}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def trials(path: Path) -> Iterator[Trials]:
    with Trials.open(path) as trials:
        consent(trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR), "S001")
        yield trials


@pytest.fixture
def desk(trials: Trials) -> Desk:
    return trials.trial(TRIAL).acting(INVESTIGATOR)


@pytest.fixture
def beside(trials: Trials, path: Path) -> Path:
    """A log that has entries in its write-ahead log alone."""
    assert trials is not None
    assert path.with_name("log.db-wal").stat().st_size
    return path


class TestThePlaceIsChecked:
    """Whatever became of the file: refused before anything is recorded, and what is read is refused as well."""

    def holds(self, desk: Desk, trials: Trials) -> None:
        with pytest.raises(LogMoved, match="nothing was recorded; close the log, see what is there, and open it again"):
            consent(desk, "LOST")
        with pytest.raises(LogUnusable):
            trials.trial(TRIAL).history()

    def test_the_file_was_removed(self, desk: Desk, trials: Trials, beside: Path) -> None:
        beside.unlink()
        self.holds(desk, trials)

    def test_the_file_was_renamed(self, desk: Desk, trials: Trials, beside: Path) -> None:
        beside.rename(beside.with_name("old.db"))
        self.holds(desk, trials)

    def test_a_backup_was_put_in_its_place(self, desk: Desk, trials: Trials, beside: Path) -> None:
        backup = beside.with_name("backup.db")
        with closing(sqlite3.connect(beside)) as source, closing(sqlite3.connect(backup)) as target:
            source.backup(target)
        consent(desk, "S002")
        for what in ("wal", "shm"):
            beside.with_name(f"log.db-{what}").unlink()
        backup.replace(beside)
        self.holds(desk, trials)
        trials.close()
        assert verify(beside).ok, "closing has touched the backup"
        assert subjects(beside) == {"S001"}

    def test_a_link_leads_elsewhere(self, tmp_path: Path) -> None:
        for name in ("one.db", "two.db"):
            with Trials.open(tmp_path / name) as made:
                made.register(OPEN, by=INVESTIGATOR)
        link = tmp_path / "link.db"
        link.symlink_to("one.db")
        with Trials.open(link) as linked:
            desk = linked.trial(TRIAL).acting(INVESTIGATOR)
            consent(desk, "S001")
            link.unlink()
            link.symlink_to("two.db")
            self.holds(desk, linked)

    def test_the_write_ahead_log_was_removed_and_what_stood_in_it_is_saved_by_closing(
        self, desk: Desk, trials: Trials, beside: Path
    ) -> None:
        beside.with_name("log.db-wal").unlink()
        self.holds(desk, trials)
        trials.close()
        assert subjects(beside) == {"S001"}
        with Trials.open(beside) as again:
            consent(again.trial(TRIAL).acting(INVESTIGATOR), "S002")
        assert subjects(beside) == {"S001", "S002"}

    def test_where_nothing_was_moved_nothing_is_refused(self, desk: Desk, beside: Path) -> None:
        another_program_records(beside, "S002")
        with closing(sqlite3.connect(beside)) as plain:
            plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        consent(desk, "S003")
        assert subjects(beside) == {"S001", "S002", "S003"}


def run(script: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run a script in a process of its own, which may lose its locks, or end at once."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1] / "support")])}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


LOCKS_LOST = """
import hashlib, os, shutil, subprocess, sys
from pathlib import Path
from site_desk import INVESTIGATOR, OPEN, day
from trialdomain import TrialError, Trials
path, what, another = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
trials = Trials.open(path)
desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
desk.consent("BEFORE", signed_on=day(0), form_version="1")
if what == "copy":
    shutil.copy(path, path.with_name("copy.db"))
if what == "hash":
    hashlib.sha256(path.read_bytes())
for subject in ("OTHER1", "OTHER2"):
    subprocess.run([sys.executable, "-c", another, str(path), subject], check=True)
for number in range(5):
    try:
        desk.consent(f"AFTER{number}", signed_on=day(0), form_version="1")
        print("acknowledged", f"AFTER{number}")
    except TrialError as error:
        print(error.code)
if sys.argv[4] == "close":
    trials.close()
if sys.argv[4] == "kill":
    os._exit(0)
"""


@pytest.mark.parametrize("end", ["close", "kill", "leave"])
@pytest.mark.parametrize("what", ["copy", "hash"])
def test_locks_that_the_callers_own_code_has_lost_lose_no_entry(path: Path, what: str, end: str) -> None:
    done = run(LOCKS_LOST, path, what, ANOTHER, end)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["log-moved"] * 5
    assert subjects(path) == {"BEFORE", "OTHER1", "OTHER2"}
    assert verify(path).ok


def test_a_log_whose_locks_were_lost_is_not_opened_again_by_the_same_program(path: Path) -> None:
    again = "trials.close()\ntry:\n    Trials.open(path)\nexcept TrialError as error:\n    print(error)"
    done = run(f"{LOCKS_LOST}\n{again}", path, "copy", ANOTHER, "stay")
    assert done.stdout.splitlines()[-1] == (
        f"{path} cannot be opened in this process any more: it was in use when the process was forked, or its "
        f"write-ahead log was taken away while it was open here; start the program again"
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
class TestForks:
    def in_child(self, act: Callable[[], object]) -> int:
        """Do something in a child process; give its exit status, 99 where it hangs."""
        child = os.fork()
        if child == 0:
            status = 97
            try:
                signal.signal(signal.SIGALRM, lambda *_: os._exit(99))
                signal.alarm(20)
                act()
                status = 0
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    @pytest.mark.parametrize("where", ["file", "memory"])
    def test_every_use_is_refused_with_one_sentence_and_closing_touches_nothing(self, path: Path, where: str) -> None:
        with Trials.open(path if where == "file" else "memory:") as trials:
            trial = trials.register(OPEN, by=INVESTIGATOR)
            desk, history = trial.acting(INVESTIGATOR), trial.history()
            consent(desk, "S001")
            uses: list[Callable[[], object]] = [
                lambda: consent(desk, "CHILD"),
                lambda: consent(desk, "S001"),
                trial.history,
                lambda: list(history.entries()),
                lambda: trials.trial(TRIAL),
                trial.tree.head,
            ]

            def child() -> None:
                for use in uses:
                    with pytest.raises(LogOfAnotherProcess, match="was opened in the process that this one was forked"):
                        use()
                trials.close()

            assert self.in_child(child) == 0
            consent(desk, "S002")
        if where == "file":
            assert subjects(path) == {"S001", "S002"}

    def test_two_processes_make_no_two_histories(self, path: Path) -> None:
        with Trials.open(path) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            consent(desk, "S001")
            parent_closed, child_recorded = os.pipe(), os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    os.read(parent_closed[0], 1)
                    with Trials.open(path) as own:
                        consent(own.trial(TRIAL).acting(INVESTIGATOR), "CHILD1")
                        os.write(child_recorded[1], b"1")
                        os.read(parent_closed[0], 1)
                        consent(own.trial(TRIAL).acting(INVESTIGATOR), "CHILD2")
                    os._exit(0)
                finally:
                    os._exit(97)
        os.write(parent_closed[1], b"1")
        os.read(child_recorded[0], 1)
        another_program_records(path, "OTHER")
        os.write(parent_closed[1], b"1")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        for end in (*parent_closed, *child_recorded):
            os.close(end)
        assert subjects(path) == {"S001", "CHILD1", "OTHER", "CHILD2"}
        assert verify(path).ok

    def test_a_fork_while_a_thread_records_leaves_no_child_waiting(self, path: Path, desk: Desk) -> None:
        stop, recorded = Event(), 0

        def record() -> None:
            nonlocal recorded
            while not stop.is_set():
                consent(desk, f"T{recorded}")
                recorded += 1

        thread = Thread(target=record)
        thread.start()
        try:
            for number in range(10):

                def child(number: int = number) -> None:
                    with pytest.raises(LogOfAnotherProcess):
                        consent(desk, "CHILD")
                    with Trials.open(path) as own:
                        consent(own.trial(TRIAL).acting(INVESTIGATOR), f"C{number}")

                assert self.in_child(child) == 0
        finally:
            stop.set()
            thread.join()
        assert subjects(path) == {"S001", *(f"T{n}" for n in range(recorded)), *(f"C{n}" for n in range(10))}
        assert verify(path).ok

    def test_an_export_that_was_spooled_stays_with_the_process_that_reads_it(self, path: Path, tmp_path: Path) -> None:
        with Trials.open(path) as trials:
            trials.register(OPEN, by=INVESTIGATOR)
        exported = tmp_path / "log.jsonl.gz"
        subprocess.run([sys.executable, "-m", "trialdomain", "export", path, tmp_path / "log.jsonl"], check=True)
        subprocess.run(["gzip", tmp_path / "log.jsonl"], check=True)
        with read_log(exported) as log:

            def child() -> None:
                log.close()

            assert self.in_child(child) == 0
            assert log[TRIAL].history().position >= 3


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


def test_a_copy_that_sqlite_makes_of_a_log_in_use_is_whole(path: Path, desk: Desk, tmp_path: Path) -> None:
    for number, how in enumerate(("backup", "vacuum")):
        copy = tmp_path / f"{how}.db"
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            if how == "backup":
                source.backup(target)
            else:
                copy.unlink()
                source.execute("VACUUM INTO ?", (str(copy),))
        consent(desk, f"N{number}")
        assert verify(copy).ok
    assert subjects(tmp_path / "backup.db") == {"S001"}
