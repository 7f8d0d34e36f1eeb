"""Clients, backends and the server are killed, answers are lost: no acknowledged entry is lost, none half there."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from time import sleep

import appending
import pytest
from postgres_server import NO_SERVER, Server, running
from repeating import in_full

from trialdomain import SigningKey, Trials, write_keys

ROUNDS = 100
pytestmark = [pytest.mark.processes, pytest.mark.soak]
OURS = "FROM pg_stat_activity WHERE application_name = 'trialdomain'"
TRIAL = appending.PROTOCOL.trial


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server that no other test uses, to be killed."""
    with running({"restart_after_crash": "on"}) as found:
        if found is None:
            pytest.skip(NO_SERVER)
        yield found


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    key = SigningKey.generate("writer")
    write_keys(key, tmp_path / "w.key", tmp_path / "w.pub")
    return tmp_path / "w.key"


class Run:
    """Two processes that append to one log, and what they have been told."""

    def __init__(self, server: Server, secret: Path) -> None:
        self._server, self._secret = server, secret
        self._schema = server.new_schema()
        self.address = server.address(self._schema)
        appending.begin(self.address, secret)
        self.told: dict[str, tuple[int, int]] = {}
        self._rounds = 0

    def round(self, strike: Callable[["list[subprocess.Popen[str]]"], None]) -> None:
        """Let two processes append, strike, and let those that live append on; then stop them."""
        self._rounds += 1
        processes = [
            appending.appender(self.address, self._secret, subject, f"r{self._rounds}-{subject}")
            for subject in ("S001", "S002")
        ]
        try:
            for process in processes:  # both have recorded something
                self._hear(process)
            strike(processes)
            for process in processes:
                if process.poll() is None:  # it goes on by itself
                    self._hear(process)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        for process in processes:
            assert process.returncode == -signal.SIGKILL, "a process has ended with an error"
            self.told |= appending.acknowledged(process)

    def _hear(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        command, first, last = process.stdout.readline().split()
        self.told[command] = int(first), int(last)

    def holds(self) -> None:
        """Everything acknowledged is there; every command is whole; positions have no gap; every leaf fits."""
        rows = self._server.sql("SELECT command, first, last FROM commands WHERE last > 0", schema=self._schema)
        commands: Mapping[object, tuple[int, int]] = {name: (int(str(a)), int(str(b))) for name, a, b in rows}
        assert self.told.items() <= commands.items()
        with Trials.open(self.address) as trials:
            entries = list(trials.trial(TRIAL).history().entries())
            assert trials.trial(TRIAL).tree.head().size == len(entries)
        covered = sorted(at for first, last in commands.values() for at in range(first, last + 1))
        assert covered == list(range(1, len(entries) + 1))
        parts = Counter(entry.meta.command for entry in entries)
        assert all(parts[entry.meta.command] == entry.meta.parts for entry in entries)
        times_told = [entry.meta.recorded_at for entry in sorted(entries, key=lambda entry: entry.position)]
        assert times_told == sorted(times_told)


def backends(server: Server) -> list[int]:
    """Return the process ids of the server's processes that serve a client of ours."""
    rows = server.sql(f"SELECT pid {OURS}")
    return [int(str(pid)) for (pid,) in rows]


def test_clients_are_killed(own_server: Server, secret: Path) -> None:
    run, chance = Run(own_server, secret), Random(31)  # noqa: S311 - moments, no secret

    def strike(processes: "list[subprocess.Popen[str]]") -> None:
        sleep(chance.random() / 4)
        for process in processes:
            process.kill()
            process.wait()

    for _ in range(ROUNDS if in_full() else 2):
        run.round(strike)
    run.holds()


def test_a_backend_is_killed_and_the_server_recovers(own_server: Server, secret: Path) -> None:
    run, chance = Run(own_server, secret), Random(32)  # noqa: S311 - as above

    def strike(_: object) -> None:
        sleep(chance.random() / 4)
        os.kill(chance.choice(backends(own_server)), signal.SIGKILL)

    for _ in range(ROUNDS if in_full() else 2):
        run.round(strike)
    run.holds()


def test_backends_are_ended_by_an_administrator(own_server: Server, secret: Path) -> None:
    run, chance = Run(own_server, secret), Random(33)  # noqa: S311 - as above

    def strike(_: object) -> None:
        for _ in range(10):
            sleep(chance.random() / 20)
            own_server.sql(f"SELECT pg_terminate_backend(pid) {OURS}")

    for _ in range(ROUNDS if in_full() else 2):
        run.round(strike)
    run.holds()


@pytest.mark.parametrize("how", ["kill", "restart"])
def test_the_server_is_killed_or_restarted(own_server: Server, secret: Path, how: str) -> None:
    run, chance = Run(own_server, secret), Random(34)  # noqa: S311 - as above

    def strike(_: object) -> None:
        sleep(chance.random() / 4)
        own_server.kill() if how == "kill" else own_server.stop()
        own_server.start()

    for _ in range(ROUNDS if in_full() else 2):
        run.round(strike)
    run.holds()
