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
from postgres_server import Server
from repeating import times
from serial_run import Again, told_in

from trialdomain import verify
from trialdomain.history import history_of
from trialdomain.storage.open_store import open_store

PROCESSES, THREADS = 4, 2
SECONDS = 600.0 if times(100) >= 100 else 12.0
pytestmark = [pytest.mark.processes, pytest.mark.soak]


def start(address: str, folder: Path, number: int, seconds: float) -> "subprocess.Popen[bytes]":
    journal = folder / f"{number}.jsonl"
    return subprocess.Popen(
        [sys.executable, concurrent_run.__file__, address, journal, str(number), str(seconds), str(THREADS)]
    )


def recorded_at_once(address: str, folder: Path, seconds: float, *, kills: bool) -> None:
    """Let processes record, and kill one now and then, for another to take its place."""
    concurrent_run.begin(address)
    until, chance, number = monotonic() + seconds, Random(7), PROCESSES  # noqa: S311 - moments, no secret
    running = [start(address, folder, one, seconds) for one in range(PROCESSES)]
    try:
        while kills and monotonic() < until:
            sleep(chance.random() * 4)
            victim = running.pop(chance.randrange(PROCESSES))
            victim.kill()
            victim.wait()
            running.append(start(address, folder, number, until - monotonic()))
            number += 1
        for process in running:
            assert process.wait() == 0
    finally:
        for process in running:
            process.kill()
            process.wait()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Again]]:
    folder = tmp_path_factory.mktemp("race")
    address = f"sqlite:///{folder / 'log.db'}"
    if request.param == "postgres":
        server: Server = request.getfixturevalue("server")
        address = server.new_log()
    recorded_at_once(address, folder, SECONDS, kills=times(100) >= 100)
    recorder = open_store(address, readonly=True)
    yield address, Again(recorder, told_in(folder.glob("*.jsonl")))
    recorder.close()


def test_each_command_records_by_itself_what_the_log_has(run: tuple[str, Again]) -> None:
    _, again = run
    assert list(again.differences()) == []
    acts = Counter(again.told[command].act for command in again.recorded)
    assert acts.keys() >= {"assess", "correct", "decide", "enroll", "follow-up", "infuse", "labs", "report", "void"}


def test_each_refusal_is_given_by_a_log_that_the_command_can_have_seen(run: tuple[str, Again]) -> None:
    _, again = run
    assert list(again.refused_otherwise()) == []
    codes = Counter(told.refused for told in again.told.values())
    assert codes["stream-moved"] == codes["day-turned"] == 0
    assert len(codes) > 10


def test_times_never_fall_along_the_log(run: tuple[str, Again]) -> None:
    _, again = run
    assert again.times == sorted(again.times)


def test_both_sides_of_the_reconciliation_agree(run: tuple[str, Again]) -> None:
    address, _ = run
    store = open_store(address, readonly=True)
    history = history_of(store, concurrent_run.PROTOCOL.trial)
    assert history.reconciliation(on=history.last_day()) == ()
    store.close()
    if address.startswith("sqlite"):
        assert verify(address.removeprefix("sqlite:///")).ok
