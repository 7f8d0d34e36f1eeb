"""What several processes recorded at once is what each command records by itself, in the order of the log."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import monotonic, sleep

import concurrent_run
import pytest
from repeating import times
from serial_run import Again, told_in

from trialdomain import read_log, verify
from trialdomain.storage.sqlite.store import SQLiteStore

PROCESSES, THREADS = 4, 2
SECONDS = 600.0 if times(100) >= 100 else 20.0
pytestmark = [pytest.mark.processes, pytest.mark.soak]


def start(log: Path, number: int, seconds: float) -> "subprocess.Popen[bytes]":
    journal = log.with_name(f"{number}.jsonl")
    return subprocess.Popen(
        [sys.executable, concurrent_run.__file__, log, journal, str(number), str(seconds), str(THREADS)]
    )


def recorded_at_once(log: Path, seconds: float, *, kills: bool) -> None:
    """Let processes record, and kill one now and then, for another to take its place."""
    concurrent_run.begin(log)
    until, chance, number = monotonic() + seconds, Random(7), PROCESSES  # noqa: S311 - moments, no secret
    running = [start(log, one, seconds) for one in range(PROCESSES)]
    try:
        while kills and monotonic() < until:
            sleep(chance.random() * 4)
            victim = running.pop(chance.randrange(PROCESSES))
            victim.kill()
            victim.wait()
            running.append(start(log, number, until - monotonic()))
            number += 1
        for process in running:
            assert process.wait() == 0
    finally:
        for process in running:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Again]]:
    folder = tmp_path_factory.mktemp("race")
    recorded_at_once(folder / "log.db", SECONDS, kills=times(100) >= 100)
    recorder = SQLiteStore(folder / "log.db", readonly=True)
    yield folder / "log.db", Again(recorder, told_in(folder.glob("*.jsonl")))
    recorder.close()


def test_each_command_records_by_itself_what_the_log_has(run: tuple[Path, Again]) -> None:
    _, again = run
    assert list(again.differences()) == []
    acts = Counter(again.told[command].act for command in again.recorded)
    assert acts.keys() >= {"assess", "correct", "decide", "enroll", "follow-up", "infuse", "labs", "report", "void"}


def test_each_refusal_is_given_by_a_log_that_the_command_can_have_seen(run: tuple[Path, Again]) -> None:
    _, again = run
    assert list(again.refused_otherwise()) == []
    codes = Counter(told.refused for told in again.told.values())
    assert codes["stream-moved"] == codes["day-turned"] == 0
    assert len(codes) > 10


def test_times_never_fall_along_the_log(run: tuple[Path, Again]) -> None:
    _, again = run
    assert again.times == sorted(again.times)


def test_both_sides_of_the_reconciliation_agree(run: tuple[Path, Again]) -> None:
    path, _ = run
    with read_log(path) as log:
        history = log[concurrent_run.PROTOCOL.trial].history()
        assert history.reconciliation(on=history.last_day()) == ()
    assert verify(path).ok
