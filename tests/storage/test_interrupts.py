"""A signal handler raises an exception at every line: the next command works, and so does closing."""

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from time import monotonic

import pytest
from lines import SOON, at_line, in_time
from repeating import some, times
from site_desk import INVESTIGATOR, OPEN, day

from trialdomain import Trials, read_log, verify
from trialdomain.desk import Desk

# An exception may also arrive where Python can only print it: in a generator that is collected, or in a callback of the
# garbage collector. Then nobody is interrupted, and pytest would fail the test because something was printed.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Stop(BaseException):
    """What a time limit raises: no error that anybody expects."""


def stop() -> None:
    raise Stop


def record(desk: Desk, command: str) -> int:
    """Record something; the same again gives the same."""
    return desk.consent(command, signed_on=day(0), form_version="1", command_id=command)[-1].position


def may_be_written(path: Path) -> bool:
    """Say whether another connection gets the write lock at once."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        other.execute("ROLLBACK")
    return True


def begun(address: str, subjects: int) -> tuple[Trials, Desk]:
    trials = Trials.open(address)
    desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
    for number in range(1, subjects + 1):
        desk.consent(f"S{number}", signed_on=day(0), form_version="1")
    return trials, desk


@pytest.mark.parametrize("where", ["file", *some(("memory",), of="interrupts", least=0)])
@pytest.mark.soak
def test_at_every_line_of_a_command_in_turn(tmp_path: Path, where: str) -> None:
    path = tmp_path / "log.db"
    trials, desk = begun(f"sqlite:///{path}" if where == "file" else "memory:", 1)
    reached, number = True, 0
    while reached:
        number += 1
        with suppress(Stop), at_line(number, stop) as line:
            record(desk, f"C{number}")
        reached = line.reached
        assert where == "memory" or may_be_written(path), f"line {number}: others are locked out"
        found: list[int] = []
        command = f"C{number}"
        assert in_time(lambda command=command, found=found: found.append(record(desk, command))), f"line {number}"  # type: ignore[misc]  # called at once
        assert found, f"line {number}: the next command failed"
    assert number > 100
    assert in_time(trials.close)
    if where == "file":
        with read_log(path) as log:
            entries = log[OPEN.trial].history().entries()
            assert sum(entry.stream.startswith(f"{OPEN.trial}/participant/") for entry in entries) == 1 + number
        assert verify(path).ok


def test_at_every_line_of_a_reading_in_turn(tmp_path: Path) -> None:
    trials, desk = begun(f"sqlite:///{tmp_path / 'log.db'}", 3)
    trial = trials.trial(OPEN.trial)
    reached, number = True, 0
    while reached:
        number += 1
        with suppress(Stop), at_line(number, stop) as line:
            trial.history(known_at=trial.history().position)
        reached = line.reached
        before = trial.history().position
        desk.consent(f"T{number}", signed_on=day(0), form_version="1")
        assert trial.history().position == before + 1, f"line {number}: an old state is read"
    assert number > 20
    assert in_time(trials.close)


def test_at_every_line_of_closing_in_turn(tmp_path: Path) -> None:
    reached, number = True, 0
    while reached:
        number += 1
        path = tmp_path / f"{number}.db"
        trials, _ = begun(f"sqlite:///{path}", 1)
        with suppress(Stop), at_line(number, stop) as line:
            trials.close()
        reached = line.reached
        assert in_time(trials.close), f"line {number}"
        assert not path.with_name(f"{path.name}-wal").exists(), f"line {number}: it was not closed"
    assert number > 10


def interrupted_after(seconds: float, act: Callable[[], object]) -> bool:
    """Do something under a timer, and say whether that has interrupted it."""
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            act()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Stop:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return True
    return False


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.soak
def test_at_moments_by_chance_as_a_timer_gives_them(tmp_path: Path, seed: int) -> None:
    path, chance = tmp_path / "log.db", Random(seed)  # noqa: S311 - moments, no secret
    rounds = times(4_000)

    trials, desk = begun(f"sqlite:///{path}", 1)
    before = signal.signal(signal.SIGALRM, lambda *_: stop())
    interrupts = 0
    try:
        for number in range(rounds):
            name = f"X{number}"
            interrupts += interrupted_after(chance.random() * 0.004, lambda name=name: record(desk, name))  # type: ignore[misc]  # called at once
            started = monotonic()
            record(desk, name)
            assert monotonic() - started < SOON
    finally:
        signal.signal(signal.SIGALRM, before)
    assert interrupts > rounds / 10
    assert in_time(trials.close)
    with read_log(path) as log:
        streams = {entry.stream for entry in log[OPEN.trial].history().entries()}
        assert streams >= {f"{OPEN.trial}/participant/X{number}" for number in range(rounds)}
    assert verify(path).ok
