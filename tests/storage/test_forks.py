"""A process is forked while a log is open: the log never gets two histories, and no process waits forever."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from threading import Event, Thread

import pytest
from lines import at_line, in_time
from other_programs import another_program_records, consent, subjects
from site_desk import INVESTIGATOR, OPEN

from trialdomain import Trials, read_log, verify
from trialdomain.desk import Desk
from trialdomain.storage.errors import LogOfAnotherProcess
from trialdomain.storage.sqlite import forks
from trialdomain.storage.sqlite.forks import LogAbandoned
from trialdomain.verification.sqlite.opening import opened

TRIAL = OPEN.trial
pytestmark = pytest.mark.processes


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
                    with pytest.raises(LogOfAnotherProcess, match="was opened by the parent of this process"):
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

    def test_a_connection_of_the_callers_own_keeps_the_child_from_opening_the_log(self, path: Path, desk: Desk) -> None:
        with closing(sqlite3.connect(path)) as own:
            own.execute("SELECT count(*) FROM entries").fetchone()

            def child() -> None:
                with pytest.raises(LogAbandoned):
                    Trials.open(path)
                with pytest.raises(LogAbandoned):
                    verify(path)

            assert self.in_child(child) == 0
            assert path.with_name("log.db-wal").exists()
            consent(desk, "S002")
            another_program_records(path, "S003")
        assert subjects(path) == {"S001", "S002", "S003"}

    def test_so_does_one_where_no_log_is_open_here(self, path: Path) -> None:
        with Trials.open(path) as trials:
            trials.register(OPEN, by=INVESTIGATOR)
        with closing(sqlite3.connect(path)) as own:
            own.execute("SELECT count(*) FROM entries").fetchone()

            def child() -> None:
                with pytest.raises(LogAbandoned):
                    Trials.open(path)

            assert self.in_child(child) == 0
            own.execute("SELECT count(*) FROM entries").fetchone()

    def test_a_child_of_a_child_knows_it_as_well(self, path: Path, desk: Desk) -> None:
        with closing(sqlite3.connect(path)) as own:
            own.execute("SELECT count(*) FROM entries").fetchone()

            def grandchild() -> None:
                with pytest.raises(LogAbandoned):
                    Trials.open(path)

            assert self.in_child(lambda: os._exit(self.in_child(grandchild))) == 0
            consent(desk, "S002")

    def test_a_long_look_in_a_thread_keeps_the_child_from_opening_the_log_and_from_waiting(self, path: Path) -> None:
        with Trials.open(path) as trials:
            trials.register(OPEN, by=INVESTIGATOR)
        looking, enough = Event(), Event()

        def look() -> None:
            with opened(path):
                looking.set()
                enough.wait()

        thread = Thread(target=look)
        thread.start()
        looking.wait()
        try:

            def child() -> None:
                for use in (verify, Trials.open, read_log):
                    with pytest.raises(LogAbandoned):
                        use(path)

            assert self.in_child(child) == 0
        finally:
            enough.set()
            thread.join()
        assert self.in_child(lambda: verify(path)) == 0

    def test_a_fork_while_a_thread_verifies_leaves_no_child_waiting(self, path: Path, desk: Desk) -> None:
        stop = Event()

        def look() -> None:
            while not stop.is_set():
                verify(path)

        thread = Thread(target=look)
        thread.start()

        def child(number: int) -> None:
            with Trials.open(path) as own:
                consent(own.trial(TRIAL).acting(INVESTIGATOR), f"C{number}")

        try:
            ends = [self.in_child(lambda number=number: child(number)) for number in range(10)]  # type: ignore[misc]  # called at once
        finally:
            stop.set()
            thread.join()
        assert ends == [0] * 10
        consent(desk, "S002")
        assert subjects(path) == {"S001", "S002", *(f"C{number}" for number in range(10))}

    def test_a_child_that_could_not_write_down_what_was_open_opens_no_log(
        self, path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def none_left() -> dict[int, tuple[int, int]]:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(forks, "_descriptors", none_left)

        def child() -> None:
            for use in (verify, Trials.open, read_log):
                with pytest.raises(LogAbandoned):
                    use(path)

        assert self.in_child(child) == 0
        consent(desk, "S002")
        assert subjects(path) == {"S001", "S002"}

    def test_a_child_that_opens_no_log_closes_nothing(self, desk: Desk, tmp_path: Path) -> None:
        consent(desk, "S002")

        def child() -> None:
            assert len(forks._to_close) >= 2  # noqa: SLF001 - to close them may wait for what a thread had locked
            forks._to_close[0].execute("SELECT 1")  # noqa: SLF001 - which a closed one refuses
            with Trials.open(tmp_path / "other.db"):
                assert not forks._to_close  # noqa: SLF001 - see above

        assert self.in_child(child) == 0

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python can only print it there
    def test_an_interrupt_at_any_line_around_a_fork_keeps_nobody_waiting(
        self, path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lines.WATCHED", {forks.__file__})
        monkeypatch.setattr("trialdomain.storage.sqlite.gate._LONGEST_PAUSE_SECONDS", 1.0)

        def stop() -> None:
            raise KeyboardInterrupt

        reached, number, end = True, 0, 0
        while reached:
            number += 1
            with suppress(KeyboardInterrupt), at_line(number, stop) as line:
                end = self.in_child(lambda: None)
            reached = line.reached
            assert in_time(lambda number=number: consent(desk, f"T{number}")), f"line {number}"  # type: ignore[misc]  # called at once
            with closing(sqlite3.connect(path)) as own:
                assert own.execute("SELECT max(position) FROM entries").fetchone()[0] >= number, f"line {number}"
        assert end == 0
        assert number >= 15
        assert subjects(path) == {"S001", *(f"T{n}" for n in range(1, number + 1))}
