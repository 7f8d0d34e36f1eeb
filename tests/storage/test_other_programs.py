"""Other programs, and other code of the process, change the file of an open log: no acknowledged entry is lost."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from threading import Timer
from time import monotonic, sleep
from typing import Any

import pytest
from other_programs import ANOTHER, another_program_reads, another_program_records, consent, subjects
from repeating import some
from site_desk import INVESTIGATOR, OPEN

from trialdomain import LogUnusable, TrialError, Trials, read_log, verify
from trialdomain.desk import Desk
from trialdomain.storage.errors import LogMoved, StoreClosed
from trialdomain.storage.sqlite.place import LogHasTwoNames, Place

TRIAL = OPEN.trial
pytestmark = pytest.mark.processes


@pytest.fixture
def beside(trials: Trials, path: Path) -> Path:
    """A log that has entries in its write-ahead log alone."""
    assert trials is not None
    assert path.with_name("log.db-wal").stat().st_size
    return path


class TestThePlaceIsChecked:
    """Whatever became of the file: refused before anything is recorded, and what is read is refused as well."""

    def holds(self, desk: Desk, trials: Trials) -> None:
        with pytest.raises(LogMoved, match="nothing was recorded; close the log, check the file, and open it again"):
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

    def test_the_shared_memory_was_removed(self, desk: Desk, trials: Trials, beside: Path) -> None:
        beside.with_name("log.db-shm").unlink()
        self.holds(desk, trials)
        trials.close()
        assert subjects(beside) == {"S001"}
        assert verify(beside).ok

    @pytest.mark.parametrize("use", [verify, read_log, Trials.open])
    def test_what_closing_would_save_is_not_destroyed_by_opening_it_once_more(
        self, desk: Desk, trials: Trials, beside: Path, use: Callable[[Path], object]
    ) -> None:
        beside.with_name("log.db-wal").unlink()
        with pytest.raises(LogMoved, match="close the log, check the file, and open it again"):
            use(beside)
        self.holds(desk, trials)
        trials.close()
        assert subjects(beside) == {"S001"}

    def test_older_copies_were_written_over_it(self, desk: Desk, trials: Trials, beside: Path) -> None:
        whole = [beside.with_name(f"log.db{what}") for what in ("", "-wal", "-shm")]
        for file in whole:  # by another program: to open it here would lose the locks as well
            subprocess.run(["cp", file, file.with_name(f"{file.name}.old")], check=True)
        consent(desk, "S002")
        for file in whole:
            subprocess.run(["cp", file.with_name(f"{file.name}.old"), file], check=True)
        with pytest.raises(TrialError):
            consent(desk, "LOST")
        trials.close()
        assert another_program_reads(beside) == {"S001"}

    def test_it_was_removed_while_a_clock_was_asked(self, path: Path) -> None:
        asked = 0

        def clock() -> datetime:
            nonlocal asked
            asked += 1
            if asked == 20:
                path.rename(path.with_name("moved.db"))
            return datetime(2026, 3, 2, 8, tzinfo=UTC)

        with Trials.open(path, clock=clock) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            acknowledged = set()
            while asked < 20:
                try:
                    subject = f"S{asked}"
                    consent(desk, subject)
                    acknowledged.add(subject)
                except LogMoved:
                    break
            assert asked == 20
            with pytest.raises(LogMoved):
                consent(desk, "LOST")
        path.with_name("moved.db").rename(path)
        assert subjects(path) == acknowledged

    @pytest.mark.parametrize("emptied", [False, True])
    def test_one_that_was_moved_from_its_write_ahead_log_is_not_made_anew(
        self, desk: Desk, trials: Trials, beside: Path, *, emptied: bool
    ) -> None:
        moved = beside.with_name("moved.db")
        beside.rename(moved)
        if emptied:
            beside.touch()
        with pytest.raises(LogUnusable, match="its newest entries are in"):
            Trials.open(beside)
        with pytest.raises(LogMoved):
            consent(desk, "LOST")
        moved.replace(beside)
        trials.close()
        assert another_program_reads(beside) == {"S001"}

    def test_where_nothing_was_moved_nothing_is_refused(self, desk: Desk, beside: Path) -> None:
        another_program_records(beside, "S002")
        with closing(sqlite3.connect(beside)) as plain:
            plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        consent(desk, "S003")
        assert subjects(beside) == {"S001", "S002", "S003"}


class TestOpening:
    """Which file it is that is opened, and that it is one under one name."""

    def test_a_file_that_is_replaced_while_it_is_opened(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("log.db", "other.db"):
            with Trials.open(path.with_name(name)) as made:
                made.register(OPEN, by=INVESTIGATOR)
        connect = sqlite3.connect

        def replace(address: str, *given: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 - as it has it
            connection: sqlite3.Connection = connect(address, *given, **options)
            if address.endswith("mode=rwc"):
                connection.execute("SELECT 1 FROM sqlite_master").fetchall()
                path.with_name("other.db").replace(path)
            return connection

        monkeypatch.setattr(sqlite3, "connect", replace)
        with pytest.raises(LogMoved, match="while it was opened"):
            Trials.open(path)
        monkeypatch.undo()
        with Trials.open(path) as trials:
            consent(trials.trial(TRIAL).acting(INVESTIGATOR), "S001")
        assert subjects(path) == {"S001"}

    def test_one_that_is_removed_while_it_is_opened(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        settle = Place.settle

        def remove(place: Place) -> None:
            path.unlink()
            settle(place)

        monkeypatch.setattr(Place, "settle", remove)
        with pytest.raises(LogMoved, match="while it was opened"):
            Trials.open(path)

    @pytest.mark.parametrize("use", [verify, read_log, Trials.open])
    def test_one_of_two_names(
        self, path: Path, trials: Trials, monkeypatch: pytest.MonkeyPatch, use: Callable[[Path], object]
    ) -> None:
        monkeypatch.setattr("trialdomain.storage.sqlite.place._NEW_LOG_SECONDS", 0.05)  # the second name stays
        other = path.with_name("other.db")
        other.hardlink_to(path)
        with pytest.raises(LogHasTwoNames, match="is one of 2 names of the same file"):
            use(other)
        assert verify(path).ok
        trials.close()
        with pytest.raises(LogHasTwoNames):
            Trials.open(path)
        other.unlink()
        with Trials.open(path) as again:
            consent(again.trial(TRIAL).acting(INVESTIGATOR), "S002")

    def test_a_new_log_that_is_just_given_its_name_is_waited_for(self, path: Path, trials: Trials) -> None:
        trials.close()
        made = path.with_name("made.db")
        made.hardlink_to(path)
        remove = Timer(0.2, made.unlink)
        remove.start()
        assert subjects(path) == {"S001"}
        remove.join()


def test_closing_does_not_wait_as_long_as_a_thread_waits_for_another_program(path: Path, trials: Trials) -> None:
    desk = trials.trial(TRIAL).acting(INVESTIGATOR)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(consent, desk, "S002")
            sleep(0.3)
            began = monotonic()
            trials.close()
            assert monotonic() - began < 2
            assert isinstance(waiting.exception(), StoreClosed)
        other.execute("ROLLBACK")
    assert subjects(path) == {"S001"}


def test_a_log_that_nobody_closed_is_closed_even_where_warnings_are_errors(path: Path) -> None:
    end = "import gc\ntrials = Trials.open(path)\ndel trials\ngc.collect()\nprint(os.path.exists(f'{path}-wal'))"
    head = "import os, sys\nfrom pathlib import Path\nfrom trialdomain import Trials\npath = Path(sys.argv[1])"
    done = run(f"{head}\n{end}", path)
    assert done.stdout.split() == ["False"]
    assert f"unclosed log {path}" in done.stderr


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
from other_programs import ANOTHER, another_program_reads, another_program_records, consent, subjects
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
if what == "remove -shm":
    path.with_name(f"{path.name}-shm").unlink()
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


def test_the_shared_memory_was_removed_and_another_program_has_made_its_own(path: Path) -> None:
    done = run(LOCKS_LOST, path, "remove -shm", ANOTHER, "close")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["log-moved"] * 5
    assert another_program_reads(path) == {"BEFORE", "OTHER1", "OTHER2"}


@pytest.mark.parametrize(
    ("what", "end"), some(tuple(product(("copy", "hash"), ("close", "kill", "leave"))), of="locks lost", least=2)
)
@pytest.mark.soak
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
